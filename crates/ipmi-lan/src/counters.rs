//! What a session has counted since it was opened. No I/O, no clock.

/// Counts of one session, login included; they only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
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
