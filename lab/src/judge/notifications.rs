//! A model of Alertmanager: which notifications a timeline of alerts makes. No I/O, no clock.
//!
//! Routes, groups, waiting and intervals, inhibition, and that the same is told once only. Nothing of
//! silences, of several copies, and of receivers that fail. `lab/tests/judge` holds it against a real
//! Alertmanager.

mod config;

pub use self::config::Config;

use std::collections::{BTreeMap, BTreeSet};

use super::timeline::{Labels, Timeline};

/// What one receiver is told at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// When, in seconds.
    pub at: u64,
    /// Whom.
    pub receiver: String,
    /// The alerts that fire.
    pub firing: Vec<Labels>,
    /// The alerts that have ended since the last notification.
    pub resolved: Vec<Labels>,
    /// Whether it tells of an alert that the notification before did not: this rings.
    pub is_news: bool,
}

/// What is known of one group of alerts.
#[derive(Debug)]
struct Group {
    /// When it is looked at next.
    due: u64,
    /// Its alerts, and whether they fire still.
    alerts: BTreeMap<usize, bool>,
}

/// What was told last of a group.
#[derive(Debug, Default)]
struct Told {
    at: u64,
    firing: BTreeSet<usize>,
    resolved: BTreeSet<usize>,
}

/// A route, and what its alerts have in common.
type Key = (usize, Vec<String>);

/// The notifications of a timeline, in their order.
pub fn notifications(config: &Config, timeline: &Timeline) -> Vec<Notification> {
    let alerts: Vec<(&Labels, Vec<usize>)> =
        timeline.alerts.keys().map(|labels| (labels, config.routes_of(labels))).collect();
    let fires: Vec<&Vec<bool>> = timeline.alerts.values().collect();
    let mut model = Model {
        config,
        alerts,
        firing: BTreeSet::new(),
        groups: BTreeMap::new(),
        told: BTreeMap::new(),
        notifications: Vec::new(),
    };
    for look in 0..timeline.looks {
        let second = timeline.second(look);
        model.pass(second);
        for (alert, fires) in fires.iter().enumerate() {
            model.learn(alert, fires[look], second);
        }
    }
    model.pass(timeline.second(timeline.looks));
    model.notifications
}

struct Model<'a> {
    config: &'a Config,
    /// Each alert with the routes that take it.
    alerts: Vec<(&'a Labels, Vec<usize>)>,
    firing: BTreeSet<usize>,
    groups: BTreeMap<Key, Group>,
    told: BTreeMap<Key, Told>,
    notifications: Vec<Notification>,
}

impl Model<'_> {
    /// An alert fires, or does not, from this second on.
    fn learn(&mut self, alert: usize, fires: bool, second: u64) {
        let changes = if fires { self.firing.insert(alert) } else { self.firing.remove(&alert) };
        if !changes {
            return;
        }
        let (labels, routes) = &self.alerts[alert];
        for place in routes {
            let route = &self.config.routes[*place];
            if !route.receiver.is_told {
                continue;
            }
            let key = (*place, route.group(labels));
            let due = second + route.group_wait;
            let group =
                self.groups.entry(key).or_insert_with(|| Group { due, alerts: BTreeMap::new() });
            group.alerts.insert(alert, fires);
        }
    }

    /// Looks at the groups that are due before a second.
    fn pass(&mut self, second: u64) {
        loop {
            let next = self.groups.iter().min_by_key(|(_, group)| group.due);
            let Some((key, due)) = next.map(|(key, group)| (key.clone(), group.due)) else {
                return;
            };
            if due >= second {
                return;
            }
            self.flush(&key, due);
        }
    }

    fn flush(&mut self, key: &Key, now: u64) {
        let active: Vec<&Labels> = self.firing.iter().map(|alert| self.alerts[*alert].0).collect();
        let Some(group) = self.groups.get_mut(key) else { return };
        let speaks = |alert: &usize| !self.config.inhibits(self.alerts[*alert].0, &active);
        let of = |fires: bool| -> BTreeSet<usize> {
            let those =
                group.alerts.iter().filter(|(_, it)| **it == fires).map(|(alert, _)| *alert);
            those.filter(speaks).collect()
        };
        let (firing, resolved) = (of(true), of(false));
        let route = &self.config.routes[key.0];
        let told = self.told.get(key);
        if must_tell(told, &firing, &resolved, now, route) {
            let is_news = told.is_none_or(|told| !firing.is_subset(&told.firing));
            let labels = |those: &BTreeSet<usize>| {
                those.iter().map(|alert| self.alerts[*alert].0.clone()).collect()
            };
            // Who is not told of ends hears nothing when all have ended.
            if !firing.is_empty() || route.receiver.sends_resolved {
                self.notifications.push(Notification {
                    at: now,
                    receiver: route.receiver.name.clone(),
                    firing: labels(&firing),
                    resolved: if route.receiver.sends_resolved {
                        labels(&resolved)
                    } else {
                        Vec::new()
                    },
                    is_news: is_news && !firing.is_empty(),
                });
            }
            self.told.insert(key.clone(), Told { at: now, firing, resolved });
        }
        group.alerts.retain(|_, fires| *fires);
        group.due = now + route.group_interval;
        if group.alerts.is_empty() {
            self.groups.remove(key);
        }
    }
}

/// Alertmanager's own rule (`notify.go`, `DedupStage.needsUpdate`).
fn must_tell(
    told: Option<&Told>,
    firing: &BTreeSet<usize>,
    resolved: &BTreeSet<usize>,
    now: u64,
    route: &config::Route,
) -> bool {
    // Inhibited alerts are taken out first, and of nothing nothing is told.
    if firing.is_empty() && resolved.is_empty() {
        return false;
    }
    let Some(told) = told else { return !firing.is_empty() };
    if !firing.is_subset(&told.firing) {
        return true;
    }
    if firing.is_empty() {
        return !told.firing.is_empty();
    }
    if route.receiver.sends_resolved && !resolved.is_subset(&told.resolved) {
        return true;
    }
    now > told.at + route.repeat_interval
}

#[cfg(test)]
mod tests;
