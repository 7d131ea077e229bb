//! What differs: between the servers of a zone, and between the zone and its parent. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};

use exporter_kit::LabelEnum as _;

use super::{Culprit, Finding, Judging, Rules, Server, Severity};
use crate::exchange::HostName;

impl<'a> Judging<'a> {
    /// Compares what can be compared.
    pub(super) fn differences(&mut self, rules: &Rules) {
        let told: Vec<(&Server, &BTreeSet<HostName>)> =
            self.good().filter_map(|server| Some((server, server.said.ns.as_ref()?))).collect();
        let usual = usual(told.iter().map(|(_, ns)| *ns)).cloned();
        let others: Vec<_> =
            told.iter().filter(|(_, ns)| Some(*ns) != usual.as_ref()).map(|(it, _)| *it).collect();
        let is_same = usual.is_some().then_some(others.is_empty());
        self.verdict.ns_consistent = is_same;
        self.servers_differ(Finding::NsDiffers, is_same, &others, "ns_set");
        self.delegation(usual.as_ref());
        self.glue();
        self.answers(rules);
    }

    /// Tells that some servers differ from the others, once it has been so for long enough.
    fn servers_differ(
        &mut self,
        finding: Finding,
        is_same: Option<bool>,
        others: &[&Server],
        reason: &'static str,
    ) {
        if self.settle(finding, is_same.map(|it| !it), Severity::Ticket) {
            for server in others {
                self.blame(finding, server, reason);
            }
        }
    }

    /// The parent's list of servers against the zone's own.
    fn delegation(&mut self, own: Option<&BTreeSet<HostName>>) {
        let parent = self.round.parent.as_ref().map(|parent| &parent.ns);
        let Some((parent, own)) = parent.zip(own) else {
            self.settle(Finding::DelegationDiffers, None, Severity::None);
            return;
        };
        self.verdict.delegation_consistent = Some(parent == own);
        // A name more or less is common, and mostly meant for a while.
        let is_partly = !parent.is_disjoint(own);
        let severity = if is_partly { Severity::Information } else { Severity::Ticket };
        if self.settle(Finding::DelegationDiffers, self.is_new_of_parent(parent != own), severity) {
            self.blame_names(Finding::DelegationDiffers, parent.difference(own), "parent_only");
            self.blame_names(Finding::DelegationDiffers, own.difference(parent), "zone_only");
        }
    }

    /// The parent's addresses against the servers' own, of servers within the zone. An address less is no fault:
    /// a parent's answer has an end.
    fn glue(&mut self) {
        let parent = self.round.parent.as_ref();
        let mut wrong = Vec::new();
        let mut is_measured = false;
        for (name, own) in &self.round.own {
            let Some(glue) = parent.and_then(|it| it.glue.get(name)) else { continue };
            is_measured = true;
            wrong.extend(glue.difference(own).map(|address| Culprit {
                finding: Finding::GlueDiffers.name(),
                server: name.to_string(),
                address: address.to_string(),
                reason: "glue",
            }));
        }
        if is_measured {
            self.verdict.glue_consistent = Some(wrong.is_empty());
        }
        let is_wrong = self.is_new_of_parent(!wrong.is_empty()).filter(|_| is_measured);
        if self.settle(Finding::GlueDiffers, is_wrong, Severity::Ticket) {
            self.verdict.culprits.extend(wrong);
        }
    }

    /// The configured questions, among servers with the same version of the zone. Where providers number their versions
    /// by themselves, all are compared, and may be apart for as long as a server may be behind.
    fn answers(&mut self, rules: &Rules) {
        let good: Vec<&'a Server> = self.good().collect();
        let questions = good.iter().map(|server| server.said.answers.len()).max().unwrap_or(0);
        let (mut others, mut is_measured) = (Vec::new(), false);
        for question in 0..questions {
            let mut versions: BTreeMap<Option<u32>, Vec<(&Server, &BTreeSet<String>)>> =
                BTreeMap::new();
            for server in &good {
                let answer = server.said.answers.get(question).and_then(Option::as_ref);
                if let Some(answer) = answer {
                    let version = server.said.serial.filter(|_| !rules.has_own_serials);
                    versions.entry(version).or_default().push((*server, answer));
                }
            }
            let mut is_same = (!versions.is_empty()).then_some(true);
            for told in versions.values() {
                let usual = usual(told.iter().map(|(_, answer)| *answer));
                for (server, _) in told.iter().filter(|(_, answer)| Some(*answer) != usual) {
                    is_same = Some(false);
                    others.push(*server);
                }
            }
            is_measured |= is_same.is_some();
            self.verdict.answers_consistent.push(is_same);
        }
        let mut is_same = is_measured.then_some(others.is_empty());
        if rules.has_own_serials {
            let now = self.round.now;
            let since =
                is_same.map(|same| (!same).then(|| self.memory.kept.apart_since.unwrap_or(now)));
            self.memory.kept.apart_since = since.unwrap_or(self.memory.kept.apart_since);
            let is_recent = |since: u64| now.saturating_sub(since) <= rules.grace;
            is_same =
                is_same.map(|same| same || self.memory.kept.apart_since.is_some_and(is_recent));
        }
        self.servers_differ(Finding::AnswersDiffer, is_same, &others, "answer");
    }
}

/// What most say; of as many, the first.
fn usual<'a, T: Ord>(told: impl Iterator<Item = &'a T>) -> Option<&'a T> {
    let mut counts: Vec<(&T, usize)> = Vec::new();
    for it in told {
        match counts.iter_mut().find(|(known, _)| *known == it) {
            Some((_, count)) => *count += 1,
            None => counts.push((it, 1)),
        }
    }
    let most = counts.iter().map(|(_, count)| *count).max()?;
    counts.into_iter().find(|(_, count)| *count == most).map(|(it, _)| it)
}
