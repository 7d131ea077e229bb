//! The places that ARCHITECTURE.md names, and those that a new exporter needs beyond its own folder.

use std::fs;

use crate::{assert_none, exporters, files, root, shown};

/// Who adds something goes by this page: it is one page, and the places that it names are there.
#[test]
fn the_architecture_is_one_page_of_places_that_exist() {
    let root = root();
    let text = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    assert!(text.lines().count() <= 130, "{} lines", text.lines().count());
    let endings = [".rs", ".md", ".yml", ".yaml", ".prom", ".tmpl"];
    let there = endings.into_iter().flat_map(|ending| files(&root, ending));
    let there: Vec<_> = there.map(|(path, _)| format!("/{}", shown(&path))).collect();
    // The picture names no place.
    let text: String = text.split("```").step_by(2).collect();
    let (mut named, mut missing) = (0, Vec::new());
    for paragraph in paragraphs(&text) {
        // A file's bare name is one of a folder that was named before it, in the same paragraph.
        let mut within: Vec<String> = Vec::new();
        for word in paragraph.split('`').skip(1).step_by(2) {
            let is_place =
                word.ends_with('/') || endings.iter().any(|ending| word.ends_with(ending));
            if !is_place || word.contains(['<', '*', '{', ' ', '=', '?']) {
                continue;
            }
            named += 1;
            let place = format!("/{word}");
            let found: Vec<&str> = there
                .iter()
                .map(String::as_str)
                .filter(|path| {
                    path.ends_with(&place) || place.ends_with('/') && path.contains(&place)
                })
                .collect();
            let is_near = |path: &&&str| within.iter().any(|folder| path.contains(folder.as_str()));
            let is_told = match found.len() {
                0 => false,
                // One of that name alone, or a folder.
                1 => true,
                _ => {
                    place.ends_with('/')
                        || word.contains('/')
                        || found.iter().any(|path| is_near(&path))
                }
            };
            // A room is there in most exporters: whoever adds something knows which one it is.
            let is_room =
                |path: &&&str| path.starts_with("/exporters/") && path.split('/').count() == 5;
            if !is_told && found.iter().filter(is_room).count() < 3 {
                missing.push(format!("{word}: {} are there", found.len()));
            }
            if place.ends_with('/') {
                within.extend(parent(place.trim_end_matches('/')).map(str::to_owned));
                within.push(place.clone());
            }
            if let [only] = found[..] {
                within.extend(
                    [parent(only), grandparent(only)].into_iter().flatten().map(str::to_owned),
                );
            }
        }
    }
    assert!(named > 80, "{named}");
    assert_none(missing);
}

/// A paragraph or a point of a list, with its lines.
fn paragraphs(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n\n").flat_map(|part| part.split("\n* "))
}

fn parent(path: &str) -> Option<&str> {
    Some(&path[..=path.rfind('/')?])
}

/// The folder of the folder: `source.rs` stands beside `source/`.
fn grandparent(path: &str) -> Option<&str> {
    parent(parent(path)?.trim_end_matches('/'))
}

/// Who reads of a file looks for it. What is no place of the repository: what is made, and what is the reader's own.
#[test]
fn the_places_that_other_texts_name_exist() {
    let root = root();
    let endings = [".rs", ".md", ".yml", ".yaml", ".prom", ".tmpl", ".sh", ".conf", ".service"];
    let there = endings.into_iter().flat_map(|ending| files(&root, ending));
    let there: Vec<_> = there.map(|(path, _)| format!("/{}", shown(&path))).collect();
    let (mut named, mut missing) = (0, Vec::new());
    for (path, text) in files(&root, ".md") {
        let text: String = text.split("```").step_by(2).collect();
        for word in text.split('`').skip(1).step_by(2) {
            let is_place = word.contains('/')
                && endings.iter().any(|ending| word.ends_with(ending))
                && !word.starts_with(['/', '~'])
                && !word.contains(['<', '*', '{', ' ', '\n', '=', '?', ':', '$']);
            if !is_place {
                continue;
            }
            named += 1;
            let from = path.parent().unwrap().join(word);
            let is_there = there.iter().any(|path| path.ends_with(&format!("/{word}")));
            if !is_there && !from.exists() {
                missing.push(format!("{}: {word}", shown(&path)));
            }
        }
    }
    assert!(named > 100, "{named}");
    assert_none(missing);
}

/// Whoever takes one crate alone takes its licences along.
#[test]
fn what_has_a_readme_has_its_licences() {
    let root = root();
    let folders = ["crates", "exporters"].into_iter().flat_map(|folder| {
        fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path())
    });
    let folders: Vec<_> = folders.filter(|folder| folder.join("README.md").exists()).collect();
    assert!(folders.len() >= 9, "{folders:?}");
    let offenders = folders.iter().flat_map(|folder| {
        let licences = ["LICENSE-APACHE", "LICENSE-MIT"].into_iter();
        let missing = licences.filter(|licence| {
            let text = fs::read(folder.join(licence));
            text.ok() != fs::read(root.join(licence)).ok()
        });
        missing.map(|licence| format!("{} has no {licence}", shown(folder))).collect::<Vec<_>>()
    });
    assert_none(offenders);
}

/// What a new exporter needs beyond its own folder, and what nothing else would miss.
#[test]
fn every_exporter_has_its_places_elsewhere() {
    let root = root();
    let read = |file: &str| fs::read_to_string(root.join(file)).unwrap();
    let offenders = exporters().into_iter().flat_map(|folder| {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let full = format!("turbulence-{name}");
        let targets = format!("deploy/prometheus/targets/{full}/compose.yml");
        let there = [
            format!("deploy/systemd/{full}.service"),
            format!("deploy/compose/{name}.yml"),
            format!("lab/tests/dashboards/{name}.prom"),
            targets.clone(),
        ];
        let files = there.into_iter().filter(|file| !root.join(file).exists());
        let files = files.map(|file| format!("{file} is missing"));
        let port = read(&format!("exporters/{name}/src/lib.rs"));
        let port = port.split_once("const PORT: u16 = ").and_then(|(_, rest)| rest.split_once(';'));
        let port = port.map_or("", |(port, _)| port).to_owned();
        let config = format!("TURBULENCE_{}_CONFIG", name.to_uppercase());
        let words = [
            ("docker-compose.yml", format!("\n  {full}:\n")),
            ("docker-compose.yml", config),
            (&targets, format!("{full}:{port}")),
            ("deploy/prometheus/prometheus.yml", format!("job_name: {full}\n")),
            ("deploy/README.md", format!("`{name}`")),
            ("README.md", format!("| {port} |")),
            // By hand: its config, its list of targets, and that it is started.
            ("README.md", format!("cat >run/{name}.yml")),
            ("README.md", format!("['127.0.0.1:{port}']")),
            ("README.md", format!("run/targets/{full}/here.yml")),
            ("CHANGELOG.md", full.clone()),
            ("alerts/README.md", full.clone()),
            ("lab/tests/scraped.rs", format!("fn {name}")),
            ("lab/tests/dashboards/files.rs", format!("\"{full}\"")),
            ("lab/tests/first_hour.rs", format!("\"{name}\"")),
        ];
        let words = words.iter().filter(|(file, word)| !read(file).contains(word.as_str()));
        let words: Vec<_> =
            words.map(|(file, word)| format!("{file} does not name {:?}", word.trim())).collect();
        let by_hand = read("README.md");
        let loops = by_hand.split("for name in ").skip(1).filter_map(|rest| rest.split(';').next());
        let loops: Vec<_> = loops
            .filter(|names| !names.split(' ').any(|it| it == name))
            .map(|names| format!("README.md leaves {name} out of {names:?}"))
            .collect();
        files.chain(words).chain(loops).collect::<Vec<_>>()
    });
    assert_none(offenders);
}
