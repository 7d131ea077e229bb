//! A source that is as unlike IPMI as can be, through poll, judgement, page and state file.

use std::sync::Mutex;

use tokio::time::advance;

use super::*;
use crate::baseline::{Baseline, Kept, Store};
use crate::config::{Config, Labels};
use crate::metrics;
use crate::source::scripted::{
    BROKEN, DISCRETE, LATE, MARGIN, SENSORS, SETTING, Script, Scripted, id,
};

const INTERVAL: Duration = Duration::from_secs(30);

fn state(script: &Arc<Mutex<Script>>, store: Option<Store>, baseline: Baseline) -> Arc<BmcState> {
    let text = "modules: { default: { user: u, pass: p, interval: 30s } }\n\
                targets: [ { name: a, address: b } ]\n";
    let config: Config = exporter_kit::parse(text, "ipmi.yml").unwrap();
    let bmc = config.wanted(&[]).0.into_values().next().unwrap().work;
    let source = Source::Scripted(Scripted::new(Arc::clone(script)));
    Arc::new(BmcState::new(bmc, Labels::default(), source, store, baseline))
}

fn page(state: &Arc<BmcState>) -> String {
    metrics::page(Arc::clone(state)).openmetrics()
}

/// The value of the metric's one series with all of these parts.
fn sample(page: &str, metric: &str, parts: &[&str]) -> Option<f64> {
    let is_it = |line: &&str| {
        line.starts_with(&format!("{metric}{{")) && parts.iter().all(|part| line.contains(part))
    };
    let lines: Vec<_> = page.lines().filter(is_it).collect();
    assert!(lines.len() < 2, "{lines:?}");
    lines.first().map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

fn of(metric: &str, place: usize, page: &str) -> Option<f64> {
    sample(page, metric, &[&format!("id=\"{}\"", id(place))])
}

fn is(got: Option<f64>, expected: f64) -> bool {
    got.is_some_and(|got| (got - expected).abs() < 1e-9)
}

/// One poll, and the time until the next.
async fn poll(poller: &mut Poller<'_>) {
    let started = Instant::now();
    poller.poll().await;
    advance(INTERVAL.saturating_sub(started.elapsed())).await;
}

#[tokio::test(start_paused = true)]
async fn half_of_the_sensors_in_turn_are_neither_unreadable_nor_gone() {
    let script = Script::new();
    let state = state(&script, None, Baseline::default());
    let mut poller = Poller::new(&state);
    let celsius = "ipmi_temperature_celsius";

    poll(&mut poller).await;
    let first = page(&state);
    assert!(is(sample(&first, "ipmi_poll_duration_seconds", &[]), LATE.as_secs_f64()));
    // The odd ones had their turn.
    assert!(is(of(celsius, 11, &first), 30.0));
    assert_eq!((of(celsius, 10, &first), of("ipmi_sensor_readable", 10, &first)), (None, None));
    assert!(is(of("ipmi_sensor_readable", BROKEN, &first), 0.0));
    assert!(is(of("ipmi_sensor_present", 10, &first), 1.0));

    poll(&mut poller).await;
    let second = page(&state);
    for place in [10, 11] {
        assert!(is(of(celsius, place, &second), 30.0), "{place}");
        assert_eq!(of("ipmi_sensor_readable", place, &second), None, "{place}");
    }
    assert!(is(of("ipmi_sensor_readable", BROKEN, &second), 0.0));
    // Counted once: in the second poll nobody asked for it.
    let failures = "ipmi_sensor_read_failures_total";
    assert!(is(sample(&second, failures, &["reason=\"http_status\""]), 1.0));
    // Its thresholds change by themselves.
    let threshold = "ipmi_temperature_threshold_celsius";
    assert!(is(of(threshold, 10, &first), 61.0) && is(of(threshold, 10, &second), 62.0));
}

#[tokio::test(start_paused = true)]
async fn a_value_is_shown_until_it_is_two_turns_old() {
    let script = Script::new();
    let state = state(&script, None, Baseline::default());
    let mut poller = Poller::new(&state);
    poll(&mut poller).await;
    script.lock().unwrap().forgotten = Some(11);
    for poll_number in 2..=6 {
        poll(&mut poller).await;
        let shown = of("ipmi_temperature_celsius", 11, &page(&state));
        assert_eq!(shown.is_some(), poll_number <= 4, "{poll_number}: {shown:?}");
    }
    script.lock().unwrap().forgotten = None;
    poll(&mut poller).await;
    assert!(of("ipmi_temperature_celsius", 11, &page(&state)).is_some());
}

#[tokio::test(start_paused = true)]
async fn only_what_was_measured_is_judged() {
    let script = Script::new();
    let state = state(&script, None, Baseline::default());
    let mut poller = Poller::new(&state);
    for _ in 0..60 {
        poll(&mut poller).await;
    }
    assert!(is(sample(&page(&state), "ipmi_verdicts_held", &[]), 0.0));
    // One bay that jumps alone, a minute after it was last asked.
    script.lock().unwrap().jumps = Some((11, 70.0));
    for _ in 0..4 {
        poll(&mut poller).await;
    }
    let page = page(&state);
    assert!(is(of("ipmi_verdict", 11, &page), 2.0), "{page}");
    assert!(of("ipmi_temperature_celsius", MARGIN, &page).is_some());
    assert!(of("ipmi_power_watts", SETTING, &page).is_some());
    assert!(is(of("ipmi_temperature_celsius", DISCRETE, &page), 0.0));
    for place in [MARGIN, SETTING, DISCRETE] {
        assert_eq!(of("ipmi_verdict", place, &page), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sensor_that_misses_every_second_turn_keeps_its_jump() {
    let script = Script::new();
    script.lock().unwrap().is_too_slow = true;
    let state = state(&script, None, Baseline::default());
    let mut poller = Poller::new(&state);
    for _ in 0..60 {
        poll(&mut poller).await;
    }
    // That there was no time for it is told of a sensor, and is nothing that the sensor did.
    assert!(is(of("ipmi_sensor_readable", 11, &page(&state)), 0.0));
    assert!(is(sample(&page(&state), "ipmi_verdicts_held", &[]), 0.0));
    script.lock().unwrap().jumps = Some((11, 70.0));
    for _ in 0..5 {
        poll(&mut poller).await;
    }
    assert!(is(of("ipmi_verdict", 11, &page(&state)), 2.0), "{}", page(&state));
}

#[tokio::test(start_paused = true)]
async fn readings_are_absent_and_the_bmc_is_down_once_no_poll_has_ended_for_longer_than_any_takes()
{
    let script = Script::new();
    let state = state(&script, None, Baseline::default());
    let mut poller = Poller::new(&state);
    for _ in 0..2 {
        poll(&mut poller).await;
    }
    let up = ["collector=\"ipmi\""];
    advance(longest(&state.bmc).saturating_sub(INTERVAL)).await;
    assert!(is(sample(&page(&state), "ipmi_up", &up), 1.0));
    advance(INTERVAL * 2).await;
    let late = page(&state);
    assert!(is(sample(&late, "ipmi_up", &up), 0.0));
    assert_eq!(of("ipmi_temperature_celsius", 11, &late), None);
    poll(&mut poller).await;
    assert!(is(sample(&page(&state), "ipmi_up", &up), 1.0));
}

#[tokio::test(start_paused = true)]
async fn a_page_has_no_series_that_its_source_cannot_have() {
    let script = Script::new();
    let state = state(&script, None, Baseline::default());
    let mut poller = Poller::new(&state);
    for _ in 0..2 {
        poll(&mut poller).await;
    }
    let well = page(&state);
    for absent in ["wrong_password", "get_sdr", "back_off", "stale_replies_total{", "ipmi_sdr_"] {
        let line = well.lines().find(|line| line.contains(absent) && !line.starts_with('#'));
        assert_eq!(line, None, "{absent}");
    }
    // Equal names are two sensors.
    let bay = |line: &&str| line.starts_with("ipmi_sensor_present{") && line.contains("\"Bay 5\"");
    assert_eq!(well.lines().filter(bay).count(), 2);
    assert!(is(sample(&well, "ipmi_sel_entries", &[]), 70_000.0));
    assert!(is(sample(&well, "ipmi_up", &["collector=\"sel\""]), 1.0));
    assert!(is(sample(&well, "ipmi_up", &["collector=\"dcmi\""]), 0.0));

    script.lock().unwrap().failure = Some(PollFailure::Licence);
    poll(&mut poller).await;
    let failed = page(&state);
    let reason = ["reason=\"licence\""];
    assert!(is(sample(&failed, "ipmi_poll_failures_total", &reason), 1.0));
    assert!(is(sample(&failed, "ipmi_session_failures_total", &reason), 1.0));
    assert_eq!(of("ipmi_temperature_celsius", 11, &failed), None);
    assert_eq!(state.health.state(), exporter_kit::State::Down("licence"));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_not_complete_loses_nothing_and_a_whole_one_does() {
    let folder = tempfile::tempdir().unwrap();
    let kept = || Kept::find(folder.path(), "a", "", true).open();
    let script = Script::new();
    let (store, baseline) = kept();
    let before = state(&script, store, baseline);
    let mut poller = Poller::new(&before);
    poll(&mut poller).await;

    script.lock().unwrap().gone = Some(42);
    for _ in 0..5 {
        poll(&mut poller).await;
    }
    assert!(is(of("ipmi_sensor_present", 42, &page(&before)), 1.0));
    assert_eq!(before.accept_inventory().await.unwrap(), None);
    before.close().await;

    // After a restart it is known from the state file, and lost in a list that is whole.
    let (store, baseline) = kept();
    assert_eq!(baseline.sensors.len(), SENSORS);
    script.lock().unwrap().complete = true;
    let after = state(&script, store, baseline);
    let mut poller = Poller::new(&after);
    for _ in 0..2 {
        poll(&mut poller).await;
    }
    assert!(is(of("ipmi_sensor_present", 42, &page(&after)), 0.0));
    let gone = after.accept_inventory().await.unwrap().unwrap();
    assert_eq!(gone.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), [id(42)]);
    assert_eq!(kept().1.sensors.len(), SENSORS - 1);
}
