//! Servers that do not answer for a zone, and names of servers that have no address. No I/O, no clock.

use std::collections::BTreeMap;

use exporter_kit::LabelEnum as _;

use super::{Culprit, Finding, Judging, Outcome, ROUNDS, Server, Severity};

impl Judging<'_> {
    /// Who does not answer for the zone, and whether anybody does.
    pub(super) fn lame(&mut self) {
        let round = self.round;
        let (mut lame, mut unasked) = (BTreeMap::new(), BTreeMap::new());
        let mut judged = Vec::new();
        for server in &round.servers {
            let before = self.memory.lame.get(&server.address).copied().unwrap_or_default();
            let streak = match server.outcome {
                Outcome::LocalError => before,
                outcome if outcome.is_lame() => before.saturating_add(1),
                _ => 0,
            };
            lame.insert(server.address, streak);
            if server.outcome == Outcome::LocalError {
                let before = self.memory.unasked.get(&server.address).copied().unwrap_or_default();
                unasked.insert(server.address, before.saturating_add(1));
            }
            // One that cannot be asked from here, over IPv6 where there is none, says nothing of the zone.
            // Nobody is sent to a hidden one.
            let is_asked = unasked.get(&server.address).is_none_or(|rounds| *rounds < ROUNDS);
            if is_asked && !server.is_hidden {
                judged.push(streak >= ROUNDS);
            }
            if streak >= ROUNDS {
                self.blame(Finding::Lame, server, server.outcome.name());
            }
        }
        let count = lame.values().filter(|streak| **streak >= ROUNDS).count();
        // Where none of them could be asked, or was allowed to be, nothing is known of the zone but that. One
        // without any server is looked at as often as a server.
        let is_asked =
            |it: &Server| !matches!(it.outcome, Outcome::LocalError | Outcome::NotAllowed);
        let is_measured = round.servers.is_empty() || round.servers.iter().any(is_asked);
        let is_none = is_measured.then_some(round.servers.is_empty());
        let none = self.holds(Finding::Unserved, is_none);
        let all = if lame.is_empty() { none } else { judged.iter().all(|is_lame| *is_lame) };
        let unserved = if all { Severity::Page } else { Severity::None };
        let is_open = lame.values().any(|streak| (1..ROUNDS).contains(streak));
        let is_none_good = self.good().next().is_none();
        let is_new = self.is_new(Finding::Unserved, !all && is_none_good);
        let is_measured = is_measured && !is_new;
        (self.memory.lame, self.memory.unasked) = (lame, unasked);
        let names = self.names_without_address();
        self.tell_measured(Finding::Unserved, is_measured.then_some(unserved));
        let is_any = count > 0 || names > 0;
        let is_measured = !round.unresolved.is_empty()
            || round.servers.iter().any(|it| it.outcome != Outcome::LocalError);
        let is_new = self.is_new(Finding::Lame, !is_any && is_open);
        self.holds(Finding::Lame, is_measured.then_some(is_any));
        let severity = if is_any { Severity::Ticket } else { Severity::None };
        self.tell_measured(Finding::Lame, (is_measured && !is_new).then_some(severity));
    }

    /// How many names of servers have had no address for long enough: whoever registers what is above such a name
    /// answers for the zone.
    fn names_without_address(&mut self) -> usize {
        let mut streaks = BTreeMap::new();
        for name in &self.round.unresolved {
            let before = self.memory.unresolved.get(name).copied().unwrap_or_default();
            streaks.insert(name.clone(), before.saturating_add(1));
        }
        let long: Vec<_> = streaks.iter().filter(|(_, streak)| **streak >= ROUNDS).collect();
        self.verdict.culprits.extend(long.iter().map(|(name, _)| Culprit {
            finding: Finding::Lame.name(),
            server: (*name).clone(),
            address: String::new(),
            reason: "no_address",
        }));
        let count = long.len();
        self.memory.unresolved = streaks;
        count
    }
}
