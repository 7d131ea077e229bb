//! What reading a table came to. No I/O, no clock.

/// A table, and what of the file it is not.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parsed<T> {
    /// The table.
    pub(crate) table: T,
    /// How many entries it has.
    pub(crate) entries: u64,
    /// How many lines could not be read.
    pub(crate) rejected: u64,
}

/// So many of a hundred lines may be unreadable.
const MOST_REJECTED: u64 = 1;

impl<T> Parsed<T> {
    /// The table, unless too much of it could not be read: half a table is worse than yesterday's.
    pub(crate) fn accept(self) -> Result<Self, (String, u64)> {
        let all = self.entries + self.rejected;
        if self.rejected * 100 > all * MOST_REJECTED {
            let why = format!("{} of {all} lines cannot be read", self.rejected);
            return Err((why, self.rejected));
        }
        if self.entries == 0 {
            return Err(("it has no entries".to_owned(), 0));
        }
        Ok(self)
    }
}
