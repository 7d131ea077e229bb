//! Reading a FRU's inventory, question by question. No I/O, no clock.
//!
//! Only the common header and the areas that are decoded are read: at most 8 KiB, however much the
//! BMC says there is, in at most [`MAX_QUESTIONS`] questions, however little it gives at once.

use super::{
    BoardArea, ChassisArea, Fru, FruInfo, HEADER_BYTES, Header, MULTI_RECORD_BYTES, ProductArea,
    area_length, multi_record, multi_records,
};
use crate::command::Command;
use crate::error::CommandError;

/// Chunk sizes in bytes, tried one after the other when a BMC refuses.
const CHUNKS: [u16; 3] = [32, 16, 8];

/// More than the largest inventory takes, eight bytes at a time.
pub const MAX_QUESTIONS: usize = 1200;

/// A reading under way: ask [`Fetch::question`], give [`Fetch::answer`].
#[derive(Debug)]
pub struct Fetch {
    questions: usize,
    device: u8,
    info: Option<FruInfo>,
    chunk: usize,
    part: Part,
    /// Where the part begins.
    offset: u16,
    /// What is there of it.
    bytes: Vec<u8>,
    /// How long it is.
    length: u16,
    header: Option<Header>,
    fru: Fru,
}

/// What is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Header,
    Chassis,
    Board,
    Product,
    MultiRecords,
}

/// What a fetch wants after an answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask the next question.
    Ask,
    /// Finished.
    Done(Result<Box<Fru>, CommandError>),
}

impl Fetch {
    /// Begins with the inventory of FRU `device`; 0 is the BMC's own.
    pub fn new(device: u8) -> Fetch {
        Fetch {
            questions: 0,
            device,
            info: None,
            chunk: 0,
            part: Part::Header,
            offset: 0,
            bytes: Vec::new(),
            length: HEADER_BYTES,
            header: None,
            fru: Fru::default(),
        }
    }

    /// What to ask the BMC now.
    pub fn question(&self) -> Command {
        let device = self.device;
        let Some(info) = self.info else { return Command::FruInfo { device } };
        let have = u16::try_from(self.bytes.len()).unwrap_or(u16::MAX);
        let offset = self.offset.saturating_add(have);
        let bytes = self.length.saturating_sub(have).min(self.chunk_bytes());
        // Every part begins at a multiple of eight bytes; a multi-record area may end in mid-word.
        let unit = if info.by_words { 2 } else { 1 };
        let count = u8::try_from(bytes.div_ceil(unit)).unwrap_or(u8::MAX);
        Command::FruData { device, offset: offset / unit, count }
    }

    fn chunk_bytes(&self) -> u16 {
        CHUNKS.get(self.chunk).copied().unwrap_or(8)
    }

    /// Takes the answer to [`Fetch::question`].
    pub fn answer(&mut self, answer: Result<&[u8], CommandError>) -> Next {
        let Some(info) = self.info else { return self.info(answer) };
        self.questions = self.questions.saturating_add(1);
        if self.questions >= MAX_QUESTIONS {
            return self.done();
        }
        match answer {
            Ok([count, data @ ..]) => {
                let unit = if info.by_words { 2 } else { 1 };
                let told = usize::from(*count) * unit;
                let missing = usize::from(self.length).saturating_sub(self.bytes.len());
                let wanted = missing.min(usize::from(self.chunk_bytes()));
                let data = data.get(..told.min(wanted)).unwrap_or(data);
                // An odd byte of a word, or nothing at all, leads nowhere.
                let data = data.get(..data.len() / unit * unit).unwrap_or_default();
                if data.is_empty() {
                    return self.give_up(CommandError::Malformed);
                }
                self.bytes.extend(data.iter().take(wanted));
                self.read_on()
            }
            Ok([]) => self.give_up(CommandError::Malformed),
            Err(CommandError::Completion(_)) if self.chunk + 1 < CHUNKS.len() => {
                self.chunk += 1;
                Next::Ask
            }
            Err(error) if error.ends_session() => Next::Done(Err(error)),
            Err(error) => self.give_up(error),
        }
    }

    fn info(&mut self, answer: Result<&[u8], CommandError>) -> Next {
        match answer.and_then(FruInfo::parse) {
            Ok(info) if info.size < HEADER_BYTES => Next::Done(Ok(Box::default())),
            Ok(info) => {
                self.info = Some(info);
                Next::Ask
            }
            Err(error) => Next::Done(Err(error)),
        }
    }

    fn read_on(&mut self) -> Next {
        // An area's first bytes tell its length.
        let is_area = matches!(self.part, Part::Chassis | Part::Board | Part::Product);
        if is_area && self.length == HEADER_BYTES {
            match area_length(&self.bytes) {
                Some(length) => self.length = length,
                None if self.bytes.len() < 2 => return Next::Ask,
                None => return self.next_part(),
            }
        }
        if self.bytes.len() < usize::from(self.length) {
            return Next::Ask;
        }
        // A record's first bytes tell its length, too, and whether it is the last.
        if self.part == Part::MultiRecords
            && let Some(length) = self.next_record()
        {
            self.length = length;
            return Next::Ask;
        }
        match self.part {
            Part::Header => match Header::parse(&self.bytes) {
                Some(header) => self.header = Some(header),
                None => return Next::Done(Ok(Box::default())),
            },
            Part::Chassis => self.fru.chassis = ChassisArea::parse(&self.bytes),
            Part::Board => self.fru.board = BoardArea::parse(&self.bytes),
            Part::Product => self.fru.product = ProductArea::parse(&self.bytes),
            Part::MultiRecords => {}
        }
        self.next_part()
    }

    /// How long the multi-record area is now known to be; `None` when all of it is there, or more
    /// than is read.
    fn next_record(&self) -> Option<u16> {
        let needed = u16::try_from(multi_record::needed(&self.bytes)?).ok()?;
        // A word at its end is read whole.
        let unit = if self.info?.by_words { 2 } else { 1 };
        (needed <= MULTI_RECORD_BYTES).then(|| needed.next_multiple_of(unit))
    }

    /// Without the header there is nothing; an area that cannot be read does not spoil the others.
    fn give_up(&mut self, error: CommandError) -> Next {
        if self.part == Part::Header { Next::Done(Err(error)) } else { self.next_part() }
    }

    fn done(&mut self) -> Next {
        if self.part == Part::MultiRecords {
            self.fru.multi_records = multi_records(&self.bytes);
        }
        Next::Done(Ok(Box::new(std::mem::take(&mut self.fru))))
    }

    fn next_part(&mut self) -> Next {
        let [chassis, board, product] = self.header.map_or([None; 3], |header| header.areas());
        loop {
            let (part, offset) = match self.part {
                Part::Header => (Part::Chassis, chassis),
                Part::Chassis => (Part::Board, board),
                Part::Board => (Part::Product, product),
                Part::Product => {
                    let offset = self.header.and_then(|header| header.multi_records());
                    (Part::MultiRecords, offset)
                }
                Part::MultiRecords => return self.done(),
            };
            self.part = part;
            self.bytes.clear();
            if let Some(offset) = offset {
                self.offset = offset;
                // A list of records may be shorter than any other area.
                let list = part == Part::MultiRecords;
                self.length = if list { self.next_record().unwrap_or(0) } else { HEADER_BYTES };
                return Next::Ask;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, RngExt, SeedableRng};

    use super::*;
    use crate::CompletionCode;

    /// A device that gives `most` bytes at once, in units of `unit` bytes.
    fn read(inventory: &[u8], unit: u8, most: usize) -> (Fru, Vec<(u16, u8)>) {
        let mut fetch = Fetch::new(3);
        let mut asked = Vec::new();
        loop {
            let answer = match fetch.question() {
                Command::FruInfo { device: 3 } => Ok(vec![0xFF, 0xFF, unit - 1]),
                Command::FruData { device: 3, offset, count } => {
                    asked.push((offset, count));
                    let bytes = usize::from(count) * usize::from(unit);
                    let start = usize::from(offset) * usize::from(unit);
                    match inventory.get(start..start + bytes) {
                        Some(part) if bytes <= most => Ok([&[count], part].concat()),
                        _ => Err(CommandError::Completion(CompletionCode::TOO_MANY_BYTES)),
                    }
                }
                other => panic!("{other:?}"),
            };
            let answer = answer.as_deref().map_err(|error| *error);
            if let Next::Done(result) = fetch.answer(answer) {
                return (*result.unwrap(), asked);
            }
        }
    }

    /// A chassis area of 72 bytes and a product area that would reach beyond the end.
    fn inventory() -> Vec<u8> {
        let mut bytes = vec![1, 0, 1, 0, 10, 0, 0, 0xF4];
        bytes.extend([1, 9, 17, 0xC4, b'p', b'a', b'r', b't', 0xF2]);
        bytes.extend([b's'; 50]);
        bytes.push(0xC1);
        bytes.resize(80, 0);
        bytes.extend([1, 200, 0, 0xC1, 0, 0, 0, 0]);
        bytes
    }

    #[test]
    fn bytes_and_words_and_small_chunks_give_the_same() {
        let (whole, asked) = read(&inventory(), 1, 255);
        let chassis = whole.chassis.clone().unwrap();
        assert_eq!((chassis.part_number.as_str(), chassis.serial_number.len()), ("part", 50));
        assert_eq!(whole.product, None);
        assert_eq!(asked[..4], [(0, 8), (8, 8), (16, 32), (48, 32)]);
        for (unit, most) in [(1, 31), (1, 16), (1, 8), (2, 255), (2, 16), (2, 8)] {
            let (read, asked) = read(&inventory(), unit, most);
            assert_eq!(read, whole, "unit {unit}, most {most}");
            assert!(asked.len() < 30, "{asked:?}");
        }
    }

    fn negative(bytes: &[u8]) -> u8 {
        bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte))
    }

    /// Three records of odd lengths in a multi-record area, and `behind` bytes behind it.
    fn records(behind: usize) -> Vec<u8> {
        let mut bytes = vec![1, 0, 0, 0, 0, 1, 0, 0xFE];
        for (kind, end, length) in [(0xC0, 2, 41), (0xC1, 2, 0), (0xC2, 0x82, 255)] {
            let data = vec![kind; length];
            let mut header = vec![kind, end, u8::try_from(length).unwrap(), negative(&data)];
            header.push(negative(&header));
            bytes.extend(header);
            bytes.extend(data);
        }
        bytes.resize(bytes.len() + behind, 0xEE);
        bytes
    }

    #[test]
    fn multi_records_are_read_to_the_last_and_not_beyond() {
        for (unit, most) in [(1, 255), (1, 16), (1, 8), (2, 255), (2, 16), (2, 8)] {
            // A device addressed by words has an even size.
            let bytes = records(usize::from(unit - 1));
            let (read, asked) = read(&bytes, unit, most);
            let area = read.multi_records.unwrap();
            assert!(area.complete && area.records.iter().all(|record| record.checksum_holds));
            assert_eq!(area.records.len(), 3, "unit {unit}, most {most}");
            assert_eq!(Fru::parse(&bytes).multi_records, Some(area), "unit {unit}, most {most}");
            assert!(asked.len() < 60, "{asked:?}");
        }
        // The shortest area there is, at the device's end.
        let shortest = [1, 0, 0, 0, 0, 1, 0, 0xFE, 0xC0, 0x82, 0, 0, 0xBE, 0];
        for unit in [1, 2] {
            let (read, _) = read(&shortest[..12 + usize::from(unit)], unit, 255);
            assert!(read.multi_records.is_some_and(|area| area.complete), "unit {unit}");
        }
        let cut = records(0);
        let (read, _) = read(&cut[..200], 1, 255);
        let area = read.multi_records.unwrap();
        assert_eq!((area.records.len(), area.complete), (2, false));
    }

    #[test]
    fn an_endless_area_and_a_bmc_that_gives_single_bytes_come_to_an_end() {
        let mut fetch = Fetch::new(0);
        let mut bytes = 0_usize;
        let result = loop {
            let answer = match fetch.question() {
                Command::FruInfo { .. } => vec![0xFF, 0xFF, 0],
                // Every area begins at byte 2040, where records without data never end.
                Command::FruData { offset: 0, .. } => vec![8, 1, 0, 0, 0, 0, 255, 0, 0],
                Command::FruData { offset, .. } => {
                    let record = [0xC0, 2, 0, 0, 0x3E];
                    vec![1, record[usize::from(offset - 2040) % 5]]
                }
                other => panic!("{other:?}"),
            };
            bytes += answer.len();
            assert!(bytes < 10_000, "this never ends");
            if let Next::Done(result) = fetch.answer(Ok(&answer)) {
                break result;
            }
        };
        let area = result.unwrap().multi_records.unwrap();
        assert!(!area.complete && area.records.len() > 200, "{}", area.records.len());
    }

    #[test]
    fn any_answers_come_to_an_end() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut decoded = 0;
        for _ in 0..2_000 {
            let mut fetch = Fetch::new(0);
            let mut questions = 0;
            loop {
                let mut bytes = vec![0; rng.random_range(0..40)];
                rng.fill_bytes(&mut bytes);
                match fetch.question() {
                    Command::FruInfo { .. } => bytes = vec![0, 8, rng.random_range(0..2)],
                    Command::FruData { offset: 0, .. } => {
                        bytes = vec![8, 1, 0, 1, 10, 30, 0, 0, 0xD6];
                    }
                    Command::FruData { count, .. } if rng.random_bool(0.9) => {
                        bytes.resize(1 + usize::from(count), 0xC2);
                        bytes[0] = count;
                        if bytes.len() > 1 && rng.random_bool(0.3) {
                            bytes[1] = 1;
                        }
                    }
                    _ => {}
                }
                let answer = match rng.random_range(0..60) {
                    0 => Err(CommandError::Malformed),
                    1 => Err(CommandError::Completion(CompletionCode(rng.random()))),
                    _ => Ok(&bytes[..]),
                };
                questions += 1;
                assert!(questions <= MAX_QUESTIONS + 1, "this never ends");
                if let Next::Done(result) = fetch.answer(answer) {
                    decoded += u32::from(result.is_ok_and(|fru| !fru.is_empty()));
                    break;
                }
            }
        }
        assert!(decoded > 100, "only {decoded} inventories had an area");
    }
}
