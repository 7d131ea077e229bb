//! The SDR repository: reservations, partial reads, and a list that may change meanwhile. No I/O, no clock.

use super::TestBmc;
use super::commands::{
    Answer, CANNOT_RETURN_SO_MUCH, INVALID_LENGTH, NOT_PRESENT, OK, OUT_OF_RANGE,
    RESERVATION_CANCELLED, TIMEOUT, refusal,
};
use super::machine::Machine;
use super::quirks::{Quirks, RepositoryFault, SdrGives};

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
    /// What a BMC says of a repository that it has not, or not all of.
    pub(super) fn repository_fault(&self, command: u8) -> Option<Answer> {
        match (self.quirks.repository, command) {
            (RepositoryFault::Refused(code), 0x20 | 0x22 | 0x23)
            | (RepositoryFault::InfoRefused(code), 0x20)
            | (RepositoryFault::ReserveRefused(code), 0x22) => Some(refusal(code).into()),
            (RepositoryFault::Silent, 0x20 | 0x22 | 0x23) => {
                Some(Answer { is_silence: true, ..Answer::default() })
            }
            _ => None,
        }
    }

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
        let needs_none = matches!(self.quirks.repository, RepositoryFault::ReserveRefused(_));
        let valid = needs_none || repository.reserved && reservation == repository.reservation;
        if (offset != 0 || reservation != 0) && !valid {
            return refusal(RESERVATION_CANCELLED);
        }
        let Some((id, next, record)) = self.record(u16::from_le_bytes([id_low, id_high])) else {
            return refusal(self.quirks.sdr_unended.unwrap_or(NOT_PRESENT));
        };
        if count == WHOLE {
            if let Some(code) = self.quirks.whole_record {
                return refusal(code);
            }
            if self.quirks.last_record_times_out && usize::from(id) == self.machine.records.len() {
                return refusal(TIMEOUT);
            }
        }
        part_of_record(&record, next, (offset, count), &self.quirks)
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
        bend(&mut bytes, &self.quirks);
        let after_last = match self.quirks.sdr_unended {
            _ if self.quirks.sdr_loops => 1,
            Some(_) => count + 1,
            None => LAST,
        };
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

/// What firmware writes wrong into the record of a sensor.
pub(super) fn bend(record: &mut [u8], quirks: &Quirks) {
    // Where the type and length of its name are, by tables 43-1 to 43-3.
    let name = match record[3] {
        0x01 => 5 + 42,
        0x02 => 5 + 26,
        0x03 => 5 + 11,
        _ => return,
    };
    record[4] = record[4].wrapping_add_signed(quirks.record_length);
    if quirks.bare_names {
        record[name] &= 0x1F;
    }
}

/// The answer to Get SDR and Get Device SDR: the next record's ID, then `count` bytes from `offset`, or
/// what the BMC gives instead.
pub(super) fn part_of_record(
    record: &[u8],
    next: u16,
    (offset, count): (u8, u8),
    quirks: &Quirks,
) -> (u8, Vec<u8>) {
    let Some(rest) = record.get(offset.into()..).filter(|rest| !rest.is_empty()) else {
        return refusal(OUT_OF_RANGE);
    };
    let wanted = if count == WHOLE { rest.len() } else { rest.len().min(count.into()) };
    if wanted > quirks.sdr_read_limit.map_or(250, usize::from) {
        return refusal(CANNOT_RETURN_SO_MUCH);
    }
    let mut part = match quirks.sdr_gives {
        SdrGives::Asked | SdrGives::Junk(_) => &rest[..wanted],
        SdrGives::Rest => rest,
        SdrGives::Whole => record,
    }
    .to_vec();
    if let SdrGives::Junk(more) = quirks.sdr_gives {
        part.extend(std::iter::repeat_n(0xEE, more.into()));
    }
    (OK, [next.to_le_bytes().as_slice(), &part].concat())
}
