//! `/probe?target=&module=` probes once, in the words of `blackbox_exporter`.
//!
//! Whom a scraper may name, the config lists: an exporter that contacts whatever an HTTP client names is a
//! tool for strangers, inside of the network.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use exporter_kit::Registry;
use exporter_kit::on_demand::{self, Asked, Contacts, Destination, Engine, Log, Planned, Settings};
use tokio::time::{Instant, timeout_at};
use tracing::debug;

mod paths;

use crate::LatencyExporter;
use crate::blackbox::ask::Ask;
use crate::blackbox::found::Found;
use crate::blackbox::module::Module;
use crate::metrics::probe::{self, Probed};
use crate::outcome::Failure;

/// The module of a query that names none.
const MODULE: &str = "http_2xx";
/// How long a probe may take where neither its module nor the scraper says so; the offset off.
const LONGEST: Duration = Duration::from_secs(120);

pub(crate) fn routes(exporter: &Arc<LatencyExporter>) -> Router {
    on_demand::page("/probe", Arc::new(Requests(Arc::clone(exporter))))
        .merge(paths::routes(exporter))
}

/// What answers.
#[derive(Debug)]
struct Requests(Arc<LatencyExporter>);

/// One question, checked.
#[derive(Debug)]
struct Plan {
    name: String,
    module: Arc<Module>,
    fault: Option<Arc<str>>,
    target: String,
    hostname: Option<String>,
    destination: Destination,
    settings: Arc<Settings>,
    resolvers: Arc<[SocketAddr]>,
}

impl Plan {
    /// The module; one whose files could not be read with these as they are now.
    async fn usable(&self, log: &Log) -> Arc<Module> {
        let module = Arc::clone(&self.module);
        if self.fault.is_none() {
            return module;
        }
        match tokio::task::spawn_blocking(move || module.read_again()).await {
            Ok((module, fault)) => {
                if let Some(fault) = fault {
                    log.line(|| format!("a file of the module cannot be read: {fault:#}"));
                }
                Arc::new(module)
            }
            Err(_) => Arc::clone(&self.module),
        }
    }
}

impl Engine for Requests {
    type Plan = Plan;

    fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.0.offer().settings)
    }

    fn plan(&self, asked: &Asked) -> Result<Planned<Plan>, String> {
        let offer = self.0.offer();
        let name = asked.module().unwrap_or(MODULE);
        let Some(offered) = offer.modules.get(name) else {
            self.0.unknown_modules.inc();
            let known: Vec<_> = offer.modules.keys().map(String::as_str).collect();
            let fault = if asked.module().is_some() { "is unknown" } else { "is missing" };
            let known = known.join(", ");
            return Err(match (known.as_str(), asked.target()) {
                ("", _) => "module: the config has none".to_owned(),
                (known, Some(_)) => format!("module: {fault}; must be one of {known}"),
                (known, None) => {
                    format!("module: {fault}; must be one of {known}; target: is missing")
                }
            });
        };
        if let Some(lack) = offered.module.lack() {
            return Err(format!("module: {name} cannot be used: {lack}"));
        }
        let target = asked.target().ok_or("target: is missing")?;
        let hostname = asked.parameter("hostname").filter(|hostname| !hostname.is_empty());
        if hostname.is_some_and(|hostname| !offered.module.prober.admits(hostname)) {
            return Err("hostname: the module sets another one in its header Host".to_owned());
        }
        let destination = offered.module.prober.destination(target);
        let destination = destination.map_err(|must| format!("target: {must}"))?;
        let longest = LONGEST.saturating_sub(offer.settings.timeout_offset.get());
        let plan = Plan {
            name: name.to_owned(),
            module: Arc::clone(&offered.module),
            fault: offered.fault.clone(),
            target: target.to_owned(),
            hostname: hostname.map(str::to_owned),
            destination: destination.clone(),
            settings: Arc::clone(&offer.settings),
            resolvers: Arc::clone(&offer.resolvers),
        };
        let timeout = offered.module.timeout.unwrap_or(longest);
        Ok(Planned { plan, contacts: Contacts::Named(destination), timeout })
    }

    async fn measure(self: Arc<Self>, plan: Plan, deadline: Instant, log: Log) -> Registry {
        let started = Instant::now();
        let ask = Ask {
            target: &plan.target,
            hostname: plan.hostname.as_deref(),
            destination: &plan.destination,
            allow: &plan.settings.allow,
            ip: None,
            is_of_target: false,
            started,
            deadline,
            log: &log,
            resolvers: &plan.resolvers,
            icmp: &self.0.icmp,
            strays: &self.0.strays,
        };
        let mut found = Found::default();
        let module = plan.usable(&log).await;
        // Boxed: what a probe of any kind needs is large.
        let probing = Box::pin(module.prober.probe(&ask, &mut found));
        let result = timeout_at(deadline, probing).await.unwrap_or(Err(Failure::Timeout));
        let failure = result.err();
        log.line(|| match failure {
            None => "the probe succeeded".to_owned(),
            Some(failure) => format!("the probe failed: {}", failure.as_str()),
        });
        if let Some(failure) = failure {
            log.fail();
            // Not the target as it was asked for: it may hold a password.
            let (reason, target) = (failure.as_str(), &plan.destination);
            debug!(%target, module = %plan.name, reason, "a probe that was asked for failed");
        }
        // It was set a moment ago, to what is hardly finer than that.
        let hundredths = ((deadline - started).as_secs_f64() * 100.0).ceil();
        let timeout = Duration::from_secs_f64(hundredths / 100.0);
        let took = ask.started.elapsed();
        probe::page(Probed { found, failure, took, timeout })
    }
}
