//! A world as its file says it: the truth, and what a good on-call engineer wants. No I/O, no clock.
//!
//! `worlds/FORMAT.md` is its page.

pub(crate) mod machine;
mod period;
pub(crate) mod question;
pub(crate) mod steps;
pub(crate) mod vantage;

use std::collections::BTreeMap;

use exporter_kit::config::{self as kit, Located, Problems};
use serde::Deserialize;

use self::machine::{Kind, Machine};
use self::period::Period;
use self::question::Question;
use self::steps::Steps;
use self::vantage::Vantage;

/// The longest world: a week.
const LONGEST: u64 = 7 * 86_400;

/// What is wrong with a second that is never played: a world whose incident is there is green for nothing.
const BEYOND: &str = "must be within the world's seconds";

/// A world.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawWorld")]
pub(crate) struct World {
    /// Its name.
    pub(crate) name: String,
    /// What is wanted, in words.
    pub(crate) about: String,
    /// How long it lasts.
    pub(crate) seconds: u64,
    /// When Prometheus scrapes.
    pub(crate) scrapes: Scrapes,
    /// The BMCs.
    pub(crate) machines: Vec<Located<Machine>>,
    /// Where endpoints are probed from.
    pub(crate) vantages: Vec<Located<Vantage>>,
    /// What resolvers are asked.
    pub(crate) dns: Vec<Located<Question>>,
    /// Other series, as Prometheus has them.
    pub(crate) series: BTreeMap<String, Steps<Option<f64>>>,
    /// What must be notified.
    pub(crate) want: Vec<Located<Want>>,
    /// What may be notified besides.
    pub(crate) allow: Vec<String>,
    /// Notifications to the pager, at most.
    pub(crate) pages: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWorld {
    name: String,
    #[serde(default)]
    about: String,
    seconds: Located<u64>,
    scrapes: Scrapes,
    #[serde(default)]
    machines: Vec<Located<Machine>>,
    #[serde(default)]
    vantages: Vec<Located<Vantage>>,
    #[serde(default)]
    dns: Vec<Located<Question>>,
    #[serde(default)]
    series: BTreeMap<String, Steps<Option<f64>>>,
    #[serde(default)]
    want: Vec<Located<Want>>,
    #[serde(default)]
    allow: Vec<String>,
    pages: Option<usize>,
}

/// When Prometheus scrapes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scrapes {
    /// The time from one to the next.
    pub(crate) interval: Period,
    /// From when until before when they fail.
    #[serde(default)]
    pub(crate) lost: Vec<(u64, u64)>,
}

/// What must be notified.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Want {
    /// The alert's name, or `ANY`.
    pub(crate) alert: String,
    /// Its severity; of `ANY` at least this one.
    pub(crate) severity: Severity,
    /// The second by which the notification is there.
    pub(crate) by: u64,
    /// A second at which the alert still fires.
    pub(crate) until: Option<u64>,
    /// The second by which it is over.
    pub(crate) over: Option<u64>,
    /// Labels that it has.
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
}

/// How urgent an alert is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// A ticket.
    Warning,
    /// A page.
    Critical,
}

impl Severity {
    /// The value of the label `severity`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl World {
    /// Reads a world; the error names the place of everything that is wrong.
    pub(crate) fn parse(text: &str, file: &str) -> anyhow::Result<Self> {
        kit::parse(text, file)
    }

    /// Whether the scrapes of this second fail.
    pub(crate) fn is_lost(&self, second: u64) -> bool {
        self.scrapes.lost.iter().any(|(from, until)| (*from..*until).contains(&second))
    }
}

impl TryFrom<RawWorld> for World {
    type Error = Problems;

    fn try_from(raw: RawWorld) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        if !(1..=LONGEST).contains(&raw.seconds.value) {
            problems.add(raw.seconds.place, format!("seconds: must be from 1 to {LONGEST}"));
        }
        for machine in &raw.machines {
            check_machine(machine, raw.seconds.value, &mut problems);
        }
        for probe in raw.vantages.iter().flat_map(|vantage| &vantage.probes) {
            if probe.outcome.begins() > probe.added_at {
                let when = if probe.added_at == 0 { "second 0" } else { "added_at" };
                problems.add(probe.place, format!("outcome: must begin at {when}"));
            }
            if probe.outcome.ends() > raw.seconds.value {
                problems.add(probe.place, format!("outcome: {BEYOND}"));
            }
            if let Some(addresses) = &probe.addresses_up
                && !(1..=4).contains(&addresses.len())
            {
                problems.add(probe.place, "addresses_up: must have from 1 to 4 addresses");
            }
        }
        for question in &raw.dns {
            check_question(question, raw.seconds.value, &mut problems);
        }
        for want in raw.want.iter().filter(|want| want.by > raw.seconds.value) {
            problems.add(want.place, format!("by: {BEYOND}"));
        }
        for want in &raw.want {
            for (field, second) in [("until", want.until), ("over", want.over)] {
                if second > Some(raw.seconds.value) {
                    problems.add(want.place, format!("{field}: {BEYOND}"));
                }
            }
        }
        problems.into_result()?;
        Ok(Self {
            name: raw.name,
            about: raw.about,
            seconds: raw.seconds.value,
            scrapes: raw.scrapes,
            machines: raw.machines,
            vantages: raw.vantages,
            dns: raw.dns,
            series: raw.series,
            want: raw.want,
            allow: raw.allow,
            pages: raw.pages,
        })
    }
}

fn check_machine(machine: &Machine, seconds: u64, problems: &mut Problems) {
    let mut ids = Vec::new();
    for sensor in &machine.sensors {
        if sensor.reads.begins() > machine.added_at {
            problems
                .add(sensor.place, "value: must begin at second 0, or at the machine's added_at");
        }
        if sensor.reads.ends() > seconds {
            problems.add(sensor.place, format!("value: {BEYOND}"));
        }
        if (sensor.kind == Kind::Fan) != sensor.unit.is_some() {
            problems
                .add(sensor.place, "unit: must be rpm or percent for a fan, and only for a fan");
        }
        // A sensor that moves to another number is another entry; a number is one name's at a time.
        let id = (sensor.number, &sensor.name);
        if ids.contains(&id) {
            problems.add(sensor.place, "number: this number and name are there before");
        }
        ids.push(id);
    }
}

fn check_question(question: &Question, seconds: u64, problems: &mut Problems) {
    let count = question.resolvers.len();
    let mut before = None;
    for sweep in &question.sweeps {
        if before >= Some(sweep.at) {
            problems.add(sweep.place, "at: must be later than that of the sweep before");
        }
        if sweep.at > seconds {
            problems.add(sweep.place, format!("at: {BEYOND}"));
        }
        before = Some(sweep.at);
        for answers in &sweep.answers {
            if answers.resolvers.0.iter().any(|number| *number >= count) {
                problems.add(
                    answers.place,
                    format!("resolvers: must be below {count}, for so many there are"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests;
