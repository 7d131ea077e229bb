//! One request to one host and the head of its answer, by the version of HTTP that the module has (I/O).

use std::any::Any;
use std::net::{IpAddr, SocketAddr};

use hyper::Response;
use hyper::header::{self, HeaderMap, HeaderValue};
use tokio::time::Instant;

use super::settings::Settings;
use super::{Hop, http, without_port};
use crate::blackbox::ask::Ask;
use crate::blackbox::choose;
use crate::blackbox::found::{Found, Oddities};
use crate::blackbox::http_client::Via;
use crate::blackbox::http_client::connection::{Asked, Connection, Peer, authority, open};
use crate::blackbox::http_client::content::Content;
use crate::blackbox::http_client::http3::Http3;
use crate::outcome::{Failure, Phase};

/// Where a request goes.
pub(super) struct Place {
    /// Where it was looked up.
    pub(super) ip: Option<IpAddr>,
    /// Whether that is the host of the target.
    pub(super) is_first: bool,
}

/// The head of an answer.
pub(super) struct Came {
    pub(super) response: Response<Content>,
    /// When it was asked.
    pub(super) asked: Instant,
    /// When the first byte came.
    pub(super) at: Instant,
    pub(super) oddities: Oddities,
    /// Ends the connection.
    pub(super) connection: Box<dyn Any + Send>,
}

impl Settings {
    /// Connects, asks, and waits for a head.
    pub(super) async fn exchange(
        &self,
        hop: &Hop,
        place: &Place,
        headers: HeaderMap,
        ask: &Ask<'_>,
        found: &mut Found,
    ) -> Result<Came, Failure> {
        if self.enable_http3 {
            self.by_quic(hop, place, headers, ask, found).await
        } else {
            self.by_tcp(hop, place, headers, ask, found).await
        }
    }

    /// By HTTP/1.1 or HTTP/2, through a proxy where there is one.
    async fn by_tcp(
        &self,
        hop: &Hop,
        place: &Place,
        mut headers: HeaderMap,
        ask: &Ask<'_>,
        found: &mut Found,
    ) -> Result<Came, Failure> {
        let (ip, is_first) = (place.ip, place.is_first);
        let (host, port, is_tls) = (hop.target.host(), hop.target.port(), hop.target.is_tls());
        let via = self.client.via(is_tls, host, ip, port);
        let at = match via {
            None => ip.into_iter().collect(),
            // It says nothing of the target.
            Some(via) => ask.of_another(choose::all(&via.host, ask)).await?,
        };
        if let Some(via) = via
            && !is_tls
            && let Some(login) = via.connect.get(header::PROXY_AUTHORIZATION)
        {
            headers.insert(header::PROXY_AUTHORIZATION, login.clone());
        }
        let alpn: &[&str] =
            if self.client.enable_http2 { &["h2", "http/1.1"] } else { &["http/1.1"] };
        let (tls, server_name) = (&self.client.tls, hop.server_name(is_first));
        let peer = Peer { is_tls, host, port, ip, at: &at, via, tls, server_name, is_first, alpn };
        let mut phases = http(found).phases;
        let opened = open(&peer, &mut phases, ask, found).await;
        http(found).phases = phases;
        let (stream, is_h2) = opened?;
        let is_to_proxy = via.is_some_and(Via::is_asked_itself) && !is_tls;
        let asked = Instant::now();
        found.watch.begin(Phase::Ttfb);
        let mut connection = Connection::begin(stream, is_h2, is_to_proxy, ask).await?;
        let (response, at) = connection.send(hop.asked(ip, headers, ask), ask).await?;
        let (response, oddities) = (response.map(Content::Incoming), connection.oddities());
        Ok(Came { response, asked, at, oddities, connection: Box::new(connection) })
    }

    /// By HTTP/3, which goes through no proxy: such a module is refused.
    async fn by_quic(
        &self,
        hop: &Hop,
        place: &Place,
        headers: HeaderMap,
        ask: &Ask<'_>,
        found: &mut Found,
    ) -> Result<Came, Failure> {
        let to = SocketAddr::new(place.ip.ok_or(Failure::Local)?, hop.target.port());
        let name = hop.server_name(place.is_first);
        let handshake = self.client.tls.by_quic(name, place.is_first, ask).await?;
        let mut phases = http(found).phases;
        let opened = Http3::open(to, &handshake, &mut phases, ask, found).await;
        http(found).phases = phases;
        let mut connection = opened?;
        let asked = Instant::now();
        found.watch.begin(Phase::Ttfb);
        let (response, at) = connection.send(hop.asked(place.ip, headers, ask), ask).await?;
        let response = response.map(|body| Content::Http3(Box::new(body)));
        let oddities = Oddities::default();
        Ok(Came { response, asked, at, oddities, connection: Box::new(connection) })
    }
}

impl Hop {
    /// The name that has to be certified.
    fn server_name(&self, is_first: bool) -> &str {
        let host = self.target.host();
        match (&self.host, is_first) {
            (Some(value), true) => value.to_str().map_or(host, without_port),
            _ => host,
        }
    }

    fn asked(&self, ip: Option<IpAddr>, headers: HeaderMap, ask: &Ask<'_>) -> Asked {
        ask.log.line(|| format!("asking {} {}", self.method, self.target));
        let (host, port) = (self.target.host(), self.target.port());
        let shown: HeaderValue = self.target.host_header();
        Asked {
            method: self.method.clone(),
            scheme: if self.target.is_tls() { "https" } else { "http" },
            host: self.host.clone().unwrap_or(shown),
            authority: if ip.is_some() {
                authority(host, ip, port)
            } else {
                self.target.authority()
            },
            path: self.target.path(),
            headers,
            body: self.body.clone(),
        }
    }
}
