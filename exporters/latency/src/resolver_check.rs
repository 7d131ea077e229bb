//! The resolvers, asked by the way: whether they answer at all, so that a dead one is told from a lost name.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::resolve;
use crate::seat::SharedVerdicts;

/// They are asked so often.
const EVERY: Duration = Duration::from_secs(10);

/// And have so long to answer.
const LIMIT: Duration = Duration::from_secs(8);

/// The task that asks, if any name is to be looked up.
#[derive(Debug, Default)]
pub(crate) struct ResolverCheck(Mutex<Option<(Vec<SocketAddr>, JoinHandle<()>)>>);

impl ResolverCheck {
    /// Asks these resolvers from now on (the system's where there are none), or nobody.
    pub(crate) fn ask(
        &self,
        resolvers: Option<&[SocketAddr]>,
        verdicts: &SharedVerdicts,
        clock: Clock,
    ) {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if resolvers == running.as_ref().map(|(resolvers, _)| resolvers.as_slice()) {
            return;
        }
        if let Some((_, task)) = running.take() {
            task.abort();
        }
        *running = resolvers.map(|resolvers| {
            let task = tokio::spawn(run(resolvers.to_vec(), verdicts.clone(), clock));
            (resolvers.to_vec(), task)
        });
    }
}

async fn run(resolvers: Vec<SocketAddr>, verdicts: SharedVerdicts, clock: Clock) {
    loop {
        tokio::time::sleep(EVERY).await;
        let answers =
            tokio::time::timeout(LIMIT, resolve::answers(&resolvers)).await.unwrap_or(false);
        let now = clock.now().monotonic.as_secs_f64();
        verdicts.lock().resolver_asked(now, answers);
    }
}
