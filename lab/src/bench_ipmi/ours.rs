//! Our client: one session kept with each BMC, its 16 sensors read once an interval.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use ipmi_lan::sdr::Record;
use ipmi_lan::{Credentials, Password, Session};
use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::bmcs::{self, Bmcs, PASSWORD, USER};
use super::{Options, Outcome, Tally, usage};

/// So many log-ins at a time: they are not what is measured.
const LOGINS: usize = 50;

/// Logs in everywhere, then polls and measures.
pub(super) async fn measure(bmcs: &Bmcs, options: &Options) -> anyhow::Result<Outcome> {
    let count = bmcs.count();
    let credentials = Arc::new(Credentials {
        user: USER.into(),
        password: Password::new(PASSWORD).context("the password is short")?,
        k_g: None,
    });
    let logins = Arc::new(Semaphore::new(LOGINS));
    // All BMCs and the one who measures.
    let start = Arc::new(Barrier::new(count + 1));
    let end = Arc::new(Barrier::new(count + 1));
    let mut tasks = JoinSet::new();
    let (interval, rounds) = (options.interval, options.rounds);
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
    let pid = std::process::id();
    start.wait().await;
    let before = usage::cpu_seconds(pid)?;
    end.wait().await;
    let cpu = usage::cpu_seconds(pid)? - before;
    let memory = usage::resident_megabytes(pid)?;
    let mut all = Tally::default();
    while let Some(tally) = tasks.join_next().await {
        all.add(tally.context("a poller panicked")?);
    }
    Ok(all.outcome("ours", count, cpu, memory))
}

async fn open(
    address: SocketAddr,
    credentials: &Credentials,
) -> anyhow::Result<(Session, Vec<Record>)> {
    let mut session = Session::open(address, credentials, &ipmi_lan::Options::default()).await?;
    let list = session.read_sdr().await?;
    let (complete, found) = (list.complete, list.records.len());
    if !complete || found != 16 {
        bail!("{found} records, complete: {complete}");
    }
    Ok((session, list.records))
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
    match record {
        Record::Full(sensor) => {
            let reading = session.sensor_reading(sensor.id).await.ok()?;
            let value = sensor.value(&reading).ok()?;
            Some(bmcs::is_right(value, bmcs::expected(index, &sensor.name)?))
        }
        Record::Compact(sensor) => {
            let reading = session.sensor_reading(sensor.id).await.ok()?;
            // Both that are left have state 0 and no other.
            Some(sensor.states(&reading)? == 1)
        }
        _ => None,
    }
}
