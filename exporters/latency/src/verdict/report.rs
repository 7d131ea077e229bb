//! What is said of each endpoint: the verdict, and what explains it. No I/O, no clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::evidence::{Failed, Family};
use super::judge::{Judge, Verdict};
use super::members::{Id, Member, Members, Service};
use super::own::{Own, Part};

/// What is said at a moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// Each part of the vantage that something is known of, and whether it is well.
    pub(crate) own: Vec<(Part, bool)>,
    /// Each endpoint that there is evidence of.
    pub(crate) endpoints: Vec<Endpoint>,
}

/// What is said of one endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// Whose it is, and its name.
    pub(crate) id: Id,
    /// The verdict; none where we cannot judge, by our own fault.
    pub(crate) verdict: Option<Verdict>,
    /// What is wrong with it, where something is.
    pub(crate) trouble: Option<Trouble>,
    /// Modules of lower layers that answer while it is down.
    pub(crate) layers_up: Vec<Arc<str>>,
    /// Modules of lower layers that are down while it is up, and for how many seconds.
    pub(crate) layers_down: Vec<(Arc<str>, f64)>,
    /// A family that is down while the other answers, and for how many seconds.
    pub(crate) families_down: Vec<(Family, f64)>,
    /// How many times the usual the first byte takes, while connecting is fast.
    pub(crate) saturation: Option<f64>,
    /// How many times the usual round trip it is, and the usual in seconds.
    pub(crate) path: Option<(f64, f64)>,
}

/// What is wrong with an endpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trouble {
    /// Seconds since the first round that failed began.
    pub(crate) seconds: f64,
    /// The share of rounds that fail.
    pub(crate) ratio: f64,
    /// The main reason.
    pub(crate) reason: Option<Failed>,
}

/// Of each family: the endpoints that have it, and those of them that are down over it.
type Families = BTreeMap<Family, (usize, usize)>;

/// All that is said now.
pub(crate) fn report(members: &Members, own: &Own, now: f64) -> Report {
    let families = count_families(members, now);
    let endpoints = members.endpoints();
    let said = endpoints.filter_map(|(id, modules)| endpoint(id, &modules, own, &families, now));
    // One that grows would hold three times as much for a moment, and keep it.
    let mut all = Vec::with_capacity(members.count_endpoints());
    all.extend(said);
    Report { endpoints: all, own: own.parts(now) }
}

fn count_families(members: &Members, now: f64) -> Families {
    let mut families = Families::new();
    for (_, modules) in members.endpoints() {
        for family in Family::ALL {
            let of = |service: &Service| {
                // What is not probed any more neither has the family nor lost it.
                let judge = service.each_family().find(|(its, _)| *its == family)?.1;
                judge.verdict(now).map(|verdict| verdict == Verdict::Down)
            };
            let mut down = modules.iter().filter_map(|(_, service)| of(service)).peekable();
            if down.peek().is_some() {
                let counts = families.entry(family).or_default();
                counts.0 += 1;
                counts.1 += usize::from(down.any(|is_down| is_down));
            }
        }
    }
    families
}

fn endpoint(
    id: &Id,
    modules: &[(&Member, &Service)],
    own: &Own,
    families: &Families,
    now: f64,
) -> Option<Endpoint> {
    let top = modules.iter().map(|(member, _)| member.spec.layer).max()?;
    let (mine, lower): (Vec<_>, Vec<_>) =
        modules.iter().copied().partition(|(member, _)| member.spec.layer == top);
    let has_evidence = |judge: &Judge| judge.known.is_some() || judge.no_evidence.is_some();
    if !mine.iter().any(|(_, service)| has_evidence(&service.judge)) {
        return None;
    }
    // It was begun to be probed, and nothing is known that would count for or against it.
    let is_young = |judge: &Judge| judge.is_new() && !judge.is_without_evidence(now);
    if own.network == Some(true) && own.resolver && mine.iter().all(|(_, it)| is_young(&it.judge)) {
        return None;
    }
    let known = mine
        .iter()
        .filter_map(|(member, service)| Some((verdict(member, service, own, now)?, *service)));
    // A known one goes before one that is not, the worst before all.
    let worst = known.max_by_key(|(verdict, _)| *verdict);
    let verdict = worst.map(|(verdict, _)| verdict);
    let trouble =
        worst.filter(|(verdict, _)| *verdict > Verdict::Up).map(|(verdict, service)| Trouble {
            seconds: now - service.judge.since(),
            ratio: service.judge.ratio(verdict),
            reason: service.judge.reason(),
        });
    let mut said = Endpoint {
        id: id.clone(),
        verdict,
        trouble,
        layers_up: Vec::new(),
        layers_down: Vec::new(),
        families_down: Vec::new(),
        saturation: None,
        path: None,
    };
    let Some(verdict) = verdict else { return Some(said) };
    for (member, service) in lower {
        match (verdict, service.judge.verdict(now)) {
            (Verdict::Up, Some(Verdict::Down)) => {
                said.layers_down
                    .push((Arc::clone(&member.spec.module), now - service.judge.since()));
            }
            (Verdict::Down, Some(Verdict::Up)) => {
                said.layers_up.push(Arc::clone(&member.spec.module));
            }
            _ => {}
        }
    }
    said.families_down = families_down(&mine, families, now);
    if verdict != Verdict::Down {
        let ratios = mine.iter().filter_map(|(_, service)| service.saturation.as_ref()?.ratio(now));
        said.saturation = ratios.max_by(f64::total_cmp);
        let paths = modules.iter().filter_map(|(_, service)| service.path.longer(now));
        said.path = paths.max_by(|a, b| a.0.total_cmp(&b.0));
    }
    Some(said)
}

/// The verdict of one module; none where we are unwell ourselves.
fn verdict(member: &Member, service: &Service, own: &Own, now: f64) -> Option<Verdict> {
    if own.network != Some(true) || (!own.resolver && member.unresolved.is_some()) {
        return None;
    }
    let verdict = service.judge.verdict(now)?;
    let is_ours = service.judge.ratio(verdict) <= 2.0 * own.loss;
    match verdict {
        // No more than our own losses explain.
        Verdict::Some | Verdict::Half if is_ours => Some(Verdict::Up),
        verdict => Some(verdict),
    }
}

/// A family is down while the other answers. Where all endpoints that have it are down over it, or where
/// it never answered here, the fault is ours.
fn families_down(
    mine: &[(&Member, &Service)],
    families: &Families,
    now: f64,
) -> Vec<(Family, f64)> {
    let mut down: Vec<(Family, f64)> = Vec::new();
    for (_, service) in mine {
        let answers =
            |judge: &Judge| matches!(judge.verdict(now), Some(Verdict::Up | Verdict::Some));
        if !service.each_family().any(|(_, judge)| answers(judge)) {
            continue;
        }
        for (family, judge) in service.each_family() {
            let (having, dead) = families.get(&family).copied().unwrap_or_default();
            let is_ours = having >= 2 && dead == having;
            let is_down = judge.verdict(now) == Some(Verdict::Down);
            let is_new = down.iter().all(|(known, _)| *known != family);
            if is_down && is_new && judge.has_succeeded() && !is_ours {
                down.push((family, now - judge.since()));
            }
        }
    }
    down
}
