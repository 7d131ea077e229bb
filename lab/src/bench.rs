//! Benchmarks: a peer beside ours, on the same simulated world, one after the other.
//!
//! Everything runs in anonymous network namespaces. What is printed is a table, and the same as
//! lines that begin with `RESULT`, `RATIO` and `GOAL`, for programs to read. A figure that a program
//! does not give is `-`.

pub mod accuracy;
pub mod dns;
pub mod icmp;
pub mod page;
pub mod probe;
pub mod report;
pub mod scrape;
pub mod usage;

mod dnsperf;
mod echo_floor;
mod echoes;
mod floor;
mod fping;
mod hickory;
mod massdns;
mod smokeping;
mod sweeps;

use std::io::Write as _;

use clap::{Args, ValueEnum};

use self::report::Row;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Bench {
    /// ICMP echoes, one a second to each target.
    Icmp,
    /// How true the round trips of echoes are, on an idle and on a busy machine.
    Accuracy,
    /// Probes on demand, and of 1,000 endpoints each second.
    Probe,
    /// One name, asked of each resolver of the world.
    Dns,
}

/// How it is measured.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// What is measured.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Bench::Icmp, Bench::Accuracy, Bench::Probe, Bench::Dns])]
    pub which: Vec<Bench>,
    /// Numbers of ICMP targets, one round each.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000])]
    pub targets: Vec<usize>,
    /// About how many resolvers are swept.
    #[arg(long, default_value_t = 25_000)]
    pub resolvers: usize,
    /// How long each program is watched, in seconds; for DNS, so many seconds' worth of sweeps.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// Measure our own programs alone.
    #[arg(long)]
    pub no_peers: bool,
}

/// Measures, and prints each round when it is done.
pub async fn run(options: &Options) -> anyhow::Result<()> {
    for bench in &options.which {
        match bench {
            Bench::Icmp => {
                for &targets in &options.targets {
                    say(&format!("icmp: {targets} targets, one echo a second to each"));
                    let rows = icmp::measure(targets, options).await?;
                    tell(&rows, &[icmp::OURS, icmp::SURGE], &icmp::goals(targets, &rows));
                }
            }
            Bench::Accuracy => {
                say("accuracy: the round trip as told, less the one by tcpdump's stamps");
                let rows = accuracy::measure(options).await?;
                tell(&rows, &[accuracy::OURS], &accuracy::goals());
            }
            Bench::Probe => {
                say("probe: CPU time of a probe");
                let rows = probe::measure(options).await?;
                tell(&rows, &[probe::OURS], &[]);
                for line in probe::verdicts(&rows) {
                    say(&line);
                }
            }
            Bench::Dns => {
                say(&format!("dns: one name, about {} resolvers", options.resolvers));
                let rows = dns::measure(options).await?;
                tell(&rows, &[dns::OURS], &dns::goals(options.resolvers, &rows));
            }
        }
    }
    Ok(())
}

fn tell(rows: &[Row], ours: &[&str], goals: &[report::Goal]) {
    let mut lines = report::table(rows);
    lines.push(String::new());
    lines.extend(rows.iter().map(Row::line));
    lines.extend(report::ratios(rows, ours));
    let own = rows.iter().filter(|row| ours.first() == Some(&row.peer()));
    lines.extend(own.flat_map(|row| report::verdicts(row, goals)));
    for line in &lines {
        say(line);
    }
    say("");
}

/// Prints a line, also when nobody reads it any more.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}
