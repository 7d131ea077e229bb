//! The tables on the user's disk that say whose addresses, routers and exchanges are: read beside the thread that
//! measures, read again when they change, and exchanged as a whole (I/O).
//!
//! | file | noun |
//! |---|---|
//! | `kept` | one file: what was last good of it (I/O) |
//! | `asn` | whose addresses are (pure) |
//! | `exchanges` | the peering LANs of internet exchanges (pure) |
//! | `places`, `words` | cities and their codes; words that are none by themselves (pure) |
//! | `hints` | what a token means in one domain (pure) |
//! | `parsed` | what reading a table came to (pure) |

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::sleep;

mod asn;
mod exchanges;
mod hints;
mod kept;
mod parsed;
mod places;
mod words;

use crate::config::path::TableFiles;
use asn::AsnTable;
pub(crate) use exchanges::{Exchange, Exchanges};
pub(crate) use hints::Hints;
use kept::Kept;
pub(crate) use places::{Place, Places};

/// The tables, as they are now.
#[derive(Clone, Debug)]
pub(crate) struct Tables(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    disk: Mutex<Disk>,
    loaded: RwLock<Arc<Loaded>>,
    /// How often it is looked again: apart from the disk, which is locked while a file is read.
    every: Mutex<Duration>,
    /// Says that other files are named.
    changed: Notify,
    watch: Mutex<Option<AbortHandle>>,
}

/// What was read of each file.
#[derive(Debug, Default)]
struct Disk {
    asn: Vec<Kept<AsnTable>>,
    ix: Option<Kept<Exchanges>>,
    places: Option<Kept<Places>>,
    hints: Option<Kept<Hints>>,
}

/// What they say.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    asn: Vec<Arc<AsnTable>>,
    exchanges: Option<Arc<Exchanges>>,
    places: Arc<Places>,
    hints: Arc<Hints>,
    /// What is to be shown of each that is configured.
    pub(crate) figures: Vec<TableFigures>,
}

/// What is to be shown of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TableFigures {
    /// Which, as a label has it.
    pub(crate) table: &'static str,
    /// How many entries it has.
    pub(crate) entries: u64,
    /// How many lines of the newest files could not be read.
    pub(crate) rejected: u64,
    /// When the oldest of its files that are in force was written, in seconds since the epoch.
    pub(crate) modified: Option<f64>,
    /// Why a file is not in force as it is.
    pub(crate) faults: Vec<String>,
}

impl Default for Tables {
    fn default() -> Self {
        let disk = Disk::default();
        let loaded = RwLock::new(Arc::new(disk.loaded()));
        let inner = Inner {
            disk: Mutex::new(disk),
            loaded,
            every: Mutex::new(TableFiles::default().reload),
            changed: Notify::default(),
            watch: Mutex::default(),
        };
        Self(Arc::new(inner))
    }
}

impl Tables {
    /// Has these files be the tables, and reads those that are new. To be called within the runtime, on a thread
    /// that may block.
    pub(crate) fn set(&self, files: &TableFiles) {
        self.0.refresh(Some(files));
        self.0.changed.notify_one();
        let mut watch = self.0.watch.lock().unwrap_or_else(PoisonError::into_inner);
        if watch.is_none() && *files != TableFiles::default() {
            let inner = Arc::downgrade(&self.0);
            *watch = Some(
                tokio::spawn(async move {
                    while let Some(inner) = inner.upgrade() {
                        inner.look_again().await;
                    }
                })
                .abort_handle(),
            );
        }
    }

    /// What they say now.
    pub(crate) fn get(&self) -> Arc<Loaded> {
        Arc::clone(&self.0.loaded.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watch) = watch.take() {
            watch.abort();
        }
    }
}

impl Inner {
    /// Waits for the time at which it is looked whether a file has changed, and looks.
    async fn look_again(self: Arc<Self>) {
        let every = *self.every.lock().unwrap_or_else(PoisonError::into_inner);
        tokio::select! {
            () = sleep(every) => {}
            () = self.changed.notified() => return,
        }
        // A panic while reading would be a bug; the old tables stay.
        let _ = spawn_blocking(move || self.refresh(None)).await;
    }

    /// Reads what has changed, and puts it in force.
    fn refresh(&self, files: Option<&TableFiles>) {
        let mut disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(files) = files {
            disk.name(files);
            *self.every.lock().unwrap_or_else(PoisonError::into_inner) = files.reload;
        }
        if disk.refresh() || files.is_some() {
            let loaded = Arc::new(disk.loaded());
            *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        }
    }
}

impl Disk {
    /// Takes these files for the tables; what is known of those that were named before stays.
    fn name(&mut self, files: &TableFiles) {
        let mut before = std::mem::take(&mut self.asn);
        let asn = files.asn.iter().map(|path| {
            let known = before.iter().position(|kept| kept.path() == path);
            known.map_or_else(|| Kept::new(path), |place| before.swap_remove(place))
        });
        self.asn = asn.collect();
        kept::rename(&mut self.ix, files.ix.as_ref());
        kept::rename(&mut self.places, files.places.as_ref());
        kept::rename(&mut self.hints, files.hints.as_ref());
    }

    /// Reads the files that have changed; whether any has.
    fn refresh(&mut self) -> bool {
        let mut changed = false;
        for kept in &mut self.asn {
            changed |= kept.refresh(AsnTable::read);
        }
        if let Some(kept) = &mut self.ix {
            changed |= kept.refresh_whole(Exchanges::parse);
        }
        if let Some(kept) = &mut self.places {
            changed |= kept.refresh_whole(|bytes| Places::with(Some(bytes)));
        }
        if let Some(kept) = &mut self.hints {
            changed |= kept.refresh_whole(|bytes| Hints::with(Some(bytes)));
        }
        changed
    }

    fn loaded(&self) -> Loaded {
        let places = self.places.as_ref().and_then(Kept::table);
        let hints = self.hints.as_ref().and_then(Kept::table);
        let figures = [
            kept::figures("asn", &self.asn),
            kept::figures("ix", self.ix.as_slice()),
            kept::figures("places", self.places.as_slice()),
            kept::figures("hints", self.hints.as_slice()),
        ];
        Loaded {
            asn: self.asn.iter().filter_map(Kept::table).collect(),
            exchanges: self.ix.as_ref().and_then(Kept::table),
            places: places.unwrap_or_else(shipped_places),
            hints: hints.unwrap_or_else(shipped_hints),
            figures: figures.into_iter().flatten().collect(),
        }
    }
}

/// The cities that are shipped, and no others.
fn shipped_places() -> Arc<Places> {
    Places::with(None).map(|parsed| Arc::new(parsed.table)).unwrap_or_default()
}

fn shipped_hints() -> Arc<Hints> {
    Hints::with(None).map(|parsed| Arc::new(parsed.table)).unwrap_or_default()
}

impl Loaded {
    /// Whether there is a table of who announces addresses.
    pub(crate) fn knows_networks(&self) -> bool {
        !self.asn.is_empty()
    }

    /// Who announces an address: the first table that knows.
    pub(crate) fn asn(&self, ip: IpAddr) -> Option<u32> {
        self.asn.iter().find_map(|table| table.get(ip))
    }

    /// In which exchange's LAN an address is; none without a table as well.
    pub(crate) fn exchange(&self, ip: IpAddr) -> Option<&Exchange> {
        self.exchanges.as_ref()?.get(ip)
    }

    /// Whether there is a table of exchanges.
    pub(crate) fn knows_exchanges(&self) -> bool {
        self.exchanges.is_some()
    }

    /// The cities.
    pub(crate) fn places(&self) -> &Places {
        &self.places
    }

    /// What tokens mean in single domains.
    pub(crate) fn hints(&self) -> &Hints {
        &self.hints
    }

    /// Tables of these bytes, for tests.
    #[cfg(test)]
    pub(crate) fn of(asn: &str, ix: &str, places: &str) -> Self {
        let asn = AsnTable::read(asn.as_bytes()).ok().map(|it| Arc::new(it.table));
        let ix = (!ix.is_empty()).then(|| Exchanges::parse(ix.as_bytes()).unwrap());
        let places = Places::with((!places.is_empty()).then_some(places.as_bytes())).unwrap();
        Self {
            asn: asn.into_iter().collect(),
            exchanges: ix.map(|it| Arc::new(it.table)),
            places: Arc::new(places.table),
            hints: shipped_hints(),
            figures: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// How long a test may wait.
    const PATIENCE: Duration = Duration::from_secs(30);

    fn files(asn: &[&std::path::Path]) -> TableFiles {
        TableFiles {
            asn: asn.iter().map(|path| path.to_path_buf()).collect(),
            reload: Duration::from_millis(20),
            ..TableFiles::default()
        }
    }

    async fn until(tables: &Tables, what: impl Fn(&Loaded) -> bool) {
        let found = async {
            while !what(&tables.get()) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, found).await.unwrap();
    }

    #[tokio::test]
    async fn a_table_is_read_again_and_a_bad_one_leaves_the_last_good_one_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("a.tsv"), folder.path().join("b.txt"));
        fs::write(&first, "192.0.2.0\t192.0.2.255\t64500\tNL\tA\n").unwrap();
        fs::write(&second, "192.0.2.0\t24\t1\n198.51.100.0\t24\t64501\n").unwrap();
        let tables = Tables::default();
        assert!(!tables.get().knows_networks() && tables.get().figures.is_empty());
        tables.set(&files(&[&first, &second]));
        let (ip, other): (IpAddr, IpAddr) = ([192, 0, 2, 1].into(), [198, 51, 100, 1].into());
        let loaded = tables.get();
        assert_eq!((loaded.asn(ip), loaded.asn(other)), (Some(64500), Some(64501)));
        assert_eq!((loaded.figures[0].table, loaded.figures[0].entries), ("asn", 3));
        assert!(loaded.figures[0].modified.is_some_and(|at| at > 1.7e9));

        // By a rename, so that nothing sees half of it.
        let write = |text: &str| {
            let new = folder.path().join("new");
            fs::write(&new, text).unwrap();
            fs::rename(new, &first).unwrap();
        };
        write("192.0.2.0\t192.0.2.255\t64502\tNL\tA\n198.51.100.0\t198.51.100.9\t64503\tNL\tB\n");
        until(&tables, |loaded| loaded.asn(ip) == Some(64502)).await;
        write("192.0.2.0\t192.0.2.255\t64504\tNL\tA\nhalf a li");
        until(&tables, |loaded| !loaded.figures[0].faults.is_empty()).await;
        let loaded = tables.get();
        assert_eq!((loaded.asn(ip), loaded.figures[0].rejected), (Some(64502), 1));
        assert!(loaded.figures[0].faults[0].contains("1 of 2 lines"), "{:?}", loaded.figures);
        fs::remove_file(&first).unwrap();
        until(&tables, |loaded| loaded.figures[0].faults[0].contains("No such file")).await;
        assert_eq!(tables.get().asn(ip), Some(64502));
        tables.set(&files(&[&second]));
        assert_eq!(tables.get().asn(ip), Some(1), "the other file is named no more");
    }

    #[tokio::test]
    async fn who_waits_for_the_next_look_does_not_wait_for_the_disk() {
        let tables = Tables::default();
        let (locked, is_locked) = std::sync::mpsc::channel();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let inner = Arc::clone(&tables.0);
        let reader = std::thread::spawn(move || {
            let _disk = inner.disk.lock().unwrap();
            locked.send(()).unwrap();
            // Not for ever, should somebody wait for it.
            released.recv_timeout(PATIENCE).is_ok()
        });
        is_locked.recv().unwrap();
        let look = tokio::spawn(Arc::clone(&tables.0).look_again());
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        let _ = release.send(());
        assert!(reader.join().unwrap(), "it waited");
        look.abort();
    }

    #[tokio::test]
    async fn a_packed_table_is_unpacked_and_no_file_is_no_table() {
        use std::io::Write as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tsv.gz");
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(b"192.0.2.0\t192.0.2.255\t64500\tNL\tA\n").unwrap();
        fs::write(&path, packed.finish().unwrap()).unwrap();
        let tables = Tables::default();
        tables.set(&files(&[&path, folder.path()]));
        let loaded = tables.get();
        assert_eq!(loaded.asn([192, 0, 2, 1].into()), Some(64500));
        assert!(loaded.figures[0].faults[0].contains("no regular file"), "{:?}", loaded.figures);
    }
}
