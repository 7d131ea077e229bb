//! What is owed to the people whose resolvers are asked, over all sets and reloads: how often each of them, its
//! network and its system are asked, and what is remembered of them.

mod habits;
mod ledger;
mod waiting;

pub(crate) use habits::{Habits, Impression, Remembered, Turn, readable};
pub(crate) use ledger::{
    Ledger, MAX_PER_AND_HOUR, MAX_PER_NETWORK, MAX_PER_SYSTEM, MAX_RATE, Stranger, Want,
};
pub(crate) use waiting::Errand;

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::exchange::HostName;
use crate::kind::Kind;
use crate::resolvers::{Resolver, ResolverList};
use crate::special;

/// Of so many resolvers what is remembered is looked up at once: of a million it takes a while, and sweeps begin meanwhile.
const AT_ONCE: usize = 1_000;

const HOUR: Duration = Duration::from_secs(3_600);

/// Why a resolver is not asked now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It may be after so long.
    For(Duration),
    /// Its hour has no room for what was not planned.
    ForThisHour,
}

/// Sweeps of strangers, in the order in which they began.
#[derive(Debug, Default)]
struct Sweeps {
    all: Vec<Swept>,
    /// When the last of them is made up for, if all of them asked the same: no later than that.
    until: Option<Instant>,
}

/// Who was swept, when, and for how long what they may be asked is used up by that.
#[derive(Clone, Debug)]
struct Swept {
    list: Arc<ResolverList>,
    began: Instant,
    pause: Duration,
}

/// The manners of one exporter.
#[derive(Clone, Debug)]
pub(crate) struct Courtesy(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Times in the ledger are counted from here,
    began: Instant,
    /// so many times as fast: once, but in tests.
    pace: u32,
    /// To whom it is owed.
    is_owed: fn(IpAddr) -> bool,
    ledger: Mutex<Ledger>,
    habits: Mutex<Habits>,
    /// The sweeps of strangers that have just been made: a reload that starts a set anew does not ask them
    /// again before they may be asked.
    swept: Mutex<Sweeps>,
    /// Whose answers came cut in the last sweep of each set that had any: the resolvers of one may say less than those of
    /// another.
    cut: Mutex<HashMap<String, HashSet<(HostName, Kind)>>>,
    /// Until when each server is to be left alone that was asked on behalf of subnets: as of sweeps.
    servers: Mutex<HashMap<IpAddr, Instant>>,
}

impl Shared {
    fn new(is_owed: fn(IpAddr) -> bool) -> Self {
        Self {
            began: Instant::now(),
            pace: 1,
            is_owed,
            ledger: Mutex::default(),
            habits: Mutex::default(),
            swept: Mutex::default(),
            cut: Mutex::default(),
            servers: Mutex::default(),
        }
    }

    /// What the ledger's clock says.
    fn now(&self) -> Duration {
        self.began.elapsed() * self.pace
    }
}

impl Default for Courtesy {
    fn default() -> Self {
        Self(Arc::new(Shared::new(is_stranger)))
    }
}

impl Courtesy {
    /// Manners owed to everybody, this machine included, where these were asked so often just now.
    #[cfg(test)]
    pub(crate) fn after_asking(addresses: &[IpAddr], times: u32) -> Self {
        let second = Duration::from_secs(1);
        let mut ledger = Ledger::default();
        for time in 0..times {
            for address in addresses {
                let stranger = Stranger { address: *address, system: 0 };
                ledger.ask(second * time, stranger, Want::Planned).expect("one a second");
            }
        }
        let began =
            Instant::now().checked_sub(second * times).expect("a machine that has run so long");
        Self(Arc::new(Shared { began, ledger: Mutex::new(ledger), ..Shared::new(|_| true) }))
    }

    /// The same, for which time goes so many times as fast.
    #[cfg(test)]
    pub(crate) fn hurried(pace: u32) -> Self {
        Self(Arc::new(Shared { pace, ..Shared::new(|_| true) }))
    }

    /// Writes down that a resolver is asked now, if it may be. Whoever is on this machine or in this network
    /// is asked as the config says.
    pub(crate) fn ask(&self, resolver: &Resolver, want: Want) -> Result<(), Refusal> {
        if !(self.0.is_owed)(resolver.address) {
            return Ok(());
        }
        let now = self.0.now();
        let stranger = Stranger { address: resolver.address, system: resolver.asn };
        lock(&self.0.ledger).ask(now, stranger, want).map_err(|at| match at {
            Duration::MAX => Refusal::ForThisHour,
            at => Refusal::For(at.saturating_sub(now) / self.0.pace),
        })
    }

    /// Sets the queries of an errand to a resolver of others aside; nothing if its hour has no room for all of them, or it
    /// is somebody else's turn.
    pub(crate) fn reserve(&self, address: IpAddr, errand: &Errand<'_>) -> Option<Room> {
        let stranger = Stranger { address, system: 0 };
        let has_room = lock(&self.0.ledger).reserve(self.0.now(), stranger, errand);
        has_room.then(|| Room { courtesy: self.clone(), stranger, left: errand.count })
    }

    /// Whether an address is somebody's to whom manners are owed.
    pub(crate) fn is_owed(&self, address: IpAddr) -> bool {
        (self.0.is_owed)(address)
    }

    /// What outlives the process of these resolvers, looked up as it is taken.
    pub(crate) fn remembered(
        &self,
        mut resolvers: impl Iterator<Item = SocketAddr>,
    ) -> impl Iterator<Item = Remembered> {
        let some = move || {
            let some: Vec<_> = resolvers.by_ref().take(AT_ONCE).collect();
            (!some.is_empty()).then(|| self.habits().of(some.into_iter()))
        };
        std::iter::from_fn(some).flatten()
    }

    /// Takes up what was known when the process ended.
    pub(crate) fn take_up(&self, remembered: Vec<Remembered>, now: u64) {
        self.habits().reserve(remembered.len());
        let mut remembered = remembered.into_iter();
        while remembered.len() > 0 {
            self.habits().take_up(remembered.by_ref().take(AT_ONCE), now);
        }
    }

    /// What is remembered of resolvers: not for the thread that measures, which waits for nobody.
    pub(crate) fn habits(&self) -> MutexGuard<'_, Habits> {
        lock(&self.0.habits)
    }

    /// Notes which questions of a set come cut, so that they are asked for over TCP as planned; nothing new of those that
    /// nobody answered.
    pub(crate) fn note_cut<'a>(
        &self,
        set: &str,
        asked: impl Iterator<Item = ((&'a HostName, Kind), Option<bool>)>,
    ) {
        let mut all = lock(&self.0.cut);
        let before = all.remove(set).unwrap_or_default();
        let own = |(name, kind): (&HostName, Kind)| (name.clone(), kind);
        let cut = asked.map(|(asked, is_cut)| (own(asked), is_cut));
        let is_cut = |asked: &_, is_cut: Option<bool>| is_cut.unwrap_or(before.contains(asked));
        let cut: HashSet<_> = cut.filter(|(it, is)| is_cut(it, *is)).map(|(it, _)| it).collect();
        if !cut.is_empty() {
            all.insert(set.to_owned(), cut);
        }
    }

    /// Whether the answers to a question of a set came cut when it was asked last.
    pub(crate) fn is_cut(&self, set: &str, name: &HostName, kind: Kind) -> bool {
        lock(&self.0.cut).get(set).is_some_and(|cut| cut.contains(&(name.clone(), kind)))
    }

    /// Forgets what came cut of sets that are no more.
    pub(crate) fn keep_sets(&self, is_kept: impl Fn(&str) -> bool) {
        lock(&self.0.cut).retain(|set, _| is_kept(set));
    }

    /// A sweep of this list begins, which uses up what strangers in it may be asked for so long.
    pub(crate) fn swept(&self, list: &Arc<ResolverList>, pause: Option<Duration>) {
        let Some(pause) = pause else { return };
        let began = Instant::now();
        let mut swept = lock(&self.0.swept);
        if swept.until.is_none_or(|until| until <= began) {
            swept.all.clear();
        }
        // One that is so long ago is made up for by itself, whatever came since.
        swept.all.retain(|it| it.began + it.pause.max(HOUR) > began);
        swept.until = Some(swept.until.map_or(began, |until| until.max(began)) + pause);
        swept.all.push(Swept { list: Arc::clone(list), began, pause });
    }

    /// A sweep over subnets begins, which uses up what their server may be asked for so long.
    pub(crate) fn server_swept(&self, server: IpAddr, pause: Duration) {
        let now = Instant::now();
        let mut servers = lock(&self.0.servers);
        servers.retain(|_, until| *until > now);
        if is_stranger(server) {
            let until = servers.entry(server).or_insert(now);
            *until = (*until).max(now) + pause;
        }
    }

    /// When a sweep over subnets that is new may begin: when its server may be asked again.
    pub(crate) fn server_earliest(&self, server: IpAddr) -> Instant {
        let now = Instant::now();
        lock(&self.0.servers).get(&server).copied().map_or(now, |until| until.max(now))
    }

    /// When a set that is new may be swept for the first time: when all of its resolvers that are
    /// strangers may be asked again. Each sweep that asked one of them takes that one's time, whichever set it was of, and
    /// nobody else's.
    pub(crate) fn earliest(&self, list: &ResolverList) -> Instant {
        let now = Instant::now();
        // Not while the list is gone through.
        let swept = lock(&self.0.swept).all.clone();
        if swept.is_empty() {
            return now;
        }
        let places: HashMap<IpAddr, usize> = list.strangers().zip(0..).collect();
        let mut until: Vec<Option<Instant>> = vec![None; list.strangers().count()];
        // Most are of the same list.
        let mut known: HashMap<*const ResolverList, Vec<usize>> = HashMap::new();
        for Swept { list: other, began, pause } in &swept {
            let shared = known.entry(Arc::as_ptr(other)).or_insert_with(|| {
                other.strangers().filter_map(|it| places.get(&it).copied()).collect()
            });
            for place in &*shared {
                let before = &mut until[*place];
                *before = Some(before.map_or(*began, |it| it.max(*began)) + *pause);
            }
        }
        until.into_iter().flatten().max().map_or(now, |until| until.max(now))
    }
}

/// What was set aside of a resolver's hour. What is not used is given back.
#[derive(Debug)]
pub(crate) struct Room {
    courtesy: Courtesy,
    stranger: Stranger,
    left: u32,
}

impl Room {
    /// Writes down that the resolver is asked now, if it may be at this moment, or says after how long it may.
    pub(crate) fn ask(&mut self) -> Result<(), Refusal> {
        if self.left == 0 {
            return Err(Refusal::ForThisHour);
        }
        let Stranger { address, system: asn } = self.stranger;
        let asked = Resolver { address, country: 0, network: 0, asn };
        self.courtesy.ask(&asked, Want::Reserved)?;
        self.left -= 1;
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        lock(&self.courtesy.0.ledger).give_back(self.stranger, self.left);
    }
}

/// Whether an address is somebody's whom politeness is owed.
pub(crate) fn is_stranger(address: IpAddr) -> bool {
    !special::is_special(address)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_of_many_is_looked_up_and_taken_up_whole_and_while_others_may() {
        let list = |count: u32| (0..count).map(|at| SocketAddr::from((at.to_be_bytes(), 53)));
        for count in [0, 1, 999, 1_000, 1_001, 2_500] {
            let courtesy = Courtesy::default();
            let shown = list(count).map(|it| (it, Impression::Plain));
            courtesy.habits().learn(shown, 7);
            let asked = list(count).inspect(|_| assert!(courtesy.0.habits.try_lock().is_ok()));
            let kept: Vec<_> = courtesy.remembered(asked).collect();
            assert_eq!(kept.len(), count as usize);
            let after = Courtesy::default();
            after.take_up(kept.clone(), 8);
            assert!(after.remembered(list(count)).eq(kept));
        }
    }

    #[test]
    fn what_comes_cut_is_known_of_each_set_and_as_long_as_it_asks() {
        let courtesy = Courtesy::default();
        let names: [HostName; 2] = ["a.example", "b.example"].map(|name| name.parse().unwrap());
        let note = |set: &str, cut: &[Option<bool>]| {
            courtesy.note_cut(set, names.iter().map(|it| (it, Kind::A)).zip(cut.iter().copied()));
        };
        let cut = |set: &str| names.each_ref().map(|it| courtesy.is_cut(set, it, Kind::A));
        note("world", &[Some(true), Some(true)]);
        note("own", &[Some(false), Some(false)]);
        assert_eq!((cut("world"), cut("own")), ([true; 2], [false; 2]));
        note("world", &[None, Some(false)]);
        assert_eq!(cut("world"), [true, false], "nobody answered the first");
        note("world", &[]);
        assert_eq!(cut("world"), [false; 2], "it is asked no more");
        note("world", &[Some(true)]);
        courtesy.keep_sets(|set| set == "own");
        assert!(lock(&courtesy.0.cut).is_empty());
    }
}
