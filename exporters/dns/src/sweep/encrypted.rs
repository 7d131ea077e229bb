//! A sweep of resolvers that are asked by TLS, HTTPS or QUIC: one connection each, over which all its questions go.
//!
//! That no connection came about says nothing of a name: it is the outcome of all questions, the control's among them,
//! and the reason is counted. Where that is so only after an answer, what is left is as not asked: by then the control may
//! have passed, and the name would be blamed. The sweep is bounded as one by datagrams is: by its rate, by what is owed to each resolver,
//! and by how many connections are open at once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use exporter_kit::off_the_thread;
use rand::seq::SliceRandom as _;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::{Shared, passes_control};
use crate::answer::Content;
use crate::config::{Encrypted, TCP_LIMIT};
use crate::courtesy::{Refusal, Turn, Want};
use crate::exchange::encrypted::{Client, Connection};
use crate::exchange::identity::Identity;
use crate::exchange::question::Form;
use crate::exchange::unanswered::Unanswered;
use crate::outcome::{LocalError, Outcome};
use crate::reply::{self, Reply};

/// Questions in a row that brought nothing after which another connection is tried: it may be the connection, and each
/// costs its owner a handshake.
const DOUBTED: u32 = 2;

/// What all connections share.
#[derive(Debug)]
struct Asking {
    shared: Arc<Shared>,
    client: Client,
    /// When the next query may be sent, by the rate of the set.
    next: Mutex<Instant>,
}

/// One resolver, and what came of connecting to it.
struct Asked<'a> {
    asking: &'a Asking,
    resolver: usize,
    peer: SocketAddr,
    whose: Identity,
    link: Option<Connection>,
    /// It answered something in this sweep.
    has_answered: bool,
    /// To so many questions in a row nothing came over a connection that there was.
    silent: u32,
    /// Why it could not be connected to: it is not tried again in this sweep.
    failed: Option<Unanswered>,
}

/// Asks all that are not left alone. An error means that nobody could be asked.
pub(super) async fn sweep(shared: &Arc<Shared>, how: &Encrypted) -> anyhow::Result<()> {
    let (way, roots) = (how.way, how.roots.clone());
    // The certificates of the system are read from a disk.
    let client =
        off_the_thread(move || Client::new(way, roots.as_ref().map(|it| it.as_slice()))).await?;
    let next = Mutex::new(Instant::now());
    let asking = Arc::new(Asking { shared: Arc::clone(shared), client, next });
    let resolvers = 0..shared.plan.set.list.resolvers.len();
    let mut members: Vec<usize> = resolvers.filter(|at| shared.turns[*at] != Turn::Rest).collect();
    members.shuffle(&mut rand::rng());
    let mut tasks = JoinSet::new();
    for resolver in members {
        let asking = Arc::clone(&asking);
        tasks.spawn(async move {
            let _permit = asking.shared.tcp_connections.acquire().await;
            ask_all(&asking, resolver).await;
        });
    }
    while let Some(done) = tasks.join_next().await {
        done?;
    }
    Ok(())
}

/// Asks one resolver everything, the control first.
async fn ask_all(asking: &Asking, resolver: usize) {
    let shared = &*asking.shared;
    let set = &shared.plan.set;
    let Some(how) = &set.encrypted else { return };
    let mut asked = Asked {
        asking,
        resolver,
        peer: set.list.peer(resolver, set.port),
        whose: how.identity(&set.list, resolver),
        link: None,
        has_answered: false,
        silent: 0,
        failed: None,
    };
    let control = shared.plan.questions.len();
    let mut questions: Vec<usize> = (0..control).collect();
    questions.shuffle(&mut rand::rng());
    let with_control = set.control.is_some().then_some(control);
    let mut has_passed = true;
    for (number, question) in with_control.into_iter().chain(questions).enumerate() {
        if !has_passed && shared.tally.is_good() {
            break;
        }
        if number > 0 && asked.failed.is_none() {
            sleep(shared.plan.gap()).await;
        }
        if shared.began.elapsed() >= set.interval {
            break;
        }
        let mut outcome = asked.ask(question, Form::default(), Want::Planned).await;
        if question == control {
            has_passed = passes_control(&outcome);
            shared.tally.add(has_passed);
        } else if has_passed && is_failure(&outcome) {
            sleep(shared.plan.gap()).await;
            outcome = asked.unchecked(question, outcome).await;
        }
        shared.gathered().take(resolver, question, outcome);
    }
}

fn is_failure(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Answer(answer) if answer.content == Content::Servfail)
}

impl Asked<'_> {
    /// Puts a question, if it may be put, over the connection that there is or over a new one.
    async fn ask(&mut self, question: usize, form: Form, want: Want) -> Outcome {
        if let Some(why) = self.failed {
            return self.outcome_of(why);
        }
        if !self.may_ask(want).await {
            return Outcome::NotAsked;
        }
        let (is_old, answer) = (self.link.is_some(), self.exchange(question, form).await);
        match answer {
            Ok(outcome) => outcome,
            // It was closed for being idle, maybe, since the question before: by our pace, so that this is as planned.
            Err(Unanswered::Closed) if is_old => {
                if !self.may_ask(Want::Planned).await {
                    return Outcome::NotAsked;
                }
                let again = self.exchange(question, form).await;
                again.unwrap_or_else(|why| self.unanswered(why))
            }
            Err(why) => self.unanswered(why),
        }
    }

    /// Asks one that failed whether it has the answer where it is told not to validate; what it said before where it has
    /// not, or may not be asked.
    async fn unchecked(&mut self, question: usize, outcome: Outcome) -> Outcome {
        let form = Form { is_unchecked: true, ..Form::default() };
        match (self.ask(question, form, Want::Besides).await, outcome) {
            (Outcome::Answer(other), Outcome::Answer(mut answer))
                if other.content.is_conclusive() =>
            {
                answer.content = Content::Bogus;
                Outcome::Answer(answer)
            }
            (_, outcome) => outcome,
        }
    }

    /// Waits until the resolver may be asked, by the rate of the set and what is owed to it; false if its hour has no room.
    async fn may_ask(&self, want: Want) -> bool {
        let plan = &self.asking.shared.plan;
        loop {
            let turn = {
                let mut next = self.asking.next.lock().await;
                let turn = (*next).max(Instant::now());
                *next = turn + Duration::from_secs(1) / plan.set.rate;
                turn
            };
            sleep_until(turn).await;
            let resolver = &plan.set.list.resolvers[self.resolver];
            match self.asking.shared.courtesy.ask(resolver, want) {
                Ok(()) => return true,
                // The next sweep is not put off.
                Err(Refusal::For(time))
                    if self.asking.shared.began.elapsed() + time < plan.set.interval =>
                {
                    sleep(time).await;
                }
                Err(Refusal::For(_) | Refusal::ForThisHour) => return false,
            }
        }
    }

    async fn connect(&mut self) -> Result<Connection, Unanswered> {
        let (shared, client) = (&*self.asking.shared, &self.asking.client);
        let (began, patience) = (Instant::now(), shared.plan.set.timeout);
        let connected = client.connect(self.peer, &self.whose, TCP_LIMIT, patience).await;
        let connection = connected.inspect_err(|why| self.failed = Some(*why))?;
        shared.counts.connected(began.elapsed());
        Ok(connection)
    }

    async fn exchange(&mut self, question: usize, form: Form) -> Result<Outcome, Unanswered> {
        let shared = &*self.asking.shared;
        let (set, template) = (&shared.plan.set, &shared.templates[question]);
        let connection = match self.link.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let mut query = Vec::new();
        template.write_as(form, 0, 0, &mut query);
        if let Some(how) = &set.encrypted {
            shared.counts.query(how.way.transport());
        }
        let asked = Instant::now();
        let answer = connection.ask(&query).await;
        let took = asked.elapsed();
        self.silent = if answer == Err(Unanswered::Timeout) { self.silent + 1 } else { 0 };
        let is_good = match answer {
            Ok(_) | Err(Unanswered::Http | Unanswered::Malformed) => true,
            // A name whose servers are slow is no reason to connect anew.
            Err(Unanswered::Timeout) => self.silent != DOUBTED,
            Err(_) => false,
        };
        self.link = Some(connection).filter(|_| is_good);
        let outcome = match reply::read(&answer?, template, 0) {
            Reply::Answer(answer) => {
                shared.counts.answered(took);
                Outcome::Answer(answer)
            }
            Reply::Truncated => Outcome::Truncated,
            Reply::Ignored(_) => return Err(Unanswered::Malformed),
        };
        self.has_answered = true;
        Ok(outcome)
    }

    fn unanswered(&self, why: Unanswered) -> Outcome {
        let counts = &self.asking.shared.counts;
        counts.unanswered(why);
        if why == Unanswered::Local {
            counts.local_error(LocalError::Send, 1);
        }
        self.outcome_of(why)
    }

    /// What a reason is in the words of a sweep: none of them is an answer.
    fn outcome_of(&self, why: Unanswered) -> Outcome {
        match why {
            Unanswered::Local => Outcome::LocalError,
            // That is of the question: there is a connection.
            Unanswered::Timeout if self.failed.is_none() => Outcome::Timeout,
            Unanswered::Malformed if self.failed.is_none() => Outcome::Malformed,
            _ if self.has_answered => Outcome::NotAsked,
            Unanswered::Timeout => Outcome::Timeout,
            _ => Outcome::Unreachable,
        }
    }
}
