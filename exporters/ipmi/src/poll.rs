//! One BMC, polled for ever over one session that is kept.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use exporter_kit::Rounds;
use ipmi_lan::sdr::SdrRepositoryInfo;
use ipmi_lan::sensor::ReadingError;
use ipmi_lan::{
    CommandError, Counters, Credentials, Options, Password, SensorId, Session, SessionError,
};
use tokio::sync::MutexGuard;
use tokio::time::{Instant, timeout};
use tracing::{debug, info};

use crate::backoff::BackOff;
use crate::command::Kind;
use crate::config::{Address, Bmc, Privilege};
use crate::inventory::Known;
use crate::outcome::{PollFailure, ReadFailure};
use crate::sensor::{Quantity, Reading, Sensor, Sensors};
use crate::slew::Window;
use crate::slow::Turns;
use crate::state::{BmcState, Repository, Snapshot, Value};

mod slow;

/// How often the BMC is asked whether its SDR repository changed.
const CHECK: Duration = Duration::from_secs(60);
/// Reading the whole repository takes minutes on the slowest BMCs that were reported.
const LONGEST_SDR: Duration = Duration::from_secs(180);
/// Sensors that do not answer, one after the other, after which it may be the session that is dead.
const SILENT_SENSORS: usize = 2;

/// Polls `state`'s BMC at its interval and records every poll.
pub(crate) async fn run(state: Arc<BmcState>, rounds: Rounds) {
    let mut poller = Poller::new(&state);
    let interval = state.bmc.module.interval;
    let mut ticks = rounds.every(interval, &state.bmc.name);
    loop {
        ticks.next().await;
        // Apart, so that a BMC holds the memory of a poll only while it is polled.
        Box::pin(poller.poll()).await;
    }
}

/// What one poll leaves to the next.
struct Poller<'a> {
    state: &'a BmcState,
    /// `None` until a session was opened; survives the session.
    repository: Option<Arc<Repository>>,
    /// What the BMC said of its repository when that was read, and when it was last asked.
    info: Option<(SdrRepositoryInfo, Instant)>,
    windows: HashMap<Arc<Known>, Window>,
    /// Of the sensors that failed when they were last asked.
    back_offs: HashMap<SensorId, BackOff>,
    /// How often the device of a BMC was silent when it was opened.
    silence: BackOff,
    turns: Turns,
    /// The sensor that a poll which ran out of time begins the next one with.
    first: usize,
    /// What the session had counted when it was last asked.
    counted: Counters,
    began: Instant,
}

impl<'a> Poller<'a> {
    fn new(state: &'a BmcState) -> Self {
        Self {
            state,
            repository: None,
            info: None,
            windows: HashMap::new(),
            back_offs: HashMap::new(),
            silence: BackOff::default(),
            turns: Turns::default(),
            first: 0,
            counted: Counters::default(),
            began: Instant::now(),
        }
    }

    async fn poll(&mut self) {
        let started = Instant::now();
        let mut session = self.state.session.lock().await;
        let was_open = session.is_some();
        let mut outcome = self.attempt(&mut session).await;
        if was_open && outcome.as_ref().is_err_and(|failure| failure.is_of_the_session()) {
            debug!(target_name = self.state.bmc.name, "session lost");
            outcome = self.attempt(&mut session).await;
        }
        let well = outcome.is_ok();
        self.state.record(outcome, started.elapsed());
        match session.as_mut().filter(|_| well) {
            Some(open) => self.ask_slowly(open, started + self.state.bmc.module.interval).await,
            None => self.turns.start_over(),
        }
    }

    /// One poll over the session there is, or a new one. A session in doubt is dropped, which tells
    /// the BMC to forget it.
    async fn attempt(
        &mut self,
        session: &mut MutexGuard<'_, Option<Session>>,
    ) -> Result<Snapshot, PollFailure> {
        let mut open = match session.take() {
            Some(open) => open,
            None => self.open().await?,
        };
        let outcome = self.snapshot(&mut open).await;
        let now = open.counters();
        self.state.traffic(self.counted, now, None);
        self.counted = now;
        // A BMC that refuses would refuse in a new session too.
        if matches!(outcome, Ok(_) | Err(PollFailure::Command(CommandError::Completion(_)))) {
            **session = Some(open);
        }
        outcome
    }

    async fn open(&mut self) -> Result<Session, PollFailure> {
        let session = match &self.state.bmc.address {
            Address::Lan { host, port } => self.log_in(host, *port).await?,
            Address::Device(path) => self.open_device(path).await?,
        };
        let logged_in = session.counters();
        self.state.traffic(Counters::default(), logged_in, None);
        self.counted = logged_in;
        self.info = None;
        Ok(session)
    }

    async fn log_in(&self, host: &str, port: u16) -> Result<Session, PollFailure> {
        let bmc = &self.state.bmc;
        let address = resolve(host, port).await?;
        let credentials = credentials(bmc).map_err(PollFailure::Session)?;
        let opened = Session::open(address, &credentials, &options(bmc)).await;
        opened.map_err(|error| self.refused(error))
    }

    /// A request that a hanging BMC leaves unanswered stays queued in the kernel, so that one which
    /// goes on hanging is asked less and less often.
    async fn open_device(&mut self, path: &Path) -> Result<Session, PollFailure> {
        if !self.silence.is_due(self.began.elapsed()) {
            return Err(PollFailure::Session(SessionError::NoAnswer));
        }
        let opened = Session::open_in_band(path, &options(&self.state.bmc)).await;
        match opened {
            Err(SessionError::NoAnswer) => self.silence.failed(self.began.elapsed()),
            _ => self.silence.succeeded(),
        }
        opened.map_err(|error| self.refused(error))
    }

    /// Counts a session that was asked for and could not be opened.
    fn refused(&self, error: SessionError) -> PollFailure {
        self.state.refused(error);
        PollFailure::Session(error)
    }

    /// Counts what was just sent as commands of one kind.
    fn count(&mut self, session: &Session, kind: Kind) {
        let now = session.counters();
        self.state.traffic(self.counted, now, Some(kind));
        self.counted = now;
    }

    async fn snapshot(&mut self, session: &mut Session) -> Result<Snapshot, PollFailure> {
        let repository = timeout(LONGEST_SDR, self.repository(session))
            .await
            .map_err(|_| PollFailure::Deadline)?
            .map_err(PollFailure::Command)?;
        let outcomes = self.readings(session, &repository).await.map_err(PollFailure::Command)?;
        Ok(Snapshot { repository, outcomes })
    }

    /// The repository: read anew in a new session and whenever the BMC says that it changed. What was
    /// read before stays in force while the BMC refuses, or gives a list with holes.
    async fn repository(&mut self, session: &mut Session) -> Result<Arc<Repository>, CommandError> {
        if let Some(unchanged) = self.unchanged(session).await? {
            return Ok(unchanged);
        }
        let read = session.read_sdr().await;
        self.count(session, Kind::Sdr);
        let read = match read {
            Ok(read) => read,
            Err(error) if error.ends_session() => return Err(error),
            Err(error) => return self.repository.clone().ok_or(error),
        };
        self.info = Some((read.info, Instant::now()));
        if let Some(whole) = self.repository.as_ref().filter(|it| it.complete && !read.complete) {
            return Ok(Arc::clone(whole));
        }
        let bmc = &self.state.bmc;
        let mut sensors =
            Sensors::of(&read.records, &bmc.module.exclude_sensor_ids, &bmc.rise_limits);
        self.thresholds_in_force(session, &mut sensors.read).await?;
        let (records, complete) = (read.read, read.complete);
        info!(target_name = bmc.name, records, complete, "SDR repository read");
        let repository = Repository { sensors, records, complete };
        // Read in each new session, and nearly always the same: then what shares it goes on doing so.
        if let Some(same) = self.repository.as_ref().filter(|it| ***it == repository) {
            return Ok(Arc::clone(same));
        }
        let repository = Arc::new(repository);
        self.repository = Some(Arc::clone(&repository));
        Ok(repository)
    }

    /// The repository as it was read, if it is still the BMC's.
    async fn unchanged(
        &mut self,
        session: &mut Session,
    ) -> Result<Option<Arc<Repository>>, CommandError> {
        let (Some(repository), Some((info, asked))) = (self.repository.clone(), self.info) else {
            return Ok(None);
        };
        if asked.elapsed() >= CHECK {
            let answer = session.sdr_repository_info().await;
            self.count(session, Kind::SdrRepositoryInfo);
            match answer {
                Ok(now) if now != info || !repository.complete => return Ok(None),
                Err(error) if error.ends_session() => return Err(error),
                // A BMC that does not want to say has said it before.
                Ok(_) | Err(_) => self.info = Some((info, Instant::now())),
            }
        }
        Ok(Some(repository))
    }

    /// Asks for the thresholds that are in force. A BMC that does not say has those of its records.
    async fn thresholds_in_force(
        &mut self,
        session: &mut Session,
        sensors: &mut [Sensor],
    ) -> Result<(), CommandError> {
        let mut silent = 0;
        for sensor in sensors.iter_mut().filter(|it| it.record.is_threshold()) {
            let answer = session.sensor_threshold_values(&sensor.record).await;
            self.count(session, Kind::SensorThresholds);
            match answer {
                Ok(in_force) => sensor.take_thresholds(&in_force),
                Err(error) if error.ends_session() => silent += 1,
                Err(_) => {}
            }
            if silent >= SILENT_SENSORS {
                return self.sign_of_life(session).await;
            }
        }
        Ok(())
    }

    /// Reads every sensor once, as far as the time allows.
    async fn readings(
        &mut self,
        session: &mut Session,
        repository: &Repository,
    ) -> Result<Vec<Result<Value, ReadFailure>>, CommandError> {
        let sensors = &repository.sensors.read;
        let deadline = Instant::now() + cycle(&self.state.bmc);
        let mut outcomes = vec![Err(ReadFailure::Deadline); sensors.len()];
        let mut silent = 0;
        let first = self.first.checked_rem(sensors.len()).unwrap_or(0);
        self.first = 0;
        for place in (0..sensors.len()).map(|step| (first + step) % sensors.len()) {
            if Instant::now() >= deadline {
                self.first = place;
                break;
            }
            let sensor = &sensors[place];
            let back_off = self.back_offs.get(&sensor.id);
            if back_off.is_some_and(|it| !it.is_due(self.began.elapsed())) {
                outcomes[place] = Err(ReadFailure::BackOff);
                continue;
            }
            let outcome = self.reading(session, sensor).await;
            match outcome {
                Err(
                    ReadingError::Timeout | ReadingError::Unreachable | ReadingError::SessionLost,
                ) => silent += 1,
                _ => silent = 0,
            }
            if silent >= SILENT_SENSORS {
                self.sign_of_life(session).await?;
                silent = 0;
            }
            outcomes[place] = self.judged(sensor, outcome);
        }
        if outcomes.iter().all(Result::is_err) {
            self.sign_of_life(session).await?;
        }
        Ok(outcomes)
    }

    /// Reads one sensor, another controller's over the bridge, a non-linear one with its factors.
    async fn reading(
        &mut self,
        session: &mut Session,
        sensor: &Sensor,
    ) -> Result<Reading, ReadingError> {
        let raw = session.reading_of(&sensor.record).await;
        self.count(session, Kind::SensorReading);
        let raw = raw?;
        if !sensor.record.is_non_linear() || raw.usable().is_err() {
            return sensor.reading(raw);
        }
        let factors = session.factors_of(&sensor.record, raw.value).await;
        self.count(session, Kind::SensorReadingFactors);
        sensor.reading_by_factors(raw, &factors?)
    }

    fn judged(
        &mut self,
        sensor: &Sensor,
        outcome: Result<Reading, ReadingError>,
    ) -> Result<Value, ReadFailure> {
        match outcome {
            Ok(reading) => {
                self.back_offs.remove(&sensor.id);
                Ok(self.value(sensor, reading))
            }
            Err(error) => {
                let failure = ReadFailure::from(error);
                if failure.is_costly() {
                    let now = self.began.elapsed();
                    self.back_offs.entry(sensor.id).or_default().failed(now);
                }
                Err(failure)
            }
        }
    }

    fn value(&mut self, sensor: &Sensor, reading: Reading) -> Value {
        let slew = (sensor.quantity == Quantity::Temperature).then(|| {
            let now = self.began.elapsed();
            if let Some(window) = self.windows.get_mut(&sensor.known) {
                return window.push(now, reading.value);
            }
            let window = self.windows.entry(Arc::clone(&sensor.known)).or_default();
            window.push(now, reading.value)
        });
        Value { reading, slew }
    }

    /// Tells a session that is dead from sensors that are: any answer will do.
    async fn sign_of_life(&mut self, session: &mut Session) -> Result<(), CommandError> {
        let answer = session.device_id().await;
        self.count(session, Kind::DeviceId);
        match answer {
            Err(error) if error.ends_session() => Err(error),
            _ => Ok(()),
        }
    }
}

async fn resolve(host: &str, port: u16) -> Result<SocketAddr, PollFailure> {
    let found = tokio::net::lookup_host((host, port)).await;
    found.ok().and_then(|mut found| found.next()).ok_or(PollFailure::Resolve)
}

fn credentials(bmc: &Bmc) -> Result<Credentials, SessionError> {
    let password = Password::new(bmc.module.password.expose());
    let password = password.map_err(|_| SessionError::Credentials)?;
    let k_g = bmc.module.k_g_bytes().map(Password::new).transpose();
    let k_g = k_g.map_err(|_| SessionError::Credentials)?;
    Ok(Credentials { user: bmc.module.user.clone(), password, k_g })
}

fn options(bmc: &Bmc) -> Options {
    Options {
        privilege: match bmc.module.privilege {
            Privilege::User => ipmi_lan::Privilege::User,
            Privilege::Operator => ipmi_lan::Privilege::Operator,
            Privilege::Admin => ipmi_lan::Privilege::Administrator,
        },
        timeout: bmc.module.timeout,
        retries: u32::from(bmc.module.retries),
        suites: bmc.module.suites.clone(),
        ignore_scanning_disabled: bmc.module.ignore_scanning_disabled,
        bridge_sensors: bmc.module.bridge_sensors,
        workarounds: bmc.module.workarounds.clone(),
    }
}

/// How long the readings of one poll may take together. A BMC with many sensors and slow answers
/// costs rounds; what is read later than this is left to the next one.
fn cycle(bmc: &Bmc) -> Duration {
    bmc.module.interval.max(Duration::from_secs(5)) * 2
}
