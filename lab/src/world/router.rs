//! A route server of ours, by the tables that it writes: who announces the messenger's prefix, as three peers hear it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use tokio::time::sleep;

/// The messenger's prefix: its first octets, and its length.
const PREFIX: ([u8; 4], u8) = ([203, 0, 113, 128], 25);
/// The same, as one writes it.
pub const WATCHED: &str = "203.0.113.128/25";
/// Who announces it.
pub const OWNER: u32 = 62041;
/// The peers, which are the messenger's carriers.
const PEERS: [u32; 3] = [6762, 1273, 3356];
/// A file that was written to a minute ago or less may be half a one.
const AGO: Duration = Duration::from_secs(90);
/// Between two tables: each is looked at.
const BETWEEN: Duration = Duration::from_secs(5);

/// What writes the tables.
#[derive(Debug)]
pub struct Router {
    folder: PathBuf,
    written: AtomicU32,
}

impl Router {
    /// Writes a first table into the folder.
    pub(super) fn start(folder: PathBuf) -> anyhow::Result<Self> {
        let router = Self { folder, written: AtomicU32::new(0) };
        router.write(OWNER)?;
        Ok(router)
    }

    /// Where its tables are, for turbulence-homing.
    pub fn pattern(&self) -> String {
        self.folder.join("rib.*.mrt").display().to_string()
    }

    /// From now on, that one announces the prefix: two tables say so, as many as are needed to believe it.
    pub async fn announce(&self, origin: u32) -> anyhow::Result<()> {
        self.write(origin)?;
        sleep(BETWEEN).await;
        self.write(origin)
    }

    fn write(&self, origin: u32) -> anyhow::Result<()> {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let at = SystemTime::now() - AGO;
        let seconds = at.duration_since(UNIX_EPOCH).context("a clock before 1970")?.as_secs();
        let table = table(u32::try_from(seconds)?, origin);
        // Elsewhere first, so that nobody reads half of it.
        let partial = self.folder.join("partial");
        put(&partial, &table, at).with_context(|| partial.display().to_string())?;
        Ok(fs::rename(&partial, self.folder.join(format!("rib.{number:04}.mrt")))?)
    }
}

fn put(path: &Path, table: &[u8], at: SystemTime) -> std::io::Result<()> {
    fs::write(path, table)?;
    File::options().write(true).open(path)?.set_modified(at)
}

/// A table of MRT's format `TABLE_DUMP_V2` (RFC 6396, 4.3): the peers, and the prefix as each of them hears it.
fn table(time: u32, origin: u32) -> Vec<u8> {
    let mut peers = vec![192, 0, 2, 1, 0, 0];
    peers.extend(count(PEERS.len()));
    for (number, asn) in (1..).zip(PEERS) {
        // Of IPv4, its number in four octets; who it is, and where.
        peers.extend([2, 198, 51, 100, number, 198, 51, 100, number]);
        peers.extend(asn.to_be_bytes());
    }
    let (network, length) = PREFIX;
    let mut routes = vec![0, 0, 0, 0, length];
    routes.extend(network);
    routes.extend(count(PEERS.len()));
    for (number, asn) in (0_u16..).zip(PEERS) {
        routes.extend(number.to_be_bytes());
        routes.extend(time.to_be_bytes());
        // ORIGIN is IGP, AS_PATH is a sequence of two: of the peer and who announces.
        let mut attributes = vec![0x40, 1, 1, 0, 0x40, 2, 10, 2, 2];
        attributes.extend([asn.to_be_bytes(), origin.to_be_bytes()].concat());
        routes.extend(count(attributes.len()));
        routes.extend(attributes);
    }
    [record(time, 1, &peers), record(time, 2, &routes)].concat()
}

/// A record of that subtype.
fn record(time: u32, subtype: u16, of: &[u8]) -> Vec<u8> {
    const TABLE_DUMP_V2: u16 = 13;
    let mut record = time.to_be_bytes().to_vec();
    record.extend(TABLE_DUMP_V2.to_be_bytes());
    record.extend(subtype.to_be_bytes());
    record.extend(u32::try_from(of.len()).expect("a table is small").to_be_bytes());
    record.extend(of);
    record
}

/// A count of two octets.
fn count(of: usize) -> [u8; 2] {
    u16::try_from(of).expect("a table is small").to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_records_of_a_table_are_as_long_as_they_say() {
        let table = table(1_525_000_000, OWNER);
        let length = |at: usize| {
            u32::from_be_bytes(table[at + 8..at + 12].try_into().unwrap()) as usize + 12
        };
        let first = length(0);
        assert_eq!(first + length(first), table.len());
        assert!(table.windows(4).filter(|it| *it == OWNER.to_be_bytes()).count() == PEERS.len());
    }

    #[tokio::test(start_paused = true)]
    async fn each_table_is_a_file_of_its_own_that_is_written_to_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let router = Router::start(folder.path().to_owned()).unwrap();
        router.announce(64_511).await.unwrap();
        let mut files: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap()).collect();
        files.sort_by_key(fs::DirEntry::file_name);
        assert_eq!(files.len(), 3);
        let old = SystemTime::now() - Duration::from_secs(61);
        assert!(files.iter().all(|it| it.metadata().unwrap().modified().unwrap() < old));
    }
}
