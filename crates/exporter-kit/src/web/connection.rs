//! One connection, as its task, its pages and the watch over all connections see it.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::Instant;

use super::activity::Activity;
use crate::client::Client;

tokio::task_local! {
    /// The connection whose request is being answered.
    static PRESENT: Arc<Connection>;
}

/// A connection, shared by all that have to do with it.
#[derive(Debug)]
pub(crate) struct Connection {
    client: Client,
    /// When the server began.
    epoch: Instant,
    activity: Mutex<Activity>,
    /// Pages of metrics that it brings at present.
    scrapes: AtomicUsize,
    closing: watch::Sender<bool>,
}

impl Connection {
    pub(super) fn new(client: Client, epoch: Instant) -> Arc<Self> {
        let activity = Mutex::new(Activity::opened(epoch.elapsed()));
        let (scrapes, closing) = (AtomicUsize::new(0), watch::Sender::new(false));
        Arc::new(Self { client, epoch, activity, scrapes, closing })
    }

    /// The connection whose request the calling task answers; none in a test without a server.
    pub(crate) fn present() -> Option<Arc<Self>> {
        PRESENT.try_with(Arc::clone).ok()
    }

    pub(crate) fn client(&self) -> Client {
        self.client
    }

    /// Whether it brings a page of metrics.
    pub(super) fn is_scraped(&self) -> bool {
        self.scrapes.load(Ordering::Relaxed) > 0
    }

    /// Closes the connection, whatever it does.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// The time since the server began.
    pub(super) fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    pub(super) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Waits until the connection is to be closed.
    pub(super) async fn closed(&self) {
        // The sender lives as long as `self`: there is no error.
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }

    pub(super) fn activity(&self) -> MutexGuard<'_, Activity> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request, as a part of this connection's history.
    pub(super) async fn answer(
        self: Arc<Self>,
        answer: impl Future<Output = axum::response::Response>,
    ) -> axum::response::Response {
        let now = self.now();
        self.activity().begin(now);
        let request = Request(Arc::clone(&self));
        let response = PRESENT.scope(Arc::clone(&self), answer).await;
        let placed = response.extensions().get::<Placed>().map(|_| Placed::begins(&self));
        response.map(|body| Body::new(Answer { body, _request: request, _scrape: placed }))
    }
}

/// In the extensions of a response: it is a page of metrics, whose readers have places of their own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed;

impl Placed {
    pub(super) fn begins(connection: &Arc<Connection>) -> Scrape {
        connection.scrapes.fetch_add(1, Ordering::Relaxed);
        Scrape(Arc::clone(connection))
    }
}

/// A page of metrics that is under way; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Scrape(Arc<Connection>);

impl Drop for Scrape {
    fn drop(&mut self) {
        self.0.scrapes.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request in flight; it ends when this is dropped.
#[derive(Debug)]
struct Request(Arc<Connection>);

impl Drop for Request {
    fn drop(&mut self) {
        let now = self.0.now();
        self.0.activity().end(now);
    }
}

/// A body whose end is the end of its request.
#[derive(Debug)]
struct Answer {
    body: Body,
    _request: Request,
    _scrape: Option<Scrape>,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
