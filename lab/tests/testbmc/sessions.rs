//! Log-in: suites, keys, passwords, levels, the session table.

use turbulence_lab::testbmc::crypto::Suite;
use turbulence_lab::testbmc::machine::Privilege;
use turbulence_lab::testbmc::{Machine, Quirks, server};

use crate::tool::Bmc;

/// Its bytes as `ipmitool -y` and `ipmi-sensors -k` take them.
const KEY: &[u8] = b"a key of 20 bytes !\xFE";
const KEY_HEX: &str = "61206b6579206f662032302062797465732021fe";

fn with_key(key: &[u8]) -> Bmc {
    let machine = Machine { k_g: Some(key.to_vec()), ..server::rack_server() };
    Bmc::start(machine, Quirks::default())
}

#[test]
fn both_suites_log_in_and_close_their_session() {
    for suite in ["3", "17"] {
        let bmc = Bmc::healthy();
        assert!(bmc.read(&["-C", suite, "mc", "info"]).contains("Device Revision"));
        let counters = bmc.with(|bmc| bmc.counters());
        assert_eq!((counters.sessions, counters.closed, counters.dropped), (1, 1, 0));
        assert_eq!(bmc.with(|bmc| bmc.open_sessions()), 0);
    }
}

#[test]
fn every_level_logs_in_with_its_account() {
    for (user, password, level) in [
        ("monitor", "s3cretpass", "USER"),
        ("operator", "operatorpass", "OPERATOR"),
        ("operator", "operatorpass", "USER"),
        ("admin", "twentybytespassword0", "ADMINISTRATOR"),
    ] {
        let mut bmc = Bmc::healthy();
        (bmc.user, bmc.password, bmc.level) = (user, password, level);
        assert!(bmc.read(&["-C", "17", "mc", "info"]).contains("Device Revision"));
    }
}

#[test]
fn the_bmc_key_is_needed_where_one_is_set() {
    for suite in ["3", "17"] {
        let bmc = with_key(KEY);
        assert!(bmc.read(&["-C", suite, "-y", KEY_HEX, "mc", "info"]).contains("Device Revision"));
        let key = format!("0x{KEY_HEX}");
        assert!(bmc.sensors(&["-I", suite, "-k", &key]).contains("05-HD Max,Temperature,24.00"));
        let without = bmc.ipmitool(&["-C", suite, "mc", "info"]);
        assert!(!without.ok, "{without:?}");
    }
    let bmc = with_key(b"plain key");
    assert!(bmc.read(&["-C", "17", "-k", "plain key", "mc", "info"]).contains("Device Revision"));
    let wrong = bmc.ipmitool(&["-C", "17", "-k", "other key", "mc", "info"]);
    assert!(!wrong.ok, "{wrong:?}");
}

#[test]
fn a_wrong_password_gives_the_tools_errors() {
    let mut bmc = Bmc::healthy();
    bmc.password = "wrong";
    for suite in ["3", "17"] {
        let output = bmc.ipmitool(&["-C", suite, "-v", "mc", "info"]);
        assert!(output.err.contains("RAKP 2 HMAC is invalid"), "{output:?}");
    }
    let output = bmc.freeipmi("ipmi-sensors", &[]);
    assert!(output.err.contains("password invalid"), "{output:?}");
    bmc.user = "nobody";
    let output = bmc.ipmitool(&["-C", "3", "-v", "mc", "info"]);
    assert!(output.err.contains("unauthorized name"), "{output:?}");
    let output = bmc.freeipmi("ipmi-sensors", &[]);
    assert!(output.err.contains("username invalid"), "{output:?}");
    assert_eq!(bmc.with(|bmc| bmc.counters().sessions), 0);
}

#[test]
fn a_level_above_the_accounts_gives_the_tools_errors() {
    let mut bmc = Bmc::healthy();
    bmc.level = "ADMINISTRATOR";
    let output = bmc.ipmitool(&["-C", "17", "-v", "mc", "info"]);
    assert!(
        output.err.contains("Unauthorized role or privilege level requested")
            || output.err.contains("unauthorized role"),
        "{output:?}"
    );
    bmc.level = "ADMIN";
    let output = bmc.freeipmi("ipmi-sensors", &[]);
    assert!(output.err.contains("privilege level cannot be obtained"), "{output:?}");
}

#[test]
fn a_full_session_table_gives_the_tools_errors() {
    let machine = Machine { session_limit: 0, ..server::rack_server() };
    let bmc = Bmc::start(machine, Quirks::default());
    let output = bmc.ipmitool(&["-C", "3", "-v", "mc", "info"]);
    assert!(output.err.contains("insufficient resources"), "{output:?}");
    let output = bmc.freeipmi("ipmi-sensors", &[]);
    assert!(output.err.contains("BMC busy") || output.err.contains("resources"), "{output:?}");
    assert!(bmc.with(|bmc| bmc.counters().table_full) >= 2);
}

#[test]
fn a_suite_that_is_not_spoken_is_refused() {
    let machine = Machine { suites: vec![Suite::Three], ..server::rack_server() };
    let bmc = Bmc::start(machine, Quirks::default());
    let output = bmc.ipmitool(&["-C", "17", "-v", "mc", "info"]);
    assert!(output.err.contains("invalid authentication algorithm"), "{output:?}");
    assert!(bmc.read(&["-C", "3", "mc", "info"]).contains("Device Revision"));
    let both = Bmc::healthy().read(&["channel", "getciphers", "ipmi", "1"]);
    assert!(both.lines().any(|line| line.starts_with("3 ")), "{both}");
    assert!(both.lines().any(|line| line.starts_with("17 ")), "{both}");
}

#[test]
fn dcmi_may_need_more_than_user() {
    let machine = Machine { dcmi_privilege: Privilege::Operator, ..server::rack_server() };
    let mut bmc = Bmc::start(machine, Quirks::default());
    let output = bmc.ipmitool(&["dcmi", "power", "reading"]);
    assert!(format!("{output:?}").contains("nsufficient privilege"), "{output:?}");
    (bmc.user, bmc.password, bmc.level) = ("operator", "operatorpass", "OPERATOR");
    assert!(bmc.read(&["dcmi", "power", "reading"]).contains("70 Watts"));
}
