//! What a probe found, figure by figure, as far as it got. No I/O, no clock.
//!
//! A field that is `None` has no series. Names in `code` are those of `blackbox_exporter`'s metrics.

use std::net::IpAddr;
use std::time::Duration;

pub(crate) use super::http_client::oddity::Oddities;
use crate::outcome::Distrust;
use crate::stopwatch::Stopwatch;

/// All figures of one probe.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Found {
    /// Whether an address was looked for: only then are lookup and address shown. By `choose`.
    pub(crate) chosen: bool,
    /// `probe_dns_lookup_time_seconds`. By `choose`.
    pub(crate) lookup: Duration,
    /// How far it got, as it is told of targets: not shown on the page of `/probe`.
    pub(crate) watch: Stopwatch,
    /// The address that was probed: `probe_ip_protocol`, `probe_ip_addr_hash`.
    pub(crate) ip: Option<IpAddr>,
    /// `probe_failed_due_to_regex`.
    pub(crate) failed_due_to_regex: Option<bool>,
    /// `probe_failed_due_to_cel`.
    pub(crate) failed_due_to_cel: Option<bool>,
    /// `probe_failed_due_to_bytes`.
    pub(crate) failed_due_to_bytes: Option<bool>,
    /// The labels of `probe_expect_info`.
    pub(crate) expect_info: Option<Vec<(String, String)>>,
    /// What TLS came to.
    pub(crate) tls: Option<Tls>,
    /// Of a target, what it came to with those that led elsewhere: the worst of them.
    pub(crate) led: Option<Tls>,
    /// Of the prober `http`.
    pub(crate) http: Option<Http>,
    /// Of the prober `icmp`.
    pub(crate) icmp: Option<IcmpEcho>,
    /// Of the prober `dns`.
    pub(crate) dns: Option<Dns>,
    /// Of the prober `grpc`.
    pub(crate) grpc: Option<Grpc>,
    /// Of the prober `websocket`.
    pub(crate) websocket: Option<Websocket>,
}

/// A TLS session, also one whose certificate was refused.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tls {
    /// `probe_tls_version_info{version}`, as in `TLS 1.3`.
    pub(crate) version: Option<&'static str>,
    /// `probe_tls_cipher_info{cipher}`, by its IANA name.
    pub(crate) cipher: Option<String>,
    /// `probe_ssl_earliest_cert_expiry`: seconds since the epoch, the earliest of what was presented.
    pub(crate) earliest_expiry: Option<i64>,
    /// `probe_ssl_last_chain_expiry_timestamp_seconds`: of the verified chain that lasts longest.
    pub(crate) last_chain_expiry: Option<i64>,
    /// `probe_ssl_last_chain_info`: of the leaf, which is what its labels say.
    pub(crate) leaf: Option<Leaf>,
    /// Whether the certificate is trusted, or why not; none where it was not judged.
    pub(crate) trust: Option<Result<(), Distrust>>,
}

impl Tls {
    /// When the first of the verified chain ends, or else the first of what was shown.
    pub(crate) fn expiry(&self) -> Option<i64> {
        let of_chain = self.last_chain_expiry.filter(|_| self.trust == Some(Ok(())));
        of_chain.or(self.earliest_expiry)
    }

    /// Of two sessions of one probe the one that matters: whose certificate is refused, or ends first.
    pub(crate) fn worse(self, other: Self) -> Self {
        let badness =
            |it: &Self| (!matches!(it.trust, Some(Err(_))), it.expiry().unwrap_or(i64::MAX));
        if badness(&other) < badness(&self) { other } else { self }
    }
}

/// The labels of `probe_ssl_last_chain_info`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Leaf {
    /// SHA-256 of the certificate, in lower-case hexadecimal digits.
    pub(crate) fingerprint_sha256: String,
    /// In RFC 2253's form.
    pub(crate) subject: String,
    /// In RFC 2253's form.
    pub(crate) issuer: String,
    /// Its DNS names, joined by commas.
    pub(crate) subject_alternative: String,
    /// In lower-case hexadecimal digits.
    pub(crate) serial: String,
}

/// The phases of HTTP, summed over redirects: `probe_http_duration_seconds{phase}`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct HttpPhases {
    /// `resolve`.
    pub(crate) resolve: Duration,
    /// `connect`.
    pub(crate) connect: Duration,
    /// `tls`.
    pub(crate) tls: Duration,
    /// `processing`: from the request to the first byte of the answer.
    pub(crate) processing: Duration,
    /// `transfer`.
    pub(crate) transfer: Duration,
}

/// What HTTP came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Http {
    /// Its phases.
    pub(crate) phases: HttpPhases,
    /// `probe_http_content_length`; -1 where the server said none.
    pub(crate) content_length: i64,
    /// `probe_http_redirects`.
    pub(crate) redirects: u32,
    /// `probe_http_ssl`: whether the last answer came over TLS.
    pub(crate) ssl: bool,
    /// `probe_http_status_code`; 0 without one.
    pub(crate) status_code: u16,
    /// `probe_http_uncompressed_body_length`.
    pub(crate) uncompressed_body_length: u64,
    /// `probe_http_version`; 0 without one.
    pub(crate) version: f64,
    /// `probe_http_last_modified_timestamp_seconds`.
    pub(crate) last_modified: Option<i64>,
    /// Seconds by which our wall clock is ahead of what the server says, where it does.
    pub(crate) ahead: Option<i64>,
    /// What is odd in the head of the last answer.
    pub(crate) oddities: Oddities,
}

/// An echo: `probe_icmp_duration_seconds{phase}`, `probe_icmp_reply_hop_limit`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct IcmpEcho {
    /// `resolve`.
    pub(crate) resolve: Duration,
    /// `setup`.
    pub(crate) setup: Duration,
    /// `rtt`.
    pub(crate) rtt: Duration,
    /// The hop limit of the reply, where it is known.
    pub(crate) reply_hop_limit: Option<u8>,
}

/// An exchange with a DNS server.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Dns {
    /// `probe_dns_duration_seconds{phase="resolve"}`.
    pub(crate) resolve: Duration,
    /// `connect`.
    pub(crate) connect: Duration,
    /// `request`.
    pub(crate) request: Duration,
    /// `probe_dns_query_succeeded`.
    pub(crate) query_succeeded: bool,
    /// `probe_dns_answer_rrs`.
    pub(crate) answer_rrs: usize,
    /// `probe_dns_authority_rrs`.
    pub(crate) authority_rrs: usize,
    /// `probe_dns_additional_rrs`.
    pub(crate) additional_rrs: usize,
    /// `probe_dns_serial`, of an answer to a question for SOA.
    pub(crate) serial: Option<u32>,
}

/// A health check of gRPC.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Grpc {
    /// `probe_grpc_duration_seconds{phase}`: `resolve`, and `check` once that has ended.
    pub(crate) phases: Vec<(&'static str, Duration)>,
    /// `probe_grpc_ssl`.
    pub(crate) ssl: bool,
    /// `probe_grpc_status_code`.
    pub(crate) status_code: i32,
    /// `probe_grpc_healthcheck_response{serving_status}`.
    pub(crate) serving_status: Option<&'static str>,
}

impl Grpc {
    /// What a service may say of itself, by the number of `ServingStatus`.
    pub(crate) const STATUSES: [&str; 4] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
}

/// A handshake of WebSocket.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Websocket {
    /// `probe_websocket_duration_seconds{phase}`: `resolve`, `connect`, `processing`, `transfer`, as far as
    /// it got.
    pub(crate) phases: Vec<(&'static str, Duration)>,
    /// `probe_websocket_failed_due_to_regex`.
    pub(crate) failed_due_to_regex: bool,
    /// `probe_websocket_connection_upgraded`.
    pub(crate) connection_upgraded: bool,
    /// `probe_websocket_status_code`; 0 without one.
    pub(crate) status_code: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_that_matters_is_refused_or_ends_first() {
        let tls = |expiry, trust| Tls { earliest_expiry: Some(expiry), trust, ..Tls::default() };
        let (good, skipped) = (tls(9, Some(Ok(()))), tls(5, None));
        let refused = tls(20, Some(Err(Distrust::Name)));
        for (one, other, wanted) in [
            (&good, &skipped, &skipped),
            (&good, &refused, &refused),
            (&skipped, &refused, &refused),
            (&Tls::default(), &good, &good),
        ] {
            assert_eq!(&one.clone().worse(other.clone()), wanted);
            assert_eq!(&other.clone().worse(one.clone()), wanted);
        }
    }
}
