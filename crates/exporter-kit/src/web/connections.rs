//! All open connections: how many there may be, whose turn it is to go, and who waits too long.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::debug;

use super::connection::Connection;
use crate::client::Client;
use crate::open_files::Budget;

/// How often overdue connections are looked for.
const WATCH: Duration = Duration::from_secs(1);

/// All open connections.
#[derive(Debug)]
pub(super) struct Connections {
    /// Says how many there may be.
    budget: &'static Budget,
    /// When the server began.
    epoch: Instant,
    open: Mutex<HashMap<u64, Arc<Connection>>>,
    /// The number of the next connection.
    next: AtomicU64,
    /// Told whenever a connection has ended.
    ended: Notify,
}

/// A connection among the others; it leaves them when this is dropped, after its socket.
#[derive(Debug)]
pub(super) struct Member {
    connections: Arc<Connections>,
    number: u64,
}

impl Connections {
    pub(super) fn new(budget: &'static Budget) -> Arc<Self> {
        Arc::new(Self {
            budget,
            epoch: Instant::now(),
            open: Mutex::default(),
            next: AtomicU64::new(0),
            ended: Notify::new(),
        })
    }

    /// Takes in a connection. When there are as many as there may be, or three
    /// quarters of them are this client's, one gives way: the share of one client is never all.
    /// None when every other one is at work.
    pub(super) async fn admit(
        self: &Arc<Self>,
        client: Client,
    ) -> Option<(Member, Arc<Connection>)> {
        loop {
            let limit = self.budget.left().connections;
            let ended = self.ended.notified();
            {
                let mut open = self.open();
                let now = self.epoch.elapsed();
                let its = open.values().filter(|other| other.client() == client).count();
                let crowded = its >= share(limit);
                if !crowded && open.len() < limit {
                    let connection = Connection::new(client, self.epoch);
                    let number = self.next.fetch_add(1, Ordering::Relaxed);
                    open.insert(number, Arc::clone(&connection));
                    self.budget.holds(open.len());
                    let member = Member { connections: Arc::clone(self), number };
                    return Some((member, connection));
                }
                let candidates = open.values().filter(|it| !crowded || it.client() == client);
                if !candidates.clone().any(|it| it.is_closing()) {
                    let first = candidates
                        .filter_map(|it| it.activity().gives_way(now).map(|rank| (rank, it)))
                        .min_by_key(|(rank, _)| *rank);
                    debug!(closed = first.is_some(), "no room for another connection");
                    first?.1.close();
                }
            }
            ended.await;
        }
    }

    /// Closes the connection that gives way most readily, if any does.
    pub(super) fn shed(&self) {
        self.close(&self.open(), 1);
    }

    /// Closes as many as there are too many since measuring needs more.
    fn keep_to_limit(&self) {
        let open = self.open();
        let stay = open.values().filter(|it| !it.is_closing()).count();
        let limit = self.budget.left().connections;
        self.close(&open, stay.saturating_sub(limit));
    }

    /// Closes so many of those that give way, most readily the first.
    fn close(&self, open: &HashMap<u64, Arc<Connection>>, count: usize) {
        if count == 0 {
            return;
        }
        let now = self.epoch.elapsed();
        let candidates = open.values().filter(|it| !it.is_closing());
        let ranked =
            candidates.filter_map(|it| it.activity().gives_way(now).map(|rank| (rank, it)));
        let mut ranked: Vec<_> = ranked.collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        for (_, first) in ranked.into_iter().take(count) {
            first.close();
        }
    }

    /// Closes connections that wait for too long, and those that are too many, for ever.
    pub(super) async fn watch(self: Arc<Self>) {
        let mut every = tokio::time::interval(WATCH);
        loop {
            tokio::select! {
                _ = every.tick() => {}
                () = self.budget.less() => {}
            }
            self.keep_to_limit();
            let now = self.epoch.elapsed();
            for connection in self.open().values().filter(|it| !it.is_closing()) {
                let overdue = connection.activity().overdue(now);
                if let Some(reason) = overdue {
                    debug!(reason, "connection closed");
                    connection.close();
                }
            }
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, Arc<Connection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        open.remove(&self.number);
        self.connections.budget.holds(open.len());
        drop(open);
        self.connections.ended.notify_waiters();
    }
}

/// How many of so many connections may be one client's.
fn share(limit: usize) -> usize {
    (limit - limit / 4).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn client(last: u8) -> Client {
        IpAddr::from([192, 0, 2, last]).into()
    }

    fn budget(connections: usize) -> &'static Budget {
        let budget = Box::leak(Box::new(Budget::unlimited()));
        budget.limit_to(connections);
        budget
    }

    /// Admits as the server does: a connection that is to close ends at once.
    async fn admit(all: &Arc<Connections>, from: Client) -> Option<Arc<Connection>> {
        let (member, connection) = all.admit(from).await?;
        let task = Arc::clone(&connection);
        tokio::spawn(async move {
            task.closed().await;
            drop(member);
        });
        Some(connection)
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_gives_way_to_itself_and_leaves_a_share_to_others() {
        let all = Connections::new(budget(8));
        let scraper = admit(&all, client(1)).await.unwrap();
        let now = scraper.now();
        scraper.activity().begin(now);
        scraper.activity().end(now);
        let mut crowd = Vec::new();
        for _ in 1..100 {
            tokio::time::advance(Duration::from_millis(1)).await;
            crowd.push(admit(&all, client(2)).await.unwrap());
        }
        let open = crowd.iter().filter(|it| !it.is_closing()).count();
        assert_eq!(open, 6);
        assert!(crowd[..93].iter().all(|it| it.is_closing()));
        assert!(!scraper.is_closing());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_gives_way_who_is_being_answered() {
        let all = Connections::new(budget(4));
        for _ in 0..3 {
            let busy = admit(&all, client(1)).await.unwrap();
            let now = busy.now();
            busy.activity().begin(now);
        }
        assert!(admit(&all, client(1)).await.is_none());
        assert!(admit(&all, client(2)).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_nothing_is_closed_in_time() {
        let all = Connections::new(budget(4));
        let silent = admit(&all, client(1)).await.unwrap();
        tokio::spawn(Arc::clone(&all).watch());
        silent.closed().await;
    }

    #[tokio::test(start_paused = true)]
    async fn connections_go_when_measuring_needs_more() {
        let budget = budget(40);
        let all = Connections::new(budget);
        tokio::spawn(Arc::clone(&all).watch());
        let busy = admit(&all, client(1)).await.unwrap();
        let now = busy.now();
        busy.activity().begin(now);
        for number in 2..40 {
            admit(&all, client(number)).await.unwrap();
        }
        let room = tokio::task::spawn_blocking(|| budget.make_room(30)).await.unwrap();
        while all.open().len() > 10 {
            tokio::task::yield_now().await;
        }
        assert!(!busy.is_closing());
        drop(room);
        assert!(admit(&all, client(50)).await.is_some());
        assert_eq!(all.open().len(), 11);
    }
}
