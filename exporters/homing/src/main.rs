//! The program of the homing exporter; see the library for what it does.

use std::process::ExitCode;

fn main() -> ExitCode {
    exporter_kit::main::<turbulence_homing::HomingExporter>()
}
