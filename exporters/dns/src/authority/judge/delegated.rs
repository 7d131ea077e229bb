//! Whether the parent names other servers than it should, or did. No I/O, no clock.

use exporter_kit::LabelEnum as _;

use super::{Culprit, Finding, Judging, Rules, Severity};
use crate::exchange::HostName;

/// For how long another delegation is told, seconds: by then somebody has looked.
const ACCEPTED: u64 = 86_400;

impl Judging<'_> {
    /// Compares the delegation with the pinned one, or with the one that was accepted last.
    pub(super) fn delegation_change(&mut self, rules: &Rules) {
        let now = self.round.now;
        let seen = std::mem::replace(
            &mut self.memory.parent_seen,
            self.round.parent.is_some().then_some(now),
        );
        let Some(parent) = &self.round.parent else {
            self.settle(Finding::DelegationChanged, None, Severity::None);
            return;
        };
        let passed = seen.map_or(0, |seen| now.saturating_sub(seen));
        let (names, unix) = (&parent.ns, self.round.unix);
        let kept = &mut self.memory.kept;
        if let Some(pinned) = &rules.ns {
            kept.accepted.clone_from(pinned);
        } else if kept.accepted.is_empty() {
            kept.accepted.clone_from(names);
        }
        let is_same = kept.other.as_ref().is_some_and(|(other, _)| other == names);
        if *names == kept.accepted {
            (kept.other, kept.stood) = (None, 0);
        } else if !is_same {
            (kept.other, kept.stood) = (Some((names.clone(), unix)), 0);
        } else if rules.ns.is_none() {
            kept.stood = kept.stood.saturating_add(passed);
        }
        if rules.ns.is_none() && kept.stood >= ACCEPTED {
            kept.accepted.clone_from(names);
            (kept.other, kept.stood) = (None, 0);
        }
        let is_other = kept.other.is_some();
        let is_all = names.is_disjoint(&kept.accepted);
        let is_page = rules.ns.is_some() || is_all;
        let severity = if is_page { Severity::Page } else { Severity::Ticket };
        let accepted = kept.accepted.clone();
        if self.settle(Finding::DelegationChanged, self.is_new_of_parent(is_other), severity) {
            self.blame_names(Finding::DelegationChanged, names.difference(&accepted), "added");
            self.blame_names(Finding::DelegationChanged, accepted.difference(names), "removed");
        }
    }

    /// What follows from what the parent says, if it has just said it: one answer counts once.
    pub(super) fn is_new_of_parent(&self, is: bool) -> Option<bool> {
        (!self.round.is_parent_kept).then_some(is)
    }

    /// Names servers as the reason of a finding, of which no address is meant.
    pub(super) fn blame_names<'n>(
        &mut self,
        finding: Finding,
        names: impl Iterator<Item = &'n HostName>,
        reason: &'static str,
    ) {
        self.verdict.culprits.extend(names.map(|name| Culprit {
            finding: finding.name(),
            server: name.to_string(),
            address: String::new(),
            reason,
        }));
    }
}
