//! What is remembered of a set, on disk: one JSON file a set, written whole or not at all.
//!
//! Only regular files are touched, and no symlink is followed. A file that cannot be understood is moved
//! aside, and the set begins anew.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::config::Plan;
use crate::verdict::Memory;

const FORMAT: u32 = 1;
/// A million resolvers and some questions, with room.
const MOST_BYTES: u64 = 256 << 20;

/// Where what is remembered of one set is kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Store {
    file: PathBuf,
}

#[derive(Deserialize, Serialize)]
struct Document {
    format: u32,
    questions: Vec<Question>,
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
        Self { file: directory.join(name + ".json") }
    }

    /// What is remembered for the questions of a plan, in their order. Warns of a file that is of no use.
    pub(crate) fn load(&self, plan: &Plan) -> Vec<Memory> {
        match self.read() {
            Ok(None) => Vec::new(),
            Ok(Some(text)) => match parse(&text) {
                Ok(document) => document.memories(plan),
                Err(error) => {
                    let file = self.file.display();
                    warn!("what {file} remembers cannot be read, and is moved aside: {error:#}");
                    let aside = self.file.with_extension("json.unreadable");
                    if let Err(error) = fs::rename(&self.file, aside) {
                        warn!("{file} cannot be moved aside: {error}");
                    }
                    Vec::new()
                }
            },
            Err(error) => {
                warn!("what was remembered is not known: {error:#}");
                Vec::new()
            }
        }
    }

    fn read(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let read = || -> io::Result<Vec<u8>> {
            let file = open(&self.file, OpenOptions::new().read(true))?;
            let mut text = Vec::new();
            file.take(MOST_BYTES + 1).read_to_end(&mut text)?;
            Ok(text)
        };
        match read() {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            read => read.map(Some).with_context(|| format!("reading {}", self.file.display())),
        }
    }

    /// Replaces what is remembered. Waits for the disk.
    pub(crate) fn save(&self, plan: &Plan, memories: &[Memory]) -> anyhow::Result<()> {
        let text = serde_json::to_vec(&Document::new(plan, memories))?;
        let fresh = self.file.with_extension("json.new");
        create(&fresh)
            .and_then(|mut file| {
                file.write_all(&text)?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&fresh, &self.file))
            .with_context(|| format!("writing {}", self.file.display()))
    }
}

/// Makes the directory if it is not there yet, and makes sure that files can be written in it.
pub(crate) fn prepare(directory: &Path) -> anyhow::Result<()> {
    let probe = directory.join(".turbulence-dns");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .and_then(|()| create(&probe))
        .and_then(|_| fs::remove_file(&probe))
        .with_context(|| format!("state_directory: preparing {}", directory.display()))
}

impl Document {
    fn new(plan: &Plan, memories: &[Memory]) -> Self {
        let question = |(asked, memory): (&crate::config::Asked, &Memory)| {
            let resolvers = plan.set.list.resolvers.iter().zip(&memory.answered);
            Question {
                name: asked.name.as_str().to_owned(),
                r#type: asked.kind.as_str().to_owned(),
                memory: memory.clone(),
                answered: resolvers
                    .filter(|(_, last)| **last > 0)
                    .map(|(resolver, last)| (resolver.address, *last))
                    .collect(),
            }
        };
        let questions = plan.questions.iter().zip(memories).map(question).collect();
        Self { format: FORMAT, questions }
    }

    fn memories(mut self, plan: &Plan) -> Vec<Memory> {
        let mut memory = |asked: &crate::config::Asked| {
            let is_same =
                |it: &Question| it.name == asked.name.as_str() && it.r#type == asked.kind.as_str();
            let Some(at) = self.questions.iter().position(is_same) else {
                return Memory::default();
            };
            let Question { mut memory, answered, .. } = self.questions.swap_remove(at);
            let resolvers = plan.set.list.resolvers.iter();
            memory.answered =
                resolvers.map(|it| answered.get(&it.address).copied().unwrap_or(0)).collect();
            memory
        };
        plan.questions.iter().map(&mut memory).collect()
    }
}

fn parse(text: &[u8]) -> anyhow::Result<Document> {
    ensure!(text.len() as u64 <= MOST_BYTES, "it is larger than {MOST_BYTES} bytes");
    let document: Document = serde_json::from_slice(text)?;
    ensure!(document.format == FORMAT, "format {} is not known", document.format);
    Ok(document)
}

/// An empty file that its owner alone may read.
fn create(path: &Path) -> io::Result<File> {
    let file = open(path, OpenOptions::new().write(true).create(true).mode(0o600))?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.set_len(0)?;
    Ok(file)
}

/// Opens a regular file without waiting, as opening a FIFO would, and without following a symlink.
fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let no_regular_file = || io::Error::other("it is no regular file");
    let file = options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    let file = file.map_err(|error| match error.raw_os_error() {
        Some(libc::ELOOP | libc::EISDIR | libc::ENXIO) => no_regular_file(),
        _ => error,
    })?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(no_regular_file()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

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
        store.save(&plan("127.0.0.1, 127.0.0.2"), &[memory(&[7, 0]), memory(&[0, 9])]).unwrap();
        let memories = store.load(&plan("127.0.0.2, 127.0.0.3, 127.0.0.1"));
        assert_eq!(memories, [memory(&[0, 0, 7]), memory(&[9, 0, 0])]);
    }

    #[test]
    fn a_file_that_is_none_of_ours_is_moved_aside() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("world.json");
        fs::write(&file, "{}").unwrap();
        assert_eq!(Store::new(folder.path(), "world").load(&plan("127.0.0.1")), []);
        assert!(!file.exists() && folder.path().join("world.json.unreadable").exists());
        std::os::unix::fs::symlink("/etc/passwd", &file).unwrap();
        assert_eq!(Store::new(folder.path(), "world").load(&plan("127.0.0.1")), []);
        assert!(file.symlink_metadata().is_ok(), "a link is left alone");
    }
}
