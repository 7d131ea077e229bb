//! One sweep: every resolver of a set is asked every question, one datagram each.
//!
//! The resolvers are shuffled and dealt to a few workers, each with sockets and a share of the rate
//! of its own. Sockets live for one sweep: the next one has other ports.

mod asked;
mod encrypted;
mod gathered;
mod junk;
mod later;
mod made;
mod schedule;
mod sockets;
mod worker;

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use exporter_kit::off_the_thread;
use rand::seq::SliceRandom as _;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::config::{Asked, MAX_CONNECTIONS, Plan, workers};
use crate::courtesy::{Courtesy, Turn, is_stranger};
use crate::exchange::question::{Edns, Question, Template};
use crate::kept::Kept;
use crate::kind::Kind;
use crate::metrics::counts::Counts;
use crate::nat64::{self, Prefix};
use crate::outcome::LocalError;

use gathered::{Brought, Gathered, passes_control};
use worker::{MOST_UNCHECKED, Worker};

/// Results of the control question that show whether the question itself is good.
const ENOUGH_CONTROLS: usize = 200;

/// Resolvers up to which a list is one that somebody looks after: none of them is left alone for being dead.
const LOOKED_AFTER: usize = 200;

/// Of so many resolvers what they said is looked at while whoever measures may wait for it.
const AT_ONCE: usize = 1_000;

/// What a sweep brought.
#[derive(Debug)]
pub(crate) struct Sweep {
    /// The outcome of each question at each resolver, in the order of the plan. A resolver that failed the control
    /// question may have none.
    pub(crate) kept: Kept,
    /// The TTL of each answer, likewise; [`crate::ttl::NONE`] where there are no records.
    pub(crate) ttls: Vec<Arc<[u32]>>,
    /// Whether so much was lost on this machine that resolvers may look worse than they are.
    pub(crate) degraded: bool,
}

/// What all workers of a sweep share.
#[derive(Debug)]
struct Shared {
    plan: Arc<Plan>,
    /// The questions of the plan, after them the control question if there is one, and that for prefixes.
    templates: Vec<Template>,
    counts: Arc<Counts>,
    courtesy: Courtesy,
    /// How each resolver is asked,
    turns: Vec<Turn>,
    /// and whether without EDNS, which it may show in this sweep.
    plain: Vec<AtomicBool>,
    /// Questions whose answers are asked for over TCP as planned, where they come cut.
    has_tcp: Vec<bool>,
    /// Whether it is known to say an error either way, so that nothing is asked without EDNS besides.
    erring: Vec<bool>,
    /// The number of the question by which a resolver tells its prefix; of whom it is known, and who was asked it today.
    probe: usize,
    prefixes: BTreeMap<usize, Prefix>,
    probed: HashSet<usize>,
    tcp_connections: Semaphore,
    tally: Tally,
    gathered: Mutex<Gathered>,
    began: Instant,
}

impl Shared {
    /// The places in a worker's list of those that may make IPv6 addresses by a prefix of their own, and were not asked for
    /// it today: not more than tell what it is about. Not for the thread that measures, nor is what it waits for held for
    /// long.
    fn may_make(&self, members: &[usize]) -> Vec<usize> {
        let (questions, mut brought) = (made::questions(&self.plan), Brought::default());
        if questions.is_empty() {
            return Vec::new();
        }
        for some in members.chunks(AT_ONCE) {
            self.gathered().note(&questions, some, &mut brought);
        }
        let places: Vec<usize> = (0..members.len()).collect();
        let may = made::may_make(&self.plan, &places, |of, place| brought.outcome(of, place));
        let is_new = |at: &usize| !self.probed.contains(&members[*at]);
        may.into_iter().filter(is_new).take(MOST_UNCHECKED).collect()
    }

    /// What the workers have brought so far.
    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the control question has brought so far, over all workers.
#[derive(Debug, Default)]
struct Tally {
    asked: AtomicUsize,
    passed: AtomicUsize,
}

impl Tally {
    fn add(&self, passed: bool) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.passed.fetch_add(usize::from(passed), Ordering::Relaxed);
    }

    /// Whether the control can be believed when it speaks against a resolver: if it is broken itself,
    /// everybody must be asked.
    fn is_good(&self) -> bool {
        let asked = self.asked.load(Ordering::Relaxed);
        asked >= ENOUGH_CONTROLS && 2 * self.passed.load(Ordering::Relaxed) >= asked
    }
}

/// Asks everybody everything; `now` is in seconds since the epoch. An error means that nobody could be asked.
pub(crate) async fn run(
    plan: &Arc<Plan>,
    counts: &Arc<Counts>,
    courtesy: &Courtesy,
    now: u64,
) -> anyhow::Result<Sweep> {
    let control = plan.set.control.as_ref().map(|name| (name, Kind::A));
    let made = nat64::PROBE.parse().expect("a constant");
    let asked = plan.questions.iter().map(|asked| (&asked.name, asked.kind));
    let asked = asked.chain(control).chain([(&made, Kind::Aaaa)]);
    let (of_plan, manners) = (Arc::clone(plan), courtesy.clone());
    // Others may hold what is remembered for a while: whoever measures does not wait for them.
    let (turns, erring, (prefixes, probed)) = off_the_thread(move || {
        let (turns, erring) = (turns(&of_plan, &manners, now), erring(&of_plan, &manners, now));
        (turns, erring, prefixes(&of_plan, &manners, now))
    })
    .await;
    counts.set_resting(turns.iter().filter(|turn| **turn == Turn::Rest).count());
    let edns = Edns { nsid: plan.set.nsid, ..Edns::default() };
    let shared = Arc::new(Shared {
        plan: Arc::clone(plan),
        templates: asked
            .map(|(name, kind)| {
                let question = Question::recursive(name.clone(), kind.record_type());
                Template::new(&Question { edns: Some(edns), ..question })
            })
            .collect(),
        counts: Arc::clone(counts),
        courtesy: courtesy.clone(),
        plain: turns.iter().map(|turn| AtomicBool::new(*turn == Turn::Plain)).collect(),
        has_tcp: has_tcp(plan, courtesy),
        erring,
        probe: probe(plan),
        prefixes,
        probed,
        tcp_connections: Semaphore::new(MAX_CONNECTIONS),
        tally: Tally::default(),
        gathered: Mutex::new(Gathered::new(plan, &turns)),
        turns,
        began: Instant::now(),
    });

    if let Some(how) = &plan.set.encrypted {
        encrypted::sweep(&shared, how).await?;
        return Ok(off_the_thread(move || end(&shared, 0, now)).await);
    }
    let mut workers = JoinSet::new();
    for worker in deal(&shared) {
        workers.spawn(worker.run());
    }
    let mut lost = 0;
    while let Some(worker) = workers.join_next().await {
        lost += worker??;
    }
    Ok(off_the_thread(move || end(&shared, lost, now)).await)
}

/// Makes a sweep of what the workers brought, and learns from it how resolvers are to be asked.
fn end(shared: &Shared, lost: u64, now: u64) -> Sweep {
    let Shared { plan, courtesy, .. } = shared;
    let gathered = std::mem::take(&mut *shared.gathered());
    let (sweep, learnt) = gathered.end(plan, lost, &shared.prefixes);
    if !sweep.degraded {
        let address = |at: usize| plan.set.list.peer(at, plan.set.port);
        let mut habits = courtesy.habits();
        let shown = learnt.shown.iter().enumerate();
        habits.learn(shown.map(|(at, impression)| (address(at), *impression)), now);
        habits.err(learnt.erring.into_iter().map(address), now);
        let probed = learnt.probed.into_iter().map(address);
        let prefixes = learnt.prefixes.into_iter();
        habits.make(probed, prefixes.map(|(at, prefix)| (address(at), prefix)), now);
        drop(habits);
        let asked = plan.questions.iter().map(|asked| (&asked.name, asked.kind));
        courtesy.note_cut(&plan.set.name, asked.zip(sweep.kept.cut()));
    }
    sweep
}

/// How each resolver is to be asked. In a long list, those that are dead or do not want to be asked are left alone.
fn turns(plan: &Plan, courtesy: &Courtesy, now: u64) -> Vec<Turn> {
    let resolvers = &plan.set.list.resolvers;
    let habits = courtesy.habits();
    let turn = |peer: SocketAddr| {
        let may_rest = resolvers.len() > LOOKED_AFTER && is_stranger(peer.ip());
        habits.turn(peer, may_rest, now)
    };
    plan.set.list.peers(plan.set.port).map(turn).collect()
}

/// How much of the spare TCP of a plan its next sweep has use for.
pub(crate) fn spare_tcp(plan: &Plan, courtesy: &Courtesy) -> usize {
    let has_tcp = has_tcp(plan, courtesy).into_iter().zip(&plan.questions);
    has_tcp.filter(|(has_tcp, asked)| *has_tcp && !asked.kind.is_often_cut()).count()
}

/// Of which questions the whole answers are counted: the types of which they often come cut, and those of which they did,
/// as far as there is room.
fn has_tcp(plan: &Plan, courtesy: &Courtesy) -> Vec<bool> {
    let mut room = plan.spare_tcp;
    let mut has_room = || {
        let has_room = room > 0;
        room = room.saturating_sub(1);
        has_room
    };
    let has_tcp = |asked: &Asked| {
        let is_cut = || courtesy.is_cut(&plan.set.name, &asked.name, asked.kind);
        asked.kind.is_often_cut() || is_cut() && has_room()
    };
    plan.questions.iter().map(has_tcp).collect()
}

/// Who is known to say an error with EDNS, and without.
fn erring(plan: &Plan, courtesy: &Courtesy, now: u64) -> Vec<bool> {
    let habits = courtesy.habits();
    plan.set.list.peers(plan.set.port).map(|peer| habits.errs(peer, now)).collect()
}

/// The number of the question by which a resolver tells its prefix.
fn probe(plan: &Plan) -> usize {
    plan.questions.len() + usize::from(plan.set.control.is_some())
}

/// By which prefix of their own resolvers of a plan make IPv6 addresses, and which of them need not be asked for it.
fn prefixes(
    plan: &Plan,
    courtesy: &Courtesy,
    now: u64,
) -> (BTreeMap<usize, Prefix>, HashSet<usize>) {
    let (habits, mut known, mut probed) = (courtesy.habits(), BTreeMap::new(), HashSet::new());
    if habits.make_none() {
        return (known, probed);
    }
    for (at, peer) in plan.set.list.peers(plan.set.port).enumerate() {
        let Some(made) = habits.made(peer, now) else { continue };
        known.extend(made.prefix.map(|prefix| (at, prefix)));
        probed.extend(made.is_of_today.then_some(at));
    }
    (known, probed)
}

/// How many files a sweep of a plan holds open at most: the sockets of its workers, one for each family,
/// and connections.
pub(crate) fn descriptors(plan: &Plan) -> usize {
    let list = &plan.set.list;
    // As many as names may stand for: they are looked up while the set is swept.
    let resolvers = if list.names > 0 { usize::MAX } else { list.resolvers.len() };
    let queries = resolvers.saturating_mul(plan.queries_per_resolver());
    let workers = workers(queries).min(resolvers);
    2 * workers + MAX_CONNECTIONS.min(resolvers)
}

/// Deals the shuffled resolvers to workers, and staggers the workers so that together they keep the
/// rate.
fn deal(shared: &Arc<Shared>) -> Vec<Worker> {
    let plan = &shared.plan;
    let mut members: Vec<usize> =
        (0..plan.set.list.resolvers.len()).filter(|at| shared.turns[*at] != Turn::Rest).collect();
    members.shuffle(&mut rand::rng());
    let queries = members.len() * plan.queries_per_resolver();
    let workers = workers(queries).min(members.len());
    let step = Duration::from_secs(1) / plan.set.rate;
    let count = u32::try_from(workers).expect("a few workers");
    let hand = |number: u32| {
        let members = members.iter().copied().skip(number as usize).step_by(workers).collect();
        Worker::new(Arc::clone(shared), members, step * number, step * count)
    };
    (0..count).map(hand).collect()
}

/// Counts what could not be done here.
fn local_error(counts: &Counts, error: &std::io::Error) {
    counts.local_error(LocalError::of(error), 1);
}

#[cfg(test)]
mod tests;
