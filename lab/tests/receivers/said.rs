//! What each receiver must be told: of two that fire, of one that is left, of two that are over.

use jiff::Timestamp;
use serde_json::{Value, json};
use turbulence_lab::sink::notification::{Channel, Notification, Status};

use crate::message;
use crate::smtp::Letter;

/// The first one recovers before the other.
pub(crate) const TARGETS: [&str; 2] = ["srv <1>&\"a\"", "srv-2"];
pub(crate) const DESCRIPTION: &str = "24 °C <before> & nothing_at_all after.";
/// What a link must carry unharmed.
pub(crate) const DASHBOARD: &str =
    "http://grafana/d/turbulence-thermal?var-target=srv+%3C1%3E%26%22a%22";
/// As long as such an address is; nobody is to read it.
pub(crate) const QUERY: &str = "http://prometheus/graph?g0.expr=a+%3E+1&g0.tab=1";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Firing,
    Changed,
    Over,
}

/// What is told, and of which time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) phase: Phase,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

impl Moment {
    fn title(self, severity: &str) -> String {
        match self.phase {
            Phase::Firing => format!("{severity} srv ‹1›&\"a\": 05-HD Max is ‹gone› (+1)"),
            Phase::Changed => format!("{severity} srv-2: 05-HD Max is ‹gone›"),
            Phase::Over => "RESOLVED srv ‹1›&\"a\": 05-HD Max is ‹gone› (after 14 min)".to_owned(),
        }
    }

    fn firing(self) -> &'static [&'static str] {
        match self.phase {
            Phase::Firing => &TARGETS,
            Phase::Changed => &TARGETS[1..],
            Phase::Over => &[],
        }
    }

    pub(crate) fn resolved(self) -> &'static [&'static str] {
        match self.phase {
            Phase::Firing => &[],
            Phase::Changed => &TARGETS[..1],
            Phase::Over => &TARGETS,
        }
    }

    fn live_dashboard(self) -> String {
        let start = self.from.as_millisecond() - 3_600_000;
        format!("{DASHBOARD}&from={start}&to=now")
    }

    /// To a quarter of an hour after the end.
    fn past_dashboard(self) -> String {
        let start = self.from.as_millisecond() - 3_600_000;
        format!("{DASHBOARD}&from={start}&to={}", self.to.as_millisecond() + 900_000)
    }

    /// What the title's links lead to.
    fn dashboard(self) -> String {
        if self.phase == Phase::Over { self.past_dashboard() } else { self.live_dashboard() }
    }
}

/// Each alert's own silence, and nobody else's. A quote within a value has a backslash before it.
fn silence_of(target: &str) -> String {
    let target = target.replace('"', "\\\"").replace('\\', "%5C");
    let target = target.replace(' ', "%20").replace('<', "%3C").replace('>', "%3E");
    let target = target.replace('&', "%26").replace('"', "%22");
    format!("%2Ctarget%3D%22{target}%22%7D")
}

/// What every text holds, whatever the marks are. `kept` writes a description as it stands there.
fn good_text(text: &str, moment: Moment, kept: impl Fn(&str) -> String) {
    assert!(!text.contains("<no value>") && !text.contains(QUERY), "{text}");
    let (firing, resolved) = (moment.firing(), moment.resolved());
    assert_eq!(text.matches(&kept(DESCRIPTION)).count(), 2, "{text}");
    assert_eq!(text.matches("Since").count(), firing.len(), "{text}");
    assert_eq!(text.matches("Resolved after 14 min: ").count(), resolved.len(), "{text}");
    assert_eq!(text.matches("Said at the last:").count(), resolved.len(), "{text}");
    assert_eq!(text.matches("/#/silences/new?filter=").count(), firing.len(), "{text}");
    for target in firing {
        assert!(text.contains(&silence_of(target)), "{target}: {text}");
    }
    assert_eq!(text.matches("http://runbooks/IpmiSensorLost").count(), 2, "{text}");
    assert_eq!(text.matches(&moment.live_dashboard()).count(), firing.len(), "{text}");
    assert_eq!(text.matches(&moment.past_dashboard()).count(), resolved.len(), "{text}");
    if let (Some(fires), Some(over)) = (text.find("Since"), text.find("Resolved after")) {
        assert!(fires < over, "what fires comes first: {text}");
    }
}

pub(crate) fn good_letter(letter: &Letter, moment: Moment) {
    assert_eq!(letter.to, ["operations@example.com"]);
    let text = &letter.text;
    assert_eq!(message::header(text, "From"), "alertmanager@example.com");
    assert_eq!(message::shown(&message::header(text, "Subject")), moment.title("WARNING"));
    let plain =
        message::part(text, "text/plain").unwrap_or_else(|| panic!("no plain text: {text}"));
    let html = message::part(text, "text/html").expect("a part of HTML");
    good_text(&plain, moment, str::to_owned);
    assert_eq!(
        html.matches("24 °C &lt;before&gt; &amp; nothing_at_all after.").count(),
        2,
        "{html}"
    );
    // Each link of the page is one of the text, to the letter, but the query.
    let links = message::links(&html);
    let words: Vec<&str> = links.iter().map(|(words, _)| words.as_str()).collect();
    let fires = ["Runbook", "Dashboard", "Silence", "Query"];
    let over = ["Runbook", "Dashboard"];
    let wanted: Vec<&str> =
        [fires.repeat(moment.firing().len()), over.repeat(moment.resolved().len())].concat();
    assert_eq!(words, wanted);
    // "%3c" and "%3C" are the same.
    let upper = plain.to_uppercase();
    for (words, address) in &links {
        let is_there = upper.contains(&format!("{words}: {address}\n").to_uppercase());
        assert!(is_there || address == QUERY, "{words}: {address}\n{plain}");
    }
}

fn slack_marks(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

pub(crate) fn good_slack(body: &Value, moment: Moment) {
    assert_eq!(body["channel"], "#on-call");
    let message = &body["attachments"][0];
    assert_eq!(message["title"], moment.title("CRITICAL"));
    assert_eq!(message["title_link"], moment.dashboard());
    assert_eq!(message["fallback"], message["title"], "what a phone shows");
    let colour = if moment.phase == Phase::Over { "good" } else { "danger" };
    assert_eq!(message["color"], colour);
    good_text(message["text"].as_str().unwrap(), moment, slack_marks);
    let actions = message["actions"].as_array().unwrap();
    let buttons: Vec<(&str, &str)> = actions
        .iter()
        .map(|action| (action["text"].as_str().unwrap(), action["url"].as_str().unwrap()))
        .collect();
    // A silence for all that they have in common is offered by none.
    let dashboard = moment.dashboard();
    assert_eq!(buttons, [("Runbook", "http://runbooks/IpmiSensorLost"), ("Dashboard", &dashboard)]);
}

pub(crate) fn good_pagerduty(body: &Value, moment: Moment) {
    let action = if moment.phase == Phase::Over { "resolve" } else { "trigger" };
    assert_eq!((&body["event_action"], &body["routing_key"]), (&json!(action), &json!("key")));
    let payload = &body["payload"];
    assert_eq!(payload["summary"], moment.title("CRITICAL"));
    assert_eq!(payload["severity"], "critical");
    assert_eq!(payload["class"], "IpmiSensorLost");
    assert_eq!(payload["source"], "rack r at s", "what they have in common");
    let details = payload["custom_details"].as_object().unwrap();
    let names: Vec<&str> = details.keys().map(String::as_str).collect();
    assert_eq!(names, ["firing", "num_firing", "num_resolved", "resolved"]);
    let detail = |name: &str| match &details[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    assert_eq!(detail("num_firing"), moment.firing().len().to_string());
    assert_eq!(detail("num_resolved"), moment.resolved().len().to_string());
    good_text(&(detail("firing") + "\n\n" + &detail("resolved")), moment, str::to_owned);
    assert!(!detail("firing").contains("Labels:"), "no list of labels: {body}");
    let links = body["links"].as_array().unwrap();
    assert_eq!(links[0]["href"], "http://runbooks/IpmiSensorLost");
    assert_eq!(links[1]["href"], moment.dashboard());
}

pub(crate) fn good_telegram(body: &Value, moment: Moment) {
    assert_eq!(body["chat_id"], "-1001234567890");
    assert!(body["parse_mode"].as_str().is_none_or(str::is_empty), "{body}");
    let (title, text) = body["text"].as_str().unwrap().split_once("\n\n").unwrap();
    assert_eq!(title, moment.title("CRITICAL"));
    assert!(text.chars().count() < 2000 && !text.contains("Silence"), "{text}");
    assert_eq!(text.matches(DESCRIPTION).count(), 2, "{text}");
    assert_eq!(text.matches("Since: ").count(), moment.firing().len(), "{text}");
    assert_eq!(text.matches(&moment.live_dashboard()).count(), moment.firing().len(), "{text}");
    assert_eq!(text.matches("Resolved after 14 min: ").count(), moment.resolved().len(), "{text}");
}

pub(crate) fn good_teams(body: &Value, moment: Moment) {
    let card = &body["attachments"][0];
    assert_eq!(card["contentType"], "application/vnd.microsoft.card.adaptive");
    let blocks = card["content"]["body"].as_array().unwrap();
    let texts: Vec<&str> = blocks.iter().map(|block| block["text"].as_str().unwrap()).collect();
    assert_eq!(texts[0], moment.title("WARNING"));
    good_text(texts[1], moment, |text| text.replace('_', "\\_"));
}

pub(crate) fn good_hook(hook: &Notification, moment: Moment) {
    assert!(matches!(hook.channel, Channel::Page | Channel::Ticket));
    let status = if moment.phase == Phase::Over { Status::Resolved } else { Status::Firing };
    assert_eq!(hook.status, status);
    let of = |status: Status| -> Vec<&str> {
        let those = hook.alerts.iter().filter(|alert| alert.status == status);
        those.map(|alert| alert.label("target")).collect()
    };
    assert_eq!(of(Status::Firing), moment.firing());
    assert_eq!(of(Status::Resolved), moment.resolved());
    for alert in &hook.alerts {
        let target = alert.label("target");
        assert_eq!(alert.annotation("headline"), format!("{target}: 05-HD Max is <gone>"));
        assert_eq!(alert.annotation("dashboard_url"), DASHBOARD);
    }
}

/// What a receiver makes of an alert that has a name, a severity and a summary alone.
pub(crate) fn good_bare(to: &str, body: &Value) {
    let text = body.to_string();
    for mark in ["<|", "]()", "href=\\\"\\\"", "\"url\":\"\"", "\"href\":\"\"", "<no value>"] {
        assert!(!text.contains(mark), "{to}: {mark}: {text}");
    }
    assert!(text.contains("It is so"), "{to}: {text}");
}
