//! A set of resolvers in virtual time: sweeps that somebody says the outcome of, judged as ever, and the
//! page that a scrape would have shown. For the judge of worlds; nobody is asked anything.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use exporter_kit::Exporter as _;

use crate::DnsExporter;
use crate::answer::{Answer, Content, Flags};
use crate::change::Change;
use crate::config::{Config, Plan};
use crate::metrics::page::page_of;
use crate::outcome::{Outcome, SweepResult};
use crate::poll::judge;
use crate::state::{RunningSet, Snapshot};

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
    /// Nothing came in time.
    Timeout,
    /// The network says that it cannot be reached.
    Unreachable,
    /// Nothing that could be read.
    Malformed,
}

impl Said {
    /// What a word stands for, as in the label `outcome`.
    pub fn word(word: &str) -> Option<Self> {
        Some(match word {
            "nxdomain" => Self::Nxdomain,
            "nodata" => Self::Nodata,
            "servfail" => Self::Servfail,
            "refused" => Self::Refused,
            "timeout" => Self::Timeout,
            "unreachable" => Self::Unreachable,
            "malformed" => Self::Malformed,
            _ => return None,
        })
    }

    fn outcome(&self) -> Outcome {
        let content = match self {
            Self::Timeout => return Outcome::Timeout,
            Self::Unreachable => return Outcome::Unreachable,
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
        };
        Outcome::Answer(Answer { content, flags: Flags::default() })
    }
}

/// A set that nobody has started to sweep.
#[derive(Debug)]
pub struct Set {
    setup: Setup,
    running: RunningSet,
    change: [Change; 1],
}

impl Set {
    /// Nothing is known yet.
    pub fn new(setup: Setup) -> anyhow::Result<Self> {
        let running = RunningSet::new(plan(&setup)?);
        Ok(Self { setup, running, change: [Change::default()] })
    }

    /// A reload changed what is expected.
    pub fn expect(&mut self, expected: Option<Vec<String>>) -> anyhow::Result<()> {
        self.setup.expected = expected;
        self.running.relabel(&plan(&self.setup)?);
        Ok(())
    }

    /// A sweep ended at a time of the wall clock, in seconds since the epoch. `said` has one entry for
    /// each resolver.
    pub fn swept(&mut self, said: &[Said], degraded: bool, unix_seconds: f64) {
        let state = self.running.state();
        let outcomes = said.iter().map(|said| Some(said.outcome())).collect();
        let verdicts = judge(&state.plan, std::iter::once(outcomes));
        for (number, (verdict, change)) in verdicts.iter().zip(&mut self.change).enumerate() {
            if change.observe(verdict.fingerprint) {
                state.counts.consensus_changed(number);
            }
        }
        state.publish(Snapshot { seconds: 1.0, degraded, verdicts }, unix_seconds);
        state.counts.sweep(if degraded { SweepResult::Degraded } else { SweepResult::Complete });
    }

    /// A sweep failed: nobody could be asked.
    pub fn failed(&self) {
        let state = self.running.state();
        state.counts.sweep(SweepResult::Failed);
        state.withdraw();
    }

    /// The page that a scrape would show now.
    pub fn page(&self) -> String {
        page_of(&[Arc::clone(&self.running.state())])
    }
}

/// The plan of such a set. Its resolvers have private addresses, so that nothing but their number,
/// country and network matters.
fn plan(setup: &Setup) -> anyhow::Result<Plan> {
    let Setup { vantage, region, set, name, kind, mode, expected, resolvers } = setup;
    let mut text = format!(
        "vantage: {{name: {vantage:?}, region: {region:?}}}\nquestions:\n  - name: {name:?}\n    types: [{kind}]\n"
    );
    if let Some(answers) = expected {
        let _ = writeln!(text, "    expected: {{{kind}: {{mode: {mode}, answers: {answers:?}}}}}");
    }
    let _ = writeln!(text, "sets:\n  - name: {set:?}\n    allow_private: true\n    rate: 1000");
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

    #[test]
    fn a_page_shows_how_the_answers_were_judged() {
        let resolvers = (0..30).map(|n| ("DE".to_owned(), format!("as{}", n % 12))).collect();
        let word = str::to_owned;
        let mut set = Set::new(Setup {
            vantage: word("fra"),
            region: word("EMEA"),
            set: word("world"),
            name: word("api.example"),
            kind: word("A"),
            mode: word("exact"),
            expected: Some(vec![word("11.0.0.1")]),
            resolvers,
        })
        .unwrap();
        let is = |set: &Set, line: &str| set.page().lines().any(|it| it.contains(line));
        assert!(!is(&set, "dns_consistency_responses{"));
        set.swept(&vec![Said::Addresses(vec!["11.0.0.1".parse().unwrap()]); 30], false, 60.0);
        let matches = |set: &Set, value: &str| {
            let page = set.page();
            let line = page
                .lines()
                .find(|it| it.starts_with("dns_consistency_consensus_matches_expected"));
            line.is_some_and(|line| line.ends_with(value))
        };
        assert!(matches(&set, "} 1") || matches(&set, "} 1.0"), "{}", set.page());
        set.expect(Some(vec![word("11.0.0.2")])).unwrap();
        set.swept(&vec![Said::Addresses(vec!["11.0.0.1".parse().unwrap()]); 30], false, 3660.0);
        assert!(matches(&set, "} 0") || matches(&set, "} 0.0"), "{}", set.page());
        set.failed();
        assert!(!is(&set, "dns_consistency_responses{"));
    }
}
