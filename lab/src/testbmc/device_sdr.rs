//! Device SDRs: the records that a controller holds of its own sensors, by LUN. No I/O, no clock.

use super::TestBmc;
use super::commands::{
    INVALID_COMMAND, INVALID_LENGTH, NOT_PRESENT, OK, RESERVATION_CANCELLED, refusal,
};
use super::repository::{LAST, bend, part_of_record};
use super::wire::Request;

impl TestBmc {
    /// Get Device SDR Info, Get Device SDR and Reserve Device SDR Repository (section 35.2 to 35.4) of
    /// the BMC, or of the controller `owner` behind it.
    pub(super) fn device_sdr(&mut self, owner: u8, request: &Request) -> (u8, Vec<u8>) {
        if self.machine.device_records(owner).is_none() {
            return refusal(INVALID_COMMAND);
        }
        match request.command {
            0x20 => self.device_sdr_info(owner, request),
            0x21 => self.get_device_sdr(owner, request),
            _ => {
                let reservation = self.device_reservations.entry((owner, request.lun)).or_default();
                *reservation = reservation.checked_add(1).unwrap_or(1);
                (OK, reservation.to_le_bytes().to_vec())
            }
        }
    }

    /// Table 35-2: the sensors of the LUN or, when asked so, the records of all LUNs.
    fn device_sdr_info(&self, owner: u8, request: &Request) -> (u8, Vec<u8>) {
        let of_records = match request.data.as_slice() {
            [] => false,
            [operation] => operation & 1 == 1,
            _ => return refusal(INVALID_LENGTH),
        };
        let sensors = self.machine.sensors_of(owner);
        let luns = sensors.iter().fold(0_u8, |luns, sensor| luns | 1 << sensor.lun);
        let records = self.machine.device_records(owner);
        let count = if of_records {
            records.map_or(0, |by_lun| by_lun.values().map(Vec::len).sum())
        } else {
            sensors.iter().filter(|sensor| sensor.lun == request.lun).count()
        };
        let count = u8::try_from(count).expect("a script has few records");
        // Bit 7 clear: the sensors do not come and go.
        (OK, vec![count, luns & 0x0F])
    }

    /// Table 35-3. Reading on from within a record needs the LUN's reservation.
    fn get_device_sdr(&self, owner: u8, request: &Request) -> (u8, Vec<u8>) {
        let &[reservation_low, reservation_high, id_low, id_high, offset, count] =
            request.data.as_slice()
        else {
            return refusal(INVALID_LENGTH);
        };
        let given = u16::from_le_bytes([reservation_low, reservation_high]);
        let in_force = self.device_reservations.get(&(owner, request.lun));
        if (offset != 0 || given != 0) && in_force != Some(&given) {
            return refusal(RESERVATION_CANCELLED);
        }
        let by_lun = self.machine.device_records(owner);
        let Some(records) = by_lun.and_then(|by_lun| by_lun.get(&request.lun)) else {
            return refusal(NOT_PRESENT);
        };
        let last = u16::try_from(records.len()).expect("a script has few records");
        let id = match u16::from_le_bytes([id_low, id_high]) {
            0 => 1,
            LAST => last,
            id => id,
        };
        let position = usize::from(id).checked_sub(1);
        let Some(record) = position.and_then(|position| records.get(position)) else {
            return refusal(NOT_PRESENT);
        };
        let mut record = record.clone();
        record[..2].copy_from_slice(&id.to_le_bytes());
        bend(&mut record, &self.quirks);
        let next = if id == last { LAST } else { id + 1 };
        part_of_record(&record, next, (offset, count), &self.quirks)
    }
}
