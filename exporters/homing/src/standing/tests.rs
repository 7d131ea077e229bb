//! One odd evaluation changes nothing, and a restart forgets nothing.

use std::collections::BTreeSet;

use super::store::Store;
use super::*;
use crate::cities;
use crate::place::Source;
use crate::world::{Address, Seen, Target, World};

const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(149, 154, 167, 220));

fn judged(class: Class) -> Judged {
    Judged { class, sites_min: 1, ..Judged::default() }
}

#[test]
fn a_class_changes_after_three_evaluations_that_agree() {
    let (mut standing, api) = (Standing::default(), Endpoint::default());
    let mut tell = |class| standing.tell(&api, IP, judged(class)).class;
    assert_eq!(tell(Class::OneSite), Class::OneSite);
    for other in [Class::SeveralSites, Class::SeveralSites, Class::Undetermined] {
        assert_eq!(tell(other), Class::OneSite);
    }
    assert_eq!(tell(Class::SeveralSites), Class::OneSite);
    assert_eq!(tell(Class::OneSite), Class::OneSite);
    let told: Vec<_> = (0..3).map(|_| tell(Class::SeveralSites)).collect();
    assert_eq!(told, [Class::OneSite, Class::OneSite, Class::SeveralSites]);
}

#[test]
fn what_is_told_is_the_judgement_of_its_class_and_not_of_another() {
    let (mut standing, api) = (Standing::default(), Endpoint::default());
    standing.tell(&api, IP, Judged { violations: 0, ..judged(Class::OneSite) });
    let told = standing.tell(&api, IP, Judged { violations: 9, ..judged(Class::SeveralSites) });
    assert_eq!((told.class, told.violations), (Class::OneSite, 0));
}

#[test]
fn a_class_that_nobody_judges_any_more_does_not_stand_for_ever() {
    let (mut standing, api) = (Standing::default(), Endpoint::default());
    standing.tell(&api, IP, judged(Class::OneSite));
    let mut told = Class::OneSite;
    for round in 0..9 {
        assert_eq!(told, Class::OneSite, "{round}");
        let other = [Class::SeveralSites, Class::Insufficient][round % 2];
        told = standing.tell(&api, IP, judged(other)).class;
    }
    assert_eq!(told, Class::Undetermined);
}

#[test]
fn evaluations_that_come_oftener_must_agree_oftener() {
    let changes = |seconds| {
        let mut standing = Standing::default();
        standing.next(Duration::from_secs(seconds), 0);
        standing.to_change
    };
    assert_eq!((changes(5), changes(60), changes(120)), (36, 3, 3));
}

#[test]
fn an_address_that_is_gone_is_forgotten_after_three_evaluations() {
    let (mut standing, api) = (Standing::default(), Endpoint::default());
    standing.tell(&api, IP, judged(Class::OneSite));
    for _ in 0..2 {
        standing.end_of_evaluation(|_, _| false);
    }
    assert_eq!(standing.tell(&api, IP, judged(Class::SeveralSites)).class, Class::OneSite);
    for _ in 0..3 {
        standing.end_of_evaluation(|_, _| false);
    }
    let told = standing.tell(&api, IP, judged(Class::SeveralSites));
    assert_eq!(told.class, Class::SeveralSites);
}

#[test]
fn what_is_kept_has_the_numbers_of_the_vantages_of_now() {
    let (mut standing, api) = (Standing::default(), Endpoint::default());
    let vantage = |name: &str| Vantage {
        region: String::new(),
        name: name.to_owned(),
        place: None,
        is_trusted: true,
        is_radio: false,
    };
    standing.begin(&["a", "b", "c"].map(vantage));
    let seen = |vantage| Seen { vantage, rtt_ms: 1.0, now_ms: 1.0 };
    let voters = vec![seen(2), seen(1)];
    standing.tell(&api, IP, Judged { voters, ..judged(Class::OneSite) });
    standing.begin(&["0", "a", "c"].map(vantage));
    assert_eq!(
        standing.keep(&api),
        [(IP, Judged { voters: vec![seen(2)], ..judged(Class::OneSite) })]
    );
    standing.begin(&["c"].map(vantage));
    assert_eq!(standing.keep(&api)[0].1.voters, [seen(0)]);
}

/// A world that six vantages see, with an endpoint in Amsterdam, and the same while it is down and nothing answers.
fn worlds() -> (World, World) {
    let cities = ["London", "Frankfurt", "New York", "Chicago", "Singapore", "Sydney"];
    let regions = ["EMEA", "EMEA", "AMER", "AMER", "APAC", "APAC"];
    let vantage = |(name, region): (&&str, &str)| Vantage {
        region: region.to_owned(),
        name: (*name).to_owned(),
        place: cities::named(name).map(|it| it.place),
        is_trusted: true,
        is_radio: false,
    };
    let mut world = World::new(cities.iter().zip(regions).map(vantage).collect());
    let amsterdam = cities::named("Amsterdam").unwrap().place;
    let mut seen: Vec<Seen> = world
        .vantages
        .iter()
        .enumerate()
        .map(|(vantage, it)| {
            let ms = it.place.unwrap().km_to(amsterdam) / 100.0 * 1.6 + 1.0;
            // Of one there is no newest minute.
            Seen { vantage, rtt_ms: ms, now_ms: if vantage == 0 { f64::INFINITY } else { ms } }
        })
        .collect();
    seen.sort_by(|a, b| a.rtt_ms.total_cmp(&b.rtt_ms));
    let hints = BTreeMap::from([("Amsterdam".to_owned(), BTreeSet::from([0, 1]))]);
    let address =
        Address { ip: IP, seen, absent: BTreeSet::new(), hints, asns: BTreeSet::from([62_041]) };
    let mut down = world.clone();
    let of = |addresses, down| Target { addresses, down: Some(down), ..Target::default() };
    world.targets.insert(Endpoint::default(), of(vec![address], 0.0));
    down.targets.insert(Endpoint::default(), of(Vec::new(), 1.0));
    (world, down)
}

/// By which clock everything is.
const NOW: u64 = exporter_kit::WRITTEN + 1_000_000;
const EACH: Duration = Duration::from_secs(60);

#[test]
fn of_what_is_down_it_is_known_after_a_restart_where_it_lives() {
    let folder = tempfile::tempdir().unwrap();
    let (world, down) = worlds();
    let evaluate = |store: &Store, world: &World, unix| {
        let turn = store.turn();
        let verdict = store.judge(turn, world, &[], EACH, unix).unwrap();
        store.keep(turn, unix);
        verdict.targets[&Endpoint::default()].clone()
    };
    let before = evaluate(&Store::new(Some(folder.path()), None), &world, NOW);
    assert!(before.is_at_one_site);
    let city = before.addresses[0].judged.sites[0].city.unwrap();
    assert_eq!((city.0.name, city.1), ("Amsterdam", Source::Name));
    // An outage, an hour after the end of the program.
    let store = Store::new(Some(folder.path()), None);
    let during = evaluate(&store, &down, NOW + 3_600);
    assert_eq!(during.addresses, before.addresses, "as it was to the last bit");
    assert!(during.is_at_one_site);
    // It is known for as long as the outage is, whatever restarts meanwhile.
    for day in 1..=9 {
        let store = Store::new(Some(folder.path()), None);
        let during = evaluate(&store, &down, NOW + 3_600 + day * KEPT_FOR);
        assert!(during.is_at_one_site, "{day}");
    }
    // Nobody was there for longer than a day; without a folder nothing is known.
    let end = NOW + 3_601 + 10 * KEPT_FOR;
    for folder in [Some(folder.path()), None] {
        let after = evaluate(&Store::new(folder, None), &down, end);
        assert!(after.addresses.is_empty() && !after.is_at_one_site);
    }
}

#[test]
fn a_class_that_another_process_told_changes_as_one_of_its_own_does() {
    let folder = tempfile::tempdir().unwrap();
    let (world, _) = worlds();
    let mut few = world.clone();
    few.targets.get_mut(&Endpoint::default()).unwrap().addresses[0].seen.truncate(3);
    let before = Store::new(Some(folder.path()), None);
    let turn = before.turn();
    before.judge(turn, &world, &[], EACH, NOW).unwrap();
    before.keep(turn, NOW);
    let store = Store::new(Some(folder.path()), None);
    let turn = store.turn();
    let told = (0..4).map(|minute| {
        let verdict = store.judge(turn, &few, &[], EACH, NOW + 60 * minute).unwrap();
        verdict.targets[&Endpoint::default()].addresses[0].told
    });
    let wanted = [Class::OneSite, Class::OneSite, Class::Insufficient, Class::Insufficient];
    assert_eq!(told.collect::<Vec<_>>(), wanted);
}

#[test]
fn it_is_written_when_what_is_told_is_another_and_now_and_then() {
    let folder = tempfile::tempdir().unwrap();
    let (world, down) = worlds();
    let file = folder.path().join("places.json");
    let store = Store::new(Some(folder.path()), None);
    let turn = store.turn();
    let evaluate = |world: &World, unix| {
        std::fs::remove_file(&file).unwrap_or_default();
        let evaluated = store.judge(turn, world, &[], EACH, unix).is_some();
        store.keep(turn, unix);
        (evaluated, file.exists())
    };
    // The clock of a machine that has just begun.
    assert_eq!(evaluate(&world, 60), (true, false));
    assert_eq!(evaluate(&world, NOW), (true, true));
    assert_eq!(evaluate(&world, NOW + 60), (true, false), "it is the same");
    assert_eq!(evaluate(&world, NOW + 300), (true, true), "it was borne out since");
    assert_eq!(evaluate(&down, NOW + 360), (true, false));
    let mut none = world.clone();
    none.targets.clear();
    for minute in 0..2 {
        assert_eq!(evaluate(&none, NOW + 400 + minute), (true, false));
    }
    assert_eq!(evaluate(&none, NOW + 402), (true, true), "it is forgotten");
    // Another folder is written at once.
    let other = tempfile::tempdir().unwrap();
    store.keep_in(Some(other.path()));
    assert_eq!(evaluate(&none, NOW + 403), (true, false));
    assert!(other.path().join("places.json").exists());
    // Others evaluate by now.
    store.turn();
    assert_eq!(evaluate(&world, NOW + 900), (false, false));
}

#[test]
fn what_cannot_be_is_none_of_ours() {
    let (world, _) = worlds();
    let mut standing = Standing::default();
    standing.next(EACH, NOW);
    crate::judge::judge(&world, &[], &mut standing);
    let text = String::from_utf8(file::text(&standing).unwrap()).unwrap();
    assert!(file::parse(text.as_bytes()).is_ok());
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (path, wrong, why) in [
        ("/format", serde_json::json!(2), "format 2 is not known"),
        ("/addresses/0/class", "anycast".into(), "class \"anycast\" is not known"),
        ("/addresses/0/voters/0/0", 6.into(), "no vantage 6 can have"),
        ("/addresses/0/voters/0/1", (-1).into(), "-1 ms"),
        ("/addresses/0/sites/0/latitude", 91.into(), "nowhere on the Earth"),
        ("/addresses/0/sites/0/radius", 1e9.into(), "a site is 1000000000 km wide"),
        (
            "/addresses/0/sites",
            vec![value["addresses"][0]["sites"][0].clone(); 17].into(),
            "17 sites",
        ),
        ("/addresses/0/address", "localhost".into(), "invalid IP address"),
    ] {
        let mut value = value.clone();
        *value.pointer_mut(path).unwrap() = wrong;
        let error = file::parse(value.to_string().as_bytes()).unwrap_err();
        assert!(format!("{error:#}").contains(why), "{path}: {error:#}");
    }
    // A city that is in the list no more, and a clock that was ahead.
    let mut odd = value;
    odd["addresses"][0]["sites"][0]["city"][0] = "Atlantis".into();
    odd["addresses"][0]["borne_out"] = (NOW + 1_000).into();
    let kept = file::parse(odd.to_string().as_bytes()).unwrap();
    let mut standing = Standing::default();
    standing.go_on_by(kept, NOW);
    let told = standing.told.values().next().unwrap();
    assert_eq!((told.judged.sites[0].city, told.borne_out), (None, NOW));
}
