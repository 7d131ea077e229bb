//! The turns of pages: however many look, two are rendered at a time.

use std::fs;

use crate::{assert_none, exporters, files, production, root, shown};

/// A page that went to a thread by itself would be one of as many as there are readers.
#[test]
fn pages_take_turns() {
    // These two measure when they are asked to: they take in whom a scraper names, and read a module's files again.
    let measures = ["exporters/ipmi/src/pages.rs", "exporters/latency/src/pages.rs"];
    let pages = exporters().into_iter().flat_map(|folder| files(&folder.join("src"), ".rs"));
    let pages = pages.filter(|(path, _)| {
        path.ends_with("src/pages.rs") || path.components().any(|part| part.as_os_str() == "pages")
    });
    // The kit's own, which are made of as many targets, stand beside its server.
    let kit = root().join("crates/exporter-kit/src/server.rs");
    let kit = [(kit.clone(), fs::read_to_string(kit).unwrap())];
    let pages: Vec<_> = pages.chain(kit).collect();
    let own_thread = ["spawn_blocking", "off_the_thread", "stream::iter"];
    let offenders = pages.iter().filter(|(path, text)| {
        !measures.contains(&shown(path).as_str())
            && production(text).any(|line| own_thread.iter().any(|word| line.contains(word)))
    });
    let offenders = offenders.map(|(path, _)| format!("{} renders by itself", shown(path)));
    let alone = pages.iter().flat_map(|(path, text)| {
        let is_short = |name: &String| SHORT.contains(&(&*shown(path), &**name));
        let alone = made_where_it_is_served(text).into_iter().filter(move |it| !is_short(it));
        alone.map(|name| format!("{}: {name} takes no turn", shown(path)))
    });
    assert_none(offenders.chain(alone).collect::<Vec<_>>());
}

/// What takes a turn of the kit's, or answers without a look at what there may be many of.
const TURNS: [&str; 8] = [
    "render_page(",
    "json_rows(",
    "text_lines(",
    "body_of_parts(",
    "glance(",
    "exposition::respond",
    "app.reload()",
    "landing::style",
];

/// Answers that are short whatever there is, each in its file: the newest entries of one event log, of which the exporter
/// keeps a bounded number.
const SHORT: [(&str, &str); 1] = [("exporters/ipmi/src/pages.rs", "events")];

/// The functions that answer a GET by themselves: neither they nor what they call in the same file takes a turn, or a
/// page is made beside the turn that they take.
fn made_where_it_is_served(text: &str) -> Vec<String> {
    let text: String = production(text).flat_map(|line| [line, "\n"]).collect();
    // A function of the file, or one that is made within another; it ends where its level does.
    let body = |name: &str| {
        let kinds = [("fn ", "\n}\n"), ("let ", "\n    };\n")];
        kinds.into_iter().find_map(|(word, end)| {
            let forms = ["(", "<", " ="].map(|after| format!("{word}{name}{after}"));
            let start = forms.iter().find_map(|form| text.find(form.as_str()))?;
            let rest = &text[start..];
            Some(&rest[..rest.find(end).unwrap_or(rest.len())])
        })
    };
    let is_function =
        |word: &&str| ["(", "<"].iter().any(|after| text.contains(&format!("fn {word}{after}")));
    let is_alone = |handler: &str| {
        let (mut seen, mut at, mut takes_turn) = (vec![handler], 0, false);
        while let Some(name) = seen.get(at).copied() {
            at += 1;
            // One that is made in its place is its own body.
            let Some(body) = body(name).or(name.contains('|').then_some(name)) else { continue };
            let rest = beside_turns(body);
            takes_turn |= rest.len() < body.len() || TURNS.iter().any(|turn| body.contains(turn));
            if makes_a_page(&rest) {
                return true;
            }
            let called = rest.split('(').filter_map(|it| {
                let it = it.strip_suffix(">").map_or(it, |it| &it[..it.rfind("::<").unwrap_or(0)]);
                it.rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next()
            });
            for word in called.filter(is_function) {
                let word = &text[text.find(word).unwrap()..][..word.len()];
                if !seen.contains(&word) {
                    seen.push(word);
                }
            }
        }
        // A constant is short.
        !takes_turn && (!handler.contains('|') || handler.contains('('))
    };
    let handlers = text.split(".route(").skip(1).filter_map(|rest| {
        let rest = &rest[..up_to_its_end(rest)];
        let (_, handler) = rest.split_once(" get(")?;
        Some(handler[..up_to_its_end(handler)].trim())
    });
    let alone = handlers.filter(|it| !TURNS.contains(it) && is_alone(it));
    alone.map(str::to_owned).collect()
}

/// Where the bracket ends that is open at the beginning.
fn up_to_its_end(text: &str) -> usize {
    let mut open = 1;
    let end = text.char_indices().find(|(_, it)| {
        open += i32::from(*it == '(') - i32::from(*it == ')');
        open == 0
    });
    end.map_or(text.len(), |(at, _)| at)
}

/// The same text without what is done in a turn.
fn beside_turns(body: &str) -> String {
    let (mut left, mut rest) = (body, String::new());
    let calls = || TURNS.iter().filter(|turn| turn.ends_with('('));
    while let Some((at, turn)) = calls().filter_map(|it| Some((left.find(it)?, it))).min() {
        rest.push_str(&left[..at]);
        left = &left[at + turn.len()..];
        left = &left[up_to_its_end(left)..];
    }
    rest + left
}

/// Whether it writes a page itself; to say what kind of text one is that was made is none.
fn makes_a_page(text: &str) -> bool {
    let of_what = ["Html(", "Json("].into_iter().flat_map(|kind| text.split(kind).skip(1));
    let mut of_what = of_what.map(|rest| &rest[..up_to_its_end(rest)]);
    of_what.any(|it| !it.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
        || text.contains("into_string()")
}

#[test]
fn a_page_that_is_made_where_it_is_served_is_seen() {
    let routes = [
        "alone",
        "by_turns",
        "called",
        "half",
        "|| async { Json(all()) }",
        "|| async { \"a\" }",
        "again",
    ];
    let routes = routes.map(|it| format!(".route(\"/\", get({it}))")).concat();
    let text = format!(
        "fn routes() {{\n    Router::new(){}\n}}\n\
         async fn alone() {{\n    Json(all())\n}}\nfn all() {{\n    many()\n}}\n\
         async fn by_turns() {{\n    let page = render_page(move || Html(all()).into_string()).await;\n    Html(page)\n}}\n\
         async fn called() {{\n    by_turns()\n}}\n\
         async fn half() {{\n    if json {{ json_rows(all()) }} else {{ Html(all()) }}\n}}\n\
         async fn again() {{\n    if json {{ json_rows(all()) }} else {{ alone() }}\n}}\n",
        routes.replace("get(", " get(")
    );
    let seen = ["alone", "half", "|| async { Json(all()) }", "again"];
    assert_eq!(made_where_it_is_served(&text), seen);
}
