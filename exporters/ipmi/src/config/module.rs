//! One module: an account and the manners of polling.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use exporter_kit::Secret;
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, Visitor};

use super::login::{IGNORE_SCANNING_DISABLED, Privilege, Suite, Workaround, suites, workarounds};
use super::span;
use crate::slow::Collector;

/// The longest user name of IPMI 2.0 (table 22-20), in bytes.
const USER_BYTES: usize = 16;
/// The longest password of IPMI 2.0 (§ 22.30), in bytes.
pub(super) const PASSWORD_BYTES: usize = 20;
const TIMEOUT: Duration = Duration::from_secs(1);
const TIMEOUT_RANGE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(30));
/// How often a BMC is polled unless the file says otherwise. A drive's temperature that jumps by 34
/// degrees is then seen as a rise of 6.8 degrees per second, thirteen times its limit; BMCs bear it.
const INTERVAL: Duration = Duration::from_secs(5);
/// Faster polling has been seen to upset boards (fans to full speed, drives warming).
const INTERVAL_RANGE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3600));
const SLOW_INTERVAL: Duration = Duration::from_secs(60);
const SLOW_INTERVAL_RANGE: (Duration, Duration) =
    (Duration::from_secs(10), Duration::from_secs(3600));
const RETRIES: u8 = 2;
const MOST_RETRIES: u8 = 10;

/// How a BMC is polled, and as whom.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawModule")]
pub(crate) struct Module {
    /// How the BMC is reached. What is about accounts, cipher suites and faults of LAN firmware
    /// is empty or the default with [`Driver::OpenIpmi`].
    pub(crate) driver: Driver,
    /// The account's name.
    pub(crate) user: String,
    /// The account's password. Empty until the file that holds it has been read.
    pub(crate) password: Secret,
    /// The file that holds the password.
    pub(crate) password_file: Option<PathBuf>,
    /// The privilege that is asked for. Reading sensors needs no more than `user`.
    pub(crate) privilege: Privilege,
    /// For how long one request waits for its answer.
    pub(crate) timeout: Duration,
    /// How often a request that got no answer is sent again.
    pub(crate) retries: u8,
    /// From the start of one poll to the start of the next.
    pub(crate) interval: Duration,
    /// Sensors that are not read: ids as in `32.0.5`, or names.
    pub(crate) exclude_sensor_ids: Vec<String>,
    /// From one asking for everything else to the next.
    pub(crate) slow_interval: Duration,
    /// What is read.
    pub(crate) collectors: Vec<Collector>,
    /// The cipher suites, in the order they are tried.
    pub(crate) suites: Vec<Suite>,
    /// The BMC's own key, where one is set: text, or `0x` and hexadecimal digits.
    pub(crate) k_g: Option<Secret>,
    /// The file that holds it.
    pub(crate) k_g_file: Option<PathBuf>,
    /// Faults of firmware to put up with.
    pub(crate) workarounds: Vec<Workaround>,
    /// Whether a value counts that the BMC says it does not scan.
    pub(crate) ignore_scanning_disabled: bool,
    /// Whether sensors of other controllers are read through the BMC.
    pub(crate) bridge_sensors: bool,
}

impl Module {
    /// The bytes of the BMC's own key.
    pub(crate) fn k_g_bytes(&self) -> Option<Vec<u8>> {
        self.k_g.as_ref().map(|k_g| key(k_g.expose()).unwrap_or_default())
    }
}

/// A key as `FreeIPMI` takes it: `0x` and pairs of hexadecimal digits, or text. `None` when it is
/// empty, longer than 20 bytes, or not made of pairs.
pub(super) fn key(text: &str) -> Option<Vec<u8>> {
    let bytes = match text.strip_prefix("0x") {
        Some(digits) => {
            let pairs = digits.as_bytes().chunks(2);
            let byte = |pair: &[u8]| match pair {
                [high, low] => Some(16 * nibble(*high)? + nibble(*low)?),
                _ => None,
            };
            pairs.map(byte).collect::<Option<Vec<u8>>>()?
        }
        None => text.as_bytes().to_vec(),
    };
    (1..=PASSWORD_BYTES).contains(&bytes.len()).then_some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|it| u8::try_from(it).ok())
}

/// The way to a BMC, under the name that `FreeIPMI` gives it.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub(crate) enum Driver {
    /// IPMI 2.0 over the LAN.
    #[default]
    #[serde(rename = "LAN_2_0")]
    Lan20,
    /// The device of Linux's `ipmi_devintf`.
    #[serde(rename = "OPENIPMI")]
    OpenIpmi,
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lan20 => "LAN_2_0",
            Self::OpenIpmi => "OPENIPMI",
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawModule {
    #[serde(default)]
    driver: Driver,
    user: Option<String>,
    pass: Option<Secret>,
    password_file: Option<PathBuf>,
    privilege: Option<Privilege>,
    #[serde(default, deserialize_with = "span::number_is_milliseconds")]
    timeout: Option<Duration>,
    #[serde(default = "default_retries")]
    retries: u8,
    #[serde(default, deserialize_with = "span::with_unit")]
    interval: Option<Duration>,
    #[serde(default)]
    exclude_sensor_ids: Vec<Exclusion>,
    #[serde(default, deserialize_with = "span::with_unit")]
    slow_interval: Option<Duration>,
    collectors: Option<Vec<String>>,
    suites: Option<Vec<u8>>,
    k_g: Option<Secret>,
    k_g_file: Option<PathBuf>,
    #[serde(default)]
    workaround_flags: Vec<String>,
    #[serde(default)]
    bridge_sensors: bool,
    // Keys of ipmi_exporter's modules that are refused by name, each with the reason.
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
        if raw.driver == Driver::OpenIpmi {
            raw.refuse_what_is_of_the_lan()?;
        }
        let (user, password) = raw.account()?;
        if raw.k_g.is_some() && raw.k_g_file.is_some() {
            return Err("at most one of k_g and k_g_file may be set".to_owned());
        }
        if raw.k_g.as_ref().is_some_and(|k_g| key(k_g.expose()).is_none()) {
            return Err(format!("k_g: {KEY_RULE}"));
        }
        let collectors = collectors(raw.collectors)?;
        let suites = suites(raw.suites)?;
        let workarounds = workarounds(&raw.workaround_flags)?;
        let slow_interval = raw.slow_interval.unwrap_or(SLOW_INTERVAL);
        span::within("slow_interval", slow_interval, SLOW_INTERVAL_RANGE)?;
        let timeout = raw.timeout.unwrap_or(TIMEOUT);
        span::within("timeout", timeout, TIMEOUT_RANGE)?;
        let interval = raw.interval.unwrap_or(INTERVAL);
        span::within("interval", interval, INTERVAL_RANGE)?;
        if raw.retries > MOST_RETRIES {
            return Err(format!("retries: {} must be 0 to {MOST_RETRIES}", raw.retries));
        }
        Ok(Self {
            driver: raw.driver,
            user,
            password,
            password_file: raw.password_file,
            privilege: raw.privilege.unwrap_or_default(),
            timeout,
            retries: raw.retries,
            interval,
            exclude_sensor_ids: raw.exclude_sensor_ids.into_iter().map(|it| it.0).collect(),
            slow_interval,
            collectors,
            suites,
            k_g: raw.k_g,
            k_g_file: raw.k_g_file,
            workarounds,
            ignore_scanning_disabled: raw
                .workaround_flags
                .iter()
                .any(|flag| flag == IGNORE_SCANNING_DISABLED),
            bridge_sensors: raw.bridge_sensors,
        })
    }
}

impl RawModule {
    fn refuse_what_is_not_supported(&self) -> Result<(), String> {
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

    /// What the device has no use for would give a false sense of safety there.
    fn refuse_what_is_of_the_lan(&self) -> Result<(), String> {
        let words = [
            ("user", self.user.is_some()),
            ("pass", self.pass.is_some()),
            ("password_file", self.password_file.is_some()),
            ("privilege", self.privilege.is_some()),
            ("suites", self.suites.is_some()),
            ("k_g", self.k_g.is_some()),
            ("k_g_file", self.k_g_file.is_some()),
            (
                "workaround_flags",
                self.workaround_flags.iter().any(|flag| flag != IGNORE_SCANNING_DISABLED),
            ),
        ];
        match words.iter().find(|(_, is_set)| *is_set) {
            None => Ok(()),
            Some((word, _)) => Err(format!(
                "{word}: has no meaning with the driver {}; leave it out",
                Driver::OpenIpmi
            )),
        }
    }

    /// The user and the password, which is still empty where a file holds it.
    fn account(&self) -> Result<(String, Secret), String> {
        let none = || Secret::new(String::new());
        if self.driver == Driver::OpenIpmi {
            return Ok((String::new(), none()));
        }
        let Some(user) = self.user.clone() else {
            return Err("user: must be set, as in `user: monitor`".to_owned());
        };
        if user.len() > USER_BYTES {
            return Err(format!("user: longer than the {USER_BYTES} bytes that IPMI 2.0 allows"));
        }
        match (&self.pass, &self.password_file) {
            (Some(pass), None) if pass.expose().len() > PASSWORD_BYTES => {
                Err(format!("pass: longer than the {PASSWORD_BYTES} bytes that IPMI 2.0 allows"))
            }
            (Some(pass), None) => Ok((user, pass.clone())),
            (None, Some(_)) => Ok((user, none())),
            _ => Err("exactly one of pass and password_file must be set".to_owned()),
        }
    }
}

/// What a key must be.
pub(super) const KEY_RULE: &str =
    "must be 1 to 20 bytes: text, or 0x and two hexadecimal digits a byte";

fn collectors(names: Option<Vec<String>>) -> Result<Vec<Collector>, String> {
    let Some(names) = names else { return Ok(Collector::ALL.to_vec()) };
    let allowed = Collector::ALL.map(Collector::as_str);
    if let Some(name) = names.iter().find(|name| !allowed.contains(&name.as_str())) {
        let allowed = allowed.join(", ");
        return Err(format!("collectors: `{name}` is not supported; allowed: {allowed}"));
    }
    let is_wanted = |it: &Collector| names.iter().any(|name| name == it.as_str());
    let collectors: Vec<_> = Collector::ALL.into_iter().filter(is_wanted).collect();
    if collectors.contains(&Collector::Ipmi) {
        Ok(collectors)
    } else {
        Err("collectors: `ipmi` must be among them".to_owned())
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
