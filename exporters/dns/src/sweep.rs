//! One sweep: every resolver of a set is asked every question, one datagram each.
//!
//! The resolvers are shuffled and dealt to a few workers, each with sockets and a share of the rate
//! of its own. Sockets live for one sweep: the next one has other ports.

mod junk;
mod later;
mod schedule;
mod sockets;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rand::seq::SliceRandom as _;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::answer::{Content, Flag};
use crate::config::{MAX_CONNECTIONS, Plan, workers};
use crate::courtesy::{Courtesy, Impression, Turn, is_stranger};
use crate::exchange::question::{Edns, Question, Template};
use crate::kind::Kind;
use crate::metrics::counts::Counts;
use crate::outcome::{Control, LocalError, Outcome};
use crate::special;

use worker::Worker;

/// Share of the queries that may be lost on this machine before the sweep is called degraded. A
/// single loss changes no verdict; a hundredth of all, on the resolvers of one country, may.
const TOLERATED_LOSS: f64 = 0.01;

/// Results of the control question that show whether the question itself is good.
const ENOUGH_CONTROLS: usize = 200;

/// Resolvers up to which a list is one that somebody looks after: none of them is left alone for being dead.
const LOOKED_AFTER: usize = 200;

/// What a sweep brought.
#[derive(Debug)]
pub(crate) struct Sweep {
    /// The outcome of each question (outer) at each resolver (inner), in the order of the plan. A
    /// resolver that failed the control question may have none.
    pub(crate) outcomes: Vec<Vec<Option<Outcome>>>,
    /// What the control question said of each resolver; empty if none is asked.
    pub(crate) control: Vec<Control>,
    /// The largest TTL of an answer to each question, seconds.
    pub(crate) ttls: Vec<Option<u32>>,
    /// Which of its machines answered, for each resolver; empty if that is not asked.
    pub(crate) nsids: Vec<Option<Box<str>>>,
    /// Whether so much was lost on this machine that resolvers may look worse than they are.
    pub(crate) degraded: bool,
}

/// What one worker brought.
#[derive(Debug, Default)]
struct WorkerReport {
    /// Resolver, question and outcome of every query that was sent.
    outcomes: Vec<(usize, usize, Outcome)>,
    /// Resolver and question of those that failed, and have an answer where they are told not to validate.
    bogus: Vec<(usize, usize)>,
    /// Resolvers that said an error with EDNS, and without.
    erring: Vec<usize>,
    /// Datagrams that the kernel dropped, and that no single peer's junk explains: answers, as far
    /// as we know.
    lost: u64,
}

/// What all workers of a sweep share.
#[derive(Debug)]
struct Shared {
    plan: Arc<Plan>,
    /// The questions of the plan, and after them the control question if there is one.
    templates: Vec<Template>,
    counts: Arc<Counts>,
    courtesy: Courtesy,
    /// How each resolver is asked,
    turns: Vec<Turn>,
    /// and whether without EDNS, which it may show in this sweep.
    plain: Vec<AtomicBool>,
    /// Whether it is known to say an error either way, so that nothing is asked without EDNS besides.
    erring: Vec<bool>,
    tcp_connections: Semaphore,
    tally: Tally,
    began: Instant,
}

impl Shared {
    /// Marks the answers of those that are asked without EDNS for good reason.
    fn flag_the_plain(&self, outcomes: &mut [(usize, usize, Outcome)]) {
        for (resolver, _, outcome) in outcomes {
            if self.turns[*resolver] == Turn::Plain
                && let Outcome::Answer(answer) = outcome
                && answer.content != Content::OtherRcode
            {
                answer.flags.set(Flag::NoEdns);
            }
        }
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
    let asked = plan.questions.iter().map(|asked| (&asked.name, asked.kind)).chain(control);
    let turns = turns(plan, courtesy, now);
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
        erring: erring(plan, courtesy, now),
        turns,
        tcp_connections: Semaphore::new(MAX_CONNECTIONS),
        tally: Tally::default(),
        began: Instant::now(),
    });

    let mut workers = JoinSet::new();
    for worker in deal(&shared) {
        workers.spawn(worker.run());
    }
    let mut report = WorkerReport::default();
    while let Some(worker) = workers.join_next().await {
        let worker = worker??;
        report.outcomes.extend(worker.outcomes);
        report.bogus.extend(worker.bogus);
        report.erring.extend(worker.erring);
        report.lost += worker.lost;
    }
    shared.flag_the_plain(&mut report.outcomes);
    let shown = impressions(plan, &shared.turns, &report.outcomes);
    let errs: Vec<usize> = std::mem::take(&mut report.erring);
    let sweep = collate(plan, &shared.turns, report);
    if !sweep.degraded {
        let address = |at: usize| (plan.set.list.resolvers[at].address, plan.set.port).into();
        let mut habits = courtesy.habits();
        let shown = shown.iter().enumerate();
        habits.learn(shown.map(|(at, impression)| (address(at), *impression)), now);
        habits.err(errs.into_iter().map(address), now);
    }
    Ok(sweep)
}

/// How each resolver is to be asked. In a long list, those that are dead or do not want to be asked are left alone.
fn turns(plan: &Plan, courtesy: &Courtesy, now: u64) -> Vec<Turn> {
    let resolvers = &plan.set.list.resolvers;
    let habits = courtesy.habits();
    let turn = |resolver: &crate::resolvers::Resolver| {
        let may_rest = resolvers.len() > LOOKED_AFTER && is_stranger(resolver.address);
        habits.turn((resolver.address, plan.set.port).into(), may_rest, now)
    };
    resolvers.iter().map(turn).collect()
}

/// Who is known to say an error with EDNS, and without.
fn erring(plan: &Plan, courtesy: &Courtesy, now: u64) -> Vec<bool> {
    let habits = courtesy.habits();
    let resolvers = plan.set.list.resolvers.iter();
    resolvers.map(|it| habits.errs((it.address, plan.set.port).into(), now)).collect()
}

/// How each resolver showed itself, over all questions.
fn impressions(
    plan: &Plan,
    turns: &[Turn],
    outcomes: &[(usize, usize, Outcome)],
) -> Vec<Impression> {
    let mut shown = vec![Impression::None; plan.set.list.resolvers.len()];
    for (resolver, _, outcome) in outcomes {
        let impression = match outcome {
            Outcome::LocalError => Impression::None,
            Outcome::Timeout | Outcome::Unreachable => Impression::Silent,
            Outcome::Answer(answer) if answer.content == Content::Refused => Impression::Refused,
            Outcome::Answer(answer) if answer.flags.has(Flag::NoEdns) => Impression::Plain,
            _ if turns[*resolver] == Turn::Trial => Impression::Tried,
            _ => Impression::Replied,
        };
        shown[*resolver] = shown[*resolver].and(impression);
    }
    shown
}

/// How many files a sweep of a plan holds open at most: the sockets of its workers, one for each family,
/// and connections.
pub(crate) fn descriptors(plan: &Plan) -> usize {
    let resolvers = plan.set.list.resolvers.len();
    let workers = workers(resolvers * plan.queries_per_resolver()).min(resolvers);
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

/// Puts the outcomes in the order of the plan.
fn collate(plan: &Plan, turns: &[Turn], report: WorkerReport) -> Sweep {
    let resolvers = plan.set.list.resolvers.len();
    let mut lost = report.lost;
    // Of one that is left alone, what it said before stands.
    let known = |turn: &Turn| if *turn == Turn::Rest { Control::Resting } else { Control::Unknown };
    let mut control: Vec<Control> = turns.iter().map(known).collect();
    let mut outcomes = vec![vec![None; resolvers]; plan.questions.len()];
    let mut nsids = vec![None; if plan.set.nsid { resolvers } else { 0 }];
    for (resolver, question, mut outcome) in report.outcomes {
        if let Outcome::Answer(answer) = &mut outcome
            && let Some(nsid) = answer.nsid.take()
            && let Some(known) = nsids.get_mut(resolver)
        {
            *known = Some(nsid);
        }
        match outcomes.get_mut(question) {
            Some(of_question) => of_question[resolver] = Some(outcome),
            None => control[resolver] = judged_control(&outcome),
        }
    }
    for (resolver, question) in report.bogus {
        if let Some(Some(Outcome::Answer(answer))) =
            outcomes.get_mut(question).map(|of_question| &mut of_question[resolver])
            && answer.content == Content::Servfail
        {
            answer.content = Content::Bogus;
        }
    }
    let mut ttls = Vec::with_capacity(plan.questions.len());
    for of_question in &mut outcomes {
        let mut told = Vec::new();
        for outcome in of_question.iter_mut().flatten() {
            if let Outcome::Answer(answer) = outcome
                && let Content::Addresses(_) | Content::Records(_) = answer.content
            {
                told.push(std::mem::take(&mut answer.ttl));
            }
        }
        ttls.push(longest(told));
    }
    for of_question in &mut outcomes {
        for (outcome, control) in of_question.iter_mut().zip(&control) {
            match outcome {
                Some(Outcome::LocalError) => lost += 1,
                // Not asked, though it passed: the sweep was cut short.
                None if !control.is_bad() => {
                    *outcome = Some(Outcome::LocalError);
                    lost += 1;
                }
                _ => {}
            }
        }
    }
    let queries = resolvers * plan.queries_per_resolver();
    if plan.set.control.is_none() {
        control.clear();
    }
    let degraded = lost as f64 > queries as f64 * TOLERATED_LOSS;
    Sweep { outcomes, control, ttls, nsids, degraded }
}

/// What the control question's outcome says of the resolver.
fn judged_control(outcome: &Outcome) -> Control {
    match outcome {
        Outcome::LocalError => Control::Unknown,
        Outcome::Timeout => Control::Silent,
        outcome if passes_control(outcome) => Control::Passed,
        Outcome::Answer(answer) => match answer.content {
            Content::Refused => Control::Refused,
            ref content if content.is_conclusive() => Control::Lied,
            _ => Control::Failed,
        },
        _ => Control::Failed,
    }
}

/// Whether the control question's outcome speaks for the resolver. One that was never sent does not
/// speak against it.
fn passes_control(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::LocalError => true,
        Outcome::Answer(answer) => match &answer.content {
            Content::Addresses(addresses) => !addresses.iter().any(|it| special::is_special(*it)),
            _ => false,
        },
        _ => false,
    }
}

/// Counts what could not be done here.
fn local_error(counts: &Counts, error: &std::io::Error) {
    counts.local_error(LocalError::of(error), 1);
}

/// The longest that an answer may be kept, of what resolvers say: the twentieth part of them that says most
/// may make it up, or one of twenty would keep a former answer from ever being wrong.
fn longest(mut ttls: Vec<u32>) -> Option<u32> {
    ttls.sort_unstable_by(|one, other| other.cmp(one));
    ttls.get(ttls.len() / 20).copied()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use tokio::net::UdpSocket;

    use super::*;
    use crate::config::Config;

    /// Resolvers at one port, each of another network, that answer everything with what is cut.
    async fn cutting(count: u8) -> (Vec<IpAddr>, u16) {
        let (mut addresses, mut port) = (Vec::new(), 0);
        for number in 1..=count {
            let address = IpAddr::from([127, 93, number, 1]);
            let socket = UdpSocket::bind((address, port)).await.unwrap();
            port = socket.local_addr().unwrap().port();
            addresses.push(address);
            tokio::spawn(async move {
                let mut buffer = [0; 512];
                loop {
                    let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                    buffer[2] |= 0x82;
                    socket.send_to(&buffer[..length], from).await.unwrap();
                }
            });
        }
        (addresses, port)
    }

    #[tokio::test]
    async fn who_was_asked_too_much_to_be_asked_over_tcp_does_not_fail_on_the_name() {
        let (addresses, port) = cutting(8).await;
        let resolvers: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        let text = format!(
            "vantage: {{ name: fra, region: EMEA }}\n\
             sets: [{{ name: world, resolvers: [{}], port: {port}, allow_private: true, timeout: 500ms, interval: 60s }}]\n\
             questions: [{{ name: a.example, types: [A, TXT] }}]\n",
            resolvers.join(", ")
        );
        let config: Config = exporter_kit::config::parse(&text, "test.yml").unwrap();
        let config = config.complete(std::path::Path::new(".")).unwrap();
        let plan = Arc::new(config.plans(&[]).0["world"].clone());
        let counts = Arc::new(Counts::new(2, &plan.buckets));
        let courtesy = Courtesy::after_asking(&addresses, 40);
        let sweep = run(&plan, &counts, &courtesy, 0).await.unwrap();
        assert!(!sweep.degraded);
        let of = |kind| plan.questions.iter().position(|asked| asked.kind == kind).unwrap();
        let all = |outcome| vec![Some(outcome); 8];
        assert_eq!(sweep.outcomes[of(Kind::A)], all(Outcome::NotAsked));
        // Nobody listens there.
        assert_eq!(sweep.outcomes[of(Kind::Txt)], all(Outcome::Truncated));
    }

    #[test]
    fn few_that_make_up_a_ttl_do_not_decide_how_long_an_answer_lasts() {
        let week = 604_800;
        assert_eq!(longest(vec![]), None);
        assert_eq!(longest(vec![12, 300, 250]), Some(300));
        let mut many: Vec<u32> = (0..1_000).map(|number| number % 301).collect();
        many[7] = week;
        let told = longest(many).unwrap();
        assert!((280..=300).contains(&told), "{told}");
        assert_eq!(longest([vec![300; 28], vec![week]].concat()), Some(300));
    }
}
