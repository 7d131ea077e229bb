//! The addresses of a target: a literal, or a name that is looked up again when its answer expires.

mod alive;
mod joined;
mod known;
mod once;
mod queues;
mod reverse;
mod servers;
mod shared;
mod troubled;

use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::{Name, RecordType};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, info};

use self::known::{Decision, Known, decide, matter};
use self::queues::Kind;
use self::servers::{Servers, classify};
use self::shared::{Occasions, Shared};
use self::troubled::End;
use crate::host::{Families, Host};
use crate::hosts;
use crate::outcome::Failure;

pub(crate) use self::alive::{Said, ask};
pub(crate) use self::once::{all, once};
pub(crate) use self::reverse::name_of;

/// A lookup ends after so long, whatever happens. Longer than a probe's timeout: a resolver that is
/// slower than that is waited for all the same, so that probes go on when it has answered.
const LIMIT: Duration = Duration::from_secs(10);

/// The family that is preferred is waited for so long, and no longer than a third of a probe, when the other
/// has answered: who is silent must not stop a probe, nor one packet that was lost decide what is measured.
const PATIENCE: Duration = Duration::from_secs(2);

/// One for the program: lookups of all targets and probes ask the same servers. A test has one of its own.
static SHARED: LazyLock<Arc<Shared>> = LazyLock::new(Arc::default);

/// The addresses of one target.
#[derive(Debug)]
pub(crate) enum Addresses {
    /// It is one.
    Literal(IpAddr),
    Named(Box<Named>),
}

/// Those of a name.
#[derive(Debug)]
pub(crate) struct Named {
    name: String,
    names: Arc<Names>,
    /// How long a family is waited for.
    patience: Duration,
    /// Whether the family that is preferred is missing.
    falls_back: AtomicBool,
}

/// Who is asked, for what, and what was answered.
#[derive(Debug)]
struct Names {
    shared: Arc<Shared>,
    families: Families,
    /// The system's own when empty.
    resolvers: Vec<SocketAddr>,
    /// Whose lookups these are, where whom they wait with is not by what came of the one before.
    kind: Option<Kind>,
    state: Mutex<State>,
    /// Told of each lookup that ends; rounds that overlap share it.
    ended: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    /// Of IPv4 and IPv6.
    known: [Known; 2],
    /// What they were when failures were last forgotten.
    occasions: Occasions,
}

/// What a round gets to probe.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// Sorted, none of them twice, at least one.
    pub(crate) ips: Vec<IpAddr>,
    /// How long this round waited for a lookup, if it had to.
    pub(crate) took: Option<Duration>,
}

/// The addresses that a probe takes, and why those of the preferred family are not among them, where that is
/// not because there are none.
type Found = (Vec<IpAddr>, Option<Failure>);

/// What was looked up in vain may be looked up at once: the config was read anew.
pub(crate) fn forget_failures() {
    SHARED.reload();
}

fn program() -> Arc<Shared> {
    Arc::clone(&SHARED)
}

impl Addresses {
    /// The addresses of `host`, asked of `resolvers`, or of the system's when there are none, for probes that
    /// take so long at most.
    pub(crate) fn new(
        host: Host,
        families: Families,
        resolvers: Vec<SocketAddr>,
        timeout: Duration,
    ) -> Self {
        let patience = PATIENCE.min(timeout / 3);
        match host {
            Host::Ip(ip) => Self::Literal(ip),
            Host::Zoned(ip, _) => Self::Literal(ip.into()),
            Host::Name(name) => {
                let names = Names::new(program(), families, resolvers);
                Self::Named(Box::new(Named::of(name, names, patience)))
            }
        }
    }

    /// The addresses as they are now, for who waits for them so long: [`Failure::Timeout`] after that, or
    /// [`Failure::Queued`] where that was, in part, for the turn of a lookup: it says nothing of the name.
    pub(crate) async fn get(&self, limit: Duration) -> Result<Resolved, Failure> {
        match self {
            Self::Literal(ip) => Ok(Resolved { ips: vec![*ip], took: None }),
            Self::Named(named) => named.names.within(&named.name, limit, named.get()).await,
        }
    }
}

impl Named {
    fn of(name: String, names: Names, patience: Duration) -> Self {
        Self { name, names: Arc::new(names), patience, falls_back: AtomicBool::new(false) }
    }

    async fn get(&self) -> Result<Resolved, Failure> {
        let name = self.name.as_str();
        let ((mut ips, missing), took) = self.names.get(name, self.patience).await?;
        if self.falls_back.swap(missing.is_some(), Ordering::Relaxed) != missing.is_some() {
            let said = match missing {
                Some(_) => "the preferred family could not be looked up: the other one is probed",
                None => "the preferred family is probed again, or has no address",
            };
            info!(name, reason = missing.map(Failure::as_str), "{said}");
        }
        ips.sort_unstable();
        ips.dedup();
        Ok(Resolved { ips, took })
    }
}

impl Names {
    fn new(shared: Arc<Shared>, families: Families, resolvers: Vec<SocketAddr>) -> Self {
        let (state, ended) = (Mutex::default(), watch::Sender::new(()));
        Self { shared, families, resolvers, kind: None, state, ended }
    }

    /// The addresses, and how long a lookup was waited for, if one was, by who waits so long for a family.
    async fn get(
        self: &Arc<Self>,
        name: &str,
        patience: Duration,
    ) -> Result<(Found, Option<Duration>), Failure> {
        let started = Instant::now();
        let mut has_waited = false;
        loop {
            // Before it is decided: a lookup that ends meanwhile is not missed.
            let mut ended = self.ended.subscribe();
            match self.decide(name, patience) {
                Decision::Use(ips, missing) => {
                    return Ok(((ips, missing), has_waited.then(|| started.elapsed())));
                }
                Decision::Fail(reason) => return Err(reason),
                Decision::Wait(until) => {
                    has_waited = true;
                    tokio::select! {
                        _ = ended.changed() => {}
                        () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {}
                    }
                }
            }
        }
    }

    /// What a round does now, having asked for what is due.
    fn decide(self: &Arc<Self>, name: &str, patience: Duration) -> Decision {
        let now = Instant::now();
        let mut state = self.state();
        state.follow(self.shared.occasions(), now);
        let matter = matter(self.families, &state.known, now);
        for (family, known) in state.known.iter_mut().enumerate() {
            if matter[family] && known.is_due(now) {
                let asked = (name, family, self.resolvers.as_slice());
                let kind = self.kind.map_or_else(
                    || known.kind(),
                    |kind| self.shared.troubled.kind(kind, asked, now),
                );
                known.ask(now);
                let (shared, names) = (Arc::clone(&self.shared), Arc::downgrade(self));
                let ended = self.ended.subscribe();
                tokio::spawn(in_turn(shared, (names, ended), name.to_owned(), family, kind));
            }
        }
        decide(self.families, &state.known, patience, now)
    }

    /// Looks up a name in one family, and notes what that came to.
    async fn ask(&self, name: &str, family: usize, kind: Kind) {
        let (began, queues) = (Instant::now(), &self.shared.queues);
        let makes_room = async {
            let Some(patience) = kind.patience() else { return pending().await };
            sleep_until(began + patience).await;
            queues.make_room(kind).await;
        };
        let (answer, is_cut) = tokio::select! {
            biased;
            answer = timeout(self.shared.limit, self.look_up(name, family)) => {
                (answer.unwrap_or(Err(NetError::Timeout)), false)
            }
            () = makes_room => (Err(NetError::Timeout), kind.is_first_try()),
        };
        // It was cut short for others: that says nothing of a name that was not silent before.
        let mut says_nothing = is_cut;
        if let Some(kind) = self.kind {
            let (asked, now) = ((name, family, self.resolvers.as_slice()), Instant::now());
            let end = match answer.as_ref().map_err(classify) {
                Err(Failure::Resolver) if is_cut => End::Cut,
                Err(Failure::Resolver) => End::InVain,
                _ => End::Well,
            };
            self.shared.troubled.note(kind, asked, end, now);
            says_nothing = is_cut && !self.shared.troubled.is_in_vain(kind, asked, now);
        }
        let (now, mut state) = (Instant::now(), self.state());
        // Before it is noted, so that a lookup is no occasion to repeat itself.
        state.follow(self.shared.occasions(), now);
        match answer {
            Ok((ips, ttl)) if !ips.is_empty() => state.known[family].answered(ips, ttl, now),
            Ok(_) => state.known[family].fail(Failure::Dns, now),
            Err(_) if says_nothing => state.known[family].fail(Failure::Queued, now),
            Err(error) => {
                debug!(name, "lookup failed: {error}");
                state.known[family].fail(classify(&error), now);
            }
        }
        drop(state);
        self.ended.send_replace(());
    }

    /// A lookup waits for its turn.
    fn queue(&self, family: usize) {
        self.state().known[family].queue();
        self.ended.send_replace(());
    }

    /// It is the turn of one that has waited.
    fn begin(&self, family: usize) {
        self.state().known[family].begin(Instant::now());
    }

    /// Whether a lookup is under way, or waits for its turn.
    fn is_asked(&self) -> bool {
        self.state().known.iter().any(Known::is_asked)
    }

    /// What comes of a lookup of this name that is waited for so long.
    async fn within<T>(
        &self,
        name: &str,
        limit: Duration,
        looked_up: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let started = Instant::now();
        if let Ok(looked_up) = timeout(limit, looked_up).await {
            return looked_up;
        }
        let (now, state) = (Instant::now(), self.state());
        let matter = matter(self.families, &state.known, now);
        // A name that nobody answered when it had its turn is in no better state while it waits for the next.
        let is_in_vain = |family: usize| {
            let asked = (name, family, self.resolvers.as_slice());
            self.kind.is_some_and(|kind| self.shared.troubled.is_in_vain(kind, asked, now))
        };
        let has_no_turn = (0..matter.len()).any(|family| {
            let waited = matter[family] && state.known[family].waited_for_turn(started);
            waited && !is_in_vain(family)
        });
        Err(if has_no_turn { Failure::Queued } else { Failure::Timeout })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn look_up(
        &self,
        name: &str,
        family: usize,
    ) -> Result<(Vec<IpAddr>, Duration), NetError> {
        let is_of_family = |ip: &IpAddr| ip.is_ipv4() == (family == 0);
        // Asked each time, so that a change is followed as soon as an answer may be asked for again.
        let listed = own_list(name, &self.resolvers).await;
        let (mut listed, unread) = listed.map_or_else(|it| (Vec::new(), Some(it)), |it| (it, None));
        if !listed.is_empty() {
            listed.retain(is_of_family);
            return Ok((listed, Duration::ZERO));
        }
        // As it stands: the rules of IDNA, which a text would be put through, know no underscore.
        let Ok(name) = Name::from_ascii(name) else { return Ok((Vec::new(), Duration::ZERO)) };
        let servers = Servers::of(&self.resolvers).await?;
        let kinds = match (self.families, family) {
            (Families::OnlyV4, _) => (RecordType::A, None),
            (Families::OnlyV6, _) => (RecordType::AAAA, None),
            (_, 0) => (RecordType::A, Some(RecordType::AAAA)),
            _ => (RecordType::AAAA, Some(RecordType::A)),
        };
        let answer = servers.look_up(&self.shared, &name, kinds, self.shared.limit).await;
        let answer = answer.map_err(|error| match unread {
            // It may stand in the list that cannot be read.
            Some(unread) if servers::is_none(&error) => NetError::from(unread),
            _ => error,
        })?;
        let ips = answer.answers().iter().filter_map(|record| record.data.ip_addr());
        let ttl = answer.answers().iter().map(|record| record.ttl).min();
        Ok((ips.filter(is_of_family).collect(), Duration::from_secs(ttl.unwrap_or(0).into())))
    }
}

impl State {
    /// Makes due what has failed, where there is a new occasion.
    fn follow(&mut self, occasions: Occasions, now: Instant) {
        let before = std::mem::replace(&mut self.occasions, occasions);
        for known in &mut self.known {
            if before.reloads != occasions.reloads {
                known.forget_failures(now);
            } else if before.heard_again != occasions.heard_again {
                known.heard_again(now);
            }
        }
    }
}

/// Looks up a name in one family when it is its turn. Who wants to know may be gone by then: nobody is asked, and nobody
/// makes room for it.
async fn in_turn(
    shared: Arc<Shared>,
    (names, mut ended): (Weak<Names>, watch::Receiver<()>),
    name: String,
    family: usize,
    kind: Kind,
) {
    let mut place = shared.queues.try_enter(kind);
    let has_to_wait = place.is_none();
    if has_to_wait {
        if let Some(names) = names.upgrade() {
            names.queue(family);
        }
        // Whoever tells of ends is there as long as anybody wants to know.
        let gone = async { while ended.changed().await.is_ok() {} };
        place = tokio::select! {
            place = shared.queues.enter(kind) => place,
            () = gone => return,
        };
    }
    if let Some(names) = names.upgrade() {
        if has_to_wait {
            names.begin(family);
        }
        names.ask(&name, family, kind).await;
    }
    drop(place);
}

/// What this machine's own list says of a name; nothing where the config names who is asked.
async fn own_list(name: &str, resolvers: &[SocketAddr]) -> io::Result<Vec<IpAddr>> {
    if resolvers.is_empty() { hosts::addresses(name).await } else { Ok(Vec::new()) }
}

#[cfg(test)]
mod tests;
