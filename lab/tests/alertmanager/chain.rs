//! A running Alertmanager with the shipped configuration, the sink that it notifies, and what is told of alerts.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use turbulence_lab::alertmanager::Alertmanager;
use turbulence_lab::process::Launcher;
use turbulence_lab::sink::Sink;
use turbulence_lab::sink::notification::{Channel, Notification};
use turbulence_lab::{http, ports};

use crate::given::must_be_of_a_rule;
use crate::{board, suite};

pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) const PAGE: Channel = Channel::Page;
pub(crate) const TICKET: Channel = Channel::Ticket;

pub(crate) const OTHER_TICKET: (Channel, &[&str]) =
    (TICKET, &["ExporterDown warning meta host job=turbulence-ipmi instance=i:9290"]);

/// `Name severity domain scope key=value ...`, the labels that the rules give.
pub(crate) fn labels(alert: &str) -> BTreeMap<String, String> {
    let mut words = alert.split_whitespace();
    let mut labels: BTreeMap<String, String> = ["alertname", "severity", "domain", "scope"]
        .into_iter()
        .map(|name| (name.to_owned(), words.next().unwrap().to_owned()))
        .collect();
    for word in words {
        let (name, value) = word.split_once('=').unwrap();
        labels.insert(name.to_owned(), value.to_owned());
    }
    labels
}

/// A running Alertmanager and the sink that it notifies.
pub(crate) struct Chain {
    pub(crate) alertmanager: Alertmanager,
    pub(crate) sink: Sink,
    pub(crate) launcher: Launcher,
    pub(crate) folder: TempDir,
}

impl Chain {
    pub(crate) async fn start() -> Self {
        Self::of(suite()).await
    }

    /// With the configuration of another folder than that of the suite.
    pub(crate) async fn of(suite: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let launcher = Launcher::start().unwrap();
        let sink = Sink::start(ports::listener(None).unwrap(), folder.path()).unwrap();
        let address = ports::address(None);
        let alertmanager =
            Alertmanager::start(&launcher, suite, folder.path(), address, sink.address())
                .await
                .unwrap();
        Self { alertmanager, sink, launcher, folder }
    }

    pub(crate) async fn post(&self, alerts: &[&str]) {
        for labels in alerts.iter().map(|alert| labels(alert)) {
            must_be_of_a_rule(&labels["alertname"], &labels);
        }
        let body: Vec<Value> = alerts
            .iter()
            .map(|alert| {
                json!({
                    "labels": labels(alert),
                    "annotations": {"summary": "It is so.", "runbook_url": "http://runbooks/X"},
                    "generatorURL": "http://prometheus/graph",
                })
            })
            .collect();
        let url = format!("{}/api/v2/alerts", self.alertmanager.url());
        let (status, answer) = http::post_json(&url, json!(body).to_string()).await.unwrap();
        assert_eq!(status, 200, "{answer}");
    }

    /// What has arrived on both channels: for each notification the alerts in it.
    pub(crate) fn arrived(&self) -> Vec<(Channel, Vec<String>)> {
        let all = self.sink.since(turbulence_lab::sink::Mark::default());
        all.iter().filter(|one| one.channel != Channel::Watchdog).map(described).collect()
    }

    /// The alerts that Alertmanager holds back because of others.
    pub(crate) async fn inhibited(&self) -> Vec<String> {
        self.held_back("inhibitedBy").await
    }

    /// Those of which a field of their state names others, or silences.
    pub(crate) async fn held_back(&self, by: &str) -> Vec<String> {
        let url = format!("{}/api/v2/alerts", self.alertmanager.url());
        let alerts: Vec<Value> = serde_json::from_str(&http::fetch(&url).await.unwrap()).unwrap();
        let held =
            alerts.iter().filter(|alert| !alert["status"][by].as_array().unwrap().is_empty());
        let mut names: Vec<String> = held
            .map(|alert| description(&serde_json::from_value(alert["labels"].clone()).unwrap()))
            .collect();
        names.sort();
        names
    }
}

/// Alerts by which a test tells them apart: the name and the labels that say what it is about.
pub(crate) fn description(labels: &BTreeMap<String, String>) -> String {
    let about = labels.iter().filter(|(name, _)| {
        !matches!(name.as_str(), "alertname" | "severity" | "domain" | "scope" | "rack")
    });
    let mut text = labels["alertname"].clone();
    for (name, value) in about {
        text.extend([" ", name, "=", value]);
    }
    text
}

pub(crate) fn described(notification: &Notification) -> (Channel, Vec<String>) {
    let mut alerts: Vec<String> =
        notification.alerts.iter().map(|alert| description(&alert.labels)).collect();
    alerts.sort();
    (notification.channel, alerts)
}

/// Posts the alerts of `notified` and `silent`; waits until each notification of `notified` has come,
/// alone in its grouping; then all of `silent` must be inhibited.
pub(crate) async fn scenario(name: &str, notified: &[(Channel, &[&str])], silent: &[&str]) {
    let chain = Chain::start().await;
    let firing: Vec<&str> =
        notified.iter().flat_map(|(_, alerts)| alerts.iter().copied()).collect();
    chain.post(&[&firing[..], silent].concat()).await;

    let sorted = |alerts: &[&str]| {
        let mut alerts: Vec<String> =
            alerts.iter().map(|alert| description(&labels(alert))).collect();
        alerts.sort();
        alerts
    };
    let expected: Vec<(Channel, Vec<String>)> =
        notified.iter().map(|(channel, alerts)| (*channel, sorted(alerts))).collect();
    let all_came = async {
        let mut arrivals = chain.sink.subscribe();
        while expected.iter().any(|one| !chain.arrived().contains(one)) {
            arrivals.recv().await.unwrap();
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, all_came).await;
    assert!(in_time.is_ok(), "{name}: expected {expected:#?}\ngot {:#?}", chain.arrived());
    assert_eq!(chain.inhibited().await, sorted(silent), "{name}: what is inhibited");
    let owned = |alerts: &[&str]| alerts.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let (scenario, told, held_back) = (name.to_owned(), owned(&firing), owned(silent));
    let looks = move || board::must_agree(&scenario, &told, &held_back);
    tokio::task::spawn_blocking(looks).await.unwrap();
    assert_eq!(chain.arrived().len(), expected.len(), "{name}: {:#?}", chain.arrived());
}
