//! Results as RIPE Atlas documents them, and as strangers may send them.

mod globalping;
mod sagan;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use earth::Point;
use exporter_kit::{CountsBy, LabelEnum as _};
use serde_json::{Value, json};

use tokio::time::Instant;

use super::atlas::read;
use super::fetch::{Known, grow_old, tell};
use super::judge::{judge, sentence};
use super::probes::{self, Probe};
use super::state::Panel;
use super::*;
use crate::class::Class;
use crate::config::{PanelLabels, PanelWork, Way};
use crate::outcome::{Fetch, Unused};

const NOW: u64 = 1_525_000_000;
/// Cities far from one another, with degrees.
const CITIES: [(f64, f64); 8] = [
    (52.4, 4.9),
    (50.1, 8.7),
    (40.4, -3.7),
    (40.7, -74.0),
    (41.9, -87.6),
    (37.8, -122.4),
    (1.4, 103.8),
    (-33.9, 151.2),
];

/// One ping, with the fields of the results' documentation.
fn ping(probe: u64, rtts: &[f64]) -> Value {
    let mut result: Vec<Value> = rtts.iter().map(|rtt| json!({"rtt": rtt})).collect();
    result.push(json!({"x": "*"}));
    json!({
        "fw": 5080, "mver": "2.6.2", "lts": 12, "dst_name": "api.example", "dst_addr": "192.0.2.1", "src_addr": "10.0.0.2",
        "proto": "ICMP", "ttl": 54, "size": 48, "result": result, "dup": 0, "rcvd": rtts.len(), "sent": rtts.len() + 1,
        "min": rtts.first().copied().unwrap_or(-1.0), "max": 1.0, "avg": 1.0, "msm_id": 1001, "prb_id": probe,
        "timestamp": NOW - 100, "msm_name": "Ping", "from": "203.0.113.9", "type": "ping", "group_id": 1001, "af": 4
    })
}

fn answer(results: &[Value]) -> (Vec<Reply>, CountsBy<Unused>) {
    let unused = CountsBy::default();
    let body = serde_json::to_vec(results).unwrap();
    (read(&body, NOW, &unused).unwrap(), unused)
}

#[test]
fn a_ping_has_its_smallest_round_trip_and_a_lost_one_none() {
    let (replies, unused) = answer(&[ping(1, &[31.5, 30.25]), ping(2, &[])]);
    let rtts: Vec<_> = replies.iter().map(|it| (it.probe, it.rtt_ms)).collect();
    assert_eq!(rtts, [(1, Some(30.25)), (2, None)]);
    assert_eq!((replies[0].at, unused.total()), (NOW - 100, 0));
}

#[test]
fn a_traceroute_has_the_round_trip_of_its_end() {
    let hops = |last: Value| {
        json!({
            "fw": 4790, "prb_id": 7, "timestamp": NOW, "type": "traceroute", "dst_addr": "192.0.2.1", "af": 4, "proto": "UDP",
            "result": [
                {"hop": 1, "result": [{"from": "10.0.0.1", "rtt": 0.5, "size": 28, "ttl": 64}, {"x": "*"}]},
                {"hop": 2, "error": "network unreachable"},
                {"hop": 3, "result": [{"from": "198.51.100.1", "rtt": 8.5, "icmpext": {"version": 2}}]},
                last,
            ]
        })
    };
    let end = json!({"hop": 4, "result": [{"from": "192.0.2.1", "rtt": 12.5}, {"from": "192.0.2.1", "rtt": 12.0}]});
    let gave_up = json!({"hop": 255, "result": [{"x": "*"}, {"x": "*"}, {"x": "*"}]});
    let rtt = |last| answer(&[hops(last)]).0[0].rtt_ms;
    assert_eq!((rtt(end), rtt(gave_up)), (Some(12.0), None));
}

#[test]
fn what_is_not_as_it_should_be_is_counted_and_left_out() {
    let with = |name: &str, value: Value| {
        let mut result = ping(1, &[30.0]);
        result[name] = value;
        result
    };
    let without = |name: &str| {
        let mut result = ping(1, &[30.0]);
        result.as_object_mut().unwrap().remove(name);
        result
    };
    for (result, why) in [
        (json!(7), Unused::Form),
        (json!([[]]), Unused::Form),
        (with("rcvd", json!("3")), Unused::Form),
        (with("sent", json!(-1)), Unused::Form),
        (with("dst_addr", json!("api.example")), Unused::Form),
        (without("dst_addr"), Unused::Form),
        (without("prb_id"), Unused::Form),
        (with("prb_id", json!(-7)), Unused::Form),
        (with("type", json!("sslcert")), Unused::Form),
        (with("result", json!({"rtt": 1})), Unused::Form),
        (with("result", json!([{"rtt": "30"}])), Unused::Form),
        (with("fw", json!(2)), Unused::Firmware),
        (with("fw", json!(99_999)), Unused::Firmware),
        (without("fw"), Unused::Form),
        (with("timestamp", json!(NOW + 3_600)), Unused::Time),
        (with("timestamp", json!(1e300)), Unused::Form),
        (with("result", json!([{"rtt": 0}])), Unused::Rtt),
        (with("result", json!([{"rtt": -5.0}, {"rtt": 30.0}])), Unused::Rtt),
        (with("result", json!([{"rtt": 1e9}])), Unused::Rtt),
    ] {
        let (replies, unused) = answer(std::slice::from_ref(&result));
        assert_eq!((replies.len(), unused.get(why), unused.total()), (0, 1, 1), "{result}");
    }
    // A probe twice: the newest counts, in whatever order.
    let (old, new) = (with("timestamp", json!(NOW - 500)), ping(1, &[20.0]));
    for results in [[old.clone(), new.clone()], [new, old]] {
        let (replies, unused) = answer(&results);
        assert_eq!((replies.len(), replies[0].rtt_ms), (1, Some(20.0)));
        assert_eq!(unused.get(Unused::Twice), 1);
    }
    let many: Vec<Value> = (0..1_200).map(|probe| ping(probe, &[30.0])).collect();
    let (replies, unused) = answer(&many);
    assert_eq!((replies.len(), unused.get(Unused::TooMany)), (1_000, 200));
}

#[test]
fn what_is_no_answer_has_its_name() {
    let deep = "[".repeat(200_000);
    for (body, wanted) in [
        ("", Fetch::NotJson),
        ("<html>", Fetch::NotJson),
        (deep.as_str(), Fetch::NotJson),
        ("{\"error\":{\"status\":404}}", Fetch::Schema),
        ("null", Fetch::Schema),
    ] {
        let read = read(body.as_bytes(), NOW, &CountsBy::default());
        assert_eq!(read, Err(wanted), "{}", &body[..body.len().min(20)]);
    }
    assert_eq!(read(b"[]", NOW, &CountsBy::default()), Ok(Vec::new()));
}

#[test]
fn probes_are_where_the_archive_or_the_api_says_and_nowhere_else() {
    let archive = json!({"meta": {"total_count": 5}, "objects": [
        {"id": 1, "latitude": 52.37, "longitude": 4.9, "asn_v4": 3265, "country_code": "NL", "status_name": "Connected"},
        {"id": 2, "latitude": 0.0, "longitude": 0.0, "asn_v4": 1},
        {"id": 3, "latitude": 91.0, "longitude": 4.9},
        {"id": 4, "latitude": null, "longitude": null},
        {"id": 5, "latitude": 1.35, "longitude": 103.8, "asn_v4": null, "asn_v6": 4773}
    ]});
    let read = |list: &Value| probes::read(list.to_string().as_bytes());
    let found = read(&archive).unwrap();
    let known: Vec<_> = found.iter().map(|(id, it)| (*id, it.asn)).collect();
    assert_eq!(known, [(1, 3265), (5, 4773)]);
    let api = json!({"count": 1, "results": [
        {"id": 9, "asn_v4": 64_500, "geometry": {"type": "Point", "coordinates": [4.9, 52.37]}}]});
    assert_eq!(read(&api).unwrap()[&9].place, found[&1].place);
    assert!(read(&json!({"objects": [{"id": "x"}]})).is_err() && read(&json!([])).is_err());
}

/// Five probes around each city, each in a network of its own.
fn probes() -> BTreeMap<u64, Probe> {
    let probe = |id: u64| {
        let (north, east) = CITIES[usize::try_from(id).unwrap() % CITIES.len()];
        let place = Point::new(north, east + 0.1).unwrap();
        (id, Probe { place, asn: 64_500 + u32::try_from(id).unwrap() })
    };
    (0..40).map(probe).collect()
}

/// What they measure to the nearest of some cities: twice as long as by light.
fn measured(sites: &[(f64, f64)]) -> Vec<Reply> {
    let probes = probes();
    let reply = |(id, probe): (&u64, &Probe)| {
        let km = |(north, east): &(f64, f64)| probe.place.km_to(Point::new(*north, *east).unwrap());
        let km = sites.iter().map(km).fold(f64::INFINITY, f64::min);
        let rtt_ms = Some(km / 100.0 * 2.0 + 1.0);
        Reply { probe: *id, asked: Asked::Ping, address: [192, 0, 2, 1].into(), at: NOW, rtt_ms }
    };
    probes.iter().map(reply).collect()
}

fn class(replies: &[Reply], probes: &BTreeMap<u64, Probe>) -> (Class, usize) {
    let told = judge(replies, probes, NOW, &CountsBy::default());
    (told.addresses[0].1.class, told.addresses[0].1.proof)
}

#[test]
fn three_places_are_proved_and_strangers_at_wrong_places_prove_nothing() {
    let (one, three) = ([CITIES[0]], [CITIES[0], CITIES[3], CITIES[6]]);
    assert_eq!(class(&measured(&one), &probes()), (Class::OneSite, 0));
    let (several, proof) = class(&measured(&three), &probes());
    assert!(several == Class::SeveralSites && proof >= 6, "{proof}");
    // Two of them, and five of forty, are on the other side of the Earth.
    for wrong in [2_u64, 5] {
        let mut probes = probes();
        for id in 0..wrong {
            let probe = probes.get_mut(&(id * 8)).unwrap();
            probe.place = Point::new(-45.0, 170.0 - id as f64 * 3.0).unwrap();
        }
        let (class, proof) = class(&measured(&one), &probes);
        assert_eq!(class, Class::Undetermined, "{wrong} wrong, proof {proof}");
    }
}

#[test]
fn probes_of_one_network_in_one_place_count_once_and_by_the_larger_round_trip() {
    let mut probes = probes();
    for probe in probes.values_mut() {
        probe.asn = 64_500;
    }
    let told = judge(&measured(&[CITIES[0]]), &probes, NOW, &CountsBy::default());
    assert_eq!(told.addresses[0].1.voters.len(), CITIES.len());
    // One of five in Sydney claims a millisecond: the other four speak for the place.
    let mut replies = measured(&[CITIES[0]]);
    replies.iter_mut().find(|it| it.probe == 7).unwrap().rtt_ms = Some(1.0);
    let told = judge(&replies, &probes, NOW, &CountsBy::default());
    assert_eq!(told.addresses[0].1.violations, 0);
}

#[test]
fn what_is_old_or_nowhere_says_nothing_and_the_rest_is_told_by_region() {
    let mut replies = measured(&[CITIES[0]]);
    replies[0].at = NOW - 1;
    replies[1].probe = 99_999;
    replies[3].rtt_ms = None;
    let unused = CountsBy::default();
    let told = judge(&replies, &probes(), NOW, &unused);
    assert_eq!((unused.get(Unused::Old), unused.get(Unused::Probe), unused.total()), (1, 1, 2));
    let regions: Vec<_> =
        told.regions.iter().map(|(name, it)| (*name, it.answered, it.failed)).collect();
    assert_eq!(regions, [("AMER", 14, 1), ("APAC", 10, 0), ("EMEA", 13, 0)]);
    let text = sentence(&told);
    assert!(
        text.starts_with("37 of 38 probes in 3 regions get an answer by ping; 192.0.2.1: consistent with one site within "),
        "{text}"
    );
    assert_eq!(Unused::VALUES.len(), 9);
    let nothing = judge(&[], &probes(), NOW, &unused);
    assert_eq!(nothing.addresses, []);
    assert_eq!(sentence(&nothing), "No result is new enough to say anything.");
    replies[5].at = NOW + 30;
    let told = judge(&replies, &probes(), NOW - 1, &unused);
    assert_eq!((told.oldest, told.newest), (Some(NOW - 1), Some(NOW + 30)));
}

#[tokio::test]
async fn what_is_not_had_anew_grows_old_and_stands_no_longer_by_that() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let work = PanelWork {
        settings: serde_json::from_value(json!({"url": "http://127.0.0.1:1/"})).unwrap(),
        interval: minutes(5),
        max_age: minutes(30),
        folder: Path::new("/").into(),
        way: Way::Atlas { probes_file: String::new() },
    };
    let panel = Panel::new("atlas", &work, &PanelLabels::default());
    let mut known = Known::default();
    (known.replies, known.probes) = (measured(&[CITIES[0]]), Arc::new(probes()));
    // Nothing was had yet: nothing is told by growing old.
    let known = grow_old(&panel, known, NOW, work.max_age).await;
    let begun = Instant::now();
    assert!(panel.standing(begun).is_none());
    let (latest, mut known) = tell(known, NOW, work.max_age).await;
    panel.publish(latest, begun);
    for (later, old) in [(30 * 60, 0), (30 * 60 + 1, 40)] {
        known = grow_old(&panel, known, NOW + later, work.max_age).await;
        let told = panel.standing(begun + minutes(17)).unwrap();
        assert_eq!((told.unused.get(Unused::Old), told.told.regions.is_empty()), (old, old > 0));
        assert!(panel.standing(begun + minutes(18)).is_none(), "three intervals and a half");
    }
}
