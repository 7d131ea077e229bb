//! The lines of `docs/maintenance.md`, each given to a real Alertmanager: what they keep quiet, and what is told all the same.

use std::fs;
use std::process::Command;

use crate::{Chain, PAGE, PATIENCE, TICKET, description, labels, suite};

/// The `sh` lines of the page.
fn lines() -> Vec<String> {
    let page = fs::read_to_string(suite().join("docs/maintenance.md")).unwrap();
    let blocks = page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.flat_map(str::lines).map(str::to_owned).collect()
}

const QUIET: [&str; 8] = [
    "IpmiThermalRunaway critical thermal host target=srv-1 site=ams rack=r9",
    "IpmiThermalRunaway critical thermal rack site=ams rack=r1",
    "IpmiFanFailed warning thermal host target=srv-2 site=ams rack=r1 name=Fan",
    "IpmiBmcDown warning thermal host target=srv-3 site=ams rack=r2",
    "ExporterJobGone warning meta global job=turbulence-ipmi site=ams",
    "LatencyVantageBroken warning reachability host vantage=ams region=EMEA part=canaries",
    "ExporterDown warning meta host job=turbulence-dns instance=d:9771 vantage=ams region=EMEA",
    "DnsSweepStale warning dns global vantage=ams region=EMEA set=w",
];
const TOLD: [(crate::Channel, &str); 3] = [
    (PAGE, "LatencyEndpointDownRegion critical reachability region target=api region=EMEA"),
    (PAGE, "IpmiThermalRunaway critical thermal rack site=lon rack=r1"),
    (
        TICKET,
        "ExporterDown warning meta host job=turbulence-dns instance=e:9771 vantage=lon region=EMEA",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_silences_of_planned_maintenance_keep_quiet_what_they_say() {
    let chain = Chain::start().await;
    let lines = lines();
    assert_eq!(lines.len(), 4, "{lines:#?}");
    for line in &lines {
        let own = line.replace("http://localhost:9093", &chain.alertmanager.url());
        let output = Command::new("sh").args(["-c", &own]).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let told: Vec<&str> = TOLD.iter().map(|(_, alert)| *alert).collect();
    chain.post(&[&told[..], &QUIET].concat()).await;
    let all_came = async {
        let mut arrivals = chain.sink.subscribe();
        while chain.arrived().len() < TOLD.len() {
            arrivals.recv().await.unwrap();
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, all_came).await;
    assert!(in_time.is_ok(), "{:#?}", chain.arrived());
    let mut expected = TOLD.map(|(channel, alert)| (channel, vec![description(&labels(alert))]));
    let mut arrived = chain.arrived();
    let order = |one: &(crate::Channel, Vec<String>)| one.1.clone();
    expected.sort_by_key(order);
    arrived.sort_by_key(order);
    assert_eq!(arrived, expected);
    let silenced = chain.held_back("silencedBy").await;
    assert_eq!(silenced.len(), QUIET.len(), "{silenced:#?}");
}

/// The interval of the page, in the shipped configuration: a ticket of that hour is not told, a page is.
#[test]
fn the_mute_interval_of_the_page_is_good() {
    let page = fs::read_to_string(suite().join("docs/maintenance.md")).unwrap();
    let (_, rest) = page.split_once("```yaml\n").unwrap();
    let (interval, _) = rest.split_once("\nroute:").unwrap();
    let shipped = fs::read_to_string(suite().join("alerts/alertmanager.yml")).unwrap();
    let route = "    - matchers: [severity=\"warning\"]\n      receiver: ticket\n";
    assert!(shipped.contains(route) && page.contains(route.trim_end()), "the page's route");
    let muted = format!("{route}      mute_time_intervals: [sunday-maintenance]\n");
    let config = format!("{}\n{interval}\n", shipped.replace(route, &muted));
    let folder = tempfile::tempdir().unwrap();
    let templates = format!("  - {}", suite().join("alerts/templates").display());
    let config = config.replace("  - templates", &templates);
    let file = folder.path().join("alertmanager.yml");
    fs::write(&file, config).unwrap();
    crate::amtool(&["check-config", file.to_str().unwrap()]);
}
