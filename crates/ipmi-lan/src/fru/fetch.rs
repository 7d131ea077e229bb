//! Reading a FRU's inventory, question by question. No I/O, no clock.
//!
//! Only the common header and the three areas that are decoded are read: at most 6 KiB, however
//! much the BMC says there is.

use super::{BoardArea, ChassisArea, Fru, FruInfo, HEADER_BYTES, Header, ProductArea, area_length};
use crate::command::Command;
use crate::error::CommandError;

/// Chunk sizes in bytes, tried one after the other when a BMC refuses.
const CHUNKS: [u16; 3] = [32, 16, 8];

/// A reading under way: ask [`Fetch::question`], give [`Fetch::answer`].
pub(crate) struct Fetch {
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
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Header,
    Chassis,
    Board,
    Product,
}

/// What a fetch wants after an answer.
pub(crate) enum Next {
    /// Ask the next question.
    Ask,
    /// Finished.
    Done(Result<Box<Fru>, CommandError>),
}

impl Fetch {
    pub(crate) fn new(device: u8) -> Fetch {
        Fetch {
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
    pub(crate) fn question(&self) -> Command {
        let device = self.device;
        let Some(info) = self.info else { return Command::FruInfo { device } };
        let have = u16::try_from(self.bytes.len()).unwrap_or(u16::MAX);
        let offset = self.offset.saturating_add(have);
        let bytes = self.length.saturating_sub(have).min(self.chunk_bytes());
        // Every part begins at and consists of multiples of eight bytes.
        let unit = if info.by_words { 2 } else { 1 };
        let count = u8::try_from(bytes / unit).unwrap_or(u8::MAX);
        Command::FruData { device, offset: offset / unit, count }
    }

    fn chunk_bytes(&self) -> u16 {
        CHUNKS.get(self.chunk).copied().unwrap_or(8)
    }

    /// Takes the answer to [`Fetch::question`].
    pub(crate) fn answer(&mut self, answer: Result<&[u8], CommandError>) -> Next {
        let Some(info) = self.info else { return self.info(answer) };
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
        if self.part != Part::Header && self.length == HEADER_BYTES {
            match area_length(&self.bytes) {
                Some(length) => self.length = length,
                None if self.bytes.len() < 2 => return Next::Ask,
                None => return self.next_part(),
            }
        }
        if self.bytes.len() < usize::from(self.length) {
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
        }
        self.next_part()
    }

    /// Without the header there is nothing; an area that cannot be read does not spoil the others.
    fn give_up(&mut self, error: CommandError) -> Next {
        if self.part == Part::Header { Next::Done(Err(error)) } else { self.next_part() }
    }

    fn next_part(&mut self) -> Next {
        let [chassis, board, product] = self.header.map_or([None; 3], |header| header.areas());
        loop {
            let (part, offset) = match self.part {
                Part::Header => (Part::Chassis, chassis),
                Part::Chassis => (Part::Board, board),
                Part::Board => (Part::Product, product),
                Part::Product => return Next::Done(Ok(Box::new(std::mem::take(&mut self.fru)))),
            };
            self.part = part;
            if let Some(offset) = offset {
                self.offset = offset;
                self.bytes.clear();
                self.length = HEADER_BYTES;
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
                assert!(questions < 10_000, "this never ends");
                if let Next::Done(result) = fetch.answer(answer) {
                    decoded += u32::from(result.is_ok_and(|fru| !fru.is_empty()));
                    break;
                }
            }
        }
        assert!(decoded > 100, "only {decoded} inventories had an area");
    }
}
