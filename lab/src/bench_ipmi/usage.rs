//! CPU time and memory of a process, as `/proc` tells them.

use std::fs;

use anyhow::Context as _;

/// Clock ticks a second in `/proc` (proc(5)); 100 on every architecture in use.
const TICKS: f64 = 100.0;

/// CPU time in seconds of a process, its threads and the children that it has waited for.
pub(super) fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).with_context(|| path.clone())?;
    parse(&stat).with_context(|| format!("reading {path}"))
}

/// The fields utime, stime, cutime and cstime.
fn parse(stat: &str) -> Option<f64> {
    // The second field is the program's name in brackets and may hold blanks.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<_> = rest.split_ascii_whitespace().collect();
    let times = fields.get(11..15)?.iter().map(|one| one.parse::<f64>().ok());
    Some(times.sum::<Option<f64>>()? / TICKS)
}

/// Resident memory in megabytes (10^6 bytes).
pub(super) fn resident_megabytes(pid: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| path.clone())?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    Ok(kibibytes.with_context(|| format!("no VmRSS in {path}"))? * 1_024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_count() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 900 0 0 0 150 50 30 20 20 0 3 0 100 1 2";
        assert_eq!(parse(stat), Some(2.5));
    }
}
