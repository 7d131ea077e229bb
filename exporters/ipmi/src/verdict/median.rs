//! The middle of a few numbers. No I/O, no clock.

/// As many as a machine's fans, and as most machines' parts.
const FEW: usize = 32;

/// The median; `None` of nothing. An even count gives the mean of the two in the middle.
pub(super) fn median(numbers: impl IntoIterator<Item = f64>) -> Option<f64> {
    of_sorted(numbers, |sorted| {
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => None,
            odd if odd % 2 == 1 => Some(sorted[middle]),
            _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
        }
    })
}

/// The lower and the upper quartile, each one of the numbers, as far in from its end as the other.
pub(super) fn quartiles(numbers: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    of_sorted(numbers, |sorted| {
        let last = sorted.len().checked_sub(1)?;
        Some((sorted[last / 4], sorted[last - last / 4]))
    })
}

/// Sorts in place if there are few, as nearly always: it is done several times in each poll.
fn of_sorted<T>(numbers: impl IntoIterator<Item = f64>, of: impl Fn(&[f64]) -> T) -> T {
    let mut numbers = numbers.into_iter();
    let (mut few, mut count) = ([0.0; FEW], 0);
    for (place, number) in few.iter_mut().zip(numbers.by_ref()) {
        *place = number;
        count += 1;
    }
    let more: Vec<f64> = if count == FEW { numbers.collect() } else { Vec::new() };
    if more.is_empty() {
        let few = &mut few[..count];
        few.sort_unstable_by(f64::total_cmp);
        return of(few);
    }
    let mut all = [&few[..], &more].concat();
    all.sort_unstable_by(f64::total_cmp);
    of(&all)
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
        for count in [FEW - 1, FEW, FEW + 1, 3 * FEW] {
            let numbers = (0..count).rev().map(|number| number as f64);
            assert_eq!(median(numbers), Some((count - 1) as f64 / 2.0), "{count}");
        }
    }
}
