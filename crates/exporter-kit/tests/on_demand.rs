//! A page that measures when it is asked to, the example's `/listen`, by curl and by a real Prometheus.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use peers::{Program, Prometheus, Scrape, example};

/// Somebody who counts who connects, and ticks, or says nothing.
struct Clock {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Clock {
    fn start(ticks: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                count.fetch_add(1, Ordering::Relaxed);
                if ticks {
                    // Whoever connected may be gone.
                    let _ = stream.write_all(b"t");
                }
                held.push(stream);
            }
        });
        Self { address, connections }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

fn start(on_demand: &str) -> Program {
    let config = format!(
        "clocks: {{own: {{period: 10ms}}}}\non_demand: {on_demand}\n\
         modules: {{quick: {{period: 10ms}}, slow: {{period: 60s}}}}\n"
    );
    Program::start(example("tick"), &config)
}

/// The status and the body of what curl gets.
fn curl(program: &Program, query: &str, arguments: &[&str]) -> (u16, String) {
    let output = Command::new("curl")
        .args(["-s", "-w", "%{http_code}"])
        .arg(format!("http://{}/listen?{query}", program.address()))
        .args(arguments)
        .output()
        .unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    let (body, status) = answer.split_at(answer.len() - 3);
    (status.parse().unwrap(), body.to_owned())
}

#[test]
fn nobody_is_contacted_but_whom_the_config_allows() {
    let [good, other] = [Clock::start(true), Clock::start(true)];
    let program = start(&format!("{{allow: ['{}', localhost]}}", good.address));
    let listen = |target: &str| curl(&program, &format!("module=slow&target={target}"), &[]);
    for target in [
        other.address.to_string(),
        format!("[::ffff:127.0.0.1]:{}", other.address.port()),
        format!("2130706433:{}", other.address.port()),
        format!("0x7f.1:{}", other.address.port()),
        format!("localhost.example:{}", other.address.port()),
        format!("user@localhost:{}", other.address.port()),
    ] {
        let (status, body) = curl(&program, &format!("module=slow&target={target}"), &["-g"]);
        assert_eq!(status, 403, "{target}: {body}");
        assert!(body.contains("is not allowed") && body.contains("on_demand"), "{body}");
    }
    assert_eq!(other.connections(), 0);
    let (status, body) = listen(&good.address.to_string());
    assert!(status == 200 && body.contains("tick_heard 1"), "{status} {body}");
    assert_eq!(good.connections(), 1);
    // What happened is kept; who was refused was not measured.
    let recent = program.page("/listen/recent");
    assert!(recent.contains(&good.address.to_string()), "{recent}");
    assert!(!recent.contains("user@"), "{recent}");
    let log = program.request("GET", "/listen/recent?id=1", "");
    assert!(log.status == 200 && log.body.contains("it ticked"), "{}", log.body);
    assert_eq!(program.request("GET", "/listen/recent?id=99", "").status, 404);
    // By the name that is allowed, with any port.
    assert_eq!(listen(&format!("localhost:{}", other.address.port())).0, 200);

    // What the refusal says helps.
    let (_, refused) = listen(&other.address.to_string().replace(".1:", ".2:"));
    let entry = refused.split('`').nth(1).unwrap();
    assert_eq!(
        program
            .reload(&format!("clocks: {{}}\nmodules: {{slow: {{period: 60s}}}}\n{entry}"))
            .status,
        200
    );
    assert_eq!(listen(&good.address.to_string()).0, 403);
    assert_ne!(listen(&other.address.to_string().replace(".1:", ".2:")).0, 403);
}

#[test]
fn without_a_list_there_are_the_targets_of_the_config() {
    let clock = Clock::start(true);
    let program = start("{}");
    assert_eq!(curl(&program, &format!("module=slow&target={}", clock.address), &[]).0, 403);
    let (status, body) = curl(&program, "module=slow&target=own", &[]);
    assert!(status == 200 && body.contains("tick_heard 1"), "{status} {body}");
    assert_eq!(clock.connections(), 0);
}

#[test]
fn a_query_that_means_nothing_contacts_nobody() {
    let clock = Clock::start(true);
    let program = start("{allow: ['*']}");
    let target = clock.address;
    for (query, says) in [
        (format!("target={target}"), "module: is missing"),
        ("module=slow&target=".to_owned(), "target: is missing"),
        (format!("module=fast&target={target}"), "module: is none of the config's"),
        (
            "module=slow&target=nowhere".to_owned(),
            "target: must be a clock of the config, or HOST:PORT",
        ),
    ] {
        let (status, body) = curl(&program, &query, &[]);
        assert!(status == 400 && body.contains(says), "{query}: {status} {body}");
    }
    let header = ["-H", "X-Prometheus-Scrape-Timeout-Seconds: soon"];
    assert_eq!(curl(&program, &format!("module=slow&target={target}"), &header).0, 400);
    assert_eq!(clock.connections(), 0);
}

#[test]
fn one_renderer_writes_for_people_and_for_scrapers() {
    let clock = Clock::start(true);
    let program = start("{allow: ['127.0.0.0/8']}");
    let query = format!("module=slow&target={}", clock.address);
    let (_, classic) = curl(&program, &query, &[]);
    assert!(classic.contains("# TYPE tick_heard gauge") && !classic.contains("# EOF"), "{classic}");
    let (_, open) = curl(&program, &query, &["-H", "Accept: application/openmetrics-text"]);
    assert!(open.ends_with("# EOF\n"), "{open}");
    let (status, page) = curl(&program, &format!("{query}&debug=true"), &[]);
    let order = ["It had 60 s", "listening to", "connected", "it ticked", "tick_heard 1"];
    let places = order.map(|part| page.find(part).unwrap_or_else(|| panic!("{part}: {page}")));
    assert!(status == 200 && places.is_sorted(), "{page}");
}

#[test]
fn prometheus_gets_its_answer_before_it_gives_up() {
    let [loud, mute] = [Clock::start(true), Clock::start(false)];
    let program = start("{allow: ['127.0.0.0/8']}");
    let (loud, mute) = (loud.address.to_string(), mute.address.to_string());
    let config = format!(
        "scrape_configs:\n- job_name: listen\n  metrics_path: /listen\n  params: {{module: [slow]}}\n  \
         scrape_interval: 2s\n  scrape_timeout: 2s\n  static_configs: [{{targets: ['{loud}', '{mute}', own]}}]\n  \
         relabel_configs:\n  - {{source_labels: [__address__], target_label: __param_target}}\n  \
         - {{source_labels: [__param_target], target_label: instance}}\n  \
         - {{target_label: __address__, replacement: '{}'}}\n",
        program.address()
    );
    for server in Prometheus::programs() {
        for flags in [&[] as &[&str], &["--enable-feature=native-histograms"]] {
            let prometheus = Prometheus::start(&server, &config, flags);
            prometheus.wait_for("up == 1", 3);
            prometheus.wait_for("tick_heard == 1", 2);
            prometheus.wait_for(&format!("tick_heard{{instance='{mute}'}} == 0"), 1);
            // Of the two seconds, half of one is left for the answer; the module would take a minute.
            let heard = prometheus.number(&format!("tick_heard_seconds{{instance='{mute}'}}"));
            assert!((0.1..2.0).contains(&heard), "{heard}");
        }
    }
    // Without the header, the module's own time counts.
    let (_, page) = curl(&program, &format!("module=quick&target={mute}"), &[]);
    let heard = Scrape::of(page).value("tick_heard_seconds");
    assert!((0.0..30.0).contains(&heard), "{heard}");
}
