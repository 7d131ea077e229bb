//! Which addresses of a name are probed, where it has more than can be. No I/O, no clock.
//!
//! 1. Of two families each has half of the places, or as many as it has addresses.
//! 2. Whoever has a place keeps it while the name has the address.
//! 3. Once in a while the one that has had its place for longest gives way to the next of its family, so that none is
//!    left out for good.

use std::net::IpAddr;
use std::time::Duration;

/// So many addresses of a name are probed at a time; the rest wait for their turn.
pub(crate) const MOST_ADDRESSES: usize = 4;

/// From one that gives way to the next: an hour and a half for twelve addresses, and long enough for what is known of
/// each (minima of ten minutes) to be told apart.
const TURN: Duration = Duration::from_secs(600);

/// The addresses that have a place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chosen {
    /// Each with since when.
    places: Vec<(IpAddr, Duration)>,
    /// When one last gave way.
    turned: Duration,
    /// Who came last, of IPv4 and IPv6: the next in order is next.
    last: [Option<IpAddr>; 2],
}

impl Chosen {
    /// Those of these addresses (sorted) that are probed from now on, sorted.
    pub(crate) fn choose(&mut self, ips: &[IpAddr], now: Duration) -> Vec<IpAddr> {
        self.places.retain(|(ip, _)| ips.contains(ip));
        let count = |is_v4: bool| ips.iter().filter(|ip| ip.is_ipv4() == is_v4).count();
        let half = MOST_ADDRESSES / 2;
        let of_v6 = count(false).min(half.max(MOST_ADDRESSES.saturating_sub(count(true))));
        let shares = [count(true).min(MOST_ADDRESSES - of_v6), of_v6];
        let is_full = self.places.len() == shares[0] + shares[1];
        let has_more = |ip: &IpAddr| count(ip.is_ipv4()) > shares[family(*ip)];
        if !is_full {
            self.turned = now;
        } else if now >= self.turned + TURN {
            let waited_for = self.places.iter().filter(|(ip, _)| has_more(ip));
            if let Some((oldest, _)) = waited_for.min_by_key(|(_, since)| *since).copied() {
                self.places.retain(|(ip, _)| *ip != oldest);
            }
            self.turned = now;
        }
        for (number, share) in shares.into_iter().enumerate() {
            self.fit(number, share, ips, now);
        }
        let mut chosen: Vec<IpAddr> = self.places.iter().map(|(ip, _)| *ip).collect();
        chosen.sort_unstable();
        chosen
    }

    /// Gives a family its share: the newest leave where it has more, the next in order come where it has less.
    fn fit(&mut self, number: usize, share: usize, ips: &[IpAddr], now: Duration) {
        let held = |places: &[(IpAddr, Duration)]| -> usize {
            places.iter().filter(|(ip, _)| family(*ip) == number).count()
        };
        while held(&self.places) > share {
            let newest = self.places.iter().rposition(|(ip, _)| family(*ip) == number);
            newest.map(|newest| self.places.remove(newest));
        }
        let own: Vec<IpAddr> = ips.iter().filter(|ip| family(**ip) == number).copied().collect();
        let first = own.iter().position(|ip| Some(*ip) > self.last[number]).unwrap_or(0);
        let (before, after) = own.split_at(first);
        for ip in after.iter().chain(before) {
            if held(&self.places) < share && !self.places.iter().any(|(held, _)| held == ip) {
                self.places.push((*ip, now));
                self.last[number] = Some(*ip);
            }
        }
    }
}

fn family(ip: IpAddr) -> usize {
    usize::from(ip.is_ipv6())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn v4(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn v6(last: u16) -> IpAddr {
        IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last])
    }

    fn name(of_v4: u8, of_v6: u16) -> Vec<IpAddr> {
        (1..=of_v4).map(v4).chain((1..=of_v6).map(v6)).collect()
    }

    fn counts(chosen: &[IpAddr]) -> (usize, usize) {
        let of_v4 = chosen.iter().filter(|ip| ip.is_ipv4()).count();
        (of_v4, chosen.len() - of_v4)
    }

    #[test]
    fn each_family_has_its_share() {
        for (of_v4, of_v6, wanted) in [
            (1, 0, (1, 0)),
            (2, 2, (2, 2)),
            (6, 0, (4, 0)),
            (6, 1, (3, 1)),
            (1, 9, (1, 3)),
            (9, 9, (2, 2)),
            (0, 9, (0, 4)),
        ] {
            let chosen = Chosen::default().choose(&name(of_v4, of_v6), TURN);
            assert_eq!(counts(&chosen), wanted, "{of_v4} {of_v6}");
        }
    }

    #[test]
    fn whoever_has_a_place_keeps_it_while_the_name_has_the_address() {
        let mut chosen = Chosen::default();
        let at = TURN;
        assert_eq!(chosen.choose(&name(6, 0), at), name(4, 0));
        let others = [v4(2), v4(4), v4(5), v4(6), v4(7)];
        assert_eq!(chosen.choose(&others, at), [v4(2), v4(4), v4(5), v4(6)]);
        // A family that comes gets its share, and one that goes gives it back.
        let both: Vec<IpAddr> = others.into_iter().chain([v6(1)]).collect();
        assert_eq!(chosen.choose(&both, at), [v4(2), v4(4), v4(5), v6(1)]);
        assert_eq!(chosen.choose(&others, at).len(), 4);
    }

    #[test]
    fn in_time_each_address_has_its_turn_and_one_alone_moves_at_once() {
        let (mut chosen, ips) = (Chosen::default(), name(7, 3));
        let mut seen = BTreeSet::new();
        let mut before = chosen.choose(&ips, TURN);
        for turn in 1..=24 {
            let now = TURN + TURN * turn;
            assert_eq!(chosen.choose(&ips, now.saturating_sub(Duration::from_secs(1))), before);
            let after = chosen.choose(&ips, now);
            assert_eq!(counts(&after), (2, 2));
            assert_eq!(before.iter().filter(|ip| !after.contains(ip)).count(), 1, "{turn}");
            seen.extend(after.iter().copied());
            before = after;
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), ips);
        // Where all have a place nobody moves.
        let mut chosen = Chosen::default();
        for turn in 1..4 {
            assert_eq!(chosen.choose(&name(2, 2), TURN * turn), name(2, 2));
        }
    }
}
