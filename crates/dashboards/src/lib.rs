//! Grafana dashboards out of a source that a person can read.
//!
//! `dashboards/source/shared.yaml` holds what the dashboards have in common, every other file there
//! is one dashboard. A panel says what it shows; ids, positions, data sources, the letters of queries
//! and Grafana's many defaults are derived. `dashboards/README.md` documents the source.
//!
//! | file | what |
//! |---|---|
//! | `source` | what may stand in the YAML files |
//! | `notation` | the short forms: thresholds, words, sizes, names for parts of queries |
//! | `merge` | one piece of JSON laid over another |
//! | `board` | a dashboard: its head, variables, annotations, rows |
//! | `grid` | where each panel lies |
//! | `panel` | one panel |
//! | `inhibition` | which alerts others hold back |
//! | `pick` | which of many series a graph shows |
//! | `table` | the columns of a table or a map |

mod board;
mod grid;
mod inhibition;
mod merge;
mod notation;
mod panel;
mod pick;
mod source;
mod table;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::inhibition::Alertmanager;
use crate::notation::Names;
use crate::source::{Dashboard, Shared};

/// The file of a dashboard, and its text.
#[derive(Debug)]
pub struct Rendered {
    /// The file's name, which is the dashboard's uid and `.json`.
    pub file: String,
    /// Grafana's classic schema, keys in alphabetical order, with a newline at the end.
    pub json: String,
}

/// The name that stands in queries for the alerts that others hold back.
const HELD_BACK: &str = "held_back";

/// Renders every dashboard of `folder/source`, in the order of the files' names. Who holds back whom is read of the `alerts` beside the folder.
///
/// Fails when a file cannot be read or says something that has no meaning; the error names it.
pub fn render(folder: &Path) -> anyhow::Result<Vec<Rendered>> {
    let source = folder.join("source");
    let mut shared: Shared = read(&source.join("shared.yaml"))?;
    let mut boards: Vec<(String, Dashboard)> = Vec::new();
    for entry in fs::read_dir(&source).with_context(|| format!("reading {}", source.display()))? {
        let path = entry.with_context(|| format!("reading {}", source.display()))?.path();
        let yaml = path.extension().is_some_and(|extension| extension == "yaml");
        let uid = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if yaml && uid != "shared" {
            boards.push((uid.to_owned(), read(&path)?));
        }
    }
    boards.sort_by(|one, other| one.0.cmp(&other.0));
    let titles: Vec<(String, String)> =
        boards.iter().map(|(uid, board)| (uid.clone(), board.title.clone())).collect();
    lend(&mut shared, &mut boards)?;
    let alertmanager: Alertmanager = read(&folder.join("../alerts/alertmanager.yml"))?;
    for (_, board) in &mut boards {
        board.names.insert(HELD_BACK.to_owned(), alertmanager.held_back());
    }
    // A fault is told of the dashboard that it is in, and not of one that borrows from it.
    boards.sort_by_key(|(_, board)| board.part_of.is_some());
    let rendered = boards.into_iter().map(|(uid, board)| {
        let json = board::render(&uid, board, &shared, &titles)
            .with_context(|| format!("{}/{uid}.yaml", source.display()))?;
        let text = serde_json::to_string_pretty(&json).context("writing JSON")? + "\n";
        Ok(Rendered { file: format!("{uid}.json"), json: text })
    });
    let mut rendered = rendered.collect::<anyhow::Result<Vec<Rendered>>>()?;
    rendered.sort_by(|one, other| one.file.cmp(&other.file));
    Ok(rendered)
}

/// Gives every dashboard the panels of the others, as `turbulence-world / Reached`, and the names of the one that it is a part of.
fn lend(shared: &mut Shared, boards: &mut [(String, Dashboard)]) -> anyhow::Result<()> {
    for (uid, board) in boards.iter() {
        let panels = board.rows.iter().flat_map(|row| &row.panels);
        let own = panels.filter(|panel| panel.r#use.is_none());
        let named = own.filter_map(|panel| Some((panel.kind_and_title()?.1, panel)));
        let lent = named.map(|(title, panel)| (format!("{uid} / {title}"), panel.clone()));
        shared.panels.extend(lent);
    }
    let names: BTreeMap<String, Names> =
        boards.iter().map(|(uid, board)| (uid.clone(), board.names.clone())).collect();
    for (uid, board) in boards {
        let Some(of) = &board.part_of else { continue };
        let lent = names.get(of).with_context(|| format!("{uid}.yaml: part_of {of:?}"))?;
        let lent = lent.clone().into_iter();
        board.names = lent.chain(std::mem::take(&mut board.names)).collect();
    }
    Ok(())
}

/// Writes every dashboard into `folder`.
pub fn write(folder: &Path) -> anyhow::Result<()> {
    for Rendered { file, json } in render(folder)? {
        let path = folder.join(file);
        fs::write(&path, json).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// Fails when a file in `folder` is not what its source says, or has no source.
pub fn check(folder: &Path) -> anyhow::Result<()> {
    let rendered = render(folder)?;
    let mut stale: Vec<String> = Vec::new();
    for Rendered { file, json } in &rendered {
        if fs::read_to_string(folder.join(file)).ok().as_ref() != Some(json) {
            stale.push(format!("{file} differs from its source"));
        }
    }
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry.with_context(|| format!("reading {}", folder.display()))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let json = path.extension().is_some_and(|extension| extension == "json");
        if json && !rendered.iter().any(|one| one.file == name) {
            stale.push(format!("{name} has no source"));
        }
    }
    if !stale.is_empty() {
        bail!("{}; run: cargo run -p dashboards -- write", stale.join(", "));
    }
    Ok(())
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(&text, options)
        .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
}
