//! Reloads: what they leave alone, and what they end.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::source::scripted::{Script, Scripted};

/// An exporter whose every target follows one script.
struct Reloaded {
    exporter: IpmiExporter,
    script: Arc<Mutex<Script>>,
    state_directory: Option<PathBuf>,
}

impl Reloaded {
    fn new() -> Self {
        let exporter = IpmiExporter::new(Rounds::default());
        Self { exporter, script: Script::new(), state_directory: None }
    }

    fn reload(&self, targets: &str, interval: &str) {
        let text = format!(
            "modules: {{ default: {{ user: u, pass: p, interval: {interval} }} }}\n\
             targets: [ {targets} ]\n"
        );
        let mut config: Config = exporter_kit::parse(&text, "ipmi.yml").unwrap();
        config.state_directory = self.state_directory.clone();
        let script = |_: &Arc<Bmc>| Source::Scripted(Scripted::new(Arc::clone(&self.script)));
        self.exporter.poll(&mut config, &[], script);
    }

    /// Waits until the one target was polled so often.
    async fn polls(&self, polls: u64) -> Arc<BmcState> {
        loop {
            let state = self.exporter.targets.states().remove(0);
            if state.polled().counts.polls >= polls {
                return state;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Waits until sessions were closed so often.
    async fn closed(&self, closed: u32) {
        while self.script.lock().unwrap().closed < closed {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_label_changes_without_a_new_session_and_no_counter_starts_over() {
    let all = Reloaded::new();
    all.reload("{ name: a, address: b, site: ams, rack: r1, labels: { env: prod } }", "30s");
    let before = all.polls(2).await;
    all.reload("{ name: a, address: b, site: fra, labels: { owner: x y } }", "30s");
    let after = all.polls(3).await;
    assert!(Arc::ptr_eq(&before, &after));
    let script = all.script.lock().unwrap();
    assert_eq!((script.opened, script.closed), (1, 0));
    let page = metrics::page(after).openmetrics();
    let polls = "ipmi_polls_total{target=\"a\",site=\"fra\",owner=\"x y\"} 3";
    assert!(page.contains(polls), "{page}");
    assert!(!page.contains("rack=") && !page.contains("env="), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_changes_or_goes_gives_its_session_back() {
    let all = Reloaded::new();
    all.reload("{ name: a, address: b }", "30s");
    all.polls(1).await;
    all.reload("{ name: a, address: b }", "40s");
    all.closed(1).await;
    all.polls(1).await;
    all.reload("", "40s");
    all.closed(2).await;
    assert_eq!(all.script.lock().unwrap().opened, 2);
}

#[tokio::test(start_paused = true)]
async fn every_session_is_closed_at_the_end_and_a_bmc_that_hangs_holds_nobody_up() {
    let all = Reloaded::new();
    all.reload("{ name: a, address: b }", "30s");
    all.polls(1).await;
    all.exporter.stop().await;
    assert_eq!(all.script.lock().unwrap().closed, 1);

    all.reload("{ name: a, address: b }", "30s");
    all.polls(1).await;
    all.script.lock().unwrap().hangs = true;
    let started = tokio::time::Instant::now();
    all.exporter.stop().await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_polled_in_another_way_goes_on_with_what_it_knows() {
    let all = Reloaded::new();
    all.reload("{ name: a, address: b }", "30s");
    all.polls(40).await;
    all.script.lock().unwrap().jumps = Some((11, 70.0));
    let told = |state: &BmcState| {
        let held = state.verdicts().unwrap_or_default();
        held.iter().filter(|it| it.kind.as_str() == "phantom_temperature").count()
    };
    assert_eq!(told(&*all.polls(45).await), 1);
    // Of one that reads so at first sight nobody could say it.
    all.reload("{ name: a, address: b }", "40s");
    assert_eq!(told(&*all.polls(4).await), 1);
    // So does one that is at another site from then on.
    all.reload("{ name: a, address: b, site: fra }", "45s");
    assert_eq!(told(&*all.polls(4).await), 1);
    // Another address may be that of another machine.
    all.reload("{ name: a, address: c }", "40s");
    assert_eq!(told(&*all.polls(4).await), 0);
}

#[tokio::test(start_paused = true)]
async fn one_that_was_replaced_writes_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Some(folder.path().to_owned());
    let all = Reloaded { state_directory: directory, ..Reloaded::new() };
    all.reload("{ name: a, address: b }", "30s");
    let state = all.polls(3).await;
    let before = std::fs::read(folder.path().join("a.json")).unwrap();
    all.reload("{ name: a, address: b }", "40s");
    all.closed(1).await;
    // Its farewell is over once nobody else has it.
    while Arc::strong_count(&state) > 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(std::fs::read(folder.path().join("a.json")).unwrap(), before);
}

#[tokio::test(start_paused = true)]
async fn one_whose_bmc_hangs_at_the_end_is_kept_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Some(folder.path().to_owned());
    let all = Reloaded { state_directory: directory, ..Reloaded::new() };
    all.reload("{ name: a, address: b }", "30s");
    all.polls(3).await;
    std::fs::remove_file(folder.path().join("a.json")).unwrap();
    all.script.lock().unwrap().hangs = true;
    all.exporter.stop().await;
    assert!(folder.path().join("a.json").exists());
}

#[tokio::test(start_paused = true)]
async fn one_that_comes_back_before_it_is_quite_gone_goes_on_with_what_it_knows() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Some(folder.path().to_owned());
    let all = Reloaded { state_directory: directory, ..Reloaded::new() };
    all.reload("{ name: a, address: b }", "30s");
    all.polls(40).await;
    all.script.lock().unwrap().jumps = Some((11, 70.0));
    let told = |state: &BmcState| {
        let held = state.verdicts().unwrap_or_default();
        held.iter().filter(|it| it.kind.as_str() == "phantom_temperature").count()
    };
    let gone = all.polls(45).await;
    assert_eq!(told(&gone), 1);
    // Its file is as old as from before it is known; its good-bye hangs, and is written later.
    std::fs::remove_file(folder.path().join("a.json")).unwrap();
    all.script.lock().unwrap().hangs = true;
    all.reload("", "30s");
    all.script.lock().unwrap().hangs = false;
    all.reload("{ name: a, address: b }", "30s");
    drop(gone);
    assert_eq!(told(&*all.polls(4).await), 1);
}
