//! `/probe`, beside the program whose words it answers in: the same modules, the same servers, the same series.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use peers::{Authority, Program};
use tempfile::TempDir;

use super::assert_up;
use super::probed::{self, Page, Peer, page};
use super::quic::{BY_QUIC, Nginx};
use super::running::{command, fails_for, start, wait_for_probes};
use super::shaking;
use super::web::{Web, server};
use super::{healthy, logins, modules, paths, proxied};

/// One module, and whom it probes.
struct Case {
    name: &'static str,
    module: String,
    target: String,
}

impl Case {
    /// Whether an older peer does not know its words.
    fn is_new(&self) -> bool {
        let words = ["unix", "expect_bytes", "labels", "TLS12"];
        let families = ["page_", "h2", "h3"];
        words.iter().any(|word| self.module.contains(word))
            || families.iter().any(|family| self.name.starts_with(family))
    }
}

/// What is different on purpose: the beginning of a series, in which cases (a part of the name), and why.
const DIFFERENCES: [(&str, &str, &str); 9] = [
    ("probe_failure_info", "", "why a probe failed, which the peer does not tell"),
    ("probe_http_oddity_info", "", "what is odd in a head, which the peer does not tell"),
    ("probe_timeout_seconds", "", "the peer tells it from the version after 0.28 on"),
    (
        "probe_ssl_",
        "untrusted",
        "a certificate that is refused is shown all the same: it may be expired",
    ),
    ("probe_tls_", "untrusted", "so is what was spoken"),
    ("probe_ssl_", "h3_to_plain", "so is that of one who leads where HTTP/3 does not go"),
    ("probe_tls_", "h3_to_plain", "and what was spoken with it"),
    ("probe_ssl_", "dns_over_tls", "the certificate of a resolver expires like any other"),
    ("probe_tls_", "dns_over_tls", "so is told what was spoken with it"),
];

/// What an older peer has not, or has with fewer labels.
const SINCE: [&str; 3] =
    ["probe_failed_due_to_bytes", "probe_ssl_last_chain_info", "probe_tls_cipher_info"];

/// What an older peer shows also of a connection that there is not,
const REGEX: &str = "probe_failed_due_to_regex";
/// and, as 0, of a health check without TLS.
const EXPIRY: &str = "probe_ssl_earliest_cert_expiry";

/// Less than servers take that are late: half of it.
const LATE: f64 = 0.1;
/// A machine that is busy is late by itself now and then, and not each time.
const TRIES: u32 = 5;

/// Series whose values differ from run to run.
const TIMES: [&str; 6] = [
    "probe_grpc_duration_seconds",
    "probe_http_duration_seconds",
    "probe_duration_seconds",
    "probe_dns_lookup_time_seconds",
    "probe_icmp_duration_seconds",
    "probe_dns_duration_seconds",
];

/// Every server, by its word in the tables; whoever has none is a target as it stands.
fn servers(folder: &TempDir) -> (BTreeMap<&'static str, String>, Option<Nginx>) {
    let ssh = probed::talker(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n").to_string();
    let socket = folder.path().join("talker.sock").display().to_string();
    probed::socket(&socket, b"hello there\n");
    let closed = peers::closed();
    let web = Web::plain([127, 0, 0, 1]);
    let authority = Authority::default();
    fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    authority.sign("client").write(folder.path(), "client");
    let signed = || server(&authority, "localhost");
    let tls = shaking::talker(signed());
    let pages = paths::pages();
    let own = authority.sign_for(&["localhost", "127.0.0.1"]);
    let nginx = Nginx::start(&own);
    let quic = nginx.as_ref().map_or(closed, |nginx| nginx.address);
    let servers = BTreeMap::from([
        ("quic", format!("https://{quic}")),
        ("quic plainly", format!("http://{quic}")),
        ("web", format!("127.0.0.1:{}", web.port)),
        ("health", healthy::server().to_string()),
        ("pages", pages.to_string()),
        ("socks", proxied::socks(pages).to_string()),
        ("late", format!("https://{}", paths::late(&own))),
        ("strict", format!("https://{}", paths::strict(&own, &authority))),
        ("health by tls", paths::healthy(&own).to_string()),
        ("proxy", logins::proxy().to_string()),
        ("secure", format!("https://{}", paths::secure(&own))),
        ("tls", tls.to_string()),
        ("tls by name", format!("localhost:{}", tls.port())),
        ("starter", shaking::starter(signed()).to_string()),
        ("zone by tls", shaking::zone(signed()).to_string()),
        ("https", format!("https://{}/", shaking::web(signed()))),
        ("ssh by name", ssh.replace("127.0.0.1", "localhost")),
        ("ssh", ssh),
        ("quiet", probed::talker(b"").to_string()),
        ("latin", probed::talker(b"220 b\xfccher\r\n").to_string()),
        ("brief", probed::brief(b"one\ntwo").to_string()),
        ("bytes", probed::brief(b"S").to_string()),
        ("zone", probed::zone().to_string()),
        ("closed", closed.to_string()),
        ("socket", socket),
        ("no socket", "/nowhere/at/all.sock".to_owned()),
    ]);
    (servers, nginx)
}

fn cases(folder: &TempDir) -> (Vec<Case>, Option<Nginx>) {
    let (servers, nginx) = servers(folder);
    let by_quic: &[modules::Row] = if nginx.is_some() {
        &BY_QUIC
    } else {
        eprintln!("HTTP/3 is not compared: there is no nginx for it; name one by TURBULENCE_NGINX");
        &[]
    };
    let tables: [&[modules::Row]; 10] = [
        by_quic,
        &modules::HEALTHS,
        &modules::TALKS,
        &modules::QUESTIONS,
        &modules::SHAKES,
        &modules::PAGES,
        &modules::ECHOES,
        &paths::HTTP,
        &proxied::PROXIED,
        &logins::LOGINS,
    ];
    let token = folder.path().join("token");
    fs::write(&token, "t\n").unwrap();
    let token = token.display().to_string();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let authority = file("ca.pem");
    let case = |&(name, module, server): &modules::Row| {
        let (known, path) = server.split_once('/').map_or((server, ""), |(it, path)| (it, path));
        let target = match servers.get(known) {
            Some(address) if server.contains('/') => format!("{address}/{path}"),
            Some(address) => address.clone(),
            None => server.to_owned(),
        };
        Case {
            name,
            module: module
                .replace("$CA", &authority)
                .replace("$CERT", &file("client.pem"))
                .replace("$KEY", &file("client.key"))
                .replace("$PROXY", &servers["proxy"])
                .replace("$TOKEN", &token)
                .replace("$PAGES", &servers["pages"])
                .replace("$SOCKS", &servers["socks"]),
            target,
        }
    };
    (tables.into_iter().flatten().map(case).collect(), nginx)
}

fn config<'a>(cases: impl Iterator<Item = &'a Case>) -> String {
    let mut text = "modules:\n".to_owned();
    for case in cases {
        writeln!(text, "  {}: {}", case.name, case.module).unwrap();
    }
    text
}

fn query(case: &Case) -> (String, String) {
    let target = case.target.replace('[', "%5B").replace(']', "%5D");
    let path = format!("/probe?target={target}&module={}", case.name);
    (path, "X-Prometheus-Scrape-Timeout-Seconds: 5\r\n".to_owned())
}

fn is_time(series: &str) -> bool {
    TIMES.iter().any(|time| series.starts_with(time))
}

/// Whether a server's taking its time is in both, or in neither: a busy machine makes either late by less.
fn is_as_late(one: f64, other: f64) -> bool {
    (one < LATE) == (other < LATE) || (one - other).abs() < LATE / 2.0
}

/// What is not the same, a line each.
fn differences(case: &str, ours: &Page, theirs: &Page) -> Vec<String> {
    let is_meant = |series: &str| {
        DIFFERENCES
            .iter()
            .any(|(begin, cases, _)| series.starts_with(begin) && case.contains(cases))
    };
    let mut found = Vec::new();
    for series in ours.keys().chain(theirs.keys().filter(|series| !ours.contains_key(*series))) {
        if is_meant(series) {
            continue;
        }
        let near = |one: f64, other: f64| match series.as_str() {
            "probe_timeout_seconds" => (one - other).abs() < 0.05,
            _ => (one - other).abs() < f64::EPSILON,
        };
        match (ours.get(series), theirs.get(series)) {
            // What a server takes its time for is in the same phase.
            (Some(one), Some(other)) if is_time(series) && is_as_late(*one, *other) => {}
            (Some(one), Some(other)) if !is_time(series) && near(*one, *other) => {}
            (one, other) => found.push(format!("{case}: {series}: ours {one:?}, theirs {other:?}")),
        }
    }
    found
}

/// Asks both; what is not the same.
fn compare(case: &Case, program: &Program, peer: &Peer) -> Vec<String> {
    let (path, headers) = query(case);
    let (status, theirs) = peer.ask(&path, &headers);
    assert_eq!(status, 200, "{}: {theirs}", case.name);
    let ours = program.request("GET", &path, &headers);
    assert_eq!(ours.status, 200, "{}: {}", case.name, ours.body);
    let is_known = |(series, _): &(String, f64)| {
        !peer.is_old || !SINCE.iter().any(|since| series.starts_with(since))
    };
    let told = |text: &str| -> Page { page(text).into_iter().filter(is_known).collect() };
    let (ours, mut theirs) = (told(&ours.body), told(&theirs));
    if peer.is_old {
        let is_idle = |series: &str, value: f64| {
            series == REGEX || series.starts_with(EXPIRY) && value == 0.0
        };
        theirs.retain(|series, value| ours.contains_key(series) || !is_idle(series, *value));
    }
    differences(case.name, &ours, &theirs)
}

#[test]
fn every_module_finds_what_the_peer_finds() {
    let sockets = TempDir::new().unwrap();
    let (cases, _nginx) = cases(&sockets);
    let modules = config(cases.iter());
    let allow =
        format!("on_demand: {{allow: ['*', '{}/', /nowhere/]}}\n", sockets.path().display());
    let program = start(&format!("{modules}{allow}"), &[]);
    let known = |is_old: bool| config(cases.iter().filter(|case| !(is_old && case.is_new())));
    let Some(peer) = Peer::start(known) else {
        eprintln!(
            "skipped: there is no blackbox_exporter; name one by TURBULENCE_BLACKBOX_EXPORTER"
        );
        return;
    };
    let mut found = Vec::new();
    let mut compared = 0;
    for case in cases.iter().filter(|case| !(peer.is_old && case.is_new())) {
        let (path, headers) = query(case);
        let mut differ = compare(case, &program, &peer);
        for _ in 1..TRIES {
            let is_late = |line: &String| TIMES.iter().any(|time| line.contains(time));
            if differ.is_empty() || !differ.iter().all(is_late) {
                break;
            }
            differ = compare(case, &program, &peer);
        }
        compared += 1;
        if !differ.is_empty() {
            let debug = program.request("GET", &format!("{path}&debug=true"), &headers);
            let log = debug.body.split("\nMetrics:").next().unwrap_or_default();
            eprintln!("{}\n{log}", case.name);
        }
        found.extend(differ);
    }
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
    eprintln!("{compared} modules found the same");
    assert!(program.stop().success());
}

/// The program with these modules, and whom it may contact.
fn with(modules: &str, allow: &str) -> Program {
    start(&format!("modules: {modules}\non_demand: {{allow: [{allow}]}}\n"), &[])
}

fn probed(program: &Program, query: &str) -> Page {
    let answer = program.request("GET", &format!("/probe?{query}"), "");
    assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    page(&answer.body)
}

fn is(page: &Page, series: &str, value: f64) -> bool {
    page.get(series).is_some_and(|found| (found - value).abs() < f64::EPSILON)
}

#[test]
fn a_probe_says_what_it_found_or_why_it_failed() {
    let talker = probed::talker(b"hello\n");
    let modules = "{tcp: {prober: tcp}, bye: {prober: tcp, timeout: 300ms, tcp: {query_response: [{expect: bye}]}}}";
    let program = with(modules, "127.0.0.0/8");
    let good = probed(&program, &format!("module=tcp&target={talker}"));
    assert!(is(&good, "probe_success", 1.0) && is(&good, "probe_ip_protocol", 4.0), "{good:?}");
    assert!(is(&good, "probe_ip_addr_hash", 3_668_918_509.0), "{good:?}");
    let bad = probed(&program, &format!("module=bye&target={talker}"));
    let reason = "probe_failure_info{reason=\"timeout\"}";
    assert!(is(&bad, "probe_success", 0.0) && is(&bad, reason, 1.0), "{bad:?}");
    let debug =
        program.request("GET", &format!("/probe?module=bye&target={talker}&debug=true"), "");
    for words in ["connected with", "read: hello", "the probe failed: timeout", "probe_success 0"] {
        assert!(debug.body.contains(words), "{}", debug.body);
    }
    assert!(program.stop().success());
}

#[test]
fn nobody_is_contacted_whom_the_config_does_not_list() {
    let talker = probed::talker(b"");
    let modules = "{tcp: {prober: tcp}, unix: {prober: unix}, \
                   web: {prober: http, http: {headers: {host: a.example}}}, \
                   odd: {prober: icmp, icmp: {payload_size: 5}}}";
    let program = with(modules, "'*.example', '[::1]'");
    let ask = |query: &str| {
        let answer = program.request("GET", &format!("/probe?{query}"), "");
        (answer.status, answer.body)
    };
    let (status, body) = ask(&format!("module=tcp&target={talker}"));
    assert_eq!(status, 403);
    assert!(body.contains("on_demand: {allow: ['127.0.0.1:"), "{body}");
    assert_eq!(ask("module=unix&target=/run/a.sock").0, 403);
    assert_eq!(ask("module=tcp&target=localhost:1").0, 403);
    for (query, words) in [
        ("target=a.example:1", "module: is missing; must be one of odd, tcp, unix, web"),
        ("", "module: is missing; must be one of odd, tcp, unix, web; target: is missing"),
        ("module=web&target=a.example&hostname=b", "hostname: the module sets another one"),
        ("target=a.example:1&module=nope", "module: is unknown"),
        ("target=a.example&module=odd", "module: odd cannot be used: icmp.payload_size"),
        ("module=tcp", "target: is missing"),
        ("module=tcp&target=a.example", "target: must be HOST:PORT"),
        ("module=web&target=ftp://a.example/", "target: must be a URL of HTTP"),
        ("module=web&target=http://", "target: must be a URL of HTTP"),
        ("module=unix&target=/run/../a.sock", "target: must be the path of a socket"),
    ] {
        let (status, body) = ask(query);
        assert_eq!(status, 400, "{query}");
        assert!(body.starts_with(words), "{query}: {body}");
    }
    assert!(program.stop().success());
}

#[test]
fn files_are_read_as_they_are_when_a_probe_begins() {
    let folder = TempDir::new().unwrap();
    let pages = paths::pages();
    let token = folder.path().join("token");
    let ca = folder.path().join("ca.pem");
    let old = Authority::default();
    let new = Authority::default();
    let secure = paths::secure(&new.sign_for(&["localhost", "127.0.0.1"]));
    fs::write(&ca, old.pem()).unwrap();
    let modules = format!(
        "{{login: {{prober: http, http: {{bearer_token_file: '{}', fail_if_body_not_matches_regexp: \
         ['authorization: bearer new']}}}}, trust: {{prober: http, http: {{tls_config: {{ca_file: \
         '{}'}}}}}}}}",
        token.display(),
        ca.display()
    );
    let program = with(&modules, "127.0.0.1");
    let login = || probed(&program, &format!("module=login&target=http://{pages}/echo"));
    let trust = || probed(&program, &format!("module=trust&target=https://{secure}/"));
    let fails_as = |page: &Page, reason: &str| {
        is(page, &format!("probe_failure_info{{reason=\"{reason}\"}}"), 1.0)
    };
    assert!(fails_as(&login(), "local"), "there is none yet");
    fs::write(&token, "old").unwrap();
    assert!(fails_as(&login(), "condition"));
    fs::write(&token, "new\n").unwrap();
    assert!(is(&login(), "probe_success", 1.0), "no reload");
    fs::remove_file(&token).unwrap();
    assert!(fails_as(&login(), "local"));
    assert!(fails_as(&trust(), "tls_verify"));
    fs::write(folder.path().join("next"), new.pem()).unwrap();
    fs::rename(folder.path().join("next"), &ca).unwrap();
    assert!(is(&trust(), "probe_success", 1.0), "no reload");
    fs::write(&ca, "none").unwrap();
    assert!(fails_as(&trust(), "local"));
    assert!(program.stop().success());
}

#[test]
fn no_redirect_leads_to_whom_the_config_does_not_list() {
    let web = Web::plain([127, 0, 0, 1]);
    let elsewhere = probed::replier(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let answer =
        format!("HTTP/1.1 302 No\r\nlocation: http://{elsewhere}/\r\ncontent-length: 0\r\n\r\n");
    let leads = probed::replier(answer.leak().as_bytes());
    let ask = |allow: &str, target: &str| {
        let program = with("{http_2xx: {prober: http}}", allow);
        let found = probed(&program, &format!("target=http://{target}"));
        assert!(program.stop().success());
        found
    };
    let good = ask("127.0.0.1", &leads.to_string());
    assert!(is(&good, "probe_success", 1.0) && is(&good, "probe_http_redirects", 1.0), "{good:?}");
    let bad = ask(&format!("'{leads}'"), &leads.to_string());
    assert!(is(&bad, "probe_success", 0.0), "{bad:?}");
    // A host that is on the list may lead to itself.
    let port = web.port;
    let own = ask(&format!("'127.0.0.1:{port}'"), &format!("127.0.0.1:{port}/moved"));
    assert!(is(&own, "probe_success", 1.0), "{own:?}");
}

#[test]
fn what_is_odd_in_a_head_is_a_failure_for_whoever_is_strict() {
    let odd = probed::replier(b"HTTP/1.1 200 OK\r\nX-A : b\r\ncontent-length: 5\r\n\r\nhello");
    let plain = probed::replier(b"HTTP/1.1 200 OK\r\nX-A: b\r\ncontent-length: 5\r\n\r\nhello");
    let text = format!(
        "vantage: {{name: test, region: EMEA}}
modules:
  strict: {{prober: http, interval: 100ms, timeout: 6s, http: {{strict: true}}}}
  lenient: {{prober: http, interval: 100ms, timeout: 6s}}
targets:
  - {{name: odd, address: 'http://{odd}/', module: strict}}
  - {{name: plain, address: 'http://{plain}/', module: strict}}
  - {{name: taken, address: 'http://{odd}/', module: lenient}}
on_demand: {{allow: [127.0.0.1]}}
"
    );
    let program = start(&text, &[]);
    for target in ["odd", "plain", "taken"] {
        wait_for_probes(&program, target, 3.0);
    }
    let metrics = program.metrics();
    assert!(fails_for(&metrics, "odd", "http_status"), "{}", metrics.text);
    for target in ["plain", "taken"] {
        assert_up(&metrics, target);
    }
    let told = "probe_http_oddity_info{oddity=\"space_before_colon\"}";
    for (module, success) in [("strict", 0.0), ("lenient", 1.0)] {
        let found = probed(&program, &format!("module={module}&target=http://{odd}/"));
        assert!(is(&found, "probe_success", success) && is(&found, told, 1.0), "{found:?}");
        let found = probed(&program, &format!("module={module}&target=http://{plain}/"));
        assert!(is(&found, "probe_success", 1.0) && !found.contains_key(told), "{found:?}");
    }
    assert!(program.stop().success());
}

#[test]
fn a_target_is_probed_all_the_time_by_what_a_scraper_can_ask_for() {
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("talker.sock").display().to_string();
    probed::socket(&socket, b"hello\n");
    let (talker, zone) = (probed::talker(b"hello\n"), probed::zone());
    let text = format!(
        "vantage: {{name: test, region: EMEA}}
modules:
  hello: {{prober: tcp, interval: 100ms, timeout: 6s, tcp: {{query_response: [{{expect: ^hello$}}]}}}}
  bye: {{prober: tcp, interval: 100ms, timeout: 500ms, tcp: {{query_response: [{{expect: bye}}]}}}}
  none: {{prober: dns, interval: 100ms, timeout: 6s, dns: {{query_name: none.example}}}}
  soa: {{prober: dns, interval: 100ms, timeout: 6s, dns: {{query_name: example, query_type: SOA}}}}
  socket: {{prober: unix, interval: 100ms, timeout: 6s, unix: {{query_response: [{{expect: hello}}]}}}}
targets:
  - {{name: said, address: '{talker}', module: hello}}
  - {{name: unsaid, address: '{talker}', module: bye}}
  - {{name: zone, address: '{zone}', module: soa}}
  - {{name: no-zone, address: '{zone}', module: none}}
  - {{name: socket, address: {socket}, module: socket}}
"
    );
    let program = start(&text, &[]);
    for target in ["said", "unsaid", "zone", "no-zone", "socket"] {
        wait_for_probes(&program, target, 3.0);
    }
    let metrics = program.metrics();
    for target in ["said", "zone", "socket"] {
        assert_up(&metrics, target);
    }
    assert!(fails_for(&metrics, "unsaid", "timeout"), "{}", metrics.text);
    assert!(fails_for(&metrics, "no-zone", "condition"), "{}", metrics.text);
    let rtt = "latency_rtt_min_seconds{target=\"said\",slot=\"0\",window=\"1m\"}";
    assert!(metrics.value(rtt) > 0.0, "{}", metrics.text);
    assert!(program.stop().success());
}

#[test]
fn a_file_of_the_peer_alone_is_good() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("blackbox.yml");
    fs::write(
        &file,
        "modules:\n  icmp:\n    prober: icmp\n  tcp_connect:\n    prober: tcp\n  http_3xx:\n    \
         prober: http\n    http: {enable_http3: true, enable_http2: false, valid_http_versions: [HTTP/3.0]}\n",
    )
    .unwrap();
    let status = command().arg("--config.check").arg("--config.file").arg(&file).status().unwrap();
    assert!(status.success());
}
