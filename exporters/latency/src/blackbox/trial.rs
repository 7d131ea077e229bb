//! What a test asks a prober with.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use exporter_kit::on_demand::{AllowList, Destination, Log};
use tokio::time::Instant;

use super::ask::Ask;
use crate::clock::Clock;
use crate::icmp::Icmp;
use crate::metrics::counts::{ReceiveQueue, Strays};

/// What an [`Ask`] borrows.
#[derive(Debug)]
pub(crate) struct Trial {
    log: Log,
    destination: Destination,
    allow: AllowList,
    icmp: Icmp,
    strays: Arc<Strays>,
}

impl Trial {
    /// To be called within a runtime.
    pub(crate) fn new() -> Self {
        let icmp = Icmp::open(Clock::start(), &ReceiveQueue::default());
        Self {
            log: Log::new(true),
            destination: Destination::new("127.0.0.1", None),
            allow: AllowList::try_from(vec!["*".to_owned()]).unwrap(),
            icmp,
            strays: Arc::default(),
        }
    }

    /// A question about a target, at 127.0.0.1 whatever its name.
    pub(crate) fn ask<'a>(&'a self, target: &'a str) -> Ask<'a> {
        let ip = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let started = Instant::now();
        Ask {
            target,
            hostname: None,
            destination: &self.destination,
            allow: &self.allow,
            ip,
            is_of_target: false,
            started,
            deadline: started + Duration::from_secs(30),
            log: &self.log,
            resolvers: &[],
            icmp: &self.icmp,
            strays: &self.strays,
        }
    }

    /// What was said to people.
    pub(crate) fn said(&self) -> String {
        self.log.text()
    }
}
