//! Runs the real program against a real Prometheus, and against servers that answer what they should not.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::float_cmp, reason = "the values are counts and flags")]

use std::fmt::Write as _;
use std::process::Command;

use peers::{Browser, HttpServer as Server, Program, Prometheus, Said, WIDTHS};

/// Vantages: region, name, degrees, milliseconds to the site of the API, and to the nearest of three.
const VANTAGES: [(&str, &str, f64, f64, f64, f64); 6] = [
    ("EMEA", "lon", 51.51, -0.13, 8.0, 1.5),
    ("EMEA", "fra", 50.11, 8.68, 10.0, 9.0),
    ("AMER", "nyc", 40.71, -74.01, 82.0, 2.0),
    ("AMER", "sfo", 37.77, -122.42, 148.0, 60.0),
    ("APAC", "sin", 1.35, 103.82, 165.0, 1.8),
    ("APAC", "syd", -33.87, 151.21, 350.0, 95.0),
];

const API: &str = "homing_class{target=\"api\",address=\"149.154.167.220\"";

fn start(config: &str) -> Program {
    Program::start(Command::new(env!("CARGO_BIN_EXE_turbulence-homing")), config)
}

/// What six exporters of latency give between them.
fn latency() -> String {
    let mut page = String::new();
    for (region, name, north, east, api, anycast) in VANTAGES {
        let who = format!("vantage=\"{name}\",region=\"{region}\"");
        writeln!(page, "latency_vantage_ok{{{who},part=\"network\"}} 1").unwrap();
        writeln!(page, "latency_vantage_latitude_degrees{{{who}}} {north}").unwrap();
        writeln!(page, "latency_vantage_longitude_degrees{{{who}}} {east}").unwrap();
        // A name that a regular expression would take for others, and a team.
        for (target, ip, ms) in [
            ("target=\"api\"", "149.154.167.220", api),
            ("team=\"t\",target=\"any.cast|\"", "198.51.100.1", anycast),
        ] {
            let of = format!("{who},{target},module=\"icmp\",role=\"service\",slot=\"0\"");
            writeln!(page, "latency_rtt_min_seconds{{{of},window=\"1m\"}} {}", ms / 1_000.0)
                .unwrap();
            writeln!(page, "latency_address_info{{{of},address=\"{ip}\"}} 1").unwrap();
        }
    }
    // What the paths to the API say, as turbulence-latency tells it: one of them is not traced to its end.
    for ((region, name, ..), asn) in VANTAGES.iter().zip([6762, 6762, 6762, 1273, 1273, 3356]) {
        let of = format!(
            "vantage=\"{name}\",region=\"{region}\",target=\"api\",module=\"icmp\",role=\"service\",slot=\"0\""
        );
        if *name != "syd" {
            let place = "position=\"anchor\",city=\"Amsterdam\",country=\"NL\"";
            writeln!(page, "latency_path_hop_place{{{of},{place}}} 1").unwrap();
        }
        let last = "position=\"last\",city=\"London\",country=\"GB\"";
        writeln!(page, "latency_path_hop_place{{{of},{last}}} 1").unwrap();
        writeln!(page, "latency_path_handover_info{{{of},city=\"Amsterdam\",asn=\"{asn}\"}} 1")
            .unwrap();
        writeln!(page, "latency_address_asn_info{{{of},asn=\"62041\"}} 1").unwrap();
    }
    page
}

/// A Prometheus that has scraped them.
fn prometheus(server: &Server) -> Prometheus {
    prometheus_of(server, &latency())
}

fn prometheus_of(server: &Server, page: &str) -> Prometheus {
    server.answer(
        "/metrics",
        Said {
            status: "200 OK",
            headers: "Content-Type: text/plain; version=0.0.4\r\n",
            body: page.into(),
        },
    );
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: turbulence-latency\n  honor_labels: true\n  \
         static_configs: [{{targets: ['{}']}}]\n",
        server.address
    );
    let prometheus = Prometheus::start(&Prometheus::programs()[0], &config, &[]);
    let series = page.lines().filter(|it| it.starts_with("latency_rtt_min_seconds")).count();
    prometheus.wait_for("latency_rtt_min_seconds", series);
    prometheus
}

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

#[test]
fn minima_that_are_recorded_are_taken_as_they_are() {
    assert_eq!(nearest_where_recorded(|_| true), 0.004, "half of what the minute says");
}

/// Of two Prometheis behind one address one has no such rule.
#[test]
fn where_a_part_of_the_minima_is_recorded_all_are_asked_for() {
    assert_eq!(nearest_where_recorded(|line| !line.contains("APAC")), 0.008, "as measured");
}

/// The smallest round trip to the API, of those six that are judged. What the rule would have recorded is there in the place
/// of the rule, whose group waits for up to a minute: of these lines half of what the minute says.
fn nearest_where_recorded(is_recorded: impl Fn(&str) -> bool) -> f64 {
    let server = Server::start();
    let mut recorded = String::new();
    let page = latency();
    let minima = page.lines().filter(|it| it.starts_with("latency_rtt_min_seconds"));
    for line in minima.filter(|line| is_recorded(line)) {
        let (of, seconds) = line.rsplit_once(' ').unwrap();
        let of = of.replace("latency_rtt_min_seconds", "vantage_slot:latency_rtt_min_seconds:10m");
        let seconds = seconds.parse::<f64>().unwrap() / 2.0;
        writeln!(recorded, "{} {seconds}", of.replace(",window=\"1m\"", "")).unwrap();
    }
    let prometheus = prometheus_of(&server, &(page + &recorded));
    let url = prometheus.url();
    let program = start(&format!("prometheus: [{{url: '{url}'}}]\ninterval: 5s\ntimeout: 5s\n"));
    let metrics = program.wait_until("a complete evaluation", |it| it.sum("homing_class") >= 2.0);
    assert_eq!(metrics.value("homing_vantages{target=\"api\"}"), 6.0);
    metrics.value("homing_vantage_rtt_seconds{target=\"api\",vantage=\"lon\"}")
}

#[test]
fn what_a_real_prometheus_holds_is_judged_and_shown() {
    let server = Server::start();
    let prometheus = prometheus(&server);
    let url = prometheus.url();
    let program = start(&format!("prometheus: [{{url: '{url}'}}]\ninterval: 5s\ntimeout: 5s\n"));
    let metrics = program.wait_until("a complete evaluation", |it| it.sum("homing_class") >= 2.0);
    assert_eq!(metrics.value(&format!("{API},class=\"one_site\"}}")), 1.0);
    let anycast = "homing_class{team=\"t\",target=\"any.cast|\",class=\"several_sites\"}";
    assert_eq!(metrics.value(anycast), 1.0);
    assert_eq!(metrics.value("homing_sites_min{target=\"any.cast|\"}"), 3.0);
    assert_eq!(metrics.value("homing_vantages{target=\"api\"}"), 6.0);
    assert_eq!(metrics.sum("homing_samples_left_out"), 0.0);
    assert_eq!(metrics.sum("homing_query_failures_total"), 0.0);
    program.wait_until_ready();

    let page = program.page("/homing");
    assert!(page.contains("api (149.154.167.220): consistent with one site within"), "{page}");
    let paths = "5 of 6 paths end at routers named Amsterdam. AS62041, entered through AS6762 (3 vantages), AS1273 (2), \
                 AS3356 (1), always in Amsterdam.";
    assert!(page.contains(paths), "{page}");
    let site = "homing_site_info{target=\"api\",city=\"Amsterdam\",country=\"NL\",source=\"name\"}";
    assert_eq!(metrics.value(site), 1.0);
    assert_eq!(metrics.value("homing_handover_vantages{asn=\"1273\",city=\"Amsterdam\"}"), 2.0);
    let json: serde_json::Value =
        serde_json::from_str(&program.page("/homing?format=json&target=api")).unwrap();
    assert_eq!(json["targets"].as_array().unwrap().len(), 1);
    assert_eq!(json["targets"][0]["addresses"][0]["class"], "one_site");
    assert_eq!(json["targets"][0]["addresses"][0]["vantages"][0]["vantage"], "lon");
    let map = program.page("/map.svg?target=api");
    assert!(map.starts_with("<svg") && map.contains("lon 8 ms"), "{map}");
    for (path, status) in [
        ("/homing?target=nobody", 404),
        ("/map.svg?target=nobody", 404),
        ("/map.svg", 400),
        ("/homing?format=xml", 400),
        ("/homing?colour=red", 400),
    ] {
        assert_eq!(program.request("GET", path, "").status, status, "{path}");
    }

    // Where the Prometheus is gone, nothing is judged, and the page says that. The verdict stands a while.
    drop(prometheus);
    let incomplete = "homing_evaluations_total{result=\"incomplete\"}";
    let metrics = program.wait_until("an incomplete evaluation", |it| it.value(incomplete) >= 1.0);
    assert!(metrics.value("homing_query_failures_total{reason=\"unreachable\"}") >= 1.0);
    program.wait_until("the end of the verdict", |it| {
        it.get(&format!("{API},class=\"one_site\"}}")).is_none()
    });
    assert!(program.page("/homing").contains("Nothing is judged"));
    assert!(program.metrics().value("homing_last_evaluation_timestamp_seconds") > 1e9);
    assert!(program.stop().success());
}

#[test]
fn of_a_pair_one_answer_is_enough_and_of_parts_none_may_be_missing() {
    let server = Server::start();
    let prometheus = prometheus(&server);
    let (url, other) = (prometheus.url(), server.address);
    let config = |replicas: bool| {
        format!(
            "prometheus: [{{url: 'http://{other}'}}, {{url: '{url}'}}]\nreplicas: {replicas}\ninterval: 5s\n"
        )
    };
    let program = start(&config(true));
    program.wait_until("a complete evaluation", |it| it.sum("homing_class") >= 2.0);
    let program = start(&config(false));
    let metrics = program.wait_until("an incomplete evaluation", |it| {
        it.value("homing_evaluations_total{result=\"incomplete\"}") >= 1.0
    });
    assert_eq!(metrics.sum("homing_class"), 0.0);
    assert!(metrics.value("homing_query_failures_total{reason=\"http_status\"}") >= 1.0);
}

#[test]
fn an_answer_that_is_not_one_judges_nothing_and_has_its_reason() {
    let vector = |more: &str| {
        format!(
            "{{\"status\":\"success\",\"data\":{{\"resultType\":\"vector\",\"result\":[]}}{more}}}"
        )
    };
    let mut large = vec![b' '; (64 << 20) + 1];
    large[0] = b'{';
    for (said, reason) in [
        (Said::ok("<html>"), "not_prometheus"),
        (Said::ok("[".repeat(1 << 20)), "not_prometheus"),
        (Said::ok(vector(",\"warnings\":[\"a store is gone\"]")), "warnings"),
        // Nobody measures anything: so says one that has just begun.
        (Said::ok(vector("")), "empty"),
        (Said { status: "503 Service Unavailable", ..Said::ok("") }, "http_status"),
        (
            Said {
                status: "302 Found",
                headers: "Location: http://192.0.2.1/\r\n",
                body: Vec::new(),
            },
            "unreachable",
        ),
        (Said::ok(large), "too_large"),
    ] {
        let server = Server::start();
        server.answer("/api/v1/query", said);
        let program =
            start(&format!("prometheus: [{{url: 'http://{}'}}]\ninterval: 5s\n", server.address));
        let failures = format!("homing_query_failures_total{{reason=\"{reason}\"}}");
        program.wait_until(reason, |it| it.value(&failures) >= 1.0);
        assert!(program.page("/").contains(&format!("down: {reason}")), "{reason}");
    }
}

#[test]
fn a_password_is_sent_to_whom_it_is_for_and_shown_to_nobody() {
    let server = Server::start();
    let config = format!(
        "prometheus: [{{url: 'http://{}', basic_auth: {{username: u, password: s3cret}}}}]\ninterval: 5s\n",
        server.address
    );
    let program = start(&config);
    program.wait("a request", || !server.asked().is_empty());
    assert!(server.asked()[0].to_lowercase().contains("authorization: basic dtpzm2nyzxq="));
    for path in ["/", "/metrics", "/homing", "/homing?format=json"] {
        assert!(!program.page(path).contains("s3cret"), "{path}");
    }
    assert!(!program.log().contains("s3cret"));
}

const GREEN: &str = r#"{"page":{"updated_at":"2018-04-29T05:00:00Z"},"status":{"indicator":"none"},
    "components":[{"id":"c1","name":"API","status":"operational"}],"incidents":[],"scheduled_maintenances":[]}"#;

fn claim(server: &Server) -> String {
    format!(
        "prometheus: [{{url: 'http://{0}'}}]\nclaims:\n  - page: acme\n    url: http://{0}/api/v2/summary.json\n    \
         interval: 1s\n    components: {{API: {{targets: [api], region: EMEA}}}}\n",
        server.address
    )
}

fn state(component: &str, state: &str) -> String {
    format!("homing_claim_state{{page=\"acme\",component=\"{component}\",state=\"{state}\"}}")
}

#[test]
fn a_page_is_read_politely_and_what_cannot_be_read_is_unknown() {
    let server = Server::start();
    let page = |said: Said| server.answer("/api/v2/summary.json", said);
    page(Said { headers: "Content-Type: application/json\r\nETag: \"v1\"\r\n", ..Said::ok(GREEN) });
    let program = start(&claim(&server));
    let metrics =
        program.wait_until("green", |it| it.get(&state("API", "operational")) == Some(1.0));
    assert_eq!(metrics.value("homing_claim_region_trouble{page=\"acme\",region=\"EMEA\"}"), 0.0);
    assert_eq!(
        metrics.value("homing_claim_updated_timestamp_seconds{page=\"acme\"}"),
        1_524_978_000.0
    );
    program.wait("the tag", || {
        server.asked().iter().any(|head| head.to_lowercase().contains("if-none-match: \"v1\""))
    });
    assert!(
        server.asked().iter().any(|head| head.to_lowercase().contains("accept-encoding: gzip"))
    );
    let fetched =
        |result: &str| format!("homing_claim_fetches_total{{page=\"acme\",result=\"{result}\"}}");
    page(Said { status: "304 Not Modified", headers: "", body: Vec::new() });
    let metrics =
        program.wait_until("not modified", |it| it.value(&fetched("not_modified")) >= 1.0);
    assert_eq!(metrics.value(&state("API", "operational")), 1.0);

    let red = GREEN.replace("operational", "major_outage").replace("none", "critical");
    let html =
        Said { headers: "Content-Type: text/html\r\n", ..Said::ok("<html>all is well</html>") };
    let elsewhere = Said {
        status: "301 Moved Permanently",
        headers: "Location: http://192.0.2.1/\r\n",
        body: Vec::new(),
    };
    for (said, result) in [
        (html, "moved"),
        (elsewhere, "moved"),
        (Said { status: "403 Forbidden", ..Said::ok(GREEN) }, "http_status"),
        (Said::ok("{\"status\": {}}"), "schema"),
        (Said::ok("all is well"), "not_json"),
        (Said::ok([GREEN.as_bytes(), &vec![b' '; 1 << 20]].concat()), "too_large"),
        (Said::ok("[".repeat(1 << 19)), "not_json"),
    ] {
        // From red, so that it is seen that nothing of what was said before is left.
        page(Said::ok(red.clone()));
        program.wait_until("red", |it| it.value(&state("API", "major_outage")) == 1.0);
        let before = program.metrics().value(&fetched(result));
        page(said);
        let metrics = program.wait_until(result, |it| it.value(&fetched(result)) > before);
        for component in ["API", ""] {
            assert_eq!(metrics.value(&state(component, "unknown")), 1.0, "{result}");
            assert_eq!(metrics.value(&state(component, "operational")), 0.0, "{result}");
        }
        assert!(metrics.get("homing_claim_region_trouble{page=\"acme\"}").is_none());
    }
    assert!(program.page("/homing").contains("acme"));
    // Who is asked too often, or will be there again, has said nothing new.
    for status in ["429 Too Many Requests", "503 Service Unavailable"] {
        let busy = Server::start();
        let path = "/api/v2/summary.json";
        busy.answer(path, Said::ok(GREEN));
        let program = start(&claim(&busy));
        program.wait_until("green", |it| it.get(&state("API", "operational")) == Some(1.0));
        busy.answer(path, Said { status, headers: "Retry-After: 3600\r\n", body: Vec::new() });
        let metrics = program.wait_until(status, |it| it.value(&fetched("later")) == 1.0);
        assert_eq!(metrics.value(&state("API", "operational")), 1.0, "{status}");
        program.wait_until("its end", |it| it.get(&state("API", "unknown")) == Some(1.0));
        assert_eq!(program.metrics().value(&fetched("later")), 1.0, "it is asked no more");
    }
    // Nobody followed the page to the other host, and nothing of it is in a label.
    assert!(server.asked().iter().all(|head| head.contains(&server.address.to_string())));
}

/// The records of a table, as written so many seconds ago.
fn written(seconds_ago: u64, table: &[u8]) -> Vec<u8> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let time = u32::try_from(now.as_secs() - seconds_ago).unwrap();
    let (mut table, mut start) = (table.to_vec(), 0);
    while start < table.len() {
        let length = u32::from_be_bytes(table[start + 8..start + 12].try_into().unwrap());
        table[start..start + 4].copy_from_slice(&time.to_be_bytes());
        start += 12 + length as usize;
    }
    table
}

#[test]
fn a_table_of_routes_is_read_again_when_it_is_another_and_a_damaged_one_judges_nothing() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let table = include_bytes!("tables/gobgp-3.10.mrt");
    let minutes = std::cell::Cell::new(60);
    let write = |name: &str, bytes: &[u8]| {
        // Elsewhere first, so that nobody reads half of it; and a while ago, so that it is taken for whole.
        let (new, name) = (folder.path().join("new"), folder.path().join(name));
        std::fs::write(&new, bytes).unwrap();
        let ago = std::time::Duration::from_secs(60 * minutes.replace(minutes.get() - 1));
        let file = std::fs::File::options().write(true).open(&new).unwrap();
        file.set_modified(std::time::SystemTime::now() - ago).unwrap();
        std::fs::rename(new, name).unwrap();
    };
    write("rib.1.mrt", &written(7_200, table));
    let config = |most: u8| {
        format!(
            "prometheus: [{{url: 'http://{}'}}]\nroutes:\n  files: ['{}/rib.*.mrt']\n  interval: 1s\n  watch:\n    \
             - {{prefix: 149.154.164.0/22, origins: [62041], max_length: {most}}}\n    - {{prefix: 2001:db8::/32}}\n\
             state_directory: '{1}/state'\n",
            server.address,
            folder.path().display()
        )
    };
    let program = start(&config(22));
    let of = |metric: &str| format!("{metric}{{prefix=\"149.154.164.0/22\"}}");
    let visible = of("homing_route_visible_ratio");
    let metrics = program.wait_until("a table", |it| it.get(&visible) == Some(1.0));
    let origin = "homing_route_origin_info{prefix=\"2001:db8::/32\",origin=\"62041\"}";
    assert_eq!(metrics.value(origin), 1.0);
    assert_eq!(metrics.value("homing_route_files"), 1.0);
    // One table is not enough to tell of a part that should not be.
    let parts = "homing_route_changes_total{prefix=\"149.154.164.0/22\",kind=\"more_specific\"}";
    let part = "homing_route_unexpected_info{kind=\"more_specific\",announced=\"149.154.167.0/24\",asn=\"62041\"}";
    assert_eq!((metrics.value(parts), metrics.get(part)), (0.0, None));
    write("rib.2.mrt", &written(3_600, table));
    let metrics = program.wait_until("the second table", |it| it.value(parts) == 1.0);
    assert_eq!(metrics.value(part), 1.0);
    let page = program.page("/homing");
    assert!(page.contains("more_specific 149.154.167.0/24 AS62041"), "{page}");
    let json: serde_json::Value =
        serde_json::from_str(&program.page("/homing?format=json")).unwrap();
    assert_eq!(json["routes"]["prefixes"][0]["origins"], serde_json::json!([[62_041, 1]]));
    assert_eq!(json["routes"]["tables"], serde_json::json!([["read", 1]]));
    let state = std::fs::read_to_string(folder.path().join("state/routes.json")).unwrap();
    assert!(state.contains("149.154.167.0/24"), "{state}");
    // Allowed by the config, and at once, without another table.
    assert_eq!(program.reload(&config(24)).status, 200);
    program.wait_until("other rules", |it| it.get(part).is_none());
    // Another folder is the one from the next look on, and what is known goes along.
    let moved = config(24).replace("/state'", "/moved'");
    assert_eq!(program.reload(&moved).status, 200);
    let moved = folder.path().join("moved/routes.json");
    program.wait("the other folder", || moved.exists());
    let state = std::fs::read_to_string(moved).unwrap();
    assert!(state.contains("62041"), "{state}");

    let read = program.metrics().value("homing_route_records_total{result=\"read\"}");
    let newest = written(60, table);
    write("rib.3.mrt", &newest[..newest.len() - 1]);
    program.wait_until("damage", |it| {
        it.value("homing_route_records_total{result=\"failed\"}") >= 1.0
    });
    program.wait("its name", || program.page("/").contains("down: damaged"));
    let metrics = program.metrics();
    assert_eq!(metrics.value("homing_route_tables{state=\"damaged\"}"), 1.0);
    assert_eq!(metrics.value(&visible), 1.0, "the one before stands");
    for (bytes, reason) in [(&b"BZh9"[..], "bzip2"), (b"", "no_route")] {
        write("rib.3.mrt", bytes);
        program.wait(reason, || program.page("/").contains(&format!("down: {reason}")));
    }
    let pack = |bytes: &[u8]| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, bytes).unwrap();
        packed.finish().unwrap()
    };
    write("rib.3.mrt", &pack(&newest));
    let records = "homing_route_records_total{result=\"read\"}";
    program.wait_until("the mend", |it| it.value(records) >= read + 4.0 + 3.0);
    program.wait_for_log(&["target is up again", "routes"]);
    // One that is older than a table may be says nothing, and its state says why.
    write("rib.3.mrt", &pack(&written(6 * 3_600 + 60, table)));
    let metrics = program.wait_until("an old one", |it| it.get(&visible).is_none());
    assert_eq!(metrics.value("homing_route_tables{state=\"old\"}"), 1.0);
    assert!(metrics.value("homing_route_table_timestamp_seconds") > 1e9);
}

const RESULTS: &str = "/api/v2/measurements/1001/latest/";

/// Results of four probes, as RIPE Atlas documents them, measured so many seconds ago.
fn results(seconds_ago: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let at = now.as_secs() - seconds_ago;
    let ping = |probe: u32, rcvd: u32, result: &str| {
        format!(
            "{{\"fw\":5080,\"prb_id\":{probe},\"dst_addr\":\"192.0.2.1\",\"af\":4,\"timestamp\":{at},\"type\":\"ping\",\
             \"sent\":3,\"rcvd\":{rcvd},\"result\":[{result}]}}"
        )
    };
    let all = [
        ping(1, 2, "{\"rtt\":12.5},{\"rtt\":11.5},{\"x\":\"*\"}"),
        ping(2, 3, "{\"rtt\":90}"),
        ping(3, 0, "{\"x\":\"*\"},{\"error\":\"<b>unreachable\"}"),
        ping(99, 1, "{\"rtt\":1}"),
    ];
    format!("[{}]", all.join(","))
}

const PROBES: &str = r#"{"objects":[{"id":1,"latitude":52.37,"longitude":4.9,"asn_v4":3265},
    {"id":2,"latitude":40.71,"longitude":-74.01,"asn_v4":701},{"id":3,"latitude":1.35,"longitude":103.8,"asn_v4":4773}]}"#;

#[test]
fn a_measurement_of_strangers_is_read_politely_and_has_no_vote() {
    let (server, busy) = (Server::start(), Server::start());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("probes.json");
    std::fs::write(&file, PROBES).unwrap();
    let config = |server: &Server| {
        format!(
            "prometheus: [{{url: 'http://{0}'}}]\npanel:\n  url: http://{0}\n  probes_file: {1}\n  atlas:\n    \
             - {{name: atlas-api, measurement: 1001, interval: 1s, max_age: 1m, team: t, targets: [api], labels: {{env: prod}}}}\n",
            server.address,
            file.display()
        )
    };
    let tagged = "Content-Type: application/json\r\nETag: \"r1\"\r\n";
    server.answer(RESULTS, Said { headers: tagged, ..Said::ok(results(10)) });
    let program = start(&config(&server));
    let of = |region: &str, outcome: &str| {
        format!(
            "homing_panel_tests{{panel=\"atlas-api\",target=\"api\",team=\"t\",region=\"{region}\",outcome=\"{outcome}\"}}"
        )
    };
    let metrics = program.wait_until("results", |it| it.get(&of("EMEA", "answered")) == Some(1.0));
    assert_eq!(metrics.value(&of("APAC", "failed")), 1.0);
    let text = program.page("/metrics");
    for line in text.lines().filter(|it| it.starts_with("homing_panel_")) {
        assert!(line.contains("env=\"prod\""), "{line}");
    }
    assert_eq!(metrics.value("homing_panel_rtt_min_seconds{region=\"EMEA\"}"), 0.0115);
    assert_eq!(metrics.value("homing_panel_left_out{reason=\"probe\"}"), 1.0);
    assert_eq!(metrics.value("homing_panel_class{class=\"insufficient\"}"), 1.0);
    // Nothing of it is among what own vantages say.
    assert_eq!(metrics.sum("homing_class") + metrics.sum("homing_vantage_rtt_seconds"), 0.0);
    let page = program.page("/homing");
    let sentence = "atlas-api (api): 2 of 3 probes in 3 regions get an answer by ping; 192.0.2.1: too few to say.";
    assert!(page.contains(sentence) && !page.contains("<b>"), "{page}");
    program.wait("the tag", || {
        server.asked().iter().any(|head| head.to_lowercase().contains("if-none-match: \"r1\""))
    });
    let fetched = |result: &str| format!("homing_panel_fetches_total{{result=\"{result}\"}}");
    server.answer(RESULTS, Said { status: "304 Not Modified", headers: "", body: Vec::new() });
    let metrics = program.wait_until("the same", |it| it.value(&fetched("not_modified")) >= 1.0);
    assert_eq!(metrics.value(&of("EMEA", "answered")), 1.0);
    // What is older than it may be says nothing, however often it is served.
    server.answer(RESULTS, Said::ok(results(120)));
    program.wait_until("the end of what is old", |it| it.get(&of("EMEA", "answered")).is_none());
    for (said, result) in [
        (Said::ok("<html>"), "not_json"),
        (Said::ok("[".repeat(1 << 20)), "not_json"),
        (Said::ok(vec![b' '; 50 << 20]), "too_large"),
        (Said { status: "404 Not Found", ..Said::ok("{}") }, "http_status"),
        (
            Said {
                status: "302 Found",
                headers: "Location: http://192.0.2.1/\r\n",
                body: Vec::new(),
            },
            "moved",
        ),
    ] {
        server.answer(RESULTS, said);
        program.wait_until(result, |it| it.value(&fetched(result)) >= 1.0);
    }

    // Who is asked too often is left alone, while another is asked again and again.
    let often = "Retry-After: 3600\r\n";
    busy.answer(
        RESULTS,
        Said { status: "429 Too Many Requests", headers: often, body: Vec::new() },
    );
    server.answer(RESULTS, Said::ok(results(1)));
    let left_alone = start(&config(&busy));
    left_alone.wait_until("the refusal", |it| it.value(&fetched("later")) == 1.0);
    let before = program.metrics().value(&fetched("ok"));
    program.wait_until("three rounds", |it| it.value(&fetched("ok")) >= before + 3.0);
    let asked = busy.asked().into_iter().filter(|head| head.contains(RESULTS)).count();
    assert_eq!(asked, 1);
}

#[test]
fn a_reload_keeps_what_is_known_and_drops_what_is_gone() {
    let server = Server::start();
    server.answer("/api/v2/summary.json", Said::ok(GREEN));
    let program = start(&claim(&server));
    program.wait_until("green", |it| it.get(&state("API", "operational")) == Some(1.0));
    let answer = program.reload(&claim(&server).replace("[api]", "[web]"));
    assert_eq!(answer.status, 200, "{}", answer.body);
    let metrics = program.metrics();
    assert_eq!(metrics.value(&state("API", "operational")), 1.0);
    assert_eq!(metrics.value("homing_claim_targets_info{target=\"web\"}"), 1.0);
    // The user's own labels are on each series of the page, and are no work: nothing is asked again for them.
    let labelled = claim(&server).replace("interval:", "labels: {env: prod}\n    interval:");
    assert_eq!(program.reload(&labelled).status, 200);
    let page = program.page("/metrics");
    let of_page = |it: &&str| it.starts_with("homing_claim_");
    let series: Vec<&str> = page.lines().filter(of_page).collect();
    assert!(series.len() > 10, "{page}");
    for line in series {
        assert!(line.contains("env=\"prod\""), "{line}");
    }
    let answer = program.reload("prometheus: []");
    assert_eq!(answer.status, 500);
    assert!(answer.body.contains("must have from 1 to 16 entries"), "{}", answer.body);
    let answer = program.reload(&format!("prometheus: [{{url: 'http://{}'}}]", server.address));
    assert_eq!(answer.status, 200);
    program.wait_until("the end of the page", |it| it.sum("homing_claim_fetches_total") == 0.0);
}

/// As they are on a phone and on a screen, beside what a Prometheus has of strangers' words.
#[test]
fn its_pages_fit_a_phone_and_a_hostile_name_is_a_name() {
    const HOSTILE: &str =
        "<img src=/nowhere onerror='window.hit = 1'><script>window.hit = 2</script>";
    let server = Server::start();
    let page = latency();
    let hostile = page.lines().filter(|line| line.contains("target=\"api\""));
    let hostile: String = hostile
        .map(|line| line.replace("target=\"api\"", &format!("target=\"{HOSTILE}\"")) + "\n")
        .collect();
    let prometheus = prometheus_of(&server, &(page + &hostile));
    let url = prometheus.url();
    let program = start(&format!("prometheus: [{{url: '{url}'}}]\ninterval: 5s\ntimeout: 5s\n"));
    program.wait("its evaluation", || program.page("/homing").contains("&lt;img src=/nowhere"));
    let browser = Browser::start();
    let url = |path: &str| format!("http://{}{path}", program.address());
    for path in ["/homing", "/homing?target=api", "/"] {
        browser.looks_well(&url(path));
    }
    browser.open(&url("/homing"), WIDTHS[0]);
    let shown = browser.value("document.body.innerText");
    assert!(shown.as_str().unwrap().contains(HOSTILE), "{shown}");
}

/// Each kind of file that is of no use: it is seen before the start, told once, and the tables are judged all the same.
#[test]
fn what_is_kept_and_cannot_be_had_is_told_once_and_before_the_start() {
    let server = Server::start();
    let table = written(3_600, include_bytes!("tables/gobgp-3.10.mrt"));
    for (kind, words) in [
        ("folder", "is not used"),
        ("fifo", "is not used"),
        ("link", "is not used"),
        ("no text", "is moved aside"),
        ("another format", "is moved aside"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let file = state.join("routes.json");
        std::fs::create_dir(&state).unwrap();
        match kind {
            "folder" => std::fs::create_dir(&file).unwrap(),
            "fifo" => assert!(Command::new("mkfifo").arg(&file).status().unwrap().success()),
            "link" => std::os::unix::fs::symlink("/dev/zero", &file).unwrap(),
            "no text" => std::fs::write(&file, b"\xFF\xFE").unwrap(),
            _ => std::fs::write(&file, r#"{"format": 99, "prefixes": []}"#).unwrap(),
        }
        let rib = folder.path().join("rib.mrt");
        std::fs::write(&rib, &table).unwrap();
        let ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3_600);
        std::fs::File::options().write(true).open(&rib).unwrap().set_modified(ago).unwrap();
        let config = format!(
            "prometheus: [{{url: 'http://{}'}}]\nstate_directory: '{}'\nroutes:\n  files: ['{}']\n  interval: 1s\n  \
             watch:\n    - {{prefix: 149.154.164.0/22}}\n",
            server.address,
            state.display(),
            rib.display()
        );
        let told = |log: &str| {
            let is_told = |it: &&str| it.contains("WARN") && it.contains("routes.json");
            let lines: Vec<_> = log.lines().filter(is_told).collect();
            assert_eq!(lines.len(), 1, "{kind}: {log}");
            let wanted = ["line 2: state_directory: ", words];
            assert!(wanted.iter().all(|it| lines[0].contains(it)), "{kind}: {log}");
        };
        let checked = folder.path().join("check.yml");
        std::fs::write(&checked, &config).unwrap();
        let check = Command::new(env!("CARGO_BIN_EXE_turbulence-homing"))
            .args(["--config.check", "--config.file"])
            .arg(&checked)
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&check.stderr).into_owned();
        assert!(check.status.success(), "{kind}: {log}");
        told(&log);
        assert!(file.symlink_metadata().is_ok(), "{kind}: a look changes nothing");

        let program = start(&config);
        let visible = "homing_route_visible_ratio{prefix=\"149.154.164.0/22\"}";
        program.wait_until("a table", |it| it.get(visible) == Some(1.0));
        assert_eq!(state.join("routes.json.unreadable").exists(), words == "is moved aside");
        // A reload looks at no file that the program keeps itself.
        assert_eq!(program.reload(&config).status, 200);
        let (status, log) = program.end();
        assert!(status.success(), "{kind}: {log}");
        told(&log);
    }
}
