//! One question that a scraper asks: whom to probe, until when, and by what.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use exporter_kit::on_demand::{AllowList, Destination, Log};
use tokio::time::{Instant, timeout_at};

use crate::icmp::Icmp;
use crate::metrics::counts::Strays;
use crate::outcome::{Failure, of_another};

/// What noting takes, generously.
const LAST_MOMENT: Duration = Duration::from_millis(50);

/// What a prober is given beside its section of the module.
#[derive(Clone, Debug)]
pub(crate) struct Ask<'a> {
    /// Whom, as the query says it.
    pub(crate) target: &'a str,
    /// The query's `hostname`: what is asked for in `Host` and in SNI where the module sets neither.
    pub(crate) hostname: Option<&'a str>,
    /// Whom the target is, which may be contacted.
    pub(crate) destination: &'a Destination,
    /// Who else may be: see [`Ask::may_contact`].
    pub(crate) allow: &'a AllowList,
    /// The address to probe where it has been chosen already: nothing is looked up then.
    pub(crate) ip: Option<IpAddr>,
    /// Whether it is of a target that is probed all the time, and not asked for by a scraper.
    pub(crate) is_of_target: bool,
    /// When the probe began.
    pub(crate) started: Instant,
    /// When it ends at the latest. Whoever runs it ends it then; what it has found by that time stays.
    pub(crate) deadline: Instant,
    /// What is said to people. It must not be told a secret.
    pub(crate) log: &'a Log,
    /// Who is asked for names; the system's resolvers when empty.
    pub(crate) resolvers: &'a [SocketAddr],
    /// Sends echoes.
    pub(crate) icmp: &'a Icmp,
    /// Counts replies that come late or twice.
    pub(crate) strays: &'a Arc<Strays>,
}

impl Ask<'_> {
    /// A little before the deadline: who ends what it waits for then, still notes what it came to.
    pub(crate) fn last_moment(&self) -> Instant {
        let whole = self.deadline.saturating_duration_since(self.started);
        self.deadline - (whole / 20).min(LAST_MOMENT)
    }

    /// Whether a probe that fails now, for this reason, has waited for as long as it may: also one that was told before
    /// why nothing would come.
    pub(crate) fn has_waited(&self, failure: Failure) -> bool {
        let is_told = matches!(failure, Failure::Refused | Failure::Unreachable);
        failure == Failure::Timeout || is_told && Instant::now() >= self.last_moment()
    }

    /// What comes of whom the probe needs beside its target: a proxy, or who gives tokens. Also one that says nothing
    /// until the probe ends is no silence of the target, if it had half of the time: of less, the rest was used up by
    /// the target, which is too slow.
    pub(crate) async fn of_another<T>(
        &self,
        asked: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let half = self.started + self.deadline.saturating_duration_since(self.started) / 2;
        let had_its_time = Instant::now() <= half;
        let came = timeout_at(self.last_moment(), asked).await;
        came.map_or_else(
            |_| {
                self.log.line(|| "who is needed beside the target said nothing in time");
                Err(if had_its_time { Failure::Local } else { Failure::Timeout })
            },
            |came| came.map_err(of_another),
        )
    }

    /// Whether somebody may be contacted whom the target names on the way, by a redirect, say: to be asked
    /// before a name is looked up and before anything is sent. The target itself may.
    pub(crate) fn may_contact(&self, other: &Destination) -> bool {
        other == self.destination || self.allow.allows(other)
    }
}

#[cfg(test)]
mod tests {
    use crate::blackbox::trial::Trial;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn another_s_silence_is_ours_if_it_had_the_time_and_the_target_s_if_that_used_it_up() {
        let trial = Trial::new();
        for (before, wanted) in
            [(0, Failure::Local), (1_400, Failure::Local), (2_930, Failure::Timeout)]
        {
            let mut ask = trial.ask("");
            ask.started = Instant::now();
            ask.deadline = ask.started + Duration::from_secs(3);
            tokio::time::sleep(Duration::from_millis(before)).await;
            let asked = ask.of_another(std::future::pending::<Result<(), Failure>>()).await;
            assert_eq!(asked, Err(wanted), "{before} ms");
            assert!(Instant::now() < ask.deadline);
        }
    }
}
