//! Pages of many vantages that probe the same endpoints: what the exporter itself shows after ten minutes, of
//! which a few endpoints are in trouble.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use turbulence_latency::simulation::{Found, Place, Target, Times};

use super::pages::{NOW, Pages, Read};

const REGIONS: [&str; 3] = ["EMEA", "AMER", "APAC"];
const MODULE: &str = "http_2xx";
const INTERVAL: u64 = 5;
const TIMEOUT: Duration = Duration::from_secs(3);
/// So long every vantage has probed.
const SECONDS: u64 = 600;
/// The trouble began then.
const TROUBLE: u64 = 300;
/// Of so many endpoints one is down everywhere, and another in one region.
const ALL: usize = 200;
const CANARIES: usize = 3;

/// So many vantages of so many endpoints, with the series that rules of these words read.
pub(super) fn pages(words: &str, vantages: usize, endpoints: usize) -> anyhow::Result<Pages> {
    let read = Read::of(words);
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
    let names: Vec<String> = (0..endpoints + CANARIES).map(|it| format!("endpoint-{it}")).collect();
    let targets: Vec<Target<'_>> = names
        .iter()
        .enumerate()
        .map(|(number, name)| Target {
            name,
            module: MODULE,
            is_canary: number >= endpoints,
            team: "shop",
            interval: Duration::from_secs(INTERVAL),
            timeout: TIMEOUT,
        })
        .collect();
    let (mut pages, mut labels) = (Vec::new(), Vec::new());
    for vantage in 0..vantages {
        let region = REGIONS[vantage % REGIONS.len()];
        let page = page(vantage, region, &targets, now)?;
        let lines =
            page.lines().filter(|line| read.has(line)).map(|line| match line.split_once(' ') {
                // Else all of them are soon late.
                Some((series, _)) if series.starts_with("latency_vantage_clock_seconds") => {
                    format!("{series} {NOW}\n")
                }
                _ => format!("{line}\n"),
            });
        pages.push(lines.collect());
        labels.push(format!("job: turbulence-latency, vantage: v{vantage}, region: {region}"));
    }
    Ok(Pages::new(pages, labels))
}

/// What a vantage shows at the end, by a wall clock that shows the present then.
fn page(vantage: usize, region: &str, targets: &[Target<'_>], now: f64) -> anyhow::Result<String> {
    let mut place = Place::new(&format!("v{vantage}"), region, targets)?;
    (0..targets.len()).for_each(|target| place.add(target));
    let ahead = now - SECONDS as f64;
    for second in (0..SECONDS).step_by(usize::try_from(INTERVAL)?) {
        for (number, target) in targets.iter().enumerate() {
            let is_down = !target.is_canary
                && second >= TROUBLE
                && (number % ALL == 7 || number % ALL == 8 && region == REGIONS[0]);
            let rtt = Duration::from_millis(if is_down { 0 } else { 20 + number as u64 % 80 });
            let found = Found {
                reason: is_down.then_some("refused"),
                status: (!is_down).then_some(200),
                rtt,
                ttfb: (!is_down).then_some(rtt),
                timeout: TIMEOUT,
                ahead: 0,
            };
            let begun = Duration::from_secs(second);
            let times = Times { begun, decided: begun + rtt, ahead };
            place.decided(number, second / INTERVAL + 1, &[found], times);
        }
    }
    Ok(place.page(Duration::from_secs(SECONDS), ahead))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_endpoints_are_down_in_one_region_and_some_in_all() -> anyhow::Result<()> {
        let pages = pages("latency_endpoint_verdict latency_vantage_clock_seconds", 3, 10)?;
        let is_down = |line: &str, endpoint: &str| {
            line.contains(&format!("target=\"{endpoint}\""))
                && [" 3", " 3.0"].iter().any(|value| line.ends_with(value))
        };
        let down = |endpoint: &str| {
            let says = |page: &&String| page.lines().any(|line| is_down(line, endpoint));
            pages.each().filter(says).count()
        };
        assert_eq!(["endpoint-7", "endpoint-8", "endpoint-9"].map(down), [3, 1, 0]);
        assert!(pages.each().all(|page| page.contains(NOW)));
        Ok(())
    }
}
