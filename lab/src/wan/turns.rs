//! How often routers answer, and how often each was asked so far. No I/O, no clock.

use std::collections::HashMap;
use std::net::IpAddr;

/// How often a router says that a TTL ended at it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Answers {
    /// Each time.
    #[default]
    Each,
    /// Once in so many times, as one with a limit does.
    EveryNth(u32),
    /// Not at all.
    Never,
}

/// How often each router was asked: by the address that its answers come from, so that it counts either family by itself, as
/// kernels do.
#[derive(Debug, Default)]
pub(super) struct Turns {
    asked: HashMap<IpAddr, u32>,
}

impl Turns {
    /// Counts one question to a router, and says whether it answers this one.
    pub(super) fn take(&mut self, router: IpAddr, answers: Answers) -> bool {
        match answers {
            Answers::Each => true,
            Answers::Never => false,
            Answers::EveryNth(nth) => {
                let asked = self.asked.entry(router).or_default();
                *asked = (*asked + 1) % nth.max(1);
                *asked == 0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_three_is_answered_of_each_router_by_itself() {
        let mut turns = Turns::default();
        let one = IpAddr::from([100, 64, 0, 1]);
        let other = IpAddr::from([100, 64, 0, 2]);
        let mut ask = |router| turns.take(router, Answers::EveryNth(3));
        assert_eq!(
            [ask(one), ask(one), ask(other), ask(one), ask(one)],
            [false, false, false, true, false]
        );
        assert!(turns.take(one, Answers::Each) && !turns.take(one, Answers::Never));
        assert!(turns.take(other, Answers::EveryNth(0)), "none divides by zero");
    }
}
