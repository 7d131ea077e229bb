//! From a record's bytes to a record. No I/O, no clock.

use super::{
    CompactSensor, EntityAssociation, EventOnlySensor, FruLocator, FullSensor, Hysteresis,
    McLocator, RawRecord, Record,
};
use crate::conversion::{Conversion, Factors, Format, Linearization};
use crate::entity::Entity;
use crate::sensor::SensorId;
use crate::sensor_type::SensorType;
use crate::text;
use crate::threshold::{RawThresholds, Thresholds};
use crate::unit::Unit;

/// The bytes before a record's body: ID, version, type, length (specification §43).
pub(crate) const HEADER_BYTES: usize = 5;

/// How long a record is, header included, as far as its bytes so far can tell.
///
/// A sensor's record ends with its name, which says how long it is. Its length byte does not count:
/// firmware has put the length of the whole record there, or less than there is.
pub(crate) fn needed_bytes(record: &[u8]) -> usize {
    let [_, _, _, record_type, length, ..] = *record else { return HEADER_BYTES };
    let fixed = match record_type {
        0x01 => FULL_BYTES,
        0x02 => COMPACT_BYTES,
        0x03 => EVENT_ONLY_BYTES,
        _ => return HEADER_BYTES + usize::from(length),
    };
    let name = record.get(HEADER_BYTES + fixed).map_or(0, |byte| usize::from(byte & 0x1F));
    HEADER_BYTES + fixed + 1 + name
}

/// The bytes of a body before the name: specification tables 43-1 to 43-3.
const FULL_BYTES: usize = 42;
const COMPACT_BYTES: usize = 26;
const EVENT_ONLY_BYTES: usize = 11;

impl Record {
    /// Decodes a whole record, header included.
    ///
    /// One record may describe several sensors: they come as one record each. A record too short
    /// for its type comes as [`Record::Other`]; less than a header gives nothing.
    pub fn parse(record: &[u8]) -> Vec<Record> {
        let Some((header, body)) = record.split_first_chunk::<HEADER_BYTES>() else {
            return Vec::new();
        };
        let [id_low, id_high, _version, record_type, length] = *header;
        let record_id = u16::from_le_bytes([id_low, id_high]);
        let body = body.get(..usize::from(length)).unwrap_or(body);
        let sensors = match record_type {
            0x01 => full(record_id, body).map(|sensor| vec![Record::Full(sensor)]),
            0x02 => compact(record_id, body),
            0x03 => event_only(record_id, body),
            0x08 | 0x09 => association(record_id, record_type, body)
                .map(|association| vec![Record::EntityAssociation(association)]),
            0x11 => fru_locator(record_id, body).map(|locator| vec![Record::FruLocator(locator)]),
            0x12 => mc_locator(record_id, body).map(|locator| vec![Record::McLocator(locator)]),
            _ => None,
        };
        sensors.unwrap_or_else(|| {
            vec![Record::Other(RawRecord { record_id, record_type, body: body.to_vec() })]
        })
    }
}

/// The identity and the channel in the three key bytes of a sensor record.
fn sensor_key(owner: u8, owner_lun: u8, number: u8) -> (SensorId, u8) {
    (SensorId { owner, lun: owner_lun & 0x03, number }, owner_lun >> 4)
}

/// Type 01h, specification table 43-1. `body` begins with byte 6 of the table.
fn full(record_id: u16, body: &[u8]) -> Option<FullSensor> {
    let (fixed, id_string) = body.split_first_chunk::<FULL_BYTES>()?;
    let [owner, owner_lun, number, entity, instance, _init, capabilities, sensor_type, ..] = *fixed;
    let [.., unr, uc, unc, lnr, lc, lnc, positive, negative, _, _, _oem] = *fixed;
    let [_, _, _, _, _, _, _, _, event_type, _, _, _, _, readable, _settable, rest @ ..] = *fixed;
    let [units_1, base, modifier, linearization, m, m_tol, b, b_acc, acc, exponents, rest @ ..] =
        rest;
    let [analog_flags, nominal, ..] = rest;

    let (id, channel) = sensor_key(owner, owner_lun, number);
    let conversion = Conversion {
        format: Format::parse(units_1),
        linearization: Linearization::parse(linearization),
        factors: Factors::parse([m, m_tol, b, b_acc, acc, exponents]),
    };
    let raw = RawThresholds {
        lower_non_recoverable: Some(lnr),
        lower_critical: Some(lc),
        lower_non_critical: Some(lnc),
        upper_non_critical: Some(unc),
        upper_critical: Some(uc),
        upper_non_recoverable: Some(unr),
    };
    // Bits 3:2 of the capabilities: 0 means no thresholds, whatever the mask says.
    let has_thresholds = event_type == 0x01 && capabilities & 0x0C != 0;
    let raw = raw.masked(if has_thresholds { readable } else { 0 });
    Some(FullSensor {
        record_id,
        id,
        channel,
        name: text::parse_name(id_string),
        sensor_type: SensorType(sensor_type),
        event_type,
        entity: Entity::parse(entity, instance),
        unit: Unit::parse(units_1, base, modifier),
        conversion,
        thresholds: Thresholds::from_levels(|level| conversion.value(raw.get(level)?).ok()),
        nominal: (analog_flags & 0x01 != 0).then(|| conversion.value(nominal).ok()).flatten(),
        hysteresis: Hysteresis { positive, negative },
    })
}

/// Type 02h, specification table 43-2. `body` begins with byte 6 of the table.
fn compact(record_id: u16, body: &[u8]) -> Option<Vec<Record>> {
    let (fixed, id_string) = body.split_first_chunk::<COMPACT_BYTES>()?;
    let [owner, owner_lun, number, entity, instance, _, _, sensor_type, event_type, rest @ ..] =
        *fixed;
    let [_, _, _, _, _, _, units_1, base, modifier, share_1, share_2, ..] = rest;
    let (id, channel) = sensor_key(owner, owner_lun, number);
    let share = Share::parse(share_1, share_2);
    Some(
        share
            .members(id, Entity::parse(entity, instance), id_string)
            .map(|(id, entity, name)| {
                Record::Compact(CompactSensor {
                    record_id,
                    id,
                    channel,
                    name,
                    sensor_type: SensorType(sensor_type),
                    event_type,
                    entity,
                    unit: Unit::parse(units_1, base, modifier),
                })
            })
            .collect(),
    )
}

/// Type 03h, specification table 43-3. `body` begins with byte 6 of the table.
fn event_only(record_id: u16, body: &[u8]) -> Option<Vec<Record>> {
    let (fixed, id_string) = body.split_first_chunk::<EVENT_ONLY_BYTES>()?;
    let [owner, owner_lun, number, entity, instance, sensor_type, event_type, share_1, share_2, ..] =
        *fixed;
    let (id, _channel) = sensor_key(owner, owner_lun, number);
    let share = Share::parse(share_1, share_2);
    Some(
        share
            .members(id, Entity::parse(entity, instance), id_string)
            .map(|(id, entity, name)| {
                Record::EventOnly(EventOnlySensor {
                    record_id,
                    id,
                    name,
                    sensor_type: SensorType(sensor_type),
                    event_type,
                    entity,
                })
            })
            .collect(),
    )
}

/// How several sensors share a record ("sensor record sharing" of tables 43-2 and 43-3).
struct Share {
    count: u8,
    alphabetic: bool,
    instance_increments: bool,
    offset: u8,
}

impl Share {
    fn parse(share_1: u8, share_2: u8) -> Share {
        Share {
            // 0 and 1 both mean that the record is one sensor's.
            count: (share_1 & 0x0F).max(1),
            alphabetic: (share_1 >> 4) & 0x03 == 1,
            instance_increments: share_2 & 0x80 != 0,
            offset: share_2 & 0x7F,
        }
    }

    /// Each sensor's identity, entity and name.
    fn members(
        self,
        id: SensorId,
        entity: Entity,
        id_string: &[u8],
    ) -> impl Iterator<Item = (SensorId, Entity, String)> {
        // Numbers that would pass 0xFF do not exist.
        (0..self.count).map_while(move |step| {
            let id = SensorId { number: id.number.checked_add(step)?, ..id };
            let instance = if self.instance_increments {
                entity.instance.saturating_add(step) & 0x7F
            } else {
                entity.instance
            };
            let name = if self.count > 1 {
                text::parse_name_with(id_string, &self.suffix(self.offset.saturating_add(step)))
            } else {
                text::parse_name(id_string)
            };
            Some((id, Entity { instance, ..entity }, name))
        })
    }

    /// The name's ending: a number, or letters A to Z, then AA, AB and so on.
    fn suffix(&self, place: u8) -> String {
        if !self.alphabetic {
            return place.to_string();
        }
        let letter = |index: u8| char::from(b'A'.saturating_add(index));
        match place / 26 {
            0 => letter(place).to_string(),
            tens => [letter(tens.saturating_sub(1)), letter(place % 26)].into_iter().collect(),
        }
    }
}

/// Types 08h and 09h, specification tables 43-4 and 43-5.
fn association(record_id: u16, record_type: u8, body: &[u8]) -> Option<EntityAssociation> {
    let device_relative = record_type == 0x09;
    // Table 43-5 puts two bytes of device address after the container and before each entity.
    let (container, flags, rest) = match (device_relative, body) {
        (false, [id, instance, flags, rest @ ..]) => (Entity::parse(*id, *instance), *flags, rest),
        (true, [id, instance, _address, _channel, flags, rest @ ..]) => {
            (Entity::parse(*id, *instance), *flags, rest)
        }
        _ => return None,
    };
    let members = rest
        .chunks_exact(if device_relative { 4 } else { 2 })
        .take(4)
        .filter_map(|entity| match *entity {
            [id, instance] | [_, _, id, instance] if id != 0 => Some(Entity::parse(id, instance)),
            _ => None,
        })
        .collect();
    Some(EntityAssociation { record_id, container, ranges: flags & 0x80 != 0, contained: members })
}

/// Type 11h, specification table 43-7. `body` begins with byte 6 of the table.
fn fru_locator(record_id: u16, body: &[u8]) -> Option<FruLocator> {
    let (fixed, id_string) = body.split_first_chunk::<10>()?;
    let [address, device, access, channel, _, _type, _modifier, entity, instance, _oem] = *fixed;
    Some(FruLocator {
        record_id,
        access_address: address & 0xFE,
        device,
        logical: access & 0x80 != 0,
        lun: (access >> 3) & 0x03,
        channel: channel >> 4,
        entity: Entity::parse(entity, instance),
        name: text::parse_name(id_string),
    })
}

/// Type 12h, specification table 43-8. `body` begins with byte 6 of the table.
fn mc_locator(record_id: u16, body: &[u8]) -> Option<McLocator> {
    let (fixed, id_string) = body.split_first_chunk::<10>()?;
    let [address, channel, _power, capabilities, _, _, _, entity, instance, _oem] = *fixed;
    Some(McLocator {
        record_id,
        address,
        channel: channel & 0x0F,
        capabilities,
        entity: Entity::parse(entity, instance),
        name: text::parse_name(id_string),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names and entity instances of the sensors that share an event-only record.
    fn shared(share: [u8; 2], id_string: &[u8]) -> Vec<(String, u8)> {
        let body = [&[0x20, 0, 5, 7, 1, 4, 0x6F, share[0], share[1], 0, 0], id_string].concat();
        let header = [1, 0, 0x51, 3, u8::try_from(body.len()).unwrap()];
        let records = Record::parse(&[&header, body.as_slice()].concat());
        let members = records.into_iter().map(|record| match record {
            Record::EventOnly(sensor) => (sensor.name, sensor.entity.instance),
            other => panic!("{other:?}"),
        });
        members.collect()
    }

    #[test]
    fn a_shared_name_keeps_the_blank_before_its_number() {
        let names = |share, id_string: &[u8]| -> Vec<String> {
            shared(share, id_string).into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names([3, 1], &[0xC4, b'F', b'a', b'n', b' ']), ["Fan 1", "Fan 2", "Fan 3"]);
        assert_eq!(names([2, 0], &[0xC5, b'F', b'a', b'n', 0, 0]), ["Fan0", "Fan1"]);
        assert_eq!(names([0x12, 25], &[0xC4, b'B', b'a', b'y', b' ']), ["Bay Z", "Bay AA"]);
        assert_eq!(names([1, 9], &[0xC4, b'F', b'a', b'n', b' ']), ["Fan"], "one shares nothing");
    }

    #[test]
    fn sensors_that_share_a_record_are_of_one_entity_or_of_several() {
        let instances = |offset| shared([2, offset], &[0xC0]).into_iter().map(|(_, one)| one);
        assert!(instances(0).eq([1, 1]));
        assert!(instances(0x80).eq([1, 2]));
    }
}
