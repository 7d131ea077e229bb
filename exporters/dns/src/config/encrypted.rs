//! How a set is asked by TLS, HTTPS or QUIC: over what, who its resolvers must be, and whose word that is.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use exporter_kit::config::{Located, Problems};
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;

use super::{Config, Set};
use crate::exchange::identity::{CertifiedName, HttpPath, Identity, Way};
use crate::resolvers::{Certified, ResolverList};

/// Resolvers of a set that is asked so: each costs its owner a handshake, and us a connection.
pub(super) const MOST_RESOLVERS: usize = 200;
/// Where a resolver answers by HTTPS, unless it is said otherwise (RFC 8484 §3 has no default; all that are well known use
/// this one).
const PATH: &str = "/dns-query";
/// Bytes of a file of CA certificates.
const LARGEST: u64 = 4 << 20;

/// Over what a set is asked.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawTransport {
    /// Datagrams.
    #[default]
    Udp,
    Dot,
    Doh,
    Doq,
}

impl RawTransport {
    pub(super) fn way(self) -> Option<Way> {
        match self {
            Self::Udp => None,
            Self::Dot => Some(Way::Dot),
            Self::Doh => Some(Way::Doh),
            Self::Doq => Some(Way::Doq),
        }
    }

    /// The port of those that have none of their own.
    pub(super) fn port(self) -> u16 {
        match self {
            Self::Udp => 53,
            Self::Dot | Self::Doq => 853,
            Self::Doh => 443,
        }
    }
}

/// Whose certificates are believed.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsConfig {
    pub(super) server_name: Option<CertifiedName>,
    pub(super) ca_file: Option<Located<PathBuf>>,
}

/// How a set is asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Encrypted {
    /// Over what.
    pub(crate) way: Way,
    path: Option<HttpPath>,
    tls: TlsConfig,
    /// Who signs the certificates that are believed; whom the system believes where it is not said.
    pub(crate) roots: Option<Roots>,
}

impl Encrypted {
    /// How a set is asked of which this is said.
    pub(super) fn new(
        transport: RawTransport,
        tls: Option<TlsConfig>,
        path: Option<HttpPath>,
    ) -> Result<Option<Self>, &'static str> {
        let way = transport.way();
        if path.is_some() && way != Some(Way::Doh) {
            return Err("path: is of `transport: doh` alone");
        }
        if tls.is_some() && way.is_none() {
            return Err("tls_config: is of `transport: dot`, `doh` or `doq`");
        }
        let tls = tls.unwrap_or_default();
        Ok(way.map(|way| Self { way, path, tls, roots: None }))
    }

    /// Who a resolver of a list must be: as is said of it, else by the name by which it was found, else as is said of the set,
    /// else its address.
    pub(crate) fn identity(&self, list: &ResolverList, at: usize) -> Identity {
        let said = list.certified(at);
        let name = said.and_then(|said| said.name.as_ref()).map(|name| Arc::clone(&name.0));
        let name = name.or_else(|| list.host(at).map(|host| host.as_str().into()));
        let of_set = || self.tls.server_name.as_ref().map(|name| Arc::clone(&name.0));
        let address = || list.resolvers[at].address.to_string().into();
        let path = said.and_then(|said| said.path.as_ref()).or(self.path.as_ref());
        Identity {
            name: name.or_else(of_set).unwrap_or_else(address),
            path: path.map_or_else(|| PATH.into(), |path| Arc::clone(&path.0)),
        }
    }

    /// What is said of one resolver and means nothing where its set is asked so; by datagrams if by nothing.
    pub(super) fn fault_of(how: Option<&Self>, said: &Certified) -> Option<&'static str> {
        let way = how.map(|how| how.way);
        if said.path.is_some() && way != Some(Way::Doh) {
            return Some("path: is of `transport: doh` alone");
        }
        let is_for_nothing = said.name.is_some() && way.is_none();
        is_for_nothing.then_some("server_name: is of `transport: dot`, `doh` or `doq`")
    }

    /// What is wrong with a list that is to be asked so.
    pub(super) fn fault(&self, list: &ResolverList) -> Option<String> {
        let is_nameless = |at: &usize| {
            let name = self.identity(list, *at).name;
            name.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6())
        };
        let nameless =
            (0..list.resolvers.len()).find(is_nameless).filter(|_| self.way == Way::Doh)?;
        Some(format!(
            "tls_config.server_name: {} has none, and an IPv6 address can be none by HTTPS here",
            list.resolvers[nameless].address
        ))
    }
}

impl Config {
    /// Reads the files of CA certificates.
    pub(super) fn read_authorities(&mut self, folder: &Path, problems: &mut Problems) {
        for (number, set) in self.sets.iter_mut().enumerate() {
            let Set { encrypted: Some(encrypted), .. } = &mut set.value else { continue };
            let Some(path) = &encrypted.tls.ca_file else { continue };
            match authorities(&folder.join(&path.value)) {
                Ok(roots) => encrypted.roots = Some(roots),
                Err(error) => {
                    problems.add(path.place, format!("sets[{number}].tls_config.ca_file: {error}"));
                }
            }
        }
        let Some(interception) = &mut self.interception else { return };
        for (number, (path, roots)) in interception.authorities().enumerate() {
            let Some(path) = path else { continue };
            match authorities(&folder.join(&path.value)) {
                Ok(read) => *roots = Some(read),
                Err(error) => problems.add(
                    path.place,
                    format!("interception.known[{number}].tls_config.ca_file: {error}"),
                ),
            }
        }
    }
}

/// CA certificates.
pub(super) type Roots = Arc<Vec<CertificateDer<'static>>>;

/// The certificates of a file, all of which are good.
fn authorities(file: &Path) -> Result<Roots, String> {
    let bytes = exporter_kit::read_file(file, LARGEST).map_err(|error| format!("{error:#}"))?;
    certificates(&bytes).map(Arc::new).ok_or_else(|| {
        format!("{} holds no CA certificates in PEM, or a damaged one", file.display())
    })
}

fn certificates(bytes: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    let roots = read.ok().filter(|roots| !roots.is_empty())?;
    let mut store = RootCertStore::empty();
    roots.iter().all(|root| store.add(root.clone()).is_ok()).then_some(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(set: &str) -> anyhow::Result<Config> {
        let text = format!(
            "vantage: {{ name: fra, region: EMEA }}\nsets: [{{ name: tls, {set} }}]\n\
             questions: [{{ name: a.example, types: [A] }}]\n"
        );
        exporter_kit::config::parse::<Config>(&text, "test.yml")?.complete(Path::new("."))
    }

    #[test]
    fn what_is_of_connections_alone_is_refused_elsewhere_and_bounded() {
        let many: Vec<_> = (0..201).map(|n| format!("10.0.{}.{}", n / 99, n % 99 + 1)).collect();
        let many = format!(
            "transport: doq, allow_private: true, control: a.example, resolvers: [{}]",
            many.join(", ")
        );
        for (set, wanted) in [
            ("resolvers: [9.9.9.9], path: /dns-query", "path: is of `transport: doh` alone"),
            (
                "resolvers: [{ address: 9.9.9.9, server_name: a.example }]",
                "resolvers[0].server_name: is of `transport: dot`, `doh` or `doq`",
            ),
            (
                "resolvers: [9.9.9.9, { address: found.example, path: /y }], transport: dot",
                "resolvers[1].path: is of `transport: doh` alone",
            ),
            ("resolvers: [9.9.9.9], tls_config: {}", "tls_config: is of `transport: dot`"),
            ("resolvers: [9.9.9.9], transport: dot, retries: 1", "retries: must be 0 with this"),
            (
                "resolvers: [9.9.9.9], transport: doh, path: dns-query",
                "must be a path, as in /dns-query",
            ),
            (
                "resolvers: [9.9.9.9], transport: dot, tls_config: { server_name: 'a b' }",
                "must be a host name or an IP",
            ),
            ("resolvers: [9.9.9.9], transport: tls", "must be one of udp, dot, doh, doq"),
            (
                "resolvers: ['2620:fe::fe'], transport: doh",
                "tls_config.server_name: 2620:fe::fe has none",
            ),
            (
                "resolvers: [9.9.9.9], transport: dot, tls_config: { ca_file: nowhere.pem }",
                "tls_config.ca_file: ",
            ),
            (
                "resolvers: [9.9.9.9], transport: dot, tls_config: { ca_file: Cargo.toml }",
                "holds no CA certificates",
            ),
            (
                "resolvers: [9.9.9.9], transport: dot, interval: 60s, rate: 0",
                "rate: must be from 1",
            ),
            (&many, "transport: 201 resolvers are asked"),
        ] {
            let error = format!("{:#}", config(set).unwrap_err());
            assert!(error.contains(wanted), "{set}: {error}");
        }
    }

    #[test]
    fn a_set_asked_over_connections_fits_its_interval_by_networks_and_owes_no_tcp() {
        let set = |interval: &str, of_last: &str| {
            let all: Vec<_> = (1..=200)
                .map(|n| format!("11.0.{}", of_last.replace('N', &n.to_string())))
                .collect();
            config(&format!(
                "transport: dot, control: a.example, interval: {interval}, timeout: 1s, rate: 1000, resolvers: [{}]",
                all.join(", ")
            ))
        };
        // Two questions, the second time without validation, to 200: at two a second for their network five minutes.
        let error = format!("{:#}", set("5m", "0.N").unwrap_err());
        assert!(
            error.contains("at 2 a second for each /24 and /48, the fullest of which has 200"),
            "{error}"
        );
        let spread = set("5m", "N.1").unwrap();
        assert!(spread.warnings.iter().all(|it| !it.contains("TCP")), "{:?}", spread.warnings);
        let text = "vantage: { name: fra, region: EMEA }\n\
                    sets: [{ name: tls, transport: dot, interval: 3m, resolvers: [9.9.9.9] }]\n\
                    questions: [{ name: a.example, types: [TXT, DNSKEY] }]\n";
        let config: Config = exporter_kit::config::parse(text, "test.yml").unwrap();
        let plan = config.complete(Path::new(".")).unwrap().plans(&[]).0["tls"].clone();
        assert_eq!((plan.most_per_resolver(), plan.spare_tcp), (2, 0));
    }

    #[test]
    fn a_resolver_is_who_is_said_of_it_or_by_its_name_or_of_the_set_or_its_address() {
        let set = "transport: doh, tls_config: { server_name: set.example }, resolvers: [9.9.9.9, \
                   { address: 8.8.8.8, server_name: own.example, path: /own }, found.example]";
        let mut config = config(set).unwrap();
        let addresses = vec![[11, 0, 0, 1].into()];
        let found = crate::config::Whereabouts { addresses, why: None };
        config.addresses.insert("found.example".parse().unwrap(), found);
        let plan = config.plans(&[]).0["tls"].clone();
        assert_eq!(plan.set.port, 443);
        let how = plan.set.encrypted.as_ref().unwrap();
        let who = [0, 1, 2].map(|at| how.identity(&plan.set.list, at));
        let who = who.each_ref().map(|it| (&*it.name, &*it.path));
        assert_eq!(who, [("set.example", PATH), ("own.example", "/own"), ("found.example", PATH)]);
        let by_address = self::config("transport: dot, resolvers: ['2620:fe::fe']").unwrap();
        let plan = by_address.plans(&[]).0["tls"].clone();
        let how = plan.set.encrypted.as_ref().unwrap();
        assert_eq!((&*how.identity(&plan.set.list, 0).name, plan.set.port), ("2620:fe::fe", 853));
    }
}
