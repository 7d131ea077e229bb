//! One module of one endpoint, or one IP family of it: up, down, or some fail. No I/O, no clock.

use super::evidence::{Class, Failed, Round, patience};
use super::hold::Hold;
use super::run::Run;
use super::shares::{Much, Shares};

/// A target is down when rounds that began so far apart have failed, and all between them: an outage of
/// just so long contains none, whatever interval and phase.
const DOWN_SPAN: f64 = 90.0;

/// And so many of them.
const DOWN_ROUNDS: u64 = 3;

/// A verdict is no longer known when nothing was decided for so long, or for some intervals.
const STALE: f64 = 65.0;

/// What is judged, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// It answers.
    Up,
    /// Some rounds fail.
    Some,
    /// About half of them fail, or more.
    Half,
    /// All fail, for a minute and a half at least.
    Down,
}

impl Verdict {
    /// The value of the metric; what is not judged is -1.
    pub(crate) const fn code(verdict: Option<Self>) -> i8 {
        match verdict {
            None => -1,
            Some(Self::Up) => 0,
            Some(Self::Some) => 1,
            Some(Self::Half) => 2,
            Some(Self::Down) => 3,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Nothing is known yet.
    New,
    Up,
    /// Since the first round that failed began.
    Down(f64),
}

/// What is known of what one module probes.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    interval: f64,
    state: State,
    run: Run,
    /// Boxed: hardly any was ever down.
    hold: Option<Box<Hold>>,
    shares: Shares,
    /// When the newest round began.
    begun: f64,
    /// Whether any round ever succeeded.
    has_succeeded: bool,
    /// When the far side was heard last.
    pub(crate) heard: Option<f64>,
    /// When a round was decided last that is evidence.
    pub(crate) known: Option<f64>,
    /// Those since that are none.
    pub(crate) no_evidence: Option<NoEvidence>,
    /// The newest failure, and whether it is the newest round.
    last: Option<(Failed, bool)>,
}

impl Judge {
    /// Nothing is known of what is probed at this interval.
    pub(crate) fn new(interval: f64) -> Self {
        Self {
            interval,
            state: State::New,
            run: Run::default(),
            hold: None,
            shares: Shares::new(interval),
            begun: f64::INFINITY,
            has_succeeded: false,
            heard: None,
            known: None,
            no_evidence: None,
            last: None,
        }
    }

    /// Nothing is known either of what is probed at the same interval.
    pub(crate) fn another(&self) -> Self {
        Self::new(self.interval)
    }

    /// Takes in a round. While we are unwell ourselves, a failure is no evidence; a success always is.
    pub(crate) fn feed(
        &mut self,
        round: &Round,
        failed: Option<Failed>,
        class: Class,
        is_unwell: bool,
    ) {
        let Round { begun, decided, .. } = *round;
        let is_down = matches!(self.state, State::Down(_));
        if class.is_heard() {
            self.heard = Some(decided);
        }
        if !class.is_evidence() {
            self.no_evidence = Some(NoEvidence::after(self.no_evidence, decided, class));
            return;
        }
        // A machine that slept, or was starved, has no evidence of what was between.
        if begun - self.begun > patience(self.interval) && !is_down {
            self.run.clear();
        }
        self.begun = if self.begun.is_finite() { self.begun.max(begun) } else { begun };
        (self.known, self.no_evidence) = (Some(decided), None);
        let good = failed.is_none();
        self.last = match failed {
            Some(failed) => Some((failed, true)),
            None => self.last.map(|(failed, _)| (failed, false)),
        };
        if !good && is_unwell {
            if !is_down {
                self.run.clear();
            }
            return;
        }
        if good {
            self.has_succeeded = true;
            self.run.succeed(begun);
            if self.state == State::New {
                self.state = State::Up;
            }
        } else {
            self.run.fail(begun);
        }
        if !is_down {
            self.shares.feed(begun, failed.or(round.sampled));
        } else if self.hold.get_or_insert_default().ends(
            begun,
            good,
            self.run.count(),
            self.interval,
        ) {
            self.state = State::Up;
            self.shares.clear();
        }
    }

    /// When the run of failures began that is long enough for an outage, if one is open and not decided.
    pub(crate) fn suspects(&self) -> Option<f64> {
        if matches!(self.state, State::Down(_)) {
            return None;
        }
        self.run.begun(DOWN_SPAN, DOWN_ROUNDS)
    }

    /// Our network was proved during that run: it is an outage.
    pub(crate) fn convict(&mut self, since: f64) {
        self.state = State::Down(since);
        self.hold.get_or_insert_default().begin(self.begun);
    }

    /// What failed lately was our own fault: the open run is dropped, and the failures of the last minute and
    /// since then. An outage from before is kept.
    pub(crate) fn acquit(&mut self, now: f64, since: f64) {
        if !matches!(self.state, State::Down(_)) {
            self.run.clear();
        }
        self.shares.forget_failures(since.min(now - 2.0 * patience(self.interval)));
    }

    /// What is judged; none where nothing is known, or no longer.
    pub(crate) fn verdict(&self, now: f64) -> Option<Verdict> {
        let known = self.known?;
        if now - known > STALE.max(patience(self.interval) + 5.0) {
            return None;
        }
        match self.state {
            State::New => None,
            State::Down(_) => Some(Verdict::Down),
            State::Up => Some(match self.shares.much() {
                None => Verdict::Up,
                Some(Much::Some) => Verdict::Some,
                Some(Much::Half) => Verdict::Half,
            }),
        }
    }

    /// Since when it is as it is, while it is not well.
    pub(crate) fn since(&self) -> f64 {
        match self.state {
            State::Down(since) => since,
            State::New | State::Up => self.shares.since(),
        }
    }

    /// The share of rounds that fail.
    pub(crate) fn ratio(&self, verdict: Verdict) -> f64 {
        match verdict {
            Verdict::Up => 0.0,
            Verdict::Some => self.shares.ratio(Much::Some),
            Verdict::Half => self.shares.ratio(Much::Half),
            Verdict::Down => 1.0,
        }
    }

    /// Why: the newest failure of an outage, else the most frequent of the last ones.
    pub(crate) fn reason(&self) -> Option<Failed> {
        match (self.state, self.last) {
            (State::Down(_), Some((failed, true))) => Some(failed),
            (_, last) => self.shares.reason().or(last.map(|(failed, _)| failed)),
        }
    }

    /// Whether nothing is known of it yet.
    pub(crate) fn is_new(&self) -> bool {
        self.state == State::New
    }

    /// Whether any round ever succeeded.
    pub(crate) fn has_succeeded(&self) -> bool {
        self.has_succeeded
    }

    /// Whether it was heard lately.
    pub(crate) fn is_alive(&self, now: f64, timeout: f64) -> bool {
        self.heard.is_some_and(|heard| now - heard <= patience(self.interval) + timeout)
    }

    /// Whether for a minute no round was evidence.
    pub(crate) fn is_without_evidence(&self, now: f64) -> bool {
        self.no_evidence.is_some_and(|run| run.lasts(self.interval, now))
    }

    /// Whether for a minute all that failed was by this machine's own fault, not by its resolver's or for want of a turn.
    pub(crate) fn is_local_fault(&self, now: f64) -> bool {
        self.is_without_evidence(now) && self.no_evidence.is_some_and(|run| run.is_local)
    }
}

/// Rounds in a row that are no evidence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoEvidence {
    /// When the first was decided.
    since: f64,
    /// When the last was.
    last: f64,
    /// Whether it never left this machine, since the first.
    pub(crate) is_local: bool,
}

impl NoEvidence {
    /// One more.
    pub(crate) fn after(before: Option<Self>, decided: f64, class: Class) -> Self {
        let is_local = class == Class::Local;
        // What had no turn is no fault of this machine's: such a fault begins after it.
        let goes_on = before.filter(|before| before.is_local || !is_local);
        let since = goes_on.map_or(decided, |before| before.since);
        Self { since, last: decided, is_local: is_local || goes_on.is_some_and(|it| it.is_local) }
    }

    /// Whether what is probed at this interval has had nothing else for a minute, or for three rounds.
    pub(crate) fn lasts(self, interval: f64, now: f64) -> bool {
        let lasts = 60.0_f64.max(3.5 * interval);
        now - self.since >= lasts && now - self.last <= lasts
    }
}
