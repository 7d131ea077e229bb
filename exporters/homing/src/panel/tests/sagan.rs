//! What the reader of RIPE's own, ripe.atlas.sagan, makes of the same results. It is run beside ours, and no part of it is here.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::*;

/// Runs it, installed into a folder of the test's own; none where that is not to be had.
fn sagan(results: &[Value]) -> Option<Vec<Option<f64>>> {
    let folder = tempfile::tempdir().unwrap();
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"];
    let mut pip = Command::new("python3");
    pip.args(install).arg(folder.path()).arg("ripe.atlas.sagan==2.0.1").stderr(Stdio::null());
    if !pip.status().is_ok_and(|it| it.success()) {
        return None;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sagan.py");
    let mut python = Command::new("python3");
    python.arg(script).arg(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = python.spawn().unwrap();
    running.stdin.take().unwrap().write_all(&serde_json::to_vec(results).unwrap()).unwrap();
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success(), "it broke on what ours reads");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// A traceroute by UDP with these hops.
fn traceroute(probe: u64, hops: &Value) -> Value {
    json!({
        "fw": 5080, "mver": "2.6.2", "lts": 12, "endtime": NOW - 90, "dst_name": "192.0.2.1", "dst_addr": "192.0.2.1",
        "src_addr": "10.0.0.2", "proto": "UDP", "af": 4, "size": 40, "paris_id": 4, "result": hops, "msm_id": 1002,
        "prb_id": probe, "timestamp": NOW - 100, "msm_name": "Traceroute", "from": "203.0.113.9", "type": "traceroute",
        "group_id": 1002
    })
}

#[test]
#[ignore = "installs ripe.atlas.sagan, by pip, for the test"]
fn the_reader_of_ripes_own_finds_the_same_round_trips() {
    let first = json!({"hop": 1, "result": [{"from": "10.0.0.1", "rtt": 0.5, "size": 28, "ttl": 64}, {"x": "*"}]});
    let labels = json!({"from": "198.51.100.1", "rtt": 8.5, "size": 140, "ttl": 250,
        "icmpext": {"version": 2, "rfc4884": 1, "obj": [{"class": 1, "type": 1, "mpls": [{"exp": 0, "label": 7, "s": 1, "ttl": 1}]}]}});
    let answer = |rtt: f64| json!({"from": "192.0.2.1", "rtt": rtt, "size": 28, "ttl": 54});
    let late = json!({"from": "192.0.2.1", "late": 2, "size": 28, "ttl": 54});
    let gave_up = json!({"hop": 255, "result": [{"x": "*"}, {"x": "*"}, {"x": "*"}]});
    let unreachable = json!({"from": "192.0.2.1", "err": "P", "rtt": 12.75, "size": 28, "ttl": 54});
    let mut results = vec![
        ping(1, &[31.5, 30.25]),
        ping(2, &[]),
        ping(3, &[0.064]),
        traceroute(4, &json!([first, {"hop": 4, "result": [answer(12.5), answer(12.0)]}])),
        traceroute(5, &json!([first, gave_up])),
        traceroute(6, &json!([first, {"hop": 2, "error": "network unreachable"}])),
        traceroute(
            7,
            &json!([first, {"hop": 2, "result": [labels]}, {"hop": 3, "result": [{"x": "*"}, late, answer(90.5)]}]),
        ),
        traceroute(8, &json!([{"hop": 1, "result": [unreachable]}])),
    ];
    for (probe, firmware) in (10..).zip([4_400, 4_460, 4_540, 4_570, 4_610, 4_790, 5_020]) {
        let mut result = ping(probe, &[30.5]);
        result["fw"] = json!(firmware);
        results.push(result);
    }
    let (ours, unused) = super::answer(&results);
    assert_eq!(unused.total(), 0);
    let ours: Vec<Option<f64>> = ours.iter().map(|it| it.rtt_ms).collect();
    let Some(theirs) = sagan(&results) else {
        eprintln!("ripe.atlas.sagan cannot be installed here: nothing is compared");
        return;
    };
    assert_eq!(ours, theirs);
    assert_eq!(ours.iter().flatten().count(), 12, "most have one: {ours:?}");
}
