//! Any bytes as DCMI's replies.
#![no_main]

use ipmi_lan::dcmi::{DcmiAveragingPeriods, DcmiCapabilities, DcmiPower, DcmiTemperatures};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = DcmiCapabilities::parse(data);
    let _ = DcmiAveragingPeriods::parse(data);
    let _ = DcmiPower::parse(data).map(|power| power.watts());
    if let Ok(reply) = DcmiTemperatures::parse(data) {
        assert!(reply.readings.len() <= data.len() / 2);
    }
});
