//! A request, its redirects where they are followed, and what is made of the answer.

use std::sync::Arc;

use exporter_kit::on_demand::{AllowList, Destination, Log};
use tokio::time::Instant;
use tracing::{Level, debug, enabled};

use super::Address;
use crate::blackbox::ask::Ask;
use crate::blackbox::found::{Found, Tls};
use crate::blackbox::http::Settings;
use crate::host::Host;
use crate::outcome::{Failure, Outcome, Phase, Seen};
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

    /// Whether only a proxy looks the target's name up.
    pub(super) fn is_for_proxy(&self) -> bool {
        self.settings.leaves_name_to_proxy(&self.target)
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
            is_of_target: true,
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
        // Whoever leads elsewhere has a certificate that ends, too.
        let worst = found.tls.take().into_iter().chain(found.led.take()).reduce(Tls::worse);
        let session = session(worst.as_ref());
        let http = found.http.unwrap_or_default();
        let seen = match http.status_code {
            0 => Seen::Nothing,
            status => Seen::Http { status },
        };
        let took = attempt.spent + spent;
        let failure = probed.unwrap_or(Err(Failure::Timeout)).err();
        let was_cut_off = failure.is_some_and(|failure| ask.has_waited(failure));
        let duration = match failure {
            None => Some(took),
            Some(_) if was_cut_off => Some(attempt.timeout),
            // A wrong answer is an answer: its time counts.
            Some(Failure::HttpStatus | Failure::Condition) if seen != Seen::Nothing => Some(took),
            Some(_) => None,
        };
        if let Some(reason) = failure {
            // What is said of it may be said by the server: it is one field.
            debug!(url = self.shown, ip = %attempt.ip, reason = reason.as_str(), said = log.text(), "a probe failed");
        }
        let phase = found.watch.running();
        let (mut phases, rtt) = found.watch.stop(was_cut_off);
        // The phase of that name is the lookup of the target, which was before.
        phases.forget(Phase::Resolve);
        Outcome { failure, phase, duration, rtt, phases, seen, ahead: http.ahead, session }
    }
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
    use std::net::IpAddr;
    use std::time::Duration;

    use peers::HttpServer;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::clock::Clock;
    use crate::icmp::Icmp;
    use crate::metrics::counts::{ReceiveQueue, Strays};

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

    /// A server that gives each path its own answer, and waits until the client has enough.
    fn server() -> HttpServer {
        let server = HttpServer::start();
        let many = format!("200 OK\r\n{}Content-Length: 0\r\n\r\n", "X-A : b\r\n".repeat(300));
        for (path, answer) in [
            ("/moved", "302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"),
            ("/away", "302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n"),
            ("/many", &many),
            ("/error", "500 Oops\r\nContent-Length: 5\r\n\r\nhello"),
            ("/stall", "200 OK\r\nContent-Length: 9\r\n\r\nhello"),
            ("*", "200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        ] {
            let answer = format!("HTTP/1.1 {answer}");
            server.act(path, move |head, asker| {
                let has_length = head.contains("Content-Length: 0\r\n");
                if head.contains(" /strict ") && !has_length {
                    return asker.write_all(b"HTTP/1.1 411 Length Required\r\n\r\n");
                }
                asker.write_all(answer.as_bytes())?;
                asker.wait()
            });
        }
        server.send("/cut", "HTTP/1.1 500 Oops\r\nContent-Length: 9\r\n\r\nhello");
        server.act("/endless", |_, asker| {
            asker.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            loop {
                asker.write_all(&[b'a'; 8192])?;
            }
        });
        server
    }

    #[tokio::test]
    async fn a_target_is_probed_by_what_answers_probe() {
        let address = server().address;
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
                timeout: Duration::from_secs(if path == "/stall" { 1 } else { 10 }),
                spent: Duration::ZERO,
                icmp: &icmp,
                strays: &strays,
                resolvers: &[],
            };
            let outcome = crate::probe::Run::run(&probe, &attempt).await;
            assert_eq!((outcome.failure, outcome.seen), (failure, seen), "{path} {yaml}");
            assert!(outcome.duration.is_some(), "{path} {yaml}: {outcome:?}");
            // That of the first connection, wherever its answer leads.
            assert!(outcome.rtt.is_some(), "{path} {yaml}: {outcome:?}");
            let phase = ["/stall", "/cut"].contains(&path).then_some(Phase::Transfer);
            assert_eq!(outcome.phase, phase.filter(|_| path == "/stall"), "{path} {yaml}");
            let cut = outcome.phases.get(Phase::Transfer);
            assert!(path != "/stall" || cut.is_some_and(|cut| cut > Duration::from_millis(200)));
        }
    }

    /// What a probe of this URL by this module comes to, at this address.
    async fn probed(yaml: &str, url: &str, ip: IpAddr) -> (Outcome, bool) {
        use crate::probe::{Run as _, Settings as _};
        let mut settings: crate::probe::http::Settings =
            exporter_kit::parse(yaml, "test.yml").unwrap();
        let target = settings.address(url).unwrap();
        settings.load(std::path::Path::new("/"), None).unwrap();
        let probe = settings.probe(&target);
        let icmp = Icmp::open(Clock::start(), &ReceiveQueue::default());
        let attempt = Attempt {
            ip,
            timeout: Duration::from_secs(10),
            spent: Duration::ZERO,
            icmp: &icmp,
            strays: &Arc::new(Strays::default()),
            resolvers: &[],
        };
        (probe.run(&attempt).await, probe.leaves_name_to_proxy())
    }

    #[tokio::test]
    async fn the_way_to_a_proxy_is_not_the_way_to_the_target() {
        let proxy = server().address;
        // It answers in place of whoever is asked for.
        let nobody: IpAddr = "192.0.2.1".parse().unwrap();
        let yaml = format!("proxy_url: 'http://{proxy}'");
        let (outcome, _) = probed(&format!("{{{yaml}}}"), "http://192.0.2.1/", nobody).await;
        assert_eq!((outcome.failure, outcome.rtt), (None, None), "{outcome:?}");
        assert!(outcome.phases.get(Phase::Connect).is_some());
        // Whom only the proxy knows, it is asked for by that name.
        let none = std::net::Ipv4Addr::UNSPECIFIED.into();
        let module = format!("{{{yaml}, skip_resolve_phase_with_proxy: true}}");
        let (outcome, is_left) = probed(&module, "http://only.the.proxy/", none).await;
        assert_eq!((outcome.failure, outcome.rtt, is_left), (None, None, true), "{outcome:?}");
        let (_, is_left) = probed(&format!("{{{yaml}}}"), "http://192.0.2.1/", nobody).await;
        assert!(!is_left);
    }

    /// A server of TLS whose certificate ends in 30 days, and that leads elsewhere.
    async fn leads_to(other: std::net::SocketAddr) -> std::net::SocketAddr {
        use openssl::asn1::Asn1Time;
        use openssl::ssl::{Ssl, SslContext, SslMethod};
        let key = openssl::rsa::Rsa::generate(2_048).unwrap();
        let key = openssl::pkey::PKey::from_rsa(key).unwrap();
        let mut made = openssl::x509::X509::builder().unwrap();
        made.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        made.set_not_after(&Asn1Time::days_from_now(30).unwrap()).unwrap();
        made.set_pubkey(&key).unwrap();
        made.sign(&key, openssl::hash::MessageDigest::sha256()).unwrap();
        let mut context = SslContext::builder(SslMethod::tls_server()).unwrap();
        context.set_certificate(&made.build()).unwrap();
        context.set_private_key(&key).unwrap();
        let context = context.build();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let ssl = Ssl::new(&context).unwrap();
                let mut stream = tokio_openssl::SslStream::new(ssl, stream).unwrap();
                std::pin::Pin::new(&mut stream).accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let answer = format!(
                    "HTTP/1.1 302 Found\r\nLocation: http://{other}/\r\nContent-Length: 0\r\n\r\n"
                );
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.flush().await;
            }
        });
        address
    }

    #[tokio::test]
    async fn the_certificate_of_who_leads_elsewhere_is_watched() {
        let address = leads_to(server().address).await;
        let yaml = "{follow_redirects: true, tls_config: {insecure_skip_verify: true}}";
        let (outcome, _) = probed(yaml, &format!("https://{address}/"), address.ip()).await;
        assert_eq!((outcome.failure, outcome.seen), (None, Seen::Http { status: 200 }));
        let expiry = outcome.session.unwrap().expiry.unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let days = (expiry - i64::try_from(now.as_secs()).unwrap()) / 86_400;
        assert!((28..=30).contains(&days), "{days}");
    }
}
