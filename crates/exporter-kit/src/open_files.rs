//! How many files the process may open, and how many of them are the web server's.
//!
//! One socket a target needs more than the usual limit of 1,024. Where the limit is low all the same,
//! measuring goes first: a descriptor that a stranger's idle connection holds must not be the one
//! that a measurement lacks.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use procfs::process::Process;
use tracing::warn;

/// Most connections of the web server at once: enough for any number of scrapers.
const MOST: usize = 512;

/// Fewest: room for a pair of scrapers and for someone who looks.
const FEWEST: usize = 4;

/// What a target may hold at once while it is measured: its socket, and one that takes its place.
const EACH_TARGET: usize = 2;

/// For what comes and goes: secret files, lists, the socket that was just taken.
const SPARE: usize = 8;

/// Raises the soft limit to the hard one, which the administrator has set for that. The soft one is
/// low for the sake of programs that use select(2), which this is not.
pub(crate) fn allow_all() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(soft, hard)| {
        if soft < hard { setrlimit(Resource::RLIMIT_NOFILE, hard, hard) } else { Ok(()) }
    });
    if let Err(error) = raised {
        warn!("the limit of open files stays as it is: {error}");
    }
}

/// How many connections the web server may hold beside so many targets. Warns if the limit is too
/// low for the targets alone.
pub(crate) fn connections(targets: usize) -> usize {
    let open = Process::myself().and_then(|process| process.fd_count()).unwrap_or(32);
    let (limit, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let needed = open + SPARE + targets * EACH_TARGET;
    if limit < needed + FEWEST {
        warn!(
            limit,
            needed = needed + FEWEST,
            "the limit of open files is low for so many targets: raise it (ulimit -n, LimitNOFILE=)"
        );
    }
    left(limit, needed)
}

/// What a limit leaves to the web server.
fn left(limit: usize, needed: usize) -> usize {
    limit.saturating_sub(needed).clamp(FEWEST, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, hard.min(256), hard).unwrap();
        allow_all();
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap(), (hard, hard));
    }

    #[test]
    fn connections_take_what_measuring_leaves() {
        assert_eq!(left(1 << 20, 3_000), MOST);
        assert_eq!(left(1_024, 700), 324);
        assert_eq!(left(32, 24), 8);
        assert_eq!(left(32, 3_000), FEWEST);
    }
}
