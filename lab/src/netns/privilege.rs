//! What lets the lab make network namespaces: root, or a user namespace in which it is root.

use std::fmt;
use std::fs;

use anyhow::{Context, ensure};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

const CAP_NET_ADMIN: u32 = 12;
const CAP_SYS_ADMIN: u32 = 21;

/// By what right the lab makes namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
    /// The process had the capabilities already.
    Root,
    /// It is root in a user namespace of its own: no real-time scheduling, the rest is the same.
    UserNamespace,
}

impl fmt::Display for Privilege {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Root => "root",
            Self::UserNamespace => "a user namespace",
        })
    }
}

/// Gets the right to make network namespaces. Call it first of all in `main`: a process that has
/// threads cannot enter a user namespace.
pub fn acquire() -> anyhow::Result<Privilege> {
    if privileged()? {
        return Ok(Privilege::Root);
    }
    enter_user_namespace().context(
        "neither root nor a user namespace is to be had; run it with sudo, or allow user \
         namespaces (sysctl kernel.unprivileged_userns_clone=1 on Debian, \
         kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu, user.max_user_namespaces>0)",
    )?;
    Ok(Privilege::UserNamespace)
}

/// Whether this process can make network namespaces as it is.
pub fn privileged() -> anyhow::Result<bool> {
    let status = fs::read_to_string("/proc/self/status").context("/proc/self/status")?;
    let held = effective(&status).context("/proc/self/status has no CapEff")?;
    let has = |capability: u32| held & (1 << capability) != 0;
    Ok(has(CAP_NET_ADMIN) && has(CAP_SYS_ADMIN))
}

fn enter_user_namespace() -> anyhow::Result<()> {
    let threads = fs::read_dir("/proc/self/task").context("/proc/self/task")?.count();
    ensure!(threads == 1, "the process already has {threads} threads");
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER).context("unshare(CLONE_NEWUSER)")?;
    // The kernel wants this before a process may map its own group.
    fs::write("/proc/self/setgroups", "deny").context("/proc/self/setgroups")?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1")).context("/proc/self/uid_map")?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1")).context("/proc/self/gid_map")
}

fn effective(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effective_capabilities_are_read_as_hexadecimal() {
        let status = "Name:\tlab\nCapPrm:\t0000000000000001\nCapEff:\t0000000000201000\n";
        assert_eq!(effective(status), Some((1 << CAP_NET_ADMIN) | (1 << CAP_SYS_ADMIN)));
        assert_eq!(effective("Name:\tlab\n"), None);
    }
}
