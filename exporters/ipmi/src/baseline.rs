//! The baselines of sensors on disk: one JSON file a BMC. Whatever else stands in a file's place costs that one BMC its baseline, with a warning, and the others nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{anyhow, ensure};
use exporter_kit::{Content, StateFile};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::inventory::Known;
use crate::slow::KeptSupplies;
use crate::verdict;

const FORMAT: u32 = 1;
/// Ten times what the most sensors take that are remembered.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// How the names of files begin of hosts that scrapers name, and how long they may be.
const ON_DEMAND: &str = "on-demand@";
const LONGEST_ON_DEMAND: usize = 200;
/// A clock that has not come so far, to a day in 2020, was not set when the file was written.
const NOT_SET: Duration = Duration::from_secs(1_600_000_000);

/// What is kept of one BMC.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Baseline {
    /// Every sensor that was ever seen.
    pub(crate) sensors: Vec<Known>,
    /// What is usual for each, and what was held when it was kept.
    pub(crate) standing: Option<verdict::Kept>,
    /// The power supplies that told something, and those that carry nothing: of a machine that is off nobody
    /// could learn it.
    pub(crate) supplies: KeptSupplies,
}

impl From<Vec<Known>> for Baseline {
    fn from(sensors: Vec<Known>) -> Self {
        Self { sensors, ..Self::default() }
    }
}

/// Where one BMC's baseline is kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Store {
    file: StateFile,
}

/// What was found of one BMC's baseline.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kept {
    store: Store,
    found: Content<Baseline>,
}

/// What a file of any version has.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

#[derive(Deserialize, Serialize)]
struct Document {
    format: u32,
    /// Whose they are, where the file's name says less; empty for no site.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    site: String,
    sensors: Vec<Known>,
    /// Read apart: one that another version wrote costs no more than itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    standing: Option<serde_json::Value>,
    /// Power supplies that told something.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    told: Vec<Known>,
    /// Power supplies that carry nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    silent: Vec<Known>,
}

/// How many sites have a BMC of each name.
pub(crate) struct Names(BTreeMap<String, usize>);

impl Names {
    pub(crate) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut counted = BTreeMap::new();
        for name in names {
            *counted.entry(name.to_owned()).or_default() += 1;
        }
        Self(counted)
    }

    /// Whether no other site has that name.
    pub(crate) fn alone(&self, name: &str) -> bool {
        self.0.get(name).is_none_or(|sites| *sites == 1)
    }
}

impl Kept {
    /// Looks for the baseline of the BMC called `target` at `site`, whose name was checked when the
    /// config was read; `alone` says that no other site has that name. Warns once of one that cannot be
    /// had; changes nothing.
    ///
    /// A name that is alone is the file's name. Another has its site beside it; a file from the time
    /// when it was alone goes on if it says that it is of that site.
    pub(crate) fn find(directory: &Path, target: &str, site: &str, alone: bool) -> Self {
        let (by_name, by_pair) =
            (Store::new(directory, target), Store::new(directory, &pair(target, site)));
        let (first, second) = if alone { (by_name, by_pair) } else { (by_pair, by_name) };
        let is_its_own = || alone || second.is_of(site);
        let store = if !first.file.is_there() && second.file.is_there() && is_its_own() {
            second
        } else {
            first
        };
        Self::look(store, target)
    }

    /// Looks for the baseline of a host that a scraper names, by a module; `None` where the two are too
    /// long for the name of a file.
    pub(crate) fn find_on_demand(directory: &Path, host: &str, module: &str) -> Option<Self> {
        let name = on_demand(host, module);
        let fits = name.len() <= LONGEST_ON_DEMAND;
        fits.then(|| Self::look(Store::new(directory, &name), host))
    }

    fn look(store: Store, target: &str) -> Self {
        let found = store.file.look(MOST_BYTES, parse);
        if let Some(fault) = found.fault() {
            let file = store.file.path().display();
            warn!(target_name = target, "the baseline {file} {fault}");
        }
        Self { store, found }
    }

    /// The store, if it can be used, and the baseline. A file that cannot be understood is moved aside,
    /// since overwriting it would forget in silence what it knew.
    pub(crate) fn open(self) -> (Option<Store>, Baseline) {
        match self.store.file.open(self.found) {
            Some(baseline) => (Some(self.store), baseline),
            None => (None, Baseline::default()),
        }
    }
}

/// The name of the file of a name that more than one site has. No target's name has an `@`.
fn pair(target: &str, site: &str) -> String {
    let mut name = format!("{target}@");
    escape(site, &mut name);
    name
}

/// The name of the file of a host that a scraper names. It has two `@`, which no target's file has.
fn on_demand(host: &str, module: &str) -> String {
    let mut name = ON_DEMAND.to_owned();
    escape(host, &mut name);
    name.push('@');
    escape(module, &mut name);
    name
}

fn escape(text: &str, name: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            name.push(char::from(byte));
        } else {
            // A string takes whatever is written to it.
            let _ = write!(name, "%{byte:02X}");
        }
    }
}

/// Removes the files of hosts that scrapers named, by their modules, but for those that are `polled`: such as
/// were not written for so long, and the oldest of more than so many. Whom nobody names any more would stay
/// for good, and whoever makes up names would fill the disk. Returns how many.
pub(crate) fn forget_on_demand<'a>(
    directory: &Path,
    older: Duration,
    most: usize,
    polled: impl Iterator<Item = (&'a str, &'a str)>,
) -> usize {
    let Ok(files) = std::fs::read_dir(directory) else { return 0 };
    let polled: BTreeSet<String> = polled.map(|(host, module)| on_demand(host, module)).collect();
    let written = |file: std::fs::DirEntry| {
        let name = file.file_name();
        // A file of a target that is called so has one `@`.
        let whose = name.to_str()?.split(".json").next().filter(|it| it.starts_with(ON_DEMAND))?;
        let is_one = whose.matches('@').count() == 2 && !polled.contains(whose);
        is_one.then(|| Some((file.metadata().ok()?.modified().ok()?, file.path())))?
    };
    let mut files: Vec<_> = files.filter_map(Result::ok).filter_map(written).collect();
    files.sort_unstable();
    let room = most.saturating_sub(polled.len());
    let too_many = files.len().saturating_sub(room);
    let is_old = |at: SystemTime| {
        let is_believed = at > SystemTime::UNIX_EPOCH + NOT_SET;
        is_believed && at.elapsed().is_ok_and(|age| age > older)
    };
    let old = files.iter().enumerate().filter(|(place, (at, _))| *place < too_many || is_old(*at));
    old.filter(|(_, (_, path))| std::fs::remove_file(path).is_ok()).count()
}

impl Store {
    fn new(directory: &Path, name: &str) -> Self {
        Self { file: StateFile::new(directory, name) }
    }

    /// Whether it says that it is of this site.
    fn is_of(&self, site: &str) -> bool {
        let text = self.file.read(MOST_BYTES).ok().flatten();
        let document = text.and_then(|text| serde_json::from_slice::<Document>(&text).ok());
        document.is_some_and(|document| document.site == site)
    }

    /// Replaces the baseline. Waits for the disk.
    pub(crate) fn save(&self, site: &str, baseline: Baseline) -> anyhow::Result<()> {
        self.file.replace(&text(site, baseline)?)
    }
}

/// The baseline of a file's text.
pub(crate) fn parse(text: &[u8]) -> anyhow::Result<Baseline> {
    // Of another version it may have other fields: that is told first.
    let format = serde_json::from_slice::<Format>(text).ok().map(|it| it.format);
    if let Some(format) = format {
        ensure!(
            format <= FORMAT,
            "it is of a newer version: its format is {format}, known is {FORMAT}"
        );
        ensure!(format == FORMAT, "its format {format} is not known");
    }
    let document: Document = serde_json::from_slice(text).map_err(|error| {
        anyhow!("line {}, character {}: it is no baseline", error.line(), error.column())
    })?;
    // As names are kept today: an older version kept what deceives the eye.
    let clean = |known: &Known| Known::new(&known.id, &known.name, known.entity);
    let all = |of: &[Known]| of.iter().map(clean).collect();
    let sensors = all(&document.sensors);
    let supplies = KeptSupplies { told: all(&document.told), silent: all(&document.silent) };
    let standing =
        document.standing.map(serde_json::from_value).transpose().unwrap_or_else(|error| {
            warn!("what was usual for the sensors is begun anew, the inventory is kept: {error}");
            None
        });
    Ok(Baseline { sensors, standing, supplies })
}

/// The text of a baseline's file.
pub(crate) fn text(site: &str, baseline: Baseline) -> anyhow::Result<Vec<u8>> {
    let Baseline { sensors, standing, supplies } = baseline;
    let KeptSupplies { told, silent } = supplies;
    let standing = standing.map(serde_json::to_value).transpose()?;
    let document =
        Document { format: FORMAT, site: site.to_owned(), sensors, standing, told, silent };
    Ok(serde_json::to_vec(&document)?)
}

#[cfg(test)]
mod tests;
