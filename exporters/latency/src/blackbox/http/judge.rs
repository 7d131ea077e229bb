//! Judges the last answer: reads its body, and holds all of it against the conditions of the module.

use std::any::Any;
use std::sync::Arc;

use hyper::Response;
use tokio::time::Instant;

use super::body;
use super::conditions::Kind;
use super::figures::version;
use super::settings::Settings;
use crate::blackbox::ask::Ask;
use crate::blackbox::found::Found;
use crate::blackbox::http_client::content::Content;
use crate::outcome::{Failure, Phase};

/// Patterns are through with so many bytes in well under a millisecond.
const SHORT: usize = 64 * 1024;

/// What came of it, at its end.
pub(super) struct Answered {
    pub(super) response: Response<Content>,
    /// When its first byte came.
    pub(super) began: Instant,
    /// A redirect that is not followed: its body says nothing.
    pub(super) is_cut: bool,
    /// Of a request that asked for none.
    pub(super) is_head: bool,
    /// Ends the connection once the body was read.
    pub(super) _connection: Box<dyn Any + Send>,
}

impl Settings {
    /// Judges an answer as the peer does, first by its status; no later fault hides that one.
    pub(super) async fn judge(
        &self,
        answered: Answered,
        ask: &Ask<'_>,
        found: &mut Found,
    ) -> Result<(), Failure> {
        let Answered { response, began, is_cut, is_head, _connection } = answered;
        let (head, body) = response.into_parts();
        let say = |text: String| ask.log.line(|| text);
        let mut failure = None;
        if let Some(why) = self.conditions.status(head.status.as_u16()) {
            say(why);
            failure = Some(Failure::HttpStatus);
        }
        let oddity = found.http.get_or_insert_default().oddities.all().next();
        if let (None, Some(oddity), true) = (failure, oddity, self.is_strict) {
            say(format!("the head is odd: {}", oddity.as_str()));
            failure = Some(Failure::HttpStatus);
        }
        if failure.is_none() && self.conditions.has_header_patterns() {
            let refused = self.conditions.headers(&head.headers);
            found.failed_due_to_regex = Some(refused.is_some());
            failure = refused.map(|why| {
                say(why);
                Failure::Condition
            });
        }
        let wants_body = failure.is_none() && self.conditions.needs_body();
        let mut read = body::Read::default();
        if !is_cut || wants_body {
            let keep = if wants_body { body::MOST_KEPT } else { 0 };
            // The reader ends by itself, so that a body without an end hides neither status nor figures.
            let (limit, until) = (self.body_size_limit, ask.last_moment());
            let enough = if wants_body || limit > 0 { u64::MAX } else { self.enough };
            let bounds = body::Bounds { limit, enough, keep, until };
            found.watch.begin(Phase::Transfer);
            read = body::read(body, self.compression, bounds, |length| {
                found.http.get_or_insert_default().uncompressed_body_length = length;
            })
            .await;
            found.http.get_or_insert_default().phases.transfer += began.elapsed();
            // One that failed did so in this phase.
            if read.error.is_none() || is_head || failure.is_some() {
                found.watch.end();
            }
        }
        let (mut judged, is_late, is_ours) = (None, read.is_late, read.is_ours);
        if wants_body {
            (read, judged) = self.judge_body(read).await;
        }
        if let Some((why, condition)) = judged {
            say(why);
            match condition {
                Kind::Pattern => found.failed_due_to_regex = Some(true),
                Kind::Cel => found.failed_due_to_cel = Some(true),
            }
            failure = Some(if is_late { Failure::Timeout } else { Failure::Condition });
        }
        // A server that answers HEAD with a body does no harm.
        if let Some(error) = read.error.filter(|_| !is_head) {
            say(format!("the body failed: {error}"));
            failure = failure.or(Some(match (is_ours, is_late) {
                (true, _) => Failure::Local,
                (_, true) => Failure::Timeout,
                _ => Failure::Body,
            }));
        }
        for why in [
            self.conditions.version(version(head.version).0),
            self.conditions.tls(found.http.get_or_insert_default().ssl, failure.is_none()),
        ]
        .into_iter()
        .flatten()
        {
            say(why);
            failure = failure.or(Some(Failure::Condition));
        }
        failure.map_or(Ok(()), Err)
    }

    /// Judges a body; beside who else measures, where that may take long.
    async fn judge_body(&self, read: body::Read) -> (body::Read, Option<(String, Kind)>) {
        let conditions = Arc::clone(&self.conditions.body);
        let is_short = read.kept.len() <= SHORT;
        let judge = move || {
            let judged = conditions.judge(&read);
            (read, judged)
        };
        if !self.conditions.has_cel() && is_short {
            return judge();
        }
        let judged = tokio::task::spawn_blocking(judge).await;
        judged.unwrap_or_else(|_| {
            let kind = if self.conditions.has_cel() { Kind::Cel } else { Kind::Pattern };
            let why = "the conditions could not be evaluated".to_owned();
            (body::Read::default(), Some((why, kind)))
        })
    }
}
