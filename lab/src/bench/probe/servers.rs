//! What is probed: one address that answers HTTP, HTTPS and echoes.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tokio::task::JoinHandle;

use crate::netns::Namespace;
use crate::services::authority::Authority;
use crate::services::https::{self, Behaviour};

const HOST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The running servers; they end when this is dropped.
pub(super) struct Servers {
    /// Whom a client has to trust.
    pub(super) ca: PathBuf,
    tasks: [JoinHandle<()>; 2],
}

impl Servers {
    /// Starts them in a namespace; the authority's certificate goes into the folder.
    pub(super) fn start(namespace: &Namespace, folder: &Path) -> anyhow::Result<Self> {
        let authority = Authority::new()?;
        let ca = folder.join("ca.pem");
        fs::write(&ca, authority.pem())?;
        let tls = Arc::new(authority.server(&HOST.to_string())?);
        let secure = namespace.tcp_listener(SocketAddr::from((HOST, 8443)))?;
        let secure = https::serve(secure, tls, Arc::new(Behaviour::well()), "bench")?;
        let plain = namespace.tcp_listener(SocketAddr::from((HOST, 8080)))?;
        let plain = tokio::net::TcpListener::from_std(plain)?;
        let app = Router::new().route("/", get(async || "well\n"));
        let plain = tokio::spawn(async move {
            let _ = axum::serve(plain, app).await;
        });
        Ok(Self { ca, tasks: [secure, plain] })
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
