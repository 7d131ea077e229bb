//! Whether the notifications of a replay are those that were due. No I/O, no clock.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use crate::sink::notification::{Alert, Channel, Notification, Status};

/// What a replay must lead to.
#[derive(Clone, Debug, Default)]
pub struct Expectation {
    /// Alerts that must be notified; the delay is measured to the first of them.
    pub must: Vec<&'static str>,
    /// Alerts that may be notified besides: true as well, only later or less sure.
    pub may: Vec<&'static str>,
    /// How many notifications may wake somebody up.
    pub pages: usize,
    /// The longest time from the start of the fault to the notification.
    pub within: Option<Duration>,
    /// Words that the text of the first expected alert must contain.
    pub says: Vec<&'static str>,
    /// The countries that the expected alerts must name between them, and no other; none where they are not about
    /// countries.
    pub countries: Vec<&'static str>,
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// The alerts that were notified as firing.
    pub got: BTreeSet<String>,
    /// Whether all came that must, for each country.
    pub is_complete: bool,
    /// From the start of the fault to the first expected alert.
    pub delay: Option<Duration>,
    /// What was not as it must be; empty when all is well.
    pub problems: Vec<String>,
}

impl Verdict {
    /// Whether everything was as expected.
    pub fn is_good(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Judges what arrived since a fault was `started`. `concerns` picks the alerts that are the
/// replay's own; an alert that was firing before is not.
pub fn judge(
    expectation: &Expectation,
    started: SystemTime,
    notifications: &[Notification],
    concerns: impl Fn(&Alert) -> bool,
) -> Verdict {
    let news: Vec<(&Notification, Vec<&Alert>)> = notifications
        .iter()
        .filter(|notification| notification.channel != Channel::Watchdog)
        .map(|one| (one, news_of(one, started, &concerns)))
        .filter(|(_, alerts)| !alerts.is_empty())
        .collect();
    let got: BTreeSet<String> = names(news.iter().flat_map(|(_, alerts)| alerts));
    let first = expectation.must.first().and_then(|name| {
        news.iter().find_map(|(notification, alerts)| {
            let alert = alerts.iter().find(|alert| alert.name() == *name)?;
            Some((notification.at.duration_since(started).unwrap_or_default(), *alert))
        })
    });
    let pages: Vec<_> = news.iter().filter(|(one, _)| one.channel == Channel::Page).collect();
    let repeats = |at: usize| {
        let (one, alerts) = pages[at];
        let before = pages[..at].iter().rev().find(|(it, _)| it.group_key == one.group_key);
        before.is_some_and(|(it, told)| {
            let is_old = |alert: &&Alert| told.iter().any(|before| before.labels == alert.labels);
            alerts.iter().all(is_old) && brings_others(it, one, &concerns)
        })
    };
    let pages = (0..pages.len()).filter(|at| !repeats(*at)).count();

    let countries = countries(expectation, news.iter().flat_map(|(_, alerts)| alerts));

    let mut problems = Vec::new();
    for name in expectation.must.iter().filter(|name| !got.contains(**name)) {
        problems.push(format!("{name} was not notified"));
    }
    for country in expectation.countries.iter().filter(|country| !countries.contains(**country)) {
        problems.push(format!("{country} was not named"));
    }
    let is_complete = problems.is_empty();
    let is_due = |country: &str| expectation.countries.contains(&country);
    for country in countries.iter().filter(|country| !is_due(country)) {
        problems.push(format!("{country} was named and should not have been"));
    }
    let expected = |name: &str| expectation.must.contains(&name) || expectation.may.contains(&name);
    for name in got.iter().filter(|name| !expected(name)) {
        problems.push(format!("{name} was notified and should not have been"));
    }
    if pages > expectation.pages {
        problems.push(format!("{pages} pages, where {} was to be expected", expectation.pages));
    }
    if let (Some(within), Some((delay, _))) = (expectation.within, first)
        && delay > within
    {
        let (delay, within) = (delay.as_secs(), within.as_secs());
        problems.push(format!("notified after {delay} s, where {within} s is the limit"));
    }
    if let Some((_, alert)) = first {
        let text = format!("{} {}", alert.annotation("summary"), alert.annotation("description"));
        for word in expectation.says.iter().filter(|word| !text.contains(**word)) {
            problems.push(format!("{} does not say {word:?}: {text}", alert.name()));
        }
    }
    Verdict { got, is_complete, delay: first.map(|(delay, _)| delay), problems }
}

/// The line that a replay ends with, for people and for programs. `seconds` is the detection delay,
/// 0 where no notification is due.
pub fn result_line(replay: &str, expectation: &Expectation, verdict: &Verdict) -> String {
    let list = |names: Vec<&str>| {
        if names.is_empty() { "none".to_owned() } else { names.join(",") }
    };
    let seconds = verdict.delay.map_or(0.0, |delay| delay.as_secs_f64());
    format!(
        "RESULT replay={replay} expected={} got={} seconds={seconds:.1}",
        list(expectation.must.clone()),
        list(verdict.got.iter().map(String::as_str).collect()),
    )
}

/// The alerts of a notification that are firing, concern the replay and began with it.
fn news_of<'a>(
    notification: &'a Notification,
    started: SystemTime,
    concerns: &impl Fn(&Alert) -> bool,
) -> Vec<&'a Alert> {
    let news = |alert: &&Alert| {
        alert.status == Status::Firing && alert.starts_at >= started && concerns(alert)
    };
    notification.alerts.iter().filter(news).collect()
}

/// Whether a notification tells of an alert that is not the replay's what the one before it in its group did not: then it
/// went out for that one.
fn brings_others(
    before: &Notification,
    one: &Notification,
    concerns: &impl Fn(&Alert) -> bool,
) -> bool {
    let others = one.alerts.iter().filter(|alert| !concerns(alert));
    let was_told = |alert: &Alert| {
        before.alerts.iter().any(|it| it.labels == alert.labels && it.status == alert.status)
    };
    others.into_iter().any(|alert| !was_told(alert))
}

/// The countries that the expected alerts name; none where they are not about countries.
fn countries<'a>(
    expectation: &Expectation,
    alerts: impl Iterator<Item = &'a &'a Alert>,
) -> BTreeSet<String> {
    let is_about = |alert: &&&Alert| {
        !expectation.countries.is_empty() && expectation.must.contains(&alert.name())
    };
    alerts.filter(is_about).map(|alert| alert.label("country").to_owned()).collect()
}

fn names<'a>(alerts: impl Iterator<Item = &'a &'a Alert>) -> BTreeSet<String> {
    alerts.map(|alert| alert.name().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::UNIX_EPOCH;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn alert(name: &str, starts: u64) -> Alert {
        Alert {
            status: Status::Firing,
            labels: BTreeMap::from([("alertname".to_owned(), name.to_owned())]),
            annotations: BTreeMap::from([("description".to_owned(), "status 500".to_owned())]),
            starts_at: at(starts),
            ends_at: at(0),
        }
    }

    fn arrival(seconds: u64, channel: Channel, alerts: Vec<Alert>) -> Notification {
        Notification {
            id: seconds,
            at: at(seconds),
            channel,
            status: Status::Firing,
            group_key: String::new(),
            group_labels: BTreeMap::new(),
            alerts,
        }
    }

    fn outage() -> Expectation {
        Expectation {
            must: vec!["Down"],
            pages: 1,
            within: Some(Duration::from_secs(120)),
            says: vec!["500"],
            ..Expectation::default()
        }
    }

    fn judged(expectation: &Expectation, arrivals: &[Notification]) -> Verdict {
        judge(expectation, at(1000), arrivals, |_| true)
    }

    #[test]
    fn one_page_in_time_is_good() {
        let verdict = judged(&outage(), &[arrival(1110, Channel::Page, vec![alert("Down", 1100)])]);
        assert_eq!(verdict.problems, [""; 0]);
        assert_eq!(
            result_line("amsterdam", &outage(), &verdict),
            "RESULT replay=amsterdam expected=Down got=Down seconds=110.0"
        );
    }

    #[test]
    fn silence_is_good_only_where_it_is_due() {
        let silence = Expectation::default();
        let verdict = judged(&silence, &[]);
        assert!(verdict.is_good());
        assert_eq!(
            result_line("blip", &silence, &verdict),
            "RESULT replay=blip expected=none got=none seconds=0.0"
        );
        assert_eq!(judged(&outage(), &[]).problems, ["Down was not notified"]);
    }

    #[test]
    fn each_fault_is_named() {
        let late = arrival(1130, Channel::Page, vec![alert("Down", 1100)]);
        assert_eq!(
            judged(&outage(), &[late]).problems,
            ["notified after 130 s, where 120 s is the limit"]
        );
        let twice = [1050, 1060].map(|t| arrival(t, Channel::Page, vec![alert("Down", 1040)]));
        assert_eq!(judged(&outage(), &twice).problems, ["2 pages, where 1 was to be expected"]);
        let other = arrival(1050, Channel::Ticket, vec![alert("Down", 1040), alert("Odd", 1040)]);
        assert_eq!(
            judged(&outage(), &[other]).problems,
            ["Odd was notified and should not have been"]
        );
        let mut mute = outage();
        mute.says = vec!["503"];
        let found = judged(&mute, &[arrival(1050, Channel::Page, vec![alert("Down", 1040)])]);
        assert!(found.problems[0].starts_with("Down does not say \"503\""));
    }

    #[test]
    fn a_page_that_another_alert_brought_is_not_counted_twice_and_a_repetition_is() {
        let of = |target: &str| {
            let mut alert = alert("Down", 1100);
            alert.labels.insert("target".to_owned(), target.to_owned());
            alert
        };
        let mine = |alert: &Alert| alert.label("target") == "mail";
        let judged = |second: Vec<Alert>| {
            let first = arrival(1110, Channel::Page, vec![of("mail")]);
            let arrivals = [first, arrival(1170, Channel::Page, second)];
            judge(&outage(), at(1000), &arrivals, mine).problems
        };
        assert_eq!(judged(vec![of("mail"), of("chat")]), [""; 0]);
        assert_eq!(judged(vec![of("mail")]), ["2 pages, where 1 was to be expected"]);
    }

    #[test]
    fn the_countries_that_are_due_are_named_and_no_other() {
        let expectation = Expectation {
            must: vec!["Diverges"],
            may: vec!["Odd"],
            countries: vec!["CN", "RU"],
            ..Expectation::default()
        };
        let of = |name: &str, country: &str| {
            let mut alert = alert(name, 1040);
            alert.labels.insert("country".to_owned(), country.to_owned());
            alert
        };
        let told = |countries: &[&str]| {
            let alerts = countries.iter().map(|country| of("Diverges", country)).collect();
            // What another alert names does not matter.
            let arrivals = [
                arrival(1050, Channel::Ticket, alerts),
                arrival(1055, Channel::Ticket, vec![of("Odd", "FR")]),
            ];
            judged(&expectation, &arrivals)
        };
        let both = told(&["RU", "CN"]);
        assert!(both.is_good() && both.is_complete, "{both:?}");
        let one = told(&["CN"]);
        assert_eq!(one.problems, ["RU was not named"]);
        assert!(!one.is_complete, "the other may come yet");
        let three = told(&["CN", "RU", "DE"]);
        assert_eq!(three.problems, ["DE was named and should not have been"]);
        assert!(three.is_complete, "nothing mends that");
        assert!(!judged(&expectation, &[]).is_complete);
    }

    #[test]
    fn what_fired_before_and_the_watchdog_do_not_count() {
        let old = arrival(1010, Channel::Page, vec![alert("Odd", 900)]);
        let dog = arrival(1010, Channel::Watchdog, vec![alert("Watchdog", 1005)]);
        assert!(judged(&Expectation::default(), &[old, dog]).is_good());
    }
}
