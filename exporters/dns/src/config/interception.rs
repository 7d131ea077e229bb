//! Where nobody answers, and who a resolver is that is known, as a config writes it. No I/O, no clock.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use exporter_kit::config::{self as kit, Located, Vantage, all};
use serde::Deserialize;

use super::Config;
use super::encrypted::{Roots, TlsConfig};
use super::lists::Hourly;
use crate::courtesy::{MAX_PER_AND_HOUR, is_stranger};
use crate::exchange::HostName;
use crate::exchange::identity::Identity;
use crate::special;

/// Addresses of documentation (RFC 5737): no host has them.
const NOBODY: [[u8; 4]; 2] = [[192, 0, 2, 53], [198, 51, 100, 53]];
const MOST_ADDRESSES: usize = 8;
/// Queries of a round to one that is known: over UDP, and over TLS.
const EACH_KNOWN: f64 = 2.0;
/// Where a resolver answers by TLS (RFC 7858 §3.1).
const TLS_PORT: u16 = 853;
const INTERVAL: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(86_400));
const TIMEOUT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(10));

/// Who is asked what.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InterceptionPlan {
    /// Where the exporter asks from.
    pub(crate) vantage: Vantage,
    /// The name of the test on the landing page.
    pub(crate) name: String,
    /// Where nobody answers.
    pub(crate) addresses: Vec<SocketAddr>,
    /// Resolvers that say which of their machines answers.
    pub(crate) known: Vec<Arc<Known>>,
    /// What is asked, of type A.
    pub(crate) question: HostName,
    /// From one round to the next.
    pub(crate) interval: Duration,
    /// How long an answer may take.
    pub(crate) timeout: Duration,
}

/// A resolver that says which of its machines answers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Known {
    /// Where it is asked over UDP,
    pub(crate) address: SocketAddr,
    /// and over TLS.
    pub(crate) over_tls: SocketAddr,
    /// What its machines are called.
    pub(crate) like: Like,
    /// Who it must be by TLS,
    pub(crate) whose: Identity,
    /// and by whose word; by that of those whom the system believes where it is not said.
    pub(crate) roots: Option<Roots>,
}

/// A name with one `*` at most, which stands for anything.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "String")]
pub(crate) struct Like(String, Option<String>);

impl Like {
    /// Whether a name is such a one, in any case.
    pub(crate) fn matches(&self, name: &str) -> bool {
        let (name, Self(begin, end)) = (name.trim_end_matches('.').to_ascii_lowercase(), self);
        match end {
            None => name == *begin,
            Some(end) => {
                name.len() >= begin.len() + end.len()
                    && name.starts_with(begin.as_str())
                    && name.ends_with(end.as_str())
            }
        }
    }
}

impl TryFrom<String> for Like {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let text = text.trim_end_matches('.').to_ascii_lowercase();
        let parts: Vec<&str> = text.split('*').collect();
        match parts[..] {
            [whole] if !whole.is_empty() => Ok(Self(whole.to_owned(), None)),
            [begin, end] if begin.len() + end.len() > 0 => {
                Ok(Self(begin.to_owned(), Some(end.to_owned())))
            }
            _ => Err("must be a name with one * at most, as in *.pch.net"),
        }
    }
}

/// The test, as it is written.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawInterception")]
pub(crate) struct Interception(InterceptionPlan, Vec<Option<Located<PathBuf>>>);

impl Interception {
    /// What is asked from here.
    pub(super) fn plan(&self, vantage: &Vantage) -> InterceptionPlan {
        InterceptionPlan { vantage: vantage.clone(), ..self.0.clone() }
    }

    /// The file of CA certificates of each that is known, and where what stands in it belongs.
    pub(super) fn authorities(
        &mut self,
    ) -> impl Iterator<Item = (&Option<Located<PathBuf>>, &mut Option<Roots>)> {
        let known = self.0.known.iter_mut().map(|known| &mut Arc::make_mut(known).roots);
        self.1.iter().zip(known)
    }
}

impl Config {
    /// Leaves out the resolvers that are known and do not want to be asked.
    pub(super) fn leave_out_known(&mut self) {
        let Some(Interception(plan, authorities)) = &mut self.interception else { return };
        let mut authorities_of = std::mem::take(authorities).into_iter();
        plan.known.retain(|known| {
            let (address, authority) = (known.address.ip(), authorities_of.next());
            let is_left_out = self.opt_out.has(address);
            if is_left_out {
                let warning =
                    format!("interception.known: {address} is in `opt_out_file`, and is not asked");
                self.warnings.push(warning);
            } else {
                authorities.extend(authority);
            }
            !is_left_out
        });
    }

    /// A warning for each resolver that is known and of which the hour has no room for being asked who it is.
    pub(super) fn crowded_known(&self) -> Vec<String> {
        let Some(Interception(plan, _)) = &self.interception else { return Vec::new() };
        let is_owed = |known: &&Arc<Known>| is_stranger(known.address.ip());
        let known: Vec<_> = plan.known.iter().filter(is_owed).collect();
        let hourly = if known.is_empty() { Hourly::default() } else { self.hourly() };
        let warning = |known: &Arc<Known>| {
            let address = known.address.ip();
            // Besides what is planned there is half of an hour's room.
            let planned = hourly.0.get(&address).copied().unwrap_or_default();
            let room = (f64::from(MAX_PER_AND_HOUR / 2) - planned).max(0.0);
            let wanted = EACH_KNOWN * 3600.0 / plan.interval.as_secs_f64();
            (wanted > room).then(|| {
                format!(
                    "interception.known: to ask {address} who it is takes up to {wanted:.0} queries an hour where there is \
                     room for {room:.0}, beside {planned:.0} of sets: it is asked less often, or never"
                )
            })
        };
        known.into_iter().filter_map(warning).collect()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInterception {
    name: HostName,
    #[serde(default)]
    addresses: Vec<String>,
    #[serde(default)]
    known: Vec<RawKnown>,
    interval: Option<kit::Duration>,
    timeout: Option<kit::Duration>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKnown {
    address: String,
    like: Like,
    tls_port: Option<u16>,
    #[serde(default)]
    tls_config: TlsConfig,
}

impl RawKnown {
    fn known(&self) -> Option<Arc<Known>> {
        let address = self.address.parse().map(|ip: IpAddr| SocketAddr::new(ip, 53));
        let address = address.or_else(|_| self.address.parse()).ok()?;
        let is_good = !special::is_never_a_resolver(address.ip()) && address.port() > 0;
        let name = self.tls_config.server_name.as_ref().map(|name| Arc::clone(&name.0));
        let name = name.unwrap_or_else(|| address.ip().to_string().into());
        is_good.then(|| {
            Arc::new(Known {
                address,
                over_tls: (address.ip(), self.tls_port.unwrap_or(TLS_PORT)).into(),
                like: self.like.clone(),
                whose: Identity { name, path: "/".into() },
                roots: None,
            })
        })
    }
}

impl TryFrom<RawInterception> for Interception {
    type Error = String;

    fn try_from(raw: RawInterception) -> Result<Self, String> {
        let within =
            |field: &str, given: Option<kit::Duration>, default, bounds: (Duration, Duration)| {
                let given = given.unwrap_or(kit::Duration::new(Duration::from_secs(default)));
                given.within(bounds.0, bounds.1).map_err(|error| format!("{field}: {error}"))
            };
        let (interval, timeout) = (
            within("interval", raw.interval, 900, INTERVAL),
            within("timeout", raw.timeout, 2, TIMEOUT),
        );
        let address = |text: &String| {
            let address = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 53));
            let address = address.or_else(|_| text.parse()).ok();
            // Whoever answers at any other has not been asked whether he may be, by no measure.
            let may_be_asked = |it: &SocketAddr| {
                special::is_special(it.ip()) && !special::is_never_a_resolver(it.ip())
            };
            address.filter(|it| may_be_asked(it) && it.port() > 0)
        };
        let addresses: Option<Vec<SocketAddr>> = raw.addresses.iter().map(address).collect();
        let few = raw.addresses.len() <= MOST_ADDRESSES;
        let known: Option<Vec<_>> = raw.known.iter().map(RawKnown::known).collect();
        let few_known = raw.known.len() <= MOST_ADDRESSES;
        let ca_files = raw.known.iter().map(|known| known.tls_config.ca_file.clone()).collect();
        all([
            interval.clone().map(drop),
            timeout.clone().map(drop),
            addresses.as_ref().map(drop).ok_or_else(|| {
                "addresses: must be special-purpose addresses that a datagram can be sent to, at which no host is, as in \
                 192.0.2.53 or 2001:db8::53"
                    .to_owned()
            }),
            if few { Ok(()) } else { Err("addresses: must have at most 8 entries".to_owned()) },
            known.as_ref().map(drop).ok_or_else(|| {
                "known: address: must be an IP address, or IP:PORT ([IP]:PORT for IPv6)".to_owned()
            }),
            if few_known { Ok(()) } else { Err("known: must have at most 8 entries".to_owned()) },
        ])?;
        let nobody = || NOBODY.map(|it| SocketAddr::from((it, 53))).to_vec();
        let plan = InterceptionPlan {
            known: known.unwrap_or_default(),
            vantage: Vantage::default(),
            name: "interception".to_owned(),
            addresses: addresses.filter(|all| !all.is_empty()).unwrap_or_else(nobody),
            question: raw.name,
            interval: interval?,
            timeout: timeout?,
        };
        Ok(Self(plan, ca_files))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_opted_out_or_has_no_room_is_told_and_not_asked_in_silence() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("out.txt"), "8.8.8.8\n").unwrap();
        let warnings = |interval: &str, known: &str, opt_out: &str| {
            let text = format!(
                "vantage: {{ name: fra, region: EMEA }}\n{opt_out}sets: [{{ name: own, resolvers: [9.9.9.9], interval: {interval} }}]\n\
                 questions: [{{ name: a.example, types: [A, AAAA, MX] }}]\n\
                 interception: {{ name: b.example, known: [{{ address: {known}, like: '*.example' }}, {{ address: 1.1.1.1, like: a }}] }}\n"
            );
            let config: Config = exporter_kit::config::parse(&text, "test.yml").unwrap();
            let config = config.complete(folder.path()).unwrap();
            let known = config.interception_plans().remove("interception").unwrap().known;
            let is_told = |it: &&String| it.starts_with("interception");
            (known.len(), config.warnings.iter().filter(is_told).cloned().collect::<Vec<_>>())
        };
        assert_eq!(warnings("15m", "9.9.9.9", ""), (2, Vec::new()));
        let (asked, crowded) = warnings("5m", "9.9.9.9", "");
        assert_eq!((asked, crowded.len()), (2, 1));
        assert!(
            crowded[0].contains("to ask 9.9.9.9 who it is takes up to 8 queries"),
            "{crowded:?}"
        );
        let (asked, left_out) = warnings("15m", "8.8.8.8", "opt_out_file: out.txt\n");
        assert_eq!((asked, left_out.len()), (1, 1));
        assert!(left_out[0].contains("8.8.8.8 is in `opt_out_file`"), "{left_out:?}");
        let text = "vantage: { name: fra, region: EMEA }\nopt_out_file: out.txt\necs:\n\
                    - { name: gone, server: 8.8.8.8, names: { a.example: [A] }, subnets: [11.0.0.0/24] }\n\
                    - { name: kept, server: 9.9.9.9, names: { a.example: [A] }, subnets: [11.0.0.0/24] }\n";
        let config: Config = exporter_kit::config::parse(text, "test.yml").unwrap();
        let config = config.complete(folder.path()).unwrap();
        assert_eq!(config.ecs_plans().keys().collect::<Vec<_>>(), ["kept"]);
        assert_eq!(
            config.warnings,
            ["line 4: ecs: 8.8.8.8 is in `opt_out_file`, and is not asked"]
        );
    }

    #[test]
    fn a_name_is_like_another_by_how_it_begins_and_ends() {
        let like = |text: &str| Like::try_from(text.to_owned());
        for (text, name, is_like) in [
            ("*.pch.net", "res200.fra.rrdns.PCH.net", true),
            ("*.pch.net", "pch.net", false),
            ("*.pch.net", "res.pch.net.example", false),
            ("dns-*.example", "dns-1.example.", true),
            ("dns-*.example", "dns-.exampl", false),
            ("fra", "FRA", true),
            ("fra", "fra1", false),
            // No letter counts twice.
            ("aba*aba", "abaaba", true),
            ("aba*aba", "ababa", false),
        ] {
            assert_eq!(like(text).unwrap().matches(name), is_like, "{text} {name}");
        }
        for text in ["", "*", "a*b*c"] {
            assert!(like(text).is_err(), "{text}");
        }
    }
}
