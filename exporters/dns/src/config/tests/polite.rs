//! Who may be asked, how often, and by how many sets.

use super::*;

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
