//! A set of resolvers in virtual time: sweeps that somebody says the outcome of, judged as ever, and the
//! page that a scrape would have shown. For the judge of worlds; nobody is asked anything.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use exporter_kit::Exporter as _;

use crate::DnsExporter;
use crate::answer::{Answer, Content, Flag};
use crate::config::{Config, Plan};
use crate::kept::Kept;
use crate::metrics::page::page_of;
pub use crate::nat64::Prefix;
use crate::outcome::{Control, Outcome, SweepResult};
use crate::standing::Standing;
use crate::state::{Moment, RunningSet, Snapshot};
use crate::verdict::Verdict;

/// What is asked of whom.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The label `vantage`.
    pub vantage: String,
    /// The label `region`.
    pub region: String,
    /// The label `set`.
    pub set: String,
    /// The name.
    pub name: String,
    /// The type: `A` or `AAAA`.
    pub kind: String,
    /// How an answer must compare with what is expected: `exact`, `subset` or `superset`.
    pub mode: String,
    /// The pinned answer, where there is one.
    pub expected: Option<Vec<String>>,
    /// From one sweep to the next, seconds.
    pub interval: u64,
    /// The TTL of the answers, seconds, where it is known.
    pub ttl: Option<u32>,
    /// Country and network of each resolver; those of one network have the same name for it.
    pub resolvers: Vec<(String, String)>,
}

/// What one resolver says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Addresses.
    Addresses(Vec<IpAddr>),
    /// There is no such name.
    Nxdomain,
    /// There is no record of the type.
    Nodata,
    /// The resolver failed.
    Servfail,
    /// It does not serve us.
    Refused,
    /// Another response code.
    OtherRcode,
    /// It points to other servers.
    Referral,
    /// It gives records of other types.
    Offtype,
    /// Nothing came in time.
    Timeout,
    /// The network says that it cannot be reached.
    Unreachable,
    /// What came was cut, and the whole was not to be had.
    Truncated,
    /// Nothing that could be read.
    Malformed,
}

/// All that comes of one resolver in a sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What it says.
    pub said: Said,
    /// What comes in reply to the same query after that.
    pub then: Option<Said>,
    /// The code of its extended error.
    pub extended_error: Option<u16>,
    /// Whether it resolves the control question, where one is asked.
    pub passes_control: Option<bool>,
    /// By which prefix it makes IPv6 addresses of a name that has IPv4 alone, where it is asked for that.
    pub makes: Option<Prefix>,
}

impl From<Said> for Reply {
    fn from(said: Said) -> Self {
        Self { said, then: None, extended_error: None, passes_control: None, makes: None }
    }
}

impl Said {
    /// What a word stands for, as in the label `outcome`.
    pub fn word(word: &str) -> Option<Self> {
        Some(match word {
            "nxdomain" => Self::Nxdomain,
            "nodata" => Self::Nodata,
            "servfail" => Self::Servfail,
            "refused" => Self::Refused,
            "other_rcode" => Self::OtherRcode,
            "referral" => Self::Referral,
            "offtype" => Self::Offtype,
            "timeout" => Self::Timeout,
            "unreachable" => Self::Unreachable,
            "truncated" => Self::Truncated,
            "malformed" => Self::Malformed,
            _ => return None,
        })
    }

    fn outcome(&self) -> Outcome {
        let content = match self {
            Self::Timeout => return Outcome::Timeout,
            Self::Unreachable => return Outcome::Unreachable,
            Self::Truncated => return Outcome::Truncated,
            Self::Malformed => return Outcome::Malformed,
            Self::Addresses(addresses) => {
                let mut addresses = addresses.clone();
                addresses.sort_unstable();
                addresses.dedup();
                Content::Addresses(addresses.into())
            }
            Self::Nxdomain => Content::Nxdomain,
            Self::Nodata => Content::Nodata,
            Self::Servfail => Content::Servfail,
            Self::Refused => Content::Refused,
            Self::OtherRcode => Content::OtherRcode,
            Self::Referral => Content::Referral,
            Self::Offtype => Content::Offtype,
        };
        Outcome::Answer(Answer::new(content))
    }
}

impl Reply {
    /// As a sweep would bring it: an answer stands before an error, whichever came first.
    fn outcome(&self) -> Outcome {
        let mut outcome = self.said.outcome();
        let then = self.then.as_ref().map(Said::outcome);
        if let Some(Outcome::Answer(then)) = then {
            outcome = match outcome {
                Outcome::Answer(mut first) => {
                    let mut then = then;
                    if !first.content.is_conclusive() && then.content.is_conclusive() {
                        std::mem::swap(&mut first, &mut then);
                    }
                    first.others.push(then.content);
                    first.flags.set(Flag::MultipleAnswers);
                    Outcome::Answer(first)
                }
                _ => Outcome::Answer(then),
            };
        }
        if let Outcome::Answer(answer) = &mut outcome {
            answer.extended_error = self.extended_error;
        }
        outcome
    }

    fn control(&self) -> Control {
        match self.passes_control {
            None => Control::Unknown,
            Some(true) => Control::Passed,
            Some(false) if self.outcome() == Outcome::Timeout => Control::Silent,
            Some(false) => Control::Failed,
        }
    }
}

/// A set that nobody has started to sweep.
#[derive(Debug)]
pub struct Set {
    setup: Setup,
    running: RunningSet,
    standing: Standing,
}

impl Set {
    /// Nothing is known yet, at second 0.
    pub fn new(setup: Setup) -> anyhow::Result<Self> {
        let running = RunningSet::new(plan(&setup)?, 0);
        running.state().begins(Moment::Virtual(0.0));
        Ok(Self { setup, running, standing: Standing::of_a_world(Vec::new()) })
    }

    /// A reload changed what is expected, if it is not the same as before.
    pub fn expect(&mut self, expected: Option<Vec<String>>, second: u64) -> anyhow::Result<()> {
        if self.setup.expected == expected {
            return Ok(());
        }
        self.setup.expected = expected;
        self.running.relabel(&plan(&self.setup)?, second);
        let state = self.running.state();
        if let Some(verdicts) = self.standing.judged_anew(&state.plan, state.since, second) {
            state.judged_anew(verdicts);
        }
        Ok(())
    }

    /// The program starts anew: it knows what its state file says.
    pub fn restart(&mut self, second: u64) -> anyhow::Result<()> {
        self.running = RunningSet::new(plan(&self.setup)?, self.running.state().since);
        self.running.state().begins(Moment::Virtual(second as f64));
        self.standing = Standing::of_a_world(self.standing.memories().to_vec());
        let state = self.running.state();
        state.was_told(self.standing.told(&state.plan, second));
        Ok(())
    }

    /// A sweep ended. `replies` has one entry for each resolver.
    pub fn swept(&mut self, replies: &[Reply], degraded: bool, second: u64) {
        let state = self.running.state();
        let outcomes = vec![replies.iter().map(|reply| Some(reply.outcome())).collect()];
        let control = replies.iter().map(Reply::control).collect();
        let mut kept = Kept::of(outcomes, control, vec![self.setup.ttl]);
        let makes = replies.iter().enumerate().filter_map(|(at, it)| Some((at, it.makes?)));
        kept.prefixes = makes.collect();
        let kept = Arc::new(kept);
        let verdicts = self.standing.swept(&state.plan, kept, degraded, state.since, second);
        let is_changed = |verdict: &Verdict| verdict.is_changed && !degraded;
        for (number, _) in verdicts.iter().enumerate().filter(|(_, it)| is_changed(it)) {
            state.counts.consensus_changed(number);
        }
        let at = second as f64;
        // Nobody looks at the answers of a world.
        let snapshot = Snapshot { seconds: 1.0, degraded, verdicts, kept: None };
        state.publish(snapshot, at, Moment::Virtual(at));
        state.counts.sweep(if degraded { SweepResult::Degraded } else { SweepResult::Complete });
    }

    /// A sweep failed: nobody could be asked.
    pub fn failed(&self) {
        self.running.state().counts.sweep(SweepResult::Failed);
    }

    /// The page that a scrape would show.
    pub fn page(&self, second: u64) -> String {
        page_of(&[Arc::clone(&self.running.state())], Moment::Virtual(second as f64))
    }
}

/// The plan of such a set. Its resolvers have private addresses, so that nothing but their number,
/// country and network matters.
fn plan(setup: &Setup) -> anyhow::Result<Plan> {
    let Setup { vantage, region, set, name, kind, mode, expected, resolvers, .. } = setup;
    let interval = setup.interval.max(1);
    let mut text = format!(
        "vantage: {{name: {vantage:?}, region: {region:?}}}\nquestions:\n  - name: {name:?}\n    types: [{kind}]\n"
    );
    if let Some(answers) = expected {
        let _ = writeln!(text, "    expected: {{{kind}: {{mode: {mode}, answers: {answers:?}}}}}");
    }
    let _ = writeln!(
        text,
        "sets:\n  - name: {set:?}\n    allow_private: true\n    rate: 1000\n    interval: {interval}s\n    timeout: 50ms"
    );
    text.push_str("    control: control.example\n");
    text.push_str("    resolvers:\n");
    let mut networks: Vec<&str> = Vec::new();
    for (number, (country, network)) in resolvers.iter().enumerate() {
        let known = networks.iter().position(|known| known == network);
        let asn = known.unwrap_or_else(|| {
            networks.push(network);
            networks.len() - 1
        });
        let [_, high, middle, low] = u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes();
        let asn = asn + 1;
        let _ = writeln!(
            text,
            "      - {{address: 10.{high}.{middle}.{low}, country: {country:?}, asn: {asn}}}"
        );
    }
    let config: Config = exporter_kit::parse(&text, "simulation")?;
    let config = DnsExporter::prepare(config, Path::new("."))?;
    let plans = config.plans(&[]).0.into_values();
    plans.into_iter().next().ok_or_else(|| anyhow::anyhow!("the set {set} is asked nothing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(resolvers: Vec<(String, String)>) -> Set {
        let word = str::to_owned;
        let setup = Setup {
            vantage: word("fra"),
            region: word("EMEA"),
            set: word("world"),
            name: word("api.example"),
            kind: word("A"),
            mode: word("exact"),
            expected: Some(vec![word("11.0.0.1")]),
            interval: 3600,
            ttl: None,
            resolvers,
        };
        Set::new(setup).unwrap()
    }

    fn all(address: &str, count: usize) -> Vec<Reply> {
        vec![Said::Addresses(vec![address.parse().unwrap()]).into(); count]
    }

    fn verdict(set: &Set, second: u64, verdict: &str) -> bool {
        let page = set.page(second);
        let of = format!("verdict=\"{verdict}\"}}");
        let mut lines = page.lines().filter(|line| line.starts_with("dns_consistency_verdict{"));
        lines.any(|line| line.contains(&of) && (line.ends_with(" 1") || line.ends_with(" 1.0")))
    }

    #[test]
    fn a_page_shows_how_the_answers_were_judged_until_a_sweep_says_otherwise() {
        let resolvers = (0..30).map(|n| ("DE".to_owned(), format!("as{}", n % 12))).collect();
        let mut set = set(resolvers);
        assert!(!set.page(0).contains("dns_consistency_responses{"));
        set.swept(&all("11.0.0.1", 30), false, 60);
        assert!(!verdict(&set, 60, "unexpected"), "{}", set.page(60));
        set.expect(Some(vec!["11.0.0.2".to_owned()]), 3000).unwrap();
        assert!(!verdict(&set, 3000, "unexpected"), "its TTL may last");
        set.swept(&all("11.0.0.1", 30), false, 3660);
        assert!(verdict(&set, 3660, "unexpected") && verdict(&set, 3660, "unseen"));
        set.failed();
        assert!(verdict(&set, 7260, "unexpected"), "nothing was measured");
        set.swept(&all("11.0.0.2", 30), false, 10_860);
        assert!(!verdict(&set, 10_860, "unexpected"));
    }

    /// Thirty resolvers of a country where all is well, and eight of one that has another answer.
    fn of_two_countries() -> (Set, Vec<Reply>) {
        let of = |country: &str, n: usize| (country.to_owned(), format!("{country}{n}"));
        let resolvers = (0..30).map(|n| of("DE", n)).chain((0..8).map(|n| of("CN", n))).collect();
        (set(resolvers), [all("11.0.0.1", 30), all("11.0.0.66", 8)].concat())
    }

    fn country(page: &str) -> bool {
        let of = "country=\"CN\",verdict=\"differs\"}";
        let mut lines =
            page.lines().filter(|it| it.starts_with("dns_consistency_country_verdict{"));
        lines.any(|line| line.contains(of) && (line.ends_with(" 1") || line.ends_with(" 1.0")))
    }

    #[test]
    fn a_country_that_diverges_does_while_nothing_is_measured_and_no_longer_than_a_day() {
        let (mut set, replies) = of_two_countries();
        set.swept(&replies, false, 60);
        assert!(country(&set.page(60)), "{}", set.page(60));
        let silence = Reply { passes_control: Some(false), ..Said::Timeout.into() };
        let silence = vec![silence; 38];
        for hour in 1..=20 {
            set.swept(&silence, false, 60 + 3600 * hour);
            assert!(country(&set.page(60 + 3600 * hour)), "{hour}");
        }
        set.swept(&silence, false, 60 + 3600 * 25);
        assert!(!country(&set.page(60 + 3600 * 25)));
        set.swept(&replies, false, 60 + 3600 * 26);
        assert!(country(&set.page(60 + 3600 * 26)));
        set.swept(&all("11.0.0.1", 38), false, 60 + 3600 * 27);
        assert!(!country(&set.page(60 + 3600 * 27)));
    }

    #[test]
    fn a_reload_that_asks_anew_takes_nothing_back_that_it_does_not_touch() {
        let (mut set, replies) = of_two_countries();
        set.swept(&replies, false, 60);
        let anew = |set: &mut Set, second: u64| {
            let (state, plan) = (set.running.state(), plan(&set.setup).unwrap());
            let known = state.known_of(&plan);
            set.standing = Standing::of_a_world(known.memories.to_vec());
            set.running = RunningSet::new(plan, second);
            set.running.state().takes_over(known);
        };
        set.running.state().remembers(Arc::clone(set.standing.memories()));
        set.setup.interval = 1800;
        let before = set.page(70);
        anew(&mut set, 70);
        let gauges = |page: &str| {
            let of =
                |line: &&str| line.starts_with("dns_consistency_") && line.contains("type=\"A\"");
            page.lines()
                .filter(of)
                .filter(|it| !it.contains("_total"))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(gauges(&set.page(70)), gauges(&before));
        assert!(country(&set.page(70)));
        // Twice in a row, and then with another pin: of which nothing is known yet.
        anew(&mut set, 80);
        assert!(country(&set.page(80)));
        set.expect(Some(vec!["11.0.0.2".to_owned()]), 90).unwrap();
        assert!(!country(&set.page(90)));
        // Judged with what was known before: the former answer may last.
        set.swept(&replies, false, 100);
        assert!(!verdict(&set, 100, "unexpected"), "{}", set.page(100));
    }

    #[test]
    fn a_restart_remembers_which_pin_was_there_before() {
        let resolvers = (0..30).map(|n| ("DE".to_owned(), format!("as{}", n % 12))).collect();
        let mut set = set(resolvers);
        set.swept(&all("11.0.0.1", 30), false, 60);
        set.expect(Some(vec!["11.0.0.2".to_owned()]), 3600).unwrap();
        set.restart(3610).unwrap();
        set.swept(&all("11.0.0.1", 30), false, 3660);
        assert!(!verdict(&set, 3660, "unexpected"), "{}", set.page(3660));
    }
}
