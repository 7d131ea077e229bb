//! The lines of `docs/maintenance.md`, each given to a real Alertmanager by itself: what it keeps quiet, and what of its
//! neighbours is told all the same.

use std::fs;
use std::path::Path;
use std::process::Command;

use turbulence_lab::sink::notification::Channel;

use crate::chain::{Chain, PAGE, PATIENCE, TICKET, description, labels};
use crate::{amtool, suite};

/// The lines of the page that begin with this program.
fn lines(program: &str) -> Vec<String> {
    let page = fs::read_to_string(suite().join("docs/maintenance.md")).unwrap();
    let blocks = page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let lines = blocks.flat_map(str::lines).filter(|line| line.starts_with(program));
    lines.map(str::to_owned).collect()
}

/// What one line is for, and what is told beside it.
struct Case {
    /// The matchers with which the line ends.
    silence: &'static str,
    quiet: &'static [&'static str],
    told: &'static [(Channel, &'static str)],
}

const CASES: [Case; 7] = [
    Case {
        silence: "site=ams target=srv-1",
        quiet: &[
            "IpmiThermalRunaway critical thermal host target=srv-1 site=ams rack=r9",
            "IpmiFanFailed warning thermal host target=srv-1 site=ams name=Fan",
        ],
        told: &[
            (PAGE, "IpmiThermalRunaway critical thermal host target=srv-1 site=lon rack=r9"),
            (PAGE, "IpmiThermalRunaway critical thermal host target=srv-2 site=ams rack=r9"),
        ],
    },
    Case {
        silence: "team=shop target=www",
        quiet: &[
            "LatencyEndpointDownRegion critical reachability region team=shop target=www region=EMEA",
        ],
        told: &[(
            PAGE,
            "LatencyEndpointDownGlobally critical reachability global team=blog target=www",
        )],
    },
    Case {
        silence: "name=www.example.com",
        quiet: &["DnsNameFails critical dns global name=www.example.com type=A set=w"],
        told: &[(PAGE, "DnsNameFails critical dns global name=mail.example.com type=A set=w")],
    },
    Case {
        silence: "zone=example.com",
        quiet: &["DnsZoneUnserved critical dns global zone=example.com"],
        told: &[(PAGE, "DnsZoneUnserved critical dns global zone=example.net")],
    },
    Case {
        silence: "domain=thermal site=ams rack=r1",
        quiet: &[
            "IpmiThermalRunaway critical thermal rack site=ams rack=r1",
            "IpmiFanFailed warning thermal host target=srv-2 site=ams rack=r1 name=Fan",
        ],
        told: &[
            (PAGE, "IpmiThermalRunaway critical thermal rack site=ams rack=r2"),
            (PAGE, "IpmiThermalRunaway critical thermal rack site=lon rack=r1"),
        ],
    },
    Case {
        silence: "site=ams",
        quiet: &[
            "IpmiBmcDown warning thermal host target=srv-3 site=ams rack=r2",
            "ExporterDown warning meta host job=turbulence-ipmi instance=i:9290 site=ams",
            "ExporterJobGone warning meta global job=turbulence-ipmi site=ams",
            "ExporterRestarts warning meta host job=turbulence-homing instance=h:9772 site=ams",
            "MonitoringRemoteWriteBehind warning meta global job=prometheus instance=p:9090 site=ams",
        ],
        told: &[
            (PAGE, "IpmiThermalRunaway critical thermal rack site=lon rack=r1"),
            // For which there is the second line.
            (
                TICKET,
                "LatencyVantageBroken warning reachability host vantage=ams region=EMEA part=canaries",
            ),
        ],
    },
    Case {
        silence: "severity=warning vantage=ams",
        quiet: &[
            "LatencyVantageBroken warning reachability host vantage=ams region=EMEA part=canaries",
            "ExporterDown warning meta host job=turbulence-dns instance=d:9771 vantage=ams region=EMEA",
            "DnsSweepStale warning dns global vantage=ams region=EMEA set=w",
        ],
        told: &[
            (PAGE, "LatencyEndpointDownRegion critical reachability region target=api region=EMEA"),
            (
                TICKET,
                "ExporterDown warning meta host job=turbulence-dns instance=e:9771 vantage=lon region=EMEA",
            ),
        ],
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_silence_of_planned_maintenance_keeps_quiet_what_it_is_for_and_no_neighbour() {
    let lines = lines("amtool");
    assert_eq!(lines.len(), CASES.len(), "{lines:#?}");
    let mut all = tokio::task::JoinSet::new();
    for (line, case) in lines.into_iter().zip(&CASES) {
        assert!(line.ends_with(&format!("' {}", case.silence)), "{line}");
        all.spawn(is_quiet(line, case));
    }
    all.join_all().await;
}

async fn is_quiet(line: String, case: &Case) {
    let chain = Chain::start().await;
    run(&line.replace("http://localhost:9093", &chain.alertmanager.url()), suite());
    let told: Vec<&str> = case.told.iter().map(|(_, alert)| *alert).collect();
    chain.post(&[&told[..], case.quiet].concat()).await;
    all_told(&chain, case.told, &line).await;
    let mut quiet: Vec<String> = case.quiet.iter().map(|it| description(&labels(it))).collect();
    quiet.sort();
    assert_eq!(chain.held_back("silencedBy").await, quiet, "{line}");
}

/// Waits until all of it was told, and nothing else may be by then.
async fn all_told(chain: &Chain, told: &[(Channel, &str)], of: &str) {
    let flat = || {
        let arrived = chain.arrived().into_iter();
        let mut all: Vec<(String, String)> = arrived
            .flat_map(|(channel, alerts)| {
                alerts.into_iter().map(move |it| (format!("{channel:?}"), it))
            })
            .collect();
        all.sort();
        all
    };
    let all_came = async {
        let mut arrivals = chain.sink.subscribe();
        while flat().len() < told.len() {
            arrivals.recv().await.unwrap();
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, all_came).await;
    let mut expected: Vec<(String, String)> = told
        .iter()
        .map(|(channel, alert)| (format!("{channel:?}"), description(&labels(alert))))
        .collect();
    expected.sort();
    assert!(in_time.is_ok(), "{of}: expected {expected:#?}, got {:#?}", chain.arrived());
    assert_eq!(flat(), expected, "{of}");
}

fn run(line: &str, folder: &Path) {
    let output = Command::new("sh").args(["-c", line]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A ticket by each route that the shipped configuration has.
const TICKETS: [&str; 11] = [
    "IpmiBmcDown warning thermal host target=a site=s rack=r",
    "IpmiFanFailed warning thermal host target=a site=s rack=r name=Fan",
    "ExporterDown warning meta host job=turbulence-ipmi instance=i:9290 site=s",
    "ExporterDown warning meta host job=turbulence-ipmi instance=i:9290",
    "LatencyRegionRerouted warning reachability region target=api region=EMEA",
    "LatencySaturation warning reachability global target=api",
    "HomingSetsNotIndependent warning reachability global service=chat",
    "DnsSweepStale warning dns global vantage=lon region=EMEA set=w",
    "ExporterScrapesLost warning meta global",
    "MonitoringRulesLate warning meta global job=prometheus instance=p:9090",
    "Odd warning new host",
];

/// The interval of the page, by the page's own line in the shipped configuration, on a day on which it is now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_the_mute_interval_no_ticket_is_told_and_each_page_is() {
    let page = fs::read_to_string(suite().join("docs/maintenance.md")).unwrap();
    let (_, rest) = page.split_once("```yaml\n").unwrap();
    let (interval, _) = rest.split_once("```").unwrap();
    let [line] = &lines("sed")[..] else { panic!("one line writes it to the routes") };
    let root = tempfile::tempdir().unwrap();
    let alerts = root.path().join("alerts");
    fs::create_dir(&alerts).unwrap();
    std::os::unix::fs::symlink(suite().join("alerts/templates"), alerts.join("templates")).unwrap();
    let file = alerts.join("alertmanager.yml");
    fs::copy(suite().join("alerts/alertmanager.yml"), &file).unwrap();
    run(line, &alerts);
    let routes = fs::read_to_string(&file).unwrap();
    let muted = routes.matches("mute_time_intervals: [sunday-maintenance]").count();
    assert_eq!(muted, TICKETS.len(), "each route of tickets, and the one above them");
    fs::write(&file, format!("{routes}\n{interval}")).unwrap();
    amtool(&["check-config", file.to_str().unwrap()]);

    let (always, _) = interval.split_once("      - weekdays").unwrap();
    let always =
        format!("{always}      - times: [{{start_time: \"00:00\", end_time: \"24:00\"}}]\n");
    fs::write(&file, format!("{routes}\n{always}")).unwrap();
    let chain = Chain::of(root.path()).await;
    chain.post(&TICKETS).await;
    // The last one takes no route of tickets, waits as long as they do, and is posted after them.
    let told = [
        (PAGE, "IpmiThermalRunaway critical thermal rack site=s rack=r"),
        (TICKET, "Odd strange new host"),
    ];
    chain.post(&told.map(|(_, alert)| alert)).await;
    all_told(&chain, &told, line).await;
}
