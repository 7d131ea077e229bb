//! Why an HTTP request brought nothing, told from its error.

use std::error::Error;
use std::io;

use exporter_kit::discovery::HttpFault;

use crate::outcome::Fetch;

/// What went wrong between the two machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No whole answer in time.
    Timeout,
    /// More than is read.
    TooLarge,
    /// The certificate is not to be trusted, or there is no TLS.
    Tls,
    /// Anything else.
    Unreachable,
}

impl Failure {
    /// What an error of the client says.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        match error.downcast_ref::<HttpFault>() {
            Some(HttpFault::Late(_)) => Self::Timeout,
            Some(HttpFault::Long(_)) => Self::TooLarge,
            None if error.chain().any(is_tls) => Self::Tls,
            None => Self::Unreachable,
        }
    }

    /// The same as a reason why a document brought nothing.
    pub(crate) fn fetch(self) -> Fetch {
        match self {
            Self::Timeout => Fetch::Timeout,
            Self::TooLarge => Fetch::TooLarge,
            Self::Tls => Fetch::Tls,
            Self::Unreachable => Fetch::Unreachable,
        }
    }
}

/// Whether it is TLS that failed. What an I/O error wraps is not its source.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.is::<rustls::Error>() || inner.is_some_and(|inner| is_tls(inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_known_however_it_is_wrapped() {
        let tls = io::Error::other(io::Error::new(
            io::ErrorKind::InvalidData,
            rustls::Error::DecryptError,
        ));
        assert_eq!(Failure::of(&anyhow::Error::new(tls).context("asking")), Failure::Tls);
        let late = anyhow::Error::new(HttpFault::Late(std::time::Duration::from_secs(1)));
        assert_eq!(Failure::of(&late.context("asking")), Failure::Timeout);
        assert_eq!(Failure::of(&anyhow::anyhow!("refused")), Failure::Unreachable);
    }
}
