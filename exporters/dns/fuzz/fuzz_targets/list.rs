//! Any bytes as a list of resolvers.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| turbulence_dns::fuzzing::list(data));
