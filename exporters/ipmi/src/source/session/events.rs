//! The event log, read entry by entry: only what was added since it was last asked for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipmi_lan::sel::{SelEntry, SelInfo, SelRecord, SelTime};
use ipmi_lan::{CommandError, CompletionCode};
use tracing::warn;

use super::IpmiSession;
use crate::command::Command;
use crate::config::Module;
use crate::journal::{Entry, Journal, Summary};
use crate::slow::Answer;
use crate::source::events::{self, Sensors};
use crate::source::interpretation::Own;

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

/// The event log of a BMC as far as it was read. It outlives the session, and whoever polls the BMC.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventLog(Arc<Mutex<Option<LogRead>>>);

impl EventLog {
    /// What was read of it, if it was read as this module has it; it comes back though the reading breaks off.
    fn lend(&self, module: &Module) -> Lent {
        let read = self.locked().take().filter(|it| it.is_for(module));
        Lent { read: Some(read.unwrap_or_else(|| LogRead::new(module))), to: self.clone() }
    }

    /// Whether that is the same one.
    #[cfg(test)]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn locked(&self) -> MutexGuard<'_, Option<LogRead>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A log while it is read on.
struct Lent {
    /// There until it is given back.
    read: Option<LogRead>,
    to: EventLog,
}

impl Drop for Lent {
    fn drop(&mut self) {
        let read = self.read.take();
        let mut there = self.to.locked();
        // After a reload the poll before it may still have read on, while the next one began anew.
        let both = there.as_ref().zip(read.as_ref());
        if !both.is_some_and(|(there, read)| there.is_fuller_than(read)) {
            *there = read;
        }
    }
}

/// A log as far as it was read.
#[derive(Debug)]
struct LogRead {
    journal: Journal,
    /// What states say, as the entries were read by it.
    states: Own,
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
    fn new(module: &Module) -> Self {
        Self::of(Journal::new(Arc::clone(&module.sel_events)), module.sensor_states.clone())
    }

    fn of(journal: Journal, states: Own) -> Self {
        let (newest, oldest, erased, hole) = (None, None, None, None);
        Self { journal, states, newest, oldest, erased, hole, has_refused: false }
    }

    /// Whether this module would have read the same of it.
    fn is_for(&self, module: &Module) -> bool {
        self.journal.counts(&module.sel_events) && self.states == module.sensor_states
    }

    fn is_fuller_than(&self, other: &Self) -> bool {
        let lacks = |it: &Self| it.journal.lacks(usize::MAX);
        lacks(self) < lacks(other)
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
        let mut lent = self.event_log.lend(&self.bmc.module);
        let Some(log) = &mut lent.read else { return Err(CommandError::Malformed) };
        let summary = self.read_on(log).await?;
        Ok(Answer::Events(Arc::new(summary)))
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
        LogRead::of(Journal::new([].into()), Own::new())
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
        let log = LogRead::of(Journal::new([].into()), Own::new());
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

    fn module(extra: &str) -> Module {
        let text = format!(
            "modules: {{ default: {{ user: u, pass: p{extra} }} }}\non_demand: {{ allow: ['*'] }}\n"
        );
        let config: crate::config::Config = exporter_kit::parse(&text, "ipmi.yml").unwrap();
        config.on_demand_modules().still("a", "default").unwrap().work.module.as_ref().clone()
    }

    #[test]
    fn of_two_who_read_at_once_the_fuller_log_is_kept() {
        let plain = module("");
        for is_old_last in [true, false] {
            let all = EventLog::default();
            let mut old = all.lend(&plain);
            assert_eq!(Bmc::of(1..=9).read(old.read.as_mut().unwrap()), 9);
            let mut anew = all.lend(&plain);
            assert_eq!(Bmc::of(1..=2).read(anew.read.as_mut().unwrap()), 2);
            if is_old_last {
                drop((anew, old));
            } else {
                drop((old, anew));
            }
            let newest =
                |lent: &Lent| lent.read.as_ref()?.newest.as_ref().map(SelRecord::record_id);
            assert_eq!(newest(&all.lend(&plain)), Some(9), "{is_old_last}");
            // Its only reader may forget what was erased.
            all.lend(&plain).read.as_mut().unwrap().forget();
            assert_eq!(newest(&all.lend(&plain)), None);
        }
    }

    #[test]
    fn what_was_read_of_a_log_is_there_for_the_next_who_would_have_read_the_same() {
        let (plain, slower) = (module(""), module(", interval: 20s"));
        let all = EventLog::default();
        let entries = |lent: &mut Lent| Bmc::of(1..=9).read(lent.read.as_mut().unwrap());
        let read = |module: &Module| all.lend(module).read.as_ref().unwrap().newest.is_some();
        assert_eq!(entries(&mut all.lend(&plain)), 9);
        assert!(read(&plain) && read(&slower));
        for other in [
            ", collectors: [sel-events], sel_events: [{ name: a, regex: b }]",
            ", sensor_states: { Memory: { correctable ECC: nominal } }",
        ] {
            assert_eq!(entries(&mut all.lend(&plain)), 9);
            assert!(!read(&module(other)), "{other}");
        }
    }
}
