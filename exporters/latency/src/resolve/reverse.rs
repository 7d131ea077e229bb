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
