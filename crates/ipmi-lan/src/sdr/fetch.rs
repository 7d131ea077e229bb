//! Reading a whole SDR repository, or a LUN's device SDRs, question by question. No I/O, no clock.
//!
//! What firmware says of its list is a hint, what it gives is what counts: the list goes on while a
//! record names a successor that was not there before, however many records the BMC counts, and a
//! record is as long as its own fields are, whatever its length byte says.

use std::collections::HashSet;

use super::parse::{HEADER_BYTES, needed_bytes};
use super::{DeviceSdrInfo, Record, SdrRepository, SdrRepositoryInfo, SdrStamp};
use crate::command::Command;
use crate::error::{CommandError, CompletionCode};

/// Chunk sizes, tried one after the other when a BMC refuses. 32 bytes and the two of the next
/// record ID fit the smallest message buffer the specification allows for LAN (§33.12).
const CHUNKS: [u8; 3] = [32, 16, 8];

/// How many records beyond the BMC's own count are read before the list is called endless.
const SLACK: usize = 16;

/// So many records are read of a BMC that counts fewer, or none: some hundreds are common on blade
/// chassis, and a BMC that makes up new ones for ever must not hold up its own readings.
const UNCOUNTED: usize = 1024;

/// More records than any BMC has. No more are read.
pub const MAX_RECORDS: usize = 8192;

/// The most questions that are asked, whatever the BMC answers: 8192 records of 56 bytes, eight at a
/// time, or a thousand that give single bytes.
pub const MAX_QUESTIONS: usize = 65_536;

/// How often one record is begun anew because the reservation was lost.
const MAX_RESTARTS: u8 = 4;

/// How many record IDs in a row are guessed where a BMC refuses the record that would tell the next.
const MAX_GUESSES: u8 = 3;

/// The record ID that ends the list.
const LAST: u16 = 0xFFFF;

/// A reading of the repository under way: ask [`Fetch::question`], give [`Fetch::answer`].
#[derive(Debug)]
pub struct Fetch {
    questions: usize,
    source: Source,
    /// Index into `CHUNKS`.
    chunk: usize,
    step: Step,
    /// `None` where the BMC does not say.
    stamp: Option<SdrStamp>,
    reservation: u16,
    /// The record being read.
    record_id: u16,
    restarts: u8,
    /// IDs in a row that were guessed.
    guesses: u8,
    seen: HashSet<u16>,
    records: Vec<Record>,
    read: usize,
    /// No record is missing so far.
    whole: bool,
}

/// Whose records are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Repository,
    /// The BMC's own records on this LUN. How many of them are on it is not told.
    Device {
        lun: u8,
    },
}

#[derive(Debug)]
enum Step {
    Info,
    Reserve,
    Header,
    Body { next: u16, record: Vec<u8> },
    InfoAgain,
}

/// What a fetch wants after an answer.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// Ask the next question.
    Ask,
    /// Finished.
    Done(Result<SdrRepository, CommandError>),
}

impl Fetch {
    /// Begins with the chunk size that [`Fetch::chunk`] had at the end of an earlier reading of the
    /// same BMC, else 0.
    pub fn new(chunk: usize) -> Fetch {
        Fetch::of(Source::Repository, chunk)
    }

    /// The same for the BMC's own records on `lun`.
    pub fn of_device(lun: u8, chunk: usize) -> Fetch {
        Fetch::of(Source::Device { lun }, chunk)
    }

    fn of(source: Source, chunk: usize) -> Fetch {
        Fetch {
            questions: 0,
            source,
            chunk,
            step: Step::Info,
            stamp: None,
            reservation: 0,
            record_id: 0,
            restarts: 0,
            guesses: 0,
            seen: HashSet::from([0]),
            records: Vec::new(),
            read: 0,
            whole: true,
        }
    }

    /// What to remember of this BMC.
    pub fn chunk(&self) -> usize {
        self.chunk
    }

    fn chunk_bytes(&self) -> u8 {
        CHUNKS.get(self.chunk).copied().unwrap_or(8)
    }

    /// What to ask the BMC now.
    pub fn question(&self) -> Command {
        let (reservation, record_id) = (self.reservation, self.record_id);
        let part = |offset, length| match self.source {
            Source::Repository => Command::Sdr { reservation, record_id, offset, length },
            Source::Device { lun } => {
                Command::DeviceSdr { lun, reservation, record_id, offset, length }
            }
        };
        match (&self.step, self.source) {
            (Step::Info | Step::InfoAgain, Source::Repository) => Command::SdrRepositoryInfo,
            (Step::Info | Step::InfoAgain, Source::Device { .. }) => Command::DeviceSdrInfo,
            (Step::Reserve, Source::Repository) => Command::ReserveSdrRepository,
            (Step::Reserve, Source::Device { lun }) => Command::ReserveDeviceSdrRepository { lun },
            (Step::Header, _) => part(0, 5),
            (Step::Body { record, .. }, _) => {
                let missing = needed_bytes(record).saturating_sub(record.len());
                // What lies beyond byte 255 cannot be asked for.
                let offset = u8::try_from(record.len()).unwrap_or(u8::MAX);
                part(offset, u8::try_from(missing).unwrap_or(u8::MAX).min(self.chunk_bytes()))
            }
        }
    }

    /// Takes the answer to [`Fetch::question`].
    pub fn answer(&mut self, answer: Result<&[u8], CommandError>) -> Next {
        self.questions = self.questions.saturating_add(1);
        let step = std::mem::replace(&mut self.step, Step::InfoAgain);
        if let Err(error) = answer
            && error.ends_session()
        {
            // Some firmware has no answer to what it does not know. Whether the session is dead, the
            // first record will tell.
            if error == CommandError::Timeout && matches!(step, Step::Info | Step::Reserve) {
                self.step = Step::Header;
                return Next::Ask;
            }
            return Next::Done(Err(error));
        }
        if self.questions >= MAX_QUESTIONS {
            self.whole = false;
            return self.finish(Err(CommandError::Malformed));
        }
        match step {
            Step::Info => {
                self.stamp = answer.and_then(|data| self.parse_stamp(data)).ok();
                self.step = Step::Reserve;
                Next::Ask
            }
            Step::Reserve => self.reserved(answer),
            Step::Header => self.header(answer),
            Step::Body { next, record } => self.body(answer, next, record),
            Step::InfoAgain => self.finish(answer),
        }
    }

    fn parse_stamp(&self, data: &[u8]) -> Result<SdrStamp, CommandError> {
        match self.source {
            Source::Repository => SdrRepositoryInfo::parse(data).map(SdrStamp::Repository),
            Source::Device { .. } => DeviceSdrInfo::parse(data).map(SdrStamp::Device),
        }
    }

    /// How many records there are by the BMC's word. Of device SDRs that is the number on all LUNs.
    fn count(&self) -> Option<usize> {
        self.stamp.and_then(|stamp| stamp.record_count())
    }

    /// Without a reservation parts can still be asked for; some BMCs know none.
    fn reserved(&mut self, answer: Result<&[u8], CommandError>) -> Next {
        self.reservation = match answer {
            Ok([low, high, ..]) => u16::from_le_bytes([*low, *high]),
            _ => 0,
        };
        self.step = Step::Header;
        Next::Ask
    }

    fn header(&mut self, answer: Result<&[u8], CommandError>) -> Next {
        match answer {
            Ok([next_low, next_high, header @ ..]) if !header.is_empty() => {
                let next = u16::from_le_bytes([*next_low, *next_high]);
                self.guesses = 0;
                self.read_on(next, header.iter().copied().take(HEADER_BYTES).collect())
            }
            Err(CommandError::Completion(CompletionCode::RESERVATION_LOST))
                if self.may_restart() =>
            {
                self.step = Step::Reserve;
                Next::Ask
            }
            // An empty list has no first record.
            Err(CommandError::Completion(CompletionCode::NOT_PRESENT))
                if self.read == 0
                    && (self.source != Source::Repository || self.count() == Some(0)) =>
            {
                self.end()
            }
            Err(error) if self.read == 0 && self.whole => Next::Done(Err(error)),
            // Without this header the ID of the next record is not known.
            _ => {
                self.whole = false;
                self.guess()
            }
        }
    }

    /// Goes on behind a record that the BMC does not give, if there must be more of them.
    fn guess(&mut self) -> Next {
        let Some(next) = self.record_id.checked_add(1).filter(|_| self.guesses < MAX_GUESSES)
        else {
            return self.end();
        };
        if self.read == 0 || self.count().is_some_and(|count| self.read >= count) {
            return self.end();
        }
        self.guesses = self.guesses.saturating_add(1);
        self.go_to(next)
    }

    fn body(
        &mut self,
        answer: Result<&[u8], CommandError>,
        next: u16,
        mut record: Vec<u8>,
    ) -> Next {
        let missing = needed_bytes(&record).saturating_sub(record.len());
        let wanted = missing.min(usize::from(self.chunk_bytes()));
        // What a record's own fields reach to beyond its length byte may not be there.
        let beyond = record.len() >= told_bytes(&record);
        match answer {
            Ok([_, _, part @ ..]) if !part.is_empty() => {
                record.extend(new_bytes(&record, part, wanted));
                self.read_on(next, record)
            }
            _ if beyond => self.keep(next, record),
            Err(CommandError::Completion(CompletionCode::RESERVATION_LOST)) => {
                if self.may_restart() {
                    self.step = Step::Reserve;
                    return Next::Ask;
                }
                self.keep(next, record)
            }
            // A BMC that cannot give so many bytes at once refuses with 0xCA, 0xC3, 0xFF or another
            // code: it is asked for fewer.
            Err(CommandError::Completion(_)) if self.chunk.saturating_add(1) < CHUNKS.len() => {
                self.chunk = self.chunk.saturating_add(1);
                self.step = Step::Body { next, record };
                Next::Ask
            }
            _ => self.keep(next, record),
        }
    }

    fn may_restart(&mut self) -> bool {
        self.restarts = self.restarts.saturating_add(1);
        self.restarts <= MAX_RESTARTS
    }

    fn read_on(&mut self, next: u16, record: Vec<u8>) -> Next {
        // The last bytes of a record of more than 256 cannot be reached by offset.
        if record.len() < needed_bytes(&record) && u8::try_from(record.len()).is_ok() {
            self.step = Step::Body { next, record };
            return Next::Ask;
        }
        self.keep(next, record)
    }

    /// Takes the record as far as it is there, if it still is one.
    fn keep(&mut self, next: u16, mut record: Vec<u8>) -> Next {
        // The first record was asked for as 0, and must not come again under its own number.
        if let ([low, high, ..], 0) = (&record[..], self.record_id) {
            self.seen.insert(u16::from_le_bytes([*low, *high]));
        }
        let is_cut = record.len() < needed_bytes(&record).min(told_bytes(&record));
        let is_sensor = matches!(record.get(3), Some(0x01..=0x03));
        if let Some(length) = record.len().checked_sub(HEADER_BYTES)
            && let Some(told) = record.get_mut(HEADER_BYTES - 1)
        {
            *told = u8::try_from(length).unwrap_or(u8::MAX);
        }
        let parsed = Record::parse(&record);
        let is_lost = parsed.iter().all(|it| matches!(it, Record::Other(_)));
        // A record of no sensor is worth no doubt about the list.
        self.whole &= !(is_cut && (is_sensor || record.len() < HEADER_BYTES));
        if !(is_cut && is_sensor && is_lost) {
            self.records.extend(parsed);
            self.read = self.read.saturating_add(1);
        }
        self.go_to(next)
    }

    fn go_to(&mut self, next: u16) -> Next {
        if next == LAST {
            return self.end();
        }
        let counted = self.count().unwrap_or(0).saturating_add(SLACK);
        let limit = counted.clamp(UNCOUNTED, MAX_RECORDS);
        if self.seen.len() > limit || !self.seen.insert(next) {
            self.whole = false;
            return self.end();
        }
        self.record_id = next;
        self.restarts = 0;
        self.step = Step::Header;
        Next::Ask
    }

    /// The list is over. A BMC that did not say what it has is not asked whether that changed.
    fn end(&mut self) -> Next {
        if self.stamp.is_none() {
            return self.finish(Err(CommandError::Malformed));
        }
        self.step = Step::InfoAgain;
        Next::Ask
    }

    fn finish(&mut self, answer: Result<&[u8], CommandError>) -> Next {
        let again = answer.and_then(|data| self.parse_stamp(data));
        let unchanged =
            self.stamp.is_none_or(|stamp| again.is_ok_and(|again| again.is_of_the_list(&stamp)));
        let count = self.count().filter(|_| self.source == Source::Repository);
        let complete = self.whole && unchanged && self.read >= count.unwrap_or(0);
        Next::Done(Ok(SdrRepository {
            stamp: self.stamp,
            records: std::mem::take(&mut self.records),
            read: self.read,
            complete,
        }))
    }
}

/// How long a record is by its length byte, header included.
fn told_bytes(record: &[u8]) -> usize {
    HEADER_BYTES + record.get(HEADER_BYTES - 1).copied().map_or(0, usize::from)
}

/// What `part` adds to `record`, of which `wanted` bytes from its end on were asked for.
///
/// Some firmware gives more than it was asked for, and some the record from its start on.
fn new_bytes<'a>(record: &[u8], part: &'a [u8], wanted: usize) -> &'a [u8] {
    let is_whole = part.len() > record.len().max(wanted)
        && record.get(..HEADER_BYTES).is_some_and(|header| part.starts_with(header));
    let part = if is_whole { part.get(record.len()..).unwrap_or_default() } else { part };
    part.get(..wanted).unwrap_or(part)
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, RngExt, SeedableRng};

    use super::*;

    #[test]
    fn any_answers_come_to_an_end() {
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..300 {
            let mut fetch = Fetch::new(rng.random_range(0..4));
            let mut questions = 0;
            loop {
                let question = fetch.question();
                let mut bytes = vec![0; rng.random_range(0..40)];
                rng.fill_bytes(&mut bytes);
                // Mostly plausible answers, or nothing would get past the first question.
                if let (Command::Sdr { length, .. }, true) = (question, rng.random_bool(0.9)) {
                    bytes.resize(2 + usize::from(length), 3);
                }
                if question == Command::SdrRepositoryInfo {
                    bytes.resize(14, 0);
                    bytes[2] = 0;
                }
                let code = CompletionCode(rng.random());
                let answer = match rng.random_range(0..40) {
                    0 => Err(CommandError::Completion(code)),
                    1 => Err(CommandError::Malformed),
                    2 => Err(CommandError::Completion(CompletionCode::RESERVATION_LOST)),
                    _ => Ok(&bytes[..]),
                };
                questions += 1;
                assert!(questions < 100_000, "this never ends");
                if let Next::Done(_) = fetch.answer(answer) {
                    break;
                }
            }
        }
    }

    #[test]
    fn the_end_of_a_session_is_the_end_of_the_reading() {
        for error in [CommandError::Timeout, CommandError::Unreachable, CommandError::SessionLost] {
            let mut fetch = Fetch::new(0);
            // One silence may be that of a BMC that does not know the question.
            if error == CommandError::Timeout {
                assert_eq!(fetch.answer(Err(error)), Next::Ask);
                assert!(matches!(fetch.question(), Command::Sdr { record_id: 0, .. }));
            }
            assert!(matches!(fetch.answer(Err(error)), Next::Done(Err(got)) if got == error));
        }
    }
}
