//! What is remembered of the paths to an address, and what a change is. No I/O, no clock.
//!
//! 1. A trace that is [like](Known::is_like) the known path fills its silent places, and is no change.
//! 2. Another one is doubted, and traced again at once. The second decides: like the first, it is a change;
//!    like the known path, or like neither, the path is unstable, and nothing has changed.
//! 3. The last [`PATHS`] are remembered: one that comes back has its old id.

use std::collections::VecDeque;

use super::autonomous::AsPath;
use super::known::Known;

/// So many paths of an address are remembered, the present one among them.
const PATHS: usize = 8;

/// The paths to one address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    /// The present one, confirmed; then those before, the newest first.
    paths: VecDeque<Held>,
    doubted: Option<Known>,
    /// Second traces that were like both.
    undecided: u8,
    as_paths: VecDeque<(u64, AsPath)>,
}

#[derive(Clone, Debug)]
struct Held {
    id: u64,
    path: Known,
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
            return Verdict::Same;
        }
        let is_known = self.paths.front().is_some_and(|held| held.path.is_like(&found));
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

    fn fill(&mut self, found: Known) {
        if let Some(held) = self.paths.front_mut() {
            held.path.take_in(found);
        }
    }

    fn change_to(&mut self, path: Known) -> Verdict {
        let is_first = self.paths.is_empty();
        let known = self.paths.iter().position(|held| held.path.is_like(&path));
        let held = match known.and_then(|place| self.paths.remove(place)) {
            Some(mut held) => {
                held.path.take_in(path);
                held
            }
            None => Held { id: path.id(), path },
        };
        self.paths.push_front(held);
        self.paths.truncate(PATHS);
        if is_first { Verdict::First } else { Verdict::Changed }
    }

    /// The present path and its id, once it is confirmed.
    pub(crate) fn path(&self) -> Option<(u64, &Known)> {
        self.paths.front().map(|held| (held.id, &held.path))
    }

    /// Takes in whose routers the present path crosses; whether that is another way through the networks than
    /// before, which it can be only where the path itself `has_changed`.
    pub(crate) fn take_in_networks(&mut self, path: AsPath, has_changed: bool) -> bool {
        if path.is_empty() {
            return false;
        }
        let Some((_, present)) = self.as_paths.front_mut() else {
            self.as_paths.push_front((path.id(), path));
            return false;
        };
        if !has_changed || present.is_like(&path) {
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
        assert_eq!(feed(&mut memory, &["1 2 9!", "- 2 9!"]), [Doubted, Changed]);
        assert_eq!(id(&memory), old);
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
            feed(&mut memory, &["1 2 9!", "1 - 9!", "1 - 9!", "1 3 9!"]),
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
        // Another table.
        assert!(!memory.take_in_networks(networks(&[64500, 64502], false), false));
        assert!(memory.take_in_networks(networks(&[64500, 64503], false), true));
        assert_ne!(memory.as_path().unwrap().0, old);
        assert!(memory.take_in_networks(networks(&[64500, 64502], false), true));
        assert_eq!(memory.as_path().unwrap().0, old);
    }
}
