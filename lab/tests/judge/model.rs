//! The model of Alertmanager and a real one, on the shipped configuration with shorter times: the same
//! alerts make the same notifications.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, SystemTime};

use serde_json::json;
use turbulence_lab::alertmanager::Alertmanager;
use turbulence_lab::http;
use turbulence_lab::judge::notifications::{Config, notifications};
use turbulence_lab::judge::timeline::{Labels, Timeline};
use turbulence_lab::ports;
use turbulence_lab::process::Launcher;
use turbulence_lab::sink::notification::{Channel, Status};
use turbulence_lab::sink::{Mark, Sink};

use crate::suite;

/// Each group is looked at in the middle between two changes.
const WAIT: u64 = 4;
const INTERVAL: u64 = 8;
const ROUNDS: usize = 5;

/// `Name severity domain scope key=value ...`, the labels that the rules give.
const ALERTS: [&str; 24] = [
    "IpmiPhantomFanRunaway critical thermal host target=a site=s rack=r id=32.0.5",
    "IpmiPhantomTemperature warning thermal host target=a site=s rack=r id=32.0.5",
    "IpmiPhantomTemperature critical thermal host target=b site=s rack=r id=32.0.5",
    "IpmiDriveTemperatureDisagrees warning thermal host target=a site=s rack=r id=32.0.5",
    "IpmiDriveTemperatureDisagrees warning thermal host target=c site=s rack=r id=32.0.5",
    "IpmiThermalRunaway critical thermal host target=a site=s rack=r",
    "IpmiThermalRunaway critical thermal host target=b site=s rack=r",
    "IpmiThermalRunaway critical thermal host target=b site=t rack=r",
    "IpmiFanFailed warning thermal host target=a site=s rack=r name=Fan",
    "IpmiFanFailed warning thermal host target=b site=s rack=q name=Fan",
    "IpmiBmcDown warning thermal host target=d site=s rack=r",
    "IpmiSensorNearSilentLimit info thermal host target=a site=s rack=r id=32.0.5",
    "LatencyEndpointDownGlobally critical reachability global target=api",
    "LatencyEndpointDownRegion critical reachability region target=api region=EMEA",
    "LatencyEndpointDownRegion critical reachability region target=web region=EMEA",
    "LatencyRegionRerouted warning reachability region target=api region=EMEA",
    "LatencySaturation warning reachability global target=api",
    "LatencyVantageBroken warning reachability host vantage=fra region=EMEA",
    "LatencyMonitoringBlind critical reachability global",
    "DnsAnswerUnexpected critical dns global vantage=fra region=EMEA name=n type=A set=w",
    "DnsCountryDiverges warning dns region vantage=fra region=EMEA name=n type=A set=w country=CN",
    "DnsSweepDegraded warning dns global vantage=fra region=EMEA set=w",
    "ExporterDown warning meta host job=turbulence-latency instance=l:9770 vantage=fra region=EMEA",
    "Odd strange new host",
];

fn labels(alert: &str) -> Labels {
    let mut words = alert.split_whitespace();
    let mut labels: Labels = ["alertname", "severity", "domain", "scope"]
        .into_iter()
        .map(|name| (name.to_owned(), words.next().unwrap().to_owned()))
        .collect();
    for word in words {
        let (name, value) = word.split_once('=').unwrap();
        labels.insert(name.to_owned(), value.to_owned());
    }
    labels
}

/// The shipped configuration, with other times.
fn shortened() -> String {
    let shipped = fs::read_to_string(suite().join("alerts/alertmanager.yml")).unwrap();
    let times = [("group_wait", WAIT), ("group_interval", INTERVAL), ("repeat_interval", 3600)];
    let line = |line: &str| {
        let field =
            times.iter().find(|(field, _)| line.trim_start().starts_with(&format!("{field}:")));
        match field {
            Some((field, seconds)) => {
                let indent = line.len() - line.trim_start().len();
                format!("{}{field}: {seconds}s\n", " ".repeat(indent))
            }
            None => format!("{line}\n"),
        }
    };
    shipped.lines().map(line).collect()
}

/// Whether each alert fires in each round: about half of them, and few change at once.
fn script(seed: u64) -> Vec<[bool; ALERTS.len()]> {
    let mut lot = seed;
    let mut draw = |of: u64| {
        lot = lot.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (lot >> 33) % of
    };
    let mut fires = [false; ALERTS.len()];
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        for alert in &mut fires {
            *alert ^= draw(3) == 0;
        }
        rounds.push(fires);
    }
    rounds
}

/// What was told: the channel, what fires, what has ended.
type Line = (String, Vec<Labels>, Vec<Labels>);

/// How often each was told.
type Told = BTreeMap<Line, usize>;

fn tell(told: &mut Told, receiver: &str, mut firing: Vec<Labels>, mut resolved: Vec<Labels>) {
    firing.sort();
    resolved.sort();
    *told.entry((receiver.to_owned(), firing, resolved)).or_default() += 1;
}

fn modelled(config: &str, script: &[[bool; ALERTS.len()]]) -> Told {
    let config = Config::parse(config, "alertmanager.yml").unwrap();
    let mut timeline = Timeline::new(INTERVAL, INTERVAL * (ROUNDS as u64 - 1));
    for (round, fires) in script.iter().enumerate() {
        for (alert, _) in ALERTS.iter().zip(fires).filter(|(_, fires)| **fires) {
            timeline.fires(labels(alert), round);
        }
    }
    let mut told = Told::new();
    for it in notifications(&config, &timeline) {
        tell(&mut told, &it.receiver, it.firing, it.resolved);
    }
    told
}

/// Whether there are pages, tickets, alerts told together, ends, and ends told beside what goes on.
fn is_rich(told: &Told) -> bool {
    let any = |is: fn(&Line) -> bool| told.keys().any(is);
    any(|it| it.0 == "page")
        && any(|it| it.0 == "ticket")
        && any(|it| it.1.len() > 1)
        && any(|it| it.1.is_empty())
        && any(|it| !it.1.is_empty() && !it.2.is_empty())
        && told.len() > 12
}

async fn real(config: &str, script: &[[bool; ALERTS.len()]]) -> Told {
    let folder = tempfile::tempdir().unwrap();
    let alerts = folder.path().join("suite/alerts");
    fs::create_dir_all(alerts.join("templates")).unwrap();
    fs::write(alerts.join("alertmanager.yml"), config).unwrap();
    fs::copy(
        suite().join("alerts/templates/turbulence.tmpl"),
        alerts.join("templates/turbulence.tmpl"),
    )
    .unwrap();
    let launcher = Launcher::start().unwrap();
    let sink = Sink::start(ports::listener(None).unwrap(), folder.path()).unwrap();
    let alertmanager = Alertmanager::start(
        &launcher,
        &folder.path().join("suite"),
        folder.path(),
        ports::address(None),
        sink.address(),
    )
    .await
    .unwrap();

    let url = format!("{}/api/v2/alerts", alertmanager.url());
    let mut pace = tokio::time::interval(Duration::from_secs(INTERVAL));
    let mut before = [false; ALERTS.len()];
    for fires in script {
        pace.tick().await;
        let changed = (0..ALERTS.len()).filter(|alert| fires[*alert] != before[*alert]);
        let now = jiff::Timestamp::try_from(SystemTime::now()).unwrap();
        let body: Vec<_> = changed
            .map(|alert| {
                let mut body = json!({"labels": labels(ALERTS[alert]), "annotations": {"summary": "It is so."}});
                if !fires[alert] {
                    body["endsAt"] = json!(now.to_string());
                }
                body
            })
            .collect();
        let (status, answer) = http::post_json(&url, json!(body).to_string()).await.unwrap();
        assert_eq!(status, 200, "{answer}");
        before = *fires;
    }
    // The last look, and its way here.
    pace.tick().await;
    let mut told = Told::new();
    for one in sink.since(Mark::default()) {
        if one.channel == Channel::Watchdog {
            continue;
        }
        let of = |status| {
            let those = one.alerts.iter().filter(|alert| alert.status == status);
            those.map(|alert| alert.labels.clone()).collect()
        };
        tell(&mut told, one.channel.as_str(), of(Status::Firing), of(Status::Resolved));
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn the_model_tells_what_a_real_alertmanager_tells() {
    let config = shortened();
    // The first of the scripts that shows something of everything.
    let of = |seed| (script(seed), modelled(&config, &script(seed)));
    let (script, modelled) = (1..1_000).map(of).find(|(_, told)| is_rich(told)).unwrap();
    let real = real(&config, &script).await;
    let only = |these: &Told, those: &Told| {
        let only = these.iter().filter(|(key, count)| those.get(key) != Some(count));
        only.map(|it| format!("{it:?}")).collect::<Vec<_>>().join("\n")
    };
    assert!(
        modelled == real,
        "only modelled:\n{}\nonly real:\n{}",
        only(&modelled, &real),
        only(&real, &modelled)
    );
}
