//! The page of one probe that was asked for: the names, labels and meanings of `blackbox_exporter`.

use std::net::IpAddr;
use std::time::Duration;

use exporter_kit::{Collector, LabelSet, LabelWriter, Page, Registry, Value};

use crate::blackbox::found::{Dns, Found, Grpc, Http, IcmpEcho, Leaf, Tls, Websocket};
use crate::outcome::Failure;

/// What came of a probe.
#[derive(Clone, Debug)]
pub(crate) struct Probed {
    /// Every figure, as far as it got.
    pub(crate) found: Found,
    /// Why it failed; `None` is a success.
    pub(crate) failure: Option<Failure>,
    /// How long it took.
    pub(crate) took: Duration,
    /// How long it might have taken.
    pub(crate) timeout: Duration,
}

/// A registry with the series of one probe.
pub(crate) fn page(probed: Probed) -> Registry {
    let mut registry = Registry::default();
    registry.register(probed);
    registry
}

impl Collector for Probed {
    fn collect(&self, page: &mut Page<'_>) {
        one(page, "probe_success", "Whether the target is as the module demands.", {
            Some(self.failure.is_none())
        });
        page.info(
            "probe_failure_info",
            "Why the probe failed.",
            self.failure.map(|failure| [("reason", failure.as_str())]),
        );
        one(page, "probe_duration_seconds", "Time of the whole probe.", Some(self.took));
        one(page, "probe_timeout_seconds", "Time that the probe had.", Some(self.timeout));
        self.found.put(page);
    }
}

/// A family with one series.
fn one(page: &mut Page<'_>, name: &str, help: &str, value: Option<impl Value>) {
    page.gauge(name, help, value.map(|value| ((), value)));
}

/// A family with a series for each phase.
fn phases(page: &mut Page<'_>, name: &str, help: &str, phases: &[(&str, Duration)]) {
    page.gauge(name, help, phases.iter().map(|(phase, took)| ([("phase", *phase)], *took)));
}

impl Found {
    fn put(&self, page: &mut Page<'_>) {
        let chosen = self.chosen.then_some(());
        one(
            page,
            "probe_dns_lookup_time_seconds",
            "Time of looking up the target's name.",
            chosen.map(|()| self.lookup),
        );
        one(
            page,
            "probe_ip_protocol",
            "Family of the address that was probed: 4 or 6, 0 without an address.",
            chosen.map(|()| match self.ip {
                None => 0.0,
                Some(IpAddr::V4(_)) => 4.0,
                Some(IpAddr::V6(_)) => 6.0,
            }),
        );
        one(
            page,
            "probe_ip_addr_hash",
            "FNV-1a hash (32 bits) of the address that was probed, which changes when it does.",
            chosen.map(|()| self.ip.map_or(0.0, |ip| f64::from(hash(ip)))),
        );
        one(
            page,
            "probe_failed_due_to_regex",
            "Whether the probe failed because a regular expression did not hold.",
            self.failed_due_to_regex,
        );
        one(
            page,
            "probe_failed_due_to_cel",
            "Whether the probe failed because a CEL expression did not hold.",
            self.failed_due_to_cel,
        );
        one(
            page,
            "probe_failed_due_to_bytes",
            "Whether the probe failed because other bytes came.",
            self.failed_due_to_bytes,
        );
        page.info(
            "probe_expect_info",
            "What the module's labels took out of the answer.",
            self.expect_info.as_deref().map(Taken),
        );
        if let Some(http) = &self.http {
            http.put(page, self.chosen, self.ip.is_some());
        }
        if let Some(icmp) = &self.icmp {
            icmp.put(page);
        }
        if let Some(dns) = &self.dns {
            dns.put(page);
        }
        if let Some(grpc) = &self.grpc {
            grpc.put(page);
        }
        if let Some(websocket) = &self.websocket {
            websocket.put(page);
        }
        if let Some(tls) = &self.tls {
            tls.put(page, self.http.is_some(), self.grpc.is_none());
        }
    }
}

impl Tls {
    /// The cipher suite is shown of HTTP alone, and the chain of all but gRPC: as the peer has it.
    fn put(&self, page: &mut Page<'_>, with_cipher: bool, with_chain: bool) {
        let seconds = |seconds: Option<i64>| seconds.map(|seconds| seconds as f64);
        one(
            page,
            "probe_ssl_earliest_cert_expiry",
            "When the first of the certificates that were shown expires, as seconds since the epoch.",
            seconds(self.earliest_expiry),
        );
        one(
            page,
            "probe_ssl_last_chain_expiry_timestamp_seconds",
            "When the verified chain that lasts longest expires, as seconds since the epoch.",
            seconds(self.last_chain_expiry.filter(|_| with_chain)),
        );
        page.info(
            "probe_ssl_last_chain_info",
            "The certificate of the server.",
            self.leaf.as_ref(),
        );
        page.info(
            "probe_tls_version_info",
            "The version of TLS that was spoken.",
            self.version.map(|version| [("version", version)]),
        );
        page.info(
            "probe_tls_cipher_info",
            "The cipher suite that was agreed upon.",
            self.cipher.as_deref().filter(|_| with_cipher).map(|cipher| [("cipher", cipher)]),
        );
    }
}

impl LabelSet for Leaf {
    fn put(&self, to: &mut LabelWriter<'_>) {
        to.label("fingerprint_sha256", &self.fingerprint_sha256);
        to.label("subject", &self.subject);
        to.label("issuer", &self.issuer);
        to.label("subjectalternative", &self.subject_alternative);
        to.label("serialnumber", &self.serial);
    }
}

/// Labels by the names that a module gives them.
struct Taken<'a>(&'a [(String, String)]);

impl LabelSet for Taken<'_> {
    fn put(&self, to: &mut LabelWriter<'_>) {
        self.0.iter().for_each(|(name, value)| to.label(name, value));
    }
}

impl Http {
    /// The phases beside the lookup are there once there is somebody to be asked; without a lookup, which is
    /// then a proxy's, they are there alone.
    fn put(&self, page: &mut Page<'_>, is_looked_up: bool, is_asked: bool) {
        let all = [
            ("resolve", self.phases.resolve),
            ("connect", self.phases.connect),
            ("tls", self.phases.tls),
            ("processing", self.phases.processing),
            ("transfer", self.phases.transfer),
        ];
        let shown = match (is_looked_up, is_asked) {
            (false, false) => &all[1..],
            (_, true) => &all[..],
            (true, false) => &all[..1],
        };
        phases(
            page,
            "probe_http_duration_seconds",
            "Time of each part of the requests, summed over redirects.",
            shown,
        );
        one(
            page,
            "probe_http_content_length",
            "Length of the body as the server told it; -1 where it did not.",
            Some(self.content_length as f64),
        );
        one(
            page,
            "probe_http_uncompressed_body_length",
            "Length of the body as it was read.",
            Some(self.uncompressed_body_length as f64),
        );
        page.info(
            "probe_http_oddity_info",
            "What is odd in the head of the last answer.",
            self.oddities.all().map(|oddity| [("oddity", oddity.as_str())]),
        );
        one(
            page,
            "probe_http_redirects",
            "Redirects that were followed.",
            Some(f64::from(self.redirects)),
        );
        one(page, "probe_http_ssl", "Whether the last answer came by TLS.", Some(self.ssl));
        one(
            page,
            "probe_http_status_code",
            "Status of the last answer; 0 without one.",
            Some(f64::from(self.status_code)),
        );
        one(
            page,
            "probe_http_version",
            "Version of HTTP of the last answer; 0 without one.",
            Some(self.version),
        );
        one(
            page,
            "probe_http_last_modified_timestamp_seconds",
            "When the page was last modified, as the server tells it, as seconds since the epoch.",
            self.last_modified.map(|seconds| seconds as f64),
        );
    }
}

impl IcmpEcho {
    fn put(&self, page: &mut Page<'_>) {
        let all = [("resolve", self.resolve), ("setup", self.setup), ("rtt", self.rtt)];
        phases(page, "probe_icmp_duration_seconds", "Time of each part of the echo.", &all);
        one(
            page,
            "probe_icmp_reply_hop_limit",
            "Hop limit of the reply (its TTL, of IPv4).",
            self.reply_hop_limit.map(f64::from),
        );
    }
}

impl Dns {
    fn put(&self, page: &mut Page<'_>) {
        let all = [("resolve", self.resolve), ("connect", self.connect), ("request", self.request)];
        phases(page, "probe_dns_duration_seconds", "Time of each part of the question.", &all);
        for (name, help, count) in [
            ("probe_dns_answer_rrs", "Records of the section answer.", self.answer_rrs),
            ("probe_dns_authority_rrs", "Records of the section authority.", self.authority_rrs),
            ("probe_dns_additional_rrs", "Records of the section additional.", self.additional_rrs),
        ] {
            one(page, name, help, Some(count as f64));
        }
        one(
            page,
            "probe_dns_query_succeeded",
            "Whether an answer came, whatever it is.",
            Some(self.query_succeeded),
        );
        one(
            page,
            "probe_dns_serial",
            "Serial number of the zone, where its SOA was asked for.",
            self.serial.map(f64::from),
        );
    }
}

impl Grpc {
    fn put(&self, page: &mut Page<'_>) {
        phases(page, "probe_grpc_duration_seconds", "Time of each part of the call.", &self.phases);
        one(page, "probe_grpc_ssl", "Whether the call went by TLS.", Some(self.ssl));
        one(
            page,
            "probe_grpc_status_code",
            "Status of the call, as gRPC numbers it.",
            Some(f64::from(self.status_code)),
        );
        let checked = self.phases.iter().any(|(phase, _)| *phase == "check");
        let statuses = Self::STATUSES.into_iter().filter(|_| checked);
        page.gauge(
            "probe_grpc_healthcheck_response",
            "Whether the service says that it stands so.",
            statuses.map(|it| ([("serving_status", it)], self.serving_status == Some(it))),
        );
    }
}

impl Websocket {
    fn put(&self, page: &mut Page<'_>) {
        phases(
            page,
            "probe_websocket_duration_seconds",
            "Time of each part of the dialogue.",
            &self.phases,
        );
        one(
            page,
            "probe_websocket_failed_due_to_regex",
            "Whether the probe failed because a message was not as expected.",
            Some(self.failed_due_to_regex),
        );
        one(
            page,
            "probe_websocket_connection_upgraded",
            "Whether the connection became one of WebSocket.",
            Some(self.connection_upgraded),
        );
        one(
            page,
            "probe_websocket_status_code",
            "Status of the answer to the upgrade; 0 without one.",
            Some(f64::from(self.status_code)),
        );
    }
}

/// FNV-1a of the address' bytes.
fn hash(ip: IpAddr) -> u32 {
    let fold = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    let start = 0x811c_9dc5;
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.octets().iter().fold(start, fold),
        IpAddr::V6(ip) => ip.octets().iter().fold(start, fold),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blackbox::found::Oddities;
    use crate::stopwatch::Stopwatch;

    /// A probe that found whatever any probe can find.
    fn everything() -> Probed {
        let ms = Duration::from_millis;
        let text = |text: &str| text.to_owned();
        let found = Found {
            chosen: true,
            lookup: ms(3),
            watch: Stopwatch::default(),
            led: None,
            ip: Some(IpAddr::from([192, 0, 2, 1])),
            failed_due_to_regex: Some(true),
            failed_due_to_cel: Some(false),
            failed_due_to_bytes: Some(false),
            expect_info: Some(vec![(text("version"), text("OpenSSH_9.2p1"))]),
            tls: Some(Tls {
                version: Some("TLS 1.3"),
                cipher: Some(text("TLS_AES_128_GCM_SHA256")),
                earliest_expiry: Some(1_893_456_000),
                last_chain_expiry: Some(1_893_456_000),
                trust: Some(Ok(())),
                leaf: Some(Leaf {
                    fingerprint_sha256: text("ab12"),
                    subject: text("CN=www.example.com"),
                    issuer: text("CN=Example CA"),
                    subject_alternative: text("www.example.com,example.com"),
                    serial: text("0f"),
                }),
            }),
            http: Some(Http {
                last_modified: Some(1_893_456_000),
                oddities: Oddities::of(b"HTTP/1.1 200\r\n\r\n"),
                ..Http::default()
            }),
            icmp: Some(IcmpEcho { rtt: ms(20), reply_hop_limit: Some(57), ..IcmpEcho::default() }),
            dns: Some(Dns { serial: Some(2_026_112_901), ..Dns::default() }),
            grpc: None,
            websocket: Some(Websocket { phases: vec![("resolve", ms(3))], ..Websocket::default() }),
        };
        Probed { found, failure: Some(Failure::Condition), took: ms(120), timeout: ms(4_500) }
    }

    #[test]
    fn the_page_is_the_golden_one() {
        let mut probed = everything();
        let mut text = page(probed.clone()).openmetrics().replace("# EOF\n", "");
        // What certifies a chain is not shown of gRPC, so it has a page of its own.
        probed.found = Found {
            grpc: Some(Grpc {
                phases: vec![("resolve", Duration::ZERO), ("check", Duration::from_millis(5))],
                serving_status: Some("SERVING"),
                ..Grpc::default()
            }),
            ..Found::default()
        };
        let grpc = page(probed).openmetrics();
        let own = grpc.split_once("# HELP probe_grpc").map(|(_, own)| own).unwrap();
        text.extend(["# HELP probe_grpc", own]);
        let golden = "tests/golden/probe.prom";
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(golden, &text).unwrap();
        }
        assert_eq!(text, std::fs::read_to_string(golden).unwrap());
    }

    #[test]
    fn an_address_has_the_hash_that_the_peer_gives_it() {
        // FNV-1a of the bytes 127, 0, 0, 1, reckoned by hand from its definition.
        assert_eq!(hash("127.0.0.1".parse().unwrap()), 3_668_918_509);
        assert_eq!(hash("127.0.0.1".parse().unwrap()), hash("::ffff:127.0.0.1".parse().unwrap()));
        assert_ne!(hash("127.0.0.1".parse().unwrap()), hash("127.0.0.2".parse().unwrap()));
    }
}
