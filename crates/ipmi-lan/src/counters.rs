//! What a session has counted since it was opened. No I/O, no clock.

/// Counts of one session, login included; they only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Log-ins begun: 1, and one more for each time a worn session was renewed.
    pub sessions: u64,
    /// Datagrams handed to the network.
    pub sent: u64,
    /// Datagrams that came in, of every kind.
    pub received: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// Genuine replies of this session that answer no request in hand: late, duplicated or replayed.
    pub stale_replies: u64,
    /// Datagrams that belong to another session or were sent without this session's protection.
    pub foreign: u64,
    /// Datagrams whose integrity code, padding, length or checksum is wrong.
    pub corrupt: u64,
}

impl std::ops::Add for Counters {
    type Output = Counters;

    fn add(self, other: Counters) -> Counters {
        Counters {
            sessions: self.sessions.saturating_add(other.sessions),
            sent: self.sent.saturating_add(other.sent),
            received: self.received.saturating_add(other.received),
            retries: self.retries.saturating_add(other.retries),
            stale_replies: self.stale_replies.saturating_add(other.stale_replies),
            foreign: self.foreign.saturating_add(other.foreign),
            corrupt: self.corrupt.saturating_add(other.corrupt),
        }
    }
}
