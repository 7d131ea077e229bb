//! Measurements that are begun at Globalping, of addresses of one's own: within its limits, one after the other, and given up.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, StatusCode, header};
use exporter_kit::discovery::HttpClient;
use exporter_kit::{LabelEnum as _, Rounds, off_the_thread};
use tokio::time::{Instant, sleep};
use tracing::debug;

use super::budget::Budget;
use super::fetch::{Known, grow_old, tell};
use super::globalping::{self, Limits, Measurement, Progress, Results};
use super::state::Panel;
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
/// Probes are chosen anew when more than a third of them are gone.
const MOST_GONE: usize = 3;

/// One endpoint's measurements.
struct Maker {
    own: Own,
    work: PanelWork,
    budget: Arc<Budget>,
    /// The measurement whose probes are asked again.
    same_as: Option<String>,
    made: u64,
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
    let mut maker = Maker { own, work, budget, same_as: None, made: 0 };
    let mut results: BTreeMap<IpAddr, Results> = BTreeMap::new();
    let (mut known, mut turn) = (Known::default(), 0);
    loop {
        rounds.next().await;
        let addresses = maker.addresses(&panel, &evaluations).await;
        results.retain(|address, _| addresses.contains(address));
        let max_age = interval * u32::try_from(addresses.len()).unwrap_or(1).saturating_add(1);
        turn = (turn + 1) % addresses.len().max(1);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let Some(address) = addresses.get(turn) else {
            panel.health.down("no_address");
            known = grow_old(&panel, known, now, max_age).await;
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
        if result == Fetch::Ok {
            let (latest, after) = tell(Known::of(results.values()), now, max_age).await;
            known = after;
            panel.publish(latest, Instant::now());
        } else {
            known = grow_old(&panel, known, now, max_age).await;
        }
        // Last, so that whoever sees the count sees what came of it.
        panel.fetches.inc(result);
    }
}

impl Maker {
    /// The endpoint's addresses that are judged and are in networks of one's own, once an evaluation says so.
    async fn addresses(&self, panel: &Panel, evaluations: &Evaluations) -> Vec<IpAddr> {
        let patience = Instant::now() + EVALUATED.min(self.work.interval / 2);
        loop {
            let evaluation = evaluations.state(&EVALUATION.to_owned());
            let snapshot = evaluation.and_then(|it| it.standing(Instant::now()));
            let labels = panel.labels();
            let verdicts = snapshot.iter().flat_map(|it| {
                labels.endpoints.iter().filter_map(|endpoint| it.verdict.targets.get(endpoint))
            });
            let judged = verdicts.flat_map(|it| it.addresses.iter().map(|it| it.ip));
            let addresses: Vec<IpAddr> =
                judged.filter(|ip| self.own.has(*ip)).take(MOST_ADDRESSES).collect();
            if !addresses.is_empty() || Instant::now() >= patience {
                return addresses;
            }
            sleep(WAIT.0).await;
        }
    }

    /// Measures once, if that is within the limits.
    async fn measure(&mut self, address: IpAddr, now: u64) -> Result<Results, Fetch> {
        if self.budget.is_paused(Instant::now()) {
            return Err(Fetch::Later);
        }
        // The token may have changed.
        let (settings, folder) = (self.work.settings.clone(), Arc::clone(&self.work.folder));
        let client = off_the_thread(move || HttpClient::new(settings, &folder)).await;
        let client = client.map_err(|_| Fetch::Unreachable)?;
        self.look_at_limits(&client).await?;
        if !self.budget.allows(self.own.probes, Instant::now()) {
            return Err(Fetch::Later);
        }
        let id = self.begin(&client, address).await?;
        self.made += 1;
        let (probes, first) = (self.own.probes, self.made << 16);
        let of = Measurement { id: id.clone(), address, probes, at: now, first };
        let results = self.wait_for(of).await?;
        let gone = results.unused.get(Unused::NotMeasured);
        let is_thin = gone.saturating_mul(MOST_GONE as u64) > probes as u64;
        self.same_as = (!is_thin).then_some(id);
        Ok(results)
    }

    /// Asks how many tests may be made still, so that none is asked for that would cost credits.
    async fn look_at_limits(&self, client: &HttpClient) -> Result<(), Fetch> {
        let asked = client.get("/v1/limits", &[], LARGEST, PATIENCE).await;
        let (status, text) = asked.map_err(|error| failed(&error))?;
        match status {
            200 => self.budget.hear(globalping::limits(text.as_bytes())?, Instant::now()),
            300..=399 => return Err(Fetch::Moved),
            429 => {
                self.budget.pause(Instant::now() + self.work.interval);
                return Err(Fetch::Later);
            }
            _ => return Err(Fetch::HttpStatus),
        }
        Ok(())
    }

    /// Begins a measurement: its name.
    async fn begin(&mut self, client: &HttpClient, address: IpAddr) -> Result<String, Fetch> {
        loop {
            let body = globalping::request(address, self.own.probes, self.same_as.as_deref());
            let answer = client.post("/v1/measurements", body, LARGEST, PATIENCE).await;
            let answer = answer.map_err(|error| failed(&error))?;
            let (status, headers) = (answer.status(), answer.headers());
            if let Some(limits) = limits_of(headers) {
                self.budget.hear(limits, Instant::now());
            }
            return match status {
                StatusCode::ACCEPTED => globalping::created(answer.body()),
                // Its probes are forgotten after some days: others are as good.
                StatusCode::UNPROCESSABLE_ENTITY if self.same_as.take().is_some() => continue,
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                    self.budget.pause(Instant::now() + pause(headers));
                    Err(Fetch::Later)
                }
                status if status.is_redirection() => Err(Fetch::Moved),
                _ => Err(Fetch::HttpStatus),
            };
        }
    }

    /// Asks for the results until they are whole, with a pause after each answer. They are for everyone who knows the name: the
    /// token is not sent along.
    async fn wait_for(&self, of: Measurement) -> Result<Results, Fetch> {
        let url = format!("{}/v1/measurements/{}", self.own.url, of.id);
        let settings = plain(&url).ok_or(Fetch::Schema)?;
        let mut document = Document::new(settings, &self.work.folder, LARGEST, PATIENCE);
        let (mut wait, mut give_up) = (WAIT.0, Instant::now() + GIVE_UP);
        let mut has_waited = false;
        while Instant::now() < give_up {
            sleep(wait).await;
            wait = wait.mul_f64(1.5).min(WAIT.1);
            let of = of.clone();
            match document.ask(move |body| globalping::read(body, &of)).await {
                Came::Read(Progress::Finished(results)) => return Ok(results),
                Came::Read(Progress::Running) | Came::Same => {}
                // The results stay where they are.
                Came::Later(pause) if !has_waited && pause <= self.work.interval => {
                    has_waited = true;
                    sleep(pause).await;
                    give_up += pause;
                }
                Came::Later(pause) => {
                    self.budget.pause(Instant::now() + pause);
                    return Err(Fetch::Later);
                }
                Came::Nothing(why) => return Err(why),
            }
        }
        Err(Fetch::Timeout)
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
