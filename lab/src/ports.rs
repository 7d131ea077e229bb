//! Ports on the host's loopback that never collide with a second copy of the lab.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use anyhow::Context as _;

/// A listener on 127.0.0.1: on the usual port when that is free, else on any free one.
pub fn listener(usual: Option<u16>) -> anyhow::Result<TcpListener> {
    listener_on(Ipv4Addr::LOCALHOST.into(), usual)
}

/// The same on an address of this machine.
pub fn listener_on(address: IpAddr, usual: Option<u16>) -> anyhow::Result<TcpListener> {
    let bind = |port| TcpListener::bind((address, port));
    let listener = match usual.map(bind) {
        Some(Ok(listener)) => listener,
        _ => bind(0).with_context(|| format!("no free port on {address}"))?,
    };
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// An address on 127.0.0.1 for a program that binds it itself: at the usual port when that is free.
pub fn address(usual: Option<u16>) -> SocketAddr {
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let port = usual.filter(is_free).unwrap_or_else(peers::free_port);
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
