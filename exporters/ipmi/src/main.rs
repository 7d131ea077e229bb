//! The program; see the library for what it does.

use std::process::ExitCode;

use turbulence_ipmi::{IpmiExporter, backtest};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).peekable();
    if arguments.peek().is_some_and(|word| word == backtest::NAME) {
        return backtest::main(arguments);
    }
    exporter_kit::main::<IpmiExporter>()
}
