//! Minima of ten minutes, recorded by rules or asked for as they are.

use super::*;

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
