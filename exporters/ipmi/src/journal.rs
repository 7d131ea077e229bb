//! What the entries of an event log come to: counts by state and by the config's own names, and the last
//! few as they are. No I/O, no clock.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::sensor::Severity;

mod sel_event;

pub(crate) use sel_event::SelEvent;

/// So many entries are counted; a log that has more is counted by its newest. Real ones have 3,000.
const MOST_COUNTED: usize = 4_096;
/// So many can be named in a module: each is two series of every target, and a bit.
pub(crate) const MOST_NAMED: usize = 32;
/// So many are shown, the newest.
const MOST_SHOWN: usize = 50;

/// An entry of an event log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The log's own number of it.
    pub(crate) id: u32,
    /// When, seconds since the epoch by the BMC's clock; `None` while that is not set.
    pub(crate) time: Option<u32>,
    /// The sensor's name, or its number where it has none.
    pub(crate) sensor: Box<str>,
    /// The name of the sensor's type.
    pub(crate) sensor_type: &'static str,
    /// What it says of the machine; `None` where nobody knows.
    pub(crate) severity: Option<Severity>,
    /// What happened, in the words of `ipmi-sel`.
    pub(crate) event: Box<str>,
}

/// What is counted of an entry.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Counted {
    severity: Option<Severity>,
    /// A bit for each of the config's events that it matches.
    named: u32,
    /// When it was, seconds since the epoch; 0 where that is not known.
    time: u32,
}

/// A log as far as it was read. Its oldest entries come first.
#[derive(Debug, PartialEq)]
pub(crate) struct Journal {
    wanted: Arc<[SelEvent]>,
    counted: VecDeque<Counted>,
    summary: Summary,
}

/// What is told of a log.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Summary {
    /// Entries that are nominal, a warning, critical, and of which nobody knows.
    pub(crate) by_state: [u32; 4],
    /// Of each of the config's events how many there are, and the time of the latest.
    pub(crate) by_name: Vec<Named>,
    /// The newest entries, the newest last.
    pub(crate) newest: VecDeque<Arc<Entry>>,
    /// Entries that the log counts and does not give.
    pub(crate) refused: u32,
    /// Whether all was read that there is to read for now; else there is more to come at once.
    pub(crate) is_whole: bool,
}

/// How often one of the config's events is in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// Its name in the config.
    pub(crate) name: Arc<str>,
    /// How many entries.
    pub(crate) count: u32,
    /// When the latest was, seconds since the epoch; 0 where none has a time, as in `ipmi_exporter`.
    pub(crate) latest: u32,
}

impl Summary {
    /// The names of [`Summary::by_state`]'s counts, as `ipmi-sel` writes them.
    pub(crate) const STATES: [&'static str; 4] = ["Nominal", "Warning", "Critical", "N/A"];
}

impl Journal {
    /// A log of which nothing was read yet.
    pub(crate) fn new(wanted: Arc<[SelEvent]>) -> Self {
        let mut journal = Self { wanted, counted: VecDeque::new(), summary: Summary::default() };
        journal.clear();
        journal
    }

    /// Forgets everything, as when the log was erased.
    pub(crate) fn clear(&mut self) {
        self.counted.clear();
        let named = |event: &SelEvent| Named { name: Arc::clone(&event.name), ..Named::default() };
        let by_name = self.wanted.iter().map(named).collect();
        self.summary = Summary { by_name, ..Summary::default() };
    }

    /// Whether these are the events that it counts by their names.
    pub(crate) fn counts(&self, wanted: &[SelEvent]) -> bool {
        *self.wanted == *wanted
    }

    /// Takes in the entry after the last one.
    pub(crate) fn push(&mut self, entry: Entry) {
        let matches = self.wanted.iter().map(|event| event.regex.is_match(&entry.event));
        let named =
            matches.enumerate().fold(0, |named, (place, is)| named | u32::from(is) << place);
        let time = entry.time.unwrap_or(0);
        let counted = Counted { severity: entry.severity, named, time };
        self.count(counted, 1);
        for (place, name) in self.summary.by_name.iter_mut().enumerate() {
            if named & (1 << place) != 0 {
                name.latest = name.latest.max(time);
            }
        }
        self.counted.push_back(counted);
        self.summary.newest.push_back(Arc::new(entry));
        if self.summary.newest.len() > MOST_SHOWN {
            self.summary.newest.pop_front();
        }
        self.keep(MOST_COUNTED);
    }

    /// How many entries the log has more, as far as they are counted at all.
    pub(crate) fn lacks(&self, entries: usize) -> usize {
        entries.min(MOST_COUNTED).saturating_sub(self.counted.len())
    }

    /// Forgets the oldest entries of more than so many: a log that is full drops them.
    pub(crate) fn keep(&mut self, most: usize) {
        let mut lost = 0;
        for _ in most..self.counted.len() {
            if let Some(oldest) = self.counted.pop_front() {
                self.count(oldest, u32::MAX);
                lost |= self.whose_latest(oldest);
            }
        }
        if lost != 0 {
            self.find_latest(lost);
        }
        while self.summary.newest.len() > most {
            self.summary.newest.pop_front();
        }
    }

    /// A bit for each of the config's events whose latest entry may be this one. Without times there is
    /// no latest.
    fn whose_latest(&self, entry: Counted) -> u32 {
        let is_it = |name: &Named| name.latest == entry.time && entry.time > 0;
        let names = self.summary.by_name.iter().enumerate().filter(|(_, name)| is_it(name));
        names.fold(0, |bits, (place, _)| bits | entry.named & (1 << place))
    }

    /// Looks for the latest entry of each of these events, through all entries and once for all that
    /// were dropped: a log can shrink by thousands.
    fn find_latest(&mut self, of: u32) {
        #[cfg(test)]
        tests::LOOKS.set(tests::LOOKS.get() + 1);
        for (place, name) in self.summary.by_name.iter_mut().enumerate() {
            let bit = 1 << place;
            if of & bit != 0 {
                let left = self.counted.iter().filter(|it| it.named & bit != 0);
                name.latest = left.map(|it| it.time).max().unwrap_or(0);
            }
        }
    }

    /// What there is to tell, `is_whole` saying whether all was read.
    pub(crate) fn summary(&self, is_whole: bool) -> Summary {
        Summary { is_whole, ..self.summary.clone() }
    }

    /// Adds 1 to what counts an entry, or -1, which is [`u32::MAX`].
    fn count(&mut self, entry: Counted, by: u32) {
        let state = entry.severity.map_or(3, |severity| severity as usize);
        let state = &mut self.summary.by_state[state];
        *state = state.wrapping_add(by);
        for (place, name) in self.summary.by_name.iter_mut().enumerate() {
            if entry.named & (1 << place) != 0 {
                name.count = name.count.wrapping_add(by);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        /// How often the latest entries were looked for.
        pub(super) static LOOKS: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
    }

    fn journal() -> Journal {
        let event = |name: &str, regex: &str| SelEvent::new(name, regex).unwrap();
        Journal::new([event("ecc", "^Correctable"), event("any", "memory")].into())
    }

    fn entry(id: u32, severity: Option<Severity>, event: &str) -> Entry {
        Entry {
            id,
            time: Some(1_700_000_000 + id),
            sensor: "DIMM 1".into(),
            sensor_type: "Memory",
            severity,
            event: event.into(),
        }
    }

    #[test]
    fn entries_are_counted_by_state_and_by_name() {
        let mut journal = journal();
        journal.push(entry(1, Some(Severity::Warning), "Correctable memory error ; x"));
        journal.push(entry(2, Some(Severity::Critical), "Uncorrectable memory error"));
        journal.push(entry(3, None, "OEM Event = 12h"));
        let summary = journal.summary(true);
        assert_eq!(summary.by_state, [0, 1, 1, 1]);
        let named: Vec<_> = summary.by_name.iter().map(|it| (&*it.name, it.count)).collect();
        assert_eq!(named, [("ecc", 1), ("any", 2)]);
        assert_eq!(summary.by_name[1].latest, 1_700_000_002);
        journal.clear();
        let summary = journal.summary(true);
        assert_eq!((summary.by_state, summary.by_name[1].count), ([0; 4], 0));
    }

    #[test]
    fn what_a_full_log_drops_is_counted_no_more() {
        let mut journal = journal();
        for id in 0..10 {
            journal.push(entry(id, Some(Severity::Warning), "Correctable memory error"));
        }
        journal.keep(4);
        let summary = journal.summary(false);
        assert_eq!((summary.by_state, summary.by_name[0].count), ([0, 4, 0, 0], 4));
        assert_eq!((summary.newest.len(), summary.newest[0].id), (4, 6));
        // The clock was set back: the latest is not the newest.
        let early = Entry { time: Some(1_600_000_000), ..entry(10, None, "Correctable memory") };
        journal.push(early);
        assert_eq!(journal.summary(true).by_name[0].latest, 1_700_000_009);
        journal.keep(1);
        assert_eq!(journal.summary(true).by_name[0].latest, 1_600_000_000);
        journal.push(entry(11, None, "Fan"));
        journal.keep(1);
        let named = &journal.summary(true).by_name[0];
        assert_eq!((named.count, named.latest), (0, 0));
    }

    #[test]
    fn a_log_that_shrinks_by_thousands_is_looked_through_once() {
        for (time, looks) in [(Some(1_700_000_000), 1), (None, 0)] {
            let mut journal = journal();
            for id in 0..4_000 {
                journal.push(Entry { time, ..entry(id, None, "Correctable memory error") });
            }
            LOOKS.set(0);
            journal.keep(10);
            assert_eq!(LOOKS.get(), looks, "{time:?}");
            let named = &journal.summary(true).by_name[0];
            assert_eq!((named.count, named.latest), (10, time.unwrap_or(0)));
        }
    }

    #[test]
    fn an_endless_log_fills_no_more_than_its_room() {
        let mut journal = journal();
        for id in 0..10_000 {
            journal.push(entry(id, None, "memory"));
        }
        let summary = journal.summary(true);
        assert_eq!((journal.counted.len(), summary.newest.len()), (MOST_COUNTED, MOST_SHOWN));
        assert_eq!(summary.by_state[3], 4_096);
    }
}
