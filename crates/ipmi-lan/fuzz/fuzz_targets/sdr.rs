//! Any bytes as a sensor data record.
#![no_main]

use ipmi_lan::sdr::{DeviceSdrInfo, Record, SdrRepositoryInfo};
use ipmi_lan::sensor::RawReading;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = (SdrRepositoryInfo::parse(data), DeviceSdrInfo::parse(data));
    let records = Record::parse(data);
    assert!(records.len() <= 15);
    for record in &records {
        let _ = (record.sensor_id(), record.name());
        let Record::Full(sensor) = record else { continue };
        assert!(sensor.thresholds.iter().all(|(_, value)| value.is_finite()));
        for raw in [0, 1, 0x7F, 0x80, 0xFF] {
            if let Ok(value) = RawReading::parse(&[raw, 0xC0]).and_then(|reading| {
                sensor.value(&reading).map_err(|_| ipmi_lan::CommandError::Malformed)
            }) {
                assert!(value.is_finite());
            }
        }
    }
});
