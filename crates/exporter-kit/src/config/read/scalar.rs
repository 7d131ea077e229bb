//! What a scalar means: YAML 1.2's core schema. No I/O, no clock.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The meaning of a scalar whose type nobody asked for.
#[derive(Debug, PartialEq)]
pub(super) enum Scalar {
    Nothing,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text,
}

pub(super) fn resolve(text: &str, plain: bool) -> Scalar {
    if !plain {
        return Scalar::Text;
    }
    if matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Scalar::Nothing;
    }
    if let Some(value) = boolean(text) {
        return Scalar::Bool(value);
    }
    if let Some(value) = integer(text) {
        return Scalar::Unsigned(value);
    }
    if let Some(value) = integer(text) {
        return Scalar::Signed(value);
    }
    float(text).map_or(Scalar::Text, Scalar::Float)
}

pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// A whole number: decimal, or with `0x` or `0o`.
pub(super) fn integer<T: std::str::FromStr>(text: &str) -> Option<T> {
    let based = |digits: &str, base| i128::from_str_radix(digits, base).ok().map(|n| n.to_string());
    if let Some(digits) = text.strip_prefix("0x") {
        return based(digits, 16)?.parse().ok();
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return based(digits, 8)?.parse().ok();
    }
    // Octal in YAML 1.1, decimal in 1.2: nobody is to guess.
    if has_leading_zero(text) {
        return None;
    }
    text.parse().ok()
}

/// What an integer of a type must be; one that may be as large as that has a bound of its own.
pub(super) fn range<T: Into<i128> + Copy>(least: T, most: T) -> String {
    let (least, most) = (least.into(), most.into());
    match (least, most) {
        (0, most) if most > i128::from(u16::MAX) => "a whole number, 0 or more".to_owned(),
        (..0, most) if most > i128::from(u16::MAX) => "a whole number".to_owned(),
        _ => format!("a whole number from {least} to {most}"),
    }
}

/// Whether it is decimal to some and octal to others.
pub(super) fn has_leading_zero(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|it| it.is_ascii_digit())
}

/// The bytes that `!!binary` writes in base64, over as many lines as it likes.
pub(super) fn binary(text: &str) -> Option<Vec<u8>> {
    let digits: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(digits).ok()
}

pub(super) fn float(text: &str) -> Option<f64> {
    match text {
        ".nan" | ".NaN" | ".NAN" => Some(f64::NAN),
        ".inf" | "+.inf" | ".Inf" | ".INF" => Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Some(f64::NEG_INFINITY),
        _ if has_leading_zero(text) => None,
        // Rust would read `inf` and `nan` too.
        _ if text.bytes().any(|b| b.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scalar_means_what_yaml_says() {
        for (text, meaning) in [
            ("", Scalar::Nothing),
            ("~", Scalar::Nothing),
            ("True", Scalar::Bool(true)),
            ("no", Scalar::Text),
            ("NO", Scalar::Text),
            ("17", Scalar::Unsigned(17)),
            ("-17", Scalar::Signed(-17)),
            ("0x1F", Scalar::Unsigned(31)),
            ("0o17", Scalar::Unsigned(15)),
            ("1.5", Scalar::Float(1.5)),
            ("1e3", Scalar::Float(1000.0)),
            ("1h", Scalar::Text),
            ("inf", Scalar::Text),
            ("010", Scalar::Text),
            ("-010", Scalar::Text),
            ("0", Scalar::Unsigned(0)),
            ("0.5", Scalar::Float(0.5)),
        ] {
            assert_eq!(resolve(text, true), meaning, "{text}");
            assert_eq!(resolve(text, false), Scalar::Text, "'{text}'");
        }
        assert_eq!(float(".inf"), Some(f64::INFINITY));
    }
}
