//! Whether somebody between this exporter and the world answers in the place of others: addresses at which nobody
//! answers are asked, and nobody should; and resolvers that are known say who they are. Everything that is said of resolvers rests on the answers being theirs.

mod known;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use exporter_kit::{Health, Rounds, Targets};
use hickory_proto::rr::RecordType;
use tokio::time::Instant;
use tracing::warn;

use self::known::Seen;
use crate::config::{InterceptionPlan, KnownResolver};
use crate::courtesy::Courtesy;
use crate::exchange::question::Question;
use crate::exchange::{Failure, ask};
use crate::verdict;

/// The one test, by its name; none where it is not configured.
pub(crate) type Interceptions = Targets<InterceptionPlan, RunningInterception>;

/// Questions to one address: each may be lost.
const TRIES: usize = 2;

/// For how long the last round that could be done stands while none can: as what is told of names.
const STANDS: Duration = Duration::from_secs(verdict::STANDS);

/// The test.
#[derive(Debug)]
pub(crate) struct RunningInterception {
    /// Who is asked what.
    pub(crate) plan: InterceptionPlan,
    /// Whether the last round could be done.
    pub(crate) health: Arc<Health>,
    last: Mutex<Option<Answered>>,
}

/// The last round that could be done.
#[derive(Clone, Debug)]
struct Answered {
    /// The addresses from which an answer came.
    from: Vec<SocketAddr>,
    at: Instant,
}

impl RunningInterception {
    /// Nothing is known yet.
    pub(crate) fn new(plan: InterceptionPlan) -> Self {
        let health = Health::new(&plan.name, "asks where nobody answers");
        Self { plan, health: Arc::new(health), last: Mutex::new(None) }
    }

    /// The addresses from which an answer came in the last round in which anything could be sent; none if there was
    /// none for a day.
    pub(crate) fn answered(&self, now: Instant) -> Option<Vec<SocketAddr>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let is_recent = |last: &Answered| now.saturating_duration_since(last.at) <= STANDS;
        last.filter(is_recent).map(|last| last.from)
    }

    /// What is known of each resolver before the first round: of which somebody else answered in its place before a
    /// reload.
    fn seen(&self) -> Vec<Seen> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let seen = |known: &Arc<KnownResolver>| match &last {
            Some(last) => Seen::before(last.from.contains(&known.address), last.at),
            None => Seen::default(),
        };
        self.plan.known.iter().map(seen).collect()
    }

    /// Takes over what was known before a reload, if the same was asked at the same addresses from the same vantage, whatever
    /// else is said of that.
    pub(crate) fn takes_over(&self, before: &Self) {
        let asked = |test: &Self| {
            let InterceptionPlan { vantage, addresses, question, known, .. } = &test.plan;
            let vantage = (vantage.name.clone(), vantage.region.clone());
            (vantage, addresses.clone(), question.clone(), known.clone())
        };
        if asked(self) == asked(before) {
            let last = before.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = last;
        }
    }

    /// Puts a round in the place of the one before, unless nothing could be sent: that ends nothing.
    pub(crate) fn publish(&self, answered: Option<Vec<SocketAddr>>, now: Instant) {
        match &answered {
            None => self.health.down("not_sent"),
            Some(from) if from.is_empty() => self.health.up(),
            Some(_) => self.health.down("intercepted"),
        }
        let Some(from) = answered else { return };
        let last = Some(Answered { from, at: now });
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }
}

/// Asks at the interval.
pub(crate) async fn run(test: Arc<RunningInterception>, rounds: Rounds, courtesy: Courtesy) {
    let plan = &test.plan;
    let mut rounds = rounds.every(plan.interval, "dns/interception");
    let question = Question::recursive(plan.question.clone(), RecordType::A);
    let mut seen = test.seen();
    loop {
        rounds.next().await;
        let (mut answered, mut is_sent) = (Vec::new(), false);
        for address in &plan.addresses {
            for _ in 0..TRIES {
                match ask(*address, &question, plan.timeout).await {
                    Ok(_) | Err(Failure::Malformed | Failure::Truncated(_)) => {
                        answered.push(*address);
                        is_sent = true;
                        break;
                    }
                    Err(Failure::Timeout | Failure::Unreachable(_)) => is_sent = true,
                    Err(Failure::Local(_)) => {}
                }
            }
        }
        let nobodys = answered.len();
        let (others, is_asked) = known::intercepted(plan, &mut seen, &courtesy).await;
        answered.extend(others.iter().map(|known| known.address));
        is_sent |= is_asked;
        let now = Instant::now();
        let is_new = test.answered(now).is_none_or(|before| before.is_empty());
        if !answered.is_empty() && is_new {
            let how = if nobodys > 0 { "where nobody is" } else { "which is another by TLS" };
            warn!("somebody on the way answers in the place of {}, {how}", answered[0]);
        }
        test.publish(is_sent.then_some(answered), now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn test(more: &str) -> RunningInterception {
        let (vantage, more) = more.split_once('@').unwrap_or(("fra, region: EMEA", more));
        let text = format!(
            "vantage: {{ name: {vantage} }}\nsets: [{{ name: own, resolvers: [9.9.9.9] }}]\n\
             questions: [{{ name: a.example }}]\ninterception: {{ name: b.example{more} }}\n"
        );
        let config: Config = exporter_kit::config::parse(&text, "test.yml").unwrap();
        RunningInterception::new(config.interception_plans().remove("interception").unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_seen_stands_for_a_day_while_nothing_can_be_sent_and_over_a_reload() {
        let (before, began) = (test(""), Instant::now());
        assert_eq!(before.answered(began), None);
        let from = vec![before.plan.addresses[0]];
        before.publish(Some(from.clone()), began);
        before.publish(None, began + STANDS);
        assert_eq!(before.answered(began + STANDS), Some(from.clone()));
        assert_eq!(before.answered(began + STANDS + Duration::from_secs(1)), None);
        for (more, wanted) in [
            (", timeout: 1s", Some(from.clone())),
            ("fra, region: EMEA, asn: 64500, latitude: 50.1, longitude: 8.7@", Some(from)),
            (", addresses: [192.0.2.7]", None),
            ("nyc, region: EMEA@", None),
            ("fra, region: AMER@", None),
        ] {
            let after = test(more);
            after.takes_over(&before);
            assert_eq!(after.answered(began), wanted, "{more}");
        }
        before.publish(Some(Vec::new()), began);
        assert_eq!(before.answered(began), Some(Vec::new()));
    }
}
