//! Whether a resolver that is known answers by itself: which of its machines it says that it is, over UDP; and over TLS, by
//! which nobody can take its place, where that is none of them.

use std::sync::Arc;

use exporter_kit::off_the_thread;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{DNSClass, RData, RecordType};
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::STANDS;
use crate::config::{InterceptionPlan, KnownResolver as Known, TCP_LIMIT};
use crate::courtesy::{Courtesy, Refusal, Want};
use crate::exchange::encrypted::Client;
use crate::exchange::identity::Way;
use crate::exchange::message::{self, Reply, Whole};
use crate::exchange::question::{Question, Template};
use crate::exchange::{Failure, HostName, ask};
use crate::resolvers::Resolver;

/// By which a resolver says which of its machines it is (RFC 4892).
const NAME: &str = "id.server";

/// What asking one brought.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Found {
    /// It answers by itself, or nothing says that it does not.
    Itself,
    /// Somebody else answers in its place.
    Another,
    /// It says nothing that tells.
    Nothing,
    /// Nothing could be sent, or its hour has no room.
    NotAsked,
}

/// What an answer over UDP says of who gave it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    Itself,
    /// One that has another name.
    Another,
    /// One that will not say, as one of its machines may do that is told not to.
    Unwilling,
    /// One that fails.
    Nobody,
}

/// What is known of one that is asked again and again.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Whether somebody else answered in its place when that was told last, and when that was.
    word: Option<(bool, Instant)>,
    /// It would not say who it is in the round before.
    was_unwilling: bool,
}

impl Seen {
    /// As it was told before.
    pub(super) fn before(is_another: bool, at: Instant) -> Self {
        Self { word: Some((is_another, at)), was_unwilling: is_another }
    }

    /// Takes what a round brought: one that tells nothing ends nothing, for as long as a round stands.
    pub(super) fn take(&mut self, found: Found, now: Instant) {
        match found {
            Found::Itself | Found::Another => self.word = Some((found == Found::Another, now)),
            Found::Nothing | Found::NotAsked => {
                let stands = |at: Instant| now.saturating_duration_since(at) <= STANDS;
                self.word = self.word.filter(|(_, at)| stands(*at));
            }
        }
    }

    /// Whether somebody else answers in its place.
    pub(super) fn is_another(&self) -> bool {
        self.word.is_some_and(|(is_another, _)| is_another)
    }
}

/// Asks one; over TLS only where somebody over UDP is none of its machines: all of them may have other names by now.
/// An error means that this machine could not ask by TLS.
async fn find(
    known: &Known,
    seen: &mut Seen,
    plan: &InterceptionPlan,
    courtesy: &Courtesy,
) -> anyhow::Result<Found> {
    if !may_ask(known, courtesy).await {
        return Ok(Found::NotAsked);
    }
    let question = question();
    let by = match ask(known.address, &question, plan.timeout).await {
        Ok(answer) => answer.message().map_or(By::Nobody, |message| by(message, known)),
        Err(Failure::Local(_)) => return Ok(Found::NotAsked),
        Err(_) => By::Nobody,
    };
    let was_unwilling = std::mem::replace(&mut seen.was_unwilling, by == By::Unwilling);
    match by {
        By::Itself => return Ok(Found::Itself),
        By::Nobody => return Ok(Found::Nothing),
        // One machine of many may be told otherwise than the others.
        By::Unwilling if !was_unwilling => return Ok(Found::Nothing),
        By::Another | By::Unwilling => {}
    }
    if !may_ask(known, courtesy).await {
        return Ok(Found::NotAsked);
    }
    let roots = known.roots.clone();
    let made =
        off_the_thread(move || Client::new(Way::Dot, roots.as_ref().map(|roots| roots.as_slice())));
    let client = made.await?;
    let connected = client.connect(known.over_tls, &known.whose, TCP_LIMIT, plan.timeout).await;
    let Ok(connection) = connected else { return Ok(Found::Nothing) };
    let (template, mut query) = (Template::new(&question), Vec::new());
    template.write(0, 0, &mut query);
    let Ok(bytes) = connection.ask(&query).await else { return Ok(Found::Nothing) };
    Ok(match message::read(&bytes, &template, 0) {
        Ok(Reply::Whole(Whole { message, .. })) if by_itself(&message, known) => Found::Another,
        _ => Found::Itself,
    })
}

async fn may_ask(known: &Known, courtesy: &Courtesy) -> bool {
    let resolver = Resolver { address: known.address.ip(), country: 0, network: 0, asn: 0 };
    loop {
        match courtesy.ask(&resolver, Want::Besides) {
            Ok(()) => return true,
            Err(Refusal::For(time)) => sleep(time).await,
            Err(Refusal::ForThisHour) => return false,
        }
    }
}

fn question() -> Question {
    let name: HostName = NAME.parse().expect("a constant");
    Question { class: DNSClass::CH, ..Question::recursive(name, RecordType::TXT) }
}

/// Who says a message: one of a resolver's machines by what it is called, or another.
fn by(message: &Message, known: &Known) -> By {
    let mut names = names(message).peekable();
    let has_name = names.peek().is_some();
    match message.metadata.response_code {
        _ if names.any(|name| known.like.matches(&name)) => By::Itself,
        ResponseCode::NoError if has_name => By::Another,
        ResponseCode::NoError
        | ResponseCode::NXDomain
        | ResponseCode::Refused
        | ResponseCode::NotImp => By::Unwilling,
        _ => By::Nobody,
    }
}

fn by_itself(message: &Message, known: &Known) -> bool {
    by(message, known) == By::Itself
}

/// What a message says that its machine is called.
fn names(message: &Message) -> impl Iterator<Item = String> {
    let texts = message.answers.iter().filter_map(|record| match &record.data {
        RData::TXT(text) => Some(&text.txt_data),
        _ => None,
    });
    let whole = |parts: &[Box<[u8]>]| parts.iter().flat_map(|part| part.iter().copied()).collect();
    texts.map(move |parts| {
        let whole: Vec<u8> = whole(parts);
        String::from_utf8_lossy(&whole).into_owned()
    })
}

/// Asks all; those in whose place somebody else answers, as far as is known, and whether anything could be sent.
pub(super) async fn intercepted(
    plan: &InterceptionPlan,
    seen: &mut [Seen],
    courtesy: &Courtesy,
) -> (Vec<Arc<Known>>, bool) {
    let (mut intercepted, mut is_sent) = (Vec::new(), false);
    for (known, seen) in plan.known.iter().zip(seen) {
        let found = find(known, seen, plan, courtesy).await.unwrap_or_else(|error| {
            warn!("who {} is by TLS cannot be asked: {error:#}", known.address);
            Found::NotAsked
        });
        is_sent |= found != Found::NotAsked;
        seen.take(found, Instant::now());
        if seen.is_another() {
            intercepted.push(Arc::clone(known));
        }
    }
    (intercepted, is_sent)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hickory_proto::op::Query;
    use hickory_proto::rr::rdata::TXT;
    use hickory_proto::rr::{Name, Record};

    use super::*;
    use crate::config::Config;

    fn known() -> Arc<Known> {
        let text = "vantage: { name: fra, region: EMEA }\nsets: [{ name: own, resolvers: [9.9.9.9] }]\n\
                    questions: [{ name: a.example }]\n\
                    interception: { name: b.example, known: [{ address: 9.9.9.9, like: '*.pch.net' }] }\n";
        let config: Config = exporter_kit::config::parse(text, "test.yml").unwrap();
        config.interception_plans().remove("interception").unwrap().known.remove(0)
    }

    fn says(code: ResponseCode, name: Option<&str>) -> Message {
        let mut message = Message::response(0, hickory_proto::op::OpCode::Query);
        message.metadata.response_code = code;
        message.add_query(Query::new());
        if let Some(name) = name {
            let text = RData::TXT(TXT::new(vec![name.to_owned()]));
            message.add_answer(Record::from_rdata(Name::root(), 0, text));
        }
        message
    }

    #[test]
    fn only_another_name_is_somebody_elses_and_an_error_is_nobodys() {
        use ResponseCode::{FormErr, NXDomain, NoError, NotImp, Refused, ServFail};
        let known = known();
        for (code, name, wanted) in [
            (NoError, Some("res1.fra.pch.net"), By::Itself),
            (NoError, Some("router.example"), By::Another),
            (NoError, None, By::Unwilling),
            (NXDomain, None, By::Unwilling),
            (Refused, None, By::Unwilling),
            (NotImp, None, By::Unwilling),
            (ServFail, None, By::Nobody),
            (FormErr, None, By::Nobody),
        ] {
            assert_eq!(by(&says(code, name), &known), wanted, "{code} {name:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_told_of_one_stands_for_a_day_while_nothing_is_told() {
        let (began, second) = (Instant::now(), Duration::from_secs(1));
        for nothing in [Found::NotAsked, Found::Nothing] {
            let mut seen = Seen::default();
            seen.take(nothing, began);
            assert!(!seen.is_another());
            seen.take(Found::Another, began);
            seen.take(nothing, began + STANDS);
            assert!(seen.is_another(), "{nothing:?}");
            seen.take(nothing, began + STANDS + second);
            assert!(!seen.is_another(), "{nothing:?}");
        }
        let mut seen = Seen::before(true, began);
        seen.take(Found::Itself, began + second);
        assert!(!seen.is_another());
    }
}
