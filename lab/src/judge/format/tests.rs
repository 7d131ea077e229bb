//! Errors in a world name the place and the mend.

use super::*;

const WORLD: &str = "\
name: w
seconds: 600
scrapes: {interval: 5s}
machines:
  - target: a
    interval: 5s
    sensors:
      - {number: 1, name: Inlet, kind: temperature, entity: 55, value: [[0, 22], [60, null], [90, gone]]}
      - {number: 2, name: Fan, kind: fan, unit: rpm, entity: 29, value: [[0, 4000]]}
vantages:
  - vantage: fra
    region: EMEA
    probes:
      - {target: shop, module: http_2xx, interval: 5s, timeout: 3s, outcome: [[0, ok], [60, http_status 503]]}
dns:
  - set: world
    vantage: fra
    region: EMEA
    name: api.example
    type: A
    interval: 1h
    resolvers: [DE AS1, FR AS2]
    sweeps:
      - {at: 60, answers: [{say: [192.0.2.1], resolvers: 0-1}]}
      - {at: 120, answers: [{say: nxdomain, resolvers: '1'}]}
want: [{alert: X, severity: warning, by: 300}]
";

#[test]
fn a_world_is_read() {
    let world = World::parse(WORLD, "w.yml").unwrap();
    let value = &world.machines[0].sensors[0].reads;
    assert_eq!(value.at(89), Some(&machine::Reading::Unreadable));
    assert_eq!(value.at(90), Some(&machine::Reading::Gone));
    let outcome = world.vantages[0].probes[0].outcome.at(60).unwrap();
    assert_eq!((outcome.reason.as_deref(), outcome.status), (Some("http_status"), Some(503)));
}

#[test]
fn a_mistake_is_told_with_its_place_and_its_mend() {
    for (right, wrong, told) in [
        ("seconds: 600", "seconds: 0", "w.yml:2:10: seconds: must be from 1 to 604800"),
        ("interval: 5s}", "interval: 2500ms}", "w.yml:3:"),
        ("name: w", "nam: w", "w.yml:1:1: "),
        ("[90, gone]", "[90, away]", "w.yml:8:"),
        ("[90, gone]", "[50, gone]", "must be in the order of the seconds"),
        ("kind: fan, unit: rpm", "kind: fan", "w.yml:9:9: unit: must be rpm or percent"),
        (
            "entity: 55",
            "entity: x",
            "w.yml:8:61: machines[0].sensors[0].entity: must be a whole number",
        ),
        ("[[0, 4000]]", "[[5, 4000]]", "w.yml:9:9: value: must begin at second 0"),
        ("[[0, ok], ", "[[9, ok], ", "outcome: must begin at second 0"),
        ("[[0, 4000]]", "[[0, 4000], [601, 0]]", "w.yml:9:9: value: must be within"),
        ("[60, http_status 503]", "[601, timeout]", "outcome: must be within"),
        ("at: 120", "at: 601", "at: must be within"),
        ("http_status 503", "broken", "must be ok, or a reason"),
        ("resolvers: '1'", "resolvers: '2'", "resolvers: must be below 2"),
        ("at: 120", "at: 60", "at: must be later"),
        ("by: 300", "by: 700", "w.yml:26:8: by: must be within"),
        ("severity: warning", "severity: page", "must be one of warning, critical"),
    ] {
        let text = WORLD.replacen(right, wrong, 1);
        assert_ne!(text, WORLD, "{right}");
        let error = format!("{:#}", World::parse(&text, "w.yml").unwrap_err());
        assert!(error.contains(told), "{right} -> {wrong}:\n{error}\nis not {told}");
    }
}
