//! The WAN: six vantages in three regions, each with a turbulence-latency, and what they watch.

use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use super::{Ground, start_exporter, subfolder};
use crate::process::Program;
use crate::prometheus::ScrapeTarget;
use crate::services::{self, Services};
use crate::wan::topology::{Node, Role};
use crate::wan::{DATA_CENTRES, Wan, default_world};

/// Who announces the addresses of the world, as iptoasn has it: the messenger with its neighbours, the anycast service, and
/// the carriers of 2018, whose routers in Amsterdam have an address each.
const ASN: &str = "\
192.0.2.60\t192.0.2.60\t62014\tSG\tMESSENGER
198.51.100.60\t198.51.100.60\t59930\tUS\tMESSENGER
198.51.100.129\t198.51.100.129\t6762\tIT\tSEABONE
198.51.100.130\t198.51.100.130\t1273\tGB\tCW
198.51.100.131\t198.51.100.131\t3356\tUS\tLEVEL3
198.51.100.132\t198.51.100.132\t3356\tUS\tLEVEL3
198.51.100.133\t198.51.100.133\t6762\tIT\tSEABONE
198.51.100.140\t198.51.100.141\t1273\tGB\tCW
203.0.113.0\t203.0.113.52\t62041\tNL\tMESSENGER
203.0.113.53\t203.0.113.53\t64500\tZZ\tANYCAST
203.0.113.54\t203.0.113.255\t62041\tNL\tMESSENGER
";
/// An airport whose code is in the name of a router that is elsewhere.
const PLACES: &str = "Atmautluak,US,60.867,-162.273,att,\n";

/// The services that are asked each two seconds: theirs are the incidents that must be told in time.
const OFTEN: [&str; 4] = ["messenger-api", "anycast", "shop", "blog"];

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
        let tables = subfolder(&ground.folder, "tables")?;
        fs::write(tables.join("asn.tsv"), ASN)?;
        fs::write(tables.join("places.csv"), PLACES)?;
        let ca = services.ca_pem_path.display().to_string();
        let mut exporters = Vec::new();
        let mut scraped = Vec::new();
        for vantage in wan.topology().with_role(Role::Vantage) {
            let name = format!("turbulence-latency-{}", vantage.name);
            let config = config(vantage, &watched, &ca, &tables)?;
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

/// Each service over HTTPS, two of them by ICMP as well, the data centres, and the canaries.
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
            module: if OFTEN.contains(&service.name.as_str()) { "https_2xx" } else { "https_5s" },
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
    watched.extend(DATA_CENTRES.map(|(name, _, address)| Watched {
        name: name.to_owned(),
        module: "icmp",
        address: IpAddr::from(address).to_string(),
        role: "service",
    }));
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

fn config(vantage: &Node, watched: &[Watched], ca: &str, tables: &Path) -> anyhow::Result<String> {
    let mut config = String::new();
    let table = |name: &str| tables.join(name).display().to_string();
    let Node { name, region, country, city, place, .. } = vantage;
    writeln!(config, "vantage:")?;
    writeln!(config, "  {{name: {name}, region: {region}, country: {country}, site: {city:?},")?;
    writeln!(config, "   latitude: {}, longitude: {}}}", place.latitude, place.longitude)?;
    writeln!(config, "resolvers: [\"127.0.0.1:53\"]")?;
    let (asn, places) = (table("asn.tsv"), table("places.csv"));
    writeln!(config, "tables: {{asn: [{asn:?}], places_file: {places:?}}}")?;
    writeln!(config, "modules:")?;
    writeln!(
        config,
        "  icmp: {{prober: icmp, interval: 1s, timeout: 3s, path: {{interval: 1m}}}}"
    )?;
    for (module, interval) in [("https_2xx", "2s"), ("https_5s", "5s")] {
        writeln!(config, "  {module}: {{prober: http, interval: {interval}, timeout: 5s,")?;
        writeln!(
            config,
            "    path: {{interval: 1m}}, http: {{tls_config: {{ca_file: {ca:?}}}}}}}"
        )?;
    }
    writeln!(config, "targets:")?;
    for Watched { name, module, address, role, .. } in watched {
        writeln!(
            config,
            "  - {{name: {name}, module: {module}, role: {role}, address: {address:?}}}"
        )?;
    }
    Ok(config)
}
