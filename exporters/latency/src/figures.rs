//! Which figures a page shows of each target beside the ordinary ones. No I/O, no clock.
//!
//! Each is a line of each target on every page: whoever probes ten thousand may not want to pay for them.

use exporter_kit::label_enum;
use serde::Deserialize;

label_enum! {
    /// A figure that is shown where it is asked for; the word in the config.
    pub(crate) enum Figure {
        /// The smallest round trip of ten minutes.
        Minimum = "rtt_min_10m",
        /// The smallest time of each phase of a minute.
        Phases = "phase_min",
        /// How much one round trip differs from the next (RFC 3550).
        Jitter = "jitter",
        /// How much round trips differ from their mean (RFC 6298).
        Deviation = "deviation",
        /// The TTL or hop limit of the newest reply.
        ReplyTtl = "reply_ttl",
        /// Probes that were sent, and those that are under way.
        Sent = "sent",
    }
}

/// So many targets have all of them where nothing is said: a page of a megabyte more, or of four where each has four
/// addresses and phases.
const MOST_IN_FULL: usize = 1_000;
/// Where there were more, so few have them again: what discovery finds is now one more and now one less.
const IN_FULL_AGAIN: usize = 900;

/// Those that are asked for.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(try_from = "Vec<String>")]
pub(crate) struct Figures([bool; Figure::ALL.len()]);

impl Figures {
    /// All of them.
    const ALL: Self = Self([true; Figure::ALL.len()]);

    /// Those that are shown of each of so many targets where nothing is said, and those of fewer were shown before.
    pub(crate) fn of_so_many(targets: usize, were_in_full: bool) -> Self {
        if are_in_full(targets, were_in_full) { Self::ALL } else { Self::default() }
    }

    /// Whether it is asked for.
    pub(crate) fn has(self, figure: Figure) -> bool {
        self.0[figure as usize]
    }
}

/// Whether so many targets have all of them, which they had before, or had not.
pub(crate) fn are_in_full(targets: usize, were_in_full: bool) -> bool {
    targets <= if were_in_full { MOST_IN_FULL } else { IN_FULL_AGAIN }
}

impl TryFrom<Vec<String>> for Figures {
    type Error = String;

    fn try_from(words: Vec<String>) -> Result<Self, String> {
        let mut figures = Self::default();
        for word in words {
            let figure = Figure::ALL.into_iter().find(|figure| figure.as_str() == word);
            let figure = figure.ok_or_else(|| {
                format!("each must be one of {}", Figure::ALL.map(Figure::as_str).join(", "))
            })?;
            if std::mem::replace(&mut figures.0[figure as usize], true) {
                return Err(format!("{} is there twice", figure.as_str()));
            }
        }
        Ok(figures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_targets_have_all_of_them_and_many_have_none() {
        let all = Figures::of_so_many(MOST_IN_FULL, true);
        assert!(Figure::ALL.into_iter().all(|figure| all.has(figure)));
        assert_eq!(Figures::of_so_many(MOST_IN_FULL + 1, true), Figures::default());
    }

    #[test]
    fn about_a_thousand_targets_do_not_change_what_is_shown_with_each_one() {
        let (mut shown, mut changes) = (true, 0);
        for targets in [998, 1_000, 1_001, 1_000, 999, 1_001, 950, 901, 1_002, 900, 999, 1_000] {
            let now = are_in_full(targets, shown);
            changes += u32::from(now != shown);
            shown = now;
        }
        assert_eq!((changes, shown), (2, true));
    }

    #[test]
    fn words_name_figures() {
        let figures = Figures::try_from(vec!["jitter".to_owned(), "sent".to_owned()]).unwrap();
        assert!(figures.has(Figure::Jitter) && figures.has(Figure::Sent));
        assert!(!figures.has(Figure::Deviation) && !Figures::default().has(Figure::Jitter));
        let error = Figures::try_from(vec!["jiter".to_owned()]).unwrap_err();
        let twice = Figures::try_from(vec!["jitter".to_owned(); 2]);
        assert_eq!(twice, Err("jitter is there twice".to_owned()));
        assert!(
            error.starts_with("each must be one of rtt_min_10m, phase_min, jitter, "),
            "{error}"
        );
    }
}
