//! What one probe found: how long it took, or why it failed. No I/O, no clock.

use std::io::{self, ErrorKind};
use std::time::Duration;

use exporter_kit::label_enum;
use nix::libc::{EACCES, EHOSTDOWN, EMSGSIZE, ENONET, ENOPROTOOPT, EPROTO};

label_enum! {
    /// Why a probe failed. A closed set, since it is a label.
    pub(crate) enum Failure {
        /// No answer within the module's timeout.
        Timeout = "timeout",
        /// There is no such name, or it has no address.
        Dns = "dns",
        /// The resolvers fail or say nothing when they are asked for the name.
        Resolver = "resolver",
        /// The port is closed: the connection was refused.
        Refused = "refused",
        /// A router, or the kernel's own routing table, says that there is no way.
        Unreachable = "unreachable",
        /// A router says that the packet went round too long.
        TtlExceeded = "ttl_exceeded",
        /// TLS could not be agreed upon.
        TlsHandshake = "tls_handshake",
        /// The certificate is not one to be trusted for this name.
        TlsVerify = "tls_verify",
        /// The HTTP status is not among the valid ones, or what came is not HTTP.
        HttpStatus = "http_status",
        /// The body did not come to its end.
        Body = "body",
        /// The peer closed or reset the connection before it had answered.
        Reset = "reset",
        /// What came does not meet a condition of the module: a pattern, bytes, a response code.
        Condition = "condition",
        /// Something on this side: no socket, no permission, no descriptor, no memory.
        Local = "local",
        /// A lookup had no turn in time: too many others are under way.
        Queued = "queued",
    }
}

impl Failure {
    /// Whether the cause is on our side, so that it says nothing of the target.
    pub(crate) const fn is_ours(self) -> bool {
        matches!(self, Self::Local | Self::Queued)
    }

    /// Classifies what the kernel said of a socket.
    pub(crate) fn of_io(error: &io::Error) -> Self {
        // What the kernel makes of ICMP "administratively prohibited" (IPv6), "protocol unreachable", "host
        // unknown", "host isolated", and "parameter problem" (icmp_err_convert of Linux); a local firewall's refusal is
        // EPERM instead.
        let of_icmp = [EACCES, ENOPROTOOPT, EHOSTDOWN, ENONET, EPROTO];
        if error.raw_os_error().is_some_and(|errno| of_icmp.contains(&errno)) {
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

/// Whether an error is what an ICMP message has said, and not this machine: anybody can say so who knows the ports.
pub(crate) fn is_said_by_others(error: &io::Error) -> bool {
    matches!(Failure::of_io(error), Failure::Refused | Failure::Unreachable)
}

/// Whether a router, or whoever plays one, says that a datagram was too long: the kernel cuts the next one in pieces. Where
/// one is sent, it may be that it is too long for this machine.
pub(crate) fn is_too_long(error: &io::Error) -> bool {
    error.raw_os_error() == Some(EMSGSIZE)
}

/// Why there was no way to what a probe needs beside its target: a proxy, or who gives tokens. It says nothing of the
/// target; one that had no turn to be looked up says nothing of this machine either.
pub(crate) fn of_another(failure: Failure) -> Failure {
    match failure {
        Failure::Queued => Failure::Queued,
        _ => Failure::Local,
    }
}

label_enum! {
    /// A part of a probe that is timed by itself.
    pub(crate) enum Phase {
        /// Looking up the name.
        Resolve = "resolve",
        /// The TCP handshake.
        Connect = "connect",
        /// The TLS handshake.
        Tls = "tls",
        /// From the request to the first byte of the answer.
        Ttfb = "ttfb",
        /// From there to the last byte.
        Transfer = "transfer",
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

    /// Records a phase that may have taken place before.
    pub(crate) fn add(&mut self, phase: Phase, took: Duration) {
        *self.0[phase as usize].get_or_insert_default() += took;
    }

    /// Forgets a phase.
    pub(crate) fn forget(&mut self, phase: Phase) {
        self.0[phase as usize] = None;
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
    Echo {
        /// Its TTL or hop limit, where the kernel tells it.
        hop_limit: Option<u8>,
    },
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
    /// In which phase it failed, if in one.
    pub(crate) phase: Option<Phase>,
    /// What goes into the distribution of durations: the whole probe when an answer came (a wrong
    /// one too), the timeout when the probe used it up (also where it was told meanwhile why none
    /// would come), and nothing when it failed sooner than an answer could have come, for a fast
    /// refusal is no fast service.
    pub(crate) duration: Option<Duration>,
    /// The time there and back: of an echo, or of the TCP handshake.
    pub(crate) rtt: Option<Duration>,
    /// The parts of it.
    pub(crate) phases: Phases,
    /// What came back.
    pub(crate) seen: Seen,
    /// Seconds by which our wall clock is ahead of what the server says, where it does.
    pub(crate) ahead: Option<i64>,
    /// What TLS came to, where it got as far as a certificate.
    pub(crate) session: Option<Box<Session>>,
}

/// A session of TLS, also one whose certificate is not trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Session {
    /// As in `TLS 1.3`.
    pub(crate) version: Option<&'static str>,
    /// By its IANA name.
    pub(crate) cipher: Option<String>,
    /// When the first of the verified chain ends, or else the first of what was shown: in seconds since the epoch.
    pub(crate) expiry: Option<i64>,
    /// Whether the certificate is trusted, or why not; none where nobody asks.
    pub(crate) trust: Option<Result<(), Distrust>>,
}

label_enum! {
    /// Why a certificate is not trusted.
    pub(crate) enum Distrust {
        /// It, or one that has signed it, has ended.
        Expired = "expired",
        /// It, or one that has signed it, has not begun.
        NotYetValid = "not_yet_valid",
        /// It is for other names.
        Name = "name",
        /// Whoever signed it is not known, or it is its own.
        Authority = "authority",
        /// It is for other purposes than serving.
        Purpose = "purpose",
        /// It is signed by a broken method.
        Signature = "signature",
        /// Anything else that is wrong with the chain.
        Other = "other",
    }
}

impl Outcome {
    /// A probe that failed before anything could be measured.
    pub(crate) fn failed(failure: Failure) -> Self {
        Self { failure: Some(failure), ..Self::default() }
    }

    /// Whether all of its time went by, so that the phase in which it was is as long as that.
    pub(crate) fn was_cut_off(&self) -> bool {
        match self.failure {
            Some(Failure::Timeout) => true,
            Some(Failure::Refused | Failure::Unreachable) => self.duration.is_some(),
            _ => false,
        }
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
    fn who_was_told_why_nothing_comes_was_cut_off_if_its_time_went_by() {
        let second = Some(Duration::from_secs(1));
        for (failure, duration, wanted) in [
            (Some(Failure::Timeout), second, true),
            (Some(Failure::Refused), second, true),
            (Some(Failure::Unreachable), second, true),
            (Some(Failure::Unreachable), None, false),
            (Some(Failure::HttpStatus), second, false),
            (None, second, false),
        ] {
            let outcome = Outcome { failure, duration, ..Outcome::default() };
            assert_eq!(outcome.was_cut_off(), wanted, "{failure:?} {duration:?}");
        }
    }

    #[test]
    fn what_the_kernel_says_is_classified() {
        use nix::libc;
        let cases = [
            (libc::ECONNREFUSED, Failure::Refused),
            (libc::EHOSTUNREACH, Failure::Unreachable),
            (libc::ENETUNREACH, Failure::Unreachable),
            (libc::EACCES, Failure::Unreachable),
            (libc::EHOSTDOWN, Failure::Unreachable),
            (libc::ENONET, Failure::Unreachable),
            (libc::EPROTO, Failure::Unreachable),
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
