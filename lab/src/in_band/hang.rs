//! A BMC that hangs and comes back with other values: what the exporter's pages may say meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use anyhow::{bail, ensure};
use tokio::time::sleep;

use super::comparison::{self, Seen};
use super::page::Page;
use super::sensors::{Phase, Sensor};
use super::{LOOKS, Machine, page, up};

/// For how long the BMC hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// Until the exporter says that the BMC does not answer: what it was asked is answered late.
    UntilNoticed,
    /// For some more failed polls: longer than QEMU waits for the BMC, which then answers for it.
    Longer,
}

/// The values that the BMC comes back with, and how long it hangs.
pub(super) const PLAN: [(Phase, Length); 5] = [
    (Phase::After, Length::Longer),
    (Phase::Before, Length::UntilNoticed),
    (Phase::After, Length::UntilNoticed),
    (Phase::Before, Length::UntilNoticed),
    (Phase::After, Length::Longer),
];

/// Polls that have to fail before a long hang ends.
const FAILED_POLLS: f64 = 6.0;

/// Looks at every page, and keeps what should not have been there.
pub(super) struct Watch {
    /// By sensor: the value before, and the value after, as ipmitool printed them.
    allowed: BTreeMap<String, [f64; 2]>,
    /// Sensors that have shown their new value since the last hang, and which of the two it is: the
    /// old one would be a late answer.
    renewed: BTreeSet<String>,
    index: usize,
    pages: usize,
    samples: usize,
    wrong: Vec<String>,
}

/// What one hang looked like.
#[derive(Clone, Debug)]
pub(super) struct Hang {
    length: Length,
    /// Failed polls by reason, while it lasted.
    failures: BTreeMap<String, f64>,
    /// Sessions that were opened until it was over.
    sessions: f64,
    stale_replies: f64,
    silent_pages: usize,
}

impl fmt::Display for Hang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reasons: Vec<_> =
            self.failures.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        let length = match self.length {
            Length::UntilNoticed => "until noticed",
            Length::Longer => "longer",
        };
        write!(
            f,
            "{length}: ipmi_up 0 on {} pages without a reading; failed polls: {}; sessions opened: {}; \
             stale replies: {}; all values right again",
            self.silent_pages,
            reasons.join(", "),
            self.sessions,
            self.stale_replies
        )
    }
}

impl Watch {
    /// With what ipmitool reads of the threshold sensors in both phases.
    pub(super) fn new(sensors: &[Sensor], before: &[Seen], after: &[Seen]) -> anyhow::Result<Self> {
        let mut allowed = BTreeMap::new();
        for (sensor, (before, after)) in sensors.iter().zip(before.iter().zip(after)) {
            if !sensor.has_value() {
                continue;
            }
            let (Ok(was), Ok(is)) = (before.value.parse::<f64>(), after.value.parse::<f64>())
            else {
                bail!("ipmitool reads no value of {}: {before:?}, {after:?}", sensor.name());
            };
            ensure!(before.value != after.value, "{} has one value only: {was}", sensor.name());
            // The unit of the exporter's metric.
            let scale = |value: f64| match before.unit.as_str() {
                "degrees F" => (value - 32.0) / 1.8,
                _ => value,
            };
            allowed.insert(sensor.id(), [scale(was), scale(is)]);
        }
        Ok(Self {
            allowed,
            renewed: BTreeSet::new(),
            index: 0,
            pages: 0,
            samples: 0,
            wrong: Vec::new(),
        })
    }

    /// How many pages were looked at.
    pub(super) fn pages(&self) -> usize {
        self.pages
    }

    /// How many readings were on them.
    pub(super) fn samples(&self) -> usize {
        self.samples
    }

    /// What should not have been there.
    pub(super) fn wrong(&self) -> &[String] {
        &self.wrong
    }

    /// Stops the BMC, changes its values, and lets it go on.
    pub(super) async fn hang(
        &mut self,
        machine: &mut Machine,
        phase: Phase,
        length: Length,
    ) -> anyhow::Result<Hang> {
        let before = self.look(machine).await?;
        machine.simulator.pause()?;
        machine.simulator.show(phase)?;
        self.renewed.clear();
        self.index = usize::from(phase == Phase::After);
        let mut silent_pages = 0;
        let mut noticed = self.until(machine, "ipmi_up 0", |page| up(page) == Some(false)).await?;
        if length == Length::Longer {
            let enough = noticed.sum("ipmi_poll_failures_total") + FAILED_POLLS;
            let mut looks = 0;
            while noticed.sum("ipmi_poll_failures_total") < enough {
                silent_pages += 1;
                looks += 1;
                ensure!(looks < LOOKS, "the exporter no longer polls a BMC that does not answer");
                noticed = self.look(machine).await?;
                if up(&noticed) != Some(false) {
                    self.wrong.push("ipmi_up is 1 while the BMC hangs".to_owned());
                    break;
                }
            }
        }
        silent_pages += 1;
        machine.simulator.resume()?;
        let allowed = self.allowed.clone();
        let index = self.index;
        let over = self
            .until(machine, "every reading has its new value", |page| {
                up(page) == Some(true)
                    && allowed.iter().all(|(id, values)| {
                        reading(page, id).is_some_and(|value| is_close(value, values[index]))
                    })
            })
            .await?;
        let grown = |metric| over.sum(metric) - before.sum(metric);
        let failures = noticed.samples().filter(|it| it.metric == "ipmi_poll_failures_total");
        let failures = failures.filter_map(|it| {
            let reason = it.label("reason");
            let earlier = before.value("ipmi_poll_failures_total", &[("reason", reason)]);
            let count = it.value - earlier.unwrap_or_default();
            (count > 0.0).then(|| (reason.to_owned(), count))
        });
        if grown("ipmi_sessions_opened_total") < 1.0 {
            self.wrong.push("the device was not opened again".to_owned());
        }
        Ok(Hang {
            length,
            failures: failures.collect(),
            sessions: grown("ipmi_sessions_opened_total"),
            stale_replies: grown("ipmi_stale_replies_total"),
            silent_pages,
        })
    }

    /// Looks at pages until one is as expected.
    async fn until(
        &mut self,
        machine: &mut Machine,
        what: &str,
        expected: impl Fn(&Page) -> bool,
    ) -> anyhow::Result<Page> {
        let mut last = Page::default();
        for _ in 0..LOOKS {
            last = self.look(machine).await?;
            if expected(&last) {
                return Ok(last);
            }
            sleep(Duration::from_millis(100)).await;
        }
        let up = up(&last);
        let readings: Vec<_> =
            comparison::readings(&last).map(|it| (it.label("name"), it.value)).collect();
        bail!("never seen: {what}; ipmi_up {up:?}, readings {readings:?}, wrong {:?}", self.wrong)
    }

    /// One page, with every reading on it looked at.
    async fn look(&mut self, machine: &mut Machine) -> anyhow::Result<Page> {
        machine.simulator.must_run()?;
        let Some(page) = page(&mut machine.guest).await? else { bail!("the exporter has no page") };
        self.pages += 1;
        let is_down = up(&page) == Some(false);
        for sample in comparison::readings(&page) {
            self.samples += 1;
            let (id, value) = (sample.label("id"), percent(sample.value, &sample.metric));
            match self.allowed.get(id) {
                _ if is_down => self.wrong.push(format!("stale: {sample:?}")),
                Some(values) if is_close(values[self.index], value) => {
                    self.renewed.insert(id.to_owned());
                }
                Some(values)
                    if !self.renewed.contains(id) && is_close(values[1 - self.index], value) => {}
                values => self.wrong.push(format!("{sample:?} instead of {values:?}")),
            }
        }
        Ok(page)
    }
}

/// The one value of a sensor.
fn reading(page: &Page, id: &str) -> Option<f64> {
    let mut found = comparison::readings(page).filter(|it| it.label("id") == id);
    let sample = found.next()?;
    found.next().is_none().then(|| percent(sample.value, &sample.metric))
}

/// ipmitool has percent where the exporter has a ratio.
fn percent(value: f64, metric: &str) -> f64 {
    if metric == "ipmi_fan_speed_ratio" { value * 100.0 } else { value }
}

/// ipmitool prints three digits after the point.
fn is_close(one: f64, other: f64) -> bool {
    (one - other).abs() < 0.001
}
