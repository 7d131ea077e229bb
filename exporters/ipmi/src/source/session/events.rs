//! The event log, read entry by entry: only what was added since it was last asked for.

use std::sync::Arc;

use ipmi_lan::sel::{SelEntry, SelInfo, SelRecord, SelTime};
use ipmi_lan::{CommandError, CompletionCode};
use tracing::warn;

use super::IpmiSession;
use crate::command::Command;
use crate::journal::{Entry, Journal, Summary};
use crate::slow::Answer;
use crate::source::events::{self, Sensors};

/// So many entries are read at once; then other questions have their turn.
const AT_ONCE: usize = 64;
/// So many ids are tried behind an entry that the BMC refuses, while it counts more than were read.
const MOST_TRIED: u16 = 1_024;
/// In so many readings, which are a minute apart, an id is refused that the BMC says it does not have...
const ABSENT: u32 = 2;
/// ...and one that it refuses for another reason, before what is behind it is read. Most reasons pass.
const REFUSED: u32 = 10;
/// The id that asks for the oldest entry, and the one that stands for "no more".
const OLDEST: u16 = 0x0000;
const NO_MORE: u16 = 0xFFFF;

/// A log as far as it was read. It outlives the session.
#[derive(Debug)]
pub(super) struct LogRead {
    journal: Journal,
    /// The newest entry that was read, as it was; `None` before the first.
    newest: Option<SelRecord>,
    /// The oldest one: a log that comes back to it has no end.
    oldest: Option<u16>,
    /// When the BMC last erased entries.
    erased: Option<SelTime>,
    /// Behind the newest entry that was read, if anything is.
    hole: Option<Hole>,
    /// Whether an entry was refused again and again since the log was last erased.
    has_refused: bool,
}

/// Ids that the BMC refuses in the middle of its log, or at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hole {
    /// The first.
    at: u16,
    /// How many behind it were tried since the log last changed.
    tried: u16,
    /// In how many readings it was refused.
    readings: u32,
    /// What the BMC said of the log then.
    log: SelInfo,
}

/// What to do after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Ask for this id.
    Ask(u16),
    /// Nothing more can be read for now.
    Done,
}

impl LogRead {
    fn new(journal: Journal) -> Self {
        Self { journal, newest: None, oldest: None, erased: None, hole: None, has_refused: false }
    }

    fn forget(&mut self) {
        self.journal.clear();
        (self.newest, self.oldest, self.hole) = (None, None, None);
        self.has_refused = false;
    }

    /// Begins a reading of the log of which the BMC says this.
    fn begin(&mut self, log: SelInfo) {
        if self.erased.replace(log.last_erase) != Some(log.last_erase) || log.entries == 0 {
            self.forget();
        }
        if let Some(hole) = self.hole.as_mut().filter(|hole| hole.log != log) {
            // What was tried in vain may have been written since.
            (hole.tried, hole.log) = (0, log);
        }
    }

    /// Takes the answer to the question for an id; `entry` reads what is to be counted.
    fn take(
        &mut self,
        asked: u16,
        answer: Result<SelEntry, CommandError>,
        log: SelInfo,
        entry: impl FnOnce(&SelRecord) -> Entry,
    ) -> Result<Next, CommandError> {
        let is_it = |id: u16| self.hole.is_none() || id == asked || asked == OLDEST;
        let found = match answer {
            Ok(found) if is_it(found.record.record_id()) => found,
            Err(error) if error.ends_session() => return Err(error),
            Ok(_) => return Ok(self.refused(asked, true, log)),
            Err(error) => return Ok(self.refused(asked, is_absent(error), log)),
        };
        self.hole = None;
        let id = found.record.record_id();
        self.journal.push(entry(&found.record));
        self.oldest.get_or_insert(id);
        self.newest = Some(found.record);
        let is_end = self.oldest == Some(found.next) || id == found.next;
        Ok(Next::Ask(if is_end { NO_MORE } else { found.next }))
    }

    /// Whether an entry is refused again and again.
    fn is_refused(&self) -> bool {
        self.hole.is_some_and(|hole| hole.readings >= ABSENT)
    }

    /// What there is to tell of a log that was read as far as it can be.
    fn summary(&self, log: SelInfo) -> Summary {
        let lacks = self.journal.lacks(usize::from(log.entries));
        // A log may count one more than it has without refusing any.
        let refused = if self.has_refused { u32::try_from(lacks).unwrap_or(u32::MAX) } else { 0 };
        Summary { refused, ..self.journal.summary(true) }
    }

    /// The log changed meanwhile, or has a hole: what is behind that counts, too, once it is certain that
    /// there is no entry, or none that can be read.
    fn refused(&mut self, id: u16, is_absent: bool, log: SelInfo) -> Next {
        if self.journal.lacks(usize::from(log.entries)) == 0 {
            return Next::Done;
        }
        let is_of_it = |hole: &Hole| (hole.at..=hole.at.saturating_add(MOST_TRIED)).contains(&id);
        let before = self.hole.filter(is_of_it);
        let mut hole = before.unwrap_or(Hole { at: id, tried: 0, readings: 0, log });
        let is_first = id == hole.at;
        hole.readings = hole.readings.saturating_add(u32::from(is_first));
        let is_certain = hole.readings >= if is_absent { ABSENT } else { REFUSED };
        if is_certain {
            hole.tried = hole.tried.max(id - hole.at);
        }
        self.hole = Some(hole);
        self.has_refused |= self.is_refused();
        let next = hole.at.saturating_add(hole.tried).saturating_add(1);
        if is_certain && hole.tried < MOST_TRIED && next < NO_MORE {
            Next::Ask(next)
        } else {
            Next::Done
        }
    }
}

/// Whether the BMC says that it has no such entry.
fn is_absent(error: CommandError) -> bool {
    let absent = [CompletionCode::NOT_PRESENT, CompletionCode::ILLEGAL];
    absent.map(CommandError::Completion).contains(&error)
}

impl IpmiSession {
    /// Reads what was added to the log since, as many entries as are read at once.
    pub(super) async fn events(&mut self) -> Result<Answer, CommandError> {
        let wanted = &self.bmc.module.sel_events;
        let log = self.log_read.take();
        let mut log = log.unwrap_or_else(|| LogRead::new(Journal::new(Arc::clone(wanted))));
        let read = self.read_on(&mut log).await;
        self.log_read = Some(log);
        read.map(|summary| Answer::Events(Arc::new(summary)))
    }

    async fn read_on(&mut self, log: &mut LogRead) -> Result<Summary, CommandError> {
        let info = self.session()?.sel_info().await?;
        self.count(Some(Command::SelInfo));
        log.begin(info);
        let mut next = if info.entries == 0 { NO_MORE } else { self.continuation(log).await? };
        let repository = self.listing.in_force();
        let sensors = repository.as_deref().map_or_else(Sensors::default, |it| Sensors {
            known: &it.list.known,
            numbers: &it.asked.numbers,
        });
        let bmc = Arc::clone(&self.bmc);
        for _ in 0..AT_ONCE {
            if next == NO_MORE {
                log.journal.keep(usize::from(info.entries));
                return Ok(log.summary(info));
            }
            let answer = self.session()?.sel_entry(next).await;
            self.count(Some(Command::SelEntry));
            let was_refused = log.is_refused();
            let entry = |it: &SelRecord| events::entry(it, sensors, &bmc.module.sensor_states);
            let taken = log.take(next, answer, info, entry)?;
            if log.is_refused() && !was_refused {
                warn!(target_name = bmc.name, id = next, "an entry of the event log is refused");
            }
            match taken {
                Next::Ask(id) => next = id,
                Next::Done => return Ok(log.summary(info)),
            }
        }
        Ok(log.journal.summary(false))
    }

    /// The id to read on with: that after the newest entry, if the log still has it as it was; else the
    /// log is another, and read from its beginning.
    async fn continuation(&mut self, log: &mut LogRead) -> Result<u16, CommandError> {
        let Some(newest) = &log.newest else { return Ok(OLDEST) };
        let answer = self.session()?.sel_entry(newest.record_id()).await;
        self.count(Some(Command::SelEntry));
        match answer {
            Ok(entry) if entry.record == *newest => {
                Ok(if log.oldest == Some(entry.next) { NO_MORE } else { entry.next })
            }
            Err(error) if error.ends_session() => Err(error),
            _ => {
                log.forget();
                Ok(OLDEST)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const ERASING: CommandError = CommandError::Completion(CompletionCode(0x81));
    const ABSENT: CommandError = CommandError::Completion(CompletionCode::NOT_PRESENT);

    /// A BMC with these entries, some of which it refuses.
    #[derive(Default)]
    struct Bmc {
        entries: BTreeMap<u16, Option<CommandError>>,
        /// The ids that it was asked for in the last reading.
        asked: Vec<u16>,
    }

    impl Bmc {
        fn of(ids: impl IntoIterator<Item = u16>) -> Self {
            Self { entries: ids.into_iter().map(|id| (id, None)).collect(), asked: Vec::new() }
        }

        fn refuses(mut self, id: u16, error: CommandError) -> Self {
            self.entries.insert(id, Some(error));
            self
        }

        fn info(&self) -> SelInfo {
            let entries = u16::try_from(self.entries.len()).unwrap();
            let time = SelTime::Unspecified;
            let (last_addition, last_erase) = (time, time);
            SelInfo { entries, free_bytes: 0, last_addition, last_erase, operations: 0 }
        }

        fn next(&self, id: u16) -> u16 {
            self.entries.range(id + 1..).next().map_or(NO_MORE, |(id, _)| *id)
        }

        fn entry(&self, asked: u16) -> Result<SelEntry, CommandError> {
            let id = if asked == OLDEST { self.next(0) } else { asked };
            match self.entries.get(&id) {
                None => Err(ABSENT),
                Some(Some(error)) => Err(*error),
                Some(None) => {
                    let record =
                        SelRecord::Other { record_id: id, record_type: 0xE0, data: [0; 13] };
                    Ok(SelEntry { next: self.next(id), record })
                }
            }
        }

        /// Reads on, as a session does; returns how many entries were read by now.
        fn read(&mut self, log: &mut LogRead) -> u32 {
            self.asked.clear();
            let info = self.info();
            log.begin(info);
            let newest = log.newest.as_ref().map(SelRecord::record_id);
            let mut next = newest.map_or(OLDEST, |id| self.next(id));
            for _ in 0..AT_ONCE {
                if next == NO_MORE {
                    break;
                }
                self.asked.push(next);
                let taken = log.take(next, self.entry(next), info, |record| Entry {
                    id: u32::from(record.record_id()),
                    time: None,
                    sensor: "".into(),
                    sensor_type: "",
                    severity: None,
                    event: "".into(),
                });
                match taken.unwrap() {
                    Next::Ask(id) => next = id,
                    Next::Done => break,
                }
            }
            log.journal.summary(true).by_state.iter().sum()
        }
    }

    fn log() -> LogRead {
        LogRead::new(Journal::new([].into()))
    }

    #[test]
    fn an_entry_that_is_refused_once_is_read_in_the_next_reading() {
        for error in [ERASING, ABSENT, CommandError::Malformed] {
            let (mut log, mut bmc) = (log(), Bmc::of(1..=9).refuses(5, error));
            assert_eq!(bmc.read(&mut log), 4, "{error}");
            bmc.entries.insert(5, None);
            assert_eq!(bmc.read(&mut log), 9, "{error}");
        }
    }

    #[test]
    fn an_entry_that_is_refused_for_good_does_not_end_the_log() {
        for (error, readings) in [(ABSENT, super::ABSENT), (ERASING, REFUSED)] {
            let (mut log, mut bmc) = (log(), Bmc::of(1..=9).refuses(5, error).refuses(6, error));
            for _ in 1..readings {
                assert_eq!(bmc.read(&mut log), 4, "{error}");
            }
            assert_eq!(bmc.read(&mut log), 7, "{error}");
            bmc.entries.insert(10, None);
            assert_eq!(bmc.read(&mut log), 8, "{error}");
        }
    }

    #[test]
    fn a_newest_entry_that_is_refused_hides_none_that_is_written_later() {
        for (error, readings) in [(ABSENT, super::ABSENT), (ERASING, REFUSED)] {
            let (mut log, mut bmc) = (log(), Bmc::of(1..=9).refuses(9, error));
            for _ in 0..40 {
                assert_eq!(bmc.read(&mut log), 8, "{error}");
            }
            // All that may be behind it was tried, and it alone is still asked for.
            assert_eq!(bmc.asked, [9], "{error}, {readings}");
            bmc.entries.insert(10, None);
            assert_eq!((bmc.read(&mut log), bmc.asked.clone()), (9, vec![9, 10]), "{error}");
            // And one that is written while there is none behind it.
            let (mut log, mut bmc) = (super::tests::log(), Bmc::of(1..=9).refuses(9, error));
            for _ in 0..40 {
                bmc.read(&mut log);
            }
            bmc.entries.insert(9, None);
            assert_eq!(bmc.read(&mut log), 9, "{error}");
        }
    }

    #[test]
    fn entries_that_are_refused_again_and_again_are_counted_until_they_are_read_or_erased() {
        let (mut log, mut bmc) = (log(), Bmc::of(1..=9).refuses(5, ERASING).refuses(9, ABSENT));
        let mut refused = |bmc: &mut Bmc| {
            bmc.read(&mut log);
            log.summary(bmc.info()).refused
        };
        assert_eq!([refused(&mut bmc), refused(&mut bmc)], [0, 5]);
        for _ in 0..REFUSED {
            refused(&mut bmc);
        }
        assert_eq!(refused(&mut bmc), 2);
        bmc.entries.insert(9, None);
        assert_eq!(refused(&mut bmc), 1);
        bmc.entries.clear();
        assert_eq!(refused(&mut bmc), 0);
        // One that only counts wrongly refuses none.
        let log = LogRead::new(Journal::new([].into()));
        assert_eq!(log.summary(Bmc::of(1..=3).info()).refused, 0);
    }

    #[test]
    fn a_log_that_refuses_all_is_asked_for_its_oldest_entry_alone() {
        let mut bmc = Bmc::default().refuses(5_000, ABSENT);
        let mut log = log();
        let mut asked = 0;
        for _ in 0..40 {
            assert_eq!(bmc.read(&mut log), 0);
            asked += bmc.asked.len();
        }
        assert_eq!(bmc.asked, [OLDEST]);
        assert!(asked <= usize::from(MOST_TRIED) + 40, "{asked}");
    }
}
