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
}

impl LogRead {
    fn forget(&mut self) {
        self.journal.clear();
        (self.newest, self.oldest) = (None, None);
    }
}

impl IpmiSession {
    /// Reads what was added to the log since, as many entries as are read at once.
    pub(super) async fn events(&mut self) -> Result<Answer, CommandError> {
        let wanted = &self.bmc.module.sel_events;
        let mut log = self.log_read.take().unwrap_or_else(|| LogRead {
            journal: Journal::new(Arc::clone(wanted)),
            newest: None,
            oldest: None,
            erased: None,
        });
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
        for _ in 0..AT_ONCE {
            if next == NO_MORE {
                log.journal.keep(entries);
                return Ok(log.journal.summary(true));
            }
            let answer = self.session()?.sel_entry(next).await;
            self.count(Some(Command::SelEntry));
            let entry = match answer {
                Ok(entry) => entry,
                Err(error) if error.ends_session() => return Err(error),
                // The log changed meanwhile, or has a hole: what is there counts.
                Err(_) => return Ok(log.journal.summary(true)),
            };
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
