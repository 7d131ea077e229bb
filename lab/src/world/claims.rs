//! The status pages of the services' providers, in Statuspage's format, and what each of them says.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::ensure;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::ports;

/// The pages.
pub const PAGES: [Page; 5] = [
    Page { name: "messenger", target: "messenger-api", components: &[("API", None)] },
    Page { name: "mail", target: "mail", components: &[("Mail", None)] },
    Page {
        name: "chat",
        target: "chat",
        components: &[("Europe", Some("EMEA")), ("America", Some("AMER")), ("Asia", Some("APAC"))],
    },
    Page { name: "wiki", target: "wiki", components: &[("Wiki", None)] },
    Page { name: "video", target: "video", components: &[("Video", None)] },
];

/// A page of one provider.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Its name.
    pub name: &'static str,
    /// The endpoint that it is about.
    pub target: &'static str,
    /// Its components, each with its region where it is one's alone.
    pub components: &'static [(&'static str, Option<&'static str>)],
}

/// What a page says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Says {
    /// That all is well.
    #[default]
    Operational,
    /// That its first component has a major outage, and the others none.
    FirstIsOut,
    /// Nothing any more: it is elsewhere.
    Moved,
}

/// The running pages, which say that all is well until they are told otherwise.
#[derive(Debug)]
pub struct StatusPages {
    address: SocketAddr,
    said: Arc<Said>,
    server: JoinHandle<()>,
}

type Said = Mutex<BTreeMap<&'static str, Says>>;

impl StatusPages {
    pub(super) fn start() -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::from_std(ports::listener(None)?)?;
        let address = listener.local_addr()?;
        let said: Arc<Said> =
            Arc::new(Mutex::new(PAGES.map(|page| (page.name, Says::default())).into()));
        let app = Router::new()
            .route("/{page}/api/v2/summary.json", get(answer))
            .with_state(Arc::clone(&said));
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { address, said, server })
    }

    /// Where a page is.
    pub fn url(&self, page: &str) -> String {
        format!("http://{}/{page}/api/v2/summary.json", self.address)
    }

    /// From now on, a page says that.
    pub fn say(&self, page: &'static str, what: Says) -> anyhow::Result<()> {
        let mut said = lock(&self.said);
        ensure!(said.contains_key(page), "{page} has no status page");
        said.insert(page, what);
        Ok(())
    }
}

impl Drop for StatusPages {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock(said: &Said) -> MutexGuard<'_, BTreeMap<&'static str, Says>> {
    // A state is one word, so it is whole even after a panic elsewhere.
    said.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A page, with an `ETag`, by which who has it already is spared it.
async fn answer(
    State(said): State<Arc<Said>>,
    Path(page): Path<String>,
    asked: HeaderMap,
) -> Response {
    let what = lock(&said).get(page.as_str()).copied();
    let (Some(page), Some(what)) = (PAGES.iter().find(|it| it.name == page), what) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if what == Says::Moved {
        let elsewhere = [(header::LOCATION, "https://status.example/")];
        return (StatusCode::MOVED_PERMANENTLY, elsewhere).into_response();
    }
    let tag = format!("\"{what:?}\"");
    if asked.get(header::IF_NONE_MATCH).is_some_and(|had| had.as_bytes() == tag.as_bytes()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    ([(header::ETAG, tag)], Json(summary(page, what))).into_response()
}

fn summary(page: &Page, what: Says) -> Value {
    let is_out = |at: usize| what == Says::FirstIsOut && at == 0;
    let component = |(at, (name, _)): (usize, &(&str, Option<&str>))| {
        let status = if is_out(at) { "major_outage" } else { "operational" };
        json!({ "id": name.to_lowercase(), "name": name, "status": status })
    };
    let components: Vec<Value> = page.components.iter().enumerate().map(component).collect();
    let (indicator, description) = match what {
        Says::FirstIsOut => ("major", "Partial System Outage"),
        _ => ("none", "All Systems Operational"),
    };
    json!({
        "page": { "id": page.name, "name": page.name, "updated_at": "2018-04-29T05:00:00Z" },
        "status": { "indicator": indicator, "description": description },
        "components": components,
        "incidents": [],
        "scheduled_maintenances": [],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_names_its_first_component_alone() {
        let states = |what| -> Vec<String> {
            let summary = summary(&PAGES[2], what);
            let states = summary["components"].as_array().unwrap().iter();
            states.map(|it| it["status"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(states(Says::Operational), ["operational"; 3]);
        assert_eq!(states(Says::FirstIsOut), ["major_outage", "operational", "operational"]);
    }

    #[tokio::test]
    async fn a_page_says_what_it_was_told_to_and_spares_who_has_it() {
        let pages = StatusPages::start().unwrap();
        assert!(pages.say("nobody", Says::Moved).is_err());
        let ask = async |tag: Option<&str>| {
            let tag = tag.map(|tag| (header::IF_NONE_MATCH, tag.parse().unwrap()));
            let page = Path("wiki".to_owned());
            let answer =
                answer(State(Arc::clone(&pages.said)), page, tag.into_iter().collect()).await;
            let tag = answer.headers().get(header::ETAG).map(|it| it.to_str().unwrap().to_owned());
            (answer.status().as_u16(), tag)
        };
        let (status, tag) = ask(None).await;
        assert_eq!((status, ask(tag.as_deref()).await.0), (200, 304));
        pages.say("wiki", Says::FirstIsOut).unwrap();
        assert_eq!(ask(tag.as_deref()).await.0, 200);
        pages.say("wiki", Says::Moved).unwrap();
        assert_eq!(ask(None).await.0, 301);
    }
}
