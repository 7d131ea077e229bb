//! The sets of a service and their independence.

use super::*;

/// The API a second time, by the same ways, and another one in Singapore that is entered through the same networks.
fn sets() -> String {
    let same = latency().lines().filter(|it| it.contains("target=\"api\"")).fold(
        String::new(),
        |page, line| {
            let line = line.replace("target=\"api\"", "target=\"api-2\"");
            page + &line.replace("149.154.167.220", "149.154.175.50") + "\n"
        },
    );
    let singapore = earth::Point::new(1.35, 103.82).unwrap();
    let mut page = same;
    for (region, name, north, east, ..) in VANTAGES {
        let km = singapore.km_to(earth::Point::new(north, east).unwrap());
        let of = format!(
            "vantage=\"{name}\",region=\"{region}\",target=\"far\",module=\"icmp\",role=\"service\",slot=\"0\""
        );
        let seconds = (km / 100.0 * 1.6 + 1.0) / 1_000.0;
        writeln!(page, "latency_rtt_min_seconds{{{of},window=\"1m\"}} {seconds}").unwrap();
        writeln!(page, "latency_address_info{{{of},address=\"203.0.113.7\"}} 1").unwrap();
        writeln!(page, "latency_path_handover_info{{{of},city=\"Singapore\",asn=\"6762\"}} 1")
            .unwrap();
        writeln!(page, "latency_address_asn_info{{{of},asn=\"64500\"}} 1").unwrap();
    }
    page
}

#[test]
fn sets_of_a_service_that_live_in_one_city_are_one_and_others_are_two() {
    let server = Server::start();
    let prometheus = prometheus_of(&server, &(latency() + &sets()));
    let url = prometheus.url();
    let program = start(&format!(
        "prometheus: [{{url: '{url}'}}]\ninterval: 5s\ntimeout: 5s\nservices:\n  - name: messenger\n    expect_independent: 3\n    \
         sets: [{{name: a, targets: [api]}}, {{name: b, targets: [api-2]}}, {{name: c, targets: [far]}}]\n"
    ));
    let shared = |a: &str, b: &str, dimension: &str| {
        format!(
            "homing_set_shared{{service=\"messenger\",a=\"{a}\",b=\"{b}\",dimension=\"{dimension}\"}}"
        )
    };
    let metrics = program
        .wait_until("a verdict on places", |it| it.get(&shared("a", "c", "place")).is_some());
    for (a, b, dimension, wanted) in [
        ("a", "b", "place", Some(1.0)),
        ("a", "c", "place", Some(0.0)),
        ("b", "c", "place", Some(0.0)),
        ("a", "b", "asn", Some(1.0)),
        ("a", "c", "asn", Some(0.0)),
        ("a", "b", "prefix", Some(0.0)),
        ("a", "b", "upstreams", Some(1.0)),
    ] {
        assert_eq!(metrics.get(&shared(a, b, dimension)), wanted, "{a} {b} {dimension}");
    }
    let count = |metric: &str| {
        metrics.value(&format!("{metric}{{service=\"messenger\",dimension=\"place\"}}"))
    };
    assert_eq!(count("homing_independent_sets_possible"), 2.0, "three are expected");
    assert_eq!(count("homing_independent_sets"), 2.0);
    assert_eq!(metrics.value("homing_expected_independent_sets{service=\"messenger\"}"), 3.0);
}

/// Two networks of /24 that one route leads to, by a router's own table.
#[test]
fn sets_that_one_route_leads_to_are_in_one_prefix() {
    let server = Server::start();
    let of = |target: &str, ip: &str| {
        let api = latency();
        let lines = api.lines().filter(|it| it.contains("target=\"api\""));
        let named = |line: &str| line.replace("\"api\"", &format!("\"{target}\""));
        lines.map(|line| named(line).replace("149.154.167.220", ip) + "\n").collect::<String>()
    };
    let sets = of("one", "149.154.164.10") + &of("other", "149.154.165.10");
    let prometheus = prometheus_of(&server, &(latency() + &sets));
    let folder = tempfile::tempdir().unwrap();
    let rib = folder.path().join("rib.mrt");
    let table = routes::written(3_600, include_bytes!("../tables/gobgp-3.10.mrt"));
    std::fs::write(&rib, table).unwrap();
    let ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3_600);
    std::fs::File::options().write(true).open(&rib).unwrap().set_modified(ago).unwrap();
    let program = start(&format!(
        "prometheus: [{{url: '{}'}}]\ninterval: 5s\ntimeout: 5s\nservices:\n  - name: messenger\n    \
         sets: [{{name: a, targets: [one]}}, {{name: b, targets: [other]}}]\n\
         routes:\n  files: ['{}']\n  interval: 1s\n  watch: [{{prefix: 149.154.164.0/22}}]\n",
        prometheus.url(),
        rib.display()
    ));
    let prefix = "homing_set_shared{service=\"messenger\",a=\"a\",b=\"b\",dimension=\"prefix\"}";
    program.wait_until("one route", |it| it.get(prefix) == Some(1.0));
}
