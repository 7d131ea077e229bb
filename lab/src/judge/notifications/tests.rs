//! The model on its own: waiting, grouping, repeating, inhibiting.

use super::*;

const CONFIG: &str = r#"
route:
  receiver: ticket
  group_by: [alertname, rack]
  group_wait: 10s
  group_interval: 1m
  repeat_interval: 1h
  routes:
    - {matchers: ['severity="info"'], receiver: nobody}
    - matchers: [severity="critical"]
      receiver: page
      group_wait: 0s
      routes:
        - {matchers: [alertname=~"Rack.+|Hall"], group_by: [alertname]}
inhibit_rules:
  - source_matchers: [alertname="Hot"]
    target_matchers: [alertname=~"Hot|Fan"]
    equal: [rack]
receivers:
  - {name: ticket, webhook_configs: [{url: "http://x/"}]}
  - {name: page, webhook_configs: [{url: "http://x/", send_resolved: false}]}
  - name: nobody
"#;

/// What is told of alerts `Name severity rack` that fire from one second until another.
fn told(seconds: u64, alerts: &[(&str, u64, u64)]) -> Vec<String> {
    let config = Config::parse(CONFIG, "test").unwrap();
    let mut timeline = Timeline::new(5, seconds);
    for (words, from, until) in alerts {
        let values = words.split(' ').map(str::to_owned);
        let names = ["alertname", "severity", "rack"].map(str::to_owned);
        let labels: Labels = names.into_iter().zip(values).collect();
        (from / 5..until / 5).for_each(|look| {
            timeline.fires(labels.clone(), usize::try_from(look).unwrap());
        });
    }
    let names = |all: &[Labels]| {
        let names = all.iter().map(|it| format!("{}/{}", it["alertname"], it["rack"]));
        names.collect::<Vec<_>>().join("+")
    };
    notifications(&config, &timeline)
        .iter()
        .map(|it| {
            let news = if it.is_news { "!" } else { "" };
            format!(
                "{} {}{news} {} -{}",
                it.at,
                it.receiver,
                names(&it.firing),
                names(&it.resolved)
            )
        })
        .collect()
}

#[test]
fn what_comes_within_the_wait_is_told_together_and_what_comes_later_with_the_next_look() {
    assert_eq!(
        told(
            200,
            &[("Fan warning a", 10, 400), ("Fan warning b", 10, 400), ("Lost warning a", 15, 30)]
        ),
        ["20 ticket! Fan/a -", "20 ticket! Fan/b -", "25 ticket! Lost/a -", "85 ticket  -Lost/a"]
    );
    assert_eq!(
        told(200, &[("RackHot critical a", 10, 400), ("RackHot critical b", 15, 400)]),
        ["10 page! RackHot/a -", "70 page! RackHot/a+RackHot/b -"]
    );
}

#[test]
fn the_same_is_told_once_until_it_is_repeated() {
    assert_eq!(
        told(8000, &[("Fan warning a", 0, 9000)]),
        ["10 ticket! Fan/a -", "3670 ticket Fan/a -", "7330 ticket Fan/a -"]
    );
}

#[test]
fn an_end_is_told_to_who_wants_to_know() {
    assert_eq!(
        told(300, &[("Fan warning a", 0, 30), ("Gone critical a", 0, 30)]),
        ["0 page! Gone/a -", "10 ticket! Fan/a -", "70 ticket  -Fan/a"]
    );
}

#[test]
fn nobody_is_told_of_what_another_alert_explains_or_of_info() {
    let hot = ("Hot critical a", 0, 100);
    assert_eq!(
        told(
            200,
            &[hot, ("Fan warning a", 0, 100), ("Fan warning b", 0, 300), ("Odd info a", 0, 300)]
        ),
        ["0 page! Hot/a -", "10 ticket! Fan/b -"]
    );
    // Two that would silence each other are both told; who outlives its source is told then.
    assert_eq!(
        told(200, &[hot, ("Fan warning a", 0, 300)]),
        ["0 page! Hot/a -", "130 ticket! Fan/a -"]
    );
}
