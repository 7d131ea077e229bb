//! A part of a config that remembers where it stands in the file. No I/O, no clock.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};

use super::place::Place;

/// By this name the deserializer knows that places are wanted.
pub(super) const NAME: &str = "exporter_kit::config::Located";

/// A value and its place, for errors that are found later: of an entry that is there twice, say.
#[derive(Clone, Debug, Default)]
pub struct Located<T> {
    /// Where it begins; line 0 if it came from elsewhere than [`parse`](super::parse).
    pub place: Place,
    /// What stands there.
    pub value: T,
}

/// Two are equal when their values are: that an entry moved in the file is no change.
impl<T: PartialEq> PartialEq for Located<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T> Deref for Located<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NAME, Parts(PhantomData))
    }
}

/// Takes line, column and value.
struct Parts<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Parts<T> {
    type Value = Located<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Located<T>, A::Error> {
        let line = parts.next_element()?.unwrap_or_default();
        let column = parts.next_element()?.unwrap_or_default();
        let value = parts.next_element()?.ok_or_else(|| A::Error::custom("must have a value"))?;
        Ok(Located { place: Place { line, column }, value })
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Located<T>, D::Error> {
        Ok(Located { place: Place::default(), value: T::deserialize(inner)? })
    }
}
