//! Which resolvers are known to work, and which of these fail on the name. No I/O, no clock.

use super::memory::Memory;
use super::said::{Heard, Said};
use crate::outcome::{Class, Control};

/// With fewer replies nothing can be said of the control.
const FEWEST_REPLIES: usize = 5;

/// With fewer that answered before nothing can be said of losses on the way.
const FEWEST_KNOWN: u32 = 3;

/// What is known of each resolver's health.
#[derive(Debug)]
pub(super) struct Health {
    /// It votes.
    pub(super) works: Vec<bool>,
    /// It works, and did not answer.
    pub(super) fails: Vec<bool>,
    /// It answered within a day, says nothing now, and there is no control to tell why.
    pub(super) silent: Vec<bool>,
    /// It failed the control, and the control is good.
    pub(super) failed_control: Vec<bool>,
    /// The control itself is broken: it fails at most of those that reply.
    pub(super) is_control_void: bool,
    /// There is a control, and it is good.
    pub(super) has_control: bool,
    /// Of those that answered in the last sweep, the share that is silent on the control: what is lost on the way
    /// to any of them. Of all where too few are known, which is no less.
    pub(super) lost: f64,
}

impl Health {
    /// Takes what the control said, where it can be believed; else the reply itself, and whether the
    /// resolver answered within a day.
    pub(super) fn of(heard: &Heard<'_>, control: &[Control], memory: &Memory, now: u64) -> Self {
        let count = heard.said.len();
        let control = |at: usize| control.get(at).copied().unwrap_or_default();
        let is_control_void = is_void(heard, control);
        let control = |at| if is_control_void { Control::Unknown } else { control(at) };
        let mut health = Self {
            works: vec![false; count],
            fails: vec![false; count],
            silent: vec![false; count],
            failed_control: (0..count).map(|at| control(at).is_bad()).collect(),
            is_control_void,
            has_control: (0..count).any(|at| control(at) != Control::Unknown),
            lost: lost(memory.answered_last(), control, count)
                .or_else(|| lost(|_| true, control, count))
                .unwrap_or_default(),
        };
        for at in 0..count {
            let control = control(at);
            let said = heard.said[at];
            let is_answered = heard.replies(at).any(Said::is_answer);
            if control.is_bad() {
                continue;
            }
            let works = match said {
                Said::NotAsked | Said::NotSent | Said::NotAskedOn => continue,
                _ if is_answered || control == Control::Passed => true,
                Said::Failure(Class::Servfail | Class::Bogus | Class::OtherRcode) => true,
                Said::Failure(Class::Timeout | Class::Unreachable) => false,
                _ => memory.answered_within_a_day(at, now),
            };
            health.works[at] = works;
            health.fails[at] = works && !is_answered;
            health.silent[at] = !works && !is_control_void && memory.answered_within_a_day(at, now);
        }
        health
    }
}

fn lost(
    is_known: impl Fn(usize) -> bool,
    control: impl Fn(usize) -> Control,
    count: usize,
) -> Option<f64> {
    let is_asked = |at| !matches!(control(at), Control::Unknown | Control::Resting);
    let known = (0..count).filter(|at| is_known(*at) && is_asked(*at));
    let (mut all, mut silent) = (0_u32, 0_u32);
    for at in known {
        all += 1;
        silent += u32::from(control(at) == Control::Silent);
    }
    (all >= FEWEST_KNOWN).then(|| f64::from(silent) / f64::from(all))
}

/// Whether the control fails at more than half of those that reply to the name.
fn is_void(heard: &Heard<'_>, control: impl Fn(usize) -> Control) -> bool {
    let replies = |said: &Said| {
        !matches!(
            said,
            Said::NotAsked
                | Said::NotSent
                | Said::NotAskedOn
                | Said::Failure(Class::Timeout | Class::Unreachable)
        )
    };
    let asked = (0..heard.said.len())
        .filter(|at| replies(&heard.said[*at]) && control(*at) != Control::Unknown);
    let (mut all, mut passed) = (0, 0);
    for at in asked {
        all += 1;
        passed += usize::from(control(at) == Control::Passed);
    }
    all >= FEWEST_REPLIES && 2 * passed < all
}
