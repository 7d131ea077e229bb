//! The vantages of a world, probed in virtual time by turbulence-latency's own code. No I/O, no clock.

use std::collections::VecDeque;
use std::time::Duration;

use turbulence_latency::simulation::{Found, Place, Target};

use super::format::World;
use super::format::steps::is_on;
use super::format::vantage::{Outcome, Probe, Role, Vantage};
use super::recording::{Recording, Scraped};

/// Seconds there and back where a world says nothing.
const RTT: f64 = 0.02;

/// Probes from every vantage of a world, and records what is scraped.
pub(crate) fn record(world: &World, recording: &mut Recording) -> anyhow::Result<()> {
    for vantage in &world.vantages {
        record_one(world, vantage, recording)?;
    }
    Ok(())
}

fn record_one(world: &World, vantage: &Vantage, recording: &mut Recording) -> anyhow::Result<()> {
    let mut scraped = Scraped::new("turbulence-latency", &format!("{}:9770", vantage.name));
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
            let page = running.place.page(Duration::from_secs(second));
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
        Ok(Self { vantage, place, probes })
    }

    /// Decides all probes that are to be decided by this second.
    fn probe_until(&mut self, second: u64) {
        for (number, (probe, under_way)) in
            self.vantage.probes.iter().zip(&mut self.probes).enumerate()
        {
            let UnderWay { next: (begins, round), pending } = under_way;
            if *begins <= second {
                self.place.add(number);
            }
            while *begins <= second {
                pending.push((*begins as f64 + took(probe, *begins), *begins, *round));
                *begins += probe.interval.0;
                *round += 1;
            }
            pending.sort_by(|a, b| a.0.total_cmp(&b.0));
            let due = pending.partition_point(|(at, ..)| *at <= second as f64);
            for (at, began, round) in pending.drain(..due) {
                let found = found(probe, began);
                let wall = at + self.vantage.clock;
                self.place.decided(number, round, &found, Duration::from_secs_f64(at), wall);
            }
        }
    }
}

fn target(probe: &Probe) -> Target<'_> {
    Target { name: &probe.target, module: &probe.module, is_canary: probe.role == Role::Canary }
}

fn times(probe: &Probe, second: u64) -> (f64, Option<f64>) {
    let rtt = probe.rtt.as_ref().and_then(|steps| steps.at(second)).copied().unwrap_or(RTT);
    (rtt, probe.ttfb.as_ref().and_then(|steps| steps.at(second)).copied())
}

fn outcome(probe: &Probe, second: u64) -> &Outcome {
    static OK: Outcome = Outcome { reason: None, status: Some(200) };
    probe.outcome.at(second).unwrap_or(&OK)
}

/// Seconds until the probe that begins then is decided.
fn took(probe: &Probe, second: u64) -> f64 {
    let timeout = probe.timeout.get().as_secs_f64();
    let (rtt, ttfb) = times(probe, second);
    match outcome(probe, second).reason.as_deref() {
        Some("timeout") => timeout,
        Some("local") => 0.0,
        _ => (rtt + ttfb.unwrap_or_default()).min(timeout),
    }
}

/// What the probe that begins then finds, at each address.
fn found(probe: &Probe, second: u64) -> Vec<Found<'_>> {
    let (rtt, ttfb) = times(probe, second);
    let outcome = outcome(probe, second);
    let is_slow = rtt + ttfb.unwrap_or_default() > probe.timeout.get().as_secs_f64();
    let reason = outcome.reason.as_deref().or_else(|| is_slow.then_some("timeout"));
    let whole = Found {
        reason,
        status: outcome.status,
        rtt: Duration::from_secs_f64(rtt),
        ttfb: ttfb.map(Duration::from_secs_f64),
        timeout: probe.timeout.get(),
    };
    let Some(addresses) = &probe.addresses_up else { return vec![whole] };
    // An address that is down answers as a server does that has nothing behind it.
    let down = Found {
        reason: Some(outcome.reason.as_deref().unwrap_or("http_status")),
        status: outcome.status.filter(|_| outcome.reason.is_some()).or(Some(500)),
        ..whole
    };
    let at = |steps: &super::format::steps::Steps<bool>| is_on(Some(steps), second);
    addresses.iter().map(|steps| if at(steps) { whole } else { down }).collect()
}
