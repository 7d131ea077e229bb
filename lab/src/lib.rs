//! The simulated world: BMCs, a WAN, resolvers, a notification sink, and the incidents played again.
//!
//! For the demo, the end-to-end tests and the benchmarks; never shipped.

pub mod alertmanager;
pub mod bench;
pub mod bench_ipmi;
pub mod bench_rules;
pub mod bmc;
pub mod dashboards;
mod datagrams;
pub mod debian_sid;
pub mod demo;
pub mod drives;
pub mod folder;
pub mod http;
pub mod in_band;
pub mod judge;
pub mod netns;
pub mod newest;
pub mod ports;
pub mod process;
pub mod prometheus;
pub mod rehearsal;
pub mod replay;
pub mod resolvers;
pub mod services;
pub mod sink;
pub mod testbmc;
pub mod thermal;
pub mod verdict;
pub mod wan;
pub mod world;
