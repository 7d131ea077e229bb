//! One notification as Alertmanager's webhook sends it, and the text a person reads. No I/O, no clock.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where a notification was sent to: what it asks of the person on duty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// Wakes somebody up.
    Page,
    /// Is looked at in working hours.
    Ticket,
    /// Tells a dead man's switch that the whole chain still works.
    Watchdog,
}

impl Channel {
    /// The word in the sink's paths and texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Ticket => "ticket",
            Self::Watchdog => "watchdog",
        }
    }
}

/// Whether something is wrong, or no longer so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The condition holds.
    Firing,
    /// The condition is over.
    Resolved,
}

/// One delivery by Alertmanager: the alerts of one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notification {
    /// Position in the order of arrival, from 1.
    pub id: u64,
    /// When it arrived.
    #[serde(serialize_with = "rfc3339")]
    pub at: SystemTime,
    /// Where it was sent to.
    pub channel: Channel,
    /// Firing while at least one of its alerts is.
    pub status: Status,
    /// Alertmanager's name for the group; equal in the later notifications of the same group.
    pub group_key: String,
    /// The labels that Alertmanager grouped by.
    pub group_labels: BTreeMap<String, String>,
    /// The alerts of the group, in Alertmanager's order.
    pub alerts: Vec<Alert>,
}

/// One alert within a notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Whether it is firing still.
    pub status: Status,
    /// The labels, `alertname` among them.
    pub labels: BTreeMap<String, String>,
    /// The annotations: summary, description, links.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// When the condition began.
    #[serde(alias = "startsAt", serialize_with = "rfc3339", deserialize_with = "time")]
    pub starts_at: SystemTime,
    /// When it ended, or, while it fires, when it will be taken to have ended (or year 1).
    #[serde(alias = "endsAt", serialize_with = "rfc3339", deserialize_with = "time")]
    pub ends_at: SystemTime,
}

/// The body of Alertmanager's webhook, version 4; fields that nothing here reads are left out.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Webhook {
    version: String,
    group_key: String,
    status: Status,
    #[serde(default)]
    group_labels: BTreeMap<String, String>,
    alerts: Vec<Alert>,
}

impl Notification {
    /// Reads a webhook's body. The error says what is wrong with it.
    pub fn parse(id: u64, at: SystemTime, channel: Channel, body: &[u8]) -> Result<Self, String> {
        let hook: Webhook =
            serde_json::from_slice(body).map_err(|error| format!("not a webhook: {error}"))?;
        if hook.version != "4" {
            return Err(format!("webhook version {:?}, not \"4\"", hook.version));
        }
        Ok(Self {
            id,
            at,
            channel,
            status: hook.status,
            group_key: hook.group_key,
            group_labels: hook.group_labels,
            alerts: hook.alerts,
        })
    }

    /// The names of its alerts, each once, in order of first appearance.
    pub fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for alert in &self.alerts {
            if !names.contains(&alert.name()) {
                names.push(alert.name());
            }
        }
        names
    }

    /// The notification as a block of text: a headline, and a paragraph an alert.
    pub fn text(&self) -> String {
        let mut text = format!(
            "== {} == {} == {} == {}\n",
            self.channel.as_str().to_uppercase(),
            clock(self.at),
            self.headline(),
            self.names().join(", "),
        );
        for alert in &self.alerts {
            alert.write(&mut text);
        }
        text
    }

    /// `2 firing`, `1 resolved`, or both.
    pub fn headline(&self) -> String {
        let firing = self.alerts.iter().filter(|alert| alert.status == Status::Firing).count();
        let resolved = self.alerts.len() - firing;
        match (firing, resolved) {
            (firing, 0) => format!("{firing} firing"),
            (0, resolved) => format!("{resolved} resolved"),
            (firing, resolved) => format!("{firing} firing, {resolved} resolved"),
        }
    }
}

impl Alert {
    /// The alert's name, as in the rule.
    pub fn name(&self) -> &str {
        self.label("alertname")
    }

    /// A label's value; empty when it has none, as in `PromQL`.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    /// An annotation's text; empty when it has none.
    pub fn annotation(&self, name: &str) -> &str {
        self.annotations.get(name).map_or("", String::as_str)
    }

    /// `FIRING`, or `RESOLVED after 3 min 5 s`.
    pub fn state(&self) -> String {
        match self.status {
            Status::Firing => "FIRING".to_owned(),
            Status::Resolved => {
                let lasted = self.ends_at.duration_since(self.starts_at).unwrap_or_default();
                format!("RESOLVED after {}", spoken(lasted))
            }
        }
    }

    /// The labels that say where, without those that the headline shows already.
    pub fn place(&self) -> String {
        let shown = ["alertname", "severity", "domain", "scope"];
        let place = self.labels.iter().filter(|(name, _)| !shown.contains(&name.as_str()));
        place.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    }

    /// A paragraph: all of it while the alert fires, what it was once it is over.
    fn write(&self, text: &mut String) {
        let kind = ["severity", "domain", "scope"].map(|name| self.label(name)).join(" ");
        let _ = writeln!(text, "{} {} [{}]", self.state(), self.name(), kind.trim());
        let place = self.place();
        let firing = [
            ("", self.annotation("summary")),
            ("", self.annotation("description")),
            ("do first:  ", self.annotation("first_action")),
            ("where:     ", &place),
            ("runbook:   ", self.annotation("runbook_url")),
            ("dashboard: ", self.annotation("dashboard_url")),
        ];
        let over = [("", self.annotation("summary")), ("where:     ", &place)];
        let lines: &[(&str, &str)] = match self.status {
            Status::Firing => &firing,
            Status::Resolved => &over,
        };
        for (title, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
            wrap(text, title, value);
        }
    }
}

/// Adds `title` and `value`, indented, in lines of at most 96 characters where a space allows it.
fn wrap(text: &mut String, title: &str, value: &str) {
    let indent = " ".repeat(2 + title.len());
    let mut line = format!("  {title}");
    let mut begun = false;
    for word in value.split_whitespace() {
        if begun && line.chars().count() + 1 + word.chars().count() > 96 {
            text.push_str(&line);
            text.push('\n');
            line.clone_from(&indent);
            begun = false;
        }
        if begun {
            line.push(' ');
        }
        line.push_str(word);
        begun = true;
    }
    text.push_str(&line);
    text.push('\n');
}

/// The time of day in UTC, as in `03:21:07Z`.
pub fn clock(at: SystemTime) -> String {
    let text = stamp(at).to_string();
    let time = text.split_once('T').map_or("", |(_, time)| time);
    format!("{}Z", time.get(..8).unwrap_or(time))
}

/// A duration as a person would say it: two units, the smaller one whole.
pub fn spoken(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

/// Times beyond what a timestamp can hold do not come from a clock; they show as the epoch.
fn stamp(at: SystemTime) -> Timestamp {
    Timestamp::try_from(at).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn rfc3339<S: Serializer>(at: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&stamp(*at))
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
    let text = String::deserialize(deserializer)?;
    let stamp: Timestamp = text
        .parse()
        .map_err(|error| serde::de::Error::custom(format!("time {text:?}: {error}")))?;
    Ok(stamp.into())
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn body(status: &str, ends_at: &str) -> String {
        serde_json::json!({
            "version": "4", "groupKey": "{}:{target=\"srv-phantom\"}", "truncatedAlerts": 0,
            "status": status, "receiver": "page", "groupLabels": {"target": "srv-phantom"},
            "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://am",
            "alerts": [{
                "status": status, "fingerprint": "00", "generatorURL": "http://prom",
                "labels": {"alertname": "IpmiPhantomTemperature", "severity": "critical",
                           "domain": "thermal", "scope": "host", "target": "srv-phantom"},
                "annotations": {"summary": "A sensor rose faster than a drive can.",
                                "description": "05-HD Max rose\nat 13.6 °C/s.",
                                "first_action": "Compare with SMART.",
                                "runbook_url": "http://x/runbooks/IpmiPhantomTemperature"},
                "startsAt": "2026-11-22T03:20:00.5Z", "endsAt": ends_at
            }]
        })
        .to_string()
    }

    fn parse(body: &str) -> Result<Notification, String> {
        let at = UNIX_EPOCH + Duration::from_secs(1_795_317_667);
        Notification::parse(7, at, Channel::Page, body.as_bytes())
    }

    #[test]
    fn a_firing_alert_reads_as_a_block() {
        let notification = parse(&body("firing", "0001-01-01T00:00:00Z")).unwrap();
        assert_eq!(notification.names(), ["IpmiPhantomTemperature"]);
        assert_eq!(
            notification.text(),
            "== PAGE == 03:21:07Z == 1 firing == IpmiPhantomTemperature\n\
             FIRING IpmiPhantomTemperature [critical thermal host]\n  \
             A sensor rose faster than a drive can.\n  \
             05-HD Max rose at 13.6 °C/s.\n  \
             do first:  Compare with SMART.\n  \
             where:     target=srv-phantom\n  \
             runbook:   http://x/runbooks/IpmiPhantomTemperature\n"
        );
    }

    #[test]
    fn a_resolved_alert_says_how_long_it_lasted() {
        let notification = parse(&body("resolved", "2026-11-22T04:23:06+01:00")).unwrap();
        assert_eq!(notification.headline(), "1 resolved");
        assert_eq!(notification.alerts[0].state(), "RESOLVED after 3 min 5 s");
        assert!(!notification.text().contains("do first"), "there is nothing left to do");
    }

    #[test]
    fn long_lines_are_broken_between_words() {
        let mut text = String::new();
        wrap(&mut text, "do first:  ", &"word ".repeat(30));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("  do first:  word word") && lines[0].len() <= 96);
        assert!(lines[1].starts_with("             word"));
        text.clear();
        wrap(&mut text, "", &"x".repeat(200));
        assert_eq!(text.len(), 203, "a link stays whole");
    }

    #[test]
    fn times_are_given_out_as_rfc_3339() {
        let notification = parse(&body("firing", "0001-01-01T00:00:00Z")).unwrap();
        let json = serde_json::to_value(&notification).unwrap();
        assert_eq!(json["at"], "2026-11-22T03:21:07Z");
        assert_eq!(json["alerts"][0]["starts_at"], "2026-11-22T03:20:00.5Z");
        assert_eq!(json["channel"], "page");
    }

    #[test]
    fn what_is_no_webhook_is_refused_with_the_reason() {
        assert!(parse("{").unwrap_err().starts_with("not a webhook: "));
        let old = body("firing", "2026-11-22T03:20:00Z").replace("\"4\"", "\"3\"");
        assert_eq!(parse(&old).unwrap_err(), "webhook version \"3\", not \"4\"");
        let undated = body("firing", "yesterday");
        assert!(parse(&undated).unwrap_err().contains("yesterday"));
    }

    #[test]
    fn durations_are_spoken_in_two_units() {
        let spoken = |seconds| super::spoken(Duration::from_secs(seconds));
        assert_eq!(spoken(59), "59 s");
        assert_eq!(spoken(60), "1 min 0 s");
        assert_eq!(spoken(7_384), "2 h 3 min");
    }
}
