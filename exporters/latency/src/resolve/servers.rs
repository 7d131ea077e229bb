//! The resolvers, asked for one name as libc asks them: in order, the next one when one fails or says nothing.
//!
//! Unlike libc, who was asked first goes on being listened to, and a server that said nothing is asked after
//! the others for a while: a dead one costs one lookup a second, and not each.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::system_conf::parse_resolv_conf;
use tokio::time::{Instant, sleep, timeout};

use super::shared::Shared;
use crate::link;
use crate::outcome::Failure;

/// Each is asked so often, and waited for twice as long each time: some are slow, and packets are lost.
const TURNS: u32 = 3;
/// One that fails is asked so often, as libc does (`attempts` of resolv.conf(5)).
const FAILURES: u32 = 2;

/// Where this machine says whom it asks.
const FILE: &str = "/etc/resolv.conf";

/// Whom to ask, and for which names when one is not whole.
#[derive(Debug)]
pub(super) struct Servers {
    all: Vec<NameServerConfig>,
    /// What a name may be below.
    search: Vec<Name>,
    options: ResolverOpts,
    /// Whether nobody named them: this machine is asked whether it is one itself.
    is_guess: bool,
}

impl Servers {
    /// These, or where there are none those of this machine, as it names them at the moment: none of them
    /// is its own, as libc has it.
    pub(super) async fn of(resolvers: &[SocketAddr]) -> Result<Self, NetError> {
        if !resolvers.is_empty() {
            let all = resolvers.iter().map(name_server).collect();
            let (search, options) = (Vec::new(), ResolverOpts::default());
            return Ok(Self { all, search, options, is_guess: false });
        }
        Self::of_file(FILE).await
    }

    async fn of_file(file: &str) -> Result<Self, NetError> {
        let bytes = match tokio::fs::read(file).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(local_fault(&error));
            }
            bytes => bytes.unwrap_or_default(),
        };
        Self::of_the_system(&String::from_utf8_lossy(&bytes)).map_err(|error| local_fault(&error))
    }

    fn of_the_system(text: &str) -> Result<Self, NetError> {
        let names_one =
            text.lines().any(|line| line.split_whitespace().next() == Some("nameserver"));
        let own = if names_one { "" } else { "\nnameserver 127.0.0.1\n" };
        let (config, options) = parse_resolv_conf(format!("{text}{own}"))?;
        let (domain, mut search, all) = config.into_parts();
        search.splice(0..0, domain.filter(|domain| !search.contains(domain)));
        Ok(Self { all, search, options, is_guess: !names_one })
    }

    /// Asks for the records of a name, for so long at most: see [`Self::asked_below`].
    pub(super) async fn look_up(
        &self,
        shared: &Shared,
        name: &Name,
        kinds: (RecordType, Option<RecordType>),
        limit: Duration,
    ) -> Result<Lookup, NetError> {
        self.asked_below(shared, name, kinds, limit).await.map_err(|error| {
            // That this machine serves no names, where nobody said so, says nothing of any.
            if self.is_guess && code(&error).is_none() { local_fault(&error) } else { error }
        })
    }

    /// Asks for the records of a name, for so long at most.
    ///
    /// The names below the search list are gone through until one has records of this kind or of `other`, as libc
    /// does that is asked for both families: they are to be of one machine.
    async fn asked_below(
        &self,
        shared: &Shared,
        name: &Name,
        (kind, other): (RecordType, Option<RecordType>),
        limit: Duration,
    ) -> Result<Lookup, NetError> {
        let mut failed = None;
        let mut last = NetError::from("no name to ask for");
        let mut names = candidates(name, &self.search, self.options.ndots).into_iter().peekable();
        while let Some(name) = names.next() {
            let error = match self.ask(shared, &name, kind, limit).await {
                Err(error) if code(&error).is_some() => error,
                answer => return answer,
            };
            if let Some(other) = other.filter(|_| names.peek().is_some()) {
                // Enough for the second server; a kind that is dropped must not hold up this one.
                let asking = self.ask(shared, &name, other, limit);
                let is_there = match timeout(shared.patience * 2, asking).await {
                    Ok(answer) => answer.is_ok(),
                    // There is such a name, and it has no records of this kind.
                    Err(_) => code(&error) == Some(ResponseCode::NoError),
                };
                if is_there {
                    return Err(error);
                }
            }
            if is_none(&error) {
                last = error;
            } else {
                failed = Some(error);
            }
        }
        // A name below another that there is not says nothing of one that could not be asked for.
        Err(failed.unwrap_or(last))
    }

    async fn ask(
        &self,
        shared: &Shared,
        name: &Name,
        kind: RecordType,
        limit: Duration,
    ) -> Result<Lookup, NetError> {
        let began = Instant::now();
        let order = self.in_order(shared, kind, began);
        let resolvers: Result<Vec<_>, _> =
            order.iter().map(|server| self.only(server, limit)).collect();
        let resolvers = resolvers?;
        let once = |turn| (0..order.len()).map(move |server| (server, turn));
        let mut to_ask: VecDeque<(usize, u32)> = (0..TURNS).flat_map(once).collect();
        let mut failures = vec![0; order.len()];
        let mut silent = vec![false; order.len()];
        let (mut asked, mut worst) = (FuturesUnordered::new(), None);
        loop {
            to_ask.retain(|(server, _)| failures[*server] < FAILURES);
            let pause = match to_ask.pop_front() {
                Some((server, turn)) => {
                    let asking = resolvers[server].lookup(name.clone(), kind);
                    silent[server] = true;
                    asked.push(async move { (server, asking.await) });
                    let is_last_of_turn = to_ask.front().is_some_and(|(_, next)| *next > turn);
                    shared.patience * 2_u32.pow(turn + u32::from(is_last_of_turn))
                }
                None if asked.is_empty() => return Err(worst.unwrap_or(NetError::NoConnections)),
                None => limit,
            };
            tokio::select! {
                Some((server, answer)) = asked.next(), if !asked.is_empty() => {
                    if !matches!(answer, Err(NetError::Timeout)) {
                        silent[server] = false;
                        let helps = answer.as_ref().err().is_none_or(is_none);
                        shared.silence().hear(address(&order[server]), kind, began, helps);
                    }
                    match answer {
                        Ok(lookup) => return Ok(lookup),
                        Err(error) if is_none(&error) => return Err(error),
                        Err(error) => {
                            failures[server] += 1;
                            worst = Some(more_telling(worst, error));
                        }
                    }
                }
                () = sleep(pause) => {
                    let said_nothing = silent.iter().zip(&order).filter(|(silent, _)| **silent);
                    for (_, server) in said_nothing {
                        shared.silence().say_nothing(address(server), kind, Instant::now());
                    }
                }
            }
        }
    }

    /// Those that said nothing lately come last.
    fn in_order(&self, shared: &Shared, kind: RecordType, now: Instant) -> Vec<NameServerConfig> {
        let mut order = self.all.clone();
        if order.len() > 1 {
            let mut silence = shared.silence();
            order.sort_by_cached_key(|server| silence.is_behind(address(server), kind, now));
        }
        order
    }

    /// A resolver that asks this server, and keeps nothing.
    fn only(&self, server: &NameServerConfig, limit: Duration) -> Result<TokioResolver, NetError> {
        let config = ResolverConfig::from_name_servers(vec![server.clone()]);
        let provider = TokioRuntimeProvider::default();
        let mut builder = TokioResolver::builder_with_config(config, provider);
        let options = builder.options_mut();
        options.clone_from(&self.options);
        options.use_hosts_file = ResolveHosts::Never;
        options.cache_size = 0;
        options.timeout = limit;
        options.attempts = 0;
        builder.build().map_err(|error| local_fault(&error))
    }
}

/// The names that are asked for in place of one that is not whole: as it is where it has dots enough, then
/// below each of those.
fn candidates(name: &Name, search: &[Name], ndots: usize) -> Vec<Name> {
    let mut whole = name.clone();
    whole.set_fqdn(true);
    if name.is_fqdn() {
        return vec![whole];
    }
    let comes_first = usize::from(name.num_labels()) > ndots || name.is_localhost();
    let below = search.iter().filter_map(|domain| name.clone().append_domain(domain).ok());
    let mut names: Vec<Name> = below.collect();
    names.insert(if comes_first { 0 } else { names.len() }, whole);
    names
}

fn address(server: &NameServerConfig) -> SocketAddr {
    let port = server.connections.first().map_or(53, |connection| connection.port);
    SocketAddr::new(server.ip, port)
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let mut connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
    for connection in &mut connections {
        connection.port = address.port();
    }
    NameServerConfig::new(address.ip(), true, connections.into())
}

/// Whom to ask cannot be told here, by a fault of this machine: what the kernel says of a file is not what it says of a
/// server, and no word on a name.
fn local_fault(error: &dyn std::fmt::Display) -> NetError {
    io::Error::other(format!("{FILE}: {error}")).into()
}

/// The code of an answer that has no records, if it is one.
pub(super) fn code(error: &NetError) -> Option<ResponseCode> {
    match error {
        NetError::Dns(DnsError::ResponseCode(code)) => Some(*code),
        NetError::Dns(DnsError::NoRecordsFound(none)) => Some(none.response_code),
        _ => None,
    }
}

/// Whether it says that there is no such name, or that it has no such records; any other answer is asked of the
/// next server.
pub(super) fn is_none(error: &NetError) -> bool {
    matches!(code(error), Some(ResponseCode::NXDomain | ResponseCode::NoError))
}

/// A lookup that could not be asked for (no descriptor, no memory) says nothing of the name; nor does a
/// resolver that fails say that there is no such name.
pub(super) fn classify(error: &NetError) -> Failure {
    let is_ours = match error {
        NetError::Io(error) => Failure::of_io(error).is_ours(),
        // The library does not say why it has none: the resolvers refuse, or there is no socket.
        NetError::NoConnections => {
            let any: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
            !any.into_iter().any(link::is_source)
        }
        _ => false,
    };
    if is_ours {
        Failure::Local
    } else if is_none(error) {
        Failure::Dns
    } else {
        Failure::Resolver
    }
}

/// What a server said tells more than that another said nothing.
fn more_telling(before: Option<NetError>, error: NetError) -> NetError {
    match before {
        Some(before) if code(&error).is_none() => before,
        _ => error,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    /// Servers with a search list.
    pub(in crate::resolve) fn with_search(server: SocketAddr, search: &[&str]) -> Servers {
        let search = search.iter().map(|domain| name(domain)).collect();
        let (all, options) = (vec![name_server(&server)], ResolverOpts::default());
        Servers { all, search, options, is_guess: false }
    }

    #[test]
    fn names_are_asked_for_as_resolv_conf_says() {
        let servers = Servers::of_the_system(
            "nameserver 192.0.2.1\nsearch a.example b.example\noptions ndots:2\n",
        );
        let servers = servers.unwrap();
        let asked = |text: &str| {
            let names = candidates(&name(text), &servers.search, servers.options.ndots);
            let own = |name: &Name| name.to_ascii();
            names.iter().map(own).filter(|name| !name.contains("localdomain")).collect::<Vec<_>>()
        };
        assert_eq!(asked("www."), ["www."]);
        assert_eq!(asked("www.x"), ["www.x.a.example.", "www.x.b.example.", "www.x."]);
        assert_eq!(asked("www.x.y"), ["www.x.y.", "www.x.y.a.example.", "www.x.y.b.example."]);
    }

    #[test]
    fn a_machine_that_names_no_server_asks_itself() {
        for text in ["", "# nothing\nsearch a.example\n", "nameservers 192.0.2.1\n"] {
            let servers = Servers::of_the_system(text).unwrap().all;
            assert_eq!(
                servers.iter().map(address).collect::<Vec<_>>(),
                ["127.0.0.1:53".parse().unwrap()]
            );
        }
        assert!(Servers::of_the_system("").unwrap().is_guess);
        let servers = Servers::of_the_system("nameserver 192.0.2.1\nnameserver 192.0.2.2\n");
        assert_eq!(servers.unwrap().all.len(), 2);
    }

    #[tokio::test]
    async fn whom_this_machine_cannot_tell_it_blames_nobody_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = |file: &str| folder.path().join(file).to_str().unwrap().to_owned();
        // Of a file the kernel says what it says of hosts that are not reached.
        let error = Servers::of_file(&path("")).await.unwrap_err();
        assert_eq!(classify(&error), Failure::Local, "{error}");
        std::fs::write(path("bad"), "options timeout:many\nnameserver 192.0.2.300\n").unwrap();
        let error = Servers::of_file(&path("bad")).await.unwrap_err();
        assert_eq!(classify(&error), Failure::Local, "{error}");
        assert!(Servers::of_file(&path("none")).await.unwrap().is_guess);
        // Nobody is at home where nobody said that there is somebody.
        let closed = peers::closed();
        let (shared, name) = (Shared::default(), name("a.test."));
        for (is_guess, wanted) in [(true, Failure::Local), (false, Failure::Resolver)] {
            let servers = Servers { is_guess, ..with_search(closed, &[]) };
            let limit = Duration::from_secs(10);
            let asked = servers.look_up(&shared, &name, (RecordType::A, None), limit).await;
            assert_eq!(classify(&asked.unwrap_err()), wanted, "{is_guess}");
        }
    }
}
