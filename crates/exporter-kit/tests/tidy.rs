//! The invariants of ARCHITECTURE.md, held against the text of the repository.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/places.rs"]
mod places;
#[path = "tidy/units.rs"]
mod units;
#[path = "tidy/words.rs"]
mod words;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What a file that calls itself pure must not contain outside its tests.
const IMPURE: [&str; 39] = [
    "tokio",
    "async ",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::io::std",
    "open_file",
    "read_file",
    "File::",
    "OpenOptions",
    "StateFile",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "UnixDatagram",
    "UnixListener",
    "Socket::new",
    "socket2",
    "datagram::",
    "nix::sys",
    "nix::unistd",
    "nix::fcntl",
    "procfs",
    "Instant::now",
    "SystemTime::now",
    ".elapsed()",
    "sleep(",
    "rand::random",
    "rand::rng()",
    "rand::thread_rng",
    "SysRng",
    "OsRng",
    "from_entropy",
    "print!(",
    "println!",
    "tracing",
    "prometheus_client",
];

/// What the kit must not know of.
const PROTOCOLS: [&str; 11] = [
    "ipmi", "icmp", "dns", "hickory", "bmc", "latency", "sensor", "resolver", "probe", "homing",
    "atlas",
];

/// Files over 400 lines before their tests, each with its reason.
const LONG: [(&str, &str); 0] = [];

/// Words in tables, rules and dashboards that look like metrics and are programs, keys, or the kernel's.
const PROGRAMS: [&str; 6] =
    ["dns_over_tls", "blackbox_exporter", "ipmi_exporter", "ipmi_sim", "ipmi_lan", "ipmi_devintf"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn exporters() -> Vec<PathBuf> {
    let mut folders: Vec<_> =
        fs::read_dir(root().join("exporters")).unwrap().map(|e| e.unwrap().path()).collect();
    folders.sort();
    assert!(folders.len() >= 3);
    folders
}

/// All files below `folder` whose names end so, with their text.
fn files(folder: &Path, ending: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if name.ends_with(ending) {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<(PathBuf, String)> {
    ["crates", "exporters", "lab"]
        .iter()
        .flat_map(|folder| files(&root().join(folder), ".rs"))
        .collect()
}

fn is_test(path: &Path) -> bool {
    let inner = path.strip_prefix(root()).unwrap();
    inner.components().any(|part| {
        let part = part.as_os_str();
        part == "tests"
            || part == "tests.rs"
            || part == "benches"
            || part == "examples"
            || part == "fuzz"
    })
}

/// The lines before the unit tests, less the comments.
fn production(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .filter(|line| !line.trim_start().starts_with("//"))
}

fn is_pure(text: &str) -> bool {
    text.lines()
        .take_while(|line| line.starts_with("//!"))
        .any(|line| line.contains("No I/O, no clock."))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// Fails with every offender named.
fn assert_none(offenders: impl IntoIterator<Item = String>) {
    let offenders: Vec<_> = offenders.into_iter().collect();
    assert!(offenders.is_empty(), "\n  {}\n", offenders.join("\n  "));
}

/// `cargo test` looks for none in a crate that says that it has none, which spares it a compilation.
#[test]
fn an_example_in_the_docs_is_run() {
    let silent = files(&root(), "Cargo.toml");
    let silent = silent.iter().filter(|(_, text)| text.contains("doctest = false"));
    let silent: Vec<_> = silent.map(|(path, _)| path.parent().unwrap().join("src")).collect();
    assert!(silent.len() >= 6, "{silent:?}");
    let offenders = silent.iter().flat_map(|folder| files(folder, ".rs"));
    let offenders = offenders.filter(|(_, text)| {
        text.lines().any(|line| line.trim_start().starts_with("//") && line.contains("```"))
    });
    assert_none(
        offenders.map(|(path, _)| format!("{} has an example, its crate none", shown(&path))),
    );
}

#[test]
fn pure_files_stay_pure() {
    let offenders =
        sources().into_iter().filter(|(_, text)| is_pure(text)).flat_map(|(path, text)| {
            let lines: Vec<_> = production(&text).map(str::to_owned).collect();
            IMPURE
                .iter()
                .filter(|word| lines.iter().any(|line| line.contains(**word)))
                .map(|word| format!("{} says it is pure and contains {word:?}", shown(&path)))
                .collect::<Vec<_>>()
        });
    assert_none(offenders);
}

/// What the file may not contain, which the list above would not see in it.
#[test]
fn a_file_that_opens_asks_the_clock_or_draws_lots_is_not_pure() {
    for line in [
        "let table = File::open(path)?;",
        "OpenOptions::new().read(true)",
        "let lot: u8 = rand::random();",
        "rand::rng().random_range(0..6)",
        "nix::sys::resource::getrlimit(it)",
        "SystemTime::UNIX_EPOCH.elapsed()",
        "eprintln!(\"{x}\")",
        "procfs::process::Process::myself()",
        "UnixStream::connect(path)",
    ] {
        assert!(IMPURE.iter().any(|word| line.contains(word)), "{line}");
    }
}

#[test]
fn every_exporter_decides_in_a_pure_file() {
    let offenders = exporters()
        .into_iter()
        .filter(|folder| !files(&folder.join("src"), ".rs").iter().any(|(_, text)| is_pure(text)))
        .map(|folder| format!("{} has no pure file", shown(&folder)));
    assert_none(offenders);
}

#[test]
fn only_metrics_rs_writes_pages_of_metrics() {
    let offenders = exporters()
        .into_iter()
        .flat_map(|folder| files(&folder.join("src"), ".rs"))
        .filter(|(path, _)| path.file_name().unwrap() != "metrics.rs")
        .filter(|(path, _)| !path.parent().unwrap().ends_with("metrics"))
        .filter(|(path, text)| {
            let calls =
                ["gauge(", "counter(", "histogram(", "info("].map(|it| format!("page.{it}"));
            let writes = |line: &str| {
                line.contains("impl Collector for") || calls.iter().any(|it| line.contains(it))
            };
            !is_test(path) && production(text).any(writes)
        })
        .map(|(path, _)| format!("{} writes a page of metrics", shown(&path)));
    assert_none(offenders);
}

#[test]
fn only_the_sources_of_ipmi_name_the_client() {
    let source = root().join("exporters/ipmi/src");
    let offenders = files(&source, ".rs")
        .into_iter()
        .filter(|(path, _)| !path.starts_with(source.join("source")))
        .filter(|(_, text)| text.contains("ipmi_lan"))
        .map(|(path, _)| format!("{} names ipmi_lan", shown(&path)));
    assert_none(offenders);
}

#[test]
fn the_kit_names_no_protocol() {
    let kit = root().join("crates/exporter-kit");
    let mut texts = files(&kit.join("src"), ".rs");
    texts.push((kit.join("Cargo.toml"), fs::read_to_string(kit.join("Cargo.toml")).unwrap()));
    let offenders = texts.into_iter().flat_map(|(path, text)| {
        // A kind of name in a certificate, and what says which one is asked for, by the libraries' words.
        let lines = production(&text).map(|line| {
            let words = ["GeneralName::DNSName", "ServerNameResolver", "server_name_resolver"];
            words.iter().fold(line.to_owned(), |line, word| line.replace(word, ""))
        });
        let lines: Vec<_> = lines.map(|line| line.to_lowercase()).collect();
        PROTOCOLS
            .iter()
            .filter(|word| lines.iter().any(|line| line.contains(**word)))
            .map(|word| format!("{} names {word}", shown(&path)))
            .collect::<Vec<_>>()
    });
    assert_none(offenders);
}

#[test]
fn no_exporter_depends_on_another_or_on_the_lab() {
    let name = |folder: PathBuf| folder.file_name().unwrap().to_string_lossy().into_owned();
    let mut products: Vec<String> =
        exporters().into_iter().map(|folder| format!("turbulence-{}", name(folder))).collect();
    products.push("turbulence-lab".to_owned());
    let manifests =
        ["crates", "exporters"].map(|folder| files(&root().join(folder), "Cargo.toml")).concat();
    let offenders = manifests.into_iter().flat_map(|(path, text)| {
        let dependencies: String = text.split("[dependencies]").skip(1).collect();
        products
            .iter()
            .filter(|product| dependencies.contains(product.as_str()))
            // What fuzzes an exporter is a crate of its own.
            .filter(|product| {
                let exporter = product.trim_start_matches("turbulence-");
                shown(&path) != format!("exporters/{exporter}/fuzz/Cargo.toml")
            })
            .map(|product| format!("{} depends on {product}", shown(&path)))
            .collect::<Vec<_>>()
    });
    assert_none(offenders);
}

#[test]
fn every_exporter_has_the_same_rooms() {
    let offenders = exporters().into_iter().flat_map(|folder| {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let rooms = [
            "README.md",
            "src/main.rs",
            "src/lib.rs",
            "src/config.rs",
            "src/poll.rs",
            "src/state.rs",
            "src/outcome.rs",
            "src/metrics.rs",
            "src/metrics/counts.rs",
            "src/metrics/page.rs",
            "tests/program.rs",
            "tests/golden/metrics.prom",
            &format!("turbulence-{name}.example.yml"),
        ]
        .map(|room| folder.join(room));
        // Who has pages of its own has them in one place.
        let says =
            |word: &str| fs::read_to_string(folder.join("src/lib.rs")).unwrap().contains(word);
        let pages = says("const PAGES: ").then(|| folder.join("src/pages.rs"));
        rooms
            .into_iter()
            .chain(pages)
            .filter(|room| !room.exists())
            .map(|room| format!("{} is missing", shown(&room)))
            .collect::<Vec<_>>()
    });
    assert_none(offenders);
}

/// promtool, which the judge of worlds gives the order of all groups, and Prometheus' own metrics know a group by its name.
#[test]
fn no_two_groups_of_rules_have_one_name() {
    let rules = files(&root().join("alerts"), ".rules.yml");
    let names = rules.iter().flat_map(|(path, text)| {
        let names = text.lines().filter_map(|line| line.trim().strip_prefix("- name: "));
        names.map(move |name| (name.to_owned(), shown(path)))
    });
    let mut known = std::collections::BTreeMap::new();
    let again = names.filter_map(|(name, file)| {
        let before = known.insert(name.clone(), file.clone())?;
        Some(format!("{name} in {before} and in {file}"))
    });
    assert_none(again.collect::<Vec<_>>());
}

#[test]
fn files_are_about_one_noun_and_short() {
    let vague = [
        "mod.rs",
        "util.rs",
        "utils.rs",
        "common.rs",
        "helpers.rs",
        "misc.rs",
        "types.rs",
        "prelude.rs",
        "core.rs",
    ];
    let named = sources()
        .into_iter()
        .filter(|(path, _)| vague.iter().any(|name| path.file_name().unwrap() == *name));
    let named = named.map(|(path, _)| format!("{} is a name for anything", shown(&path)));
    let long =
        sources().into_iter().filter(|(path, _)| !is_test(path)).filter_map(|(path, text)| {
            let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count();
            let excused = LONG.iter().any(|(file, _)| *file == shown(&path));
            (lines > 400 && !excused).then(|| format!("{} has {lines} lines", shown(&path)))
        });
    let mute = sources().into_iter().filter(|(_, text)| !text.starts_with("//!"));
    let mute =
        mute.map(|(path, _)| format!("{} does not begin by saying what it is", shown(&path)));
    assert_none(named.chain(long).chain(mute).collect::<Vec<_>>());
}

#[test]
fn every_exporter_names_its_pages_to_the_kit() {
    let mut offenders = Vec::new();
    for folder in exporters() {
        let named = fs::read_to_string(folder.join("src/lib.rs")).unwrap();
        let named = named.split_once("const PAGES:").map_or("", |(_, rest)| rest);
        let named = named.split_once("];").map_or("", |(pages, _)| pages);
        for (path, text) in files(&folder.join("src"), ".rs") {
            for call in [".route(", "on_demand::page("] {
                let paths = text.split(call).skip(1);
                let paths = paths.filter_map(|rest| rest.trim_start().strip_prefix('"'));
                let paths = paths.filter_map(|rest| rest.split('"').next());
                let missing = paths.filter(|it| !it.starts_with("/-/"));
                let missing = missing.filter(|it| !named.contains(&format!("\"{it}\"")));
                offenders.extend(missing.map(|page| format!("{}: {page}", shown(&path))));
            }
        }
    }
    assert_none(offenders);
}

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

#[test]
fn unsafe_code_stands_in_files_that_say_why() {
    let offenders = sources()
        .into_iter()
        .filter(|(path, _)| !path.ends_with("tests/tidy.rs"))
        .filter(|(_, text)| {
            production(text).any(|line| line.contains("unsafe {") || line.contains("unsafe fn"))
        })
        .filter(|(_, text)| !text.contains("#![expect(unsafe_code, reason = "))
        .map(|(path, _)| format!("{} is unsafe and does not say why at its top", shown(&path)));
    assert_none(offenders);
}

/// The metrics of all golden files; histograms by their base names.
fn golden_metrics() -> BTreeSet<String> {
    let golden =
        exporters().into_iter().flat_map(|folder| files(&folder.join("tests/golden"), ".prom"));
    golden
        .flat_map(|(_, text)| {
            let kinds = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
            kinds
                .map(|line| {
                    let (name, kind) = line.split_once(' ').unwrap();
                    match kind {
                        // OpenMetrics names a counter and an info without their suffixes.
                        "counter" if !name.ends_with("_total") => format!("{name}_total"),
                        "info" if !name.ends_with("_info") => format!("{name}_info"),
                        _ => name.to_owned(),
                    }
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

/// What the suite's metrics begin with, up to the first `_`: an exporter that gives `homing_distance`
/// has every word that begins with `homing_` looked at.
fn prefixes(known: &BTreeSet<String>) -> BTreeSet<&str> {
    known.iter().filter_map(|name| Some(name.split_once('_')?.0)).collect()
}

/// The words of a text that look like metrics of the suite's exporters.
fn metrics_named(text: &str, known: &BTreeSet<String>) -> BTreeSet<String> {
    let prefixes = prefixes(known);
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
        .filter(|word| word.split_once('_').is_some_and(|(first, _)| prefixes.contains(first)))
        .filter(|word| !word.contains(':') && !PROGRAMS.contains(word))
        .map(|word| {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|s| word.strip_suffix(s));
            base.filter(|base| known.contains(*base)).unwrap_or(word).to_owned()
        })
        .collect()
}

/// The lines of a README below its headings `Kept for users of ...`: a table of names that another
/// program's dashboards and alerts ask for, which ours need not.
fn kept(readme: &str) -> String {
    let mut inside = false;
    let mut kept = String::new();
    for line in readme.lines() {
        if let Some(heading) = line.strip_prefix('#') {
            inside = heading.trim_start_matches('#').trim().starts_with("Kept for users of ");
        } else if inside && line.starts_with('|') {
            kept += line;
            kept.push('\n');
        }
    }
    kept
}

fn readmes() -> Vec<String> {
    let readme = |folder: PathBuf| fs::read_to_string(folder.join("README.md")).unwrap();
    exporters().into_iter().map(readme).collect()
}

fn rules_and_dashboards() -> Vec<(PathBuf, String)> {
    let mut texts = files(&root().join("alerts"), ".rules.yml");
    texts.extend(files(&root().join("dashboards"), ".json"));
    texts
}

#[test]
fn every_metric_is_documented_and_every_documented_metric_exists() {
    let golden = golden_metrics();
    let mut documented = BTreeSet::new();
    for readme in readmes() {
        let tables: Vec<_> = readme.lines().filter(|line| line.starts_with('|')).collect();
        documented.extend(metrics_named(&tables.join("\n"), &golden));
    }
    let missing =
        golden.difference(&documented).map(|name| format!("{name} is in no README's table"));
    let invented = documented
        .difference(&golden)
        .map(|name| format!("{name} is documented and in no golden file"));
    assert_none(missing.chain(invented).collect::<Vec<_>>());
}

#[test]
fn every_metric_serves_a_rule_or_a_dashboard_and_every_name_there_exists() {
    let golden = golden_metrics();
    let mut used = BTreeSet::new();
    for (_, text) in rules_and_dashboards() {
        used.extend(metrics_named(&text, &golden));
    }
    let kept: BTreeSet<String> =
        readmes().iter().flat_map(|readme| metrics_named(&kept(readme), &golden)).collect();
    let idle = golden
        .difference(&used)
        .filter(|name| !kept.contains(*name))
        .map(|name| format!("{name} is in no rule, in no dashboard, and kept for nobody"));
    let invented =
        used.difference(&golden).map(|name| format!("{name} is used and in no golden file"));
    assert_none(idle.chain(invented).collect::<Vec<_>>());
}

#[test]
fn a_new_prefix_is_looked_at_and_a_name_kept_for_others_needs_no_place() {
    let known = BTreeSet::from(["homing_distance_metres".to_owned(), "probe_success".to_owned()]);
    let named = metrics_named("min(homing_distance_meters) + homing + up{job=\"probe_\"}", &known);
    assert_eq!(named, BTreeSet::from(["homing_distance_meters".to_owned(), "probe_".to_owned()]));

    let readme = "## Metrics\n| `homing_distance_metres` |\n\n### Kept for users of blackbox_exporter\n\n\
                  | name |\n|---|\n| `probe_success` |\n## Flags\n| `probe_flag` |\n";
    let kept = metrics_named(&kept(readme), &known);
    assert_eq!(kept, BTreeSet::from(["probe_success".to_owned()]));
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let alerts: BTreeSet<String> = files(&root().join("alerts"), ".rules.yml")
        .iter()
        .flat_map(|(_, text)| text.lines())
        .filter_map(|line| line.trim_start().trim_start_matches("- ").strip_prefix("alert: "))
        .map(|name| name.trim().to_owned())
        .collect();
    let runbooks: BTreeSet<String> = files(&root().join("alerts/runbooks"), ".md")
        .iter()
        .map(|(path, _)| path.file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|name| name != "README")
        .collect();
    assert!(!alerts.is_empty());
    let without = alerts.difference(&runbooks).map(|name| format!("{name} has no runbook"));
    let orphaned =
        runbooks.difference(&alerts).map(|name| format!("{name} is a runbook of no alert"));
    assert_none(without.chain(orphaned).collect::<Vec<_>>());
}
