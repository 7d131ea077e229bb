//! The alerts, rules and panels that users of `blackbox_exporter` and `smokeping_prober` share, asked of our pages by a real
//! Prometheus: each alert fires for the target that has its fault and for no other, and each panel has an answer.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use peers::{Authority, Found, HttpServer, Program, Prometheus, Said};
use tempfile::TempDir;

use super::echoes::{self, Manner, host, in_a_namespace};
use super::paths;
use super::running::{start, wait_for_probes};

/// The series that an expression finds, by a label.
fn values(found: &Found, label: &str) -> Vec<String> {
    let begin = format!("\"{label}\":\"");
    let value = |labels: &String| {
        let (_, rest) = labels.split_once(&begin)?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    found.keys().filter_map(value).collect()
}

/// Jobs of `/probe`, as the README has them: each with its module, and whom it asks for.
fn jobs(exporter: SocketAddr, jobs: &[(&str, Vec<String>)]) -> String {
    let job = |(module, targets): &(&str, Vec<String>)| {
        let targets: Vec<_> = targets.iter().map(|target| format!("'{target}'")).collect();
        format!(
            "- job_name: blackbox-{module}\n\
            \x20 metrics_path: /probe\n\
            \x20 params: {{module: [{module}]}}\n\
            \x20 scrape_interval: 1s\n\
            \x20 static_configs: [{{targets: [{}]}}]\n\
            \x20 relabel_configs:\n\
            \x20 - {{source_labels: [__address__], target_label: __param_target}}\n\
            \x20 - {{source_labels: [__param_target], target_label: instance}}\n\
            \x20 - {{target_label: __address__, replacement: '{exporter}'}}\n",
            targets.join(", ")
        )
    };
    format!("scrape_configs:\n{}", jobs.iter().map(job).collect::<String>())
}

const JOB: &str = "job=~\"blackbox.*\"";

/// What a panel asks, for `$JOB` and `$INSTANCE`; each has an answer for the target that is well.
const OF_ONE: [&str; 14] = [
    "max by (instance) (probe_success{$JOB, $INSTANCE})",
    "avg_over_time(probe_success{$JOB, $INSTANCE}[30d])",
    "max by (instance) (probe_http_status_code{$JOB, $INSTANCE})",
    "max by (instance) (probe_http_ssl{$JOB, $INSTANCE}) == 1",
    "max by (instance, version) (probe_tls_version_info{$JOB, $INSTANCE})",
    "max by (instance) (probe_http_redirects{$JOB, $INSTANCE})",
    "max by (instance) (probe_http_version{$JOB, $INSTANCE})",
    "min by (instance) (probe_ssl_earliest_cert_expiry{$JOB, $INSTANCE}) - time()",
    "avg by (instance) (probe_duration_seconds{$JOB, $INSTANCE})",
    "avg by (instance) (probe_dns_lookup_time_seconds{$JOB, $INSTANCE})",
    "sum by (instance) (probe_http_duration_seconds{$JOB, $INSTANCE})",
    "avg by (phase) (probe_http_duration_seconds{$JOB, $INSTANCE, phase=\"tls\"})",
    "avg by (phase) (probe_http_duration_seconds{$JOB, $INSTANCE, phase=\"processing\"})",
    "max by (instance) (probe_ip_protocol{$JOB, $INSTANCE}) == 4",
];

#[test]
fn what_the_users_of_blackbox_exporter_ask_has_an_answer() {
    let folder = TempDir::new().unwrap();
    let (authority, changing) = (Authority::default(), HttpServer::start());
    fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    let own = authority.sign_for(&["localhost", "127.0.0.1"]);
    let ended = authority.sign_expired("localhost");
    let well = format!("https://{}/", paths::secure(&own));
    let broken = format!("http://{}/500", paths::pages());
    let ends = format!("https://{}/", paths::secure(&ended));
    let uneven = format!("http://{}/", changing.address);
    let program = start(
        &format!(
            "modules:\n  http: {{prober: http, http: {{tls_config: {{ca_file: '{}/ca.pem'}}}}}}\n  \
             any: {{prober: http, http: {{tls_config: {{insecure_skip_verify: true}}}}}}\n  \
             icmp: {{prober: icmp}}\non_demand: {{allow: [127.0.0.1]}}\n",
            folder.path().display()
        ),
        &[],
    );
    let asked = [
        ("http", vec![well.clone(), broken.clone(), uneven.clone()]),
        ("any", vec![ends.clone()]),
        ("icmp", vec!["127.0.0.1".to_owned()]),
    ];
    let config = jobs(program.address(), &asked);
    let prometheus = Prometheus::start("prometheus".as_ref(), &config, &[]);
    prometheus.wait_for("probe_success", 5);
    // There is none at first, and then there is.
    prometheus.wait_for(&format!("probe_success{{instance=\"{uneven}\"}} == 0"), 1);
    changing.answer("/", Said::ok("hello"));
    prometheus.wait_for(&format!("probe_success{{instance=\"{uneven}\"}} == 1"), 1);

    let fires = |expression: &str| {
        let mut fires = values(&prometheus.query(&expression.replace("$JOB", JOB)), "instance");
        fires.sort_unstable();
        fires
    };
    let sorted = |targets: &[&String]| {
        let mut sorted: Vec<String> = targets.iter().map(|it| (*it).clone()).collect();
        sorted.sort_unstable();
        sorted
    };
    for (expression, wanted) in [
        ("probe_success{$JOB} == 0", sorted(&[&broken])),
        ("100 * avg_over_time(probe_success{$JOB}[30d]) < 99.5", sorted(&[&broken, &uneven])),
        ("probe_ssl_earliest_cert_expiry{$JOB} < time() + 21 * 86400", sorted(&[&ends])),
    ] {
        program.wait(&format!("{expression} for {wanted:?}"), || fires(expression) == wanted);
    }
    for query in OF_ONE {
        let one = format!("instance=\"{well}\"");
        prometheus.wait_for(&query.replace("$JOB", JOB).replace("$INSTANCE", &one), 1);
    }
    let number = |query: &str| prometheus.number(&query.replace("$JOB", JOB));
    let is = |query: &str, wanted: f64| {
        program.wait(query, || (number(query) - wanted).abs() < 1e-9);
    };
    is("count(probe_success{$JOB})", 5.0);
    is("(count(probe_success{$JOB} == 1) or vector(0)) / count(probe_success{$JOB})", 0.8);
    is("count(probe_http_ssl{$JOB} == 1) / count(probe_http_version{$JOB})", 0.5);
    assert!(number("avg(probe_duration_seconds{$JOB})") > 0.0);
    for phase in ["resolve", "setup", "rtt"] {
        prometheus.wait_for(&format!("probe_icmp_duration_seconds{{phase=\"{phase}\"}}"), 1);
    }
    assert!(program.stop().success());
}

/// The page for who comes from there.
const PAGE: &str = include_str!("../../../../docs/migrate-smokeping.md");

/// The block of its YAML that begins so.
fn block(begins: &str) -> String {
    let blocks = PAGE.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let found =
        blocks.map(|it| it.replace("\n   ", "\n")).find(|it| it.trim_start().starts_with(begins));
    found.unwrap_or_else(|| panic!("no block begins with {begins}"))
}

#[test]
fn what_the_users_of_smokeping_prober_ask_has_an_answer() {
    if !in_a_namespace("community::what_the_users_of_smokeping_prober_ask_has_an_answer") {
        return;
    }
    echoes::allow_dgram(true);
    host("127.1.0.1", Manner::After(Duration::from_millis(1)));
    host("127.1.0.2", Manner::Silent);
    // The config of the page, about hosts of ours, and its rules, which do not keep a test waiting.
    let config =
        block("vantage:").replace("www.example.com", "127.1.0.1").replace("192.0.2.1", "127.1.0.2");
    let program = start(config.trim_start(), &[]);
    wait_for_probes(&program, "shop", 2.0);
    let folder = TempDir::new().unwrap();
    let rules = folder.path().join("smokeping.rules.yml");
    let raw = PAGE.split("```yaml\n").find(|it| it.starts_with("groups:")).unwrap();
    let raw = raw.split("```").next().unwrap().replace("interval: 30s", "interval: 1s");
    fs::write(&rules, raw).unwrap();
    let config = format!(
        "rule_files: ['{}']\nscrape_configs:\n- job_name: latency\n  scrape_interval: 1s\n  \
         static_configs: [{{targets: ['{}']}}]\n",
        rules.display(),
        program.address()
    );
    let prometheus = Prometheus::start("prometheus".as_ref(), &config, &[]);
    ask_for_panels(&program, &prometheus);
    assert!(program.stop().success());
}

/// The four panels of its dashboard and the four rules of its repository: one host answers, and one never does.
fn ask_for_panels(program: &Program, prometheus: &Prometheus) {
    let (requests, answers) =
        ("smokeping_requests_total", "smokeping_response_duration_seconds_count");
    for (host, loss) in [("shop", 0.0), ("canary", 1.0)] {
        let lost = format!("{requests}{{host=\"{host}\"}} - {answers}{{host=\"{host}\"}}");
        prometheus.wait_for(&lost, 1);
        // What is on its way is in both.
        let share = format!("({lost}) / {requests}{{host=\"{host}\"}}");
        let near = || (prometheus.number(&share) - loss).abs() < 0.5;
        program.wait(&format!("{share} near {loss}"), near);
        let success = format!("instance:smokeping_probe_success:ratio1m{{target=\"{host}\"}}");
        let is = || (prometheus.number(&success) - (1.0 - loss)).abs() < 1e-9;
        program.wait(&success, is);
    }
    let shop = "{host=\"shop\"}";
    let mean = format!("smokeping_response_duration_seconds_sum{shop} / {answers}{shop}");
    let mean = prometheus.number(&mean);
    assert!((0.001..1.0).contains(&mean), "{mean}");
    let heat = format!("sum by (le) (rate(smokeping_response_duration_seconds_bucket{shop}[1m]))");
    prometheus.wait_for(&heat, 21);
    for quantile in ["q50", "q90", "q99"] {
        let name = format!("instance:smokeping_response_duration_seconds:{quantile}");
        let quantile = || prometheus.number(&format!("{name}{{target=\"shop\"}}"));
        program.wait(&name, || (0.0001..3.0).contains(&quantile()));
    }
}
