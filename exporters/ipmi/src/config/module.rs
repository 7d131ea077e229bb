//! One module: an account and the manners of polling.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use exporter_kit::Secret;
use exporter_kit::config::all;
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::account::{Account, Written};
use super::login::{IGNORE_SCANNING_DISABLED, Privilege, Suite, Workaround, suites, workarounds};
use super::span;
use crate::slow::Collector;

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
    /// Who logs in.
    pub(crate) account: Account,
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
    /// Faults of firmware to put up with.
    pub(crate) workarounds: Vec<Workaround>,
    /// Whether a value counts that the BMC says it does not scan.
    pub(crate) ignore_scanning_disabled: bool,
    /// Whether sensors of other controllers are read through the BMC.
    pub(crate) bridge_sensors: bool,
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
    user: Option<Secret>,
    user_file: Option<PathBuf>,
    pass: Option<Secret>,
    password_file: Option<PathBuf>,
    privilege: Option<Privilege>,
    #[serde(default, deserialize_with = "span::patience")]
    timeout: Option<span::Patience>,
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
    // Keys of ipmi_exporter's modules that are refused, each with what to do instead. No error offers
    // what stands behind this one.
    #[serde(default, rename = "-", deserialize_with = "nothing")]
    _not_offered: (),
    #[serde(default, rename = "collector_cmd", deserialize_with = "runs_no_program")]
    _collector_cmd: (),
    #[serde(default, rename = "default_args", deserialize_with = "runs_no_program")]
    _default_args: (),
    #[serde(default, rename = "collector_args", deserialize_with = "runs_no_program")]
    _collector_args: (),
    #[serde(default, rename = "custom_args", deserialize_with = "runs_no_program")]
    _custom_args: (),
    #[serde(default, rename = "sel_events", deserialize_with = "counts_no_events")]
    _sel_events: (),
}

fn nothing<'de, D: Deserializer<'de>>(_: D) -> Result<(), D::Error> {
    Err(de::Error::custom("is no key; leave it out"))
}

fn runs_no_program<'de, D: Deserializer<'de>>(_: D) -> Result<(), D::Error> {
    Err(de::Error::custom(
        "is not supported, because no other program is run; leave it out, and say by `collectors`, \
         `suites`, `workaround_flags` and `bridge_sensors` what its arguments said",
    ))
}

fn counts_no_events<'de, D: Deserializer<'de>>(_: D) -> Result<(), D::Error> {
    Err(de::Error::custom(
        "is not supported, because no entry of the event log is read; leave it out, and watch \
         ipmi_sel_entries and ipmi_sensor_state_asserted",
    ))
}

fn default_retries() -> u8 {
    RETRIES
}

impl TryFrom<RawModule> for Module {
    type Error = String;

    fn try_from(raw: RawModule) -> Result<Self, String> {
        if raw.driver == Driver::OpenIpmi {
            raw.refuse_what_is_of_the_lan()?;
        }
        let account = raw.account();
        let collectors = collectors(raw.collectors);
        let suites = suites(raw.suites);
        let workarounds = workarounds(&raw.workaround_flags);
        let slow_interval = raw.slow_interval.unwrap_or(SLOW_INTERVAL);
        // A request to the device that gets no answer is not sent again.
        let attempts = match raw.driver {
            Driver::Lan20 => u32::from(raw.retries) + 1,
            Driver::OpenIpmi => 1,
        };
        let timeout = raw.timeout.map_or(TIMEOUT, |patience| patience.of_each(attempts));
        let interval = raw.interval.unwrap_or(INTERVAL);
        let retries = match raw.retries {
            0..=MOST_RETRIES => Ok(()),
            _ => Err(format!("retries: must be 0 to {MOST_RETRIES}")),
        };
        all([
            account.as_ref().map(drop).map_err(String::clone),
            collectors.as_ref().map(drop).map_err(String::clone),
            suites.as_ref().map(drop).map_err(String::clone),
            workarounds.as_ref().map(drop).map_err(String::clone),
            span::within("slow_interval", slow_interval, SLOW_INTERVAL_RANGE),
            span::within("timeout", timeout, TIMEOUT_RANGE),
            span::within("interval", interval, INTERVAL_RANGE),
            retries,
        ])?;
        Ok(Self {
            driver: raw.driver,
            account: account?,
            privilege: raw.privilege.unwrap_or_default(),
            timeout,
            retries: raw.retries,
            interval,
            exclude_sensor_ids: raw.exclude_sensor_ids.into_iter().map(|it| it.0).collect(),
            slow_interval,
            collectors: collectors?,
            suites: suites?,
            workarounds: workarounds?,
            ignore_scanning_disabled: raw
                .workaround_flags
                .iter()
                .any(|flag| flag == IGNORE_SCANNING_DISABLED),
            bridge_sensors: raw.bridge_sensors,
        })
    }
}

impl RawModule {
    /// What the device has no use for would give a false sense of safety there.
    fn refuse_what_is_of_the_lan(&self) -> Result<(), String> {
        let words = [
            ("user", self.user.is_some()),
            ("user_file", self.user_file.is_some()),
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
        all(words.into_iter().map(|(word, is_set)| {
            let driver = Driver::OpenIpmi;
            if is_set {
                Err(format!("{word}: has no meaning with the driver {driver}; leave it out"))
            } else {
                Ok(())
            }
        }))
    }

    fn account(&self) -> Result<Account, String> {
        match self.driver {
            Driver::OpenIpmi => Ok(Account::none()),
            Driver::Lan20 => Account::new(Written {
                user: self.user.clone(),
                user_file: self.user_file.clone(),
                pass: self.pass.clone(),
                password_file: self.password_file.clone(),
                k_g: self.k_g.clone(),
                k_g_file: self.k_g_file.clone(),
            }),
        }
    }
}

fn collectors(names: Option<Vec<String>>) -> Result<Vec<Collector>, String> {
    let Some(names) = names else { return Ok(Collector::ALL.to_vec()) };
    let allowed = Collector::ALL.map(Collector::as_str);
    if !names.iter().all(|name| allowed.contains(&name.as_str())) {
        return Err(format!("collectors: must be some of {}", allowed.join(", ")));
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

            fn visit_u64<E: de::Error>(self, _: u64) -> Result<Exclusion, E> {
                Err(E::custom(
                    "a bare number is that of an SDR record, which moves when a sensor vanishes; write \
                     the sensor's id label, as in \"32.0.5\", or its name",
                ))
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
