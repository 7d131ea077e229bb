//! A vantage in virtual time: probes that somebody says the outcome of, and the page that a scrape would
//! have shown. For the judge of worlds; nothing is probed.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Duration;

use exporter_kit::Exporter as _;
use exporter_kit::config::Vantage;

use crate::LatencyExporter;
use crate::config::Config;
use crate::metrics::page::page_of;
use crate::outcome::{Failure, Outcome, Phase, Phases, Seen};
use crate::standing::{MOST_ADDRESSES, Moment};
use crate::state::TargetState;

/// An exporter that nobody has started.
#[derive(Debug)]
pub struct Place {
    vantage: Vantage,
    /// Each target, and whether it is there yet.
    states: Vec<(TargetState, bool)>,
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
        let probed = config.targets(&[]).0;
        let state = |target: &Target<'_>| {
            let same =
                |id: &exporter_kit::TargetId| id.name == target.name && id.module == target.module;
            let (id, wanted) = probed.iter().find(|(id, _)| same(id))?;
            Some((TargetState::new(&id.name, wanted), false))
        };
        let states = targets.iter().filter_map(state).collect();
        Ok(Self { vantage: config.vantage, states })
    }

    /// A target is there from now on.
    pub fn add(&mut self, target: usize) {
        self.states[target].1 = true;
    }

    /// A round of probes of a target is decided: what was found at each of its addresses, the first of
    /// which is IPv4 and the others IPv6. `monotonic` counts from any moment, `unix_seconds` is the
    /// vantage's wall clock.
    pub fn decided(
        &self,
        target: usize,
        round: u64,
        addresses: &[Found<'_>],
        monotonic: Duration,
        unix_seconds: f64,
    ) {
        let (state, at) = (&self.states[target].0, Moment { monotonic, unix_seconds });
        let ips: Vec<IpAddr> = (0..addresses.len().min(MOST_ADDRESSES)).map(address).collect();
        let outcomes: Vec<Outcome> =
            addresses.iter().map(|found| outcome(found, &state.labels().module)).collect();
        if let [only] = &outcomes[..]
            && only.failure == Some(Failure::Dns)
        {
            state.unresolved(only);
            state.silent(round, Failure::Dns, at);
            return;
        }
        state.resolved(&ips, None);
        for (ip, outcome) in ips.iter().zip(&outcomes) {
            state.decided(round, *ip, outcome, at);
        }
        let failures: Option<Vec<Failure>> = outcomes.iter().map(|it| it.failure).collect();
        if let Some(reason) = failures.and_then(|failures| failures.first().copied()) {
            state.silent(round, reason, at);
        }
    }

    /// The page that a scrape at this moment would show.
    pub fn page(&self, now: Duration) -> String {
        let there = self.states.iter().filter(|(_, is_there)| *is_there);
        page_of(&self.vantage, there.map(|(state, _)| state), now)
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
    for target in targets {
        let Target { name, module, is_canary } = target;
        let role = if *is_canary { "canary" } else { "service" };
        let address = match prober(module) {
            "icmp" => "192.0.2.1",
            "tcp" => "192.0.2.1:443",
            _ => "http://192.0.2.1/",
        };
        let _ = writeln!(
            text,
            "  - {{name: {name:?}, module: {module:?}, role: {role}, address: {address:?}}}"
        );
    }
    text
}

fn prober(module: &str) -> &'static str {
    ["icmp", "tcp"].into_iter().find(|prober| module.starts_with(prober)).unwrap_or("http")
}

/// An address of those that documentation may use.
fn address(slot: usize) -> IpAddr {
    match u16::try_from(slot).unwrap_or(u16::MAX) {
        0 => Ipv4Addr::new(192, 0, 2, 1).into(),
        slot => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, slot).into(),
    }
}

fn outcome(found: &Found<'_>, module: &str) -> Outcome {
    let Found { reason, status, rtt, ttfb, timeout } = *found;
    let failure = reason.and_then(failure);
    let mut phases = Phases::default();
    // A reason that comes before the handshake ends leaves nothing to be timed.
    let connects = !matches!(
        failure,
        Some(Failure::Dns | Failure::Refused | Failure::Unreachable | Failure::Local)
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
    Outcome { failure, duration, rtt: reaches.then_some(rtt), phases, seen }
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
    };

    #[test]
    fn a_page_shows_what_was_said_to_have_been_found() {
        let target = |name, module, is_canary| Target { name, module, is_canary };
        let targets = [target("canary-a", "icmp", true), target("shop", "http_2xx", false)];
        let mut place = Place::new("fra", "EMEA", &targets).unwrap();
        assert!(!place.page(Duration::ZERO).contains("latency_probes_total{"));
        place.add(0);
        place.add(1);
        let second = Duration::from_secs;
        place.decided(0, 1, &[FOUND], second(1), 1.0);
        let failed = Found { reason: Some("http_status"), status: Some(503), ..FOUND };
        place.decided(1, 1, &[failed], second(1), 1.0);
        let page = place.page(second(5));
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
        place.decided(1, 2, &[FOUND, failed], second(6), 6.0);
        assert!(place.page(second(7)).contains(&format!("latency_up{shop}}} 1")));
    }
}
