//! Who reads a long answer: so many at once, and not more of what is whole in memory than that has room for.
//!
//! A page of metrics has places of its own; all others, an exporter's as well, are seen to here: what is made of
//! targets is long where there are many, and stays in memory for as long as its reader takes.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use tokio::time::Instant;

use super::client::Client;
use super::connection::Connection;

/// What is no longer than this is not counted, and what is longer is handed on in such parts.
const PART: usize = 64 * 1024;

/// Long answers that are read at once, and how many of them may be one client's.
const MOST: usize = 64;
const MOST_OF_A_CLIENT: usize = 32;

/// Bytes of those that are whole in memory; one that is longer by itself is read alone.
const MOST_BYTES: u64 = 16 << 20;

static READERS: Readers = Readers::new();

/// In the extensions of a response: its readers are counted elsewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed;

/// The same answer; where it is long, its reader is one of a limited number from now on.
pub(super) fn counted(response: Response) -> Response {
    let whole = response.body().size_hint().exact();
    let is_short = whole.is_some_and(|bytes| bytes <= PART as u64);
    if is_short || response.extensions().get::<Placed>().is_some() {
        return response;
    }
    let connection = Connection::present();
    let client = connection.as_ref().map(|connection| connection.client());
    let seat = READERS.take(client, connection, whole.unwrap_or_default());
    response.map(|body| Body::new(Read { body, rest: Bytes::new(), seat }))
}

/// All readers of long answers, in the order in which they came.
#[derive(Debug)]
struct Readers(Mutex<Vec<Reader>>);

#[derive(Debug)]
struct Reader {
    number: u64,
    client: Option<Client>,
    connection: Option<Arc<Connection>>,
    /// How much of the answer is whole in memory.
    bytes: u64,
    /// When it last took a part.
    moved: Instant,
}

/// One reader, counted until this is dropped.
#[derive(Debug)]
struct Seat(&'static Readers, u64);

impl Readers {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn take(
        &'static self,
        client: Option<Client>,
        connection: Option<Arc<Connection>>,
        bytes: u64,
    ) -> Seat {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut all = self.all();
        all.push(Reader { number, client, connection, bytes, moved: Instant::now() });
        while let Some(place) = one_too_many(&all) {
            let reader = all.remove(place);
            if let Some(connection) = reader.connection {
                connection.close();
            }
        }
        Seat(self, number)
    }

    fn all(&self) -> MutexGuard<'_, Vec<Reader>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who has to make room: of the newest one's client if those are too many, else of the client with the most, the
/// reader that has taken nothing for the longest time.
fn one_too_many(all: &[Reader]) -> Option<usize> {
    let of = |client| all.iter().filter(|it| it.client == client).count();
    let bytes: u64 = all.iter().map(|it| it.bytes).sum();
    let too_many = all.len() > MOST || (bytes > MOST_BYTES && all.len() > 1);
    let newest = all.last()?.client;
    let client = if of(newest) > MOST_OF_A_CLIENT {
        newest
    } else {
        // Of several that have as many, the one that came first.
        let clients = all.iter().rev().map(|it| it.client);
        clients.max_by_key(|client| of(*client)).filter(|_| too_many)?
    };
    let theirs = all.iter().enumerate().filter(|(_, it)| it.client == client);
    theirs.min_by_key(|(_, it)| it.moved).map(|(place, _)| place)
}

impl Seat {
    fn moved(&self) {
        let mut all = self.0.all();
        if let Some(reader) = all.iter_mut().find(|it| it.number == self.1) {
            reader.moved = Instant::now();
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.all().retain(|it| it.number != self.1);
    }
}

/// A long body. What was whole goes out in copies of its parts: whoever has sent most of it would hold all of it else.
#[derive(Debug)]
struct Read {
    body: Body,
    /// What of a frame was not handed on yet.
    rest: Bytes,
    seat: Seat,
}

impl HttpBody for Read {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            let frame = match std::task::ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                ended => return Poll::Ready(ended),
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        self.seat.moved();
        let part = if self.rest.len() <= PART {
            let whole = std::mem::take(&mut self.rest);
            Bytes::copy_from_slice(&whole)
        } else {
            Bytes::copy_from_slice(&self.rest.split_to(PART))
        };
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
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

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use axum::response::IntoResponse as _;
    use http_body_util::BodyExt as _;

    use super::*;

    fn connection(last: u8) -> Arc<Connection> {
        Connection::new(IpAddr::from([192, 0, 2, last]).into(), Instant::now())
    }

    fn readers() -> &'static Readers {
        Box::leak(Box::new(Readers::new()))
    }

    /// So many readers of so many bytes from one client each.
    fn seats(readers: &'static Readers, of: &[u8], bytes: u64) -> Vec<(Arc<Connection>, Seat)> {
        let seat = |last: &u8| {
            let connection = connection(*last);
            let seat =
                readers.take(Some(connection.client()), Some(Arc::clone(&connection)), bytes);
            (connection, seat)
        };
        of.iter().map(seat).collect()
    }

    fn closed(seats: &[(Arc<Connection>, Seat)]) -> usize {
        seats.iter().filter(|(connection, _)| connection.is_closing()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn readers_of_whole_pages_hold_no_more_memory_than_there_is_room_for() {
        let readers = readers();
        let scraper = seats(readers, &[1], 1 << 20);
        let silent = seats(readers, &[2; 60], 1 << 20);
        assert_eq!((closed(&scraper), closed(&silent)), (0, 60 - 15));
        assert!(!silent[59].0.is_closing(), "who came last stays");
        let bytes: u64 = readers.all().iter().map(|it| it.bytes).sum();
        assert_eq!(bytes, MOST_BYTES);
        // One that has no room beside others is read all the same.
        let largest = seats(readers, &[3], 2 * MOST_BYTES);
        assert_eq!((closed(&largest), closed(&scraper)), (0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn readers_of_what_is_made_while_it_is_read_are_limited_in_number() {
        let readers = readers();
        let first = seats(readers, &[2; MOST_OF_A_CLIENT], 0);
        assert_eq!(closed(&first), 0);
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        // Who reads stays.
        first[1..].iter().for_each(|(_, seat)| seat.moved());
        let second = seats(readers, &[2], 0);
        assert!(first[0].0.is_closing() && closed(&first) == 1 && closed(&second) == 0);
        let others: Vec<u8> = (3..3 + u8::try_from(MOST).unwrap()).collect();
        let others = seats(readers, &others, 0);
        assert_eq!(readers.all().len(), MOST);
        assert!(!others.last().unwrap().0.is_closing());
        drop((first, second, others));
        assert!(readers.all().is_empty());
    }

    #[tokio::test]
    async fn a_long_answer_arrives_as_it_was_in_parts() {
        for length in [0, 1, PART, PART + 1, 10 * PART + 7] {
            let text: String = ('a'..='z').cycle().take(length).collect();
            let response = counted(text.clone().into_response());
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
    }
}
