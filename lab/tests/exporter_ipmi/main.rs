//! turbulence-ipmi, the real program, against the lab's own BMCs: what `ipmi_sim` does not speak, and
//! what real BMCs do wrong. Values are right or absent, the counters say why.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod bridge;
mod exporter;
mod faults;
mod firmware;
mod hardware;
mod kinds;
mod lies;
mod parts;
mod seldom;
