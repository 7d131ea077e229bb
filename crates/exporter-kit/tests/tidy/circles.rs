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
    let mut imports = Imports::new();
    for (module, text) in modules {
        let mut found = BTreeSet::new();
        for tree in after(text, "crate::") {
            found.extend(paths(tree).iter().filter_map(|path| nearest(path, modules)));
        }
        for tree in after(text, "super::") {
            // Each `super` leads one module further out.
            let (mut tree, mut outer) = (tree, outer(module));
            while let Some(rest) = tree.strip_prefix("super::") {
                (tree, outer) = (rest, self::outer(outer));
            }
            let path = |path: &String| nearest(&format!("{outer}::{path}"), modules);
            found.extend(paths(tree).iter().filter_map(path));
        }
        // A module and what it stands in are read together.
        let within = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let own = |other: &String| within(module, other) || within(other, module);
        found.retain(|other| !own(other));
        imports.insert(module.clone(), found);
    }
    imports
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

/// The module that a path is in: its longest beginning that is one.
fn nearest(path: &str, modules: &BTreeMap<String, String>) -> Option<String> {
    let mut path = path.trim_start_matches("::");
    while !modules.contains_key(path) {
        path = path.rsplit_once("::")?.0;
    }
    Some(path.to_owned())
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
