//! What a process has used: CPU time and memory, as `/proc` tells.

use std::fs;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::time::Instant;

/// Clock ticks per second in `/proc`: `USER_HZ`, 100 on every architecture in use (proc(5)).
const TICKS: f64 = 100.0;
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What a process had used up to a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// In user mode and in the kernel for it, in seconds, of all its threads and of the children that it
    /// has waited for.
    pub cpu_seconds: f64,
    /// Resident memory at that moment, in megabytes (10^6 bytes).
    pub rss: f64,
    /// The most that it ever was.
    pub peak_rss: f64,
}

/// What a process that has ended took.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// What it used; its memory as of the last look.
    pub usage: Usage,
    /// From its start to its end, in seconds.
    pub seconds: f64,
}

/// What a process used from one moment to another.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    /// CPU time, as in [`Usage`].
    pub cpu_seconds: f64,
    /// Between the two moments, in seconds.
    pub seconds: f64,
    /// Resident memory at the second, in megabytes (10^6 bytes).
    pub rss: f64,
    /// The most that it ever was.
    pub peak_rss: f64,
}

/// The first of two moments.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    pid: u32,
    before: Usage,
    began: Instant,
}

impl Watch {
    /// Begins to watch a process.
    pub fn start(pid: u32) -> anyhow::Result<Self> {
        Ok(Self { pid, before: of(pid)?, began: Instant::now() })
    }

    /// What it used since.
    pub fn end(&self) -> anyhow::Result<Spent> {
        let seconds = self.began.elapsed().as_secs_f64();
        let Usage { cpu_seconds, rss, peak_rss } = of(self.pid)?;
        Ok(Spent { cpu_seconds: cpu_seconds - self.before.cpu_seconds, seconds, rss, peak_rss })
    }
}

/// What a running process has used so far.
pub fn of(pid: u32) -> anyhow::Result<Usage> {
    let read = |file| {
        let path = format!("/proc/{pid}/{file}");
        fs::read_to_string(&path).with_context(|| path)
    };
    let cpu_seconds = cpu_seconds(&read("stat")?).context("reading the process's CPU time")?;
    let status = read("status")?;
    let field = |name| megabytes(&status, name).unwrap_or_default();
    Ok(Usage { cpu_seconds, rss: field("VmRSS:"), peak_rss: field("VmHWM:") })
}

/// Waits for a child to end, looking at what it uses meanwhile.
pub async fn until_end(child: &mut Child, limit: Duration) -> anyhow::Result<Ended> {
    let began = Instant::now();
    let mut last = Usage::default();
    loop {
        // Once it has ended, its CPU time can be read until it is waited for; its memory is gone.
        let now = of(child.id())?;
        let ended = now.rss == 0.0 && last.rss > 0.0;
        last = Usage { cpu_seconds: now.cpu_seconds, ..if ended { last } else { now } };
        let seconds = began.elapsed().as_secs_f64();
        if ended {
            return Ok(Ended { status: child.wait()?, usage: last, seconds });
        }
        if began.elapsed() > limit {
            let _ = child.kill();
            let _ = child.wait();
            bail!("it did not end within {limit:?}");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The fields utime, stime, cutime and cstime of `/proc/PID/stat`.
fn cpu_seconds(stat: &str) -> Option<f64> {
    // The second field is the program's name, in brackets, and may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<_> = rest.split_ascii_whitespace().collect();
    let ticks = fields.get(11..15)?.iter().map(|field| field.parse::<f64>().ok());
    Some(ticks.sum::<Option<f64>>()? / TICKS)
}

fn megabytes(status: &str, field: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kibibytes: f64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 900 0 0 0 150 50 0 0 20 0 3 0 100 1 2";
        assert_eq!(cpu_seconds(stat), Some(2.0));
    }

    #[test]
    fn children_count() {
        let stat = "7 (a) S 1 7 7 0 -1 4194560 900 0 0 0 150 50 30 20 20 0 3 0 100 1 2";
        assert_eq!(cpu_seconds(stat), Some(2.5));
    }

    #[test]
    fn memory_is_told_in_units_of_1024_bytes() {
        assert_eq!(megabytes("Name:\tx\nVmRSS:\t    1000 kB\n", "VmRSS:"), Some(1.024));
        assert_eq!(megabytes("Name:\tx\n", "VmRSS:"), None);
    }

    #[tokio::test]
    async fn a_child_that_ended_has_used_something() {
        let loop_for_a_while = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let mut child =
            std::process::Command::new("sh").args(["-c", loop_for_a_while]).spawn().unwrap();
        let ended = until_end(&mut child, Duration::from_secs(60)).await.unwrap();
        assert!(ended.status.success());
        assert!(ended.usage.cpu_seconds > 0.0 && ended.usage.peak_rss > 0.0 && ended.seconds > 0.0);
    }
}
