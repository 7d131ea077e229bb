//! In how many answers each pinned address was, and since how many it is in none. No I/O, no clock.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::figures::lower_end;

/// By so much chance any address of a pin that is there is seen by nobody, when it is looked for: each hour of a
/// hundred years.
const CHANCE: f64 = 1e-6;
/// What former answers count, once all caches have asked anew: about twenty times that are remembered.
const FORMER: f64 = 0.95;

/// What is remembered of the addresses of a pin.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(super) struct Sightings {
    /// When they were looked for last, seconds since the epoch.
    at: u64,
    /// By address, of those that were seen.
    addresses: BTreeMap<IpAddr, Sighting>,
}

/// How often an address was given, in networks. One that still has its former answer in a cache says nothing new.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
struct Sighting {
    /// Networks that gave it, of those that might have; both fade.
    given: f64,
    networks: f64,
    /// How many gave it in the last sweep.
    last: f64,
    /// Its share when it was seen last, at least and beyond chance,
    share: f64,
    /// and how many did not give it since.
    missed: f64,
}

/// One look for the addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Networks whose answers are as pinned.
    pub(super) networks: f64,
    /// For how long an answer may be kept, and the second that it is.
    pub(super) ttl: u32,
    pub(super) now: u64,
}

impl Sightings {
    /// They, after a look for each of these addresses, and how many that were seen are seen no more: by none of so many
    /// networks, sweep after sweep, though chance would show them. Of many addresses some are given by more than their
    /// share each time, and by nobody the next.
    pub(super) fn after(
        mut self,
        addresses: &[IpAddr],
        look: Look,
        given: impl Fn(&IpAddr) -> f64,
    ) -> (Self, usize) {
        let elapsed = look.now.saturating_sub(self.at);
        // Which part of the caches has asked anew.
        let part = (elapsed as f64 / f64::from(look.ttl.max(1))).min(1.0);
        let chance = CHANCE / addresses.len().max(1) as f64;
        let mut missing = 0;
        for address in addresses {
            let given = given(address);
            if given > 0.0 {
                let seen = match self.addresses.remove(address) {
                    Some(known) if !known.is_gone(chance) => known.seen(given, look.networks, part),
                    Some(known) if known.is_straggler(given, look.networks) => {
                        Sighting { missed: 0.0, last: given, ..known }
                    }
                    // It is back, or new.
                    _ => Sighting::default().seen(given, look.networks, 1.0),
                };
                self.addresses.insert(*address, seen);
            } else if let Some(known) = self.addresses.get_mut(address) {
                known.miss(look.networks, part);
                missing += usize::from(known.is_gone(chance));
            }
        }
        self.at = look.now;
        (self, missing)
    }
}

impl Sighting {
    fn add(&mut self, given: f64, networks: f64, part: f64) {
        let former = FORMER.powf(part);
        self.given = self.given * former + given * part;
        self.networks = self.networks * former + networks * part;
    }

    fn seen(mut self, given: f64, networks: f64, part: f64) -> Self {
        self.add(given, networks, part);
        let share = if self.networks > 0.0 { self.given / self.networks } else { 0.0 };
        Self { share: lower_end(share.min(1.0), self.networks), last: given, missed: 0.0, ..self }
    }

    /// Who gave it in the last sweep and does not now has asked anew, whatever the TTL says.
    fn miss(&mut self, networks: f64, part: f64) {
        self.add(0.0, networks, part);
        self.missed += (networks * part).max(self.last.min(networks));
        self.last = 0.0;
    }

    /// Whether so few give what was gone that it is a former answer rather than its return.
    fn is_straggler(&self, given: f64, networks: f64) -> bool {
        given < self.share * networks / 4.0
    }

    /// Whether so many would have shown it if it were there.
    fn is_gone(&self, chance: f64) -> bool {
        self.share > 0.0 && (1.0 - self.share).powf(self.missed) < chance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// In which sweep from this one on the second of two addresses is told to be gone, of so many; each sweep it is given
    /// by so many of the networks.
    fn told(networks: usize, ttl: u32, given: impl IntoIterator<Item = usize>) -> Option<usize> {
        let addresses = [address(1), address(2)];
        let given: Vec<usize> = given.into_iter().collect();
        let gone = given.len();
        let mut sightings = Sightings::default();
        for sweep in 0..gone + 50 {
            let count = given.get(sweep).copied().unwrap_or_default() as f64;
            let networks = networks as f64;
            let look = Look { networks, ttl, now: 1_000_000 + HOUR * sweep as u64 };
            let is_second = |it: &IpAddr| *it == addresses[1];
            let by = |it: &IpAddr| if is_second(it) { count } else { networks };
            let (next, missing) = sightings.after(&addresses, look, by);
            // As a restart reads it.
            sightings = serde_json::from_slice(&serde_json::to_vec(&next).unwrap()).unwrap();
            assert!(missing == 0 || sweep >= gone, "told in sweep {sweep} of {gone}");
            if missing > 0 {
                return Some(sweep - gone + 1);
            }
        }
        None
    }

    #[test]
    fn one_of_a_pair_that_is_gone_is_told_in_sets_of_any_size() {
        for networks in [3, 4, 5, 6, 8, 20, 96, 1_000] {
            let once = told(networks, 300, [networks]).unwrap();
            let after_a_day = told(networks, 300, [networks; 24]).unwrap();
            assert!(once <= 9 && after_a_day <= 2, "{networks}: {once} {after_a_day}");
        }
    }

    #[test]
    fn one_of_two_that_take_turns_is_told_once_enough_have_missed_it() {
        for (networks, most) in [(5, 6), (10, 3), (20, 2), (96, 1)] {
            let given = (0..24).map(|sweep| networks / 2 + sweep % 2);
            let sweeps = told(networks, 300, given).unwrap();
            assert!((1..=most).contains(&sweeps), "{networks}: {sweeps}");
        }
    }

    #[test]
    fn one_that_fades_as_caches_do_is_told_whether_its_ttl_is_known_or_not() {
        let fades = || [100; 30].into_iter().chain((1..20).rev().map(|left| left * 5));
        for ttl in [300, 20 * 3_600] {
            let sweeps = told(100, ttl, fades()).unwrap();
            assert!(sweeps <= 3, "{ttl}: {sweeps}");
        }
        // A weak sweep before an outage takes nothing of what was known.
        assert_eq!(told(96, 300, [48, 48, 48, 1]), Some(1));
    }

    #[test]
    fn caches_that_keep_what_they_have_say_nothing_new() {
        // Three that drew one of two addresses for a day, and look the same hour by hour.
        let addresses = [address(1), address(2)];
        let mut sightings = Sightings::default();
        for hour in 0..48 {
            let look = Look { networks: 3.0, ttl: 86_400, now: 1_000_000 + HOUR * hour };
            let second = if hour < 24 { 2.0 } else { 0.0 };
            let by = |it: &IpAddr| if *it == addresses[1] { second } else { 3.0 - second };
            let (next, missing) = sightings.after(&addresses, look, by);
            assert_eq!(missing, 0, "hour {hour}");
            sightings = next;
        }
    }

    #[test]
    fn what_came_back_begins_anew() {
        let addresses = [address(1)];
        let mut sightings = Sightings::default();
        let given = [20.0; 5].into_iter().chain([0.0; 100]).chain([20.0; 2]).chain([0.0]);
        let mut counts = Vec::new();
        for (sweep, given) in given.enumerate() {
            let look = Look { networks: 20.0, ttl: 300, now: 1_000_000 + HOUR * sweep as u64 };
            let (next, missing) = sightings.after(&addresses, look, |_| given);
            sightings = next;
            counts.push(missing);
        }
        assert_eq!((counts[104], counts[105], counts[107]), (1, 0, 1));
    }

    #[test]
    fn who_gives_once_more_what_is_gone_does_not_bring_it_back() {
        for networks in [20.0, 96.0, 1_000.0] {
            let addresses = [address(1)];
            let mut sightings = Sightings::default();
            let given = [networks; 48].into_iter().chain([0.0; 12]).chain([1.0, 0.0]);
            let mut counts = Vec::new();
            for (sweep, given) in given.enumerate() {
                let look = Look { networks, ttl: 300, now: 1_000_000 + HOUR * sweep as u64 };
                let (next, missing) = sightings.after(&addresses, look, |_| given);
                sightings = next;
                counts.push(missing);
            }
            // While it is given, nobody can say that it is given by none.
            assert_eq!(counts[59..], [1, 0, 1], "{networks}");
        }
    }
}
