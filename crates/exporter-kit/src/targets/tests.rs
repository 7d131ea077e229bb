//! What a reload does to running targets.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;

/// The state of a target: its work, and its labels as they are now.
#[derive(Debug)]
struct State {
    work: u32,
    labels: Mutex<&'static str>,
}

type Set = Targets<u32, State, &'static str>;

fn update(targets: &Set, wanted: &[(&str, u32, &'static str)]) {
    let wanted = wanted
        .iter()
        .map(|(name, work, labels)| ((*name).to_owned(), Wanted { work: *work, labels: *labels }));
    keep(targets, wanted.collect());
}

fn keep<K: Key>(
    targets: &Targets<u32, State, &'static str, K>,
    wanted: BTreeMap<K, Wanted<u32, &'static str>>,
) {
    targets.update(
        wanted,
        |_, wanted| {
            let state = State { work: wanted.work, labels: Mutex::new(wanted.labels) };
            Running::new(Arc::new(state), tokio::spawn(std::future::pending()))
        },
        |state, labels| *state.labels.lock().unwrap() = labels,
    );
}

fn shown(states: &[Arc<State>]) -> Vec<(u32, &'static str)> {
    states.iter().map(|state| (state.work, *state.labels.lock().unwrap())).collect()
}

#[tokio::test]
async fn a_reload_keeps_what_did_not_change() {
    let targets = Targets::default();
    let start = |_: &String, work: u32| {
        Target::new(work, Arc::new(work), tokio::spawn(std::future::pending()))
    };
    targets.apply([("a".into(), 1), ("b".into(), 2)].into(), start);
    let before = targets.states();
    targets.apply([("a".into(), 1), ("b".into(), 3), ("c".into(), 4)].into(), start);
    let after = targets.states();
    assert!(Arc::ptr_eq(&before[0], &after[0]));
    assert_eq!(after.iter().map(|s| **s).collect::<Vec<_>>(), [1, 3, 4]);
}

#[tokio::test]
async fn another_label_restarts_nothing() {
    let targets = Set::default();
    update(&targets, &[("a", 1, "x"), ("b", 2, "x"), ("c", 3, "x")]);
    let before = targets.states();
    update(&targets, &[("a", 1, "y"), ("b", 5, "y"), ("d", 4, "x")]);
    let after = targets.states();
    assert_eq!(shown(&after), [(1, "y"), (5, "y"), (4, "x")]);
    assert!(Arc::ptr_eq(&before[0], &after[0]), "a was restarted");
    assert_eq!(shown(&before)[1], (2, "x"), "b's old state was touched");
    // The labels were remembered: back again is a change again.
    update(&targets, &[("a", 1, "x")]);
    assert_eq!(shown(&targets.states()), [(1, "x")]);
}

#[tokio::test]
async fn a_removed_target_is_stopped() {
    let targets = Targets::default();
    let held = Arc::new(());
    targets.apply([("a".into(), 1)].into(), |_: &String, work| {
        let held = Arc::clone(&held);
        let task = tokio::spawn(async move {
            std::future::pending::<()>().await;
            drop(held);
        });
        Target::new(work, Arc::new(()), task)
    });
    targets.apply(BTreeMap::new(), |_, _| unreachable!("nothing is wanted"));
    while Arc::strong_count(&held) > 1 {
        tokio::task::yield_now().await;
    }
}

/// Notes that a task has ended.
struct Ended(Arc<AtomicBool>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn each_farewell_is_said_once_after_its_task_and_has_an_end() {
    let targets = Targets::<u32, (), ()>::default();
    let said = Arc::new(AtomicUsize::new(0));
    let set = |works: &[u32]| {
        let wanted = works.iter().map(|&work| (work.to_string(), Wanted { work, labels: () }));
        let start = |_: &String, wanted: &Wanted<u32, ()>| {
            let (said, work) = (Arc::clone(&said), wanted.work);
            let ended = Arc::new(AtomicBool::new(false));
            let by_task = Ended(Arc::clone(&ended));
            let task = tokio::spawn(async move {
                std::future::pending::<()>().await;
                drop(by_task);
            });
            Running::new(Arc::new(()), task).with_farewell(move || async move {
                if work == 13 {
                    std::future::pending::<()>().await;
                }
                said.fetch_add(usize::from(ended.load(Ordering::Relaxed)), Ordering::Relaxed);
            })
        };
        targets.update(wanted.collect(), start, |_, ()| {});
    };
    set(&[1, 2, 13]);
    set(&[2, 13]);
    while said.load(Ordering::Relaxed) < 1 {
        tokio::task::yield_now().await;
    }
    // 13 never ends its farewell, and is not waited for.
    targets.close().await;
    assert_eq!(said.load(Ordering::Relaxed), 2);
    assert!(targets.states().is_empty());
}

#[tokio::test]
async fn who_reads_waits_for_no_start() {
    let targets = Set::default();
    let wanted: BTreeMap<_, _> =
        (0..2_000_u32).map(|work| (format!("t{work:04}"), Wanted { work, labels: "" })).collect();
    let start = |_: &String, wanted: &Wanted<u32, &'static str>| {
        // Would wait for ever if the set were held while a target starts.
        let read = u32::try_from(targets.states().len()).unwrap();
        assert!(read <= wanted.work && read + 256 > wanted.work, "{read} of {}", wanted.work);
        let state = State { work: wanted.work, labels: Mutex::new("") };
        Running::new(Arc::new(state), tokio::spawn(std::future::pending()))
    };
    targets.update(wanted, start, |_, _| {});
    assert_eq!(targets.states().len(), 2_000);
}

#[tokio::test]
async fn the_same_work_under_the_same_name_is_the_same_target() {
    type Moving = Targets<u32, State, &'static str, TargetId>;
    let targets = Moving::default();
    let update = |wanted: &[(&str, &str, u32)]| {
        let wanted = wanted.iter().map(|(name, group, work)| {
            let id =
                TargetId { name: (*name).into(), group: (*group).into(), ..TargetId::default() };
            let labels = if group.is_empty() { "none" } else { "some" };
            (id, Wanted { work: *work, labels })
        });
        keep(&targets, wanted.collect());
        targets.states()
    };
    let before = update(&[("a", "", 1), ("b", "", 2)]);
    // `a` gets a group and a namesake; `b` a group and other work.
    let after = update(&[("a", "x", 3), ("a", "y", 1), ("b", "x", 4)]);
    assert_eq!(shown(&after), [(3, "some"), (1, "some"), (4, "some")]);
    assert!(Arc::ptr_eq(&before[0], &after[1]), "a was restarted");
    // Another name is another target, whatever its work.
    let last = update(&[("c", "y", 1)]);
    assert!(!Arc::ptr_eq(&before[0], &last[0]));
}

/// Starts so many targets that hold so many files each, and says what of 100 is left for connections before each start, and after all.
fn left_while_they_start(
    budget: &'static Budget,
    targets: &Set,
    count: u32,
    held: usize,
) -> Vec<usize> {
    let left = Mutex::new(Vec::new());
    let wanted = (0..count).map(|work| (format!("t{work:03}"), Wanted { work, labels: "" }));
    let start = |_: &String, wanted: &Wanted<u32, &'static str>| {
        left.lock().unwrap().push(budget.left().connections);
        let state = State { work: wanted.work, labels: Mutex::new("") };
        Running::new(Arc::new(state), tokio::spawn(std::future::pending()))
    };
    targets.update_with(wanted.collect(), |_| held, start, |_, _| {});
    let mut left = left.into_inner().unwrap();
    left.push(budget.left().connections);
    left
}

#[tokio::test]
async fn what_targets_will_hold_is_theirs_before_they_start_and_once() {
    for (held, left) in [(0, 100), (2, 80), (9, 10)] {
        let budget: &'static Budget = Box::leak(Box::new(Budget::unlimited()));
        budget.limit_to(100);
        let targets = Set::within(budget);
        assert_eq!(left_while_they_start(budget, &targets, 10, held), [left; 11], "{held} each");
        // Those that run keep what they have, and those that go give it back.
        assert_eq!(left_while_they_start(budget, &targets, 10, held), [left]);
        targets.close().await;
        assert_eq!(budget.left().connections, 100);
    }
}
