//! Routers that speak BGP with one another, and what is read of the table that one of them writes: Debian's BIRD, which hears two
//! carriers, each played by `GoBGP`.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::float_cmp, reason = "the values are counts and flags")]

#[path = "bgp/routers.rs"]
mod routers;

use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use peers::{HttpServer, Program, in_a_namespace};

use self::routers::{CW, Collector, SEABONE};

const PREFIX: &str = "149.154.164.0/22";
/// As long as a file must not have been written to, and some more.
const AGO: Duration = Duration::from_secs(90);

/// The program beside the collector whose tables it reads.
struct Reader {
    collector: Collector,
    program: Program,
    written: u32,
}

impl Reader {
    /// Lets it read two tables of what is announced now: what is told is told by two.
    fn read(&mut self) {
        for _ in 0..2 {
            self.written += 1;
            let partial = self.program.folder().join("partial");
            self.collector.write(&partial);
            let file = std::fs::File::options().write(true).open(&partial).unwrap();
            file.set_modified(SystemTime::now() - AGO).unwrap();
            let name = format!("rib.{:03}.mrt", self.written);
            let before = self.records();
            std::fs::rename(partial, self.program.folder().join(name)).unwrap();
            self.program.wait("the table is read", || self.records() > before);
            // Of two tables of one second nobody knows which was first.
            sleep(Duration::from_millis(1_100));
        }
    }

    fn records(&self) -> f64 {
        self.program.metrics().value("homing_route_records_total{result=\"read\"}")
    }

    #[track_caller]
    fn is(&self, metric: &str, labels: &str, value: Option<f64>) {
        let metrics = self.program.metrics();
        let series = format!("{metric}{{prefix=\"{PREFIX}\"{labels}}}");
        assert_eq!(metrics.get(&series), value, "{series}\n{}", metrics.text);
    }

    /// How often each kind of change was told.
    #[track_caller]
    fn changed(&self, [origin, upstream, more_specific, withdrawn]: [f64; 4]) {
        for (kind, count) in [
            ("origin", origin),
            ("upstream", upstream),
            ("more_specific", more_specific),
            ("withdrawn", withdrawn),
        ] {
            self.is("homing_route_changes_total", &format!(",kind=\"{kind}\""), Some(count));
        }
    }
}

#[test]
#[ignore = "needs BIRD and GoBGP: lab/setup.sh bird:bird2 gobgpd gobgp:gobgpd"]
fn what_routers_announce_is_read_as_they_announce_it() {
    if !in_a_namespace("what_routers_announce_is_read_as_they_announce_it") {
        return;
    }
    let collector = Collector::start();
    let [seabone, cw] = collector.carriers();
    // A table without any route judges nothing, so that a withdrawal needs others.
    for carrier in [seabone, cw] {
        carrier.announce("192.0.2.0/24", "64510");
    }
    seabone.announce(PREFIX, "62041");
    cw.announce(PREFIX, "62041");
    collector.wait_for_routes(4);

    let server = HttpServer::start();
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "prometheus: [{{url: 'http://{}'}}]\nroutes:\n  files: ['{}/rib.*.mrt']\n  interval: 1s\n  watch:\n    \
         - {{prefix: {PREFIX}, origins: [62041], upstreams: [{SEABONE}, {CW}], max_length: 24}}\n",
        server.address,
        folder.path().display()
    );
    let command = Command::new(env!("CARGO_BIN_EXE_turbulence-homing"));
    let program = Program::start_in(command, folder.path(), &config);
    let mut reader = Reader { collector, program, written: 0 };
    let [seabone, cw] = reader.collector.carriers();

    reader.read();
    reader.is("homing_route_visible_ratio", "", Some(1.0));
    reader.is("homing_route_origin_info", ",origin=\"62041\"", Some(1.0));
    for upstream in [SEABONE, CW] {
        reader.is("homing_route_upstream_paths", &format!(",upstream=\"{upstream}\""), Some(1.0));
    }
    reader.is("homing_route_unexpected_origins", "", Some(0.0));
    reader.changed([0.0; 4]);

    // The origin makes the one way longer than the other, for which it is written several times.
    cw.announce(PREFIX, "62041 62041 62041");
    reader.collector.wait_for("1273 62041 62041 62041");
    reader.read();
    reader.is("homing_route_upstream_paths", &format!(",upstream=\"{CW}\""), Some(1.0));
    reader.is("homing_route_upstream_paths", ",upstream=\"62041\"", None);
    reader.changed([0.0; 4]);

    // Somebody else announces it.
    cw.announce(PREFIX, "64511");
    reader.collector.wait_for("1273 64511");
    reader.read();
    reader.is("homing_route_origin_info", ",origin=\"64511\"", Some(1.0));
    reader.is("homing_route_unexpected_origins", "", Some(1.0));
    let stranger = ",kind=\"origin\",announced=\"149.154.164.0/22\",asn=\"64511\"";
    reader.is("homing_route_unexpected_info", stranger, Some(1.0));
    reader.changed([1.0, 0.0, 0.0, 0.0]);
    cw.announce(PREFIX, "62041");
    reader.collector.wait_for("1273 62041");
    reader.read();
    reader.is("homing_route_unexpected_origins", "", Some(0.0));
    reader.is("homing_route_origin_info", ",origin=\"64511\"", None);
    reader.is("homing_route_unexpected_info", stranger, None);

    // A part of it that is smaller than allowed, by its own origin.
    seabone.announce("149.154.164.0/25", "62041");
    reader.collector.wait_for("149.154.164.0/25");
    reader.read();
    reader.is("homing_route_more_specifics", "", Some(1.0));
    let part = ",kind=\"more_specific\",announced=\"149.154.164.0/25\",asn=\"62041\"";
    reader.is("homing_route_unexpected_info", part, Some(1.0));
    reader.changed([1.0, 0.0, 1.0, 0.0]);
    seabone.withdraw("149.154.164.0/25");
    reader.collector.wait_for_routes(4);

    // Another network between the origin and a carrier.
    seabone.announce(PREFIX, "174 62041");
    reader.collector.wait_for("6762 174 62041");
    reader.read();
    reader.is("homing_route_more_specifics", "", Some(0.0));
    reader.is("homing_route_upstream_paths", ",upstream=\"174\"", Some(1.0));
    let upstream = ",kind=\"upstream\",announced=\"149.154.164.0/22\",asn=\"174\"";
    reader.is("homing_route_unexpected_info", upstream, Some(1.0));
    reader.changed([1.0, 1.0, 1.0, 0.0]);

    // One carrier has no way to it any more, and then neither has.
    seabone.withdraw(PREFIX);
    reader.collector.wait_for_routes(3);
    reader.read();
    reader.is("homing_route_visible_ratio", "", Some(0.5));
    reader.changed([1.0, 1.0, 1.0, 0.0]);
    cw.withdraw(PREFIX);
    reader.collector.wait_for_routes(2);
    reader.read();
    reader.is("homing_route_visible_ratio", "", Some(0.0));
    reader.changed([1.0, 1.0, 1.0, 1.0]);
    assert_eq!(
        reader.program.metrics().value("homing_route_records_total{result=\"failed\"}"),
        0.0
    );
}
