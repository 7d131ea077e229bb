//! What is as wanted, and what is not.

use super::*;

const WORLD: &str = "
name: x
seconds: 600
scrapes: {interval: 5s}
want: [{alert: Hot, severity: critical, by: 100, until: 500, labels: {target: a}}]
allow: [Fan]
pages: 1
";

fn labels(alert: &str) -> Labels {
    let mut words = alert.split(' ');
    ["alertname", "severity", "target"]
        .into_iter()
        .map(|name| (name.to_owned(), words.next().unwrap().to_owned()))
        .collect()
}

/// What is wrong when these alerts fire and are told at once, by `world`.
fn wrong(world: &str, alerts: &[(&str, u64, u64)]) -> Vec<String> {
    let world = World::parse(world, "x.yml").unwrap();
    let mut timeline = Timeline::new(5, 600);
    let mut told = Vec::new();
    for (alert, from, until) in alerts {
        let labels = labels(alert);
        (from / 5..until / 5).for_each(|look| {
            timeline.fires(labels.clone(), usize::try_from(look).unwrap());
        });
        let receiver = if alert.contains("critical") { PAGE } else { TICKET };
        told.push(Notification {
            at: *from,
            receiver: receiver.to_owned(),
            firing: vec![labels],
            resolved: Vec::new(),
            is_news: true,
        });
    }
    judge(&world, &timeline, &told).wrong
}

#[test]
fn what_is_wanted_in_time_and_what_is_allowed_is_right() {
    let alerts = [("Hot critical a", 50, 600), ("Fan warning a", 60, 600)];
    assert!(wrong(WORLD, &alerts).is_empty());
}

#[test]
fn each_fault_is_told() {
    assert_eq!(wrong(WORLD, &[]), ["missing Hot/critical target=a"]);
    assert_eq!(wrong(WORLD, &[("Hot critical a", 105, 600)]), ["Hot late: 105s > 100s"]);
    assert_eq!(wrong(WORLD, &[("Hot critical a", 50, 400)]), ["Hot gone at 500s"]);
    let good = ("Hot critical a", 50, 600);
    let over = WORLD.replace("until: 500", "over: 500");
    assert_eq!(wrong(&over, &[good]), ["Hot still there at 500s"]);
    assert_eq!(
        wrong(WORLD, &[good, ("Odd warning b", 70, 80)]),
        ["unwanted ticket Odd at 70s (b)"]
    );
    assert_eq!(wrong(WORLD, &[good, ("Hot critical b", 70, 80)]), ["2 pages > 1"]);
    let ticket = WORLD.replace("critical", "warning").replace("pages: 1", "pages: 9");
    assert_eq!(
        wrong(&ticket, &[("Hot warning a", 50, 600), good]),
        ["a page instead of a ticket: Hot at 50s"]
    );
}

#[test]
fn any_takes_every_alert_that_is_severe_enough() {
    let any = |severity: &str| {
        format!(
            "{{name: x, seconds: 600, scrapes: {{interval: 5s}}, want: [{{alert: ANY, severity: {severity}, by: 100}}]}}"
        )
    };
    assert!(wrong(&any("warning"), &[("Odd critical a", 50, 600)]).is_empty());
    assert_eq!(wrong(&any("critical"), &[("Odd warning a", 50, 600)]), ["missing ANY/critical"]);
    let tickets = "{name: x, seconds: 600, scrapes: {interval: 5s}, allow: [ANYTICKET]}";
    assert!(wrong(tickets, &[("Odd warning a", 50, 600)]).is_empty());
    assert!(!wrong(tickets, &[("Odd critical a", 50, 600)]).is_empty());
}
