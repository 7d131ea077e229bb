//! The receivers that the shipped `alertmanager.yml` has examples of, each delivered to: what a real
//! Alertmanager sends to a mail server, to Slack, PagerDuty, Telegram, Microsoft Teams and a webhook, when
//! two alerts fire, when one of them is over, and when both are.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod examples;
mod message;
mod said;
mod smtp;
mod web;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use turbulence_lab::alertmanager::Alertmanager;
use turbulence_lab::http;
use turbulence_lab::ports;
use turbulence_lab::process::{Launcher, find};
use turbulence_lab::sink::notification::{Channel, Notification};
use turbulence_lab::sink::{Mark, Sink};

use self::said::{Moment, Phase};

const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn the_shipped_configuration_and_the_examples_in_it_are_valid() {
    let folder = tempfile::tempdir().unwrap();
    examples::copy_templates(&folder.path().join("templates"));
    for (name, config) in [("shipped", examples::shipped()), ("examples", examples::examples())] {
        let file = folder.path().join(format!("{name}.yml"));
        fs::write(&file, config).unwrap();
        let amtool = find("amtool", "prometheus-alertmanager").unwrap();
        let output = Command::new(amtool).arg("check-config").arg(&file).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

fn alert(severity: &str, target: &str, from: Timestamp, to: Option<Timestamp>) -> Value {
    let mut alert = json!({
        "labels": {
            "alertname": "IpmiSensorLost", "severity": severity, "domain": "thermal", "scope": "host",
            "target": target, "site": "s", "rack": "r", "id": "32.0.5", "name": "05-HD Max",
        },
        "annotations": {
            "headline": format!("{target}: 05-HD Max is <gone>"),
            "summary": "A sensor is gone.", "description": said::DESCRIPTION,
            "first_action": "Look.", "runbook_url": "http://runbooks/IpmiSensorLost",
            "dashboard_url": said::DASHBOARD,
        },
        "startsAt": from.to_string(),
        "generatorURL": said::QUERY,
    });
    if let Some(to) = to {
        alert["endsAt"] = to.to_string().into();
    }
    alert
}

/// Everything that takes in what Alertmanager sends.
struct Fakes {
    letters: mpsc::UnboundedReceiver<smtp::Letter>,
    posts: mpsc::UnboundedReceiver<web::Post>,
    sink: Sink,
    mark: Mark,
}

impl Fakes {
    /// One message of each receiver, which is all that comes of a change.
    async fn next(&mut self) -> BTreeMap<String, Value> {
        let count = 3 + usize::from(examples::installed() >= (0, 28));
        let mut posts = BTreeMap::new();
        while posts.len() < count {
            let (to, body) = self.posts.recv().await.unwrap();
            let again = posts.insert(to.clone(), body);
            assert!(again.is_none(), "posted to {to} twice: {again:?}");
        }
        posts
    }

    /// One notification a channel.
    async fn hooks(&mut self) -> Vec<Notification> {
        let mut arrivals = self.sink.subscribe();
        let posted = |sink: &Sink, mark| -> Vec<Notification> {
            let all = sink.since(mark).into_iter();
            all.filter(|one| one.channel != Channel::Watchdog).collect()
        };
        while posted(&self.sink, self.mark).len() < 2 {
            arrivals.recv().await.unwrap();
        }
        let arrived = posted(&self.sink, self.mark);
        self.mark = self.sink.mark();
        arrived
    }

    /// Gives the letter.
    async fn good(&mut self, moment: Moment) -> smtp::Letter {
        let letter = tokio::time::timeout(PATIENCE, self.letters.recv()).await.unwrap().unwrap();
        said::good_letter(&letter, moment);
        let posts = tokio::time::timeout(PATIENCE, self.next()).await.unwrap();
        for (to, body) in &posts {
            match to.as_str() {
                "/slack" => said::good_slack(body, moment),
                "/pagerduty" => said::good_pagerduty(body, moment),
                "/teams" => said::good_teams(body, moment),
                _ => said::good_telegram(body, moment),
            }
        }
        let hooks = tokio::time::timeout(PATIENCE, self.hooks()).await.unwrap();
        assert_eq!(hooks.len(), 2, "{hooks:?}");
        for hook in &hooks {
            said::good_hook(hook, moment);
        }
        letter
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_documented_receiver_is_told_of_the_beginning_of_a_change_and_of_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let launcher = Launcher::start().unwrap();
    let sink = Sink::start(ports::listener(None).unwrap(), folder.path()).unwrap();
    let (smtp, letters) = smtp::start().await;
    let (web, posts) = web::start().await;
    examples::lay_out(folder.path(), smtp, web);
    let address = ports::address(None);
    let data = folder.path().join("alertmanager");
    fs::create_dir(&data).unwrap();
    let alertmanager =
        Alertmanager::start(&launcher, folder.path(), &data, address, sink.address())
            .await
            .unwrap();
    let mut fakes = Fakes { letters, posts, sink, mark: Mark::default() };

    let now = Timestamp::try_from(SystemTime::now()).unwrap();
    // Alertmanager waits for no more alerts of a group when one has fired for longer than `group_wait`: what is
    // fourteen minutes old at its end is new at the beginning.
    let to = now - Duration::from_secs(60);
    let from = |phase| if phase == Phase::Firing { now } else { now - Duration::from_secs(900) };
    let moment = |phase| Moment { phase, from: from(phase), to };
    let url = format!("{}/api/v2/alerts", alertmanager.url());
    let post = async |phase| {
        let over = moment(phase).resolved();
        let of = |severity: &str, target: &str| {
            alert(severity, target, from(phase), over.contains(&target).then_some(to))
        };
        let alerts: Vec<Value> = ["warning", "critical"]
            .iter()
            .flat_map(|severity| said::TARGETS.map(|target| of(severity, target)))
            .collect();
        let (status, answer) = http::post_json(&url, json!(alerts).to_string()).await.unwrap();
        assert_eq!(status, 200, "{answer}");
    };
    for phase in [Phase::Firing, Phase::Changed, Phase::Over] {
        post(phase).await;
        let letter = fakes.good(moment(phase)).await;
        if phase == Phase::Firing {
            silences_name_their_alert_alone(&alertmanager.url(), &letter).await;
        }
    }

    // An alert of one's own, which has no link.
    let bare = |severity: &str| {
        let labels = json!({"alertname": "Own", "severity": severity});
        json!({"labels": labels, "annotations": {"summary": "It is so."}})
    };
    let alerts = json!([bare("warning"), bare("critical")]);
    let (status, answer) = http::post_json(&url, alerts.to_string()).await.unwrap();
    assert_eq!(status, 200, "{answer}");
    let letter = tokio::time::timeout(PATIENCE, fakes.letters.recv()).await.unwrap().unwrap();
    said::good_bare("mail", &letter.text.into());
    for (to, body) in tokio::time::timeout(PATIENCE, fakes.next()).await.unwrap() {
        said::good_bare(&to, &body);
    }
}

/// Asks Alertmanager for what each silence of a letter would silence.
async fn silences_name_their_alert_alone(url: &str, letter: &smtp::Letter) {
    let plain = message::part(&letter.text, "text/plain").unwrap();
    let links: Vec<&str> = plain
        .lines()
        .filter_map(|line| line.split_once("/silences/new?filter="))
        .map(|it| it.1)
        .collect();
    assert_eq!(links.len(), said::TARGETS.len(), "{plain}");
    for (link, target) in links.iter().zip(said::TARGETS) {
        let filter: String = url::form_urlencoded::parse(format!("f={link}").as_bytes())
            .map(|(_, value)| value.into_owned())
            .collect();
        let matchers = filter.trim_start_matches('{').trim_end_matches('}').replace("\",", "\"\n");
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(matchers.lines().map(|matcher| ("filter", matcher)))
            .finish();
        let answer = http::fetch(&format!("{url}/api/v2/alerts?{query}")).await.unwrap();
        let found: Vec<Value> = serde_json::from_str(&answer).unwrap();
        let found: Vec<&str> =
            found.iter().map(|alert| alert["labels"]["target"].as_str().unwrap()).collect();
        assert_eq!(found, [target], "{filter}");
    }
}
