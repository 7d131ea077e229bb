//! The figures by which shares are judged: the interval of a share, the weighted median. No I/O, no clock.

/// Two standard deviations: one share in twenty lies outside its interval.
const Z: f64 = 1.96;

/// What two sums of the same things may differ by.
const ROUNDING: f64 = 1e-9;

/// The lower end of Wilson's interval for a share among so many.
pub(super) fn lower_end(share: f64, count: f64) -> f64 {
    if count <= 0.0 {
        return 0.0;
    }
    let z = Z * Z;
    let spread = (share * (1.0 - share)).max(0.0) / count + z / 4.0 / count / count;
    let middle = share + z / 2.0 / count;
    ((middle - Z * spread.sqrt()) / (1.0 + z / count)).max(0.0)
}

/// Whether a figure is at least a limit. One that is the limit itself is, however it was rounded.
pub(super) fn is_at_least(figure: f64, limit: f64) -> bool {
    figure >= limit - ROUNDING
}

/// Whether a figure is above a limit, and not only by rounding.
pub(super) fn is_above(figure: f64, limit: f64) -> bool {
    figure > limit + ROUNDING
}

/// The median of values with weights; 0 of nothing.
pub(super) fn weighted_median(mut pairs: Vec<(f64, f64)>) -> f64 {
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let half = pairs.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    let mut sum = 0.0;
    for (value, weight) in pairs {
        sum += weight;
        if is_at_least(sum, half) {
            return value;
        }
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_of_four_are_more_than_half_and_three_of_three_are_not() {
        assert!(lower_end(1.0, 4.0) > 0.5 && lower_end(1.0, 3.0) < 0.5);
        assert!(lower_end(0.8, 10.0) < 0.5 && lower_end(0.9, 10.0) > 0.5);
        assert!(lower_end(0.0, 0.0).abs() < 1e-12);
    }

    #[test]
    fn the_median_is_the_value_at_half_of_the_weight() {
        assert!((weighted_median(vec![(3.0, 1.0), (1.0, 1.0), (2.0, 1.0)]) - 2.0).abs() < 1e-12);
        assert!((weighted_median(vec![(1.0, 1.0), (9.0, 5.0)]) - 9.0).abs() < 1e-12);
        assert!(weighted_median(Vec::new()).abs() < 1e-12);
    }

    #[test]
    fn a_limit_is_reached_by_what_was_rounded_down() {
        assert!(is_at_least(0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1, 0.8));
        assert!(!is_above(0.1 + 0.2, 0.3));
    }
}
