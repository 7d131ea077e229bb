//! What can break in the world, and how it is mended.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::Context as _;

use crate::thermal::Scenario;
use crate::world::Simulation;
use crate::world::claims::Says;
use crate::world::homing::{Homing, Service};
use crate::world::router::OWNER;

/// Something that breaks.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Nothing breaks.
    Nothing,
    /// A machine plays a scenario.
    Machine(&'static str, Scenario),
    /// A service answers with a status, wherever it is asked from.
    Status(&'static str, u16),
    /// A service answers with HTTP 500 wherever it is asked from, and the status page of the same name says this.
    Outage(&'static str, Says),
    /// What goes from one node to another takes the way that a third one's packets take there.
    Path {
        /// The node that sends.
        from: &'static str,
        /// The node that receives.
        to: &'static str,
        /// The node whose way it takes.
        like: &'static str,
    },
    /// Another network than its own announces the messenger's prefix.
    Origin(u32),
    /// An operator writes down a service in the configuration of turbulence-homing.
    Declared(Service),
    /// A node cannot be reached from these others.
    Dark(&'static [&'static str], &'static str),
    /// Nodes are cut off from everything.
    Isolated(&'static [&'static str]),
    /// A site no longer announces the anycast address.
    Withdrawn(&'static str),
    /// The resolvers of a country give another answer.
    Tampered(&'static [(&'static str, Ipv4Addr)]),
    /// Nearly all resolvers give another answer.
    Answered(Ipv4Addr),
}

/// The anycast address of the lab's world.
const ANYCAST: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 53));

const NO_HOMING: &str = "this world has no turbulence-homing";

impl Fault {
    /// Breaks it. Returns when it is broken. Where a world has no turbulence-homing, none of its own can be broken.
    pub async fn begin(&self, world: &Simulation, homing: Option<&Homing>) -> anyhow::Result<()> {
        let faults = world.wide.wan.faults();
        match self {
            Self::Nothing => {}
            Self::Machine(name, scenario) => {
                world.hardware.machine(name)?.play(*scenario).await?;
            }
            Self::Status(service, status) => world.wide.services.set_status(service, *status)?,
            Self::Outage(service, says) => {
                world.pages.say(service, *says)?;
                world.wide.services.set_status(service, 500)?;
            }
            Self::Path { from, to, like } => faults.reroute(from, to, like)?,
            Self::Origin(asn) => world.router.announce(*asn).await?,
            Self::Declared(service) => homing.context(NO_HOMING)?.declare(Some(service)).await?,
            Self::Dark(from, node) => faults.dark(from.iter().copied(), node)?,
            Self::Isolated(nodes) => nodes.iter().try_for_each(|node| faults.isolate(node))?,
            Self::Withdrawn(site) => faults.withdraw(ANYCAST, site)?,
            Self::Tampered(countries) => {
                for (country, answer) in *countries {
                    world.names.tamper(country, *answer)?;
                }
            }
            Self::Answered(answer) => world.names.answer(*answer),
        }
        Ok(())
    }

    /// Mends it.
    pub async fn end(&self, world: &Simulation, homing: Option<&Homing>) -> anyhow::Result<()> {
        let faults = world.wide.wan.faults();
        match self {
            Self::Nothing => {}
            Self::Machine(name, _) => {
                world.hardware.machine(name)?.back_to_idle().await?;
            }
            Self::Status(service, _) => world.wide.services.set_status(service, 200)?,
            Self::Outage(service, _) => {
                world.wide.services.set_status(service, 200)?;
                world.pages.say(service, Says::Operational)?;
            }
            Self::Path { from, to, .. } => faults.restore_path(from, to)?,
            Self::Origin(_) => world.router.announce(OWNER).await?,
            Self::Declared(_) => homing.context(NO_HOMING)?.declare(None).await?,
            Self::Dark(from, node) => {
                for vantage in *from {
                    faults.restore_link(vantage, node)?;
                }
            }
            Self::Isolated(nodes) => nodes.iter().try_for_each(|node| faults.rejoin(node))?,
            Self::Withdrawn(site) => faults.announce(ANYCAST, site)?,
            Self::Tampered(_) | Self::Answered(_) => world.names.heal()?,
        }
        Ok(())
    }
}
