//! The notification sink: receives Alertmanager's webhooks, keeps them and shows them.
//!
//! `POST /page`, `/ticket` and `/watchdog` are the receivers of the shipped `alertmanager.yml`; `GET /`
//! is a page, `/api/notifications` the same as JSON, `/runbooks/<AlertName>` the runbooks.

pub mod notification;
mod page;
mod runbooks;

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use anyhow::Context as _;
use axum::body::Bytes;
use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use self::notification::{Channel, Notification};
use self::runbooks::Runbooks;

/// How many notifications are kept; a demo that runs for a day makes a few hundred.
const KEPT: usize = 1_000;

/// What a sink does beside keeping notifications in memory.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The directory with the runbooks, as in `alerts/runbooks`.
    pub runbooks: PathBuf,
    /// A file to which each notification is added as one line of JSON.
    pub journal: Option<PathBuf>,
    /// Whether each notification is printed to stdout as it arrives (watchdogs never are).
    pub print: bool,
}

/// A running sink. It ends when it is dropped.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    store: Arc<Store>,
    server: JoinHandle<()>,
}

/// A moment in the order of arrivals; see [`Sink::since`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u64);

impl Sink {
    /// Serves on `listener`, with the runbooks of a directory. Needs a tokio runtime.
    pub fn start(listener: TcpListener, runbooks: &Path) -> anyhow::Result<Self> {
        Self::start_with(listener, Options { runbooks: runbooks.to_owned(), ..Options::default() })
    }

    /// Serves on `listener`; fails when the journal cannot be opened.
    pub fn start_with(listener: TcpListener, options: Options) -> anyhow::Result<Self> {
        let journal = options.journal.map(|path| {
            let file = File::options().create(true).append(true).open(&path);
            file.with_context(|| format!("open the journal {}", path.display()))
        });
        let store = Arc::new(Store {
            kept: Mutex::new(Kept {
                last: 0,
                ring: VecDeque::new(),
                journal: journal.transpose()?,
            }),
            arrivals: broadcast::channel(KEPT).0,
            runbooks: Runbooks::new(&options.runbooks),
            print: options.print,
        });
        let address = listener.local_addr().context("address of the sink")?;
        listener.set_nonblocking(true).context("listener of the sink")?;
        let listener =
            tokio::net::TcpListener::from_std(listener).context("listener of the sink")?;
        let routes = routes(Arc::clone(&store));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::error!(%error, "the sink ended");
            }
        });
        Ok(Self { address, store, server })
    }

    /// The address that it serves on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Now, for a later [`Sink::since`].
    pub fn mark(&self) -> Mark {
        Mark(self.store.lock().last)
    }

    /// What arrived after `mark`, oldest first.
    pub fn since(&self, mark: Mark) -> Vec<Notification> {
        let kept = self.store.lock();
        kept.ring.iter().filter(|one| one.id > mark.0).map(|one| (**one).clone()).collect()
    }

    /// What arrives from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Notification>> {
        self.store.arrivals.subscribe()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[derive(Debug)]
struct Store {
    kept: Mutex<Kept>,
    arrivals: broadcast::Sender<Arc<Notification>>,
    runbooks: Runbooks,
    print: bool,
}

#[derive(Debug)]
struct Kept {
    /// The id of the newest notification; 0 before the first.
    last: u64,
    /// Oldest first.
    ring: VecDeque<Arc<Notification>>,
    journal: Option<File>,
}

impl Store {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().expect("nothing panics while it holds the notifications")
    }

    fn newest_first(&self) -> Vec<Arc<Notification>> {
        self.lock().ring.iter().rev().cloned().collect()
    }

    /// Keeps one notification and tells everybody.
    fn accept(&self, channel: Channel, body: &[u8]) -> Result<(), String> {
        let mut kept = self.lock();
        let notification = Notification::parse(kept.last + 1, SystemTime::now(), channel, body)?;
        let notification = Arc::new(notification);
        kept.last = notification.id;
        if kept.ring.len() == KEPT {
            kept.ring.pop_front();
        }
        kept.ring.push_back(Arc::clone(&notification));
        if let Some(journal) = &mut kept.journal {
            let line = serde_json::to_string(&*notification).map_err(|error| error.to_string())?;
            writeln!(journal, "{line}").map_err(|error| format!("write the journal: {error}"))?;
        }
        drop(kept);
        if self.print && channel != Channel::Watchdog {
            // A closed stdout is no reason to lose a notification.
            let _ = writeln!(std::io::stdout().lock(), "{}", notification.text());
        }
        // Nobody listening is no error.
        let _ = self.arrivals.send(notification);
        Ok(())
    }
}

fn routes(store: Arc<Store>) -> Router {
    let receive = |channel| {
        post(move |State(store): State<Arc<Store>>, body: Bytes| async move {
            match store.accept(channel, &body) {
                Ok(()) => StatusCode::OK.into_response(),
                Err(reason) => {
                    tracing::warn!(channel = channel.as_str(), reason, "refused a notification");
                    (StatusCode::BAD_REQUEST, reason + "\n").into_response()
                }
            }
        })
    };
    Router::new()
        .route("/page", receive(Channel::Page))
        .route("/ticket", receive(Channel::Ticket))
        .route("/watchdog", receive(Channel::Watchdog))
        .route("/", get(home))
        .route("/api/notifications", get(json))
        .route("/runbooks/{name}", get(runbook))
        .with_state(store)
}

async fn home(State(store): State<Arc<Store>>) -> Html<String> {
    let names = store.runbooks.names();
    Html(page::notifications(&store.newest_first(), &names).into_string())
}

async fn json(State(store): State<Arc<Store>>) -> Json<Vec<Notification>> {
    Json(store.newest_first().iter().map(|one| (**one).clone()).collect())
}

async fn runbook(State(store): State<Arc<Store>>, UrlPath(name): UrlPath<String>) -> Response {
    let name = name.strip_suffix(".md").unwrap_or(&name);
    let Some(markdown) = store.runbooks.markdown(name).await else {
        let known = store.runbooks.names().join("\n");
        return (StatusCode::NOT_FOUND, format!("No such runbook. There are:\n{known}\n"))
            .into_response();
    };
    Html(page::runbook(name, &runbooks::rendered(&markdown)).into_string()).into_response()
}
