//! What a config may say, and what is said of one that is wrong.

use super::*;

fn parse(text: &str) -> Result<Config, String> {
    exporter_kit::parse(text, "test.yml").map_err(|error| format!("{error:#}"))
}

const PROMETHEUS: &str = "prometheus: [{url: 'http://localhost:9090'}]\n";

#[test]
fn the_example_is_a_config() {
    let config = parse(include_str!("../../turbulence-homing.example.yml")).unwrap();
    let wanted = &config.evaluation()[EVALUATION];
    assert_eq!(wanted.work.interval, Duration::from_secs(60));
    assert_eq!(wanted.work.timeout, Duration::from_secs(10));
    assert!(!wanted.work.are_replicas && wanted.labels.vantages.is_empty());
    assert!(config.pages().is_empty());
    assert!(config.complete(Path::new("."), true).is_ok());
}

#[test]
fn what_the_readme_shows_can_be_pasted() {
    let readme = include_str!("../../README.md");
    let blocks: Vec<&str> =
        readme.split("```yaml\n").skip(1).map(|it| it.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 2);
    for block in blocks.into_iter().filter(|block| !block.contains("scrape_configs")) {
        let head = if block.contains("prometheus:") { "" } else { PROMETHEUS };
        parse(&format!("{head}{block}")).unwrap();
    }
}

#[test]
fn a_reload_restarts_only_what_asks_otherwise() {
    let of = |more: &str| parse(&format!("{PROMETHEUS}{more}")).unwrap();
    let base = of("");
    let placed = of("vantages: [{region: EMEA, vantage: fra, latitude: 50.1, longitude: 8.7}]");
    let (base, placed) = (base.evaluation(), placed.evaluation());
    assert!(base[EVALUATION].work == placed[EVALUATION].work);
    assert!(base[EVALUATION].labels != placed[EVALUATION].labels);
    assert!(base[EVALUATION].work != of("interval: 2m").evaluation()[EVALUATION].work);
    let page = "claims: [{page: acme, url: 'https://status.example/', components: {API: {targets: [api]}}}]";
    let other = page.replace("[api]", "[web]");
    assert!(of(page).pages()["acme"].work == of(&other).pages()["acme"].work);
}

#[test]
fn all_faults_are_told_at_once_each_with_its_place() {
    let of = |text: &str| {
        let error = parse(&format!("{PROMETHEUS}{text}")).unwrap_err();
        let ends = |line: &str| line.match_indices(": ").nth(1).map_or(line.len(), |it| it.0);
        error.lines().map(|line| line[..ends(line)].to_owned()).collect::<Vec<_>>()
    };
    let together = "panel:
  probes_file: p
  atlas:
    - {name: a, measurement: 1, targets: [x], interval: 1m}
    - {name: b, measurement: 1, targets: []}
    - {name: b, measurement: 1, targets: [x], max_age: 1s}
routes:
  files: [a, '*/b']
  watch:
    - {prefix: 192.0.2.1/24}
    - {prefix: 192.0.2.0/24, max_length: 33}
";
    assert_eq!(
        of(together),
        [
            "test.yml:5:57: panel.atlas[0].interval",
            "test.yml:6:42: panel.atlas[1].targets",
            "test.yml:7:14: panel.atlas[2].name",
            "test.yml:7:56: panel.atlas[2].max_age",
            "test.yml:9:14: routes.files[1]",
            "test.yml:11:16: routes.watch[0].prefix",
            "test.yml:12:16: routes.watch[1].prefix",
            "test.yml:12:42: routes.watch[1].max_length",
        ]
    );
    let alone = "claims:
  - {page: a, url: 'nonsense', interval: 1s}
  - {page: routes, url: 'https://a.example/'}
";
    assert_eq!(
        of(alone),
        [
            "test.yml:3:20: claims[0].url",
            "test.yml:3:42: claims[0].interval",
            "test.yml:4:12: claims[1].page"
        ]
    );
}

#[test]
fn files_that_are_named_are_read_when_the_config_is() {
    let folder = tempfile::tempdir().unwrap();
    let complete = |text: &str| parse(text).unwrap().complete(folder.path(), true);
    let error = complete(
        "prometheus:
  - {url: 'http://a:9090', basic_auth: {username: u, password_file: none}}
  - {url: 'https://b', tls_config: {ca_file: none, cert_file: none, key_file: none}}
",
    );
    let error = format!("{:#}", error.unwrap_err());
    assert_eq!(error.lines().filter(|it| it.starts_with("line 2:")).count(), 1, "{error}");
    assert_eq!(error.lines().filter(|it| it.starts_with("line 3:")).count(), 3, "{error}");
    // A list of probes may come later.
    let panel =
        "panel:\n  atlas: [{name: a, measurement: 1, targets: [x]}]\n  probes_file: probes.json\n";
    let warnings = |list: Option<&str>| {
        list.inspect(|it| std::fs::write(folder.path().join("probes.json"), it).unwrap());
        complete(&format!("{PROMETHEUS}{panel}")).unwrap().warnings()
    };
    let none = warnings(None);
    assert!(none.len() == 1 && none[0].starts_with("line 4: panel.probes_file: "), "{none:?}");
    assert_eq!(warnings(Some("{\"objects\": 7}")).len(), 1);
    assert_eq!(warnings(Some("{\"objects\": []}")), [""; 0]);
}

#[test]
fn routes_that_a_restart_forgets_are_warned_of() {
    let routes = "routes: {files: [a.mrt], watch: [{prefix: 192.0.2.0/24}]}\n";
    let warnings = |more: &str| {
        parse(&format!("{PROMETHEUS}{routes}{more}"))
            .unwrap()
            .complete(Path::new("."), true)
            .unwrap()
            .warnings()
    };
    assert!(warnings("")[0].contains("routes: without `state_directory`, a restart forgets"));
    assert_eq!(warnings("state_directory: state\n"), [""; 0]);
}

#[test]
fn every_fault_has_its_message() {
    let claim = |rest: &str| format!("claims: [{{page: a, url: 'https://a.example/', {rest}}}]");
    let sets = |rest: &str| format!("services: [{{name: s, sets: [{rest}]}}]");
    for (text, wanted) in [
        ("interval: 1s".to_owned(), "interval: must be from 5s to 2m"),
        ("timeout: 1h".to_owned(), "timeout: must be from 100ms to 2m"),
        ("colour: red".to_owned(), "unknown field `colour`"),
        ("vantages: [{region: a, vantage: b, latitude: 1}]".to_owned(), "go together"),
        (
            "vantages: [{region: a, vantage: b, latitude: 0, longitude: 0}]".to_owned(),
            "not both 0",
        ),
        (
            "vantages: [{region: a, vantage: b, latitude: .nan, longitude: 0}]".to_owned(),
            "must be degrees on the Earth",
        ),
        (
            "vantages: [{region: a, vantage: b}, {region: a, vantage: b}]".to_owned(),
            "vantages[1]: line 2 has the same region and vantage",
        ),
        (sets("{name: x, targets: [a]}"), "services[0].sets: must have from 2 to 16 entries"),
        (
            sets("{name: x, targets: [a]}, {name: x, targets: []}"),
            "services[0].sets[1].name: another set has the same one",
        ),
        (
            "services: [{name: s, expect_independent: 3, sets: [{name: x, targets: [a]}, {name: y, targets: [b]}]}]"
                .to_owned(),
            "expect_independent: must be from 2 to the number of sets",
        ),
        (
            "routes: {files: ['/a*/b'], watch: [{prefix: 192.0.2.0/24}]}".to_owned(),
            "files[0]: a path may have one * in its last part",
        ),
        (
            "routes: {files: [a], max_age: 1d, watch: [{prefix: 192.0.2.0/24}]}".to_owned(),
            "max_age: must be from 1m to 20h",
        ),
        (
            format!("routes: {{files: [a], watch: [{}]}}", "{prefix: 192.0.2.0/24}, ".repeat(501)),
            "watch: must have 500 entries at most",
        ),
        (
            "routes: {files: [a], watch: [{prefix: 192.0.2.1/24}]}".to_owned(),
            "watch[0].prefix: must have no bit beyond its length, as 192.0.2.0/24",
        ),
        (
            "routes: {files: [a], watch: [{prefix: 192.0.2.0/24, max_length: 33}]}".to_owned(),
            "watch[0].max_length",
        ),
        (
            "panel: {probes_file: p, atlas: [{name: a, measurement: 1, targets: [x], interval: 1m}]}".to_owned(),
            "atlas[0].interval: must be from 5m to 1h",
        ),
        (
            "panel: {probes_file: p, atlas: [{name: a, measurement: 1, targets: []}]}".to_owned(),
            "atlas[0].targets: must have one entry at least",
        ),
        (
            "panel: {probes_file: p, atlas: [{name: routes, measurement: 1, targets: [x]}]}".to_owned(),
            "atlas[0].name: must not be that of anything else",
        ),
        (
            "panel: {probes_file: p, atlas: [{name: a, measurement: 1, targets: [x]}]}\nclaims: [{page: a, url: 'https://a.example/'}]".to_owned(),
            "claims[0].page: a measurement of panel has the same name",
        ),
        (claim("interval: 10s"), "interval: must be from 1m to 2m"),
        (
            "panel: {probes_file: p, regions: {EU: eu}, atlas: [{name: a, measurement: 1, targets: [x]}]}".to_owned(),
            "panel.regions: EU: must be one of AMER, EMEA, APAC",
        ),
        (
            "panel: {probes_file: p, regions: {EMEA: APAC}, atlas: [{name: a, measurement: 1, targets: [x]}]}".to_owned(),
            "panel.regions: two must not have one name",
        ),
        ("state_directory: ''".to_owned(), "state_directory: must be the path of a folder"),
        (claim("labels: {state: x}"), "claims[0].labels.state: the suite itself uses this label"),
        (
            "panel: {probes_file: p, atlas: [{name: a, measurement: 1, targets: [x], labels: {class: x}}]}".to_owned(),
            "panel.atlas[0].labels: class: the suite itself uses this label",
        ),
        (claim("format: rss"), "format"),
        ("claims: [{page: a, url: 'a.example'}]".to_owned(), "url: must be a URL"),
        ("claims: [{page: prometheus, url: 'https://a.example/'}]".to_owned(), "page: must not be prometheus or routes"),
        (
            "claims: [{page: a, url: 'https://a.example/'}, {page: a, url: 'https://b.example/'}]".to_owned(),
            "claims[1].page: line 2 has the same one",
        ),
    ] {
        let error = parse(&format!("{PROMETHEUS}{text}\n")).unwrap_err();
        assert!(error.contains(wanted), "{text}\n  gave   {error}\n  wanted {wanted}");
    }
    assert!(parse("prometheus: []").unwrap_err().contains("must have from 1 to 16 entries"));
    let secret = "prometheus: [{url: 'http://u:s3cret@a/'}]";
    assert!(!parse(secret).unwrap_err().contains("s3cret"));
}

const OWN: &str = "acknowledge_own_infrastructure: true";

/// A section of Globalping with these keys, and what they leave out.
fn globalping(keys: &str) -> String {
    let usual = [
        ("networks:", "networks: [149.154.164.0/22]"),
        ("endpoints:", "endpoints: [{name: a, target: x}]"),
    ];
    let mut all = vec![keys];
    all.extend(usual.iter().filter(|(key, _)| !keys.contains(key)).map(|(_, line)| *line));
    all.retain(|it| !it.is_empty());
    format!("panel: {{globalping: {{{}}}}}", all.join(", "))
}

#[test]
fn every_fault_of_globalping_has_its_message() {
    for (text, wanted) in [
        (
            globalping("acknowledge_own_infrastructure: false"),
            "panel.globalping.acknowledge_own_infrastructure: must be true: its terms are for",
        ),
        (globalping(""), "panel.globalping.acknowledge_own_infrastructure: must be true"),
        (
            globalping(&format!("{OWN}, networks: []")),
            "panel.globalping.networks: must have one entry at least",
        ),
        (
            globalping(&format!("{OWN}, networks: [0.0.0.0/0]")),
            "panel.globalping.networks[0]: must be public, and no larger than a /8",
        ),
        (
            globalping(&format!("{OWN}, networks: [149.154.164.0/22, 10.1.0.0/16]")),
            "panel.globalping.networks[1]: must be public",
        ),
        (
            globalping(&format!("{OWN}, networks: ['fd00::/16']")),
            "panel.globalping.networks[0]: must be public",
        ),
        (
            globalping(&format!("{OWN}, networks: [192.0.0.0/8]")),
            "panel.globalping.networks[0]: must be public",
        ),
        (
            globalping(&format!("{OWN}, endpoints: [{{name: a, target: x, probes: 5}}]")),
            "endpoints[0].probes: must be from 6 to 12",
        ),
        (
            globalping(&format!("{OWN}, endpoints: []")),
            "panel.globalping.endpoints: must have one entry at least",
        ),
        (
            globalping(&format!("{OWN}, url: 'http://a.example'")),
            "panel.globalping.url: must be https://HOST: a token is sent there",
        ),
        (
            globalping(&format!("{OWN}, endpoints: [{{name: a, target: x, interval: 10m}}]")),
            "endpoints[0].interval: must be from 15m to 1d",
        ),
        (
            globalping(&format!("{OWN}, endpoints: [{{name: a, target: x, probes: 13}}]")),
            "endpoints[0].probes: must be from 6 to 12",
        ),
        (
            globalping(&format!("{OWN}, endpoints: [{{name: routes, target: x}}]")),
            "endpoints[0].name: must not be that of anything else",
        ),
        (
            globalping(&format!(
                "{OWN}, endpoints: [{{name: a, target: x, labels: {{class: x}}}}]"
            )),
            "endpoints[0].labels: class: the suite itself uses this label",
        ),
        ("panel: {probes_file: p}".to_owned(), "panel.atlas: must have from 1 to 50 entries"),
        (
            "panel: {atlas: [{name: a, measurement: 1, targets: [x]}]}".to_owned(),
            "panel.probes_file: must be there",
        ),
    ] {
        let error = parse(&format!("{PROMETHEUS}{text}\n")).unwrap_err();
        assert!(error.contains(wanted), "{text}\n  gave   {error}\n  wanted {wanted}");
    }
}

#[test]
fn more_tests_than_four_fifths_of_the_limit_are_refused_with_the_arithmetic() {
    let of = |endpoints: usize, more: &str| {
        let endpoints: Vec<_> =
            (0..endpoints).map(|it| format!("{{name: e{it}, target: x}}")).collect();
        let keys = format!("{OWN}{more}, endpoints: [{}]", endpoints.join(", "));
        parse(&format!("{PROMETHEUS}{}\n", globalping(&keys)))
    };
    assert!(of(4, "").is_ok() && of(8, ", token_file: t").is_ok());
    let error = of(5, "").unwrap_err();
    let wanted = "48 (12 probes each 15 min) + 48 (12 probes each 15 min) are 240 tests an hour; must be at most 200, 80 % of the \
                  250 that an hour has without a token";
    assert!(error.contains(wanted), "{error}");
    let error = of(9, ", token_file: t").unwrap_err();
    assert!(
        error.contains("are 432 tests an hour; must be at most 400, 80 % of the 500"),
        "{error}"
    );
    // One a day is made in one hour, and all are due in the same.
    let daily = |endpoints: usize| {
        let endpoints: Vec<_> =
            (0..endpoints).map(|it| format!("{{name: e{it}, target: x, interval: 1d}}")).collect();
        let keys = format!("{OWN}, endpoints: [{}]", endpoints.join(", "));
        parse(&format!("{PROMETHEUS}{}\n", globalping(&keys)))
    };
    assert!(daily(16).is_ok());
    let error = daily(17).unwrap_err();
    assert!(error.contains("are 204 tests an hour; must be at most 200"), "{error}");
    let twice = format!(
        "{{name: a, target: x, probes: {0}}}, {{name: b, target: x, probes: {0}}}",
        usize::MAX
    );
    let error =
        parse(&format!("{PROMETHEUS}{}\n", globalping(&format!("{OWN}, endpoints: [{twice}]"))))
            .unwrap_err();
    assert!(error.contains("probes: must be from 6 to 12"), "{error}");
    // One on this machine has no limit of an hour.
    assert!(of(9, ", url: 'http://127.0.0.1:1'").is_ok());
}

#[test]
fn another_endpoint_of_a_measurement_is_another_work_and_another_label_is_not() {
    let of = |entry: &str| {
        let section = globalping(&format!("{OWN}, endpoints: [{{name: a, {entry}}}]"));
        let text = format!("{PROMETHEUS}{section}\n");
        parse(&text).unwrap().panels().remove("a").unwrap()
    };
    let before = of("target: x");
    for entry in ["target: y", "target: x, team: t"] {
        assert_ne!(of(entry).work, before.work, "{entry}");
    }
    let labelled = of("target: x, labels: {env: prod}");
    assert_eq!(labelled.work, before.work);
    assert_ne!(labelled.labels, before.labels);
}

#[test]
fn an_address_that_is_not_public_is_nobodys_own() {
    let section = globalping(&format!("{OWN}, networks: [149.154.164.0/22, '2a00:1450::/29']"));
    let config = parse(&format!("{PROMETHEUS}{section}\n")).unwrap();
    let panels = config.panels();
    let Way::Globalping(own) = &panels["a"].work.way else { panic!("it is made") };
    let mut own = own.clone();
    let has = |own: &Own, ip: &str| own.has(ip.parse().unwrap());
    assert!(has(&own, "149.154.167.220") && has(&own, "2a00:1450::1") && !has(&own, "8.8.8.8"));
    // Whatever the config was read by.
    own.networks = vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()];
    assert!(has(&own, "8.8.8.8"));
    for ip in ["192.168.1.5", "100.64.0.9", "224.0.0.1", "::1", "::ffff:10.0.0.1", "ff02::1"] {
        assert!(!has(&own, ip), "{ip}");
    }
}

#[test]
fn a_token_that_cannot_be_read_is_told_when_the_config_is() {
    let folder = tempfile::tempdir().unwrap();
    let section = globalping(&format!("{OWN}, token_file: token"));
    let complete =
        || parse(&format!("{PROMETHEUS}{section}\n")).unwrap().complete(folder.path(), true);
    let error = format!("{:#}", complete().unwrap_err());
    assert!(
        error.starts_with("line 2:")
            && error.contains("panel.globalping.token_file: must be a file"),
        "{error}"
    );
    std::fs::write(folder.path().join("token"), "s3cret\n").unwrap();
    assert!(!format!("{:?}", complete().unwrap()).contains("s3cret"));
}
