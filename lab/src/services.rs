//! What runs on the nodes of the WAN: HTTPS services, and a resolver beside each vantage.
//!
//! The sockets are bound in the nodes' namespaces; all of them are served by the one runtime of
//! the lab.

pub(crate) mod authority;
pub(crate) mod https;
mod names;

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use hyper::StatusCode;
use rustls::ServerConfig;
use tokio::task::JoinHandle;

use self::authority::Authority;
use self::https::Behaviour;
use self::names::Names;
use crate::netns::Namespace;
use crate::wan::Wan;
use crate::wan::topology::{Role, Service};

const HTTPS: u16 = 443;
const RESOLVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53);

/// The running services. They end when this is dropped.
#[derive(Debug)]
pub struct Services {
    /// Where the certificate is that every client of the services has to trust.
    pub ca_pem_path: PathBuf,
    running: BTreeMap<String, Running>,
    resolvers: BTreeMap<String, Resolver>,
}

/// One service on all of its nodes.
#[derive(Debug)]
struct Running {
    address: SocketAddr,
    tls: Arc<ServerConfig>,
    behaviour: Arc<Behaviour>,
    nodes: Vec<Arc<Namespace>>,
    // Empty while it is closed.
    listeners: Mutex<Vec<JoinHandle<()>>>,
}

/// The resolver beside one vantage.
#[derive(Debug)]
struct Resolver {
    names: Arc<Names>,
    node: Arc<Namespace>,
    // Empty while it is closed.
    listener: Mutex<Option<JoinHandle<()>>>,
}

/// Starts every service of the world, and a resolver at 127.0.0.1:53 of every vantage. Writes the
/// authority's certificate into the folder. Has to be called inside a runtime.
pub fn start(wan: &Wan, folder: &Path) -> anyhow::Result<Services> {
    let world = wan.topology();
    let authority = Authority::new()?;
    let ca_pem_path = folder.join("lab-ca.pem");
    fs::write(&ca_pem_path, authority.pem()).with_context(|| ca_pem_path.display().to_string())?;

    let mut all = BTreeMap::new();
    for service in &world.services {
        let running = Running::new(wan, service, &authority)?;
        running.open()?;
        all.insert(service.name.clone(), running);
    }
    let names = Arc::new(Names::of(world)?);
    let mut resolvers = BTreeMap::new();
    for vantage in world.with_role(Role::Vantage) {
        let (names, node) = (Arc::clone(&names), Arc::clone(wan.namespace(&vantage.name)?));
        let resolver = Resolver { names, node, listener: Mutex::default() };
        resolver.open()?;
        resolvers.insert(vantage.name.clone(), resolver);
    }
    Ok(Services { ca_pem_path, running: all, resolvers })
}

impl Services {
    /// From now on, every answer of the service has this status.
    pub fn set_status(&self, service: &str, status: u16) -> anyhow::Result<()> {
        let status = StatusCode::from_u16(status).with_context(|| format!("status {status}"))?;
        self.running(service)?.behaviour.set_status(status);
        Ok(())
    }

    /// From now on, every answer of the service takes this long, after the connection stands.
    pub fn set_delay(&self, service: &str, delay: Duration) -> anyhow::Result<()> {
        self.running(service)?.behaviour.set_delay(delay);
        Ok(())
    }

    /// Stops the service on all of its nodes: connections end, new ones are refused.
    pub async fn close(&self, service: &str) -> anyhow::Result<()> {
        let listeners = self.running(service)?.abort();
        for listener in listeners {
            // Its error says that it was aborted.
            let _ = listener.await;
        }
        Ok(())
    }

    /// Starts a closed service again.
    pub fn open(&self, service: &str) -> anyhow::Result<()> {
        self.running(service)?.open()
    }

    /// Stops the resolver beside a vantage: it names nothing any more.
    pub async fn close_resolver(&self, vantage: &str) -> anyhow::Result<()> {
        if let Some(listener) = self.resolver(vantage)?.abort() {
            let _ = listener.await;
        }
        Ok(())
    }

    /// Starts a closed resolver again.
    pub fn open_resolver(&self, vantage: &str) -> anyhow::Result<()> {
        self.resolver(vantage)?.open()
    }

    fn resolver(&self, vantage: &str) -> anyhow::Result<&Resolver> {
        self.resolvers.get(vantage).with_context(|| format!("{vantage} has no resolver"))
    }

    fn running(&self, service: &str) -> anyhow::Result<&Running> {
        self.running.get(service).with_context(|| format!("{service} is no service of this world"))
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        for running in self.running.values() {
            running.abort();
        }
        for resolver in self.resolvers.values() {
            resolver.abort();
        }
    }
}

impl Resolver {
    fn open(&self) -> anyhow::Result<()> {
        let mut listener = self.listener();
        if listener.is_none() {
            let socket = self.node.udp_socket(RESOLVER)?;
            *listener = Some(names::serve(socket, Arc::clone(&self.names))?);
        }
        Ok(())
    }

    /// Ends it; what is returned is over when the socket is closed.
    fn abort(&self) -> Option<JoinHandle<()>> {
        self.listener().take().inspect(JoinHandle::abort)
    }

    fn listener(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    fn new(wan: &Wan, service: &Service, authority: &Authority) -> anyhow::Result<Self> {
        let holders = wan.topology().holders(service.address);
        let nodes = holders.map(|node| wan.namespace(&node.name).cloned());
        Ok(Self {
            address: SocketAddr::new(service.address, HTTPS),
            tls: Arc::new(authority.server(&service.host)?),
            behaviour: Arc::new(Behaviour::well()),
            nodes: nodes.collect::<anyhow::Result<_>>()?,
            listeners: Mutex::default(),
        })
    }

    fn open(&self) -> anyhow::Result<()> {
        let mut listeners = self.listeners();
        if listeners.is_empty() {
            for node in &self.nodes {
                let (tls, behaviour) = (Arc::clone(&self.tls), Arc::clone(&self.behaviour));
                let listener = node.tcp_listener(self.address)?;
                listeners.push(https::serve(listener, tls, behaviour, node.name())?);
            }
        }
        Ok(())
    }

    /// Ends it; what is returned is over when the sockets are closed.
    fn abort(&self) -> Vec<JoinHandle<()>> {
        self.listeners().drain(..).inspect(JoinHandle::abort).collect()
    }

    fn listeners(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
