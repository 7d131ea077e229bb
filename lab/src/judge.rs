//! The judge of worlds: what was wanted, and what the suite would have notified.
//!
//! A world (`worlds/FORMAT.md`) is fed in virtual time into the exporters' own code; promtool runs the
//! shipped rules on what each scrape would have shown; a model of Alertmanager applies the shipped
//! configuration. Nothing is measured, and nothing waits.

mod drives;
mod format;
mod machines;
mod names;
pub mod notifications;
mod opinion;
mod promtool;
mod questions;
mod recording;
mod rules;
pub mod timeline;
mod vantages;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use anyhow::{Context as _, ensure};
use clap::Args;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike as _};

use self::format::World;
use self::notifications::{Config, notifications};
pub use self::opinion::Opinion;
use self::promtool::Asked;
use self::recording::Recording;
use self::rules::Rules;

/// Rules are evaluated so often at most, in seconds: as often as the shipped ones ask for.
const EVALUATION: u64 = 5;

/// What is judged, and where the suite is.
#[derive(Debug, Args)]
pub struct Options {
    /// Files of worlds, or folders of them (*.yml).
    #[arg(required = true, value_name = "WORLD")]
    worlds: Vec<PathBuf>,
    /// The root of the repository, for its alerts/.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    suite: PathBuf,
    /// Keep what promtool reads in this folder.
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
}

/// A world, and what came of it.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The world's name.
    pub name: String,
    /// What it wants, in words.
    pub wanted: String,
    /// What came of it.
    pub opinion: Opinion,
}

impl Judgement {
    /// The line that the judge prints.
    pub fn line(&self) -> String {
        let Self { name, wanted, opinion } = self;
        let wrong = match &opinion.wrong[..] {
            [] => "ok".to_owned(),
            wrong => format!("WRONG: {}", wrong.join(" | ")),
        };
        format!("world={name} wanted=<{wanted}> got=<{}> {wrong}", opinion.got)
    }
}

/// The shipped rules and routes.
#[derive(Debug)]
pub struct Suite {
    rules: Vec<Rules>,
    /// The words of the rules; the metrics that they read are among them.
    words: BTreeSet<String>,
    routes: Config,
}

impl Suite {
    /// Reads the `alerts/` of a repository.
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let alerts = root.join("alerts");
        let files = listed(&alerts, ".rules.yml")?;
        ensure!(!files.is_empty(), "{} has no rules", alerts.display());
        let (mut words, mut rules) = (BTreeSet::new(), Vec::new());
        for file in &files {
            let text = read(file)?;
            rules.push(Rules::parse(&text, file)?);
            words.extend(rules::words(&text).map(str::to_owned));
        }
        let file = alerts.join("alertmanager.yml");
        let routes = Config::parse(&read(&file)?, &file.display().to_string())?;
        Ok(Self { rules, words, routes })
    }

    /// Judges the world of a file; promtool reads what was scraped from `folder`.
    pub fn judge(&self, file: &Path, folder: &Path) -> anyhow::Result<Judgement> {
        let world = World::parse(&read(file)?, &file.display().to_string())?;
        let name = world.name.clone();
        let opinion = self.opinion(&world, folder).with_context(|| format!("world {name}"))?;
        Ok(Judgement { name, wanted: world.about, opinion })
    }

    fn opinion(&self, world: &World, folder: &Path) -> anyhow::Result<Opinion> {
        let interval = world.scrapes.interval.0;
        let mut recording = Recording::new(interval, world.seconds, self.words.clone());
        machines::record(world, &mut recording)?;
        vantages::record(world, &mut recording)?;
        questions::record(world, &mut recording)?;
        drives::record(world, &mut recording);
        let step = interval.max(EVALUATION);
        let asked = Asked {
            rules: &rules::that_read(&self.rules, &recording.metrics()),
            recording: &recording,
            scrapes: interval,
            evaluations: step,
            seconds: world.seconds,
        };
        let file = folder.join(format!("{}.test.json", world.name));
        match promtool::ask(&asked, &file) {
            Ok(timeline) => {
                let told = notifications(&self.routes, &timeline);
                Ok(opinion::judge(world, &timeline, &told))
            }
            // A rule that fails is a fault of the rules, not of the judge.
            Err(error) => {
                let wrong = vec![format!("{error:#}")];
                Ok(Opinion { got: "no answer of promtool".to_owned(), wrong })
            }
        }
    }

    /// Judges the worlds of many files, on all cores, and says what came of each in their order.
    pub fn judge_all(
        &self,
        files: &[PathBuf],
        folder: &Path,
        mut say: impl FnMut(&Path, anyhow::Result<Judgement>),
    ) {
        let next = AtomicUsize::new(0);
        let (tell, told) = mpsc::channel();
        let workers = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            for _ in 0..workers {
                let (tell, next) = (tell.clone(), &next);
                scope.spawn(move || {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(file) = files.get(number) else { break };
                        // Nobody hears it when the one that asked has gone.
                        let _ = tell.send((number, self.judge(file, folder)));
                    }
                });
            }
            drop(tell);
            let mut waiting = std::collections::BTreeMap::new();
            let mut shown = 0;
            for (number, judgement) in told {
                waiting.insert(number, judgement);
                while let Some(judgement) = waiting.remove(&shown) {
                    say(&files[shown], judgement);
                    shown += 1;
                }
            }
        });
    }
}

/// What each scrape of a world's machines gets: the second, and the page.
pub fn pages(file: &Path) -> anyhow::Result<Vec<(u64, String)>> {
    let world = World::parse(&read(file)?, &file.display().to_string())?;
    let scrapes: Vec<(usize, u64)> =
        Recording::new(world.scrapes.interval.0, world.seconds, BTreeSet::new())
            .scrapes()
            .collect();
    let mut pages = Vec::new();
    for machine in &world.machines {
        machines::pages(&world, machine, &scrapes, |_, second, page| {
            pages.push((second, page.to_owned()));
        })?;
    }
    pages.sort_by_key(|(second, _)| *second);
    Ok(pages)
}

/// Judges worlds and prints a line for each; whether all came out as wanted.
pub fn run(options: &Options, mut print: impl FnMut(&str)) -> anyhow::Result<bool> {
    let suite = Suite::read(&options.suite)?;
    let files = worlds(&options.worlds)?;
    let own = crate::folder::own()?;
    let folder = options.keep.as_deref().unwrap_or(own.path());
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let mut wrong = 0;
    suite.judge_all(&files, folder, |file, judgement| match judgement {
        Ok(judgement) => {
            wrong += usize::from(!judgement.opinion.wrong.is_empty());
            print(&judgement.line());
        }
        Err(error) => {
            wrong += 1;
            print(&format!("{}: {error:#}", file.display()));
        }
    });
    let seconds = cpu_seconds().map_or_else(String::new, |it| format!(", {it:.0} s of CPU time"));
    print(&format!("# {} worlds, {wrong} WRONG{seconds}", files.len()));
    Ok(wrong == 0)
}

/// What this process and the programs that it waited for have taken (getrusage(2)); nothing if the system does not say.
fn cpu_seconds() -> Option<f64> {
    let seconds = |time: TimeVal| time.num_milliseconds() as f64 / 1e3;
    [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN].into_iter().try_fold(0.0, |sum, who| {
        let usage = getrusage(who).ok()?;
        Some(sum + seconds(usage.user_time()) + seconds(usage.system_time()))
    })
}

/// The files of worlds that are named, those of folders in the order of their names.
pub fn worlds(named: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in named {
        if path.is_dir() {
            let found = listed(path, ".yml")?;
            ensure!(!found.is_empty(), "{} has no worlds (*.yml)", path.display());
            files.extend(found);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn listed(folder: &Path, ending: &str) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let fits = path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ending));
        if fits && path.is_file() {
            files.push(path.canonicalize()?);
        }
    }
    files.sort();
    Ok(files)
}

fn read(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))
}
