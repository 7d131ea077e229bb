//! Ports on the host's loopback that never collide with a second copy of the lab.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::Context as _;

/// A listener on 127.0.0.1: on the usual port when that is free, else on any free one.
pub fn listener(usual: Option<u16>) -> anyhow::Result<TcpListener> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = match usual.map(bind) {
        Some(Ok(listener)) => listener,
        _ => bind(0).context("no free port on 127.0.0.1")?,
    };
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// An address on 127.0.0.1 for a program that binds it itself. It was free a moment ago.
pub fn address(usual: Option<u16>) -> anyhow::Result<SocketAddr> {
    Ok(listener(usual)?.local_addr()?)
}
