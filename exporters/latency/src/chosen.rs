//! Which addresses of a name are probed, where it has more than can be. No I/O, no clock.
//!
//! 1. Of two families each has half of the places, or as many as it has addresses.
//! 2. Whoever has a place keeps it while the name has the address, for ten minutes at least: an address is judged by
//!    its own past, and its minima are compared with those that other vantages measured of the same one.
//! 3. A place that becomes free goes to the next in order, so that of answers that rotate each has its turn. Where
//!    some wait, one of each family gives its place up every ten minutes, who has had it for longest: a dead one is
//!    seen in time whatever its number. It stays then as long as it fails, or what is told of it would be over and
//!    begin anew with each of its turns; of more such than half of the places the rest take turns.
//! 4. Whoever comes back has the slot again that was its own, if that is free; whoever is new has the one that nobody
//!    had for longest. So four addresses that take turns never share a slot, and none moves because another leaves.

use std::net::IpAddr;
use std::time::Duration;

/// So many addresses of a name are probed at a time; the rest wait for a place.
pub(crate) const MOST_ADDRESSES: usize = 4;

/// A place is given up so often where others wait: in an hour no more addresses come than may be in a label.
const KEPT: Duration = Duration::from_secs(600);

/// The addresses that have a place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chosen {
    /// Who has had one for longest comes first.
    places: Vec<IpAddr>,
    /// When places were last given up.
    given_up: Option<Duration>,
    /// Who came last, of IPv4 and IPv6: the next in order is next.
    last: [Option<IpAddr>; 2],
    /// As many as were ever needed.
    slots: Vec<Slot>,
    /// How often was chosen.
    turn: u64,
}

/// Whose a slot is, or was, and when that was last so.
#[derive(Clone, Copy, Debug)]
struct Slot {
    owner: IpAddr,
    turn: u64,
}

impl Chosen {
    /// Those of these addresses (sorted) that are probed from now on, by their slots; those that fail now.
    pub(crate) fn choose(
        &mut self,
        ips: &[IpAddr],
        fails: impl Fn(IpAddr) -> bool,
        now: Duration,
    ) -> Vec<(usize, IpAddr)> {
        self.places.retain(|ip| ips.contains(ip));
        let count = |is_v4: bool| ips.iter().filter(|ip| ip.is_ipv4() == is_v4).count();
        let half = MOST_ADDRESSES / 2;
        let of_v6 = count(false).min(half.max(MOST_ADDRESSES.saturating_sub(count(true))));
        let shares = [count(true).min(MOST_ADDRESSES - of_v6), of_v6];
        let is_due = now.saturating_sub(*self.given_up.get_or_insert(now)) >= KEPT;
        if is_due {
            self.given_up = Some(now);
        }
        for (number, share) in shares.into_iter().enumerate() {
            if is_due && count(number == 0) > share {
                let mut staying = share / 2;
                let longest = self.places.iter().position(|ip| {
                    if family(*ip) != number {
                        return false;
                    }
                    let stays = staying > 0 && fails(*ip);
                    staying -= usize::from(stays);
                    !stays
                });
                longest.map(|longest| self.places.remove(longest));
            }
            self.fit(number, share, ips);
        }
        self.turn += 1;
        let is_own = |slot: &Slot, ip: &IpAddr| slot.owner == *ip;
        let (known, mut new): (Vec<IpAddr>, Vec<IpAddr>) =
            self.places.iter().partition(|ip| self.slots.iter().any(|slot| is_own(slot, ip)));
        for slot in &mut self.slots {
            if known.iter().any(|ip| is_own(slot, ip)) {
                slot.turn = self.turn;
            }
        }
        new.sort_unstable();
        for ip in new {
            let new = Slot { owner: ip, turn: self.turn };
            if self.slots.len() < MOST_ADDRESSES {
                self.slots.reserve_exact(1);
                self.slots.push(new);
            } else if let Some(slot) = self.slots.iter_mut().min_by_key(|slot| slot.turn) {
                // There are as many slots as places: this one is free.
                *slot = new;
            }
        }
        let slots = self.slots.iter().enumerate().filter(|(_, slot)| slot.turn == self.turn);
        slots.map(|(number, slot)| (number, slot.owner)).collect()
    }

    /// Gives a family its share: the newest leave where it has more, the next in order come where it has less.
    fn fit(&mut self, number: usize, share: usize, ips: &[IpAddr]) {
        let held = |places: &[IpAddr]| places.iter().filter(|ip| family(**ip) == number).count();
        while held(&self.places) > share {
            let newest = self.places.iter().rposition(|ip| family(*ip) == number);
            newest.map(|newest| self.places.remove(newest));
        }
        let own: Vec<IpAddr> = ips.iter().filter(|ip| family(**ip) == number).copied().collect();
        let first = own.iter().position(|ip| Some(*ip) > self.last[number]).unwrap_or(0);
        let (before, after) = own.split_at(first);
        for ip in after.iter().chain(before) {
            if held(&self.places) < share && !self.places.contains(ip) {
                self.places.reserve_exact(1);
                self.places.push(*ip);
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
    use super::*;

    const NOW: Duration = Duration::from_secs(3600);

    fn well(_: IpAddr) -> bool {
        false
    }

    fn v4(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn v6(last: u16) -> IpAddr {
        IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last])
    }

    fn name(of_v4: u8, of_v6: u16) -> Vec<IpAddr> {
        (1..=of_v4).map(v4).chain((1..=of_v6).map(v6)).collect()
    }

    /// Those that are probed, in order.
    fn choose(chosen: &mut Chosen, ips: &[IpAddr]) -> Vec<IpAddr> {
        let mut ips: Vec<IpAddr> =
            chosen.choose(ips, well, NOW).into_iter().map(|(_, ip)| ip).collect();
        ips.sort_unstable();
        ips
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
            let chosen = choose(&mut Chosen::default(), &name(of_v4, of_v6));
            assert_eq!(counts(&chosen), wanted, "{of_v4} {of_v6}");
        }
    }

    #[test]
    fn whoever_has_a_place_keeps_it_while_the_name_has_the_address() {
        let mut chosen = Chosen::default();
        assert_eq!(choose(&mut chosen, &name(6, 0)), name(4, 0));
        let others = [v4(2), v4(4), v4(5), v4(6), v4(7)];
        assert_eq!(choose(&mut chosen, &others), [v4(2), v4(4), v4(5), v4(6)]);
        // A family that comes gets its share, and one that goes gives it back.
        let both: Vec<IpAddr> = others.into_iter().chain([v6(1)]).collect();
        assert_eq!(choose(&mut chosen, &both), [v4(2), v4(4), v4(5), v6(1)]);
        assert_eq!(chosen.choose(&others, well, NOW).len(), 4);
    }

    #[test]
    fn of_answers_that_rotate_each_has_its_turn_and_nobody_else_moves() {
        let mut chosen = Chosen::default();
        let mut seen: Vec<IpAddr> = Vec::new();
        // Eight addresses, five of them in each answer.
        for first in 0..8 {
            let mut answer: Vec<IpAddr> = (0..5).map(|step| v4((first + step) % 8 + 1)).collect();
            answer.sort_unstable();
            seen.extend(choose(&mut chosen, &answer));
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, name(8, 0));
        for _ in 0..9 {
            assert_eq!(
                chosen.choose(&name(8, 0), well, NOW),
                chosen.clone().choose(&name(8, 0), well, NOW)
            );
        }
    }

    #[test]
    fn nobody_moves_because_another_leaves_and_four_that_take_turns_share_no_slot() {
        let mut chosen = Chosen::default();
        assert_eq!(chosen.choose(&name(3, 0), well, NOW), [(0, v4(1)), (1, v4(2)), (2, v4(3))]);
        assert_eq!(chosen.choose(&[v4(2), v4(3)], well, NOW), [(1, v4(2)), (2, v4(3))]);
        let others = [v4(2), v4(3), v4(9)];
        assert_eq!(
            chosen.choose(&others, well, NOW),
            [(1, v4(2)), (2, v4(3)), (3, v4(9))],
            "it was free"
        );
        assert_eq!(
            chosen.choose(&name(3, 0), well, NOW),
            [(0, v4(1)), (1, v4(2)), (2, v4(3))],
            "its own"
        );
        // One of four in each answer, then one of nine.
        let mut chosen = Chosen::default();
        for turn in 0..40 {
            let slot = usize::from(turn % 4);
            assert_eq!(chosen.choose(&[v4(turn % 4)], well, NOW), [(slot, v4(turn % 4))]);
        }
        for turn in 0..90 {
            assert_eq!(chosen.choose(&[v4(100 + turn % 9)], well, NOW).len(), 1);
        }
    }

    #[test]
    fn of_constant_addresses_each_has_its_turn_within_the_hour() {
        let ips = name(5, 6);
        let (mut chosen, mut seen, mut before) = (Chosen::default(), Vec::new(), Vec::new());
        for minute in 0..60 {
            let now = NOW + Duration::from_secs(60 * minute);
            let mut probed: Vec<IpAddr> =
                chosen.choose(&ips, well, now).iter().map(|it| it.1).collect();
            probed.sort_unstable();
            let new: Vec<_> = probed.iter().filter(|ip| !before.contains(*ip)).collect();
            // One of each family, each ten minutes.
            let wanted =
                if minute == 0 { (2, 2) } else { [(1, 1), (0, 0)][usize::from(minute % 10 > 0)] };
            let of_v4 = new.iter().filter(|ip| ip.is_ipv4()).count();
            assert_eq!((of_v4, new.len() - of_v4), wanted, "{minute}: {before:?} {probed:?}");
            seen.extend(probed.iter().copied());
            before = probed;
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, ips, "a dead one among them is seen");
        // Nobody gives up a place for whom nobody waits.
        let mut chosen = Chosen::default();
        let probed = chosen.choose(&name(2, 2), well, NOW);
        assert_eq!(chosen.choose(&name(2, 2), well, NOW + KEPT), probed);
    }

    #[test]
    fn one_that_fails_stays_while_it_does_and_the_others_have_their_turns() {
        let ips = name(10, 0);
        for dead in [vec![v4(7)], vec![v4(3), v4(8)], ips.clone()] {
            let fails = |ip| dead.contains(&ip);
            let (mut chosen, mut before, mut left, mut seen) =
                (Chosen::default(), Vec::new(), Vec::new(), Vec::new());
            for turn in 0..24 {
                let probed = chosen.choose(&ips, fails, NOW + KEPT * turn);
                let probed: Vec<IpAddr> = probed.into_iter().map(|(_, ip)| ip).collect();
                assert_eq!(probed.len(), MOST_ADDRESSES);
                left.extend(before.iter().filter(|ip| !probed.contains(ip)).copied());
                seen.extend(probed.iter().copied());
                before = probed;
            }
            assert_eq!(left.len(), 23, "one each ten minutes");
            assert_eq!(left.iter().any(|ip| fails(*ip)), dead.len() > 2, "{left:?}");
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen, ips);
            // It goes in its turn when it is well again.
            let stayed = dead[0];
            let goes = |turn| {
                chosen.choose(&ips, well, NOW + KEPT * turn).iter().all(|(_, ip)| *ip != stayed)
            };
            assert!((24..28).any(goes));
        }
    }
}
