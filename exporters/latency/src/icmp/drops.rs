//! What the kernel dropped of a socket's packets, and which losses that explains. No I/O, no clock.
//!
//! A reply that this machine dropped is no loss of the target's. Which of the echoes without an answer it
//! was of, nobody knows. So an echo is excused when
//!
//! 1. something was dropped, or was found to have been, since it was sent;
//! 2. there are no more excuses than drops: one each;
//! 3. chance explains it. The first two echoes in a row may have been unlucky; more of them only where so
//!    many packets are dropped that one in [`LUCK`] would be as unlucky. Else drops that go on for ever
//!    would hide an outage.

use std::time::Duration;

/// Echoes in a row that are excused at most, however much is dropped.
const MOST: u32 = 30;

/// So rare an accident is none. Judged from a fleet: 10,000 targets of which half of the replies are lost
/// see six in a row lost in more than a hundred places.
const LUCK: f64 = 100.0;
/// How long the share of what is dropped is counted over, at least.
const SPAN: Duration = Duration::from_secs(10);

/// The drops of one socket.
#[derive(Debug, Default)]
pub(super) struct Drops {
    /// The kernel's count, as far as it is known.
    count: u32,
    /// When it was last found to have risen.
    risen: Option<Duration>,
    /// Drops that have excused nothing.
    left: u64,
    /// Packets that were read and dropped in the span before this one, and in this one.
    before: Share,
    current: Share,
    /// When this span began.
    began: Duration,
}

#[derive(Clone, Copy, Debug, Default)]
struct Share {
    read: u64,
    dropped: u64,
}

impl Drops {
    /// A packet was read.
    pub(super) fn read(&mut self, count: u32, now: Duration) {
        self.look(count, now);
        self.current.read += 1;
    }

    /// The kernel's count is this. It starts again at 2^32.
    pub(super) fn look(&mut self, count: u32, now: Duration) {
        let since = now.saturating_sub(self.began);
        if since >= SPAN {
            self.before = if since < 2 * SPAN { self.current } else { Share::default() };
            (self.current, self.began) = (Share::default(), now);
            self.left = self.left.min(self.before.dropped);
        }
        // A packet that was read tells what was known when it came: an older count than that of the socket.
        let new = count.wrapping_sub(self.count);
        if new == 0 || new > u32::MAX / 2 {
            return;
        }
        self.count = count;
        self.risen = Some(now);
        self.current.dropped += u64::from(new);
        self.left += u64::from(new);
    }

    /// Whether an echo that was sent at `sent`, and is the `silent`th in a row to its address without an
    /// answer, may have been answered.
    pub(super) fn excuses(&mut self, sent: Duration, silent: u32) -> bool {
        let is_excused = self.risen.is_some_and(|risen| risen >= sent)
            && self.left > 0
            && silent <= MOST
            && (silent <= 2 || self.share().powf(f64::from(silent)) * LUCK >= 1.0);
        if is_excused {
            self.left -= 1;
        }
        is_excused
    }

    /// The share of what came in that was dropped.
    fn share(&self) -> f64 {
        let dropped = (self.before.dropped + self.current.dropped) as f64;
        let read = (self.before.read + self.current.read) as f64;
        dropped / (dropped + read).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A socket that reads so many packets a second and drops so many.
    fn drops(read: u32, dropped: u32, seconds: u32) -> Drops {
        let mut drops = Drops::default();
        for second in 0..seconds {
            for _ in 0..read {
                drops.read(second * dropped, s(second.into()));
            }
            drops.look((second + 1) * dropped, s(second.into()));
        }
        drops
    }

    #[test]
    fn without_drops_nothing_is_excused() {
        assert!(!drops(100, 0, 30).excuses(s(29), 1));
    }

    #[test]
    fn what_was_dropped_before_it_was_sent_was_none_of_its_replies() {
        let mut drops = drops(100, 1, 30);
        assert!(drops.excuses(s(29), 1));
        assert!(!drops.excuses(s(30), 1));
    }

    #[test]
    fn each_drop_excuses_one() {
        let mut drops = drops(1000, 2, 1);
        let excused = (0..10).filter(|_| drops.excuses(s(0), 1)).count();
        assert_eq!(excused, 2);
    }

    #[test]
    fn drops_that_go_on_for_ever_hide_no_outage() {
        // A hundredth of all is dropped; one target answers no more.
        let mut few = drops(990, 10, 60);
        let excused: Vec<u32> = (1..20).filter(|silent| few.excuses(s(59), *silent)).collect();
        assert_eq!(excused, [1, 2]);
        // Half of all is: six in a row are bad luck, ten are none.
        let mut half = drops(500, 500, 60);
        let excused: Vec<u32> = (1..20).filter(|silent| half.excuses(s(59), *silent)).collect();
        assert_eq!(excused, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_socket_that_nothing_comes_through_judges_nobody_for_a_while() {
        let mut all = drops(0, 500, 60);
        let excused: Vec<u32> = (1..1000).filter(|silent| all.excuses(s(59), *silent)).collect();
        assert_eq!(
            excused,
            (1..=MOST).collect::<Vec<_>>(),
            "but not for ever: anybody may send what is dropped"
        );
    }

    #[test]
    fn old_drops_are_forgotten() {
        let mut drops = drops(10, 100, 10);
        drops.look(1000, s(60));
        assert!(!drops.excuses(s(59), 1));
        assert!(drops.left == 0 && drops.share() < 0.01);
    }

    #[test]
    fn an_older_count_and_one_that_starts_again_are_understood() {
        let mut drops = Drops { count: u32::MAX, ..Drops::default() };
        drops.look(u32::MAX - 5, s(1));
        assert_eq!(drops.left, 0);
        drops.look(1, s(1));
        assert_eq!(drops.left, 2);
    }
}
