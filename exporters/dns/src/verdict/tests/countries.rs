//! Countries that diverge, and go dark.

use super::*;

#[test]
fn a_country_that_goes_dark_after_it_diverged_is_told_until_it_is_seen_again_or_for_a_day() {
    let dark = |count: usize| World::dark(8, GOOD, count);
    let mut lies = dark(0);
    lies.country("AA", || outcome(&[OTHER]));
    let hour = 3_600;
    for pinned in [None, Some(pin(&[GOOD]))] {
        let rules = Rules { expected: pinned.as_ref(), ..Rules::default() };
        let first = lies.with(rules, &Memory::default(), hour);
        assert_eq!(diverging(&first.verdict), ["AA"]);
        let mut memory = first.memory;
        for n in 1..=24 {
            let judged = dark(8).with(rules, &memory, hour + n * hour);
            assert_eq!(diverging(&judged.verdict), ["AA"], "after {n} hours");
            memory = judged.memory;
        }
        // One network of eight says nothing of the country, four say that it is over.
        let judged = dark(7).with(rules, &memory, hour + 24 * hour);
        assert_eq!(diverging(&judged.verdict), ["AA"]);
        for seen in [dark(4), dark(0)] {
            assert_eq!(diverging(&seen.with(rules, &memory, 25 * hour).verdict), [""; 0]);
        }
        let judged = dark(8).with(rules, &memory, hour + 25 * hour);
        assert_eq!(diverging(&judged.verdict), [""; 0], "a day is over");
        // What was answered by another pin says nothing of this one, even if nothing can be measured.
        let other = pin(&[OTHER]);
        let rules = Rules { expected: Some(&other), ..Rules::default() };
        let judged = dark(96).with(rules, &memory, 2 * hour);
        assert_eq!(diverging(&judged.verdict), [""; 0]);
    }
}

#[test]
fn a_few_networks_of_a_large_country_that_go_on_do_not_mend_it_and_a_country_out_of_the_list_is_not_dark()
 {
    let dark = |count: usize| World::dark(40, GOOD, count);
    let mut lies = dark(0);
    lies.country("AA", || outcome(&[OTHER]));
    let first = lies.with(Rules::default(), &Memory::default(), 60);
    assert_eq!(diverging(&first.verdict), ["AA"]);
    for (silent, wanted) in [(35, &["AA"][..]), (21, &["AA"]), (20, &[])] {
        let judged = dark(silent).with(Rules::default(), &first.memory, 120);
        assert_eq!(diverging(&judged.verdict), wanted, "{silent}");
    }
    for (left, wanted) in [(0, &[][..]), (19, &[]), (20, &["AA"])] {
        let mut world = World::empty();
        for at in 40 - left..480 {
            let says = if at < 40 { None } else { outcome(&[GOOD]) };
            world.add(&world::code(at / 40), at, says);
        }
        world.control = (40 - left..480)
            .map(|at| if at < 40 { Control::Failed } else { Control::Passed })
            .collect();
        let judged = world.with(Rules::default(), &first.memory, 120);
        assert_eq!(diverging(&judged.verdict), wanted, "{left} networks of 40 in the list");
    }
}

#[test]
fn a_dark_country_is_told_again_after_the_whole_was() {
    let pinned = pin(&[GOOD]);
    let rules = Rules { expected: Some(&pinned), ..Rules::default() };
    let mut lies = World::dark(8, GOOD, 0);
    lies.country("AA", || outcome(&[OTHER]));
    let first = lies.with(rules, &Memory::default(), 60);
    assert_eq!(diverging(&first.verdict), ["AA"]);
    let whole = World::dark(8, THIRD, 8).with(rules, &first.memory, 120);
    assert_eq!((whole.verdict.unexpected, diverging(&whole.verdict)), (Severity::Page, vec![]));
    let after = World::dark(8, GOOD, 8).with(rules, &whole.memory, 180);
    assert_eq!(diverging(&after.verdict), ["AA"], "it is dark still");
    let mended = World::dark(8, GOOD, 0).with(rules, &after.memory, 240);
    assert_eq!(diverging(&mended.verdict), [""; 0]);
}
