//! `claims`: the pages on which providers say how they are. No I/O, no clock.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use exporter_kit::config::{self as kit, Labels, Located, Name, Problems};
use exporter_kit::discovery::HttpSd;
use serde::Deserialize;

use super::{EVALUATION, ROUTES};
use crate::claims::Format;
use crate::world::Endpoint;

/// Pages that are asked.
const MOST_PAGES: usize = 50;
/// Components of one page that are looked at.
const MOST_COMPONENTS: usize = 50;
/// A page is asked once a minute at most: the finest that one of them names; and often enough that what is
/// told of it is of the outage that it is held against.
const INTERVAL: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(120));
/// A page on this machine may be asked oftener.
const LOOPBACK_INTERVAL: Duration = Duration::from_secs(1);

/// Labels of the metrics, which the user's own may not be.
const TAKEN: [&str; 5] = ["component", "impact", "page", "result", "state"];

/// One page.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawClaim")]
pub(super) struct Claim {
    pub(super) page: String,
    format: Format,
    settings: HttpSd,
    interval: Duration,
    components: BTreeMap<String, Component>,
    whole: Vec<Endpoint>,
    own: Labels,
}

/// What a component of a page is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Component {
    /// The endpoints.
    pub(crate) targets: Vec<Endpoint>,
    /// The region, if it is one's alone.
    pub(crate) region: Option<String>,
}

/// What is done with a page.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PageWork {
    /// How it is written.
    pub(crate) format: Format,
    /// Where it is, and how it is asked.
    pub(crate) settings: HttpSd,
    /// The time from one request to the next.
    pub(crate) interval: Duration,
    /// From where files are taken.
    pub(crate) folder: Arc<Path>,
}

/// What is made of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PageLabels {
    /// Its components by name or id.
    pub(crate) components: BTreeMap<String, Component>,
    /// The endpoints that the page as a whole is about.
    pub(crate) whole: Vec<Endpoint>,
    /// The user's own labels, on each series of the page.
    pub(crate) own: Labels,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClaim {
    page: Name,
    #[serde(default)]
    format: Format,
    url: String,
    interval: Option<kit::Duration>,
    #[serde(default)]
    team: Option<Name>,
    #[serde(default)]
    targets: Vec<Name>,
    #[serde(default)]
    components: BTreeMap<Name, RawComponent>,
    #[serde(default)]
    labels: Labels,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawComponent {
    #[serde(default)]
    targets: Vec<Name>,
    region: Option<Name>,
}

impl Claim {
    pub(super) fn work(&self, folder: &Arc<Path>) -> PageWork {
        PageWork {
            format: self.format,
            settings: self.settings.clone(),
            interval: self.interval,
            folder: Arc::clone(folder),
        }
    }

    pub(super) fn labels(&self) -> PageLabels {
        let (components, whole) = (self.components.clone(), self.whole.clone());
        PageLabels { components, whole, own: self.own.clone() }
    }
}

impl TryFrom<RawClaim> for Claim {
    type Error = String;

    fn try_from(raw: RawClaim) -> Result<Self, String> {
        // A redirect is news: the page has moved.
        let settings = serde_json::json!({ "url": raw.url, "follow_redirects": false }).to_string();
        let settings: Result<HttpSd, _> = exporter_kit::parse(&settings, "");
        let settings = settings
            .map_err(|_| "url: must be a URL, http://HOST/... or https://HOST/...".to_owned());
        let is_here =
            raw.url.starts_with("http://127.0.0.1:") || raw.url.starts_with("http://[::1]:");
        let shortest = if is_here { LOOPBACK_INTERVAL } else { INTERVAL.0 };
        let interval = raw.interval.unwrap_or_else(|| kit::Duration::new(INTERVAL.0));
        let interval = interval.within(shortest, INTERVAL.1);
        let interval = interval.map_err(|error| format!("interval: {error}"));
        let check = |is_good: bool, what: String| if is_good { Ok(()) } else { Err(what) };
        kit::all([
            settings.as_ref().map(|_| ()).map_err(Clone::clone),
            interval.as_ref().map(|_| ()).map_err(Clone::clone),
            check(
                raw.components.len() <= MOST_COMPONENTS,
                format!("components: must have at most {MOST_COMPONENTS} entries"),
            ),
            check(
                ![EVALUATION, ROUTES].contains(&raw.page.as_str()),
                format!("page: must not be {EVALUATION} or {ROUTES}, which are others' names"),
            ),
            raw.labels.refuse(&TAKEN).map_err(|error| format!("labels: {error}")),
        ])?;
        let team = raw.team.map(Name::into_string).unwrap_or_default();
        let endpoints = |targets: Vec<Name>| {
            let endpoint = |it: Name| Endpoint { team: team.clone(), target: it.into_string() };
            targets.into_iter().map(endpoint).collect::<Vec<_>>()
        };
        let component = |(name, it): (Name, RawComponent)| {
            let region = it.region.map(Name::into_string);
            (name.into_string(), Component { targets: endpoints(it.targets), region })
        };
        Ok(Self {
            page: raw.page.into_string(),
            format: raw.format,
            settings: settings?,
            interval: interval?,
            components: raw.components.into_iter().map(component).collect(),
            whole: endpoints(raw.targets),
            own: raw.labels,
        })
    }
}

/// Adds a problem for each page that has the name of another, and where there are too many.
pub(super) fn check(claims: &[Located<Claim>], problems: &mut Problems) {
    for (at, claim) in claims.iter().enumerate() {
        if let Some(before) = claims[..at].iter().find(|it| it.page == claim.page) {
            let line = before.place.line;
            problems.add(claim.place, format!("claims[{at}].page: line {line} has the same one"));
        }
        if at == MOST_PAGES {
            problems.add(claim.place, format!("claims: must have at most {MOST_PAGES} entries"));
        }
    }
}
