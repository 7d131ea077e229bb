//! What is behind an edge, by requests of twelve vantages.

use super::*;

/// Region, name, degrees, and about how many thousand kilometres it is to Amsterdam.
const FROM: [(&str, &str, f64, f64, f64); 12] = [
    ("EMEA", "ams", 52.37, 4.90, 0.0),
    ("EMEA", "lon", 51.51, -0.13, 0.4),
    ("EMEA", "mad", 40.42, -3.70, 1.5),
    ("EMEA", "jnb", -26.20, 28.05, 9.0),
    ("AMER", "nyc", 40.71, -74.01, 5.9),
    ("AMER", "chi", 41.88, -87.63, 6.6),
    ("AMER", "sfo", 37.77, -122.42, 8.8),
    ("AMER", "gru", -23.55, -46.63, 9.8),
    ("APAC", "sin", 1.35, 103.82, 10.5),
    ("APAC", "tyo", 35.68, 139.69, 9.3),
    ("APAC", "syd", -33.87, 151.21, 16.6),
    ("APAC", "bom", 19.08, 72.88, 6.9),
];

/// An edge everywhere: a connection takes two milliseconds, and an answer the way to Amsterdam besides, or none.
fn latency() -> String {
    let mut page = String::new();
    for (region, name, north, east, thousand_km) in FROM {
        let who = format!("vantage=\"{name}\",region=\"{region}\"");
        writeln!(page, "latency_vantage_ok{{{who},part=\"network\"}} 1").unwrap();
        writeln!(page, "latency_vantage_latitude_degrees{{{who}}} {north}").unwrap();
        writeln!(page, "latency_vantage_longitude_degrees{{{who}}} {east}").unwrap();
        for (target, ip, beyond) in
            [("asks", "198.51.100.1", thousand_km * 0.015), ("keeps", "198.51.100.2", 0.0)]
        {
            let of =
                format!("{who},target=\"{target}\",module=\"web\",role=\"service\",slot=\"0\"");
            writeln!(page, "latency_rtt_min_seconds{{{of},window=\"1m\"}} 0.002").unwrap();
            writeln!(page, "latency_address_info{{{of},address=\"{ip}\"}} 1").unwrap();
            for (phase, seconds) in [("connect", 0.002), ("tls", 0.004), ("ttfb", 0.006 + beyond)] {
                let of = format!("{of},phase=\"{phase}\",window=\"1m\"");
                writeln!(page, "latency_phase_min_seconds{{{of}}} {seconds}").unwrap();
            }
        }
    }
    page
}

#[test]
fn an_edge_that_asks_one_origin_is_told_from_one_that_answers_by_itself_where_that_is_wanted() {
    let server = Server::start();
    let prometheus = prometheus_of(&server, &latency());
    let config =
        |more: &str| format!("prometheus: [{{url: '{}'}}]\ninterval: 5s\n{more}", prometheus.url());
    let program = start(&config("origin_split: true\n"));
    let metrics = program.wait_until("an evaluation", |it| it.sum("homing_origin_class") >= 2.0);
    for (target, class) in [("asks", "one_origin"), ("keeps", "at_edge")] {
        let told = format!("homing_origin_class{{target=\"{target}\",class=\"{class}\"}}");
        assert_eq!(metrics.value(&told), 1.0, "{told}");
    }
    let page = program.page("/homing");
    let sentence = "It looks like one origin behind the edge, near ams: answers take 4 ms beyond the connection at ams, 253 ms at \
                    syd (12 vantages; experimental).";
    assert!(page.contains(sentence), "{page}");
    let program = start(&config(""));
    program.wait_until("an evaluation", |it| it.sum("homing_class") >= 2.0);
    assert!(!program.page("/metrics").contains("homing_origin_class{"));
}
