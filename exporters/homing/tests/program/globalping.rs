//! Measurements that are begun: within limits, of one's own addresses alone.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

const LIMITS: &str = "/v1/limits";
const CREATE: &str = "/v1/measurements";
const RESULTS: &str = "/v1/measurements/Ab3_x-9";

/// What there is of an hour's tests.
fn limits(remaining: u32) -> Said {
    let create = json!({"type": "user", "limit": 500, "remaining": remaining, "reset": 1800});
    Said::ok(json!({"rateLimit": {"measurements": {"create": create}}}).to_string())
}

/// And while nothing was spent.
fn fresh() -> Said {
    let create = json!({"type": "user", "limit": 500, "remaining": 500, "reset": 0});
    Said::ok(json!({"rateLimit": {"measurements": {"create": create}}}).to_string())
}

fn begun() -> Said {
    Said {
        status: "202 Accepted",
        headers: "Content-Type: application/json\r\nLocation: http://192.0.2.1/elsewhere\r\nX-RateLimit-Limit: 500\r\n\
                  X-RateLimit-Remaining: 388\r\nX-RateLimit-Reset: 1800\r\n",
        body: json!({"id": "Ab3_x-9", "probesCount": 3}).to_string().into(),
    }
}

/// Three probes, of whom one gets no answer.
fn results(status: &str) -> Said {
    let probe = |city: &str, north: f64, east: f64, asn: u32| {
        json!({"continent": "EU", "region": "Western Europe", "country": "NL", "state": null, "city": city, "asn": asn,
            "network": "<img src=x>", "latitude": north, "longitude": east, "tags": [], "resolvers": ["private"]})
    };
    let pinged = |min: Value, rcv: u32| {
        json!({"status": "finished", "rawOutput": "", "resolvedAddress": "149.154.167.220", "resolvedHostname": "a",
            "timings": [], "stats": {"min": min, "avg": min, "max": min, "total": 3, "rcv": rcv, "drop": 3 - rcv, "loss": 0}})
    };
    let all = [
        json!({"probe": probe("<b>Amsterdam", 52.37, 4.9, 3265), "result": pinged(json!(11.5), 3)}),
        json!({"probe": probe("New York", 40.71, -74.01, 701), "result": pinged(json!(90), 3)}),
        json!({"probe": probe("Singapore", 1.35, 103.8, 4773), "result": pinged(Value::Null, 0)}),
    ];
    let results = if status == "finished" { &all[..] } else { &[] };
    let said = json!({"id": "Ab3_x-9", "type": "ping", "status": status, "createdAt": "2026-10-01T10:00:00.000Z",
        "updatedAt": "2026-10-01T10:00:00.000Z", "target": "149.154.167.220", "probesCount": 3, "results": results});
    Said::ok(said.to_string())
}

/// A server that has tests left, and a measurement that is under way.
fn globalping() -> Server {
    let server = Server::start();
    server.answer(LIMITS, limits(400));
    server.answer(CREATE, begun());
    server.answer(RESULTS, results("in-progress"));
    server
}

/// What is asked besides: a Prometheus by which endpoints are judged, and the file of a token.
struct World {
    prometheus: Prometheus,
    token: String,
    _latency: Server,
    _folder: TempDir,
}

impl World {
    fn start() -> Self {
        let (latency, folder) = (Server::start(), tempfile::tempdir().unwrap());
        let token = folder.path().join("token");
        std::fs::write(&token, "s3cret-token\n").unwrap();
        Self {
            prometheus: prometheus(&latency),
            token: token.display().to_string(),
            _latency: latency,
            _folder: folder,
        }
    }

    fn config(&self, server: &Server) -> String {
        format!(
            "prometheus: [{{url: '{}'}}]\ninterval: 5s\npanel:\n  globalping:\n    acknowledge_own_infrastructure: true\n    \
             url: http://{}\n    token_file: {}\n    networks: [149.154.164.0/22]\n    endpoints:\n      \
             - {{name: gp-api, target: api, interval: 1s}}\n      - {{name: gp-any, team: t, target: 'any.cast|', interval: 1s}}\n",
            self.prometheus.url(),
            server.address,
            self.token
        )
    }
}

/// How many measurements were begun.
fn posts(of: &Server) -> usize {
    of.asked().iter().filter(|it| it.starts_with("POST")).count()
}

fn fetched(result: &str) -> String {
    format!("homing_panel_fetches_total{{panel=\"gp-api\",result=\"{result}\"}}")
}

#[test]
fn own_addresses_are_measured_within_the_limits_and_have_no_vote() {
    let world = World::start();
    let server = globalping();
    let program = start(&world.config(&server));
    let asked =
        |part: &str| server.asked().into_iter().filter(|it| it.contains(part)).collect::<Vec<_>>();
    program.wait("a measurement that is asked for again", || {
        asked("GET /v1/measurements/").len() >= 3
    });
    server.answer(RESULTS, results("finished"));
    let answered =
        "homing_panel_tests{panel=\"gp-api\",target=\"api\",region=\"EMEA\",outcome=\"answered\"}";
    let metrics = program.wait_until("results", |it| it.get(answered) == Some(1.0));
    assert_eq!(metrics.value("homing_panel_tests{region=\"APAC\",outcome=\"failed\"}"), 1.0);
    assert!(metrics.value("homing_panel_budget_remaining{panel=\"gp-api\"}") >= 388.0);
    let page = program.page("/homing");
    let sentence = "gp-api (api): 2 of 3 probes in 3 regions get an answer by ping; 149.154.167.220: too few to say.";
    assert!(page.contains(sentence) && !page.contains("<b>") && !page.contains("<img"), "{page}");
    assert!(!program.page("/metrics").contains("gp-any\",target"), "it lives elsewhere");
    // Own vantages say what they said.
    assert_eq!(metrics.value(&format!("{API},class=\"one_site\"}}")), 1.0);
    assert_eq!(metrics.value("homing_vantages{target=\"api\"}"), 6.0);

    // The same probes next time. Who they are is told by the name of a measurement; the token goes where it is needed alone.
    program.wait("the same probes", || {
        asked("POST ").iter().any(|it| {
            it.ends_with(
                "\"locations\":\"Ab3_x-9\",\"target\":\"149.154.167.220\",\"type\":\"ping\"}",
            )
        })
    });
    let posts = asked("POST ");
    assert!(
        posts[0].contains("\"limit\":12") && posts[0].contains("\"target\":\"149.154.167.220\""),
        "{}",
        posts[0]
    );
    for head in asked("/v1/") {
        let lower = head.to_lowercase();
        assert!(lower.contains("user-agent: turbulence/"), "{head}");
        let has_token = lower.contains("authorization: bearer s3cret-token");
        assert_eq!(has_token, !head.starts_with("GET /v1/measurements/"), "{head}");
        assert!(!head.contains("198.51.100.1"), "{head}");
    }
    assert!(!program.log().contains("s3cret") && !program.page("/").contains("s3cret"));

    // Probes of long ago are forgotten: others are taken at once.
    let before = asked("\"limit\":12").len();
    let gone = Said { status: "422 Unprocessable Entity", ..Said::ok("{\"error\":{}}") };
    server.answer(CREATE, gone);
    program.wait("other probes", || asked("\"limit\":12").len() > before);

    for (path, said, result) in [
        (RESULTS, Said::ok("<html>"), "not_json"),
        (RESULTS, Said::ok(vec![b' '; 50 << 20]), "too_large"),
        (CREATE, Said { status: "202 Accepted", ..Said::ok("{\"id\":\"../limits\"}") }, "schema"),
        (CREATE, Said { status: "400 Bad Request", ..Said::ok("{}") }, "http_status"),
        (
            LIMITS,
            Said {
                status: "302 Found",
                headers: "Location: http://192.0.2.1/\r\n",
                body: Vec::new(),
            },
            "moved",
        ),
    ] {
        let server = globalping();
        let usual = if path == CREATE { limits(400) } else { begun() };
        server.answer(if path == CREATE { LIMITS } else { CREATE }, usual);
        server.answer(path, said);
        let program = start(&world.config(&server));
        program.wait_until(result, |it| it.value(&fetched(result)) >= 1.0);
    }
}

#[test]
fn who_has_no_tests_left_or_is_told_to_wait_asks_for_none() {
    let world = World::start();
    // A fifth of an hour's tests is left to others.
    let spent = globalping();
    spent.answer(LIMITS, limits(111));
    let program = start(&world.config(&spent));
    program.wait_until("three refusals", |it| it.value(&fetched("later")) >= 3.0);
    assert_eq!(posts(&spent), 0);
    assert_eq!(program.metrics().value("homing_panel_budget_remaining{panel=\"gp-api\"}"), 111.0);
    for headers in [
        "Retry-After: 900\r\n",
        "X-RateLimit-Limit: 500\r\nX-RateLimit-Remaining: 400\r\nX-RateLimit-Reset: 900\r\n",
    ] {
        let busy = globalping();
        busy.answer(CREATE, Said { status: "429 Too Many Requests", headers, body: b"{}".into() });
        let program = start(&world.config(&busy));
        program.wait_until("three rounds", |it| it.value(&fetched("later")) >= 3.0);
        assert_eq!(posts(&busy), 1, "{headers}");
    }
}

#[test]
fn an_account_of_which_nothing_was_spent_measures_and_the_end_of_an_hour_is_waited_for() {
    let world = World::start();
    let server = globalping();
    server.answer(LIMITS, fresh());
    let config = world.config(&server);
    let program = start(&config);
    program.wait("a measurement", || posts(&server) > 0);
    assert!(program.metrics().value("homing_panel_budget_remaining{panel=\"gp-api\"}") > 0.0);
    // A round is lost by a limit that is over a moment later: the next one would be in an hour.
    let spent = globalping();
    let said = String::from_utf8(limits(111).body).unwrap().replace("1800", "1");
    spent.answer(LIMITS, Said::ok(said));
    let slow = config
        .replace(&server.address.to_string(), &spent.address.to_string())
        .replace("target: api, interval: 1s", "target: api, interval: 1h");
    let program = start(&slow);
    program.wait_until("a refusal", |it| it.value(&fetched("later")) >= 1.0);
    spent.answer(LIMITS, limits(400));
    program.wait("another try", || posts(&spent) > 0);
}

#[test]
fn what_was_found_of_an_endpoint_is_not_told_of_another() {
    let world = World::start();
    let server = globalping();
    server.answer(RESULTS, results("finished"));
    let config = world.config(&server);
    let program = start(&config);
    let tests = |it: &peers::Scrape| it.sum("homing_panel_tests{panel=\"gp-api\"}");
    program.wait_until("results", |it| tests(it) == 3.0);
    let labelled = config.replace("target: api,", "target: api, labels: {env: prod},");
    assert_eq!(program.reload(&labelled).status, 200);
    assert_eq!(tests(&program.metrics()), 3.0, "a label is no other endpoint");
    let other = config.replace("target: api,", "team: t, target: 'any.cast|',");
    assert_eq!(program.reload(&other).status, 200);
    assert_eq!(tests(&program.metrics()), 0.0);
    assert!(!program.page("/homing").contains("get an answer by ping"));
}

#[test]
fn a_measurement_that_never_ends_is_given_up() {
    let world = World::start();
    let server = globalping();
    let program = start(&world.config(&server));
    program.wait_until("the end of patience", |it| it.value(&fetched("timeout")) >= 1.0);
    // With a pause of half a second at least after each answer, and longer ones then.
    let asked = server.asked().iter().filter(|it| it.starts_with("GET /v1/measurements/")).count();
    assert!((10..=40).contains(&asked), "{asked}");
    assert_eq!(program.metrics().sum("homing_panel_tests"), 0.0);
}
