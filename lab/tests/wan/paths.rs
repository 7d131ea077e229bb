//! Hop lists of turbulence-latency, by a user without any privilege where the test may choose one (root), beside those of mtr and traceroute in the same world: over one way, over four of
//! equal cost, and past routers of which one seldom answers and others tell of labels.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use turbulence_lab::http;
use turbulence_lab::process::find_own;
use turbulence_lab::wan::topology::Router;
use turbulence_lab::wan::{Answers, Topology, Wan, default_world};

use super::sight;

const FROM: &str = "nyc";
const TO: &str = "svc-ams";
const TARGETS: [(&str, &str); 2] = [("four", "203.0.113.220"), ("six", "2001:db8:0:7::1")];
/// So often mtr is asked: with each probe of its own another way may be taken, and one in three is answered.
const OFTEN: usize = 12;

/// Two nodes, their own routers, and between them one of these ways.
fn world(ways: Vec<Vec<Router>>) -> Topology {
    let all = default_world();
    let is_one = |name: &str| [FROM, TO].contains(&name);
    let ends = || (FROM.to_owned(), TO.to_owned());
    Topology {
        nodes: all.nodes.into_iter().filter(|node| is_one(&node.name)).collect(),
        transit: ways.into_iter().map(|way| (ends().0, ends().1, way)).collect(),
        round_trips: vec![(ends().0, ends().1, Duration::from_millis(20))],
        ..Topology::default()
    }
}

fn router(number: u8) -> Router {
    let place = default_world().node(TO).unwrap().place;
    Router {
        name: format!("r{number}.example"),
        place,
        v4: Some(Ipv4Addr::new(100, 65, 0, number)),
        v6: Some(Ipv6Addr::new(0x2001, 0xdb8, 0xfffe, 0, 0, 0, 0, number.into())),
        answers: Answers::Each,
        labels: Vec::new(),
    }
}

/// The program in the namespace of the vantage, which serves its pages out here; it is killed with the test.
struct Tracing {
    child: Child,
    url: String,
    _folder: TempDir,
}

impl Drop for Tracing {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Tracing {
    fn start(wan: &Wan) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let file = |name: &str| folder.path().join(name);
        fs::copy(find_own("turbulence-latency").unwrap(), file("program")).unwrap();
        let mut config = "vantage: {name: test, region: EMEA}\nresolvers: ['127.0.0.1:9']\n\
            modules: {icmp: {prober: icmp, path: {interval: 1m}}}\ntargets:\n"
            .to_owned();
        for (name, address) in TARGETS {
            writeln!(config, "  - {{name: {name}, module: icmp, address: '{address}'}}").unwrap();
        }
        fs::write(file("config.yml"), config).unwrap();
        let namespace = wan.namespace(FROM).unwrap();
        let mut command = peers::unprivileged(&file("program"));
        command
            .stdin(Stdio::null())
            .arg("--web.systemd-socket")
            .arg("--config.file")
            .arg(file("config.yml"));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let child = namespace.spawn_with_listener(command, listener).unwrap();
        Self { child, url, _folder: folder }
    }

    /// The hops of a target's path once it is confirmed and has so many, each with its labels.
    async fn path(&self, target: &str, known: usize) -> Vec<(Option<IpAddr>, Vec<u64>)> {
        let mut last = String::new();
        for _ in 0..1_500 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let url = format!("{}/api/v1/paths?target={target}", self.url);
            let Ok(text) = http::fetch(&url).await else { continue };
            let rows: Value = serde_json::from_str(&text).unwrap();
            let hops = rows[0]["path"]["hops"].as_array().cloned().unwrap_or_default();
            let hops: Vec<_> = hops.iter().map(hop).collect();
            if hops.iter().filter(|(address, _)| address.is_some()).count() >= known {
                return hops;
            }
            last = text;
        }
        panic!("no path to {target}: {last}");
    }
}

fn hop(row: &Value) -> (Option<IpAddr>, Vec<u64>) {
    let address = row["address"].as_str().map(|it| it.parse().unwrap());
    let labels = row["mpls"].as_array().cloned().unwrap_or_default();
    (address, labels.iter().map(|it| it[0].as_u64().unwrap()).collect())
}

/// Adds who is at each distance by so many traces of mtr more.
fn by_mtr(wan: &Wan, target: &str, found: &mut Vec<BTreeSet<IpAddr>>) {
    let args = ["-n", "-r", "-c", "1", "-i", "0.1", "-G", "1", target];
    for output in (0..OFTEN).map(|_| sight::run(wan, FROM, "mtr", &args)) {
        let text = String::from_utf8(output.stdout).unwrap();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let number = words.next().and_then(|word| word.strip_suffix(".|--"));
            let Some(at) = number.and_then(|it| it.parse::<usize>().ok()) else { continue };
            found.resize(found.len().max(at), BTreeSet::new());
            found[at - 1].extend(words.next().and_then(|it| it.parse::<IpAddr>().ok()));
        }
    }
}

/// The labels at each distance by traceroute, since mtr prints them beside what it asks the DNS for alone:
/// ` 4  100.65.0.3 <MPLS:L=24002,E=0,S=0,T=1/L=16,E=0,S=1,T=1>  19.9 ms`.
fn labels_by_traceroute(wan: &Wan, target: &str) -> Vec<Vec<u64>> {
    let args = ["-I", "-e", "-n", "-q", "1", "-w", "2", target];
    let text = String::from_utf8(sight::run(wan, FROM, "traceroute", &args).stdout).unwrap();
    let labels = |line: &str| {
        let parts = line.split("L=").skip(1);
        parts.map(|it| it.split(',').next().unwrap().parse().unwrap()).collect()
    };
    text.lines().skip(1).map(labels).collect()
}

/// Both paths, of which so many hops are to be known, are those that others find; what mtr found of each.
async fn agree(ways: Vec<Vec<Router>>, known: usize) -> Vec<Vec<BTreeSet<IpAddr>>> {
    let wan = Wan::build(world(ways)).unwrap();
    let tracing = Tracing::start(&wan);
    let mut all = Vec::new();
    for (name, address) in TARGETS {
        let (ours, labels): (Vec<_>, Vec<_>) = tracing.path(name, known).await.into_iter().unzip();
        let mut theirs = Vec::new();
        // Which ways its probes take is luck: of four, a dozen may be two.
        for _ in 0..5 {
            by_mtr(&wan, address, &mut theirs);
            let mut both = ours.iter().zip(&theirs);
            if both.all(|(ours, theirs)| ours.is_none_or(|it| theirs.contains(&it))) {
                break;
            }
        }
        assert_eq!(ours.len(), theirs.len(), "{name}: {ours:?} {theirs:?}");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(ours.is_none(), theirs.is_empty(), "{name}: {ours:?} {theirs:?}");
            assert!(ours.is_none_or(|it| theirs.contains(&it)), "{name}: {ours:?} {theirs:?}");
        }
        // Each hop is asked once there, and an answer may be late beside other work.
        let theirs_too = || labels == labels_by_traceroute(&wan, address);
        assert!((0..3).any(|_| theirs_too()), "{name}: {labels:?}");
        all.push(theirs);
    }
    all
}

#[tokio::test]
async fn one_way_is_the_one_that_mtr_finds() {
    if !sight::privileged("paths::one_way_is_the_one_that_mtr_finds") {
        return;
    }
    let silent = Router { answers: Answers::Never, ..router(2) };
    let found = agree(vec![vec![router(1), silent, router(3)]], 5).await;
    assert!(found.iter().all(|hops| hops.len() == 6 && hops[2].is_empty()), "{found:?}");
}

#[tokio::test]
async fn one_of_four_equal_ways_is_among_those_that_mtr_finds() {
    if !sight::privileged("paths::one_of_four_equal_ways_is_among_those_that_mtr_finds") {
        return;
    }
    let ways = (1..5).map(|way| vec![router(1), router(10 + way), router(20 + way), router(3)]);
    let found = agree(ways.collect(), 7).await;
    for hops in found {
        // To mtr, whose probes have a checksum each, no hop of those belongs to one of the others.
        assert!(hops[2].len() > 1 && hops[3].len() > 1, "the load is spread: {hops:?}");
    }
}

#[tokio::test]
async fn one_that_answers_one_in_three_and_labels_are_what_others_find() {
    if !sight::privileged("paths::one_that_answers_one_in_three_and_labels_are_what_others_find") {
        return;
    }
    let seldom = Router { answers: Answers::EveryNth(3), ..router(1) };
    let labelled = |number, labels: &[u32]| Router { labels: labels.to_vec(), ..router(number) };
    let way = vec![seldom, labelled(2, &[24_001]), labelled(3, &[24_002, 16]), router(4)];
    agree(vec![way], 7).await;
}
