//! Any bytes as what comes in reply to a query, over UDP and TCP.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| turbulence_dns::fuzzing::reply(data));
