//! The monitoring itself: a site that is cut off, receivers, a pair of Prometheis, the watchdog.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use turbulence_lab::process::{Program, find};
use turbulence_lab::sink::notification::Channel;
use turbulence_lab::{http, ports};

use crate::chain::{Chain, PAGE, PATIENCE, TICKET, described, scenario};
use crate::{receiver, suite};

/// Its line is cut: the machines' exporter, the agent and every job of it, and its vantage.
pub(crate) async fn a_site_that_is_gone_is_one_ticket() {
    scenario(
        "a site that is gone is one ticket, and its vantage another",
        &[
            (
                TICKET,
                &[
                    "LatencyVantageBroken warning reachability host vantage=ams region=EMEA part=data",
                    // And what has no site.
                    "ExporterDown warning meta host job=turbulence-homing instance=h:9772",
                ],
            ),
            // Another one is another incident, whenever it begins.
            (
                TICKET,
                &[
                    "ExporterJobGone warning meta global job=turbulence-ipmi site=sin",
                    "MonitoringRemoteWriteBehind warning meta global job=prometheus instance=localhost:9090 site=sin",
                ],
            ),
            (TICKET,
            &[
                "ExporterDown warning meta host job=turbulence-ipmi instance=i:9290 site=ams",
                "ExporterJobGone warning meta global job=turbulence-ipmi site=ams",
                "ExporterJobGone warning meta global job=turbulence-latency site=ams",
                "ExporterJobGone warning meta global job=turbulence-dns site=ams",
                "ExporterJobGone warning meta global job=drives site=ams",
                "MonitoringRemoteWriteBehind warning meta global job=prometheus instance=localhost:9090 site=ams",
            ],
        )],
        &[
            "ExporterDown warning meta host job=turbulence-latency instance=l:9770 vantage=ams region=EMEA",
            "ExporterDown warning meta host job=turbulence-dns instance=d:9771 vantage=ams region=EMEA",
            "DnsSweepStale warning dns global vantage=ams region=EMEA set=w",
            "LatencyEndpointDownOneVantage info reachability host target=api region=EMEA vantage=ams",
        ],
    )
    .await;
}

/// The ticket that mail is not delivered cannot come by mail.
pub(crate) async fn a_receiver_that_fails_is_told_by_both_ways() {
    let fails: &[&str] = &[
        "MonitoringNotificationsFail warning meta global job=alertmanager instance=a:9093 integration=email",
    ];
    scenario(
        "a receiver that fails is told by both ways",
        &[
            (PAGE, fails),
            (TICKET, fails),
            (TICKET, &["MonitoringRulesLate warning meta global job=prometheus instance=p:9090"]),
        ],
        &[],
    )
    .await;
}

/// A Prometheus with the shipped configuration, but for one external label, and one rule.
async fn prometheus_of_a_pair(chain: &Chain, replica: &str) -> (Program, String) {
    let folder = chain.folder.path().join(replica);
    fs::create_dir_all(folder.join("rules")).unwrap();
    fs::create_dir_all(folder.join("alertmanagers")).unwrap();
    let shipped = fs::read_to_string(suite().join("deploy/prometheus/prometheus.yml")).unwrap();
    let labels = format!("  external_labels:\n    replica: {replica}\n    cluster: c-{replica}\n");
    fs::write(
        folder.join("prometheus.yml"),
        shipped
            .replacen("  external_labels:\n", &labels, 1)
            .replace("interval: 15s", "interval: 1s"),
    )
    .unwrap();
    let rule = json!({"groups": [{"name": "pair", "rules": [{
        "alert": "ExporterDown", "expr": "vector(1)",
        "labels": {"severity": "warning", "domain": "meta", "scope": "host", "instance": "i:9290"},
        "annotations": {"summary": "It is so."},
    }]}]});
    fs::write(folder.join("rules/pair.rules.yml"), rule.to_string()).unwrap();
    let alertmanager = chain.alertmanager.url().replace("http://", "");
    fs::write(
        folder.join("alertmanagers/lab.yml"),
        json!([{"targets": [alertmanager]}]).to_string(),
    )
    .unwrap();
    let address = ports::address(None);
    let mut command = Command::new(find("prometheus", "prometheus").unwrap());
    command
        .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address={address}"));
    let start = |command| chain.launcher.spawn(command);
    let mut program = Program::start("prometheus", &folder, command, start).unwrap();
    program.until_it_answers(&format!("http://{address}/-/ready")).await.unwrap();
    (program, format!("http://{address}/metrics"))
}

pub(crate) async fn a_pair_of_prometheis_tells_once() {
    let chain = Chain::start().await;
    let pair = tokio::join!(prometheus_of_a_pair(&chain, "a"), prometheus_of_a_pair(&chain, "b"));
    let both_sent = async {
        for metrics in [&pair.0.1, &pair.1.1] {
            let is_sent = |page: &str| {
                let mut sent = page
                    .lines()
                    .filter(|line| line.starts_with("prometheus_notifications_sent_total{"));
                sent.any(|line| !line.ends_with(" 0"))
            };
            while !is_sent(&http::fetch(metrics).await.unwrap()) {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    };
    tokio::time::timeout(PATIENCE, both_sent).await.expect("both tell Alertmanager");
    let url = format!("{}/api/v2/alerts", chain.alertmanager.url());
    let alerts: Vec<Value> = serde_json::from_str(&http::fetch(&url).await.unwrap()).unwrap();
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    let labels: BTreeMap<String, String> =
        serde_json::from_value(alerts[0]["labels"].clone()).unwrap();
    let names: Vec<&str> = labels.keys().map(String::as_str).collect();
    assert_eq!(names, ["alertname", "domain", "instance", "scope", "severity"]);
}

pub(crate) async fn the_watchdog_has_a_receiver_of_its_own_and_info_has_none() {
    let chain = Chain::start().await;
    let info = "IpmiSensorNearSilentLimit info thermal host target=a id=32.0.5";
    let ticket = "IpmiSensorLost warning thermal host target=a id=32.0.6";
    let dogs = ["Watchdog none meta global", "Watchdog none meta global site=ams"];
    chain.post(&[dogs[0], dogs[1], info, ticket]).await;
    let mark = turbulence_lab::sink::Mark::default();
    let mut arrivals = chain.sink.subscribe();
    // The ticket is the last to be due.
    let came = async {
        while !chain.sink.since(mark).iter().any(|one| one.channel == TICKET) {
            arrivals.recv().await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, came).await.unwrap();
    let mut all: Vec<_> = chain.sink.since(mark).iter().map(described).collect();
    all.sort_by_key(|one| format!("{one:?}"));
    let of = |channel, alert: &str| (channel, vec![alert.to_owned()]);
    // A site whose own Prometheus is dead is not hidden behind the heart of another.
    let mut wanted = vec![
        of(Channel::Watchdog, "Watchdog"),
        of(Channel::Watchdog, "Watchdog site=ams"),
        of(TICKET, "IpmiSensorLost id=32.0.6 target=a"),
    ];
    wanted.sort_by_key(|one| format!("{one:?}"));
    assert_eq!(all, wanted);
    assert_eq!(receiver(info), "null");
}

/// Alertmanager counts a failure each time it looks at a group: the rule's windows must be longer than that takes.
#[test]
fn a_receiver_that_fails_is_seen_at_each_shipped_interval() {
    let read = |file: &str| fs::read_to_string(suite().join("alerts").join(file)).unwrap();
    let config = read("alertmanager.yml");
    let intervals = config.lines().filter_map(|line| line.trim().strip_prefix("group_interval: "));
    let longest = intervals.map(seconds).max().unwrap();
    let rules = read("monitoring.rules.yml");
    let windows = rules.split("alertmanager_notifications_failed_total[").skip(1);
    let shortest = windows.map(|it| seconds(it.split([']', ' ']).next().unwrap())).min().unwrap();
    // Two scrapes of a window are not in it.
    assert!(longest + 30 <= shortest, "{longest} s between looks, windows of {shortest} s");
}

fn seconds(duration: &str) -> u64 {
    let (number, unit) = duration.split_at(duration.len() - 1);
    number.parse::<u64>().unwrap()
        * [("s", 1), ("m", 60), ("h", 3_600)].iter().find(|it| it.0 == unit).unwrap().1
}
