//! The list at `/sd` and the pages that it names, by a real Prometheus on the README's own example.

use peers::{Program, Prometheus, example, yaml_block};

const README: &str = include_str!("../README.md");

/// Names that a query has to escape.
const CLOCKS: &str =
    "clocks: {'a b&c=%25+d': {period: 10ms}, 'ü': {period: 10ms, mood: bad}, c: {period: 10ms}}";

fn start(flags: &[&str]) -> Program {
    let mut command = example("tick");
    command.args(flags);
    let program = Program::start(command, CLOCKS);
    program.wait_until_ready();
    program
}

/// The README's example, with a shorter interval and the address where the program really is.
fn pasted(program: &Program) -> String {
    let block = yaml_block(README, "/sd");
    assert!(block.contains("localhost:9799"), "{block}");
    let block = block.replace("localhost:9799", &program.address().to_string());
    format!("global: {{scrape_interval: 1s}}\n{block}")
}

#[test]
fn prometheus_scrapes_a_target_at_a_time() {
    let program = start(&[]);
    for server in Prometheus::programs() {
        let prometheus = Prometheus::start(&server, &pasted(&program), &[]);
        prometheus.wait_for("up{job='tick'} == 1", 4);
        let instances = prometheus.wait_for("count by (instance) (tick_ticks_total)", 3);
        for (name, (labels, each)) in ["a b&c=%25+d", "c", "ü"].iter().zip(instances) {
            let instance = format!("{{\"instance\":\"{name}@{}\"}}", program.address());
            assert_eq!((labels, each), (instance, "1".into()));
        }
        // What the exporter says of itself comes once, beside no target.
        let own = format!("process_start_time_seconds{{instance='{}'}}", program.address());
        prometheus.wait_for(&own, 1);
        prometheus.wait_for("process_start_time_seconds", 1);
        prometheus.wait_for("turbulence_build_info", 1);
        // No label comes from the list.
        let labels =
            prometheus.wait_for("tick_ticks_total{clock='c'}", 1).into_keys().next().unwrap();
        let address = program.address();
        let wanted = format!(
            "{{\"__name__\":\"tick_ticks_total\",\"clock\":\"c\",\"instance\":\"c@{address}\",\"job\":\"tick\"}}"
        );
        assert_eq!(labels, wanted);
    }
}

#[test]
fn prometheus_scrapes_a_share_at_a_time() {
    let program = start(&[]);
    let config =
        pasted(&program).replace("/sd", "/sd?shards=2").replace("__param_target", "__param_shard");
    for server in Prometheus::programs() {
        let prometheus = Prometheus::start(&server, &config, &[]);
        prometheus.wait_for("up{job='tick'} == 1", 3);
        prometheus.wait_for("tick_ticks_total", 3);
        prometheus.wait_for("count by (clock) (tick_ticks_total)", 3);
        prometheus.wait_for("process_start_time_seconds", 1);
        prometheus.wait_for("up{instance=~'[01]/2@.+'}", 2);
    }
}

#[test]
fn a_part_is_what_was_asked_for_or_an_answer_that_helps() {
    let program = start(&[]);
    let get = |path: &str| {
        let answer = program.request("GET", path, "");
        (answer.status, answer.body)
    };
    let (_, two) = get("/metrics?target=c&target=%C3%BC");
    assert_eq!(two.matches("tick_ticks_total{").count(), 2, "{two}");
    assert!(!two.contains("process_") && !two.contains("turbulence_"), "{two}");
    let (_, exporter) = get("/metrics?part=exporter");
    assert!(!exporter.contains("tick_ticks_total") && exporter.contains("turbulence_build_info"));
    for (path, status, says) in [
        ("/metrics?target=c&target=nobody", 404, "/sd lists those that there are"),
        ("/metrics?target=", 404, "/sd lists"),
        ("/metrics?shard=2/2", 400, "shard: must be as `0/4` to `3/4`"),
        ("/metrics?shard=0/2&target=c", 400, "exclude each other"),
        ("/metrics?part=targets", 400, "part: must be `exporter`"),
        ("/sd?shards=0", 400, "shards: must be from 1 to 1000"),
    ] {
        let (got, body) = get(path);
        assert!(got == status && body.contains(says), "{path}: {got} {body}");
    }
    // A target that goes takes its page with it.
    assert_eq!(program.reload("clocks: {c: {period: 10ms}}").status, 200);
    assert_eq!((get("/metrics?target=c").0, get("/metrics?target=%C3%BC").0), (200, 404));
    assert!(get("/").1.contains("href=\"/metrics?target=c\""));
}

#[test]
fn the_list_names_the_address_that_was_asked_or_the_one_of_the_proxy() {
    let asked = |program: &Program, headers: &str| {
        let path = "/sd?shards=1";
        let mut stream = std::net::TcpStream::connect(program.address()).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n");
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        std::io::read_to_string(stream).unwrap()
    };
    let program = start(&[]);
    let list = asked(&program, "Host: exporter.example:9799\r\n");
    assert!(list.contains("application/json"), "{list}");
    assert!(list.contains(
        r#"{"targets":["exporter.example:9799"],"labels":{"__metrics_path__":"/metrics","#
    ));
    assert!(asked(&program, "Host: a b/c\r\n").starts_with("HTTP/1.1 400"));

    let program =
        start(&["--web.external-url", "https://x.example/a", "--web.telemetry-path", "/m"]);
    let list = asked(&program, "Host: exporter.example\r\n");
    for part in ["\"x.example\"", "\"__scheme__\":\"https\"", "\"__metrics_path__\":\"/a/m\""] {
        assert!(list.contains(part), "{part} in {list}");
    }
}
