//! The heap, of which what is free is given back to the kernel.
//!
//! glibc keeps up to twice the largest piece that it ever gave back, 64 MB at most: after a long config was read, or a
//! page of ten thousand targets was written, that is a seventh of such a program. It does not where it is told how much
//! it may keep; from what size on a piece is mapped by itself it must be told then too, or 128 kB it is, and each page
//! of that size is mapped anew (mallopt(3)). Whoever has set either in the environment is left alone.
//!
//! Unsafe: calls of the C library's, which take two numbers.
#![expect(unsafe_code, reason = "no safe crate says it to glibc")]

/// So much may be kept, in bytes.
#[cfg(target_env = "gnu")]
const KEPT: nix::libc::c_int = 4 << 20;
/// From so many bytes on a piece is mapped by itself, and given back by itself.
#[cfg(target_env = "gnu")]
const MAPPED: nix::libc::c_int = 4 << 20;
/// By what a user says it to glibc.
#[cfg(target_env = "gnu")]
const SETTINGS: [&str; 3] = ["MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"];

/// Has what is free given back from now on. Other C libraries do without being told.
pub(crate) fn give_back() {
    #[cfg(target_env = "gnu")]
    if SETTINGS.iter().any(|name| std::env::var_os(name).is_some()) {
        return;
    }
    #[cfg(target_env = "gnu")]
    for (word, bytes) in
        [(nix::libc::M_TRIM_THRESHOLD, KEPT), (nix::libc::M_MMAP_THRESHOLD, MAPPED)]
    {
        // SAFETY: it takes no pointer, and changes when memory is taken from the kernel and given back, never whose it is.
        if unsafe { nix::libc::mallopt(word, bytes) } != 1 {
            tracing::debug!("the C library keeps as much of the memory as it likes");
        }
    }
}

#[cfg(test)]
#[cfg(target_env = "gnu")]
mod tests {
    use std::hint::black_box;
    use std::process::Command;

    use super::*;

    /// What this process has of the memory, in kB.
    fn resident() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    #[test]
    fn what_was_needed_once_is_not_kept() {
        const MARK: &str = "TURBULENCE_TEST_HEAP";
        if std::env::var_os(MARK).is_none() {
            // In a process of its own, where nobody else takes any.
            let test = std::env::current_exe().unwrap();
            let mut alone = Command::new(test);
            alone.args(["--exact", "heap::tests::what_was_needed_once_is_not_kept"]);
            assert!(alone.env(MARK, "1").status().unwrap().success());
            return;
        }
        give_back();
        // From the first that is given back glibc learns to keep twice as much.
        drop(black_box(vec![1_u8; 30 << 20]));
        let before = resident();
        // 40 MB; nothing else is asked for meanwhile, that would lie behind them and stay.
        drop((0..40_000).map(|_| black_box(vec![1_u8; 1_000])).collect::<Vec<_>>());
        let kept = resident().saturating_sub(before);
        assert!(kept < 10_000, "{kept} kB");
    }
}
