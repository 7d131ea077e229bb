//! What polls leave behind.

use std::collections::BTreeMap;

use ipmi_lan::SessionError;
use ipmi_lan::sensor::ReadingError;

use super::*;
use crate::sensor::tests::{fan, hd_max};

fn bmc() -> Bmc {
    let text = "modules: { default: { user: u, pass: p } }\ntargets: [ { name: a, address: b } ]\n";
    let config: crate::config::Config = exporter_kit::parse(text, "ipmi.yml").unwrap();
    config.bmcs().remove("a").unwrap()
}

fn snapshot() -> Snapshot {
    let records = [hd_max().records(), fan().records()].concat();
    let sensors = Sensors::of(&records, &[], &BTreeMap::new());
    let reading = Reading { value: 24.0, severity: None };
    let outcomes =
        vec![Ok(Value { reading, slew: None }), Err(ReadingError::ScanningDisabled.into())];
    Snapshot { repository: Arc::new(Repository { sensors, records: 2, complete: true }), outcomes }
}

#[test]
fn a_failed_poll_leaves_no_reading_and_counts_its_reason() {
    let state = BmcState::new(bmc(), None, Vec::new());
    state.record(Ok(snapshot()), Duration::from_millis(9));
    assert!(state.account().snapshot.is_some());
    let failure = PollFailure::Session(SessionError::NoAnswer);
    state.record(Err(failure), Duration::from_millis(9));

    let account = state.account();
    assert!(account.snapshot.is_none() && account.success.is_some());
    assert_eq!((account.polls, account.poll_failures.iter().sum::<u64>()), (2, 1));
    let place = PollFailure::REASONS.iter().position(|it| *it == "no_answer").unwrap();
    assert_eq!(account.poll_failures[place], 1);
    assert_eq!(account.read_failures.iter().sum::<u64>(), 1);
    assert_eq!(state.health.state(), exporter_kit::State::Down("no_answer"));
}

#[test]
fn what_counts_of_a_session_is_what_came_since() {
    let state = BmcState::new(bmc(), None, Vec::new());
    let before = Counters { sessions: 1, retries: 5, stale_replies: 2, ..Counters::default() };
    let now = Counters { sessions: 2, retries: 7, stale_replies: 2, ..Counters::default() };
    state.traffic(before, now, None);
    let account = state.account();
    assert_eq!((account.sessions, account.retries, account.stale_replies), (1, 2, 0));
}

#[test]
fn a_baseline_that_could_not_be_kept_is_kept_later() {
    let folder = tempfile::tempdir().unwrap();
    let later = folder.path().join("later");
    let store = Store::new(&later, "a");
    let state = BmcState::new(bmc(), Some(store.clone()), Vec::new());
    state.record(Ok(snapshot()), Duration::ZERO);
    assert_eq!(store.load().unwrap(), []);
    std::fs::create_dir(&later).unwrap();
    state.record(Ok(snapshot()), Duration::ZERO);
    assert_eq!(store.load().unwrap().len(), 2);
}

#[test]
fn nothing_is_accepted_that_was_not_seen() {
    let known = &snapshot().repository.sensors.known;
    let baseline = known.iter().map(|known| Known::clone(known)).collect();
    let state = BmcState::new(bmc(), None, baseline);
    assert_eq!(state.accept_inventory().unwrap(), None);
    state.record(Ok(snapshot()), Duration::ZERO);
    assert_eq!(state.accept_inventory().unwrap(), Some(Vec::new()));
}
