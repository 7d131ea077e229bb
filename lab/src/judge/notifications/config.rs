//! An `alertmanager.yml`, as far as it says who is told what and when. No I/O, no clock.

use exporter_kit::config as kit;
use regex::Regex;
use serde::Deserialize;

use crate::judge::timeline::Labels;

/// What the routes and the inhibition of a file say.
#[derive(Debug)]
pub struct Config {
    /// The routes, the parents before their children.
    pub(super) routes: Vec<Route>,
    pub(super) inhibitions: Vec<Inhibition>,
}

/// One route, with what it takes over from its parent.
#[derive(Debug)]
pub(super) struct Route {
    matchers: Vec<Matcher>,
    pub(super) receiver: Receiver,
    pub(super) group_by: Vec<String>,
    /// All in seconds.
    pub(super) group_wait: u64,
    pub(super) group_interval: u64,
    pub(super) repeat_interval: u64,
    goes_on: bool,
    /// The places of its children.
    children: Vec<usize>,
}

/// Who is told.
#[derive(Clone, Debug, Default)]
pub(super) struct Receiver {
    pub(super) name: String,
    /// Whether anybody is behind it.
    pub(super) is_told: bool,
    /// Whether it is told of ends.
    pub(super) sends_resolved: bool,
}

#[derive(Debug)]
pub(super) struct Inhibition {
    source: Vec<Matcher>,
    target: Vec<Matcher>,
    equal: Vec<String>,
}

#[derive(Debug)]
struct Matcher {
    label: String,
    value: Regex,
    /// Whether the value must not be this.
    is_negated: bool,
}

#[derive(Deserialize)]
struct RawConfig {
    route: RawRoute,
    #[serde(default)]
    inhibit_rules: Vec<RawInhibition>,
    #[serde(default)]
    receivers: Vec<RawReceiver>,
}

#[derive(Deserialize)]
struct RawRoute {
    receiver: Option<String>,
    group_by: Option<Vec<String>>,
    group_wait: Option<String>,
    group_interval: Option<String>,
    repeat_interval: Option<String>,
    #[serde(default)]
    matchers: Vec<String>,
    #[serde(default, rename = "continue")]
    goes_on: bool,
    #[serde(default)]
    routes: Vec<RawRoute>,
}

#[derive(Deserialize)]
struct RawInhibition {
    source_matchers: Vec<String>,
    target_matchers: Vec<String>,
    #[serde(default)]
    equal: Vec<String>,
}

#[derive(Deserialize)]
struct RawReceiver {
    name: String,
    #[serde(default)]
    webhook_configs: Vec<RawWebhook>,
}

#[derive(Deserialize)]
struct RawWebhook {
    #[serde(default = "default_send_resolved")]
    send_resolved: bool,
}

fn default_send_resolved() -> bool {
    true
}

impl Config {
    /// Reads such a file. Only webhooks count as receivers.
    pub fn parse(text: &str, file: &str) -> anyhow::Result<Self> {
        let raw: RawConfig = kit::parse(text, file)?;
        let mut config = Self { routes: Vec::new(), inhibitions: Vec::new() };
        let receiver = |name: &str| {
            let found = raw.receivers.iter().find(|receiver| receiver.name == name);
            let hooks = found.map_or(&[][..], |receiver| &receiver.webhook_configs);
            Receiver {
                name: name.to_owned(),
                is_told: !hooks.is_empty(),
                sends_resolved: hooks.iter().any(|hook| hook.send_resolved),
            }
        };
        // What Alertmanager takes where the root says nothing.
        let root = Route {
            matchers: Vec::new(),
            receiver: Receiver::default(),
            group_by: Vec::new(),
            group_wait: 30,
            group_interval: 300,
            repeat_interval: 4 * 3600,
            goes_on: false,
            children: Vec::new(),
        };
        config.add(&raw.route, &root, &receiver)?;
        for rule in &raw.inhibit_rules {
            config.inhibitions.push(Inhibition {
                source: matchers(&rule.source_matchers)?,
                target: matchers(&rule.target_matchers)?,
                equal: rule.equal.clone(),
            });
        }
        Ok(config)
    }

    fn add(
        &mut self,
        raw: &RawRoute,
        parent: &Route,
        receiver: &impl Fn(&str) -> Receiver,
    ) -> anyhow::Result<usize> {
        let seconds = |text: &Option<String>, parent: u64| match text {
            None => Ok(parent),
            Some(text) if text.bytes().all(|b| !b.is_ascii_digit() || b == b'0') => Ok(0),
            Some(text) => {
                let duration = kit::Duration::parse(text);
                duration
                    .map(|it| it.get().as_secs())
                    .map_err(|error| anyhow::anyhow!("{text}: {error}"))
            }
        };
        let place = self.routes.len();
        self.routes.push(Route {
            matchers: matchers(&raw.matchers)?,
            receiver: raw.receiver.as_deref().map_or_else(|| parent.receiver.clone(), receiver),
            group_by: raw.group_by.clone().unwrap_or_else(|| parent.group_by.clone()),
            group_wait: seconds(&raw.group_wait, parent.group_wait)?,
            group_interval: seconds(&raw.group_interval, parent.group_interval)?,
            repeat_interval: seconds(&raw.repeat_interval, parent.repeat_interval)?,
            goes_on: raw.goes_on,
            children: Vec::new(),
        });
        for child in &raw.routes {
            let inherited = self.routes[place].inherited();
            let child = self.add(child, &inherited, receiver)?;
            self.routes[place].children.push(child);
        }
        Ok(place)
    }

    /// The routes that take an alert: of each level the first that matches, and those behind it while
    /// they say `continue`.
    pub(super) fn routes_of(&self, labels: &Labels) -> Vec<usize> {
        self.taken(0, labels)
    }

    fn taken(&self, place: usize, labels: &Labels) -> Vec<usize> {
        let route = &self.routes[place];
        if !matches(&route.matchers, labels) {
            return Vec::new();
        }
        let mut taken = Vec::new();
        for child in &route.children {
            let below = self.taken(*child, labels);
            let has_matched = !below.is_empty();
            taken.extend(below);
            if has_matched && !self.routes[*child].goes_on {
                break;
            }
        }
        if taken.is_empty() { vec![place] } else { taken }
    }

    /// Whether one of the active alerts silences this one.
    pub(super) fn inhibits(&self, labels: &Labels, active: &[&Labels]) -> bool {
        self.inhibitions.iter().filter(|rule| matches(&rule.target, labels)).any(|rule| {
            // Of two that would silence each other neither does.
            let is_source = matches(&rule.source, labels);
            active.iter().any(|other| {
                matches(&rule.source, other)
                    && rule.equal.iter().all(|label| value(other, label) == value(labels, label))
                    && !(is_source && matches(&rule.target, other))
            })
        })
    }
}

impl Route {
    fn inherited(&self) -> Self {
        Self {
            matchers: Vec::new(),
            receiver: self.receiver.clone(),
            group_by: self.group_by.clone(),
            children: Vec::new(),
            ..*self
        }
    }

    /// What the alerts of one notification have in common.
    pub(super) fn group(&self, labels: &Labels) -> Vec<String> {
        if self.group_by.iter().any(|label| label == "...") {
            return labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        }
        self.group_by.iter().map(|label| value(labels, label).to_owned()).collect()
    }
}

fn value<'a>(labels: &'a Labels, name: &str) -> &'a str {
    labels.get(name).map_or("", String::as_str)
}

fn matches(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers
        .iter()
        .all(|matcher| matcher.value.is_match(value(labels, &matcher.label)) != matcher.is_negated)
}

fn matchers(texts: &[String]) -> anyhow::Result<Vec<Matcher>> {
    texts.iter().map(|text| matcher(text)).collect()
}

/// `label="value"`, with `!=`, `=~` and `!~` as well.
fn matcher(text: &str) -> anyhow::Result<Matcher> {
    let wrong = || anyhow::anyhow!("{text}: must be a matcher, as in severity=\"critical\"");
    let at = text.find(['=', '!']).ok_or_else(wrong)?;
    let (label, rest) = text.split_at(at);
    let operators =
        [("=~", true, false), ("!~", true, true), ("!=", false, true), ("=", false, false)];
    let (value, is_regex, is_negated) = operators
        .into_iter()
        .find_map(|(sign, is_regex, not)| Some((rest.strip_prefix(sign)?, is_regex, not)))
        .ok_or_else(wrong)?;
    let value = value.trim();
    let value = value.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(value);
    let pattern = if is_regex { value.to_owned() } else { regex::escape(value) };
    let value = Regex::new(&format!("^(?s:{pattern})$"))?;
    Ok(Matcher { label: label.trim().to_owned(), value, is_negated })
}
