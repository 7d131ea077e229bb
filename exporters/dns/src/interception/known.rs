//! Whether a resolver that is known answers by itself: which of its machines it says that it is, over UDP; and over TLS, by
//! which nobody can take its place, where that is none of them.

use std::sync::Arc;

use exporter_kit::off_the_thread;
use hickory_proto::op::Message;
use hickory_proto::rr::{DNSClass, RData, RecordType};
use tokio::time::sleep;

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
    /// Nothing could be sent, or its hour has no room.
    NotAsked,
    /// It says nothing.
    Silent,
}

/// Asks one; over TLS only where somebody over UDP is none of its machines: all of them may have other names by now.
pub(super) async fn find(known: &Known, plan: &InterceptionPlan, courtesy: &Courtesy) -> Found {
    if !may_ask(known, courtesy).await {
        return Found::NotAsked;
    }
    let question = question();
    let is_it = match ask(known.address, &question, plan.timeout).await {
        Ok(answer) => answer.message().is_some_and(|it| is_own(it, known)),
        Err(Failure::Malformed | Failure::Truncated(_)) => false,
        Err(Failure::Timeout | Failure::Unreachable(_)) => return Found::Silent,
        Err(Failure::Local(_)) => return Found::NotAsked,
    };
    if is_it || !may_ask(known, courtesy).await {
        return Found::Itself;
    }
    let roots = known.roots.clone();
    let made =
        off_the_thread(move || Client::new(Way::Dot, roots.as_ref().map(|roots| roots.as_slice())));
    let Ok(client) = made.await else { return Found::Itself };
    let connected = client.connect(known.over_tls, &known.whose, TCP_LIMIT, plan.timeout).await;
    let Ok(connection) = connected else { return Found::Itself };
    let (template, mut query) = (Template::new(&question), Vec::new());
    template.write(0, 0, &mut query);
    let Ok(bytes) = connection.ask(&query).await else { return Found::Itself };
    match message::read(&bytes, &template, 0) {
        Ok(Reply::Whole(Whole { message, .. })) if is_own(&message, known) => Found::Another,
        _ => Found::Itself,
    }
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

/// Whether a message says that it is of one of a resolver's machines.
fn is_own(message: &Message, known: &Known) -> bool {
    let texts = message.answers.iter().filter_map(|record| match &record.data {
        RData::TXT(text) => Some(&text.txt_data),
        _ => None,
    });
    texts
        .map(|parts| parts.iter().flat_map(|part| part.iter().copied()).collect::<Vec<u8>>())
        .any(|text| known.like.matches(&String::from_utf8_lossy(&text)))
}

/// Asks all; those in whose place somebody else answers, and whether anything could be sent.
pub(super) async fn intercepted(
    plan: &InterceptionPlan,
    courtesy: &Courtesy,
) -> (Vec<Arc<Known>>, bool) {
    let (mut intercepted, mut is_sent) = (Vec::new(), false);
    for known in &plan.known {
        let found = find(known, plan, courtesy).await;
        is_sent |= found != Found::NotAsked;
        if found == Found::Another {
            intercepted.push(Arc::clone(known));
        }
    }
    (intercepted, is_sent)
}
