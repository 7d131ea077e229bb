//! The sensors that a source lists: which are taken in, and which are left out. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::thresholds::Limits;
use super::{Kind, Level, Quantity, Sensor};
use crate::entity::Entity;
use crate::inventory::{Known, MOST_SENSORS};

/// The type of sensors (IPMI 2.0 table 42-3) that carry the machine together.
pub(crate) const SUPPLY: &str = "Power Supply";

/// The sensors of a machine. How each is asked for is known to its source alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SensorList {
    /// Those that are read in polls.
    pub(crate) sensors: Vec<Sensor>,
    /// Those whose states are asked for slowly, among them some that are read.
    pub(crate) discrete: Vec<Arc<Known>>,
    /// Those of these that are of the type of [`SUPPLY`], by their places.
    pub(crate) supplies: Box<[usize]>,
    /// Every one, also those without a number to read.
    pub(crate) known: Vec<Arc<Known>>,
    /// Those left out because an earlier one has the same id and name.
    pub(crate) duplicates: usize,
    /// Those left out because there are too many.
    pub(crate) left_out: usize,
    /// Sensors with thresholds that are not believed.
    pub(crate) implausible: usize,
    /// How many records the source has of its sensors, where it has records.
    pub(crate) records: Option<usize>,
    /// Whether no sensor of the machine is missing here: only then is one that is not here lost.
    pub(crate) complete: bool,
    /// Whether the source could read its list to the end.
    pub(crate) is_whole: bool,
    /// In how many polls every sensor has its turn once; 1 when each poll reads all.
    pub(crate) turn: u32,
}

impl SensorList {
    /// Takes it for complete although its end was not seen.
    pub(crate) fn believe(&mut self) {
        self.complete = self.left_out == 0;
    }

    /// Judges the thresholds: to be called again whenever they are others.
    pub(crate) fn judge_thresholds(&mut self) {
        let limits = |it: &Sensor| Limits::of(it.quantity, it.kind, &it.thresholds);
        self.implausible = self.sensors.iter().filter(|it| limits(it).are_implausible()).count();
    }

    /// Whether each sensor that is read has the same place in both lists.
    pub(crate) fn has_the_places_of(&self, other: &Self) -> bool {
        let is_same = |(one, other): (&Sensor, &Sensor)| one.known == other.known;
        self.sensors.len() == other.sensors.len()
            && self.sensors.iter().zip(&other.sensors).all(is_same)
    }
}

/// Takes in sensors one by one.
#[derive(Debug)]
pub(crate) struct Lister<'a> {
    list: SensorList,
    supplies: Vec<usize>,
    /// Ids and names.
    seen: BTreeSet<(String, String)>,
    excluded: &'a [String],
    rise_limits: &'a BTreeMap<String, f64>,
}

impl<'a> Lister<'a> {
    /// `excluded` holds ids and names of sensors to leave out, `rise_limits` the config's own limits
    /// by name or entity.
    pub(crate) fn new(excluded: &'a [String], rise_limits: &'a BTreeMap<String, f64>) -> Self {
        let list = SensorList { turn: 1, ..SensorList::default() };
        Self { list, supplies: Vec::new(), seen: BTreeSet::new(), excluded, rise_limits }
    }

    /// Takes in a sensor, unless it is excluded, there already, or one too many. `entity` is what the
    /// source takes it for.
    pub(crate) fn sensor(&mut self, id: &str, name: &str, entity: Entity) -> Option<Arc<Known>> {
        let known = Arc::new(Known::new(id, name, entity.or_by_name(name)));
        if self.excluded.contains(&known.id) || self.excluded.contains(&known.name) {
            return None;
        }
        if self.list.known.len() >= MOST_SENSORS {
            self.list.left_out += 1;
            return None;
        }
        if !self.seen.insert((known.id.clone(), known.name.clone())) {
            self.list.duplicates += 1;
            return None;
        }
        self.list.known.push(Arc::clone(&known));
        Some(known)
    }

    /// Says of a sensor that was taken in that it gives a number.
    pub(crate) fn number(
        &mut self,
        known: Arc<Known>,
        quantity: Quantity,
        kind: Kind,
        thresholds: Vec<(Level, f64)>,
    ) {
        let limits = self.rise_limits;
        let configured = limits.get(&known.name).or(limits.get(known.entity.as_str()));
        let is_judged = quantity == Quantity::Temperature && kind == Kind::Measured;
        let rise_limit = configured.copied().filter(|_| is_judged);
        self.list.sensors.push(Sensor { known, quantity, kind, thresholds, rise_limit });
    }

    /// Says of a sensor that was taken in that it has states, and the name of its type.
    pub(crate) fn discrete(&mut self, known: Arc<Known>, sensor_type: &str) {
        if sensor_type == SUPPLY {
            self.supplies.push(self.list.discrete.len());
        }
        self.list.discrete.push(known);
    }

    /// The list, of which the source says whether it `is_whole`.
    pub(crate) fn finish(mut self, is_whole: bool) -> SensorList {
        self.list.supplies = self.supplies.into();
        self.list.is_whole = is_whole;
        self.list.complete = is_whole && self.list.left_out == 0;
        self.list.judge_thresholds();
        // Kept as long as the machine is polled.
        self.list.sensors.shrink_to_fit();
        self.list.discrete.shrink_to_fit();
        self.list.known.shrink_to_fit();
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(lister: impl FnOnce(&mut Lister<'_>), excluded: &[&str]) -> SensorList {
        let excluded: Vec<_> = excluded.iter().map(|it| (*it).to_owned()).collect();
        let limits = BTreeMap::new();
        let mut all = Lister::new(&excluded, &limits);
        lister(&mut all);
        all.finish(true)
    }

    #[test]
    fn equal_names_are_two_sensors_and_equal_sensors_are_one() {
        let list = list(
            |all| {
                for id in ["a", "b", "a"] {
                    all.sensor(id, "Inlet", Entity::Inlet);
                }
            },
            &[],
        );
        let ids: Vec<_> = list.known.iter().map(|known| known.id.as_str()).collect();
        assert_eq!((ids, list.duplicates, list.complete), (vec!["a", "b"], 1, true));
    }

    #[test]
    fn a_sensor_is_excluded_by_id_or_by_name() {
        let names = |excluded: &str| {
            let two = |all: &mut Lister<'_>| {
                all.sensor("32.0.5", "05-HD Max", Entity::Disk);
                all.sensor("32.0.16", "Fan 1", Entity::Fan);
            };
            list(two, &[excluded]).known.iter().map(|it| it.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names("32.0.5"), ["Fan 1"]);
        assert_eq!(names("Fan 1"), ["05-HD Max"]);
        assert_eq!(names("32.0.99").len(), 2);
    }

    #[test]
    fn what_is_too_much_is_counted_and_the_list_does_not_pass_for_whole() {
        let many = |all: &mut Lister<'_>| {
            for number in 0..MOST_SENSORS + 3 {
                all.sensor(&number.to_string(), "x", Entity::Other);
            }
        };
        let list = list(many, &[]);
        assert_eq!((list.known.len(), list.left_out, list.complete), (MOST_SENSORS, 3, false));
    }

    #[test]
    fn only_a_temperature_that_is_measured_takes_a_rise_limit() {
        let limit = |quantity, kind, limits: &[(&str, f64)]| {
            let limits = limits.iter().map(|(part, limit)| ((*part).to_owned(), *limit)).collect();
            let mut all = Lister::new(&[], &limits);
            let known = all.sensor("1", "05-HD Max", Entity::Disk).unwrap();
            all.number(known, quantity, kind, Vec::new());
            all.finish(true).sensors.remove(0).rise_limit
        };
        let (temperature, measured) = (Quantity::Temperature, Kind::Measured);
        assert_eq!(limit(temperature, measured, &[]), None);
        assert_eq!(limit(temperature, measured, &[("disk", 0.2)]), Some(0.2));
        let both = [("disk", 0.2), ("05-HD Max", 3.0)];
        assert_eq!(limit(temperature, measured, &both), Some(3.0));
        assert_eq!(limit(temperature, measured, &[("cpu", 9.0)]), None);
        for kind in [Kind::Margin, Kind::Setting, Kind::Discrete] {
            assert_eq!(limit(temperature, kind, &both), None);
        }
        assert_eq!(limit(Quantity::Power, measured, &both), None);
    }
}
