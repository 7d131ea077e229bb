//! One connection to a resolver by TLS, HTTPS or QUIC (RFC 7858, RFC 8484, RFC 9250), over which it is asked again and
//! again. The protocols are hickory's; what comes back is handed on as bytes, and read as a datagram is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use futures_util::StreamExt as _;
use hickory_net::NetError;
use hickory_net::h2::HttpsClientStream;
use hickory_net::quic::QuicClientStream;
use hickory_net::runtime::TokioRuntimeProvider;
use hickory_net::tls::tls_exchange;
use hickory_net::xfer::{DnsExchange, DnsHandle as _};
use hickory_proto::op::{DnsRequest, DnsRequestOptions, Message};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::time::timeout;

use super::identity::{Identity, Way};
use super::unanswered::Unanswered;

/// Questions that wait for an answer over one connection. We put one at a time; those to which nothing came are forgotten
/// by and by.
const AT_A_TIME: usize = 8;

/// How connections are made: over what, and whose certificates are believed.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    way: Way,
    config: ClientConfig,
}

impl Client {
    /// Believes certificates that these CAs signed; those of the system, which are read now, where none are given. Waits for
    /// a disk.
    pub(crate) fn new(way: Way, roots: Option<&[CertificateDer<'static>]>) -> anyhow::Result<Self> {
        let store = if let Some(roots) = roots {
            believed(roots.to_vec(), "")
        } else {
            let system = rustls_native_certs::load_native_certs();
            let why = system.errors.first().map(ToString::to_string).unwrap_or_default();
            believed(system.certs, &why)
        }?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(store)
            .with_no_client_auth();
        Ok(Self { way, config })
    }

    /// Connects; that may take so long. Over the connection an answer may take `patience`.
    pub(crate) async fn connect(
        &self,
        peer: SocketAddr,
        whose: &Identity,
        limit: Duration,
        patience: Duration,
    ) -> Result<Connection, Unanswered> {
        let runtime = TokioRuntimeProvider::new();
        let connected = timeout(limit, self.exchange(peer, whose, patience, runtime.clone())).await;
        let exchange = connected.map_err(|_| Unanswered::Timeout)?;
        let exchange = exchange.map_err(|error| Unanswered::of(&error))?;
        Ok(Connection { exchange, patience, _runtime: runtime })
    }

    async fn exchange(
        &self,
        peer: SocketAddr,
        whose: &Identity,
        patience: Duration,
        provider: TokioRuntimeProvider,
    ) -> Result<DnsExchange<TokioRuntimeProvider>, NetError> {
        let config = self.config.clone();
        let Identity { name, path } = whose;
        match self.way {
            Way::Dot => {
                let name = ServerName::try_from(name.to_string());
                let name = name.map_err(|_| rustls::Error::UnsupportedNameType)?;
                // Of its own patience we would hear as of an end of the connection: ours is over before.
                tls_exchange(peer, name, config, 2 * patience, Some(AT_A_TIME), provider).await
            }
            Way::Doh => {
                let builder = HttpsClientStream::builder(Arc::new(config), provider);
                builder.exchange(peer, Arc::clone(name), Arc::clone(path)).await
            }
            Way::Doq => {
                let builder = QuicClientStream::builder().crypto_config(config);
                let stream = builder.build(peer, Arc::clone(name)).await?;
                let (exchange, background) = DnsExchange::from_stream(stream);
                // It ends with the connection.
                tokio::spawn(background);
                Ok(exchange)
            }
        }
    }
}

/// Whose word is taken. That there is nobody is this machine's fault, and would be told for that of each resolver: that
/// nobody signed its certificate who is believed.
fn believed(roots: Vec<CertificateDer<'static>>, why: &str) -> anyhow::Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots);
    let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
    ensure!(
        !store.is_empty(),
        "this machine has no CA certificates{why}: install `ca-certificates`, or name a file in `tls_config.ca_file`"
    );
    Ok(store)
}

/// A connection. It ends when it is dropped.
pub(crate) struct Connection {
    exchange: DnsExchange<TokioRuntimeProvider>,
    patience: Duration,
    /// Its tasks, which end with it.
    _runtime: TokioRuntimeProvider,
}

impl Connection {
    /// Asks; what came back, whose id is not the query's.
    pub(crate) async fn ask(&self, query: &[u8]) -> Result<Vec<u8>, Unanswered> {
        let query = Message::from_vec(query).map_err(|_| Unanswered::Local)?;
        let request = DnsRequest::new(query, DnsRequestOptions::default());
        let mut answers = self.exchange.send(request);
        match timeout(self.patience, answers.next()).await {
            Ok(Some(Ok(answer))) => Ok(answer.into_buffer()),
            // That of QUIC is over a connection that has ended for being idle.
            Ok(Some(Err(error))) => Err(match Unanswered::of(&error) {
                Unanswered::Timeout if !matches!(error, NetError::Timeout) => Unanswered::Closed,
                why => why,
            }),
            Ok(None) => Err(Unanswered::Closed),
            Err(_) => Err(Unanswered::Timeout),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_nobody_is_believed_is_said_with_the_cause_and_what_to_do() {
        for why in ["", "no such file"] {
            let error = believed(vec![vec![7; 9].into()], why).unwrap_err().to_string();
            assert!(error.starts_with("this machine has no CA certificates"), "{error}");
            assert!(error.contains(why) && error.contains("install `ca-certificates`"), "{error}");
        }
        assert!(Client::new(Way::Dot, Some(&[])).is_err());
    }
}
