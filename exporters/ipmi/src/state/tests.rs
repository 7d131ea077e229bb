//! What polls leave behind.

use super::*;
use crate::config::Config;
use crate::slow::Power;
use crate::source::samples::{Listed, fan, hd_max};
use crate::verdict::Moment;

fn state(store: Option<Store>, baseline: Vec<Known>) -> BmcState {
    let text = "modules: { default: { user: u, pass: p } }\ntargets: [ { name: a, address: b } ]\n";
    let config: Config = exporter_kit::parse(text, "ipmi.yml").unwrap();
    let bmc = config.wanted(&[]).0.into_values().next().unwrap().work;
    let source = Source::of(&bmc);
    BmcState::new(bmc, Labels::default(), source, store, baseline.into())
}

fn snapshot() -> Snapshot {
    let list = Listed::of(&[hd_max().records(), fan().records()].concat()).list;
    let value = Value { number: 24.0, severity: None };
    let outcomes = vec![Outcome::Read(value), Outcome::Failed(ReadFailure::ScanningDisabled)];
    Snapshot { list: Arc::new(list), outcomes }
}

fn record(state: &BmcState, outcome: Result<Snapshot, PollFailure>) {
    let failed = ReadFailures::default();
    failed.inc(ReadFailure::ScanningDisabled);
    let found = outcome.map(|snapshot| Found { snapshot, readings: Vec::new() });
    state.record(found, &failed, Duration::from_millis(9));
}

#[tokio::test]
async fn a_failed_poll_leaves_no_reading_and_counts_its_reason() {
    let state = state(None, Vec::new());
    record(&state, Ok(snapshot()));
    assert!(state.polled().snapshot.is_some());
    record(&state, Err(PollFailure::NoAnswer));

    let polled = state.polled();
    assert!(polled.snapshot.is_none() && polled.success.is_some());
    assert_eq!(polled.counts.polls, 2);
    assert_eq!(polled.counts.poll_failures.get(PollFailure::NoAnswer), 1);
    // What a poll that failed in the end did not read is no failure of its own.
    assert_eq!(polled.counts.read_failures.get(ReadFailure::ScanningDisabled), 1);
    assert_eq!(state.health.state(), exporter_kit::State::Down("no_answer"));
}

#[tokio::test]
async fn what_a_source_spent_adds_up() {
    let state = state(None, Vec::new());
    let traffic = Traffic { sessions: 1, retries: 2, ..Traffic::default() };
    state.count(&traffic);
    state.count(&traffic);
    let polled = state.polled();
    let total = &polled.counts.traffic;
    assert_eq!((total.sessions, total.retries, total.stale_replies), (2, 4, 0));
}

#[tokio::test]
async fn a_baseline_that_could_not_be_kept_is_kept_later() {
    let folder = tempfile::tempdir().unwrap();
    let later = folder.path().join("later");
    let kept = |directory| crate::baseline::Kept::find(directory, "a", "", true).open();
    let state = state(kept(&later).0, Vec::new());
    let state = Arc::new(state);
    for (exists, sensors) in [(false, 0), (true, 2)] {
        if exists {
            std::fs::create_dir(&later).unwrap();
        }
        record(&state, Ok(snapshot()));
        state.keep();
        // It was written when the next may.
        drop(state.saving.lock().await);
        assert_eq!(kept(&later).1.sensors.len(), sensors);
    }
}

#[tokio::test]
async fn a_disk_that_hangs_holds_up_no_poll() {
    let folder = tempfile::tempdir().unwrap();
    let kept = || crate::baseline::Kept::find(folder.path(), "a", "", true).open();
    let state = Arc::new(state(kept().0, Vec::new()));
    // As while a write does not end.
    let hangs = Arc::clone(&state.saving).lock_owned().await;
    for _ in 0..3 {
        record(&state, Ok(snapshot()));
        state.keep();
    }
    assert_eq!((state.polled().counts.polls, kept().1.sensors.len()), (3, 0));
    drop(hangs);
    state.close().await;
    assert_eq!(kept().1.sensors.len(), 2);
}

/// A BMC whose clock is set by hand, to the thousandth second.
fn timed() -> Arc<BmcState> {
    let second = Mutex::new(Moment::from_seconds(1_000.0));
    Arc::new(state(None, Vec::new()).with_clock(Clock::Set(second)))
}

fn at(state: &BmcState, second: f64) {
    state.clock().set(Moment::from_seconds(second));
}

/// It tells of its main power.
fn faulty(state: &BmcState, main_fault: bool) {
    let rest = (false, false, false);
    let (drive_fault, cooling_fault, intrusion) = rest;
    let power = Power {
        is_on: true,
        main_fault,
        drive_fault,
        cooling_fault,
        intrusion,
        restart_cause: None,
    };
    state.learn(Question::Power, None, Ok(Answer::Power(power)));
}

/// Whether its page says that the main power has failed.
fn is_told(state: &Arc<BmcState>) -> bool {
    let page = crate::metrics::page(Arc::clone(state)).openmetrics();
    page.lines().any(|line| line.starts_with("ipmi_fault_state{") && line.contains("main power"))
}

#[tokio::test]
async fn what_stops_a_machine_is_told_through_failed_polls_for_a_quarter_of_an_hour() {
    let state = timed();
    record(&state, Ok(snapshot()));
    faulty(&state, true);
    assert!(is_told(&state));
    for (second, told) in [(1_060.0, true), (1_899.0, true), (1_900.0, false)] {
        at(&state, second);
        record(&state, Err(PollFailure::NoAnswer));
        assert_eq!(is_told(&state), told, "{second}");
    }
    // It answers again before that, and tells of its power a while later.
    at(&state, 2_000.0);
    record(&state, Ok(snapshot()));
    faulty(&state, true);
    at(&state, 2_100.0);
    record(&state, Err(PollFailure::NoAnswer));
    record(&state, Ok(snapshot()));
    assert!(is_told(&state));
    record(&state, Err(PollFailure::NoAnswer));
    assert!(is_told(&state));
    record(&state, Ok(snapshot()));
    faulty(&state, false);
    assert!(!is_told(&state));
}

#[tokio::test]
async fn what_stops_a_machine_is_told_as_long_while_no_poll_ends() {
    let state = timed();
    record(&state, Ok(snapshot()));
    faulty(&state, true);
    // No poll takes as long as ten minutes.
    for (second, told) in [(1_600.0, true), (1_899.0, true), (1_900.0, false)] {
        at(&state, second);
        assert_eq!(is_told(&state), told, "{second}");
    }
}

#[tokio::test]
async fn polls_that_go_well_now_and_then_keep_no_fault_that_is_not_told_anew() {
    let state = timed();
    record(&state, Ok(snapshot()));
    faulty(&state, true);
    // The power is never reached in between.
    for second in (1_100..=2_500).step_by(100).map(f64::from) {
        at(&state, second);
        record(&state, Err(PollFailure::NoAnswer));
        assert_eq!(is_told(&state), second < 1_900.0, "{second}");
        record(&state, Ok(snapshot()));
        assert_eq!(is_told(&state), second < 1_900.0, "{second}");
    }
    // Told anew, it is as young as that.
    faulty(&state, true);
    for (second, told) in [(3_300.0, true), (3_399.0, true), (3_400.0, false)] {
        at(&state, second);
        record(&state, Err(PollFailure::NoAnswer));
        assert_eq!(is_told(&state), told, "{second}");
    }
}

/// A machine of a CPU and a power supply, neither of which has numbers.
fn discrete() -> Snapshot {
    let limits = std::collections::BTreeMap::new();
    let mut lister = crate::sensor::list::Lister::new(&[], &limits);
    for (name, sensor_type) in [("CPU", "Processor"), ("PSU", "Power Supply")] {
        let known = lister.sensor(name, name, crate::entity::Entity::Other).unwrap();
        lister.discrete(known, sensor_type);
    }
    Snapshot { list: Arc::new(lister.finish(true)), outcomes: Vec::new() }
}

const IERR: &str = "IERR";
const LOST: &str = "power supply input lost";

/// The BMC tells of a part what is wrong with it, if anything is.
fn tells(state: &BmcState, place: usize, states: &[&'static str]) {
    let snapshot = state.snapshot().unwrap();
    let severity = if states.is_empty() { Severity::Nominal } else { Severity::Critical };
    let asserted = crate::slow::Asserted {
        sensor_type: ["Processor", "Power Supply"][place],
        states: states.into(),
        severity: Some(severity),
        worst: states.first().copied(),
        is_confirmed: false,
    };
    let sensor = &snapshot.list.discrete[place];
    state.learn(Question::States(place), Some(sensor), Ok(Answer::States(Some(asserted))));
}

/// An answer to each slow question: the CPU and the supply have failed.
fn tells_all(state: &BmcState) {
    for question in [Question::Power, Question::Log, Question::Watts, Question::Who] {
        state.learn(question, None, Err(PollFailure::Malformed));
    }
    tells(state, 0, &[IERR]);
    tells(state, 1, &[LOST]);
}

/// What the page says of the CPU, of the supply and of every supply; 0 where it says nothing.
fn degrees(state: &Arc<BmcState>) -> [u8; 3] {
    let page = crate::metrics::page(Arc::clone(state)).openmetrics();
    ["\"CPU\"", "\"PSU\"", "\"every power supply\""].map(|name| {
        let is_it = |it: &&str| it.starts_with("ipmi_fault_state{") && it.contains(name);
        let line = page.lines().find(is_it);
        let value = line.map_or("0.0", |it| it.rsplit(' ').next().unwrap());
        value.strip_suffix(".0").unwrap().parse().unwrap()
    })
}

#[tokio::test]
async fn a_poll_that_fails_ends_no_page_of_what_was_read_twice() {
    let state = timed();
    for _ in 0..2 {
        record(&state, Ok(discrete()));
        tells_all(&state);
    }
    let page = [3, 2, 3];
    assert_eq!(degrees(&state), page);
    for _ in 0..3 {
        record(&state, Err(PollFailure::NoAnswer));
        assert_eq!(degrees(&state), page);
        record(&state, Ok(discrete()));
        assert_eq!(degrees(&state), page);
        tells_all(&state);
        // All was told anew, and what was known before is forgotten.
        assert!(state.polled().before.is_none());
        assert_eq!(degrees(&state), page);
        assert!(!state.doubts_states_of(&discrete().list.discrete[0]));
    }
    // It is sure for as long as it holds.
    tells(&state, 0, &[]);
    tells(&state, 0, &[IERR]);
    assert_eq!(degrees(&state), [2, 2, 3]);
}

#[tokio::test]
async fn what_was_read_once_before_polls_failed_is_sure_only_when_it_is_read_twice_after() {
    let state = timed();
    record(&state, Ok(discrete()));
    tells_all(&state);
    let once = [2, 2, 0];
    assert_eq!(degrees(&state), once);
    // A BMC that is started again and again, and asserts something each time that it starts.
    for _ in 0..3 {
        record(&state, Err(PollFailure::NoAnswer));
        assert_eq!(degrees(&state), once);
        record(&state, Ok(discrete()));
        assert_eq!(degrees(&state), once);
        tells_all(&state);
        assert_eq!(degrees(&state), once);
    }
    tells(&state, 1, &[LOST]);
    assert_eq!(degrees(&state), [2, 2, 3]);
    // What was well in between is read once again.
    tells(&state, 0, &[]);
    tells(&state, 0, &[IERR]);
    assert_eq!(degrees(&state), [2, 2, 3]);
    tells(&state, 0, &[IERR]);
    assert_eq!(degrees(&state), [3, 2, 3]);
}

#[tokio::test]
async fn a_question_that_fails_ends_no_page_for_a_quarter_of_an_hour() {
    let state = timed();
    for _ in 0..2 {
        record(&state, Ok(discrete()));
        tells_all(&state);
    }
    let page = [3, 2, 3];
    let sensors = discrete().list.discrete.clone();
    let asked = |place: usize, answer| {
        state.learn(Question::States(place), Some(&sensors[place]), answer);
    };
    asked(0, Err(PollFailure::Timeout));
    assert_eq!(degrees(&state), page);
    // What could not be read is not said to be read.
    assert_eq!(state.polled().slow.states(&sensors[0]), None);
    tells(&state, 0, &[IERR]);
    assert!(state.polled().before.is_none());
    assert_eq!(degrees(&state), page);
    // Both fail for longer than that, one after the other.
    for second in (1_000..=2_300).step_by(100).map(f64::from) {
        at(&state, second);
        record(&state, Ok(discrete()));
        asked(0, Err(PollFailure::Timeout));
        if second < 1_400.0 {
            tells(&state, 1, &[LOST]);
        } else {
            asked(1, Err(PollFailure::Timeout));
        }
        // The CPU was told at 1000, the supply at 1400 last, as far as polls tell.
        let cpu = if second < 1_900.0 { 3 } else { 0 };
        let [supply, every] = if second < 2_300.0 { [2, 3] } else { [0, 0] };
        assert_eq!(degrees(&state), [cpu, supply, every], "{second}");
    }
    // Polls that fail leave both as they are; what says that it has nothing to tell is believed.
    tells_all(&state);
    tells_all(&state);
    asked(0, Err(PollFailure::Timeout));
    record(&state, Err(PollFailure::NoAnswer));
    assert_eq!(degrees(&state), page);
    record(&state, Ok(discrete()));
    asked(0, Ok(Answer::States(None)));
    assert_eq!(degrees(&state), [0, 2, 3]);
}

#[tokio::test]
async fn what_is_to_be_confirmed_stays_in_doubt_while_nobody_answers() {
    let state = timed();
    record(&state, Ok(discrete()));
    tells(&state, 0, &[IERR]);
    let cpu = &discrete().list.discrete[0];
    assert!(state.doubts_states_of(cpu));
    state.learn(Question::States(0), Some(cpu), Err(PollFailure::Busy));
    assert!(state.doubts_states_of(cpu));
    // Nothing is to be confirmed of what could never be read.
    let supply = &discrete().list.discrete[1];
    state.learn(Question::States(1), Some(supply), Err(PollFailure::Busy));
    assert!(!state.doubts_states_of(supply));
    // Two readings in a row: what was read before nobody answered is none of them.
    tells(&state, 0, &[IERR]);
    assert!(state.doubts_states_of(cpu));
    tells(&state, 0, &[IERR]);
    assert!(!state.doubts_states_of(cpu));
}

#[tokio::test]
async fn the_main_power_has_failed_until_it_is_told_that_it_has_not() {
    let state = timed();
    record(&state, Ok(snapshot()));
    faulty(&state, true);
    for _ in 0..2 {
        state.learn(Question::Power, None, Err(PollFailure::Timeout));
        assert!(is_told(&state));
        record(&state, Err(PollFailure::NoAnswer));
        assert!(is_told(&state));
        record(&state, Ok(snapshot()));
    }
    faulty(&state, false);
    assert!(!is_told(&state));
}

/// The one that goes on with it once its account has changed, and its address perhaps.
fn another(state: &Arc<BmcState>, address: &str) -> Arc<BmcState> {
    let text = format!(
        "modules: {{ default: {{ user: u, pass: other }} }}\ntargets: [ {{ name: a, address: {address} }} ]\n"
    );
    let config: Config = exporter_kit::parse(&text, "ipmi.yml").unwrap();
    let bmc = config.wanted(&[]).0.into_values().next().unwrap().work;
    let source = Source::of(&bmc);
    let known = state.hand_over(&Handover::default());
    Arc::new(BmcState::going_on(bmc, Labels::default(), source, known))
}

#[tokio::test]
async fn a_reload_that_changes_how_a_bmc_is_polled_ends_no_page_of_it() {
    let state = timed();
    for _ in 0..2 {
        record(&state, Ok(discrete()));
        tells_all(&state);
    }
    let page = [3, 2, 3];
    let next = another(&state, "b");
    assert_eq!(degrees(&next), page);
    for outcome in [Err(PollFailure::WrongPassword), Ok(discrete())] {
        record(&next, outcome);
        assert_eq!(degrees(&next), page);
    }
    tells_all(&next);
    assert!(next.polled().before.is_none());
    assert_eq!(degrees(&next), page);
    // Polls fail when it is replaced, twice before the BMC is polled again, and a quarter of an hour is that of
    // the BMC's last word.
    record(&next, Err(PollFailure::NoAnswer));
    let last = another(&another(&next, "b"), "b");
    for (second, expected) in [(1_899.0, page), (1_900.0, [0; 3])] {
        at(&last, second);
        record(&last, Err(PollFailure::NoAnswer));
        assert_eq!(degrees(&last), expected, "{second}");
    }
}

/// A machine of two supplies.
fn two_supplies() -> Snapshot {
    let limits = std::collections::BTreeMap::new();
    let mut lister = crate::sensor::list::Lister::new(&[], &limits);
    for name in ["PSU", "PSU 2"] {
        let known = lister.sensor(name, name, crate::entity::Entity::Psu).unwrap();
        lister.discrete(known, "Power Supply");
    }
    Snapshot { list: Arc::new(lister.finish(true)), outcomes: Vec::new() }
}

/// The machine of two supplies, on or not: the first has failed, the second has nothing to tell.
fn tells_of_one(state: &BmcState, is_on: bool) {
    record(state, Ok(two_supplies()));
    let [first, second] = &two_supplies().list.discrete[..] else { unreachable!() };
    let lost = crate::slow::Asserted {
        sensor_type: "Power Supply",
        states: [LOST].into(),
        severity: Some(Severity::Critical),
        worst: Some(LOST),
        is_confirmed: false,
    };
    let power = Power {
        is_on,
        main_fault: false,
        drive_fault: false,
        cooling_fault: false,
        intrusion: false,
        restart_cause: None,
    };
    state.learn(Question::Power, None, Ok(Answer::Power(power)));
    for _ in 0..2 {
        let lost = Ok(Answer::States(Some(lost.clone())));
        state.learn(Question::States(0), Some(first), lost);
    }
    state.learn(Question::States(1), Some(second), Ok(Answer::States(None)));
}

#[tokio::test]
async fn a_supply_that_was_silent_while_the_machine_was_on_carries_nothing_after_a_reload_or_restart()
 {
    let folder = tempfile::tempdir().unwrap();
    let kept = || crate::baseline::Kept::find(folder.path(), "a", "", true).open();
    let simulated = state(None, Vec::new());
    let state = Arc::new(state(kept().0, Vec::new()));
    for state in [&simulated, &*state] {
        record(state, Ok(two_supplies()));
        let well = crate::slow::Asserted {
            sensor_type: "Power Supply",
            states: [].into(),
            severity: Some(Severity::Nominal),
            worst: None,
            is_confirmed: false,
        };
        let second = &two_supplies().list.discrete[1];
        state.learn(Question::States(1), Some(second), Ok(Answer::States(Some(well))));
    }
    for _ in 0..5 {
        tells_of_one(&simulated, true);
        tells_of_one(&state, true);
        assert_eq!(degrees(&state)[2], 0);
    }
    assert_eq!(simulated.unsaved().unwrap().supplies.silent.len(), 1);
    // Whoever ends without a farewell keeps it, too.
    state.keep();
    drop(state.saving.lock().await);
    tells_of_one(&state, false);
    assert_eq!(degrees(&state)[2], 3);
    // A reload, two of them, one before the BMC is polled again.
    let next = another(&another(&state, "b"), "b");
    assert_eq!(degrees(&next)[2], 3);
    tells_of_one(&next, false);
    assert_eq!(degrees(&next)[2], 3);
    // At another address there is another machine.
    let other = another(&next, "c");
    tells_of_one(&other, false);
    assert_eq!(degrees(&other)[2], 0);
    // A restart.
    let on_disk = Handover::of_disk(kept());
    let (bmc, source) = (Arc::clone(&state.bmc), Source::of(&state.bmc));
    let restarted = Arc::new(BmcState::going_on(bmc, Labels::default(), source, on_disk));
    tells_of_one(&restarted, false);
    assert_eq!(degrees(&restarted)[2], 3);
}

#[tokio::test]
async fn a_machine_at_another_address_has_no_faults_of_the_one_before() {
    let state = timed();
    record(&state, Ok(discrete()));
    tells_all(&state);
    assert_eq!(degrees(&another(&state, "b")), [2, 2, 0]);
    assert_eq!(degrees(&another(&state, "c")), [0; 3]);
}

#[tokio::test]
async fn whoever_polls_a_bmc_next_reads_its_event_log_on() {
    let state = timed();
    let next = another(&another(&state, "b"), "b");
    let source = next.source.try_lock().unwrap();
    let reads_on = source.as_ref().unwrap().event_log();
    assert!(reads_on.is(&state.event_log) && next.event_log.is(&state.event_log));
    // At another address is another machine.
    assert!(!another(&next, "c").event_log.is(&state.event_log));
}

#[tokio::test]
async fn what_was_handed_over_outlives_reloads_and_the_process_without_a_poll() {
    let folder = tempfile::tempdir().unwrap();
    let kept = || crate::baseline::Kept::find(folder.path(), "a", "", true).open();
    let state = Arc::new(state(kept().0, Vec::new()));
    record(&state, Ok(snapshot()));
    let mut next = state;
    for _ in 0..2 {
        let on_disk = Handover::of_disk(kept());
        assert_eq!(kept().1, Baseline::default());
        let known = next.hand_over(&on_disk);
        let (bmc, source) = (Arc::clone(&next.bmc), Source::of(&next.bmc));
        next = Arc::new(BmcState::going_on(bmc, Labels::default(), source, known));
        record(&next, Err(PollFailure::WrongPassword));
    }
    next.close().await;
    let baseline = kept().1;
    assert_eq!((baseline.sensors.len(), baseline.standing.is_some()), (2, true));
}

#[tokio::test]
async fn what_a_farewell_has_written_while_the_disk_was_read_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let kept = || crate::baseline::Kept::find(folder.path(), "a", "", true).open();
    let state = Arc::new(state(kept().0, Vec::new()));
    record(&state, Ok(snapshot()));
    let (bmc, labels, leaving) = (Arc::clone(&state.bmc), state.labels(), Leaving::default());
    leaving.add([&state].into_iter());
    let last = Mutex::new(Some(state));
    let known = leaving.known(&bmc, &labels, None, || {
        let read = Handover::of_disk(kept());
        // It is gone before anybody else looks.
        lock(&last).take();
        read
    });
    let source = Source::of(&bmc);
    let next = BmcState::going_on(bmc, Labels::default(), source, known);
    assert_eq!(next.take_unsaved().sensors.len(), 2);
}

#[tokio::test]
async fn nothing_is_accepted_that_was_not_seen() {
    let known = snapshot().list.known.clone();
    let state = state(None, known.iter().map(|known| Known::clone(known)).collect());
    assert_eq!(state.accept_inventory().await.unwrap(), None);
    record(&state, Ok(snapshot()));
    assert_eq!(state.accept_inventory().await.unwrap(), Some(Vec::new()));
}
