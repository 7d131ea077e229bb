//! What every process says of itself: its build, and its use of the machine.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::Exporter;
use crate::page::{Collector, Page};
use crate::registry::Registry;
use procfs::process::{LimitValue, Process};

/// The version of the suite, shared by all its programs.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit it was built from; the build sets it.
pub(crate) const REVISION: &str = match option_env!("TURBULENCE_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// A wall clock before the day that this was written is wrong whatever others say: a machine without a battery
/// boots in 1970. Seconds since the epoch: 2026-11-29.
pub const WRITTEN: u64 = 1_795_910_400;

pub(crate) fn register<E: Exporter>(registry: &mut Registry) {
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    registry.register_process(ProcessCollector { program: E::NAME, started });
}

#[derive(Debug)]
struct ProcessCollector {
    program: &'static str,
    /// Seconds since the epoch. Read once: a clock step must not look like a restart.
    started: f64,
}

/// One reading of `/proc/self`, in base units.
struct Usage {
    cpu_seconds: f64,
    resident_bytes: f64,
    virtual_bytes: f64,
    open_fds: f64,
    max_fds: Option<f64>,
    threads: f64,
}

impl Collector for ProcessCollector {
    fn collect(&self, page: &mut Page<'_>) {
        let build = [("program", self.program), ("version", VERSION), ("revision", REVISION)];
        page.info("turbulence_build_info", "What is running.", [build]);
        // Where there is no /proc, the rest is absent rather than zero.
        let usage = Usage::read();
        let of = |value: fn(&Usage) -> Option<f64>| [((), usage.as_ref().and_then(value))];
        page.gauge(
            "process_start_time_seconds",
            "When the process started, as seconds since the epoch.",
            [((), self.started)],
        );
        page.counter(
            "process_cpu_seconds_total",
            "User and system CPU time spent.",
            of(|it| Some(it.cpu_seconds)),
        );
        page.gauge(
            "process_resident_memory_bytes",
            "Resident memory size.",
            of(|it| Some(it.resident_bytes)),
        );
        page.gauge(
            "process_virtual_memory_bytes",
            "Virtual memory size.",
            of(|it| Some(it.virtual_bytes)),
        );
        page.gauge("process_open_fds", "Open file descriptors.", of(|it| Some(it.open_fds)));
        page.gauge(
            "process_max_fds",
            "Most file descriptors that may be open.",
            of(|it| it.max_fds),
        );
        page.gauge("process_threads", "Operating system threads.", of(|it| Some(it.threads)));
    }
}

impl Usage {
    fn read() -> Option<Self> {
        let process = Process::myself().ok()?;
        let stat = process.stat().ok()?;
        let max_fds = match process.limits().ok()?.max_open_files.soft_limit {
            LimitValue::Value(limit) => Some(limit as f64),
            LimitValue::Unlimited => None,
        };
        Some(Self {
            cpu_seconds: (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64,
            resident_bytes: stat.rss as f64 * procfs::page_size() as f64,
            virtual_bytes: stat.vsize as f64,
            open_fds: process.fd_count().ok()? as f64,
            max_fds,
            threads: stat.num_threads as f64,
        })
    }
}
