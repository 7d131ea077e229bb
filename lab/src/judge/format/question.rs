//! A question of a world that resolvers are asked, and what they would answer. No I/O, no clock.

use std::net::IpAddr;

use exporter_kit::config::Located;
use serde::Deserialize;

use super::period::Period;
use super::steps::Steps;

/// One name and type, asked of one set of resolvers from one vantage.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    /// The label `set`.
    pub(crate) set: String,
    /// The label `vantage`.
    pub(crate) vantage: String,
    /// The exporter that asks: the label `instance`; one at each vantage, if it is left out.
    pub(crate) exporter: Option<String>,
    /// The label `region`.
    pub(crate) region: String,
    /// The name.
    pub(crate) name: String,
    /// The type: `A` or `AAAA`.
    pub(crate) r#type: String,
    /// The time from one sweep to the next. Each sweep says when it ends.
    pub(crate) interval: Period,
    /// The TTL of the answers, seconds, where it is known.
    pub(crate) ttl: Option<u32>,
    /// How the answer must compare with what is expected: `exact`, `subset`, `superset`.
    #[serde(default = "default_mode")]
    pub(crate) mode: String,
    /// What the owner of the name expects.
    pub(crate) expected: Option<Vec<String>>,
    /// Country and network of each resolver.
    pub(crate) resolvers: Vec<Resolver>,
    /// What became of each sweep.
    pub(crate) sweeps: Vec<Located<Sweep>>,
    /// Whether Prometheus reaches the exporter.
    pub(crate) scraped: Option<Steps<bool>>,
    /// Seconds at which the exporter is restarted; it keeps a state file.
    #[serde(default)]
    pub(crate) exporter_restarts: Vec<u64>,
}

fn default_mode() -> String {
    "exact".to_owned()
}

/// `COUNTRY NETWORK`, as in `DE DE-as5`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub(crate) struct Resolver {
    /// Two letters, or `anycast`.
    pub(crate) country: String,
    /// A name for its network: those of one network are one voter.
    pub(crate) network: String,
}

impl TryFrom<String> for Resolver {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let (country, network) =
            text.split_once(' ').ok_or("must be country and network, as in `DE AS64500`")?;
        Ok(Self { country: country.to_owned(), network: network.to_owned() })
    }
}

/// One sweep.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sweep {
    /// The second at which it ends.
    pub(crate) at: u64,
    /// Who says what; what the sweep before brought, where it is left out.
    #[serde(default)]
    pub(crate) answers: Vec<Located<Answers>>,
    /// Whether nobody could be asked.
    #[serde(default)]
    pub(crate) fails: bool,
    /// Whether more than a little was lost on the exporter's own machine.
    #[serde(default)]
    pub(crate) degraded: bool,
    /// What is expected from now on, where a reload changed it.
    pub(crate) expected: Option<Vec<String>>,
    /// The second of that reload; a sixth of the interval before the end of the sweep, if it is left
    /// out.
    pub(crate) reloaded_at: Option<u64>,
}

/// What some resolvers say.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answers {
    /// What they say.
    pub(crate) say: Say,
    /// What comes in reply to the same query after that.
    pub(crate) then: Option<Say>,
    /// The code of their extended error.
    pub(crate) extended_error: Option<u16>,
    /// Whether they resolve the control question, where one is asked.
    pub(crate) passes_control: Option<bool>,
    /// By which prefix they make IPv6 addresses of a name that has IPv4 alone.
    pub(crate) makes: Option<String>,
    /// Their numbers, as in `0-4,7`.
    pub(crate) resolvers: Numbers,
}

/// A list of addresses, or a word: `nxdomain`, `nodata`, `servfail`, `refused`, `timeout` ...
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged, expecting = "must be a list of addresses, or a word, as in nxdomain or timeout")]
pub(crate) enum Say {
    /// Addresses.
    Addresses(Vec<IpAddr>),
    /// Anything else.
    Word(String),
}

/// Numbers and ranges of numbers, counted from 0.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub(crate) struct Numbers(pub(crate) Vec<usize>);

impl TryFrom<String> for Numbers {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        const MUST: &str = "must be numbers and ranges, as in 0-4,7";
        let mut numbers = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let first: usize = first.trim().parse().map_err(|_| MUST)?;
            let last: usize = last.trim().parse().map_err(|_| MUST)?;
            if last < first || last > 1_000_000 {
                return Err(MUST);
            }
            numbers.extend(first..=last);
        }
        Ok(Self(numbers))
    }
}
