//! What the states of a discrete sensor say of the machine's health: nothing, warning or critical. No
//! I/O, no clock.
//!
//! The rules are the defaults that `freeipmi_interpret_sensor.conf(5)` publishes for each event type and
//! sensor type, so that `ipmi_sensor_state` is what `ipmi_exporter` makes of the same bits. A sensor of
//! which they say nothing has no severity, unless the config gives it one.

use std::collections::BTreeMap;

use ipmi_lan::sel::SelEvent;
use ipmi_lan::{SensorType, states};

use crate::sensor::Severity;
use crate::slow::is_critical_as_event;

/// Severities by the names of sensor types, and of their states, as the config has them.
pub(super) type Own = BTreeMap<String, BTreeMap<String, Severity>>;

/// States of a sensor; bit 15 is reserved.
const STATES: std::ops::Range<u8> = 0..15;

/// Event/reading type of the states that a sensor type has for itself.
const SENSOR_SPECIFIC: u8 = 0x6F;
/// Generic event/reading types (IPMI 2.0 table 42-2), and the last one.
const GENERIC: std::ops::RangeInclusive<u8> = 0x02..=0x0C;

/// The worst of the states that are set in `bits`, with its offset where it is not well. No state at all
/// is well, and so is one that the rules of the sensor's types do not name; `None` where there are no
/// rules.
pub(super) fn severity(
    event_type: u8,
    sensor_type: SensorType,
    bits: u16,
    own: &Own,
) -> Option<(Severity, Option<u8>)> {
    let rule = rule(event_type, sensor_type);
    let own = own.get(sensor_type.name());
    if rule.is_none() && own.is_none() {
        return None;
    }
    let of_state = |offset: u8| {
        let name = states::name(event_type, sensor_type, offset);
        let configured = name.and_then(|name| own?.get(name).copied());
        let is_critical =
            || is_critical_as_event(sensor_type.name(), name?).then_some(Severity::Critical);
        let by_rule = || match rule?.as_bytes().get(usize::from(offset))? {
            b'1' => Some(Severity::Warning),
            b'2' => Some(Severity::Critical),
            _ => None,
        };
        // What the config says of one state takes nothing from the others of its type.
        configured.or_else(by_rule).or_else(is_critical)
    };
    let set = STATES.filter(|offset| bits & (1 << offset) != 0);
    let said = set.filter_map(|offset| Some((of_state(offset)?, offset)));
    let worst = said.filter(|(it, _)| *it > Severity::Nominal).max_by_key(|(it, _)| *it);
    Some(worst.map_or((Severity::Nominal, None), |(it, offset)| (it, Some(offset))))
}

/// What an event says: as the state that it is about, but that its end may say less than its beginning,
/// and that some types have events alone. The rules are those of `freeipmi_interpret_sel.conf(5)`.
pub(super) fn event_severity(event: &SelEvent, own: &Own) -> Option<Severity> {
    let (kind, sensor_type, offset) = (event.event_type, event.sensor_type, event.state());
    let name = states::name(kind, sensor_type, offset);
    let configured = name.and_then(|name| own.get(sensor_type.name())?.get(name).copied());
    if configured.is_some() {
        return configured;
    }
    let special = EVENT_RULES.iter().find(|(of, types, _, _)| {
        *of == kind && (types.is_empty() || types.contains(&sensor_type.0))
    });
    let digits = match special {
        Some((_, _, begun, ended)) => {
            if event.deasserted {
                ended
            } else {
                begun
            }
        }
        None => rule(kind, sensor_type)?,
    };
    match digits.as_bytes().get(usize::from(offset))? {
        b'0' => Some(Severity::Nominal),
        b'1' => Some(Severity::Warning),
        _ => Some(Severity::Critical),
    }
}

/// What is wrong with the config's own severities: names that no sensor can have.
pub(super) fn problems(own: &Own) -> Vec<String> {
    let mut problems = Vec::new();
    for (type_name, states_of_it) in own {
        let Some(sensor_type) = (0..=u8::MAX).map(SensorType).find(|it| it.name() == type_name)
        else {
            problems.push(format!(
                "sensor_states.{type_name}: must be a sensor type of IPMI 2.0 table 42-3, as the label \
                 `type` of ipmi_sensor_state has it"
            ));
            continue;
        };
        let is_known = |name: &str| {
            let mut kinds = GENERIC.chain([SENSOR_SPECIFIC]);
            kinds.any(|kind| {
                STATES.clone().any(|at| states::name(kind, sensor_type, at) == Some(name))
            })
        };
        let unknown = states_of_it.keys().filter(|name| !is_known(name));
        problems.extend(unknown.map(|name| {
            format!(
                "sensor_states.{type_name}.{name}: must be a state, as the label `state` of \
                 ipmi_sensor_state_asserted has it"
            )
        }));
    }
    problems
}

/// A digit for each state from the first on: 0 nominal, 1 warning, 2 critical.
fn rule(event_type: u8, sensor_type: SensorType) -> Option<&'static str> {
    let of_types = |(kind, types, _): &&Rule| *kind == event_type && types.contains(&sensor_type.0);
    RULES.iter().find(of_types).map(|(_, _, digits)| *digits)
}

/// Event type, sensor types, digits.
type Rule = (u8, &'static [u8], &'static str);

const RULES: &[Rule] = &[
    // Idle, active, busy.
    (0x02, &[0x12], "000"),
    // A state that is asserted: what that means is for the maker to say.
    (0x03, &[0x01, 0x02, 0x04, 0x08, 0x09, 0x0E, 0x0F, 0x12], "01"),
    (0x03, &[0x07, 0x0C, 0x15, 0x1E, 0x20, 0x24], "02"),
    (0x03, &[0x0D], "10"),
    (0x03, &[0x14], "00"),
    // Predictive failure, limit exceeded, performance lags.
    (0x04, &[0x0D], "02"),
    (0x05, &[0x01, 0x02], "02"),
    (0x06, &[0x02], "02"),
    // Transitions between severities.
    (
        0x07,
        &[
            0x01, 0x02, 0x03, 0x04, 0x08, 0x09, 0x0C, 0x0D, 0x0F, 0x12, 0x14, 0x18, 0x19, 0x1B,
            0x1E, 0x21, 0x28,
        ],
        "012212210",
    ),
    // Device absent, present.
    (0x08, &[0x04, 0x09, 0x0D, 0x0F, 0x15, 0x25, 0x28], "20"),
    // Availability, redundancy.
    (0x0A, &[0x04], "011111212"),
    (0x0B, &[0x04, 0x08, 0x09, 0x0A, 0x0C], "02122211"),
    // States that a sensor type has for itself (IPMI 2.0 table 42-3).
    (SENSOR_SPECIFIC, &[0x05], "2222222"),
    (SENSOR_SPECIFIC, &[0x06], "222222"),
    (SENSOR_SPECIFIC, &[0x07], "2222222022121"),
    (SENSOR_SPECIFIC, &[0x08], "02222221"),
    (SENSOR_SPECIFIC, &[0x09], "00112222"),
    (SENSOR_SPECIFIC, &[0x0C], "12222102012"),
    (SENSOR_SPECIFIC, &[0x0D], "022002202"),
    (SENSOR_SPECIFIC, &[0x0F], "220"),
    (SENSOR_SPECIFIC, &[0x10], "2202212"),
    (SENSOR_SPECIFIC, &[0x12], "102001"),
    (SENSOR_SPECIFIC, &[0x13], "222122212221"),
    (SENSOR_SPECIFIC, &[0x14], "00011"),
    (SENSOR_SPECIFIC, &[0x1B], "02"),
    (SENSOR_SPECIFIC, &[0x1E], "22221"),
    (SENSOR_SPECIFIC, &[0x1F], "00000010012"),
    (SENSOR_SPECIFIC, &[0x21], "2100001110"),
    // Of the last state, "unknown", the page says critical and the tools say nominal: users know the tools.
    (SENSOR_SPECIFIC, &[0x22], "00000000000002"),
    (SENSOR_SPECIFIC, &[0x23], "122200001"),
    (SENSOR_SPECIFIC, &[0x25], "022"),
    (SENSOR_SPECIFIC, &[0x28], "222222"),
    (SENSOR_SPECIFIC, &[0x29], "120"),
    (SENSOR_SPECIFIC, &[0x2A], "0012"),
    (SENSOR_SPECIFIC, &[0x2B], "11222200"),
    (SENSOR_SPECIFIC, &[0x2C], "22110112"),
];

/// Event type, sensor types (none: all), digits of events that begin, and of those that end.
type EventRule = (u8, &'static [u8], &'static str, &'static str);

const EVENT_RULES: &[EventRule] = &[
    // Thresholds that are crossed.
    (0x01, &[], "102122011222", "001122001122"),
    (0x06, &[0x02], "02", "01"),
    (0x0A, &[0x04], "011111212", "011111112"),
    (0x0B, &[0x04, 0x08, 0x09, 0x0A, 0x0C], "02122211", "01111111"),
    (SENSOR_SPECIFIC, &[0x08], "02222221", "02211121"),
    (SENSOR_SPECIFIC, &[0x09], "00112222", "00011222"),
    (SENSOR_SPECIFIC, &[0x19], "22", "22"),
    (SENSOR_SPECIFIC, &[0x1D], "00000110", "00000110"),
    (SENSOR_SPECIFIC, &[0x20], "221112", "221112"),
    (SENSOR_SPECIFIC, &[0x24], "0000", "0000"),
    (SENSOR_SPECIFIC, &[0x27], "01", "01"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn by_rules(event_type: u8, sensor_type: u8, bits: u16) -> Option<Severity> {
        severity(event_type, SensorType(sensor_type), bits, &Own::new()).map(|(it, _)| it)
    }

    #[test]
    fn the_worst_state_counts_and_no_state_is_well() {
        assert_eq!(by_rules(0x6F, 0x08, 0b0000_0001), Some(Severity::Nominal));
        assert_eq!(by_rules(0x6F, 0x08, 0b1000_0001), Some(Severity::Warning));
        assert_eq!(by_rules(0x6F, 0x08, 0b1000_0011), Some(Severity::Critical));
        assert_eq!(by_rules(0x0B, 0x08, 0), Some(Severity::Nominal));
        assert_eq!(by_rules(0x0B, 0x08, 0x8000), Some(Severity::Nominal));
    }

    #[test]
    fn what_the_rules_do_not_name_has_no_severity() {
        assert_eq!(by_rules(0x6F, 0xC0, 1), None);
        assert_eq!(by_rules(0x0B, 0x0D, 1), None);
        assert_eq!(by_rules(0x09, 0x08, 1), None);
    }

    fn own(type_name: &str, state: &str, severity: Severity) -> Own {
        let states = BTreeMap::from([(state.to_owned(), severity)]);
        BTreeMap::from([(type_name.to_owned(), states)])
    }

    #[test]
    fn the_config_has_the_last_word() {
        let memory = SensorType(0x0C);
        let ecc = own("Memory", "correctable ECC", Severity::Nominal);
        assert_eq!(severity(0x6F, memory, 1, &ecc), Some((Severity::Nominal, None)));
        assert_eq!(severity(0x6F, memory, 3, &ecc), Some((Severity::Critical, Some(1))));
        let enabled = own("Drive Slot", "device disabled", Severity::Warning);
        assert_eq!(
            severity(0x09, SensorType::DRIVE_SLOT, 1, &enabled),
            Some((Severity::Warning, Some(0)))
        );
    }

    #[test]
    fn one_state_in_the_config_silences_no_other_of_its_type() {
        let chips = SensorType(0x19);
        let well = own("Chip Set", "soft power control failure", Severity::Nominal);
        assert_eq!(severity(0x6F, chips, 0b01, &well), Some((Severity::Nominal, None)));
        for bits in [0b10, 0b11] {
            assert_eq!(severity(0x6F, chips, bits, &well), Some((Severity::Critical, Some(1))));
        }
        let cool = own("Chip Set", "thermal trip", Severity::Nominal);
        assert_eq!(severity(0x6F, chips, 0b10, &cool), Some((Severity::Nominal, None)));
        assert_eq!(by_rules(0x6F, 0x19, 0b11), None);
    }

    #[test]
    fn names_that_no_sensor_has_are_told() {
        assert!(problems(&own("Memory", "correctable ECC", Severity::Nominal)).is_empty());
        assert!(problems(&own("Fan", "redundancy lost", Severity::Nominal)).is_empty());
        for (type_name, state) in [("Memori", "spare"), ("Memory", "drive fault")] {
            let told = problems(&own(type_name, state, Severity::Nominal));
            assert!(told.len() == 1 && told[0].contains("must be a s"), "{told:?}");
        }
    }

    #[test]
    fn each_pair_of_types_has_one_rule_which_fits_the_states_of_its_table() {
        let pairs = RULES.iter().flat_map(|(kind, types, digits)| {
            types.iter().map(move |it| (*kind, *it, digits.len()))
        });
        let mut seen = Vec::new();
        for (kind, sensor_type, states_with_digits) in pairs {
            assert!(!seen.contains(&(kind, sensor_type)), "{kind:02x} {sensor_type:02x}");
            seen.push((kind, sensor_type));
            let named = |at: &u8| states::name(kind, SensorType(sensor_type), *at).is_some();
            let last = STATES.filter(named).max().unwrap();
            assert!(states_with_digits <= usize::from(last) + 1, "{kind:02x} {sensor_type:02x}");
        }
    }
}
