//! The addresses of a target: a literal, or a name that is looked up again when its answer expires.

use std::net::{IpAddr, SocketAddr};
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use rand::random;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::debug;

use crate::host::{Families, Host};
use crate::hosts;
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

/// A lookup ends after so long, whatever happens. Longer than a probe's timeout: a resolver that is
/// slower than that is waited for all the same, so that probes go on when it has answered.
const LIMIT: Duration = Duration::from_secs(10);

/// The addresses of one target.
#[derive(Debug)]
pub(crate) struct Addresses {
    host: Host,
    names: Arc<Names>,
}

/// Who is asked, for what, and what was answered.
#[derive(Debug)]
struct Names {
    families: Families,
    /// The system's own when empty.
    resolvers: Vec<SocketAddr>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// Nobody has asked, or the answer was an error.
    Unknown,
    /// One lookup is on its way; rounds that overlap share it.
    Asked(watch::Receiver<Answer>),
    /// The answer, for as long as it is good.
    Known(Vec<IpAddr>, Instant),
}

/// What a lookup came to; `None` until it has ended.
type Answer = Option<Result<Vec<IpAddr>, Failure>>;

/// What a round gets to probe.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// Sorted, none of them twice, at least one.
    pub(crate) ips: Vec<IpAddr>,
    /// How long this round waited for a lookup, if it had to.
    pub(crate) took: Option<Duration>,
}

impl Addresses {
    /// The addresses of `host`, asked of `resolvers`, or of the system's when there are none.
    pub(crate) fn new(host: Host, families: Families, resolvers: Vec<SocketAddr>) -> Self {
        let names = Names { families, resolvers, state: Mutex::new(State::Unknown) };
        Self { host, names: Arc::new(names) }
    }

    /// The addresses as they are now. Takes as long as a lookup takes: the caller sets the limit.
    pub(crate) async fn get(&self) -> Result<Resolved, Failure> {
        let name = match &self.host {
            Host::Ip(ip) => return Ok(Resolved { ips: vec![*ip], took: None }),
            Host::Zoned(ip, _) => return Ok(Resolved { ips: vec![(*ip).into()], took: None }),
            Host::Name(name) => name,
        };
        let started = Instant::now();
        let mut answer = match self.names.known_or_asked(name) {
            Ok(ips) => return Ok(Resolved { ips, took: None }),
            Err(answer) => answer,
        };
        let answer = answer.wait_for(Option::is_some).await.ok().and_then(|answer| answer.clone());
        // Without an answer the lookup's task is gone, as when the program ends.
        let ips = answer.unwrap_or(Err(Failure::Dns))?;
        Ok(Resolved { ips, took: Some(started.elapsed()) })
    }
}

impl Names {
    /// The addresses if they are known; else the answer to come, having asked if nobody has.
    fn known_or_asked(
        self: &Arc<Self>,
        name: &str,
    ) -> Result<Vec<IpAddr>, watch::Receiver<Answer>> {
        let mut state = self.state();
        match &*state {
            State::Known(ips, until) if Instant::now() < *until => return Ok(ips.clone()),
            State::Asked(answer) => return Err(answer.clone()),
            State::Known(..) | State::Unknown => {}
        }
        let (sender, answer) = watch::channel(None);
        *state = State::Asked(answer.clone());
        let (names, name) = (Arc::clone(self), name.to_owned());
        tokio::spawn(async move { names.ask(&name, &sender).await });
        Err(answer)
    }

    async fn ask(&self, name: &str, sender: &watch::Sender<Answer>) {
        let answer = tokio::time::timeout(LIMIT, self.look_up(name)).await;
        let (state, answer) = match answer.unwrap_or(Err(NetError::Timeout)) {
            Ok((ips, ttl)) => {
                let until = Instant::now() + ttl.clamp(SHORTEST, LONGEST);
                (State::Known(ips.clone(), until), Ok(ips))
            }
            Err(error) => {
                debug!(name, "lookup failed: {error}");
                (State::Unknown, Err(classify(&error)))
            }
        };
        *self.state() = state;
        // Nobody listens when all rounds have timed out.
        let _ = sender.send(Some(answer));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn look_up(&self, name: &str) -> Result<(Vec<IpAddr>, Duration), NetError> {
        // Asked each time, so that a change is followed as soon as an answer may be asked for again.
        let mut ips = self.families.of_these(own_list(name, &self.resolvers).await);
        ips.sort_unstable();
        ips.dedup();
        if !ips.is_empty() {
            return Ok((ips, Duration::ZERO));
        }
        // As it stands: the rules of IDNA, which a text would be put through, know no underscore.
        let answer = self.resolver(ATTEMPT)?.lookup_ip(Name::from_ascii(name)?).await?;
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
    fn resolver(&self, attempt: Duration) -> Result<TokioResolver, NetError> {
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
        options.timeout = attempt;
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

/// What this machine's own list says of a name; nothing where the config names who is asked.
async fn own_list(name: &str, resolvers: &[SocketAddr]) -> Vec<IpAddr> {
    if resolvers.is_empty() { hosts::addresses(name).await } else { Vec::new() }
}

/// Looks a name up once, for a probe that is asked for and has so much time left: the addresses in the order
/// of the answer. A slow resolver is waited for as long as there is time to ask it once again, and for both
/// families at once.
pub(crate) async fn once(
    name: &str,
    families: Families,
    resolvers: &[SocketAddr],
    left: Duration,
) -> Result<Vec<IpAddr>, Failure> {
    let listed = own_list(name, resolvers).await;
    if !listed.is_empty() {
        return Ok(listed);
    }
    let state = Mutex::new(State::Unknown);
    let families = match families {
        Families::OnlyV4 | Families::OnlyV6 => families,
        Families::Both | Families::V4ElseV6 | Families::V6ElseV4 => Families::Both,
    };
    let names = Names { families, resolvers: resolvers.to_vec(), state };
    let answer = async {
        let answer =
            names.resolver(ATTEMPT.max(left / 2))?.lookup_ip(Name::from_ascii(name)?).await?;
        Ok(answer.iter().collect())
    };
    answer.await.map_err(|error: NetError| classify(&error))
}

/// The name of an address (PTR), and how long that is good; none where there is none. Of several the first in order.
pub(crate) async fn name_of(
    ip: IpAddr,
    resolvers: &[SocketAddr],
) -> Result<Option<(String, Duration)>, Failure> {
    let state = Mutex::new(State::Unknown);
    let names = Names { families: Families::Both, resolvers: resolvers.to_vec(), state };
    let answer = async { names.resolver(ATTEMPT)?.reverse_lookup(ip).await };
    let lookup = match answer.await {
        Ok(lookup) => lookup,
        Err(NetError::Dns(DnsError::NoRecordsFound(_))) => return Ok(None),
        Err(error) => return Err(classify(&error)),
    };
    let names = lookup.answers().iter().filter_map(|record| match &record.data {
        RData::PTR(name) => Some((name.0.to_ascii(), Duration::from_secs(record.ttl.into()))),
        _ => None,
    });
    Ok(names.min())
}

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
    let state = Mutex::new(State::Unknown);
    let names = Names { families: Families::Both, resolvers: resolvers.to_vec(), state };
    let Ok(resolver) = names.resolver(ATTEMPT) else { return Some(Said::Nothing) };
    // Letters from the first on: a resolver that knows which names there are not (RFC 8198) knows them by their order.
    let label: String = (0..16).map(|_| char::from(b'a' + random::<u8>() % 26)).collect();
    let name = domain.map_or_else(|| format!("{label}."), |domain| format!("{label}.{domain}."));
    let name = Name::from_ascii(name).unwrap_or_else(|_| Name::root());
    match resolver.lookup(name, RecordType::A).await {
        Ok(_) => Some(Said::Answer),
        Err(error) => said(&error),
    }
}

/// Who refuses, or knows of no such name, is alive.
fn said(error: &NetError) -> Option<Said> {
    let of_code = |code| if code == ResponseCode::ServFail { Said::Failure } else { Said::Answer };
    match error {
        NetError::Dns(DnsError::ResponseCode(code)) => Some(of_code(*code)),
        NetError::Dns(DnsError::NoRecordsFound(none)) => Some(of_code(none.response_code)),
        _ if classify(error) == Failure::Local => None,
        // The library does not say why it has none: one that refuses is among the reasons.
        NetError::NoConnections => Some(Said::Failure),
        _ => Some(Said::Nothing),
    }
}

/// A lookup that could not be asked for (no descriptor, no memory) says nothing of the name.
fn classify(error: &NetError) -> Failure {
    let is_ours = match error {
        NetError::Io(error) => Failure::of_io(error).is_ours(),
        // The library does not say why it has none: the resolvers refuse, or there is no socket.
        NetError::NoConnections => UnixDatagram::unbound().is_err(),
        _ => false,
    };
    if is_ours { Failure::Local } else { Failure::Dns }
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let mut connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
    for connection in &mut connections {
        connection.port = address.port();
    }
    NameServerConfig::new(address.ip(), true, connections.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_told_from_an_answer_and_from_a_fault_of_ours() {
        use nix::libc::{ECONNREFUSED, EMFILE};
        let io = |errno| NetError::from(std::io::Error::from_raw_os_error(errno));
        let code = |code| NetError::from(DnsError::ResponseCode(code));
        for (error, wanted) in [
            (code(ResponseCode::Refused), Some(Said::Answer)),
            (code(ResponseCode::ServFail), Some(Said::Failure)),
            (NetError::NoConnections, Some(Said::Failure)),
            (NetError::Timeout, Some(Said::Nothing)),
            (io(ECONNREFUSED), Some(Said::Nothing)),
            (io(EMFILE), None),
        ] {
            assert_eq!(said(&error), wanted, "{error}");
        }
    }

    #[test]
    fn a_lookup_that_could_not_be_asked_for_says_nothing_of_the_name() {
        use nix::libc::{ECONNREFUSED, EMFILE};
        let io = |errno| NetError::from(std::io::Error::from_raw_os_error(errno));
        assert_eq!(classify(&io(EMFILE)), Failure::Local);
        assert_eq!(classify(&io(ECONNREFUSED)), Failure::Dns);
        assert_eq!(classify(&NetError::Timeout), Failure::Dns);
        assert_eq!(classify(&NetError::NoConnections), Failure::Dns, "there are sockets");
    }
}
