//! Whether the right people were told the right thing in time, and nobody anything else. No I/O, no clock.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::format::{Severity, Want, World};
use super::names::is_meant;
use super::notifications::Notification;
use super::timeline::{Labels, Timeline};

/// Any alert.
const ANY: &str = "ANY";

/// Any alert that only makes a ticket.
const ANY_TICKET: &str = "ANYTICKET";

/// The receivers of the shipped configuration that count.
const PAGE: &str = "page";
const TICKET: &str = "ticket";

/// What came of a world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opinion {
    /// What was notified, in a line.
    pub got: String,
    /// What is not as wanted.
    pub wrong: Vec<String>,
}

/// When and whom an alert was told first.
type Told<'a> = BTreeMap<&'a Labels, (u64, &'a str)>;

/// Holds what was notified against what a world wants.
pub(crate) fn judge(world: &World, timeline: &Timeline, notifications: &[Notification]) -> Opinion {
    let mut told = Told::new();
    for it in notifications.iter().filter(|it| [PAGE, TICKET].contains(&it.receiver.as_str())) {
        for labels in &it.firing {
            told.entry(labels).or_insert((it.at, &it.receiver));
        }
    }
    let rings = |receiver: &str| {
        notifications.iter().filter(|it| it.is_news && it.receiver == receiver).count()
    };
    let (pages, tickets) = (rings(PAGE), rings(TICKET));

    let mut wrong: Vec<String> =
        world.want.iter().filter_map(|want| unmet(want, timeline, &told)).collect();
    wrong.extend(told.iter().filter_map(|(labels, told)| unwanted(world, labels, *told)));
    if let Some(most) = world.pages
        && pages > most
    {
        wrong.push(format!("{pages} pages > {most}"));
    }
    Opinion { got: line(timeline, &told, pages, tickets), wrong }
}

fn name(labels: &Labels) -> &str {
    labels.get("alertname").map_or("", String::as_str)
}

fn is_severe(labels: &Labels, want: &Want) -> bool {
    let severity = labels.get("severity").map_or("", String::as_str);
    let is_more = want.alert == ANY && severity == Severity::Critical.as_str();
    severity == want.severity.as_str() || is_more
}

fn is_wanted(labels: &Labels, want: &Want) -> bool {
    (want.alert == ANY || is_meant(name(labels), &want.alert))
        && is_severe(labels, want)
        && want.labels.iter().all(|(name, value)| labels.get(name) == Some(value))
}

/// What is wrong with a wish.
fn unmet(want: &Want, timeline: &Timeline, told: &Told<'_>) -> Option<String> {
    let Want { alert, severity, by, until, over, labels } = want;
    let first =
        told.iter().filter(|(labels, _)| is_wanted(labels, want)).map(|(_, (at, _))| *at).min();
    let Some(first) = first else {
        let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        return Some(
            format!("missing {alert}/{} {}", severity.as_str(), labels.join(",")).trim().to_owned(),
        );
    };
    if first > *by {
        return Some(format!("{alert} late: {first}s > {by}s"));
    }
    let fires = |second: u64| {
        timeline.firing(timeline.look_at(second)).any(|labels| is_wanted(labels, want))
    };
    match (until, over) {
        (Some(until), _) if !fires(*until) => Some(format!("{alert} gone at {until}s")),
        (_, Some(over)) if fires(*over) => Some(format!("{alert} still there at {over}s")),
        _ => None,
    }
}

/// What is wrong with an alert that was told.
fn unwanted(world: &World, labels: &Labels, (at, receiver): (u64, &str)) -> Option<String> {
    let names = |by: &str| {
        by == ANY || (by == ANY_TICKET && receiver == TICKET) || is_meant(name(labels), by)
    };
    let allowed = world.allow.iter().any(|by| names(by));
    if !allowed && !world.want.iter().any(|want| names(&want.alert)) {
        let about: Vec<&str> = ["site", "target", "name", "vantage", "region", "country"]
            .iter()
            .filter_map(|label| labels.get(*label).map(String::as_str))
            .collect();
        return Some(format!(
            "unwanted {receiver} {} at {at}s ({})",
            name(labels),
            about.join(",")
        ));
    }
    let may_page = |want: &Want| {
        want.alert == ANY || (names(&want.alert) && want.severity == Severity::Critical)
    };
    let pages = labels.get("severity").is_some_and(|it| it == Severity::Critical.as_str());
    let is_too_much = pages && !allowed && !world.want.iter().any(|want| may_page(want));
    is_too_much.then(|| format!("a page instead of a ticket: {} at {at}s", name(labels)))
}

fn line(timeline: &Timeline, told: &Told<'_>, pages: usize, tickets: usize) -> String {
    let mut first: Vec<(u64, &str, &str)> =
        told.iter().map(|(labels, (at, receiver))| (*at, name(labels), *receiver)).collect();
    first.sort_unstable();
    let mut shown: Vec<(&str, &str, u64, usize)> = Vec::new();
    for (at, name, receiver) in first {
        match shown.iter_mut().find(|it| (it.0, it.1) == (name, receiver)) {
            Some(it) => it.3 += 1,
            None => shown.push((name, receiver, at, 1)),
        }
    }
    let mut line = shown
        .iter()
        .map(|(name, receiver, at, count)| {
            let times = if *count > 1 { format!("(x{count})") } else { String::new() };
            format!("{name}:{receiver}@{at}s{times}")
        })
        .collect::<Vec<_>>()
        .join("; ");
    if line.is_empty() {
        line.push_str("silence");
    } else {
        let _ = write!(line, " [{pages} pages, {tickets} tickets]");
    }
    let mut silent: Vec<&str> = timeline.alerts.keys().map(name).collect();
    silent.retain(|alert| !shown.iter().any(|it| it.0 == *alert));
    silent.dedup();
    if !silent.is_empty() {
        let _ = write!(line, " (fired, not told: {})", silent.join(","));
    }
    line
}

#[cfg(test)]
mod tests;
