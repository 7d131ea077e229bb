//! A vantage with its canaries and services, judged round by round.

use super::*;
use crate::outcome::Failure;
use own::Part;

/// A vantage that probes each 5 s: three canaries, and services by HTTP unless they say otherwise.
struct Place {
    verdicts: Verdicts,
    canaries: Vec<u64>,
    services: Vec<u64>,
}

fn spec(name: &str, module: &str, layer: Layer, is_canary: bool) -> Spec {
    Spec {
        endpoint: ("".into(), name.into()),
        module: module.into(),
        layer,
        is_canary,
        interval: 5.0,
        timeout: 3.0,
        domain: Some(format!("{name}.example").as_str().into()),
    }
}

const OK: Option<Failure> = None;
const SILENT: Option<Failure> = Some(Failure::Timeout);
const WRONG: Option<Failure> = Some(Failure::HttpStatus);
const NAMELESS: Option<Failure> = Some(Failure::Dns);

impl Place {
    fn new(canaries: usize, services: &[&str]) -> Self {
        let mut verdicts = Verdicts::default();
        let canary = |n| spec(&format!("canary-{n}"), "icmp", Layer::Icmp, true);
        let canaries = (0..canaries).map(|n| verdicts.add(canary(n))).collect();
        let services = services
            .iter()
            .map(|name| verdicts.add(spec(name, "http", Layer::Http, false)))
            .collect();
        Self { verdicts, canaries, services }
    }

    /// Rounds from one second until another: what canaries and what each service find.
    fn run(
        &mut self,
        from: u32,
        until: u32,
        canaries: Option<Failure>,
        services: &[Option<Failure>],
    ) {
        for second in (from..until).step_by(5) {
            let all = self.canaries.iter().map(|number| (*number, canaries));
            let all: Vec<_> =
                all.chain(self.services.iter().copied().zip(services.iter().copied())).collect();
            for (number, failure) in all {
                self.verdicts.feed(number, &round(second, failure));
            }
        }
    }

    fn codes(&mut self, at: u32) -> Vec<i8> {
        let report = self.verdicts.report(f64::from(at));
        report.endpoints.iter().map(|it| Verdict::code(it.verdict)).collect()
    }

    fn part(&mut self, part: Part, at: u32) -> Option<bool> {
        let report = self.verdicts.report(f64::from(at));
        report.own.iter().find(|(its, _)| *its == part).map(|(_, ok)| *ok)
    }
}

fn round(second: u32, failure: Option<Failure>) -> Round {
    let begun = f64::from(second);
    let waits = if failure == SILENT { 3.0 } else { 0.02 };
    let failed = failure.map(Failed::by);
    Round { begun, decided: begun + waits, failed, ..Round::default() }
}

#[test]
fn nothing_is_said_before_there_is_evidence_and_up_with_the_first() {
    let mut place = Place::new(3, &["a"]);
    assert!(place.codes(0).is_empty());
    place.run(0, 5, OK, &[OK]);
    assert_eq!((place.codes(5), place.part(Part::Network, 5)), (vec![0], Some(true)));
}

#[test]
fn ninety_seconds_are_silent_and_a_hundred_are_down_since_the_first_failure() {
    let mut place = Place::new(3, &["a", "b"]);
    place.run(0, 600, OK, &[OK, OK]);
    place.run(600, 690, OK, &[SILENT, WRONG]);
    assert_eq!(place.codes(694), [0, 0]);
    place.run(690, 695, OK, &[SILENT, WRONG]);
    assert_eq!(place.codes(695), [3, 3]);
    let report = place.verdicts.report(700.0);
    let trouble = report.endpoints[1].trouble.unwrap();
    assert_eq!((trouble.seconds, trouble.ratio), (100.0, 1.0));
    assert_eq!(trouble.reason.map(|it| it.reason), WRONG);
}

#[test]
fn a_cut_uplink_says_nothing_of_any_service() {
    let mut place = Place::new(3, &["a", "b"]);
    place.run(0, 600, OK, &[OK, OK]);
    place.run(600, 660, SILENT, &[SILENT, SILENT]);
    assert_eq!((place.codes(660), place.part(Part::Network, 660)), (vec![-1, -1], Some(false)));
    place.run(660, 900, SILENT, &[SILENT, SILENT]);
    place.run(900, 985, OK, &[SILENT, OK]);
    assert_eq!(place.codes(985), [0, 0], "ninety seconds count anew");
    place.run(985, 1010, OK, &[SILENT, OK]);
    assert_eq!(place.codes(1010), [3, 0]);
}

#[test]
fn an_outage_outlives_a_cut_uplink() {
    let mut place = Place::new(3, &["a", "b"]);
    place.run(0, 600, OK, &[OK, OK]);
    place.run(600, 720, OK, &[SILENT, OK]);
    place.run(720, 900, SILENT, &[SILENT, SILENT]);
    place.run(900, 910, OK, &[SILENT, OK]);
    assert_eq!(place.codes(910), [3, 0]);
}

#[test]
fn dead_canaries_blind_nobody_while_services_answer() {
    let mut place = Place::new(3, &["a", "b", "c"]);
    place.run(0, 600, OK, &[OK, OK, OK]);
    place.run(600, 700, SILENT, &[OK, OK, WRONG]);
    assert_eq!(
        (place.part(Part::Network, 700), place.part(Part::Canaries, 700)),
        (Some(true), Some(false))
    );
    assert_eq!(place.codes(700), [0, 0, 3], "HTTP 500 is an answer");
    place.run(700, 800, SILENT, &[OK, SILENT, SILENT]);
    assert_eq!(place.codes(800), [0, 3, 3], "a third is enough");
    place.run(800, 900, SILENT, &[SILENT, SILENT, SILENT]);
    assert_eq!(place.codes(900), [-1, -1, -1]);
}

#[test]
fn without_canaries_a_single_service_may_be_told_and_several_not_at_once() {
    let mut alone = Place::new(0, &["a"]);
    alone.run(0, 600, OK, &[OK]);
    alone.run(600, 700, OK, &[SILENT]);
    assert_eq!((alone.codes(700), alone.part(Part::Network, 700)), (vec![3], Some(true)));
    let mut several = Place::new(0, &["a", "b", "c"]);
    several.run(0, 600, OK, &[OK, OK, OK]);
    several.run(600, 800, OK, &[SILENT, SILENT, SILENT]);
    assert_eq!(several.codes(800), [-1, -1, -1]);
    assert_eq!(several.part(Part::Canaries, 800), None);
}

#[test]
fn a_dead_resolver_is_ours_and_a_lost_name_is_theirs() {
    let mut place = Place::new(3, &["a", "b", "c", "d"]);
    place.run(0, 600, OK, &[OK; 4]);
    place.run(600, 720, OK, &[NAMELESS, OK, OK, OK]);
    assert_eq!((place.codes(720), place.part(Part::Resolver, 720)), (vec![3, 0, 0, 0], Some(true)));
    place.run(720, 800, OK, &[NAMELESS, NAMELESS, NAMELESS, OK]);
    assert_eq!(
        (place.codes(800), place.part(Part::Resolver, 800)),
        (vec![-1, -1, -1, 0], Some(false))
    );
    place.run(800, 810, OK, &[OK; 4]);
    assert_eq!(place.part(Part::Resolver, 810), Some(true));
}

#[test]
fn the_names_of_one_domain_prove_no_dead_resolver() {
    let mut verdicts = Verdicts::default();
    let of_one = |name: &str| Spec {
        domain: Some("one.example".into()),
        ..spec(name, "http", Layer::Http, false)
    };
    let services: Vec<u64> =
        ["a", "b", "c"].iter().map(|name| verdicts.add(of_one(name))).collect();
    let canaries = vec![verdicts.add(spec("canary", "icmp", Layer::Icmp, true))];
    let mut place = Place { verdicts, canaries, services };
    place.run(0, 600, OK, &[OK; 3]);
    place.run(600, 720, OK, &[NAMELESS; 3]);
    assert_eq!((place.codes(720), place.part(Part::Resolver, 720)), (vec![3; 3], Some(true)));
    for second in (760..800).step_by(10) {
        place.verdicts.resolver_asked(f64::from(second), false);
    }
    place.run(720, 800, OK, &[NAMELESS; 3]);
    assert_eq!((place.codes(800), place.part(Part::Resolver, 800)), (vec![-1; 3], Some(false)));
    place.verdicts.resolver_replaced();
    place.run(800, 805, OK, &[NAMELESS; 3]);
    assert_eq!(place.part(Part::Resolver, 805), Some(true), "another one");
}

#[test]
fn a_resolver_is_asked_about_domains_whose_names_can_be_looked_up() {
    let mut place = Place::new(1, &["a", "b"]);
    let asked = |place: &Place| [0, 1, 2].map(|turn| place.verdicts.domain_to_ask(turn));
    let domain = |name: &str| Some(name.into());
    place.run(0, 5, OK, &[OK; 2]);
    let all = ["a.example", "b.example", "canary-0.example"].map(domain);
    assert_eq!(asked(&place), all);
    place.run(5, 10, OK, &[NAMELESS, OK]);
    assert_eq!(asked(&place), ["b.example", "canary-0.example", "b.example"].map(domain));
    place.run(10, 15, NAMELESS, &[NAMELESS; 2]);
    assert_eq!(asked(&place), [None, None, None]);
    // Its name is answered, and leads to another that is not.
    let astray = Round { network: Some(7), ..round(15, NAMELESS) };
    place.verdicts.feed(place.services[0], &astray);
    assert_eq!(asked(&place), ["a.example"; 3].map(domain));
}

#[test]
fn a_clock_that_starts_in_1970_says_nothing_of_certificates_and_proves_the_network() {
    let wall = |wall: f64| {
        // Nobody else shows how the network is.
        let mut place = Place::new(0, &["a", "b", "c"]);
        for second in (0..400).step_by(5) {
            for number in place.services.clone() {
                let refused = round(second, Some(Failure::TlsVerify));
                let wall = Some(wall + f64::from(second));
                place.verdicts.feed(number, &Round { wall, ..refused });
            }
        }
        (place.codes(400), place.part(Part::Network, 400), place.part(Part::Clock, 400))
    };
    assert_eq!(wall(0.0), (vec![-1; 3], Some(true), Some(false)));
    assert_eq!(wall(1_900_000_000.0), (vec![3; 3], Some(true), None), "they ran out");
}

#[test]
fn seldom_canaries_show_late_that_all_was_cut() {
    let mut verdicts = Verdicts::default();
    let seldom = |n: usize| Spec {
        interval: 60.0,
        ..spec(&format!("canary-{n}"), "icmp", Layer::Icmp, true)
    };
    let canaries: Vec<u64> = (0..2).map(|n| verdicts.add(seldom(n))).collect();
    let service = verdicts.add(spec("a", "http", Layer::Http, false));
    let mut codes = Vec::new();
    for second in (0..1800).step_by(5) {
        let failure = if (600..900).contains(&second) { SILENT } else { OK };
        if second % 60 == 0 {
            for canary in &canaries {
                verdicts.feed(*canary, &round(second, failure));
            }
        }
        verdicts.feed(service, &round(second, failure));
        codes.push(Verdict::code(verdicts.report(f64::from(second + 4)).endpoints[0].verdict));
    }
    codes.dedup();
    assert_eq!(codes, [0, -1, 0], "nothing of it is left as a share of failures");
}

#[test]
fn our_own_faults_say_nothing_of_a_target() {
    let local = Some(Failure::Local);
    let mut place = Place::new(3, &["a", "b"]);
    place.run(0, 600, OK, &[OK, OK]);
    place.run(600, 700, OK, &[local, OK]);
    assert_eq!((place.codes(700), place.part(Part::Local, 700)), (vec![-1, 0], Some(false)));
    place.run(700, 705, OK, &[OK, OK]);
    assert_eq!((place.codes(705), place.part(Part::Local, 705)), (vec![0, 0], Some(true)));
}

#[test]
fn no_more_than_our_own_loss_is_no_fault_of_a_service() {
    let mut place = Place::new(3, &["a", "b"]);
    place.run(0, 600, OK, &[OK, OK]);
    for n in 0..240_u32 {
        let of = |fails: bool| if fails { SILENT } else { OK };
        let (own, more) = (of(n % 5 == 0), of(n % 5 < 3));
        place.run(600 + 5 * n, 605 + 5 * n, own, &[of(n % 4 == 0), more]);
    }
    assert_eq!((place.codes(1800), place.part(Part::Loss, 1800)), (vec![0, 2], Some(false)));
}

#[test]
fn the_highest_layer_is_the_verdict_and_the_others_explain_it() {
    let mut verdicts = Verdicts::default();
    let modules = [("icmp", Layer::Icmp), ("tcp", Layer::Tcp), ("http", Layer::Http)];
    let services: Vec<u64> =
        modules.iter().map(|(name, layer)| verdicts.add(spec("a", name, *layer, false))).collect();
    let canaries = vec![verdicts.add(spec("canary", "icmp", Layer::Icmp, true))];
    let mut place = Place { verdicts, canaries, services };
    place.run(0, 600, OK, &[OK; 3]);
    place.run(600, 700, OK, &[SILENT, OK, OK]);
    let report = place.verdicts.report(700.0);
    let filtered = &report.endpoints[0];
    assert_eq!((filtered.verdict, filtered.layers_down.len()), (Some(Verdict::Up), 1));
    place.run(700, 800, OK, &[SILENT, OK, WRONG]);
    let report = place.verdicts.report(800.0);
    let down = &report.endpoints[0];
    assert_eq!((down.verdict, down.layers_up.len()), (Some(Verdict::Down), 1));
    assert_eq!(&*down.layers_up[0], "tcp");
}

/// Dual-stack services that are probed each 5 s, of which each answers over IPv6 or not from second 600 on.
fn dual_stack(names: &[&str], six: &[bool], from: u32) -> Vec<usize> {
    let mut place = Place::new(1, names);
    for second in (0..1200).step_by(5) {
        place.verdicts.feed(place.canaries[0], &round(second, OK));
        for (number, answers) in place.services.iter().zip(six) {
            let failed = (second >= from && !answers)
                .then_some(Failed { status: Some(500), ..Failed::by(Failure::HttpStatus) });
            let families = [Some(Ok(())), Some(failed.map_or(Ok(()), Err))];
            place.verdicts.feed(*number, &Round { families, ..round(second, OK) });
        }
    }
    let report = place.verdicts.report(1200.0);
    assert!(report.endpoints.iter().all(|it| it.verdict == Some(Verdict::Up)));
    report.endpoints.iter().map(|it| it.families_down.len()).collect()
}

#[test]
fn a_family_that_is_down_is_told_unless_it_is_ours() {
    assert_eq!(dual_stack(&["a"], &[false], 600), [1]);
    assert_eq!(dual_stack(&["a", "b"], &[false, true], 600), [1, 0]);
    assert_eq!(dual_stack(&["a", "b"], &[false, false], 600), [0, 0], "all of them: our own IPv6");
    assert_eq!(dual_stack(&["a"], &[false], 0), [0], "it never answered here");
}

#[test]
fn a_wrong_clock_is_told_by_three_servers_and_two_years_spare_certificates() {
    let expired = Some(Failure::TlsVerify);
    let run = |servers: usize, ahead: f64, fails: Option<Failure>| {
        let mut place = Place::new(1, &["a", "b", "c", "d"][..=servers]);
        for second in (0..900).step_by(5) {
            place.verdicts.feed(place.canaries[0], &round(second, OK));
            let (last, said) = place.services.split_last().unwrap();
            for number in said {
                place.verdicts.feed(*number, &Round { ahead: Some(ahead), ..round(second, OK) });
            }
            place.verdicts.feed(*last, &round(second, fails));
        }
        (place.part(Part::Clock, 900), place.codes(900).pop().unwrap())
    };
    assert_eq!(run(3, 20.0, expired), (Some(true), 3));
    assert_eq!(run(3, -600.0, expired), (Some(false), 3));
    assert_eq!(run(3, 6e7, expired), (Some(false), -1));
    assert_eq!(run(2, 600.0, OK), (None, 0), "two are too few");
}

#[test]
fn slow_canaries_are_waited_for_before_an_outage_is_told() {
    let mut verdicts = Verdicts::default();
    let slow = Spec { interval: 60.0, ..spec("canary", "icmp", Layer::Icmp, true) };
    let canaries: Vec<u64> = vec![verdicts.add(slow)];
    let services = vec![verdicts.add(spec("a", "http", Layer::Http, false))];
    let mut place = Place { verdicts, canaries: Vec::new(), services };
    let mut run = |from: u32, until: u32, canary: Option<Failure>, service: Option<Failure>| {
        let mut codes = Vec::new();
        for second in (from..until).step_by(5) {
            if second % 60 == 0 {
                place.verdicts.feed(canaries[0], &round(second, canary));
            }
            place.run(second, second + 5, OK, &[service]);
            codes.extend(place.codes(second + 4));
        }
        codes
    };
    assert!(run(0, 610, OK, OK).iter().all(|code| *code == 0));
    assert!(!run(610, 1200, SILENT, SILENT).contains(&3), "the uplink is cut");
    run(1200, 1800, OK, OK);
    assert!(run(1800, 1960, OK, SILENT).contains(&3));
}

#[test]
fn a_machine_that_slept_has_no_evidence_of_the_time_between() {
    let mut place = Place::new(3, &["a"]);
    place.run(0, 600, OK, &[OK]);
    place.run(600, 610, OK, &[SILENT]);
    place.run(700, 715, OK, &[SILENT]);
    assert_eq!(place.codes(715), [0]);
}

#[test]
fn a_removed_target_leaves_nothing_and_a_new_role_begins_anew() {
    let mut place = Place::new(3, &["a", "b"]);
    place.run(0, 100, OK, &[SILENT, OK]);
    assert_eq!(place.codes(100), [3, 0]);
    place.verdicts.remove(place.services[0]);
    assert_eq!(place.codes(100), [0]);
    let number = place.services[1];
    place.verdicts.relabel(number, ("red".into(), "b".into()), "other".into(), false);
    let report = place.verdicts.report(100.0);
    assert_eq!(
        (&*report.endpoints[0].id.0, report.endpoints[0].verdict),
        ("red", Some(Verdict::Up))
    );
    place.verdicts.relabel(number, ("red".into(), "b".into()), "other".into(), true);
    assert!(place.codes(100).is_empty());
}

const LOCAL: Option<Failure> = Some(Failure::Local);

#[test]
fn our_own_fault_bridges_no_run_of_failures() {
    let mut place = Place::new(3, &["a", "b"]);
    place.run(0, 600, OK, &[OK, OK]);
    place.run(600, 615, OK, &[SILENT, OK]);
    place.run(615, 1_200, OK, &[LOCAL, OK]);
    place.run(1_200, 1_240, OK, &[SILENT, OK]);
    assert_eq!(place.codes(1_240), [0, 0]);
}

#[test]
fn our_own_fault_is_told_when_it_lasts_a_minute() {
    let mut place = Place::new(3, &["a", "b"]);
    place.run(0, 600, OK, &[OK, OK]);
    place.run(600, 655, OK, &[LOCAL, OK]);
    assert_eq!(place.part(Part::Local, 655), Some(true));
    place.run(655, 665, OK, &[LOCAL, OK]);
    assert_eq!(place.part(Part::Local, 665), Some(false));
    place.run(665, 670, OK, &[OK, OK]);
    assert_eq!(place.part(Part::Local, 670), Some(true));
}

#[test]
fn a_lookup_without_a_turn_says_nothing_of_a_target_nor_of_this_machine() {
    let mut place = Place::new(3, &["a", "b"]);
    place.run(0, 600, OK, &[OK, OK]);
    place.run(600, 700, OK, &[Some(Failure::Queued), OK]);
    assert_eq!((place.codes(700), place.part(Part::Local, 700)), (vec![-1, 0], Some(true)));
}

#[test]
fn a_name_to_which_most_targets_lead_is_no_fault_of_our_resolver() {
    // Their own names are known, or they are what cannot be looked up.
    for (network, is_ours) in [(Some(1), false), (None, true)] {
        let mut place = Place::new(3, &["a", "b", "c"]);
        place.run(0, 600, OK, &[OK; 3]);
        for second in (600..720).step_by(5) {
            place.run(second, second + 5, OK, &[]);
            for (number, failure) in place.services.iter().zip([NAMELESS, NAMELESS, OK]) {
                place.verdicts.feed(*number, &Round { network, ..round(second, failure) });
            }
        }
        assert_eq!(place.part(Part::Resolver, 720), Some(!is_ours));
        let codes = if is_ours { [-1, -1, 0] } else { [3, 3, 0] };
        assert_eq!(place.codes(720), codes);
    }
}

#[test]
fn a_canary_that_answers_wrongly_has_lost_nothing() {
    let mut place = Place::new(2, &["a"]);
    place.run(0, 900, WRONG, &[OK]);
    assert_eq!(place.part(Part::Loss, 900), Some(true));
}

#[test]
fn a_young_target_abstains_until_it_is_known_to_be_down() {
    let mut place = Place::new(3, &["a", "b"]);
    place.run(0, 60, OK, &[OK, SILENT]);
    assert_eq!(place.codes(60), [0], "nothing is said of the other one");
    place.run(60, 100, OK, &[OK, SILENT]);
    assert_eq!(place.codes(100), [0, 3]);
}
