//! One look-up of a name, as this machine's resolver and its hosts file have it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use exporter_kit::off_the_thread;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::LookupIpStrategy;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::Name;
use tokio::time::{Instant, timeout};

use super::places::{Said, bare};
use crate::exchange::HostName;

/// How long it may take: two servers that are asked twice each.
const LIMIT: Duration = Duration::from_secs(20);
/// How long one server may take.
const OF_SERVER: Duration = Duration::from_secs(5);

/// Looks a name up: as it is written, and below no other domain. Addresses that this machine has no route to are none.
pub(crate) async fn look_up(name: HostName) -> Said {
    match timeout(LIMIT, addresses(&name)).await {
        Ok(Ok((addresses, lasts))) => reached(addresses, lasts, has_route),
        Ok(Err(error)) => said(&error),
        Err(_) => Said::Failed("the look-up timed out".to_owned()),
    }
}

/// Those of a name's addresses that this machine has a route to: the others would be lost here, each time, and what is
/// lost here is no verdict.
fn reached(addresses: Vec<IpAddr>, lasts: Duration, has_route: impl Fn(IpAddr) -> bool) -> Said {
    let bare = addresses.into_iter().map(bare);
    let reachable: Vec<_> = bare.filter(|it| has_route(*it)).collect();
    if reachable.is_empty() {
        return Said::Failed("this machine has no route to its addresses".to_owned());
    }
    Said::At(reachable, lasts)
}

async fn addresses(name: &HostName) -> Result<(Vec<IpAddr>, Duration), NetError> {
    // With a full stop at the end: what is below a search domain is somebody else.
    let name = Name::from_ascii(format!("{name}."))?;
    // Both read files.
    let resolver = off_the_thread(|| {
        let mut builder = TokioResolver::builder_tokio()?;
        let options = builder.options_mut();
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.timeout = OF_SERVER;
        options.cache_size = 0;
        builder.build()
    })
    .await?;
    let found = resolver.lookup_ip(name).await?;
    let lasts = Instant::from_std(found.valid_until()).saturating_duration_since(Instant::now());
    Ok((found.iter().collect(), lasts))
}

/// What an error says of the name.
fn said(error: &NetError) -> Said {
    let code = match error {
        NetError::Dns(DnsError::ResponseCode(code)) => *code,
        NetError::Dns(DnsError::NoRecordsFound(none)) => none.response_code,
        NetError::Timeout => return Said::Failed("the look-up timed out".to_owned()),
        error => return Said::Failed(format!("the look-up failed: {error}")),
    };
    match code {
        ResponseCode::NXDomain => Said::Nowhere("there is no such name"),
        ResponseCode::NoError => Said::Nowhere("the name has no address"),
        code => Said::Failed(format!("this machine's resolver says {code}")),
    }
}

/// Whether a datagram would leave here for an address; none is sent.
fn has_route(address: IpAddr) -> bool {
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0));
    socket.and_then(|socket| socket.connect(SocketAddr::new(address, 53))).is_ok()
}

#[cfg(test)]
mod tests {
    use hickory_resolver::net::NoRecords;
    use hickory_resolver::proto::op::Query;

    use super::*;

    #[test]
    fn that_there_is_no_such_name_is_told_from_that_nobody_says_so() {
        let code = |code| {
            let none = NoRecords::new(Query::new(), code);
            said(&NetError::Dns(DnsError::NoRecordsFound(none)))
        };
        assert_eq!(code(ResponseCode::NXDomain), Said::Nowhere("there is no such name"));
        assert_eq!(code(ResponseCode::NoError), Said::Nowhere("the name has no address"));
        let failed = |said| matches!(said, Said::Failed(_));
        assert!(failed(code(ResponseCode::ServFail)) && failed(said(&NetError::Timeout)));
        assert!(failed(said(&NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused)))));
    }

    #[test]
    fn a_name_is_where_this_machine_has_a_route_to_and_nowhere_else() {
        let ips = |all: &[&str]| all.iter().map(|it| it.parse().unwrap()).collect::<Vec<IpAddr>>();
        let of = |all: &[&str], is: fn(IpAddr) -> bool| reached(ips(all), LIMIT, is);
        let both = ["2001:4860:4860::8888", "8.8.8.8", "64:ff9b::808:404"];
        let v4 = |it: IpAddr| it.is_ipv4();
        assert_eq!(of(&both, v4), Said::At(ips(&["8.8.8.8", "8.8.4.4"]), LIMIT));
        let v6 = |it: IpAddr| it.is_ipv6();
        assert_eq!(of(&both, v6), Said::At(ips(&["2001:4860:4860::8888"]), LIMIT));
        assert!(matches!(of(&both[..1], v4), Said::Failed(_)), "it may be back soon");
    }

    #[tokio::test]
    async fn this_machine_is_found_by_its_name_and_has_a_route_to_itself_and_to_no_broadcast() {
        let Said::At(addresses, _) = look_up("localhost".parse().unwrap()).await else { panic!() };
        assert!(addresses.contains(&Ipv4Addr::LOCALHOST.into()), "{addresses:?}");
        assert!(has_route(Ipv4Addr::LOCALHOST.into()));
        assert!(!has_route(Ipv4Addr::BROADCAST.into()));
    }
}
