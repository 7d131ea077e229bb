//! Whether resolvers answer at all: they are asked for a name that no cache has (I/O).

use std::net::SocketAddr;

use hickory_resolver::net::NetError;
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};
use rand::random;

use super::servers::{self, Servers};
use super::{classify, program};
use crate::outcome::Failure;
use crate::resolve::LIMIT;

/// What a resolver said when it was asked by the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Something that shows it well: also that there is no such name.
    Answer,
    /// That it cannot say.
    Failure,
    /// Nothing.
    Nothing,
}

/// What resolvers say when they are asked for a name that nobody has asked for, so that no cache answers: one
/// below this domain, or below the root. None where they could not be asked, by our own fault.
///
/// Names that are cached hide for minutes that a resolver is dead.
pub(crate) async fn ask(resolvers: &[SocketAddr], domain: Option<&str>) -> Option<Said> {
    // Letters from the first on: a resolver that knows which names there are not (RFC 8198) knows them by their order.
    let label: String = (0..16).map(|_| char::from(b'a' + random::<u8>() % 26)).collect();
    let name = domain.map_or_else(|| format!("{label}."), |domain| format!("{label}.{domain}."));
    let name = Name::from_ascii(name).unwrap_or_else(|_| Name::root());
    let asked = async {
        let servers = Servers::of(resolvers).await?;
        servers.look_up(&program(), &name, (RecordType::A, None), LIMIT).await
    };
    match asked.await {
        Ok(_) => Some(Said::Answer),
        Err(error) => said(&error),
    }
}

/// Who knows of no such name is well. Who refuses us is not: no name can be looked up there.
fn said(error: &NetError) -> Option<Said> {
    match servers::code(error) {
        Some(ResponseCode::ServFail | ResponseCode::Refused) => Some(Said::Failure),
        Some(_) => Some(Said::Answer),
        None if classify(error) == Failure::Local => None,
        // The library does not say why it has none: one that refuses is among the reasons.
        None if matches!(error, NetError::NoConnections) => Some(Said::Failure),
        None => Some(Said::Nothing),
    }
}

#[cfg(test)]
mod tests {
    use hickory_resolver::net::DnsError;

    use super::*;

    #[test]
    fn silence_is_told_from_an_answer_and_from_a_fault_of_ours() {
        use nix::libc::{ECONNREFUSED, EMFILE};
        let io = |errno| NetError::from(std::io::Error::from_raw_os_error(errno));
        let code = |code| NetError::from(DnsError::ResponseCode(code));
        for (error, wanted) in [
            (code(ResponseCode::Refused), Some(Said::Failure)),
            (code(ResponseCode::NXDomain), Some(Said::Answer)),
            (code(ResponseCode::ServFail), Some(Said::Failure)),
            (NetError::NoConnections, Some(Said::Failure)),
            (NetError::Timeout, Some(Said::Nothing)),
            (io(ECONNREFUSED), Some(Said::Nothing)),
            (io(EMFILE), None),
        ] {
            assert_eq!(said(&error), wanted, "{error}");
        }
    }
}
