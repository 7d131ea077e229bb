//! A value over time: each holds until the next. No I/O, no clock.

use serde::Deserialize;

/// `[[second, value], ...]`, in the order of the seconds, each holding until the next.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "Vec<(u64, T)>", bound(deserialize = "T: Deserialize<'de>"))]
pub(crate) struct Steps<T>(Vec<(u64, T)>);

impl<T> TryFrom<Vec<(u64, T)>> for Steps<T> {
    type Error = &'static str;

    fn try_from(steps: Vec<(u64, T)>) -> Result<Self, &'static str> {
        if steps.is_empty() {
            return Err("must have a step at least, as in [[0, 22]]");
        }
        if steps.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
            return Err("must be in the order of the seconds, each of them once");
        }
        Ok(Self(steps))
    }
}

impl<T> Steps<T> {
    /// The value that holds in this second; none before the first step.
    pub(crate) fn at(&self, second: u64) -> Option<&T> {
        let after = self.0.partition_point(|(begins, _)| *begins <= second);
        after.checked_sub(1).map(|last| &self.0[last].1)
    }

    /// The second of the first step.
    pub(crate) fn begins(&self) -> u64 {
        self.0[0].0
    }

    /// The second of the last step.
    pub(crate) fn ends(&self) -> u64 {
        self.0[self.0.len() - 1].0
    }
}

/// Whether a switch over time is on; one that was left out always is.
pub(crate) fn is_on(switch: Option<&Steps<bool>>, second: u64) -> bool {
    switch.is_none_or(|steps| steps.at(second).copied().unwrap_or(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_holds_until_the_next() {
        let steps = Steps::try_from(vec![(5, 'a'), (10, 'b')]).unwrap();
        let at = |second| steps.at(second).copied();
        assert_eq!([4, 5, 9, 10, 99].map(at), [None, Some('a'), Some('a'), Some('b'), Some('b')]);
    }

    #[test]
    fn steps_out_of_order_are_refused() {
        assert!(Steps::try_from(vec![(5, 'a'), (5, 'b')]).is_err());
        assert!(Steps::<char>::try_from(Vec::new()).is_err());
    }
}
