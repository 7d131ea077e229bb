//! A zone's own servers: what only they can tell. Each is asked directly, and what they say is judged together.
//!
//! * `poll`: one zone, asked for ever; `delegation`: who its servers are, `ask`: what one of them is asked; both do
//!   I/O;
//! * `said`: a server's messages as facts; `signature`, `canary`: two kinds of them; `serial`: serial arithmetic;
//! * `judge`: what follows from a round and from those before; `finding`: what can follow;
//! * `state`: what is known of one zone; `store`: what is remembered over a restart; `page`: what people read.

mod ask;
mod canary;
mod chain;
mod delegation;
pub(crate) mod finding;
pub(crate) mod judge;
pub(crate) mod page;
pub(crate) mod poll;
pub(crate) mod said;
mod serial;
pub(crate) mod signature;
pub(crate) mod state;
pub(crate) mod store;

#[cfg(test)]
mod tests;

pub(crate) use judge::Rules;
