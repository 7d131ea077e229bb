//! The sockets to serve on: addresses from the command line, or what systemd hands over.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context as _, ensure};
use listenfd::ListenFd;
use tokio::net::TcpListener;

use crate::flags::Flags;

pub(crate) async fn bind(flags: &Flags, port: u16) -> anyhow::Result<Vec<TcpListener>> {
    if flags.systemd_socket {
        return inherited();
    }
    if flags.listen_addresses.is_empty() {
        return Ok(vec![bind_any(port).await?]);
    }
    let mut listeners = Vec::new();
    for address in &flags.listen_addresses {
        let listener = match any_host_port(address) {
            Some(port) => bind_any(port).await,
            None => TcpListener::bind(address).await.map_err(Into::into),
        };
        listeners.push(listener.with_context(|| format!("listening on {address}"))?);
    }
    Ok(listeners)
}

/// `:9290` means every address, as it does for the ecosystem's Go programs.
fn any_host_port(address: &str) -> Option<u16> {
    address.strip_prefix(':')?.parse().ok()
}

/// Every address of both families; of IPv4 alone where IPv6 is off.
async fn bind_any(port: u16) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            Err(error).with_context(|| format!("listening on port {port}"))
        }
        Err(_) => TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))
            .await
            .with_context(|| format!("listening on port {port}")),
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
    fn a_bare_port_means_every_address() {
        assert_eq!(any_host_port(":9290"), Some(9290));
        assert_eq!(any_host_port("127.0.0.1:9290"), None);
        assert_eq!(any_host_port("[::1]:9290"), None);
    }
}
