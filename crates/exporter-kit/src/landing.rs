//! The page at `/`: what this is, where its pages are, what is being polled and how it fares.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header;
use axum::response::IntoResponse;
use maud::{DOCTYPE, Markup, html};

use crate::health::{Health, State};
use crate::{Exporter, process};

const STYLE: &str = include_str!("landing.css");

/// The style of every page, apart from them: none of them may hold a style of its own.
pub(crate) async fn style() -> impl IntoResponse {
    let kind = (header::CONTENT_TYPE, "text/css; charset=utf-8");
    ([kind, (header::CACHE_CONTROL, "max-age=3600")], STYLE)
}

pub(crate) fn page<E: Exporter>(telemetry_path: &str, targets: &[Arc<Health>]) -> Markup {
    let down = targets.iter().filter(|target| matches!(target.state(), State::Down(_))).count();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="refresh" content="15";
                title { (E::NAME) }
                link rel="stylesheet" href="/-/style.css";
            }
            body {
                header {
                    h1 { (E::NAME) }
                    p { (E::ABOUT) " Version " (process::VERSION) ", revision " (process::REVISION) "." }
                }
                nav {
                    (link(telemetry_path, "metrics"))
                    @for (path, what) in E::LINKS { (link(path, what)) }
                    (link("/-/healthy", "health of the process"))
                    (link("/-/ready", "whether every target had its first round"))
                }
                main {
                    h2 { "Targets" }
                    p { (targets.len()) " in all, " (down) " down." }
                    (table(targets))
                }
            }
        }
    }
}

fn link(path: &str, what: &str) -> Markup {
    html! { a href=(path) { code { (path) } } " " span { (what) } br; }
}

fn table(targets: &[Arc<Health>]) -> Markup {
    html! {
        table {
            thead { tr { th { "target" } th { "what" } th { "state" } th { "for" } } }
            tbody {
                @for target in targets {
                    @let (class, state) = match target.state() {
                        State::Pending => ("pending", "pending".to_owned()),
                        State::Up => ("up", "up".to_owned()),
                        State::Down(reason) => ("down", format!("down: {reason}")),
                    };
                    tr {
                        td { (target.name()) }
                        td { (target.detail()) }
                        td class=(class) { (state) }
                        td { (duration(target.since().elapsed().unwrap_or_default())) }
                    }
                }
            }
        }
    }
}

/// The two largest units, as in `3d 4h`.
fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, s) => format!("{s}s"),
        (0, 0, m, s) => format!("{m}m {s}s"),
        (0, h, m, _) => format!("{h}h {m}m"),
        (d, h, _, _) => format!("{d}d {h}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_shows_its_two_largest_units() {
        let shown = [5, 65, 3700, 90_000].map(|s| duration(Duration::from_secs(s)));
        assert_eq!(shown, ["5s", "1m 5s", "1h 1m", "1d 1h"]);
    }

    #[test]
    fn names_are_escaped() {
        let targets = [Arc::new(Health::new("<b>", "\"quoted\""))];
        let table = table(&targets).into_string();
        assert!(table.contains("&lt;b&gt;") && !table.contains("<b>"), "{table}");
    }
}
