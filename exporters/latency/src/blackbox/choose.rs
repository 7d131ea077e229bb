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
    let ips = if let Ok(ip) = bare.parse::<IpAddr>() {
        Ok((vec![ip], None))
    } else {
        // It ends before the probe does, so that its time is known also of a resolver that is dead.
        let left = ask.last_moment().saturating_duration_since(started);
        resolve::once(bare, families, ask.resolvers, ask.is_of_target, left).await
    };
    found.lookup = started.elapsed();
    let (ips, missing) =
        ips.inspect_err(|_| ask.log.line(|| format!("{bare} could not be resolved")))?;
    if missing.is_some() {
        ask.log.line(|| {
            format!("no resolver says whether {bare} has an address of the preferred family")
        });
    }
    let Some(ip) = chosen(&ips, families) else {
        ask.log.line(|| format!("{bare} has no address of the family that is allowed"));
        return Err(Failure::Dns);
    };
    ask.log.line(|| format!("{bare} is {ip}, of {} addresses", ips.len()));
    found.ip = Some(ip);
    Ok(ip)
}

/// All addresses of a host that is no target, a proxy's say, in the order in which they are tried: IPv6 and
/// IPv4 by turns (RFC 8305, section 4).
pub(crate) async fn all(host: &str, ask: &Ask<'_>) -> Result<Vec<IpAddr>, Failure> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Ok(vec![ip]);
    }
    let left = ask.last_moment().saturating_duration_since(Instant::now());
    let ips = resolve::all(bare, ask.resolvers, ask.is_of_target, left).await;
    let ips = ips.inspect_err(|_| ask.log.line(|| format!("{bare} could not be resolved")))?;
    ask.log.line(|| format!("{bare} has {} addresses", ips.len()));
    Ok(by_turns(&ips))
}

fn by_turns(ips: &[IpAddr]) -> Vec<IpAddr> {
    let (v6, v4): (Vec<_>, Vec<_>) = ips.iter().partition(|ip| ip.is_ipv6());
    let longest = v6.len().max(v4.len());
    (0..longest).flat_map(|number| [v6.get(number), v4.get(number)]).flatten().copied().collect()
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
    use std::time::Duration;

    use super::*;
    use tokio::time::timeout_at;

    use crate::blackbox::trial::Trial;

    #[tokio::test]
    async fn the_time_of_a_lookup_without_an_answer_is_known() {
        let silent = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (trial, mut found) = (Trial::new(), Found::default());
        let resolvers = [silent.local_addr().unwrap()];
        let mut ask = Ask { ip: None, resolvers: &resolvers, ..trial.ask("") };
        ask.deadline = ask.started + Duration::from_millis(300);
        let looking_up = address("name.example", Families::V6ElseV4, &ask, &mut found);
        let looked_up = timeout_at(ask.deadline, looking_up).await;
        assert_eq!(looked_up, Ok(Err(Failure::Timeout)));
        assert!(found.lookup > Duration::from_millis(200), "{:?}", found.lookup);
    }

    #[tokio::test]
    async fn a_resolver_that_takes_its_time_is_waited_for() {
        let slow = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let resolvers = [slow.local_addr().unwrap()];
        tokio::spawn(async move {
            // Each answer takes longer than the resolver of continuous probing would wait for.
            let (mut question, mut asked) = ([0; 512], Vec::new());
            for _ in 0..2 {
                let (length, from) = slow.recv_from(&mut question).await.unwrap();
                asked.push((question[..length].to_vec(), from));
            }
            tokio::time::sleep(Duration::from_millis(1_200)).await;
            for (mut answer, from) in asked {
                let end = 12 + answer[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
                let is_a = answer[end - 3] == 1;
                answer.truncate(end);
                answer[2] |= 0x80;
                answer[6..12].copy_from_slice(&[0, u8::from(is_a), 0, 0, 0, 0]);
                if is_a {
                    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
                }
                slow.send_to(&answer, from).await.unwrap();
            }
            let _ = slow.recv_from(&mut question).await;
        });
        let (trial, mut found) = (Trial::new(), Found::default());
        let ask = Ask { ip: None, resolvers: &resolvers, ..trial.ask("") };
        let looked_up = address("name.example", Families::V6ElseV4, &ask, &mut found).await;
        assert_eq!(looked_up, Ok("192.0.2.7".parse().unwrap()), "{}", trial.said());
    }

    #[test]
    fn families_are_tried_by_turns() {
        let ips = |list: &[&str]| list.iter().map(|ip| ip.parse().unwrap()).collect::<Vec<_>>();
        let answer = ips(&["192.0.2.1", "192.0.2.2", "192.0.2.3", "::1"]);
        assert_eq!(by_turns(&answer), ips(&["::1", "192.0.2.1", "192.0.2.2", "192.0.2.3"]));
    }

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
