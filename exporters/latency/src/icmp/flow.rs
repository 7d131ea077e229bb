//! Which socket the echoes to an address go through. No I/O, no clock.
//!
//! A router that translates addresses keeps what it has made of the first echo for as long as others with
//! the same identifier follow: after it has switched to another uplink, they leave with the address of the
//! old one for ever, and none is answered. So an address that stays silent gets a fresh socket, which has
//! an identifier of its own:
//!
//! 1. after [`SILENT`] echoes without an answer and [`PATIENCE`]: it may be a short outage;
//! 2. a fresh socket that others were given already, if this address has not used it: those that are
//!    silent share it, and those that answer stay where they are;
//! 3. if that does not help, the next one later, and ever later: most that are silent are down;
//! 4. it stays where it was answered. A fresh socket that nobody uses is closed, and so is the one with the
//!    fewest users when there are [`MOST_FRESH`]: they move to the newest, which serves them as well;
//! 5. where none can be opened, all stay where they are, and it is tried again after [`AGAIN`].
//!
//! What is answered too late is answered: it is not silent, and its way is good.

use std::collections::HashMap;
use std::time::Duration;

use super::options::Asked;

/// So many echoes in a row must have stayed without an answer.
const SILENT: u32 = 3;
/// And so long ago must the first of them have been given up.
const PATIENCE: Duration = Duration::from_secs(10);
/// The second fresh socket comes so long after the first one, each next after twice the time of the one
/// before.
const FIRST_WAIT: Duration = Duration::from_secs(60);
/// But never later than this. Judged from what it costs: one entry in the table of a router.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// So many fresh sockets a kind may have at once.
pub(super) const MOST_FRESH: usize = 4;
/// An address that was not asked for so long is forgotten: its target is gone.
const MEMORY: Duration = Duration::from_secs(3600);
/// A fresh socket that could not be opened is not asked for sooner: the machine may have no descriptor left.
const AGAIN: Duration = Duration::from_secs(30);
/// And nothing is remembered of more silent addresses than this.
const MOST: usize = 1 << 17;

/// Where echoes to an address go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Via {
    /// Through the socket of all.
    Home,
    /// Through the fresh socket with this number.
    Fresh(u32),
}

/// The addresses of a kind that are silent, or were answered by a fresh socket.
#[derive(Debug, Default)]
pub(super) struct Flows {
    /// Hardly ever any.
    known: HashMap<Asked, Flow>,
    /// The numbers of the fresh sockets, the oldest first, each with how many addresses use it: counted as
    /// they come and go, for all targets may move at once.
    fresh: Vec<(u32, usize)>,
    newest: u32,
    /// How often an address was given a fresh socket.
    moves: u64,
    /// When it was last looked for what to forget.
    swept: Duration,
    /// When a fresh socket could not be opened.
    refused: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct Flow {
    via: Via,
    /// Echoes in a row without an answer.
    silent: u32,
    /// When the first of them was given up.
    since: Duration,
    /// When it moved, and how long it waits from then to the next time.
    moved: Option<(Duration, Duration)>,
    /// When it was last asked or answered.
    seen: Duration,
}

impl Flows {
    /// Where the next echo to an address goes, and whether a fresh socket should be opened for it: then
    /// [`Flows::opened`] or [`Flows::refused`] is to follow.
    pub(super) fn via(&mut self, to: Asked, now: Duration) -> (Via, bool) {
        let Some(flow) = self.known.get_mut(&to) else { return (Via::Home, false) };
        flow.seen = now;
        let via = flow.via;
        if !flow.is_due(now) {
            return (via, false);
        }
        match self.fresh.last() {
            // One that this address has not used.
            Some((newest, _)) if via.is_older_than(*newest) => {
                let newest = Via::Fresh(*newest);
                self.move_to(newest, to, now);
                (newest, false)
            }
            _ => {
                let is_refused = self.refused.is_some_and(|at| now.saturating_sub(at) < AGAIN);
                (via, !is_refused)
            }
        }
    }

    /// A fresh socket was opened for an address; it has this number from now on. One that is no longer
    /// among [`Flows::has`] is to be closed.
    pub(super) fn opened(&mut self, to: Asked, now: Duration) -> u32 {
        self.refused = None;
        self.newest += 1;
        self.fresh.push((self.newest, 0));
        self.move_to(Via::Fresh(self.newest), to, now);
        self.newest
    }

    /// A fresh socket could not be opened: all stay where they are.
    pub(super) fn refused(&mut self, now: Duration) {
        self.refused = Some(now);
    }

    fn move_to(&mut self, via: Via, to: Asked, now: Duration) {
        let Some(flow) = self.known.get_mut(&to) else { return };
        let wait = flow.moved.map_or(FIRST_WAIT, |(_, wait)| (2 * wait).min(LONGEST_WAIT));
        let before = std::mem::replace(&mut flow.via, via);
        (flow.silent, flow.moved) = (0, Some((now, wait)));
        self.moves += 1;
        self.count(before, |users| users.saturating_sub(1));
        self.count(via, |users| users + 1);
        self.let_go();
    }

    /// An echo to an address was answered, in time or too late.
    pub(super) fn answered(&mut self, to: Asked) {
        // The common case costs no lookup.
        if self.known.is_empty() {
            return;
        }
        match self.known.get_mut(&to) {
            Some(Flow { via: Via::Home, .. }) => drop(self.known.remove(&to)),
            Some(flow) => (flow.silent, flow.moved) = (0, None),
            None => {}
        }
    }

    /// An echo to an address stayed without an answer; returns how many in a row that makes.
    pub(super) fn silent(&mut self, to: Asked, now: Duration) -> u32 {
        self.sweep(now);
        if self.known.len() >= MOST && !self.known.contains_key(&to) {
            return 1;
        }
        let new = Flow { via: Via::Home, silent: 0, since: now, moved: None, seen: now };
        let flow = self.known.entry(to).or_insert(new);
        if flow.silent == 0 {
            flow.since = now;
        }
        flow.silent = flow.silent.saturating_add(1);
        flow.seen = now;
        flow.silent
    }

    /// The silence of an address was this machine's own: its patience begins anew.
    pub(super) fn excused(&mut self, to: Asked, now: Duration) {
        if let Some(flow) = self.known.get_mut(&to) {
            flow.since = now;
        }
    }

    /// Whether a fresh socket is used.
    pub(super) fn has(&self, number: u32) -> bool {
        self.fresh.iter().any(|(known, _)| *known == number)
    }

    /// How often an address was given a fresh socket.
    pub(super) fn moves(&self) -> u64 {
        self.moves
    }

    /// Counts the users of a fresh socket anew.
    fn count(&mut self, via: Via, change: impl FnOnce(usize) -> usize) {
        let known = self.fresh.iter_mut().find(|(number, _)| Via::Fresh(*number) == via);
        if let Some((_, users)) = known {
            *users = change(*users);
        }
    }

    /// Lets go of fresh sockets without users, and of that with the fewest where there are too many.
    fn let_go(&mut self) {
        self.fresh.retain(|(_, users)| *users > 0);
        while self.fresh.len() > MOST_FRESH {
            let Some(((newest, _), older)) = self.fresh.split_last() else { return };
            let newest = Via::Fresh(*newest);
            let least = older.iter().copied().min_by_key(|(_, users)| *users);
            let Some((least, moved)) = least else { return };
            for flow in self.known.values_mut().filter(|flow| flow.via == Via::Fresh(least)) {
                flow.via = newest;
            }
            self.count(newest, |users| users + moved);
            self.fresh.retain(|(number, _)| *number != least);
        }
    }

    fn sweep(&mut self, now: Duration) {
        if now.saturating_sub(self.swept) < PATIENCE {
            return;
        }
        self.swept = now;
        let is_old = |flow: &Flow| now.saturating_sub(flow.seen) > MEMORY;
        let forgotten: Vec<Via> =
            self.known.extract_if(|_, flow| is_old(flow)).map(|(_, flow)| flow.via).collect();
        for via in &forgotten {
            self.count(*via, |users| users.saturating_sub(1));
        }
        if !forgotten.is_empty() {
            self.let_go();
        }
    }
}

impl Via {
    fn is_older_than(self, newest: u32) -> bool {
        match self {
            Self::Home => true,
            Self::Fresh(number) => number < newest,
        }
    }
}

impl Flow {
    /// Whether it is time for another socket.
    fn is_due(&self, now: Duration) -> bool {
        let waited = match self.moved {
            None => now.saturating_sub(self.since) >= PATIENCE,
            Some((at, wait)) => now.saturating_sub(at) >= wait,
        };
        self.silent >= SILENT && waited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> Asked {
        Asked { to: [192, 0, 2, last].into(), options: 0 }
    }

    /// Where the next echo goes, through a fresh socket where one is wanted.
    fn via(flows: &mut Flows, to: Asked, now: Duration) -> Via {
        match flows.via(to, now) {
            (_, true) => Via::Fresh(flows.opened(to, now)),
            (via, false) => via,
        }
    }

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// An echo a second to an address that never answers; when and where it moved.
    fn moves(flows: &mut Flows, to: Asked, seconds: std::ops::Range<u64>) -> Vec<(u64, Via)> {
        let mut moves = Vec::new();
        for second in seconds {
            let before = flows.known.get(&to).map_or(Via::Home, |flow| flow.via);
            let via = via(flows, to, s(second));
            if via != before {
                moves.push((second, via));
            }
            flows.silent(to, s(second));
        }
        moves
    }

    #[test]
    fn an_address_that_answers_stays_with_all() {
        let mut flows = Flows::default();
        for second in 0..1000 {
            assert_eq!(via(&mut flows, ip(1), s(second)), Via::Home);
            // Short outages move nobody.
            if second % 60 < 9 {
                flows.silent(ip(1), s(second));
            } else {
                flows.answered(ip(1));
            }
        }
        assert_eq!((flows.known.len(), flows.moves()), (0, 0));
    }

    #[test]
    fn one_that_is_silent_moves_and_ever_later_again() {
        let mut flows = Flows::default();
        let moved = moves(&mut flows, ip(1), 0..3000);
        let at: Vec<u64> = moved.iter().map(|(at, _)| *at).collect();
        assert_eq!(at, [10, 70, 190, 430, 910, 1510, 2110, 2710]);
        assert_eq!(moved[2].1, Via::Fresh(3));
        assert_eq!((flows.fresh.len(), flows.moves()), (1, 8), "the others are closed");
    }

    #[test]
    fn it_needs_three_echoes_however_seldom_they_are() {
        let mut flows = Flows::default();
        for second in [0, 60, 120] {
            assert_eq!(via(&mut flows, ip(1), s(second)), Via::Home);
            flows.silent(ip(1), s(second));
        }
        assert_eq!(via(&mut flows, ip(1), s(180)), Via::Fresh(1));
    }

    #[test]
    fn those_that_are_silent_share_and_those_that_answer_stay() {
        let mut flows = Flows::default();
        moves(&mut flows, ip(1), 0..12);
        assert_eq!(moves(&mut flows, ip(2), 5..30), [(15, Via::Fresh(1))]);
        assert_eq!(via(&mut flows, ip(3), s(30)), Via::Home);
        assert_eq!(flows.fresh, [(1, 2)]);
    }

    #[test]
    fn one_that_was_answered_stays_there_and_begins_anew_when_it_is_silent_again() {
        let mut flows = Flows::default();
        moves(&mut flows, ip(1), 0..12);
        flows.answered(ip(1));
        assert_eq!(via(&mut flows, ip(1), s(500)), Via::Fresh(1));
        assert_eq!(moves(&mut flows, ip(1), 500..520), [(510, Via::Fresh(2))]);
        assert!(!flows.has(1) && flows.has(2));
    }

    #[test]
    fn there_are_never_many_and_those_of_the_least_used_move_to_the_newest() {
        let mut flows = Flows::default();
        for number in 1..=MOST_FRESH + 1 {
            // Each socket helps two addresses, the second one a single address.
            let last = u8::try_from(number * 2).unwrap();
            let begin = u64::from(last) * 100;
            if number > 1 {
                // All that is there does not help this one.
                let newest = Via::Fresh(flows.newest);
                flows.count(newest, |users| users + 1);
                flows.known.insert(
                    ip(last),
                    Flow {
                        via: Via::Fresh(flows.newest),
                        silent: SILENT,
                        since: s(begin),
                        moved: None,
                        seen: s(begin),
                    },
                );
            }
            moves(&mut flows, ip(last), begin..begin + 12);
            flows.answered(ip(last));
            if number != 2 {
                moves(&mut flows, ip(last + 1), begin..begin + 12);
                flows.answered(ip(last + 1));
            }
        }
        assert_eq!(flows.fresh, [(1, 2), (3, 2), (4, 2), (5, 3)]);
        assert_eq!(via(&mut flows, ip(4), s(5000)), Via::Fresh(5), "its socket was closed");
        assert_eq!(via(&mut flows, ip(2), s(5000)), Via::Fresh(1));
    }

    #[test]
    fn without_a_socket_all_stay_and_it_is_tried_seldom() {
        let mut flows = Flows::default();
        let mut tried = 0;
        for second in 0..100 {
            for last in 0..200 {
                let (via, wants) = flows.via(ip(last), s(second));
                assert_eq!(via, Via::Home);
                if wants {
                    tried += 1;
                    flows.refused(s(second));
                }
                flows.silent(ip(last), s(second));
            }
        }
        assert_eq!((tried, flows.moves()), (3, 0), "at 10, 40 and 70 s");
        assert_eq!(via(&mut flows, ip(7), s(100)), Via::Fresh(1));
        assert_eq!(via(&mut flows, ip(8), s(100)), Via::Fresh(1), "and then all move");
    }

    #[test]
    fn one_that_is_answered_too_late_is_not_silent() {
        let mut flows = Flows::default();
        for second in 0..1000 {
            assert_eq!(via(&mut flows, ip(1), s(second)), Via::Home);
            flows.silent(ip(1), s(second));
            // The reply to an echo of some seconds before.
            if second > 5 {
                flows.answered(ip(1));
            }
        }
        assert_eq!(flows.moves(), 0);
    }

    #[test]
    fn what_is_asked_otherwise_is_another() {
        let mut flows = Flows::default();
        let dies_on_its_way = Asked { options: 1, ..ip(1) };
        for second in 0..9 {
            flows.silent(dies_on_its_way, s(second));
            flows.answered(ip(1));
        }
        assert_eq!(flows.silent(dies_on_its_way, s(9)), 10);
        assert_eq!(via(&mut flows, dies_on_its_way, s(10)), Via::Fresh(1));
        assert_eq!(via(&mut flows, ip(1), s(10)), Via::Home);
    }

    #[test]
    fn one_that_is_asked_no_more_is_forgotten_with_its_socket() {
        let mut flows = Flows::default();
        moves(&mut flows, ip(1), 0..12);
        flows.silent(ip(2), s(12) + MEMORY);
        assert!(flows.known.len() == 1 && !flows.has(1));
    }

    #[test]
    fn silence_of_our_own_moves_nobody() {
        let mut flows = Flows::default();
        for second in 0..100 {
            assert_eq!(via(&mut flows, ip(1), s(second)), Via::Home);
            flows.silent(ip(1), s(second));
            flows.excused(ip(1), s(second));
        }
    }

    #[test]
    fn a_fleet_moves_at_once() {
        const FLEET: u32 = 50_000;
        let mut flows = Flows::default();
        let fleet =
            || (0..FLEET).map(|number| Asked { to: (number + 1).to_be_bytes().into(), options: 0 });
        for second in 0..13 {
            for ip in fleet() {
                via(&mut flows, ip, s(second));
                flows.silent(ip, s(second));
            }
        }
        assert_eq!(flows.fresh, [(1, 50_000)]);
        fleet().for_each(|ip| flows.answered(ip));
        assert!(fleet().all(|ip| via(&mut flows, ip, s(20)) == Via::Fresh(1)));
        assert_eq!(flows.moves(), u64::from(FLEET));
    }
}
