//! Which version of the zone each server has. No I/O, no clock.

use super::{Finding, Judging, Rules, Server, Severity};

impl Judging<'_> {
    /// Who has been behind for longer than one may be.
    pub(super) fn serials(&mut self, rules: &Rules) {
        let (mut is_late, mut is_open) = (false, false);
        for server in self.good() {
            let history = self.memory.kept.history.get(&provider(server, rules));
            let Some((serial, history)) = server.said.serial.zip(history) else { continue };
            is_open |= history.is_open(serial);
            if history.lag(serial, self.round.now).is_some_and(|lag| lag > rules.grace) {
                is_late = true;
                self.blame(Finding::SerialSpread, server, "behind");
            }
        }
        // Who is behind as long as this has been looked at may have been so for long before. Of one that followed since, it is
        // known for how long.
        is_open &= !is_late;
        let is_late = self.verdict.lag.map(|_| is_late);
        self.holds(Finding::SerialSpread, is_late);
        let is_late = is_late.filter(|_| !self.is_new(Finding::SerialSpread, is_open));
        let severity = |is_late| if is_late { Severity::Ticket } else { Severity::None };
        self.tell_measured(Finding::SerialSpread, is_late.map(severity));
    }
}

/// With whom a server has its serials in common: with all, or with those of the same provider, as their names
/// tell.
pub(super) fn provider(server: &Server, rules: &Rules) -> String {
    let above = || server.name.split_once('.').map_or(server.name.as_str(), |(_, above)| above);
    if rules.has_own_serials { above().to_owned() } else { String::new() }
}
