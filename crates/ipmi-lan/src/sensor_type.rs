//! What a sensor senses. No I/O, no clock.

/// A sensor type code (specification table 42-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SensorType(pub u8);

impl SensorType {
    /// Temperature.
    pub const TEMPERATURE: SensorType = SensorType(0x01);
    /// Voltage.
    pub const VOLTAGE: SensorType = SensorType(0x02);
    /// Current.
    pub const CURRENT: SensorType = SensorType(0x03);
    /// Fan.
    pub const FAN: SensorType = SensorType(0x04);
    /// Processor.
    pub const PROCESSOR: SensorType = SensorType(0x07);
    /// Power supply.
    pub const POWER_SUPPLY: SensorType = SensorType(0x08);
    /// Other units-based sensor: what it senses follows from its unit.
    pub const OTHER_UNITS: SensorType = SensorType(0x0B);
    /// Drive slot (bay).
    pub const DRIVE_SLOT: SensorType = SensorType(0x0D);

    /// The type's name; `OEM` from 0xC0 on, `reserved` where the specification names none.
    pub fn name(self) -> &'static str {
        match self.0 {
            0xC0.. => "OEM",
            code => SENSOR_TYPE_NAMES.get(usize::from(code)).copied().unwrap_or("reserved"),
        }
    }
}

/// Names by code, specification table 42-3.
const SENSOR_TYPE_NAMES: [&str; 0x2D] = [
    "reserved",
    "Temperature",
    "Voltage",
    "Current",
    "Fan",
    "Physical Security",
    "Platform Security Violation Attempt",
    "Processor",
    "Power Supply",
    "Power Unit",
    "Cooling Device",
    "Other Units Based Sensor",
    "Memory",
    "Drive Slot",
    "POST Memory Resize",
    "System Firmware Progress",
    "Event Logging Disabled",
    "Watchdog 1",
    "System Event",
    "Critical Interrupt",
    "Button/Switch",
    "Module/Board",
    "Microcontroller/Coprocessor",
    "Add In Card",
    "Chassis",
    "Chip Set",
    "Other FRU",
    "Cable/Interconnect",
    "Terminator",
    "System Boot Initiated",
    "Boot Error",
    "OS Boot",
    "OS Critical Stop",
    "Slot/Connector",
    "System ACPI Power State",
    "Watchdog 2",
    "Platform Alert",
    "Entity Presence",
    "Monitor ASIC/IC",
    "LAN",
    "Management Subsystem Health",
    "Battery",
    "Session Audit",
    "Version Change",
    "FRU State",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_names() {
        assert_eq!(SensorType::TEMPERATURE.name(), "Temperature");
        assert_eq!(SensorType::DRIVE_SLOT.name(), "Drive Slot");
        assert_eq!(SensorType(0x23).name(), "Watchdog 2");
        assert_eq!(SensorType(0x2C).name(), "FRU State");
        assert_eq!(SensorType(0x2D).name(), "reserved");
        assert_eq!(SensorType(0xC0).name(), "OEM");
    }
}
