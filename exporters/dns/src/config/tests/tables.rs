//! Lists of resolvers, and tables of where they are.

use super::*;

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
fn a_long_list_whose_answers_nothing_tells_the_systems_of_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let list: Vec<_> = (1..=201).map(|n| format!("10.0.{n}.1")).collect();
    std::fs::write(folder.path().join("list.txt"), list.join("\n")).unwrap();
    let table = |text: &str| std::fs::write(folder.path().join("geo.tsv"), text).unwrap();
    let text = |question: &str| {
        format!(
            "vantage: {{ name: fra, region: EMEA }}\nsets: [{{ name: own, resolvers_file: list.txt, allow_private: true, \
             control: c.example }}]\nquestions: [{{ name: a.example, {question} }}]\n"
        )
    };
    let is_told = |text: &str| {
        let warnings = load_in(text, folder.path()).unwrap().warnings;
        warnings.iter().any(|it| it.starts_with("questions: 1 of them for addresses have no pin"))
    };
    assert!(is_told(&text("types: [A, MX]")));
    assert!(!is_told(&text("types: [MX]")));
    assert!(!is_told(&text("types: [A], expected: { A: { answers: [192.0.2.7] } }")));
    for (line, is_wanted) in [("NL", true), ("64500\tNL", false)] {
        table(&format!("192.0.2.0\t192.0.2.255\t{line}\n"));
        assert_eq!(is_told(&format!("geo_files: [geo.tsv]\n{}", text("types: [A]"))), is_wanted);
    }
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
    assert!(error.contains(&format!("{where_to}which addresses of IPv4 a system")), "{error}");
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
    // A file a family is usual.
    let (v4, v6) = ("geo_files: [geo.tsv]\n", "geo_files: [geo.tsv, six.tsv]\n");
    std::fs::write(folder.path().join("six.tsv"), "2001:db8::\t2001:db8::ff\t64501\n").unwrap();
    let of_v6 = |geo: &str, pin: &str| {
        let text = text(geo, pin).replace("[A]", "[AAAA]").replace("{ A:", "{ AAAA:");
        load_in(&text, folder.path()).map(|config| config.warnings)
    };
    let error = of_v6(v4, "asn:64500").unwrap_err().to_string();
    assert!(error.contains("AAAA.answers[0]: which addresses of IPv6 a system has"), "{error}");
    assert_eq!(of_v6(v6, "asn:64501").unwrap(), [] as [String; 0]);
    let [warning] = &of_v6(v6, "asn:64500").unwrap()[..] else { panic!("no warning") };
    assert!(warning.contains("none of `geo_files` asn:64500 has an address of IPv6"), "{warning}");
    // A text is none.
    let of_txt = text("", "asn:64500").replace("[A]", "[TXT]").replace("{ A:", "{ TXT:");
    assert!(load_in(&of_txt, folder.path()).is_ok());
    // Nobody keeps a table that is of no use: by one of systems answers without a pin are counted.
    let unpinned = text(v4, "").replace(", expected: { A: { answers: [''] } }", "");
    let plan = load_in(&unpinned, folder.path()).unwrap().plans(&[]).0.remove("own").unwrap();
    assert_eq!(plan.systems.of("192.0.2.7".parse().unwrap()), Some(64500));
    let plan = load("geo_files: [geo.tsv]\n", "192.0.2.0/24").unwrap();
    assert_eq!(plan.systems.of("192.0.2.7".parse().unwrap()), None);
}
