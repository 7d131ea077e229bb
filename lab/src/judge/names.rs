//! Alerts that got another name: a world may be older than the rules. No I/O, no clock.

/// The name of an alert in the rules, and the older name that it stands for as well.
const STANDS_FOR: &[(&str, &str)] = &[("LatencyVantageBroken", "LatencyProbesFailLocally")];

/// Whether an alert of the rules is meant by a name.
pub(crate) fn is_meant(alert: &str, by: &str) -> bool {
    alert == by || STANDS_FOR.contains(&(alert, by))
}
