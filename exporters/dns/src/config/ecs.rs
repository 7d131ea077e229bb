//! A server that is asked on behalf of subnets, as a config writes it. No I/O, no clock.

use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use exporter_kit::config::{self as kit, Labels, Name, Vantage, all};
use ipnet::IpNet;
use serde::Deserialize;

use super::TAKEN;
use crate::courtesy::{MAX_PER_AND_HOUR, is_stranger};
use crate::exchange::HostName;
use crate::kind::Kind;
use crate::resolvers::Country;
use crate::special;

/// Subnets of one server, and names and types that it is asked for.
const MOST_SUBNETS: usize = 256;
const MOST_QUESTIONS: usize = 16;

/// No longer prefix is named: it would tell who somebody is (RFC 7871 §11.1).
const LONGEST: (u8, u8) = (24, 56);

/// A shorter prefix is nobody's: nothing that is said of it is about a place.
const SHORTEST: (u8, u8) = (8, 20);

/// How long an answer may be waited for.
const TIMEOUT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(10));

/// Who is asked what on behalf of whom.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EcsPlan {
    /// Where the exporter asks from.
    pub(crate) vantage: Vantage,
    /// Its name: the label `set`.
    pub(crate) name: String,
    /// The user's own labels of all of its series.
    pub(crate) labels: Labels,
    /// The server.
    pub(crate) server: SocketAddr,
    /// Whether it is asked without recursion.
    pub(crate) is_authority: bool,
    /// From the start of one sweep to the start of the next.
    pub(crate) interval: Duration,
    /// How long an answer may take.
    pub(crate) timeout: Duration,
    /// What is asked.
    pub(crate) questions: Vec<(HostName, Kind)>,
    /// On behalf of whom.
    pub(crate) subnets: Vec<Subnet>,
}

impl EcsPlan {
    /// Whether another plan has the same answers: it may differ in when it asks, and in what places are called.
    pub(crate) fn asks_the_same(&self, other: &Self) -> bool {
        let nets = |plan: &Self| plan.subnets.iter().map(|subnet| subnet.net).collect::<Vec<_>>();
        self.name == other.name
            && (self.server, self.is_authority) == (other.server, other.is_authority)
            && self.questions == other.questions
            && nets(self) == nets(other)
    }

    /// For how long a sweep uses up what the server may be asked.
    pub(crate) fn pause(&self) -> Duration {
        let each = if self.is_authority { 1 } else { 3600 / u64::from(MAX_PER_AND_HOUR) };
        let queries = self.questions.len() * self.subnets.len();
        Duration::from_secs(each * queries as u64)
    }
}

/// On behalf of whom something is asked.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawSubnet")]
pub(crate) struct Subnet {
    /// The prefix.
    pub(crate) net: IpNet,
    /// Where it is; `ZZ` where that is not said.
    pub(crate) country: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawSubnet {
    Net(String),
    Full { subnet: String, country: Country },
}

impl TryFrom<RawSubnet> for Subnet {
    type Error = String;

    fn try_from(raw: RawSubnet) -> Result<Self, String> {
        let (net, country) = match raw {
            RawSubnet::Net(net) => (net, None),
            RawSubnet::Full { subnet, country } => (subnet, Some(country)),
        };
        let net: IpNet =
            net.parse().map_err(|_| "must be a prefix, as in 198.51.100.0/24 or 2001:db8::/56")?;
        let longest = if net.addr().is_ipv4() { LONGEST.0 } else { LONGEST.1 };
        if net.prefix_len() > longest {
            return Err(format!(
                "must be no longer than /{longest}, which names nobody (RFC 7871 §11.1)"
            ));
        }
        let country =
            country.map_or_else(|| crate::resolvers::UNKNOWN.to_owned(), Country::into_code);
        Ok(Self { net: net.trunc(), country })
    }
}

impl Subnet {
    /// Whether somebody on the internet may have it, or nobody for whom it stands.
    fn is_public(&self) -> bool {
        let first = self.net.network();
        let shortest = if first.is_ipv4() { SHORTEST.0 } else { SHORTEST.1 };
        self.net.prefix_len() >= shortest
            && (special::is_example(first) || !special::is_special(first))
    }
}

/// Whether no subnet is there twice.
fn is_each_once(subnets: &[Subnet]) -> bool {
    let mut seen = HashSet::new();
    subnets.iter().all(|subnet| seen.insert(subnet.net))
}

/// A sweep over subnets, as it is written.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawEcs")]
pub(crate) struct Ecs(EcsPlan);

impl Ecs {
    /// What is asked from here.
    pub(super) fn plan(&self, vantage: &Vantage) -> EcsPlan {
        EcsPlan { vantage: vantage.clone(), ..self.0.clone() }
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.0.name
    }

    /// Who is asked.
    pub(super) fn server(&self) -> SocketAddr {
        self.0.server
    }

    /// Whether it is asked as the zone's own server, of which its owner knows.
    pub(super) fn is_authority(&self) -> bool {
        self.0.is_authority
    }

    /// Queries an hour that the server gets.
    pub(super) fn hourly(&self) -> f64 {
        (self.0.questions.len() * self.0.subnets.len()) as f64 * 3600.0
            / self.0.interval.as_secs_f64()
    }

    /// Series that it makes.
    pub(super) fn series(&self) -> usize {
        self.0.questions.len() * 6 + 2
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEcs {
    name: Name,
    server: String,
    #[serde(default)]
    authority: bool,
    #[serde(default)]
    allow_private: bool,
    interval: Option<kit::Duration>,
    timeout: Option<kit::Duration>,
    names: BTreeMap<HostName, Vec<Kind>>,
    subnets: Vec<Subnet>,
    #[serde(default)]
    labels: Labels,
}

impl TryFrom<RawEcs> for Ecs {
    type Error = String;

    fn try_from(raw: RawEcs) -> Result<Self, String> {
        let must = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
        let server = raw.server.parse::<IpAddr>().map(|address| SocketAddr::new(address, 53));
        let server = server.or_else(|_| raw.server.parse::<SocketAddr>()).map_err(|_| {
            "server: must be an IP address, with a port if it is not 53, as in 192.0.2.53:5353"
                .to_owned()
        });
        let may_be_asked = server.as_ref().is_ok_and(|server| {
            !special::is_never_a_resolver(server.ip())
                && (raw.allow_private || is_stranger(server.ip()))
        });
        let timeout = raw.timeout.unwrap_or(kit::Duration::new(Duration::from_secs(2)));
        let timeout = timeout.within(TIMEOUT.0, TIMEOUT.1);
        let interval = raw.interval.map_or(Duration::from_secs(3600), kit::Duration::get);
        let questions: Vec<(HostName, Kind)> = raw
            .names
            .into_iter()
            .flat_map(|(name, kinds)| kinds.into_iter().map(move |kind| (name.clone(), kind)))
            .collect();
        let queries = questions.len() * raw.subnets.len();
        let is_own = server.as_ref().is_ok_and(|server| !is_stranger(server.ip()));
        let hourly = queries as f64 * 3600.0 / interval.as_secs_f64();
        // One that is silent takes its time for each; others are asked once a second.
        let longest = timeout.clone().map(|timeout| {
            let each = if is_own { timeout } else { timeout.max(Duration::from_secs(1)) };
            each * u32::try_from(queries).unwrap_or(u32::MAX)
        });
        all([
            server.as_ref().map(drop).map_err(String::clone),
            must(
                server.is_err() || may_be_asked,
                "server: a special-purpose address is asked only with `allow_private: true`, and one of no host never",
            ),
            timeout.clone().map(drop).map_err(|error| format!("timeout: {error}")),
            must(!interval.is_zero(), "interval: must be above 0"),
            must(
                (1..=MOST_QUESTIONS).contains(&questions.len()),
                "names: must have from 1 to 16 types in all",
            ),
            must(
                (1..=MOST_SUBNETS).contains(&raw.subnets.len()),
                "subnets: there must be from 1 to 256",
            ),
            must(
                is_own || raw.authority || hourly <= f64::from(MAX_PER_AND_HOUR),
                &format!(
                    "interval: {queries} queries each {} are {hourly:.0} an hour; the most for a resolver of others is \
                     {MAX_PER_AND_HOUR}",
                    kit::Duration::new(interval)
                ),
            ),
            raw.labels.refuse(&TAKEN).map_err(|error| format!("labels: {error}")),
            must(is_each_once(&raw.subnets), "subnets: one of them is given twice"),
            must(
                raw.allow_private || raw.subnets.iter().all(Subnet::is_public),
                "subnets: must be of public addresses, or of examples as 198.51.100.0/24, and no shorter than /8, or /20 of \
                 IPv6; private ones only with `allow_private: true`",
            ),
            must(
                longest.as_ref().is_ok_and(|longest| *longest < interval) || longest.is_err(),
                &format!(
                    "interval: {queries} queries, one after the other, may take longer than {}",
                    kit::Duration::new(interval)
                ),
            ),
        ])?;
        Ok(Self(EcsPlan {
            vantage: Vantage::default(),
            name: raw.name.into_string(),
            labels: raw.labels,
            server: server?,
            is_authority: raw.authority,
            interval,
            timeout: timeout?,
            questions,
            subnets: raw.subnets,
        }))
    }
}
