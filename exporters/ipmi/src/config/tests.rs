//! What a config file may say, and what is answered to one that is wrong.

use std::time::Duration;

use super::*;
use crate::config::module::Driver;
use crate::slow::Collector;

const GOOD: &str = "
modules:
  default: { user: monitor, password_file: bmc.password }
  slow: { user: monitor, pass: hunter2, privilege: operator, timeout: 10000, retries: 0, interval: 30s,
          exclude_sensor_ids: [32.0.5, 12V], driver: LAN_2_0, collectors: [ipmi], workaround_flags: [] }
targets:
  - { name: srv-1, address: 192.0.2.1, site: ams, rack: r1 }
  - { name: srv-2, address: '[2001:db8::2]:1623', module: slow, rise_limits: { disk: 0.2, 02-CPU: 9 } }
state_directory: state
";

/// The work and the labels of each BMC.
fn both(config: &Config) -> (BTreeMap<String, Arc<Bmc>>, BTreeMap<String, Labels>) {
    let both = |(name, wanted): (String, Wanted<_, _>)| {
        ((name.clone(), wanted.work), (name, wanted.labels))
    };
    config.wanted().into_iter().map(both).unzip()
}

fn bmcs(config: &Config) -> BTreeMap<String, Arc<Bmc>> {
    both(config).0
}

fn parse(text: &str) -> anyhow::Result<Config> {
    exporter_kit::parse(text, "ipmi.yml")
}

#[test]
fn a_file_says_how_each_bmc_is_polled() {
    let (bmcs, labels) = both(&parse(GOOD).unwrap());
    let (first, second) = (&bmcs["srv-1"], &bmcs["srv-2"]);
    assert_eq!(first.address.to_string(), "192.0.2.1:623");
    let place = |name: &str| (labels[name].site.as_deref(), labels[name].rack.as_deref());
    assert_eq!((place("srv-1"), place("srv-2")), ((Some("ams"), Some("r1")), (None, None)));
    assert_eq!(
        (first.module.timeout, first.module.interval),
        (Duration::from_secs(1), Duration::from_secs(5))
    );
    assert_eq!((first.module.retries, first.module.privilege), (2, Privilege::User));
    assert_eq!(second.address.to_string(), "[2001:db8::2]:1623");
    assert_eq!(labels["srv-2"].module_name, "slow");
    assert_eq!(second.module.timeout, Duration::from_secs(10));
    assert_eq!(second.module.interval, Duration::from_secs(30));
    assert_eq!(second.module.exclude_sensor_ids, ["32.0.5", "12V"]);
    assert_eq!(format!("{:?}", second.rise_limits), "{\"02-CPU\": 9.0, \"disk\": 0.2}");
}

#[test]
fn what_is_only_said_of_a_bmc_is_no_part_of_the_work() {
    let (before, after) =
        (parse(GOOD).unwrap(), parse(&GOOD.replace("rack: r1", "rack: r2")).unwrap());
    assert_eq!(bmcs(&before), bmcs(&after));
    assert_ne!(both(&before).1, both(&after).1);
    // A module by another name is the same work.
    let renamed = parse(&GOOD.replace("slow:", "calm:").replace("module: slow", "module: calm"));
    assert_eq!(bmcs(&before), bmcs(&renamed.unwrap()));
}

#[test]
fn a_module_says_what_is_read_and_with_which_key() {
    let text = GOOD.replace(
        "user: monitor, password_file: bmc.password",
        "user: u, pass: p, suites: [3], k_g: '0x00fF', bridge_sensors: true, slow_interval: 1m30s,
         collectors: [dcmi, ipmi], workaround_flags: [authcap, ignorescanningdisabled, opensesspriv]",
    );
    let module = &bmcs(&parse(&text).unwrap())["srv-1"].module;
    assert_eq!(module.suites, [Suite::Three]);
    assert_eq!(module.k_g_bytes(), Some(vec![0x00, 0xFF]));
    assert_eq!(module.collectors, [Collector::Ipmi, Collector::Dcmi]);
    assert_eq!(module.workarounds, [Workaround::AuthCap]);
    assert!(module.ignore_scanning_disabled && module.bridge_sensors);
    assert_eq!(module.slow_interval, Duration::from_secs(90));

    let module = &bmcs(&parse(GOOD).unwrap())["srv-1"].module;
    assert_eq!(module.suites, [Suite::Seventeen, Suite::Three]);
    assert_eq!((module.k_g_bytes(), module.collectors.len()), (None, 5));
    assert!(!module.ignore_scanning_disabled && !module.bridge_sensors);
}

#[test]
fn an_address_is_a_host_and_perhaps_a_port() {
    let address = |text: &str| Address::try_from(text.to_owned()).map(|it| it.to_string());
    assert_eq!(address("bmc-1.example"), Ok("bmc-1.example:623".into()));
    assert_eq!(address("bmc:1623"), Ok("bmc:1623".into()));
    assert_eq!(address("2001:db8::1"), Ok("[2001:db8::1]:623".into()));
    assert_eq!(address("[2001:db8::1]"), Ok("[2001:db8::1]:623".into()));
    assert_eq!(address("/dev/ipmi0"), Ok("/dev/ipmi0".into()));
    assert_eq!(address("/dev/ipmi/1"), Ok("/dev/ipmi/1".into()));
    for wrong in ["", ":623", "a:0", "a:b", "a:65536", "http://a", "a b", "a/24"] {
        assert!(address(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_target_is_found_by_its_address_with_a_port_and_without() {
    let address = |text: &str| Address::try_from(text.to_owned()).unwrap();
    assert!(address("bmc").is("bmc") && address("bmc").is("bmc:623"));
    assert!(address("2001:db8::1").is("2001:db8::1") && address("/dev/ipmi0").is("/dev/ipmi0"));
    assert!(!address("bmc").is("bmc:624") && !address("/dev/ipmi0").is("/dev/ipmi1"));
}

#[test]
fn the_machines_own_bmc_needs_no_account() {
    let text = "modules: { default: { driver: OPENIPMI, timeout: 5s } }\n\
                targets: [ { name: self, address: /dev/ipmi0 } ]";
    let bmcs = bmcs(&parse(text).unwrap());
    assert_eq!(bmcs["self"].address, Address::Device("/dev/ipmi0".into()));
    assert_eq!(bmcs["self"].module.driver, Driver::OpenIpmi);
    assert_eq!(bmcs["self"].module.user, "");
}

#[test]
fn a_wrong_file_is_answered_with_the_field_and_what_is_allowed() {
    let module = |text: &str| format!("modules: {{ default: {{ {text} }} }}\ntargets: []\n");
    let target = |text: &str| {
        format!("modules: {{ default: {{ user: u, pass: p }} }}\ntargets: [ {{ {text} }} ]\n")
    };
    let cases = [
        ("targets: []\n".to_owned(), "missing field `modules`"),
        ("module: {}\n".to_owned(), "module"),
        (module("pass: p"), "user: must be set, as in `user: monitor`"),
        (module("user: u"), "exactly one of pass and password_file must be set"),
        (module("user: u, pass: p, password_file: f"), "exactly one of pass and password_file"),
        (module("user: u, password: p"), "password"),
        (module("user: uuuuuuuuuuuuuuuuu, pass: p"), "user: longer than the 16 bytes"),
        (module("user: u, pass: ppppppppppppppppppppp"), "pass: longer than the 20 bytes"),
        (
            module("user: u, pass: p, privilege: root"),
            "privilege: must be one of user, operator, admin",
        ),
        (module("user: u, pass: p, timeout: soon"), "must be a duration above zero"),
        (module("user: u, pass: p, timeout: 1ms"), "timeout: must be from 50ms to 30s"),
        (module("user: u, pass: p, interval: 5"), "a duration with a unit"),
        (module("user: u, pass: p, interval: 500ms"), "interval: must be from 1s to 1h"),
        (module("user: u, pass: p, retries: 11"), "retries: 11 must be 0 to 10"),
        (module("user: u, pass: p, driver: LAN"), "driver: must be one of LAN_2_0, OPENIPMI"),
        (
            module("driver: OPENIPMI, user: u"),
            "user: has no meaning with the driver OPENIPMI; leave it out",
        ),
        (
            module("driver: OPENIPMI, suites: [3]"),
            "suites: has no meaning with the driver OPENIPMI",
        ),
        (
            target("name: a, address: /dev/ipmi0"),
            "targets[0].module: has the driver LAN_2_0; the address is a device and needs OPENIPMI",
        ),
        (target("name: a, address: /dev/sda"), "address: the value must be a host or host:port"),
        (
            module("driver: OPENIPMI, workaround_flags: [authcap]"),
            "workaround_flags: has no meaning with the driver OPENIPMI",
        ),
        (target("name: a, address: '/dev/ipmi0:623'"), "address: the value must be a host"),
        (target("name: a, address: /dev/ipmi"), "address: the value must be a host"),
        (target("name: a, address: /dev/ipmi/../sda"), "address: the value must be a host"),
        (
            module("user: u, pass: p, collectors: [ipmi, sm-lan-mode]"),
            "collectors: the value is not supported; allowed: ipmi, chassis, sel, dcmi, bmc",
        ),
        (module("user: u, pass: p, collectors: [sel]"), "collectors: `ipmi` must be among them"),
        (
            module("user: u, pass: p, workaround_flags: [authcap, sun20]"),
            "workaround_flags: the value is not supported; allowed: authcap, nochecksumcheck",
        ),
        (module("user: u, pass: p, suites: [17, 0]"), "suites: 0 is not supported; allowed: 17, 3"),
        (module("user: u, pass: p, suites: [3, 3]"), "suites: 3 is there twice"),
        (module("user: u, pass: p, suites: []"), "suites: none is left"),
        (module("user: u, pass: p, k_g: 0x123"), "k_g: must be 1 to 20 bytes"),
        (module("user: u, pass: p, k_g: kkkkkkkkkkkkkkkkkkkkk"), "k_g: must be 1 to 20 bytes"),
        (module("user: u, pass: p, k_g: k, k_g_file: f"), "at most one of k_g and k_g_file"),
        (module("user: u, pass: p, slow_interval: 1s"), "slow_interval: must be from 10s to 1h"),
        (
            module("user: u, pass: p, bridge_sensors: perhaps"),
            "bridge_sensors: must be true or false",
        ),
        (module("user: u, pass: p, custom_args: { ipmi: [-v] }"), "custom_args: is not supported"),
        (module("user: u, pass: p, collector_cmd: { ipmi: sudo }"), "collector_cmd: is not"),
        (module("user: u, pass: p, sel_events: []"), "sel_events: is not supported yet"),
        (
            module("user: u, pass: p, exclude_sensor_ids: [29]"),
            "exclude_sensor_ids[0]: 29 is the number of an SDR record",
        ),
        (target("address: a"), "missing field `name`"),
        (target("name: a"), "missing field `address`"),
        (target("name: ../a, address: a"), "name: the value must be letters, digits"),
        (target("name: a, address: 'a:b'"), "address: the value must be a host or host:port"),
        (target("name: a, address: a, colour: red"), "colour"),
        (
            target("name: a, address: a, module: fast"),
            "targets[0].module: is not among the modules; must be one of default",
        ),
        (target("name: a, address: a, rise_limits: { disk: 0 }"), "`disk: 0` must be above 0"),
        (
            target("name: a, address: a }, { name: a, address: b"),
            "ipmi.yml:2:37: name: line 2 has the same; each must be unique",
        ),
    ];
    for (text, expected) in cases {
        let error = parse(&text).expect_err(&text).to_string();
        assert!(error.contains(expected), "{text}\nis answered with\n{error}");
        assert!(error.starts_with("ipmi.yml:"), "{error}");
    }
}

#[test]
fn a_password_is_never_shown() {
    let config = parse(&GOOD.replace("pass: hunter2", "pass: hunter2, k_g: hunter2")).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    let wrong = GOOD.replace("privilege: operator", "privilege: root");
    let error = format!("{:#}", parse(&wrong).unwrap_err());
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn a_password_file_is_read_beside_the_config_file() {
    let folder = tempfile::tempdir().unwrap();
    let missing = parse(GOOD).unwrap().with_files(folder.path()).unwrap_err();
    assert!(format!("{missing:#}").starts_with("modules.default.password_file: "), "{missing:#}");

    std::fs::write(folder.path().join("bmc.password"), "s3cret pass\n").unwrap();
    let config = parse(GOOD).unwrap().with_files(folder.path()).unwrap();
    assert_eq!(bmcs(&config)["srv-1"].module.password.expose(), "s3cret pass");
    assert_eq!(config.state_directory, Some(folder.path().join("state")));

    std::fs::write(folder.path().join("bmc.password"), "x".repeat(21)).unwrap();
    let long = parse(GOOD).unwrap().with_files(folder.path()).unwrap_err();
    assert!(long.to_string().contains("longer than the 20 bytes"), "{long}");
}

#[test]
fn a_key_file_is_read_beside_the_config_file() {
    let folder = tempfile::tempdir().unwrap();
    let text = GOOD.replace("pass: hunter2", "pass: hunter2, k_g_file: bmc.key");
    std::fs::write(folder.path().join("bmc.password"), "s3cret").unwrap();
    std::fs::write(folder.path().join("bmc.key"), "0x0102\n").unwrap();
    let config = parse(&text).unwrap().with_files(folder.path()).unwrap();
    assert_eq!(bmcs(&config)["srv-2"].module.k_g_bytes(), Some(vec![1, 2]));

    std::fs::write(folder.path().join("bmc.key"), "0x01020\n").unwrap();
    let odd = parse(&text).unwrap().with_files(folder.path()).unwrap_err();
    assert!(odd.to_string().starts_with("modules.slow.k_g_file: must be 1 to 20"), "{odd}");
}

#[test]
fn the_example_shows_every_key_and_the_defaults() {
    let text = include_str!("../../turbulence-ipmi.example.yml");
    let config = parse(text).unwrap();
    let shown = &bmcs(&config)["srv-1"].module;
    let bare = "modules: { default: { user: monitor, password_file: bmc.password } }\n\
                targets: [ { name: srv-1, address: 192.0.2.11 } ]";
    assert_eq!(*shown, bmcs(&parse(bare).unwrap())["srv-1"].module);
    assert_eq!(both(&config).1["srv-2"].module_name, "slow");
    assert_eq!(config.state_directory, Some("/var/lib/turbulence-ipmi".into()));
}

#[test]
fn a_module_of_ipmi_exporter_can_be_pasted() {
    let text = "
modules:
  default:
    user: \"monitor\"
    pass: \"example_pw\"
    driver: \"LAN_2_0\"
    privilege: \"user\"
    timeout: 10000
    collectors:
    - bmc
    - ipmi
    - chassis
    - dcmi
    - sel
targets: []
";
    parse(text).unwrap();
}

#[test]
fn what_is_allowed_and_hardly_meant_is_told() {
    let warnings = |targets: &str| {
        let text =
            format!("modules: {{ default: {{ user: u, pass: p }} }}\ntargets: [ {targets} ]\n");
        parse(&text).unwrap().warnings
    };
    assert!(warnings("{ name: a, address: h }, { name: b, address: i }").is_empty());
    assert_eq!(warnings(""), ["targets: there is none, so nothing is polled"]);
    let twice = warnings("{ name: a, address: h }, { name: b, address: 'h:623' }");
    assert!(twice.len() == 1 && twice[0].contains("what is there is measured twice"), "{twice:?}");
}
