//! What a vantage says of the endpoints that it probes, and of itself. No I/O, no clock.
//!
//! * `evidence`, `gather`: what one round of probes says;
//! * `rounds`, `run`, `hold`, `shares`: the rounds of the last minutes, an open run of failures, how an outage
//!   ends, whether some of the requests fail;
//! * `judge`: one module of one endpoint, or one IP family of it;
//! * `saturation`, `path`: a server that runs full, a path that became longer;
//! * `canary`, `witness`, `own`: what shows how the vantage itself is;
//! * `members`, `report`: all that is probed, and what is said of each endpoint.
//!
//! Verdicts are judged here, at the full rate of probing, by a clock that never goes back and by *evidence*:
//! rounds that were probed and decided. A rule of Prometheus sees samples only, and cannot tell silence of a
//! service from silence of a scrape. The rules count verdicts, and nothing else.

mod canary;
mod evidence;
mod gather;
mod hold;
mod judge;
mod members;
mod own;
mod path;
mod report;
mod rounds;
mod run;
mod saturation;
mod shares;
#[cfg(test)]
mod tests;
mod witness;

use std::sync::Arc;

pub(crate) use evidence::{Failed, Round};
pub(crate) use gather::{Span, round, without_address};
pub(crate) use judge::Verdict;
pub(crate) use members::{Id, Layer, Spec};
pub(crate) use report::{Endpoint, Report};

use evidence::ALIVE;
use members::{Members, Role, Unwell};
use own::Own;

/// The vantage is judged so often at most, in seconds.
const JUDGED: f64 = 1.0;

/// What is known of all that is probed from here.
#[derive(Debug)]
pub(crate) struct Verdicts {
    members: Members,
    own: Own,
    /// When the vantage was judged last.
    judged: f64,
    /// Whether anything failed since nobody was a suspect: who never failed is none.
    may_have_suspects: bool,
}

impl Default for Verdicts {
    fn default() -> Self {
        Self {
            members: Members::default(),
            own: Own::default(),
            judged: f64::NEG_INFINITY,
            may_have_suspects: false,
        }
    }
}

impl Verdicts {
    /// Adds what is probed by one module; the number stands for it.
    pub(crate) fn add(&mut self, spec: Spec) -> u64 {
        self.members.add(spec)
    }

    /// Removes it, and all that is known of it.
    pub(crate) fn remove(&mut self, number: u64) {
        self.members.remove(number);
    }

    /// Gives it other labels.
    pub(crate) fn relabel(&mut self, number: u64, endpoint: Id, module: Arc<str>, is_canary: bool) {
        self.members.relabel(number, endpoint, module, is_canary);
    }

    /// Takes in a decided round.
    pub(crate) fn feed(&mut self, number: u64, round: &Round) {
        if let Some(wall) = round.wall {
            self.own.wall_showed(wall);
        }
        let unwell = Unwell {
            network: self.own.network == Some(false) || round.begun < self.own.network_since,
            resolver: !self.own.resolver || round.begun < self.own.resolver_since,
            clock: self.own.is_clock_off(),
        };
        self.may_have_suspects |= round.has_failed();
        if let Some(member) = self.members.get_mut(number) {
            member.feed(round, unwell);
        }
        if round.decided - self.judged >= JUDGED {
            self.judge(round.decided);
        }
    }

    /// The resolver was asked by the way, and answered or did not.
    pub(crate) fn resolver_asked(&mut self, at: f64, answered: bool) {
        self.own.resolver_asked(at, answered);
    }

    /// Another resolver is asked from now on.
    pub(crate) fn resolver_replaced(&mut self) {
        self.own.resolver_replaced();
    }

    /// A domain to ask the resolver about, another each turn; none where no name is known to be well.
    pub(crate) fn domain_to_ask(&self, turn: usize) -> Option<Arc<str>> {
        self.members.domain(turn)
    }

    /// All that is said now.
    pub(crate) fn report(&mut self, now: f64) -> Report {
        self.judge(now);
        report::report(&self.members, &self.own, now)
    }

    /// Judges the vantage, and with it the outages that wait for a proof of its network.
    fn judge(&mut self, now: f64) {
        self.judged = now;
        let before = (self.own.network, self.own.resolver);
        self.own.judge(&self.members, now);
        if self.own.network == Some(false) && before.0 != Some(false) {
            // Canaries that are probed seldom show late that it was cut.
            let until = Own::heard(&self.members, now).until() - ALIVE / 2.0;
            self.acquit(now, |_| Some(until));
        }
        if !self.own.resolver && before.1 {
            self.acquit(now, |member| member.unresolved);
        }
        self.convict(now);
    }

    /// What failed lately, and what failed since a moment, was our own fault; of those that have one.
    fn acquit(&mut self, now: f64, since: impl Fn(&members::Member) -> Option<f64>) {
        for member in self.members.all_mut() {
            let Some(since) = since(member) else { continue };
            if let Role::Service(service) = &mut member.role {
                service.judges().for_each(|judge| judge.acquit(now, since));
            }
        }
    }

    fn convict(&mut self, now: f64) {
        if !self.may_have_suspects {
            return;
        }
        let mut heard = None;
        let members = &self.members;
        let has_suspects = |member: &members::Member| match &member.role {
            Role::Service(service) => {
                let families = service.each_family().any(|(_, judge)| judge.suspects().is_some());
                families || service.judge.suspects().is_some()
            }
            Role::Canary(_) => false,
        };
        if members.all().any(has_suspects) {
            heard = Some(Own::heard(members, now));
        }
        self.may_have_suspects = heard.is_some();
        let Some(heard) = heard else { return };
        for member in self.members.all_mut() {
            let (witness, endpoint) = (member.witness(), member.endpoint());
            let Role::Service(service) = &mut member.role else { continue };
            for judge in service.judges() {
                if let Some(since) = judge.suspects()
                    && heard.proves(since, witness, endpoint)
                {
                    judge.convict(since);
                }
            }
        }
    }
}
