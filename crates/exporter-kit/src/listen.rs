//! The sockets to serve on: addresses from the command line, or what systemd hands over.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context as _, ensure};
use listenfd::ListenFd;
use tokio::net::TcpListener;

use crate::config::host_name;

/// Those of these addresses; without one, every address at the exporter's own port. Nothing is bound where systemd
/// has done it.
pub(crate) async fn bind(
    addresses: &[Address],
    systemd: bool,
    port: u16,
) -> anyhow::Result<Vec<TcpListener>> {
    if systemd {
        return inherited();
    }
    if addresses.is_empty() {
        return Ok(vec![bind_any(port).await?]);
    }
    let mut listeners = Vec::new();
    for address in addresses {
        let listener = match address {
            Address::Any(port) => bind_any(*port).await,
            Address::Of(address) => {
                let listener = TcpListener::bind(address).await;
                listener.with_context(|| format!("--web.listen-address: listening on {address}"))
            }
        };
        listeners.push(listener?);
    }
    Ok(listeners)
}

/// Where to listen, as the command line says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// `:9290`: every address, as for the ecosystem's Go programs.
    Any(u16),
    /// `127.0.0.1:9290`, `[::1]:9290` or `localhost:9290`.
    Of(String),
}

impl Address {
    /// Port 0 is one that is free.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let read = || {
            let (host, digits) = text.rsplit_once(':')?;
            let port = digits.bytes().all(|it| it.is_ascii_digit()).then(|| digits.parse().ok());
            let port: u16 = port.flatten()?;
            if host.is_empty() {
                return Some(Self::Any(port));
            }
            let of = Self::Of(text.to_owned());
            let is_address = text.parse::<SocketAddr>().is_ok();
            (is_address || host_name(host).is_ok()).then_some(of)
        };
        read().ok_or_else(|| {
            "must be :PORT, HOST:PORT or [IP]:PORT for IPv6, as in :9290, 127.0.0.1:9290 or [::1]:9290"
                .to_owned()
        })
    }
}

/// Every address of both families; of IPv4 alone where IPv6 is off.
async fn bind_any(port: u16) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            Err(error).with_context(|| format!("--web.listen-address: listening on port {port}"))
        }
        Err(_) => TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))
            .await
            .with_context(|| format!("--web.listen-address: listening on port {port}")),
    }
}

fn inherited() -> anyhow::Result<Vec<TcpListener>> {
    let mut fds = ListenFd::from_env();
    let mut listeners = Vec::new();
    for index in 0..fds.len() {
        let socket = fds
            .take_tcp_listener(index)
            .with_context(|| format!("taking over inherited socket {index}"))?;
        if let Some(socket) = socket {
            socket.set_nonblocking(true).context("preparing an inherited socket")?;
            listeners.push(TcpListener::from_std(socket)?);
        }
    }
    ensure!(!listeners.is_empty(), "--web.systemd-socket: no socket was handed over (LISTEN_FDS)");
    Ok(listeners)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port_and_perhaps_a_host() {
        assert_eq!(Address::parse(":9290"), Ok(Address::Any(9290)));
        for good in ["127.0.0.1:9290", "[::1]:9290", "localhost:0", "0.0.0.0:1", "[fe80::1%2]:1"] {
            assert_eq!(Address::parse(good), Ok(Address::Of(good.to_owned())));
        }
        for bad in [
            "",
            "x",
            ":",
            ":99999",
            ":+5",
            "127.0.0.1",
            "127.0.0.1:",
            "::1:5",
            "::1",
            "127.1:5",
            "a b:1",
        ] {
            let error = Address::parse(bad).unwrap_err();
            assert!(error.starts_with("must be :PORT"), "{bad}");
        }
    }
}
