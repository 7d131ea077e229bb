//! The shipped `alertmanager.yml` in a real Alertmanager: one incident, one notification.
//!
//! Alerts go in by its API, as Prometheus would send them; the lab's sink receives. Each scenario names
//! what must arrive, in which grouping; whatever else was posted must be inhibited, or be of severity
//! info. Both are states that Alertmanager reports, so no test waits for something not to happen.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod maintenance;
mod templates;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use turbulence_lab::alertmanager::Alertmanager;
use turbulence_lab::http;
use turbulence_lab::ports;
use turbulence_lab::process::{Launcher, Program, find};
use turbulence_lab::sink::Sink;
use turbulence_lab::sink::notification::{Channel, Notification};

const PATIENCE: Duration = Duration::from_secs(120);

const PAGE: Channel = Channel::Page;
const TICKET: Channel = Channel::Ticket;

/// `Name severity domain scope key=value ...`, the labels that the rules give.
fn labels(alert: &str) -> BTreeMap<String, String> {
    let mut words = alert.split_whitespace();
    let mut labels: BTreeMap<String, String> = ["alertname", "severity", "domain", "scope"]
        .into_iter()
        .map(|name| (name.to_owned(), words.next().unwrap().to_owned()))
        .collect();
    for word in words {
        let (name, value) = word.split_once('=').unwrap();
        labels.insert(name.to_owned(), value.to_owned());
    }
    labels
}

/// A running Alertmanager and the sink that it notifies.
struct Chain {
    alertmanager: Alertmanager,
    sink: Sink,
    launcher: Launcher,
    folder: TempDir,
}

impl Chain {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let launcher = Launcher::start().unwrap();
        let sink = Sink::start(ports::listener(None).unwrap(), folder.path()).unwrap();
        let address = ports::address(None);
        let alertmanager =
            Alertmanager::start(&launcher, suite(), folder.path(), address, sink.address())
                .await
                .unwrap();
        Self { alertmanager, sink, launcher, folder }
    }

    async fn post(&self, alerts: &[&str]) {
        let body: Vec<Value> = alerts
            .iter()
            .map(|alert| {
                json!({
                    "labels": labels(alert),
                    "annotations": {"summary": "It is so.", "runbook_url": "http://runbooks/X"},
                    "generatorURL": "http://prometheus/graph",
                })
            })
            .collect();
        let url = format!("{}/api/v2/alerts", self.alertmanager.url());
        let (status, answer) = http::post_json(&url, json!(body).to_string()).await.unwrap();
        assert_eq!(status, 200, "{answer}");
    }

    /// What has arrived on both channels: for each notification the alerts in it.
    fn arrived(&self) -> Vec<(Channel, Vec<String>)> {
        let all = self.sink.since(turbulence_lab::sink::Mark::default());
        all.iter().filter(|one| one.channel != Channel::Watchdog).map(described).collect()
    }

    /// The alerts that Alertmanager holds back because of others.
    async fn inhibited(&self) -> Vec<String> {
        self.held_back("inhibitedBy").await
    }

    /// Those of which a field of their state names others, or silences.
    async fn held_back(&self, by: &str) -> Vec<String> {
        let url = format!("{}/api/v2/alerts", self.alertmanager.url());
        let alerts: Vec<Value> = serde_json::from_str(&http::fetch(&url).await.unwrap()).unwrap();
        let held =
            alerts.iter().filter(|alert| !alert["status"][by].as_array().unwrap().is_empty());
        let mut names: Vec<String> = held
            .map(|alert| description(&serde_json::from_value(alert["labels"].clone()).unwrap()))
            .collect();
        names.sort();
        names
    }
}

/// Alerts by which a test tells them apart: the name and the labels that say what it is about.
fn description(labels: &BTreeMap<String, String>) -> String {
    let about = labels.iter().filter(|(name, _)| {
        !matches!(name.as_str(), "alertname" | "severity" | "domain" | "scope" | "rack")
    });
    let mut text = labels["alertname"].clone();
    for (name, value) in about {
        text.extend([" ", name, "=", value]);
    }
    text
}

fn described(notification: &Notification) -> (Channel, Vec<String>) {
    let mut alerts: Vec<String> =
        notification.alerts.iter().map(|alert| description(&alert.labels)).collect();
    alerts.sort();
    (notification.channel, alerts)
}

/// Posts the alerts of `notified` and `silent`; waits until each notification of `notified` has come,
/// alone in its grouping; then all of `silent` must be inhibited.
async fn scenario(name: &str, notified: &[(Channel, &[&str])], silent: &[&str]) {
    let chain = Chain::start().await;
    let firing: Vec<&str> =
        notified.iter().flat_map(|(_, alerts)| alerts.iter().copied()).collect();
    chain.post(&[&firing[..], silent].concat()).await;

    let sorted = |alerts: &[&str]| {
        let mut alerts: Vec<String> =
            alerts.iter().map(|alert| description(&labels(alert))).collect();
        alerts.sort();
        alerts
    };
    let expected: Vec<(Channel, Vec<String>)> =
        notified.iter().map(|(channel, alerts)| (*channel, sorted(alerts))).collect();
    let all_came = async {
        let mut arrivals = chain.sink.subscribe();
        while expected.iter().any(|one| !chain.arrived().contains(one)) {
            arrivals.recv().await.unwrap();
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, all_came).await;
    assert!(in_time.is_ok(), "{name}: expected {expected:#?}\ngot {:#?}", chain.arrived());
    assert_eq!(chain.inhibited().await, sorted(silent), "{name}: what is inhibited");
    assert_eq!(chain.arrived().len(), expected.len(), "{name}: {:#?}", chain.arrived());
}

const OTHER_TICKET: (Channel, &[&str]) =
    (TICKET, &["ExporterDown warning meta host job=turbulence-ipmi instance=i:9290"]);

/// All of them at the same time: each waits out the 15 s of `group_wait` that tickets have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_incident_is_one_notification() {
    tokio::join!(
        a_global_outage_is_one_page(),
        a_dark_region_is_one_page_for_all_that_it_cannot_reach(),
        what_half_fails_is_one_page_and_what_some_fails_one_ticket(),
        blind_monitoring_silences_what_it_cannot_know(),
        a_broken_vantage_is_one_ticket_and_silences_its_own_alone(),
        phantoms_with_their_fans_are_one_page_a_site(),
        a_phantom_whose_fans_stay_calm_is_one_ticket(),
        a_rack_that_overheats_is_one_page_which_covers_its_fans(),
        a_rack_that_heats_stands_for_its_machines_and_slow_heat_for_limits(),
        a_fault_that_stops_a_machine_covers_the_ticket_about_its_parts(),
        a_lossy_sweep_holds_back_the_verdicts_of_its_set(),
        one_team_s_outage_silences_nothing_of_another_s(),
        one_site_s_machine_silences_nothing_of_another_s(),
        a_vantage_of_the_same_name_elsewhere_is_another(),
        a_missing_label_is_equal_to_nothing(),
        a_dead_provider_of_twenty_names_is_one_page(),
        a_site_that_is_gone_is_one_ticket(),
        a_switch_that_takes_two_racks_is_one_ticket(),
        a_receiver_that_fails_is_told_by_both_ways(),
        a_pair_of_prometheis_tells_once(),
        the_watchdog_has_a_receiver_of_its_own_and_info_has_none(),
    );
}

async fn a_global_outage_is_one_page() {
    scenario(
        "a global outage is one page",
        &[
            (
                PAGE,
                &[
                    "LatencyEndpointDownGlobally critical reachability global target=api",
                    "LatencyEndpointDownGlobally critical reachability global target=web",
                ],
            ),
            // What has nothing to do with it is told as ever.
            (PAGE, &["LatencyEndpointDownRegion critical reachability region target=shop region=APAC"]),
            (TICKET, &["LatencyRegionRerouted warning reachability region target=cdn region=EMEA"]),
            OTHER_TICKET,
        ],
        &[
            "LatencyEndpointDownRegion critical reachability region target=api region=EMEA",
            "LatencyEndpointDownRegion critical reachability region target=api region=AMER",
            "LatencyEndpointDownRegion critical reachability region target=api region=APAC",
            "LatencyEndpointDownOneVantage info reachability host target=api region=EMEA vantage=fra",
            "LatencyEndpointDownOneVantage info reachability host target=api region=AMER vantage=nyc",
            "LatencyRegionRerouted warning reachability region target=api region=EMEA",
            "LatencySaturation warning reachability global target=api",
            "LatencyEndpointDownOneVantage info reachability host target=shop region=APAC vantage=sin",
            "LatencyRegionRerouted warning reachability region target=shop region=APAC",
            "LatencySaturation warning reachability global target=shop",
        ],
    )
    .await;
}

async fn a_dark_region_is_one_page_for_all_that_it_cannot_reach() {
    scenario(
        "a dark region is one page for all that it cannot reach",
        &[
            // Two regions at once are one incident.
            (
                PAGE,
                &[
                    "LatencyEndpointDownRegion critical reachability region target=api region=APAC",
                    "LatencyEndpointDownRegion critical reachability region target=web region=APAC",
                    "LatencyEndpointDownRegion critical reachability region target=api region=AMER",
                ],
            ),
            // Slower elsewhere is another matter.
            (TICKET, &["LatencyRegionRerouted warning reachability region target=api region=EMEA"]),
        ],
        &[
            "LatencyRegionRerouted warning reachability region target=api region=APAC",
            "LatencyEndpointDownRegion warning reachability region target=api region=LATAM",
            "LatencyEndpointDegraded warning reachability region target=api region=EMEA",
            "LatencyEndpointFamilyDown warning reachability global target=api family=ip6",
            "LatencySaturation warning reachability global target=web",
        ],
    )
    .await;
}

async fn what_half_fails_is_one_page_and_what_some_fails_one_ticket() {
    scenario(
        "what half fails is one page, and what some fails is one ticket",
        &[
            (PAGE, &["LatencyEndpointDegraded critical reachability global target=api"]),
            (
                TICKET,
                &[
                    "LatencyEndpointDegraded warning reachability region target=web region=EMEA",
                    "LatencyEndpointDegraded warning reachability region target=web region=AMER",
                ],
            ),
            (TICKET, &["LatencyEndpointDownRegion warning reachability region target=shop region=EMEA"]),
            (
                TICKET,
                &[
                    "LatencyVantageLossy warning reachability host vantage=fra region=EMEA part=loss",
                    "LatencyVantageLossy warning reachability host vantage=nyc region=AMER part=loss",
                ],
            ),
            (TICKET, &["ExporterScrapesLost warning meta global"]),
        ],
        &[
            "LatencyEndpointDownRegion critical reachability region target=api region=EMEA",
            "LatencyEndpointDegraded warning reachability region target=api region=EMEA",
            "LatencyEndpointDegraded warning reachability global target=api",
            "LatencyRegionRerouted warning reachability region target=api region=EMEA",
            "LatencySaturation warning reachability global target=api",
            "LatencyEndpointFamilyDown warning reachability global target=web family=ip6",
            "LatencyEndpointDegraded warning reachability region target=shop region=EMEA",
        ],
    )
    .await;
}

async fn blind_monitoring_silences_what_it_cannot_know() {
    scenario(
        "blind monitoring silences what it cannot know",
        &[
            (PAGE, &["LatencyMonitoringBlind critical reachability global"]),
            // Who still votes can see.
            (PAGE, &["LatencyEndpointDownGlobally critical reachability global target=api"]),
            // The machines, and a name taken over, do not depend on the vantages.
            (PAGE, &["IpmiThermalRunaway critical thermal host target=a site=s rack=r"]),
            (PAGE, &["DnsAnswerUnexpected critical dns global vantage=fra region=EMEA name=n type=A set=w"]),
            OTHER_TICKET,
        ],
        &[
            "LatencyVantageBroken warning reachability host vantage=fra region=EMEA part=network",
            "LatencyVantageBroken warning reachability host vantage=nyc region=AMER part=data",
            "LatencyEndpointUnjudged warning reachability global target=gw",
            "LatencyEndpointDegraded warning reachability region target=web region=EMEA",
            "ExporterJobGone warning meta global job=turbulence-latency",
            "LatencyRegionRerouted warning reachability region target=api region=EMEA",
            "LatencySaturation warning reachability global target=api",
            "DnsCountryDiverges warning dns region vantage=lon region=EMEA name=n type=A set=w country=CN",
            "ExporterDown warning meta host job=turbulence-latency instance=l:9770 vantage=lon region=EMEA",
        ],
    )
    .await;
}

async fn a_broken_vantage_is_one_ticket_and_silences_its_own_alone() {
    scenario(
        "a broken vantage is one ticket and silences its own alone",
        &[
            (
                TICKET,
                &[
                    "LatencyVantageBroken warning reachability host vantage=nyc region=AMER part=network",
                    // Its resolver alone explains nothing else.
                    "LatencyVantageBroken warning reachability host vantage=lon region=EMEA part=resolver",
                    // All that is not watched is one list.
                    "ExporterDown warning meta host job=turbulence-dns instance=d:9771 vantage=fra region=EMEA",
                ],
            ),
            (TICKET, &["LatencyVantageLossy warning reachability host vantage=lon region=EMEA part=loss"]),
            // A ticket never silences a page.
            (PAGE, &["DnsAnswerUnexpected critical dns global vantage=nyc region=AMER name=n type=A set=w"]),
        ],
        &[
            "LatencyVantageBroken warning reachability host vantage=nyc region=AMER part=canaries",
            "LatencyVantageLossy warning reachability host vantage=nyc region=AMER part=loss",
            "LatencyEndpointDownOneVantage info reachability host target=api region=AMER vantage=nyc",
            "ExporterDown warning meta host job=turbulence-latency instance=l:9770 vantage=nyc region=AMER",
            "DnsCountryDiverges warning dns region vantage=nyc region=AMER name=n type=A set=w country=CN",
            "DnsSweepStale warning dns global vantage=nyc region=AMER set=w",
        ],
    )
    .await;
}

async fn phantoms_with_their_fans_are_one_page_a_site() {
    scenario(
        "phantoms with their fans are one page a site",
        &[
            (
                PAGE,
                &[
                    "IpmiPhantomTemperature critical thermal host target=a site=s rack=r id=32.0.5 name=HD",
                    "IpmiPhantomFanRunaway critical thermal host target=a site=s rack=r id=32.0.5 name=HD",
                    "IpmiPhantomTemperature critical thermal host target=b site=s rack=r id=32.0.5 name=HD",
                    "IpmiPhantomFanRunaway critical thermal host target=b site=s rack=r id=32.0.5 name=HD",
                ],
            ),
            // Another machine's sensor, and another kind of fault of this one.
            (TICKET, &["IpmiDriveTemperatureDisagrees warning thermal host target=c site=s rack=r id=32.0.5"]),
            (TICKET, &["IpmiSensorLost warning thermal host target=a site=s rack=r id=32.0.9"]),
        ],
        &[
            // The ticket of the seconds before the fans moved.
            "IpmiPhantomTemperature warning thermal host target=a site=s rack=r id=32.0.5 name=HD",
            "IpmiDriveTemperatureDisagrees warning thermal host target=a site=s rack=r id=32.0.5",
            "IpmiSensorNearSilentLimit info thermal host target=a site=s rack=r id=32.0.5",
        ],
    )
    .await;
}

async fn a_phantom_whose_fans_stay_calm_is_one_ticket() {
    scenario(
        "a phantom whose fans stay calm is one ticket",
        &[(TICKET, &["IpmiPhantomTemperature warning thermal host target=a site=s rack=r id=32.0.5 name=HD"])],
        &["IpmiDriveTemperatureDisagrees warning thermal host target=a site=s rack=r id=32.0.5"],
    )
    .await;
}

async fn a_rack_that_overheats_is_one_page_which_covers_its_fans() {
    scenario(
        "a rack that overheats is one page which covers its fans",
        &[
            (
                PAGE,
                &[
                    "IpmiThermalRunaway critical thermal host target=a site=s rack=r",
                    "IpmiThermalRunaway critical thermal host target=b site=s rack=r",
                ],
            ),
            (PAGE, &["IpmiThermalRunaway critical thermal host target=c site=s rack=q"]),
            (TICKET, &["IpmiFanFailed warning thermal host target=d site=s rack=r name=Fan"]),
            (TICKET, &["IpmiBmcDown warning thermal host target=e site=s rack=r"]),
        ],
        &[
            "IpmiFanFailed warning thermal host target=a site=s rack=r name=Fan",
            "IpmiSensorNearSilentLimit info thermal host target=a site=s rack=r id=32.0.5",
            "IpmiDriveTemperatureDisagrees warning thermal host target=a site=s rack=r id=32.0.5",
        ],
    )
    .await;
}

async fn a_fault_that_stops_a_machine_covers_the_ticket_about_its_parts() {
    scenario(
        "a fault that stops a machine covers the ticket about its parts",
        &[
            (PAGE, &["IpmiHardwareStopsMachine critical thermal host target=a site=s rack=r"]),
            (TICKET, &["IpmiHardwareFault warning thermal host target=b site=s rack=r"]),
        ],
        &["IpmiHardwareFault warning thermal host target=a site=s rack=r"],
    )
    .await;
}

async fn a_rack_that_heats_stands_for_its_machines_and_slow_heat_for_limits() {
    scenario(
        "a rack that heats stands for its machines, and slow heat for the limits of its machine",
        &[
            (PAGE, &["IpmiThermalRunaway critical thermal rack site=s rack=r"]),
            // Another rack, and a machine of none, which missing labels must not make one of it.
            (TICKET, &["IpmiThermalRunaway warning thermal host target=d site=s rack=q"]),
            (PAGE, &["IpmiThermalRunaway critical thermal host target=e"]),
        ],
        &[
            "IpmiThermalRunaway critical thermal host target=a site=s rack=r",
            "IpmiThermalRunaway critical thermal host target=b site=s rack=r",
            "IpmiThermalRunaway warning thermal host target=c site=s rack=r",
            "IpmiLimitExceeded warning thermal host target=a site=s rack=r id=32.0.2",
            "IpmiLimitExceeded warning thermal host target=d site=s rack=q id=32.0.2",
            // The ticket of the minutes before.
            "IpmiThermalRunaway warning thermal host target=e",
        ],
    )
    .await;
}

async fn a_lossy_sweep_holds_back_the_verdicts_of_its_set() {
    scenario(
        "a lossy sweep holds back the verdicts of its set",
        &[
            (TICKET, &["DnsSweepDegraded warning dns global vantage=fra region=EMEA set=w"]),
            (PAGE, &["DnsAnswerUnexpected critical dns global vantage=lon region=EMEA name=n type=A set=w"]),
            // All countries and types of a name: one ticket.
            (
                TICKET,
                &[
                    "DnsCountryDiverges warning dns region vantage=fra region=EMEA name=n type=A set=x country=CN",
                    "DnsCountryDiverges warning dns region vantage=fra region=EMEA name=n type=AAAA set=x country=RU",
                ],
            ),
        ],
        &[
            "DnsAnswerUnexpected critical dns global vantage=fra region=EMEA name=n type=A set=w",
            "DnsCountryDiverges warning dns region vantage=fra region=EMEA name=n type=A set=w country=CN",
            "DnsSweepStale warning dns global vantage=fra region=EMEA set=w",
        ],
    )
    .await;
}

async fn one_team_s_outage_silences_nothing_of_another_s() {
    scenario(
        "one team's outage silences nothing of another's",
        &[
            (
                PAGE,
                &["LatencyEndpointDownGlobally critical reachability global team=shop target=www"],
            ),
            // Of another team, and of none; one region's page.
            (
                PAGE,
                &[
                    "LatencyEndpointDownRegion critical reachability region team=blog target=www region=APAC",
                    "LatencyEndpointDownRegion critical reachability region target=www region=APAC",
                ],
            ),
            (TICKET, &["LatencyRegionRerouted warning reachability region target=www region=EMEA"]),
            (TICKET, &["LatencySaturation warning reachability global team=news target=www"]),
        ],
        &[
            "LatencyEndpointDownRegion critical reachability region team=shop target=www region=APAC",
            "LatencySaturation warning reachability global team=shop target=www",
            "LatencyRegionRerouted warning reachability region team=blog target=www region=APAC",
            "LatencyEndpointDownOneVantage info reachability host target=www region=APAC vantage=sin",
            "LatencySaturation warning reachability global team=blog target=www",
        ],
    )
    .await;
}

async fn one_site_s_machine_silences_nothing_of_another_s() {
    scenario(
        "one site's machine silences nothing of another's",
        &[
            (PAGE, &["IpmiPhantomFanRunaway critical thermal host target=web-1 site=s id=32.0.5"]),
            (PAGE, &["IpmiThermalRunaway critical thermal host target=web-1 site=t"]),
            (
                TICKET,
                &["IpmiPhantomTemperature warning thermal host target=web-1 site=t id=32.0.5"],
            ),
            (
                TICKET,
                &["IpmiDriveTemperatureDisagrees warning thermal host target=web-1 id=32.0.5"],
            ),
            (TICKET, &["IpmiFanFailed warning thermal host target=web-1 site=s name=Fan"]),
        ],
        &[
            "IpmiPhantomTemperature warning thermal host target=web-1 site=s id=32.0.5",
            "IpmiFanFailed warning thermal host target=web-1 site=t name=Fan",
        ],
    )
    .await;
}

async fn a_vantage_of_the_same_name_elsewhere_is_another() {
    scenario(
        "a vantage of the same name elsewhere is another",
        &[
            (
                TICKET,
                &[
                    "LatencyVantageBroken warning reachability host vantage=1 region=AMER part=data",
                    "ExporterDown warning meta host job=turbulence-dns instance=d:9771 vantage=1 region=EMEA",
                ],
            ),
            (TICKET, &["DnsSweepDegraded warning dns global vantage=1 region=EMEA set=w"]),
            (PAGE, &["DnsAnswerUnexpected critical dns global vantage=1 region=AMER name=n type=A set=w"]),
        ],
        &[
            "DnsSweepStale warning dns global vantage=1 region=AMER set=x",
            "DnsAnswerUnexpected critical dns global vantage=1 region=EMEA name=n type=A set=w",
        ],
    )
    .await;
}

/// Alertmanager takes two missing labels for equal; no rule may fall into that.
async fn a_missing_label_is_equal_to_nothing() {
    scenario(
        "a missing label is equal to nothing",
        &[
            (
                TICKET,
                &[
                    "LatencyVantageBroken warning reachability host",
                    "ExporterDown warning meta host job=turbulence-ipmi instance=i:9290",
                ],
            ),
            (PAGE, &["LatencyEndpointDownGlobally critical reachability global"]),
            (PAGE, &["LatencyEndpointDownRegion critical reachability region"]),
            (TICKET, &["LatencySaturation warning reachability global"]),
            (PAGE, &["IpmiPhantomFanRunaway critical thermal host"]),
            (TICKET, &["IpmiDriveTemperatureDisagrees warning thermal host"]),
            (PAGE, &["IpmiThermalRunaway critical thermal host"]),
            (TICKET, &["IpmiFanFailed warning thermal host"]),
            (TICKET, &["DnsSweepDegraded warning dns global"]),
            (TICKET, &["DnsSweepStale warning dns global"]),
        ],
        &[],
    )
    .await;
}

/// Twenty names and two zones at one provider of DNS that is gone, with the tickets about the same.
async fn a_dead_provider_of_twenty_names_is_one_page() {
    let mut page: Vec<String> = (0..20)
        .map(|number| format!("DnsNameFails critical dns global name=n{number:02} type=A set=w"))
        .collect();
    page.extend(
        ["a.example", "b.example"]
            .map(|zone| format!("DnsZoneUnserved critical dns global zone={zone}")),
    );
    let ticket: Vec<String> = (0..20)
        .map(|number| {
            format!("DnsSetBlind warning dns global vantage=fra region=EMEA name=n{number:02} type=A set=w")
        })
        .collect();
    let [page, ticket]: [Vec<&str>; 2] =
        [&page, &ticket].map(|alerts| alerts.iter().map(String::as_str).collect());
    // Names of another, which somebody takes over meanwhile.
    let taken = [
        "DnsAnswerUnexpected critical dns global vantage=fra region=EMEA name=t1 type=A set=w",
        "DnsAnswerUnexpected critical dns global vantage=fra region=EMEA name=t2 type=A set=w",
    ];
    let notified = [(PAGE, &page[..]), (PAGE, &taken[..]), (TICKET, &ticket[..])];
    scenario("a dead provider of twenty names is one page", &notified, &[]).await;
}

/// Its line is cut: the vantage, the machines' exporter, the agent and every job of it.
async fn a_site_that_is_gone_is_one_ticket() {
    scenario(
        "a site that is gone is one ticket",
        &[(
            TICKET,
            &[
                "LatencyVantageBroken warning reachability host vantage=ams region=EMEA part=data",
                "ExporterDown warning meta host job=turbulence-ipmi instance=i:9290 site=ams",
                "ExporterJobGone warning meta global job=turbulence-ipmi site=ams",
                "ExporterJobGone warning meta global job=turbulence-latency site=ams",
                "ExporterJobGone warning meta global job=turbulence-dns site=ams",
                "ExporterJobGone warning meta global job=drives site=ams",
                "MonitoringRemoteWriteBehind warning meta global job=prometheus instance=agent-ams:9090",
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

async fn a_switch_that_takes_two_racks_is_one_ticket() {
    scenario(
        "a switch that takes two racks is one ticket",
        &[
            (
                TICKET,
                &[
                    "IpmiBmcDown warning thermal host target=a site=s rack=r",
                    "IpmiBmcDown warning thermal host target=b site=s rack=r",
                    "IpmiBmcDown warning thermal host target=c site=s rack=q",
                ],
            ),
            (TICKET, &["IpmiBmcDown warning thermal host target=a site=t rack=r"]),
        ],
        &[],
    )
    .await;
}

/// The ticket that mail is not delivered cannot come by mail.
async fn a_receiver_that_fails_is_told_by_both_ways() {
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

async fn a_pair_of_prometheis_tells_once() {
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

async fn the_watchdog_has_a_receiver_of_its_own_and_info_has_none() {
    let chain = Chain::start().await;
    let info = "IpmiSensorNearSilentLimit info thermal host target=a id=32.0.5";
    let ticket = "IpmiSensorLost warning thermal host target=a id=32.0.6";
    chain.post(&["Watchdog none meta global", info, ticket]).await;
    let mark = turbulence_lab::sink::Mark::default();
    let mut arrivals = chain.sink.subscribe();
    // The ticket is the last to be due.
    let came = async {
        while !chain.sink.since(mark).iter().any(|one| one.channel == TICKET) {
            arrivals.recv().await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, came).await.unwrap();
    let all: Vec<_> = chain.sink.since(mark).iter().map(described).collect();
    let lost = "IpmiSensorLost id=32.0.6 target=a".to_owned();
    assert_eq!(all, [(Channel::Watchdog, vec!["Watchdog".to_owned()]), (TICKET, vec![lost])]);
    assert_eq!(receiver(info), "null");
}

#[test]
fn an_alert_that_no_route_knows_is_not_lost() {
    assert_eq!(receiver("Odd strange new host"), "ticket");
    assert_eq!(receiver("Odd critical new host"), "page");
    assert_eq!(receiver("Odd warning new host"), "ticket");
}

/// The receiver that the routes give an alert.
fn receiver(alert: &str) -> String {
    let config = suite().join("alerts/alertmanager.yml");
    let labels = labels(alert);
    let labels: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let config = format!("--config.file={}", config.display());
    let mut arguments = vec!["config", "routes", "test", &config];
    arguments.extend(labels.iter().map(String::as_str));
    amtool(&arguments).trim().to_owned()
}

fn amtool(arguments: &[&str]) -> String {
    let output = Command::new("amtool").args(arguments).output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success(), "amtool {arguments:?}:\n{out}{err}");
    out
}

fn suite() -> &'static Path {
    static SUITE: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    SUITE.get_or_init(|| Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned())
}
