//! Where nobody answers, as a config writes it. No I/O, no clock.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use exporter_kit::config::{self as kit, Vantage, all};
use serde::Deserialize;

use crate::exchange::HostName;
use crate::special;

/// Addresses of documentation (RFC 5737): no host has them.
const NOBODY: [[u8; 4]; 2] = [[192, 0, 2, 53], [198, 51, 100, 53]];
const MOST_ADDRESSES: usize = 8;
const INTERVAL: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(86_400));
const TIMEOUT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(10));

/// Who is asked what.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InterceptionPlan {
    /// Where the exporter asks from.
    pub(crate) vantage: Vantage,
    /// The name of the test on the landing page.
    pub(crate) name: String,
    /// Where nobody answers.
    pub(crate) addresses: Vec<SocketAddr>,
    /// What is asked, of type A.
    pub(crate) question: HostName,
    /// From one round to the next.
    pub(crate) interval: Duration,
    /// How long an answer may take.
    pub(crate) timeout: Duration,
}

/// The test, as it is written.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawInterception")]
pub(crate) struct Interception(InterceptionPlan);

impl Interception {
    /// What is asked from here.
    pub(super) fn plan(&self, vantage: &Vantage) -> InterceptionPlan {
        InterceptionPlan { vantage: vantage.clone(), ..self.0.clone() }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInterception {
    name: HostName,
    #[serde(default)]
    addresses: Vec<String>,
    interval: Option<kit::Duration>,
    timeout: Option<kit::Duration>,
}

impl TryFrom<RawInterception> for Interception {
    type Error = String;

    fn try_from(raw: RawInterception) -> Result<Self, String> {
        let within =
            |field: &str, given: Option<kit::Duration>, default, bounds: (Duration, Duration)| {
                let given = given.unwrap_or(kit::Duration::new(Duration::from_secs(default)));
                given.within(bounds.0, bounds.1).map_err(|error| format!("{field}: {error}"))
            };
        let (interval, timeout) = (
            within("interval", raw.interval, 900, INTERVAL),
            within("timeout", raw.timeout, 2, TIMEOUT),
        );
        let address = |text: &String| {
            let address = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 53));
            let address = address.or_else(|_| text.parse()).ok();
            // Whoever answers at any other has not been asked whether he may be, by no measure.
            let may_be_asked = |it: &SocketAddr| {
                special::is_special(it.ip()) && !special::is_never_a_resolver(it.ip())
            };
            address.filter(|it| may_be_asked(it) && it.port() > 0)
        };
        let addresses: Option<Vec<SocketAddr>> = raw.addresses.iter().map(address).collect();
        let few = raw.addresses.len() <= MOST_ADDRESSES;
        all([
            interval.clone().map(drop),
            timeout.clone().map(drop),
            addresses.as_ref().map(drop).ok_or_else(|| {
                "addresses: must be special-purpose addresses that a datagram can be sent to, at which no host is, as in \
                 192.0.2.53 or 2001:db8::53"
                    .to_owned()
            }),
            if few { Ok(()) } else { Err("addresses: must have at most 8 entries".to_owned()) },
        ])?;
        let nobody = || NOBODY.map(|it| SocketAddr::from((it, 53))).to_vec();
        Ok(Self(InterceptionPlan {
            vantage: Vantage::default(),
            name: "interception".to_owned(),
            addresses: addresses.filter(|all| !all.is_empty()).unwrap_or_else(nobody),
            question: raw.name,
            interval: interval?,
            timeout: timeout?,
        }))
    }
}
