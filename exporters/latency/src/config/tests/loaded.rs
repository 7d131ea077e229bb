//! What is looked at when a file is complete: files that modules name, entries beside each other, fleets.

use std::fmt::Write as _;

use super::*;

#[test]
fn every_module_whose_files_cannot_be_read_is_told_with_its_place() {
    let secret = "authorization: {credentials_file: nowhere}";
    let error = load(&format!(
        "{VANTAGE}modules:\n  a: {{prober: http, interval: 5s, http: {{{secret}}}}}\n  b: {{prober: icmp}}\n  \
         c: {{prober: http, interval: 5s, http: {{tls_config: {{ca_file: nowhere}}}}}}\ntargets: []\n"
    ));
    let error = error.unwrap_err();
    let told = error.downcast_ref::<Problems>().unwrap().to_string();
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines.len(), 2, "{told}");
    assert!(lines[0].starts_with("line 3:6: modules.a.http: reading secret file"), "{told}");
    assert!(lines[1].starts_with("line 5:6: modules.c.http: tls_config.ca_file: "), "{told}");
}

#[test]
fn an_address_that_is_probed_twice_is_told() {
    let target = |name: &str, module: &str, address: &str| {
        format!("- {{name: {name}, module: {module}, address: '{address}'}}\n")
    };
    let targets = target("a", "m", "192.0.2.1")
        + &target("b", "n", "192.0.2.1")
        + &target("c", "m", "192.0.2.2")
        + &target("d", "m", "192.0.2.1");
    let modules = "modules: {m: {prober: icmp}, n: {prober: icmp}}\ntargets:\n";
    let config = load(&format!("{VANTAGE}{modules}{targets}")).unwrap();
    let warnings = config.warnings();
    assert_eq!(
        warnings,
        ["line 7: address: line 4 has the same one; what is there is measured twice"]
    );
}

#[test]
fn an_allow_list_holds_for_what_is_discovered() {
    let modules = "modules: {tcp: {prober: tcp}, http: {prober: http}}\n\
                   file_sd_configs: [{files: [a.yml]}]\n";
    let found = |module: &str, address: &str| Found {
        address: address.to_owned(),
        labels: Arc::new([("module".to_owned(), module.to_owned())].into()),
        source: "f".into(),
    };
    let all = [
        found("tcp", "192.0.2.1:25"),
        found("tcp", "169.254.169.254:80"),
        found("http", "http://a.example/"),
        found("http", "http://127.0.0.1/latest"),
    ];
    let measured = |allow: &str| {
        let (targets, skipped) =
            load(&format!("{VANTAGE}{modules}{allow}")).unwrap().targets(&all, true);
        assert!(
            skipped.iter().all(|it| it.reason == "address: `on_demand.allow` does not list it")
        );
        targets.into_keys().map(|id| id.name).collect::<Vec<_>>()
    };
    assert_eq!(measured("").len(), 4);
    let narrow = measured("on_demand: {allow: [192.0.2.0/24, '*.example']}\n");
    assert_eq!(narrow, ["192.0.2.1:25", "http://a.example/"]);
}

/// So many targets are read; how long the processor took, in hundredths of a second.
fn read_fleet(fleet: usize) -> u64 {
    let mut text =
        format!("{VANTAGE}modules: {{icmp: {{prober: icmp}}, tcp: {{prober: tcp}}}}\ntargets:\n");
    for number in 0..fleet {
        let (high, low) = (number / 256, number % 256);
        let address = format!("10.{}.{}.{low}", high / 256, high % 256);
        let team = number % 10;
        let (module, port) = if number % 2 == 0 { ("icmp", "") } else { ("tcp", ":443") };
        writeln!(
            text,
            "- {{name: host-{number}, team: t{team}, module: {module}, address: '{address}{port}'}}"
        )
        .unwrap();
    }
    let begun = spent();
    let config = load(&text).unwrap();
    let (targets, skipped) = config.targets(&[], true);
    assert_eq!((targets.len(), skipped.len()), (fleet, 0));
    assert_eq!(config.warnings(), Vec::<String>::new());
    spent() - begun
}

/// What the processor has done for this thread, whoever else is at work (proc(5)): `utime` and `stime`.
fn spent() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let fields = fields.split_whitespace().skip(11).take(2);
    fields.map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

#[test]
fn a_fleet_of_a_hundred_thousand_takes_ten_times_as_long_as_a_tenth() {
    let (tenth, whole) = (read_fleet(10_000), read_fleet(100_000));
    eprintln!("10,000 targets: {tenth}, 100,000: {whole} (hundredths of a second)");
    // What grows by the square would take a hundred times.
    assert!(whole <= 20 * tenth.max(1), "{tenth} and {whole}");
}
