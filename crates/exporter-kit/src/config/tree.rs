//! A config file as a tree whose every part knows its place. No I/O, no clock.
//!
//! An alias names the node that its anchor names: a file that uses one anchor a hundred thousand
//! times is as small as it looks. What it would be with every alias written out is counted, and
//! bounded.

mod build;
mod words;

pub(super) use build::build;

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use super::place::Place;

/// Values of a file once every alias is written out: eight times a hundred thousand targets with five
/// keys each.
const MOST_VALUES: u32 = 5_000_000;

/// Levels of lists and mappings within each other.
const DEEPEST: u8 = 64;

/// The index of a node in its tree.
pub(super) type Id = usize;

#[derive(Debug)]
pub(super) struct Tree<'t> {
    nodes: Vec<Node<'t>>,
    pub(super) root: Id,
    /// How many values have been read, over all attempts.
    pub(super) visits: Cell<u64>,
    /// The fields of all sections that were read: words that are nobody's secret.
    pub(super) fields: RefCell<HashSet<&'static str>>,
}

#[derive(Debug)]
pub(super) struct Node<'t> {
    pub(super) place: Place,
    pub(super) value: Value<'t>,
    /// Whether it is left out from now on, because it was found to be wrong.
    pub(super) dropped: Cell<bool>,
    /// Values below it and itself, every alias written out.
    weight: u32,
    depth: u8,
}

#[derive(Debug)]
pub(super) enum Value<'t> {
    Scalar {
        text: Cow<'t, str>,
        /// Not quoted: it may be a number, a boolean or nothing.
        plain: bool,
        /// Tagged `!!binary`: base64 of bytes.
        binary: bool,
    },
    List(Vec<Id>),
    Map(Vec<Entry<'t>>),
}

#[derive(Clone, Debug)]
pub(super) struct Entry<'t> {
    pub(super) key: Cow<'t, str>,
    pub(super) place: Place,
    pub(super) value: Id,
    /// Whether the key is none of those that are known.
    pub(super) unknown: Cell<bool>,
    /// Whether it takes in another mapping's entries.
    merge: bool,
}

impl<'t> Tree<'t> {
    pub(super) fn node(&self, id: Id) -> &Node<'t> {
        &self.nodes[id]
    }

    /// The entries of a mapping that were not found to be wrong.
    pub(super) fn entries(&self, id: Id) -> impl Iterator<Item = &Entry<'t>> {
        let entries = match &self.node(id).value {
            Value::Map(entries) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().filter(|entry| !entry.unknown.get() && !self.node(entry.value).dropped.get())
    }

    /// Whether something below the node was left out, so that what is said of the whole may be wrong.
    pub(super) fn has_losses(&self, id: Id) -> bool {
        match &self.node(id).value {
            Value::Scalar { .. } => false,
            Value::List(items) => {
                items.iter().any(|item| self.node(*item).dropped.get() || self.has_losses(*item))
            }
            Value::Map(entries) => entries.iter().any(|entry| {
                entry.unknown.get()
                    || self.node(entry.value).dropped.get()
                    || self.has_losses(entry.value)
            }),
        }
    }

    /// Whether a mapping lost the field to a mistake: its value was wrong, or a key that is unknown
    /// `may_mean` it.
    pub(super) fn has_lost(&self, id: Id, field: &str, may_mean: impl Fn(&str) -> bool) -> bool {
        let Value::Map(entries) = &self.node(id).value else { return false };
        entries.iter().any(|entry| {
            (entry.key == field && self.node(entry.value).dropped.get())
                || (entry.unknown.get() && may_mean(&entry.key))
        })
    }

    /// Calls `visit` with each text below the node that the user wrote as a value.
    pub(super) fn texts(&self, id: Id, visit: &mut impl FnMut(&str)) {
        match &self.node(id).value {
            Value::Scalar { text, .. } => visit(text),
            Value::List(items) => items.iter().for_each(|item| self.texts(*item, visit)),
            Value::Map(entries) => entries.iter().for_each(|entry| self.texts(entry.value, visit)),
        }
    }
}

impl Value<'_> {
    /// Whether nothing is written there.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Self::Scalar { text, plain: true, .. }
            if matches!(&**text, "" | "~" | "null" | "Null" | "NULL"))
    }
}
