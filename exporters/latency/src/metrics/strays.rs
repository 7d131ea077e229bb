//! Replies to echoes that came late, again, out of order, or another way.

use exporter_kit::{Counter, LabelSet, Page};

use super::counts::Strays;

/// A count that is shown once there is one: most targets never have any.
fn counted(counter: &Counter) -> Option<u64> {
    Some(counter.get()).filter(|count| *count > 0)
}

/// Those of all targets: whose, which, and how often the TTL of replies was another than before.
pub(super) fn all<L: LabelSet + Copy>(page: &mut Page<'_>, targets: &[(L, &Strays, u64)]) {
    page.counter(
        "latency_icmp_late_replies_total",
        "Echo replies that came after the timeout; their probes count as failed.",
        targets.iter().map(|(of, strays, _)| (*of, counted(&strays.late))),
    );
    page.counter(
        "latency_icmp_duplicate_replies_total",
        "Echo replies that came again.",
        targets.iter().map(|(of, strays, _)| (*of, counted(&strays.duplicate))),
    );
    page.counter(
        "latency_icmp_out_of_order_replies_total",
        "Echo replies in time that came after that to a later echo.",
        targets.iter().map(|(of, strays, _)| (*of, counted(&strays.out_of_order))),
    );
    page.counter(
        "latency_reply_ttl_changes_total",
        "How often the TTL of an address's echo replies was another than before.",
        targets.iter().map(|(of, _, changes)| (*of, Some(*changes).filter(|changes| *changes > 0))),
    );
}
