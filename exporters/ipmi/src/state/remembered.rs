//! What is remembered of a BMC from poll to poll and over a restart: its inventory and its standing.
//! No I/O, no clock.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use crate::baseline::Baseline;
use crate::entity::Entity;
use crate::inventory::{Inventory, Known};
use crate::sensor::list::SensorList;
use crate::sensor::thresholds::Limits;
use crate::sensor::{Kind, Quantity, Sensor};
use crate::verdict::{Listed, Machine, Measure, Moment, Reading, Says, Verdict};

/// Seconds until the standing is kept for the first time: until then little was learnt.
const FIRST: f64 = 120.0;
/// Seconds until it is kept again; a part of it by name, so that a fleet does not write at once.
const AGAIN: f64 = 540.0;
/// The largest part of that by name.
const SPREAD: u64 = 120;

/// The inventory and the standing of a machine, and whether both are on disk.
#[derive(Debug)]
pub(super) struct Remembered {
    inventory: Inventory,
    machine: Machine,
    /// The list that the machine goes by.
    list: Option<Arc<SensorList>>,
    unsaved: bool,
    /// Whether it was said that it cannot be saved.
    warned: bool,
    /// When it is saved whatever happens.
    due: Option<Moment>,
    /// By how many seconds this target's turn comes later.
    spread: f64,
    /// Of the verdicts that were saved.
    signature: u64,
}

impl Remembered {
    /// What was kept of the BMC of this name.
    pub(super) fn new(name: &str, baseline: Baseline) -> Self {
        let sensors: Vec<_> = baseline.sensors.into_iter().map(Arc::new).collect();
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        Self {
            machine: Machine::new(baseline.standing, &sensors),
            inventory: Inventory::from_baseline(sensors),
            list: None,
            unsaved: false,
            warned: false,
            due: None,
            spread: (hasher.finish() % SPREAD) as f64,
            signature: 0,
        }
    }

    pub(super) fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// Takes a poll that went well; returns the sensors that go on by another id or name.
    pub(super) fn observe(
        &mut self,
        now: Moment,
        list: &Arc<SensorList>,
        readings: &[Reading],
        says: Says,
    ) -> Vec<(Arc<Known>, Arc<Known>)> {
        let mut moved = Vec::new();
        let is_the_same = self.list.as_ref().is_some_and(|last| Arc::ptr_eq(last, list));
        if !is_the_same {
            moved = self.machine.follow(now, &listed(list));
            for (from, _) in &moved {
                self.inventory.forget(from);
                self.unsaved = true;
            }
            self.list = Some(Arc::clone(list));
        }
        if is_the_same {
            self.inventory.observe_again(list.complete);
        } else {
            self.unsaved |= self.inventory.observe(&list.known, list.complete);
        }
        self.machine.feed(now, readings, list.complete, says);
        let signature = signature(self.machine.verdicts(now).unwrap_or_default());
        let due = *self.due.get_or_insert(now.after(FIRST));
        self.unsaved |= signature != self.signature || now >= due;
        if now >= due {
            self.due = Some(now.after(AGAIN + self.spread));
        }
        self.signature = signature;
        moved
    }

    pub(super) fn verdicts(&self, now: Moment) -> Option<Vec<Verdict>> {
        self.machine.verdicts(now).map(<[Verdict]>::to_vec)
    }

    pub(super) fn is_off(&self) -> bool {
        self.machine.is_off()
    }

    /// Takes these sensors for all there are; returns those that were given up.
    pub(super) fn accept(&mut self, known: &[Arc<Known>]) -> Vec<Arc<Known>> {
        self.unsaved = true;
        // A poll may have gone by another list meanwhile: the next one looks anew.
        self.list = None;
        self.machine.accept();
        self.inventory.accept(known)
    }

    /// What it was begun with was learnt and is on no disk: now it is to be saved if it `is_unsaved`, and
    /// at the end in any case.
    pub(super) fn goes_on(&mut self, now: Moment, is_unsaved: bool) {
        self.unsaved |= is_unsaved;
        self.due = Some(now.after(FIRST));
    }

    /// Nothing more will be learnt.
    pub(super) fn ends(&mut self) {
        self.unsaved |= self.due.is_some();
    }

    pub(super) fn is_unsaved(&self) -> bool {
        self.unsaved
    }

    /// What is saved beside it is another.
    pub(super) fn changes(&mut self) {
        self.unsaved = true;
    }

    /// What is to be saved now of inventory and standing.
    pub(super) fn take_unsaved(&mut self) -> Baseline {
        self.unsaved = false;
        let (sensors, standing) = (self.inventory.baseline(), self.machine.keep());
        Baseline { sensors, standing, ..Baseline::default() }
    }

    /// Whether saving succeeded.
    pub(super) fn was_saved(&mut self, well: bool) {
        if well {
            self.warned = false;
        } else {
            self.unsaved = true;
        }
    }

    /// Whether it was not said yet that saving fails.
    pub(super) fn is_first_failure(&mut self) -> bool {
        !std::mem::replace(&mut self.warned, true)
    }
}

/// What of the verdicts is worth a write to the disk: which there are, not what they rest on.
fn signature(verdicts: &[Verdict]) -> u64 {
    let of = |verdict: &Verdict| {
        let mut hasher = DefaultHasher::new();
        (verdict.kind, verdict.level as u8, &verdict.sensor).hash(&mut hasher);
        hasher.finish()
    };
    // In no order.
    verdicts.iter().map(of).fold(0, u64::wrapping_add)
}

/// The list as the verdicts take it: first the sensors with numbers, by their places, then the others.
fn listed(list: &SensorList) -> Vec<Listed> {
    let has_meter = list.sensors.iter().any(|it| measure(it) == Measure::Watts);
    let with_number = |sensor: &Sensor| {
        let measure = match measure(sensor) {
            Measure::Amperes if has_meter => Measure::Other,
            measure => measure,
        };
        let limits = Limits::of(sensor.quantity, sensor.kind, &sensor.thresholds);
        Listed { known: Arc::clone(&sensor.known), measure, limits, rate: sensor.rise_limit }
    };
    let mut listed: Vec<_> = list.sensors.iter().map(with_number).collect();
    let is_read = |known: &&Arc<Known>| !list.sensors.iter().any(|sensor| sensor.known == **known);
    listed.extend(list.known.iter().filter(is_read).map(|known| Listed {
        known: Arc::clone(known),
        measure: Measure::None,
        limits: Limits::default(),
        rate: None,
    }));
    listed
}

fn measure(sensor: &Sensor) -> Measure {
    match (sensor.kind, sensor.quantity) {
        // What somebody has set, and a state, are never judged.
        (Kind::Setting | Kind::Discrete, _) => Measure::None,
        (Kind::Measured, Quantity::Temperature) => Measure::Temperature,
        (_, Quantity::FanSpeed) => Measure::Rpm,
        (_, Quantity::FanRatio) => Measure::Ratio,
        (_, Quantity::Power) => Measure::Watts,
        (_, Quantity::Current) if sensor.known.entity == Entity::Psu => Measure::Amperes,
        _ => Measure::Other,
    }
}
