//! From a raw reading to a number: y = L[(M·x + B·10^K1)·10^K2]. No I/O, no clock.

use crate::error::CommandError;
use crate::sensor::ReadingError;

/// How the raw byte is to be read (sensor units 1, bits 7:6; specification table 43-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// 0 to 255.
    Unsigned,
    /// One's complement: -127 to 127.
    OnesComplement,
    /// Two's complement: -128 to 127.
    TwosComplement,
    /// The sensor gives no analog reading.
    NotAnalog,
}

impl Format {
    /// Decodes bits 7:6 of "sensor units 1".
    pub fn parse(units_1: u8) -> Format {
        match units_1 >> 6 {
            0 => Format::Unsigned,
            1 => Format::OnesComplement,
            2 => Format::TwosComplement,
            _ => Format::NotAnalog,
        }
    }

    /// The byte as a number; `None` when the sensor is not analog.
    pub fn decode(self, raw: u8) -> Option<i16> {
        match self {
            // A negative number is its magnitude with all bits inverted; 0xFF is minus zero.
            Format::OnesComplement if raw & 0x80 != 0 => Some(-i16::from(!raw)),
            Format::Unsigned | Format::OnesComplement => Some(i16::from(raw)),
            Format::TwosComplement => Some(i16::from(raw.cast_signed())),
            Format::NotAnalog => None,
        }
    }
}

/// The function applied last (specification table 43-1, byte "linearization").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Linearization {
    /// None.
    Linear,
    /// Natural logarithm.
    Ln,
    /// Logarithm to base 10.
    Log10,
    /// Logarithm to base 2.
    Log2,
    /// e to the power of x.
    Exp,
    /// 10 to the power of x.
    Exp10,
    /// 2 to the power of x.
    Exp2,
    /// 1/x.
    Reciprocal,
    /// x squared.
    Square,
    /// x cubed.
    Cube,
    /// Square root.
    SquareRoot,
    /// Cube root.
    CubeRoot,
    /// Factors differ from reading to reading (0x70-0x7F), or the code is not defined.
    NonLinear(u8),
}

impl Linearization {
    /// Decodes the byte; bit 7 is reserved and left out.
    pub fn parse(byte: u8) -> Linearization {
        match byte & 0x7F {
            0x00 => Linearization::Linear,
            0x01 => Linearization::Ln,
            0x02 => Linearization::Log10,
            0x03 => Linearization::Log2,
            0x04 => Linearization::Exp,
            0x05 => Linearization::Exp10,
            0x06 => Linearization::Exp2,
            0x07 => Linearization::Reciprocal,
            0x08 => Linearization::Square,
            0x09 => Linearization::Cube,
            0x0A => Linearization::SquareRoot,
            0x0B => Linearization::CubeRoot,
            other => Linearization::NonLinear(other),
        }
    }

    /// Applies the function; `None` for non-linear sensors.
    pub fn apply(self, x: f64) -> Option<f64> {
        Some(match self {
            Linearization::Linear => x,
            Linearization::Ln => x.ln(),
            Linearization::Log10 => x.log10(),
            Linearization::Log2 => x.log2(),
            Linearization::Exp => x.exp(),
            Linearization::Exp10 => 10_f64.powf(x),
            Linearization::Exp2 => x.exp2(),
            Linearization::Reciprocal => 1.0 / x,
            Linearization::Square => x * x,
            Linearization::Cube => x * x * x,
            Linearization::SquareRoot => x.sqrt(),
            Linearization::CubeRoot => x.cbrt(),
            Linearization::NonLinear(_) => return None,
        })
    }
}

/// The factors of the conversion formula (specification §36.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Factors {
    /// Multiplier M, -512 to 511.
    pub m: i16,
    /// Offset B, -512 to 511.
    pub b: i16,
    /// Exponent of the result ("R exp", K2), -8 to 7.
    pub r_exponent: i8,
    /// Exponent of B ("B exp", K1), -8 to 7.
    pub b_exponent: i8,
    /// Tolerance in half raw counts, 0-63.
    pub tolerance: u8,
    /// Accuracy in units of 0.01 % x 10^`accuracy_exponent`, 0-1023.
    pub accuracy: u16,
    /// Exponent of the accuracy, 0-3.
    pub accuracy_exponent: u8,
}

impl Factors {
    /// Decodes the six factor bytes as an SDR (bytes 25-30) and Get Sensor Reading Factors have
    /// them.
    pub fn parse([m, m_tolerance, b, b_accuracy, accuracy, exponents]: [u8; 6]) -> Factors {
        Factors {
            m: ten_bits(m, m_tolerance),
            b: ten_bits(b, b_accuracy),
            r_exponent: nibble(exponents >> 4),
            b_exponent: nibble(exponents),
            tolerance: m_tolerance & 0x3F,
            accuracy: u16::from(b_accuracy & 0x3F) | (u16::from(accuracy >> 4) << 6),
            accuracy_exponent: (accuracy >> 2) & 0x03,
        }
    }

    /// Decodes the data (without completion code) of the reply to Get Sensor Reading Factors
    /// (specification table 35-5), whose first byte is the next reading with factors of its own.
    pub fn parse_reply(data: &[u8]) -> Result<Factors, CommandError> {
        let factors = data.get(1..).and_then(<[u8]>::first_chunk::<6>);
        factors.map(|bytes| Factors::parse(*bytes)).ok_or(CommandError::Malformed)
    }

    /// (M·x + B·10^K1)·10^K2.
    ///
    /// A negative exponent divides by a power of ten instead of multiplying by its inexact
    /// reciprocal, so that 20 x 6 / 100 is 1.2 and not 1.2000000000000002.
    pub fn apply(&self, x: f64) -> f64 {
        scale(f64::from(self.m) * x + scale(f64::from(self.b), self.b_exponent), self.r_exponent)
    }
}

/// `value`·10^`exponent`.
fn scale(value: f64, exponent: i8) -> f64 {
    let power = 10_f64.powi(i32::from(exponent.unsigned_abs()));
    if exponent < 0 { value / power } else { value * power }
}

/// A ten-bit two's complement number: eight low bits, and bits 9:8 on top of a second byte.
fn ten_bits(low: u8, high: u8) -> i16 {
    let bits = (u16::from(high >> 6) << 8) | u16::from(low);
    (bits << 6).cast_signed() >> 6
}

/// A four-bit two's complement number.
fn nibble(bits: u8) -> i8 {
    (bits << 4).cast_signed() >> 4
}

/// Everything that turns a sensor's raw byte into a number (table 43-1, bytes 21 and 24 to 30; the
/// formula is that of §36.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Conversion {
    /// Format of the raw byte.
    pub format: Format,
    /// Function applied last.
    pub linearization: Linearization,
    /// Factors of the formula.
    pub factors: Factors,
}

impl Conversion {
    /// The value of a raw byte in the sensor's unit.
    pub fn value(&self, raw: u8) -> Result<f64, ReadingError> {
        let x = self.format.decode(raw).ok_or(ReadingError::NotAnalog)?;
        let y = self
            .linearization
            .apply(self.factors.apply(f64::from(x)))
            .ok_or(ReadingError::NonLinear)?;
        if y.is_finite() { Ok(y) } else { Err(ReadingError::NotFinite) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINEAR: Factors = Factors {
        m: 1,
        b: 0,
        r_exponent: 0,
        b_exponent: 0,
        tolerance: 0,
        accuracy: 0,
        accuracy_exponent: 0,
    };

    fn conversion(format: Format, linearization: Linearization, factors: Factors) -> Conversion {
        Conversion { format, linearization, factors }
    }

    fn value(linearization: u8, factors: Factors, raw: u8) -> Result<f64, ReadingError> {
        conversion(Format::Unsigned, Linearization::parse(linearization), factors).value(raw)
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-12 * b.abs().max(1.0)
    }

    #[test]
    fn all_three_formats_read_their_negative_numbers() {
        let decode = |format: Format, raw| format.decode(raw).unwrap();
        assert_eq!(decode(Format::Unsigned, 0xFF), 255);
        assert_eq!(decode(Format::OnesComplement, 0x19), 25);
        assert_eq!(decode(Format::OnesComplement, 0xE6), -25);
        assert_eq!(decode(Format::OnesComplement, 0x80), -127);
        assert_eq!(decode(Format::OnesComplement, 0xFF), 0);
        assert_eq!(decode(Format::TwosComplement, 0xE7), -25);
        assert_eq!(decode(Format::TwosComplement, 0x80), -128);
        assert_eq!(Format::NotAnalog.decode(1), None);
    }

    #[test]
    fn ten_bit_factors_keep_their_sign() {
        let m_of = |low, high| Factors::parse([low, high, 0, 0, 0, 0]).m;
        assert_eq!(m_of(0xFF, 0xC0), -1);
        assert_eq!(m_of(0x00, 0x80), -512);
        assert_eq!(m_of(0xFF, 0x40), 511);
        assert_eq!(m_of(0x88, 0x40), 392);
        assert_eq!(m_of(0x01, 0x3F), 1, "the tolerance bits are not part of M");
        assert_eq!(Factors::parse([0, 0, 0x9C, 0xC0, 0, 0]).b, -100);
    }

    #[test]
    fn exponents_tolerance_and_accuracy_are_taken_apart() {
        let factors = Factors::parse([1, 0x25, 0, 0x2A, 0b0101_1001, 0xD7]);
        assert_eq!((factors.r_exponent, factors.b_exponent), (-3, 7));
        assert_eq!(factors.tolerance, 0x25);
        assert_eq!(factors.accuracy, (0b0101 << 6) | 0x2A);
        assert_eq!(factors.accuracy_exponent, 0b10);
    }

    #[test]
    fn negative_m_and_offset_give_what_ipmitool_gives() {
        let factors = Factors { m: -1, b: 100, ..LINEAR };
        assert_eq!(value(0, factors, 40), Ok(60.0));
        let factors = Factors { m: 5, b: 5, b_exponent: 2, r_exponent: -3, ..LINEAR };
        assert_eq!(value(0, factors, 10), Ok(0.55));
        assert_eq!(value(0, Factors { m: 392, r_exponent: -3, ..LINEAR }, 49), Ok(19.208));
        assert_eq!(value(0, Factors { m: 6, r_exponent: -2, ..LINEAR }, 20), Ok(1.2));
    }

    #[test]
    fn all_twelve_linearizations_are_applied() {
        let expected: [(u8, f64); 12] = [
            (0x00, 4.0),
            (0x01, 4_f64.ln()),
            (0x02, 4_f64.log10()),
            (0x03, 2.0),
            (0x04, 4_f64.exp()),
            (0x05, 10_000.0),
            (0x06, 16.0),
            (0x07, 0.25),
            (0x08, 16.0),
            (0x09, 64.0),
            (0x0A, 2.0),
            (0x0B, 4_f64.cbrt()),
        ];
        for (code, number) in expected {
            let got = value(code, LINEAR, 4).unwrap();
            assert!(close(got, number), "linearization {code:#x}: {got} instead of {number}");
        }
    }

    #[test]
    fn what_is_no_number_is_an_error_and_never_nan() {
        assert_eq!(value(0x07, LINEAR, 0), Err(ReadingError::NotFinite));
        assert_eq!(value(0x01, LINEAR, 0), Err(ReadingError::NotFinite));
        assert_eq!(value(0x0A, Factors { m: -1, ..LINEAR }, 4), Err(ReadingError::NotFinite));
        assert_eq!(value(0x70, LINEAR, 4), Err(ReadingError::NonLinear));
        assert_eq!(value(0x0C, LINEAR, 4), Err(ReadingError::NonLinear));
        let discrete = conversion(Format::NotAnalog, Linearization::Linear, LINEAR);
        assert_eq!(discrete.value(4), Err(ReadingError::NotAnalog));
    }
}
