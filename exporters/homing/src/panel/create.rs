//! Measurements that are begun at Globalping, of addresses of one's own: within its limits, one after the other, and given up.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::http::{HeaderMap, StatusCode, header};
use exporter_kit::discovery::{HttpClient, HttpSd};
use exporter_kit::{LabelEnum as _, Rounds, off_the_thread};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::debug;

use super::budget::{self, Budget};
use super::fetch::{Known, grow_old, tell};
use super::globalping::{self, Limits, Measurement, Progress, Results};
use super::state::Panel;
use crate::clock::since_epoch;
use crate::config::{EVALUATION, Own, PanelWork, plain};
use crate::etag::{self, Came, Document};
use crate::failure::Failure;
use crate::outcome::{Fetch, Unused};
use crate::state::Evaluations;

/// Bytes of one answer: a dozen probes, each with what its ping printed.
const LARGEST: u64 = 1 << 20;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait after an answer before the next request, at first and at most: half a second at least is asked for.
const WAIT: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(3));
/// A measurement is over after half a minute by its own clock; one that is not by then never will be.
const GIVE_UP: Duration = Duration::from_secs(60);
/// Addresses of an endpoint that are measured, in turn.
const MOST_ADDRESSES: usize = 4;
/// So long an evaluation may need before it says which addresses there are.
const EVALUATED: Duration = Duration::from_secs(150);
/// Probes are chosen anew when more than a third of them say nothing.
const MOST_GONE: u64 = 3;

/// One endpoint's measurements.
struct Maker {
    own: Own,
    work: PanelWork,
    budget: Arc<Budget>,
    /// The measurement whose probes are asked again, for IPv6 or not: not every probe has both.
    same_as: BTreeMap<bool, String>,
    made: u64,
    /// When it can be within the limits again, after it was not.
    again: Option<Instant>,
}

/// Measures at the interval of the config.
pub(crate) async fn run(
    panel: Arc<Panel>,
    work: PanelWork,
    own: Own,
    rounds: Rounds,
    evaluations: Arc<Evaluations>,
    budget: Arc<Budget>,
) {
    let mut rounds = rounds.every(work.interval, &format!("homing/panel/{}", panel.name));
    let interval = work.interval;
    budget.is_of(&work.settings);
    let mut maker = Maker { own, work, budget, same_as: BTreeMap::new(), made: 0, again: None };
    let mut results: BTreeMap<IpAddr, Results> = BTreeMap::new();
    let (mut turn, mut max_age) = (0, interval * 2);
    loop {
        let again = maker.again.take();
        if let Some(at) = again {
            // The turn is that of the address that could not be measured.
            sleep_until(at).await;
        } else {
            rounds.next().await;
            turn += 1;
        }
        let addresses = maker.addresses(&evaluations).await;
        let now = since_epoch().as_secs();
        if let Some(addresses) = &addresses {
            results.retain(|address, _| addresses.contains(address));
            max_age =
                interval * u32::try_from(addresses.len()).unwrap_or(1).max(1).saturating_add(1);
        }
        // A clock that was set back makes them of the future: they would grow no older.
        results.retain(|_, it| it.replies.iter().all(|it| it.at <= now));
        let addresses = addresses.unwrap_or_default();
        let Some(address) = addresses.get(turn % addresses.len().max(1)) else {
            panel.health.down("no_address");
            grow_old(&panel, Known::of(results.values()), now, max_age).await;
            continue;
        };
        let result = match maker.measure(*address, now).await {
            Ok(found) => {
                results.insert(*address, found);
                panel.health.up();
                Fetch::Ok
            }
            Err(why) => {
                panel.health.down(why.name());
                why
            }
        };
        let known = Known::of(results.values());
        if result == Fetch::Ok {
            let (latest, _) = tell(known, now, max_age).await;
            panel.publish(latest, Instant::now());
        } else {
            grow_old(&panel, known, now, max_age).await;
        }
        // A round that is due before is as good, and one try more is enough.
        let next = Instant::now() + interval.saturating_sub(GIVE_UP);
        maker.again = maker.again.filter(|at| again.is_none() && *at < next);
        // Last, so that whoever sees the count sees what came of it.
        panel.fetches.inc(result);
    }
}

impl Maker {
    /// The endpoint's addresses that are judged and are in networks of one's own, once an evaluation says so; none while no
    /// evaluation says anything.
    async fn addresses(&self, evaluations: &Evaluations) -> Option<Vec<IpAddr>> {
        let patience = Instant::now() + EVALUATED.min(self.work.interval / 2);
        loop {
            let evaluation = evaluations.state(&EVALUATION.to_owned());
            let snapshot = evaluation.and_then(|it| it.standing(Instant::now()));
            let addresses = snapshot.map(|it| {
                let judged = it.verdict.targets.get(&self.own.endpoint);
                let judged = judged.iter().flat_map(|it| &it.addresses).map(|it| it.ip);
                judged.filter(|ip| self.own.has(*ip)).take(MOST_ADDRESSES).collect::<Vec<_>>()
            });
            let has_some = addresses.as_ref().is_some_and(|it| !it.is_empty());
            if has_some || Instant::now() >= patience {
                return addresses;
            }
            sleep(WAIT.0).await;
        }
    }

    /// Measures once, if that is within the limits.
    async fn measure(&mut self, address: IpAddr, now: u64) -> Result<Results, Fetch> {
        let id = self.create(address).await?;
        self.made += 1;
        let (probes, first) = (self.own.probes, self.made << 16);
        let of = Measurement { id: id.clone(), address, probes, at: now, first };
        let results = self.wait_for(of).await?;
        // They are asked again unless more than a third of those that came say nothing, for whatever reason.
        let (some, silent) = (results.replies.len() as u64, results.unused.total());
        if silent.saturating_mul(MOST_GONE) <= some.saturating_add(silent) && some > 0 {
            self.same_as.insert(address.is_ipv6(), id);
        } else {
            self.same_as.remove(&address.is_ipv6());
        }
        if results.replies.is_empty() && results.unused.get(Unused::Form) > 0 {
            return Err(Fetch::Schema);
        }
        Ok(results)
    }

    /// Begins a measurement within the limits, when nobody else does.
    async fn create(&mut self, address: IpAddr) -> Result<String, Fetch> {
        let budget = Arc::clone(&self.budget);
        let _turn = budget.turn().await;
        let id = self.create_alone(address).await;
        if id == Err(Fetch::Later) && self.again.is_none() {
            self.again = budget.paused(Instant::now());
        }
        id
    }

    async fn create_alone(&mut self, address: IpAddr) -> Result<String, Fetch> {
        if self.budget.paused(Instant::now()).is_some() {
            return Err(Fetch::Later);
        }
        // By this word, and not by one that was remembered: its hour may end while it is looked at.
        let limits = self.limits().await?;
        if !budget::allow(limits, self.own.probes) {
            // The end is rounded to seconds.
            let end = Duration::from_secs(limits.reset.min(86_400) + 1);
            self.again = Some(Instant::now() + end);
            return Err(Fetch::Later);
        }
        let client = self.client(self.work.settings.clone()).await?;
        self.begin(&client, address).await
    }

    /// One with the token, which may have changed.
    async fn client(&self, settings: HttpSd) -> Result<HttpClient, Fetch> {
        let folder = Arc::clone(&self.work.folder);
        let client = off_the_thread(move || HttpClient::new(settings, &folder)).await;
        client.map_err(|_| Fetch::Unreachable)
    }

    /// Asks how many tests may be made still, so that none is asked for that would cost credits.
    async fn limits(&self) -> Result<Limits, Fetch> {
        let client = self.client((*self.own.limits).clone()).await?;
        let answer = client.fetch(&HeaderMap::new(), LARGEST, PATIENCE).await;
        let answer = answer.map_err(|error| failed(&error))?;
        if answer.status() != StatusCode::OK {
            return Err(self.refused(answer.status(), answer.headers()));
        }
        let limits = globalping::limits(answer.body())?;
        self.budget.hear(limits, Instant::now());
        Ok(limits)
    }

    /// Begins a measurement: its name.
    async fn begin(&mut self, client: &HttpClient, address: IpAddr) -> Result<String, Fetch> {
        let family = address.is_ipv6();
        loop {
            let same_as = self.same_as.get(&family).map(String::as_str);
            let body = globalping::request(address, self.own.probes, same_as);
            let answer = client.post("/v1/measurements", body, LARGEST, PATIENCE).await;
            let answer = answer.map_err(|error| failed(&error))?;
            let (status, headers) = (answer.status(), answer.headers());
            if let Some(limits) = limits_of(headers) {
                self.budget.hear(limits, Instant::now());
            }
            return match status {
                StatusCode::ACCEPTED => globalping::created(answer.body()),
                // Its probes are forgotten after some days: others are as good.
                StatusCode::UNPROCESSABLE_ENTITY if self.same_as.remove(&family).is_some() => {
                    continue;
                }
                _ => Err(self.refused(status, headers)),
            };
        }
    }

    /// What an answer is that is none, and how long it wants to be left alone for it.
    fn refused(&self, status: StatusCode, headers: &HeaderMap) -> Fetch {
        let pause = match status {
            StatusCode::TOO_MANY_REQUESTS => pause(headers),
            StatusCode::SERVICE_UNAVAILABLE => pause(headers).min(etag::AWAY),
            _ if status.is_redirection() => return Fetch::Moved,
            _ => return Fetch::HttpStatus,
        };
        self.budget.pause(Instant::now() + pause);
        Fetch::Later
    }

    /// Asks for the results until they are whole, with a pause after each answer. They are for everyone who knows the name: the
    /// token is not sent along.
    async fn wait_for(&self, of: Measurement) -> Result<Results, Fetch> {
        let url = format!("{}/v1/measurements/{}", self.own.url, of.id);
        let settings = plain(&url).ok_or(Fetch::Schema)?;
        let mut document = Document::new(settings, &self.work.folder, LARGEST, PATIENCE);
        let (mut wait, mut give_up) = (WAIT.0, Instant::now() + GIVE_UP);
        let (mut has_waited, mut last) = (false, Fetch::Timeout);
        while Instant::now() < give_up {
            sleep(wait).await;
            wait = wait.mul_f64(1.5).min(WAIT.1);
            let of = of.clone();
            match document.ask(move |body| globalping::read(body, &of)).await {
                Came::Read(Progress::Finished(results)) => return Ok(results),
                Came::Read(Progress::Running) | Came::Same => {}
                // The results stay where they are.
                Came::Later(pause) if !has_waited && pause <= GIVE_UP => {
                    has_waited = true;
                    sleep(pause).await;
                    give_up += pause;
                }
                Came::Later(pause) => {
                    self.budget.pause(Instant::now() + pause);
                    return Err(Fetch::Later);
                }
                // Its tests are paid: it may be there, or be heard, in a moment.
                Came::Nothing(
                    why @ (Fetch::HttpStatus | Fetch::Unreachable | Fetch::Timeout | Fetch::Tls),
                ) => last = why,
                Came::Nothing(why) => return Err(why),
            }
        }
        Err(last)
    }
}

/// How long it wants to be left alone. Of a measurement too many it says only when its hour is over.
fn pause(headers: &HeaderMap) -> Duration {
    let reset = limits_of(headers).map(|it| Duration::from_secs(it.reset));
    let said = etag::pause(headers, SystemTime::now());
    match reset {
        Some(reset) if !headers.contains_key(header::RETRY_AFTER) => {
            reset.clamp(etag::PAUSE.0, etag::PAUSE.1)
        }
        _ => said,
    }
}

/// What the headers of an answer say of the limits.
fn limits_of(headers: &HeaderMap) -> Option<Limits> {
    let number =
        |name: &str| headers.get(format!("x-ratelimit-{name}"))?.to_str().ok()?.parse().ok();
    Some(Limits {
        limit: number("limit")?,
        remaining: number("remaining")?,
        reset: number("reset")?,
    })
}

fn failed(error: &anyhow::Error) -> Fetch {
    debug!("a measurement could not be had: {error:#}");
    Failure::of(error).fetch()
}

#[cfg(test)]
mod tests;
