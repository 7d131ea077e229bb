//! No file needs another that needs it: whoever reads one file need not have read the other first.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::{assert_none, exporters, files, is_test, production, root, shown};

/// Each module of a crate, by its path, with the modules that it imports from.
type Imports = BTreeMap<String, BTreeSet<String>>;

#[test]
fn no_file_imports_in_a_circle() {
    let crates = std::fs::read_dir(root().join("crates")).unwrap();
    let folders = crates.map(|entry| entry.unwrap().path()).chain(exporters());
    let folders = folders.chain([root().join("lab")]);
    let sources = folders.map(|folder| folder.join("src"));
    let offenders = sources.filter_map(|source| {
        let circle = circle(&imports(&source))?;
        Some(format!("{}: {}", shown(&source), circle.join(" -> ")))
    });
    assert_none(offenders.collect::<Vec<_>>());
}

#[test]
fn a_circle_is_found_and_a_module_may_use_what_it_stands_in() {
    let texts = [
        ("poll", "use crate::state::{self, State};\nuse std::fmt;\n"),
        ("state", "use crate::{config, metrics::Counts};\n"),
        ("metrics", "mod counts;\nuse counts::Counts;\n"),
        ("metrics::counts", "use super::Family;\nuse crate::config::Config;\n"),
        ("config", ""),
    ];
    let modules = |texts: &[(&str, &str)]| -> BTreeMap<String, String> {
        texts.iter().map(|&(module, text)| (module.to_owned(), text.to_owned())).collect()
    };
    assert_eq!(circle(&imports_of(&modules(&texts))), None);

    let mut closed = texts;
    closed[4].1 = "use crate::poll::Pace;\n";
    let found = circle(&imports_of(&modules(&closed))).unwrap();
    assert_eq!(found, ["config", "poll", "state", "config"]);

    // So too by a path within the code, and by a `super` of a `super`.
    closed[4].1 = "fn pace() -> crate::poll::Pace {\n    exporter_crate::pace()\n}\n";
    assert!(circle(&imports_of(&modules(&closed))).is_some());
    closed[4].1 = "";
    closed[1].1 = "use crate::metrics::counts::Counts;\n";
    closed[3].1 = "use super::super::{config, poll::Pace};\n";
    let found = circle(&imports_of(&modules(&closed))).unwrap();
    assert!(found.contains(&"metrics::counts".to_owned()), "{found:?}");
}

#[test]
fn a_circle_leads_through_modules_within_and_not_through_what_hands_them_on() {
    let circle_of = |state: &str, watch: &str, force: &str| {
        let texts =
            [("state", state), ("state::watch", watch), ("state::kept", ""), ("force", force)];
        let owned = texts.map(|(module, text)| (module.to_owned(), text.to_owned()));
        circle(&imports_of(&BTreeMap::from(owned)))
    };
    let uses = "mod kept;\nmod watch;\nuse watch::Watch;\npub struct State;\n";
    let found =
        circle_of(uses, "use crate::force::Force;\n", "use crate::state::State;\n").unwrap();
    assert_eq!(found, ["force", "state", "state::watch", "force"]);
    // So too where what stands in it is used by its path alone.
    let uses = "mod kept;\nmod watch;\nfn state() -> watch::Watch {}\n";
    assert!(circle_of(uses, "use crate::force::Force;\n", "use crate::state::State;\n").is_some());
    // A module that only hands on is a door: who comes by it needs what stands behind it.
    let hands_on = "mod kept;\nmod watch;\n\npub use kept::{Kept, Lost as Gone};\npub(crate) use watch::Watch;\n";
    for name in ["Kept", "Gone"] {
        let force = format!("use crate::state::{name};\n");
        assert_eq!(circle_of(hands_on, "use crate::force::Force;\n", &force), None, "{name}");
    }
    let force = "use crate::state::{Kept, Watch};\n";
    let found = circle_of(hands_on, "use crate::force::Force;\n", force).unwrap();
    assert_eq!(found, ["force", "state::watch", "force"]);
    // And beside each other.
    let found = circle_of(hands_on, "use super::Kept;\nuse crate::force::Force;\n", "");
    assert_eq!(found, None);
}

fn imports(source: &Path) -> Imports {
    let mut modules = BTreeMap::new();
    for (path, text) in files(source, ".rs") {
        let inner = path.strip_prefix(source).unwrap().with_extension("");
        let module = inner.to_string_lossy().replace('/', "::");
        if !is_test(&path) && !["lib", "main"].contains(&module.as_str()) {
            let lines: Vec<&str> = production(&text).collect();
            modules.insert(module, lines.join("\n"));
        }
    }
    imports_of(&modules)
}

fn imports_of(modules: &BTreeMap<String, String>) -> Imports {
    let doors: Doors = modules.iter().map(|(module, text)| (module.clone(), door(text))).collect();
    let resolved = |path: &str| resolve(path, &doors);
    let mut imports = Imports::new();
    for (module, text) in modules {
        let mut found = BTreeSet::new();
        for tree in after(text, "crate::") {
            found.extend(paths(tree).iter().filter_map(|path| resolved(path)));
        }
        for tree in after(text, "super::") {
            // Each `super` leads one module further out.
            let (mut tree, mut outer) = (tree, outer(module));
            while let Some(rest) = tree.strip_prefix("super::") {
                (tree, outer) = (rest, self::outer(outer));
            }
            let path = |path: &String| resolved(&format!("{outer}::{path}"));
            found.extend(paths(tree).iter().filter_map(path));
        }
        for name in children(text) {
            // What is only handed on is not needed to read the file.
            let used = after(text, &format!("{name}::")).len();
            let handed_on = doors[module].values().filter(|path| is_within(path, name)).count();
            if used > handed_on {
                found.insert(format!("{module}::{name}"));
            }
        }
        // Who reads a module has read what it stands in.
        found.retain(|other| modules.contains_key(other) && !is_within(module, other));
        imports.insert(module.clone(), found);
    }
    imports
}

/// What each module hands on of the modules within it: each name, and its path from that module.
type Doors = BTreeMap<String, BTreeMap<String, String>>;

fn door(text: &str) -> BTreeMap<String, String> {
    let mut handed_on = BTreeMap::new();
    let children: Vec<&str> = children(text).collect();
    for statement in text.split(';').map(str::trim) {
        let Some((_, tree)) = statement.split_once("use ").filter(|(before, _)| {
            before.trim_end().rsplit('\n').next().is_some_and(|line| line.starts_with("pub"))
        }) else {
            continue;
        };
        for path in paths(tree) {
            let path = path.strip_prefix("self::").unwrap_or(&path);
            let first = path.split("::").next().unwrap_or_default();
            if let Some((_, name)) = path.rsplit_once("::")
                && children.contains(&first)
            {
                handed_on.insert(name.to_owned(), path.to_owned());
            }
        }
    }
    handed_on
}

/// The modules that a module names as its own.
fn children(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let line = line.strip_suffix(';')?;
        let (before, name) = line.rsplit_once("mod ")?;
        (before.is_empty() || before.starts_with("pub")).then_some(name)
    })
}

/// Whether a path is another's or leads further into it.
fn is_within(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The module that a module stands in.
fn outer(module: &str) -> &str {
    module.rsplit_once("::").map_or("", |(outer, _)| outer)
}

/// What follows each path that begins so, imported or not, up to its end.
fn after<'a>(text: &'a str, beginning: &str) -> Vec<&'a str> {
    let begins = |at: usize| {
        let before = text[..at].chars().next_back();
        before.is_none_or(|before| !(before.is_alphanumeric() || before == '_' || before == ':'))
    };
    let found = text.match_indices(beginning).filter(|(at, _)| begins(*at));
    found
        .map(|(at, _)| {
            let rest = &text[at + beginning.len()..];
            let word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
            let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
            // A list of several ends with the statement.
            let is_list = rest[end..].starts_with('{');
            if is_list { rest.split(';').next().unwrap_or(rest) } else { &rest[..end] }
        })
        .collect()
}

/// `a::{b, c::{d, e}}` as `a::b`, `a::c::d`, `a::c::e`.
fn paths(tree: &str) -> Vec<String> {
    let Some((before, inside)) = tree.split_once('{') else {
        return vec![tree.split(" as ").next().unwrap().trim().to_owned()];
    };
    let (mut parts, mut depth, mut part) = (Vec::new(), 0, String::new());
    for sign in inside.chars() {
        match sign {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            _ => {}
        }
        part.push(sign);
    }
    parts.push(part);
    let parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
    parts.flat_map(paths).map(|path| before.trim().to_owned() + &path).collect()
}

/// The module that a path leads to: its longest beginning that is one, or the one that what follows is handed on from.
fn resolve(path: &str, doors: &Doors) -> Option<String> {
    let path = path.trim_start_matches("::");
    let mut module = path;
    while !doors.contains_key(module) {
        module = module.rsplit_once("::")?.0;
    }
    let name = path[module.len()..].trim_start_matches("::").split("::").next()?;
    match doors[module].get(name) {
        Some(within) => resolve(&format!("{module}::{within}"), doors),
        None => Some(module.to_owned()),
    }
}

/// Some circle: a module, what it imports, and so on, to itself.
fn circle(imports: &Imports) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    imports.keys().find_map(|module| walk(module, imports, &mut Vec::new(), &mut done))
}

fn walk(
    module: &str,
    imports: &Imports,
    way: &mut Vec<String>,
    done: &mut BTreeSet<String>,
) -> Option<Vec<String>> {
    if let Some(at) = way.iter().position(|before| before == module) {
        return Some(way[at..].iter().cloned().chain([module.to_owned()]).collect());
    }
    if done.contains(module) {
        return None;
    }
    way.push(module.to_owned());
    let found = imports[module].iter().find_map(|other| walk(other, imports, way, done));
    way.pop();
    done.insert(module.to_owned());
    found
}
