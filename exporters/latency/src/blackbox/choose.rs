//! Which address of a target is probed, as `blackbox_exporter` chooses it.

use std::net::IpAddr;

use serde::Deserialize;
use tokio::time::Instant;

use super::ask::Ask;
use super::found::Found;
use crate::host::{Families, IpProtocol};
use crate::outcome::Failure;
use crate::resolve;

/// What the two keys of a section mean there: IPv6 is preferred where nothing is said.
pub(crate) fn families(preferred: Option<IpProtocol>, fallback: Option<bool>) -> Families {
    Families::of(Some(preferred.unwrap_or(IpProtocol::Ip6)), fallback)
}

/// The key `source_ip_address`: an address of this machine.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Source(pub(crate) Option<IpAddr>);

impl TryFrom<String> for Source {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let must = "must be an IP address of this machine, as in 192.0.2.7";
        let source = (!text.is_empty()).then(|| text.parse().map_err(|_| must.to_owned()));
        source.transpose().map(Self)
    }
}

/// Chooses an address of `host`, a name or an address: the first of the preferred family, else the last
/// of the other. Notes it, and how long that took.
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
    found.chosen = true;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let started = Instant::now();
    let ips = match bare.parse::<IpAddr>() {
        Ok(ip) => Ok(vec![ip]),
        Err(_) => resolve::once(bare, families, ask.resolvers).await,
    };
    // What a timeout cuts is told by whoever sets it: the time of a lookup that has ended is noted here.
    found.lookup = started.elapsed();
    let ips = ips.inspect_err(|_| ask.log.line(|| format!("{bare} could not be resolved")))?;
    let Some(ip) = chosen(&ips, families) else {
        ask.log.line(|| format!("{bare} has no address of the family that is allowed"));
        return Err(Failure::Dns);
    };
    ask.log.line(|| format!("{bare} is {ip}, of {} addresses", ips.len()));
    found.ip = Some(ip);
    Ok(ip)
}

/// The address out of those that there are, in the order of the answer.
fn chosen(ips: &[IpAddr], families: Families) -> Option<IpAddr> {
    let is_first = |ip: &&IpAddr| match families {
        Families::V4ElseV6 | Families::OnlyV4 => ip.is_ipv4(),
        Families::V6ElseV4 | Families::OnlyV6 | Families::Both => ip.is_ipv6(),
    };
    let may_fall_back = !matches!(families, Families::OnlyV4 | Families::OnlyV6);
    let other = ips.last().filter(|_| may_fall_back);
    ips.iter().find(is_first).or(other).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_family_is_chosen_and_the_other_where_that_is_allowed() {
        let ips = |list: &[&str]| list.iter().map(|ip| ip.parse().unwrap()).collect::<Vec<_>>();
        for (list, families, wanted) in [
            (&["192.0.2.1", "192.0.2.2", "::1", "::2"][..], Families::V6ElseV4, Some("::1")),
            (&["192.0.2.1", "192.0.2.2", "::1"], Families::V4ElseV6, Some("192.0.2.1")),
            (&["192.0.2.1", "192.0.2.2"], Families::V6ElseV4, Some("192.0.2.2")),
            (&["192.0.2.1"], Families::OnlyV6, None),
            (&["::1"], Families::OnlyV4, None),
            (&[], Families::V6ElseV4, None),
        ] {
            let wanted = wanted.map(|ip| ip.parse().unwrap());
            assert_eq!(chosen(&ips(list), families), wanted, "{list:?} {families:?}");
        }
    }
}
