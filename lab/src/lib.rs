//! The simulated world: BMCs, a WAN, resolvers, a notification sink, and the incidents played again.
//!
//! For the demo, the end-to-end tests and the benchmarks; never shipped.
//!
//! | room | what it is |
//! |---|---|
//! | `netns`, `wan` | namespaces, and the packets between them |
//! | `services`, `resolvers` | what is served there, and who answers for names |
//! | `bmc`, `thermal` | ipmi_sim, and the physics of a chassis |
//! | `testbmc` | a BMC of our own, for suite 17, K_g and every quirk that ipmi_sim lacks |
//! | `in_band` | a QEMU guest that has `/dev/ipmi0` |
//! | `drives`, `sink` | the temperatures of drives; where notifications arrive |
//! | `prometheus`, `alertmanager` | the real programs on the shipped files |
//! | `world` | all of it together |
//! | `replay`, `verdict` | the incidents, and whether the right people were told |
//! | `demo`, `rehearsal` | playing them, and inspecting pages and dashboards; the same for containers |
//! | `dashboards` | asks every query as Grafana would |
//! | `judge` | worlds in virtual time through the exporters' own code, promtool and a model of Alertmanager |
//! | `bench`, `bench_ipmi`, `bench_rules` | the peers beside ours; the rules in a real Prometheus with 10,000 BMCs |
//! | `debian_sid`, `newest` | Debian's newest programs, unpacked beside the build |
//! | `process`, `ports`, `http`, `folder`, `datagrams` | small tools |

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
pub mod recording;
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
