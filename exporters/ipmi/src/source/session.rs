//! One session with a BMC that speaks IPMI, over the LAN or by the device, and what is known of its
//! sensors.

use std::sync::Arc;
use std::time::Duration;

use ipmi_lan::sdr::FullSensor;
use ipmi_lan::sensor::ReadingError;
use ipmi_lan::{CommandError, Counters, DeviceId, Options, Session};
use tokio::time::{Instant, timeout_at};

use self::listing::Listing;
use self::suite::LastSuite;
use super::device::Device;
use super::records;
use super::{lan, options, reasons};
use crate::command::Command;
use crate::config::{Address, Bmc};
use crate::metrics::counts::Traffic;
use crate::outcome::{PollFailure, ReadFailure};
use crate::sensor::list::SensorList;
use crate::sensor::{Reading, Severity, Slot};
use crate::slow::{Collector, Who};

mod events;
mod listing;
mod parts;
mod questions;
mod says;
mod shared;
mod suite;

pub(crate) use events::EventLog;

/// How often a BMC is asked for what its firmware alone changes.
const ASK_AGAIN: Duration = Duration::from_secs(3600);
/// Sensors that do not answer, one after the other, after which it may be the session that is dead.
const SILENT_SENSORS: usize = 2;

/// A session, or none, and what the last ones have told.
#[derive(Debug)]
pub(crate) struct IpmiSession {
    bmc: Arc<Bmc>,
    way: Way,
    session: Option<Session>,
    /// Whether the last log-in found nobody, or one that took its time: the next one waits for it.
    may_be_slow: bool,
    /// What the next log-in asks for first.
    suite: LastSuite,
    /// What is known of its sensors; survives the session.
    listing: Listing,
    /// What the BMC last said of itself.
    device: Option<DeviceId>,
    /// The sensor that the next poll begins with, since the last one had no time for it.
    first: usize,
    /// The event log as far as it was read.
    event_log: EventLog,
    /// Who the BMC said that it is, and when.
    who: Option<(Arc<Who>, Instant)>,
    /// The parts as far as they were read; outlives the session.
    parts_read: Option<parts::PartsRead>,
    /// What the session had counted when `traffic` was last added to.
    counted: Counters,
    traffic: Traffic,
}

/// How a session is opened.
#[derive(Debug)]
enum Way {
    Lan,
    Device(Device),
}

impl IpmiSession {
    pub(super) fn new(bmc: Arc<Bmc>) -> Self {
        let way = match bmc.address {
            Address::Lan { .. } => Way::Lan,
            Address::Device(_) => Way::Device(Device::new()),
        };
        Self {
            bmc,
            way,
            session: None,
            may_be_slow: false,
            suite: LastSuite::default(),
            listing: Listing::default(),
            device: None,
            first: 0,
            event_log: EventLog::default(),
            who: None,
            parts_read: None,
            counted: Counters::default(),
            traffic: Traffic::default(),
        }
    }

    pub(super) fn event_log(&self) -> EventLog {
        self.event_log.clone()
    }

    pub(super) fn go_on_with(&mut self, event_log: EventLog) {
        self.event_log = event_log;
    }

    pub(super) fn is_open(&self) -> bool {
        self.session.is_some()
    }

    /// Opens a session, or counts why there is none.
    async fn open(&mut self) -> Result<(), PollFailure> {
        let begun = Instant::now();
        let options = options::of(&self.bmc.module, self.may_be_slow, self.suite.at(begun));
        let opened = match &mut self.way {
            Way::Lan => lan::open(&self.bmc, &options).await,
            Way::Device(device) => device.open(&self.bmc, &options).await,
        };
        let failure = opened.as_ref().err().copied();
        self.may_be_slow = may_be_slow(failure, begun.elapsed(), &options);
        match opened {
            Ok(session) => {
                self.suite.opened(session.suite(), begun);
                self.counted = Counters::default();
                self.listing.session_opened();
                self.session = Some(session);
                self.count(None);
                Ok(())
            }
            Err(failure) => {
                // A name without an address is no session that was refused.
                if failure != PollFailure::Resolve {
                    self.traffic.session_failures.inc(failure);
                }
                Err(failure)
            }
        }
    }

    /// The sensors, in a session that is opened if there is none. One in doubt is dropped, which tells
    /// the BMC to forget it.
    pub(super) async fn look(&mut self, until: Instant) -> Result<Arc<SensorList>, PollFailure> {
        if self.session.is_none() {
            self.open().await?;
        }
        if !self.bmc.module.collectors.contains(&Collector::Ipmi) {
            return match self.sign_of_life().await {
                Ok(()) => {
                    Ok(Arc::new(SensorList { complete: false, turn: 1, ..SensorList::default() }))
                }
                Err(error) => Err(self.failed(error)),
            };
        }
        match timeout_at(until, self.repository()).await {
            Ok(Ok(repository)) => Ok(Arc::clone(&repository.list)),
            Ok(Err(error)) => Err(self.failed(error)),
            Err(_) => {
                self.session = None;
                Err(PollFailure::Deadline)
            }
        }
    }

    /// Reads every sensor that is due once, as far as the time allows.
    pub(super) async fn read(
        &mut self,
        due: impl Fn(usize) -> bool,
        until: Instant,
    ) -> Result<Vec<Slot>, PollFailure> {
        let slots = self.slots(due, until).await;
        slots.map_err(|error| self.failed(error))
    }

    pub(super) fn spent(&mut self) -> Traffic {
        std::mem::take(&mut self.traffic)
    }

    pub(super) async fn close(self) {
        if let Some(session) = self.session {
            session.close().await;
        }
    }

    /// A BMC that refuses would refuse in a new session too.
    fn failed(&mut self, error: CommandError) -> PollFailure {
        if !matches!(error, CommandError::Completion(_)) {
            self.session = None;
        }
        reasons::of_command(error)
    }

    fn session(&mut self) -> Result<&mut Session, CommandError> {
        self.session.as_mut().ok_or(CommandError::SessionLost)
    }

    /// Counts what was just sent, as commands of this kind if they are any.
    fn count(&mut self, command: Option<Command>) {
        let Some(session) = &self.session else { return };
        let now = session.counters();
        let before = std::mem::replace(&mut self.counted, now);
        if let Some(command) = command {
            self.traffic.commands.inc_by(command, sent(before, now));
        }
        self.traffic.sessions += now.sessions.saturating_sub(before.sessions);
        self.traffic.retries += now.retries.saturating_sub(before.retries);
        self.traffic.stale_replies += now.stale_replies.saturating_sub(before.stale_replies);
    }

    async fn slots(
        &mut self,
        due: impl Fn(usize) -> bool,
        until: Instant,
    ) -> Result<Vec<Slot>, CommandError> {
        let Some(repository) = self.listing.in_force() else { return Ok(Vec::new()) };
        let records = &repository.asked.numbers;
        let mut slots = vec![Slot::Failed(ReadFailure::Deadline); records.len()];
        let mut silent = 0;
        let first = std::mem::take(&mut self.first).checked_rem(records.len()).unwrap_or(0);
        for place in (0..records.len()).map(|step| (first + step) % records.len()) {
            let asked = Instant::now();
            if asked >= until {
                self.first = place;
                break;
            }
            if !due(place) {
                slots[place] = Slot::NotAsked;
                continue;
            }
            let value = self.value(&records[place]).await;
            let answered = Instant::now();
            slots[place] = match value {
                Ok((value, severity)) => Slot::Fresh(Reading { value, severity, asked, answered }),
                Err(error) => Slot::Failed(reasons::of_reading(error)),
            };
            match value {
                Err(
                    ReadingError::Timeout | ReadingError::Unreachable | ReadingError::SessionLost,
                ) => silent += 1,
                _ => silent = 0,
            }
            if silent >= SILENT_SENSORS {
                self.sign_of_life().await?;
                silent = 0;
            }
        }
        if !slots.iter().any(|slot| matches!(slot, Slot::Fresh(_))) {
            self.sign_of_life().await?;
        }
        Ok(slots)
    }

    /// Reads one sensor, another controller's over the bridge, a non-linear one with its factors.
    async fn value(
        &mut self,
        record: &FullSensor,
    ) -> Result<(f64, Option<Severity>), ReadingError> {
        let raw = self.session()?.reading_of(record).await;
        self.count(Some(Command::SensorReading));
        let raw = raw?;
        if !record.is_non_linear() || raw.usable().is_err() {
            return records::value(record, raw);
        }
        let factors = self.session()?.factors_of(record, raw.value).await;
        self.count(Some(Command::SensorReadingFactors));
        records::value_by_factors(record, raw, &factors?)
    }

    /// Tells a session that is dead from sensors that are: any answer will do.
    async fn sign_of_life(&mut self) -> Result<(), CommandError> {
        let answer = self.session()?.device_id().await;
        self.count(Some(Command::DeviceId));
        match answer {
            Err(error) if error.ends_session() => Err(error),
            _ => Ok(()),
        }
    }
}

/// Whether a BMC whose log-in ended so may answer later than one is waited for that is dead.
fn may_be_slow(failure: Option<PollFailure>, took: Duration, options: &Options) -> bool {
    let all = options.timeout.saturating_mul(options.retries.saturating_add(1));
    failure == Some(PollFailure::NoAnswer) || took > all
}

/// How many commands a session sent between two looks at its counters, retries not counted.
fn sent(before: Counters, now: Counters) -> u64 {
    if now.sessions > before.sessions {
        // The session was renewed first; the datagrams of the log-in are no commands.
        return 1;
    }
    let datagrams = now.sent.saturating_sub(before.sent);
    datagrams.saturating_sub(now.retries.saturating_sub(before.retries))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bmc_is_waited_for_once_it_did_not_answer_until_it_answers_soon() {
        let options = Options::default();
        let second = Duration::from_secs(1);
        for (failure, took, is_waited_for) in [
            (Some(PollFailure::NoAnswer), second * 3, true),
            (None, second * 7, true),
            (None, second, false),
            (Some(PollFailure::Unreachable), second, false),
        ] {
            assert_eq!(may_be_slow(failure, took, &options), is_waited_for, "{failure:?} {took:?}");
        }
    }

    #[test]
    fn retries_and_log_ins_are_no_commands() {
        let counters =
            |sessions, sent, retries| Counters { sessions, sent, retries, ..Counters::default() };
        assert_eq!(sent(counters(1, 10, 0), counters(1, 14, 3)), 1);
        assert_eq!(sent(counters(1, 10, 0), counters(1, 20, 0)), 10);
        assert_eq!(sent(counters(1, 10, 0), counters(2, 20, 0)), 1);
    }
}
