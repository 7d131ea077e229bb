//! The address of a host: the one that is given, or the one that is chosen as the peer does.

use std::net::IpAddr;

use tokio::time::Instant;

use crate::blackbox::ask::Ask;
use crate::blackbox::found::Found;
use crate::host::{Families, Host};
use crate::outcome::Failure;
use crate::resolve::Addresses;

/// Looks a host up.
pub(crate) async fn address(
    host: &str,
    families: Families,
    ask: &Ask<'_>,
    found: &mut Found,
) -> Result<IpAddr, Failure> {
    if let Some(ip) = ask.ip {
        found.ip = Some(ip);
        return Ok(ip);
    }
    let started = Instant::now();
    let host = Host::parse(host).ok_or(Failure::Dns)?;
    let looked_up = Addresses::new(host, families, ask.resolvers.to_vec()).get().await;
    found.lookup = started.elapsed();
    let ips = looked_up?.ips;
    let is_preferred = |ip: &&IpAddr| match families {
        Families::V4ElseV6 | Families::OnlyV4 => ip.is_ipv4(),
        _ => ip.is_ipv6(),
    };
    let ip = *ips.iter().find(is_preferred).or(ips.first()).ok_or(Failure::Dns)?;
    found.ip = Some(ip);
    Ok(ip)
}
