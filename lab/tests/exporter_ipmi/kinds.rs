//! Suites, the BMC's own key, DCMI, factors that depend on the reading: what `ipmi_sim` does not speak.

use std::net::Ipv4Addr;
use std::sync::Arc;

use turbulence_lab::testbmc::crypto::Suite;
use turbulence_lab::testbmc::fleet::Fleet;
use turbulence_lab::testbmc::server::rack_server;
use turbulence_lab::testbmc::specimens::specimens;
use turbulence_lab::testbmc::{Machine, Quirks, TestBmc};

use crate::exporter::{page_with, start};

const KEYED: Ipv4Addr = Ipv4Addr::new(127, 44, 0, 1);
const SPECIMENS: Ipv4Addr = Ipv4Addr::new(127, 44, 0, 2);
const OLD: Ipv4Addr = Ipv4Addr::new(127, 44, 0, 3);
const MISKEYED: Ipv4Addr = Ipv4Addr::new(127, 44, 0, 4);

fn fleet() -> Fleet {
    let keyed = Machine {
        k_g: Some(b"the key of the BMC".to_vec()),
        suites: vec![Suite::Seventeen],
        ..rack_server()
    };
    let old = Machine { suites: vec![Suite::Three], ..rack_server() };
    let machines =
        [(KEYED, keyed.clone()), (SPECIMENS, specimens()), (OLD, old), (MISKEYED, keyed)];
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
         \x20 - {{name: specimens, address: \"{SPECIMENS}:{port}\"}}\n\
         \x20 - {{name: old, address: \"{OLD}:{port}\"}}\n\
         \x20 - {{name: miskeyed, address: \"{MISKEYED}:{port}\", module: miskeyed}}\n"
    )
}

#[test]
fn what_ipmi_sim_lacks_is_read_as_well() {
    let fleet = fleet();
    let exporter = start(&config(fleet.port()));
    let text = page_with(
        &exporter,
        &[
            "ipmi_up{target=\"keyed\"  collector=\"ipmi\"} 1",
            "ipmi_up{target=\"keyed\"  collector=\"dcmi\"} 1",
            "ipmi_up{target=\"old\"  collector=\"ipmi\"} 1",
            "ipmi_up{target=\"specimens\"  collector=\"ipmi\"} 1",
            "ipmi_up{target=\"miskeyed\"  collector=\"ipmi\"} 0",
            "ipmi_dcmi_power_consumption_watts{target=\"keyed\"",
            "ipmi_sel_entries{target=\"keyed\"} 3",
            "ipmi_bmc_info{target=\"old\"  manufacturer_id=\"Hewlett-Packard (11)\"",
            // The values that `lab/tests/testbmc/oracle/script.rs` works out by hand.
            "ipmi_temperature_celsius  name=\"ones -25\"  } -25",
            "ipmi_temperature_celsius  name=\"twos -128\"  } -128",
            "ipmi_temperature_celsius  name=\"on LUN 0\"  } 50",
            "ipmi_temperature_celsius  name=\"on LUN 1\"  } 51",
            "ipmi_voltage_volts  name=\"M -1 B 100\"  } 60",
            "ipmi_voltage_volts  name=\"B exponent -1\"  } 10.5",
            "ipmi_voltage_volts  name=\"sqr\"  } 25",
            "ipmi_voltage_volts  name=\"bent above\"  } 140",
        ],
    );
    assert!(!text.contains("NaN"));
    assert!(!text.contains("the key of the BMC") && !text.contains("s3cretpass"));

    assert!(exporter.stop().success());
    for bmc in [KEYED, SPECIMENS, OLD] {
        let (open, counted) = fleet.with(bmc, |bmc| (bmc.open_sessions(), bmc.counters())).unwrap();
        assert_eq!((open, counted.refused_changes), (0, 0), "{bmc}: {counted:?}");
    }
}
