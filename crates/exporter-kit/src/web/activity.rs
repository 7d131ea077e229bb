//! What a connection does, and whether it has waited too long for its peer. No I/O, no clock.
//!
//! Every time is one since the server began.

use std::time::Duration;

/// A request has to be complete so long after its connection was opened, or after its first byte.
/// A scraper sends it in one piece; a hundred times the round trip of a satellite link.
pub(super) const REQUEST: Duration = Duration::from_secs(10);

/// An idle connection is kept for so long: twice the longest scrape interval in common use.
pub(super) const IDLE: Duration = Duration::from_secs(120);

/// A peer that takes nothing of its answer for so long is given up.
pub(super) const STALL: Duration = Duration::from_secs(30);

/// No answer takes longer: beyond the longest deadline of a page. Without this, a stream whose window is
/// never opened would hold its connection for ever.
const ANSWER: Duration = Duration::from_secs(330);

/// A peer that takes nothing of its answer for so long gives way to others, if there is no room.
const UNMOVED: Duration = Duration::from_secs(1);

/// What a connection does at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// Nothing has come from it yet.
    Opened,
    /// A part of a request has come.
    Asking,
    /// Requests are being answered.
    Answering(usize),
    /// Every request was answered.
    Idle,
}

/// The history of one connection, as far as it matters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Activity {
    doing: Doing,
    since: Duration,
    /// Whether a request was ever answered.
    served: bool,
    /// Since when the peer takes nothing of what is sent.
    stalled: Option<Duration>,
    /// Whether bytes come beside requests, as they do by HTTP/2.
    multiplexed: bool,
}

impl Activity {
    pub(super) fn opened(now: Duration) -> Self {
        Self { doing: Doing::Opened, since: now, served: false, stalled: None, multiplexed: false }
    }

    /// Bytes beside requests say nothing from now on.
    pub(super) fn multiplexed(&mut self) {
        self.multiplexed = true;
    }

    /// Whether it may answer several requests at once.
    pub(super) fn is_multiplexed(&self) -> bool {
        self.multiplexed
    }

    /// Bytes came. The limit of a new connection's first request runs from its opening.
    pub(super) fn read(&mut self, now: Duration) {
        match self.doing {
            Doing::Opened => self.doing = Doing::Asking,
            Doing::Idle if !self.multiplexed => {
                self.doing = Doing::Asking;
                self.since = now;
            }
            Doing::Idle | Doing::Asking | Doing::Answering(_) => {}
        }
    }

    /// The peer takes nothing at present, or takes something again.
    pub(super) fn written(&mut self, taken: bool, now: Duration) {
        self.stalled = if taken { None } else { self.stalled.or(Some(now)) };
    }

    /// A request came.
    pub(super) fn begin(&mut self, now: Duration) {
        self.doing = match self.doing {
            Doing::Answering(requests) => Doing::Answering(requests + 1),
            Doing::Opened | Doing::Asking | Doing::Idle => Doing::Answering(1),
        };
        self.since = now;
    }

    /// A request was answered.
    pub(super) fn end(&mut self, now: Duration) {
        self.served = true;
        self.since = now;
        self.doing = match self.doing {
            Doing::Answering(requests @ 2..) => Doing::Answering(requests - 1),
            _ => Doing::Idle,
        };
    }

    /// Why the connection is to be closed now, if it is.
    pub(super) fn overdue(&self, now: Duration) -> Option<&'static str> {
        let past = |limit: Duration| now.saturating_sub(self.since) >= limit;
        let stalled = |since| now.saturating_sub(since) >= STALL;
        match self.doing {
            Doing::Opened | Doing::Asking if past(REQUEST) => Some("no request came"),
            Doing::Idle if past(IDLE) => Some("idle"),
            Doing::Answering(_) if past(ANSWER) => Some("the answer takes too long"),
            _ if self.stalled.is_some_and(stalled) => Some("the answer is not read"),
            _ => None,
        }
    }

    /// How readily the connection gives way to another one: the smaller, the sooner. A connection
    /// that never asked for anything goes first, the one that has waited longest before others.
    /// None while it is at work.
    pub(super) fn gives_way(&self, now: Duration) -> Option<(bool, Duration)> {
        match self.doing {
            Doing::Answering(_) => {
                let unmoved = |since: &Duration| now.saturating_sub(*since) >= UNMOVED;
                self.stalled.filter(unmoved).map(|since| (true, since))
            }
            Doing::Opened | Doing::Asking | Doing::Idle => Some((self.served, self.since)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_request_that_comes_byte_by_byte_is_not_waited_for() {
        let start = Duration::from_secs(1_000);
        let mut activity = Activity::opened(start);
        for second in 0..10 {
            activity.read(start + second * SECOND);
            assert_eq!(activity.overdue(start + second * SECOND), None);
        }
        assert!(activity.overdue(start + REQUEST).is_some());
    }

    #[test]
    fn a_scraper_keeps_its_connection_between_scrapes() {
        let start = Duration::from_secs(1_000);
        let mut activity = Activity::opened(start);
        for scrape in 0..3 {
            let now = start + scrape * 60 * SECOND;
            activity.read(now);
            activity.begin(now);
            assert_eq!(activity.overdue(now + 60 * SECOND), None);
            activity.end(now);
            assert_eq!(activity.overdue(now + 59 * SECOND), None);
        }
        assert!(activity.overdue(start + 120 * SECOND + IDLE).is_some());
    }

    #[test]
    fn an_answer_that_nobody_reads_is_given_up_and_a_slow_one_is_not() {
        let start = Duration::from_secs(1_000);
        let mut activity = Activity::opened(start);
        activity.begin(start);
        activity.written(false, start);
        activity.written(false, start + 20 * SECOND);
        activity.written(true, start + 29 * SECOND);
        activity.written(false, start + 29 * SECOND);
        assert_eq!(activity.overdue(start + STALL), None);
        assert!(activity.overdue(start + 29 * SECOND + STALL).is_some());
    }

    #[test]
    fn who_never_asked_gives_way_before_who_did_and_who_is_answered_stays() {
        let start = Duration::from_secs(1_000);
        let (mut scraper, mut asked) = (Activity::opened(start), Activity::opened(start));
        scraper.begin(start);
        scraper.end(start);
        asked.begin(start);
        let silent = Activity::opened(start + 9 * SECOND);
        let now = start + 10 * SECOND;
        assert!(silent.gives_way(now) < scraper.gives_way(now));
        assert_eq!(asked.gives_way(now), None);
        asked.written(false, now);
        assert_eq!(asked.gives_way(now), None);
        assert!(asked.gives_way(now + UNMOVED) > scraper.gives_way(now + UNMOVED));
    }

    #[test]
    fn bytes_beside_requests_do_not_make_a_multiplexed_connection_overdue() {
        let start = Duration::from_secs(1_000);
        let mut activity = Activity::opened(start);
        activity.multiplexed();
        activity.begin(start);
        activity.end(start);
        activity.read(start + SECOND);
        assert_eq!(activity.overdue(start + 20 * SECOND), None);
    }
}
