//! The page `/listen?target=HOST:PORT&module=NAME`: whether a clock there ticks, which is to say, whether
//! it sends a byte within the period of the module. It shows what an on-demand page takes.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use exporter_kit::on_demand::{Asked, Contacts, Destination, Engine, Log, Planned, Settings};
use exporter_kit::{Collector, Page, Registry};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::Tick;

/// Where to listen.
pub(crate) enum Plan {
    /// To a clock of the config, which ticks every so often.
    Own(Duration),
    /// To whoever is at an address.
    There(String),
}

/// What was heard.
#[derive(Debug)]
struct Heard {
    ticked: bool,
    after: Duration,
}

impl Engine for Tick {
    type Plan = Plan;

    fn settings(&self) -> Arc<Settings> {
        let config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::new(config.on_demand.clone())
    }

    fn plan(&self, asked: &Asked) -> Result<Planned<Plan>, String> {
        let target = asked.target().ok_or("target: is missing")?;
        let module = asked.module().ok_or("module: is missing")?;
        let config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        let module = config.modules.iter().find(|(name, _)| name.as_str() == module);
        let (_, module) = module.ok_or("module: is none of the config's")?;
        let timeout = module.work.period;
        if let Some((_, clock)) = config.clocks.iter().find(|(name, _)| name.as_str() == target) {
            let plan = Plan::Own(clock.work.period);
            return Ok(Planned { plan, contacts: Contacts::Configured, timeout });
        }
        let address =
            target.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (host, port) = address.ok_or("target: must be a clock of the config, or HOST:PORT")?;
        let contacts = Contacts::Named(Destination::new(host, Some(port)));
        Ok(Planned { plan: Plan::There(target.to_owned()), contacts, timeout })
    }

    async fn measure(self: Arc<Self>, plan: Plan, deadline: Instant, log: Log) -> Registry {
        let begun = Instant::now();
        let heard = timeout_at(deadline, listen(plan, &log)).await;
        log.line(|| match &heard {
            Ok(Ok(())) => "it ticked".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "nothing came in time".to_owned(),
        });
        let mut registry = Registry::default();
        registry.register(Heard { ticked: matches!(heard, Ok(Ok(()))), after: begun.elapsed() });
        registry
    }
}

async fn listen(plan: Plan, log: &Log) -> std::io::Result<()> {
    match plan {
        Plan::Own(period) => tokio::time::sleep(period).await,
        Plan::There(address) => {
            log.line(|| format!("listening to {address}"));
            let mut clock = TcpStream::connect(&address).await?;
            log.line(|| "connected");
            clock.read_u8().await?;
        }
    }
    Ok(())
}

impl Collector for Heard {
    fn collect(&self, page: &mut Page<'_>) {
        page.gauge("tick_heard", "Whether the clock ticked in time.", [((), self.ticked)]);
        page.gauge("tick_heard_seconds", "How long was listened.", [((), self.after)]);
    }
}
