//! The addresses of a target: a literal, or a name that is looked up again when its answer expires.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::debug;

use crate::config::{Families, Host};
use crate::outcome::Failure;

/// An answer is used for at least so long, whatever its TTL: a TTL of 0 must not make a lookup of
/// each probe.
const SHORTEST: Duration = Duration::from_secs(5);
/// And at most so long: an address that was withdrawn must not be probed for a day.
const LONGEST: Duration = Duration::from_secs(300);
/// How long a resolver has for one datagram before it is asked again.
const ATTEMPT: Duration = Duration::from_secs(1);
/// How often it is asked again.
const RETRIES: usize = 2;

/// The addresses of one target.
#[derive(Debug)]
pub struct Addresses {
    host: Host,
    families: Families,
    /// The system's own when empty.
    resolvers: Vec<SocketAddr>,
    /// Held during a lookup, so that rounds which overlap share it.
    known: Mutex<Option<Known>>,
}

#[derive(Debug)]
struct Known {
    ips: Vec<IpAddr>,
    until: Instant,
}

/// What a round gets to probe.
#[derive(Debug)]
pub struct Resolved {
    /// Sorted, none of them twice, at least one.
    pub ips: Vec<IpAddr>,
    /// How long the lookup took, if this round made one.
    pub took: Option<Duration>,
}

impl Addresses {
    /// The addresses of `host`, asked of `resolvers`, or of the system's when there are none.
    pub fn new(host: Host, families: Families, resolvers: Vec<SocketAddr>) -> Self {
        Self { host, families, resolvers, known: Mutex::default() }
    }

    /// The addresses as they are now. Takes as long as a lookup takes: the caller sets the limit.
    pub async fn get(&self) -> Result<Resolved, Failure> {
        let name = match &self.host {
            Host::Ip(ip) => return Ok(Resolved { ips: vec![*ip], took: None }),
            Host::Name(name) => name,
        };
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref().filter(|known| Instant::now() < known.until) {
            return Ok(Resolved { ips: known.ips.clone(), took: None });
        }
        // Forgotten before it is asked for: while a name has no answer, its old addresses are not
        // probed.
        *known = None;
        let started = Instant::now();
        let (ips, ttl) = self.look_up(name).await.map_err(|error| {
            debug!(name, "lookup failed: {error}");
            Failure::Dns
        })?;
        *known =
            Some(Known { ips: ips.clone(), until: Instant::now() + ttl.clamp(SHORTEST, LONGEST) });
        Ok(Resolved { ips, took: Some(started.elapsed()) })
    }

    async fn look_up(&self, name: &str) -> Result<(Vec<IpAddr>, Duration), NetError> {
        let answer = self.resolver()?.lookup_ip(name).await?;
        let mut ips: Vec<IpAddr> = answer.iter().collect();
        ips.sort_unstable();
        ips.dedup();
        if ips.is_empty() {
            return Err(NetError::from("no address"));
        }
        let ttl = answer.as_lookup().answers().iter().map(|record| record.ttl).min();
        Ok((ips, Duration::from_secs(ttl.unwrap_or(0).into())))
    }

    /// A resolver without a cache, made anew for each lookup: so a changed `/etc/resolv.conf` or
    /// `/etc/hosts` is followed, and one that cannot be read is a failed probe and no more.
    fn resolver(&self) -> Result<TokioResolver, NetError> {
        let mut builder = if self.resolvers.is_empty() {
            TokioResolver::builder_tokio()?
        } else {
            let servers = self.resolvers.iter().map(name_server).collect();
            let config = ResolverConfig::from_name_servers(servers);
            let mut builder =
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
            builder.options_mut().use_hosts_file = ResolveHosts::Never;
            builder
        };
        let options = builder.options_mut();
        options.cache_size = 0;
        options.timeout = ATTEMPT;
        options.attempts = RETRIES;
        options.ip_strategy = match self.families {
            Families::Both => LookupIpStrategy::Ipv4AndIpv6,
            Families::OnlyV4 => LookupIpStrategy::Ipv4Only,
            Families::OnlyV6 => LookupIpStrategy::Ipv6Only,
            Families::V4ElseV6 => LookupIpStrategy::Ipv4thenIpv6,
            Families::V6ElseV4 => LookupIpStrategy::Ipv6thenIpv4,
        };
        builder.build()
    }
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let mut connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
    for connection in &mut connections {
        connection.port = address.port();
    }
    NameServerConfig::new(address.ip(), true, connections.into())
}
