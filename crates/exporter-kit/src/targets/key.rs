//! What tells one target from the others. No I/O, no clock.

/// A key of the set of targets, in the order of the names first.
pub trait Key: Ord + Clone {
    /// The first of all keys of a name.
    fn first(name: &str) -> Self;

    /// The part that the user calls a target by; others may have the same.
    fn name(&self) -> &str;
}

/// A set whose names are unique.
impl Key for String {
    fn first(name: &str) -> Self {
        name.to_owned()
    }

    fn name(&self) -> &str {
        self
    }
}

/// Who a target is where its name alone does not tell: two sites may each have a `web-1`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId {
    /// Its name.
    pub name: String,
    /// Its site or team; empty where none is configured.
    pub group: String,
    /// Its module, where several modules may measure the same target; else empty.
    pub module: String,
}

impl Key for TargetId {
    fn first(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    fn name(&self) -> &str {
        &self.name
    }
}
