//! Any text as a config.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| turbulence_dns::fuzzing::config(data));
