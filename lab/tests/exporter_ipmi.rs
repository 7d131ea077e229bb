//! turbulence-ipmi against the lab's own BMCs, for what `ipmi_sim` does not speak: cipher suite 17, the
//! BMC's own key, DCMI, factors that depend on the reading.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead as _, BufReader};
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use turbulence_lab::http;
use turbulence_lab::process::find_own;
use turbulence_lab::testbmc::TestBmc;
use turbulence_lab::testbmc::crypto::Suite;
use turbulence_lab::testbmc::fleet::Fleet;
use turbulence_lab::testbmc::machine::Machine;
use turbulence_lab::testbmc::quirks::Quirks;
use turbulence_lab::testbmc::server::{awkward, rack_server};

const KEYED: Ipv4Addr = Ipv4Addr::new(127, 44, 0, 1);
const AWKWARD: Ipv4Addr = Ipv4Addr::new(127, 44, 0, 2);
const OLD: Ipv4Addr = Ipv4Addr::new(127, 44, 0, 3);
const MISKEYED: Ipv4Addr = Ipv4Addr::new(127, 44, 0, 4);

fn fleet() -> Fleet {
    let keyed = Machine {
        k_g: Some(b"the key of the BMC".to_vec()),
        suites: vec![Suite::Seventeen],
        ..rack_server()
    };
    let old = Machine { suites: vec![Suite::Three], ..rack_server() };
    let machines = [(KEYED, keyed.clone()), (AWKWARD, awkward()), (OLD, old), (MISKEYED, keyed)];
    let bmcs = machines
        .map(|(address, machine)| (address, TestBmc::new(Arc::new(machine), Quirks::default(), 1)));
    Fleet::start(0, bmcs).unwrap()
}

fn config(port: u16) -> String {
    let module = "user: monitor, pass: s3cretpass, interval: 1s, slow_interval: 10s";
    format!(
        "modules:\n\
         \x20 keyed: {{{module}, suites: [17], k_g: the key of the BMC}}\n\
         \x20 miskeyed: {{{module}, suites: [17], k_g: another key}}\n\
         \x20 default: {{{module}}}\n\
         targets:\n\
         \x20 - {{name: keyed, address: \"{KEYED}:{port}\", module: keyed}}\n\
         \x20 - {{name: awkward, address: \"{AWKWARD}:{port}\"}}\n\
         \x20 - {{name: old, address: \"{OLD}:{port}\"}}\n\
         \x20 - {{name: miskeyed, address: \"{MISKEYED}:{port}\", module: miskeyed}}\n"
    )
}

/// Starts the exporter; gives it and the address of its metrics.
fn start(folder: &TempDir, config: &str) -> (Child, String) {
    let file = folder.path().join("ipmi.yml");
    std::fs::write(&file, config).unwrap();
    let mut child = Command::new(find_own("turbulence-ipmi").unwrap())
        .arg("--config.file")
        .arg(file)
        .args(["--web.listen-address", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = lines
        .find_map(|line| Some(line.unwrap().split_once("listening address=")?.1.trim().to_owned()))
        .unwrap();
    // The pipe must not fill up, nor be closed.
    std::thread::spawn(move || lines.for_each(drop));
    (child, format!("http://{address}/metrics"))
}

/// Scrapes until every wanted line is there.
async fn wait_for(url: &str, wanted: &[&str]) -> String {
    let mut text = String::new();
    for _ in 0..600 {
        text = http::fetch(url).await.unwrap();
        if wanted.iter().all(|wanted| line(&text, wanted).is_some()) {
            return text;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let missing: Vec<_> = wanted.iter().filter(|wanted| line(&text, wanted).is_none()).collect();
    panic!("never saw {missing:?} in:\n{text}");
}

/// The line that holds all of these words, which are separated by blanks of two.
fn line<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    text.lines().find(|line| words.split("  ").all(|word| line.contains(word)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ipmi_sim_lacks_is_read_as_well() {
    let fleet = fleet();
    let folder = TempDir::new().unwrap();
    let (mut exporter, url) = start(&folder, &config(fleet.port()));
    let text = wait_for(
        &url,
        &[
            "ipmi_up{target=\"keyed\"  collector=\"ipmi\"} 1",
            "ipmi_up{target=\"keyed\"  collector=\"dcmi\"} 1",
            "ipmi_up{target=\"old\"  collector=\"ipmi\"} 1",
            "ipmi_up{target=\"awkward\"  collector=\"ipmi\"} 1",
            "ipmi_up{target=\"miskeyed\"  collector=\"ipmi\"} 0",
            "ipmi_dcmi_power_consumption_watts{target=\"keyed\"",
            "ipmi_sel_entries{target=\"keyed\"} 3",
            "ipmi_bmc_info{target=\"old\"  manufacturer_id=\"11\"",
            // The values that the script of the awkward machine works out by hand.
            "ipmi_temperature_celsius  name=\"Negative M\"  } 60",
            "ipmi_temperature_celsius  name=\"Negative B\"  } -20",
            "ipmi_temperature_celsius  name=\"Twos complement\"  } -10",
            "ipmi_temperature_celsius  name=\"On LUN 0\"  } 11",
            "ipmi_temperature_celsius  name=\"On LUN 1\"  } 77",
            "ipmi_voltage_volts  name=\"B with exponent\"  } 110",
            "ipmi_voltage_volts  name=\"Square\"  } 144",
            "ipmi_voltage_volts  name=\"Not linear\"  } 140",
        ],
    )
    .await;
    assert!(!text.contains("NaN"));
    assert!(!text.contains("the key of the BMC") && !text.contains("s3cretpass"));

    let pid = exporter.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(exporter.wait().unwrap().success());
    for bmc in [KEYED, AWKWARD, OLD] {
        let (open, counted) = fleet.with(bmc, |bmc| (bmc.open_sessions(), bmc.counters())).unwrap();
        assert_eq!((open, counted.refused_changes), (0, 0), "{bmc}: {counted:?}");
    }
}
