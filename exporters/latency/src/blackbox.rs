//! What `blackbox_exporter` does when it is asked, in its words and with its meaning: `/probe`.
//!
//! | file | noun |
//! |---|---|
//! | `ask` | one question: whom, until when, by what |
//! | `found` | what a probe found, figure by figure (pure) |
//! | `offer` | what may be asked for (pure) |
//! | `module` | a module: a prober with its section |
//! | `choose` | which address of a target is probed |
//! | `pattern` | a regular expression as RE2 has it (pure) |
//! | `dialogue` | what is said over a connection, and what must be answered |
//! | `dns`, `grpc`, `http`, `icmp`, `tcp`, `unix`, `websocket` | the probers, each with its section |
//! | `http_client` | an HTTP client as a module sets it up |
//! | `tls` | TLS of the measuring client |

pub(crate) mod ask;
pub(crate) mod choose;
pub(crate) mod dialogue;
mod dns;
pub(crate) mod found;
mod grpc;
pub(crate) mod http;
mod http_client;
mod icmp;
pub(crate) mod module;
pub(crate) mod offer;
pub(crate) mod pattern;
mod routers;
mod tcp;
pub(crate) mod tls;
#[cfg(test)]
mod trial;
mod unix;
mod websocket;
