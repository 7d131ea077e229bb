//! What a config file does to a running exporter, and what is said of one that is wrong.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::process::Command;
use std::thread;

#[path = "tick/running.rs"]
mod running;

use running::Tick;

/// The value of the one series of the clock `a`.
fn ticks(page: &str) -> Option<f64> {
    let line = page.lines().find(|line| line.starts_with("tick_ticks_total{clock=\"a\""))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn a_label_changes_without_a_restart() {
    let config = |labels: &str| format!("clocks: {{a: {{period: 10ms, labels: {{{labels}}}}}}}");
    let tick = Tick::start(&config("env: test"));
    let page = tick.wait_for("/metrics", |page| ticks(page).is_some_and(|ticks| ticks > 100.0));
    assert!(page.contains("{clock=\"a\",env=\"test\"}"), "{page}");

    std::fs::write(tick.file(), config("env: prod, rank: '1'")).unwrap();
    assert_eq!(tick.reload().0, 200);
    let page = tick.wait_for("/metrics", |page| page.contains("env=\"prod\",rank=\"1\""));
    assert!(!page.contains("env=\"test\""), "{page}");
    assert!(ticks(&page).unwrap() > 100.0, "the clock was restarted: {page}");

    // Other work is another clock; the old one is said farewell to.
    std::fs::write(tick.file(), config("env: prod").replace("10ms", "20s")).unwrap();
    assert_eq!(tick.reload().0, 200);
    tick.wait_for_log("clock stopped");
    tick.wait_for("/metrics", |page| ticks(page).is_some_and(|ticks| ticks < 100.0));
}

#[test]
fn a_config_file_that_is_slow_to_read_delays_no_measurement() {
    let config = "clocks: {a: {period: 10ms}}";
    let tick = Tick::start(config);
    std::fs::remove_file(tick.file()).unwrap();
    assert!(Command::new("mkfifo").arg(tick.file()).status().unwrap().success());
    thread::scope(|scope| {
        // Waits until somebody writes into the pipe.
        let reload = scope.spawn(|| tick.reload().0);
        let mut last = None;
        for _ in 0..3 {
            let page = tick.wait_for("/metrics", |page| ticks(page) > last);
            last = ticks(&page);
        }
        assert!(!reload.is_finished());
        std::fs::write(tick.file(), config).unwrap();
        assert_eq!(reload.join().unwrap(), 200);
    });
}
