//! The parts of a node, one after the other: what was left out is passed over. No I/O, no clock.

use serde::de::value::{BorrowedStrDeserializer, U32Deserializer};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer as _, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::Reader;
use super::error::{Error, at};
use super::scalar;
use crate::config::tree::{Entry, Id, Value};

/// The items of a list.
pub(super) struct Items<'a, 't> {
    list: Reader<'a, 't>,
    items: std::iter::Enumerate<std::slice::Iter<'a, Id>>,
}

impl<'a, 't> Items<'a, 't> {
    pub(super) fn new(list: Reader<'a, 't>) -> Self {
        let items = match &list.tree.node(list.id).value {
            Value::List(items) => items.as_slice(),
            _ => &[],
        };
        Self { list, items: items.iter().enumerate() }
    }
}

impl<'a> SeqAccess<'a> for Items<'a, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'a>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let tree = self.list.tree;
        let Some((number, &id)) = self.items.find(|(_, id)| !tree.node(**id).dropped.get()) else {
            return Ok(None);
        };
        let value = at(id, seed.deserialize(Reader { tree, id }));
        value.map(Some).map_err(|error| error.below(format!("[{number}]")))
    }
}

/// The entries of a mapping.
pub(super) struct Entries<'a, 't> {
    map: Reader<'a, 't>,
    left: std::iter::Enumerate<std::slice::Iter<'a, Entry<'t>>>,
    next: Option<&'a Entry<'t>>,
    /// Whether an entry without a value is passed over.
    of_struct: bool,
}

impl<'a, 't> Entries<'a, 't> {
    pub(super) fn new(map: Reader<'a, 't>) -> Self {
        let entries = match &map.tree.node(map.id).value {
            Value::Map(entries) => entries.as_slice(),
            _ => &[],
        };
        Self { map, left: entries.iter().enumerate(), next: None, of_struct: false }
    }

    /// The same of a section whose fields are known: one without a value is none.
    pub(super) fn of_struct(map: Reader<'a, 't>) -> Self {
        Self { of_struct: true, ..Self::new(map) }
    }
}

impl<'a> MapAccess<'a> for Entries<'a, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'a>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let tree = self.map.tree;
        let is_left =
            |entry: &Entry<'_>| !entry.unknown.get() && !tree.node(entry.value).dropped.get();
        let fields = tree.fields.borrow();
        let counts = |entry: &Entry<'_>| {
            // A key that is unknown is told, whatever its value.
            let is_absent = self.of_struct
                && fields.contains(&*entry.key)
                && tree.node(entry.value).value.is_nothing();
            is_left(entry) && !is_absent
        };
        let Some((number, entry)) = self.left.find(|(_, entry)| counts(entry)) else {
            return Ok(None);
        };
        drop(fields);
        self.next = Some(entry);
        let key = seed.deserialize(Key(&entry.key));
        key.map(Some).map_err(|error| error.of_key(self.map.id, number))
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let Some(entry) = self.next.take() else {
            return Err(Error::plain("must have a value".to_owned()));
        };
        let value =
            at(entry.value, seed.deserialize(Reader { tree: self.map.tree, id: entry.value }));
        value.map_err(|error| error.below(entry.key.to_string()))
    }
}

/// Line, column and value of a node.
pub(super) struct Located<'a, 't> {
    node: Reader<'a, 't>,
    part: u8,
}

impl<'a, 't> Located<'a, 't> {
    pub(super) fn new(node: Reader<'a, 't>) -> Self {
        Self { node, part: 0 }
    }
}

impl<'a> SeqAccess<'a> for Located<'a, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'a>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let place = self.node.tree.node(self.node.id).place;
        let number = |number: u32| -> U32Deserializer<Error> { number.into_deserializer() };
        self.part += 1;
        match self.part {
            1 => seed.deserialize(number(place.line)).map(Some),
            2 => seed.deserialize(number(place.column)).map(Some),
            3 => seed.deserialize(self.node).map(Some),
            _ => Ok(None),
        }
    }
}

/// A node, and the same node again. Why it is not what it is read as the second time is told whole,
/// since it is kept, and is no mistake.
pub(super) struct Again<'a, 't> {
    node: Reader<'a, 't>,
    part: u8,
}

impl<'a, 't> Again<'a, 't> {
    pub(super) fn new(node: Reader<'a, 't>) -> Self {
        Self { node, part: 0 }
    }
}

impl<'a> SeqAccess<'a> for Again<'a, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'a>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        self.part += 1;
        match self.part {
            1 => seed.deserialize(self.node).map(Some),
            2 => {
                let Reader { tree, id } = self.node;
                let value = at(id, seed.deserialize(self.node));
                value.map(Some).map_err(|error| error.whole(tree))
            }
            _ => Ok(None),
        }
    }
}

/// A key of a mapping.
struct Key<'a>(&'a str);

/// Deserializes keys that are numbers.
macro_rules! numbers {
    ($($method:ident $visit:ident $kind:ty),*) => {
        $(fn $method<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
            let must = || scalar::range(<$kind>::MIN, <$kind>::MAX);
            let number: Option<$kind> = scalar::integer(self.0);
            visitor.$visit(number.ok_or_else(|| Error::must_be(&must()))?)
        })*
    };
}

impl<'a> Deserializer<'a> for Key<'a> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.0)
    }

    numbers!(
        deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64, deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32, deserialize_i64 visit_i64 i64
    );

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'a>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(Variant::bare(self.0))
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { <V: Visitor<'a>> bool i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct
        map struct identifier
    }
}

/// A word out of a closed set, perhaps with a value.
pub(super) struct Variant<'a, 't> {
    word: &'a str,
    value: Option<Reader<'a, 't>>,
}

impl<'a, 't> Variant<'a, 't> {
    pub(super) fn bare(word: &'a str) -> Self {
        Self { word, value: None }
    }

    pub(super) fn of(map: Reader<'a, 't>, entry: &'a Entry<'t>) -> Self {
        Self { word: &entry.key, value: Some(Reader { tree: map.tree, id: entry.value }) }
    }

    fn value(self) -> Result<Reader<'a, 't>, Error> {
        self.value.ok_or_else(|| {
            Error::plain("must be a mapping of this word to its settings".to_owned())
        })
    }
}

impl<'a> EnumAccess<'a> for Variant<'a, '_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'a>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        Ok((seed.deserialize(BorrowedStrDeserializer::new(self.word))?, self))
    }
}

impl<'a> VariantAccess<'a> for Variant<'a, '_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.value {
            Some(value) if !value.node().value.is_nothing() => {
                Err(Error::plain("must be the word alone".to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'a>>(self, seed: T) -> Result<T::Value, Error> {
        let word = self.word.to_owned();
        let value = self.value()?;
        at(value.id, seed.deserialize(value)).map_err(|error| error.below(word))
    }

    fn tuple_variant<V: Visitor<'a>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.value()?.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'a>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.value()?.deserialize_struct("", fields, visitor)
    }
}
