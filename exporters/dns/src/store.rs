//! What is remembered of a set, on disk: one JSON file a set. One that cannot be understood is moved aside,
//! and the set begins anew.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::Path;

use anyhow::ensure;
use exporter_kit::StateFile;
use serde::{Deserialize, Serialize, Serializer};
use tracing::warn;

use crate::config::Plan;
use crate::courtesy::{Remembered, readable};
use crate::verdict::Memory;

const FORMAT: u32 = 1;
/// Minutes for which it counts that a resolver answered.
const DAY: u32 = 24 * 60;
/// A million resolvers and some questions, with room.
const MOST_BYTES: u64 = 256 << 20;

/// Where what is remembered of one set is kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Store {
    file: StateFile,
    /// Whether it was told what is wrong with the file.
    is_told: bool,
}

#[derive(Default, Deserialize)]
struct Document {
    format: u32,
    questions: Vec<Question>,
    /// How resolvers are to be asked.
    #[serde(default, deserialize_with = "readable")]
    habits: Vec<Remembered>,
}

/// The same, as it is written.
#[derive(Serialize)]
struct Written<H> {
    format: u32,
    questions: Vec<Question>,
    habits: H,
}

/// What is made anew each time that it is written: of a million it is more than what it is written as.
struct Each<F>(F);

impl<T: Serialize, I: Iterator<Item = T>, F: Fn() -> I> Serialize for Each<F> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq((self.0)())
    }
}

/// Counts the bytes that are written.
struct Length(usize);

impl Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// It as JSON, in as many bytes as that takes: one that grows has twice as many at times, and more while it does.
fn json(document: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut length = Length(0);
    serde_json::to_writer(&mut length, document)?;
    let mut bytes = Vec::with_capacity(length.0);
    serde_json::to_writer(&mut bytes, document)?;
    Ok(bytes)
}

/// What is remembered of a set.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Kept {
    /// What is remembered for the questions of a plan, in their order.
    pub(crate) memories: Vec<Memory>,
    /// How its resolvers are to be asked.
    pub(crate) habits: Vec<Remembered>,
}

/// What is remembered of one question.
#[derive(Deserialize, Serialize)]
struct Question {
    name: String,
    r#type: String,
    memory: Memory,
    /// When each resolver answered last, in minutes since the epoch.
    answered: HashMap<IpAddr, u32>,
}

impl Store {
    /// The file of a set.
    pub(crate) fn new(directory: &Path, set: &str) -> Self {
        let mut name = String::new();
        for byte in set.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_".contains(&byte) {
                name.push(char::from(byte));
            } else {
                // A string takes whatever is written to it.
                let _ = write!(name, "%{byte:02X}");
            }
        }
        Self { file: StateFile::new(directory, &name), is_told: false }
    }

    /// The same, of whose file it was told already what is wrong with it.
    pub(crate) fn told(self, is_told: bool) -> Self {
        Self { is_told, ..self }
    }

    /// Why the file is of no use, if it is not. Changes nothing.
    pub(crate) fn fault(&self) -> Option<String> {
        let fault = self.file.look(MOST_BYTES, parse).fault()?;
        Some(format!("{} {fault}", self.file.path().display()))
    }

    /// What is remembered of a plan's set, and the store if it can be used.
    pub(crate) fn open(self, plan: &Plan) -> (Option<Self>, Kept) {
        let held = self.file.look(MOST_BYTES, parse);
        if let Some(fault) = held.fault().filter(|_| !self.is_told) {
            warn!(set = plan.set.name, "{} {fault}", self.file.path().display());
        }
        match self.file.open(held) {
            Some(mut document) => {
                let habits = std::mem::take(&mut document.habits);
                (Some(self), Kept { memories: document.memories(plan), habits })
            }
            None => (None, Kept::default()),
        }
    }

    /// Replaces what is remembered. Waits for the disk.
    pub(crate) fn save<I: Iterator<Item = Remembered>>(
        &self,
        plan: &Plan,
        memories: &[Memory],
        habits: impl Fn() -> I,
    ) -> anyhow::Result<()> {
        let Document { format, questions, .. } = Document::new(plan, memories);
        self.file.replace(&json(&Written { format, questions, habits: Each(habits) })?)
    }
}

/// What is remembered for the questions of a plan, of what was for those of another: by name, type and address.
pub(crate) fn memories_of(plan: &Plan, memories: &[Memory], other: &Plan) -> Vec<Memory> {
    if memories.is_empty() { Vec::new() } else { Document::new(plan, memories).memories(other) }
}

impl Document {
    fn new(plan: &Plan, memories: &[Memory]) -> Self {
        let question = |(asked, memory): (&crate::config::Asked, &Memory)| {
            let resolvers = plan.set.list.resolvers.iter().zip(&memory.answered);
            let listed = resolvers.map(|(resolver, last)| (resolver.address, *last));
            let elsewhere = memory.elsewhere.iter().map(|(address, last)| (*address, *last));
            Question {
                name: asked.name.as_str().to_owned(),
                r#type: asked.kind.as_str().to_owned(),
                memory: memory.clone(),
                answered: elsewhere.chain(listed).filter(|(_, last)| *last > 0).collect(),
            }
        };
        let questions = plan.questions.iter().zip(memories).map(question).collect();
        Self { format: FORMAT, questions, habits: Vec::new() }
    }

    fn memories(mut self, plan: &Plan) -> Vec<Memory> {
        let mut memory = |asked: &crate::config::Asked| {
            let is_same =
                |it: &Question| it.name == asked.name.as_str() && it.r#type == asked.kind.as_str();
            let Some(at) = self.questions.iter().position(is_same) else {
                return Memory::default();
            };
            let Question { mut memory, mut answered, .. } = self.questions.swap_remove(at);
            let newest = answered.values().max().copied().unwrap_or_default();
            let resolvers = plan.set.list.resolvers.iter();
            memory.answered =
                resolvers.map(|it| answered.remove(&it.address).unwrap_or(0)).collect();
            // Whom names stood for within a day.
            let is_kept = |last: u32| plan.set.list.names > 0 && newest - last <= DAY;
            memory.elsewhere = answered.into_iter().filter(|(_, last)| is_kept(*last)).collect();
            memory
        };
        plan.questions.iter().map(&mut memory).collect()
    }
}

fn parse(text: &[u8]) -> anyhow::Result<Document> {
    let document: Document = serde_json::from_slice(text)?;
    ensure!(document.format == FORMAT, "format {} is not known", document.format);
    Ok(document)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::SocketAddr;

    use exporter_kit::Exporter as _;

    use super::*;
    use crate::config::Config;
    use crate::courtesy::{Habits, Impression};

    fn plan(resolvers: &str) -> Plan {
        let text = format!(
            "vantage: {{ name: fra, region: EMEA }}\n\
             sets: [{{ name: world, resolvers: [{resolvers}], allow_private: true }}]\n\
             questions: [{{ name: a.example, types: [A, AAAA] }}]\n"
        );
        let config: Config = exporter_kit::config::parse(&text, "test.yml").unwrap();
        config.complete(Path::new(".")).unwrap().plans(&[]).0["world"].clone()
    }

    #[test]
    fn what_was_remembered_is_remembered_by_name_type_and_address() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path(), "world");
        let memory = |answered: &[u32]| {
            let mut memory = Memory::default();
            memory.answered.extend(answered);
            memory
        };
        let (address, mut habits) = (([127, 0, 0, 1], 53).into(), Habits::default());
        habits.learn([(address, Impression::Plain)].into_iter(), 7);
        let habits = habits.of([address].into_iter());
        let memories = [memory(&[7, 0]), memory(&[0, 9])];
        let each = || habits.clone().into_iter();
        store.save(&plan("127.0.0.1, 127.0.0.2"), &memories, each).unwrap();
        let (store, kept) = store.open(&plan("127.0.0.2, 127.0.0.3, 127.0.0.1"));
        assert_eq!(store, Some(Store::new(folder.path(), "world")));
        assert_eq!(kept.memories, [memory(&[0, 0, 7]), memory(&[9, 0, 0])]);
        assert_eq!((kept.habits.len(), kept.habits), (1, habits));
        // A file of an earlier release has none.
        fs::write(folder.path().join("world.json"), r#"{"format":1,"questions":[]}"#).unwrap();
        let (store, kept) = Store::new(folder.path(), "world").open(&plan("127.0.0.1"));
        assert!(store.is_some() && kept.habits.is_empty());
    }

    #[test]
    fn what_a_dead_resolver_takes_of_a_file_is_little_and_no_more_is_taken_to_write_it() {
        const DEAD: u32 = 10_000;
        let mut habits = Habits::default();
        let dead = || (0..DEAD).map(|at| SocketAddr::from(((at | 0xcb00_0000).to_be_bytes(), 53)));
        let alive = || (1..1_000).map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        for hour in 0..3 {
            let silent = dead().map(|it| (it, Impression::Silent));
            let others = alive().map(|it| (it, Impression::Replied));
            habits.learn(silent.chain(others), 1_795_900_000 + 3_600 * hour);
        }
        let remembered = || habits.of(dead()).into_iter();
        let bytes = json(&Each(remembered)).unwrap();
        assert_eq!(bytes.capacity(), bytes.len());
        let each = bytes.len() / DEAD as usize;
        assert!(each <= 60, "{each} bytes");
        let again: Vec<Remembered> = serde_json::from_slice(&bytes).unwrap();
        assert!(remembered().eq(again));
    }

    #[test]
    fn a_file_that_is_none_of_ours_is_moved_aside() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("world.json");
        fs::write(&file, "{}").unwrap();
        let open = || Store::new(folder.path(), "world").open(&plan("127.0.0.1"));
        assert!(open().0.is_some());
        assert!(!file.exists() && folder.path().join("world.json.unreadable").exists());
        std::os::unix::fs::symlink("/etc/passwd", &file).unwrap();
        assert_eq!(open(), (None, Kept::default()));
        assert!(file.symlink_metadata().is_ok(), "a link is left alone");
    }

    #[test]
    fn a_file_that_is_of_no_use_is_told_when_the_config_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        fs::create_dir_all(state.join("folder.json")).unwrap();
        fs::write(state.join("text.json"), "{").unwrap();
        fs::write(state.join("zone.a.example.json"), "{").unwrap();
        let long = "\u{e9}".repeat(100);
        let set = |name: &str| {
            format!("  - {{name: {name}, resolvers: [127.0.0.1], allow_private: true}}\n")
        };
        let sets: String = ["good", "folder", "text", &long].map(set).concat();
        let text = format!(
            "vantage: {{name: fra, region: EMEA}}\nstate_directory: state\nsets:\n{sets}\
             questions: [{{name: a.example, types: [A]}}]\n\
             zones:\n  a.example: {{}}\n"
        );
        let config: Config = exporter_kit::parse(&text, "test.yml").unwrap();
        let config = crate::DnsExporter::prepare(config, folder.path()).unwrap();
        let told = |words: &[&str]| {
            let has_all = |line: &&String| words.iter().all(|word| line.contains(word));
            config.warnings.iter().filter(has_all).count()
        };
        for words in [
            ["line 5: state_directory: ", "folder.json is not used"],
            ["line 6: state_directory: ", "text.json is moved aside"],
            ["line 7: state_directory: ", "is too long for a file"],
            ["line 10: state_directory: ", "zone.a.example.json is moved aside"],
        ] {
            assert_eq!(told(&words), 1, "{words:?}: {:?}", config.warnings);
        }
        assert_eq!(told(&["state_directory: "]), 4, "{:?}", config.warnings);
        assert!(state.join("text.json").exists(), "a look changes nothing");
    }
}
