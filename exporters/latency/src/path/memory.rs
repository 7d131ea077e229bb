//! What is remembered of the paths to an address, and what a change is. No I/O, no clock.
//!
//! 1. A trace that is [like](Known::is_like) the known path fills its silent places, and is no change.
//! 2. Another one is doubted, and traced again at once. The second decides: like the first, it is a change;
//!    like the known path, or like neither, the path is unstable, and nothing has changed.
//! 3. The last [`PATHS`] are remembered: one that comes back has its old id. Of those only the whole ones are, once
//!    one was.
//! 4. One that was left less than [`RECENT`] traces ago is the other way of somebody who balances load, or the moods
//!    of a NAT, until it is seen [`RETURN`] times on end, and twice as often for each time that one has come back so.
//!    Until then the path is unstable.

use std::collections::VecDeque;

use super::autonomous::AsPath;
use super::known::Known;

/// So many paths of an address are remembered, the present one among them.
const PATHS: usize = 8;
/// A path was left just now if it was the present one so many traces ago.
const RECENT: u64 = 12;
/// It must be seen so often on end to be the present one again.
const RETURN: u32 = 3;
/// That is doubled so often at most.
const MOST_DOUBLED: u32 = 5;
/// And the doubling is over after so many traces of one path on end; so is what a change may still come to.
const CALM: u32 = 48;

/// The paths to one address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    /// The present one, confirmed; then those before, the newest first.
    paths: VecDeque<Sighting>,
    doubted: Option<Known>,
    /// Second traces that were like both.
    undecided: u8,
    /// How many traces were taken in.
    number: u64,
    returning: Returning,
    as_paths: VecDeque<(u64, AsPath)>,
    /// In which trace the path has changed since the present way through the networks was seen as it is known.
    moved: Option<u64>,
}

/// A path that was left just now, and is seen again.
#[derive(Clone, Copy, Debug, Default)]
struct Returning {
    id: Option<u64>,
    /// So often on end.
    times: u32,
    /// How often one has become the present one so.
    doubled: u32,
    /// Traces of the present one on end.
    calm: u32,
}

#[derive(Clone, Debug)]
struct Sighting {
    id: u64,
    path: Known,
    /// The number of the last trace in which it was the present one, or coming back.
    seen: u64,
}

/// What a trace came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the known path, or says nothing.
    Same,
    /// It is to be traced again at once.
    Doubted,
    /// The path is not the same from one trace to the next.
    Unstable,
    /// The first path is known.
    First,
    /// The path is another one.
    Changed,
}

impl Memory {
    /// Takes in what a trace found.
    pub(crate) fn take_in(&mut self, found: Known) -> Verdict {
        if found.is_empty() {
            self.forget_doubt();
            return Verdict::Same;
        }
        self.number += 1;
        let is_known = self.paths.front().is_some_and(|held| held.path.is_like(&found));
        if is_known {
            self.is_calm();
        } else if let Some(verdict) = self.returns(&found) {
            self.doubted = None;
            return verdict;
        }
        let Some(first) = self.doubted.take() else {
            if is_known {
                self.fill(found);
                return Verdict::Same;
            }
            self.doubted = Some(found);
            return Verdict::Doubted;
        };
        match (is_known, first.is_like(&found)) {
            // It is silent where they differ.
            (true, true) if self.undecided == 0 => {
                self.undecided = 1;
                self.doubted = Some(first);
                Verdict::Doubted
            }
            (true, _) => {
                self.undecided = 0;
                self.fill(found);
                Verdict::Unstable
            }
            (false, true) => {
                self.undecided = 0;
                let mut path = first;
                path.take_in(found);
                self.change_to(path)
            }
            (false, false) => {
                self.undecided = 0;
                Verdict::Unstable
            }
        }
    }

    /// What was doubted is to be doubted anew.
    pub(crate) fn forget_doubt(&mut self) {
        (self.doubted, self.undecided) = (None, 0);
    }

    fn fill(&mut self, found: Known) {
        let number = self.number;
        if let Some(held) = self.paths.front_mut() {
            held.seen = number;
            held.path.take_in(found);
        }
    }

    fn is_calm(&mut self) {
        let Returning { doubled, calm, .. } = self.returning;
        let calm = calm.saturating_add(1);
        let doubled = if calm < CALM { doubled } else { 0 };
        self.returning = Returning { id: None, times: 0, doubled, calm };
    }

    /// What it comes to that a path is seen which is another one than the present one; none where it was not left just
    /// now.
    fn returns(&mut self, found: &Known) -> Option<Verdict> {
        let number = self.number;
        let is_it = |held: &Sighting| {
            held.path.is_like(found) && number.saturating_sub(held.seen) <= RECENT
        };
        let Some(place) = self.paths.iter().position(is_it) else {
            (self.returning.id, self.returning.times) = (None, 0);
            return None;
        };
        let held = self.paths.get_mut(place)?;
        held.seen = number;
        let again = &mut self.returning;
        again.calm = 0;
        again.times = if again.id == Some(held.id) { again.times + 1 } else { 1 };
        again.id = Some(held.id);
        if again.times < RETURN << again.doubled {
            return Some(Verdict::Unstable);
        }
        again.doubled = MOST_DOUBLED.min(again.doubled + 1);
        (again.id, again.times) = (None, 0);
        Some(self.change_to(found.clone()))
    }

    fn change_to(&mut self, path: Known) -> Verdict {
        let is_first = self.paths.is_empty();
        let known = self.paths.iter().position(|held| held.path.is_like(&path));
        let seen = self.number;
        let held = match known.and_then(|place| self.paths.remove(place)) {
            Some(mut held) => {
                held.path.take_in(path);
                Sighting { seen, ..held }
            }
            None => Sighting { id: path.id(), path, seen },
        };
        // What is known in part is like too much to be told from it again.
        if held.path.is_whole || self.paths.iter().any(|held| held.path.is_whole) {
            self.paths.retain(|held| held.path.is_whole);
        }
        self.paths.push_front(held);
        self.paths.truncate(PATHS);
        if is_first { Verdict::First } else { Verdict::Changed }
    }

    /// The present path and its id, once it is confirmed.
    pub(crate) fn path(&self) -> Option<(u64, &Known)> {
        self.paths.front().map(|held| (held.id, &held.path))
    }

    /// Takes in whose routers the present path crosses; whether that is another way through the networks than
    /// before, which it can be only where the path itself `has_changed`, now or since: the router that tells may have
    /// been silent at first.
    pub(crate) fn take_in_networks(&mut self, path: AsPath, has_changed: bool) -> bool {
        if path.is_empty() {
            return false;
        }
        let Some((_, present)) = self.as_paths.front_mut() else {
            self.as_paths.push_front((path.id(), path));
            return false;
        };
        if has_changed {
            self.moved = Some(self.number);
        }
        if path.is_part_of(present) {
            return false;
        }
        // A border that stayed silent for long tells of another table, and not of that change.
        let moved = self.moved.take();
        let has_moved = moved.is_some_and(|at| self.number - at <= u64::from(CALM));
        if !has_moved || present.is_like(&path) {
            // A table that was read anew, or a router that has answered for the first time.
            *present = path;
            return false;
        }
        let known = self.as_paths.iter().position(|(_, known)| known.is_like(&path));
        let id = known.and_then(|place| self.as_paths.remove(place)).map_or(path.id(), |it| it.0);
        self.as_paths.push_front((id, path));
        self.as_paths.truncate(PATHS);
        true
    }

    /// The id of the way through the networks, once there is one.
    pub(crate) fn as_path(&self) -> Option<(u64, &AsPath)> {
        self.as_paths.front().map(|(id, path)| (*id, path))
    }
}

#[cfg(test)]
mod tests {
    use super::super::known::tests::path;
    use super::*;

    fn feed(memory: &mut Memory, traces: &[&str]) -> Vec<Verdict> {
        traces.iter().map(|trace| memory.take_in(path(trace))).collect()
    }

    fn id(memory: &Memory) -> u64 {
        memory.path().unwrap().0
    }

    use Verdict::{Changed, Doubted, First, Same, Unstable};

    #[test]
    fn the_first_path_is_confirmed_and_its_id_stays() {
        let mut memory = Memory::default();
        assert_eq!(feed(&mut memory, &["", "1 - 9!", "1 - 9!"]), [Same, Doubted, First]);
        let first = id(&memory);
        assert_eq!(feed(&mut memory, &["1 2 9!", "- 2 9!", "1", ""]), [Same; 4]);
        assert_eq!((id(&memory), memory.path().unwrap().1), (first, &path("1 2 9!")));
    }

    #[test]
    fn a_router_that_answers_now_and_then_changes_nothing() {
        let mut memory = Memory::default();
        feed(&mut memory, &["1 2 3 9!", "1 - 3 9!"]);
        for number in 0..60 {
            let trace = if number % 3 == 0 { "1 2 3 9!" } else { "1 - 3 9!" };
            assert_eq!(feed(&mut memory, &[trace]), [Same]);
        }
    }

    #[test]
    fn a_moved_path_is_one_change_and_the_way_back_has_the_old_id() {
        let mut memory = Memory::default();
        feed(&mut memory, &["1 2 9!", "1 2 9!"]);
        let old = id(&memory);
        assert_eq!(feed(&mut memory, &["1 3 9!", "1 3 9!", "1 3 9!"]), [Doubted, Changed, Same]);
        assert_ne!(id(&memory), old);
        feed(&mut memory, &["1 3 9!"; 12]);
        assert_eq!(feed(&mut memory, &["1 2 9!", "- 2 9!"]), [Doubted, Changed]);
        assert_eq!(id(&memory), old);
    }

    #[test]
    fn a_path_that_was_left_just_now_is_back_when_it_stays() {
        let mut memory = Memory::default();
        feed(&mut memory, &["1 2 9!", "1 2 9!"]);
        let old = id(&memory);
        feed(&mut memory, &["1 3 9!", "1 3 9!"]);
        assert_eq!(feed(&mut memory, &["1 2 9!"; 3]), [Unstable, Unstable, Changed]);
        assert_eq!(id(&memory), old);
        // The next time that takes twice as long, and a trace of the other way begins it anew.
        assert_eq!(feed(&mut memory, &["1 3 9!"; 5]), [Unstable; 5]);
        assert_eq!(feed(&mut memory, &["1 2 9!"]), [Same]);
        assert_eq!(feed(&mut memory, &["1 3 9!"; 6])[5], Changed);
        // It is forgotten after a while.
        feed(&mut memory, &["1 3 9!"; 50]);
        feed(&mut memory, &["1 2 9!", "1 2 9!"]);
        assert_eq!(feed(&mut memory, &["1 3 9!"; 3]), [Unstable, Unstable, Changed]);
    }

    #[test]
    fn who_balances_each_packet_makes_few_changes_and_then_none() {
        let (mut memory, mut state) = (Memory::default(), 7_u32);
        let mut changes = Vec::new();
        for number in 0..4000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let way = if state >> 31 == 0 { "1 2 9!" } else { "1 3 9!" };
            if memory.take_in(path(way)) == Changed {
                changes.push(number);
            }
        }
        assert!(changes.len() <= 7, "{changes:?}");
    }

    #[test]
    fn a_lost_reply_of_the_target_makes_no_longer_path() {
        let mut memory = Memory::default();
        feed(&mut memory, &["1 2 9!", "1 2 9!"]);
        assert_eq!(feed(&mut memory, &["1 2 - 9!", "1 2 - 9!", "1 2 9!"]), [Same; 3]);
        assert_eq!(memory.path().unwrap().1, &path("1 2 9!"));
    }

    #[test]
    fn what_is_known_in_part_is_not_remembered() {
        let mut memory = Memory::default();
        feed(&mut memory, &["1 2 9!", "1 2 9!"]);
        assert_eq!(feed(&mut memory, &["1 3", "1 3"]), [Doubted, Changed]);
        assert_eq!(feed(&mut memory, &["1 4 9!", "1 4 9!"]), [Doubted, Changed]);
        let whole: Vec<bool> = memory.paths.iter().map(|held| held.path.is_whole).collect();
        assert_eq!(whole, [true, true]);
        // Where no target ever answers there is nothing else.
        let mut memory = Memory::default();
        feed(&mut memory, &["1 2", "1 2", "1 3", "1 3"]);
        assert_eq!(memory.paths.len(), 2);
    }

    #[test]
    fn what_is_not_confirmed_is_no_change() {
        let mut memory = Memory::default();
        feed(&mut memory, &["1 2 9!", "1 2 9!"]);
        let old = id(&memory);
        assert_eq!(feed(&mut memory, &["1 3 9!", "1 2 9!"]), [Doubted, Unstable]);
        assert_eq!(feed(&mut memory, &["1 3 9!", "1 4 9!"]), [Doubted, Unstable]);
        assert_eq!(id(&memory), old);
    }

    #[test]
    fn silence_does_not_decide_a_doubt() {
        let mut memory = Memory::default();
        feed(&mut memory, &["1 2 9!", "1 2 9!"]);
        assert_eq!(feed(&mut memory, &["1 3 9!", "1 - 9!", "1 3 9!"]), [Doubted, Doubted, Changed]);
        assert_eq!(
            feed(&mut memory, &["1 4 9!", "1 - 9!", "1 - 9!", "1 3 9!"]),
            [Doubted, Doubted, Unstable, Same]
        );
    }

    #[test]
    fn an_outage_changes_nothing() {
        let mut memory = Memory::default();
        feed(&mut memory, &["1 2 3 9!", "1 2 3 9!"]);
        assert_eq!(feed(&mut memory, &["1 2", "1", "", "1 2 3 9!"]), [Same; 4]);
    }

    #[test]
    fn eight_paths_are_remembered() {
        let mut memory = Memory::default();
        let mut ids = Vec::new();
        for router in 10..20 {
            let trace = format!("1 {router} 9!");
            feed(&mut memory, &[&trace, &trace]);
            ids.push(id(&memory));
        }
        assert_eq!(memory.paths.len(), PATHS);
        feed(&mut memory, &["1 13 9!", "1 13 9!"]);
        assert_eq!(id(&memory), ids[3]);
    }

    #[test]
    fn a_change_inside_one_network_is_none_between_networks() {
        let networks = |asns: &[u32], gaps| AsPath::new(asns.to_vec(), gaps);
        let mut memory = Memory::default();
        assert!(!memory.take_in_networks(networks(&[], false), true));
        assert!(!memory.take_in_networks(networks(&[64500, 64501], false), true));
        let old = memory.as_path().unwrap().0;
        assert!(!memory.take_in_networks(networks(&[64500, 64501], false), true));
        // A border that is silent on the new way.
        assert!(!memory.take_in_networks(networks(&[64501], true), true));
        assert!(!memory.take_in_networks(networks(&[64500, 64501], false), false));
        // Another table.
        assert!(!memory.take_in_networks(networks(&[64500, 64502], false), false));
        assert!(memory.take_in_networks(networks(&[64500, 64503], false), true));
        assert_ne!(memory.as_path().unwrap().0, old);
        assert!(memory.take_in_networks(networks(&[64500, 64502], false), true));
        assert_eq!(memory.as_path().unwrap().0, old);
    }

    #[test]
    fn a_table_that_is_read_anew_long_after_a_change_is_none() {
        let networks = |asns: &[u32], has_gaps| AsPath::new(asns.to_vec(), has_gaps);
        for (traces, is_told) in [(3, true), (CALM + 1, false)] {
            let mut memory = Memory::default();
            memory.take_in_networks(networks(&[64500, 64501], false), false);
            // Other routers, behind a border that stays silent.
            assert!(!memory.take_in_networks(networks(&[64500], true), true));
            for _ in 0..traces {
                memory.take_in(path("1 2 9!"));
            }
            let is_another = memory.take_in_networks(networks(&[64500, 64502], false), false);
            assert_eq!(is_another, is_told, "{traces}");
        }
    }

    #[test]
    fn other_networks_behind_a_border_that_was_silent_at_first_are_a_change() {
        let networks = |asns: &[u32], has_gaps| AsPath::new(asns.to_vec(), has_gaps);
        let mut memory = Memory::default();
        let mut changes = Vec::new();
        for (asns, has_gaps, has_changed) in [
            (&[1, 2, 9][..], false, false),
            // By the routers it is another one; who is in between does not answer, and then the same one does.
            (&[1, 9], true, true),
            (&[1, 2, 9], false, false),
            (&[1, 3, 9], false, false),
            // Now it is somebody else who does.
            (&[1, 9], true, true),
            (&[1, 9], true, false),
            (&[1, 4, 9], false, false),
            (&[1, 4, 9], false, false),
        ] {
            changes.push(memory.take_in_networks(networks(asns, has_gaps), has_changed));
        }
        // The fourth is a table that was read anew.
        assert_eq!(changes, [false, false, false, false, false, false, true, false]);
        assert_eq!(memory.as_path().unwrap().1.asns(), [1, 4, 9]);
    }
}
