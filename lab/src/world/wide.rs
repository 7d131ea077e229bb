//! The WAN: six vantages in three regions, each with a turbulence-latency, and what they watch.

use std::fmt::Write as _;

use super::{Ground, start_exporter, subfolder};
use crate::process::Program;
use crate::prometheus::ScrapeTarget;
use crate::services::{self, Services};
use crate::wan::topology::{Node, Role};
use crate::wan::{Wan, default_world};

/// The WAN and its exporters.
#[derive(Debug)]
pub struct Wide {
    // Dropped in this order: who asks goes before who answers.
    exporters: Vec<Program>,
    /// What is served, to be broken.
    pub services: Services,
    /// The emulator, to be broken.
    pub wan: Wan,
}

/// One line of every vantage's list of targets.
#[derive(Clone, Debug)]
struct Watched {
    name: String,
    module: &'static str,
    address: String,
    role: &'static str,
}

impl Wide {
    pub(crate) async fn start(ground: &Ground) -> anyhow::Result<(Self, Vec<ScrapeTarget>)> {
        let wan = Wan::build(default_world())?;
        let services = services::start(&wan, &subfolder(&ground.folder, "services")?)?;
        let watched = watched(&wan);
        let ca = services.ca_pem_path.display().to_string();
        let mut exporters = Vec::new();
        let mut scraped = Vec::new();
        for vantage in wan.topology().with_role(Role::Vantage) {
            let name = format!("turbulence-latency-{}", vantage.name);
            let config = config(vantage, &watched, &ca)?;
            let namespace = wan.namespace(&vantage.name)?;
            let (exporter, address) =
                start_exporter(ground, namespace, "turbulence-latency", &name, &config).await?;
            exporters.push(exporter);
            scraped.push(ScrapeTarget {
                job: "turbulence-latency",
                address,
                labels: vec![("vantage", vantage.name.clone()), ("region", vantage.region.clone())],
            });
        }
        Ok((Self { exporters, services, wan }, scraped))
    }

    /// The names of the vantages.
    pub fn vantages(&self) -> Vec<String> {
        self.wan.topology().with_role(Role::Vantage).map(|node| node.name.clone()).collect()
    }

    pub(crate) fn must_run(&mut self) -> anyhow::Result<()> {
        self.exporters.iter_mut().try_for_each(Program::must_run)
    }
}

/// Each service over HTTPS, two of them by ICMP as well, and the canaries.
fn watched(wan: &Wan) -> Vec<Watched> {
    let topology = wan.topology();
    let mut watched = Vec::new();
    for service in &topology.services {
        let name = match service.name.as_str() {
            "anycast" => "anycast-web",
            name => name,
        };
        watched.push(Watched {
            name: name.to_owned(),
            module: "https_2xx",
            address: format!("https://{}/", service.host),
            role: "service",
        });
        if ["messenger-api", "anycast"].contains(&service.name.as_str()) {
            watched.push(Watched {
                name: format!("{}-icmp", service.name),
                module: "icmp",
                address: service.host.clone(),
                role: "service",
            });
        }
    }
    for canary in topology.with_role(Role::Canary) {
        watched.push(Watched {
            name: canary.name.clone(),
            module: "icmp",
            address: canary.addresses[0].to_string(),
            role: "canary",
        });
    }
    watched
}

fn config(vantage: &Node, watched: &[Watched], ca: &str) -> anyhow::Result<String> {
    let mut config = String::new();
    let Node { name, region, country, city, place, .. } = vantage;
    writeln!(config, "vantage:")?;
    writeln!(config, "  {{name: {name}, region: {region}, country: {country}, site: {city:?},")?;
    writeln!(config, "   latitude: {}, longitude: {}}}", place.latitude, place.longitude)?;
    writeln!(config, "resolvers: [\"127.0.0.1:53\"]")?;
    writeln!(config, "modules:")?;
    writeln!(
        config,
        "  icmp: {{prober: icmp, interval: 1s, timeout: 3s, path: {{interval: 1m}}}}"
    )?;
    writeln!(
        config,
        "  https_2xx: {{prober: http, interval: 2s, timeout: 5s, path: {{interval: 1m}},"
    )?;
    writeln!(config, "    http: {{tls_config: {{ca_file: {ca:?}}}}}}}")?;
    writeln!(config, "targets:")?;
    for Watched { name, module, address, role, .. } in watched {
        writeln!(
            config,
            "  - {{name: {name}, module: {module}, role: {role}, address: {address:?}}}"
        )?;
    }
    Ok(config)
}
