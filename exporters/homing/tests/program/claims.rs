//! What status pages claim.

use super::*;

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
    // An incident that the component knows nothing of is not passed over.
    assert!(program.page("/homing").contains("<td>none</td>"), "{}", program.page("/homing"));
    let incident =
        r#""incidents":[{"impact":"critical","status":"investigating","components":[]}]"#;
    page(Said::ok(GREEN.replace(r#""incidents":[]"#, incident)));
    program.wait("the incident", || program.page("/homing").contains("<td>1 critical</td>"));
    assert_eq!(program.metrics().value(&state("API", "operational")), 1.0);
    page(Said { headers: "Content-Type: application/json\r\nETag: \"v1\"\r\n", ..Said::ok(GREEN) });
    program.wait("the end of it", || program.page("/homing").contains("<td>none</td>"));
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
