//! The SDR repository: reservations, partial reads, and a list that may change meanwhile. No I/O, no clock.

use super::TestBmc;
use super::commands::{
    CANNOT_RETURN_SO_MUCH, INVALID_LENGTH, NOT_PRESENT, OK, OUT_OF_RANGE, RESERVATION_CANCELLED,
    TIMEOUT, refusal,
};
use super::machine::Machine;

/// A whole record is asked for.
pub(super) const WHOLE: u8 = 0xFF;
/// Stands for the last record in a request, and for "no more" in an answer.
pub(super) const LAST: u16 = 0xFFFF;

/// What changes of the repository; its records are the machine's.
#[derive(Clone, Debug)]
pub(super) struct Repository {
    reservation: u16,
    reserved: bool,
    /// How often the first record has become the last.
    turns: usize,
    /// Get SDR requests so far, for the quirk that counts them.
    gets: u32,
    added: u32,
    erased: u32,
}

impl Repository {
    pub(super) fn new(machine: &Machine) -> Self {
        let (added, erased) = machine.repository_times;
        Self { reservation: 0, reserved: false, turns: 0, gets: 0, added, erased }
    }
}

impl TestBmc {
    /// Get SDR Repository Info (table 33-3).
    pub(super) fn repository_info(&self) -> (u8, Vec<u8>) {
        let count = u16::try_from(self.machine.records.len()).expect("a script has few records");
        let count = self.quirks.sdr_count.unwrap_or(count);
        let mut data = vec![0x51];
        data.extend(count.to_le_bytes());
        data.extend(0x1000_u16.to_le_bytes());
        let kept = |time: u32| if self.quirks.no_time_stamps { 0 } else { time };
        data.extend(kept(self.repository.added).to_le_bytes());
        data.extend(kept(self.repository.erased).to_le_bytes());
        // Non-modal update; Reserve SDR Repository is supported.
        data.push(0x22);
        (OK, data)
    }

    /// Reserve SDR Repository: cancels the reservation before.
    pub(super) fn reserve_repository(&mut self) -> (u8, Vec<u8>) {
        let repository = &mut self.repository;
        repository.reservation = repository.reservation.checked_add(1).unwrap_or(1);
        repository.reserved = true;
        (OK, repository.reservation.to_le_bytes().to_vec())
    }

    /// Get SDR (table 33-11).
    pub(super) fn get_sdr(&mut self, data: &[u8]) -> (u8, Vec<u8>) {
        let &[reservation_low, reservation_high, id_low, id_high, offset, count] = data else {
            return refusal(INVALID_LENGTH);
        };
        self.change_while_reading();
        let reservation = u16::from_le_bytes([reservation_low, reservation_high]);
        // Reading from the record's start needs none, but a stale one is refused all the same.
        let repository = &self.repository;
        let valid = repository.reserved && reservation == repository.reservation;
        if (offset != 0 || reservation != 0) && !valid {
            return refusal(RESERVATION_CANCELLED);
        }
        let Some((id, next, record)) = self.record(u16::from_le_bytes([id_low, id_high])) else {
            return refusal(NOT_PRESENT);
        };
        if count == WHOLE {
            if let Some(code) = self.quirks.whole_record {
                return refusal(code);
            }
            if self.quirks.last_record_times_out && usize::from(id) == self.machine.records.len() {
                return refusal(TIMEOUT);
            }
        }
        part_of_record(&record, next, (offset, count), self.quirks.sdr_read_limit)
    }

    /// A record by its ID: the true ID, the next one's, and the bytes. ID 0 is the first.
    fn record(&self, id: u16) -> Option<(u16, u16, Vec<u8>)> {
        let records = &self.machine.records;
        let count = u16::try_from(records.len()).ok()?;
        let id = match id {
            0 => 1,
            LAST => count,
            id => id,
        };
        let position = usize::from(id).checked_sub(1).filter(|_| id <= count)?;
        let mut bytes = records[(position + self.repository.turns) % records.len()].clone();
        bytes[..2].copy_from_slice(&id.to_le_bytes());
        let after_last = if self.quirks.sdr_loops { 1 } else { LAST };
        Some((id, if id == count { after_last } else { id + 1 }, bytes))
    }

    /// The quirk of a repository that changes between two reads.
    fn change_while_reading(&mut self) {
        let Some(changes) = self.quirks.sdr_changes else { return };
        let repository = &mut self.repository;
        repository.gets += 1;
        let turns = u32::try_from(repository.turns).unwrap_or(u32::MAX);
        if turns < changes.times && repository.gets.is_multiple_of(changes.every.max(1)) {
            repository.turns += 1;
            repository.added += 1;
            repository.reserved &= changes.keeps_reservation;
        }
    }
}

/// The answer to Get SDR and Get Device SDR: the next record's ID, then `count` bytes from `offset`.
pub(super) fn part_of_record(
    record: &[u8],
    next: u16,
    (offset, count): (u8, u8),
    limit: Option<u8>,
) -> (u8, Vec<u8>) {
    let Some(rest) = record.get(offset.into()..).filter(|rest| !rest.is_empty()) else {
        return refusal(OUT_OF_RANGE);
    };
    let wanted = if count == WHOLE { rest.len() } else { rest.len().min(count.into()) };
    if wanted > limit.map_or(250, usize::from) {
        return refusal(CANNOT_RETURN_SO_MUCH);
    }
    (OK, [next.to_le_bytes().as_slice(), &rest[..wanted]].concat())
}
