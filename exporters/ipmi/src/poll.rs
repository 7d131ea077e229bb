//! One BMC, polled for ever over one session that is kept.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use exporter_kit::Rounds;
use ipmi_lan::sdr::SdrRepositoryInfo;
use ipmi_lan::{
    CommandError, Counters, Credentials, Options, Password, SensorId, Session, SessionError,
};
use tokio::sync::MutexGuard;
use tokio::time::{Instant, timeout};
use tracing::{debug, info};

use crate::backoff::BackOff;
use crate::config::{Address, Bmc, Privilege};
use crate::failure::{PollFailure, ReadFailure};
use crate::sensor::{Quantity, Reading, Sensor, Sensors};
use crate::slew::Window;
use crate::state::{BmcState, Repository, Snapshot, Value};

/// How often the BMC is asked whether its SDR repository changed.
const CHECK: Duration = Duration::from_secs(60);
/// Reading the whole repository takes minutes on the slowest BMCs that were reported.
const LONGEST_SDR: Duration = Duration::from_secs(180);
/// Sensors that do not answer, one after the other, after which it is the session that is dead.
const SILENT_SENSORS: usize = 2;

/// Polls `state`'s BMC at its interval and records every poll.
pub(crate) async fn run(state: Arc<BmcState>, rounds: Rounds) {
    let mut poller = Poller::new(&state);
    let interval = state.bmc.module.interval;
    let mut ticks = rounds.every(interval, &state.bmc.name);
    loop {
        ticks.next().await;
        poller.poll().await;
    }
}

/// What one poll leaves to the next.
struct Poller<'a> {
    state: &'a BmcState,
    /// `None` until a session was opened; survives the session.
    repository: Option<Arc<Repository>>,
    /// What the BMC said of its repository when that was read, and when it was last asked.
    info: Option<(SdrRepositoryInfo, Instant)>,
    windows: HashMap<(SensorId, String), Window>,
    back_offs: HashMap<SensorId, BackOff>,
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
        drop(session);
        self.state.record(outcome, started.elapsed());
    }

    /// One poll over the session there is, or a new one. A session that failed is dropped, which
    /// tells the BMC to forget it.
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
        self.state.traffic(self.counted, now);
        self.counted = now;
        if outcome.is_ok() {
            **session = Some(open);
        }
        outcome
    }

    async fn open(&mut self) -> Result<Session, PollFailure> {
        let bmc = &self.state.bmc;
        let address = resolve(&bmc.address).await?;
        let credentials = credentials(bmc).map_err(PollFailure::Session)?;
        let opened = Session::open(address, &credentials, &options(bmc)).await;
        let session = opened.map_err(PollFailure::Session)?;
        self.counted = Counters::default();
        self.info = None;
        Ok(session)
    }

    async fn snapshot(&mut self, session: &mut Session) -> Result<Snapshot, PollFailure> {
        let repository = timeout(LONGEST_SDR, self.repository(session))
            .await
            .map_err(|_| PollFailure::Deadline)?
            .map_err(PollFailure::Command)?;
        let outcomes = self.readings(session, &repository).await.map_err(PollFailure::Command)?;
        Ok(Snapshot { repository, outcomes })
    }

    /// The repository: read anew in a new session and whenever the BMC says that it changed.
    async fn repository(&mut self, session: &mut Session) -> Result<Arc<Repository>, CommandError> {
        if let (Some(repository), Some((info, asked))) = (&self.repository, self.info) {
            if asked.elapsed() < CHECK {
                return Ok(Arc::clone(repository));
            }
            if repository.complete && session.sdr_repository_info().await? == info {
                self.info = Some((info, Instant::now()));
                return Ok(Arc::clone(repository));
            }
        }
        let read = session.read_sdr().await?;
        self.info = Some((read.info, Instant::now()));
        // A list with holes is better than none, but must not take the place of a whole one.
        if let Some(whole) = self.repository.as_ref().filter(|it| it.complete && !read.complete) {
            return Ok(Arc::clone(whole));
        }
        let module = &self.state.bmc.module;
        let mut sensors =
            Sensors::of(&read.records, &module.exclude_sensor_ids, &self.state.bmc.rise_limits);
        for sensor in sensors.read.iter_mut().filter(|it| it.quantity == Quantity::Temperature) {
            thresholds_in_force(session, sensor).await?;
        }
        info!(
            target_name = self.state.bmc.name,
            records = read.read,
            sensors = sensors.read.len(),
            complete = read.complete,
            "SDR repository read"
        );
        let repository =
            Arc::new(Repository { sensors, records: read.read, complete: read.complete });
        self.repository = Some(Arc::clone(&repository));
        Ok(repository)
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
            let back_off = self.back_offs.entry(sensor.id).or_default();
            if !back_off.is_due(self.began.elapsed()) {
                outcomes[place] = Err(ReadFailure::BackOff);
                continue;
            }
            let raw = session.sensor_reading(sensor.id).await;
            silent = match raw {
                Err(error) if error.ends_session() => silent + 1,
                _ => 0,
            };
            match raw {
                Err(error @ CommandError::SessionLost) => return Err(error),
                Err(error) if silent >= SILENT_SENSORS => return Err(error),
                _ => {}
            }
            let outcome = raw.map_err(Into::into).and_then(|raw| sensor.reading(raw));
            outcomes[place] = match outcome.map_err(ReadFailure::from) {
                Ok(reading) => {
                    back_off.succeeded();
                    Ok(self.value(sensor, reading))
                }
                Err(failure) => {
                    if failure.is_costly() {
                        back_off.failed(self.began.elapsed());
                    }
                    Err(failure)
                }
            };
        }
        // The only sensor, or the last one: nothing answered after it, so the session is in doubt.
        if silent > 0 && outcomes.iter().all(Result::is_err) {
            return Err(CommandError::Timeout);
        }
        Ok(outcomes)
    }

    fn value(&mut self, sensor: &Sensor, reading: Reading) -> Value {
        let slew = (sensor.quantity == Quantity::Temperature).then(|| {
            let key = (sensor.id, sensor.known.name.clone());
            let window = self.windows.entry(key).or_default();
            window.push(self.began.elapsed(), reading.value)
        });
        Value { reading, slew }
    }
}

/// A BMC that does not say which thresholds are in force has those of its record.
async fn thresholds_in_force(
    session: &mut Session,
    sensor: &mut Sensor,
) -> Result<(), CommandError> {
    match session.sensor_thresholds(sensor.id).await {
        Ok(raw) => sensor.take_thresholds(&raw),
        Err(error) if error.ends_session() => return Err(error),
        Err(_) => {}
    }
    Ok(())
}

async fn resolve(address: &Address) -> Result<SocketAddr, PollFailure> {
    let found = tokio::net::lookup_host((address.host.as_str(), address.port)).await;
    found.ok().and_then(|mut found| found.next()).ok_or(PollFailure::Resolve)
}

fn credentials(bmc: &Bmc) -> Result<Credentials, SessionError> {
    let password = Password::new(bmc.module.password.expose());
    let password = password.map_err(|_| SessionError::Credentials)?;
    Ok(Credentials { user: bmc.module.user.clone(), password, k_g: None })
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
        ..Options::default()
    }
}

/// How long the readings of one poll may take together. A BMC with many sensors and slow answers
/// costs rounds; what is read later than this is left to the next one.
fn cycle(bmc: &Bmc) -> Duration {
    bmc.module.interval.max(Duration::from_secs(5)) * 2
}
