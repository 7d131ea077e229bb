//! The bounds of buckets, as they stand in a label. No I/O, no clock.

use std::sync::{Arc, LazyLock};

use serde::Deserialize;

/// The bounds of all histograms where the config names no others, in seconds: from a neighbour in the rack to the longest timeout,
/// closest where the distances of a continent and of the world are. Few, since each costs every target
/// a line of text; who wants to know more reads the native buckets, which are 9 % apart.
pub const BOUNDS: [f64; 11] =
    [0.000_05, 0.000_25, 0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 2.0, 10.0];

/// As many bounds a config may name: each costs every target a line of text for each histogram.
const MOST: usize = 64;

/// Bounds that many histograms share. In a config they are the field `buckets` of an exporter: a list
/// of seconds, as they stand in the label `le`. An empty one leaves sum, count and native buckets.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "Vec<f64>")]
pub struct Buckets(pub(super) Arc<[Bound]>);

/// The upper bound of a bucket.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bound {
    pub(super) seconds: f64,
    text: Box<str>,
}

impl Bound {
    pub(crate) fn seconds(&self) -> f64 {
        self.seconds
    }

    /// As Prometheus itself writes it, so that it is the same label by text and by protobuf.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl Buckets {
    /// These bounds, in seconds, which are finite and rise. None where they do not.
    pub fn new(bounds: &[f64]) -> Option<Self> {
        let rising = bounds.iter().is_sorted_by(|one, next| one < next);
        let finite = bounds.iter().all(|it| it.is_finite() && *it > 0.0);
        let bound = |seconds: &f64| Bound { seconds: *seconds, text: text_of(*seconds).into() };
        (rising && finite).then(|| Self(bounds.iter().map(bound).collect()))
    }
}

impl TryFrom<Vec<f64>> for Buckets {
    type Error = String;

    fn try_from(bounds: Vec<f64>) -> Result<Self, String> {
        let few = Some(bounds).filter(|bounds| bounds.len() <= MOST);
        few.and_then(|bounds| Self::new(&bounds)).ok_or_else(|| {
            format!(
                "must be at most {MOST} bounds in seconds, each above zero and above the one before \
                 it, as in [0.001, 0.02, 0.5]"
            )
        })
    }
}

impl Default for Buckets {
    fn default() -> Self {
        static DEFAULT: LazyLock<Buckets> =
            LazyLock::new(|| Buckets::new(&BOUNDS).expect("these are finite and rise"));
        DEFAULT.clone()
    }
}

/// A float as Go's shortest format has it, with `.0` after a whole number.
fn text_of(number: f64) -> String {
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').expect("this format has an exponent");
    match exponent.parse() {
        Ok(-4..=5) => format!("{number:?}"),
        Ok(exponent @ 0i32..) => format!("{digits}e+{exponent:02}"),
        Ok(exponent) => format!("{digits}e-{:02}", -exponent),
        Err(_) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `strconv.FormatFloat(bound, 'g', -1, 64)` says, with the ending that OpenMetrics wants.
    #[test]
    fn bounds_are_written_as_prometheus_writes_them() {
        let texts = [
            (0.000_05, "5e-05"),
            (0.000_012_5, "1.25e-05"),
            (0.000_2, "0.0002"),
            (0.000_1, "0.0001"),
            (0.025, "0.025"),
            (1.0, "1.0"),
            (2.5, "2.5"),
            (100_000.0, "100000.0"),
            (1e6, "1e+06"),
            (1.5e10, "1.5e+10"),
        ];
        for (bound, text) in texts {
            assert_eq!(text_of(bound), text);
        }
    }

    #[test]
    fn bounds_that_do_not_rise_are_refused() {
        for bounds in [&[1.0, 1.0][..], &[2.0, 1.0], &[0.0], &[-1.0], &[f64::NAN], &[f64::INFINITY]]
        {
            assert!(Buckets::new(bounds).is_none(), "{bounds:?}");
        }
        assert!(Buckets::new(&[]).is_some());
    }

    #[test]
    fn a_config_names_as_many_as_a_page_can_bear() {
        let rising = |count: u8| (1..=count).map(f64::from).collect::<Vec<_>>();
        assert_eq!(Buckets::try_from(rising(64)).unwrap().0.len(), 64);
        assert_eq!(Buckets::try_from(vec![]).unwrap().0.len(), 0);
        assert_eq!(Buckets::try_from(BOUNDS.to_vec()).unwrap(), Buckets::default());
        for bad in [rising(65), vec![0.1, 0.05], vec![0.0], vec![f64::NAN]] {
            assert!(Buckets::try_from(bad).unwrap_err().contains("at most 64 bounds in seconds"));
        }
    }
}
