//! What went wrong while a config was read, and how it is told. No I/O, no clock.

use std::fmt;

use serde::de::{Expected, Unexpected};

use crate::config::place::Place;
use crate::config::problems::{Problems, is_name, shown, with_place};
use crate::config::tree::{Id, Tree, Value};

/// One mistake. Its place becomes known on the way up.
#[derive(Debug)]
pub(super) struct Error {
    what: What,
    whose: Option<Whose>,
    /// Keys and numbers of items, the innermost first.
    path: Vec<String>,
}

#[derive(Debug)]
enum What {
    /// A field that must be there is not.
    Missing(&'static str),
    /// In the words of whoever checked the value; they may repeat it.
    Checked(String),
    /// In our words, which repeat nothing.
    Plain(String),
}

#[derive(Clone, Copy, Debug)]
enum Whose {
    Node(Id),
    /// The key of a mapping's entry.
    Key(Id, usize),
}

/// What was found at a node.
pub(super) fn at<T>(id: Id, result: Result<T, Error>) -> Result<T, Error> {
    result.map_err(|mut error| {
        error.whose.get_or_insert(Whose::Node(id));
        error
    })
}

impl Error {
    pub(super) fn plain(what: String) -> Self {
        Self { what: What::Plain(what), whose: None, path: Vec::new() }
    }

    pub(super) fn must_be(must: &str) -> Self {
        Self::plain(format!("must be {must}"))
    }

    pub(super) fn below(mut self, step: String) -> Self {
        self.path.push(step);
        self
    }

    pub(super) fn of_key(mut self, map: Id, entry: usize) -> Self {
        self.whose.get_or_insert(Whose::Key(map, entry));
        self
    }

    /// The same error, where and what it is in its words alone.
    pub(super) fn whole(self, tree: &Tree<'_>) -> Self {
        let path: Vec<String> = self.path.into_iter().rev().collect();
        let what = match self.what {
            What::Missing(field) => format!("missing field `{field}`"),
            What::Plain(what) => what,
            What::Checked(what) => {
                let mut values = Vec::new();
                let id = match self.whose {
                    Some(Whose::Node(id) | Whose::Key(id, _)) => id,
                    None => tree.root,
                };
                tree.texts(id, &mut |text| values.push(text.to_owned()));
                scrubbed(&what, &values.iter().map(String::as_str).collect::<Vec<_>>(), tree)
            }
        };
        Self::plain(sentence(&path, &what))
    }

    /// Makes a problem of the error unless it follows from another, and leaves out of the tree what
    /// it is about. Returns whether there is anything left to read.
    pub(super) fn tell(self, tree: &Tree<'_>, problems: &mut Problems) -> bool {
        let path: Vec<String> = self.path.into_iter().rev().collect();
        let id = match self.whose {
            Some(Whose::Key(map, number)) => {
                if let Value::Map(entries) = &tree.node(map).value {
                    let entry = &entries[number];
                    let what = match &self.what {
                        What::Checked(what) => scrubbed(what, &[&entry.key], tree),
                        What::Plain(what) => what.clone(),
                        What::Missing(field) => format!("missing field `{field}`"),
                    };
                    problems.add(entry.place, sentence(&path, &what));
                    entry.unknown.set(true);
                }
                return true;
            }
            Some(Whose::Node(id)) => id,
            None => tree.root,
        };
        let place = tree.node(id).place;
        match self.what {
            What::Missing(field) if tree.has_lost(id, field, |key| is_near(key, field)) => {}
            What::Missing(field) if tree.entries(id).any(|entry| entry.key == field) => {
                let place = tree.entries(id).find(|entry| entry.key == field);
                let place = place.map_or(place_of(tree, id), |entry| place_of(tree, entry.value));
                let mut path = path;
                path.push(field.to_owned());
                problems.add(place, sentence(&path, "has no value; must be given"));
            }
            What::Missing(field) => {
                problems.add(place, sentence(&path, &format!("missing field `{field}`")));
            }
            What::Plain(what) => problems.add(place, sentence(&path, &what)),
            What::Checked(_) if tree.has_losses(id) => {}
            What::Checked(what) => {
                let mut values = Vec::new();
                tree.texts(id, &mut |text| values.push(text.to_owned()));
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                for line in what.lines() {
                    let what = scrubbed(line, &values, tree);
                    if let Some((place, what)) = with_place(&what) {
                        problems.add(within(tree, id, place, what), what);
                    } else {
                        let mut path = path.clone();
                        let (place, what) = narrowed(tree, id, &mut path, &what);
                        problems.add(place, sentence(&path, what));
                    }
                }
            }
        }
        tree.node(id).dropped.set(true);
        id != tree.root
    }
}

fn place_of(tree: &Tree<'_>, id: Id) -> Place {
    tree.node(id).place
}

/// Where it is, and what is wrong there. A key that does not look like a name is not repeated.
fn sentence(path: &[String], what: &str) -> String {
    let mut sentence = String::new();
    for step in path {
        if step.starts_with('[') {
            sentence.push_str(step);
            continue;
        }
        if !sentence.is_empty() {
            sentence.push('.');
        }
        sentence.push_str(if is_name(step) { step } else { "(key)" });
    }
    if sentence.is_empty() { what.to_owned() } else { format!("{sentence}: {what}") }
}

/// The place of the field that a message begins with, as `timeout: must be ...` does.
fn narrowed<'m>(
    tree: &Tree<'_>,
    id: Id,
    path: &mut Vec<String>,
    message: &'m str,
) -> (Place, &'m str) {
    let (mut id, mut what) = (id, message);
    while let Some((fields, rest)) = what.split_once(": ") {
        if fields.is_empty() || !fields.split('.').all(is_name) {
            break;
        }
        for field in fields.split('.') {
            let entry = tree.entries(id).find(|entry| entry.key == field);
            match entry {
                Some(entry) => {
                    path.push(field.to_owned());
                    id = entry.value;
                }
                // It says once more where it is.
                None if path
                    .iter()
                    .rfind(|step| !step.starts_with('['))
                    .is_some_and(|it| it == field) => {}
                None => return (tree.node(id).place, what),
            }
        }
        what = rest;
    }
    (tree.node(id).place, what)
}

/// The place of the field that a message about an entry names, as `targets[3].module: must be ...` does
/// where the place is that of the fourth target; else the place of the entry.
fn within(tree: &Tree<'_>, root: Id, entry: Place, message: &str) -> Place {
    let steps = message.split_once(": ").map_or("", |it| it.0).split('.');
    let (mut id, mut is_below) = (root, false);
    for step in steps {
        let (field, number) = step.strip_suffix(']').and_then(|it| it.split_once('[')).unzip();
        let field = field.unwrap_or(step);
        let Some(found) = tree.entries(id).find(|entry| entry.key == field) else { break };
        id = found.value;
        if let (Some(number), Value::List(items)) = (number, &tree.node(id).value) {
            let Some(item) = number.parse::<usize>().ok().and_then(|it| items.get(it)) else {
                break;
            };
            id = *item;
        }
        is_below |= tree.node(id).place == entry;
    }
    if is_below { tree.node(id).place } else { entry }
}

/// The message without what it quotes of the values: one of them may be a password. The name of a field
/// is none, whatever the values are.
fn scrubbed(message: &str, values: &[&str], tree: &Tree<'_>) -> String {
    let fields = tree.fields.borrow();
    let is_field = |quoted: &str| quoted.split('.').all(|part| fields.contains(part));
    let is_of_a_value = |quoted: &str| {
        !is_field(quoted)
            && values.iter().any(|value| {
                *value == quoted
                    || (quoted.len() > 2 && value.contains(quoted))
                    || (value.len() > 2 && quoted.contains(value))
            })
    };
    let mut clean = String::new();
    let mut rest = message;
    while let Some(start) = rest.find(['`', '"']) {
        let quote = &rest[start..=start];
        let inner = &rest[start + 1..];
        let Some(end) = closing(inner, quote) else { break };
        let quoted = &inner[..end];
        clean.push_str(&rest[..start]);
        if is_of_a_value(quoted)
            || is_of_a_value(&quoted.replace("\\\\", "\\").replace("\\\"", "\""))
        {
            clean.push_str("(not shown)");
        } else {
            clean.push_str(&rest[start..start + end + 2]);
        }
        rest = &inner[end + 1..];
    }
    clean + rest
}

/// Where a quotation ends: at the last quote that is followed by a space, a colon or the end, so that
/// a value with a quote in it does not come out by its half.
fn closing(inner: &str, quote: &str) -> Option<usize> {
    let ends = |(index, _): &(usize, &str)| {
        let after = inner[index + 1..].chars().next();
        after.is_none_or(|c| !c.is_alphanumeric())
    };
    inner
        .match_indices(quote)
        .find(ends)
        .or_else(|| inner.match_indices(quote).last())
        .map(|it| it.0)
}

/// The fields that an error offers: those before the field `-`, if there is one. Those behind it are
/// known and always refused, each with a reason of its own.
pub(super) fn offered(fields: &'static [&'static str]) -> &'static [&'static str] {
    fields.iter().position(|field| *field == "-").map_or(fields, |end| &fields[..end])
}

/// The known word that was probably meant, as a question.
fn hint(word: &str, known: &'static [&'static str]) -> String {
    let near = known.iter().filter(|known| is_near(word, known));
    let nearest = near.min_by_key(|known| distance(word, known));
    nearest.map_or_else(String::new, |word| format!(", did you mean `{word}`?"))
}

/// Whether a word may be the known one, mistyped.
fn is_near(word: &str, known: &str) -> bool {
    word.len() <= 64 && distance(&word.to_ascii_lowercase(), known) <= 1 + known.len() / 5
}

/// How many characters must be changed, added or taken away.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let message = message.to_string();
        let slang = message.starts_with("data did not match any variant of untagged enum");
        let what = if slang { "has none of the forms that are known".to_owned() } else { message };
        Self { what: What::Checked(what), whose: None, path: Vec::new() }
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        let is_slang = ["struct ", "tuple ", "enum ", "unit ", "variant ", "newtype "]
            .iter()
            .any(|slang| expected.starts_with(slang));
        if is_slang {
            Self::must_be("of another form, as in the example")
        } else {
            Self::must_be(&expected)
        }
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::plain(format!("has a wrong number of items; must be {expected}"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let offered: Vec<_> = expected.iter().copied().filter(|it| !it.is_empty()).collect();
        Self::must_be(&format!("one of {}{}", offered.join(", "), hint(variant, expected)))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let expected = offered(expected);
        let known = if expected.is_empty() { "none".to_owned() } else { expected.join(", ") };
        let hint = hint(field, expected);
        // What resembles no field and has more than a field's letters may be a password.
        let is_word = field.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let is_shown = is_name(field) && (is_word || !hint.is_empty());
        let field_shown = if is_shown { shown(field) } else { String::new() };
        Self::plain(format!("unknown field {field_shown}{hint}; known: {known}").replace(" ;", ";"))
    }

    fn missing_field(field: &'static str) -> Self {
        Self { what: What::Missing(field), whose: None, path: Vec::new() }
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::plain(format!("`{field}` is there twice"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Missing(field) => write!(f, "missing field `{field}`"),
            What::Checked(what) | What::Plain(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Error {}
