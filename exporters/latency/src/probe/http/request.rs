//! A request, its redirects where they are followed, and what is made of the answer.

use std::sync::Arc;

use exporter_kit::on_demand::{AllowList, Destination, Log};
use tokio::time::Instant;
use tracing::{Level, debug, enabled};

use super::Address;
use crate::blackbox::ask::Ask;
use crate::blackbox::found::{Found, Http};
use crate::blackbox::http::Settings;
use crate::host::Host;
use crate::outcome::{Failure, Outcome, Phase, Phases, Seen};
use crate::probe::Attempt;
use crate::probe::asked::session;

/// A request, what is a good answer, and who may be asked besides.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Probe {
    settings: Arc<Settings>,
    /// The URL.
    target: String,
    /// The method, and that without its query.
    shown: String,
    destination: Destination,
    /// Whom redirects may lead to: the target's host and what is below it, with or without a `www`.
    allow: AllowList,
}

impl Probe {
    /// The probe of a URL.
    pub(super) fn new(settings: Arc<Settings>, address: &Address) -> Self {
        let Address { host, port, shown, url } = address;
        Self {
            target: url.clone(),
            shown: format!("{} {shown}", settings.method()),
            settings,
            destination: Destination::new(&host.to_string(), Some(*port)),
            allow: own_names(host),
        }
    }

    /// What is asked, in a few words.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// The phases that it can have beside the lookup: a redirect may lead to TLS.
    pub(super) fn parts(&self) -> &'static [Phase] {
        if self.is_https() || self.settings.follows_redirects() {
            &[Phase::Connect, Phase::Tls, Phase::Ttfb, Phase::Transfer]
        } else {
            &[Phase::Connect, Phase::Ttfb, Phase::Transfer]
        }
    }

    /// Whether the URL itself is one of TLS.
    fn is_https(&self) -> bool {
        self.target.starts_with("https:")
    }

    /// Probes one address.
    pub(super) async fn ask(&self, attempt: &Attempt<'_>) -> Outcome {
        let (started, log) = (Instant::now(), Log::new(enabled!(Level::DEBUG)));
        let left = attempt.left();
        let ask = Ask {
            target: &self.target,
            hostname: None,
            destination: &self.destination,
            allow: &self.allow,
            ip: Some(attempt.ip),
            started,
            deadline: started + left,
            log: &log,
            resolvers: attempt.resolvers,
            icmp: attempt.icmp,
            strays: attempt.strays,
        };
        let mut found = Found::default();
        let probed = tokio::time::timeout(left, self.settings.probe(&ask, &mut found)).await;
        let spent = started.elapsed();
        let session = session(found.tls.as_ref());
        let http = found.http.unwrap_or_default();
        let seen = match http.status_code {
            0 => Seen::Nothing,
            status => Seen::Http { status },
        };
        let took = attempt.spent + spent;
        let (failure, duration) = match probed {
            Ok(Ok(())) => (None, Some(took)),
            // A wrong answer is an answer: its time counts.
            Ok(Err(failure @ (Failure::HttpStatus | Failure::Condition)))
                if seen != Seen::Nothing =>
            {
                (Some(failure), Some(took))
            }
            // By the prober itself, a moment before.
            Ok(Err(Failure::Timeout)) | Err(_) => (Some(Failure::Timeout), Some(attempt.timeout)),
            Ok(Err(failure)) => (Some(failure), None),
        };
        if let Some(reason) = failure {
            // What is said of it may be said by the server: it is one field.
            debug!(url = self.shown, ip = %attempt.ip, reason = reason.as_str(), said = log.text(), "a probe failed");
        }
        let cut = (failure == Some(Failure::Timeout)).then_some(spent);
        // One that is not followed leads to no second request.
        let is_one = http.redirects == 0 || !self.settings.follows_redirects();
        let (phases, connect) = phases(&http, self.is_https(), cut);
        let rtt = connect.filter(|_| is_one);
        Outcome { failure, duration, rtt, phases, seen, ahead: http.ahead, session }
    }
}

/// The phases that took place, the last of them up to the cut; and the handshake's.
fn phases(
    http: &Http,
    is_tls: bool,
    cut: Option<std::time::Duration>,
) -> (Phases, Option<std::time::Duration>) {
    let mut phases = Phases::default();
    let parts = http.phases;
    let mut rest = cut;
    for (phase, took) in [
        (Phase::Connect, parts.connect),
        (Phase::Tls, parts.tls),
        (Phase::Ttfb, parts.processing),
        (Phase::Transfer, parts.transfer),
    ] {
        if !took.is_zero() {
            phases.set(phase, took);
            rest = rest.map(|rest| rest.saturating_sub(took));
        } else if let Some(left) = rest.filter(|_| phase != Phase::Tls || is_tls) {
            phases.set(phase, left);
            rest = None;
        }
    }
    (phases, Some(parts.connect).filter(|connect| !connect.is_zero()))
}

/// Whom redirects may lead to: the target's host and what is below it, with or without a `www`.
fn own_names(host: &Host) -> AllowList {
    let text = host.to_string();
    let domain = text.strip_prefix("www.").filter(|rest| rest.contains('.')).unwrap_or(&text);
    let mut own = vec![domain.to_owned()];
    // An address has nothing below it.
    own.extend(matches!(host, Host::Name(_)).then(|| format!("*.{domain}")));
    AllowList::try_from(own).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::blackbox::found::HttpPhases;
    use crate::clock::Clock;
    use crate::icmp::Icmp;
    use crate::metrics::counts::{ReceiveQueue, Strays};

    #[test]
    fn the_phase_that_was_cut_off_is_kept() {
        let ms = Duration::from_millis;
        let parts = HttpPhases { connect: ms(10), ..HttpPhases::default() };
        let http = Http { phases: parts, ..Http::default() };
        let (cut, rtt) = phases(&http, false, Some(ms(100)));
        assert_eq!((cut.get(Phase::Connect), cut.get(Phase::Ttfb)), (Some(ms(10)), Some(ms(90))));
        assert_eq!(
            (cut.get(Phase::Tls), cut.get(Phase::Transfer), rtt),
            (None, None, Some(ms(10)))
        );
        let (cut, _) = phases(&http, true, Some(ms(100)));
        assert_eq!((cut.get(Phase::Tls), cut.get(Phase::Ttfb)), (Some(ms(90)), None));
        let (ended, _) = phases(&http, true, None);
        assert_eq!((ended.get(Phase::Connect), ended.get(Phase::Tls)), (Some(ms(10)), None));
        assert_eq!(phases(&Http::default(), false, None).1, None);
    }

    #[test]
    fn a_redirect_stays_within_the_targets_own_names() {
        let may = |host: &str, other: &str| {
            own_names(&Host::parse(host).unwrap()).allows(&Destination::new(other, Some(443)))
        };
        for (host, other, wanted) in [
            ("a.example", "a.example", true),
            ("a.example", "www.a.example", true),
            ("www.a.example", "a.example", true),
            ("www.a.example", "shop.a.example", true),
            ("a.example", "b.example", false),
            ("www.example", "other.example", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("[2001:db8::1]", "2001:db8::1", true),
            ("localhost", "localhost", true),
        ] {
            assert_eq!(may(host, other), wanted, "{host} {other}");
        }
    }

    /// A server that gives each path its own answer.
    async fn server() -> std::net::SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let many = format!("200 OK\r\n{}Content-Length: 0\r\n\r\n", "X-A : b\r\n".repeat(300));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                let answer = match head.split(' ').nth(1) {
                    Some("/moved") => "302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
                    Some("/away") => {
                        "302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n"
                    }
                    Some("/cut") => {
                        let _ = stream
                            .write_all(b"HTTP/1.1 500 Oops\r\nContent-Length: 9\r\n\r\nhello")
                            .await;
                        continue;
                    }
                    Some("/many") => &many,
                    Some("/strict") if !head.contains("Content-Length: 0\r\n") => {
                        "411 Length Required\r\nContent-Length: 0\r\n\r\n"
                    }
                    Some("/endless") => {
                        tokio::spawn(async move {
                            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                            while stream.write_all(&[b'a'; 8192]).await.is_ok() {}
                        });
                        continue;
                    }
                    Some("/error") => "500 Oops\r\nContent-Length: 5\r\n\r\nhello",
                    Some("/stall") => "200 OK\r\nContent-Length: 9\r\n\r\nhello",
                    _ => "200 OK\r\nContent-Length: 5\r\n\r\nhello",
                };
                let _ = stream.write_all(format!("HTTP/1.1 {answer}").as_bytes()).await;
                // Open for as long as the client wants it.
                tokio::spawn(async move { stream.read_u8().await });
            }
        });
        address
    }

    #[tokio::test]
    async fn a_target_is_probed_by_what_answers_probe() {
        let address = server().await;
        let (icmp, strays) =
            (Icmp::open(Clock::start(), &ReceiveQueue::default()), Arc::new(Strays::default()));
        let ok = Seen::Http { status: 200 };
        let not = "{fail_if_body_not_matches_regexp: [bye]}";
        for (path, yaml, failure, seen) in [
            ("/", "{fail_if_body_not_matches_regexp: [hello]}", None, ok),
            ("/", not, Some(Failure::Condition), ok),
            ("/moved", "{follow_redirects: true}", None, ok),
            ("/moved", "{no_follow_redirects: false}", None, ok),
            (
                "/moved",
                "{enable_http2: true}",
                Some(Failure::HttpStatus),
                Seen::Http { status: 302 },
            ),
            (
                "/away",
                "{follow_redirects: true}",
                Some(Failure::Condition),
                Seen::Http { status: 302 },
            ),
            ("/error", not, Some(Failure::HttpStatus), Seen::Http { status: 500 }),
            // What `/probe` says of these; the last byte of the third never comes.
            ("/cut", "{}", Some(Failure::HttpStatus), Seen::Http { status: 500 }),
            ("/many", "{}", None, ok),
            ("/endless", "{}", None, ok),
            ("/strict", "{method: POST}", None, ok),
            ("/stall", not, Some(Failure::Timeout), ok),
        ] {
            let mut settings: crate::probe::http::Settings =
                exporter_kit::parse(yaml, "test.yml").unwrap();
            let url = format!("http://{address}{path}");
            let read =
                <crate::probe::http::Settings as crate::probe::Settings>::address(&settings, &url);
            let target = read.unwrap();
            crate::probe::Settings::load(&mut settings, std::path::Path::new("/"), None).unwrap();
            let probe = crate::probe::Settings::probe(&settings, &target);
            let attempt = Attempt {
                ip: address.ip(),
                timeout: Duration::from_millis(if path == "/stall" { 300 } else { 10_000 }),
                spent: Duration::ZERO,
                icmp: &icmp,
                strays: &strays,
                resolvers: &[],
            };
            let outcome = crate::probe::Run::run(&probe, &attempt).await;
            assert_eq!((outcome.failure, outcome.seen), (failure, seen), "{path} {yaml}");
            assert!(outcome.duration.is_some(), "{path} {yaml}: {outcome:?}");
            // Several connections have no round trip; a redirect that is not followed makes no second one.
            let leads = settings.asked.follows_redirects() && ["/moved", "/away"].contains(&path);
            assert_eq!(outcome.rtt.is_some(), !leads, "{path} {yaml}: {outcome:?}");
            let cut = outcome.phases.get(Phase::Transfer);
            assert!(path != "/stall" || cut.is_some_and(|cut| cut > Duration::from_millis(200)));
        }
    }
}
