//! What becomes of one packet: delivered, answered by a router, or lost. No I/O, no clock.

use std::time::Duration;

use super::packet::{self, Complaint, Header};
use super::routes::{Hop, Link, NodeId, Routes};
use super::turns::Turns;

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes to a node, this many times.
    Deliver { to: NodeId, after: Duration, copies: usize },
    /// A router on the way sends this back to where it came from.
    Answer { packet: Vec<u8>, after: Duration },
    /// Nobody hears of it.
    Lost(Reason),
}

/// Why nobody hears of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// It is no IP packet.
    Malformed,
    /// No node has its destination.
    Unroutable,
    /// Its sender or receiver is down or isolated.
    Cut,
    /// The link lost it.
    Link,
    /// Its TTL ended at a router that stays silent.
    Expired,
}

/// Decides about a packet from a node and takes its hops off its TTL. Routers answer as it is their turn; the dice give a number
/// in 0..1, a new one each time.
pub(super) fn forward(
    routes: &Routes,
    from: NodeId,
    octets: &mut [u8],
    turns: &mut Turns,
    dice: &mut impl FnMut() -> f64,
) -> Fate {
    let Some(header) = packet::read(octets) else {
        return Fate::Lost(Reason::Malformed);
    };
    if routes.is_cut(from) {
        return Fate::Lost(Reason::Cut);
    }
    let Some(to) = routes.receiver(from, header.destination) else {
        return nowhere(octets, &header, routes.gateway(from));
    };
    let link = routes.link(from, to);
    let hops = link.hops(&packet::flow(octets, &header));
    // Before the loss: a trace of a dead link still sees the routers before the dead end.
    if let Some(router) = usize::from(header.ttl).checked_sub(1).and_then(|n| hops.get(n)) {
        return expire(octets, &header, router, link, turns);
    }
    if routes.is_cut(to) {
        return Fate::Lost(Reason::Cut);
    }
    if link.loss > 0.0 && dice() < link.loss {
        return Fate::Lost(Reason::Link);
    }
    packet::travel(octets, u8::try_from(hops.len()).unwrap_or(u8::MAX));
    let copies = if link.duplicates > 0.0 && dice() < link.duplicates { 2 } else { 1 };
    Fate::Deliver { to, after: link.delay + jitter(link.jitter, dice), copies }
}

/// The sender's own router says so, as on the Internet; but never of what was meant for a group.
fn nowhere(octets: &[u8], header: &Header, gateway: Option<(&Hop, Duration)>) -> Fate {
    let answer = || {
        let (router, after) = gateway.filter(|_| header.is_to_one_host())?;
        let packet = packet::complain(Complaint::NoRoute, octets, header, router)?;
        Some(Fate::Answer { packet, after })
    };
    answer().unwrap_or(Fate::Lost(Reason::Unroutable))
}

fn expire(octets: &[u8], header: &Header, router: &Hop, link: &Link, turns: &mut Turns) -> Fate {
    let mut answer = || {
        let packet = packet::complain(Complaint::TimeExceeded, octets, header, router)?;
        let from = packet::read(&packet)?.source;
        turns.take(from, router.answers).then_some(packet)
    };
    match answer() {
        Some(packet) => Fate::Answer { packet, after: link.delay.mul_f64(2.0 * router.share) },
        None => Fate::Lost(Reason::Expired),
    }
}

/// Exponentially distributed with this mean, as queues are.
fn jitter(mean: Duration, dice: &mut impl FnMut() -> f64) -> Duration {
    if mean.is_zero() { Duration::ZERO } else { mean.mul_f64(-(1.0 - dice()).ln()) }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::wan::broken::Broken;
    use crate::wan::topology::{Topology, default_world};

    /// The world without jitter, and what becomes of an echo from New York to Amsterdam in it.
    fn fate(broken: &Broken, ttl: u8, roll: f64) -> Fate {
        let world = Topology { jitter: Duration::ZERO, ..default_world() };
        let (nyc, ams) = (world.node("nyc").unwrap(), world.node("svc-ams").unwrap());
        let mut packet = packet::echo(nyc.addresses[0], ams.addresses[0], ttl);
        forward(&Routes::new(&world, broken), 2, &mut packet, &mut Turns::default(), &mut || roll)
    }

    fn loss(share: f64) -> Broken {
        let loss = [(("nyc".to_owned(), "svc-ams".to_owned()), share)].into();
        Broken { loss, ..Broken::default() }
    }

    #[test]
    fn a_packet_arrives_after_half_the_round_trip() {
        let Fate::Deliver { to, after, copies } = fate(&Broken::default(), 64, 0.0) else {
            panic!("not delivered");
        };
        assert_eq!((to, copies), (6, 1));
        assert!((0.060..0.064).contains(&after.as_secs_f64()), "{after:?}");
    }

    #[test]
    fn the_dice_decide_about_loss() {
        assert_eq!(fate(&loss(0.05), 64, 0.049), Fate::Lost(Reason::Link));
        assert!(matches!(fate(&loss(0.05), 64, 0.05), Fate::Deliver { .. }));
        assert_eq!(fate(&loss(1.0), 64, 0.999_999), Fate::Lost(Reason::Link));
    }

    #[test]
    fn the_dice_decide_about_duplicates() {
        let duplicates = [(("*".to_owned(), "*".to_owned()), 0.5)].into();
        let broken = Broken { duplicates, ..Broken::default() };
        assert!(matches!(fate(&broken, 64, 0.4), Fate::Deliver { copies: 2, .. }));
        assert!(matches!(fate(&broken, 64, 0.6), Fate::Deliver { copies: 1, .. }));
    }

    #[test]
    fn the_ttl_ends_at_the_router_it_counts_to() {
        let routers = [1, 2, 3].map(|ttl| match fate(&Broken::default(), ttl, 0.0) {
            Fate::Answer { packet, after } => (packet::read(&packet).unwrap().source, after),
            other => panic!("{other:?}"),
        });
        let first: IpAddr = "100.64.0.3".parse().unwrap();
        let core: IpAddr = "198.51.100.129".parse().unwrap();
        assert_eq!((routers[0].0, routers[1].0), (first, core));
        assert!(routers[0].1 < routers[1].1 && routers[1].1 <= routers[2].1, "{routers:?}");
        assert!(matches!(fate(&Broken::default(), 4, 0.0), Fate::Deliver { .. }));
    }

    #[test]
    fn a_dead_end_still_shows_its_routers() {
        assert!(matches!(fate(&loss(1.0), 3, 0.0), Fate::Answer { .. }));
        let down = Broken { down: ["svc-ams".to_owned()].into(), ..Broken::default() };
        assert!(matches!(fate(&down, 3, 0.0), Fate::Answer { .. }));
        assert_eq!(fate(&down, 64, 0.0), Fate::Lost(Reason::Cut));
        let isolated = Broken { isolated: ["nyc".to_owned()].into(), ..Broken::default() };
        assert_eq!(fate(&isolated, 3, 0.0), Fate::Lost(Reason::Cut));
    }

    #[test]
    fn the_senders_router_knows_that_there_is_no_route() {
        let routes = Routes::new(&default_world(), &Broken::default());
        let from = "192.0.2.1".parse().unwrap();
        let mut stray = packet::echo(from, "198.18.0.1".parse().unwrap(), 64);
        let mut turns = Turns::default();
        let Fate::Answer { packet, .. } = forward(&routes, 0, &mut stray, &mut turns, &mut || 0.0)
        else {
            panic!("no answer");
        };
        let header = packet::read(&packet).unwrap();
        assert_eq!(header.source, "100.64.0.1".parse::<IpAddr>().unwrap());
        assert_eq!(header.destination, from);
    }

    #[test]
    fn what_is_no_packet_or_has_no_receiver_is_lost() {
        let routes = Routes::new(&default_world(), &Broken::default());
        let forward = |octets: &mut [u8]| {
            super::forward(&routes, 0, octets, &mut Turns::default(), &mut || 0.0)
        };
        assert_eq!(forward(&mut []), Fate::Lost(Reason::Malformed));
        assert_eq!(forward(&mut [0x45; 19]), Fate::Lost(Reason::Malformed));
        let from = "192.0.2.1".parse().unwrap();
        let mut group = packet::echo(from, "224.0.0.1".parse().unwrap(), 64);
        assert_eq!(forward(&mut group), Fate::Lost(Reason::Unroutable));
    }
}
