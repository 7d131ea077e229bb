//! The section `http` of a module, as targets are probed by it all the time.

use std::sync::Arc;

use exporter_kit::config::Twice;
use hyper::StatusCode;
use rustls_pki_types::ServerName;
use serde::Deserialize;

use crate::blackbox::http as blackbox;
use crate::host::{Families, IpProtocol};

/// The section `http` of a module: what is asked, and what is a good answer.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "Twice<blackbox::Settings, Own>")]
pub(crate) struct Settings {
    pub(super) families: Families,
    pub(super) asked: Arc<blackbox::Settings>,
}

/// The keys that have a meaning of their own for targets: where nothing is said, all addresses are probed,
/// no redirect is followed and no HTTP/2 is offered.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Own {
    preferred_ip_protocol: Option<IpProtocol>,
    ip_protocol_fallback: Option<bool>,
    follow_redirects: Option<bool>,
    no_follow_redirects: Option<bool>,
    enable_http2: Option<bool>,
    valid_status_codes: Vec<u16>,
    tls_config: OwnTls,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OwnTls {
    server_name: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self::new(blackbox::Settings::default(), Own::default()).expect("the defaults are good")
    }
}

impl TryFrom<Twice<blackbox::Settings, Own>> for Settings {
    type Error = String;

    fn try_from(read: Twice<blackbox::Settings, Own>) -> Result<Self, String> {
        Self::new(read.first, read.second?)
    }
}

impl Settings {
    fn new(asked: blackbox::Settings, own: Own) -> Result<Self, String> {
        if own.valid_status_codes.iter().any(|code| StatusCode::from_u16(*code).is_err()) {
            return Err("valid_status_codes: each must be from 100 to 999".to_owned());
        }
        if own.tls_config.server_name.is_some_and(|name| ServerName::try_from(name).is_err()) {
            return Err("tls_config.server_name: must be a host name or an IP address".to_owned());
        }
        let follows = blackbox::follows(own.follow_redirects, own.no_follow_redirects)?;
        let http2 = own.enable_http2.unwrap_or(false);
        Ok(Self {
            families: Families::of(own.preferred_ip_protocol, own.ip_protocol_fallback),
            asked: Arc::new(asked.for_targets(follows.unwrap_or(false), http2)),
        })
    }
}
