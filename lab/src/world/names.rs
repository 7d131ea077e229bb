//! The resolvers of the world, by country, and turbulence-dns.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context as _;

use super::{Ground, start_exporter, subfolder};
use crate::netns::Namespace;
use crate::process::Program;
use crate::prometheus::ScrapeTarget;
use crate::resolvers::{self, CONTROL, MAJORITY, MAJORITY_V6, NAME, Resolvers};

/// Where the exporter is said to stand.
const VANTAGE: &str = "fra";
const REGION: &str = "EMEA";
/// The countries whose resolvers did not tell the truth in the incident.
const TAMPERED: [&str; 2] = ["CN", "RU"];

/// The resolvers and their exporter.
#[derive(Debug)]
pub struct Names {
    // Dropped in this order: who asks goes before who answers.
    exporter: Program,
    resolvers: Resolvers,
    _namespace: Namespace,
}

impl Names {
    pub(crate) async fn start(ground: &Ground) -> anyhow::Result<(Self, Vec<ScrapeTarget>)> {
        let namespace = Namespace::new("dns")?;
        let socket = namespace.udp_socket(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 53)))?;
        let resolvers = Resolvers::start(socket, resolvers::Options::default())?;
        honest(&resolvers)?;
        let list = subfolder(&ground.folder, "resolvers")?.join("resolvers.csv");
        fs::write(&list, resolvers.csv())?;
        let config = format!(
            "vantage: {{name: {VANTAGE}, region: {REGION}}}\n\
             sets:\n\
             \x20 - name: world\n\
             \x20   resolvers_file: {}\n\
             \x20   allow_private: true\n\
             \x20   acknowledge_third_party_probing: true\n\
             \x20   contact: the lab itself\n\
             \x20   control: {CONTROL}\n\
             \x20   interval: 15s\n\
             \x20   timeout: 2s\n\
             \x20   rate: 1000\n\
             questions:\n\
             \x20 - name: {NAME}\n\
             \x20   types: [A, AAAA]\n\
             \x20   sets: [world]\n\
             \x20   expected:\n\
             \x20     A: {{mode: subset, answers: [{MAJORITY}]}}\n\
             \x20     AAAA: {{mode: subset, answers: [\"{MAJORITY_V6}\"]}}\n",
            list.display()
        );
        let name = "turbulence-dns";
        let (exporter, address) = start_exporter(ground, &namespace, name, name, &config).await?;
        let labels = vec![("vantage", VANTAGE.to_owned()), ("region", REGION.to_owned())];
        let scraped = vec![ScrapeTarget { job: "turbulence-dns", address, labels }];
        Ok((Self { exporter, resolvers, _namespace: namespace }, scraped))
    }

    /// From now on the resolvers of a country give another answer.
    pub fn tamper(&self, country: &str, answer: Ipv4Addr) -> anyhow::Result<()> {
        let known = self.resolvers.tamper(country, answer);
        known.then_some(()).with_context(|| format!("no resolver is in {country}"))
    }

    /// From now on the honest resolvers give another answer.
    pub fn answer(&self, answer: Ipv4Addr) {
        self.resolvers.set_majority_answer(&[answer]);
    }

    /// From now on every resolver that answers at all tells the truth.
    pub fn heal(&self) -> anyhow::Result<()> {
        self.resolvers.set_majority_answer(&[MAJORITY]);
        honest(&self.resolvers)
    }

    pub(crate) fn must_run(&mut self) -> anyhow::Result<()> {
        self.exporter.must_run()
    }
}

fn honest(resolvers: &Resolvers) -> anyhow::Result<()> {
    for country in TAMPERED {
        let known = resolvers.heal(country);
        known.then_some(()).with_context(|| format!("no resolver is in {country}"))?;
    }
    Ok(())
}
