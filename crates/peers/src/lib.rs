//! What tests, lab and benchmarks run exporters with. A dependency of tests alone; it panics where a
//! test would, with a sentence that says what did not come.
//!
//! | file | what |
//! |---|---|
//! | `program` | a real exporter: started on a free port, asked, reloaded, stopped |
//! | `browser` | a real browser, and what it makes of a page |
//! | `authority` | a CA, and what it has signed |
//! | `connection` | a connection to it that is kept |
//! | `dns_server` | a name server that says what a test wants |
//! | `http_server` | a web server, plain or by TLS, that does what a test wants and keeps what it was asked |
//! | `forger` | one who says of whoever is asked that nobody is there |
//! | `ipmi_sim` | a BMC, Debian's simulator |
//! | `name_server` | a real name server |
//! | `namespace` | a network namespace of a test's own, and a user without privileges |
//! | `counting` | an allocator that counts what is held |
//! | `port` | ports for programs that bind them themselves, and those at which nobody is |
//! | `prometheus` | a real Prometheus, and what it found |
//! | `scrape` | one page of metrics, and the value of a series on it |
//! | `exposition` | the text format, line by line |

mod authority;
mod browser;
mod connection;
mod counting;
mod dns_server;
pub mod exposition;
mod forger;
mod http_server;
pub mod ipmi_sim;
mod name_server;
mod namespace;
mod port;
mod program;
mod prometheus;
mod scrape;

pub use authority::{Authority, Signed};
pub use browser::{Browser, WIDTHS};
pub use connection::Connection;
pub use counting::Counting;
pub use dns_server::{DnsServer, answer_to, reply};
pub use forger::Forgery;
pub use http_server::{Asker, HttpServer, Said};
pub use name_server::NameServer;
pub use namespace::{in_a_namespace, unprivileged};
pub use port::{closed, free_port};
pub use program::{Answer, PATIENCE, Program, example};
pub use prometheus::{Found, Prometheus, yaml_block};
pub use scrape::Scrape;
