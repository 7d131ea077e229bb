//! Who reads a long answer: so many at once, and not more of what is whole in memory than that has room for.
//!
//! A page of metrics has places of its own; all others, an exporter's as well, are seen to here: what is made of
//! targets is long where there are many, and stays in memory for as long as its reader takes. Who stands still makes
//! room; where nobody does, who asked last is told to come again.

use std::cmp::Reverse;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use tokio::time::Instant;

use super::connection::{Connection, Placed};
use crate::client::Client;

/// What is no longer than this is not counted, and what is longer is handed on in such parts.
const PART: usize = 64 * 1024;

/// Long answers that are read at once, and how many of them may be one client's.
const MOST: usize = 64;
const MOST_OF_A_CLIENT: usize = 32;

/// Bytes of those that are whole in memory, and how many of them may be one client's. One answer counts for no more
/// than a client may have, so that it is read however long it is.
const MOST_BYTES: u64 = 16 << 20;
const MOST_BYTES_OF_A_CLIENT: u64 = MOST_BYTES / 2;

/// A reader that takes nothing for so long makes room, if there is no other.
const UNMOVED: Duration = Duration::from_secs(1);

static READERS: Readers = Readers::new();

/// The same answer; where it is long, its reader is one of a limited number from now on, or refused.
pub(super) async fn counted(response: Response) -> Response {
    counted_among(&READERS, Connection::present(), response).await
}

async fn counted_among(
    readers: &'static Readers,
    connection: Option<Arc<Connection>>,
    response: Response,
) -> Response {
    let whole = response.body().size_hint().exact();
    let is_short = whole.is_some_and(|bytes| bytes <= PART as u64);
    if is_short || response.extensions().get::<Placed>().is_some() {
        return response;
    }
    let (head, mut body) = response.into_parts();
    let rest = match whole {
        Some(_) => Bytes::new(),
        // What is made while it is read is short or long once a first part of it is there.
        None => match first_part(&mut body).await {
            Ok((all, true)) => return Response::from_parts(head, Body::from(all)),
            Ok((part, false)) => part,
            Err(error) => {
                let broken = stream::iter([Err::<Bytes, _>(error)]);
                return Response::from_parts(head, Body::from_stream(broken));
            }
        },
    };
    let answer = Arc::new(Mutex::new(Some(Answer { body, rest, waker: None })));
    match readers.take(connection, whole.unwrap_or_default(), Arc::clone(&answer)) {
        Some(seat) => Response::from_parts(head, Body::new(Read { answer, seat })),
        None => busy(),
    }
}

/// So much that it is long, or all of it and true.
async fn first_part(body: &mut Body) -> Result<(Bytes, bool), axum::Error> {
    let mut part = Vec::new();
    while part.len() < PART {
        match body.frame().await {
            Some(Ok(frame)) => part.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Some(Err(error)) => return Err(error),
            None => return Ok((part.into(), true)),
        }
    }
    Ok((part.into(), false))
}

fn busy() -> Response {
    let message = "Too many long answers are being read.\n";
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], message).into_response()
}

/// All readers of long answers, in the order in which they came.
#[derive(Debug)]
struct Readers(Mutex<Vec<Reader>>);

#[derive(Debug)]
struct Reader {
    number: u64,
    connection: Option<Arc<Connection>>,
    client: Option<Client>,
    /// How much of the answer is whole in memory, as far as it counts.
    bytes: u64,
    /// When it last took a part; none while it waits for the next one to be made.
    moved: Option<Instant>,
    answer: Shared,
}

/// One reader, counted until this is dropped.
#[derive(Debug)]
struct Seat(&'static Readers, u64);

impl Readers {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// A seat, for which others may have to make room; none where nobody can.
    fn take(
        &'static self,
        connection: Option<Arc<Connection>>,
        bytes: u64,
        answer: Shared,
    ) -> Option<Seat> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let client = connection.as_ref().map(|connection| connection.client());
        let (bytes, now) = (bytes.min(MOST_BYTES_OF_A_CLIENT), Instant::now());
        let mut all = self.all();
        all.push(Reader { number, connection, client, bytes, moved: Some(now), answer });
        let Some(gone) = who_makes_room(&all, now) else {
            all.pop();
            return None;
        };
        let closed = connections_to_close(&all, &gone, now);
        let is_closed = |it: &Reader| closed.iter().any(|connection| it.is_of(connection));
        let ended: Vec<_> =
            all.extract_if(.., |it| gone.contains(&it.number) || is_closed(it)).collect();
        drop(all);
        ended.iter().for_each(Reader::let_go);
        for connection in closed {
            connection.close();
        }
        Some(Seat(self, number))
    }

    fn all(&self) -> MutexGuard<'_, Vec<Reader>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The numbers of those who have to make room for the last one; None where too few of those stand still who could.
fn who_makes_room(all: &[Reader], now: Instant) -> Option<Vec<u64>> {
    let newest = all.last()?.client;
    let mut gone = Vec::new();
    loop {
        let left: Vec<_> = all.iter().filter(|it| !gone.contains(&it.number)).collect();
        let count = |client| left.iter().filter(|it| it.client == client).count();
        let bytes = |client| -> u64 {
            left.iter().filter(|it| it.client == client).map(|it| it.bytes).sum()
        };
        let all_bytes: u64 = left.iter().map(|it| it.bytes).sum();
        // Where one client has too much, its own; else those of the client with the most.
        let of_newest = count(newest) > MOST_OF_A_CLIENT;
        let bytes_of_newest = bytes(newest) > MOST_BYTES_OF_A_CLIENT;
        let still = left.iter().filter_map(|it| Some((it, it.unmoved(now)?)));
        let next = if of_newest || left.len() > MOST {
            still
                .filter(|(it, _)| !of_newest || it.client == newest)
                .max_by_key(|(it, moved)| (count(it.client), Reverse((*moved, it.number))))
        } else if bytes_of_newest || all_bytes > MOST_BYTES {
            // Who holds nothing can give nothing back.
            still
                .filter(|(it, _)| it.bytes > 0 && (!bytes_of_newest || it.client == newest))
                .max_by_key(|(it, moved)| (bytes(it.client), Reverse((*moved, it.number))))
        } else {
            return Some(gone);
        };
        gone.push(next?.0.number);
    }
}

/// The connections of those who make room: what they hold of an answer goes with them. By HTTP/2 one stays where it
/// brings something else to somebody who reads that.
fn connections_to_close(all: &[Reader], gone: &[u64], now: Instant) -> Vec<Arc<Connection>> {
    let (gone, left): (Vec<_>, Vec<_>) = all.iter().partition(|it| gone.contains(&it.number));
    let theirs = gone.into_iter().filter_map(|it| it.connection.clone());
    let is_read = |connection: &Arc<Connection>| {
        let mut others = left.iter().filter(|it| it.is_of(connection));
        connection.is_scraped() || others.any(|it| it.unmoved(now).is_none())
    };
    theirs.filter(|it| !(it.activity().is_multiplexed() && is_read(it))).collect()
}

impl Reader {
    fn is_of(&self, connection: &Arc<Connection>) -> bool {
        self.connection.as_ref().is_some_and(|it| Arc::ptr_eq(it, connection))
    }

    /// When it last took something, if that is long enough ago to make room.
    fn unmoved(&self, now: Instant) -> Option<Instant> {
        self.moved.filter(|moved| now.saturating_duration_since(*moved) >= UNMOVED)
    }

    /// Lets go of what it reads.
    fn let_go(&self) {
        let answer = lock(&self.answer).take();
        if let Some(waker) = answer.and_then(|answer| answer.waker) {
            waker.wake();
        }
    }
}

impl Seat {
    fn moved(&self, moved: Option<Instant>) {
        let mut all = self.0.all();
        if let Some(reader) = all.iter_mut().find(|it| it.number == self.1) {
            reader.moved = moved;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut all = self.0.all();
        let left = all.iter().position(|it| it.number == self.1).map(|place| all.remove(place));
        drop(all);
        drop(left);
    }
}

/// What is read; None once its reader had to make room. No lock of the readers is taken while this one is held.
type Shared = Arc<Mutex<Option<Answer>>>;

#[derive(Debug)]
struct Answer {
    body: Body,
    /// What of a frame was not handed on yet.
    rest: Bytes,
    /// Who waits for the next frame.
    waker: Option<Waker>,
}

fn lock(answer: &Shared) -> MutexGuard<'_, Option<Answer>> {
    answer.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Answer {
    /// The next part. What was whole goes out in copies of its parts: whoever has sent most of it would hold all of it
    /// else.
    fn poll_part(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            self.waker = Some(context.waker().clone());
            let frame = match std::task::ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                ended => return Poll::Ready(ended),
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let length = self.rest.len().min(PART);
        let part = self.rest.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(Bytes::copy_from_slice(&part)))))
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

/// A long body.
#[derive(Debug)]
struct Read {
    answer: Shared,
    seat: Seat,
}

impl HttpBody for Read {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let part = match &mut *lock(&self.answer) {
            Some(answer) => answer.poll_part(context),
            // A part must not look like the whole.
            None => return Poll::Ready(Some(Err(axum::Error::new("it made room for others")))),
        };
        // That a part takes its time is not its reader's fault.
        self.seat.moved(part.is_ready().then(Instant::now));
        part
    }

    fn is_end_stream(&self) -> bool {
        let answer = lock(&self.answer);
        answer.as_ref().is_some_and(|it| it.rest.is_empty() && it.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.answer).as_ref().map(Answer::size_hint).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    /// Longer than there is room for.
    const GIANT: usize = 32 << 20;

    fn readers() -> &'static Readers {
        Box::leak(Box::new(Readers::new()))
    }

    fn connection(last: u8) -> Arc<Connection> {
        Connection::new(IpAddr::from([192, 0, 2, last]).into(), Instant::now())
    }

    /// So many parts, each as long as a part is.
    fn made_while_it_is_read(parts: usize) -> Response {
        let part = || Ok::<_, std::convert::Infallible>(Bytes::from(vec![b'x'; PART]));
        Body::from_stream(stream::iter(std::iter::repeat_with(part).take(parts))).into_response()
    }

    fn whole(bytes: usize) -> Response {
        vec![b'x'; bytes].into_response()
    }

    /// One reader, and its connection.
    async fn asks(
        readers: &'static Readers,
        last: u8,
        response: Response,
    ) -> (Arc<Connection>, Response) {
        let connection = connection(last);
        let response = counted_among(readers, Some(Arc::clone(&connection)), response).await;
        (connection, response)
    }

    /// How many were refused, and how many closed.
    fn ill(readers: &[(Arc<Connection>, Response)]) -> (usize, usize) {
        let refused = readers.iter().filter(|(_, it)| it.status() != StatusCode::OK).count();
        (refused, readers.iter().filter(|(connection, _)| connection.is_closing()).count())
    }

    async fn stand_still() {
        tokio::time::advance(UNMOVED).await;
    }

    #[tokio::test(start_paused = true)]
    async fn readers_of_whole_pages_hold_no_more_memory_than_there_is_room_for() {
        let readers = readers();
        let list = asks(readers, 4, made_while_it_is_read(9)).await;
        let other = asks(readers, 1, whole(1 << 20)).await;
        let mut silent = Vec::new();
        for _ in 0..60 {
            silent.push(asks(readers, 2, whole(1 << 20)).await);
        }
        assert_eq!(ill(&silent), (60 - 8, 0), "nobody has stood still, and the newest are refused");
        let refused = &silent[59].1;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(refused.headers().contains_key(header::RETRY_AFTER));
        stand_still().await;
        let newest = asks(readers, 2, whole(1 << 20)).await;
        assert_eq!(ill(&[newest]), (0, 0));
        assert!(silent[0].0.is_closing() && ill(&silent).1 == 1, "who stood still first");
        // What is longer than there is room for is read all the same, and nobody's list is closed for it.
        let first = asks(readers, 3, whole(GIANT)).await;
        let second = asks(readers, 5, whole(GIANT)).await;
        let third = asks(readers, 6, whole(GIANT)).await;
        assert_eq!(ill(&[first, second, third]), (1, 0));
        assert_eq!(ill(&[list]), (0, 0));
        drop(other);
        drop(silent);
        assert!(readers.all().iter().all(|it| it.bytes != 1 << 20));
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_stays_however_many_come() {
        let readers = readers();
        let mut reading = Vec::new();
        for _ in 0..MOST_OF_A_CLIENT {
            reading.push(asks(readers, 1, made_while_it_is_read(9)).await);
        }
        stand_still().await;
        for (_, response) in &mut reading {
            assert!(response.body_mut().frame().await.unwrap().is_ok());
        }
        let mut late = vec![asks(readers, 1, made_while_it_is_read(9)).await];
        assert_eq!((ill(&reading), ill(&late)), ((0, 0), (1, 0)));
        // A short answer takes no seat.
        assert_eq!(ill(&[asks(readers, 1, made_while_it_is_read(0)).await]), (0, 0));
        for last in 2..100 {
            late.push(asks(readers, last, made_while_it_is_read(9)).await);
        }
        assert_eq!(ill(&reading), (0, 0));
        assert_eq!(readers.all().len(), MOST);
        stand_still().await;
        let (_, mut first) = reading.remove(0);
        assert!(first.body_mut().frame().await.unwrap().is_ok());
        late.push(asks(readers, 1, made_while_it_is_read(9)).await);
        assert!(first.body_mut().frame().await.unwrap().is_ok(), "who reads");
        assert_eq!((ill(&reading), late.last().unwrap().1.status()), ((0, 1), StatusCode::OK));
        drop((reading, late, first));
        assert!(readers.all().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_part_to_be_made_has_not_stood_still() {
        let readers = readers();
        let slow = || {
            let first =
                stream::iter([Ok::<_, std::convert::Infallible>(Bytes::from(vec![0; PART]))]);
            let never = stream::pending();
            Body::from_stream(futures_util::StreamExt::chain(first, never)).into_response()
        };
        let mut waiting = Vec::new();
        for _ in 0..MOST_OF_A_CLIENT {
            let (connection, mut response) = asks(readers, 1, slow()).await;
            assert!(response.body_mut().frame().await.unwrap().is_ok());
            let next = tokio::spawn(async move { response.body_mut().frame().await.is_some() });
            tokio::task::yield_now().await;
            waiting.push((connection, next));
        }
        stand_still().await;
        let (_, newest) = asks(readers, 1, slow()).await;
        assert_eq!(newest.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(waiting.iter().all(|(connection, _)| !connection.is_closing()));
        for (_, next) in waiting {
            next.abort();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_makes_room_lets_go_of_it_and_cuts_no_other_of_its_connection() {
        let readers = readers();
        let [shared, other] = [connection(1), connection(1)];
        shared.activity().multiplexed();
        let ask_by = |connection: &Arc<Connection>| {
            counted_among(readers, Some(Arc::clone(connection)), made_while_it_is_read(2))
        };
        let ask = || ask_by(&shared);
        let mut all = Vec::new();
        for _ in 0..MOST_OF_A_CLIENT {
            all.push(ask().await);
        }
        stand_still().await;
        all.push(ask().await);
        let mut cut = Vec::new();
        let still = all.split_off(2);
        for (number, response) in all.into_iter().enumerate() {
            assert_eq!(response.status(), StatusCode::OK);
            if response.into_body().collect().await.is_err() {
                cut.push(number);
            }
        }
        assert!(!shared.is_closing());
        assert_eq!(cut, [0], "one for one, and a part is not taken for the whole");
        // Beside a scrape it stays; where nobody reads anything of it, all of it goes at once.
        stand_still().await;
        let more = ask_by(&other).await;
        let scrape = Placed::begins(&shared);
        let another = ask_by(&other).await;
        assert!(!shared.is_closing() && another.status() == StatusCode::OK);
        drop(scrape);
        let last = ask_by(&other).await;
        assert!(shared.is_closing() && last.status() == StatusCode::OK);
        assert_eq!(readers.all().len(), 3, "those of the other one");
        drop((still, more, another, last));
    }

    #[tokio::test]
    async fn a_long_answer_arrives_as_it_was_in_parts() {
        for length in [0, 1, PART, PART + 1, 10 * PART + 7] {
            let text: String = ('a'..='z').cycle().take(length).collect();
            let response = counted(text.clone().into_response()).await;
            let hint = response.body().size_hint().exact();
            assert_eq!(hint, Some(length as u64));
            let mut body = response.into_body();
            let mut got = Vec::new();
            while let Some(frame) = body.frame().await {
                let data = frame.unwrap().into_data().unwrap();
                assert!(data.len() <= PART);
                got.extend(data);
                let left = body.size_hint().exact();
                assert_eq!(left, Some((length - got.len()) as u64));
            }
            assert!(got == text.as_bytes(), "{length}");
        }
        for (parts, is_whole) in [(0, true), (1, false), (5, false)] {
            let response = counted(made_while_it_is_read(parts)).await;
            assert_eq!(response.body().size_hint().exact().is_some(), is_whole);
            let got = response.into_body().collect().await.unwrap().to_bytes();
            assert!(got.len() == parts * PART && got.iter().all(|it| *it == b'x'), "{parts}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_breaks_at_once_breaks_off() {
        let broken = stream::iter([Err::<Bytes, _>(std::io::Error::other("as it should"))]);
        let response = counted(Body::from_stream(broken).into_response()).await;
        assert!(response.into_body().collect().await.is_err());
    }
}
