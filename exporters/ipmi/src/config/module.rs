//! One module: an account and the manners of polling.

use std::path::PathBuf;
use std::time::Duration;

use exporter_kit::Secret;
use serde::de::{self, Deserializer, IgnoredAny, Visitor};
use serde::{Deserialize, Serialize};

use super::{INTERVAL, span};

/// The longest user name of IPMI 2.0 (table 22-20), in bytes.
const USER_BYTES: usize = 16;
/// The longest password of IPMI 2.0 (§ 22.30), in bytes.
pub(super) const PASSWORD_BYTES: usize = 20;
const TIMEOUT: Duration = Duration::from_secs(1);
const TIMEOUT_RANGE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(30));
/// Faster polling has been seen to upset boards (fans to full speed, drives warming).
const INTERVAL_RANGE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3600));
const RETRIES: u8 = 2;
const MOST_RETRIES: u8 = 10;

/// How a BMC is polled, and as whom.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawModule")]
pub struct Module {
    /// The account's name.
    pub user: String,
    /// The account's password. Empty until the file that holds it has been read.
    pub password: Secret,
    /// The file that holds the password.
    pub password_file: Option<PathBuf>,
    /// The privilege that is asked for. Reading sensors needs no more than `user`.
    pub privilege: Privilege,
    /// For how long one request waits for its answer.
    pub timeout: Duration,
    /// How often a request that got no answer is sent again.
    pub retries: u8,
    /// From the start of one poll to the start of the next.
    pub interval: Duration,
    /// Sensors that are not read: ids as in `32.0.5`, or names.
    pub exclude_sensor_ids: Vec<String>,
}

/// The privilege level of a session (IPMI 2.0 table 22-18).
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Privilege {
    /// Reads sensors and the SDR repository.
    #[default]
    User,
    /// As `User`, and some configuration.
    Operator,
    /// Everything.
    Admin,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawModule {
    user: String,
    pass: Option<Secret>,
    password_file: Option<PathBuf>,
    #[serde(default)]
    privilege: Privilege,
    #[serde(default, deserialize_with = "span::number_is_milliseconds")]
    timeout: Option<Duration>,
    #[serde(default = "default_retries")]
    retries: u8,
    #[serde(default, deserialize_with = "span::with_unit")]
    interval: Option<Duration>,
    #[serde(default)]
    exclude_sensor_ids: Vec<Exclusion>,
    // What follows are words of ipmi_exporter that have one meaning here, or none.
    driver: Option<String>,
    collectors: Option<Vec<String>>,
    workaround_flags: Option<Vec<String>>,
    collector_cmd: Option<IgnoredAny>,
    default_args: Option<IgnoredAny>,
    collector_args: Option<IgnoredAny>,
    custom_args: Option<IgnoredAny>,
    sel_events: Option<IgnoredAny>,
}

fn default_retries() -> u8 {
    RETRIES
}

impl TryFrom<RawModule> for Module {
    type Error = String;

    fn try_from(raw: RawModule) -> Result<Self, String> {
        raw.refuse_what_is_not_supported()?;
        if raw.user.len() > USER_BYTES {
            return Err(format!("user: longer than the {USER_BYTES} bytes that IPMI 2.0 allows"));
        }
        let password = match (raw.pass, &raw.password_file) {
            (Some(pass), None) if pass.expose().len() > PASSWORD_BYTES => {
                return Err(format!(
                    "pass: longer than the {PASSWORD_BYTES} bytes that IPMI 2.0 allows"
                ));
            }
            (Some(pass), None) => pass,
            (None, Some(_)) => Secret::new(String::new()),
            _ => return Err("exactly one of pass and password_file must be set".to_owned()),
        };
        let timeout = raw.timeout.unwrap_or(TIMEOUT);
        span::within("timeout", timeout, TIMEOUT_RANGE)?;
        let interval = raw.interval.unwrap_or(INTERVAL);
        span::within("interval", interval, INTERVAL_RANGE)?;
        if raw.retries > MOST_RETRIES {
            return Err(format!("retries: {} must be 0 to {MOST_RETRIES}", raw.retries));
        }
        Ok(Self {
            user: raw.user,
            password,
            password_file: raw.password_file,
            privilege: raw.privilege,
            timeout,
            retries: raw.retries,
            interval,
            exclude_sensor_ids: raw.exclude_sensor_ids.into_iter().map(|it| it.0).collect(),
        })
    }
}

impl RawModule {
    fn refuse_what_is_not_supported(&self) -> Result<(), String> {
        if let Some(driver) = self.driver.as_deref().filter(|driver| *driver != "LAN_2_0") {
            return Err(format!("driver: `{driver}` is not supported; allowed: LAN_2_0"));
        }
        let others = |name: &&String| *name != "ipmi";
        if let Some(name) = self.collectors.iter().flatten().find(others) {
            return Err(format!("collectors: `{name}` is not supported yet; allowed: ipmi"));
        }
        if let Some(flag) = self.workaround_flags.iter().flatten().next() {
            return Err(format!(
                "workaround_flags: `{flag}` is a flag of FreeIPMI, which is not used here; allowed: []"
            ));
        }
        let words = [
            ("collector_cmd", &self.collector_cmd),
            ("default_args", &self.default_args),
            ("collector_args", &self.collector_args),
            ("custom_args", &self.custom_args),
        ];
        if let Some((word, _)) = words.iter().find(|(_, value)| value.is_some()) {
            return Err(format!("{word}: is not supported, because no other program is run"));
        }
        if self.sel_events.is_some() {
            return Err("sel_events: is not supported yet".to_owned());
        }
        Ok(())
    }
}

/// A sensor that is not read. `ipmi_exporter` takes SDR record numbers here, which move when a
/// sensor vanishes: the wrong sensor would be left out from then on.
struct Exclusion(String);

impl<'de> Deserialize<'de> for Exclusion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Exclusion;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the sensor's id label, as in \"32.0.5\", or its name")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Exclusion, E> {
                Err(E::custom(format!(
                    "exclude_sensor_ids: {number} is the number of an SDR record, which moves when a \
                     sensor vanishes; write the sensor's id label, as in \"32.0.5\", or its name"
                )))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Exclusion, E> {
                self.visit_u64(number.unsigned_abs())
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Exclusion, E> {
                Ok(Exclusion(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Text)
    }
}
