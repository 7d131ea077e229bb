//! Measurements of strangers.

use super::*;

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
            "prometheus: [{{url: 'http://{0}'}}]\npanel:\n  url: http://{0}\n  probes_file: {1}\n  regions: {{APAC: ap}}\n  atlas:\n    \
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
    assert_eq!(metrics.value(&of("ap", "failed")), 1.0);
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
