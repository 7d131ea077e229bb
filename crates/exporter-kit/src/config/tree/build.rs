//! Building the tree out of the parser's events. No I/O, no clock.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use serde_saphyr::granit_parser::{
    self as yaml, ErrorKind, Event, Marker, Parser, ScalarStyle, Span,
};

use super::words::in_plain_words;
use super::{DEEPEST, Entry, Id, MOST_VALUES, Node, Place, Tree, Value};
use crate::config::problems::{Problems, shown};

/// The tree of a file; nothing, and a problem, where it cannot be read. Of a key that is there twice,
/// the second is a problem and is left out.
pub(in crate::config) fn build<'t>(text: &'t str, problems: &mut Problems) -> Option<Tree<'t>> {
    if let Some(at) = text.find('\0') {
        let before = &text[..at];
        let line = u32::try_from(before.matches('\n').count() + 1).unwrap_or(u32::MAX);
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let column = u32::try_from(column).unwrap_or(u32::MAX);
        let what =
            "a NUL character, which no text has; save the file as UTF-8 (UTF-16 has many of these)";
        problems.add(Place { line, column }, what);
        return None;
    }
    let mut options = yaml::Options::default();
    options.set_emit_comments(false);
    options.flow_nesting_limit = usize::from(DEEPEST);
    options.block_nesting_limit = usize::from(DEEPEST);
    let mut builder = Builder {
        nodes: Vec::new(),
        open: Vec::new(),
        anchors: HashMap::new(),
        root: None,
        problems,
    };
    for event in Parser::new_from_str_with_options(text, options) {
        let taken = match event {
            Ok((event, span)) => builder.take(event, &span),
            Err(error) => Err((*error.marker(), why(error.kind()))),
        };
        if let Err((mark, what)) = taken {
            builder.problems.add(place(&mark), what);
            return None;
        }
    }
    let Builder { nodes, root, problems, .. } = builder;
    let Some(root) = root else {
        problems.add(Place { line: 1, column: 1 }, "the file is empty");
        return None;
    };
    Some(Tree { nodes, root, visits: Cell::new(0), fields: RefCell::default() })
}

/// What the tags of YAML itself begin with.
const NAMESPACE: &str = "tag:yaml.org,2002:";

/// Where the file cannot be read, and why.
type Fault = (Marker, String);

struct Builder<'t, 'p> {
    nodes: Vec<Node<'t>>,
    open: Vec<Open<'t>>,
    anchors: HashMap<usize, Id>,
    root: Option<Id>,
    problems: &'p mut Problems,
}

/// A list or mapping whose end has not been seen.
struct Open<'t> {
    place: Place,
    anchor: usize,
    items: Items<'t>,
}

enum Items<'t> {
    List(Vec<Id>),
    /// With the key whose value comes next.
    Map(Vec<Entry<'t>>, Option<(Cow<'t, str>, Place, bool)>),
}

impl<'t> Builder<'t, '_> {
    fn take(&mut self, event: Event<'t>, span: &Span) -> Result<(), Fault> {
        let at = place(&span.start);
        match event {
            Event::DocumentStart(..) if self.root.is_some() => Err((
                span.start,
                "a second document begins (`---`); one file is one document".to_owned(),
            )),
            Event::Scalar(text, style, anchor, tag) => {
                let core = tag.as_deref().and_then(yaml::Tag::core_suffix);
                let kind = tag.as_deref().and_then(|tag| tag.suffix_in_namespace(NAMESPACE));
                let binary = kind.is_some_and(|kind| kind == "binary");
                let plain = style == ScalarStyle::Plain && core != Some("str") && !binary;
                if self.wants_key() {
                    return self.key(text, at, plain, span);
                }
                if tag.is_some() && core.is_none() && !binary {
                    return Err((
                        span.start,
                        "a tag (`!`) has no meaning here; leave it out".to_owned(),
                    ));
                }
                self.close(at, Value::Scalar { text, plain, binary }, anchor, span)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.begin(Open { place: at, anchor, items: Items::List(Vec::new()) }, span)
            }
            Event::MappingStart(_, anchor, _) => {
                self.begin(Open { place: at, anchor, items: Items::Map(Vec::new(), None) }, span)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { place, anchor, items }) = self.open.pop() else { return Ok(()) };
                let value = match items {
                    Items::List(mut items) => {
                        items.shrink_to_fit();
                        Value::List(items)
                    }
                    Items::Map(entries, _) => Value::Map(self.merged(entries, span)?),
                };
                self.close(place, value, anchor, span)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                _ if self.wants_key() => Err(no_key(span)),
                Some(id) => self.put(*id, span),
                None => Err((span.start, "an alias stands inside of what it names".to_owned())),
            },
            _ => Ok(()),
        }
    }

    fn wants_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { items: Items::Map(_, None), .. }))
    }

    fn key(&mut self, key: Cow<'t, str>, at: Place, plain: bool, span: &Span) -> Result<(), Fault> {
        match self.open.last_mut() {
            Some(Open { items: Items::Map(_, next), .. }) => {
                *next = Some((key, at, plain));
                Ok(())
            }
            _ => Err(no_key(span)),
        }
    }

    fn begin(&mut self, open: Open<'t>, span: &Span) -> Result<(), Fault> {
        if self.wants_key() {
            return Err(no_key(span));
        }
        self.open.push(open);
        Ok(())
    }

    /// Makes a node of what has ended.
    fn close(
        &mut self,
        place: Place,
        value: Value<'t>,
        anchor: usize,
        span: &Span,
    ) -> Result<(), Fault> {
        let (mut weight, mut depth) = (1_u32, 0_u8);
        let mut contain = |id: Id| {
            weight = weight.saturating_add(self.nodes[id].weight);
            depth = depth.max(self.nodes[id].depth.saturating_add(1));
        };
        match &value {
            Value::Scalar { .. } => {}
            Value::List(items) => items.iter().for_each(|id| contain(*id)),
            Value::Map(entries) => entries.iter().for_each(|entry| contain(entry.value)),
        }
        if weight > MOST_VALUES {
            let what = format!(
                "the file has more than {MOST_VALUES} values, aliases written out; must be at most that"
            );
            return Err((span.start, what));
        }
        if depth > DEEPEST {
            return Err((span.start, too_deep()));
        }
        let id = self.nodes.len();
        self.nodes.push(Node { place, value, dropped: Cell::new(false), weight, depth });
        if anchor > 0 {
            self.anchors.insert(anchor, id);
        }
        self.put(id, span)
    }

    /// Puts a node where it stands in the file.
    fn put(&mut self, id: Id, span: &Span) -> Result<(), Fault> {
        match self.open.last_mut().map(|open| &mut open.items) {
            None => self.root = Some(id),
            Some(Items::List(items)) => items.push(id),
            Some(Items::Map(entries, next)) => {
                let Some((key, place, plain)) = next.take() else { return Err(no_key(span)) };
                let merge = plain && key == "<<";
                entries.push(Entry { key, place, value: id, unknown: Cell::new(false), merge });
            }
        }
        Ok(())
    }

    /// The entries of a mapping: each key once, those of a merge (`<<`) where they are not given.
    fn merged(&mut self, entries: Vec<Entry<'t>>, span: &Span) -> Result<Vec<Entry<'t>>, Fault> {
        let mut seen: HashMap<Cow<'t, str>, Place> = HashMap::with_capacity(entries.len());
        let mut kept = Vec::with_capacity(entries.len());
        let mut merges = Vec::new();
        for entry in entries {
            if entry.merge {
                merges.push(entry.value);
            } else if let Some(first) = seen.get(&entry.key) {
                let key = shown(&entry.key);
                let what = format!("{key} is there twice; the first is in line {}", first.line);
                self.problems.add(entry.place, what);
            } else {
                seen.insert(entry.key.clone(), entry.place);
                kept.push(entry);
            }
        }
        let mut sources = Vec::new();
        for id in merges {
            match &self.nodes[id].value {
                Value::Map(_) => sources.push(id),
                Value::List(items) => sources.extend(items),
                Value::Scalar { .. } => return Err((span.start, NO_MERGE.to_owned())),
            }
        }
        for source in sources {
            let Value::Map(entries) = &self.nodes[source].value else {
                return Err((span.start, NO_MERGE.to_owned()));
            };
            for entry in entries {
                if !seen.contains_key(&entry.key) {
                    seen.insert(entry.key.clone(), entry.place);
                    kept.push(entry.clone());
                }
            }
        }
        Ok(kept)
    }
}

const NO_MERGE: &str = "`<<` takes in a mapping or a list of mappings, as in `<<: *defaults`";

fn no_key(span: &Span) -> Fault {
    (span.start, "a key must be a word".to_owned())
}

fn too_deep() -> String {
    format!("lists and mappings stand more than {DEEPEST} deep in each other")
}

/// Why a text is no YAML.
fn why(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::RecursionLimitExceeded => too_deep(),
        kind => in_plain_words(kind).to_owned(),
    }
}

fn place(mark: &Marker) -> Place {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Place { line: number(mark.line()), column: number(mark.col() + 1) }
}
