//! What `blackbox_exporter` does when it is asked, in its words and with its meaning: `/probe`.
//!
//! | file | noun |
//! |---|---|
//! | `ask` | one question: whom, until when, by what |
//! | `found` | what a probe found, figure by figure (pure) |
//! | `grpc`, `http` | the probers of these names |
//! | `http_client` | an HTTP client as a module sets it up |
//! | `tls` | TLS of the measuring client |
//! | `websocket` | the prober of this name |

#[expect(dead_code, reason = "its probers come next")]
pub(crate) mod ask;
pub(crate) mod found;
#[cfg_attr(not(test), expect(dead_code, reason = "the page that asks comes next"))]
pub(crate) mod grpc;
#[cfg_attr(not(test), expect(dead_code, reason = "the page that asks comes next"))]
pub(crate) mod http;
mod http_client;
pub(crate) mod tls;
#[cfg(test)]
mod trial;
#[cfg_attr(not(test), expect(dead_code, reason = "the page that asks comes next"))]
pub(crate) mod websocket;
