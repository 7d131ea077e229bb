//! The verdict on the whole: does the name give wrong answers, or fail. No I/O, no clock.

use serde::{Deserialize, Serialize};

use super::figures::{is_at_least, lower_end};

/// A set of fewer resolvers pages only when half of its votes are wrong.
const SMALL: usize = 20;
const HALF: f64 = 0.5;
/// Without a control: the share that failed before at most, and the rise that is told.
const USUAL: f64 = 0.2;
const RISE: f64 = 0.1;
/// Networks without which nothing is said of the whole.
pub(super) const FEWEST: usize = 3;

/// How bad it is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// Nothing is told.
    #[default]
    None,
    /// A ticket.
    Ticket,
    /// A page.
    Page,
}

/// What may be told of the pinned answer and of failing, by the words of the metric, and whether it is.
pub(crate) fn told(unexpected: Severity, failing: Severity) -> [(&'static str, bool); 4] {
    [
        ("unexpected", unexpected == Severity::Page),
        ("unexpected_some", unexpected == Severity::Ticket),
        ("failing", failing == Severity::Page),
        ("failing_some", failing == Severity::Ticket),
    ]
}

/// What makes a verdict: the share of the votes, the lower end of its interval, and the share outside of
/// the countries that diverge as such.
#[derive(Clone, Copy, Debug)]
struct Limits {
    share: f64,
    lower_end: f64,
    outside: f64,
}

/// A taken-over third and the validating third of the world must page; 3 % behind one filter, 8 % behind
/// three, and three or four of twenty countries with one block page must not.
const PAGE: Limits = Limits { share: 0.2, lower_end: 0.1, outside: 0.15 };
/// Working resolvers fail by chance in 1-5 % of the cases.
const TICKET: Limits = Limits { share: 0.1, lower_end: 0.05, outside: 0.05 };

/// From which share on the rest of the world is no measure for a country.
pub(super) const REST: f64 = PAGE.share;

/// A share of the votes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// Of all.
    pub(super) share: f64,
    /// Of those outside the countries that diverge as such.
    pub(super) outside: f64,
    /// Of how many networks.
    pub(super) networks: usize,
}

impl Part {
    /// Without a share of the votes that says nothing, and of what is left.
    fn less(self, share: f64) -> Self {
        let without = |of: f64| ((of - share) / (1.0 - share).max(f64::EPSILON)).clamp(0.0, 1.0);
        Self { share: without(self.share), outside: without(self.outside), ..self }
    }

    /// How bad it is, in a set of so many resolvers.
    pub(super) fn severity(self, resolvers: usize) -> Severity {
        let Self { share, outside, networks } = self;
        let low = lower_end(share, networks as f64);
        let is = |limits: Limits| {
            is_at_least(share, limits.share)
                && is_at_least(low, limits.lower_end)
                && is_at_least(outside, limits.outside)
        };
        let is_half = is_at_least(share, HALF);
        let may_page = resolvers >= SMALL || is_half;
        let page = Limits { outside: if is_half { 0.0 } else { PAGE.outside }, ..PAGE };
        match () {
            () if networks < FEWEST => Severity::None,
            () if may_page && is(page) => Severity::Page,
            () if is(TICKET) || is(page) => Severity::Ticket,
            () => Severity::None,
        }
    }
}

/// What of it may be lost on the way: the control and the question are two datagrams, and a resolver is
/// asked the second only when the first came through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Silence {
    /// The share of the votes that fails by saying nothing.
    pub(super) share: f64,
    /// The share that is lost on the way to any resolver.
    pub(super) lost: f64,
}

/// How the name failed before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Before {
    /// The share that failed before it failed more, if it is known.
    pub(super) share: Option<f64>,
    /// How badly it failed in the last sweep.
    pub(super) severity: Severity,
}

/// How badly the name fails. Without a control that needs a history, since lists hold broken resolvers;
/// with one, silence counts as far as it is more than is lost anyway.
pub(super) fn failing(
    part: Part,
    silence: Silence,
    has_control: bool,
    resolvers: usize,
    before: Before,
) -> Severity {
    let lost = if has_control { silence.lost.min(silence.share) } else { 0.0 };
    let severity = part.less(lost).severity(resolvers);
    if has_control || severity == Severity::None {
        return severity;
    }
    let (share, Before { share: before, severity: was }) = (part.share, before);
    let began = is_at_least(share, HALF) && before.is_some_and(|it| is_at_least(USUAL, it));
    let may_page = resolvers >= SMALL || is_at_least(share, HALF);
    let goes_on = was == Severity::Page && may_page && is_at_least(share, PAGE.share);
    let rose = before.is_some_and(|it| is_at_least(share - it, RISE));
    let first = before.is_none() && is_at_least(share, HALF);
    let lasts = was != Severity::None && is_at_least(share, TICKET.share);
    match () {
        () if began || goes_on => Severity::Page,
        () if rose || first || lasts => Severity::Ticket,
        () => Severity::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(share: f64, outside: f64, networks: usize) -> Part {
        Part { share, outside, networks }
    }

    #[test]
    fn a_fifth_pages_and_a_tenth_is_a_ticket() {
        assert_eq!(part(0.2, 0.2, 100).severity(600), Severity::Page);
        assert_eq!(part(0.19, 0.19, 100).severity(600), Severity::Ticket);
        assert_eq!(part(0.08, 0.08, 100).severity(600), Severity::None);
    }

    #[test]
    fn countries_that_diverge_as_such_do_not_page_unless_they_are_half_of_the_votes() {
        assert_eq!(part(0.35, 0.01, 100).severity(600), Severity::None);
        assert_eq!(part(0.35, 0.06, 100).severity(600), Severity::Ticket);
        assert_eq!(part(0.55, 0.0, 100).severity(600), Severity::Page);
    }

    #[test]
    fn a_small_set_pages_when_half_of_its_votes_are_wrong() {
        assert_eq!(part(4.0 / 8.0, 0.5, 8).severity(8), Severity::Page);
        assert_eq!(part(3.0 / 8.0, 0.4, 8).severity(8), Severity::Ticket);
        assert_eq!(part(1.0 / 8.0, 0.1, 8).severity(8), Severity::None);
        assert_eq!(part(1.0, 1.0, 2).severity(8), Severity::None, "two networks are none");
    }

    #[test]
    fn without_a_control_a_name_fails_only_against_its_history() {
        let all = part(1.0, 1.0, 100);
        let none = Silence { share: 0.0, lost: 0.0 };
        let fails = |share, severity| failing(all, none, false, 600, Before { share, severity });
        assert_eq!(fails(Some(0.0), Severity::None), Severity::Page);
        assert_eq!(fails(None, Severity::None), Severity::Ticket);
        assert_eq!(fails(Some(0.95), Severity::None), Severity::None, "as ever");
        assert_eq!(fails(Some(0.6), Severity::Page), Severity::Page, "still");
        assert_eq!(failing(all, none, true, 600, Before::default()), Severity::Page);
    }

    #[test]
    fn what_is_lost_on_the_way_to_any_resolver_is_no_fault_of_the_name() {
        let fails = |share: f64, silent, lost| {
            let silence = Silence { share: silent, lost };
            failing(part(share, share, 100), silence, true, 600, Before::default())
        };
        assert_eq!(fails(0.36, 0.36, 0.36), Severity::None);
        assert_eq!(fails(0.9, 0.9, 0.36), Severity::Page);
        assert_eq!(fails(0.3, 0.0, 0.36), Severity::Page, "they say so");
    }
}
