//! What tests, lab and benchmarks run exporters with. A dependency of tests alone; it panics where a
//! test would, with a sentence that says what did not come.
//!
//! | file | what |
//! |---|---|
//! | `program` | a real exporter: started on a free port, asked, reloaded, stopped |
//! | `scrape` | one page of metrics, and the value of a series on it |
//! | `exposition` | the text format, line by line |

pub mod exposition;
mod program;
mod scrape;

pub use program::{Answer, PATIENCE, Program};
pub use scrape::Scrape;
