//! What validating resolvers make of a zone. No I/O, no clock.

use exporter_kit::LabelEnum as _;

use super::super::chain;
use super::super::memory::INVALID;
use super::super::signature::{self, Standing};
use super::{Finding, Judging, Severity, UNKNOWN};
use crate::exchange::HostName;

impl Judging<'_> {
    /// Until when signatures hold, and who gives none.
    pub(super) fn signatures(&mut self) {
        if self.round.is_clock_wrong {
            self.stands(INVALID, None);
            self.settle(Finding::Signature, None, Severity::None);
            return;
        }
        let unix = self.round.unix;
        let (mut worst, mut is_measured) = (Standing::Holds, false);
        // A hidden primary may leave it to others to sign.
        let (unsigned, signed): (Vec<_>, Vec<_>) = self
            .good()
            .filter(|server| !server.is_hidden || !server.said.signatures.is_empty())
            .partition(|server| server.said.signatures.is_empty());
        for server in &signed {
            is_measured = true;
            let best = signature::best(&server.said.signatures, unix);
            let standing = best.iter().map(|it| it.standing(unix)).max();
            let reason = match standing {
                None | Some(Standing::Holds) => continue,
                Some(Standing::Ends | Standing::EndsNow) => "ends",
                Some(Standing::Expired) => "expired",
                Some(Standing::NotYet) => "not_yet_valid",
            };
            worst = worst.max(standing.unwrap_or(Standing::Holds));
            self.blame(Finding::Signature, server, reason);
        }
        // A server that was asked without EDNS, since packets were lost, gives no signatures either.
        let is_partly = !signed.is_empty() && !unsigned.is_empty();
        is_measured |= !unsigned.is_empty();
        let is_bad = is_measured.then_some(worst > Standing::Ends);
        let is_invalid = self.stands(INVALID, is_bad);
        let is_new = self.is_new(Finding::Signature, is_bad == Some(true) && !is_invalid);
        if !is_invalid {
            // A wrong step of a clock, ours or the signer's, pages nobody.
            worst = worst.min(Standing::Ends);
        }
        let is_unsigned = self.holds(Finding::Signature, is_measured.then_some(is_partly));
        if is_unsigned {
            for server in unsigned {
                self.blame(Finding::Signature, server, "unsigned");
            }
        }
        let severity = match worst {
            Standing::Holds if is_unsigned => Severity::Ticket,
            Standing::Holds => Severity::None,
            Standing::Ends => Severity::Ticket,
            Standing::EndsNow | Standing::Expired | Standing::NotYet => Severity::Page,
        };
        self.tell_measured(Finding::Signature, (is_measured && !is_new).then_some(severity));
    }

    /// What validators make of the zone; and, whether any is known or not, where the parent's DS records lead to no key
    /// that a server has.
    pub(super) fn bogus(&mut self, zone: &HostName) {
        let parent = self.round.parent.as_ref().filter(|_| !self.round.is_parent_kept);
        let ds = parent.and_then(|parent| parent.ds.as_deref());
        let mut leads = None;
        let mut astray = Vec::new();
        for server in self.good().filter(|server| !server.is_hidden) {
            let told = ds.zip(server.said.keys.as_deref());
            match told.and_then(|(ds, keys)| chain::leads(zone, ds, keys)) {
                Some(false) => astray.push(server),
                Some(true) => leads = Some(true),
                None => {}
            }
        }
        let is_astray = match (leads, astray.is_empty()) {
            (None, false) => Some(true),
            (Some(_), _) => Some(false),
            (None, true) => None,
        };
        let mut has_keys = self.good().map(|server| server.said.keys.is_some());
        if ds.is_some_and(|ds| ds.is_empty() || has_keys.any(|it| it)) {
            self.memory.kept.is_astray = is_astray == Some(true);
        }
        let is_bogus = match (self.round.bogus, is_astray) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            // Until the parent says otherwise: to a validator it is sound for as long as the former records are cached.
            (_, None) if self.memory.kept.is_astray => None,
            (validators, keys) => validators.or(keys),
        };
        if self.settle(Finding::Bogus, is_bogus, Severity::Page) {
            for server in astray {
                self.blame(Finding::Bogus, server, "ds");
            }
        }
        let streak = self.memory.streaks.get(Finding::Bogus.name());
        self.memory.kept.is_astray &= streak.is_none_or(|(_, unknown)| *unknown < UNKNOWN);
    }
}
