//! A vantage in virtual time: probes that somebody says the outcome of, and the page that a scrape would
//! have shown. For the judge of worlds; nothing is probed.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use exporter_kit::config::Vantage;
use exporter_kit::{Exporter as _, TargetId, Wanted};

use crate::LatencyExporter;
use crate::config::{Config, Labels, Work};
use crate::metrics::page::page_of;
use crate::outcome::{Failure, Outcome, Phase, Phases, Seen};
use crate::registration::SharedVerdicts;
use crate::standing::{MOST_ADDRESSES, Moment};
use crate::state::TargetState;

/// When worlds are, in seconds since the epoch: 2027-01-15.
const TODAY: f64 = 1_800_000_000.0;

/// An exporter that nobody has started.
#[derive(Debug)]
pub struct Place {
    vantage: Vantage,
    verdicts: SharedVerdicts,
    targets: Vec<Known>,
}

/// A target of the config.
#[derive(Debug)]
struct Known {
    id: TargetId,
    wanted: Wanted<Arc<Work>, Arc<Labels>>,
    /// While it is there.
    state: Option<TargetState>,
}

/// What is probed, by one module.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The label `target`.
    pub name: &'a str,
    /// The label `module`: `icmp...` is an echo, `tcp...` a handshake, every other one HTTP.
    pub module: &'a str,
    /// Whether it is a canary.
    pub is_canary: bool,
    /// Whose it is; nobody's in particular where it is empty.
    pub team: &'a str,
    /// The time from one round to the next.
    pub interval: Duration,
    /// How long a probe may take.
    pub timeout: Duration,
}

/// When a round of probes began and was decided, since any moment, and what the vantage's wall clock
/// showed then.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// When it began.
    pub begun: Duration,
    /// When its last probe was decided.
    pub decided: Duration,
    /// Seconds by which the wall clock is ahead of those.
    pub ahead: f64,
}

impl Times {
    fn moment(self, monotonic: Duration) -> Moment {
        Moment { monotonic, unix_seconds: monotonic.as_secs_f64() + self.ahead }
    }
}

/// What one probe of one address found.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// Why it failed, as the label `reason` says it; none for a success.
    pub reason: Option<&'a str>,
    /// The HTTP status, where one came.
    pub status: Option<u16>,
    /// There and back.
    pub rtt: Duration,
    /// From the request to the first byte, of HTTP.
    pub ttfb: Option<Duration>,
    /// How long the probe might have taken.
    pub timeout: Duration,
    /// Seconds by which the vantage's clock is ahead of the server's, where that answered.
    pub ahead: i64,
}

/// Whether a word is a reason for which probes fail.
pub fn is_reason(word: &str) -> bool {
    failure(word).is_some()
}

fn failure(word: &str) -> Option<Failure> {
    Failure::ALL.into_iter().find(|failure| failure.as_str() == word)
}

impl Place {
    /// A vantage that has probed nothing yet.
    pub fn new(name: &str, region: &str, targets: &[Target<'_>]) -> anyhow::Result<Self> {
        let config: Config = exporter_kit::parse(&written(name, region, targets), "simulation")?;
        let config = LatencyExporter::prepare(config, Path::new("."))?;
        let mut probed = config.targets(&[], true).0;
        let known = |target: &Target<'_>| {
            let id = TargetId {
                name: target.name.to_owned(),
                group: target.team.to_owned(),
                module: target.module.to_owned(),
            };
            let mut wanted = probed.remove(&id)?;
            let work = Arc::make_mut(&mut wanted.work);
            (work.interval, work.timeout) = (target.interval, target.timeout);
            Some(Known { id, wanted, state: None })
        };
        let targets = targets.iter().filter_map(known).collect();
        Ok(Self { vantage: config.vantage, verdicts: SharedVerdicts::default(), targets })
    }

    /// A target is there from now on.
    pub fn add(&mut self, target: usize) {
        let Known { id, wanted, state } = &mut self.targets[target];
        state.get_or_insert_with(|| TargetState::new(&id.name, wanted, &self.verdicts));
    }

    /// A target is there no longer.
    pub fn remove(&mut self, target: usize) {
        self.targets[target].state = None;
    }

    /// A round of probes of a target is decided: what was found at each of its addresses, the first half of
    /// which are IPv4 (or the only one) and the others IPv6.
    pub fn decided(&self, target: usize, round: u64, addresses: &[Found<'_>], times: Times) {
        let Some(state) = &self.targets[target].state else { return };
        let (begun, at) = (times.moment(times.begun), times.moment(times.decided));
        let outcomes: Vec<Outcome> =
            addresses.iter().map(|found| outcome(found, &state.labels().module)).collect();
        if let [only] = &outcomes[..]
            && let Some(reason @ (Failure::Dns | Failure::Resolver)) = only.failure
        {
            state.unresolved(only);
            state.silent(round, reason, at);
            return state.judge_unresolved(begun.monotonic, at, reason);
        }
        let count = outcomes.len();
        // The modules of an endpoint share its addresses.
        let same = |known: &&Known| known.id.name == self.targets[target].id.name;
        let number = self.targets.iter().take_while(|known| !same(known)).count();
        let ips = (0..count.min(MOST_ADDRESSES)).map(|slot| address(number, slot, count));
        let probed: Vec<(IpAddr, Outcome)> = ips.zip(outcomes).collect();
        let ips: Vec<IpAddr> = probed.iter().map(|(ip, _)| *ip).collect();
        state.resolved(&ips, None, at.monotonic);
        for (ip, outcome) in &probed {
            state.decided(round, *ip, outcome, at);
        }
        let failures: Option<Vec<Failure>> = probed.iter().map(|(_, it)| it.failure).collect();
        if let Some(reason) = failures.and_then(|failures| failures.first().copied()) {
            state.silent(round, reason, at);
        }
        // The worlds begin at the epoch, as promtool does, and a clock that shows 1970 is wrong.
        let today = Moment { unix_seconds: at.unix_seconds + TODAY, ..at };
        state.judge(begun.monotonic, today, &probed);
    }

    /// The page that a scrape at this moment would show, by a wall clock that is so many seconds ahead.
    pub fn page(&self, now: Duration, ahead: f64) -> String {
        let there = self.targets.iter().filter_map(|target| target.state.as_ref());
        let report = self.verdicts.lock().report(now.as_secs_f64());
        let unix_seconds = now.as_secs_f64() + ahead;
        page_of(&self.vantage, there, report, Moment { monotonic: now, unix_seconds })
    }
}

/// The config of such an exporter.
fn written(name: &str, region: &str, targets: &[Target<'_>]) -> String {
    let mut text = format!("vantage: {{name: {name:?}, region: {region:?}}}\nmodules:\n");
    let mut modules: Vec<&str> = targets.iter().map(|target| target.module).collect();
    modules.sort_unstable();
    modules.dedup();
    for module in modules {
        let prober = prober(module);
        let _ = writeln!(text, "  {module:?}: {{prober: {prober}}}");
    }
    text.push_str("targets:\n");
    for (number, target) in targets.iter().enumerate() {
        let Target { name, module, is_canary, team, .. } = target;
        let role = if *is_canary { "canary" } else { "service" };
        let address = match prober(module) {
            "icmp" => "192.0.2.1".to_owned(),
            "tcp" => "192.0.2.1:443".to_owned(),
            // Each name of a domain of its own.
            _ => format!("http://d{number}.example/"),
        };
        let team = if team.is_empty() { String::new() } else { format!("team: {team:?}, ") };
        let _ = writeln!(
            text,
            "  - {{name: {name:?}, module: {module:?}, {team}role: {role}, address: {address:?}}}"
        );
    }
    text
}

fn prober(module: &str) -> &'static str {
    ["icmp", "tcp"].into_iter().find(|prober| module.starts_with(prober)).unwrap_or("http")
}

/// An address of those that documentation or benchmarks may use, in a network of the target's own.
fn address(target: usize, slot: usize, count: usize) -> IpAddr {
    let number = u16::try_from(target).unwrap_or(u16::MAX);
    let slot = u8::try_from(slot).unwrap_or(u8::MAX);
    if usize::from(slot) < count.div_ceil(2) {
        let [high, low] = number.to_be_bytes();
        Ipv4Addr::new(198, 18 + high, low, slot + 1).into()
    } else {
        Ipv6Addr::new(0x2001, 0xdb8, number, 0, 0, 0, 0, u16::from(slot) + 1).into()
    }
}

fn outcome(found: &Found<'_>, module: &str) -> Outcome {
    let Found { reason, status, rtt, ttfb, timeout, ahead } = *found;
    let failure = reason.and_then(failure);
    let mut phases = Phases::default();
    // A reason that comes before the handshake ends leaves nothing to be timed.
    let connects = !matches!(
        failure,
        Some(
            Failure::Dns
                | Failure::Resolver
                | Failure::Refused
                | Failure::Unreachable
                | Failure::Local
                | Failure::Queued
        )
    );
    let answers = failure != Some(Failure::Timeout);
    // One that is too slow for an answer still connects; one that nobody answers has no phases.
    let reaches = connects && (answers || ttfb.is_some());
    if reaches && prober(module) == "http" {
        phases.set(Phase::Connect, rtt);
        let ttfb = ttfb.unwrap_or(rtt);
        phases.set(Phase::Ttfb, if answers { ttfb } else { timeout.saturating_sub(rtt) });
    }
    let took = rtt + ttfb.unwrap_or_default();
    let duration = match failure {
        Some(Failure::Timeout) => Some(timeout),
        None | Some(Failure::HttpStatus) => Some(took),
        Some(_) => None,
    };
    let seen = match (prober(module), status) {
        ("http", Some(status)) if reaches && answers => Seen::Http { status },
        _ => Seen::Nothing,
    };
    let ahead = matches!(seen, Seen::Http { .. }).then_some(ahead);
    let rtt = reaches.then_some(rtt);
    Outcome { failure, duration, rtt, phases, seen, ahead, ..Outcome::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUND: Found<'_> = Found {
        reason: None,
        status: Some(200),
        rtt: Duration::from_millis(20),
        ttfb: None,
        timeout: Duration::from_secs(3),
        ahead: 0,
    };

    #[test]
    fn a_page_shows_what_was_said_to_have_been_found() {
        let (interval, timeout) = (Duration::from_secs(5), Duration::from_secs(3));
        let target = |name, module, is_canary| Target {
            name,
            module,
            is_canary,
            team: "",
            interval,
            timeout,
        };
        let targets = [target("canary-a", "icmp", true), target("shop", "http_2xx", false)];
        let mut place = Place::new("fra", "EMEA", &targets).unwrap();
        assert!(!place.page(Duration::ZERO, 0.0).contains("latency_probes_total{"));
        place.add(0);
        place.add(1);
        let second = Duration::from_secs;
        let at = |at| Times { begun: second(at), decided: second(at), ahead: 0.0 };
        place.decided(0, 1, &[FOUND], at(1));
        let failed = Found { reason: Some("http_status"), status: Some(503), ..FOUND };
        place.decided(1, 1, &[failed], at(1));
        let page = place.page(second(5), 0.0);
        let labels = |name, module, role| {
            format!(
                "{{vantage=\"fra\",region=\"EMEA\",target=\"{name}\",module=\"{module}\",role=\"{role}\""
            )
        };
        let shop = labels("shop", "http_2xx", "service");
        for line in [
            format!("latency_up{} 1", labels("canary-a", "icmp", "canary") + "}"),
            format!("latency_up{shop}}} 0"),
            format!("latency_http_status_code{shop},slot=\"0\"}} 503"),
        ] {
            let has = page.lines().any(|shown| shown.strip_suffix(".0").unwrap_or(shown) == line);
            assert!(has, "{line} is not in\n{page}");
        }
        // One address of two that answers is enough.
        place.decided(1, 2, &[FOUND, failed], at(6));
        assert!(place.page(second(7), 0.0).contains(&format!("latency_up{shop}}} 1")));
    }
}
