//! The page at `/`: what this is, where its pages are, what is being polled and how it fares.

mod table;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use axum::http::header;
use axum::response::IntoResponse;
use maud::{Markup, html};
use serde::Deserialize;
use tokio::time::Instant;

use self::table::{Part, Row, Table};
use crate::changes::{self, Change};
use crate::document::document;
use crate::state::State;
use crate::words::{duration, in_a_query};
use crate::{Exporter, process};

const STYLE: &str = include_str!("landing.css");

/// How long the targets are shown as they were: however many look, they are gathered once a second.
const KEPT: Duration = Duration::from_secs(1);

/// The style of every page, apart from them: none of them may hold a style of its own.
pub(crate) async fn style() -> impl IntoResponse {
    let kind = (header::CONTENT_TYPE, "text/css; charset=utf-8");
    ([kind, (header::CACHE_CONTROL, "max-age=3600")], STYLE)
}

/// What of the targets is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    filter: String,
    page: usize,
}

/// The page, and the targets as they were a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Landing {
    gathered: Mutex<Option<(Instant, Arc<Table>)>>,
}

impl Landing {
    pub(crate) fn page<E: Exporter>(
        &self,
        exporter: &E,
        telemetry_path: &str,
        asked: &Asked,
    ) -> String {
        let table = self.table(exporter);
        page::<E>(telemetry_path, &table, asked, &changes::last(), SystemTime::now()).into_string()
    }

    fn table<E: Exporter>(&self, exporter: &E) -> Arc<Table> {
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        match &*gathered {
            Some((at, table)) if at.elapsed() < KEPT => Arc::clone(table),
            _ => {
                let table = Arc::new(Table::new(exporter.health()));
                *gathered = Some((Instant::now(), Arc::clone(&table)));
                table
            }
        }
    }
}

fn page<E: Exporter>(
    telemetry_path: &str,
    table: &Table,
    asked: &Asked,
    changes: &[Change],
    now: SystemTime,
) -> Markup {
    let part = table.part(&asked.filter, asked.page);
    let title = html! { @if table.down > 0 { "(" (table.down) ") " } (E::NAME) };
    let body = html! {
        header {
            h1 { (E::NAME) }
            p { (E::ABOUT) " Version " (process::VERSION) ", revision " (process::REVISION) "." }
        }
        nav {
            (link(telemetry_path, "metrics"))
            @for (path, what) in E::LINKS { (link(path, what)) }
            (link("/-/healthy", "health of the process"))
            (link("/-/ready", "whether every target had its first round"))
            (link("/-/discovery", "where targets are discovered, and what was left out"))
            (link("/sd", "the targets as a list for Prometheus, which can scrape them one by one"))
        }
        main {
            h2 { "Targets" }
            p.counts {
                (table.len()) " in all, "
                span.down[table.down > 0] { (table.down) " down" }
                @if table.pending > 0 { ", " (table.pending) " pending" }
                "."
            }
            (filter(asked))
            @if part.found != table.len() { p { (part.found) " of them hold “" (asked.filter) "”." } }
            (rows::<E>(&part, telemetry_path, now))
            (pages(&part, &asked.filter))
            (history::<E>(changes, table, telemetry_path, now))
        }
    };
    document(&title, Some(30), &body)
}

fn link(path: &str, what: &str) -> Markup {
    html! { p { a href=(path) { (path) } " " span { (what) } } }
}

fn filter(asked: &Asked) -> Markup {
    html! {
        form method="get" action="/" role="search" {
            label for="filter" { "Filter" }
            input #filter type="search" name="filter" value=(asked.filter) placeholder="name, down, reason";
            button { "Show" }
            @if !asked.filter.is_empty() { a href="/" { "all" } }
        }
    }
}

fn rows<E: Exporter>(part: &Part<'_>, telemetry_path: &str, now: SystemTime) -> Markup {
    html! {
        table {
            thead { tr { th { "target" } th { "what" } th { "state" } th { "since" } th { "last failure" } } }
            tbody { @for row in &part.rows { (tr::<E>(row, telemetry_path, now)) } }
        }
    }
}

fn tr<E: Exporter>(row: &Row, telemetry_path: &str, now: SystemTime) -> Markup {
    html! {
        tr {
            td.name { (who::<E>(row.target.name(), &row.group, telemetry_path, true)) }
            td.what { (row.target.detail()) }
            td { (state(row.standing.state)) }
            td.since { (ago(row.standing.since, now)) }
            td.failure {
                @if let Some((reason, at)) = row.standing.last_failure && row.standing.state == State::Up {
                    (reason) ", " (ago(at, now)) " ago"
                }
            }
        }
    }
}

/// The target's name, with a link where it is still there, and whose it is.
fn who<E: Exporter>(name: &str, group: &str, telemetry_path: &str, is_there: bool) -> Markup {
    html! {
        @match E::TARGET_PAGE {
            _ if !is_there => { (name) },
            Some(path) => a href=(target_page::<E>(path, name, group)) { (name) },
            None => a href={ (telemetry_path) "?target=" (in_a_query(name)) } { (name) },
        }
        @if !group.is_empty() { " " span.group { "(" (E::GROUP) " " (group) ")" } }
    }
}

fn target_page<E: Exporter>(path: &str, name: &str, group: &str) -> String {
    let mut page = format!("{path}{}", in_a_query(name));
    if !group.is_empty() {
        // A string takes whatever is written to it.
        let _ = write!(page, "&{}={}", E::GROUP, in_a_query(group));
    }
    page
}

fn state(state: State) -> Markup {
    match state {
        State::Pending => html! { span.pending { "pending" } },
        State::Up => html! { span.up { "up" } },
        State::Down(reason) => html! { span.down { "down: " (reason) } },
    }
}

fn pages(part: &Part<'_>, filter: &str) -> Markup {
    let to = |page: usize| format!("/?filter={}&page={page}", in_a_query(filter));
    html! {
        @if part.pages > 1 {
            p.pages {
                @if part.page > 1 { a href=(to(part.page - 1)) rel="prev" { "before" } " " }
                "Page " (part.page) " of " (part.pages)
                @if part.page < part.pages { " " a href=(to(part.page + 1)) rel="next" { "next" } }
            }
        }
    }
}

fn history<E: Exporter>(
    changes: &[Change],
    table: &Table,
    telemetry_path: &str,
    now: SystemTime,
) -> Markup {
    let there = table.there(changes.iter().map(|it| (&*it.name, &*it.group)));
    let who = |it: &Change| {
        who::<E>(&it.name, &it.group, telemetry_path, there.contains(&(&*it.name, &*it.group)))
    };
    html! {
        @if !changes.is_empty() {
            h2 { "Last changes" }
            ul.changes {
                @for change in changes {
                    li {
                        span.since { (ago(change.at, now)) " ago" } " "
                        span.name { (who(change)) } " "
                        @if !change.detail.is_empty() { span.what { (change.detail) } " " }
                        (state(change.state))
                    }
                }
            }
        }
    }
}

pub(crate) fn ago(at: SystemTime, now: SystemTime) -> String {
    duration(now.duration_since(at).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kit;
    use crate::discovery::{Found, Skipped};
    use crate::health::Health;

    /// These targets, and nothing that is measured.
    struct Nothing(Vec<Arc<Health>>);

    impl Exporter for Nothing {
        const NAME: &'static str = "nothing";
        const ABOUT: &'static str = "Measures nothing.";
        const PORT: u16 = 0;
        const TARGET_PAGE: Option<&'static str> = Some("/one?target=");
        const GROUP: &'static str = "site";
        type Config = ();

        fn start((): &(), _: &mut Kit) -> anyhow::Result<Self> {
            Ok(Self(Vec::new()))
        }

        fn keep_in_step(&self, (): &mut (), _: &[Found]) -> Vec<Skipped> {
            Vec::new()
        }

        fn health(&self) -> Vec<Arc<Health>> {
            self.0.clone()
        }
    }

    fn shown(filter: &str) -> String {
        let all = ["a&b", "<b>"].map(|name| Arc::new(Health::new(name, "\"quoted\"")));
        all[1].set_group("a&s");
        let asked = Asked { filter: filter.to_owned(), page: 0 };
        Landing::default().page(&Nothing(all.into()), "/metrics", &asked)
    }

    /// The page of so many targets, and the shortest of five times that it took to make it.
    fn page_of(targets: usize, filter: &str) -> (String, Duration) {
        let target = |number| Arc::new(Health::new(format!("t{number}"), "icmp 192.0.2.1"));
        let fleet = Nothing((0..targets).map(target).collect());
        let made = (0..5).map(|_| {
            let asked = Asked { filter: filter.to_owned(), page: 0 };
            let begun = Instant::now();
            let page = Landing::default().page(&fleet, "/metrics", &asked);
            (begun.elapsed(), page)
        });
        let (took, page) = made.min_by_key(|(took, _)| *took).unwrap();
        let milliseconds = took.as_secs_f64() * 1e3;
        eprintln!("{targets} targets, {filter:?}: {milliseconds:.1} ms, {} bytes", page.len());
        (page, took)
    }

    #[test]
    fn the_page_of_ten_thousand_targets_is_no_burden() {
        let (few, took_few) = page_of(100, "");
        let (many, took_many) = page_of(10_000, "");
        let (filtered, took_filtered) = page_of(10_000, "pending T9");
        let rows = |page: &str| page.matches("<td class=\"name\">").count();
        assert_eq!((rows(&few), rows(&many), rows(&filtered)), (100, table::ROWS, table::ROWS));
        assert!(filtered.contains("1111 of them hold"), "{filtered}");
        assert!(many.len() < 3 * few.len(), "{} and {} bytes", many.len(), few.len());
        // A page that made a row of every target would take a hundred times as long.
        assert!(took_many < 50 * took_few, "{took_many:?} and {took_few:?}");
        // What is promised of the program as it is shipped, on a machine that has nothing else to do:
        // `cargo test --release -p exporter-kit --lib`.
        let took = took_many.max(took_filtered);
        assert!(cfg!(debug_assertions) || took < Duration::from_millis(50), "{took:?}");
    }

    /// The relative luminance of a colour (WCAG 2.2), `#rrggbb`.
    fn luminance(colour: &str) -> f64 {
        let part = |at: usize| {
            let part = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    #[test]
    fn every_text_stands_out_from_its_ground_by_day_and_by_night() {
        let schemes: Vec<_> = STYLE.split(":root {").skip(1).collect();
        assert_eq!(schemes.len(), 2);
        for scheme in schemes {
            let scheme = scheme.split('}').next().unwrap();
            let colour = |name: &str| {
                let value = scheme.split(&format!("--{name}: ")).nth(1).unwrap();
                luminance(value.split(';').next().unwrap())
            };
            for (text, ground) in [
                ("text", "ground"),
                ("quiet", "ground"),
                ("link", "ground"),
                ("up", "ground"),
                ("down", "ground"),
                ("down", "down-ground"),
            ] {
                let (text_is, ground_is) = (colour(text), colour(ground));
                let contrast = (text_is.max(ground_is) + 0.05) / (text_is.min(ground_is) + 0.05);
                // WCAG 2.2, 1.4.3, level AA.
                assert!(contrast >= 4.5, "{text} on {ground}: {contrast:.2}");
            }
        }
    }

    #[test]
    fn a_duration_shows_its_two_largest_units() {
        let shown = [5, 65, 3700, 90_000].map(|s| duration(Duration::from_secs(s)));
        assert_eq!(shown, ["5s", "1m 5s", "1h 1m", "1d 1h"]);
    }

    #[test]
    fn names_and_filters_are_escaped() {
        let page = shown("");
        assert!(page.contains("&lt;b&gt;") && !page.contains("<b>"), "{page}");
        assert!(page.contains("href=\"/one?target=a%26b\""), "{page}");
        assert!(page.contains("href=\"/one?target=%3Cb%3E&amp;site=a%26s\""), "{page}");
        assert!(page.contains("(site a&amp;s)"), "{page}");
        let page = shown("\"><script>");
        assert!(!page.contains("<script>") && page.contains("0 of them hold"), "{page}");
    }

    #[test]
    fn a_change_says_which_of_two_targets_of_one_name_it_is() {
        let change = |group: &str, detail: &str| Change {
            name: "a<b>".to_owned(),
            group: group.to_owned(),
            detail: detail.to_owned(),
            state: State::Down("timeout"),
            at: SystemTime::now(),
        };
        let changes = [change("x&y", "icmp \"a\""), change("", ""), change("gone", "")];
        let targets = ["x&y", "", "other"].map(|group| {
            let target = Arc::new(Health::new("a<b>", ""));
            target.set_group(group);
            target
        });
        let table = Table::new(targets.into());
        let page = history::<Nothing>(&changes, &table, "/metrics", SystemTime::now());
        let page = page.into_string();
        let parts: Vec<_> = page.split("</li>").collect();
        let [first, second, gone] = [parts[0], parts[1], parts[2]];
        for part in [
            "href=\"/one?target=a%3Cb%3E&amp;site=x%26y\"",
            ">a&lt;b&gt;</a>",
            "(site x&amp;y)",
            "icmp &quot;a&quot;",
            "down: timeout",
        ] {
            assert!(first.contains(part), "{part}: {page}");
        }
        assert!(second.contains("href=\"/one?target=a%3Cb%3E\"") && !second.contains("site"));
        // What is not there any more has no page.
        assert!(gone.contains("a&lt;b&gt; ") && !gone.contains("href"), "{gone}");
        assert!(gone.contains("(site gone)"), "{gone}");
        assert!(!page.contains("<b>"), "{page}");
    }

    #[test]
    fn a_page_asks_for_nothing_that_its_policy_forbids() {
        let page = shown("");
        for forbidden in ["<script", "<style", "style=", "onclick", "http://", "https://"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
    }
}
