//! turbulence-latency.
