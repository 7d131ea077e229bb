//! How much round trips differ. No I/O, no clock.

use std::time::Duration;

/// How much the round trips of an address differ, each newer one weighing more than those before it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spread(Option<Known>);

/// Seconds, all of them.
#[derive(Clone, Copy, Debug)]
struct Known {
    last: f64,
    jitter: f64,
    mean: f64,
    deviation: f64,
}

impl Spread {
    /// Takes in the next round trip.
    pub(crate) fn push(&mut self, rtt: Duration) {
        let rtt = rtt.as_secs_f64();
        let Some(known) = &mut self.0 else {
            // RFC 6298, 2.2, says half of the first one, which is no more than a guess.
            self.0 = Some(Known { last: rtt, jitter: 0.0, mean: rtt, deviation: 0.0 });
            return;
        };
        // RFC 3550, 6.4.1: J(i) = J(i-1) + (|D(i-1,i)| - J(i-1)) / 16. Of round trips, D is their difference.
        known.jitter += ((rtt - known.last).abs() - known.jitter) / 16.0;
        known.last = rtt;
        // RFC 6298, 2.3, in this order: the deviation with 1/4, from the mean before, which moves by 1/8.
        known.deviation += ((rtt - known.mean).abs() - known.deviation) / 4.0;
        known.mean += (rtt - known.mean) / 8.0;
    }

    /// How much one differs from the next, in seconds.
    pub(crate) fn jitter(self) -> Option<f64> {
        self.0.map(|known| known.jitter)
    }

    /// How much they differ from their mean, in seconds.
    pub(crate) fn deviation(self) -> Option<f64> {
        self.0.map(|known| known.deviation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(millis: impl IntoIterator<Item = u64>) -> Spread {
        let mut spread = Spread::default();
        millis.into_iter().for_each(|millis| spread.push(Duration::from_millis(millis)));
        spread
    }

    fn is_near(value: Option<f64>, wanted: f64) -> bool {
        value.is_some_and(|value| (value - wanted).abs() < 1e-9)
    }

    #[test]
    fn nothing_is_known_before_the_first_and_it_differs_from_nothing() {
        assert!(spread([]).jitter().is_none() && spread([]).deviation().is_none());
        assert!(is_near(spread([20]).jitter(), 0.0) && is_near(spread([20; 50]).deviation(), 0.0));
    }

    #[test]
    fn jitter_is_a_sixteenth_of_each_difference() {
        assert!(is_near(spread([20, 36]).jitter(), 0.001));
        assert!(is_near(spread([20, 36, 20]).jitter(), 0.001 + (0.016 - 0.001) / 16.0));
    }

    #[test]
    fn both_come_to_what_goes_on_for_ever() {
        let forth_and_back = || (0..500).map(|number| 20 + 10 * (number % 2));
        assert!(is_near(spread(forth_and_back()).jitter(), 0.01));
        let deviation = spread(forth_and_back()).deviation().unwrap();
        assert!((0.0049..0.0056).contains(&deviation), "{deviation}");
    }

    #[test]
    fn a_path_that_became_longer_is_steady_again_soon() {
        let moved = spread([20; 10].into_iter().chain([120; 60]));
        assert!(moved.jitter().unwrap() < 0.0002 && moved.deviation().unwrap() < 0.001);
    }
}
