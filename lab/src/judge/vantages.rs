//! The vantages of a world, probed in virtual time by turbulence-latency's own code. No I/O, no clock.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use turbulence_latency::simulation::{Found, Place, Target, Times};

use super::format::World;
use super::format::steps::is_on;
use super::format::vantage::{Outcome, Probe, Role, Vantage};
use super::recording::{Recording, Scraped};

/// Seconds there and back where a world says nothing.
const RTT: f64 = 0.02;

/// Probes from every vantage of a world, and records what is scraped.
pub(crate) fn record(world: &World, recording: &mut Recording) -> anyhow::Result<()> {
    // Exporters are told apart by their addresses, also where two have one name.
    let mut names: HashMap<&str, usize> = HashMap::new();
    for vantage in &world.vantages {
        let same = names.entry(&vantage.name).or_default();
        *same += 1;
        let host =
            if *same == 1 { vantage.name.clone() } else { format!("{}-{same}", vantage.name) };
        record_one(world, vantage, &format!("{host}:9770"), recording)?;
    }
    Ok(())
}

fn record_one(
    world: &World,
    vantage: &Vantage,
    instance: &str,
    recording: &mut Recording,
) -> anyhow::Result<()> {
    let mut scraped = Scraped::new("turbulence-latency", instance);
    // Prometheus gives `up` the labels of the target: those of its file.
    let labels = [("vantage", vantage.name.as_str()), ("region", vantage.region.as_str())];
    let up = scraped.series("up", &labels);
    let late = recording.late_by(vantage.arrives_late);
    let mut running = Running::start(vantage, 0)?;
    let mut restarts = vantage.restarts.iter().copied().collect::<VecDeque<u64>>();
    for (scrape, second) in recording.scrapes() {
        while restarts.front().is_some_and(|restart| *restart <= second) {
            let from = restarts.pop_front().unwrap_or_default();
            running = Running::start(vantage, from)?;
        }
        running.probe_until(second);
        let reached = is_on(vantage.scraped.as_ref(), second) && !world.is_lost(second);
        recording.put(scrape, &up, Some(f64::from(u8::from(reached))));
        if reached {
            let page = running.place.page(Duration::from_secs(second), vantage.clock);
            recording.page(&mut scraped, scrape + late, &page);
        }
    }
    Ok(())
}

/// An exporter that runs.
struct Running<'a> {
    vantage: &'a Vantage,
    place: Place,
    /// Of each probe those that are under way.
    probes: Vec<UnderWay>,
    /// The second that comes next.
    next: u64,
}

#[derive(Default)]
struct UnderWay {
    /// When the next one begins, and its number.
    next: (u64, u64),
    /// When each is decided, in seconds, the second of its beginning, and its number.
    pending: Vec<(f64, u64, u64)>,
}

impl<'a> Running<'a> {
    fn start(vantage: &'a Vantage, second: u64) -> anyhow::Result<Self> {
        // One that is added later is not there before.
        let targets: Vec<Target<'_>> = vantage.probes.iter().map(|probe| target(probe)).collect();
        let place = Place::new(&vantage.name, &vantage.region, &targets)?;
        let begins = |probe: &Probe| {
            let (added, period) = (probe.added_at, probe.interval.0);
            added + second.saturating_sub(added).div_ceil(period) * period
        };
        let probes = vantage.probes.iter();
        let probes = probes
            .map(|probe| UnderWay { next: (begins(probe), 1), pending: Vec::new() })
            .collect();
        Ok(Self { vantage, place, probes, next: second })
    }

    /// Decides all probes that are to be decided by this second, in the order in which they are.
    fn probe_until(&mut self, second: u64) {
        for each in self.next..=second {
            self.probe_at(each);
        }
        self.next = second + 1;
    }

    fn probe_at(&mut self, second: u64) {
        for (number, (probe, under_way)) in
            self.vantage.probes.iter().zip(&mut self.probes).enumerate()
        {
            let UnderWay { next: (begins, round), pending } = under_way;
            if *begins <= second {
                self.place.add(number);
            }
            let removed = probe.removed_at.unwrap_or(u64::MAX);
            while *begins <= second && *begins < removed {
                pending.push((
                    *begins as f64 + took(&self.vantage.name, probe, *begins),
                    *begins,
                    *round,
                ));
                *begins += probe.interval.0;
                *round += 1;
            }
            pending.sort_by(|a, b| a.0.total_cmp(&b.0));
            let due = pending.partition_point(|(at, ..)| *at <= second as f64);
            for (at, began, round) in pending.drain(..due) {
                let ahead = self.vantage.clock;
                let [begun, decided] = [began as f64, at].map(Duration::from_secs_f64);
                let found = found(&self.vantage.name, probe, began, ahead);
                self.place.decided(number, round, &found, Times { begun, decided, ahead });
            }
            if removed <= second {
                self.place.remove(number);
            }
        }
    }
}

fn target(probe: &Probe) -> Target<'_> {
    Target {
        name: &probe.target,
        module: &probe.module,
        is_canary: probe.role == Role::Canary,
        team: &probe.team,
        interval: Duration::from_secs(probe.interval.0),
        timeout: probe.timeout.get(),
    }
}

fn times(probe: &Probe, second: u64) -> (f64, Option<f64>) {
    let rtt = probe.rtt.as_ref().and_then(|steps| steps.at(second)).copied().unwrap_or(RTT);
    (rtt, probe.ttfb.as_ref().and_then(|steps| steps.at(second)).copied())
}

fn outcome<'a>(at: &str, probe: &'a Probe, second: u64) -> &'a Outcome {
    static OK: Outcome = Outcome { reason: None, status: Some(200) };
    let outcome = probe.outcome.at(second).unwrap_or(&OK);
    let share =
        probe.fails.as_ref().and_then(|steps| steps.at(second)).copied().unwrap_or_default();
    if outcome.reason.is_none() && share > drawn(at, probe, second) {
        &probe.fails_as
    } else {
        outcome
    }
}

/// A number from 0 to 1 that is another for each probe, and the same whenever the world is judged.
fn drawn(at: &str, probe: &Probe, second: u64) -> f64 {
    let mut hasher = DefaultHasher::new();
    (at, &probe.target, &probe.module, second).hash(&mut hasher);
    f64::from(u32::try_from(hasher.finish() >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}

/// Seconds until the probe that begins then is decided.
fn took(at: &str, probe: &Probe, second: u64) -> f64 {
    let timeout = probe.timeout.get().as_secs_f64();
    let (rtt, ttfb) = times(probe, second);
    match outcome(at, probe, second).reason.as_deref() {
        Some("timeout") => timeout,
        Some("local") => 0.0,
        _ => (rtt + ttfb.unwrap_or_default()).min(timeout),
    }
}

/// What the probe that begins then finds, at each address.
fn found<'a>(at: &str, probe: &'a Probe, second: u64, ahead: f64) -> Vec<Found<'a>> {
    let (rtt, ttfb) = times(probe, second);
    let outcome = outcome(at, probe, second);
    let is_slow = rtt + ttfb.unwrap_or_default() > probe.timeout.get().as_secs_f64();
    let reason = outcome.reason.as_deref().or_else(|| is_slow.then_some("timeout"));
    let whole = Found {
        reason,
        status: outcome.status,
        rtt: Duration::from_secs_f64(rtt),
        ttfb: ttfb.map(Duration::from_secs_f64),
        timeout: probe.timeout.get(),
        ahead: whole_seconds(ahead),
    };
    let Some(addresses) = &probe.addresses_up else { return vec![whole] };
    // An address that is down answers as a server does that has nothing behind it.
    let down = Found {
        reason: Some(outcome.reason.as_deref().unwrap_or("http_status")),
        status: outcome.status.filter(|_| outcome.reason.is_some()).or(Some(500)),
        ..whole
    };
    let is_up = |steps: &super::format::steps::Steps<bool>| is_on(Some(steps), second);
    addresses.iter().map(|steps| if is_up(steps) { whole } else { down }).collect()
}

fn whole_seconds(seconds: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "a cast of a float saturates")]
    let whole = seconds.round() as i64;
    whole
}
