//! A part of a config that is read in two ways. No I/O, no clock.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};

/// By this name the deserializer knows that a node is wanted twice.
pub(super) const NAME: &str = "exporter_kit::config::Twice";

/// A value read as an `A`, which it must be, and as a `B`, which it may be: a section that serves two
/// uses, one of which may not know all of its keys.
#[derive(Clone, Debug)]
pub struct Twice<A, B> {
    /// What it must be.
    pub first: A,
    /// What it may be; else why not, by the name of the key, as in `http.body: ...`.
    pub second: Result<B, String>,
}

impl<'de, A: Deserialize<'de>, B: Deserialize<'de>> Deserialize<'de> for Twice<A, B> {
    /// Reads configs alone: what else deserializes gives a node once.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NAME, Parts(PhantomData))
    }
}

/// Takes the node, and takes it again.
struct Parts<A, B>(PhantomData<(A, B)>);

impl<'de, A: Deserialize<'de>, B: Deserialize<'de>> Visitor<'de> for Parts<A, B> {
    type Value = Twice<A, B>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a config")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut parts: S) -> Result<Twice<A, B>, S::Error> {
        let missing = || S::Error::custom("must have a value");
        let first = parts.next_element()?.ok_or_else(missing)?;
        let second = match parts.next_element() {
            Ok(second) => Ok(second.ok_or_else(missing)?),
            Err(error) => Err(error.to_string()),
        };
        Ok(Twice { first, second })
    }
}
