//! BMCs that are asked for, while configs and disks change. Nothing is awaited, so none is ever polled.

use std::cell::Cell;
use std::sync::Weak;

use super::*;
use crate::config::{Config, OnDemandModules};
use crate::metrics::counts::ReadFailures;
use crate::source::samples::{Listed, fan, hd_max};
use crate::state::{Found, Outcome, Snapshot};

/// What there is to do by a module with this password.
fn modules(password: &str) -> OnDemandModules {
    let text = format!(
        "modules: {{ default: {{ user: u, pass: {password} }} }}\n\
         on_demand: {{ allow: [192.0.2.0/24, 127.0.0.0/8] }}\ntargets: []\n"
    );
    let config: Config = exporter_kit::parse(&text, "ipmi.yml").unwrap();
    config.on_demand_modules()
}

fn id(name: &str) -> TargetId {
    TargetId { name: name.to_owned(), module: "default".to_owned(), ..TargetId::default() }
}

fn still(modules: &OnDemandModules, id: &TargetId) -> Option<OnDemandBmc> {
    modules.still(&id.name, &id.module)
}

fn ask(all: &OnDemand, name: &str, password: &str) -> Option<Arc<BmcState>> {
    let modules = modules(password);
    all.ask(&id(name), || still(&modules, &id(name)))
}

/// A poll that finds two sensors.
fn polled(state: &BmcState) {
    let list = Listed::of(&[hd_max().records(), fan().records()].concat()).list;
    let snapshot = Snapshot { list: Arc::new(list), outcomes: vec![Outcome::NotAsked; 2] };
    let found = Found { snapshot, readings: Vec::new() };
    state.record(Ok(found), &ReadFailures::default(), Duration::ZERO);
}

/// How many sensors are known of it.
fn sensors(state: &BmcState) -> usize {
    state.take_unsaved().sensors.len()
}

fn is_free(all: &OnDemand) -> bool {
    all.asked.try_lock().is_ok()
}

#[tokio::test(start_paused = true)]
async fn one_that_nobody_asks_for_is_given_up_after_ten_minutes() {
    let all = Arc::new(OnDemand::default());
    let sweep = tokio::spawn(Arc::clone(&all).sweep());
    let names = || all.targets.states().iter().map(|it| it.bmc.name.clone()).collect::<Vec<_>>();
    let both = ["127.0.0.1", "127.0.0.2"];
    let first = Arc::downgrade(&ask(&all, both[0], "p").unwrap());
    ask(&all, both[1], "p").unwrap();
    sleep(Duration::from_secs(300)).await;
    ask(&all, both[1], "p").unwrap();
    sleep(Duration::from_secs(299)).await;
    assert_eq!(names(), both);
    // Half a minute later all were looked through.
    sleep(Duration::from_secs(32)).await;
    assert_eq!(names(), both[1..]);
    // Its session is closed, and nothing holds it.
    sleep(Duration::from_secs(60)).await;
    assert_eq!(first.strong_count(), 0);
    sleep(Duration::from_secs(208)).await;
    assert_eq!(names(), both[1..]);
    sleep(Duration::from_secs(32)).await;
    assert!(names().is_empty());
    sweep.abort();
}

#[tokio::test]
async fn no_disk_is_read_while_others_are_kept_waiting() {
    let all = OnDemand::default();
    let modules = modules("new");
    let read = Cell::new(0);
    let on_disk = || {
        assert!(is_free(&all));
        read.set(read.get() + 1);
        Handover::default()
    };
    let first = all.ask_with(&id("192.0.2.1"), || still(&modules, &id("192.0.2.1")), on_disk);
    assert!(first.is_some());
    for name in ["192.0.2.2", "192.0.2.3"] {
        ask(&all, name, "old").unwrap();
    }
    // Of the first nothing changes, and the third may not be named any more: it is gone before a disk is read.
    let new = |id: &TargetId| still(&modules, id).filter(|it| it.work.name != "192.0.2.3");
    all.reload_with(new, |of| {
        assert_eq!((of.name.as_str(), all.targets.states().len()), ("192.0.2.2", 2));
        on_disk()
    });
    assert_eq!((read.get(), all.targets.states().len()), (2, 2));
}

#[tokio::test]
async fn who_may_not_be_named_any_more_is_not_polled_for_one_who_asked_before() {
    let all = OnDemand::default();
    let modules = modules("p");
    let (asked, is_allowed) = (id("192.0.2.1"), Cell::new(true));
    let now = || still(&modules, &asked).filter(|_| is_allowed.get());
    let forbid = || {
        is_allowed.set(false);
        Handover::default()
    };
    assert!(all.ask_with(&asked, now, forbid).is_none());
    assert!(all.ask(&asked, now).is_none());
    assert!(all.targets.states().is_empty() && lock(&all.asked).is_empty());
}

#[tokio::test]
async fn one_that_comes_back_before_it_is_quite_gone_goes_on_with_what_it_knows() {
    let all = OnDemand::default();
    polled(&ask(&all, "192.0.2.1", "p").unwrap());
    for password in ["p", "other"] {
        all.reload(None, |_| None);
        assert!(all.targets.states().is_empty());
        // Its good-bye was not even begun.
        let back = ask(&all, "192.0.2.1", password).unwrap();
        assert_eq!(sensors(&back), 2);
    }
    // By another host's name it is another one.
    assert_eq!(sensors(&ask(&all, "192.0.2.2", "p").unwrap()), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn one_that_is_gone_while_the_disk_is_read_goes_on_with_what_it_knows() {
    let all = OnDemand::default();
    let state = ask(&all, "192.0.2.1", "p").unwrap();
    polled(&state);
    let leaving: Weak<_> = Arc::downgrade(&state);
    drop(state);
    all.reload(None, |_| None);
    let modules = modules("p");
    let back = all.ask_with(
        &id("192.0.2.1"),
        || still(&modules, &id("192.0.2.1")),
        || {
            // Until its good-bye is over: who asks holds the last of it.
            while leaving.strong_count() > 1 {
                std::thread::sleep(Duration::from_millis(1));
            }
            Handover::default()
        },
    );
    assert_eq!(sensors(&back.unwrap()), 2);
}
