//! The frame of a page for a browser: the head is the same for each. No I/O, no clock.

use maud::{DOCTYPE, Markup, html};

/// A whole page with this title and body, in the exporters' style; one that is to be loaded again after so many seconds
/// says so.
pub fn document(title: &Markup, again: Option<u32>, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                @if let Some(seconds) = again { meta http-equiv="refresh" content=(seconds); }
                title { (title) }
                link rel="stylesheet" href="/-/style.css";
            }
            body { (body) }
        }
    }
}
