//! The pages that Prometheus scrapes, less what no rule reads.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::routing::get;
use serde::Deserialize;

use crate::ports;

/// Stands in a page where the present time shall be, in seconds since 1970.
pub(super) const NOW: &str = "@now@";

/// The metrics that rules read.
pub(super) struct Read<'a>(BTreeSet<&'a str>);

impl<'a> Read<'a> {
    /// Those in the text of the rules, with all its other words.
    pub(super) fn of(words: &'a str) -> Self {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        Self(words.split(|c| !is_part(c)).collect())
    }

    /// Whether a line of a page is of one of them.
    pub(super) fn has(&self, line: &str) -> bool {
        line.split(['{', ' ']).next().is_some_and(|metric| self.0.contains(metric))
    }
}

/// Every page, and the labels that its target has in Prometheus' config.
pub(super) struct Pages {
    pages: Vec<String>,
    labels: Vec<String>,
}

#[derive(Deserialize)]
struct Asked {
    shard: usize,
}

impl Pages {
    /// Pages, and for each the labels of its target.
    pub(super) fn new(pages: Vec<String>, labels: Vec<String>) -> Self {
        Self { pages, labels }
    }

    /// How many series there are.
    pub(super) fn series(&self) -> usize {
        self.pages.iter().map(|page| page.lines().count()).sum()
    }

    /// Each page, as it is served but for the time.
    #[cfg(test)]
    pub(super) fn each(&self) -> impl Iterator<Item = &String> {
        self.pages.iter()
    }

    /// The labels of each target, as YAML has them between braces.
    pub(super) fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Serves each page as `/metrics?shard=NUMBER`.
    pub(super) fn serve(self) -> anyhow::Result<SocketAddr> {
        let listener = ports::listener(None)?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let pages: Arc<[String]> = self.pages.into();
        let page = move |Query(Asked { shard }): Query<Asked>| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let page = pages.get(shard).map(|page| page.replace(NOW, &now.as_secs().to_string()));
            std::future::ready(page.ok_or(StatusCode::NOT_FOUND))
        };
        let app = Router::new().route("/metrics", get(page));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_rule_reads_is_left_out() {
        let read = Read::of("expr: max by (target) (ipmi_up{job=\"a\"}) < 1");
        assert!(read.has("ipmi_up{target=\"a\"} 1"));
        assert!(!read.has("ipmi_up_total 1") && !read.has("# TYPE ipmi_up gauge"));
    }
}
