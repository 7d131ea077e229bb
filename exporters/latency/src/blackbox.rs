//! What `blackbox_exporter` does when it is asked, in its words and with its meaning: `/probe`.
//!
//! | file | noun |
//! |---|---|
//! | `ask` | one question: whom, until when, by what |
//! | `found` | what a probe found, figure by figure (pure) |

pub(crate) mod ask;
pub(crate) mod found;
