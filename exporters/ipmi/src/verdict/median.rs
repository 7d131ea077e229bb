//! The middle of a few numbers. No I/O, no clock.

/// The median; `None` of nothing. An even count gives the mean of the two in the middle.
pub(super) fn median(numbers: impl IntoIterator<Item = f64>) -> Option<f64> {
    let sorted = sorted(numbers);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// The lower and the upper quartile, each one of the numbers, as far in from its end as the other.
pub(super) fn quartiles(numbers: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let sorted = sorted(numbers);
    let last = sorted.len().checked_sub(1)?;
    Some((sorted[last / 4], sorted[last - last / 4]))
}

fn sorted(numbers: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut numbers: Vec<f64> = numbers.into_iter().collect();
    numbers.sort_unstable_by(f64::total_cmp);
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_quarters() {
        assert_eq!((median([]), quartiles([])), (None, None));
        assert_eq!((median([3.0, 1.0, 2.0]), median([4.0, 1.0])), (Some(2.0), Some(2.5)));
        assert_eq!(quartiles([5.0, 1.0, 4.0, 2.0, 3.0]), Some((2.0, 4.0)));
        assert_eq!(quartiles([7.0]), Some((7.0, 7.0)));
    }
}
