//! What one probe found: how long it took, or why it failed. No I/O, no clock.

use std::io::{self, ErrorKind};
use std::time::Duration;

use nix::libc::{EACCES, ENOPROTOOPT};

/// Why a probe failed. A closed set, since it is a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Failure {
    /// No answer within the module's timeout.
    Timeout,
    /// The name could not be resolved.
    Dns,
    /// The port is closed: the connection was refused.
    Refused,
    /// A router, or the kernel's own routing table, says that there is no way.
    Unreachable,
    /// A router says that the packet went round too long.
    TtlExceeded,
    /// TLS could not be agreed upon.
    TlsHandshake,
    /// The certificate is not one to be trusted for this name.
    TlsVerify,
    /// The HTTP status is not among the valid ones, or what came is not HTTP.
    HttpStatus,
    /// The body did not come to its end.
    Body,
    /// The peer closed or reset the connection before it had answered.
    Reset,
    /// Something on this side: no socket, no permission, no descriptor, no memory.
    Local,
}

impl Failure {
    /// All of them, in the order of their counters.
    pub(crate) const ALL: [Self; 11] = [
        Self::Timeout,
        Self::Dns,
        Self::Refused,
        Self::Unreachable,
        Self::TtlExceeded,
        Self::TlsHandshake,
        Self::TlsVerify,
        Self::HttpStatus,
        Self::Body,
        Self::Reset,
        Self::Local,
    ];

    /// The label's value.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Dns => "dns",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::TtlExceeded => "ttl_exceeded",
            Self::TlsHandshake => "tls_handshake",
            Self::TlsVerify => "tls_verify",
            Self::HttpStatus => "http_status",
            Self::Body => "body",
            Self::Reset => "reset",
            Self::Local => "local",
        }
    }

    /// Whether the cause is on our side, so that it says nothing of the target.
    pub(crate) const fn is_ours(self) -> bool {
        matches!(self, Self::Local)
    }

    /// Classifies what the kernel said of a socket.
    pub(crate) fn of_io(error: &io::Error) -> Self {
        // What the kernel makes of ICMP "administratively prohibited" (IPv6) and "protocol
        // unreachable"; a local firewall's refusal is EPERM instead.
        if let Some(EACCES | ENOPROTOOPT) = error.raw_os_error() {
            return Self::Unreachable;
        }
        match error.kind() {
            ErrorKind::TimedOut => Self::Timeout,
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Self::Unreachable,
            ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof
            | ErrorKind::NotConnected => Self::Reset,
            _ => Self::Local,
        }
    }
}

/// A part of a probe that is timed by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// Looking up the name.
    Resolve,
    /// The TCP handshake.
    Connect,
    /// The TLS handshake.
    Tls,
    /// From the request to the first byte of the answer.
    Ttfb,
    /// From there to the last byte.
    Transfer,
}

impl Phase {
    /// All of them, in the order in which they happen.
    pub(crate) const ALL: [Self; 5] =
        [Self::Resolve, Self::Connect, Self::Tls, Self::Ttfb, Self::Transfer];

    /// The label's value.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Ttfb => "ttfb",
            Self::Transfer => "transfer",
        }
    }
}

/// How long each phase took: those that ended, and the one that the timeout cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Phases([Option<Duration>; Phase::ALL.len()]);

impl Phases {
    /// Records a phase.
    pub(crate) fn set(&mut self, phase: Phase, took: Duration) {
        self.0[phase as usize] = Some(took);
    }

    /// How long a phase took, if it took place.
    pub(crate) fn get(&self, phase: Phase) -> Option<Duration> {
        self.0[phase as usize]
    }
}

/// What came back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Nothing, or nothing that could be read.
    #[default]
    Nothing,
    /// The reply to an echo.
    Echo,
    /// A connection.
    Connection,
    /// An answer of HTTP.
    Http {
        /// Its status.
        status: u16,
    },
}

/// One decided probe of one address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Why it failed; `None` is a success.
    pub(crate) failure: Option<Failure>,
    /// What goes into the distribution of durations: the whole probe when an answer came (a wrong
    /// one too), the timeout when the probe used it up, and nothing when it failed sooner than an
    /// answer could have come, for a fast refusal is no fast service.
    pub(crate) duration: Option<Duration>,
    /// The time there and back: of an echo, or of the TCP handshake.
    pub(crate) rtt: Option<Duration>,
    /// The parts of it.
    pub(crate) phases: Phases,
    /// What came back.
    pub(crate) seen: Seen,
}

impl Outcome {
    /// A probe that failed before anything could be measured.
    pub(crate) fn failed(failure: Failure) -> Self {
        Self { failure: Some(failure), ..Self::default() }
    }

    /// A probe that got no answer within `timeout`, which stays in the distribution as just that.
    pub(crate) fn timed_out(timeout: Duration) -> Self {
        Self { duration: Some(timeout), ..Self::failed(Failure::Timeout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_list_is_that_of_the_enum() {
        for (index, failure) in Failure::ALL.into_iter().enumerate() {
            assert_eq!(failure as usize, index);
        }
        for (index, phase) in Phase::ALL.into_iter().enumerate() {
            assert_eq!(phase as usize, index);
        }
    }

    #[test]
    fn labels_are_lower_case_and_differ() {
        let mut labels: Vec<_> = Failure::ALL.iter().map(|failure| failure.as_str()).collect();
        assert!(
            labels.iter().all(|label| label.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        );
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), Failure::ALL.len());
    }

    #[test]
    fn what_the_kernel_says_is_classified() {
        use nix::libc;
        let cases = [
            (libc::ECONNREFUSED, Failure::Refused),
            (libc::EHOSTUNREACH, Failure::Unreachable),
            (libc::ENETUNREACH, Failure::Unreachable),
            (libc::EACCES, Failure::Unreachable),
            (libc::EPERM, Failure::Local),
            (libc::ECONNRESET, Failure::Reset),
            (libc::EPIPE, Failure::Reset),
            (libc::ETIMEDOUT, Failure::Timeout),
            (libc::EMFILE, Failure::Local),
            (libc::ENFILE, Failure::Local),
            (libc::ENOBUFS, Failure::Local),
            (libc::ENETDOWN, Failure::Local),
            (libc::EADDRNOTAVAIL, Failure::Local),
        ];
        for (errno, failure) in cases {
            assert_eq!(Failure::of_io(&io::Error::from_raw_os_error(errno)), failure, "{errno}");
        }
    }
}
