//! The BMC's list of sensors: when it is read, and how far it is believed.
//!
//! 1. A list that was read to its end is believed. One that the BMC cannot end or count is believed once
//!    it has read the same twice; until then it shows what is there, and loses nothing.
//! 2. What was believed before stays in force until another list is.
//! 3. In a new session the list is not read again while the BMC's time stamps say that it is the same.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ipmi_lan::CommandError;
use ipmi_lan::sdr::{FullSensor, SdrRepository, SdrStamp};
use tokio::time::Instant;
use tracing::{info, warn};

use super::shared::Shared;
use super::{IpmiSession, SILENT_SENSORS};
use crate::command::Command;
use crate::inventory::Known;
use crate::sensor::list::{Lister, SensorList};
use crate::source::records::{self, Asked};

/// How often the BMC is asked whether its list changed.
const CHECK: Duration = Duration::from_secs(60);
/// How soon a list that is in doubt is read a second time: not while the BMC still does what it did.
const AGAIN: Duration = Duration::from_secs(5);
/// How often a list is read again whose changes the BMC does not tell.
const RELIST: Duration = Duration::from_secs(3600);
/// So many sessions in a row may end while the list's thresholds are asked for.
const MOST_LOST: u32 = 3;
/// Sessions end by themselves in polls that are so far apart: BMCs close an idle one after a minute.
const IDLE: Duration = Duration::from_secs(45);

/// A list of sensors as it was read.
#[derive(Debug, PartialEq)]
pub(super) struct Repository {
    pub(super) list: Arc<SensorList>,
    /// How each sensor of the list is asked for.
    pub(super) asked: Asked,
}

/// What is known of the BMC's list.
#[derive(Debug, Default)]
pub(super) struct Listing {
    in_force: Option<Arc<Repository>>,
    /// Whether that was read to its end, or the same twice.
    is_believed: bool,
    /// The last reading.
    last: Option<Last>,
    /// Whether the session is a new one since the BMC was last asked.
    is_new_session: bool,
    /// Whether the BMC has said that it has another list, which was not read to its end yet.
    is_outdated: bool,
    /// The sensors of the last list, if that is not in force and has to read the same once more.
    doubtful: Option<Vec<Arc<Known>>>,
    /// Readings in a row that were in doubt.
    doubts: u32,
    /// Sessions in a row that thresholds were asked for in and not told to the end.
    lost: u32,
}

#[derive(Debug)]
struct Last {
    /// What the BMC said of the list.
    stamp: Option<SdrStamp>,
    read: Instant,
    /// When the BMC was last asked whether it changed.
    checked: Instant,
}

impl Listing {
    pub(super) fn in_force(&self) -> Option<Arc<Repository>> {
        self.in_force.clone()
    }

    pub(super) fn session_opened(&mut self) {
        self.is_new_session = true;
    }

    /// The list that the BMC has with this stamp was read, and judged.
    fn was_read(&mut self, stamp: Option<SdrStamp>, at: Instant) {
        self.last = Some(Last { stamp, read: at, checked: at });
        (self.is_new_session, self.is_outdated) = (false, false);
    }

    /// Whether the BMC is asked for the thresholds in force, which it has to tell to the end: until
    /// [`Listing::told_thresholds`] it may die over them, or take too long. One that does has those of
    /// its records, and is asked once more with its next list.
    fn asks_for_thresholds(&mut self) -> bool {
        let asks = self.lost < MOST_LOST;
        self.lost = if asks { self.lost + 1 } else { MOST_LOST - 1 };
        asks
    }

    /// It did.
    fn told_thresholds(&mut self) {
        self.lost = 0;
    }

    /// Whether a list has to be read a second time, and when.
    fn is_in_doubt(&self) -> bool {
        self.doubtful.is_some() || !self.is_believed
    }

    /// How long after the last reading or asking the BMC is asked again.
    fn patience(&self) -> Duration {
        match self.doubts {
            0 => CHECK,
            1 => AGAIN,
            // A list that never reads the same twice is not worth the load.
            more => CHECK.saturating_mul(1 << (more - 2).min(6)).min(RELIST),
        }
    }

    /// Takes in a list, and says what becomes of it. `is_whole` says that it was read to its end.
    fn judge(&mut self, list: &mut SensorList, is_whole: bool) -> Judgement {
        let before = self.in_force.as_ref().map(|it| &it.list);
        let is_same = |known: &[Arc<Known>]| known == list.known;
        let reads_the_same = self.doubtful.as_deref().is_some_and(is_same)
            || before.is_some_and(|before| is_same(&before.known));
        if is_whole || reads_the_same {
            list.believe();
            return Judgement::Believed;
        }
        self.doubts = self.doubts.saturating_add(1);
        self.doubtful = self.is_believed.then(|| list.known.clone());
        if self.is_believed { Judgement::Refused } else { Judgement::Doubtful }
    }

    /// A list that was judged so is in force from now on. Not before that all doubt is over: a session
    /// that dies over its thresholds has to bring it once more.
    fn comes_into_force(&mut self, repository: Arc<Repository>, judged: Judgement) {
        self.in_force = Some(repository);
        if judged == Judgement::Believed {
            (self.doubtful, self.doubts, self.is_believed) = (None, 0, true);
        }
    }
}

/// What becomes of a list that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judgement {
    /// What was believed before stays in force.
    Refused,
    /// It is better than none.
    Doubtful,
    /// It is believed.
    Believed,
}

impl IpmiSession {
    /// The list: read anew whenever the BMC says that it changed, or does not say. What was read before
    /// stays in force while the BMC refuses.
    pub(super) async fn repository(&mut self) -> Result<Arc<Repository>, CommandError> {
        if let Some(unchanged) = self.unchanged().await? {
            return Ok(unchanged);
        }
        let read = self.session()?.read_sdr().await;
        self.count(Some(Command::Sdr));
        let read = match read {
            Ok(read) => read,
            Err(error) if error.ends_session() => return Err(error),
            Err(error) => return self.listing.in_force().ok_or(error),
        };
        let (stamp, read_at) = (read.stamp, Instant::now());
        let taken = self.take(read).await?;
        // Not before it is in force: the old list must not be taken for the one of this stamp.
        self.listing.was_read(stamp, read_at);
        Ok(taken)
    }

    /// The list in force, if it is still the BMC's.
    async fn unchanged(&mut self) -> Result<Option<Arc<Repository>>, CommandError> {
        let listing = &self.listing;
        let (Some(repository), Some(last)) = (listing.in_force(), &listing.last) else {
            return Ok(None);
        };
        if listing.is_outdated {
            return Ok(None);
        }
        let is_new = listing.is_new_session;
        if !is_new && last.checked.elapsed() < listing.patience() {
            return Ok(Some(repository));
        }
        if listing.is_in_doubt() && last.checked.elapsed() >= listing.patience() {
            return Ok(None);
        }
        let tells = last.stamp.is_some_and(|stamp| stamp.tells_changes());
        let is_old = last.read.elapsed() >= if is_new && !tells { RELIST / 6 } else { RELIST };
        // A session that did not end by itself may have ended with the BMC's memory.
        let may_be_another = is_new && self.bmc.module.interval < IDLE;
        if (is_old && (is_new || !tells)) || (may_be_another && !tells) {
            return Ok(None);
        }
        let stamp = last.stamp;
        let now = self.session()?.sdr_stamp(stamp).await;
        self.count(stamp.map(|_| Command::SdrRepositoryInfo));
        let is_same = match (stamp, now) {
            (_, Err(error)) if error.ends_session() => return Err(error),
            // A BMC that refuses to say it now has said it before; it is asked again after CHECK.
            (_, Err(_)) | (None, Ok(_)) => true,
            (Some(stamp), Ok(now)) => now.is_some_and(|now| now.is_of_the_list(&stamp)),
        };
        if !is_same || (is_new && !self.is_the_same_device().await?) {
            self.listing.is_outdated = true;
            return Ok(None);
        }
        if let Some(last) = &mut self.listing.last {
            last.checked = Instant::now();
        }
        self.listing.is_new_session = false;
        Ok(Some(repository))
    }

    /// Whether the BMC says of itself what it said before: new firmware has sensors of its own.
    async fn is_the_same_device(&mut self) -> Result<bool, CommandError> {
        let Some(before) = self.device.clone() else { return Ok(true) };
        let device = self.session()?.device_id().await;
        self.count(Some(Command::DeviceId));
        match device {
            Err(error) if error.ends_session() => Err(error),
            Err(_) => Ok(true),
            Ok(device) => {
                let is_same = device == before;
                self.device = Some(device);
                Ok(is_same)
            }
        }
    }

    /// Takes a list that was just read.
    async fn take(&mut self, read: SdrRepository) -> Result<Arc<Repository>, CommandError> {
        let bmc = Arc::clone(&self.bmc);
        let mut lister = Lister::new(&bmc.module.exclude_sensor_ids, &bmc.rise_limits);
        let asked = records::list(&read.records, &mut lister);
        let mut list = lister.finish(read.complete);
        list.records = Some(read.read);
        let (records, complete, left_out) = (read.read, read.complete, list.left_out);
        let counted = read.stamp.and_then(|stamp| stamp.record_count());
        drop(read);
        let judged = self.listing.judge(&mut list, complete);
        if judged == Judgement::Refused
            && let Some(before) = self.listing.in_force()
        {
            return Ok(before);
        }
        info!(target_name = bmc.name, records, complete, "SDR repository read");
        if self.listing.asks_for_thresholds() {
            self.thresholds_in_force(&asked.numbers, &mut list).await?;
            self.listing.told_thresholds();
        } else {
            warn!(
                target_name = bmc.name,
                "sessions end over thresholds: those of the records are taken"
            );
        }
        list.judge_thresholds();
        let repository = Repository { list: Arc::new(list), asked };
        // Read now and then, and nearly always the same: then what shares it goes on doing so.
        if let Some(same) = self.listing.in_force().filter(|it| **it == repository) {
            self.listing.comes_into_force(Arc::clone(&same), judged);
            return Ok(same);
        }
        if !complete {
            warn!(
                target_name = bmc.name,
                records, counted, "the list of sensors has no end or gaps"
            );
        } else if counted.is_some_and(|counted| counted < records) {
            warn!(target_name = bmc.name, records, counted, "more records than the BMC counts");
        }
        if left_out > 0 {
            warn!(target_name = bmc.name, left_out, "too many sensors");
        }
        let repository = shared(repository);
        self.listing.comes_into_force(Arc::clone(&repository), judged);
        Ok(repository)
    }

    /// Asks for the thresholds that are in force; they may differ from the records'. A BMC that does
    /// not say, or names none, has those of its records.
    async fn thresholds_in_force(
        &mut self,
        records: &[FullSensor],
        list: &mut SensorList,
    ) -> Result<(), CommandError> {
        let mut silent = 0;
        for (record, sensor) in records.iter().zip(&mut list.sensors) {
            if !record.is_threshold() {
                continue;
            }
            let answer = self.session()?.sensor_threshold_values(record).await;
            self.count(Some(Command::SensorThresholds));
            match answer {
                Ok(thresholds) => {
                    silent = 0;
                    if thresholds.iter().next().is_some() {
                        sensor.thresholds = records::in_force(record, &thresholds);
                    }
                }
                Err(error) if error.ends_session() => silent += 1,
                Err(_) => silent = 0,
            }
            if silent >= SILENT_SENSORS {
                self.sign_of_life().await?;
                silent = 0;
            }
        }
        Ok(())
    }
}

/// The lists in force, each once for all BMCs that have it.
static LISTS: Mutex<Shared<Repository>> = Mutex::new(Shared::new());

/// The list, or one that is equal to it.
fn shared(repository: Repository) -> Arc<Repository> {
    let mut hasher = DefaultHasher::new();
    repository.list.known.hash(&mut hasher);
    for sensor in &repository.list.sensors {
        for (_, limit) in &sensor.thresholds {
            limit.to_bits().hash(&mut hasher);
        }
    }
    // 0.0 and -0.0 are equal and differ here: then they are two.
    LISTS.lock().unwrap_or_else(PoisonError::into_inner).of(hasher.finish(), repository)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::Config;
    use crate::entity::Entity;
    use crate::source::samples::{Sdr, hd_max};

    fn list(names: &[&str], is_whole: bool) -> SensorList {
        let limits = BTreeMap::new();
        let mut lister = Lister::new(&[], &limits);
        for (id, name) in names.iter().enumerate() {
            lister.sensor(&id.to_string(), name, Entity::Other);
        }
        lister.finish(is_whole)
    }

    /// Whether the list came into force, and whether it is believed.
    fn judged(listing: &mut Listing, names: &[&str], is_whole: bool) -> (bool, bool) {
        let mut list = list(names, is_whole);
        let judged = listing.judge(&mut list, is_whole);
        let is_believed = list.complete;
        let is_in_force = judged != Judgement::Refused;
        if is_in_force {
            let (list, asked) = (Arc::new(list), Asked::default());
            listing.comes_into_force(Arc::new(Repository { list, asked }), judged);
        }
        (is_in_force, is_believed)
    }

    #[test]
    fn a_list_without_an_end_is_believed_when_it_reads_the_same_twice() {
        let mut listing = Listing::default();
        assert_eq!(judged(&mut listing, &["fan", "inlet"], false), (true, false));
        assert_eq!((listing.is_in_doubt(), listing.patience()), (true, AGAIN));
        assert_eq!(judged(&mut listing, &["fan", "inlet"], false), (true, true));
        assert_eq!((listing.is_in_doubt(), listing.patience()), (false, CHECK));
        // Then a sensor vanishes from it.
        assert_eq!(judged(&mut listing, &["inlet"], false), (false, false));
        assert_eq!(listing.patience(), AGAIN);
        assert_eq!(judged(&mut listing, &["inlet"], false), (true, true));
    }

    #[test]
    fn what_is_believed_stays_in_force_until_another_list_is() {
        let mut listing = Listing::default();
        assert_eq!(judged(&mut listing, &["fan", "inlet"], true), (true, true));
        for (other, doubts) in [("a", 1), ("b", 2), ("c", 3)] {
            assert_eq!(judged(&mut listing, &[other], false), (false, false));
            assert_eq!(listing.doubts, doubts);
        }
        assert_eq!(listing.in_force().unwrap().list.known.len(), 2);
        // A gap that closes again.
        assert_eq!(judged(&mut listing, &["fan", "inlet"], false), (true, true));
        assert_eq!(judged(&mut listing, &["inlet"], true), (true, true));
    }

    #[tokio::test]
    async fn a_list_that_did_not_come_into_force_leaves_no_stamp_behind() {
        let stamp = |erased| {
            SdrStamp::Repository(ipmi_lan::sdr::SdrRepositoryInfo {
                record_count: 2,
                free_space: 0,
                last_addition: 7,
                last_erase: erased,
                operations: 2,
            })
        };
        let mut listing = Listing::default();
        let last = |it: &Listing| it.last.as_ref().and_then(|last| last.stamp);
        judged(&mut listing, &["fan", "inlet"], true);
        listing.was_read(Some(stamp(1)), Instant::now());
        // It changed, is read and judged, and the session dies over its thresholds.
        listing.is_outdated = true;
        assert_eq!(listing.judge(&mut list(&["inlet"], true), true), Judgement::Believed);
        assert_eq!(
            (last(&listing), listing.in_force().unwrap().list.known.len()),
            (Some(stamp(1)), 2)
        );
        listing.session_opened();
        assert!(listing.is_outdated);
        judged(&mut listing, &["inlet"], true);
        listing.was_read(Some(stamp(2)), Instant::now());
        assert_eq!((last(&listing), listing.is_outdated), (Some(stamp(2)), false));
    }

    #[test]
    fn a_list_without_an_end_is_in_doubt_until_it_is_in_force() {
        let mut listing = Listing::default();
        judged(&mut listing, &["fan", "inlet"], true);
        assert_eq!(judged(&mut listing, &["inlet"], false), (false, false));
        // It reads the same, and the session dies over its thresholds.
        for _ in 0..2 {
            let judged = listing.judge(&mut list(&["inlet"], false), false);
            assert_eq!(judged, Judgement::Believed);
            assert_eq!((listing.is_in_doubt(), listing.patience()), (true, AGAIN));
        }
        assert_eq!(judged(&mut listing, &["inlet"], false), (true, true));
        assert_eq!((listing.is_in_doubt(), listing.patience()), (false, CHECK));
    }

    #[test]
    fn a_bmc_that_dies_over_its_thresholds_has_a_list_nevertheless() {
        let mut listing = Listing::default();
        for _ in 0..MOST_LOST {
            assert!(listing.asks_for_thresholds());
        }
        assert!(!listing.asks_for_thresholds());
        // With its next list it is asked once more.
        assert!(listing.asks_for_thresholds());
        assert!(!listing.asks_for_thresholds());
        assert!(listing.asks_for_thresholds());
        listing.told_thresholds();
        assert_eq!(listing.lost, 0);
    }

    #[tokio::test]
    async fn a_list_comes_into_force_by_its_own_thresholds_when_sessions_end_over_others() {
        let text =
            "modules: { default: { user: u, pass: p } }\ntargets: [ { name: a, address: b } ]\n";
        let config: Config = exporter_kit::parse(text, "ipmi.yml").unwrap();
        let bmc = config.wanted(&[]).0.into_values().next().unwrap().work;
        // A session that has ended answers nothing.
        let mut session = IpmiSession::new(bmc);
        let other = Sdr { number: 6, name: "06-Chipset", ..hd_max() };
        let records = [hd_max().records(), other.records()].concat();
        let read =
            || SdrRepository { stamp: None, records: records.clone(), read: 2, complete: true };
        for _ in 0..MOST_LOST {
            assert_eq!(session.take(read()).await, Err(CommandError::SessionLost));
            assert!(session.listing.in_force().is_none());
        }
        let taken = session.take(read()).await.unwrap();
        let thresholds: Vec<_> = taken.list.sensors.iter().map(|it| it.thresholds.len()).collect();
        assert_eq!(thresholds, [1, 1]);
        assert_eq!(session.listing.in_force(), Some(taken));
    }

    #[test]
    fn a_list_that_never_reads_the_same_is_read_less_and_less() {
        let mut listing = Listing::default();
        let waits: Vec<_> = (0..12)
            .map(|turn| {
                judged(&mut listing, &[&turn.to_string()], false);
                listing.patience().as_secs()
            })
            .collect();
        assert_eq!(waits[..4], [5, 60, 120, 240]);
        assert_eq!(waits[11], 3600);
    }
}
