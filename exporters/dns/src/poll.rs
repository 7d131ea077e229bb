//! One set of resolvers, swept for ever: the outcomes are judged and published as one snapshot.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use exporter_kit::{Rounds, off_the_thread};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{error, info, warn};

use crate::authority::state::{self as authority, Zones};
use crate::clock::unix_seconds;
use crate::config::{Asked, Plan, Set};
use crate::courtesy::Courtesy;
use crate::kept::Kept;
use crate::outcome::SweepResult;
use crate::progress::Running;
use crate::resolvers::ResolverList;
use crate::standing::Standing;
use crate::state::{Moment, RunningSet, SetState, Snapshot};
use crate::store::{self, Store, memories_of};
use crate::sweep::{self, Sweep};
use crate::ttl;
use crate::verdict::Verdict;

/// For so long a set that begins waits for the look-ups of its names, and then goes on without those that take longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the task of a set knows.
#[derive(Debug)]
struct Known {
    standing: Standing,
    store: Option<Store>,
    /// In the order of whose list it is remembered.
    plan: Arc<Plan>,
    /// What the last sweep gave.
    given: Option<Given>,
}

/// The TTLs of one sweep.
#[derive(Debug)]
struct Given {
    /// By question, and by resolver.
    ttls: Vec<Arc<[u32]>>,
    /// Of which list.
    list: Arc<ResolverList>,
    /// When the sweep began.
    began: Instant,
}

/// Sweeps at the set's interval, from the earliest moment on.
pub(crate) async fn run(
    set: Arc<RunningSet>,
    rounds: Rounds,
    courtesy: Courtesy,
    earliest: Instant,
    store: Option<Store>,
    zones: Arc<Zones>,
) {
    let begun = Arc::clone(&set.state().plan);
    set.state().begins(Moment::Real(Instant::now()));
    // That it takes longer is no error.
    let _ = timeout(PATIENCE, looked_up(&set)).await;
    let state = set.state();
    let (plan, carried) = (Arc::clone(&state.plan), state.latest().memories);
    let is_carried = !carried.is_empty();
    let mut known = load(&plan, store, &courtesy).await;
    if is_carried {
        known.standing = Standing::new(carried.to_vec());
    } else if known.store.is_some() {
        set.state().was_told(known.standing.told(&plan, unix_seconds()));
    }
    let (of_set, memories) = (Arc::clone(&set), Arc::clone(known.standing.memories()));
    off_the_thread(move || of_set.remembers(&plan, &memories)).await;
    sleep_until(earliest).await;
    let mut asked = Arc::clone(&begun.set.list);
    let every = || {
        let Set { name, interval, .. } = &set.state().plan.set;
        rounds.every(*interval, &format!("dns/{name}"))
    };
    let (mut round_of, mut is_idle) = (every(), false);
    loop {
        {
            let mut next = pin!(round_of.next());
            loop {
                tokio::select! {
                    () = &mut next => break,
                    () = set.relabelled() => {
                        let state = set.state();
                        if *known.plan != *state.plan {
                            known = judge_anew(&state, &courtesy, known).await;
                        }
                        if is_idle && !state.next.resolvers.is_empty() {
                            break;
                        }
                    }
                }
            }
        }
        if set.state().next.resolvers.is_empty() {
            set.state().counts.sweep(SweepResult::Failed);
            set.state().health.down("unresolved");
            is_idle = true;
            continue;
        }
        if std::mem::take(&mut is_idle) {
            // Not at the end of an interval in which nobody could be asked.
            round_of = every();
            continue;
        }
        let plan = may_be_asked(&set, &courtesy, &asked).await;
        courtesy.swept(&plan.set.list, plan.pause(sweep::spare_tcp(&plan, &courtesy)));
        asked = Arc::clone(&plan.set.list);
        known = round(&set, (&courtesy, &zones), known, &plan).await;
    }
}

/// Waits until all names of a set were looked up.
async fn looked_up(set: &RunningSet) {
    while set.state().next.is_awaited {
        set.relabelled().await;
    }
}

/// What the next sweep does, once each that it asks may be asked: somebody may have been by others, or by another name.
async fn may_be_asked(
    set: &RunningSet,
    courtesy: &Courtesy,
    asked: &Arc<ResolverList>,
) -> Arc<Plan> {
    loop {
        let plan = set.next_sweep();
        if plan.set.list.asks_as(asked) {
            return plan;
        }
        let (courtesy, list) = (courtesy.clone(), Arc::clone(&plan.set.list));
        let earliest = off_the_thread(move || courtesy.earliest(&list)).await;
        if earliest <= Instant::now() {
            return plan;
        }
        sleep_until(earliest).await;
    }
}

/// What a file remembers of a set.
async fn load(plan: &Arc<Plan>, store: Option<Store>, courtesy: &Courtesy) -> Known {
    let (plan, courtesy) = (Arc::clone(plan), courtesy.clone());
    off_the_thread(move || {
        let (store, standing) = match store.map(|store| store.open(&plan)) {
            Some((store, store::Kept { memories, habits })) => {
                courtesy.take_up(habits, unix_seconds());
                (store, Standing::new(memories))
            }
            None => (None, Standing::default()),
        };
        Known { standing, store, plan, given: None }
    })
    .await
}

/// Sweeps once.
async fn round(
    set: &Arc<RunningSet>,
    (courtesy, zones): (&Courtesy, &Zones),
    mut known: Known,
    swept: &Arc<Plan>,
) -> Known {
    let (began, state) = (Instant::now(), set.state());
    let most = swept.set.list.resolvers.len()
        * swept.queries_per_resolver()
        * (1 + usize::from(swept.set.retries));
    state.progress.begin(Running { began, sent_before: state.counts.sent(), most });
    let sweep = sweep::run(swept, &state.counts, courtesy, unix_seconds()).await;
    state.progress.end();
    // The plan may have become another meanwhile.
    let state = set.state();
    let name = &state.plan.set.name;
    let sweep = match sweep {
        Ok(sweep) => sweep,
        Err(error) => {
            error!(set = name, "sweep failed: {error:#}");
            state.counts.sweep(SweepResult::Failed);
            state.health.down("sweep_failed");
            return known;
        }
    };
    let Sweep { mut kept, ttls, degraded } = sweep;
    let given = Given { ttls, list: Arc::clone(&swept.set.list), began };
    let own = |asked: &Asked| authority::ttls(zones, &asked.name, asked.kind);
    let own: Vec<Vec<u32>> = swept.questions.iter().map(own).collect();
    let seconds = began.elapsed().as_secs_f64();
    let is_other = !swept.set.list.asks_as(&state.plan.set.list);
    if is_other && degraded {
        state.lost(seconds);
        state.counts.sweep(SweepResult::Degraded);
        state.health.down("degraded");
        return known;
    }
    let plan =
        if is_other { Arc::new(state.plan.of(&swept.set.list)) } else { Arc::clone(&state.plan) };
    let (manners, of_plan) = (courtesy.clone(), Arc::clone(&plan));
    let (pinned_at, now) = (state.since, unix_seconds());
    let (known, verdicts, kept) = off_the_thread(move || {
        given.note_oddities(&mut kept, known.given.as_ref(), &own);
        known.given = Some(given);
        let (kept, plan) = (Arc::new(kept), of_plan);
        let of_it = Arc::clone(&kept);
        known.follow(&plan);
        let verdicts = known.standing.swept(&plan, of_it, degraded, pinned_at, now);
        known.save(&plan, &manners);
        (known, verdicts, kept)
    })
    .await;
    let is_changed = |it: &Verdict| it.is_changed && !degraded;
    for (number, _) in verdicts.iter().enumerate().filter(|(_, it)| is_changed(it)) {
        let asked = &state.plan.questions[number];
        info!(
            set = name,
            name = asked.name.as_str(),
            r#type = asked.kind.as_str(),
            "the answer became another one"
        );
        state.counts.consensus_changed(number);
    }
    let silent = verdicts.iter().all(|verdict| verdict.conclusive() == 0);
    let completed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let snapshot = Snapshot { seconds, degraded, verdicts, kept: Some(kept) };
    let (ended, memories) = (Moment::Real(Instant::now()), Arc::clone(known.standing.memories()));
    let (of_set, list) = (Arc::clone(set), Arc::clone(&plan.set.list));
    let state = off_the_thread(move || {
        if is_other {
            of_set.exchange(&list, &memories, snapshot, completed, ended);
            // What it was goes here.
            drop(state);
            return of_set.state();
        }
        state.remembers(memories);
        state.publish(snapshot, completed, ended);
        state
    })
    .await;
    state.counts.sweep(if degraded { SweepResult::Degraded } else { SweepResult::Complete });
    match (degraded, silent) {
        (true, _) => state.health.down("degraded"),
        (false, true) => state.health.down("no_answers"),
        (false, false) => state.health.up(),
    }
    known
}

/// Judges the last sweep by another plan.
async fn judge_anew(state: &Arc<SetState>, courtesy: &Courtesy, mut known: Known) -> Known {
    let (plan, pinned_at, now) = (Arc::clone(&state.plan), state.since, unix_seconds());
    state.was_told_of(&known.standing.told(&plan, now));
    let manners = courtesy.clone();
    let (known, verdicts) = off_the_thread(move || {
        known.follow(&plan);
        let verdicts = known.standing.judged_anew(&plan, pinned_at, now);
        if verdicts.is_some() {
            known.save(&plan, &manners);
        }
        (known, verdicts)
    })
    .await;
    if let Some(verdicts) = verdicts {
        state.remembers(Arc::clone(known.standing.memories()));
        let state = Arc::clone(state);
        off_the_thread(move || state.judged_anew(verdicts)).await;
    }
    known
}

impl Given {
    /// Notes what is odd about the TTLs of a sweep, given those of the one before and what the zones' own servers give.
    fn note_oddities(&self, kept: &mut Kept, before: Option<&Self>, own: &[Vec<u32>]) {
        let before = before.filter(|before| before.list.asks_as(&self.list));
        for (question, (given, own)) in self.ttls.iter().zip(own).enumerate() {
            let before = before.and_then(|it| Some((it.ttls.get(question)?, it.began.elapsed())));
            let oddities = given.iter().enumerate().map(|(at, ttl)| {
                let before = before.as_ref().map(|(ttls, age)| (ttls[at], age.as_secs() + 1));
                (at, ttl::oddities(*ttl, before, own))
            });
            kept.note(question, oddities.filter(|(_, odd)| odd.iter().any(Option::is_some)));
        }
    }
}

impl Known {
    /// Has what is remembered in the order of the list of a plan, where that is another.
    fn follow(&mut self, plan: &Arc<Plan>) {
        if !plan.set.list.asks_as(&self.plan.set.list) {
            let memories = memories_of(&self.plan, self.standing.memories(), plan);
            self.standing = self.standing.in_order(memories);
        }
        self.plan = Arc::clone(plan);
    }

    /// Keeps on disk what is to be remembered. Waits for it.
    fn save(&self, plan: &Plan, courtesy: &Courtesy) {
        let Some(store) = &self.store else { return };
        let habits = || courtesy.remembered(plan.set.list.peers(plan.set.port));
        if let Err(error) = store.save(plan, self.standing.memories(), habits) {
            warn!(set = plan.set.name, "what is remembered is not kept: {error:#}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::courtesy::{Impression, Want};
    use crate::resolvers::ResolverList;

    fn plan(resolvers: &str) -> Plan {
        let text = format!(
            "vantage: {{ name: fra, region: EMEA }}
sets: [{{ name: world, resolvers: [{resolvers}], allow_private: true }}]
questions: [{{ name: a.example }}]
"
        );
        let config: Config = exporter_kit::config::parse(&text, "test.yml").unwrap();
        config.complete(std::path::Path::new(".")).unwrap().plans(&[]).0["world"].clone()
    }

    fn list(resolvers: &str) -> Arc<ResolverList> {
        plan(resolvers).set.list
    }

    fn swept(courtesy: &Courtesy, plan: &Plan) {
        courtesy.swept(&plan.set.list, plan.pause(0));
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_are_not_asked_again_because_of_a_reload() {
        let (courtesy, began) = (Courtesy::default(), Instant::now());
        assert_eq!(courtesy.earliest(&list("9.9.9.9")), began);
        // Two types, each of which a stranger may be asked once a minute.
        swept(&courtesy, &plan("9.9.9.9, 8.8.8.8"));
        swept(&courtesy, &plan("127.0.0.1"));
        let pause = Duration::from_secs(120);
        assert_eq!(courtesy.earliest(&list("1.1.1.1, 8.8.8.8, 127.0.0.1")), began + pause);
        assert_eq!(courtesy.earliest(&list("1.1.1.1, 127.0.0.1")), began);
        tokio::time::advance(pause).await;
        assert_eq!(courtesy.earliest(&list("8.8.8.8")), Instant::now());
    }

    #[tokio::test(start_paused = true)]
    async fn twenty_sets_of_the_same_strangers_that_are_reloaded_each_minute_ask_them_sixty_an_hour()
     {
        let (courtesy, began) = (Courtesy::default(), Instant::now());
        let sets: Vec<Plan> = (0..20).map(|_| plan("9.9.9.9, 8.8.8.8")).collect();
        let mut asked = 0;
        for minute in 1..=5 * 60 {
            // Each of them asks two questions, of whoever may be asked by then.
            let due = sets.iter().filter(|set| courtesy.earliest(&set.set.list) <= Instant::now());
            for set in due.collect::<Vec<_>>() {
                swept(&courtesy, set);
                asked += 2;
            }
            tokio::time::advance(Duration::from_secs(60)).await;
            // What all are owed at once, when the program begins.
            assert!(asked <= 40 + minute, "{asked} by minute {minute}");
        }
        assert!(asked >= 5 * 60, "{asked}");
        // And somebody else, of whom nothing was asked meanwhile, at once.
        assert!(courtesy.earliest(&list("1.1.1.1")) <= Instant::now() && began < Instant::now());
    }

    #[tokio::test(start_paused = true)]
    async fn a_set_of_all_that_twenty_others_have_waits_as_long_as_one_of_its_resolvers_must_and_not_as_all()
     {
        let (courtesy, began) = (Courtesy::default(), Instant::now());
        let sets: Vec<Plan> = (0..20).map(|at| plan(&format!("9.9.{at}.9, 8.8.{at}.8"))).collect();
        let all = (0..20).map(|at| format!("9.9.{at}.9, 8.8.{at}.8")).collect::<Vec<_>>();
        let all = plan(&all.join(", "));
        let pause = Duration::from_secs(120);
        for set in sets.iter().chain([&all]) {
            swept(&courtesy, set);
        }
        // Each was asked by its own and by that of all.
        assert_eq!(courtesy.earliest(&all.set.list), began + 2 * pause);
        assert_eq!(courtesy.earliest(&sets[7].set.list), began + 2 * pause);
        // That one of them was asked oftener is that one's.
        swept(&courtesy, &sets[3]);
        assert_eq!(courtesy.earliest(&all.set.list), began + 3 * pause);
        assert_eq!(courtesy.earliest(&sets[7].set.list), began + 2 * pause);
        // Those that go on meanwhile keep nobody from it.
        tokio::time::advance(3 * pause).await;
        for set in &sets {
            swept(&courtesy, set);
        }
        assert_eq!(courtesy.earliest(&all.set.list), Instant::now() + pause);
    }

    #[tokio::test]
    async fn whoever_measures_does_not_wait_for_who_looks_up_habits() {
        let folder = tempfile::tempdir().unwrap();
        let (plan, store) = (Arc::new(plan("127.0.0.1")), Store::new(folder.path(), "world"));
        let (courtesy, before) = (Courtesy::default(), Courtesy::default());
        let one = [std::net::SocketAddr::from(([127, 0, 0, 1], plan.set.port))];
        before.habits().learn(one.into_iter().map(|it| (it, Impression::Plain)), 7);
        store.save(&plan, &[], || before.remembered(one.into_iter())).unwrap();
        for is_sweep in [false, true] {
            let (held, is_held) = std::sync::mpsc::channel();
            let (let_go, is_let_go) = std::sync::mpsc::channel::<()>();
            let of_it = courtesy.clone();
            let holder = std::thread::spawn(move || {
                let _habits = of_it.habits();
                held.send(()).unwrap();
                is_let_go.recv_timeout(Duration::from_secs(60)).is_ok()
            });
            is_held.recv().unwrap();
            let (plan, courtesy, store) = (Arc::clone(&plan), courtesy.clone(), store.clone());
            let waits = tokio::spawn(async move {
                if is_sweep {
                    let counts = crate::metrics::counts::Counts::new(1, &plan.buckets);
                    sweep::run(&plan, &Arc::new(counts), &courtesy, 7).await.unwrap();
                } else {
                    load(&plan, Some(store), &courtesy).await;
                }
            });
            tokio::time::sleep(Duration::from_millis(200)).await;
            assert!(!waits.is_finished());
            // Nobody is there to receive it where this thread waited.
            let _ = let_go.send(());
            assert!(holder.join().unwrap(), "this thread waited: {is_sweep}");
            waits.await.unwrap();
        }
        assert_eq!(courtesy.remembered(one.into_iter()).count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn two_sets_together_ask_a_stranger_once_a_second_and_their_own_as_they_like() {
        let courtesy = Courtesy::default();
        let of = |text: &str| list(text).resolvers[0];
        let (stranger, own) = (of("9.9.9.9"), of("127.0.0.1"));
        assert_eq!(courtesy.ask(&stranger, Want::Planned), Ok(()));
        assert!(courtesy.clone().ask(&stranger, Want::Planned).is_err());
        assert!((0..100).all(|_| courtesy.ask(&own, Want::Planned).is_ok()));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(courtesy.ask(&stranger, Want::Planned), Ok(()));
    }
}
