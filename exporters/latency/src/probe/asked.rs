//! What a scraper can ask for, done all the time: the probers of `blackbox_exporter` that are none of ours,
//! each at one address of a target.

use std::path::Path;
use std::time::Duration;

use exporter_kit::on_demand::{AllowList, Destination, Log};
use tokio::time::{Instant, timeout_at};
use tracing::debug;

use super::{Attempt, Run};
use crate::blackbox::ask::Ask;
use crate::blackbox::found::{Found, Tls};
use crate::blackbox::module::Prober;
use crate::host::{Families, Host};
use crate::outcome::{Failure, Outcome, Phase, Phases, Seen, Session};
use crate::verdict::Layer;

/// A prober with its section.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings(pub(crate) Prober);

/// A target as the prober reads it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Address {
    pub(super) host: Host,
    target: String,
    destination: Destination,
}

/// A probe of one target.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Probe {
    prober: Prober,
    target: String,
    destination: Destination,
}

impl super::Settings for Settings {
    const INTERVAL: Duration = Duration::from_secs(5);
    type Address = Address;
    type Probe = Probe;

    /// As they are where a scraper asks: IPv6 is preferred, and no target is probed by both.
    fn families(&self) -> Families {
        self.0.families()
    }

    fn address(&self, text: &str) -> Result<Address, String> {
        let destination = self.0.destination(text)?;
        let host = match destination.host() {
            // A socket of this machine is at home.
            None => Some(Host::Ip([127, 0, 0, 1].into())),
            Some(host) => Host::parse(&host).filter(|host| !matches!(host, Host::Zoned(..))),
        };
        let host = host.ok_or("must name a host, by a name or an address without a link")?;
        Ok(Address { host, target: text.to_owned(), destination })
    }

    fn load(&mut self, folder: &Path, _: Option<&[&Address]>) -> anyhow::Result<()> {
        self.0.load(folder)
    }

    fn probe(&self, address: &Address) -> Probe {
        let Address { target, destination, .. } = address.clone();
        Probe { prober: self.0.clone(), target, destination }
    }
}

impl Run for Probe {
    // What is said over a connection is the service itself.
    const LAYER: Layer = Layer::Http;

    fn phases(&self) -> &'static [Phase] {
        match self.prober {
            Prober::Tcp(_) => &[Phase::Connect],
            Prober::Websocket(_) => &[Phase::Connect, Phase::Ttfb, Phase::Transfer],
            Prober::Dns(_) | Prober::Grpc(_) => &[Phase::Ttfb],
            Prober::Http(_) | Prober::Icmp(_) | Prober::Unix(_) => &[],
        }
    }

    fn detail(&self, _: &Host) -> String {
        format!("{} {}", self.prober.as_str(), self.destination)
    }

    async fn run(&self, attempt: &Attempt<'_>) -> Outcome {
        // Boxed: an echo's task must not have the size of a dialogue's.
        Box::pin(self.ask(attempt)).await
    }
}

impl Probe {
    async fn ask(&self, attempt: &Attempt<'_>) -> Outcome {
        let (log, nobody, started) = (Log::new(false), AllowList::default(), Instant::now());
        let deadline = started + attempt.left();
        let ask = Ask {
            target: &self.target,
            hostname: None,
            destination: &self.destination,
            allow: &nobody,
            ip: Some(attempt.ip),
            started,
            deadline,
            log: &log,
            resolvers: attempt.resolvers,
            icmp: attempt.icmp,
            strays: attempt.strays,
        };
        let mut found = Found::default();
        let probed = timeout_at(deadline, self.prober.probe(&ask, &mut found)).await;
        let failure = probed.unwrap_or(Err(Failure::Timeout)).err();
        if let Some(failure) = failure {
            debug!(destination = %self.destination, reason = failure.as_str(), "a probe failed");
        }
        let took = attempt.spent + started.elapsed();
        let duration = match failure {
            // A wrong answer is an answer: its time counts.
            None | Some(Failure::Condition | Failure::HttpStatus) => Some(took),
            Some(Failure::Timeout) => Some(attempt.timeout),
            Some(_) => None,
        };
        let cut = (failure == Some(Failure::Timeout)).then(|| started.elapsed());
        let mut outcome = outcome(&found, failure, duration);
        // What a timeout has cut took at least so long.
        let is_open = |phase: &Phase| outcome.phases.get(*phase).is_none();
        if let (Some(cut), Some(phase)) = (cut, self.phases().iter().copied().find(is_open)) {
            let ended = self.phases().iter().filter_map(|phase| outcome.phases.get(*phase));
            let left = cut.saturating_sub(ended.sum());
            outcome.phases.set(phase, left);
        }
        outcome
    }
}

/// What a target's counts take of what was found.
fn outcome(found: &Found, failure: Option<Failure>, duration: Option<Duration>) -> Outcome {
    let mut phases = Phases::default();
    let mut set = |phase: Phase, took: Option<Duration>| {
        if let Some(took) = took.filter(|took| !took.is_zero()) {
            phases.set(phase, took);
        }
    };
    set(Phase::Connect, found.connect);
    set(Phase::Ttfb, found.dns.map(|dns| dns.request));
    let grpc = found.grpc.iter().flat_map(|grpc| &grpc.phases);
    let websocket = found.websocket.iter().flat_map(|websocket| &websocket.phases);
    for (phase, took) in grpc.chain(websocket) {
        match *phase {
            "connect" => set(Phase::Connect, Some(*took)),
            "check" | "processing" => set(Phase::Ttfb, Some(*took)),
            "transfer" => set(Phase::Transfer, Some(*took)),
            _ => {}
        }
    }
    let seen = match &found.websocket {
        Some(websocket) if websocket.status_code > 0 => {
            Seen::Http { status: websocket.status_code }
        }
        _ if duration.is_some() && failure != Some(Failure::Timeout) => Seen::Connection,
        _ => Seen::Nothing,
    };
    let rtt = phases.get(Phase::Connect);
    let session = session(found.tls.as_ref());
    Outcome { failure, duration, rtt, phases, seen, session, ..Outcome::default() }
}

/// What is told of a session of TLS.
pub(super) fn session(tls: Option<&Tls>) -> Option<Box<Session>> {
    let Tls { version, cipher, earliest_expiry, last_chain_expiry, trust, .. } = tls?;
    let of_chain = last_chain_expiry.filter(|_| *trust == Some(Ok(())));
    let expiry = of_chain.or(*earliest_expiry);
    Some(Box::new(Session { version: *version, cipher: cipher.clone(), expiry, trust: *trust }))
}

#[cfg(test)]
mod tests {
    use super::super::Settings as _;
    use super::*;
    use crate::blackbox::found::{Dns, Websocket};
    use crate::blackbox::module::Module;

    fn settings(text: &str) -> Settings {
        Settings(exporter_kit::parse::<Module>(text, "f").unwrap().prober)
    }

    #[test]
    fn a_target_is_read_by_the_prober_and_shown_without_what_may_be_secret() {
        for (module, target, host, detail) in [
            ("{prober: tcp}", "a.example:25", "a.example", "tcp a.example:25"),
            ("{prober: dns, dns: {query_name: a}}", "[::1]", "::1", "dns [::1]:53"),
            ("{prober: unix}", "/run/a.sock", "127.0.0.1", "unix /run/a.sock"),
            ("{prober: grpc}", "a.example:50051", "a.example", "grpc a.example:50051"),
            (
                "{prober: websocket}",
                "ws://a.example/b?token=hunter2",
                "a.example",
                "websocket a.example:80",
            ),
        ] {
            let settings = settings(module);
            let address = settings.address(target).unwrap();
            assert_eq!(address.host.to_string(), host);
            assert_eq!(settings.probe(&address).detail(&address.host), detail);
        }
        assert!(settings("{prober: tcp}").address("a.example").is_err());
        assert!(settings("{prober: tcp}").address("[fe80::1%eth0]:1").is_err());
    }

    #[test]
    fn an_outcome_has_the_phases_that_its_prober_says_it_can_have() {
        let ms = Duration::from_millis;
        let dns = Dns { request: ms(3), ..Dns::default() };
        let found = Found { connect: Some(ms(2)), dns: Some(dns), ..Found::default() };
        let outcome = super::outcome(&found, Some(Failure::Condition), Some(ms(5)));
        assert_eq!((outcome.rtt, outcome.seen), (Some(ms(2)), Seen::Connection));
        assert_eq!(outcome.phases.get(Phase::Ttfb), Some(ms(3)));
        let phases = vec![("connect", ms(1)), ("processing", ms(2)), ("transfer", ms(4))];
        let websocket = Websocket { phases, status_code: 101, ..Websocket::default() };
        let found = Found { websocket: Some(websocket), ..Found::default() };
        let outcome = super::outcome(&found, None, Some(ms(7)));
        assert_eq!(outcome.seen, Seen::Http { status: 101 });
        assert_eq!(outcome.phases.get(Phase::Transfer), Some(ms(4)));
        let outcome = super::outcome(&Found::default(), Some(Failure::Timeout), Some(ms(7)));
        assert_eq!(outcome.seen, Seen::Nothing);
    }
}
