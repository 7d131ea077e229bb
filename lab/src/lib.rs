//! The simulated world.

pub mod bmc;
pub mod dashboards;
pub mod drives;
pub mod netns;
pub mod services;
pub mod sink;
pub mod thermal;
pub mod wan;
