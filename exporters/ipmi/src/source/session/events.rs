//! The event log, read entry by entry: only what was added since it was last asked for.

use std::sync::Arc;

use ipmi_lan::CommandError;
use ipmi_lan::sel::{SelRecord, SelTime};

use super::IpmiSession;
use crate::command::Command;
use crate::journal::{Journal, Summary};
use crate::slow::Answer;
use crate::source::events::{self, Sensors};

/// So many entries are read at once; then other questions have their turn.
const AT_ONCE: usize = 64;
/// So many ids are tried behind an entry that the BMC refuses, while it counts more than were read.
const MOST_REFUSED: u16 = 1_024;
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
}

/// Ids that the BMC refuses in the middle of its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hole {
    /// The first.
    at: u16,
    /// How many were tried.
    tried: u16,
}

impl LogRead {
    fn new(journal: Journal) -> Self {
        Self { journal, newest: None, oldest: None, erased: None, hole: None }
    }

    fn forget(&mut self) {
        self.journal.clear();
        (self.newest, self.oldest, self.hole) = (None, None, None);
    }

    /// Where to read on if the log goes on with that id: behind what was refused there before.
    fn beyond_the_hole(&self, next: u16) -> u16 {
        let hole = self.hole.filter(|hole| hole.at == next && next != NO_MORE);
        hole.map_or(next, |hole| next.saturating_add(hole.tried))
    }

    /// The id to try after one that was refused; `None` if the log of so many `entries` ends here.
    fn behind(&mut self, refused: u16, entries: usize) -> Option<u16> {
        if self.journal.has_counted(entries) {
            return None;
        }
        let hole = self.hole.get_or_insert(Hole { at: refused, tried: 0 });
        hole.tried = hole.tried.saturating_add(1).min(MOST_REFUSED);
        let is_tried = hole.tried < MOST_REFUSED && refused < NO_MORE - 1;
        is_tried.then(|| refused + 1)
    }
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
        let entries = usize::from(info.entries);
        if log.erased.replace(info.last_erase) != Some(info.last_erase) || entries == 0 {
            log.forget();
        }
        let mut next = if entries == 0 { NO_MORE } else { self.continuation(log).await? };
        next = log.beyond_the_hole(next);
        for _ in 0..AT_ONCE {
            if next == NO_MORE {
                log.journal.keep(entries);
                return Ok(log.journal.summary(true));
            }
            let answer = self.session()?.sel_entry(next).await;
            self.count(Some(Command::SelEntry));
            let is_it = |id: u16| log.hole.is_none() || id == next;
            let entry = match answer {
                Ok(entry) if is_it(entry.record.record_id()) => entry,
                Err(error) if error.ends_session() => return Err(error),
                // The log changed meanwhile, or has a hole: what is behind that counts, too.
                Ok(_) | Err(_) => match log.behind(next, entries) {
                    Some(behind) => {
                        next = behind;
                        continue;
                    }
                    None => return Ok(log.journal.summary(true)),
                },
            };
            log.hole = None;
            let id = entry.record.record_id();
            let repository = self.listing.in_force();
            let sensors = repository.as_deref().map_or_else(Sensors::default, |it| Sensors {
                known: &it.list.known,
                numbers: &it.asked.numbers,
            });
            let own = &self.bmc.module.sensor_states;
            log.journal.push(events::entry(&entry.record, sensors, own));
            log.oldest.get_or_insert(id);
            log.newest = Some(entry.record);
            next = if log.oldest == Some(entry.next) || id == entry.next {
                NO_MORE
            } else {
                entry.next
            };
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
    use super::*;

    #[test]
    fn a_refused_entry_in_the_middle_of_a_log_does_not_end_it() {
        let mut log = LogRead::new(Journal::new([].into()));
        // The BMC counts ten and has read none out: seven is refused, and eight.
        assert_eq!(
            (log.beyond_the_hole(7), log.behind(7, 10), log.behind(8, 10)),
            (7, Some(8), Some(9))
        );
        // The next reading begins where this one ended.
        assert_eq!((log.beyond_the_hole(7), log.beyond_the_hole(NO_MORE)), (9, NO_MORE));
        // What was counted was read.
        assert_eq!(log.behind(9, 0), None);
    }

    #[test]
    fn a_log_that_refuses_all_is_given_up_and_is_looked_at_once_from_then_on() {
        let mut log = LogRead::new(Journal::new([].into()));
        let mut next = Some(1);
        let mut tried = 0;
        while let Some(id) = next {
            next = log.behind(id, 10);
            tried += 1;
        }
        assert_eq!(tried, MOST_REFUSED);
        assert_eq!(log.behind(log.beyond_the_hole(1), 10), None);
        let mut log = LogRead::new(Journal::new([].into()));
        assert_eq!(log.behind(NO_MORE - 1, 10), None);
    }
}
