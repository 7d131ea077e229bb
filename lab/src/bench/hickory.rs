//! hickory-resolver, the library that a Rust program would use: a resolver of its own for each address.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::floor::thread_seconds;
use super::sweeps::{Seen, World};
use crate::resolvers::NAME;

/// As it stands in the results.
pub(super) const ENGINE: &str = "hickory";
/// So many are asked at once.
const AT_ONCE: usize = 500;

pub(super) fn measure(world: &World) -> anyhow::Result<Seen> {
    let hosts: Vec<Ipv4Addr> = world.resolvers.all().iter().map(|it| it.address).collect();
    let count = hosts.len();
    let before = world.resolvers.received_by_each();
    let (cpu_seconds, wall_seconds, answered) =
        world.namespace.run(move || -> anyhow::Result<_> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let (began, cpu) = (Instant::now(), thread_seconds()?);
            let answered = runtime.block_on(sweep(hosts));
            Ok((thread_seconds()? - cpu, began.elapsed().as_secs_f64(), answered))
        })?;
    let (datagrams, most) = world.received_since(&before);
    let answered = Some(answered as f64 / count as f64);
    Ok(Seen {
        cpu_seconds,
        datagrams,
        most,
        sweeps: 1.0,
        wall_seconds,
        answered,
        ..Seen::default()
    })
}

/// How many answered.
async fn sweep(hosts: Vec<Ipv4Addr>) -> usize {
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for host in hosts {
        let Ok(permit) = Arc::clone(&gate).acquire_owned().await else { break };
        running.spawn(async move {
            let answered = ask(host).await;
            drop(permit);
            answered
        });
    }
    running.join_all().await.into_iter().filter(|answered| *answered).count()
}

/// One datagram to one resolver, as the sweeps of ours are.
async fn ask(host: Ipv4Addr) -> bool {
    let server = NameServerConfig::new(host.into(), true, vec![ConnectionConfig::udp()]);
    let config = ResolverConfig::from_name_servers(vec![server]);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    let options = builder.options_mut();
    (options.attempts, options.timeout) = (0, Duration::from_secs(2));
    let Ok(resolver) = builder.build() else { return false };
    resolver.ipv4_lookup(format!("{NAME}.")).await.is_ok()
}
