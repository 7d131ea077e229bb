//! When each stranger, each network and each system was asked, and when it may be asked again. No I/O, no clock.
//!
//! Time is the time since the program began, and is an argument. Of each the ledger keeps the moment up to which
//! what it was asked is used up: a query moves that on by the time that one is worth (the generic cell rate
//! algorithm, a leaky bucket as a meter). What is used up to no later than now is forgotten.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use super::waiting::{Errand, Waiting};
use crate::resolvers::network;

/// Queries per second that may be sent to others; with 60 byte queries, half a megabit a second.
pub(crate) const MAX_RATE: u32 = 1_000;

/// Queries per second that a /24 or a /48 may get: it may be one small machine.
pub(crate) const MAX_PER_NETWORK: u32 = 2;

/// Queries per second that an autonomous system may get, where it is known.
pub(crate) const MAX_PER_SYSTEM: u32 = 20;

/// Queries an hour that a resolver of others gets at most: less than one person's browser.
pub(crate) const MAX_PER_AND_HOUR: u32 = 60;

const HOUR: Duration = Duration::from_secs(3600);

/// Whether a query is one that was planned, and counted when the config was read, or one besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// It waits until it may be sent.
    Planned,
    /// The same, but it is given up where the hour has no room for it.
    Besides,
    /// One besides, for which room was set aside.
    Reserved,
}

/// Somebody else's resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stranger {
    /// Its address.
    pub(crate) address: IpAddr,
    /// The number of its autonomous system; 0 where that is not known.
    pub(crate) system: u32,
}

/// What was asked of whom.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// By the second, and by the hour.
    resolvers: HashMap<IpAddr, (Bucket, Duration)>,
    networks: HashMap<IpAddr, Bucket>,
    systems: HashMap<u32, Bucket>,
    all: Bucket,
    waiting: Waiting,
    /// Entries at which what is past is forgotten.
    most: usize,
}

/// How full the bucket of somebody is by one measure: each query fills it, and it leaks at the rate that is allowed.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// Up to when it is used up.
    used: Duration,
    /// When the next who has to wait is to come again: those who wait come one after the other, and not all at the
    /// moment at which there is room for one.
    promised: Duration,
}

impl Bucket {
    fn is_past(self, now: Duration) -> bool {
        self.used.max(self.promised) <= now
    }
}

/// One measure: what a query is worth, and how much may be asked at once.
#[derive(Clone, Copy, Debug)]
struct Measure {
    step: Duration,
    burst: u32,
}

impl Measure {
    /// So many a second.
    const fn new(most: u32, burst: u32) -> Self {
        Self { step: Duration::from_nanos(1_000_000_000 / most as u64), burst }
    }

    /// When one more fits, given up to when it is used up.
    fn free_at(self, used: Duration) -> Duration {
        used.saturating_sub(self.step * (self.burst - 1))
    }

    /// When so many fit.
    fn free_for(self, used: Duration, count: u32) -> Duration {
        used.saturating_sub(self.step * self.burst.saturating_sub(count))
    }

    fn used(self, used: Duration, now: Duration) -> Duration {
        used.max(now) + self.step
    }

    /// When somebody who has to wait may come again.
    fn promise(self, bucket: &mut Bucket) -> Duration {
        let at = self.free_at(bucket.used).max(bucket.promised);
        // Where nothing may be asked at once, who comes a little late must not keep the next from being in time.
        let slack = if self.burst == 1 { LATE } else { Duration::ZERO };
        bucket.promised = at + self.step + slack;
        at
    }
}

/// By how much a timer may be late.
const LATE: Duration = Duration::from_millis(5);

const EACH: Measure = Measure::new(1, 1);
/// It holds back what was not planned, so that there are no more in any hour, also with what is planned after it: a
/// third of an hour's worth at once, and half of it in an hour. What was planned is counted when the config is read.
const HOURLY: Measure = Measure { step: STEP, burst: MAX_PER_AND_HOUR / 3 };
/// What one query is worth of it.
const STEP: Duration = Duration::from_secs(HOUR.as_secs() / (MAX_PER_AND_HOUR as u64 / 2));
/// No more of it is used up ahead than an hour may have: for no longer than that is kept from being asked who was asked more.
const MOST_AHEAD: Duration = STEP.saturating_mul(MAX_PER_AND_HOUR);
const NETWORK: Measure = Measure::new(MAX_PER_NETWORK, 1);
const SYSTEM: Measure = Measure::new(MAX_PER_SYSTEM, 5);
const ALL: Measure = Measure::new(MAX_RATE, 20);

impl Ledger {
    /// Writes a query down, if it may be sent now; else says when it may be tried again, or for one besides
    /// [`Duration::MAX`].
    pub(crate) fn ask(
        &mut self,
        now: Duration,
        stranger: Stranger,
        want: Want,
    ) -> Result<(), Duration> {
        let network = network(stranger.address);
        let (each, hourly) = self.resolvers.get(&stranger.address).copied().unwrap_or_default();
        let of_network = self.networks.get(&network).copied().unwrap_or_default();
        let of_system = self.systems.get(&stranger.system).copied().unwrap_or_default();
        if want == Want::Besides && HOURLY.free_at(hourly) > now {
            return Err(Duration::MAX);
        }
        let mut buckets =
            [(EACH, each), (NETWORK, of_network), (SYSTEM, of_system), (ALL, self.all)];
        let slowest = buckets.iter_mut().max_by_key(|(measure, it)| measure.free_at(it.used));
        let later = slowest
            .filter(|(measure, it)| measure.free_at(it.used) > now)
            .map(|(measure, it)| measure.promise(it));
        let mut of_hour = hourly;
        if later.is_none() {
            for (measure, it) in &mut buckets {
                it.used = measure.used(it.used, now);
            }
            if want != Want::Reserved {
                of_hour = HOURLY.used(hourly, now).min(now + MOST_AHEAD);
            }
        }
        let [(_, each), (_, of_network), (_, of_system), (_, all)] = buckets;
        self.resolvers.insert(stranger.address, (each, of_hour));
        self.networks.insert(network, of_network);
        if stranger.system != 0 {
            self.systems.insert(stranger.system, of_system);
        }
        self.all = all;
        self.forget(now);
        later.map_or(Ok(()), Err)
    }

    /// Sets the queries of an errand aside, if the hour has room for all of them, for as many as are to be spared, and for
    /// one of each that waits and whose turn is before.
    pub(crate) fn reserve(
        &mut self,
        now: Duration,
        stranger: Stranger,
        errand: &Errand<'_>,
    ) -> bool {
        let Stranger { address, .. } = stranger;
        let ahead = match errand.spare {
            0 => 0,
            _ => self.waiting.ahead(now, address, errand.zone),
        };
        let (_, hourly) = self.resolvers.entry(address).or_default();
        let wanted = errand.count.saturating_add(errand.spare).saturating_add(ahead);
        let has_room = HOURLY.free_for(*hourly, wanted) <= now;
        if has_room {
            *hourly = (*hourly).max(now) + HOURLY.step * errand.count;
            self.waiting.ask(now, address, errand.zone);
        } else {
            self.waiting.wait(now, address, errand);
        }
        self.forget(now);
        has_room
    }

    /// Gives back what was set aside and was not used.
    pub(crate) fn give_back(&mut self, stranger: Stranger, count: u32) {
        if let Some((_, hourly)) = self.resolvers.get_mut(&stranger.address) {
            *hourly = hourly.saturating_sub(HOURLY.step * count);
        }
    }

    /// Forgets what is used up to no later than now, each time that there is twice as much as was left.
    fn forget(&mut self, now: Duration) {
        if self.resolvers.len() + self.networks.len() + self.systems.len() < self.most.max(1_000) {
            return;
        }
        self.resolvers.retain(|_, (each, hourly)| !each.is_past(now) || *hourly > now);
        self.networks.retain(|_, bucket| !bucket.is_past(now));
        self.systems.retain(|_, bucket| !bucket.is_past(now));
        self.waiting.forget(now);
        self.most = 2 * (self.resolvers.len() + self.networks.len() + self.systems.len());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Twenty sets that ask the same four hundred resolvers of a few networks and systems, each of them forty times
    /// an hour and with a query besides for each, as of a resolver that fails on everything.
    #[test]
    fn an_hour_of_twenty_sets_stays_within_every_measure() {
        let stranger = |number: u32| Stranger {
            address: [11, 0, u8::try_from(number / 40).unwrap(), number.to_le_bytes()[0]].into(),
            system: 1 + number / 200,
        };
        let rounds = (0..20_u32).flat_map(|set| [set * 85, 1_800 + set * 85]);
        let mut waiting: Vec<(Duration, Stranger, Want)> = rounds
            .flat_map(|at| (0..400).map(move |it| (SECOND * at, stranger(it), Want::Planned)))
            .collect();
        let (mut ledger, mut now) = (Ledger::default(), Duration::ZERO);
        let mut sent: BTreeMap<u64, Vec<Stranger>> = BTreeMap::new();
        let (mut planned, mut given_up) = (0, 0);
        while now < HOUR {
            let mut later = Vec::new();
            for (at, stranger, want) in waiting.drain(..) {
                let asked = if at <= now { ledger.ask(now, stranger, want) } else { Err(at) };
                match asked {
                    Ok(()) => {
                        sent.entry(now.as_secs()).or_default().push(stranger);
                        planned += usize::from(want == Want::Planned);
                        if want == Want::Planned {
                            later.push((now + SECOND, stranger, Want::Besides));
                        }
                    }
                    Err(Duration::MAX) => given_up += 1,
                    Err(at) => later.push((at, stranger, want)),
                }
            }
            waiting = later;
            now += Duration::from_millis(500);
        }
        assert!(waiting.is_empty() && given_up > 0);
        assert_eq!(planned, 400 * 40, "what is planned is sent");
        let mut each = BTreeMap::<IpAddr, u32>::new();
        for of_second in sent.values() {
            let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
            let mut count = |of, who| *counts.entry((of, who)).or_default() += 1;
            for stranger in of_second {
                *each.entry(stranger.address).or_default() += 1;
                count("each", stranger.address.to_string());
                count("network", network(stranger.address).to_string());
                count("system", stranger.system.to_string());
            }
            for ((of, who), count) in counts {
                // Of a system: what may come at once, and what there is room for in a second.
                let most = match of {
                    "each" => 1,
                    "network" => 2,
                    _ => 25,
                };
                assert!(count <= most, "{of} {who}: {count}");
            }
        }
        let most = each.values().max().unwrap();
        assert!(*most <= MAX_PER_AND_HOUR && *most > 40, "{most}");
    }

    #[test]
    fn a_query_besides_is_given_up_where_the_hour_is_used_up() {
        let mut ledger = Ledger::default();
        let stranger = Stranger { address: [9, 9, 9, 9].into(), system: 0 };
        for second in 0..20 {
            assert!(ledger.ask(SECOND * second, stranger, Want::Besides).is_ok(), "{second}");
        }
        let now = SECOND * 100;
        assert_eq!(ledger.ask(now, stranger, Want::Besides), Err(Duration::MAX));
        assert!(ledger.ask(now, stranger, Want::Planned).is_ok());
        assert!(ledger.ask(now + 4 * STEP, stranger, Want::Besides).is_ok());
    }

    #[test]
    fn what_belongs_together_has_room_for_all_of_it_or_none() {
        let mut ledger = Ledger::default();
        let stranger = Stranger { address: [9, 9, 9, 9].into(), system: 0 };
        for second in 0..17 {
            assert!(ledger.ask(SECOND * second, stranger, Want::Besides).is_ok(), "{second}");
        }
        let now = SECOND * 17;
        let zone = "a.example".parse().unwrap();
        let errand = |count, spare| Errand { zone: &zone, count, spare, patience: HOUR };
        assert!(!ledger.reserve(now, stranger, &errand(3, 1)), "one is to be left");
        assert!(ledger.reserve(now, stranger, &errand(3, 0)));
        assert!(!ledger.reserve(now, stranger, &errand(1, 0)));
        assert_eq!(ledger.ask(now, stranger, Want::Besides), Err(Duration::MAX));
        for second in 17..20 {
            assert!(ledger.ask(SECOND * second, stranger, Want::Reserved).is_ok());
        }
        assert_eq!(ledger.ask(SECOND * 20, stranger, Want::Besides), Err(Duration::MAX));
        ledger.give_back(stranger, 2);
        assert!(ledger.reserve(SECOND * 20, stranger, &errand(2, 0)));
    }

    #[test]
    fn many_that_wait_for_one_network_come_one_after_the_other() {
        let mut ledger = Ledger::default();
        let mut waiting: std::collections::BTreeSet<(Duration, u8)> =
            (0..128).map(|number| (Duration::ZERO, number)).collect();
        let (mut asked, mut last) = (0_u32, Duration::ZERO);
        while let Some((at, number)) = waiting.pop_first() {
            // A timer is late by a little, and by more now and then.
            last = at + Duration::from_millis(u64::from(asked % 4));
            asked += 1;
            let stranger = Stranger { address: [11, 0, 0, number].into(), system: 7 };
            if let Err(at) = ledger.ask(last, stranger, Want::Planned) {
                assert!(at > last);
                waiting.insert((at, number));
            }
        }
        assert!(asked <= 3 * 128, "{asked}");
        assert!(last <= SECOND * 66, "{last:?}");
    }

    #[test]
    fn who_was_asked_much_is_asked_besides_again_once_it_is_asked_less() {
        let (mut ledger, stranger) =
            (Ledger::default(), Stranger { address: [9, 9, 9, 9].into(), system: 0 });
        let mut now = Duration::ZERO;
        for _ in 0..24 * 40 {
            assert!(ledger.ask(now, stranger, Want::Planned).is_ok());
            now += HOUR / 40;
        }
        assert_eq!(ledger.ask(now, stranger, Want::Besides), Err(Duration::MAX));
        assert!(ledger.ask(now + 2 * HOUR, stranger, Want::Besides).is_ok());
    }

    #[test]
    fn what_is_past_is_forgotten() {
        let mut ledger = Ledger::default();
        for number in 0..100_000_u32 {
            let address = std::net::Ipv4Addr::from(0x0b00_0000 + (number << 8)).into();
            let stranger = Stranger { address, system: number };
            let _ = ledger.ask(SECOND * number, stranger, Want::Planned);
        }
        assert!(ledger.resolvers.len() < 8_000, "{}", ledger.resolvers.len());
        // And so is which zones asked or wait, once they ask no more.
        let zone = "a.example".parse().unwrap();
        let address = |number: u32| std::net::Ipv4Addr::from(0x0b00_0000 + number).into();
        (0..1_000).for_each(|number| ledger.waiting.ask(SECOND, address(number), &zone));
        ledger.waiting.forget(24 * HOUR);
        assert_eq!(ledger.waiting.resolvers(), 1_000);
        ledger.waiting.forget(24 * HOUR + 2 * SECOND);
        assert_eq!(ledger.waiting.resolvers(), 0);
    }
}
