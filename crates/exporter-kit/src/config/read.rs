//! Reading a config out of a tree: serde's deserializer over nodes that know their places.
//! No I/O, no clock.
//!
//! A key of a section that has no value (`timeout:`, `timeout: ~`) is as if it were not there, whatever
//! the field: it has its default, or is missing. Of a mapping whose keys are the user's own, as `modules`,
//! no entry may go without being told: there a value must stand.
//!
//! What is wrong is left out of the tree and the config is read again, until nothing more is wrong:
//! so one reading tells all mistakes. What follows from a mistake is not told: a field that is missing
//! because its value was wrong, or that what is left does not fit together.

mod access;
mod error;
mod scalar;

use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use self::access::{Again, Entries, Items, Located, Variant};
use self::error::{Error, at, offered};
use self::scalar::Scalar;
use super::problems::Problems;
use super::tree::{Id, Node, Tree, Value, build};
use super::{located, twice};

/// Values that are read, over all attempts, before the search for more mistakes is given up.
const MOST_VISITS: u64 = 20_000_000;

/// The config that `text` is; nothing, and at least one problem, where it is none.
pub(super) fn read<C: DeserializeOwned>(text: &str, problems: &mut Problems) -> Option<C> {
    let tree = build(text, problems)?;
    loop {
        let error = match C::deserialize(Reader { tree: &tree, id: tree.root }) {
            Ok(config) => return Some(config),
            Err(error) => error,
        };
        let may_go_on = error.tell(&tree, problems);
        if !may_go_on {
            return None;
        }
        if problems.is_full() || tree.visits.get() > MOST_VISITS {
            problems.give_up();
            return None;
        }
    }
}

/// Reads one node.
#[derive(Clone, Copy)]
struct Reader<'a, 't> {
    tree: &'a Tree<'t>,
    id: Id,
}

impl<'a, 't> Reader<'a, 't> {
    fn node(&self) -> &'a Node<'t> {
        self.tree.visits.set(self.tree.visits.get() + 1);
        self.tree.node(self.id)
    }

    /// The text of a scalar, or what must stand there.
    fn text(&self, must: &str) -> Result<&'a str, Error> {
        let node = self.node();
        match &node.value {
            value if value.is_nothing() => Err(nothing(must)),
            Value::Scalar { binary: true, .. } => {
                Err(Error::must_be(&format!("{must}; `!!binary` has no meaning here")))
            }
            Value::Scalar { text, .. } => Ok(text),
            _ => Err(Error::must_be(must)),
        }
    }

    fn number<T: std::str::FromStr>(&self, must: impl Fn() -> String) -> Result<T, Error> {
        let text = self.text(&must())?;
        scalar::integer(text).ok_or_else(|| {
            let zero = if scalar::has_leading_zero(text) { ", without a leading zero" } else { "" };
            Error::must_be(&format!("{}{zero}", must()))
        })
    }
}

fn nothing(must: &str) -> Error {
    Error::plain(format!("has no value; must be {must}, or leave the key out"))
}

/// Deserializes integers, which say their range when they do not fit.
macro_rules! integers {
    ($($method:ident $visit:ident $kind:ty),*) => {
        $(fn $method<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
            let number: $kind = self.number(|| scalar::range(<$kind>::MIN, <$kind>::MAX))?;
            at(self.id, visitor.$visit(number))
        })*
    };
}

impl<'a> Deserializer<'a> for Reader<'a, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node().value {
            Value::Scalar { text, plain, .. } => match scalar::resolve(text, *plain) {
                Scalar::Nothing => visitor.visit_unit(),
                Scalar::Bool(value) => visitor.visit_bool(value),
                Scalar::Unsigned(value) => visitor.visit_u64(value),
                Scalar::Signed(value) => visitor.visit_i64(value),
                Scalar::Float(value) => visitor.visit_f64(value),
                Scalar::Text => visitor.visit_borrowed_str(text),
            },
            Value::List(_) => visitor.visit_seq(Items::new(self)),
            Value::Map(_) => visitor.visit_map(Entries::new(self)),
        }
    }

    integers!(
        deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64, deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32, deserialize_i64 visit_i64 i64
    );

    fn deserialize_f64<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        let text = self.text("a number")?;
        visitor.visit_f64(scalar::float(text).ok_or_else(|| Error::must_be("a number"))?)
    }

    fn deserialize_f32<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_bool<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        let must = "true or false";
        let text = self.text(must)?;
        visitor.visit_bool(scalar::boolean(text).ok_or_else(|| Error::must_be(must))?)
    }

    fn deserialize_str<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.text("text")?)
    }

    fn deserialize_string<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node().value {
            Value::Scalar { text, binary: true, .. } => {
                let bytes = scalar::binary(text).ok_or_else(|| Error::must_be("base64"))?;
                visitor.visit_byte_buf(bytes)
            }
            _ => self.deserialize_str(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.node().value.is_nothing() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match name {
            located::NAME => visitor.visit_seq(Located::new(self)),
            twice::NAME => visitor.visit_seq(Again::new(self)),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node().value {
            Value::List(_) => visitor.visit_seq(Items::new(self)),
            value if value.is_nothing() => Err(nothing("a list")),
            _ => Err(Error::must_be("a list")),
        }
    }

    fn deserialize_tuple<V: Visitor<'a>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node().value {
            Value::Map(_) => visitor.visit_map(Entries::new(self)),
            value if value.is_nothing() => Err(nothing("a mapping")),
            _ => Err(Error::must_be("a mapping")),
        }
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let must = || format!("a mapping with the fields {}", offered(fields).join(", "));
        self.tree.fields.borrow_mut().extend(fields);
        match &self.node().value {
            Value::Map(_) => visitor.visit_map(Entries::of_struct(self)),
            value if value.is_nothing() => Err(nothing(&must())),
            _ => Err(Error::must_be(&must())),
        }
    }

    fn deserialize_enum<V: Visitor<'a>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let must = || format!("one of {}", variants.join(", "));
        match &self.node().value {
            value if value.is_nothing() => Err(nothing(&must())),
            Value::Scalar { text, .. } => visitor.visit_enum(Variant::bare(text)),
            Value::Map(entries) if entries.len() == 1 => {
                visitor.visit_enum(Variant::of(self, &entries[0]))
            }
            _ => Err(Error::must_be(&must())),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { <V: Visitor<'a>> i128 u128 char bytes unit unit_struct identifier }
}

#[cfg(test)]
mod tests;
