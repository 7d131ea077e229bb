//! Which of the BMC's sequence numbers may still come. No I/O, no clock.

/// How far behind the newest packet an older one may be (the specification asks for 16 or more,
/// §6.12.13).
const WIDTH: u32 = 32;

/// The sliding window over a sender's sequence numbers: each is accepted once.
///
/// Any number ahead of the newest is accepted, as the packets between may have been lost and the
/// packet's integrity was proven; one behind only within the window and only if it was not there.
#[derive(Debug, Default)]
pub(crate) struct ReplayWindow {
    newest: Option<u32>,
    /// Bit n: `newest - n` was there.
    seen: u32,
}

impl ReplayWindow {
    /// Whether the number is new; if so it is not the next time.
    pub(crate) fn accept(&mut self, sequence: u32) -> bool {
        // 0 marks packets outside a session.
        if sequence == 0 {
            return false;
        }
        let Some(newest) = self.newest else {
            self.newest = Some(sequence);
            self.seen = 1;
            return true;
        };
        let ahead = sequence.wrapping_sub(newest);
        if ahead == 0 {
            return false;
        }
        if ahead < 1 << 31 {
            self.newest = Some(sequence);
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            return true;
        }
        let behind = newest.wrapping_sub(sequence);
        let bit = 1_u32.checked_shl(behind).unwrap_or(0);
        if behind >= WIDTH || self.seen & bit != 0 {
            return false;
        }
        self.seen |= bit;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_accepted_once_in_any_order() {
        let mut window = ReplayWindow::default();
        for sequence in [1, 3, 2, 10, 9, 5] {
            assert!(window.accept(sequence), "{sequence}");
            assert!(!window.accept(sequence), "{sequence} again");
        }
        assert!(!window.accept(0));
    }

    #[test]
    fn what_lies_behind_the_window_is_refused() {
        let mut window = ReplayWindow::default();
        assert!(window.accept(100));
        assert!(window.accept(69), "31 behind");
        assert!(!window.accept(68), "32 behind");
        assert!(window.accept(1_000), "any way ahead");
        assert!(!window.accept(100));
    }

    #[test]
    fn numbers_go_on_after_the_largest() {
        let mut window = ReplayWindow::default();
        assert!(window.accept(u32::MAX - 1));
        assert!(window.accept(2));
        assert!(window.accept(u32::MAX));
        assert!(!window.accept(u32::MAX));
        assert!(!window.accept(u32::MAX - 1));
    }
}
