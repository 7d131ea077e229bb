//! The name of an address (I/O).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::proto::rr::{Name, RData, RecordType};

use super::servers::{self, Servers};
use super::{LIMIT, classify, program};
use crate::outcome::Failure;

/// The name of an address (PTR), and how long that is good; none where there is none. Of several the first in order.
pub(crate) async fn name_of(
    ip: IpAddr,
    resolvers: &[SocketAddr],
) -> Result<Option<(String, Duration)>, Failure> {
    let name = Name::from(ip);
    let asked = async {
        let servers = Servers::of(resolvers).await?;
        servers.look_up(&program(), &name, (RecordType::PTR, None), LIMIT).await
    };
    let lookup = match asked.await {
        Ok(lookup) => lookup,
        Err(error) if servers::is_none(&error) => return Ok(None),
        Err(error) => return Err(classify(&error)),
    };
    let names = lookup.answers().iter().filter_map(|record| match &record.data {
        RData::PTR(name) => Some((name.0.to_ascii(), Duration::from_secs(record.ttl.into()))),
        _ => None,
    });
    Ok(names.min())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use hickory_proto::op::ResponseCode;
    use hickory_proto::rr::rdata::{CNAME, PTR};
    use hickory_proto::rr::{Name, RData, Record};
    use peers::{DnsServer, answer_to};

    use super::*;

    const OWN: &str = "7.2.0.192.in-addr.arpa.";

    /// The name of an address, and how often the server was asked that says of a name what it is an alias of, and what it is
    /// called.
    async fn called(
        says: impl Fn(&str) -> Vec<(String, RData)> + Send + Sync + 'static,
    ) -> (Result<Option<String>, Failure>, usize) {
        let asked = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&asked);
        let server = DnsServer::start(move |query| {
            count.fetch_add(1, Ordering::Relaxed);
            let mut answer = answer_to(query, ResponseCode::NoError);
            for (name, data) in says(&query.queries.first()?.name().to_ascii()) {
                answer.add_answer(Record::from_rdata(Name::from_ascii(name).unwrap(), 60, data));
            }
            Some(answer)
        });
        let found = name_of([192, 0, 2, 7].into(), &[server.address]).await;
        (found.map(|found| found.map(|(name, _)| name)), asked.load(Ordering::Relaxed))
    }

    fn alias_of(name: &str) -> RData {
        RData::CNAME(CNAME(Name::from_ascii(name).unwrap()))
    }

    #[tokio::test]
    async fn an_address_has_the_name_to_which_its_alias_leads() {
        // RFC 2317, by a resolver that has followed it.
        let (found, _) = called(|asked| {
            let delegated = "7.0-25.2.0.192.in-addr.arpa.";
            let router = RData::PTR(PTR(Name::from_ascii("router.example.").unwrap()));
            vec![(asked.to_owned(), alias_of(delegated)), (delegated.to_owned(), router)]
        })
        .await;
        assert_eq!(found, Ok(Some("router.example.".to_owned())));
    }

    #[tokio::test]
    async fn aliases_that_lead_nowhere_are_no_name_and_end() {
        // To itself, to one that leads back, and to a new one each time.
        for (what, leads) in [
            ("itself", (|asked: &str| vec![(asked.to_owned(), alias_of(asked))]) as fn(&str) -> _),
            ("back", |asked| {
                let other = if asked == OWN { "other.example." } else { OWN };
                vec![(asked.to_owned(), alias_of(other))]
            }),
            ("both at once", |_| {
                let other = "other.example.";
                vec![(OWN.to_owned(), alias_of(other)), (other.to_owned(), alias_of(OWN))]
            }),
            ("on and on", |asked| {
                let label = asked.len();
                vec![(asked.to_owned(), alias_of(&format!("a{label}.{asked}")))]
            }),
        ] {
            let (found, count) = called(leads).await;
            assert!(!matches!(found, Ok(Some(_))), "{what}: {found:?}");
            assert!((1..=40).contains(&count), "{what}: asked {count} times");
        }
    }
}
