//! What comes in reply to a query that has its outcome. No I/O, no clock.

use std::time::Duration;

use super::{LINGER, Query, Received};
use crate::answer::{Answer, Flag};
use crate::outcome::{Ignored, Outcome};
use crate::reply::Reply;

/// Different replies to one query that are kept beside the first.
const MAX_OTHERS: usize = 3;

/// An answer to a query that has one, was given up, or is being asked over TCP. Until `lingers_until` anything more may
/// come to any query.
pub(super) fn repeated(
    query: &mut Query,
    now: Duration,
    timeout: Duration,
    reply: Reply,
    lingers_until: &mut Option<Duration>,
) -> Received {
    match (&mut query.outcome, reply) {
        (Some(Outcome::Answer(first)), Reply::Answer(second)) => {
            let is_error = !first.content.is_conclusive();
            let until =
                if is_error { query.sent.get() + timeout } else { query.answered.get() + LINGER };
            // What TCP brought is the whole; but one that came after a cut one is one of two.
            let is_whole = first.flags.has(Flag::Tc) && !first.flags.has(Flag::MultipleAnswers);
            if first.content != second.content && now <= until && !is_whole {
                add(first, second);
                return Received::SecondAnswer;
            }
            Received::Ignored(Ignored::Duplicate)
        }
        (None, Reply::Answer(answer)) if query.over_tcp && now <= query.sent.get() + timeout => {
            match &mut query.meanwhile {
                Some(first) if first.content == answer.content => {
                    return Received::Ignored(Ignored::Duplicate);
                }
                Some(first) => add(first, answer),
                none => *none = Some(Box::new(answer)),
            }
            Received::SecondAnswer
        }
        // What was cut may be a forger's, and the answer on its way; or the answer was cut, and this is a forger's.
        (Some(Outcome::Truncated | Outcome::NotAsked), Reply::Answer(mut answer))
            if answer.content.is_conclusive() && now <= query.sent.get() + timeout =>
        {
            if query.over_tcp {
                answer.flags.set(Flag::Tc);
            }
            answer.flags.set(Flag::MultipleAnswers);
            query.outcome = Some(Outcome::Answer(answer));
            query.answered = now.into();
            *lingers_until = (*lingers_until).max(Some(now + LINGER));
            Received::SecondAnswer
        }
        (Some(Outcome::Timeout | Outcome::Malformed | Outcome::Unreachable), _) => {
            Received::Ignored(Ignored::Late)
        }
        _ => Received::Ignored(Ignored::Duplicate),
    }
}

/// Adds another reply to the same query. The order of the two says nothing: an answer stands before an
/// error, and what came first before what came later.
pub(super) fn add(first: &mut Answer, mut second: Answer) {
    let is_known = first.others.contains(&second.content) || first.content == second.content;
    if is_known || first.others.len() >= MAX_OTHERS {
        first.flags.set(Flag::MultipleAnswers);
        return;
    }
    if !first.content.is_conclusive() && second.content.is_conclusive() {
        std::mem::swap(first, &mut second);
        first.others.append(&mut second.others);
    }
    first.others.push(second.content);
    first.flags.set(Flag::MultipleAnswers);
}
