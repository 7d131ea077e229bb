//! Any bytes as the replies about a sensor, for a sensor with any conversion.
#![no_main]

use ipmi_lan::conversion::{Conversion, Factors, Format, Linearization};
use ipmi_lan::sdr::Hysteresis;
use ipmi_lan::sensor::RawReading;
use ipmi_lan::threshold::RawThresholds;
use ipmi_lan::{DeviceId, EventStatus, SelfTest, SensorType, SystemGuid, chassis, states};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = (DeviceId::parse(data), SelfTest::parse(data), SystemGuid::parse(data));
    let _ = (EventStatus::parse(data), Hysteresis::parse(data), RawThresholds::parse(data));
    let _ = chassis::ChassisStatus::parse(data);
    let Ok(reading) = RawReading::parse(data) else { return };
    let _ = (reading.threshold_state(), reading.usable());
    if let (Some(set), [.., kind, event]) = (reading.discrete_states(), data) {
        let _ = states::names(*event, SensorType(*kind), set).count();
    }
    let Ok(factors) = Factors::parse_reply(data) else { return };
    let [first, second, ..] = *data else { return };
    let (format, linearization) = (Format::parse(first), Linearization::parse(second));
    if let Ok(value) = (Conversion { format, linearization, factors }).value(reading.value) {
        assert!(value.is_finite());
    }
});
