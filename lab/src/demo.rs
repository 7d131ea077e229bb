//! Playing the replays in the running world, with a commentary, and judging what came of each.

pub mod inspection;

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep};

use crate::replay::Replay;
use crate::sink::Mark;
use crate::sink::notification::{Alert, Channel, Notification, Status};
use crate::verdict::{Verdict, judge, result_line};
use crate::world::World;

/// After the last expected notification, for how long one too many is watched for.
const SETTLE: Duration = Duration::from_secs(20);
/// How often the commentary looks.
const LOOK: Duration = Duration::from_millis(250);
/// How long the world may take to be quiet again before a replay.
const CALM_LIMIT: Duration = Duration::from_secs(900);

/// How often what nobody is told is looked at.
const LOOK_INSIDE: Duration = Duration::from_secs(1);
/// For how long after the last expected notification an alert that must not be under way is looked for: longer than the
/// rules' interval.
const LINGER: Duration = Duration::from_secs(45);

/// The alerts that say that nothing can be said, and so silence others.
const SILENCERS: [&str; 2] = ["LatencyMonitoringBlind", "DnsSweepDegraded"];

/// What became of one replay.
#[derive(Debug)]
pub struct Outcome {
    /// The replay.
    pub replay: Replay,
    /// What was notified, and what was wrong with it.
    pub verdict: Verdict,
}

impl Outcome {
    /// The line that sums it up, for people and for programs.
    pub fn line(&self) -> String {
        result_line(self.replay.name, &self.replay.expectation, &self.verdict)
    }
}

/// Plays replays one after the other.
pub async fn play_in_turn(world: &World, replays: Vec<Replay>) -> anyhow::Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for replay in replays {
        outcomes.push(play(world, replay).await?);
    }
    Ok(outcomes)
}

/// Plays lanes of stages of replays: lanes side by side, stages in turn, a stage's replays at once.
pub async fn play_in_lanes(
    world: &World,
    lanes: Vec<Vec<Vec<Replay>>>,
) -> anyhow::Result<Vec<Outcome>> {
    let lanes = lanes.into_iter().map(async |stages| {
        let mut outcomes = Vec::new();
        for stage in stages {
            let played = stage.into_iter().map(|replay| play(world, replay));
            outcomes.extend(try_join_all(played).await?);
        }
        anyhow::Ok(outcomes)
    });
    Ok(try_join_all(lanes).await?.into_iter().flatten().collect())
}

/// The alerts that were notified and that none of the replays accounts for.
pub fn unexplained(world: &World, outcomes: &[Outcome]) -> Vec<String> {
    let mut names = Vec::new();
    for notification in world.sink().since(Mark::default()) {
        if notification.channel == Channel::Watchdog {
            continue;
        }
        for alert in notification.alerts.iter().filter(|alert| alert.status == Status::Firing) {
            let explained = outcomes.iter().any(|one| one.replay.concern.covers(alert));
            let name = format!("{} ({})", alert.name(), alert.place());
            if !explained && !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

/// Plays one replay: waits until nothing of its kind fires any more, breaks something, tells what is
/// notified and when, judges, and mends.
async fn play(world: &World, replay: Replay) -> anyhow::Result<Outcome> {
    let name = replay.name;
    calm(world, &replay).await?;
    ready(world, &replay).await?;
    say(name, replay.story);
    let mark = world.sink().mark();
    let started = SystemTime::now();
    replay
        .fault
        .begin(&world.simulation, Some(world.homing()))
        .await
        .with_context(|| format!("beginning {name}"))?;
    // The fault counts from when it was done, the alerts from when it was begun.
    let broken = Instant::now();
    let mut due: Vec<String> = replay.expectation.must.iter().map(ToString::to_string).collect();
    due.extend(replay.homing.iter().map(|it| format!("where {} lives", it.target)));
    let untold = replay.untold.and_then(|it| it.due);
    due.extend(untold.map(|(name, _)| format!("{name}, which nobody is told yet")));
    let due = if due.is_empty() {
        "nothing may be notified".to_owned()
    } else {
        format!("due: {}", due.join(", "))
    };
    say(name, &format!("+0.0 s  it is done; {due}"));

    let verdict = follow(world, &replay, mark, started, broken).await?;
    for problem in &verdict.problems {
        say(name, &format!("NOT AS EXPECTED: {problem}"));
    }
    replay
        .fault
        .end(&world.simulation, Some(world.homing()))
        .await
        .with_context(|| format!("ending {name}"))?;
    say(name, "mended");
    let outcome = Outcome { replay, verdict };
    println(&outcome.line());
    Ok(outcome)
}

/// Tells of each notification as it arrives, until the verdict cannot change for the better.
async fn follow(
    world: &World,
    replay: &Replay,
    mark: Mark,
    started: SystemTime,
    broken: Instant,
) -> anyhow::Result<Verdict> {
    let mut told = 0;
    let mut mended = false;
    let mut inside = Inside::default();
    // Since when everything that must be notified was.
    let mut notified_at = replay.expectation.must.is_empty().then_some(broken);
    loop {
        let arrived = world.sink().since(mark);
        for notification in &arrived[told..] {
            tell(replay, notification, started);
        }
        told = arrived.len();
        let mut verdict =
            judge(&replay.expectation, started, &arrived, |alert| replay.concern.covers(alert));
        let elapsed = broken.elapsed();
        if verdict.is_complete {
            notified_at.get_or_insert_with(Instant::now);
        }
        inside.look(world, replay, elapsed).await?;
        let settle = match (&replay.untold, replay.expectation.must.is_empty()) {
            (Some(untold), _) if !untold.never.is_empty() => LINGER,
            (_, false) => SETTLE,
            (_, true) => Duration::ZERO,
        };
        let is_settled = notified_at.is_some_and(|since| since.elapsed() > settle);
        // Where nothing is due, nothing is waited for but the end.
        let has_aim = replay.looks_inside() || !replay.expectation.must.is_empty();
        if elapsed > replay.watch || (has_aim && is_settled && inside.missing.is_empty()) {
            if replay.expectation.must.is_empty() && replay.looks_inside() {
                verdict.delay = Some(elapsed);
            }
            verdict.problems.extend(inside.missing);
            verdict.problems.extend(inside.wrong);
            return Ok(verdict);
        }
        if !mended && replay.lasts.is_some_and(|lasts| elapsed > lasts) {
            mended = true;
            replay.fault.end(&world.simulation, Some(world.homing())).await?;
            say(replay.name, &format!("+{:.1} s  it is over", elapsed.as_secs_f64()));
        }
        sleep(if replay.looks_inside() { LOOK_INSIDE } else { LOOK }).await;
    }
}

/// What is seen of a replay by who looks at it, and is not notified.
#[derive(Debug, Default)]
struct Inside {
    /// What was said already.
    said: BTreeSet<&'static str>,
    /// What is due and was not there at the last look.
    missing: Vec<String>,
    /// What was there at any look and should not have been.
    wrong: BTreeSet<String>,
}

impl Inside {
    async fn look(&mut self, world: &World, replay: &Replay, at: Duration) -> anyhow::Result<()> {
        self.missing.clear();
        for sentence in &replay.homing {
            let text = world.homing().says(sentence.target).await?;
            match sentence.says.iter().find(|words| !text.contains(**words)) {
                None => self.tell(replay, at, sentence.target, &text),
                Some(words) => {
                    self.missing.push(format!("turbulence-homing does not say {words:?}: {text}"));
                }
            }
        }
        if let Some(untold) = &replay.untold {
            let found = untold.look(&world.prometheus().alerts().await?);
            if let Some(text) = found.says {
                self.tell(replay, at, "nobody is told yet", &text);
            }
            self.missing.extend(found.missing);
            let wrong = found.wrong.into_iter();
            self.wrong.extend(wrong.map(|name| format!("{name} holds and should not")));
        }
        Ok(())
    }

    /// Says it once.
    fn tell(&mut self, replay: &Replay, at: Duration, what: &'static str, text: &str) {
        if self.said.insert(what) {
            let at = at.as_secs_f64();
            say(replay.name, &format!("+{at:.1} s  {what}\n{}", indented(text)));
        }
    }
}

/// Waits until Prometheus knows what the replay rests on.
async fn ready(world: &World, replay: &Replay) -> anyhow::Result<()> {
    let Some(query) = replay.ready else { return Ok(()) };
    let deadline = Instant::now() + CALM_LIMIT;
    while world.prometheus().query(query).await?.is_empty() {
        anyhow::ensure!(Instant::now() < deadline, "{}: no answer to {query}", replay.name);
        sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

/// Waits until no alert fires any more that the replay is to cause anew, and none that would keep
/// others from being notified.
async fn calm(world: &World, replay: &Replay) -> anyhow::Result<()> {
    let deadline = Instant::now() + CALM_LIMIT;
    let mut told = false;
    loop {
        let firing = world
            .prometheus()
            .query("ALERTS{alertstate=\"firing\", severity=~\"critical|warning\"}")
            .await?;
        let restless: Vec<String> = firing
            .into_iter()
            .map(|(labels, _)| as_alert(labels))
            .filter(|alert| replay.concern.covers(alert))
            .filter(|alert| {
                replay.expectation.must.contains(&alert.name()) || SILENCERS.contains(&alert.name())
            })
            .map(|alert| format!("{} ({})", alert.name(), alert.place()))
            .collect();
        if restless.is_empty() {
            return Ok(());
        }
        if !told {
            told = true;
            say(replay.name, &format!("waiting for the end of {}", restless.join(", ")));
        }
        anyhow::ensure!(
            Instant::now() < deadline,
            "{}: still firing after {} s: {}",
            replay.name,
            CALM_LIMIT.as_secs(),
            restless.join(", ")
        );
        sleep(Duration::from_secs(1)).await;
    }
}

fn as_alert(mut labels: crate::prometheus::Labels) -> Alert {
    labels.remove("__name__");
    labels.remove("alertstate");
    Alert {
        status: Status::Firing,
        labels,
        annotations: std::collections::BTreeMap::new(),
        starts_at: SystemTime::UNIX_EPOCH,
        ends_at: SystemTime::UNIX_EPOCH,
    }
}

/// One notification in the commentary, as far as it is the replay's.
fn tell(replay: &Replay, notification: &Notification, started: SystemTime) {
    let mut notification = notification.clone();
    notification.alerts.retain(|alert| replay.concern.covers(alert));
    if notification.channel != Channel::Watchdog && !notification.alerts.is_empty() {
        let after = notification.at.duration_since(started).unwrap_or_default().as_secs_f64();
        say(replay.name, &format!("+{after:.1} s\n{}", indented(&notification.text())));
    }
}

fn indented(text: &str) -> String {
    text.lines().flat_map(|line| ["    ", line, "\n"]).collect()
}

/// Tells what happens in a replay.
pub(crate) fn say(replay: &str, text: &str) {
    println(&format!("[{replay}] {text}"));
}

/// Prints a line, also when nobody reads it any more.
pub(crate) fn println(text: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", text.trim_end());
    let _ = out.flush();
}
