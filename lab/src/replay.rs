//! The incidents, to be played again: what breaks, and who must be told what, in which time.

pub mod dns;
pub mod fault;
pub mod hardware;
pub mod homing;
pub mod pages;
pub mod reachability;
pub mod untold;

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use self::fault::Fault;
use self::untold::Untold;
use crate::sink::notification::Alert;
use crate::verdict::Expectation;

/// One incident.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Its name on the command line.
    pub name: &'static str,
    /// What is done, in a sentence or two.
    pub story: &'static str,
    /// What breaks.
    pub fault: Fault,
    /// After how long it mends itself; else it is mended when the verdict is clear.
    pub lasts: Option<Duration>,
    /// For how long notifications are waited for, or their absence watched.
    pub watch: Duration,
    /// What must come of it.
    pub expectation: Expectation,
    /// What turbulence-homing must say of endpoints within that time, where it is about that.
    pub homing: Vec<Sentence>,
    /// What Prometheus must know within that time, and tells nobody yet.
    pub untold: Option<Untold>,
    /// What Prometheus must have an answer to before anything breaks.
    pub ready: Option<&'static str>,
    /// Which alerts are its own.
    pub concern: Concern,
}

impl Replay {
    /// One in which nothing breaks and nobody is told.
    fn about(concern: Concern) -> Self {
        Self {
            name: "",
            story: "",
            fault: Fault::Nothing,
            lasts: None,
            watch: Duration::ZERO,
            expectation: Expectation::default(),
            homing: Vec::new(),
            untold: None,
            ready: None,
            concern,
        }
    }

    /// Whether it is about what turbulence-homing says, or Prometheus holds back.
    pub fn looks_inside(&self) -> bool {
        !self.homing.is_empty() || self.untold.is_some()
    }
}

/// What is to be read of an endpoint.
#[derive(Clone, Debug)]
pub struct Sentence {
    /// The endpoint.
    pub target: &'static str,
    /// What must stand there.
    pub says: &'static [&'static str],
}

/// Which alerts a replay may cause.
#[derive(Clone, Copy, Debug)]
pub enum Concern {
    /// Those of one machine.
    Machine(&'static str),
    /// Those of watched targets whose names begin so.
    Target(&'static str),
    /// Everything about reachability, and about the monitoring of it.
    Reachability,
    /// Everything about DNS.
    Dns,
    /// Where an endpoint or a service lives, and what its owner says.
    Homing(&'static str),
    /// Who announces a prefix.
    Prefix(&'static str),
}

impl Concern {
    /// Whether an alert is one of them.
    pub fn covers(self, alert: &Alert) -> bool {
        let domain = alert.label("domain");
        match self {
            Self::Machine(name) => domain == "thermal" && alert.label("target") == name,
            Self::Target(name) => {
                domain == "reachability" && alert.label("target").starts_with(name)
            }
            // A vantage that is cut off may show in the monitoring of the exporters as well.
            Self::Reachability => {
                domain == "reachability" || (domain == "meta" && !alert.label("vantage").is_empty())
            }
            Self::Dns => domain == "dns",
            Self::Prefix(prefix) => domain == "reachability" && alert.label("prefix") == prefix,
            Self::Homing(name) => {
                let is_named = ["target", "service"].iter().any(|it| alert.label(it) == name);
                alert.name().starts_with("Homing") && is_named
            }
        }
    }
}

/// All replays, in the order of the demo: each incident begins with its own story, and the cases
/// that must not be taken for it follow.
pub fn all() -> Vec<Replay> {
    let mut replays = vec![hardware::phantom(), reachability::amsterdam()];
    replays.extend(hardware::rest());
    replays.extend(reachability::rest());
    replays.extend(dns::all());
    replays.extend([homing::single_homed(), homing::sets_not_independent()]);
    replays.extend([homing::path_change(), homing::origin_change()]);
    replays.extend(pages::all());
    replays
}

/// Lanes which do not touch one another; in a lane, stages one after the other; in a stage, replays
/// that can be played at the same time.
pub fn lanes(replays: Vec<Replay>) -> Vec<Vec<Vec<Replay>>> {
    let (mut machines, mut together, mut alone, mut dns) = (vec![], vec![], vec![], vec![]);
    let mut first = vec![];
    for replay in replays {
        match replay.concern {
            Concern::Machine(_) => machines.push(replay),
            // Before those whose pages go out in one notification with its own: a group's next one waits for a minute.
            Concern::Target(_) if replay.expectation.within.is_some() => first.push(replay),
            Concern::Target(_) | Concern::Prefix(_) => together.push(replay),
            Concern::Reachability => alone.push(vec![replay]),
            Concern::Dns => dns.push(vec![replay]),
            Concern::Homing(_) => first.push(replay),
        }
    }
    let mut reachability = vec![first, together];
    reachability.extend(alone);
    vec![vec![machines], reachability, dns]
}

/// A share of the replays: one of each lane, drawn by `seed`. With a commit for a seed every replay is
/// drawn sooner or later, and the same ones again when a commit is tried again.
pub fn share(seed: &str) -> Vec<Replay> {
    let mut share = Vec::new();
    for (number, stages) in lanes(all()).into_iter().enumerate() {
        let lane: Vec<Replay> = stages.into_iter().flatten().collect();
        let lot = Sha256::digest(format!("{seed} {number}"));
        let lot = u32::from_be_bytes([lot[0], lot[1], lot[2], lot[3]]) as usize;
        let drawn = lot % lane.len().max(1);
        share.extend(lane.into_iter().nth(drawn));
    }
    share
}

/// Seconds, as the tables of replays read best.
const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_no_replay_is_lost_in_the_lanes() {
        let names: BTreeSet<_> = all().into_iter().map(|replay| replay.name).collect();
        assert_eq!(names.len(), all().len());
        let played = lanes(all()).into_iter().flatten().flatten().count();
        assert_eq!(played, all().len());
    }

    #[test]
    fn the_readme_has_each_replay_and_quotes_the_page_of_amsterdam() {
        let readme = include_str!("../../README.md");
        for replay in all() {
            assert!(readme.contains(&format!("\n| `{}` | ", replay.name)), "{}", replay.name);
        }
        let (_, quoted) = readme.split_once("What the page of `amsterdam` says:").unwrap();
        let quoted = quoted.split("```").nth(1).unwrap();
        let quoted = quoted.split_whitespace().collect::<Vec<_>>().join(" ");
        for words in reachability::amsterdam().expectation.says {
            assert!(quoted.contains(words), "{words}");
        }
    }

    #[test]
    fn a_replay_about_where_a_service_lives_minds_the_alerts_about_that() {
        let alert = |name: &str, target: &str| -> Alert {
            let labels =
                serde_json::json!({"alertname": name, "domain": "reachability", "target": target});
            let (start, end) = ("2026-11-22T03:00:00Z", "0001-01-01T00:00:00Z");
            let alert = serde_json::json!({"status": "firing", "labels": labels, "startsAt": start, "endsAt": end});
            serde_json::from_value(alert).unwrap()
        };
        let replay = homing::single_homed();
        assert!(replay.concern.covers(&alert("HomingMoved", "messenger-api")));
        assert!(!replay.concern.covers(&alert("HomingMoved", "shop")));
        let mut of_service = alert("HomingSetsNotIndependent", "");
        of_service.labels.insert("service".to_owned(), "store".to_owned());
        assert!(homing::sets_not_independent().concern.covers(&of_service));
        assert!(!replay.concern.covers(&of_service));
        assert!(!replay.concern.covers(&alert("LatencySaturation", "messenger-api")));
    }

    #[test]
    fn a_share_is_one_of_each_lane_and_the_same_for_the_same_seed() {
        let names = |seed: &str| share(seed).iter().map(|replay| replay.name).collect::<Vec<_>>();
        assert_eq!(names("0e1f").len(), lanes(all()).len());
        assert_eq!(names("0e1f"), names("0e1f"));
    }

    #[test]
    fn every_replay_is_drawn_by_some_seed() {
        let drawn: BTreeSet<_> =
            (0..100).flat_map(|seed| share(&seed.to_string())).map(|replay| replay.name).collect();
        assert_eq!(drawn.len(), all().len(), "{drawn:?}");
    }
}
