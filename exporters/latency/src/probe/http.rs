//! The prober `http`: a request to one address of a target, made by what answers `/probe`.

mod request;
mod settings;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::{Attempt, Run};
use crate::blackbox::http::by_tls;
use crate::host::{Families, Host, is_spelled_out};
use crate::outcome::{Outcome, Phase};
use crate::verdict::Layer;

pub(crate) use self::request::Probe;
pub(crate) use self::settings::Settings;

/// The parts of a URL.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Address {
    pub(super) host: Host,
    port: u16,
    /// As people are shown it: without a query, which may hold a secret.
    shown: String,
    /// All of it.
    url: String,
}

impl super::Settings for Settings {
    const INTERVAL: Duration = Duration::from_secs(5);
    type Address = Address;
    type Probe = Probe;

    fn families(&self) -> Families {
        self.families
    }

    fn address(&self, text: &str) -> Result<Address, String> {
        if self.asked.is_by_http3() { Address::parse(&by_tls(text)) } else { Address::parse(text) }
    }

    /// CA files and secrets are read in any case, so that a bad path does not wait for its first
    /// target.
    fn load(&mut self, folder: &Path, _: Option<&[&Address]>) -> anyhow::Result<()> {
        Arc::make_mut(&mut self.asked).load(folder)
    }

    fn probe(&self, address: &Address) -> Probe {
        Probe::new(Arc::clone(&self.asked), address)
    }
}

impl Address {
    fn parse(text: &str) -> Result<Self, String> {
        let must = || "must be a URL, as in https://www.example.com/health".to_owned();
        let url = Url::parse(text).map_err(|_| must())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(must());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "a URL must not hold a user or a password; use http.basic_auth or http.headers"
                    .to_owned(),
            );
        }
        is_spelled_out(text, &url)?;
        let host = match url.host().ok_or_else(must)? {
            url::Host::Ipv4(ip) => Host::Ip(ip.into()),
            url::Host::Ipv6(ip) => Host::Ip(ip.into()),
            url::Host::Domain(name) => Host::parse(name).ok_or_else(must)?,
        };
        if host.zone().is_some() {
            return Err(must());
        }
        let mut shown = url.clone();
        shown.set_query(None);
        shown.set_fragment(None);
        Ok(Self {
            host,
            port: url.port_or_known_default().ok_or_else(must)?,
            shown: shown.into(),
            url: url.into(),
        })
    }
}

impl Run for Probe {
    const LAYER: Layer = Layer::Http;
    const HOLDS_FILES: bool = true;

    fn phases(&self) -> &'static [Phase] {
        self.parts()
    }

    fn detail(&self, _: &Host) -> String {
        self.shown().to_owned()
    }

    fn leaves_name_to_proxy(&self) -> bool {
        self.is_for_proxy()
    }

    /// Asks, and reads the answer to its end.
    async fn run(&self, attempt: &Attempt<'_>) -> Outcome {
        // Boxed: an echo's task must not have the size of a request's.
        Box::pin(self.ask(attempt)).await
    }
}

#[cfg(test)]
mod tests {
    use super::super::Settings as _;
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let address = Address::parse("https://www.example.com:8443/a/b?c=d#e").unwrap();
        assert_eq!((address.host.to_string().as_str(), address.port), ("www.example.com", 8443));
        assert_eq!(address.shown, "https://www.example.com:8443/a/b");
        assert!(address.url.contains("?c=d"));
        let plain = Address::parse("http://[2001:db8::1]").unwrap();
        assert_eq!((plain.host.to_string().as_str(), plain.port), ("2001:db8::1", 80));
        for bad in ["www.example.com", "ftp://a/", "http://", "https://u:p@a.example/"] {
            assert_eq!(Address::parse(bad).ok(), None, "{bad}");
        }
        let settings: Settings = exporter_kit::parse("{method: HEAD}", "test.yml").unwrap();
        let probe = settings.probe(&Address::parse("http://a.example/b?secret=c").unwrap());
        assert_eq!(probe.detail(&Host::Name(String::new())), "HEAD http://a.example/b");
    }
}
