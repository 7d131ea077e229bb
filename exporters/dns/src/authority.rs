//! A zone's own servers: what only they can tell. Each is asked directly, and what they say is judged together.
//!
//! * `poll`: one zone, asked for ever; `delegation`: who its servers are, `ask`: what one of them is asked,
//!   `validators`: what resolvers make of it; these do I/O; `heard`: what these said, and when they are asked again;
//! * `said`: a server's messages as facts; `signature`, `canary`: two kinds of them; `serial`: serial arithmetic;
//! * `judge`: what follows from a round and from those before; `finding`: what can follow;
//! * `memory`: what is remembered from round to round, `store`: over a restart; `state`, `counts`: what is known of one zone;
//!   `page`: what people read.

mod ask;
mod canary;
mod chain;
pub(crate) mod counts;
mod delegation;
pub(crate) mod finding;
mod heard;
pub(crate) mod judge;
mod memory;
pub(crate) mod page;
pub(crate) mod poll;
pub(crate) mod said;
mod serial;
pub(crate) mod signature;
pub(crate) mod state;
pub(crate) mod store;
mod validators;

#[cfg(test)]
mod tests;

pub(crate) use judge::Rules;
pub(crate) use validators::VALIDATORS;
