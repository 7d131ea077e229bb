//! What turbulence-dns says of a zone's own servers, by the sample that the tests have: the world has resolvers and no
//! zone with servers of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use axum::Router;
use axum::routing::get;

use crate::ports;

const SAMPLE: &str = include_str!("../../tests/dashboards/dns.prom");
const SECONDS_A_DAY: u64 = 86_400;

/// The page, and whether all is as in the sample, where everything is wrong with the zone.
#[derive(Debug)]
pub(super) struct Zone {
    address: String,
    broken: Arc<AtomicBool>,
    server: tokio::task::JoinHandle<()>,
}

impl Zone {
    pub(super) fn start() -> anyhow::Result<Self> {
        let listener = ports::listener(None)?;
        let address = listener.local_addr()?.to_string();
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener).context("listener of a zone")?;
        let broken = Arc::new(AtomicBool::new(false));
        let (state, rounds) = (Arc::clone(&broken), AtomicU64::new(0));
        let answer = move || {
            let round = rounds.fetch_add(1, Ordering::Relaxed) + 1;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            std::future::ready(page(state.load(Ordering::Relaxed), round, now))
        };
        let answer = Arc::new(answer);
        let routes = Router::new().route("/metrics", get(move || answer()));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::error!(%error, "the page of a zone ended");
            }
        });
        Ok(Self { address, broken, server })
    }

    pub(super) fn address(&self) -> String {
        self.address.clone()
    }

    pub(super) fn set_broken(&self, broken: bool) {
        self.broken.store(broken, Ordering::Relaxed);
    }
}

impl Drop for Zone {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The page of this round.
fn page(is_broken: bool, round: u64, now: u64) -> String {
    let of_zone = SAMPLE.lines().filter(|line| line.starts_with("dns_auth_"));
    let lines = of_zone.filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let value = if is_broken { value.to_owned() } else { well(series, value)? };
        let name = series.split('{').next()?;
        let value = match name {
            _ if ["_total", "_sum", "_count", "_bucket"].iter().any(|end| name.ends_with(end)) => {
                let once: f64 = value.parse().ok()?;
                #[expect(clippy::cast_precision_loss, reason = "a count of scrapes")]
                let grown = once * round as f64;
                grown.to_string()
            }
            "dns_auth_signature_expiry_timestamp_seconds" => {
                (now + SECONDS_A_DAY * if is_broken { 2 } else { 21 }).to_string()
            }
            _ => value,
        };
        Some(format!("{series} {value}\n"))
    });
    lines.collect()
}

/// The value that a series has while all is well; none when it is not there then.
fn well(series: &str, value: &str) -> Option<String> {
    let name = series.split('{').next()?;
    let text = match name {
        "dns_auth_culprit" => return None,
        "dns_auth_servers" if series.contains("outcome=\"answers\"") => "4",
        "dns_auth_servers"
        | "dns_auth_verdict"
        | "dns_auth_servers_left_out"
        | "dns_auth_soa_serial_spread"
        | "dns_auth_soa_lag_seconds" => "0",
        "dns_auth_soa_serial" => "7",
        "dns_auth_canary_age_seconds" => "25",
        _ if name.ends_with("_consistent") => "1",
        _ => value,
    };
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_well_until_it_is_broken() {
        let (calm, broken) = (page(false, 3, 0), page(true, 3, 0));
        assert!(!calm.contains("dns_auth_culprit{") && broken.contains("dns_auth_culprit{"));
        let servers = |page: &str, outcome: &str| {
            let outcome = format!("outcome=\"{outcome}\"}}");
            let line = page.lines().find(|line| line.contains(&outcome)).unwrap();
            line.rsplit(' ').next().unwrap().to_owned()
        };
        assert_eq!([servers(&calm, "answers"), servers(&calm, "refused")], ["4", "0"]);
        assert_eq!(servers(&broken, "refused"), "1.0");
        assert!(calm.contains("result=\"complete\"} 3\n"), "{calm}");
    }
}
