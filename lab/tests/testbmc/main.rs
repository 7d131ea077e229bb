//! The test BMC against tools that were not written here: `ipmitool` and `FreeIPMI`.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod bridge;
mod datagrams;
mod faults;
mod oracle;
mod sessions;
mod tables;
mod tool;
