//! Our client: one session kept with each BMC, its 16 sensors read once an interval.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use ipmi_lan::sdr::{Record, SdrRepository};
use ipmi_lan::sensor::RawReading;
use ipmi_lan::{Credentials, Password, Session};
use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::Options;
use super::bmcs::{self, Bmcs, PASSWORD, USER};
use super::tally::{OURS, Tally};
use crate::bench::report::Row;
use crate::bench::usage::{Spent, Watch};

/// So many log-ins at a time: they are not what is measured.
pub(super) const LOGINS: usize = 50;
/// What is in the repository of each BMC: a record a sensor.
const RECORDS: usize = 16;

/// Logs in everywhere, then polls and measures.
pub(super) async fn measure(bmcs: &Bmcs, options: &Options) -> anyhow::Result<Row> {
    let count = bmcs.count();
    let credentials = Arc::new(credentials()?);
    let logins = Arc::new(Semaphore::new(LOGINS));
    // All BMCs and the one who measures.
    let start = Arc::new(Barrier::new(count + 1));
    let end = Arc::new(Barrier::new(count + 1));
    let mut tasks = JoinSet::new();
    let (interval, rounds) = (options.interval(), options.rounds);
    for index in 0..count {
        let address = bmcs.address(index);
        let (credentials, logins) = (Arc::clone(&credentials), Arc::clone(&logins));
        let (start, end) = (Arc::clone(&start), Arc::clone(&end));
        // Spread over the interval.
        let offset = interval.mul_f64(index as f64 / count as f64);
        tasks.spawn(async move {
            let opened = {
                let _permit = logins.acquire().await;
                open(address, &credentials).await
            };
            start.wait().await;
            let first = Instant::now() + offset;
            match opened {
                Ok((session, records)) => {
                    let bmc = Bmc { index, session, records };
                    bmc.poll(first, interval, rounds, &end).await
                }
                Err(error) => {
                    tracing::warn!(%address, error = format!("{error:#}"), "no session");
                    end.wait().await;
                    Tally { failed: u64::from(rounds), ..Tally::default() }
                }
            }
        });
    }
    let (tally, used) = watch(&start, &end, options, tasks).await?;
    Ok(tally.row((OURS, "ipmi"), count, tally.took.len() as f64, &used))
}

/// What this process takes from the start of all pollers to their end, and what they found.
pub(super) async fn watch(
    start: &Barrier,
    end: &Barrier,
    options: &Options,
    mut pollers: JoinSet<Tally>,
) -> anyhow::Result<(Tally, Spent)> {
    let pid = std::process::id();
    start.wait().await;
    let watch = Watch::start(pid)?;
    end.wait().await;
    let mut used = watch.end()?;
    // To the last poll's own end of its interval.
    used.seconds = used.seconds.max((options.interval() * options.rounds).as_secs_f64());
    let mut all = Tally::default();
    while let Some(tally) = pollers.join_next().await {
        all.add(tally.context("a poller panicked")?);
    }
    Ok((all, used))
}

pub(super) fn credentials() -> anyhow::Result<Credentials> {
    let password = Password::new(PASSWORD).context("the password is short")?;
    Ok(Credentials { user: USER.into(), password, k_g: None })
}

async fn open(
    address: SocketAddr,
    credentials: &Credentials,
) -> anyhow::Result<(Session, Vec<Record>)> {
    let mut session = Session::open(address, credentials, &ipmi_lan::Options::default()).await?;
    let list = session.read_sdr().await?;
    ensure!(is_whole(&list), "{} records, complete: {}", list.records.len(), list.complete);
    Ok((session, list.records))
}

/// Whether these are the records of all sensors.
pub(super) fn is_whole(list: &SdrRepository) -> bool {
    list.complete && list.records.len() == RECORDS
}

/// A BMC that is logged in to.
struct Bmc {
    index: usize,
    session: Session,
    records: Vec<Record>,
}

impl Bmc {
    async fn poll(
        mut self,
        first: Instant,
        interval: Duration,
        rounds: u32,
        end: &Barrier,
    ) -> Tally {
        let mut tally = Tally::default();
        for round in 0..rounds {
            sleep_until(first + interval * round).await;
            let began = Instant::now();
            let mut whole = true;
            for record in &self.records {
                match read(&mut self.session, self.index, record).await {
                    Some(true) => {}
                    Some(false) => tally.wrong += 1,
                    None => whole = false,
                }
            }
            tally.took.push(began.elapsed());
            tally.failed += u64::from(!whole);
        }
        end.wait().await;
        self.session.close().await;
        tally
    }
}

/// Whether the value is right; none when there is no value.
async fn read(session: &mut Session, index: usize, record: &Record) -> Option<bool> {
    let reading = session.sensor_reading(record.sensor_id()?).await.ok()?;
    is_right(index, record, reading)
}

/// Whether a BMC's reading is the script's; none when it is no value.
pub(super) fn is_right(index: usize, record: &Record, reading: RawReading) -> Option<bool> {
    match record {
        Record::Full(sensor) => {
            let value = sensor.value(&reading).ok()?;
            Some(bmcs::is_right(value, bmcs::expected(index, &sensor.name)?))
        }
        // Both that are left have state 0 and no other.
        Record::Compact(sensor) => Some(sensor.states(&reading)? == 1),
        _ => None,
    }
}
