//! Whether the edge of an endpoint that is at several sites answers by itself, or asks one place. Experimental: it looks like,
//! and is never more. No I/O, no clock.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use earth::SLACK_KM;

use crate::class::is_heard;
use crate::outcome::Origin;
use crate::world::{Request, World};

/// Fewer vantages find one origin too often where there are three.
const LEAST_VANTAGES: usize = 10;
/// Milliseconds by which what answers take beyond their connection must differ from vantage to vantage.
const SPREAD_MS: f64 = 60.0;
/// How well that must follow the distance to the vantage where it is smallest (Spearman's rank correlation).
const LEAST_CORRELATION: f64 = 0.7;

/// What is told of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) class: Origin,
    /// Vantages that took part.
    pub(crate) vantages: usize,
    /// The vantage whose answers take least beyond the connection, and the one whose take most, with the milliseconds.
    pub(crate) least: (usize, f64),
    pub(crate) most: (usize, f64),
}

/// Judges the requests of an endpoint whose connections prove several sites; none where too few vantages make any.
/// One origin is told where
/// 1. one place can give all answers in time;
/// 2. what they take beyond their connection differs enough;
/// 3. it grows with the distance from where it is smallest;
/// 4. it is small in one region alone.
pub(crate) fn judge(
    world: &World,
    requests: &[Request],
    suspects: &BTreeSet<usize>,
) -> Option<Told> {
    let heard: Vec<&Request> =
        requests.iter().filter(|it| is_heard(world, it.vantage, suspects)).collect();
    if heard.len() < LEAST_VANTAGES {
        return None;
    }
    let beyond = |it: &&Request| (it.vantage, (it.ttfb_ms - it.connect_ms).max(0.0));
    let beyond: Vec<(usize, f64)> = heard.iter().map(beyond).collect();
    let least = *beyond.iter().min_by(|a, b| a.1.total_cmp(&b.1))?;
    let most = *beyond.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let region = |at: usize| world.vantages[at].region.as_str();
    let near = beyond.iter().filter(|it| it.1 < least.1 + SPREAD_MS);
    let near: BTreeSet<&str> = near.map(|it| region(it.0)).collect();
    let km: Option<Vec<f64>> = beyond.iter().map(|it| world.distances.km(it.0, least.0)).collect();
    let follows = km.is_some_and(|km| {
        let took: Vec<f64> = beyond.iter().map(|it| it.1).collect();
        correlation(&ranks(&took), &ranks(&km)) >= LEAST_CORRELATION
    });
    let is_spread = most.1 - least.1 >= SPREAD_MS;
    let class = if is_spread && near.len() == 1 && follows && is_one_place(world, &heard) {
        Origin::One
    } else if most.1 < SPREAD_MS {
        Origin::AtEdge
    } else {
        Origin::Undetermined
    };
    Some(Told { class, vantages: heard.len(), least, most })
}

/// Whether no two answers came sooner than one place could give both.
fn is_one_place(world: &World, requests: &[&Request]) -> bool {
    let reach = |it: &Request| world.vantages[it.vantage].reach_km(it.ttfb_ms);
    requests.iter().enumerate().all(|(at, a)| {
        requests[..at].iter().all(|b| {
            let km = world.distances.km(a.vantage, b.vantage);
            km.is_some_and(|km| km <= reach(a) + reach(b) + SLACK_KM)
        })
    })
}

/// The place of each among all, the same for equal ones.
fn ranks(values: &[f64]) -> Vec<f64> {
    let rank = |value: &f64| {
        let below = values.iter().filter(|it| *it < value).count();
        let not_above = values.iter().filter(|it| *it <= value).count();
        (below + not_above) as f64 / 2.0
    };
    values.iter().map(rank).collect()
}

/// Pearson's; 0 where one of both does not vary.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        a.iter().zip(b).map(|(a, b)| f(a - mean_a, b - mean_b)).sum()
    };
    let of = sum(&|a, b| a * b);
    let whole = (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt();
    if whole > 0.0 { of / whole } else { 0.0 }
}

/// `It looks like one origin behind the edge, near lon: answers take 4 ms beyond the connection there, 310 ms at syd (12 vantages;
/// experimental).`
pub(crate) fn sentence(world: &World, told: &Told) -> String {
    let name = |at: usize| world.vantages[at].name.as_str();
    let mut text = match told.class {
        Origin::One => {
            format!("It looks like one origin behind the edge, near {}", name(told.least.0))
        }
        Origin::AtEdge => "It looks like an edge that answers by itself".to_owned(),
        Origin::Undetermined => "Whether the edge answers by itself is undetermined".to_owned(),
    };
    // A string takes whatever is written to it.
    let _ = write!(
        text,
        ": answers take {:.0} ms beyond the connection at {}, {:.0} ms at {} ({} vantages; experimental).",
        told.least.1,
        name(told.least.0),
        told.most.1,
        name(told.most.0),
        told.vantages
    );
    text
}
