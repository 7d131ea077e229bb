//! Worlds from samples: whole ones, and what is not to be believed.

use exporter_kit::LabelEnum as _;

use super::*;

fn sample(labels: &[(&str, &str)], value: f64) -> Sample {
    let map: serde_json::Map<String, serde_json::Value> =
        labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    Sample { labels: serde_json::from_value(map.into()).unwrap(), value }
}

fn of_vantages(all: &[(&str, f64, f64)]) -> OfVantages {
    let of = |name: &str, value: f64| sample(&[("region", "EMEA"), ("vantage", name)], value);
    OfVantages {
        there: all.iter().map(|(name, ..)| of(name, 5.0)).collect(),
        latitudes: all.iter().map(|(name, north, _)| of(name, *north)).collect(),
        longitudes: all.iter().map(|(name, _, east)| of(name, *east)).collect(),
        trusted: all.iter().map(|(name, ..)| of(name, 1.0)).collect(),
    }
}

fn series<'a>(
    vantage: &'a str,
    module: &'a str,
    more: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let base = [
        ("region", "EMEA"),
        ("vantage", vantage),
        ("target", "api"),
        ("module", module),
        ("slot", "0"),
    ];
    [&base[..], more].concat()
}

fn left_out(counts: &CountsBy<LeftOut>) -> Vec<u64> {
    LeftOut::VALUES.iter().map(|it| counts.get(*it)).collect()
}

#[test]
fn an_address_of_ipv4_is_one_however_it_is_spelt() {
    let mut gather = Gather::new(&of_vantages(&[("fra", 50.1, 8.7), ("lon", 51.5, -0.1)]), &[]);
    let info = |vantage, ip| sample(&series(vantage, "icmp", &[("address", ip)]), 1.0);
    let rtt = |vantage| sample(&series(vantage, "icmp", &[]), 0.02);
    gather.add(&OfTargets {
        rtts: vec![rtt("fra"), rtt("lon")],
        addresses: vec![info("fra", "::ffff:192.0.2.1"), info("lon", "192.0.2.1")],
        ..OfTargets::default()
    });
    let (world, counts) = gather.finish();
    let target = &world.targets[&Endpoint { team: String::new(), target: "api".to_owned() }];
    assert_eq!((target.addresses.len(), target.addresses[0].seen.len()), (1, 2));
    assert_eq!((target.addresses[0].ip, counts.total()), ([192, 0, 2, 1].into(), 0));
}

#[test]
fn of_requests_the_one_that_is_answered_first_counts_and_of_copies_the_later() {
    let mut gather = Gather::new(&of_vantages(&[("fra", 50.1, 8.7), ("lon", 51.5, -0.1)]), &[]);
    let info = |vantage| sample(&series(vantage, "icmp", &[("address", "192.0.2.1")]), 1.0);
    let took = |vantage, module, value| sample(&series(vantage, module, &[]), value);
    gather.add(&OfTargets {
        rtts: vec![took("fra", "icmp", 0.02)],
        addresses: vec![info("fra"), info("lon")],
        connects: vec![
            took("fra", "web", 0.021),
            took("fra", "web", 0.022),
            took("fra", "api", 0.025),
            took("lon", "web", f64::NAN),
        ],
        answers: vec![
            took("fra", "web", 0.25),
            took("fra", "api", 0.125),
            took("fra", "lone", 0.001),
            took("lon", "web", 0.1),
            took("nowhere", "web", 0.1),
        ],
        ..OfTargets::default()
    });
    let (world, _) = gather.finish();
    let target = world.targets.values().next().unwrap();
    let told: Vec<_> =
        target.requests.iter().map(|it| (it.vantage, it.connect_ms, it.ttfb_ms)).collect();
    assert_eq!(told, [(0, 25.0, 125.0)]);
}

#[test]
fn a_slot_is_joined_with_its_address_and_its_path() {
    let mut gather = Gather::new(&of_vantages(&[("fra", 50.1, 8.7), ("lon", 51.5, -0.1)]), &[]);
    let info = |vantage| sample(&series(vantage, "icmp", &[("address", "192.0.2.1")]), 1.0);
    let rtt = |vantage, value| sample(&series(vantage, "icmp", &[("role", "canary")]), value);
    gather.add(&OfTargets {
        rtts: vec![rtt("fra", 0.02), rtt("lon", 0.01), rtt("lon", 0.012), rtt("nowhere", 0.001)],
        now: vec![rtt("fra", 0.021)],
        addresses: vec![info("fra"), info("lon")],
        places: vec![sample(&series("fra", "icmp", &[("city", "Amsterdam")]), 1.0)],
        handovers: vec![sample(&series("fra", "icmp", &[("asn", "6762"), ("city", "")]), 1.0)],
        asns: vec![sample(&series("lon", "icmp", &[("asn", "62041")]), 1.0)],
        voters: vec![sample(&[("target", "api")], 2.0)],
        ..OfTargets::default()
    });
    let (world, counts) = gather.finish();
    let target = &world.targets[&Endpoint { team: String::new(), target: "api".to_owned() }];
    let address = &target.addresses[0];
    // Of two copies the larger counts.
    let seen: Vec<_> = address.seen.iter().map(|it| (it.vantage, it.rtt_ms)).collect();
    assert_eq!(seen, [(1, 12.0), (0, 20.0)]);
    assert!((address.seen[0].now_ms, address.seen[1].now_ms) == (f64::INFINITY, 21.0));
    assert!(address.absent.is_empty() && target.is_canary && target.down == Some(0.0));
    assert_eq!(address.hints["Amsterdam"].len(), 1);
    assert_eq!((address.asns.len(), target.handovers[&0].len()), (1, 1));
    assert_eq!(left_out(&counts), [0, 0, 0, 0, 0]);
}

#[test]
fn an_address_that_does_not_answer_is_another_one_all_the_same() {
    let mut gather = Gather::new(&of_vantages(&[("fra", 50.1, 8.7), ("lon", 51.5, -0.1)]), &[]);
    let info = |vantage, ip| sample(&series(vantage, "icmp", &[("address", ip)]), 1.0);
    gather.add(&OfTargets {
        rtts: vec![sample(&series("fra", "icmp", &[]), 0.02)],
        addresses: vec![info("fra", "192.0.2.1"), info("lon", "192.0.2.2")],
        ..OfTargets::default()
    });
    let (world, _) = gather.finish();
    let addresses = &world.targets.values().next().unwrap().addresses;
    assert_eq!(addresses[0].absent, BTreeSet::from([1]));
}

#[test]
fn what_is_down_for_long_is_there_by_its_votes() {
    let mut gather = Gather::new(&of_vantages(&[("fra", 50.1, 8.7)]), &[]);
    gather.add(&OfTargets {
        voters: vec![sample(&[("target", "api")], 3.0), sample(&[("target", "unmeasured")], 0.0)],
        down: vec![sample(&[("target", "api")], 1.0)],
        ..OfTargets::default()
    });
    let (world, _) = gather.finish();
    let down: Vec<_> = world.targets.iter().map(|(it, of)| (it.target.as_str(), of.down)).collect();
    assert_eq!(down, [("api", Some(1.0))]);
}

#[test]
fn what_is_not_to_be_believed_is_left_out_and_counted() {
    let vantages = [
        ("a", 0.0, 0.0),
        ("b", f64::NAN, 3.0),
        ("c", 91.0, 3.0),
        ("d", 50.1, 8.7),
        ("e", 51.0, 3.0),
    ];
    let known = [KnownVantage {
        region: "EMEA".to_owned(),
        name: "a".to_owned(),
        place: Point::new(48.9, 2.4),
        is_radio: true,
    }];
    let mut gather = Gather::new(&of_vantages(&vantages), &known);
    let mut of = OfTargets::default();
    for (vantage, rtt) in [("a", f64::NAN), ("b", 0.0), ("c", -1.0), ("d", 1e9), ("e", 0.01)] {
        of.rtts.push(sample(&series(vantage, "icmp", &[]), rtt));
        of.addresses.push(sample(&series(vantage, "icmp", &[("address", "192.0.2.1")]), 1.0));
    }
    of.addresses.push(sample(&series("a", "tcp", &[("address", "nowhere")]), 1.0));
    of.rtts.push(sample(&series("d", "tcp", &[]), 0.01));
    for address in ["192.0.2.1", "192.0.2.2"] {
        of.addresses.push(sample(&series("d", "tcp", &[("address", address)]), 1.0));
    }
    gather.add(&of);
    let (world, counts) = gather.finish();
    let placed: Vec<bool> = world.vantages.iter().map(|it| it.place.is_some()).collect();
    assert_eq!(placed, [true, false, false, true, true]);
    assert!(world.vantages[0].is_radio);
    let seen: Vec<_> =
        world.targets.values().flat_map(|it| &it.addresses).flat_map(|it| &it.seen).collect();
    assert_eq!(seen.len(), 1);
    assert_eq!(left_out(&counts), [4, 2, 1, 1, 0]);
}

#[test]
fn a_box_on_the_way_that_answers_first_is_not_the_address() {
    let of = |values: &[(&str, f64)]| {
        smallest(&values.iter().map(|(module, rtt)| ((*module).to_owned(), *rtt)).collect())
    };
    assert!((of(&[("tcp", 2.0), ("icmp", 140.0)]) - 140.0).abs() < 1e-9);
    assert!((of(&[("tcp", 138.0), ("icmp", 140.0)]) - 138.0).abs() < 1e-9);
    assert!((of(&[("tcp", 2.0), ("icmp", 9.0)]) - 2.0).abs() < 1e-9);
}

#[test]
fn more_than_is_judged_is_left_out() {
    let names: Vec<String> = (0..MOST_VANTAGES + 3).map(|it| format!("v{it:04}")).collect();
    let all: Vec<_> = names.iter().map(|name| (name.as_str(), 50.0, 8.0)).collect();
    let mut gather = Gather::new(&of_vantages(&all), &[]);
    let mut of = OfTargets::default();
    let slots: Vec<String> = (0..MOST_OF_AN_ENDPOINT + 5).map(|it| it.to_string()).collect();
    let ips: Vec<String> = (0..MOST_OF_AN_ENDPOINT + 5).map(|it| format!("192.0.2.{it}")).collect();
    for (slot, ip) in slots.iter().zip(&ips) {
        let mut labels = series("v0000", "icmp", &[("address", ip)]);
        labels[4].1 = slot;
        of.addresses.push(sample(&labels, 1.0));
        of.rtts.push(sample(&labels, 0.01));
    }
    gather.add(&of);
    let (world, counts) = gather.finish();
    assert_eq!(world.vantages.len(), MOST_VANTAGES);
    assert_eq!(world.targets.values().next().unwrap().addresses.len(), MOST_OF_AN_ENDPOINT);
    assert_eq!(counts.get(LeftOut::TooMany), 3 + 5);
}
