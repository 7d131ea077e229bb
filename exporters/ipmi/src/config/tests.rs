//! What a config file may say, and what is answered to one that is wrong.

use std::time::Duration;

use super::*;
use crate::config::driver::Driver;
use crate::slow::Collector;

mod fleet;

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
    let both = |(id, wanted): (TargetId, Wanted<_, _>)| {
        ((id.name.clone(), wanted.work), (id.name, wanted.labels))
    };
    config.wanted(&[]).0.into_iter().map(both).unzip()
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
    assert_eq!(second.module.timeout, Duration::from_secs(10), "all of the time, without retries");
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
    assert_eq!(module.account.k_g_bytes(), Some(vec![0x00, 0xFF]));
    assert_eq!(module.collectors, [Collector::Ipmi, Collector::Dcmi]);
    assert_eq!(module.workarounds, [Workaround::AuthCap]);
    assert!(module.ignore_scanning_disabled && module.bridge_sensors);
    assert_eq!(module.slow_interval, Duration::from_secs(90));

    let module = &bmcs(&parse(GOOD).unwrap())["srv-1"].module;
    assert_eq!(module.suites, [Suite::Seventeen, Suite::Three]);
    assert_eq!((module.account.k_g_bytes(), module.collectors.len()), (None, 5));
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
    assert_eq!(address("[fe80::1%eth0]:1623"), Ok("[fe80::1%eth0]:1623".into()));
    assert_eq!(address("::ffff:192.0.2.1"), Ok("192.0.2.1:623".into()));
    assert_eq!(address("münchen.example"), Ok("xn--mnchen-3ya.example:623".into()));
    for wrong in ["", ":623", "a:0", "a:b", "a:65536", "http://a", "a b", "a/24"] {
        assert!(address(wrong).is_err(), "{wrong}");
    }
    let long = "a".repeat(1_000_000);
    for no_host in [
        "0177.0.0.1",
        "5",
        "127",
        "127.1",
        "2130706433",
        "0x7f000001",
        "127.0.0.256",
        "1.2.3.4.5",
        ".",
        "a..b",
        "-a",
        "0.0.0.0",
        "::",
        "255.255.255.255",
        "224.0.0.1",
        "ff02::1",
        "127.0.0.1:+5",
        "127.0.0.1:",
        "[127.0.0.1]:623",
        "[::1]5",
        "[::1",
        "::1]:5",
        "fe80::1%",
        "a%eth0",
        "a\u{200b}",
        "/dev/ipmi0:1",
        &long,
    ] {
        let error = address(no_host).unwrap_err();
        assert!(error.starts_with("must ") && error.len() < 250, "{no_host}: {error}");
    }
}

#[test]
fn a_target_is_found_by_its_address_with_a_port_and_without() {
    let address = |text: &str| Address::try_from(text.to_owned()).unwrap();
    assert!(address("bmc").is("bmc") && address("bmc").is("bmc:623"));
    assert!(address("2001:db8::1").is("2001:db8::1") && address("/dev/ipmi0").is("/dev/ipmi0"));
    assert!(!address("bmc").is("bmc:624") && !address("/dev/ipmi0").is("/dev/ipmi1"));
    // Without a port it is that of IPMI: the machine at another one may be another machine.
    assert!(address("127.0.0.1:6230").is("127.0.0.1:6230"));
    assert!(!address("127.0.0.1:6230").is("127.0.0.1") && !address("[::1]:6230").is("::1"));
}

#[test]
fn the_machines_own_bmc_needs_no_account() {
    let text = "modules: { default: { driver: OPENIPMI, timeout: 5s } }\n\
                targets: [ { name: self, address: /dev/ipmi0 } ]";
    let bmcs = bmcs(&parse(text).unwrap());
    assert_eq!(bmcs["self"].address, Address::Device("/dev/ipmi0".into()));
    assert_eq!(bmcs["self"].module.driver, Driver::OpenIpmi);
    assert_eq!(bmcs["self"].module.account.user.expose(), "");
}

/// Holds each file against what its error has to say.
fn refuse(cases: &[(String, &str)]) {
    for (text, expected) in cases {
        let error = parse(text).expect_err(text).to_string();
        assert!(error.contains(expected), "{text}\nis answered with\n{error}");
        assert!(error.starts_with("ipmi.yml:"), "{error}");
    }
}

#[test]
fn a_name_is_no_longer_than_a_label_may_be() {
    let text = |length: usize| {
        let name = "n".repeat(length);
        format!(
            "modules: {{ default: {{ user: u, pass: p }} }}\ntargets: [ {{ name: {name}, address: h }} ]"
        )
    };
    assert!(parse(&text(200)).is_ok());
    let error = parse(&text(1_000_000)).unwrap_err().to_string();
    assert!(error.contains("targets[0].name: must not be longer than 200 bytes"), "{error}");
}

#[test]
fn a_wrong_module_is_answered_with_the_field_and_what_is_allowed() {
    let module = |text: &str| format!("modules: {{ default: {{ {text} }} }}\ntargets: []\n");
    refuse(&[
        ("module: {}\n".to_owned(), "module"),
        (module("pass: p"), "modules.default: user: must be set, as in `user: monitor`"),
        (module("user: u"), "pass: must be set, as in `password_file: bmc.password`"),
        (
            module("user: u, pass: p, password_file: f"),
            ":1:38: modules.default.pass: give it or password_file, not both",
        ),
        (module("user: u, user_file: f, pass: p"), "user: give it or user_file, not both"),
        (module("user: u, pass: ''"), "pass: must be 1 to 20 bytes"),
        (module("user: u, password: p"), "password"),
        (module("user: uuuuuuuuuuuuuuuuu, pass: p"), "user: must be 1 to 16 bytes, as IPMI 2.0"),
        (
            module("user: u, pass: ppppppppppppppppppppp"),
            "pass: must be 1 to 20 bytes, as IPMI 2.0",
        ),
        (
            module("user: u, pass: p, privilege: root"),
            "privilege: must be one of user, operator, admin",
        ),
        (module("user: u, pass: p, timeout: soon"), "must be a duration above zero"),
        (module("user: u, pass: p, timeout: 1ms"), "timeout: must be from 50ms to 30s"),
        (module("user: u, pass: p, interval: 5"), "a duration with a unit"),
        (module("user: u, pass: p, interval: 500ms"), "interval: must be from 1s to 1h"),
        (module("user: u, pass: p, retries: 11"), "retries: must be 0 to 10"),
        (module("user: u, pass: p, driver: LAN_3"), "driver: must be one of LAN_2_0, OPENIPMI"),
        (module("driver: KCS"), "in-band by the kernel's driver alone: write OPENIPMI"),
        (module("privilege: admin"), "privilege: has a meaning for a BMC over the LAN alone"),
        (module("suites: [3]"), "which needs an account; give it `user` and `password_file`"),
        (module("user: u, pass: p, timeout: 100"), "timeout: must be from 50ms to 30s"),
        (
            module("driver: OPENIPMI, user: u"),
            "user: has no meaning with the driver OPENIPMI; leave it out",
        ),
        (
            module("driver: OPENIPMI, suites: [3]"),
            "suites: has no meaning with the driver OPENIPMI",
        ),
        (
            module("driver: OPENIPMI, workaround_flags: [authcap]"),
            "workaround_flags: has no meaning with the driver OPENIPMI",
        ),
        (
            module("user: u, pass: p, collectors: [ipmi, smart]"),
            "collectors: must be some of ipmi, chassis, sel, dcmi, bmc, sel-events, bmc-watchdog",
        ),
        (
            module("user: u, pass: p, sensor_states: { Memory: { spare: bad } }"),
            "must be one of nominal, warning, critical",
        ),
        (
            module("user: u, pass: p, workaround_flags: [authcap, sun30]"),
            "workaround_flags: must be some of authcap, nochecksumcheck",
        ),
        (module("user: u, pass: p, collectors: []"), "collectors: must be some of ipmi, chassis"),
        (module("user: u, pass: p, collectors: [ipmi, ipmi]"), "collectors: ipmi is there twice"),
        (module("user: u, pass: p, retries: 300"), "retries: must be 0 to 10"),
        (module("user: u, pass: p, retries: 010"), "without a leading zero"),
        (module("user: u, pass: p, timeout: 010"), "modules.default.timeout: must be"),
        (
            module("user: u, pass: p, exclude_sensor_ids: ['']"),
            "exclude_sensor_ids[0]: must be the",
        ),
        (module("user: u, pass: p, exclude_sensor_ids: [1.1.999]"), "three numbers up to 255"),
        (module("user: u, pass: p, exclude_sensor_ids: [32.0.5.6]"), "three numbers up to 255"),
        (
            module("user: u, pass: p") + "on_demand: { allow: [/dev/ipmi0] }\n",
            ":3:21: on_demand.allow: must list hosts",
        ),
        (
            module("user: u, pass: p") + "state_directory: ''\n",
            ":3:18: state_directory: must be the",
        ),
        (
            "targets: [ { name: a, address: h } ]\n".to_owned(),
            "targets[0].module: there is none; name one in `modules`",
        ),
        (module("user: u, pass: p, suites: [17, 0]"), "suites: must be some of 17, 3"),
        (module("user: u, pass: p, suites: [3, 3]"), "suites: 3 is there twice"),
        (module("user: u, pass: p, suites: []"), "suites: none is left"),
        (module("user: u, pass: p, k_g: 0x123"), "k_g: must be 1 to 20 bytes"),
        (module("user: u, pass: p, k_g: kkkkkkkkkkkkkkkkkkkkk"), "k_g: must be 1 to 20 bytes"),
        (module("user: u, pass: p, k_g: k, k_g_file: f"), "k_g: give it or k_g_file, not both"),
        (module("user: u, pass: p, slow_interval: 1s"), "slow_interval: must be from 10s to 1h"),
        (
            module("user: u, pass: p, bridge_sensors: perhaps"),
            "bridge_sensors: must be true or false",
        ),
    ]);
}

#[test]
fn a_wrong_target_is_answered_with_the_field_and_what_is_allowed() {
    let target = |text: &str| {
        format!("modules: {{ default: {{ user: u, pass: p }} }}\ntargets: [ {{ {text} }} ]\n")
    };
    refuse(&[
        (
            target("name: a, address: /dev/ipmi0"),
            "targets[0].module: has the driver LAN_2_0; the address is a device and needs OPENIPMI",
        ),
        (target("name: a, address: /dev/sda"), "address: must be a host or host:port"),
        (target("name: a, address: '/dev/ipmi0:623'"), "address: must be a host"),
        (target("name: a, address: /dev/ipmi"), "address: must be a host"),
        (target("name: a, address: /dev/ipmi/../sda"), "address: must be a host"),
        (target("address: a"), "missing field `name`"),
        (target("name: a"), "missing field `address`"),
        (target("name: ../a, address: a"), "name: must be letters, digits"),
        (target("name: a, address: a, site: ' x'"), "targets[0].site: must not begin"),
        (target("name: a, address: a, labels: { job: x }"), "labels.job: the suite itself"),
        (target("name: a, address: a, labels: { entity: x }"), "labels.entity: the suite itself"),
        (target("name: a, address: a, labels: { a-b: x }"), "labels: a label's name must be"),
        (target("name: a, address: 'a:b'"), "address: must be a host or host:port"),
        (target("name: a, address: a, colour: red"), "colour"),
        (
            target("name: a, address: a, module: fast"),
            "targets[0].module: is not among the modules; must be one of default",
        ),
        (
            target("name: a, address: a, rise_limits: { disk: 0 }"),
            "rise_limits: each must be above 0",
        ),
        (
            target("name: a, address: a }, { name: a, address: b"),
            "ipmi.yml:2:37: name: line 2 has the same site and name; together they must be unique",
        ),
    ]);
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
    let missing = parse(GOOD).unwrap().with_files(folder.path(), true).unwrap_err();
    assert_eq!(missing.to_string().lines().count(), 1, "{missing}");
    let place = "line 3:12: modules.default.password_file: reading secret file ";
    assert!(missing.to_string().starts_with(place), "{missing}");

    std::fs::write(folder.path().join("bmc.password"), "s3cret pass\n").unwrap();
    let config = parse(GOOD).unwrap().with_files(folder.path(), true).unwrap();
    assert_eq!(bmcs(&config)["srv-1"].module.account.password.expose(), "s3cret pass");
    assert_eq!(config.state_directory, Some(folder.path().join("state")));

    std::fs::write(folder.path().join("bmc.password"), "x".repeat(21)).unwrap();
    let long = parse(GOOD).unwrap().with_files(folder.path(), true).unwrap_err();
    assert!(long.to_string().contains("password_file: must be 1 to 20 bytes"), "{long}");
}

#[test]
fn a_key_file_is_read_beside_the_config_file() {
    let folder = tempfile::tempdir().unwrap();
    let text = GOOD.replace("pass: hunter2", "pass: hunter2, k_g_file: bmc.key");
    std::fs::write(folder.path().join("bmc.password"), "s3cret").unwrap();
    std::fs::write(folder.path().join("bmc.key"), "0x0102\n").unwrap();
    let config = parse(&text).unwrap().with_files(folder.path(), true).unwrap();
    assert_eq!(bmcs(&config)["srv-2"].module.account.k_g_bytes(), Some(vec![1, 2]));

    std::fs::write(folder.path().join("bmc.key"), "0x01020\n").unwrap();
    let odd = parse(&text).unwrap().with_files(folder.path(), true).unwrap_err();
    assert!(odd.to_string().contains("modules.slow.k_g_file: must be 1 to 20"), "{odd}");
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
fn what_has_no_meaning_here_is_left_aside_and_said() {
    let text = "
modules:
  default:
    user: some_user
    pass: hunter2
    collectors: [bmc, ipmi, sel-events]
    exclude_sensor_ids: [2, 29, 12V]
  advanced:
    user: some_user
    pass: hunter2
    driver: LAN
    collectors: [ipmi, sel]
    workaround_flags: [discretereading, sun20]
    collector_cmd: { ipmi: sudo, sel: sudo }
    default_args: { ipmi: [--bridge-sensors] }
    custom_args: { ipmi: [hunter2] }
    sel_events: [ { name: x, regex: hunter2 } ]
targets: [ { name: a, address: b } ]
";
    let config = parse(text).unwrap();
    assert_eq!(bmcs(&config)["a"].module.exclude_sensor_ids, ["12V"]);
    let said = config.warnings.join("\n");
    for warning in [
        "line 9: modules.advanced.driver: LAN is IPMI 1.5, which is not spoken",
        "line 9: modules.advanced.custom_args: no other program is run",
        "line 9: modules.advanced.default_args: no other program is run",
        "line 9: modules.advanced.collector_cmd: no other program is run",
        "line 9: modules.advanced.workaround_flags: sun20 has no meaning here",
        "line 9: modules.advanced.sel_events: are not counted without the collector sel-events",
        "line 4: modules.default.exclude_sensor_ids: bare numbers are those of SDR records",
    ] {
        assert!(said.lines().any(|line| line.starts_with(warning)), "{warning} in\n{said}");
    }
    assert_eq!(config.warnings.len(), 7, "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    // Nothing is offered that is always left aside.
    let mistyped = "modules: { a: { user: u, pass: p, colectors: [ipmi] } }";
    let error = parse(mistyped).unwrap_err().to_string();
    assert!(error.contains("did you mean `collectors`?") && error.contains("bridge_sensors"));
    assert!(!error.contains("collector_cmd") && !error.ends_with('-'), "{error}");
}

#[test]
fn a_bare_timeout_is_that_of_all_attempts_together() {
    let timeout = |text: &str| {
        let text = format!(
            "modules: {{ default: {{ user: u, pass: p, {text} }} }}\ntargets: [ {{ name: a, address: b }} ]"
        );
        bmcs(&parse(&text).unwrap())["a"].module.timeout
    };
    assert_eq!(timeout("timeout: 9000"), Duration::from_secs(3));
    assert_eq!(timeout("timeout: 10000, retries: 0"), Duration::from_secs(10));
    assert_eq!(timeout("timeout: 9s"), Duration::from_secs(9));
    // It may be as long as its writer likes, and that is said.
    assert_eq!(timeout("timeout: 120000"), Duration::from_secs(30));
    let text = "modules: { default: { user: u, pass: p, timeout: 120000 } }\ntargets: [ { name: a, address: b } ]";
    let said = parse(text).unwrap().warnings.join("\n");
    assert!(said.contains("timeout: would be 40s for each attempt; 30s is taken"), "{said}");
}

#[test]
fn a_config_that_names_nobody_is_that_of_the_machine_itself() {
    let folder = tempfile::tempdir().unwrap();
    let polled = |text: &str| {
        let config = parse(text).unwrap().with_files(folder.path(), true).unwrap();
        bmcs(&config).into_values().map(|bmc| bmc.address.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(polled("{}"), ["/dev/ipmi0"]);
    assert_eq!(polled("modules: { default: { collectors: [ipmi] } }"), ["/dev/ipmi0"]);
    for nobody in [
        "modules: { default: { collectors: [] } }",
        "modules: { default: { user: u, pass: p } }",
        "modules: {}\ntargets: []",
        "file_sd_configs: [ { files: [list.json] } ]",
    ] {
        assert!(polled(nobody).is_empty(), "{nobody}");
    }
}

#[test]
fn a_bmc_on_demand_has_the_account_of_its_module_and_is_a_host() {
    let text = "
modules:
  default: {}
  lan: { user: u, pass: hunter2 }
on_demand: { allow: [192.0.2.0/24, '*.example'] }
";
    let modules = parse(text).unwrap().on_demand_modules();
    let (bmc, destination) = modules.bmc("192.0.2.7", "lan").unwrap();
    assert_eq!(bmc.work.module.account.password.expose(), "hunter2");
    assert_eq!(
        (bmc.work.name.as_str(), destination.to_string()),
        ("192.0.2.7", "192.0.2.7:623".into())
    );
    for (host, module, said) in [
        ("192.0.2.7", "wan", "module: must be one of default, lan"),
        ("192.0.2.7", "default", "module: has the driver OPENIPMI and no account"),
        ("/dev/ipmi0", "lan", "target: must be a host; a device"),
        ("u:p@192.0.2.7", "lan", "target: must be a host or host:port"),
    ] {
        let error = modules.bmc(host, module).unwrap_err();
        assert!(error.starts_with(said), "{error}");
    }
    // However it is spelt, it is one.
    for spellings in [
        &["a.example", "A.Example", "a.example:623"][..],
        &["192.0.2.7", "[::ffff:192.0.2.7]:623"],
        &["2001:db8::7", "[2001:DB8:0::7]", "[2001:db8::7]:623"],
        &["[2001:db8::7]:624", "[2001:DB8::7]:624"],
        &["fe80::1%Eth0", "[fe80::1%Eth0]:623"],
    ] {
        let work = |host: &str| modules.bmc(host, "lan").unwrap().0.work;
        let first = work(spellings[0]);
        assert_eq!(first.name, spellings[0]);
        for it in spellings {
            assert!(work(it) == first && first.address.is(it), "{it}");
        }
    }
    assert!(modules.still("a.example", "lan").is_some());
    assert!(modules.still("198.51.100.1", "lan").is_none());
}

#[test]
fn labels_of_the_user_are_labels_and_no_work() {
    let text = GOOD.replace("rack: r1", "rack: r1, labels: { env: prod, owner: '' }");
    let (before, after) = (both(&parse(GOOD).unwrap()), both(&parse(&text).unwrap()));
    assert_eq!(before.0, after.0);
    let own: Vec<_> = after.1["srv-1"].own.iter().collect();
    assert_eq!(own, [("env", "prod")]);
}

#[test]
fn every_file_of_a_secret_that_is_wrong_is_told() {
    let text = "modules:
  a: { user_file: user, password_file: none, k_g_file: key }
  b: { user_file: user, pass: hunter2 }
";
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("user"), "uuuuuuuuuuuuuuuuu").unwrap();
    std::fs::write(folder.path().join("key"), "0x1").unwrap();
    let error = parse(text).unwrap().with_files(folder.path(), true).unwrap_err().to_string();
    for said in [
        "line 2:6: modules.a.user_file: must be 1 to 16 bytes",
        "line 2:6: modules.a.password_file: reading secret file",
        "line 2:6: modules.a.k_g_file: must be 1 to 20 bytes",
        "line 3:6: modules.b.user_file: must be 1 to 16 bytes",
    ] {
        assert!(error.contains(said), "{said} is not in\n{error}");
    }
    std::fs::write(folder.path().join("user"), "monitor\n").unwrap();
    let text = "modules: { a: { user_file: user, pass: hunter2 } }";
    let config = parse(text).unwrap().with_files(folder.path(), true).unwrap();
    assert_eq!(config.modules["a"].account.user.expose(), "monitor");
}

#[test]
fn what_is_discovered_is_held_to_the_conditions_of_the_file() {
    let found = |address: &str, labels: &[(&str, &str)]| Found {
        address: address.into(),
        labels: Arc::new(
            labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        ),
        source: "list.json".into(),
    };
    let found = [
        found("192.0.2.9", &[("target", "srv-9"), ("site", "ams"), ("env", "prod")]),
        found("192.0.2.8:1623", &[("__param_module", "slow")]),
        found("192.0.2.7", &[("target", "srv-1"), ("site", "ams")]),
        found("192.0.2.6", &[("target", "srv-1"), ("site", "fra")]),
        found("192.0.2.7", &[("module", "none"), ("target", "b")]),
        found("/dev/ipmi0", &[("target", "c")]),
        found("monitor:s3cret@192.0.2.7", &[("target", "d")]),
        found("192.0.2.7", &[("target", "../e")]),
        found("192.0.2.7", &[("target", "f"), ("entity", "disk")]),
        found("192.0.2.7", &[("target", "g"), ("password_file", "/etc/shadow")]),
    ];
    let (polled, skipped) = parse(GOOD).unwrap().wanted(&found);
    let names: Vec<_> = polled.keys().map(|id| (id.name.as_str(), id.group.as_str())).collect();
    assert_eq!(
        names,
        [
            ("192.0.2.8:1623", ""),
            ("g", ""),
            ("srv-1", "ams"),
            ("srv-1", "fra"),
            ("srv-2", ""),
            ("srv-9", "ams")
        ]
    );
    let polled: BTreeMap<_, _> = polled.into_iter().map(|(id, it)| (id.name, it)).collect();
    assert_eq!(polled["srv-9"].labels.site.as_deref(), Some("ams"));
    assert_eq!(polled["srv-9"].labels.own.iter().collect::<Vec<_>>(), [("env", "prod")]);
    assert_eq!(polled["192.0.2.8:1623"].work.module.account.password.expose(), "hunter2");
    // A label is a label, whatever it is called: the account is the module's.
    assert_eq!(polled["g"].work.module, polled["srv-1"].work.module);
    let reasons: Vec<_> = skipped.iter().map(|it| it.reason.as_str()).collect();
    for (reason, wanted) in reasons.iter().zip([
        "another target has its name and site",
        "module: is not among the modules; must be one of default, slow",
        "address: must be a host; a device is named in the config",
        "address: must be a host or host:port",
        "name: must be letters",
        "labels: entity: the suite itself uses this label",
    ]) {
        assert!(reason.starts_with(wanted), "{reason}");
    }
    assert_eq!(reasons.len(), 6);
    assert!(!reasons.concat().contains("s3cret"));
}

#[test]
fn what_is_allowed_and_hardly_meant_is_told() {
    let warnings = |targets: &str| {
        let text =
            format!("modules: {{ default: {{ user: u, pass: p }} }}\ntargets: [ {targets} ]\n");
        parse(&text).unwrap().warnings
    };
    assert!(warnings("{ name: a, address: h }, { name: b, address: i }").is_empty());
    assert!(warnings("")[0].starts_with("targets: there is none, so nothing is polled"));
    let glued = warnings("{ name: a, address: '2001:db8::1:623' }");
    assert!(glued.len() == 1 && glued[0].contains("write it as in [2001:db8::1]:623"), "{glued:?}");
    for pair in [["127.0.0.1", "'::ffff:127.0.0.1'"], ["H.example", "h.Example"]] {
        let [one, other] = pair;
        let targets = format!("{{ name: a, address: {one} }}, {{ name: b, address: {other} }}");
        assert!(warnings(&targets)[0].contains("what is there is measured twice"), "{pair:?}");
    }
    let twice = warnings("{ name: a, address: h }, { name: b, address: 'h:623' }");
    assert!(twice.len() == 1 && twice[0].contains("what is there is measured twice"), "{twice:?}");
}
