//! The rows of the page at `/`: which there are, in which order, and how many. No I/O, no clock.

use std::collections::HashSet;
use std::sync::Arc;

use crate::health::{Health, Standing};
use crate::state::State;

/// Rows on one page: a phone shows them at once, and a fleet's first page is all that is wrong.
pub(super) const ROWS: usize = 200;

/// A target as it stood at one moment.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) target: Arc<Health>,
    /// Its site or team; empty for none.
    pub(super) group: String,
    pub(super) standing: Standing,
}

/// All targets at one moment, those that are down first.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Row>,
    pub(super) down: usize,
    pub(super) pending: usize,
}

/// The part of a table that one page shows.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) rows: Vec<&'a Row>,
    /// How many targets the filter lets through.
    pub(super) found: usize,
    /// The number of this page, from 1, and how many there are.
    pub(super) page: usize,
    pub(super) pages: usize,
}

impl Table {
    pub(super) fn new(targets: Vec<Arc<Health>>) -> Self {
        let row = |target: Arc<Health>| {
            let (standing, group) = (target.standing(), target.group());
            Row { target, group, standing }
        };
        let mut rows: Vec<_> = targets.into_iter().map(row).collect();
        // Stable: within a state they stay in the exporter's order.
        rows.sort_by_key(|row| match row.standing.state {
            State::Down(_) => 0,
            State::Pending => 1,
            State::Up => 2,
        });
        let count =
            |is: fn(&State) -> bool| rows.iter().filter(|row| is(&row.standing.state)).count();
        let down = count(|state| matches!(state, State::Down(_)));
        let pending = count(|state| *state == State::Pending);
        Self { rows, down, pending }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Of these names and groups, those that there are.
    pub(super) fn there<'a>(
        &'a self,
        asked: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> HashSet<(&'a str, &'a str)> {
        let asked: HashSet<_> = asked.collect();
        let all = self.rows.iter().map(|row| (row.target.name(), &*row.group));
        all.filter(|it| asked.contains(it)).collect()
    }

    /// The rows that hold every word of `filter`, in either case, in name, detail or state.
    pub(super) fn part(&self, filter: &str, page: usize) -> Part<'_> {
        let words: Vec<_> = filter.split_whitespace().map(str::to_ascii_lowercase).collect();
        let mut text = String::new();
        let holds = |row: &&Row| words.is_empty() || row.holds(&words, &mut text);
        let found: Vec<_> = self.rows.iter().filter(holds).collect();
        let pages = found.len().div_ceil(ROWS).max(1);
        let page = page.clamp(1, pages);
        let rows = found.iter().skip((page - 1) * ROWS).take(ROWS).copied().collect();
        Part { rows, found: found.len(), page, pages }
    }
}

impl Row {
    /// Whether its texts hold every word; `text` is kept for its memory alone.
    fn holds(&self, words: &[String], text: &mut String) -> bool {
        let state = match self.standing.state {
            State::Pending => ["pending", ""],
            State::Up => ["up", ""],
            State::Down(reason) => ["down", reason],
        };
        text.clear();
        let texts = [self.target.name(), &self.group, self.target.detail(), state[0], state[1]];
        for part in texts {
            text.push_str(part);
            text.push('\n');
        }
        text.make_ascii_lowercase();
        words.iter().all(|word| text.contains(word.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(count: usize) -> Table {
        let target = |number: usize| {
            let health = Arc::new(Health::new(format!("t{number}"), "icmp 192.0.2.1"));
            match number % 4 {
                0 => health.down("timeout"),
                1 => {}
                _ => health.up(),
            }
            health
        };
        Table::new((0..count).map(target).collect())
    }

    #[test]
    fn what_is_down_comes_first() {
        let table = table(8);
        let part = table.part("", 1);
        let names: Vec<_> = part.rows.iter().map(|row| row.target.name()).collect();
        assert_eq!(names, ["t0", "t4", "t1", "t5", "t2", "t3", "t6", "t7"]);
        assert_eq!((table.down, table.pending, table.len()), (2, 2, 8));
    }

    #[test]
    fn a_filter_takes_every_word_into_account() {
        let table = table(8);
        for (filter, found) in [
            ("", 8),
            ("T4", 1),
            ("down", 2),
            ("timeout t0", 1),
            ("up", 4),
            ("up t0", 0),
            ("192.0.2.1", 8),
        ] {
            assert_eq!(table.part(filter, 1).found, found, "{filter}");
        }
    }

    #[test]
    fn pages_hold_all_rows_once_and_a_page_that_is_not_there_is_the_last() {
        let table = table(ROWS * 2 + 1);
        let rows: usize = (1..=3).map(|page| table.part("", page).rows.len()).sum();
        assert_eq!(rows, ROWS * 2 + 1);
        assert_eq!((table.part("", 99).page, table.part("", 0).page), (3, 1));
        assert_eq!(table.part("nobody", 1).pages, 1);
    }
}
