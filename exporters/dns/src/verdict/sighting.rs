//! In how many answers each pinned address was, and since how many it is in none. No I/O, no clock.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::course::{Course, Draws, FORMER, Variation};
use super::figures::lower_end;

/// By so much chance any address of a pin that is there is seen by nobody, when it is looked for: each hour of a
/// hundred years.
const CHANCE: f64 = 1e-6;
/// What the former looks count in how many networks there usually are, once all caches have asked anew.
const FORMER_NETWORKS: f64 = 0.97;
/// What is left of a TTL that is said no more, in each look: one that was made up once, or lowered since, is forgotten
/// in a few.
const FORMER_TTL: f64 = 0.9;
/// Looks with it, and how often all caches have asked anew since it was looked for, from which on an absence changes nothing
/// in how answers are known to vary: the others have its share then, and would say that nothing varies.
const KNOWN: (u32, f64) = (19, 8.0);
/// How many looks without it are remembered of one that was gone, and is back.
const GONE: f64 = 3.0;
/// With so many networks fewer than there usually are, those may be missing that have the address.
const FEWER: f64 = 0.05;

/// What is remembered of the addresses of a pin.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub(super) struct Sightings {
    /// When they were looked for last, seconds since the epoch.
    at: u64,
    /// For how long an answer may be kept, seconds.
    ttl: f64,
    /// How often they were looked for, which fades,
    looks: f64,
    /// and in how many networks, usually.
    networks: f64,
    /// By address, of those that were seen.
    addresses: BTreeMap<IpAddr, Sighting>,
}

/// How often an address was given. One that still has its former answer in a cache says nothing new, and who asks the
/// same cache as others says it once.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
struct Sighting {
    /// Up to when it was seen last,
    course: Course,
    /// in so many looks,
    seen: u32,
    /// and looks since.
    pending: f64,
    /// What the answers are worth that do not have it.
    draws: Draws,
    /// Its share when it was seen last, at least and beyond chance,
    share: f64,
    /// and how many draws did not have it since.
    missed: f64,
}

/// One look for the addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Networks whose answers are as pinned.
    pub(super) networks: f64,
    /// For how long such an answer may be kept, and the second that it is.
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
        let chance = CHANCE / addresses.len().max(1) as f64;
        if look.networks <= 0.0 {
            // Nobody says anything, and caches ask anew meanwhile.
            let is_gone = |it: &&Sighting| it.is_gone(chance);
            let missing = self.addresses.values().filter(is_gone).count();
            return (self, missing);
        }
        let elapsed = look.now.saturating_sub(self.at) as f64;
        let (part, before) = (self.begin(look, elapsed), self.looks);
        self.looks = before * FORMER.powf(part) + part;
        for address in addresses {
            let share = (given(address) / look.networks).min(1.0);
            if share > 0.0 {
                let unseen = || Sighting { course: Course::absent(before), ..Sighting::default() };
                self.addresses.entry(*address).or_insert_with(unseen).see(share, part, chance);
            } else if let Some(known) = self.addresses.get_mut(address) {
                known.pending += part;
            }
        }
        let usual = self.networks;
        let all: Variation = self.addresses.values().map(|it| it.course.variation(usual)).sum();
        let mut missing = 0;
        for (address, known) in &mut self.addresses {
            let is_given = given(address) > 0.0;
            if is_given || known.seen < KNOWN.0 || known.course.weight < KNOWN.1 {
                let others = all - known.course.variation(usual);
                known.draws = Draws::of(others, all, elapsed.max(self.ttl));
            }
            if !is_given {
                known.miss(look.networks, usual, part);
                missing += usize::from(known.is_gone(chance));
            }
        }
        (self, missing)
    }

    /// Begins a look; which part of the caches has asked anew since the last one.
    fn begin(&mut self, look: Look, elapsed: f64) -> f64 {
        self.ttl = f64::from(look.ttl.max(1)).max(self.ttl * FORMER_TTL);
        let is_first = self.looks <= 0.0;
        let part = if is_first { 1.0 } else { (elapsed / self.ttl).min(1.0) };
        self.at = look.now;
        let former = if is_first { 0.0 } else { FORMER_NETWORKS.powf(part) };
        self.networks = self.networks * former + look.networks * (1.0 - former);
        part
    }
}

impl Sighting {
    /// So few that give what was gone give a former answer, and do not bring it back.
    fn see(&mut self, share: f64, part: f64, chance: f64) {
        let is_gone = self.is_gone(chance);
        let is_straggler = is_gone && share < self.course.mean() / 4.0;
        self.course.pass(if is_gone { self.pending.min(GONE) } else { self.pending });
        self.course.add(share, part);
        self.seen = self.seen.saturating_add(1);
        self.pending = 0.0;
        if !is_straggler {
            self.missed = 0.0;
        }
    }

    /// Who gave it in the last look and does not now has asked anew, whatever the TTL says. Where as many answer no more
    /// as may have it alone, those who do say nothing of it.
    fn miss(&mut self, networks: f64, usual: f64, part: f64) {
        let mean = self.course.mean();
        if usual - networks < usual * (mean / 2.0).max(FEWER) {
            let last = if self.missed > 0.0 { 0.0 } else { self.course.last * networks };
            self.missed += self.draws.count(networks * part, last);
        }
        // That of a file of an earlier release, which has no course, holds until it is seen again.
        if self.course.weight > 0.0 {
            self.share = lower_end(mean, self.draws.count(usual * self.course.weight, usual));
        }
    }

    /// Whether so many would have shown it if it were there.
    fn is_gone(&self, chance: f64) -> bool {
        self.share > 0.0 && (1.0 - self.share).powf(self.missed) < chance
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::world::Random;
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
    fn what_came_back_is_told_again_when_it_is_gone_again() {
        let addresses = [address(1)];
        let mut sightings = Sightings::default();
        let given = [20.0; 50].into_iter().chain([0.0; 100]).chain([20.0; 2]).chain([0.0; 4]);
        let mut counts = Vec::new();
        for (sweep, given) in given.enumerate() {
            let look = Look { networks: 20.0, ttl: 300, now: 1_000_000 + HOUR * sweep as u64 };
            let (next, missing) = sightings.after(&addresses, look, |_| given);
            sightings = next;
            counts.push(missing);
        }
        assert_eq!((counts[50], counts[149], counts[150], counts[155]), (1, 1, 0, 1));
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

    /// Caches that keep one of several addresses, each for some time, and how many networks ask each.
    struct Caches {
        random: Random,
        networks: Vec<usize>,
        keep: u64,
        has: Vec<(u64, usize)>,
    }

    impl Caches {
        fn new(seed: u64, networks: &[usize], keep: u64) -> Self {
            let has = vec![(0, 0); networks.len()];
            Self { random: Random(seed), networks: networks.to_vec(), keep, has }
        }

        /// How many networks are given each of so many addresses.
        fn given(&mut self, count: usize, now: u64) -> Vec<f64> {
            let mut given = vec![0.0; count];
            for (networks, has) in self.networks.iter().zip(&mut self.has) {
                if now >= has.0 {
                    *has = (now + self.keep, self.random.below(count));
                }
                given[has.1] += *networks as f64;
            }
            given
        }

        fn all(&self) -> f64 {
            self.networks.iter().sum::<usize>() as f64
        }
    }

    /// How many tickets there are in so many days, of addresses that are all there.
    fn tickets(caches: Caches, count: u8, ttl: u32, days: u64) -> usize {
        tickets_each(HOUR, caches, count, ttl, days)
    }

    /// The same, where they are looked for at this interval.
    fn tickets_each(interval: u64, mut caches: Caches, count: u8, ttl: u32, days: u64) -> usize {
        let addresses: Vec<_> = (0..count).map(address).collect();
        let (mut sightings, mut before, mut tickets) = (Sightings::default(), 0, 0);
        for sweep in 0..86_400 / interval * days {
            let now = 1_000_000 + interval * sweep;
            let given = caches.given(usize::from(count), now);
            let by = |it: &IpAddr| given[addresses.iter().position(|its| its == it).unwrap()];
            let look = Look { networks: caches.all(), ttl, now };
            let (next, missing) = sightings.after(&addresses, look, by);
            tickets += usize::from(missing > before);
            (sightings, before) = (next, missing);
        }
        tickets
    }

    #[test]
    fn networks_that_ask_one_cache_say_the_same_once() {
        let rest = |some: &[usize], count| [some, &vec![1; count]].concat();
        for (networks, count) in [
            (vec![3], 2),
            (vec![5], 2),
            (vec![6], 2),
            (vec![20], 2),
            (vec![5], 8),
            (vec![2, 2, 1], 2),
            (vec![3, 3], 4),
            (vec![10, 10], 2),
            (rest(&[30, 20, 10], 36), 8),
        ] {
            for seed in 1..=3 {
                let caches = Caches::new(seed, &networks, 300);
                assert_eq!(tickets(caches, count, 300, 120), 0, "{networks:?} {count} {seed}");
            }
        }
    }

    #[test]
    fn caches_that_hide_for_how_long_they_keep_an_answer_say_nothing_new_with_each() {
        // A day, of which they say a minute at most; five hours in one cache; and a step more than from sweep to sweep.
        let (day, one) = (86_300, |count| vec![1; count]);
        for (networks, keep, ttl, count) in [
            (one(3), day, 60, 2),
            (one(5), day, 60, 2),
            (one(8), day, 60, 2),
            (vec![5], 5 * HOUR - 100, 60, 2),
            (one(3), 3_700, 3_700, 4),
            (one(8), 3_700, 3_700, 8),
        ] {
            for seed in 1..=3 {
                let caches = Caches::new(seed, &networks, keep);
                let tickets = tickets(caches, count, ttl, 365);
                assert!(
                    tickets <= usize::from(networks == [5]),
                    "{networks:?} {keep} {seed} {tickets}"
                );
            }
        }
    }

    #[test]
    fn caches_that_hide_it_say_nothing_new_however_often_they_are_asked() {
        for (interval, networks) in [(300, vec![1; 3]), (300, vec![1; 5]), (21_600, vec![1; 3])] {
            for seed in 1..=3 {
                let caches = Caches::new(seed, &networks, 86_300);
                let tickets = tickets_each(interval, caches, 2, 60, 120);
                // Of days in which all had one, and then none, fifty looks in minutes see but one.
                assert!(tickets <= 2, "{interval} {networks:?} {seed}: {tickets}");
            }
        }
    }

    #[test]
    fn one_of_several_of_which_each_gives_one_is_told_soon_where_networks_draw_for_themselves() {
        for (networks, count, most) in [
            (vec![1; 3], 2, 24),
            (vec![1; 5], 2, 12),
            (vec![1; 20], 2, 4),
            (vec![1; 96], 2, 2),
            (vec![1; 20], 8, 12),
            (vec![1; 96], 8, 3),
            (vec![1; 1_000], 8, 1),
            // They say it once or twice, and it takes as long as with so few.
            (vec![10, 10], 2, 24),
            (vec![5], 2, 72),
        ] {
            for seed in 1..=3 {
                let mut caches = Caches::new(seed, &networks, 300);
                let addresses: Vec<_> = (0..count).map(address).collect();
                let mut sightings = Sightings::default();
                let mut told = None;
                for sweep in 0..600 {
                    let (now, count) = (1_000_000 + HOUR * sweep, usize::from(count));
                    let mut given = caches.given(if sweep < 480 { count } else { count - 1 }, now);
                    given.resize(count, 0.0);
                    let by =
                        |it: &IpAddr| given[addresses.iter().position(|its| its == it).unwrap()];
                    let look = Look { networks: caches.all(), ttl: 300, now };
                    let (next, missing) = sightings.after(&addresses, look, by);
                    assert!(sweep >= 480 || missing == 0, "{networks:?} {seed} {sweep}");
                    told = told.or((missing > 0).then(|| sweep - 479));
                    sightings = next;
                }
                assert!(told.is_some_and(|it| it <= most), "{networks:?} {count} {seed}: {told:?}");
            }
        }
    }

    #[test]
    fn one_that_is_kept_for_a_day_is_told_in_days_though_it_is_known_for_two_weeks_alone() {
        for networks in [vec![1; 8], vec![1; 20]] {
            for seed in 1..=5 {
                let mut caches = Caches::new(seed, &networks, 86_400);
                let addresses = [address(1), address(2)];
                let mut sightings = Sightings::default();
                let mut told = None;
                for hour in 0..45 * 24 {
                    let now = 1_000_000 + HOUR * hour;
                    let mut given = caches.given(if hour < 14 * 24 { 2 } else { 1 }, now);
                    given.resize(2, 0.0);
                    let by = |it: &IpAddr| given[usize::from(*it == addresses[1])];
                    let look = Look { networks: caches.all(), ttl: 86_400, now };
                    let (next, missing) = sightings.after(&addresses, look, by);
                    assert!(hour >= 14 * 24 || missing == 0, "{networks:?} {seed} {hour}");
                    told = told.or((missing > 0).then(|| hour / 24 - 13));
                    sightings = next;
                }
                assert!(told.is_some_and(|it| it <= 20), "{networks:?} {seed}: {told:?}");
            }
        }
    }

    #[test]
    fn a_ttl_that_was_made_up_once_or_lowered_is_forgotten() {
        for (networks, is_always) in [(3, false), (6, false), (19, false), (3, true), (19, true)] {
            let addresses = [address(1), address(2)];
            let mut sightings = Sightings::default();
            let mut told = None;
            for sweep in 0..120 {
                let is_day = sweep == 47 || is_always && sweep < 47;
                let ttl = if is_day { 86_400 } else { 300 };
                let look =
                    Look { networks: f64::from(networks), ttl, now: 1_000_000 + HOUR * sweep };
                let second = if sweep < 48 { look.networks } else { 0.0 };
                let by = |it: &IpAddr| if *it == addresses[1] { second } else { look.networks };
                let (next, missing) = sightings.after(&addresses, look, by);
                told = told.or((missing > 0).then(|| sweep - 47));
                sightings = next;
            }
            assert!(
                told.is_some_and(|it| it <= if is_always { 24 } else { 12 }),
                "{networks} {is_always}: {told:?}"
            );
        }
    }

    #[test]
    fn a_part_of_the_world_that_alone_has_an_address_may_be_down_for_a_day() {
        for (networks, part) in [(20.0, 5.0), (96.0, 10.0), (10.0, 5.0)] {
            let addresses = [address(1), address(2)];
            let by = |rest: f64, second: f64| {
                move |it: &IpAddr| if *it == address(2) { second } else { rest }
            };
            let mut sightings = Sightings::default();
            for sweep in 0..72 {
                let second = if sweep < 48 { part } else { 0.0 };
                let rest = networks - part;
                let look =
                    Look { networks: rest + second, ttl: 300, now: 1_000_000 + HOUR * sweep };
                let (next, missing) = sightings.after(&addresses, look, by(rest, second));
                assert_eq!(missing, 0, "{networks} {sweep}");
                sightings = next;
            }
            // It answers, and is given the other.
            let mut told = 0;
            for sweep in 72..120 {
                let look = Look { networks, ttl: 300, now: 1_000_000 + HOUR * sweep };
                (sightings, told) = sightings.after(&addresses, look, by(networks, 0.0));
            }
            assert_eq!(told, 1, "{networks}");
        }
    }

    #[test]
    fn a_sweep_without_such_answers_says_nothing_and_takes_nothing() {
        let addresses = [address(1)];
        let look =
            |networks, hour: u64| Look { networks, ttl: 86_400, now: 1_000_000 + HOUR * hour };
        let (seen, _) = Sightings::default().after(&addresses, look(9.0, 0), |_| 9.0);
        let (after, missing) = seen.clone().after(&addresses, look(0.0, 20), |_| 0.0);
        assert_eq!((&after, missing), (&seen, 0));
        // Meanwhile caches ask anew.
        assert_eq!(
            after.after(&addresses, look(9.0, 24), |_| 0.0),
            seen.after(&addresses, look(9.0, 24), |_| 0.0)
        );
    }

    #[test]
    fn a_file_of_an_earlier_release_is_read() {
        let before = r#"{"at":7,"addresses":{"192.0.2.1":{"given":1.0,"networks":2.0,"last":1.0,"share":0.1,"missed":0.0}}}"#;
        let sightings: Sightings = serde_json::from_str(before).unwrap();
        let look = Look { networks: 3.0, ttl: 300, now: 1_000_000 };
        let (sightings, missing) = sightings.after(&[address(1)], look, |_| 0.0);
        assert_eq!((missing, sightings.looks), (0, 1.0));
        // What it told is told on.
        let told = before.replace("\"missed\":0.0", "\"missed\":900.0");
        let mut sightings: Sightings = serde_json::from_str(&told).unwrap();
        for hour in 0..48 {
            let look = Look { networks: 3.0, ttl: 300, now: 1_000_000 + HOUR * hour };
            let missing;
            (sightings, missing) = sightings.after(&[address(1)], look, |_| 0.0);
            assert_eq!(missing, 1, "{hour}");
        }
    }
}
