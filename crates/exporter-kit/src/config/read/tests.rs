//! What is said of a file that is wrong, and what a good one may look like.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;
use crate::config::{Bytes, Duration, Labels, Located, Twice, all, parse};

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, try_from = "RawFile")]
struct File {
    modules: BTreeMap<String, Module>,
    targets: Vec<Located<Target>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    modules: BTreeMap<String, Module>,
    targets: Vec<Located<Target>>,
}

impl TryFrom<RawFile> for File {
    type Error = Problems;

    fn try_from(raw: RawFile) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        for (number, target) in raw.targets.iter().enumerate() {
            if !raw.modules.is_empty() && !raw.modules.contains_key(&target.module) {
                let what = format!("targets[{number}].module: `{}` is none", target.module);
                problems.add(target.place, what);
            }
        }
        problems.into_result()?;
        Ok(Self { modules: raw.modules, targets: raw.targets })
    }
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, try_from = "RawModule")]
struct Module {
    timeout: Duration,
    kind: Kind,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawModule {
    timeout: Duration,
    #[serde(default)]
    kind: Kind,
    retries: Option<u8>,
    secret: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Plain,
    Fancy,
}

impl TryFrom<RawModule> for Module {
    type Error = String;

    fn try_from(raw: RawModule) -> Result<Self, String> {
        let retries = match raw.retries {
            Some(10..) => Err("retries: must be at most 9".to_owned()),
            _ => Ok(()),
        };
        let secret = match raw.secret.filter(|secret| secret.len() < 9) {
            // As a careless check would say it.
            Some(secret) => Err(format!("secret: `{secret}` must have nine characters")),
            None => Ok(()),
        };
        all([retries, secret])?;
        Ok(Self { timeout: raw.timeout, kind: raw.kind })
    }
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Target {
    name: String,
    #[serde(default)]
    module: String,
    port: Option<u16>,
    on: Option<bool>,
    share: Option<f64>,
    #[serde(default)]
    labels: Labels,
}

fn errors(text: &str) -> Vec<String> {
    let error = parse::<File>(text, "f").expect_err(text);
    error.to_string().lines().map(str::to_owned).collect()
}

#[test]
fn a_file_is_read() {
    let text = "
# A comment.
modules:
  a: &a {timeout: 1.5s, kind: fancy}
  b: *a
  c: {<<: *a, timeout: 2s}
targets:
- name: 5
  module: a
  port: 0x10
  on: true
  share: 1
- {name: \"x\\ty\", module: c, labels: {env: prod}}
";
    let file: File = parse(text, "f").unwrap();
    assert_eq!(file.modules["a"], file.modules["b"]);
    assert_eq!(
        file.modules["c"],
        Module { timeout: Duration::parse("2s").unwrap(), kind: Kind::Fancy }
    );
    assert_eq!((file.targets[0].place.line, file.targets[0].place.column), (8, 3));
    assert_eq!(
        (&*file.targets[0].name, file.targets[0].port, file.targets[0].on),
        ("5", Some(16), Some(true))
    );
    assert_eq!((file.targets[0].share, &*file.targets[1].name), (Some(1.0), "x\ty"));
}

#[test]
fn all_mistakes_are_told_at_once_each_with_its_place() {
    let text = "modules:
  a: {timeout: never, kind: fanci, retries: 300}
  b: {timeout: 1s, retries: 12, secret: hunter}
  c: {timout: 1s}
targets:
  - {name: x, port: 70000, on: perhaps, share: much}
  - {module: a, colour: red}
  - name: y
    labels: {env: [1]}
  - name: y
    name: z
  - 5
extra: 1
";
    assert_eq!(
        errors(text),
        [
            "f:2:16: modules.a.timeout: must be a duration above zero, as in 500ms, 1.5s, 1m30s, 1h, 1d or 1w",
            "f:2:29: modules.a.kind: must be one of plain, fancy, did you mean `fancy`?",
            "f:2:45: modules.a.retries: must be a whole number from 0 to 255",
            "f:3:29: modules.b.retries: must be at most 9",
            "f:3:41: modules.b.secret: (not shown) must have nine characters",
            "f:4:7: modules.c: unknown field `timout`, did you mean `timeout`?; known: timeout, kind, retries, secret",
            "f:6:21: targets[0].port: must be a whole number from 0 to 65535",
            "f:6:32: targets[0].on: must be true or false",
            "f:6:48: targets[0].share: must be a number",
            "f:7:5: targets[1]: missing field `name`",
            "f:7:17: targets[1]: unknown field `colour`; known: name, module, port, on, share, labels",
            "f:9:19: targets[2].labels.env: must be text",
            "f:11:5: `name` is there twice; the first is in line 10",
            "f:12:5: targets[4]: must be a mapping with the fields name, module, port, on, share, labels",
            "f:13:1: unknown field `extra`; known: modules, targets",
        ]
    );
}

#[test]
fn what_follows_from_a_mistake_is_not_told() {
    // The module `a` is left out because it is wrong, not because the target names none.
    let text = "modules: {a: {timeout: x}, b: {timeout: 1s}}\ntargets: [{name: n, module: a}]";
    assert_eq!(errors(text).len(), 1, "{:?}", errors(text));
    let text = "modules: {b: {timeout: 1s}}\ntargets: [{name: n, module: a}, {name: m, module: c}]";
    assert_eq!(
        errors(text),
        [
            "f:2:29: targets[0].module: (not shown) is none",
            "f:2:51: targets[1].module: (not shown) is none"
        ]
    );
}

#[test]
fn no_value_is_repeated() {
    for text in [
        "modules: {m: {timeout: 1s, secret: hunter2}}\ntargets: []",
        "modules: {m: {timeout: hunter2}}\ntargets: []",
        "modules: {m: {timeout: 1s, retries: hunter2}}\ntargets: []",
        "modules: {m: {timeout: 1s, kind: hunter2}}\ntargets: []",
        "modules: {m: {timeout: 1s, kind: {hunter2: 1}}}\ntargets: []",
        "modules: {m: {timeout: 1s, \"Basic hunter2\": x}}\ntargets: []",
        "modules: {\"Basic hunter2\": {timeout: x}}\ntargets: []",
        "modules: {m: hunter2}\ntargets: []",
        "modules: [hunter2]\ntargets: []",
        "hunter2",
        "targets: [hunter2]",
        "targets: hunter2",
        "targets: [{name: [hunter2]}]",
        "targets: [{name: a, labels: {a: \"hunter2\\n\"}}]",
        "targets: [{name: a, module: hunter2 : x}]",
        "targets: [{name: a, module: 'hunter2]}]",
        "targets: [{name: *hunter2}]",
        "targets: [{name: !hunter2 a}]",
        "? {hunter2: 1}\n: 2\ntargets: []",
        "targets: []\nmodules: {m: {timeout: 1s, secret: 'h\"unter2'}}",
    ] {
        let errors = errors(text);
        assert!(!errors.iter().any(|line| line.contains("unter2")), "{text}\n{errors:?}");
        assert!(errors.iter().all(|line| line.starts_with("f:")), "{text}\n{errors:?}");
    }
}

#[test]
fn a_line_has_an_end_and_so_has_the_list() {
    let long = format!("{}: 1\ntargets: []", "k".repeat(1_000));
    assert!(errors(&long).iter().all(|line| line.len() < 500));
    let many = format!("targets:\n{}", "  - {name: []}\n".repeat(200));
    let errors = errors(&many);
    assert_eq!(errors.len(), 51);
    assert_eq!(errors[50], "f: there may be more; these are the first");
}

/// So many lines, each by its number.
fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect::<Vec<_>>().concat()
}

#[test]
fn fleets_are_ordinary() {
    let anchored = format!(
        "modules:\n  m: &m {{timeout: 1s}}\n{}targets: []",
        lines(100_000, |n| format!("  m{n}: *m\n"))
    );
    assert_eq!(parse::<File>(&anchored, "f").unwrap().modules.len(), 100_001);
    let commented = format!("{}targets: []", "# A comment.\n".repeat(1_000_000));
    assert!(parse::<File>(&commented, "f").is_ok());
    let fleet = format!(
        "targets:\n{}",
        lines(100_000, |n| format!(
            "- {{name: t{n}, module: m, port: 1, on: true, labels: {{env: e}}}}\n"
        ))
    );
    assert_eq!(parse::<File>(&fleet, "f").unwrap().targets.len(), 100_000);
}

#[test]
fn a_bad_anchor_is_one_mistake_however_often_it_is_used() {
    let text = format!(
        "modules:\n  m: &m {{timeout: x}}\n{}targets: []",
        lines(1_000, |n| format!("  m{n}: *m\n"))
    );
    assert_eq!(errors(&text).len(), 1, "{:?}", errors(&text));
}

#[test]
fn what_grows_or_nests_without_measure_is_refused_in_plain_words() {
    let laughs = "a0: &a0 [x, x]\n".to_owned()
        + &lines(39, |n| format!("a{1}: &a{1} [*a{0}, *a{0}]\n", n, n + 1));
    for (text, wanted) in [
        (laughs, "more than 5000000 values, aliases written out"),
        (format!("targets: {}{}", "[".repeat(100_000), "]".repeat(100_000)), "more than 64 deep"),
        (lines(500, |n| format!("{}a:\n", " ".repeat(n))), "more than 64 deep"),
        ("a: &a [*a]".to_owned(), "an alias stands inside of what it names"),
        (String::new(), "the file is empty"),
        ("# nothing\n".to_owned(), "the file is empty"),
        ("targets: []\n---\ntargets: []".to_owned(), "a second document begins"),
        ("a: b: c".to_owned(), "f:1:5: a colon where none may be; put the value in quotes"),
        ("targets:\n\t- a".to_owned(), "a tab where spaces must be"),
        ("targets: [{name: a]".to_owned(), "a bracket is not closed"),
        ("targets: ['a]".to_owned(), "a quote is not closed"),
        ("targets:".to_owned(), "targets: has no value; must be given"),
        ("targets: [{name: ~}]".to_owned(), "targets[0].name: has no value; must be given"),
        ("<<: 5\ntargets: []".to_owned(), "`<<` takes in a mapping"),
    ] {
        let errors = errors(&text);
        assert!(errors[0].contains(wanted), "{errors:?}\nwanted {wanted}");
        assert!(errors[0].len() < 300, "{errors:?}");
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Narrow {
    #[expect(dead_code, reason = "that it can be read is all that is looked at")]
    timeout: Duration,
    inner: Option<BTreeMap<String, u8>>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "that it can be read is all that is looked at")]
struct Wide {
    timeout: String,
    inner: Option<BTreeMap<String, String>>,
    body: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Uses {
    both: Vec<Twice<Wide, Narrow>>,
}

#[test]
fn what_is_read_twice_may_be_no_second() {
    let text = "both:\n- {timeout: 1s, inner: {a: 1}}\n- {timeout: 1s, body: b}\n- {timeout: hunter2}\n\
                - {timeout: 1s, inner: {a: hunter2}}\n";
    let uses: Uses = parse(text, "file").unwrap();
    let why = |number: usize| uses.both[number].second.as_ref().unwrap_err().as_str();
    assert_eq!(uses.both[0].second.as_ref().unwrap().inner, Some([("a".to_owned(), 1)].into()));
    assert_eq!(why(1), "unknown field `body`; known: timeout, inner");
    assert!(why(2).starts_with("timeout: must be a duration"), "{}", why(2));
    assert_eq!(why(3), "inner.a: must be a whole number from 0 to 255");
    let error = parse::<Uses>("both: [1]", "file").unwrap_err();
    assert_eq!(
        format!("{error}"),
        "file:1:8: both[0]: must be a mapping with the fields timeout, inner, body"
    );
}

#[test]
fn bytes_are_a_text_or_base64() {
    let bytes = |text: &str| parse::<BTreeMap<String, Bytes>>(text, "file");
    let good = bytes("{a: S, b: !!binary 'AAAACATSFi8=', c: 220, d: ''}").unwrap();
    assert_eq!(good["a"].as_slice(), b"S");
    assert_eq!(good["b"].as_slice(), [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f]);
    assert_eq!(good["c"].as_slice(), b"220");
    assert!(good["d"].is_empty() && format!("{good:?}").contains("<8 bytes>"));
    let error = bytes("a: !!binary hunter2").unwrap_err();
    assert_eq!(format!("{error}"), "file:1:13: a: must be base64");
    let error = parse::<BTreeMap<String, String>>("a: !!binary AAAA", "file").unwrap_err();
    assert!(format!("{error}").contains("`!!binary` has no meaning here"), "{error}");
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
struct Nullable {
    number: u8,
    text: String,
    list: Vec<u8>,
    map: BTreeMap<String, String>,
    flag: bool,
    kind: Kind,
    duration: Option<Duration>,
    sections: BTreeMap<String, Section>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
struct Section {
    number: u8,
}

#[test]
fn a_key_without_a_value_is_as_if_it_were_not_there_whatever_the_field() {
    for key in ["number", "text", "list", "map", "flag", "kind", "duration", "sections"] {
        for nothing in ["", "~", "null"] {
            let read = parse::<Nullable>(&format!("{key}: {nothing}\n"), "f");
            assert_eq!(read.unwrap(), Nullable::default(), "{key}: {nothing}");
        }
    }
    // What must be there is told where it is not.
    for (text, wanted) in [
        ("targets: ~", "f:1:10: targets: has no value; must be given"),
        ("other: ~", "unknown field `other`"),
        // The user's own keys name something: none is passed over.
    ] {
        let error = parse::<File>(text, "f").unwrap_err().to_string();
        assert!(error.contains(wanted), "{text}: {error}");
    }
    for text in ["sections: {a: ~}", "map: {a: ~}", "list: [~]"] {
        let error = parse::<Nullable>(text, "f").unwrap_err().to_string();
        assert!(error.contains("has no value; must be "), "{text}: {error}");
    }
}

#[test]
fn a_number_with_a_leading_zero_is_nobody_s_to_guess() {
    assert_eq!(parse::<Section>("number: 10", "f").unwrap().number, 10);
    let error = parse::<Section>("number: 010", "f").unwrap_err().to_string();
    assert_eq!(
        error,
        "f:1:9: number: must be a whole number from 0 to 255, without a leading zero"
    );
}

#[test]
fn a_message_keeps_the_names_of_fields_and_loses_the_values() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, try_from = "RawPair")]
    struct Pair;
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct RawPair {
        user: String,
        secret: String,
    }
    impl TryFrom<RawPair> for Pair {
        type Error = String;
        fn try_from(raw: RawPair) -> Result<Self, String> {
            Err(format!("give `user` and `secret`, not `{}`, `{}`", raw.user, raw.secret))
        }
    }
    let error = |text: &str| parse::<Pair>(text, "f").unwrap_err().to_string();
    let said = "give `user` and `secret`, not (not shown), (not shown)";
    assert!(error("{user: the user hunter2, secret: hunter3 secret}").ends_with(said));
    // A key that resembles no field and is no word may be a password.
    let unknown = error("{user: a, secret: b, s3cretpass: x}");
    assert!(unknown.contains("unknown field; known: user, secret"), "{unknown}");
    assert!(error("{user: a, secret: b, usr: x}").contains("unknown field `usr`, did you mean"));
}

#[test]
fn what_is_no_text_is_told_as_such() {
    let error = |text: &str| parse::<Section>(text, "f").unwrap_err().to_string();
    assert!(error("number: 1\nn\0umber").starts_with("f:2:2: a NUL character"));
}
