//! Whether a machine is on.

use super::*;

/// A box of disks: no processor, two fans.
fn shelf(fans: impl Fn(f64) -> Option<f64> + Clone + 'static) -> Vec<Told> {
    let mut all = vec![told("1", "Meter", Entity::Psu, Measure::Watts, |_| Some(300.0))];
    for bay in 2..6 {
        let name = format!("Bay {bay}");
        all.push(told(&bay.to_string(), &name, Entity::Disk, Measure::Temperature, |second| {
            Some((30.0 + ((second - 3_600.0) / 40.0).clamp(0.0, 20.0)).round())
        }));
    }
    for fan in 16..18 {
        let name = format!("Fan {fan}");
        all.push(told(&fan.to_string(), &name, Entity::Fan, Measure::Rpm, fans.clone()));
    }
    all
}

#[test]
fn a_box_of_disks_whose_fans_all_stop_is_on_and_its_fans_have_failed() {
    let all = shelf(step(3_600.0, 6_000.0, 0.0));
    for chassis in [Some(true), None] {
        let mut play = Play { chassis, ..Play::of(&all) };
        play.until(4_200.0, &all);
        let failed = [one("fan_failed", 2, "Fan 16"), one("fan_failed", 2, "Fan 17")];
        let told: Vec<_> =
            play.held().into_iter().filter(|(kind, ..)| *kind == "fan_failed").collect();
        assert_eq!(told, failed, "{chassis:?}");
        assert!(!play.machine.is_off());
        assert!(play.held().contains(&one("cooling_lost", 3, "")), "{:?}", play.held());
    }
}

#[test]
fn a_box_of_disks_that_draws_little_or_whose_bmc_says_so_is_off() {
    let all = with(shelf(step(3_600.0, 6_000.0, 0.0)), "Meter", step(3_600.0, 300.0, 10.0));
    let all = with(all, "Bay", |_| Some(30.0));
    for chassis in [Some(true), None, Some(false)] {
        let mut play = Play { chassis, ..Play::of(&all) };
        play.until(4_200.0, &all);
        assert!(play.machine.is_off() && play.held().is_empty(), "{chassis:?}");
    }
}
