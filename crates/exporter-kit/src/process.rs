//! What every process says of itself: its build, and its use of the machine.

use std::time::{SystemTime, UNIX_EPOCH};

use procfs::process::{LimitValue, Process};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::Exporter;

/// The version of the suite, shared by all its programs.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit it was built from; the build sets it.
pub(crate) const REVISION: &str = match option_env!("TURBULENCE_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

pub(crate) fn register<E: Exporter>(registry: &mut Registry) {
    let build = Info::new([("program", E::NAME), ("version", VERSION), ("revision", REVISION)]);
    registry.register("turbulence_build", "What is running", build);
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    registry.register_collector(Box::new(ProcessCollector { started }));
}

#[derive(Debug)]
struct ProcessCollector {
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
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        gauge(
            &mut encoder,
            "process_start_time_seconds",
            "When the process started, as seconds since the epoch.",
            self.started,
        )?;
        // Where there is no /proc, the rest is absent rather than zero.
        let Some(usage) = Usage::read() else { return Ok(()) };
        let cpu = encoder.encode_descriptor(
            "process_cpu_seconds",
            "User and system CPU time spent.",
            None,
            prometheus_client::metrics::MetricType::Counter,
        )?;
        ConstCounter::new(usage.cpu_seconds).encode(cpu)?;
        gauge(
            &mut encoder,
            "process_resident_memory_bytes",
            "Resident memory size.",
            usage.resident_bytes,
        )?;
        gauge(
            &mut encoder,
            "process_virtual_memory_bytes",
            "Virtual memory size.",
            usage.virtual_bytes,
        )?;
        gauge(&mut encoder, "process_open_fds", "Open file descriptors.", usage.open_fds)?;
        if let Some(max_fds) = usage.max_fds {
            gauge(
                &mut encoder,
                "process_max_fds",
                "Most file descriptors that may be open.",
                max_fds,
            )?;
        }
        gauge(&mut encoder, "process_threads", "Operating system threads.", usage.threads)
    }
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: f64,
) -> Result<(), std::fmt::Error> {
    let metric = ConstGauge::new(value);
    let encoder = encoder.encode_descriptor(
        name,
        help,
        None,
        prometheus_client::metrics::MetricType::Gauge,
    )?;
    metric.encode(encoder)
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
