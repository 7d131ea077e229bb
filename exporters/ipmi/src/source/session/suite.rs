//! The cipher suite that a BMC's last session had. The time is an argument.

use std::time::Duration;

use ipmi_lan::CipherSuite;
use tokio::time::Instant;

/// How long log-ins begin with what the first of them ended with: firmware learns new suites, and a datagram
/// that somebody forged must not keep the better one away for ever.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// What the next log-in begins with before it goes on with the others, so that a BMC that says nothing about a suite that it does not speak
/// costs its time once, and not at each session.
#[derive(Debug, Default)]
pub(super) struct LastSuite(Option<(CipherSuite, Instant)>);

impl LastSuite {
    /// The suite to begin with; none: the order of the module.
    pub(super) fn at(&self, now: Instant) -> Option<CipherSuite> {
        let (suite, since) = self.0?;
        (now.duration_since(since) < KEPT).then_some(suite)
    }

    /// A session was opened with `suite`.
    pub(super) fn opened(&mut self, suite: Option<CipherSuite>, now: Instant) {
        if suite.is_none() || suite != self.at(now) {
            self.0 = suite.map(|suite| (suite, now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn the_suite_of_a_session_is_kept_for_a_day_from_the_first_on() {
        let mut last = LastSuite::default();
        let begun = Instant::now();
        assert_eq!(last.at(begun), None);
        last.opened(Some(CipherSuite::Suite3), begun);
        last.opened(Some(CipherSuite::Suite3), begun + 23 * HOUR);
        assert_eq!(last.at(begun + 23 * HOUR), Some(CipherSuite::Suite3));
        assert_eq!(last.at(begun + 24 * HOUR), None);
        // The module's order was tried again, and ended the same.
        last.opened(Some(CipherSuite::Suite3), begun + 24 * HOUR);
        assert_eq!(last.at(begun + 47 * HOUR), Some(CipherSuite::Suite3));
    }
}
