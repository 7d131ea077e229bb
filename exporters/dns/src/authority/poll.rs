//! One zone, asked for ever: who its servers are, what each says, and what follows.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use exporter_kit::{Descriptors, LabelEnum as _, Rounds, off_the_thread};
use hickory_proto::rr::RecordType;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::warn;

use super::ask::{self, authoritative, patiently};
use super::counts::RoundResult;
use super::delegation::{Finder, Way, is_allowed};
use super::finding::{Finding, Outcome, Severity};
use super::judge::{self, Memory, Round, Server};
use super::said::{self, Said};
use super::signature;
use super::state::{Known, RunningZone, Snapshot};
use super::store::Store;
use super::validators::{self, Validation};
use crate::clock::unix_seconds;
use crate::config::ZonePlan;
use crate::courtesy::Courtesy;
use crate::exchange::HostName;
use crate::exchange::question::Question;
use crate::state::Moment;

/// What is kept open for each server at most: a socket, and a connection where an answer does not fit.
const EACH_SERVER: usize = 2;

/// Addresses of one zone that are asked.
const MAX_SERVERS: usize = 32;
/// Names within the zone whose addresses are compared with the glue.
const MAX_OWN: usize = 16;

/// This part of the interval a round waits for what validators say of it: what it tells besides is told as much later
/// where they are silent.
const PATIENCE: u32 = 4;

/// By how many seconds a clock must be set for what is remembered to be dated anew.
const STEP: u64 = 60;

/// Asks at the zone's interval.
pub(crate) async fn run(
    zone: Arc<RunningZone>,
    rounds: Rounds,
    courtesy: Courtesy,
    mut store: Option<Store>,
) {
    let plan = zone.plan();
    let mut known = zone.known().clone();
    let mut memory = Memory::default();
    if let Some(named) = store.take() {
        let (usable, kept) = off_the_thread(move || named.open()).await;
        (store, memory) = (usable, Memory::new(kept, known.clock.now()));
    }
    // What the zone's task knew before a reload is no older than the file.
    memory = known.memory.take().unwrap_or(memory);
    let mut dated = 0;
    let mut own = zone.latest().snapshot.map(|it| it.named()).unwrap_or_default();
    let (mut validation, mut is_first) = (Validation::default(), true);
    let mut rounds = rounds.every(plan.interval, &format!("dns/zone/{}", plan.zone));
    loop {
        rounds.next().await;
        let plan = zone.plan();
        // Until they say so again a page of before the program began would be over.
        let is_awaited = is_first && memory.kept.standing.contains(Finding::Bogus.name());
        is_first = false;
        let (known, validation) = (&mut known, &mut validation);
        let round = validated((&zone, &plan, &courtesy), known, &own, validation, is_awaited).await;
        let kept = memory.kept.clone();
        let verdict = judge::judge(&round, &plan.rules(), &mut memory);
        // The clock of the machine may have been set since this one began.
        let step = i64::try_from(round.unix).unwrap_or_default()
            - i64::try_from(round.now).unwrap_or_default();
        if (memory.kept != kept || step.abs_diff(dated) > STEP)
            && let Some(store) = store.clone()
        {
            let kept = memory.kept.dated_anew(step);
            dated = step;
            if let Err(error) = off_the_thread(move || store.save(&kept)).await {
                warn!(zone = plan.zone.as_str(), "what is remembered is not kept: {error:#}");
            }
        }
        *zone.known() = Known { memory: Some(memory.clone()), ..known.clone() };
        let is_told = !verdict.findings.is_empty();
        let is_judged = is_told && verdict.is_judged();
        let served = verdict.findings.iter().find(|(finding, _)| *finding == Finding::Unserved);
        let served = served.map(|(_, severity)| *severity);
        let snapshot = Snapshot { round, verdict };
        own = snapshot.named();
        zone.publish(is_told.then_some(snapshot), Moment::Real(Instant::now()));
        zone.counts.rounds.inc(if is_judged { RoundResult::Complete } else { RoundResult::Failed });
        // At last, since it says that there is a round to be seen.
        match served {
            None => zone.health.down("no_reply"),
            Some(Severity::Page) => zone.health.down("unserved"),
            Some(_) => zone.health.up(),
        }
    }
}

/// One round, with what validators say of it. They are waited for where a server answers, or `is_awaited` says so: an
/// outage does not wait for them. What they say later is for the next round.
pub(super) async fn validated(
    (zone, plan, courtesy): (&Arc<RunningZone>, &Arc<ZonePlan>, &Courtesy),
    known: &mut Known,
    own: &BTreeMap<HostName, BTreeSet<IpAddr>>,
    validation: &mut Validation,
    is_awaited: bool,
) -> Round {
    let way = Way { plan, counts: &zone.counts, courtesy };
    let before = validation.said(&mut known.heard);
    validation.begin(zone, plan, courtesy, &known.heard);
    let mut round = round(zone, plan, way, known, own).await;
    let is_served = round.servers.iter().any(|server| server.outcome == Outcome::Answers);
    round.bogus = validation
        .said_within(&mut known.heard, patience(plan.interval, is_served, is_awaited))
        .await
        .or(before)
        .or_else(|| validators::meanwhile(way, &known.heard));
    round
}

/// For how long a round waits for what validators say.
fn patience(interval: Duration, is_served: bool, is_awaited: bool) -> Duration {
    match () {
        () if is_awaited => interval,
        () if is_served => interval / PATIENCE,
        () => Duration::ZERO,
    }
}

/// A server that is to be asked.
#[derive(Debug)]
struct Target {
    name: String,
    address: SocketAddr,
    is_allowed: bool,
    is_hidden: bool,
}

/// One round over all servers.
async fn round(
    zone: &Arc<RunningZone>,
    plan: &Arc<ZonePlan>,
    way: Way<'_>,
    known: &mut Known,
    own: &BTreeMap<HostName, BTreeSet<IpAddr>>,
) -> Round {
    let Known { finder, clock, .. } = known;
    let mut round = ask_all(zone, plan, way, finder, own).await;
    round.own = addresses_of(&round.servers, way).await;
    round.unix = unix_seconds();
    round.is_clock_wrong = !signature::is_possible(round.unix);
    round.now = clock.now();
    round
}

/// Asks the parent and all servers.
async fn ask_all(
    zone: &Arc<RunningZone>,
    plan: &Arc<ZonePlan>,
    way: Way<'_>,
    finder: &mut Finder,
    own: &BTreeMap<HostName, BTreeSet<IpAddr>>,
) -> Round {
    let mut found = finder.find(way, own).await;
    let (targets, left_out) = targets(plan, std::mem::take(&mut found.servers));
    let servers = ask_servers(zone, plan, targets).await;
    if servers.iter().all(|server| server.outcome != Outcome::Answers) {
        finder.look_for_life(way, &mut found).await;
    }
    Round {
        servers,
        unresolved: found.unresolved.iter().map(HostName::to_string).collect(),
        parent: found.parent,
        is_parent_kept: found.is_parent_kept,
        is_online: found.is_online,
        left_out,
        ..Round::default()
    }
}

/// Who is to be asked, and how many more there are.
fn targets(plan: &ZonePlan, found: Vec<(HostName, IpAddr)>) -> (Vec<Target>, usize) {
    let mut targets: Vec<Target> = Vec::new();
    for server in &plan.servers {
        // Where nobody is found besides, those that are configured are all that is known.
        let is_found = |(name, address): &(HostName, IpAddr)| {
            name.as_str() == server.name() || SocketAddr::new(*address, plan.port) == server.address
        };
        let is_hidden = !found.is_empty() && !found.iter().any(is_found);
        let (name, address) = (server.name().to_owned(), server.address);
        targets.push(Target { name, address, is_allowed: true, is_hidden });
    }
    for (name, address) in found {
        let address = SocketAddr::new(address, plan.port);
        if targets.iter().all(|known| known.address != address) {
            let (name, is_allowed) = (name.to_string(), is_allowed(plan, address.ip()));
            targets.push(Target { name, address, is_allowed, is_hidden: false });
        }
    }
    let left_out = targets.len().saturating_sub(MAX_SERVERS);
    targets.truncate(MAX_SERVERS);
    (targets, left_out)
}

async fn ask_servers(
    zone: &Arc<RunningZone>,
    plan: &Arc<ZonePlan>,
    targets: Vec<Target>,
) -> Vec<Server> {
    let _kept = Descriptors::make_room(EACH_SERVER * targets.len()).await;
    let mut asked = JoinSet::new();
    for (number, target) in targets.into_iter().enumerate() {
        let Target { name, address, is_allowed, is_hidden } = target;
        let (zone, plan) = (Arc::clone(zone), Arc::clone(plan));
        asked.spawn(async move {
            let (outcome, said) = if is_allowed {
                ask::server(address, &plan, &zone.counts).await
            } else {
                (Outcome::NotAllowed, Said::default())
            };
            (number, Server { name, address, outcome, said, is_hidden })
        });
    }
    let mut servers = asked.join_all().await;
    servers.sort_by_key(|(number, _)| *number);
    servers.into_iter().map(|(_, server)| server).collect()
}

/// The addresses of servers within the zone, as a server of it gives them.
async fn addresses_of(servers: &[Server], way: Way<'_>) -> BTreeMap<HostName, BTreeSet<IpAddr>> {
    let mut own = BTreeMap::new();
    let good: Vec<_> = servers.iter().filter(|it| it.outcome == Outcome::Answers).collect();
    let Some(teller) = good.first() else { return own };
    let names: BTreeSet<&HostName> =
        good.iter().filter_map(|it| it.said.ns.as_ref()).flatten().collect();
    let within = names.into_iter().filter(|name| name.is_within(&way.plan.zone)).take(MAX_OWN);
    'names: for name in within {
        let mut addresses = BTreeSet::new();
        for kind in [RecordType::A, RecordType::AAAA] {
            let question = Question::authoritative(name.clone(), kind);
            let reply = patiently(teller.address, &question, way.plan, way.counts).await;
            // One that was delegated further is another zone's.
            let Some(message) = authoritative(&reply) else { continue 'names };
            addresses.extend(said::addresses(message.answers.iter()).into_values().flatten());
        }
        own.insert(name.clone(), addresses);
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_waits_for_no_validator_but_after_a_restart_that_would_end_a_page() {
        let minute = Duration::from_secs(60);
        for (is_served, is_awaited, wanted) in [
            (false, false, Duration::ZERO),
            (true, false, minute / 4),
            (false, true, minute),
            (true, true, minute),
        ] {
            assert_eq!(patience(minute, is_served, is_awaited), wanted);
        }
    }
}
