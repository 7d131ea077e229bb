//! From records of the event log to entries in words that hold for every source. No I/O, no clock.

use std::fmt::Write as _;

use ipmi_lan::sdr::FullSensor;
use ipmi_lan::sel::{Generator, SelEvent, SelRecord, SelTime};
use ipmi_lan::sensor::RawReading;
use ipmi_lan::{SensorId, UnitCode};

use super::interpretation::{self, Own};
use crate::inventory::Known;
use crate::journal::Entry;

mod words;

/// Event type of thresholds.
const THRESHOLD: u8 = 0x01;

/// What is known of a machine's sensors, for their names and the numbers in their events.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sensors<'a> {
    pub(super) known: &'a [std::sync::Arc<Known>],
    pub(super) numbers: &'a [FullSensor],
}

/// A record as an entry.
pub(super) fn entry(record: &SelRecord, sensors: Sensors<'_>, own: &Own) -> Entry {
    let id = u32::from(record.record_id());
    match record {
        SelRecord::Event(event) => Entry {
            id,
            time: clock(event.time),
            sensor: sensor(event, sensors),
            sensor_type: event.sensor_type.name(),
            severity: interpretation::event_severity(event, own),
            event: text(event, sensors).into(),
        },
        SelRecord::OemTimestamped { time, data, .. } => oem(id, clock(*time), data),
        SelRecord::Other { data, .. } => oem(id, None, data),
    }
}

/// An entry that only its maker understands.
fn oem(id: u32, time: Option<u32>, data: &[u8]) -> Entry {
    let bytes: Vec<_> = data.iter().map(|byte| format!("{byte:02X}h")).collect();
    Entry {
        id,
        time,
        sensor: "".into(),
        sensor_type: "OEM",
        severity: None,
        event: format!("OEM defined = {}", bytes.join(" ")).into(),
    }
}

fn clock(time: SelTime) -> Option<u32> {
    match time {
        SelTime::Clock(at) => Some(at),
        SelTime::SinceStart(_) | SelTime::Unspecified => None,
    }
}

fn id_of(event: &SelEvent) -> Option<SensorId> {
    match event.generator {
        Generator::Controller { address, lun, .. } => {
            Some(SensorId { owner: address, lun, number: event.sensor_number })
        }
        Generator::Software { .. } => None,
    }
}

fn sensor(event: &SelEvent, sensors: Sensors<'_>) -> Box<str> {
    let id = id_of(event).map(|id| id.to_string());
    let known = sensors.known.iter().find(|known| Some(&known.id) == id.as_ref());
    known.map_or_else(
        || format!("Sensor #{}", event.sensor_number).into(),
        |known| known.name.as_str().into(),
    )
}

/// What happened, and what the record has beside: the reading and the threshold, or the maker's codes.
fn text(event: &SelEvent, sensors: Sensors<'_>) -> String {
    let offset = event.state();
    let name = words::name(event.event_type, event.sensor_type.0, offset);
    let mut text = match name {
        Some(name) => name.to_owned(),
        None if event.event_type >= 0x70 => format!("OEM Event Offset = {offset:02X}h"),
        None => format!("Event Offset = {offset:02X}h"),
    };
    let record = id_of(event)
        .and_then(|id| sensors.numbers.iter().find(|record| record.id == id))
        .filter(|record| event.event_type == THRESHOLD && !record.is_non_linear());
    let parts =
        [("Sensor Reading", event.trigger_reading()), ("Threshold", event.trigger_threshold())];
    for (what, raw) in parts {
        let Some(raw) = raw else { continue };
        // A string takes whatever is written to it.
        let _ = match record.and_then(|record| Some((number(record, raw)?, unit(record)))) {
            Some((value, unit)) => write!(text, " ; {what} = {value:.2}{unit}"),
            None => write!(text, " ; {what} = {raw:02X}h"),
        };
    }
    let [flags, second, third] = event.data;
    for (place, flag, byte) in [(2, flags >> 6, second), (3, (flags >> 4) & 0x03, third)] {
        // 2: a code of the maker's own; FFh stands for nothing.
        if flag == 2 && byte != 0xFF && event.event_type != THRESHOLD {
            let _ = write!(text, " ; OEM Event Data{place} code = {byte:02X}h");
        }
    }
    text
}

fn number(record: &FullSensor, raw: u8) -> Option<f64> {
    // A raw number is converted as a raw reading is; 40h says that it may be used.
    record.value(&RawReading::parse(&[raw, 0x40]).ok()?).ok()
}

fn unit(record: &FullSensor) -> &'static str {
    match (record.unit.percentage, record.unit.base) {
        (true, _) => " %",
        (_, UnitCode::CELSIUS) => " C",
        (_, UnitCode::RPM) => " RPM",
        (_, UnitCode::VOLTS) => " V",
        (_, UnitCode::AMPERES) => " A",
        (_, UnitCode::WATTS) => " W",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry_of(data: [u8; 3], kind: u8, sensor_type: u8) -> Entry {
        let [a, b, c] = data;
        let record = [7, 0, 2, 0, 0, 0, 0x60, 0x20, 0, 4, sensor_type, 0x80, kind, a, b, c];
        entry(&SelRecord::parse(&record), Sensors::default(), &Own::new())
    }

    #[test]
    fn an_event_has_the_words_and_the_state_of_ipmi_sel() {
        // As ipmi-sel 1.6.10 writes the same bytes.
        for (data, kind, sensor_type, event, severity) in [
            ([0x00, 0xFF, 0xFF], 0x6F, 0x0C, "Correctable memory error", "Warning"),
            (
                [0xA0, 0x12, 0x34],
                0x6F,
                0x0C,
                "Correctable memory error ; OEM Event Data2 code = 12h ; OEM Event Data3 code = 34h",
                "Warning",
            ),
            (
                [0x59, 71, 70],
                0x01,
                0x01,
                "Upper Critical - going high ; Sensor Reading = 47h ; Threshold = 46h",
                "Critical",
            ),
            (
                [0x59, 60, 70],
                0x81,
                0x01,
                "Upper Critical - going high ; Sensor Reading = 3Ch ; Threshold = 46h",
                "Warning",
            ),
            ([0x01, 0xFF, 0xFF], 0x03, 0x07, "State Asserted", "Critical"),
            ([0x01, 2, 3], 0x6F, 0xC0, "Event Offset = 01h", "N/A"),
            ([0x01, 2, 3], 0x70, 0x08, "OEM Event Offset = 01h", "N/A"),
        ] {
            let entry = entry_of(data, kind, sensor_type);
            assert_eq!(&*entry.event, event);
            let state = entry.severity.map_or(3, |it| it as usize);
            assert_eq!(crate::journal::Summary::STATES[state], severity, "{event}");
            assert_eq!((entry.time, &*entry.sensor), (Some(0x6000_0000), "Sensor #128"));
        }
    }
}
