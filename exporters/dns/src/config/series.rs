//! How many series the page of metrics has at most. No I/O, no clock.

use std::collections::BTreeSet;

use exporter_kit::config::{Located, Problems};

use super::{Config, Set};
use crate::resolvers::Country;

/// Series of one question, of one country of it, of a set and of a zone, without their histograms. A test
/// holds that there are no more.
const QUESTION: usize = 140;
const COUNTRY: usize = 9;
const SET: usize = 40;
/// Of a set that is asked over connections, besides.
const ENCRYPTED: usize = 11;
const ZONE: usize = 180;

/// Series of a histogram: at most 64 buckets, the last one, sum and count.
const BARS: usize = 67;

/// Series of the exporter itself.
const OWN: usize = 60;

impl Config {
    /// Adds a problem if there would be more series than there may be.
    pub(super) fn check_series(&self, problems: &mut Problems) {
        let most = self.max_series.value;
        let (series, parts) = self.series();
        if series > most {
            let place = self.max_series.place;
            problems.add(
                place,
                format!(
                    "max_series: there may be {series} series ({}); the most is {most}",
                    parts.join(", ")
                ),
            );
        }
    }

    /// How many series a country has for one question.
    pub(super) fn series_of_country(&self) -> usize {
        // How many give what is known.
        COUNTRY + self.known.names()
    }

    /// How many the countries of those have of which the name is known: each is where that is said, or else in one more.
    pub(super) fn series_of_names(&self) -> usize {
        let of_set =
            |set: &Located<Set>| self.plan(set).questions.len() * self.countries_of_names(set);
        self.series_of_country() * self.sets.iter().map(of_set).sum::<usize>()
    }

    fn countries_of_names(&self, set: &Set) -> usize {
        let known = &set.list.countries;
        let said = set.names().filter_map(|it| it.country.as_ref().map(Country::code));
        let said: BTreeSet<&str> = said.filter(|it| !known.iter().any(|of| of == it)).collect();
        let unsaid = set.names().filter(|it| it.country.is_none()).count();
        said.len() + if self.geo.is_some() { unsaid } else { unsaid.min(1) }
    }

    /// How many series there may be, and how that comes about.
    pub(super) fn series(&self) -> (usize, Vec<String>) {
        let (mut series, mut parts) = (OWN, Vec::new());
        for set in &self.sets {
            let questions = self.plan(set).questions.len();
            let countries = set.list.countries.len() + self.countries_of_names(set);
            let country = self.series_of_country();
            let bars = if set.encrypted.is_some() { 2 * BARS + ENCRYPTED } else { BARS };
            let of_set = questions * (QUESTION + country * countries) + SET + bars;
            series += of_set;
            parts.push(format!(
                "set {}: {questions} questions x ({QUESTION} + {country} x {countries} countries) + {}",
                set.name,
                SET + bars
            ));
        }
        if !self.zones.is_empty() {
            let names: usize = self.zones.values().map(|zone| zone.names()).sum();
            series += self.zones.len() * (ZONE + BARS) + names;
            parts.push(format!("{} zones x {} + {names} names", self.zones.len(), ZONE + BARS));
        }
        series += self.ecs.iter().map(|ecs| ecs.series()).sum::<usize>();
        series += usize::from(self.interception.is_some());
        (series, parts)
    }
}
