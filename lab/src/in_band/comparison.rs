//! Whether turbulence-ipmi's page says of every sensor what `ipmitool sensor` says. No I/O, no clock.

use std::collections::BTreeSet;

use anyhow::{bail, ensure};
use ipmi_lan::{SensorType, states};

use super::page::{Page, Sample};
use crate::bmc::sdr::Compact;

/// A sensor as one of the two programs sees it, in ipmitool's words and digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its name.
    pub name: String,
    /// Three digits after the point; `na` for none.
    pub value: String,
    /// The unit's name.
    pub unit: String,
    /// `ok`, `nc` (non-critical), `cr` (critical or worse), `na`; a discrete sensor's states by name.
    pub state: String,
    /// Lower non-recoverable, critical, non-critical, then upper non-critical, critical, non-recoverable.
    pub thresholds: [String; 6],
}

/// A sensor in the order of the records, and both views of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// `owner.lun.number`.
    pub id: String,
    /// turbulence-ipmi's.
    pub ours: Seen,
    /// ipmitool's.
    pub theirs: Seen,
}

impl Compared {
    /// Whether both say the same.
    pub fn is_equal(&self) -> bool {
        self.ours == self.theirs
    }

    /// Whether there is a value or a state to compare at all.
    pub fn has_value(&self) -> bool {
        self.theirs.value != NONE
    }
}

const NONE: &str = "na";

/// The labels of the thresholds in the order of ipmitool's columns.
const LEVELS: [&str; 6] = [
    "lower_non_recoverable",
    "lower_critical",
    "lower_non_critical",
    "upper_non_critical",
    "upper_critical",
    "upper_non_recoverable",
];

/// The metrics of one quantity, and what ipmitool calls its units.
struct Family {
    value: &'static str,
    state: &'static str,
    /// None where thresholds are not exported.
    threshold: Option<&'static str>,
    /// None for whatever no other family has.
    units: &'static [&'static str],
}

const FAMILIES: [Family; 7] = [
    Family {
        value: "ipmi_temperature_celsius",
        state: "ipmi_temperature_state",
        threshold: Some("ipmi_temperature_threshold_celsius"),
        units: &["degrees C", FAHRENHEIT],
    },
    Family {
        value: "ipmi_fan_speed_rpm",
        state: "ipmi_fan_speed_state",
        threshold: Some("ipmi_fan_speed_threshold_rpm"),
        units: &["RPM"],
    },
    Family {
        value: "ipmi_fan_speed_ratio",
        state: "ipmi_fan_speed_state",
        threshold: Some("ipmi_fan_speed_threshold_ratio"),
        units: &[PERCENT, "% RPM"],
    },
    Family {
        value: "ipmi_voltage_volts",
        state: "ipmi_voltage_state",
        threshold: Some("ipmi_voltage_threshold_volts"),
        units: &["Volts"],
    },
    Family {
        value: "ipmi_current_amperes",
        state: "ipmi_current_state",
        threshold: Some("ipmi_current_threshold_amperes"),
        units: &["Amps"],
    },
    Family {
        value: "ipmi_power_watts",
        state: "ipmi_power_state",
        threshold: Some("ipmi_power_threshold_watts"),
        units: &["Watts"],
    },
    Family { value: "ipmi_sensor_value", state: "ipmi_sensor_state", threshold: None, units: &[] },
];

const FAHRENHEIT: &str = "degrees F";
const PERCENT: &str = "percent";

/// Every sample of a sensor's value on a page.
pub fn readings(page: &Page) -> impl Iterator<Item = &Sample> {
    page.samples().filter(|sample| FAMILIES.iter().any(|family| family.value == sample.metric))
}

/// Reads what `ipmitool -c sensor` printed. States of discrete sensors stay as they are there.
pub fn rows(csv: &str) -> anyhow::Result<Vec<Seen>> {
    let mut rows = Vec::new();
    // Standard error stands before it: a missing list of enterprise numbers.
    for line in csv.lines().filter(|line| line.contains(',')) {
        let fields: Vec<_> = line.split(',').map(|field| field.trim().to_owned()).collect();
        let [name, value, unit, state, thresholds @ ..] = &fields[..] else {
            bail!("ipmitool printed {line:?}");
        };
        let Ok(thresholds) = <[String; 6]>::try_from(thresholds.to_vec()) else {
            bail!("ipmitool printed {line:?}");
        };
        // turbulence-ipmi has one word for both.
        let state = if state == "nr" { "cr" } else { state };
        rows.push(Seen {
            name: name.clone(),
            value: value.clone(),
            unit: unit.clone(),
            state: state.to_owned(),
            thresholds,
        });
    }
    Ok(rows)
}

/// Puts the two beside each other. `ids` are those of the threshold sensors, then `discretes` follow,
/// in the order of the records, which is that of ipmitool's rows.
pub fn compare(
    ids: &[String],
    discretes: &[Compact],
    rows: &[Seen],
    page: &Page,
) -> anyhow::Result<Vec<Compared>> {
    let records = ids.len() + discretes.len();
    ensure!(rows.len() == records, "ipmitool lists {} of {records} sensors", rows.len());
    let (analog, discrete) = rows.split_at(ids.len());
    let analog = ids.iter().zip(analog).map(|(id, theirs)| Compared {
        id: id.clone(),
        ours: analog_of(page, id, theirs),
        theirs: theirs.clone(),
    });
    let discrete = discretes.iter().zip(discrete).map(|(sensor, theirs)| {
        let id = format!("32.0.{}", sensor.number);
        let theirs = Seen { state: states_of(sensor, &theirs.state), ..theirs.clone() };
        Compared { ours: discrete_of(page, &id, &theirs), theirs, id }
    });
    Ok(analog.chain(discrete).collect())
}

/// What the page says of a threshold sensor, in the unit that ipmitool chose where both have it.
fn analog_of(page: &Page, id: &str, theirs: &Seen) -> Seen {
    let of_sensor =
        |metric| page.samples().filter(move |it| it.metric == metric && it.label("id") == id);
    let mut families = FAMILIES.iter().filter(|family| {
        let metrics = [Some(family.value), family.threshold];
        metrics.into_iter().flatten().any(|metric| of_sensor(metric).next().is_some())
    });
    let (found, None) = (families.next(), families.next()) else {
        return Seen { value: "two quantities".to_owned(), ..nothing(name(page, id), theirs) };
    };
    let Some(family) = found else { return nothing(name(page, id), theirs) };
    let number = |value: Option<f64>| match value {
        Some(value) => format!("{:.3}", in_unit(value, family, &theirs.unit)),
        None => NONE.to_owned(),
    };
    let value = page.value(family.value, &[("id", id)]);
    let is_theirs = family.units.contains(&&*theirs.unit)
        || family.units.is_empty() && FAMILIES.iter().all(|it| !it.units.contains(&&*theirs.unit));
    let state = match page.value(family.state, &[("id", id)]) {
        Some(0.0) => "ok",
        Some(1.0) => "nc",
        Some(2.0) => "cr",
        _ => NONE,
    };
    let threshold = |level| page.value(family.threshold?, &[("id", id), ("level", level)]);
    Seen {
        name: name(page, id),
        value: number(value),
        unit: if is_theirs || value.is_none() { &theirs.unit } else { family.value }.to_owned(),
        state: state.to_owned(),
        thresholds: LEVELS.map(|level| number(threshold(level))),
    }
}

fn in_unit(value: f64, family: &Family, unit: &str) -> f64 {
    match unit {
        FAHRENHEIT => value * 1.8 + 32.0,
        _ if family.value == "ipmi_fan_speed_ratio" => value * 100.0,
        _ => value,
    }
}

/// A sensor of which the page gives no number. A unit without a value is not told apart.
fn nothing(name: String, theirs: &Seen) -> Seen {
    let [value, state] = [NONE, NONE].map(str::to_owned);
    let thresholds = LEVELS.map(|_| NONE.to_owned());
    Seen { name, value, unit: theirs.unit.clone(), state, thresholds }
}

/// Presence has the name of every sensor, readable or not.
fn name(page: &Page, id: &str) -> String {
    let mut found =
        page.samples().filter(|it| it.metric == "ipmi_sensor_present" && it.label("id") == id);
    found.next().map_or_else(|| "not listed".to_owned(), |it| it.label("name").to_owned())
}

fn discrete_of(page: &Page, id: &str, theirs: &Seen) -> Seen {
    let asserted = page.samples().filter(|it| it.metric == "ipmi_sensor_state_asserted");
    let states: BTreeSet<_> =
        asserted.filter(|it| it.label("id") == id).map(|it| it.label("state")).collect();
    let state = states.into_iter().collect::<Vec<_>>().join(", ");
    // What ipmitool calls a discrete sensor's value is no number.
    Seen { name: name(page, id), state, ..theirs.clone() }
}

/// The names of what ipmitool prints as two bytes, states 0 to 7 first; bit 15 is reserved.
fn states_of(sensor: &Compact, printed: &str) -> String {
    let digits = printed.trim_start_matches("0x");
    let Ok(bits) = u16::from_str_radix(digits, 16) else { return printed.to_owned() };
    let names = states::names(sensor.reading, SensorType(sensor.kind), bits.swap_bytes());
    let names: BTreeSet<_> = names.filter_map(|(_, name)| name).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bmc::dl320e;

    const CSV: &str = "IANA PEN registry open failed: No such file or directory\n\
        05-HD Max,24.000,degrees C,nr,na,na,na,60.000,na,na\n\
        Fan 1 DutyCycle,19.208,percent,ok,na,na,na,na,na,na\n\
        fahrenheit,68.000,degrees F,ok,na,50.000,na,na,na,na\n\
        not scanned,na,,na,na,na,na,na,na,na\n\
        Drive 1,0x0,discrete,0x0180,na,na,na,na,na,na\n";
    const PAGE: &str = "ipmi_sensor_present{id=\"32.0.5\",name=\"05-HD Max\"} 1\n\
        ipmi_sensor_present{id=\"32.0.16\",name=\"Fan 1 DutyCycle\"} 1\n\
        ipmi_sensor_present{id=\"32.0.102\",name=\"fahrenheit\"} 1\n\
        ipmi_sensor_present{id=\"32.0.108\",name=\"not scanned\"} 1\n\
        ipmi_sensor_present{id=\"32.0.50\",name=\"Drive 1\"} 1\n\
        ipmi_temperature_celsius{id=\"32.0.5\"} 24\n\
        ipmi_temperature_state{id=\"32.0.5\"} 2\n\
        ipmi_temperature_threshold_celsius{id=\"32.0.5\",level=\"upper_non_critical\"} 60\n\
        ipmi_fan_speed_ratio{id=\"32.0.16\"} 0.19208\n\
        ipmi_fan_speed_state{id=\"32.0.16\"} 0\n\
        ipmi_temperature_celsius{id=\"32.0.102\"} 20\n\
        ipmi_temperature_state{id=\"32.0.102\"} 0\n\
        ipmi_temperature_threshold_celsius{id=\"32.0.102\",level=\"lower_critical\"} 10\n\
        ipmi_sensor_state_asserted{id=\"32.0.50\",state=\"drive presence\"} 1\n";

    fn differing(page: &str) -> Vec<String> {
        let ids = ["32.0.5", "32.0.16", "32.0.102", "32.0.108"].map(str::to_owned);
        let drive = &dl320e::DISCRETE[2..];
        let compared = compare(&ids, drive, &rows(CSV).unwrap(), &Page::parse(page)).unwrap();
        compared.into_iter().filter(|it| !it.is_equal()).map(|it| it.id).collect()
    }

    #[test]
    fn the_same_in_other_units_is_equal() {
        assert_eq!(differing(PAGE), Vec::<String>::new());
    }

    #[test]
    fn every_kind_of_difference_is_seen() {
        for (was, is, id) in [
            ("celsius{id=\"32.0.5\"} 24", "celsius{id=\"32.0.5\"} 24.001", "32.0.5"),
            ("state{id=\"32.0.5\"} 2", "state{id=\"32.0.5\"} 1", "32.0.5"),
            ("level=\"upper_non_critical\"} 60", "level=\"upper_critical\"} 60", "32.0.5"),
            ("name=\"05-HD Max\"", "name=\"06-Chipset\"", "32.0.5"),
            ("ipmi_fan_speed_ratio{", "ipmi_fan_speed_rpm{", "32.0.16"),
            ("ipmi_fan_speed_ratio{", "ipmi_nothing{", "32.0.16"),
            ("celsius{id=\"32.0.102\"} 20", "celsius{id=\"32.0.102\"} 68", "32.0.102"),
            ("drive presence", "drive fault", "32.0.50"),
        ] {
            assert!(PAGE.contains(was), "{was}");
            assert_eq!(differing(&PAGE.replace(was, is)), [id], "{is}");
        }
        let invented = format!("{PAGE}ipmi_temperature_celsius{{id=\"32.0.108\"}} 3\n");
        assert_eq!(differing(&invented), ["32.0.108"]);
    }

    #[test]
    fn rows_and_records_must_be_as_many() {
        let rows = rows(CSV).unwrap();
        assert!(compare(&[], &[], &rows, &Page::default()).is_err());
    }
}
