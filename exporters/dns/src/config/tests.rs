//! One fault per config, and the message that it must give.

mod polite;
mod tables;

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use super::*;

const GOOD: &str = "\
vantage: { name: fra, region: EMEA }
sets:
  - { name: world, resolvers: [9.9.9.9, { address: 1.1.1.1, country: anycast, asn: 13335, name: x }] }
questions:
  - { name: API.example., types: [A], expected: { A: { answers: [1.2.3.4, 5.6.0.0/16] } } }
";

fn load(text: &str) -> anyhow::Result<Config> {
    load_in(text, Path::new("."))
}

/// Loads as the kit does.
fn load_in(text: &str, folder: &Path) -> anyhow::Result<Config> {
    let config = exporter_kit::parse::<Config>(text, "test.yml")?;
    config.complete(folder).map_err(|error| {
        let problems = error.downcast::<Problems>().expect("all that is wrong has a place");
        anyhow::anyhow!("test.yml: {problems}")
    })
}

#[test]
fn defaults_are_those_of_the_reference() {
    let config = load(GOOD).unwrap();
    let set = &config.sets[0];
    assert_eq!((set.port, set.rate, set.retries, set.allow_private), (53, 100, 0, false));
    assert_eq!((set.interval, set.timeout), (Duration::from_secs(3600), Duration::from_secs(2)));
    assert_eq!((set.min_resolvers, set.min_networks), (None, None));
    assert_eq!(set.list.resolvers.len(), 2);
    let plan = &config.plans(&[]).0["world"];
    assert_eq!(plan.questions[0].name.as_str(), "api.example");
    assert_eq!(plan.questions[0].expected.as_ref().unwrap().answers.len(), 2);
    assert_eq!(plan.gap(), Duration::from_secs(1));
}

#[test]
fn every_fault_has_its_message() {
    let faults = [
        ("region: EMEA", "region: EMEA, city: x", "1:37: vantage: unknown field `city`"),
        ("name: fra", "name: ''", "1:18: vantage.name: must not be empty"),
        ("name: world,", "name: ' ',", "3:13: sets[0].name: must not begin or end with a space"),
        ("name: world,", "name: world, sped: 1,", "unknown field `sped`"),
        (
            "name: world,",
            "name: world, labels: { outcome: x },",
            "sets[0].labels.outcome: the suite itself uses this label",
        ),
        (
            "name: world,",
            "name: world, resolvers_file: x.csv,",
            "3:54: sets[0].resolvers: give them or `resolvers_file`, not both",
        ),
        (
            "[9.9.9.9,",
            "[s3cret@h,",
            "3:32: sets[0].resolvers[0]: must be an IP address or a host name, or a mapping",
        ),
        (
            "[9.9.9.9,",
            "[10.0.0.1,",
            "3:32: sets[0].resolvers[0]: a special-purpose address is asked only with `allow_private: true`",
        ),
        ("vantage:", "buckets: [1, s3cret]\nvantage:", "test.yml:1:"),
        ("vantage:", "buckets: [2, 1]\nvantage:", "1:10: buckets: must be at most 64 bounds"),
        ("name: x }", "nome: x }", "sets[0].resolvers[1]: unknown field `nome`"),
        (
            "country: anycast",
            "country: s3cret",
            "3:70: sets[0].resolvers[1].country: must be two letters, as in NL, or anycast",
        ),
        ("asn: 13335", "asn: s3cret", "sets[0].resolvers[1].asn: must be a whole number"),
        ("name: world,", "name: world, rate: 1001,", "3:26: sets[0].rate: must be from 1 to 1000"),
        ("name: world,", "name: world, rate: 0,", "sets[0].rate: must be from 1 to 1000"),
        ("name: world,", "name: world, timeout: 5,", "must be a duration above zero"),
        ("name: world,", "name: world, timeout: 31s,", "timeout: must be from 50ms to 30s"),
        ("name: world,", "name: world, retries: 2,", "3:29: sets[0].retries: must be 0 or 1"),
        ("name: world,", "name: world, retries: 1, timeout: 1s,", "the timeout is at least 2s"),
        (
            "name: world,",
            "name: world, interval: 30s,",
            "3:30: sets[0].interval: 1 queries each 30s are 120 an hour for each resolver; the most for resolvers \
             of others is 60",
        ),
        ("name: world,", "name: world, port: 0,", "port: must be from 1 to 65535"),
        (
            "name: world,",
            "name: world, control: 's3 cret',",
            "sets[0].control: must be a host name",
        ),
        ("types: [A]", "types: [ANY]", "must be one of A, AAAA"),
        ("types: [A]", "types: []", "5:34: questions[0].types: there must be one at least"),
        ("types: [A]", "types: [A, A]", "questions[0].types: A is there twice"),
        (
            "types: [A]",
            "types: [A], sets: [s3cret]",
            "5:46: questions[0].sets[0]: is not among the sets; must be one of world",
        ),
        ("types: [A]", "types: [AAAA]", "expected.A: is not among the types that are asked for"),
        ("API.example.", "'s3 cret'", "5:13: questions[0].name: must be a host name"),
        (
            "1.2.3.4,",
            "'::1',",
            "questions[0].expected.A.answers[0]: must be an IPv4 address or prefix",
        ),
        (
            "1.2.3.4,",
            "s3cret,",
            "5:66: questions[0].expected.A.answers[0]: must be an IP address or a prefix",
        ),
        (
            "answers: [1.2.3.4, 5.6.0.0/16]",
            "mode: subset, answers: []",
            "must not be empty unless the mode is exact",
        ),
        ("answers:", "mode: some, answers:", "must be one of exact, subset, superset"),
        ("questions:\n", "questions: []\nquestion:\n", "unknown field `question`"),
        (
            "questions:\n  - {",
            "questions:\n  - { name: api.example }\n  - {",
            "6:5: questions[1]: line 5",
        ),
    ];
    let mut wrong = Vec::new();
    for (good, bad, wanted) in faults {
        assert!(GOOD.contains(good), "{good}");
        let error = load(&GOOD.replacen(good, bad, 1)).err();
        let error = error.map_or("no error".to_owned(), |error| format!("{error:#}"));
        if !error.contains(wanted) || error.contains("s3cret") || !error.starts_with("test.yml:") {
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
fn all_faults_are_told_at_once() {
    let text = GOOD
        .replace("name: world,", "name: world, port: 0, timeout: 1h,")
        .replace("types: [A]", "types: [A, ANY], colour: red");
    let error = load(&text).unwrap_err().to_string();
    for place in [":3:26: sets[0].port", ":3:38: sets[0].timeout", ":5:38: questions[0].types[1]"] {
        assert!(error.contains(place), "{place} is not in {error}");
    }
    // What is only seen when all parts are good is told at once as well.
    let text = GOOD
        .replace("world,", "world, rate: 0,")
        .replace("[9.9.9.9,", "[10.0.0.1, 224.0.0.1,")
        .replace("questions:", "  - { name: world, resolvers: [8.8.8.8] }\nquestions:")
        .replace("types: [A],", "types: [A], sets: [moon],");
    let error = load(&text).unwrap_err().to_string();
    for what in [
        "sets[0].rate",
        "resolvers[0]",
        "resolvers[1]",
        ":4:5: name: line 3",
        "sets[0]: is not among",
    ] {
        assert!(error.contains(what), "{what} is not in {error}");
    }
}

#[test]
fn what_is_allowed_and_hardly_meant_is_told() {
    assert!(load(GOOD).unwrap().warnings.is_empty());
    let text = GOOD
        .replace("[9.9.9.9,", "[9.9.9.9, 1.1.1.1, 9.9.9.9,")
        .replace("questions:", "  - { name: other, resolvers: [9.9.9.9, 8.8.8.8] }\nquestions:");
    assert_eq!(
        load(&text).unwrap().warnings,
        [
            "line 3: resolvers: line 3 has the same address, and 1 more are there twice; each is asked once",
            "line 4: resolvers: 1 of them are in the set of line 3 too; they are asked for both",
        ]
    );
}

#[test]
fn a_set_that_is_asked_nothing_is_refused() {
    let text = GOOD.replace("questions:", "  - { name: idle, resolvers: [8.8.8.8] }\nquestions:");
    let error = load(&text.replace("types: [A],", "types: [A], sets: [world],")).unwrap_err();
    assert!(error.to_string().contains(":4:5: sets[1]: is asked nothing"), "{error:#}");
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
    load_in(&text, folder.path())
}

#[test]
fn nobody_is_asked_whether_somebody_on_the_way_answers() {
    let test = |addresses: &str| {
        load(&format!("{GOOD}interception: {{ name: a.example, addresses: [{addresses}] }}\n"))
    };
    assert!(test("192.0.2.7, '2001:db8::53', 127.0.0.1:5353").is_ok());
    for somebody in ["9.9.9.9", "'2620:fe::fe'", "192.0.2.7, 8.8.8.8:5353", "224.0.0.1"] {
        let error = test(somebody).unwrap_err().to_string();
        assert!(error.contains("addresses: must be special-purpose addresses"), "{error}");
    }
}

#[test]
fn more_series_than_there_may_be_are_refused_with_the_arithmetic() {
    let error = load(&format!("max_series: 300\n{GOOD}")).unwrap_err().to_string();
    let wanted = "line 1:13: max_series: there may be 325 series (set world: 1 questions x (140 + 9 x 2 countries) + 107); \
                  the most is 300";
    assert!(error.contains(wanted), "{error}");
    assert!(load(&format!("max_series: 325\n{GOOD}")).is_ok());
}

#[test]
fn labels_pins_and_thresholds_are_no_work_and_all_else_is() {
    let work = |text: &str| load(text).unwrap().plans(&[]).0["world"].work();
    let before = work(GOOD);
    for (old, new) in [
        ("region: EMEA", "region: APAC, country: JP"),
        ("name: world,", "name: world, contact: noc, min_resolvers: 2, min_networks: 1,"),
        ("1.2.3.4, ", "7.7.7.7, "),
        (", expected: { A: { answers: [1.2.3.4, 5.6.0.0/16] } }", ""),
        ("country: anycast, asn: 13335, name: x", "country: US, asn: 1"),
        ("name: world,", "name: world, labels: { env: prod },"),
    ] {
        assert!(GOOD.contains(old), "{old}");
        let changed = GOOD.replace(old, new);
        assert_eq!(work(&changed), before, "{new}");
        assert_ne!(load(&changed).unwrap().plans(&[]).0, load(GOOD).unwrap().plans(&[]).0, "{new}");
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
