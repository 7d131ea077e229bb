//! Words of `ipmi_exporter`'s modules that have no meaning here: each is taken, left aside and said. No
//! I/O, no clock.

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, Visitor};

/// What stands below a key that is left aside.
pub(super) type Aside = Option<IgnoredAny>;

const NO_PROGRAM: &str = "no other program is run, so there are no arguments; leave it out, and say by \
                          `suites`, `k_g_file`, `workaround_flags` and `bridge_sensors` what they said";
const NO_COMMAND: &str = "no other program is run; leave it out; the device needs the right to open it, \
                          and no sudo";
const NUMBER: &str = "bare numbers are those of SDR records, which move when a sensor vanishes, and leave \
                      out nothing here; write the sensor's id label, as in \"32.0.5\", or its name";

/// What there is to say of a module's keys: of `arguments`, `commands` and sensors by `numbers`.
pub(super) fn warnings(
    arguments: [(&str, Aside); 3],
    commands: Aside,
    numbers: bool,
) -> Vec<String> {
    let set = arguments.into_iter().filter(|(_, aside)| aside.is_some());
    let mut warnings: Vec<_> = set.map(|(key, _)| format!("{key}: {NO_PROGRAM}")).collect();
    if commands.is_some() {
        warnings.push(format!("collector_cmd: {NO_COMMAND}"));
    }
    if numbers {
        warnings.push(format!("exclude_sensor_ids: {NUMBER}"));
    }
    warnings
}

/// A sensor that is not read. `ipmi_exporter` takes SDR record numbers here: the wrong sensor would be
/// left out once one vanishes.
#[derive(Debug)]
pub(super) enum Exclusion {
    /// The number of a record.
    Number,
    /// An id label or a name.
    Sensor(String),
}

impl<'de> Deserialize<'de> for Exclusion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Exclusion;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the sensor's id label, as in \"32.0.5\", or its name")
            }

            fn visit_u64<E: de::Error>(self, _: u64) -> Result<Exclusion, E> {
                Ok(Exclusion::Number)
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Exclusion, E> {
                Ok(Exclusion::Number)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Exclusion, E> {
                if !may_be_a_sensor(text) {
                    let must = "must be the sensor's id label, three numbers up to 255 as in \"32.0.5\", or \
                                its name";
                    return Err(E::custom(must));
                }
                Ok(Exclusion::Sensor(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Text)
    }
}

/// Digits and dots alone are an id label, and else nothing.
fn may_be_a_sensor(text: &str) -> bool {
    let is_id = |text: &str| {
        text.split('.').count() == 3 && text.split('.').all(|part| part.parse::<u8>().is_ok())
    };
    let is_of_numbers = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    !text.trim().is_empty() && (!is_of_numbers || is_id(text))
}
