//! Why a resolver that is asked by TLS, HTTPS or QUIC gave no answer: every reason that is a label. No I/O, no clock.

use std::io::{self, ErrorKind};

use hickory_net::NetError;
use nix::errno::Errno;
use quinn::ConnectionError;
use rustls::CertificateError;

exporter_kit::label_enum! {
    /// Why there is no answer. A closed set, since it is a label.
    pub(crate) enum Unanswered {
        /// Its host says that nothing listens there.
        Refused = "refused",
        /// The network says that it cannot be reached.
        Unreachable = "unreachable",
        /// Nothing came in time.
        Timeout = "timeout",
        /// It ended the connection.
        Closed = "closed",
        /// Its certificate is of another name.
        Name = "tls_name",
        /// Its certificate is not valid any more, or not yet.
        Expired = "tls_expired",
        /// Its certificate is signed by nobody who is believed.
        Untrusted = "tls_untrusted",
        /// TLS failed otherwise.
        Tls = "tls",
        /// It answered by HTTP, and not with DNS.
        Http = "http",
        /// Something came that cannot be read.
        Malformed = "malformed",
        /// The question never left this machine.
        Local = "local",
    }
}

/// Alerts of TLS that its own checks of a certificate end a QUIC connection with (RFC 8446 §6.2, RFC 9001 §4.8).
const BAD_CERTIFICATE: u64 = 0x100 + 42;
const CERTIFICATE_EXPIRED: u64 = 0x100 + 45;
const UNKNOWN_CA: u64 = 0x100 + 48;
/// A signature that is another's, as of a CA that has the name of one that is believed.
const DECRYPT_ERROR: u64 = 0x100 + 51;

impl Unanswered {
    /// What an error means.
    pub(super) fn of(error: &NetError) -> Self {
        match error {
            NetError::Timeout => Self::Timeout,
            NetError::Io(error) => Self::of_io(error),
            NetError::RustlsError(error) => Self::of_tls(error),
            NetError::QuinnConnection(error) => Self::of_quic(error),
            NetError::H2(error) if error.is_io() || error.is_go_away() => Self::Closed,
            // Of HTTP, whatever the text is: a status, a type of content, a length.
            NetError::H2(_)
            | NetError::Msg(_)
            | NetError::Decode(_)
            | NetError::ParseInt(_)
            | NetError::RequestTooLarge => Self::Http,
            // That its task has ended, as where the other side closed it, is a message.
            NetError::Message(_)
            | NetError::Busy
            | NetError::NoConnections
            | NetError::QuinnReadError(_)
            | NetError::QuinnWriteError(_)
            | NetError::QuinnStreamError(_) => Self::Closed,
            NetError::QuinnConnect(_) | NetError::QuinnTlsConfigError(_) => Self::Tls,
            _ => Self::Malformed,
        }
    }

    fn of_io(error: &io::Error) -> Self {
        let within = error.get_ref();
        if let Some(error) = within.and_then(|it| it.downcast_ref::<rustls::Error>()) {
            return Self::of_tls(error);
        }
        if let Some(error) = within.and_then(|it| it.downcast_ref::<ConnectionError>()) {
            return Self::of_quic(error);
        }
        if let Some(errno) = error.raw_os_error().map(Errno::from_raw)
            && matches!(errno, Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM)
        {
            return Self::Local;
        }
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Self::Unreachable,
            ErrorKind::TimedOut => Self::Timeout,
            ErrorKind::AddrNotAvailable | ErrorKind::PermissionDenied => Self::Local,
            ErrorKind::InvalidData => Self::Tls,
            _ => Self::Closed,
        }
    }

    fn of_tls(error: &rustls::Error) -> Self {
        use CertificateError as Bad;
        let rustls::Error::InvalidCertificate(bad) = error else { return Self::Tls };
        match bad {
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => Self::Name,
            Bad::Expired
            | Bad::ExpiredContext { .. }
            | Bad::NotValidYet
            | Bad::NotValidYetContext { .. } => Self::Expired,
            Bad::UnknownIssuer | Bad::Revoked | Bad::BadSignature => Self::Untrusted,
            _ => Self::Tls,
        }
    }

    fn of_quic(error: &ConnectionError) -> Self {
        match error {
            ConnectionError::TransportError(error) => match u64::from(error.code) {
                BAD_CERTIFICATE => Self::Name,
                CERTIFICATE_EXPIRED => Self::Expired,
                UNKNOWN_CA | DECRYPT_ERROR => Self::Untrusted,
                0x100..=0x1ff => Self::Tls,
                _ => Self::Closed,
            },
            ConnectionError::TimedOut => Self::Timeout,
            ConnectionError::VersionMismatch => Self::Malformed,
            _ => Self::Closed,
        }
    }
}
