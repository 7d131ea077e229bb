//! Reading a whole SDR repository, or a LUN's device SDRs, question by question. No I/O, no clock.

use std::collections::HashSet;

use super::parse::HEADER_BYTES;
use super::{DeviceSdrInfo, Record, SdrRepository, SdrRepositoryInfo};
use crate::command::Command;
use crate::error::{CommandError, CompletionCode};

/// Chunk sizes, tried one after the other when a BMC refuses. 32 bytes and the two of the next
/// record ID fit the smallest message buffer the specification allows for LAN (§33.12).
const CHUNKS: [u8; 3] = [32, 16, 8];

/// How many records beyond the BMC's own count are read before the list is called endless.
const SLACK: usize = 16;

/// More records than any BMC has; some hundreds are common on blade chassis. No more are read.
pub const MAX_RECORDS: usize = 8192;

/// The most questions that are asked, whatever the BMC answers: 8192 records of 56 bytes, eight at a
/// time, or a thousand that give single bytes.
pub const MAX_QUESTIONS: usize = 65_536;

/// How often one record is begun anew because the reservation was lost.
const MAX_RESTARTS: u8 = 4;

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
    info: Option<SdrRepositoryInfo>,
    reservation: u16,
    /// The record being read.
    record_id: u16,
    restarts: u8,
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
    Body { next: u16, record: Vec<u8>, length: usize },
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
            info: None,
            reservation: 0,
            record_id: 0,
            restarts: 0,
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
            (Step::Body { record, length, .. }, _) => {
                let missing = length.saturating_sub(record.len());
                // A record is at most 5 + 255 bytes; what lies beyond byte 255 cannot be asked for.
                let offset = u8::try_from(record.len()).unwrap_or(u8::MAX);
                part(offset, u8::try_from(missing).unwrap_or(u8::MAX).min(self.chunk_bytes()))
            }
        }
    }

    /// Takes the answer to [`Fetch::question`].
    pub fn answer(&mut self, answer: Result<&[u8], CommandError>) -> Next {
        if let Err(error) = answer
            && error.ends_session()
        {
            return Next::Done(Err(error));
        }
        self.questions = self.questions.saturating_add(1);
        if self.questions >= MAX_QUESTIONS {
            self.whole = false;
            return self.finish(Err(CommandError::Malformed));
        }
        match std::mem::replace(&mut self.step, Step::InfoAgain) {
            Step::Info => self.info(answer),
            Step::Reserve => self.reserved(answer),
            Step::Header => self.header(answer),
            Step::Body { next, record, length } => self.body(answer, next, record, length),
            Step::InfoAgain => self.finish(answer),
        }
    }

    fn info(&mut self, answer: Result<&[u8], CommandError>) -> Next {
        match answer.and_then(|data| self.parse_info(data)) {
            Ok(info) => {
                self.info = Some(info);
                self.step = Step::Reserve;
                Next::Ask
            }
            Err(error) => Next::Done(Err(error)),
        }
    }

    /// The two kinds of info in the terms of the first.
    fn parse_info(&self, data: &[u8]) -> Result<SdrRepositoryInfo, CommandError> {
        match self.source {
            Source::Repository => SdrRepositoryInfo::parse(data),
            Source::Device { .. } => DeviceSdrInfo::parse(data).map(|info| SdrRepositoryInfo {
                record_count: u16::from(info.record_count),
                free_space: 0xFFFF,
                last_addition: info.population.unwrap_or(0),
                last_erase: 0,
                operations: 0x02,
            }),
        }
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
            Ok([next_low, next_high, header @ ..]) if header.len() >= HEADER_BYTES => {
                let next = u16::from_le_bytes([*next_low, *next_high]);
                let record: Vec<u8> = header.iter().copied().take(HEADER_BYTES).collect();
                let length = HEADER_BYTES + record.last().copied().map_or(0, usize::from);
                self.body_or_next(next, record, length)
            }
            Err(CommandError::Completion(CompletionCode::RESERVATION_LOST))
                if self.may_restart() =>
            {
                self.step = Step::Reserve;
                Next::Ask
            }
            // An empty repository has no first record.
            Err(CommandError::Completion(CompletionCode::NOT_PRESENT))
                if self.read == 0
                    && (self.source != Source::Repository
                        || self.info.is_some_and(|info| info.record_count == 0)) =>
            {
                Next::Ask
            }
            // Without this header the ID of the next record is not known.
            _ => {
                self.whole = false;
                Next::Ask
            }
        }
    }

    fn body(
        &mut self,
        answer: Result<&[u8], CommandError>,
        next: u16,
        mut record: Vec<u8>,
        length: usize,
    ) -> Next {
        let wanted = length.saturating_sub(record.len()).min(usize::from(self.chunk_bytes()));
        match answer {
            Ok([_, _, part @ ..]) if !part.is_empty() && part.len() <= wanted => {
                record.extend(part);
                self.body_or_next(next, record, length)
            }
            Err(CommandError::Completion(CompletionCode::RESERVATION_LOST)) => {
                if self.may_restart() {
                    self.step = Step::Reserve;
                    return Next::Ask;
                }
                self.hole(next)
            }
            // A BMC that cannot give so many bytes at once refuses with 0xCA, 0xC3, 0xFF or another
            // code: it is asked for fewer.
            Err(CommandError::Completion(_)) if self.chunk.saturating_add(1) < CHUNKS.len() => {
                self.chunk = self.chunk.saturating_add(1);
                self.step = Step::Body { next, record, length };
                Next::Ask
            }
            _ => self.hole(next),
        }
    }

    fn may_restart(&mut self) -> bool {
        self.restarts = self.restarts.saturating_add(1);
        self.restarts <= MAX_RESTARTS
    }

    fn body_or_next(&mut self, next: u16, record: Vec<u8>, length: usize) -> Next {
        // The last bytes of a record of more than 256 cannot be reached by offset.
        if record.len() < length && u8::try_from(record.len()).is_ok() {
            self.step = Step::Body { next, record, length };
            return Next::Ask;
        }
        // The first record was asked for as 0, and must not come again under its own number.
        if let [low, high, ..] = *record {
            self.seen.insert(u16::from_le_bytes([low, high]));
        }
        self.records.extend(Record::parse(&record));
        self.read = self.read.saturating_add(1);
        self.go_to(next)
    }

    fn hole(&mut self, next: u16) -> Next {
        self.whole = false;
        self.go_to(next)
    }

    fn go_to(&mut self, next: u16) -> Next {
        if next == LAST {
            return Next::Ask;
        }
        let count = self.info.map_or(0, |info| usize::from(info.record_count));
        let limit = count.saturating_add(SLACK).min(MAX_RECORDS);
        if self.seen.len() > limit || !self.seen.insert(next) {
            self.whole = false;
            return Next::Ask;
        }
        self.record_id = next;
        self.restarts = 0;
        self.step = Step::Header;
        Next::Ask
    }

    fn finish(&mut self, answer: Result<&[u8], CommandError>) -> Next {
        let Some(info) = self.info else { return Next::Done(Err(CommandError::Malformed)) };
        let again = answer.and_then(|data| self.parse_info(data));
        let unchanged = again.is_ok_and(|again| {
            (again.record_count, again.last_addition, again.last_erase)
                == (info.record_count, info.last_addition, info.last_erase)
        });
        // The count of device SDRs is that of all LUNs together.
        let all = self.source != Source::Repository || self.read >= usize::from(info.record_count);
        let complete = self.whole && unchanged && all;
        let records = std::mem::take(&mut self.records);
        Next::Done(Ok(SdrRepository { info, records, read: self.read, complete }))
    }
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
            assert!(matches!(fetch.answer(Err(error)), Next::Done(Err(got)) if got == error));
        }
    }
}
