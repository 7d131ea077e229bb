//! What is told of each address, over reloads and restarts: of what is down nobody learns again where it lives, and that is when
//! it is asked.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use exporter_kit::WRITTEN;

use super::{Standing, file};
use crate::class::Class;
use crate::judge::{self, Verdict};
use crate::kept::{Kept, Kind};
use crate::sets::Service;
use crate::world::{Endpoint, World};

/// Far more bytes than 2,000 addresses have that 200 vantages see.
const KIND: Kind = Kind { name: "places", of: "where addresses live", most_bytes: 64 << 20 };
/// Seconds between two writings of what is told as before, whose round trips alone are others.
const WRITTEN_EACH: u64 = 300;

/// One for all tasks that follow each other over reloads.
#[derive(Debug)]
pub(crate) struct Store {
    inner: Mutex<Inner>,
    /// Of the tasks that followed each other, the last one's.
    turn: AtomicU64,
    /// Where it is to be kept. By itself: whoever says so waits for no disk.
    directory: Mutex<Option<PathBuf>>,
}

#[derive(Debug)]
struct Inner {
    standing: Standing,
    kept: Kept,
    /// When it was written last, and what was told then.
    written: Option<(u64, Gist)>,
}

/// What is worth a writing when it changes: of each address the class and the city.
type Gist = Vec<(Endpoint, IpAddr, Class, Option<&'static str>)>;

impl Store {
    /// Nothing is told yet; where there is a folder, it is kept there, and what is wrong with it may have been told.
    pub(crate) fn new(directory: Option<&Path>, told: Option<String>) -> Self {
        let kept = Kept::new(&KIND, directory, told);
        let inner = Inner { standing: Standing::default(), kept, written: None };
        let directory = directory.map(Path::to_owned);
        Self { inner: Mutex::new(inner), turn: AtomicU64::new(0), directory: Mutex::new(directory) }
    }

    /// From the next evaluation on it is kept in that folder, or in none.
    pub(crate) fn keep_in(&self, directory: Option<&Path>) {
        *self.directory.lock().unwrap_or_else(PoisonError::into_inner) =
            directory.map(Path::to_owned);
    }

    /// Who evaluates from now on, and nobody before.
    pub(crate) fn turn(&self) -> u64 {
        self.turn.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Evaluates a world of that moment, and goes on by what was told before; none where others evaluate by now. Waits for the
    /// disk at the first time.
    pub(crate) fn judge(
        &self,
        turn: u64,
        world: &World,
        services: &[Service],
        interval: Duration,
        unix: u64,
    ) -> Option<Verdict> {
        self.with(turn, |inner| {
            // By the time of 1970 nothing is too old, and later all is.
            if unix >= WRITTEN {
                let directory = self.directory.lock().unwrap_or_else(PoisonError::into_inner);
                inner.kept.move_to(directory.clone());
                drop(directory);
                if let Some(kept) = inner.kept.read(file::parse) {
                    inner.standing.go_on_by(kept, unix);
                }
            }
            inner.standing.next(interval, unix);
            judge::judge(world, services, &mut inner.standing)
        })
    }

    /// Writes what is told, where it is not what was written, or that was a while ago. Waits for the disk.
    pub(crate) fn keep(&self, turn: u64, unix: u64) {
        self.with(turn, |inner| {
            if unix < WRITTEN {
                return;
            }
            let Inner { standing, kept, written } = inner;
            let gist = gist(standing);
            let is_old =
                |(at, before): &(u64, Gist)| unix.abs_diff(*at) >= WRITTEN_EACH || *before != gist;
            let is_new = written.as_ref().is_none_or(is_old);
            kept.write(is_new, || file::text(standing));
            if is_new {
                *written = Some((unix, gist));
            }
        });
    }

    fn with<T>(&self, turn: u64, work: impl FnOnce(&mut Inner) -> T) -> Option<T> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        (self.turn.load(Ordering::Relaxed) == turn).then(|| work(&mut inner))
    }
}

/// Why the file of that folder is of no use, if it is not. Changes nothing.
pub(crate) fn fault(directory: &Path) -> Option<String> {
    KIND.fault(directory, file::parse)
}

fn gist(standing: &Standing) -> Gist {
    let of = standing.told.iter().map(|((endpoint, ip), told)| {
        let city = told.judged.sites.first().and_then(|site| Some(site.city?.0.name));
        (endpoint.clone(), *ip, told.judged.class, city)
    });
    of.collect()
}
