//! What a scraper can ask for, done all the time: the probers of `blackbox_exporter` that are none of ours,
//! each at one address of a target.

use std::path::Path;
use std::time::Duration;

use exporter_kit::on_demand::{AllowList, Destination, Log};
use tokio::time::{Instant, timeout_at};
use tracing::{Level, debug, enabled};

use super::{Attempt, Run};
use crate::blackbox::ask::Ask;
use crate::blackbox::found::{Found, Tls};
use crate::blackbox::module::Prober;
use crate::host::{Families, Host};
use crate::outcome::{Failure, Outcome, Phase, Seen, Session};
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
    const HOLDS_FILES: bool = true;

    fn phases(&self) -> &'static [Phase] {
        match &self.prober {
            Prober::Tcp(tcp) => tcp.phases(),
            Prober::Websocket(websocket) => websocket.phases(&self.target),
            Prober::Dns(dns) => dns.phases(),
            Prober::Grpc(grpc) => grpc.phases(),
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
        let (nobody, started) = (AllowList::default(), Instant::now());
        let log = Log::new(enabled!(Level::DEBUG));
        let deadline = started + attempt.left();
        let ask = Ask {
            target: &self.target,
            hostname: None,
            destination: &self.destination,
            allow: &nobody,
            ip: Some(attempt.ip),
            is_of_target: true,
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
            // What is said of it may be said by the server: it is one field.
            debug!(destination = %self.destination, ip = %attempt.ip, reason = failure.as_str(), said = log.text(), "a probe failed");
        }
        let took = attempt.spent + started.elapsed();
        let was_cut_off = failure.is_some_and(|failure| ask.has_waited(failure));
        let duration = match failure {
            Some(_) if was_cut_off => Some(attempt.timeout),
            // A wrong answer is an answer: its time counts.
            None | Some(Failure::Condition | Failure::HttpStatus) => Some(took),
            Some(_) => None,
        };
        outcome(found, failure, duration, was_cut_off)
    }
}

/// What a target's counts take of what was found.
fn outcome(
    found: Found,
    failure: Option<Failure>,
    duration: Option<Duration>,
    was_cut_off: bool,
) -> Outcome {
    let phase = found.watch.running();
    let (phases, rtt) = found.watch.stop(was_cut_off);
    let seen = match &found.websocket {
        Some(websocket) if websocket.status_code > 0 => {
            Seen::Http { status: websocket.status_code }
        }
        _ if duration.is_some() && !was_cut_off => Seen::Connection,
        _ => Seen::Nothing,
    };
    let session = session(found.tls.as_ref());
    Outcome { failure, phase, duration, rtt, phases, seen, session, ..Outcome::default() }
}

/// What is told of a session of TLS.
pub(super) fn session(tls: Option<&Tls>) -> Option<Box<Session>> {
    let tls = tls?;
    let Tls { version, cipher, trust, .. } = tls;
    Some(Box::new(Session {
        version: *version,
        cipher: cipher.clone(),
        expiry: tls.expiry(),
        trust: *trust,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::Settings as _;
    use super::*;
    use crate::blackbox::found::Websocket;
    use crate::blackbox::module::Module;
    use crate::clock::Clock;
    use crate::icmp::Icmp;
    use crate::metrics::counts::{ReceiveQueue, Strays};

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
    fn an_outcome_shows_what_came_back() {
        let websocket = Websocket { status_code: 101, ..Websocket::default() };
        let found = Found { websocket: Some(websocket), ..Found::default() };
        let ms = Duration::from_millis;
        assert_eq!(outcome(found, None, Some(ms(7)), false).seen, Seen::Http { status: 101 });
        let wrong = outcome(Found::default(), Some(Failure::Condition), Some(ms(5)), false);
        assert_eq!(wrong.seen, Seen::Connection);
        for failure in [Failure::Timeout, Failure::Unreachable] {
            let late = outcome(Found::default(), Some(failure), Some(ms(7)), true);
            assert_eq!(late.seen, Seen::Nothing);
        }
    }

    /// A server that accepts, and says nothing.
    async fn silent() -> std::net::SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                held.push(stream);
            }
        });
        address
    }

    #[tokio::test]
    async fn what_hangs_is_counted_in_the_phase_in_which_it_hangs() {
        let address = silent().await;
        let icmp = Icmp::open(Clock::start(), &ReceiveQueue::default());
        let strays = std::sync::Arc::new(Strays::default());
        let (tls, ttfb) = (Phase::Tls, Phase::Ttfb);
        let insecure = "tls: true, tls_config: {insecure_skip_verify: true}";
        let cases = [
            (format!("{{prober: tcp, tcp: {{{insecure}}}}}"), "", tls),
            ("{prober: tcp, tcp: {query_response: [{expect: a}]}}".to_owned(), "", ttfb),
            (format!("{{prober: grpc, grpc: {{{insecure}}}}}"), "", tls),
            ("{prober: grpc}".to_owned(), "", ttfb),
            ("{prober: websocket}".to_owned(), "ws://", ttfb),
            ("{prober: websocket}".to_owned(), "wss://", tls),
            ("{prober: dns, dns: {query_name: a, transport_protocol: tcp}}".to_owned(), "", ttfb),
        ];
        let timeout = Duration::from_secs(2);
        let hangs = async |(module, scheme, wanted): &(String, &str, Phase)| {
            let mut settings = settings(module);
            super::super::Settings::load(&mut settings, Path::new("/"), None).unwrap();
            let probe = settings.probe(&settings.address(&format!("{scheme}{address}")).unwrap());
            let attempt = Attempt {
                ip: address.ip(),
                timeout,
                spent: Duration::ZERO,
                icmp: &icmp,
                strays: &strays,
                resolvers: &[],
            };
            let outcome = probe.run(&attempt).await;
            assert_eq!(
                (outcome.failure, outcome.phase),
                (Some(Failure::Timeout), Some(*wanted)),
                "{module}"
            );
            assert!(probe.phases().contains(wanted) && probe.phases().contains(&Phase::Connect));
            assert!(outcome.rtt.is_some(), "{module}");
            let took = |phase| outcome.phases.get(phase);
            assert!(took(Phase::Connect).is_some_and(|took| took < timeout / 2));
            assert!(took(*wanted) > Some(Duration::ZERO), "{module}: {outcome:?}");
            let all = Phase::ALL.iter().filter_map(|phase| took(*phase)).sum::<Duration>();
            assert!(all > timeout / 2, "{module}: {outcome:?}");
        };
        // All at once: each has much time, for a machine that is busy.
        futures_util::future::join_all(cases.iter().map(hangs)).await;
    }
}
