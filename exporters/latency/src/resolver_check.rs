//! The resolvers, asked by the way: whether they answer at all, so that a dead one is told from a lost name.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::registration::SharedVerdicts;
use crate::resolve::{self, Said};

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
    verdicts.lock().resolver_replaced();
    let mut knows_the_root = false;
    for turn in 0.. {
        tokio::time::sleep(EVERY).await;
        // They may be judged at this moment, which takes a while.
        let asked = verdicts.clone();
        let domains = tokio::task::spawn_blocking(move || {
            let verdicts = asked.lock();
            [turn, turn + 1].map(|turn| verdicts.domain_to_ask(turn))
        });
        let domains = domains.await.unwrap_or_default();
        let mut said = Vec::new();
        for domain in domains.iter().flatten() {
            if !said.contains(&Said::Answer) {
                said.extend(ask(&resolvers, Some(domain)).await);
            }
        }
        // The servers of all these domains may be the ones that are dead. The first time it is learned whether
        // this resolver knows more than zones of its own.
        if turn == 0 || !said.contains(&Said::Answer) {
            let of_the_root = ask(&resolvers, None).await;
            knows_the_root |= of_the_root == Some(Said::Answer);
            said.extend(of_the_root);
        }
        if let Some(answers) = answers(&said, knows_the_root) {
            let (now, told) = (clock.monotonic().as_secs_f64(), verdicts.clone());
            let tell =
                tokio::task::spawn_blocking(move || told.lock().resolver_asked(now, answers));
            drop(tell.await);
        }
    }
}

/// Whether a resolver that said this answers. Nothing can be said where it could not be asked, by our own fault,
/// nor where one fails that has never known the root: its zones may be what is dead.
fn answers(said: &[Said], knows_the_root: bool) -> Option<bool> {
    match said {
        [] => None,
        said if said.contains(&Said::Answer) => Some(true),
        said if knows_the_root || !said.contains(&Said::Failure) => Some(false),
        _ => None,
    }
}

async fn ask(resolvers: &[SocketAddr], domain: Option<&str>) -> Option<Said> {
    let asking = resolve::ask(resolvers, domain);
    tokio::time::timeout(LIMIT, asking).await.unwrap_or(Some(Said::Nothing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolver_is_dead_that_says_nothing_or_knows_the_root_no_more() {
        use Said::{Answer, Failure, Nothing};
        for (said, knows_the_root, wanted) in [
            (&[Nothing, Nothing][..], false, Some(false)),
            (&[Failure, Failure], false, None),
            (&[Failure, Failure], true, Some(false)),
            (&[Failure, Nothing, Answer], false, Some(true)),
            (&[], true, None),
        ] {
            assert_eq!(answers(said, knows_the_root), wanted, "{said:?} {knows_the_root}");
        }
    }
}
