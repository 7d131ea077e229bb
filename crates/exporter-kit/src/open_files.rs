//! How many files the process may open, how many of them measuring needs, and what that leaves to the
//! web server and to what is measured on demand.
//!
//! One socket a target needs more than the usual limit of 1,024. Where the limit is low all the same,
//! measuring goes first: a descriptor that a stranger's idle connection holds must not be the one
//! that a measurement lacks. So every target says what it may hold, for as long as it runs
//! ([`Descriptors`]), and what is left changes with the set of targets.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use procfs::process::Process;
use tokio::sync::Notify;
use tracing::warn;

/// Most connections of the web server at once: enough for any number of scrapers.
const MOST: usize = 512;

/// Fewest: room for a pair of scrapers and for someone who looks.
const FEWEST: usize = 4;

/// Most measurements of an on-demand page at once.
const MOST_ON_DEMAND: usize = 200;

/// What a target, or a measurement on demand, may hold at once: its socket, and one that takes its
/// place.
pub(crate) const EACH: usize = 2;

/// For what comes and goes: secret files, lists, the socket that was just taken.
const SPARE: usize = 8;

/// How long new targets wait for connections to be closed, in steps: idle ones are closed at once.
const STEPS: usize = 200;
const STEP: Duration = Duration::from_millis(5);

/// The process has one limit, and so one budget.
pub(crate) static BUDGET: Budget = Budget::unlimited();

/// Whose the descriptors of a process are.
#[derive(Debug)]
pub(crate) struct Budget {
    /// What the limit leaves beside what the process needs to be there at all.
    free: AtomicUsize,
    /// What all targets may hold.
    measuring: AtomicUsize,
    /// How many pages measure on demand.
    pages: AtomicUsize,
    /// What the web server holds.
    connections: AtomicUsize,
    /// Told when there may be fewer connections than before.
    less: Notify,
    /// Whether it was said that the limit is low.
    told: AtomicBool,
}

/// What measuring leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    /// Connections that the web server may hold.
    pub(crate) connections: usize,
    /// Measurements that each on-demand page may make at once.
    pub(crate) on_demand: usize,
}

impl Budget {
    pub(crate) const fn unlimited() -> Self {
        Self {
            free: AtomicUsize::new(usize::MAX),
            measuring: AtomicUsize::new(0),
            pages: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            less: Notify::const_new(),
            told: AtomicBool::new(false),
        }
    }

    /// Begins with what the process may open beside what it has open now: to be called before
    /// anything is measured.
    pub(crate) fn begin(&self) {
        let open = Process::myself().and_then(|process| process.fd_count()).unwrap_or(32);
        let (limit, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.limit_to(limit.saturating_sub(open + SPARE));
    }

    pub(crate) fn limit_to(&self, free: usize) {
        self.free.store(free, Ordering::Relaxed);
    }

    /// Takes in a page that measures on demand.
    pub(crate) fn measures_on_demand(&self) {
        self.pages.fetch_add(1, Ordering::Relaxed);
    }

    /// What is left now.
    pub(crate) fn left(&self) -> Left {
        let measuring = self.measuring.load(Ordering::Relaxed);
        let free = self.free.load(Ordering::Relaxed).saturating_sub(measuring);
        left(free, self.pages.load(Ordering::Relaxed))
    }

    /// Says how many connections there are.
    pub(crate) fn holds(&self, connections: usize) {
        self.connections.store(connections, Ordering::Relaxed);
    }

    /// Waits until there may be fewer connections than before.
    pub(crate) async fn less(&self) {
        self.less.notified().await;
    }

    /// Keeps so many descriptors for targets that are about to start, and waits, though not for ever,
    /// until the web server has given up what it had of them. To be called where a thread may block.
    pub(crate) fn make_room(&'static self, count: usize) -> Descriptors {
        let kept = Descriptors::of(self, count);
        if count == 0 {
            return kept;
        }
        for _ in 0..STEPS {
            if self.has_room() {
                break;
            }
            thread::sleep(STEP);
        }
        kept
    }

    fn has_room(&self) -> bool {
        self.connections.load(Ordering::Relaxed) <= self.left().connections
    }

    /// Warns if the limit is too low for the targets there are, once until it is not.
    pub(crate) fn tell(&self) {
        let measuring = self.measuring.load(Ordering::Relaxed);
        let needed = measuring + FEWEST + EACH * self.pages.load(Ordering::Relaxed);
        let free = self.free.load(Ordering::Relaxed);
        let is_low = free < needed;
        if !self.told.swap(is_low, Ordering::Relaxed) && is_low {
            warn!(
                left = free,
                needed,
                "the limit of open files is low for so many targets: raise it (ulimit -n, LimitNOFILE=)"
            );
        }
    }
}

/// What a number of free descriptors is to the web server and to pages that measure on demand: one
/// half for each where there are such pages, since who asks one holds a connection as well.
fn left(free: usize, pages: usize) -> Left {
    let most = |each: usize| each.clamp(1, MOST_ON_DEMAND);
    let on_demand = free.checked_div(pages * EACH * 2).map_or(MOST_ON_DEMAND, most);
    let connections = free.saturating_sub(pages * on_demand * EACH).clamp(FEWEST, MOST);
    Left { connections, on_demand }
}

/// So many files that something which measures may hold open at once. As long as this is there, the
/// web server leaves them to it.
#[derive(Debug)]
pub struct Descriptors {
    count: AtomicUsize,
    budget: &'static Budget,
}

impl Descriptors {
    /// Keeps so many.
    pub fn new(count: usize) -> Self {
        Self::of(&BUDGET, count)
    }

    fn of(budget: &'static Budget, count: usize) -> Self {
        let kept = Self { count: AtomicUsize::new(0), budget };
        kept.set(count);
        kept
    }

    /// Keeps so many, and waits, though not for long, until the web server has given up what it had of
    /// them.
    pub async fn make_room(count: usize) -> Self {
        let kept = Self::new(count);
        for _ in 0..STEPS {
            if BUDGET.has_room() {
                break;
            }
            tokio::time::sleep(STEP).await;
        }
        kept
    }

    /// Gives so many away, to be kept by somebody else.
    pub(crate) fn give(&self, count: usize) -> Self {
        let left = |kept: usize| Some(kept.saturating_sub(count));
        let kept = self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
        let given = kept.unwrap_or_else(|kept| kept).min(count);
        let theirs = Self { count: AtomicUsize::new(given), budget: self.budget };
        theirs.set(count);
        theirs
    }

    /// Keeps so many from now on.
    pub fn set(&self, count: usize) {
        let before = self.count.swap(count, Ordering::Relaxed);
        if before < count {
            self.budget.measuring.fetch_add(count - before, Ordering::Relaxed);
            self.budget.less.notify_one();
        } else if before > count {
            self.budget.measuring.fetch_sub(before - count, Ordering::Relaxed);
        }
    }
}

impl Drop for Descriptors {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// Raises the soft limit to the hard one, which the administrator has set for that. The soft one is
/// low for the sake of programs that use select(2), which this is not.
pub(crate) fn allow_all() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(soft, hard)| {
        if soft < hard { setrlimit(Resource::RLIMIT_NOFILE, hard, hard) } else { Ok(()) }
    });
    if let Err(error) = raised {
        warn!("the limit of open files stays as it is: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, hard.min(256), hard).unwrap();
        allow_all();
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap(), (hard, hard));
    }

    #[test]
    fn connections_take_what_measuring_leaves() {
        let connections = |free| left(free, 0).connections;
        assert_eq!(connections(usize::MAX), MOST);
        assert_eq!(connections(324), 324);
        assert_eq!(connections(8), 8);
        assert_eq!(connections(0), FEWEST);
    }

    #[test]
    fn what_is_measured_on_demand_fits_beside_the_connections() {
        assert_eq!(left(usize::MAX, 1), Left { connections: MOST, on_demand: MOST_ON_DEMAND });
        assert_eq!(left(624, 1), Left { connections: 312, on_demand: 156 });
        assert_eq!(left(0, 1), Left { connections: FEWEST, on_demand: 1 });
        for free in 6..2_000 {
            for pages in 1..3 {
                let Left { connections, on_demand } = left(free, pages);
                let all = connections + pages * on_demand * EACH;
                assert!(all <= free.max(FEWEST + pages * EACH), "{all} of {free}");
            }
        }
    }

    #[test]
    fn what_a_target_holds_is_kept_as_long_as_it_is_there() {
        static BUDGET: Budget = Budget::unlimited();
        BUDGET.limit_to(100);
        let room = BUDGET.make_room(20);
        assert_eq!(BUDGET.left().connections, 80);
        let kept = Descriptors::of(&BUDGET, 20);
        drop(room);
        assert_eq!(BUDGET.left().connections, 80);
        kept.set(90);
        assert_eq!(BUDGET.left().connections, 10);
        kept.set(4);
        assert_eq!(BUDGET.left().connections, 96);
        drop(kept);
        assert_eq!(BUDGET.left().connections, 100);
    }

    #[test]
    fn new_targets_wait_for_connections_to_go() {
        static BUDGET: Budget = Budget::unlimited();
        BUDGET.limit_to(100);
        BUDGET.holds(95);
        let closes = thread::spawn(|| {
            while BUDGET.left().connections != 40 {
                thread::yield_now();
            }
            BUDGET.holds(40);
        });
        let _room = BUDGET.make_room(60);
        assert_eq!(BUDGET.connections.load(Ordering::Relaxed), 40);
        closes.join().unwrap();
    }
}
