//! One module: an account and the manners of polling.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use exporter_kit::Secret;
use exporter_kit::config::{self, all};
use serde::Deserialize;
use serde::de::{self, Deserializer};

use super::account::{Account, Written};
use super::driver::Driver;
use super::foreign::{self, Aside, Exclusion};
use super::login::{
    IGNORE_SCANNING_DISABLED, Privilege, Suite, Workaround, is_of_the_lan, suites, workarounds,
};
use super::span::{self, Patience};
use crate::journal::{MOST_NAMED, SelEvent};
use crate::sensor::Severity;
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
    /// For how long each attempt of a request waits for its answer.
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
    /// Entries of the event log that are counted by names of their own.
    pub(crate) sel_events: Arc<[SelEvent]>,
    /// What states of discrete sensors say, by sensor type and state, in place of the usual.
    pub(crate) sensor_states: BTreeMap<String, BTreeMap<String, Severity>>,
    /// The cipher suites, in the order they are tried.
    pub(crate) suites: Vec<Suite>,
    /// Faults of firmware to put up with.
    pub(crate) workarounds: Vec<Workaround>,
    /// Whether a value counts that the BMC says it does not scan.
    pub(crate) ignore_scanning_disabled: bool,
    /// Whether sensors of other controllers are read through the BMC.
    pub(crate) bridge_sensors: bool,
    /// Whether the inventories' serial numbers are shown.
    pub(crate) serial_numbers: bool,
    /// What is taken and left aside; taken out of it once the whole file was read.
    pub(super) warnings: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawModule {
    driver: Option<String>,
    user: Option<Secret>,
    user_file: Option<PathBuf>,
    pass: Option<Secret>,
    password_file: Option<PathBuf>,
    privilege: Option<Privilege>,
    #[serde(default, deserialize_with = "span::patience")]
    timeout: Option<Patience>,
    retries: Option<u32>,
    #[serde(default, deserialize_with = "span::with_unit")]
    interval: Option<Duration>,
    #[serde(default)]
    exclude_sensor_ids: Vec<Exclusion>,
    #[serde(default, deserialize_with = "span::with_unit")]
    slow_interval: Option<Duration>,
    collectors: Option<Vec<String>>,
    #[serde(default)]
    sel_events: Vec<SelEvent>,
    #[serde(default)]
    sensor_states: BTreeMap<String, BTreeMap<String, Severity>>,
    suites: Option<Vec<u8>>,
    k_g: Option<Secret>,
    k_g_file: Option<PathBuf>,
    #[serde(default)]
    workaround_flags: Vec<String>,
    #[serde(default)]
    bridge_sensors: bool,
    #[serde(default)]
    serial_numbers: bool,
    // Keys of ipmi_exporter's modules that are left aside or refused. No error offers what stands behind
    // this one.
    #[serde(default, rename = "-", deserialize_with = "nothing")]
    _not_offered: (),
    collector_cmd: Aside,
    default_args: Aside,
    collector_args: Aside,
    custom_args: Aside,
}

fn nothing<'de, D: Deserializer<'de>>(_: D) -> Result<(), D::Error> {
    Err(de::Error::custom("is no key; leave it out"))
}

impl Module {
    /// How the machine's own BMC is polled where no module says how.
    pub(super) fn own() -> Result<Self, String> {
        RawModule::default().try_into()
    }
}

impl TryFrom<RawModule> for Module {
    type Error = String;

    fn try_from(raw: RawModule) -> Result<Self, String> {
        let driver = Driver::of(raw.driver.as_deref(), raw.has_account());
        if let Ok((driver, _)) = driver
            && !driver.has_lan_sessions()
        {
            raw.refuse_what_is_of_the_lan(driver)?;
        }
        let account = raw.account(driver.as_ref().map_or(Driver::OpenIpmi, |(driver, _)| *driver));
        let collectors = collectors(raw.collectors.as_deref(), raw.has_account());
        let suites = suites(raw.suites.clone());
        let workarounds = workarounds(&raw.workaround_flags);
        let slow_interval = raw.slow_interval.unwrap_or(SLOW_INTERVAL);
        let few = |it: u32| u8::try_from(it).ok().filter(|it| *it <= MOST_RETRIES);
        let few_retries = raw.retries.map_or(Some(RETRIES), few);
        let few_retries =
            few_retries.ok_or_else(|| format!("retries: must be 0 to {MOST_RETRIES}"));
        let retries = *few_retries.as_ref().unwrap_or(&RETRIES);
        let is_sent_once = driver.as_ref().is_ok_and(|(driver, _)| !driver.sends_again());
        let attempts = if is_sent_once { 1 } else { u32::from(retries) + 1 };
        let mut timeout = raw.timeout.map_or(TIMEOUT, |patience| patience.of_each(attempts));
        // Its number is as long as its writer likes.
        let is_foreign = matches!(raw.timeout, Some(Patience::Session(_)));
        let capped = (is_foreign && timeout > TIMEOUT_RANGE.1).then_some(timeout);
        timeout = capped.map_or(timeout, |_| TIMEOUT_RANGE.1);
        let interval = raw.interval.unwrap_or(INTERVAL);
        let mut names: Vec<_> = raw.sel_events.iter().map(|event| &event.name).collect();
        names.sort_unstable();
        let sel_events = match raw.sel_events.len() {
            0..=MOST_NAMED if names.windows(2).all(|two| two[0] != two[1]) => Ok(()),
            0..=MOST_NAMED => Err("sel_events: two have the same name".to_owned()),
            _ => Err(format!("sel_events: must be {MOST_NAMED} at most")),
        };
        all([
            driver.as_ref().map(drop).map_err(String::clone),
            account.as_ref().map(drop).map_err(String::clone),
            collectors.as_ref().map(drop).map_err(String::clone),
            suites.as_ref().map(drop).map_err(String::clone),
            workarounds.as_ref().map(drop).map_err(String::clone),
            span::within("slow_interval", slow_interval, SLOW_INTERVAL_RANGE),
            span::within("timeout", timeout, TIMEOUT_RANGE),
            span::within("interval", interval, INTERVAL_RANGE),
            few_retries.map(drop),
            sel_events,
        ])?;
        let (driver, of_driver) = driver?;
        let (workarounds, of_flags) = workarounds?;
        let warnings = of_driver.map(str::to_owned).into_iter().chain(raw.left_aside());
        let mut warnings: Vec<_> = warnings.chain(of_flags).collect();
        warnings.extend(capped.map(|asked| {
            let (asked, most) = (config::Duration::new(asked), TIMEOUT_RANGE.1);
            format!(
                "timeout: would be {asked} for each attempt; {} is taken",
                config::Duration::new(most)
            )
        }));
        let reads_log = matches!(&collectors, Ok(it) if it.contains(&Collector::SelEvents));
        if !raw.sel_events.is_empty() && !reads_log {
            warnings
                .push("sel_events: are not counted without the collector sel-events".to_owned());
        }
        let sensors = raw.exclude_sensor_ids.into_iter().filter_map(|it| match it {
            Exclusion::Sensor(sensor) => Some(sensor),
            Exclusion::Number => None,
        });
        Ok(Self {
            driver,
            account: account?,
            privilege: raw.privilege.unwrap_or_default(),
            timeout,
            retries,
            interval,
            exclude_sensor_ids: sensors.collect(),
            slow_interval,
            collectors: collectors?,
            sel_events: raw.sel_events.into(),
            sensor_states: raw.sensor_states,
            suites: suites?,
            workarounds,
            ignore_scanning_disabled: raw
                .workaround_flags
                .iter()
                .any(|flag| flag == IGNORE_SCANNING_DISABLED),
            bridge_sensors: raw.bridge_sensors,
            serial_numbers: raw.serial_numbers,
            warnings,
        })
    }
}

impl RawModule {
    fn has_account(&self) -> bool {
        let secrets = [&self.user, &self.pass, &self.k_g];
        let files = [&self.user_file, &self.password_file, &self.k_g_file];
        secrets.iter().any(|it| it.is_some()) || files.iter().any(|it| it.is_some())
    }

    fn left_aside(&self) -> Vec<String> {
        let arguments = [
            ("custom_args", self.custom_args),
            ("default_args", self.default_args),
            ("collector_args", self.collector_args),
        ];
        let is_number = |it: &Exclusion| matches!(it, Exclusion::Number);
        let numbers = self.exclude_sensor_ids.iter().any(is_number);
        foreign::warnings(arguments, self.collector_cmd, numbers)
    }

    /// What the device has no use for would give a false sense of safety there.
    fn refuse_what_is_of_the_lan(&self, driver: Driver) -> Result<(), String> {
        let words = [
            ("user", self.user.is_some()),
            ("user_file", self.user_file.is_some()),
            ("pass", self.pass.is_some()),
            ("password_file", self.password_file.is_some()),
            ("privilege", self.privilege.is_some()),
            ("suites", self.suites.is_some()),
            ("k_g", self.k_g.is_some()),
            ("k_g_file", self.k_g_file.is_some()),
            ("workaround_flags", self.workaround_flags.iter().any(|flag| is_of_the_lan(flag))),
        ];
        let written = self.driver.is_some();
        all(words.into_iter().map(|(word, is_set)| {
            match (is_set, written) {
                (false, _) => Ok(()),
                (true, true) => {
                    Err(format!("{word}: has no meaning with the driver {driver}; leave it out"))
                }
                (true, false) => Err(format!(
                    "{word}: has a meaning for a BMC over the LAN alone, which needs an account; give it \
                     `user` and `password_file`, or leave this out"
                )),
            }
        }))
    }

    fn account(&self, driver: Driver) -> Result<Account, String> {
        if !driver.has_account() {
            return Ok(Account::none());
        }
        Account::new(Written {
            user: self.user.clone(),
            user_file: self.user_file.clone(),
            pass: self.pass.clone(),
            password_file: self.password_file.clone(),
            k_g: self.k_g.clone(),
            k_g_file: self.k_g_file.clone(),
        })
    }
}

/// None at all says that the machine's own BMC is not polled; with an account there is nothing to log in for.
fn collectors(names: Option<&[String]>, has_account: bool) -> Result<Vec<Collector>, String> {
    let Some(names) = names else { return Ok(Collector::USUAL.to_vec()) };
    let allowed = Collector::ALL.map(Collector::as_str);
    if !names.iter().all(|name| allowed.contains(&name.as_str())) {
        return Err(format!("collectors: must be some of {}", allowed.join(", ")));
    }
    if names.is_empty() && has_account {
        let allowed = allowed.join(", ");
        return Err(format!("collectors: must be some of {allowed}; leave it out for the usual"));
    }
    let mut once = std::collections::BTreeSet::new();
    if let Some(twice) = names.iter().find(|name| !once.insert(*name)) {
        return Err(format!("collectors: {twice} is there twice"));
    }
    let is_wanted = |it: &Collector| names.iter().any(|name| name == it.as_str());
    Ok(Collector::ALL.into_iter().filter(is_wanted).collect())
}
