//! The buckets of a native histogram: eight for each power of two, kept where something fell. No I/O, no clock.
//!
//! The format is that of Prometheus' specification of native histograms: bucket `i` of schema `s`
//! holds values up to and including 2^(i * 2^-s), and more than the bound before.

/// What is at most as large as this counts as zero.
const ZERO_THRESHOLD: f64 = 2.938_735_877_055_719e-39;

/// Eight buckets for each power of two: 9 % from bound to bound.
const FINEST: i8 = 3;

/// Where more were needed, each two are made one.
const MOST: usize = 160;

/// 2^(i/8 - 1), rounded as Prometheus rounds them.
const BOUNDS: [f64; 8] = [
    0.5,
    0.545_253_866_332_628_8,
    0.594_603_557_501_360_5,
    0.648_419_777_325_504_8,
    0.707_106_781_186_547_5,
    0.771_105_412_703_970_4,
    0.840_896_415_253_714_4,
    0.917_004_043_204_671_1,
];

/// Counts by bucket.
#[derive(Debug)]
pub(crate) struct Native {
    schema: i8,
    zero: u64,
    /// In rising order. Apart from the counts, since a pair would be padded: there are ten thousand
    /// of these histograms.
    indices: Vec<i16>,
    counts: Vec<u64>,
}

impl Default for Native {
    fn default() -> Self {
        Self { schema: FINEST, zero: 0, indices: Vec::new(), counts: Vec::new() }
    }
}

impl Native {
    /// Takes in a value that is finite and not negative.
    pub(crate) fn observe(&mut self, value: f64) {
        if value <= ZERO_THRESHOLD {
            self.zero += 1;
            return;
        }
        let index = index(self.schema, value);
        match self.indices.binary_search(&index) {
            Ok(place) => self.counts[place] += 1,
            Err(place) => {
                self.make_room();
                self.indices.insert(place, index);
                self.counts.insert(place, 1);
            }
        }
        while self.indices.len() > MOST {
            self.halve();
        }
    }

    /// A few at a time: most targets need a handful.
    fn make_room(&mut self) {
        if self.indices.len() == self.indices.capacity() {
            self.indices.reserve_exact(8);
            self.counts.reserve_exact(8);
        }
    }

    /// Makes each two buckets one.
    fn halve(&mut self) {
        self.schema -= 1;
        let (mut indices, mut counts): (Vec<i16>, Vec<u64>) = Default::default();
        for (index, count) in self.indices.iter().zip(&self.counts) {
            let wider = (index + 1).div_euclid(2);
            if indices.last() == Some(&wider) {
                *counts.last_mut().expect("they are as many as the indices") += count;
            } else {
                indices.push(wider);
                counts.push(*count);
            }
        }
        (self.indices, self.counts) = (indices, counts);
    }

    pub(crate) fn schema(&self) -> i8 {
        self.schema
    }

    #[expect(clippy::unused_self, reason = "it is a property of the histogram")]
    pub(crate) fn zero_threshold(&self) -> f64 {
        ZERO_THRESHOLD
    }

    pub(crate) fn zero_count(&self) -> u64 {
        self.zero
    }

    /// Runs of neighbours, each by its distance from the end of the one before and its length; and
    /// the difference of each count from the one before. Gaps of one or two are filled with zeroes.
    pub(crate) fn spans(&self) -> (Vec<(i32, u32)>, Vec<i64>) {
        let (mut spans, mut deltas): (Vec<(i32, u32)>, Vec<i64>) = Default::default();
        let (mut next, mut last) = (0, 0);
        for (index, count) in self.indices.iter().zip(&self.counts) {
            let (index, count) = (i32::from(*index), count.cast_signed());
            let gap = index - next;
            match spans.last_mut() {
                Some((_, length)) if gap <= 2 => {
                    for _ in 0..gap {
                        deltas.push(-last);
                        (last, *length) = (0, *length + 1);
                    }
                    *length += 1;
                }
                _ => spans.push((gap, 1)),
            }
            deltas.push(count - last);
            (next, last) = (index + 1, count);
        }
        (spans, deltas)
    }
}

/// The bucket of a value that is larger than the threshold and finite.
fn index(schema: i8, value: f64) -> i16 {
    const FRACTION: u64 = (1 << 52) - 1;
    let bits = value.to_bits();
    // The value is `fraction * 2^exponent`, and the fraction from 0.5 to 1.
    let exponent = i32::try_from(bits >> 52).unwrap_or(0) - 1022;
    let fraction = f64::from_bits(bits & FRACTION | 1022 << 52);
    let within = BOUNDS.partition_point(|bound| *bound < fraction);
    let finest = (exponent - 1) * 8 + i32::try_from(within).unwrap_or(0);
    let wider = FINEST - schema;
    let index = (finest + (1 << wider) - 1) >> wider;
    i16::try_from(index).unwrap_or(i16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Native {
        let mut native = Native::default();
        for value in values {
            native.observe(*value);
        }
        native
    }

    /// Spans and deltas undone: every bucket that is not empty.
    fn decoded(native: &Native) -> Vec<(i32, i64)> {
        let (spans, deltas) = native.spans();
        let (mut deltas, mut buckets) = (deltas.into_iter(), Vec::new());
        let (mut index, mut count) = (0, 0);
        for (offset, length) in spans {
            index += offset;
            for _ in 0..length {
                count += deltas.next().unwrap();
                buckets.push((index, count));
                index += 1;
            }
        }
        assert_eq!(deltas.next(), None);
        buckets.retain(|(_, count)| *count != 0);
        buckets
    }

    #[test]
    fn a_bucket_holds_its_upper_bound_and_not_its_lower_one() {
        for schema in -4..=FINEST {
            for exponent in -40..40 {
                let bound = 2f64.powi(exponent);
                let within = index(schema, bound);
                let upper =
                    |index: i16| 2f64.powf(f64::from(index) * 2f64.powi(-i32::from(schema)));
                assert!(upper(within) >= bound && upper(within - 1) < bound, "{schema} {exponent}");
                let above = index(schema, bound * 1.000_001);
                let at_bound = (upper(within) - bound).abs() < 1e-12 * bound;
                assert_eq!(above, within + i16::from(at_bound), "{schema} {exponent}");
            }
        }
        // As the specification has it: 1 is the bound of bucket 0.
        assert_eq!((index(3, 1.0), index(3, 1.01), index(3, 2.0), index(0, 3.0)), (0, 1, 8, 2));
    }

    #[test]
    fn spans_and_deltas_tell_every_bucket() {
        let values: Vec<f64> = (0..5_000).map(|n| f64::from((n * 7919) % 1_009) * 1e-4).collect();
        let native = of(&values);
        let mut wanted = std::collections::BTreeMap::new();
        for value in values.iter().filter(|it| **it > 0.0) {
            *wanted.entry(i32::from(index(3, *value))).or_insert(0) += 1;
        }
        assert_eq!(decoded(&native), wanted.into_iter().collect::<Vec<_>>());
        assert_eq!(native.zero_count(), values.iter().filter(|it| **it == 0.0).count() as u64);
    }

    #[test]
    fn a_small_gap_is_filled_and_a_large_one_begins_a_span() {
        let native = of(&[1.0, 1.0, 1.18, 8.0]);
        assert_eq!(native.spans(), (vec![(0, 3), (21, 1)], vec![2, -2, 1, 0]));
        assert_eq!(of(&[]).spans(), (vec![], vec![]));
    }

    #[test]
    fn more_buckets_than_allowed_halve_the_resolution_and_lose_nothing() {
        let values: Vec<f64> =
            (-100..100).map(|n| 2f64.powf((f64::from(n) - 0.25) / 4.0)).collect();
        let native = of(&values);
        assert_eq!(native.schema(), 1);
        assert!(native.indices.len() <= MOST);
        let mut wanted = std::collections::BTreeMap::new();
        for value in &values {
            *wanted.entry(i32::from(index(1, *value))).or_insert(0) += 1;
        }
        assert_eq!(decoded(&native), wanted.into_iter().collect::<Vec<_>>());
    }
}
