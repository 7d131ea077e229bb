//! A zone whose own servers are asked, as a config writes it. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use exporter_kit::Buckets;
use exporter_kit::config::{self as kit, Labels, Vantage, all};
use serde::Deserialize;

use super::TAKEN;
use crate::authority::{Rules, VALIDATORS};
use crate::exchange::HostName;
use crate::kind::Kind;
use crate::special;

/// From one round to the next.
const INTERVAL: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(86_400));
/// The shortest of them where all is on this machine: tests.
const LOOPBACK_INTERVAL: Duration = Duration::from_secs(1);
/// How long an answer may be waited for.
const TIMEOUT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(10));
/// Questions of one zone, names and types.
const MOST_QUESTIONS: usize = 16;
/// Addresses that a list may have.
const MOST_ADDRESSES: usize = 32;

/// What a zone's servers are asked, and how that is judged and shown.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ZonePlan {
    /// Where the exporter asks from.
    pub(crate) vantage: Vantage,
    /// By which bounds times are counted.
    pub(crate) buckets: Buckets,
    /// The user's own labels of all of its series.
    pub(crate) labels: Labels,
    /// The zone.
    pub(crate) zone: HostName,
    /// From the start of one round to the start of the next.
    pub(crate) interval: Duration,
    /// How long an answer may take.
    pub(crate) timeout: Duration,
    /// Port at which servers are asked that were found.
    pub(crate) port: u16,
    /// Servers that are asked besides.
    pub(crate) servers: Vec<NamedServer>,
    /// Servers of the parent.
    pub(crate) parents: Vec<SocketAddr>,
    /// Resolvers that find the delegation.
    pub(crate) resolvers: Vec<SocketAddr>,
    /// Whether special-purpose addresses may be asked that were found.
    pub(crate) allow_private: bool,
    /// For how long a server may be behind.
    grace: Duration,
    /// Whether the providers of the zone number its versions each by itself.
    has_own_serials: bool,
    /// The servers that the parent must name.
    ns: Option<BTreeSet<HostName>>,
    /// What is compared over all servers.
    pub(crate) questions: Vec<(HostName, Kind)>,
    /// The name of the canary.
    pub(crate) canary: Option<HostName>,
    /// How old it may be.
    canary_age: Option<Duration>,
}

/// The part of a plan that its task does; the rest is how it is judged and shown.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ZoneWork(ZonePlan);

impl ZonePlan {
    /// What the task does.
    pub(crate) fn work(&self) -> ZoneWork {
        ZoneWork(Self {
            vantage: Vantage::default(),
            buckets: Buckets::default(),
            labels: Labels::default(),
            grace: Duration::ZERO,
            has_own_serials: false,
            ns: None,
            canary_age: None,
            ..self.clone()
        })
    }

    /// How rounds are judged.
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            grace: self.grace.as_secs(),
            ns: self.ns.clone(),
            canary_age: self.canary_age.map(|age| age.as_secs()),
            has_canary: self.canary.is_some(),
            has_own_serials: self.has_own_serials,
            zone: self.zone.clone(),
        }
    }
}

/// A server that is asked because it is configured.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawServer")]
pub(crate) struct NamedServer {
    name: Option<HostName>,
    /// Where it is asked.
    pub(crate) address: SocketAddr,
    shown: String,
}

impl NamedServer {
    /// Its name; its address where it has none.
    pub(crate) fn name(&self) -> &str {
        self.name.as_ref().map_or(&self.shown, HostName::as_str)
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawServer {
    Address(String),
    Named { name: HostName, address: String },
}

impl TryFrom<RawServer> for NamedServer {
    type Error = String;

    fn try_from(raw: RawServer) -> Result<Self, String> {
        let (name, address) = match raw {
            RawServer::Address(address) => (None, address),
            RawServer::Named { name, address } => (Some(name), address),
        };
        let Asked(address) = address.try_into()?;
        Ok(Self { name, address, shown: address.ip().to_string() })
    }
}

/// An address that may be asked, with its port.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(try_from = "String")]
struct Asked(SocketAddr);

impl TryFrom<String> for Asked {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let address = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 53));
        let address = address.or_else(|_| text.parse::<SocketAddr>()).map_err(|_| {
            "must be an IP address, with a port if it is not 53, as in 192.0.2.1:5353 or [2001:db8::1]:5353"
        })?;
        if special::is_never_a_resolver(address.ip()) || address.port() == 0 {
            return Err("no host can have this address".to_owned());
        }
        Ok(Self(address))
    }
}

/// A zone, as it is written.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawZone")]
pub(crate) struct Zone {
    interval: Duration,
    timeout: Duration,
    port: u16,
    servers: Vec<NamedServer>,
    parents: Vec<SocketAddr>,
    resolvers: Vec<SocketAddr>,
    allow_private: bool,
    grace: Duration,
    serials: Serials,
    ns: Option<BTreeSet<HostName>>,
    questions: Vec<(HostName, Kind)>,
    canary: Option<(HostName, Option<Duration>)>,
    labels: Labels,
}

impl Zone {
    /// What its servers are asked from here.
    pub(super) fn plan(&self, zone: &HostName, vantage: &Vantage, buckets: &Buckets) -> ZonePlan {
        let it = self.clone();
        let canary = it.canary.clone();
        ZonePlan {
            vantage: vantage.clone(),
            buckets: buckets.clone(),
            labels: it.labels,
            zone: zone.clone(),
            interval: it.interval,
            timeout: it.timeout,
            port: it.port,
            servers: it.servers,
            parents: it.parents,
            resolvers: it.resolvers,
            allow_private: it.allow_private,
            grace: it.grace,
            has_own_serials: it.serials == Serials::Independent,
            ns: it.ns,
            questions: it.questions,
            canary_age: canary.as_ref().and_then(|(_, age)| *age),
            canary: canary.map(|(name, _)| name),
        }
    }

    /// Who is asked to validate it, of those that are named.
    pub(super) fn validators(&self) -> impl Iterator<Item = IpAddr> {
        self.resolvers.iter().take(VALIDATORS).map(SocketAddr::ip)
    }

    /// Whether it says whom the parent must name.
    pub(super) fn is_pinned(&self) -> bool {
        self.ns.is_some()
    }

    /// How many names and types are compared.
    pub(super) fn names(&self) -> usize {
        self.questions.len()
    }

    /// What of it does not fit the zone's name.
    pub(super) fn faults(&self, zone: &HostName) -> Vec<String> {
        let foreign = |field: &str, name: &HostName| {
            (!name.is_within(zone)).then(|| format!("{field}: {name} is not within {zone}"))
        };
        let questions = self.questions.iter().filter_map(|(name, _)| foreign("names", name));
        let canary = self.canary.iter().filter_map(|(name, _)| foreign("canary.name", name));
        questions.chain(canary).collect()
    }
}

/// Who numbers the versions of a zone.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Serials {
    /// One primary, for all servers.
    #[default]
    Common,
    /// Each provider by itself.
    Independent,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawZone {
    interval: Option<kit::Duration>,
    timeout: Option<kit::Duration>,
    port: Option<u16>,
    #[serde(default)]
    servers: Vec<NamedServer>,
    #[serde(default)]
    parents: Vec<Asked>,
    #[serde(default)]
    resolvers: Vec<Asked>,
    #[serde(default)]
    allow_private: bool,
    grace: Option<kit::Duration>,
    #[serde(default)]
    serials: Serials,
    ns: Option<Vec<HostName>>,
    #[serde(default)]
    names: BTreeMap<HostName, Vec<Kind>>,
    canary: Option<RawCanary>,
    #[serde(default)]
    labels: Labels,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCanary {
    name: HostName,
    max_age: Option<kit::Duration>,
}

impl TryFrom<RawZone> for Zone {
    type Error = String;

    fn try_from(raw: RawZone) -> Result<Self, String> {
        let within = |field: &str,
                      given: Option<kit::Duration>,
                      default: u64,
                      bounds: (Duration, Duration)| {
            let given = given.unwrap_or_else(|| kit::Duration::new(Duration::from_secs(default)));
            given.within(bounds.0, bounds.1).map_err(|error| format!("{field}: {error}"))
        };
        let must = |field: &str, holds: bool, must: &str| {
            if holds { Ok(()) } else { Err(format!("{field}: must {must}")) }
        };
        let servers = raw.servers.iter().map(|server| server.address);
        let others = raw.parents.iter().chain(&raw.resolvers).map(|Asked(address)| *address);
        let mut configured = servers.chain(others).peekable();
        let is_loopback = raw.allow_private
            && configured.peek().is_some()
            && configured.all(|address| address.ip().is_loopback());
        let shortest = if is_loopback { LOOPBACK_INTERVAL } else { INTERVAL.0 };
        let interval = within("interval", raw.interval, 60, (shortest, INTERVAL.1));
        let timeout = within("timeout", raw.timeout, 2, TIMEOUT);
        let questions: Vec<_> = raw
            .names
            .into_iter()
            .flat_map(|(name, kinds)| kinds.into_iter().map(move |kind| (name.clone(), kind)))
            .collect();
        let few = |count| count <= MOST_ADDRESSES;
        let port = raw.port.unwrap_or(53);
        all([
            interval.clone().map(drop),
            timeout.clone().map(drop),
            must("port", port > 0, "be from 1 to 65535"),
            must("servers", few(raw.servers.len()), "have at most 32 entries"),
            must("parents", few(raw.parents.len()), "have at most 32 entries"),
            must("resolvers", few(raw.resolvers.len()), "have at most 32 entries"),
            must("ns", raw.ns.as_ref().is_none_or(|it| !it.is_empty()), "have one entry at least"),
            must("names", questions.len() <= MOST_QUESTIONS, "have at most 16 types in all"),
            raw.labels.refuse(&TAKEN).map_err(|error| format!("labels: {error}")),
        ])?;
        let addresses = |asked: Vec<Asked>| asked.into_iter().map(|Asked(it)| it).collect();
        let grace = raw.grace.map_or(Duration::from_secs(3600), kit::Duration::get);
        let canary = raw.canary.map(|it| (it.name, it.max_age.map(kit::Duration::get)));
        Ok(Self {
            interval: interval?,
            timeout: timeout?,
            serials: raw.serials,
            port,
            servers: raw.servers,
            parents: addresses(raw.parents),
            resolvers: addresses(raw.resolvers),
            allow_private: raw.allow_private,
            grace,
            ns: raw.ns.map(|it| it.into_iter().collect()),
            questions,
            canary,
            labels: raw.labels,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn plans(zones: &str) -> Result<BTreeMap<String, ZonePlan>, String> {
        let text = format!("vantage: {{ name: fra, region: EMEA }}\nzones:\n  {zones}\n");
        let config: Config =
            exporter_kit::config::parse(&text, "test.yml").map_err(|error| format!("{error:#}"))?;
        Ok(config.complete(Path::new(".")).map_err(|error| error.to_string())?.zone_plans())
    }

    #[test]
    fn a_zone_needs_nothing_but_its_name() {
        let plan = plans("A.example.: {}").unwrap().remove("a.example").unwrap();
        assert_eq!(
            (plan.interval, plan.timeout),
            (Duration::from_secs(60), Duration::from_secs(2))
        );
        assert_eq!((plan.port, plan.allow_private), (53, false));
        let rules = plan.rules();
        assert_eq!((rules.grace, &rules.ns, rules.canary_age), (3_600, &None, None));
        assert!(!rules.has_canary && !rules.has_own_serials);
        let plans = plans(
            "a.example: { servers: [192.0.2.1, '[::1]:54', { name: ns1.a.example, address: 127.0.0.1:5300 }], \
             parents: [127.0.0.2], resolvers: ['127.0.0.3:54'], ns: [ns1.a.example], grace: 5m, \
             names: { www.a.example: [A, MX] }, canary: { name: now.a.example, max_age: 10m } }",
        );
        let plan = plans.unwrap().remove("a.example").unwrap();
        let servers: Vec<_> =
            plan.servers.iter().map(|it| format!("{} {}", it.name(), it.address)).collect();
        assert_eq!(
            servers,
            ["192.0.2.1 192.0.2.1:53", "::1 [::1]:54", "ns1.a.example 127.0.0.1:5300"]
        );
        assert_eq!(plan.questions.len(), 2);
        let rules = plan.rules();
        assert_eq!((rules.grace, rules.canary_age, rules.has_canary), (300, Some(600), true));
        // Who judges otherwise asks nobody anew.
        let labels = Labels::new([("env", "prod")]).unwrap();
        let other =
            ZonePlan { grace: Duration::ZERO, ns: None, canary_age: None, labels, ..plan.clone() };
        assert!(other != plan && other.work() == plan.work());
        assert!(ZonePlan { port: 54, ..plan.clone() }.work() != plan.work());
    }

    #[test]
    fn what_the_readme_shows_can_be_pasted() {
        let readme = include_str!("../../README.md");
        let block = readme.split("```yaml\nzones:\n").nth(1).unwrap().split("```").next().unwrap();
        let text = format!("vantage: {{ name: fra, region: EMEA }}\nzones:\n{block}");
        let config: Config = exporter_kit::config::parse(&text, "README.md").unwrap();
        let config = config.complete(Path::new(".")).unwrap();
        assert_eq!(config.zone_plans().len(), 2);
        assert!(config.warnings[0].contains("without `state_directory`"), "{:?}", config.warnings);
    }

    #[test]
    fn zones_that_crowd_a_validator_of_others_are_told() {
        let config = |count: usize, resolver: &str| {
            let zone =
                |n| format!("  z{n}.example: {{ ns: [a.example], resolvers: ['{resolver}'] }}\n");
            let zones: String = (0..count).map(zone).collect();
            let text = format!("vantage: {{ name: fra, region: EMEA }}\nzones:\n{zones}");
            let config: Config = exporter_kit::config::parse(&text, "test.yml").unwrap();
            config.complete(Path::new(".")).unwrap().warnings
        };
        assert_eq!(config(2, "9.9.9.9"), [""; 0]);
        assert_eq!(config(9, "10.0.0.1"), [""; 0]);
        let [warning] = &config(3, "9.9.9.9")[..] else { panic!() };
        assert!(warning.starts_with("line 3: zones: 3 of them have 9.9.9.9 validate"), "{warning}");
        // What sets plan leaves less room, or none.
        let beside = |interval: &str| {
            let text = format!(
                "vantage: {{ name: fra, region: EMEA }}\nsets: [{{ name: own, resolvers: [9.9.9.9], interval: {interval} \
                 }}]\nquestions: [{{ name: a.example }}]\nzones:\n  z.example: {{ ns: [a.example], resolvers: \
                 [9.9.9.9] }}\n"
            );
            let config: Config = exporter_kit::config::parse(&text, "test.yml").unwrap();
            let warnings = config.complete(Path::new(".")).unwrap().warnings;
            warnings.into_iter().find(|it| it.contains("validate them")).unwrap_or_default()
        };
        assert_eq!(beside("15m"), "");
        let warning = beside("2m");
        assert!(
            warning.contains("takes 12 queries an hour where there is room for 0, beside"),
            "{warning}"
        );
    }

    #[test]
    fn every_fault_has_its_message() {
        for (zones, wanted) in [
            ("a b: {}", "must be a host name"),
            ("a.example: { colour: red }", "unknown field `colour`"),
            ("a.example: { interval: 1s }", "interval: must be from 10s to 1d"),
            ("a.example: { servers: [ns1.a.example] }", "servers[0]: must be an IP address"),
            ("a.example: { parents: [0.0.0.0] }", "parents[0]: no host can have this address"),
            ("a.example: { parents: ['1.1.1.1:0'] }", "parents[0]: no host can have this address"),
            (
                "a.example: { names: { www.b.example: [A] } }",
                "zones.a.example.names: www.b.example is not within a.example",
            ),
            ("a.example: { canary: { name: b.example } }", "canary.name: b.example is not within"),
            ("a.example: { ns: [] }", "ns: must have one entry at least"),
            ("a.example: { labels: { server: x } }", "labels.server: the suite itself uses this"),
        ] {
            let error = plans(zones).unwrap_err();
            assert!(error.contains(wanted), "{zones}\n  wanted {wanted}\n  got    {error}");
        }
    }
}
