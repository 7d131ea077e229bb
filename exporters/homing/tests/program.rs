//! Runs the real program against a real Prometheus, and against servers that answer what they should not.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::float_cmp, reason = "the values are counts and flags")]

#[path = "program/claims.rs"]
mod claims;
#[path = "program/edge.rs"]
mod edge;
#[path = "program/globalping.rs"]
mod globalping;
#[path = "program/minima.rs"]
mod minima;
#[path = "program/panel.rs"]
mod panel;
#[path = "program/partly.rs"]
mod partly;
#[path = "program/restart.rs"]
mod restart;
#[path = "program/routes.rs"]
mod routes;
#[path = "program/sets.rs"]
mod sets;

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
