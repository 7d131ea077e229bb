//! The page at `/` as a browser shows it, on a phone and on a screen.

use std::fmt::Write as _;

use peers::{Browser, WIDTHS};
use serde_json::json;

use crate::start;

/// Names that a page must not take for its own words, and one that fits no line.
const HOSTILE: [&str; 4] = [
    "<script>window.hit = 1</script>",
    "<img src=/nowhere onerror=\"window.hit = 2\">",
    "\" onmouseover=\"window.hit = 3",
    "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW",
];

#[test]
fn ten_thousand_targets_fit_a_phone_and_a_hostile_name_is_a_name() {
    let mut config = "clocks:\n".to_owned();
    for name in HOSTILE {
        let name = serde_json::to_string(name).unwrap();
        writeln!(config, "  {name}: {{period: 100ms, mood: bad}}").unwrap();
    }
    for number in 0..10_000 {
        writeln!(config, "  clock-{number}.example: {{period: 60s}}").unwrap();
    }
    let program = start(&config, 65_536, &[]);
    let url = |path: &str| format!("http://{}{path}", program.address());
    program.wait("the failures are shown", || {
        let page = program.page("/");
        page.contains("10004 in all") && page.contains("4 down")
    });
    let browser = Browser::start();
    let in_a_query = "/?filter=%22%3E%3Cscript%3Ewindow.hit=4%3C/script%3E";
    for path in ["/", "/?page=3", "/?filter=bad_mood", in_a_query, "/nowhere"] {
        browser.looks_well(&url(path));
    }
    for width in WIDTHS {
        browser.open(&url("/?filter=bad_mood"), width);
        let shown =
            browser.value("[...document.querySelectorAll('td.name')].map(it => it.innerText)");
        let shown = shown.as_array().unwrap();
        assert_eq!(shown.len(), HOSTILE.len(), "{width}: {shown:?}");
        for name in HOSTILE {
            assert!(shown.contains(&json!(name)), "{width}: {name} in {shown:?}");
        }
        // In the list of changes as well, and each is a link of this exporter's.
        let links = browser.value(
            "[...document.querySelectorAll('.changes a')].map(it => [it.innerText, it.origin === location.origin])",
        );
        for name in HOSTILE {
            assert!(links.as_array().unwrap().contains(&json!([name, true])), "{width}: {links}");
        }
    }
}
