//! The log: text or JSON lines on stderr, written by a thread of its own.
//!
//! Nothing waits for whoever reads stderr. When it is not read, lines wait in memory, and those that
//! find no room are dropped and counted.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use crate::counts::Counter;
use crate::flags::Flags;
use crate::page::{Collector, Page};
use crate::registry::Registry;

/// Lines that wait: a burst of a change of state of every target of a fleet, in about a megabyte.
const WAITING: usize = 4096;

/// How long the last lines may take at exit.
const LAST_LINES: Duration = Duration::from_secs(1);

static DROPPED: LazyLock<Counter> = LazyLock::new(Counter::default);

/// What the writing thread gets.
#[derive(Debug)]
enum Entry {
    Line(Vec<u8>),
    /// Everything before this was written.
    Done(Sender<()>),
}

/// The log while it runs; the last lines are written when this is dropped.
#[derive(Debug)]
pub(crate) struct Log(SyncSender<Entry>);

pub(crate) fn start(flags: &Flags) -> Result<Log, String> {
    let filter = EnvFilter::try_new(&flags.log_level).map_err(|error| error.to_string())?;
    let (sender, entries) = sync_channel(WAITING);
    let writer = thread::Builder::new().name("log".to_owned());
    writer.spawn(move || write(&entries)).map_err(|error| format!("starting the log: {error}"))?;
    let lines = Lines(sender.clone());
    let log = tracing_subscriber::fmt().with_env_filter(filter);
    let log = log.with_writer(move || lines.clone());
    let started = if flags.log_format == "json" {
        log.json().flatten_event(true).with_target(false).try_init()
    } else {
        log.with_ansi(io::stderr().is_terminal()).with_target(false).try_init()
    };
    started.map_err(|error| error.to_string())?;
    Ok(Log(sender))
}

pub(crate) fn register(registry: &mut Registry) {
    registry.register_process(Dropped);
}

/// How many lines were dropped.
#[derive(Debug)]
struct Dropped;

impl Collector for Dropped {
    fn collect(&self, page: &mut Page<'_>) {
        page.counter(
            "turbulence_log_lines_dropped_total",
            "Lines of the log that were dropped because nobody read stderr.",
            [((), &*DROPPED)],
        );
    }
}

/// Writes for ever. An error of stderr has nobody to be told to.
fn write(entries: &Receiver<Entry>) {
    for entry in entries {
        match entry {
            Entry::Line(line) => drop(io::stderr().write_all(&line)),
            Entry::Done(done) => drop(done.send(())),
        }
    }
}

/// The end of the log that is written to: a call is a line.
#[derive(Clone, Debug)]
struct Lines(SyncSender<Entry>);

impl io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.0.try_send(Entry::Line(line.to_vec())).is_err() {
            DROPPED.inc();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let (done, all_done) = channel();
        let mut waited = Duration::ZERO;
        let step = Duration::from_millis(10);
        // There may be no room for the question while lines wait that are being written.
        while self.0.try_send(Entry::Done(done.clone())).is_err() && waited < LAST_LINES {
            thread::sleep(step);
            waited += step;
        }
        drop(done);
        // What is not written by then is lost: nobody reads it.
        let _ = all_done.recv_timeout(LAST_LINES.saturating_sub(waited));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_nobody_reads_holds_nobody_up_and_counts_what_it_loses() {
        let (sender, entries) = sync_channel(2);
        let mut lines = Lines(sender);
        let before = DROPPED.get();
        for _ in 0..5 {
            lines.write_all(b"a line\n").unwrap();
        }
        assert_eq!(DROPPED.get() - before, 3);
        drop(entries);
        lines.write_all(b"a line\n").unwrap();
        assert_eq!(DROPPED.get() - before, 4);
    }
}
