//! Sensor data records: the bytes of full (type 01h) and compact (type 02h) records. No I/O, no clock.
//!
//! Layout: IPMI 2.0, tables 43-1 and 43-2.

/// A threshold sensor, as its full record describes it.
#[derive(Clone, Copy, Debug)]
pub struct Full {
    /// Sensor number.
    pub number: u8,
    /// Name, at most 16 bytes of ASCII.
    pub name: &'static str,
    /// Sensor type (table 42-3): 1 temperature, 2 voltage, 3 current, 4 fan, 0Bh other units.
    pub kind: u8,
    /// Entity id and instance (table 43-13).
    pub entity: (u8, u8),
    /// Sensor units 1: bits 7:6 the analog format (0 unsigned, 2 two's complement), bit 0 percent.
    pub units: u8,
    /// Base unit (table 43-15): 0 unspecified, 1 °C, 4 V, 5 A, 6 W, 18 RPM.
    pub base: u8,
    /// M of `y = M * x * 10^exponent`.
    pub factor: i16,
    /// The decimal exponent of the result.
    pub exponent: i8,
    /// The readable thresholds.
    pub thresholds: Thresholds,
}

/// Thresholds as raw bytes; the ones that a sensor does not have are absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Thresholds {
    /// Lower non-critical.
    pub lower_non_critical: Option<u8>,
    /// Lower critical.
    pub lower_critical: Option<u8>,
    /// Upper non-critical.
    pub upper_non_critical: Option<u8>,
    /// Upper critical.
    pub upper_critical: Option<u8>,
    /// Upper non-recoverable.
    pub upper_non_recoverable: Option<u8>,
}

/// A discrete sensor, as its compact record describes it.
#[derive(Clone, Copy, Debug)]
pub struct Compact {
    /// Sensor number.
    pub number: u8,
    /// Name, at most 16 bytes of ASCII.
    pub name: &'static str,
    /// Sensor type (table 42-3).
    pub kind: u8,
    /// Event/reading type (table 42-1): 6Fh sensor-specific.
    pub reading: u8,
    /// Entity id and instance (table 43-13).
    pub entity: (u8, u8),
    /// The state bit that is set.
    pub state: u8,
}

/// The BMC's own address: the owner of every sensor here.
const OWNER: u8 = 0x20;

impl Thresholds {
    /// In the order of the masks, bits 0 to 5.
    fn in_mask_order(self) -> [Option<u8>; 6] {
        let Self { lower_non_critical, lower_critical, .. } = self;
        let Self { upper_non_critical, upper_critical, upper_non_recoverable, .. } = self;
        [
            lower_non_critical,
            lower_critical,
            None,
            upper_non_critical,
            upper_critical,
            upper_non_recoverable,
        ]
    }

    /// In the order of the record's bytes and of `ipmi_sim`: the highest first.
    pub fn highest_first(self) -> [Option<u8>; 6] {
        let [lnc, lc, lnr, unc, uc, unr] = self.in_mask_order();
        [unr, uc, unc, lnr, lc, lnc]
    }

    /// Whether there is any.
    pub fn any(self) -> bool {
        self.in_mask_order().iter().any(Option::is_some)
    }

    /// Bit i of the mask: the threshold can be read.
    fn readable(self) -> u16 {
        bits(self.in_mask_order().iter().enumerate().filter(|(_, one)| one.is_some()), |i| i)
    }

    /// The events: going low for a lower threshold (even bits), going high for an upper one (odd).
    fn events(self) -> u16 {
        let has = self.in_mask_order();
        let some = has.iter().enumerate().filter(|(_, one)| one.is_some());
        bits(some, |i| if i < 3 { 2 * i } else { 2 * i + 1 })
    }
}

fn bits<'a>(
    some: impl Iterator<Item = (usize, &'a Option<u8>)>,
    bit: impl Fn(usize) -> usize,
) -> u16 {
    some.fold(0, |mask, (i, _)| mask | 1 << bit(i))
}

/// The bytes of a full record, header included.
pub fn full(record: u16, sensor: &Full) -> Vec<u8> {
    let limits = sensor.thresholds;
    let readable = limits.readable();
    let (lower, upper) = (readable & 0b111, readable >> 3);
    let assertions = limits.events() | lower << 12;
    let deassertions = limits.events() | upper << 12;
    let [factor_low, factor_high] = sensor.factor.to_le_bytes();
    let (initialise, capabilities) = if limits.any() { (0x7F, 0x44) } else { (0x6B, 0x40) };
    let mut body = vec![OWNER, 0, sensor.number, sensor.entity.0, sensor.entity.1];
    // Initialisation, capabilities (automatic re-arm, readable thresholds), type, threshold events.
    body.extend([initialise, capabilities, sensor.kind, 0x01]);
    body.extend(assertions.to_le_bytes());
    body.extend(deassertions.to_le_bytes());
    // The last mask: which thresholds are readable, and that none is settable.
    body.extend(readable.to_le_bytes());
    // Units, base unit, no modifier unit, linear.
    body.extend([sensor.units, sensor.base, 0, 0]);
    // M (10 bits), B, accuracy, exponents of the result and of B.
    body.extend([factor_low, (factor_high & 3) << 6, 0, 0, 0]);
    body.push(sensor.exponent.to_le_bytes()[0] << 4);
    // No nominal readings; the sensor's range is that of a byte.
    body.extend([0, 0, 0, 0, 0xFF, 0]);
    body.extend(limits.highest_first().map(Option::unwrap_or_default));
    // Hysteresis (two), reserved (two), OEM.
    body.extend([0; 5]);
    push_name(&mut body, sensor.name);
    with_header(record, 0x01, &body)
}

/// The bytes of a compact record, header included.
pub fn compact(record: u16, sensor: &Compact) -> Vec<u8> {
    let mut body = vec![OWNER, 0, sensor.number, sensor.entity.0, sensor.entity.1];
    body.extend([0x67, 0x40, sensor.kind, sensor.reading]);
    // Assertions, deassertions, readable states: all of them.
    body.extend([0xFF, 0x7F, 0xFF, 0x7F, 0xFF, 0x7F]);
    // Units (none), record shared by one sensor, hysteresis, reserved, OEM.
    body.extend([0xC0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    push_name(&mut body, sensor.name);
    with_header(record, 0x02, &body)
}

/// Type/length (8-bit ASCII), then the name.
fn push_name(body: &mut Vec<u8>, name: &str) {
    let length = u8::try_from(name.len()).ok().filter(|length| *length <= 16);
    body.push(0xC0 | length.expect("the names of the sensors here have at most 16 bytes"));
    body.extend(name.bytes());
}

fn with_header(record: u16, kind: u8, body: &[u8]) -> Vec<u8> {
    let [low, high] = record.to_le_bytes();
    let length = u8::try_from(body.len()).expect("a body has at most 43 + 16 bytes");
    // 51h: SDR version 1.5, as in IPMI 2.0.
    let mut bytes = vec![low, high, 0x51, kind, length];
    bytes.extend(body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRIVE: Full = Full {
        number: 5,
        name: "05-HD Max",
        kind: 1,
        entity: (4, 1),
        units: 0,
        base: 1,
        factor: 1,
        exponent: 0,
        thresholds: Thresholds {
            upper_non_critical: Some(60),
            upper_critical: None,
            upper_non_recoverable: None,
            lower_critical: None,
            lower_non_critical: None,
        },
    };

    #[test]
    fn a_full_record_has_its_fields_where_the_specification_puts_them() {
        let bytes = full(0x0105, &DRIVE);
        assert_eq!(bytes[..5], [0x05, 0x01, 0x51, 0x01, u8::try_from(bytes.len() - 5).unwrap()]);
        assert_eq!(bytes[7], 5, "sensor number (byte 8)");
        assert_eq!(bytes[8], 4, "entity (byte 9)");
        assert_eq!(bytes[12], 1, "sensor type (byte 13)");
        assert_eq!(bytes[14..16], [0x80, 0x00], "upper non-critical going high (bytes 15, 16)");
        assert_eq!(bytes[16..18], [0x80, 0x10], "upper non-critical is compared (bytes 17, 18)");
        assert_eq!(bytes[18..20], [0x08, 0x00], "upper non-critical is readable (bytes 19, 20)");
        assert_eq!(bytes[21], 1, "base unit (byte 22)");
        assert_eq!(bytes[24], 1, "M (byte 25)");
        assert_eq!(bytes[38], 60, "upper non-critical (byte 39)");
        assert_eq!(bytes[47], 0xC9, "name: 8-bit ASCII, 9 bytes (byte 48)");
        assert_eq!(&bytes[48..], b"05-HD Max");
    }

    #[test]
    fn m_has_ten_bits_and_the_exponent_is_signed() {
        let bytes = full(1, &Full { factor: 392, exponent: -3, ..DRIVE });
        assert_eq!(bytes[24..26], [0x88, 0x40], "M = 392 (bytes 25, 26)");
        assert_eq!(bytes[29], 0xD0, "10^-3 (byte 30)");
    }

    #[test]
    fn a_lower_threshold_goes_low() {
        let limits = Thresholds { lower_critical: Some(5), ..Thresholds::default() };
        let bytes = full(1, &Full { thresholds: limits, ..DRIVE });
        assert_eq!(bytes[14..16], [0x04, 0x20], "lower critical going low, compared");
        assert_eq!(bytes[18], 0x02, "lower critical is readable");
        assert_eq!(bytes[40], 5, "lower critical (byte 41)");
    }

    #[test]
    fn a_compact_record_ends_in_its_name() {
        let fan = Compact {
            number: 0x30,
            name: "Fan 1 Status",
            kind: 4,
            reading: 0x0A,
            entity: (0x1D, 1),
            state: 0,
        };
        let bytes = compact(3, &fan);
        assert_eq!(bytes[3], 0x02);
        assert_eq!(bytes[31], 0xCC, "name: 8-bit ASCII, 12 bytes (byte 32)");
        assert_eq!(&bytes[32..], b"Fan 1 Status");
    }
}
