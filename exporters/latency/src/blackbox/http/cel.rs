//! Conditions on JSON in the Common Expression Language, and what they may cost. No I/O, no clock.
//!
//! An expression is the config's and a body is the server's: how many steps the two can take together is
//! known before, since the language has no loop but over what is there.

use std::collections::HashMap;
use std::sync::Arc;

use cel::common::ast::{EntryExpr, Expr, IdedEntryExpr, IdedExpr};
use cel::objects::{Key, Map};
use cel::{Context, Program, Value};
use serde::Deserialize;
use serde_json::Value as Json;

/// So many steps may be taken.
const MOST_STEPS: u64 = 2_000_000;
/// And so many bytes looked at by them.
const MOST_BYTES: u64 = 1 << 30;

/// What an expression may name besides, as in `type(body) == map`.
const TYPES: [&str; 12] = [
    "bool",
    "bytes",
    "double",
    "duration",
    "google",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "timestamp",
    "uint",
];

/// An expression, which is to give true or false.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Expression {
    text: String,
    program: Arc<Program>,
    /// How deep its loops stand within each other.
    depth: u32,
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl TryFrom<String> for Expression {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let program = Program::compile(&text).map_err(|error| {
            let error = error.to_string();
            let first = error.lines().next().unwrap_or_default();
            format!("must be an expression of CEL over `body`: {first}")
        })?;
        let references = program.references();
        let is_known = |name: &str| {
            name == "body" || name.starts_with('@') || TYPES.contains(&name.trim_start_matches('.'))
        };
        let names = references.variables();
        if let Some(name) = names.iter().find(|name| !is_known(name) && !binds(&program, name)) {
            return Err(format!("must be an expression of CEL over `body`; there is no `{name}`"));
        }
        let depth = depth(program.expression());
        Ok(Self { text, program: Arc::new(program), depth })
    }
}

/// Whether an expression names a variable of its own so.
fn binds(program: &Program, name: &str) -> bool {
    let mut is_bound = false;
    walk(program.expression(), &mut |expression| {
        if let Expr::Comprehension(it) = &expression.expr {
            is_bound |=
                it.iter_var == name || it.accu_var == name || it.iter_var2.as_deref() == Some(name);
        }
    });
    is_bound
}

impl Expression {
    /// As the module writes it.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// What it says of a body, or why it says nothing.
    pub(super) fn evaluate(&self, body: &Body) -> Result<bool, String> {
        let loops = (body.longest + 1).saturating_pow(self.depth);
        if loops > MOST_STEPS || loops.saturating_mul(body.bytes) > MOST_BYTES {
            return Err("it could take too long with a body so large".to_owned());
        }
        let mut context = Context::default();
        context.add_variable_from_value("body", body.value.clone());
        match self.program.execute(&context) {
            Ok(Value::Bool(is)) => Ok(is),
            Ok(_) => Err("it gives neither true nor false".to_owned()),
            // It may show the body, but not all of it.
            Err(error) => Err(error.to_string().chars().take(200).collect()),
        }
    }
}

/// A body of JSON.
#[derive(Clone, Debug)]
pub(super) struct Body {
    value: Value,
    /// The most elements of one list or map, or characters of one text.
    longest: u64,
    bytes: u64,
}

impl Body {
    /// Reads a whole body; the error says why it is no JSON.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let json: Json = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let longest = longest(&json);
        Ok(Self { value: value(json), longest, bytes: bytes.len() as u64 })
    }
}

fn longest(json: &Json) -> u64 {
    match json {
        Json::Array(items) => items.iter().map(longest).max().unwrap_or(0).max(items.len() as u64),
        Json::Object(items) => {
            items.values().map(longest).max().unwrap_or(0).max(items.len() as u64)
        }
        _ => 0,
    }
}

/// As the peer takes JSON in: each number is a floating one.
fn value(json: Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(is) => Value::Bool(is),
        Json::Number(number) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => Value::String(Arc::new(text)),
        Json::Array(items) => Value::List(Arc::new(items.into_iter().map(value).collect())),
        Json::Object(items) => {
            let items =
                items.into_iter().map(|(key, item)| (Key::String(Arc::new(key)), value(item)));
            Value::Map(Map { map: Arc::new(items.collect::<HashMap<_, _>>()) })
        }
    }
}

fn depth(expression: &IdedExpr) -> u32 {
    let inner = children(expression).into_iter().map(depth).max().unwrap_or(0);
    inner + u32::from(matches!(expression.expr, Expr::Comprehension(_)))
}

fn walk(expression: &IdedExpr, visit: &mut impl FnMut(&IdedExpr)) {
    visit(expression);
    for child in children(expression) {
        walk(child, visit);
    }
}

fn children(expression: &IdedExpr) -> Vec<&IdedExpr> {
    match &expression.expr {
        Expr::Call(it) => it.target.as_deref().into_iter().chain(&it.args).collect(),
        Expr::Comprehension(it) => {
            vec![&it.iter_range, &it.accu_init, &it.loop_cond, &it.loop_step, &it.result]
        }
        Expr::List(it) => it.elements.iter().collect(),
        Expr::Map(it) => it.entries.iter().flat_map(of_entry).collect(),
        Expr::Struct(it) => it.entries.iter().flat_map(of_entry).collect(),
        Expr::Select(it) => vec![&it.operand],
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => Vec::new(),
    }
}

fn of_entry(entry: &IdedEntryExpr) -> Vec<&IdedExpr> {
    match &entry.expr {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression(text: &str) -> Result<Expression, String> {
        text.to_owned().try_into()
    }

    fn says(text: &str, body: &str) -> Result<bool, String> {
        expression(text).unwrap().evaluate(&Body::parse(body.as_bytes()).unwrap())
    }

    #[test]
    fn an_expression_says_what_the_peer_has_it_say() {
        let body =
            r#"{"foo": "bar", "baz": "qux", "n": 3, "list": [1, 2.5, "x"], "map": {"k": null}}"#;
        for (text, wanted) in [
            ("body.foo == 'bar' && body.baz.startsWith('q')", Ok(true)),
            ("body.foo == 'baz'", Ok(false)),
            ("body.n == 3", Ok(true)),
            ("body.n > 2", Ok(true)),
            ("body.n >= 3.0 && body.n < 4", Ok(true)),
            ("body.n in [1, 2, 3]", Ok(true)),
            ("body.list[1] == 2.5 && size(body.list) == 3", Ok(true)),
            ("body.list.exists(it, it == 'x')", Ok(true)),
            ("body.list.all(it, it == 'x')", Ok(false)),
            ("has(body.map.k) && !has(body.map.other)", Ok(true)),
            ("body.map.k == null", Ok(true)),
            ("body.foo.matches('^b.r$')", Ok(true)),
            ("type(body.n) == double", Ok(true)),
            ("int(body.n) + 1 == 4", Ok(true)),
            ("body.missing == 1", Err(())),
            ("body.n", Err(())),
            ("body.foo > 1", Err(())),
        ] {
            assert_eq!(says(text, body).map_err(|_| ()), wanted, "{text}");
        }
        assert_eq!(says("body == 1", "1"), Ok(true));
        assert!(Body::parse(b"<html>").is_err() && Body::parse(b"").is_err());
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in ["", "body.", "1 +", "other.foo == 1", "body.exists(x, y == 1)"] {
            let error = expression(text).unwrap_err();
            assert!(
                error.starts_with("must be an expression of CEL over `body`"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn a_hostile_body_cannot_make_it_take_long() {
        let list = |length: usize| format!("[{}]", vec!["1"; length].join(","));
        let deep = "body.all(a, body.all(b, body.all(c, a + b + c >= 0.0)))";
        assert_eq!(says(deep, &list(20)), Ok(true));
        assert!(says(deep, &list(2_000)).unwrap_err().contains("too long"));
        assert!(says("body.all(a, a == 1)", &list(100)).unwrap());
        let nested = "[".repeat(100_000);
        assert!(Body::parse(nested.as_bytes()).is_err(), "and it has an end in depth");
    }
}
