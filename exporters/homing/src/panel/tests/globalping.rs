//! Answers as Globalping documents them, and as strangers may send them.

use std::net::IpAddr;
use std::time::Duration;

use exporter_kit::CountsBy;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::budget::{Budget, allow};
use super::super::fetch::{Known, tell};
use super::super::globalping::*;
use crate::outcome::{Fetch, Unused};

const TARGET: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 7));
const AT: u64 = 1_790_000_000;

fn of() -> Measurement {
    Measurement { id: "Ab3_x-9".to_owned(), address: TARGET, probes: 12, at: AT, first: 1 << 16 }
}

/// One probe's part, with every field that the documentation has.
fn item(result: impl Into<Value>) -> Value {
    let result = result.into();
    let probe = json!({
        "continent": "EU", "region": "Northern Europe", "country": "IS", "state": null, "city": "<b>Reykjavik", "asn": 6677,
        "network": "<script>window.hit = 1</script>", "latitude": 64.15, "longitude": -21.94,
        "tags": ["eyeball-network", "u-<img src=x>"], "resolvers": ["private", "192.0.2.53"]
    });
    json!({ "probe": probe, "result": result })
}

fn pinged(min: impl Into<Value>, rcv: impl Into<Value>) -> Value {
    let (min, rcv) = (min.into(), rcv.into());
    json!({
        "status": "finished", "rawOutput": "PING 203.0.113.7 ...", "resolvedAddress": "203.0.113.7", "resolvedHostname": "a.example",
        "timings": [{"rtt": 41.3, "ttl": 55}, {"rtt": 40.9, "ttl": 55}],
        "stats": {"min": min, "avg": 41.1, "max": 41.3, "total": 3, "rcv": rcv, "drop": 0, "loss": 0}
    })
}

fn measurement(status: &str, results: &[Value]) -> Value {
    json!({
        "id": "Ab3_x-9", "type": "ping", "status": status, "createdAt": "2026-10-01T10:00:00.000Z",
        "updatedAt": "2026-10-01T10:00:02.000Z", "target": "203.0.113.7", "probesCount": results.len(),
        "locations": [{"continent": "EU"}], "limit": 12, "results": results
    })
}

fn finished(results: &[Value]) -> Results {
    match read(measurement("finished", results).to_string().as_bytes(), &of()) {
        Ok(Progress::Finished(results)) => results,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_measurement_is_read_with_the_places_of_its_probes() {
    let running =
        measurement("in-progress", &[item(json!({"status": "in-progress", "rawOutput": ""}))]);
    assert!(matches!(read(running.to_string().as_bytes(), &of()), Ok(Progress::Running)));
    let refused =
        json!({"status": "failed", "failureSource": "target", "rawOutput": "unreachable"});
    let all =
        [item(pinged(json!(40.9), json!(2))), item(pinged(Value::Null, json!(0))), item(refused)];
    let results = finished(&all);
    let told: Vec<_> = results.replies.iter().map(|it| (it.probe, it.at, it.rtt_ms)).collect();
    let first = of().first;
    assert_eq!(told, [(first, AT, Some(40.9)), (first + 1, AT, None), (first + 2, AT, None)]);
    assert!(results.replies.iter().all(|it| it.address == TARGET));
    let probe = results.probes[&first];
    assert_eq!((probe.asn, probe.place.latitude, probe.place.longitude), (6677, 64.15, -21.94));
    assert_eq!(results.unused.total(), 0);
}

#[test]
fn what_is_not_as_it_should_be_is_counted_and_left_out() {
    let with = |name: &str, value: Value| {
        let mut result = pinged(json!(40.9), json!(2));
        result[name] = value;
        item(result)
    };
    let of_probe = |name: &str, value: Value| {
        let mut item = item(pinged(json!(40.9), json!(2)));
        item["probe"][name] = value;
        item
    };
    for (item, why) in [
        (json!(7), Unused::Form),
        (json!({"probe": {}, "result": {}}), Unused::Form),
        (with("status", json!("perhaps")), Unused::Form),
        (with("stats", json!(null)), Unused::Form),
        (with("resolvedAddress", json!("203.0.113.8")), Unused::Form),
        (with("resolvedAddress", json!(null)), Unused::Form),
        (item(pinged(json!("40.9"), json!(2))), Unused::Form),
        (item(pinged(json!(40.9), json!("2"))), Unused::Form),
        (item(pinged(json!(40.9), json!(-2))), Unused::Form),
        (item(pinged(json!(40.9), json!(0))), Unused::Form),
        (item(pinged(Value::Null, json!(2))), Unused::Form),
        (of_probe("latitude", json!("64")), Unused::Form),
        (of_probe("asn", json!(-1)), Unused::Form),
        (item(pinged(json!(0), json!(2))), Unused::Rtt),
        (item(pinged(json!(-5), json!(2))), Unused::Rtt),
        (item(pinged(json!(1e9), json!(2))), Unused::Rtt),
        (with("status", json!("offline")), Unused::NotMeasured),
        (with("status", json!("in-progress")), Unused::NotMeasured),
        (with("status", json!("failed")), Unused::NotMeasured),
        (item(json!({"status": "failed", "failureSource": "internal"})), Unused::NotMeasured),
        (item(json!({"status": "failed", "failureSource": "resolver"})), Unused::NotMeasured),
    ] {
        let results = finished(std::slice::from_ref(&item));
        let (unused, total) = (results.unused.get(why), results.unused.total());
        assert_eq!((results.replies.len(), unused, total), (0, 1, 1), "{item}");
    }
    // Who is nowhere measured something, and is counted where that is judged.
    for (north, east) in [(0.0, 0.0), (91.0, 4.9), (4.9, 181.0)] {
        let mut item = of_probe("latitude", json!(north));
        item["probe"]["longitude"] = json!(east);
        let results = finished(&[item]);
        assert_eq!((results.replies.len(), results.probes.len()), (1, 0), "{north} {east}");
    }
    let many = vec![item(pinged(json!(40.9), json!(2))); 500];
    let results = finished(&many);
    assert_eq!((results.replies.len(), results.unused.get(Unused::TooMany)), (12, 488));
}

#[test]
fn what_is_no_answer_has_its_name() {
    let deep = format!("{{\"results\":{}", "[".repeat(200_000));
    let other = |name: &str, value: &str| {
        let mut text = measurement("finished", &[]);
        text[name] = json!(value);
        text.to_string()
    };
    for (body, wanted) in [
        (String::new(), Fetch::NotJson),
        ("<!doctype html><title>502</title>".to_owned(), Fetch::NotJson),
        (deep, Fetch::NotJson),
        ("[]".to_owned(), Fetch::Schema),
        ("{\"error\":{\"type\":\"not_found\",\"message\":\"<b>\"}}".to_owned(), Fetch::Schema),
        (other("id", "another"), Fetch::Schema),
        (other("type", "http"), Fetch::Schema),
        (other("status", "perhaps"), Fetch::Schema),
    ] {
        let read = read(body.as_bytes(), &of());
        assert_eq!(read.err(), Some(wanted), "{}", &body[..body.len().min(40)]);
    }
    // A measurement's name becomes a part of a path.
    assert_eq!(created(b"{\"id\":\"Ab3_x-9\",\"probesCount\":12}"), Ok("Ab3_x-9".to_owned()));
    let long = "a".repeat(129);
    for id in ["", "../limits", "a?b", "a b", "<b>", "\u{e4}", long.as_str()] {
        assert_eq!(created(json!({"id": id}).to_string().as_bytes()), Err(Fetch::Schema), "{id}");
    }
}

#[test]
fn a_request_names_an_address_and_no_more_probes_than_are_allowed() {
    let body = |same| serde_json::from_slice::<Value>(&request(TARGET, 12, same)).unwrap();
    let first = body(None);
    assert_eq!(
        (&first["type"], &first["target"], &first["limit"]),
        (&json!("ping"), &json!("203.0.113.7"), &json!(12))
    );
    assert_eq!(first["locations"].as_array().unwrap().len(), 6);
    // With the probes of before, a number would be refused.
    assert_eq!(
        body(Some("Ab3_x-9")),
        json!({"type": "ping", "target": "203.0.113.7", "locations": "Ab3_x-9"})
    );
}

#[tokio::test]
async fn a_budget_leaves_a_fifth_to_others_and_nothing_is_known_after_its_hour() {
    let said = |limit: u64, remaining: u64| {
        let create = json!({"type": "ip", "limit": limit, "remaining": remaining, "reset": 600});
        json!({"rateLimit": {"measurements": {"create": create}}, "credits": {"remaining": 9}})
    };
    let (now, budget) = (Instant::now(), Budget::default());
    assert!(budget.remaining(now).is_none());
    for (remaining, is_allowed) in [(250, true), (62, true), (61, false), (0, false)] {
        let limits = limits(said(250, remaining).to_string().as_bytes()).unwrap();
        budget.hear(limits, now);
        assert_eq!((allow(limits, 12), budget.remaining(now)), (is_allowed, Some(remaining)));
    }
    let later = now + Duration::from_secs(601);
    assert!(budget.remaining(later).is_none());
    // While nothing was spent, its hour has not begun: this is what it answers then.
    let fresh = Limits { limit: 250, remaining: 250, reset: 0 };
    budget.hear(fresh, now);
    assert_eq!((allow(fresh, 12), budget.remaining(later)), (true, Some(250)));
    assert!(budget.remaining(now + Duration::from_secs(3_601)).is_none());
    // And this in the last half second of one.
    budget.hear(Limits { limit: 250, remaining: 20, reset: 0 }, now);
    assert!(budget.remaining(now + Duration::from_secs(1)).is_none());
    for (body, wanted) in [("<html>", Fetch::NotJson), ("{}", Fetch::Schema)] {
        assert_eq!(limits(body.as_bytes()), Err(wanted));
    }
    assert_eq!(
        limits(said(250, 1).to_string().replace("600", "-1").as_bytes()),
        Err(Fetch::Schema)
    );
    budget.pause(now + Duration::from_secs(5));
    budget.pause(now + Duration::from_secs(1));
    let end = Some(now + Duration::from_secs(5));
    assert_eq!((budget.paused(now + Duration::from_secs(4)), budget.paused(later)), (end, None));
    // Who shows another token, or asks another service, waits for neither.
    let account = |name: &str| crate::config::plain(&format!("https://{name}.example")).unwrap();
    budget.is_of(&account("a"));
    budget.hear(fresh, now);
    budget.pause(later);
    budget.is_of(&account("a"));
    assert!(budget.paused(now).is_some() && budget.remaining(now).is_some());
    budget.is_of(&account("b"));
    assert!(budget.paused(now).is_none() && budget.remaining(now).is_none());
}

#[tokio::test]
async fn what_its_probes_find_is_told_by_region_as_others_are_and_no_name_of_a_stranger() {
    let mut all = Vec::new();
    for (at, (north, east)) in super::CITIES.iter().enumerate() {
        let mut one = item(pinged(
            if at == 7 { Value::Null } else { json!(60.5) },
            json!(if at == 7 { 0 } else { 3 }),
        ));
        one["probe"]["latitude"] = json!(north);
        one["probe"]["longitude"] = json!(east);
        one["probe"]["asn"] = json!(64_500 + at);
        all.push(one);
    }
    let (latest, _) =
        tell(Known::of([finished(&all)].iter()), AT + 60, Duration::from_secs(1_800)).await;
    let regions: Vec<_> =
        latest.told.regions.iter().map(|(name, it)| (*name, it.answered, it.failed)).collect();
    assert_eq!(regions, [("AMER", 3, 0), ("APAC", 1, 1), ("EMEA", 3, 0)]);
    let text = super::sentence(&latest.told);
    assert!(
        text.starts_with("7 of 8 probes in 3 regions get an answer by ping; 203.0.113.7: "),
        "{text}"
    );
    assert!(!text.contains('<'));
    let unused: &CountsBy<Unused> = &latest.unused;
    assert_eq!(unused.total(), 0);
}

/// Its examples have another licence than this, and are not here: `GLOBALPING_EXAMPLES` names a copy of its
/// `public/v1/components/examples.yaml`.
#[test]
fn the_documentations_own_examples_are_read_where_they_are_at_hand() {
    let Some(path) = std::env::var_os("GLOBALPING_EXAMPLES") else {
        eprintln!("GLOBALPING_EXAMPLES names no copy of the examples: they are not read");
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let all: Value = exporter_kit::parse(&text, "examples.yaml").unwrap();
    let example = |name: &str| all["components"]["examples"][name]["value"].clone();
    let bytes = |name: &str| example(name).to_string().into_bytes();
    for (name, wanted) in [("nonAuthenticatedLimits", 95), ("authenticatedLimits", 240)] {
        assert_eq!(limits(&bytes(name)).unwrap().remaining, wanted, "{name}");
    }
    assert_eq!(created(&bytes("createMeasurementResponse")).unwrap().len(), 16);
    let ping = example("getPingMeasurementResponse");
    let result = &ping["results"][0]["result"];
    let of = Measurement {
        id: ping["id"].as_str().unwrap().to_owned(),
        address: result["resolvedAddress"].as_str().unwrap().parse().unwrap(),
        ..of()
    };
    let Ok(Progress::Finished(results)) = read(&bytes("getPingMeasurementResponse"), &of) else {
        panic!("a ping is not read")
    };
    let rtts: Vec<_> = results.replies.iter().map(|it| it.rtt_ms).collect();
    assert_eq!((rtts, results.probes.len()), (vec![result["stats"]["min"].as_f64()], 1));
    let other = read(&bytes("getHttpMeasurementResponse"), &of);
    assert_eq!(other.err(), Some(Fetch::Schema));
    // Ours is one of its own kinds of request.
    let theirs = example("createMeasurementPingLocationsMeasurementId");
    let id = theirs["locations"].as_str().unwrap();
    let ours: Value = serde_json::from_slice(&request(TARGET, 12, Some(id))).unwrap();
    let keys = |it: &Value| it.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!((keys(&ours), &ours["locations"]), (keys(&theirs), &theirs["locations"]));
}
