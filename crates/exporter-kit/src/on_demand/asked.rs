//! What a request for an on-demand page asks for, and how long it may take. No I/O, no clock.

use std::time::Duration;

/// The query of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked(Vec<(String, String)>);

impl Asked {
    pub(super) fn new(query: Vec<(String, String)>) -> Self {
        Self(query)
    }

    /// What is to be measured.
    pub fn target(&self) -> Option<&str> {
        self.parameter("target").filter(|target| !target.is_empty())
    }

    /// By which module of the config.
    pub fn module(&self) -> Option<&str> {
        self.parameter("module").filter(|module| !module.is_empty())
    }

    /// The first value of any parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    /// Whether a page for people is wanted, with all that happened on the way.
    pub(super) fn debug(&self) -> bool {
        self.parameter("debug") == Some("true")
    }
}

/// How long a measurement may take: as long as its module says, and less if the scraper waits no
/// longer. `told` is what that says in `X-Prometheus-Scrape-Timeout-Seconds`; of it, `offset` is kept
/// for the answer to get there, where it leaves anything.
pub(super) fn time(
    told: Option<&str>,
    offset: Duration,
    module: Duration,
) -> Result<Duration, String> {
    let Some(told) = told else { return Ok(module) };
    let seconds = told.parse().ok().filter(|seconds: &f64| *seconds > 0.0);
    let told = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let told = told.ok_or("X-Prometheus-Scrape-Timeout-Seconds: must be a number above 0")?;
    let left = told.checked_sub(offset).filter(|left| !left.is_zero()).unwrap_or(told);
    Ok(left.min(module))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shorter_of_two_times_counts_and_the_answer_has_its_own() {
        let [half, module] = [0.5, 3.0].map(Duration::from_secs_f64);
        let seconds = |told| time(told, half, module).map(|time| time.as_secs_f64());
        for (told, wanted) in [
            (None, 3.0),
            (Some("10"), 3.0),
            (Some("2"), 1.5),
            (Some("2.25"), 1.75),
            (Some("0.5"), 0.5),
            (Some("0.25"), 0.25),
        ] {
            assert_eq!(seconds(told), Ok(wanted), "{told:?}");
        }
        for bad in ["", "0", "-1", "NaN", "inf", "1s", "1e300"] {
            assert!(seconds(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_query_has_a_target_a_module_and_what_the_engine_knows_besides() {
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let query = [("target", "a"), ("module", ""), ("hostname", "b"), ("debug", "true")];
        let asked = Asked::new(query.map(own).into());
        assert_eq!((asked.target(), asked.module()), (Some("a"), None));
        assert_eq!(asked.parameter("hostname"), Some("b"));
        assert!(asked.debug() && !Asked::default().debug());
    }
}
