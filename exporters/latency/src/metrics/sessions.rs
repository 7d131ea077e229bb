//! What TLS came to at each address, also where the certificate is refused.

use exporter_kit::{LabelSet, Page};

use crate::outcome::Session;

/// The label names of [`all`] that a target may have for its own.
pub(super) const FREE: [&str; 2] = ["version", "cipher"];

/// A session, and whose it is.
pub(super) struct Shown<'a, L> {
    pub(super) of: L,
    pub(super) slot: &'static str,
    pub(super) session: &'a Session,
    /// Whether the target has a label of the names in [`FREE`].
    pub(super) has_own: bool,
}

/// All of it.
pub(super) fn all<L: LabelSet + Copy>(page: &mut Page<'_>, sessions: &[Shown<'_, L>]) {
    page.gauge(
        "latency_tls_expiry_timestamp_seconds",
        "When the first certificate of the verified chain ends, or else the first of those shown.",
        sessions.iter().map(|Shown { of, slot, session, .. }| {
            ((*of, [("slot", *slot)]), session.expiry.map(|seconds| seconds as f64))
        }),
    );
    page.gauge(
        "latency_tls_verified",
        "Whether the certificate is trusted for its name; not there where the module skips that.",
        sessions.iter().map(|Shown { of, slot, session, .. }| {
            ((*of, [("slot", *slot)]), session.trust.map(|trust| trust.is_ok()))
        }),
    );
    page.info(
        "latency_tls_refusal_info",
        "Why the certificate is not trusted.",
        sessions.iter().filter_map(|Shown { of, slot, session, .. }| {
            let reason = session.trust?.err()?.as_str();
            Some((*of, [("slot", *slot), ("reason", reason)]))
        }),
    );
    page.info(
        "latency_tls_info",
        "The version and the cipher suite of TLS.",
        sessions.iter().filter(|shown| !shown.has_own).map(
            |Shown { of, slot, session, .. }| {
                let cipher = session.cipher.as_deref().unwrap_or("");
                let version = session.version.unwrap_or("");
                (*of, [("slot", *slot), ("version", version), ("cipher", cipher)])
            },
        ),
    );
}
