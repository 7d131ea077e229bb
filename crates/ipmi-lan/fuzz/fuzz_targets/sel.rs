//! Any bytes as the replies about the event log.
#![no_main]

use ipmi_lan::sel::{SelEntry, SelInfo, SelRecord};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = SelInfo::parse(data);
    let Ok(entry) = SelEntry::parse(data) else { return };
    assert_eq!(entry.record.record_id().to_le_bytes(), data[2..4]);
    if let SelRecord::Event(event) = entry.record {
        let _ = (event.state_name(), event.trigger_reading(), event.trigger_threshold());
    }
});
