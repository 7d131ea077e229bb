//! One fault per config, and the message that it must give.

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
            "[s3cret,",
            "3:32: sets[0].resolvers[0]: must be an IP address, or a mapping",
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
fn many_third_parties_need_to_be_meant_and_a_contact() {
    let error = |options| format!("{:#}", with_file("11.0.0.1", 201, options).unwrap_err());
    assert!(error("").contains("201 resolvers of others would be probed"));
    assert!(
        error(", acknowledge_third_party_probing: true").contains("say whom they can write to")
    );
    let options = ", acknowledge_third_party_probing: true, contact: mailto:noc@example.com";
    assert!(error(options).contains("sets[0].control: 201 resolvers are asked; above 200, name"));
    let options = &format!("{options}, control: example.com");
    assert_eq!(with_file("11.0.0.1", 201, options).unwrap().sets[0].list.resolvers.len(), 201);
    assert!(with_file("11.0.0.1", 200, "").is_ok());
}

#[test]
fn one_s_own_machine_may_be_asked_as_one_likes() {
    let options = ", allow_private: true, rate: 100000, interval: 5s, control: a.example";
    assert!(with_file("127.1.0.1", 300, options).is_ok());
    let error = with_file("10.1.0.1", 300, options).unwrap_err();
    assert!(format!("{error:#}").contains("rate: must be from 1 to 1000"), "{error:#}");
}

#[test]
fn a_sweep_that_does_not_fit_its_interval_is_refused_with_the_arithmetic() {
    let error =
        with_file("127.1.0.1", 300, ", allow_private: true, rate: 10, interval: 30s").unwrap_err();
    assert!(format!("{error:#}").contains("sets[0].control: 300 resolvers"), "{error:#}");
    let wanted =
        "300 resolvers x 1 queries at 10 a second takes up to 32s, which is longer than 30s";
    assert!(format!("{error:#}").contains(wanted), "{error:#}");
}

#[test]
fn a_slow_window_a_full_network_and_retries_are_counted() {
    let (own, others) = (
        ", allow_private: true, control: c.example",
        ", acknowledge_third_party_probing: true, contact: noc, control: c.example",
    );
    let says = |first, count, options: &str, wanted: &str| {
        let error = format!("{:#}", with_file(first, count, options).unwrap_err());
        assert!(error.contains(wanted), "{wanted} is not in {error}");
    };
    let slow = format!("{own}, rate: 1000, timeout: 30s, interval: 2m");
    // So many may be on their way at once, for half a minute each.
    says(
        "10.1.0.1",
        30_000,
        &slow,
        "x 2 queries of which 12000 wait for an answer at once takes up to",
    );
    let dense = format!("{others}, interval: 4m");
    says(
        "11.0.0.1",
        250,
        &dense,
        "at 2 a second for each /24 and /48, the fullest of which has 250",
    );
    let twice = ", timeout: 2s, retries: 1, interval: 1m";
    says(
        "11.0.0.1",
        2,
        twice,
        "1 queries each 1m, each of which may be sent twice, are 120 an hour",
    );
}

#[test]
fn tcp_comes_beside_the_datagrams_of_a_sweep() {
    let folder = tempfile::tempdir().unwrap();
    let list: Vec<_> = (0..200_u32)
        .map(|n| std::net::Ipv4Addr::from(0x0b00_0001 + (n << 8)).to_string())
        .collect();
    std::fs::write(folder.path().join("list.txt"), list.join("\n")).unwrap();
    let text = |interval: &str| {
        format!(
            "vantage: {{ name: fra, region: EMEA }}\nsets:\n  - {{ name: world, resolvers_file: list.txt, rate: 20, \
             interval: {interval} }}\nquestions: [{{ name: a.example, types: [TXT] }}]\n"
        )
    };
    // 20 s of datagrams, then 20 s of connections that bring nothing, and 7 s to wait for the last.
    assert!(load_in(&text("48s"), folder.path()).is_err(), "politeness");
    let error = format!("{:#}", load_in(&text("46s"), folder.path()).unwrap_err());
    let wanted =
        "200 resolvers x 1 queries at 20 a second takes up to 47s, which is longer than 46s";
    assert!(error.contains(wanted), "{error}");
}

#[test]
fn what_is_left_of_the_hours_is_for_answers_that_turn_out_to_come_cut() {
    let spare = |text: &str| {
        let config = load(text).unwrap();
        let is_told = config.warnings.iter().any(|it| it.contains("no resolver has room for TCP"));
        let plans = config.plans(&[]).0;
        (plans.values().map(|plan| plan.spare_tcp).collect::<Vec<_>>(), is_told)
    };
    assert_eq!(spare(GOOD), (vec![1], false));
    let types = |types: &str, interval: &str| {
        GOOD.replace("types: [A]", types).replace("name: world,", interval)
    };
    let many = |interval: &str| spare(&types("types: [A, AAAA, MX, TXT]", interval));
    assert_eq!(many("name: world,"), (vec![3], false));
    // Five an hour and TCP for one of them each 6 minutes are 50: one more fits; each 5 minutes, none does.
    assert_eq!(many("name: world, interval: 6m,"), (vec![1], false));
    assert_eq!(many("name: world, interval: 5m,"), (vec![0], true));
    let pinned = ", expected: { A: { answers: [1.2.3.4, 5.6.0.0/16] } }";
    let known = types("types: [TXT]", "name: world, interval: 2m,").replace(pinned, "");
    assert_eq!(spare(&known), (vec![0], false));
    // The sets share the hour of whom they both ask.
    let second = "  - { name: xx, resolvers: [9.9.9.9], interval: 2m }\nquestions:";
    let text = GOOD.replace("questions:", second);
    assert_eq!(spare(&text), (vec![1, 0], true));
    let own =
        "  - { name: xx, resolvers: [127.0.0.1], allow_private: true, interval: 10s }\nquestions:";
    assert_eq!(spare(&GOOD.replace("questions:", own)), (vec![1, 1], false));
}

#[test]
fn sets_together_ask_a_stranger_no_more_than_one_may() {
    let set = |number, options: &str| {
        format!(
            "  - {{ name: s{number}, resolvers: [9.9.9.9, 127.0.0.1], allow_private: true{options} }}\n"
        )
    };
    let sets = |options: &str| {
        let sets: String = (0..20).map(|number| set(number, options)).collect();
        let head = "vantage: { name: fra, region: EMEA }\nsets:\n";
        format!("{head}{sets}questions: [{{ name: a.example, types: [A] }}]\n")
    };
    assert!(load(&sets(", interval: 20m")).is_ok());
    let error = load(&sets(", interval: 10m")).unwrap_err().to_string();
    let wanted = "sets[19].interval: 1 of its resolvers are in other sets too, and get up to 120 queries an hour from all \
                  of them; the most for resolvers of others is 60";
    assert!(error.contains(wanted), "{error}");
    assert!(!error.contains("sets[9]"), "ten of them may: {error}");
}

#[test]
fn sets_together_fit_their_intervals_where_they_ask_one_network_or_system() {
    let sets = |options: &str, form: &str, asn: &str| {
        let list = |from: u8| {
            let all: Vec<_> = (from..from + 100)
                .map(|n| {
                    let address = form.replace('N', &n.to_string());
                    format!("{{ address: {address}{asn} }}")
                })
                .collect();
            all.join(", ")
        };
        let set = |name, from| {
            format!(
                "  - {{ name: {name}, timeout: 2s, retries: 0, resolvers: [{}]{options} }}\n",
                list(from)
            )
        };
        format!(
            "vantage: {{ name: fra, region: EMEA }}\nsets:\n{}{}questions: [{{ name: a.example, types: [A] }}]\n",
            set("one", 1),
            set("two", 101)
        )
    };
    assert!(load(&sets(", interval: 2m", "11.0.0.N", "")).is_ok());
    let error = load(&sets(", interval: 100s", "11.0.0.N", "")).unwrap_err().to_string();
    for number in 0..2 {
        let wanted = format!(
            "sets[{number}].interval: other sets ask the same networks, and those of 11.0.0.0/24 take, at 2 a second, up to \
             1m47s for all of them, which is longer than 1m40s"
        );
        assert!(error.contains(&wanted), "{error}");
    }
    // Each for itself does, and in networks of their own both do.
    assert!(load(&sets(", interval: 100s", "11.0.N.1", "")).is_ok());
    let questions = |text: String| {
        let names: Vec<_> =
            (0..12).map(|n| format!("{{ name: n{n}.example, types: [A] }}")).collect();
        text.replace("{ name: a.example, types: [A] }", &names.join(", "))
    };
    // Sixty seconds of one system for each of them.
    let of_a_system = |interval: &str| {
        questions(sets(&format!(", interval: {interval}"), "11.0.N.1", ", asn: 64500"))
    };
    assert!(load(&of_a_system("12m")).is_ok());
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
fn many_strangers_in_many_sets_need_to_be_meant_as_in_one() {
    let sets = |each: u8, options: &str| {
        let list: Vec<_> = (1..=each).map(|n| format!("11.0.SET.{n}")).collect();
        let set = format!(
            "  - {{ name: sSET, interval: 2h, resolvers: [{}]{options} }}\n",
            list.join(", ")
        );
        let sets: String = (1..=3).map(|number| set.replace("SET", &number.to_string())).collect();
        format!(
            "vantage: {{ name: fra, region: EMEA }}\nsets:\n{sets}questions: [{{ name: a.example, types: [A] }}]\n"
        )
    };
    assert!(load(&sets(60, "")).is_ok());
    let error = load(&sets(70, "")).unwrap_err().to_string();
    assert!(
        error.contains("210 resolvers of others would be probed by all of them together"),
        "{error}"
    );
    assert!(load(&sets(70, ", acknowledge_third_party_probing: true, contact: noc")).is_ok());
}

#[test]
fn who_does_not_want_to_be_asked_is_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("out.txt"), "9.9.9.0/24\n8.8.8.8 # a letter\n").unwrap();
    std::fs::write(folder.path().join("list.txt"), "8.8.8.8\n8.8.4.4\n").unwrap();
    let text = format!("opt_out_file: out.txt\n{GOOD}")
        .replace("questions:", "  - { name: file, resolvers_file: list.txt }\nquestions:");
    let plans = load_in(&text, folder.path()).unwrap().plans(&[]).0;
    for (set, address) in [("world", "1.1.1.1"), ("file", "8.8.4.4")] {
        let list = &plans[set].set.list;
        assert_eq!((list.resolvers.len(), list.opted_out), (1, 1), "{set}");
        assert_eq!(list.resolvers[0].address.to_string(), address);
    }
    let all = text.replace(
        "[9.9.9.9, { address: 1.1.1.1, country: anycast, asn: 13335, name: x }]",
        "[9.9.9.9]",
    );
    let error = load_in(&all, folder.path()).unwrap_err().to_string();
    assert!(error.contains("all that could be asked are in `opt_out_file`"), "{error}");
    let none = load_in(&text.replace("out.txt", "no.txt"), folder.path()).unwrap_err().to_string();
    assert!(none.contains("line 1:15: opt_out_file: cannot be read: No such file"), "{none}");
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
fn tables_tell_where_resolvers_are_and_what_is_not_known_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let list: Vec<_> = (1..=30).map(|n| format!("11.0.{n}.1")).collect();
    std::fs::write(folder.path().join("list.txt"), list.join("\n")).unwrap();
    std::fs::write(
        folder.path().join("geo.tsv"),
        "11.0.0.0\t11.255.255.255\t64500\tNL\n9.9.9.0\t9.9.9.255\t19281\tUS\n",
    )
    .unwrap();
    let text =
        GOOD.replace("questions:", "  - { name: file, resolvers_file: list.txt }\nquestions:");
    let config = load_in(&text, folder.path()).unwrap();
    let [warning] = &config.warnings[..] else { panic!("{:?}", config.warnings) };
    assert!(
        warning.contains("line 4: resolvers: of 30, 30 have no known country and 30 no known AS"),
        "{warning}"
    );
    let config = load_in(&format!("geo_files: [geo.tsv]\n{text}"), folder.path()).unwrap();
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let plans = config.plans(&[]).0;
    let of = |set: &str| (plans[set].set.list.countries.clone(), plans[set].set.list.networks);
    assert_eq!(of("file"), (vec!["NL".to_owned()], 1));
    assert_eq!(of("world"), (vec!["US".to_owned(), "anycast".to_owned()], 2));
    let error = load_in(&format!("geo_files: [no.tsv, list.txt]\n{text}"), folder.path());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("line 1:13: geo_files[0]: cannot be read: No such file"), "{error}");
    assert!(
        error.contains("line 1:21: geo_files[1]: is neither MMDB nor a list of ranges: line 1"),
        "{error}"
    );
}

#[test]
fn who_is_asked_on_behalf_of_subnets_is_asked_politely_and_names_nobody() {
    let ecs = |more: &str, subnets: &str| {
        format!(
            "vantage: {{ name: fra, region: EMEA }}\necs:\n  - {{ name: places, server: 9.9.9.9, names: {{ a.example: [A] }}, \
             subnets: [{subnets}]{more} }}\n"
        )
    };
    let good = load(&ecs("", "198.51.100.0/24, { subnet: '2001:db8::/56', country: nl }")).unwrap();
    let plan = &good.ecs_plans()["places"];
    assert_eq!((plan.subnets.len(), plan.subnets[1].country.as_str()), (2, "NL"));
    for (more, subnets, wanted) in [
        ("", "198.51.100.0/25", "ecs[0].subnets[0]: must be no longer than /24"),
        ("", "'2001:db8::/64'", "ecs[0].subnets[0]: must be no longer than /56"),
        ("", "", "subnets: there must be from 1 to 256"),
        ("", "198.51.100.0/24, 198.51.100.7/24", "subnets: one of them is given twice"),
        ("", "10.0.0.0/24", "subnets: must be of public addresses"),
        ("", "127.0.0.0/24", "subnets: must be of public addresses"),
        ("", "0.0.0.0/0", "subnets: must be of public addresses"),
        ("", "'fd00::/48'", "subnets: must be of public addresses"),
        ("", "8.0.0.0/7", "subnets: must be of public addresses"),
        (
            ", interval: 1m",
            "198.51.100.0/24, 192.0.2.0/24",
            "2 queries each 1m are 120 an hour; the most for a resolver of others is 60",
        ),
        (
            ", interval: 3s, authority: true",
            "198.51.100.0/24, 192.0.2.0/24",
            "2 queries, one after the other, may take longer than 3s",
        ),
        (", speed: 1", "198.51.100.0/24", "unknown field `speed`"),
        (", labels: { type: x }", "198.51.100.0/24", "labels.type: the suite itself uses this"),
    ] {
        let error = load(&ecs(more, subnets)).unwrap_err().to_string();
        assert!(error.contains(wanted), "{wanted} is not in {error}");
    }
    let own = ecs("", "198.51.100.0/24").replace("9.9.9.9", "127.0.0.1");
    assert!(load(&own).unwrap_err().to_string().contains("allow_private: true"));
    // With a set that asks the same resolver, the two are added up.
    let both = ecs(", interval: 2m", "198.51.100.0/24");
    assert!(load(&both).is_ok());
    let set = "sets: [{ name: world, resolvers: [9.9.9.9], interval: 2m, timeout: 50ms }]\nquestions: [{ name: a.example, types: [A] }]\n";
    assert!(load(&format!("{both}{set}")).is_ok());
    let error = load(&format!("{both}{}", set.replace("2m", "90s"))).unwrap_err().to_string();
    assert!(error.contains("up to 70 queries an hour from all of them"), "{error}");
}

#[test]
fn lists_that_are_missing_or_wrong_are_told_with_their_places() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.csv"), "9.9.9.9\ns3cret\n8.8.8.8\ns3cret\n").unwrap();
    std::fs::write(folder.path().join("latin.csv"), b"9.9.9.9,\xff\n").unwrap();
    let text = GOOD
        .replace("resolvers: [9.9.9.9, { address: 1.1.1.1, country: anycast, asn: 13335, name: x }]", "resolvers_file: no.csv")
        .replace(
            "questions:",
            "  - { name: bad, resolvers_file: bad.csv }\n  - { name: latin, resolvers_file: latin.csv }\n\
             \x20 - { name: folder, resolvers_file: . }\nquestions:",
        );
    let error = load_in(&text, folder.path()).unwrap_err().to_string();
    for what in [
        "line 3:36: sets[0].resolvers_file: cannot be read: No such file",
        "bad.csv: line 2:1: must begin with an IP address",
        "bad.csv: line 4:1: must begin with an IP address",
        "line 6:37: sets[3].resolvers_file: cannot be read: it is no regular file",
    ] {
        assert!(error.contains(what), "{what} is not in\n{error}");
    }
    assert!(!error.contains("s3cret"), "{error}");
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

#[test]
fn a_sweep_uses_up_a_minute_of_a_strangers_patience_with_each_query() {
    let pause = |text: &str| load(text).unwrap().plans(&[]).0["world"].pause(0);
    assert_eq!(pause(GOOD), Some(Duration::from_secs(60)));
    assert_eq!(
        pause(&GOOD.replace("types: [A]", "types: [A, AAAA]")),
        Some(Duration::from_secs(120))
    );
    let own = GOOD.replace("9.9.9.9", "127.0.0.1").replace("1.1.1.1", "127.0.0.2");
    assert_eq!(pause(&own.replace("name: world,", "name: world, allow_private: true,")), None);
}

#[test]
fn a_pinned_system_needs_a_table_of_systems_and_is_judged_anew_by_another() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("geo.tsv");
    let text = |geo: &str, pin: &str| {
        format!(
            "{geo}vantage: {{ name: fra, region: EMEA }}\nsets: [{{ name: own, resolvers: [9.9.9.9] }}]\nquestions:\n  - \
             {{ name: a.example, types: [A], expected: {{ A: {{ answers: ['{pin}'] }} }} }}\n"
        )
    };
    let load = |geo: &str, pin: &str| {
        let config = load_in(&text(geo, pin), folder.path());
        config.map(|config| config.plans(&[]).0.remove("own").unwrap())
    };
    let fault = |geo: &str, pin: &str| load(geo, pin).unwrap_err().to_string();
    let where_to = "4:63: questions[0].expected.A.answers[0]: ";
    let error = fault("", "asn:64500");
    assert!(error.contains(&format!("{where_to}which addresses a system has")), "{error}");
    for pin in ["asn:0", "asn:x", "asn:4294967296"] {
        let error = fault("", pin);
        assert!(error.contains(&format!("{where_to}must be the number of an")), "{error}");
    }
    std::fs::write(&table, "192.0.2.0\t192.0.2.255\tNL\n").unwrap();
    assert!(fault("geo_files: [geo.tsv]\n", "asn:64500").contains("name a table of systems"));
    std::fs::write(&table, "192.0.2.0\t192.0.2.255\t64500\tNL\n").unwrap();
    let plan = load("geo_files: [geo.tsv]\n", "ASN:64500").unwrap();
    assert_eq!(plan.systems.of("192.0.2.7".parse().unwrap()), Some(64500));
    assert_eq!(plan.questions[0].expected.as_ref().unwrap().systems, [64500]);
    let again = load("geo_files: [geo.tsv]\n", "asn:64500").unwrap();
    assert!(plan != again && plan.work() == again.work(), "the table may say something else");
    // Nobody keeps a table that is of no use.
    let plan = load("geo_files: [geo.tsv]\n", "192.0.2.0/24").unwrap();
    assert_eq!(plan.systems.of("192.0.2.7".parse().unwrap()), None);
}
