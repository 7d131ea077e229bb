//! One fault per config, and the message that it must give.

use std::io::Write as _;

use super::*;

const GOOD: &str = "\
vantage: { name: fra, region: EMEA }
sets:
  - { name: world, resolvers: [9.9.9.9, { address: 1.1.1.1, country: anycast, asn: 13335, name: x }] }
questions:
  - { name: API.example., types: [A], expected: { A: { answers: [1.2.3.4, 5.6.0.0/16] } } }
";

fn load(text: &str) -> anyhow::Result<Config> {
    exporter_kit::parse::<Config>(text, "test.yml")?.complete(Path::new("."))
}

#[test]
fn defaults_are_those_of_the_reference() {
    let config = load(GOOD).unwrap();
    let set = &config.sets[0];
    assert_eq!((set.port, set.rate, set.retries, set.allow_private), (53, 100, 0, false));
    assert_eq!((set.interval, set.timeout), (Duration::from_secs(3600), Duration::from_secs(2)));
    assert_eq!((set.min_resolvers, set.min_networks), (20, 10));
    assert_eq!(set.list.resolvers.len(), 2);
    let plan = &config.plans()["world"];
    assert_eq!(plan.questions[0].name.as_str(), "api.example");
    assert_eq!(plan.questions[0].expected.as_ref().unwrap().answers.len(), 2);
    assert_eq!(plan.gap(), Duration::from_secs(1));
}

#[test]
fn every_fault_has_its_message() {
    let faults = [
        ("region: EMEA", "region: EMEA, city: x", "unknown field `city`"),
        ("name: fra", "name: ''", "must not be empty"),
        ("name: world,", "name: world, sped: 1,", "unknown field `sped`"),
        (
            "name: world,",
            "name: world, resolvers_file: x.csv,",
            "either `resolvers` or `resolvers_file`",
        ),
        ("[9.9.9.9,", "[nonsense,", "expected an IP address, or a mapping with `address`"),
        (
            "[9.9.9.9,",
            "[10.0.0.1,",
            "10.0.0.1: a special-purpose address is asked only with `allow_private: true`",
        ),
        ("country: anycast", "country: Mars", "neither two letters nor `anycast`"),
        ("name: world,", "name: world, rate: 1001,", "rate: 1001 is not within 1 to 1000"),
        ("name: world,", "name: world, rate: 0,", "rate: 0 is not within 1 to 1000"),
        ("name: world,", "name: world, timeout: 5,", "must be a duration above zero"),
        ("name: world,", "name: world, timeout: 31s,", "timeout: must be from 50ms to 30s"),
        ("name: world,", "name: world, retries: 2,", "retries: 0 or 1"),
        ("name: world,", "name: world, retries: 1, timeout: 1s,", "timeout of at least 2s"),
        (
            "name: world,",
            "name: world, interval: 30s,",
            "120 an hour for each resolver; the most for resolvers of others is 60",
        ),
        ("name: world,", "name: world, port: 0,", "port: must be above 0"),
        ("name: world,", "name: world, control: 'a b',", "is not a host name"),
        ("types: [A]", "types: [TXT]", "must be one of A, AAAA"),
        ("types: [A]", "types: []", "types: there must be one at least"),
        ("types: [A]", "types: [A, A]", "asked for api.example A twice"),
        ("types: [A]", "types: [A], sets: [moon]", "set the value is none of: world"),
        ("types: [A]", "types: [AAAA]", "expected: A is not among its types"),
        ("API.example.", "'a b'", "is not a host name"),
        ("1.2.3.4,", "'::1',", "::1/128 can not be the answer for A"),
        ("1.2.3.4,", "x,", "the value is neither an IP address nor a prefix"),
        ("answers: [1.2.3.4, 5.6.0.0/16]", "mode: subset, answers: []", "only with mode exact"),
        ("answers:", "mode: some, answers:", "must be one of exact, subset, superset"),
        ("questions:\n", "questions: []\nquestion:\n", "unknown field `question`"),
    ];
    let mut wrong = Vec::new();
    for (good, bad, wanted) in faults {
        assert!(GOOD.contains(good), "{good}");
        let error = load(&GOOD.replacen(good, bad, 1)).err();
        let error = error.map_or("no error".to_owned(), |error| format!("{error:#}"));
        if !error.contains(wanted) {
            wrong.push(format!("{bad}\n  wanted {wanted}\n  got    {error}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_error_names_file_and_line() {
    let error = load(&GOOD.replace("types: [A]", "tipes: [A]")).unwrap_err().to_string();
    assert!(error.starts_with("test.yml:5:27: questions[0]: unknown field `tipes`"), "{error}");
}

#[test]
fn a_set_that_is_asked_nothing_is_refused() {
    let text = GOOD.replace("questions:", "  - { name: idle, resolvers: [8.8.8.8] }\nquestions:");
    let error = load(&text.replace("types: [A],", "types: [A], sets: [world],")).unwrap_err();
    assert!(error.to_string().contains("set idle is asked nothing"), "{error:#}");
}

/// A config whose set reads a file of `count` addresses, the first of them `first`.
fn with_file(first: &str, count: u32, options: &str) -> anyhow::Result<Config> {
    let folder = tempfile::tempdir().unwrap();
    let mut file = std::fs::File::create(folder.path().join("list.csv")).unwrap();
    let first: std::net::Ipv4Addr = first.parse().unwrap();
    for n in 0..count {
        writeln!(file, "{}", std::net::Ipv4Addr::from(first.to_bits() + n)).unwrap();
    }
    let set = format!("resolvers_file: list.csv{options}");
    let text = GOOD.replace(
        "resolvers: [9.9.9.9, { address: 1.1.1.1, country: anycast, asn: 13335, name: x }]",
        &set,
    );
    exporter_kit::parse::<Config>(&text, "test.yml")?.complete(folder.path())
}

#[test]
fn many_third_parties_need_to_be_meant_and_a_contact() {
    let error = |options| format!("{:#}", with_file("11.0.0.1", 201, options).unwrap_err());
    assert!(error("").contains("201 resolvers of others would be probed"));
    assert!(error(", acknowledge_third_party_probing: true").contains("give them a `contact`"));
    let options = ", acknowledge_third_party_probing: true, contact: mailto:noc@example.com";
    assert_eq!(with_file("11.0.0.1", 201, options).unwrap().sets[0].list.resolvers.len(), 201);
    assert!(with_file("11.0.0.1", 200, "").is_ok());
}

#[test]
fn one_s_own_machine_may_be_asked_as_one_likes() {
    let options = ", allow_private: true, rate: 100000, interval: 5s";
    assert!(with_file("127.1.0.1", 300, options).is_ok());
    let error = with_file("10.1.0.1", 300, options).unwrap_err();
    assert!(format!("{error:#}").contains("not within 1 to 1000"), "{error:#}");
}

#[test]
fn a_sweep_that_does_not_fit_its_interval_is_refused_with_the_arithmetic() {
    let error =
        with_file("127.1.0.1", 300, ", allow_private: true, rate: 10, interval: 30s").unwrap_err();
    let wanted =
        "300 resolvers x 1 queries at 10 a second takes up to 32s, which is longer than 30s";
    assert!(format!("{error:#}").contains(wanted), "{error:#}");
}

#[test]
fn a_missing_list_is_named() {
    let text = GOOD.replace(
        "resolvers: [9.9.9.9, { address: 1.1.1.1, country: anycast, asn: 13335, name: x }]",
        "resolvers_file: no.csv",
    );
    let error = format!("{:#}", load(&text).unwrap_err());
    assert!(error.contains("set world: resolvers_file ./no.csv: reading it"), "{error}");
}

#[test]
fn labels_pins_and_thresholds_are_no_work_and_all_else_is() {
    let work = |text: &str| load(text).unwrap().plans()["world"].work();
    let before = work(GOOD);
    for (old, new) in [
        ("region: EMEA", "region: APAC, country: JP"),
        ("name: world,", "name: world, contact: noc, min_resolvers: 2, min_networks: 1,"),
        ("1.2.3.4, ", "7.7.7.7, "),
        (", expected: { A: { answers: [1.2.3.4, 5.6.0.0/16] } }", ""),
        ("country: anycast, asn: 13335, name: x", "country: US, asn: 1"),
    ] {
        assert!(GOOD.contains(old), "{old}");
        let changed = GOOD.replace(old, new);
        assert_eq!(work(&changed), before, "{new}");
        assert_ne!(load(&changed).unwrap().plans(), load(GOOD).unwrap().plans(), "{new}");
    }
    for (old, new) in [
        ("9.9.9.9", "9.9.9.10"),
        ("name: world,", "name: world, interval: 2h,"),
        ("name: world,", "name: world, rate: 7,"),
        ("name: world,", "name: world, control: c.example,"),
        ("API.", "WWW."),
        ("types: [A]", "types: [A, AAAA]"),
    ] {
        assert_ne!(work(&GOOD.replace(old, new)), before, "{new}");
    }
}

#[test]
fn a_sweep_uses_up_a_minute_of_a_strangers_patience_with_each_query() {
    let pause = |text: &str| load(text).unwrap().plans()["world"].pause();
    assert_eq!(pause(GOOD), Some(Duration::from_secs(60)));
    assert_eq!(
        pause(&GOOD.replace("types: [A]", "types: [A, AAAA]")),
        Some(Duration::from_secs(120))
    );
    let own = GOOD.replace("9.9.9.9", "127.0.0.1").replace("1.1.1.1", "127.0.0.2");
    assert_eq!(pause(&own.replace("name: world,", "name: world, allow_private: true,")), None);
}
