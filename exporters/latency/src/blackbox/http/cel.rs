//! Conditions on JSON in the Common Expression Language, and what they may cost. No I/O, no clock.
//!
//! An expression is the config's and a body is the server's: how many steps the two can take together is
//! known before, since the language has no loop but over what is there.

mod room;

use std::sync::Arc;

use cel::common::ast::{EntryExpr, Expr, IdedEntryExpr, IdedExpr, LiteralValue};
use cel::{Context, Program, Value};
use serde::Deserialize;

use self::room::{compile, with_room};
use super::json::Body;

/// So many steps may be taken.
const MOST_STEPS: u64 = 2_000_000;
/// What is done with this much of a body takes about as long as a step.
const BYTES_PER_STEP: u64 = 16;

/// Bytes of an expression.
const LONGEST: usize = 4096;
/// Steps of an expression within each other.
const DEEPEST: usize = 100;
/// What an expression must be.
const MUST: &str = "must be an expression of CEL over body";

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
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl TryFrom<String> for Expression {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // Before it is parsed, and before it is walked, copied or evaluated: each of these goes as deep
        // as it does, and an overflow of the stack ends the process.
        if text.len() > LONGEST {
            return Err(format!("{MUST}; it must not be longer than {LONGEST} bytes"));
        }
        let program = compile(&text).map_err(|why| format!("{MUST}; {why}"))?;
        if is_deeper(program.expression(), DEEPEST) {
            return Err(format!(
                "{MUST}; it has more than {DEEPEST} steps within each other: join fewer by operators, \
                 indexes or calls, or give more than one expression"
            ));
        }
        if !may_be_truth(program.expression()) {
            return Err(format!("{MUST} that gives true or false"));
        }
        let references = program.references();
        let is_known = |name: &str| {
            name == "body" || name.starts_with('@') || TYPES.contains(&name.trim_start_matches('.'))
        };
        let names = references.variables();
        if names.iter().any(|name| !is_known(name) && !binds(&program, name)) {
            return Err(format!("{MUST}; there is nothing else that it can name"));
        }
        Ok(Self { text, program: Arc::new(program) })
    }
}

/// Whether it has more than so many steps within each other. It does not go as deep itself.
fn is_deeper(expression: &IdedExpr, most: usize) -> bool {
    let mut left = vec![(expression, 1)];
    while let Some((expression, depth)) = left.pop() {
        if depth > most {
            return true;
        }
        left.extend(children(expression).into_iter().map(|child| (child, depth + 1)));
    }
    false
}

/// Whether it can give true or false, whatever the body: not what is written out, gathered or counted.
fn may_be_truth(expression: &IdedExpr) -> bool {
    match &expression.expr {
        Expr::Literal(value) => matches!(value, LiteralValue::Boolean(_)),
        Expr::List(_) | Expr::Map(_) | Expr::Struct(_) => false,
        Expr::Call(call) => !matches!(
            call.func_name.as_str(),
            "_+_"
                | "_-_"
                | "_*_"
                | "_/_"
                | "_%_"
                | "-_"
                | "size"
                | "string"
                | "int"
                | "uint"
                | "double"
                | "bytes"
                | "type"
                | "timestamp"
                | "duration"
        ),
        Expr::Comprehension(it) => !matches!(it.accu_init.expr, Expr::List(_) | Expr::Map(_)),
        Expr::Unspecified | Expr::Ident(_) | Expr::Select(_) => true,
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
        if cost(self.program.expression(), None, body) > MOST_STEPS {
            return Err("it could take too long with a body so large".to_owned());
        }
        let value = body.value.clone();
        let result = with_room(|| {
            let mut context = Context::default();
            context.add_variable_from_value("body", value);
            self.program.execute(&context)
        });
        match result? {
            Ok(Value::Bool(is)) => Ok(is),
            Ok(_) => Err("it gives neither true nor false".to_owned()),
            // It may show the body, but not all of it.
            Err(error) => Err(error.to_string().chars().take(200).collect()),
        }
    }
}

/// How many steps an expression may take at most with a body: a loop takes those of its own as often as the
/// longest list or map there is has elements, and copies each of these once. `own` are the variables of the
/// loop that it stands in: what is done with others may be done with all of the body each time.
fn cost(expression: &IdedExpr, own: Option<&[&str]>, body: &Body) -> u64 {
    let whole = body.bytes / BYTES_PER_STEP;
    let of = |expression: &IdedExpr| cost(expression, own, body);
    let Expr::Comprehension(it) = &expression.expr else {
        let inner = children(expression).into_iter().map(of).fold(1, u64::saturating_add);
        let is_heavy = matches!(&expression.expr, Expr::Call(call) if !is_logic(&call.func_name));
        let is_about_others = own.is_some_and(|own| mentions_others(expression, own));
        return if is_heavy && is_about_others { inner.saturating_add(whole) } else { inner };
    };
    let mut vars = vec![it.iter_var.as_str(), it.accu_var.as_str()];
    vars.extend(it.iter_var2.as_deref());
    let gathers = matches!(it.accu_init.expr, Expr::List(_));
    let gathered = if gathers && mentions_others(&it.loop_step, &vars) { whole } else { 0 };
    let each = [&it.loop_cond, &it.loop_step].map(|inner| cost(inner, Some(&vars), body));
    let each = each.into_iter().fold(gathered, u64::saturating_add);
    let once = [&it.iter_range, &it.accu_init, &it.result].map(of);
    let once = once.into_iter().fold(whole, u64::saturating_add);
    (body.longest + 1).saturating_mul(each).saturating_add(once)
}

/// What looks at truth alone.
fn is_logic(function: &str) -> bool {
    matches!(function, "_&&_" | "_||_" | "!_" | "_?_:_" | "@not_strictly_false")
}

fn mentions_others(expression: &IdedExpr, own: &[&str]) -> bool {
    let mut does = false;
    walk(expression, &mut |inner| {
        does |= matches!(&inner.expr, Expr::Ident(name) if !own.contains(&name.as_str()));
    });
    does
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
            assert!(error.starts_with(MUST), "{text}: {error}");
        }
        for (text, wanted) in [
            ("body.a == 1 &&& body.b", "line 1, character 15 of it: what stands there"),
            ("body.a == 's3cret' 's3cret'", "does not belong there"),
            ("body.a == ", "it ends too early"),
            ("other.s3cret == 1", "nothing else that it can name"),
            ("1", "that gives true or false"),
            ("'s3cret'", "that gives true or false"),
            ("[true]", "that gives true or false"),
            ("size(body) + 1", "that gives true or false"),
            ("body.map(it, it)", "that gives true or false"),
        ] {
            let error = expression(text).unwrap_err();
            assert!(error.contains(wanted), "{text}: {error}");
            let slang = ["ERROR", "Syntax", "mismatched", "EOF", "ParseError", "s3cret"];
            assert!(!slang.iter().any(|slang| error.contains(slang)), "{text}: {error}");
        }
    }

    /// A thread of a test has the stack of one that probes: what overflows there ends the process.
    #[test]
    fn what_is_long_or_deep_is_refused_and_what_is_not_is_evaluated() {
        let chains = |count: usize| {
            [
                format!("{}1 == 1", "1+".repeat(count)),
                format!("1 == {}1", "1*".repeat(count)),
                format!("body{} == 1", "[0]".repeat(count)),
                format!("body{} == 1", ".a".repeat(count)),
                format!("body{} == 1", ".size()".repeat(count)),
                format!("{}true", "!".repeat(count)),
                format!("{}true", "!(".repeat(count) + &")".repeat(0)),
                format!("{}1 == 1", "-".repeat(count)),
                format!("{}false", "true?true:".repeat(count)),
                format!("{}true", "false||".repeat(count)),
                format!("{}true", "1==1&&".repeat(count)),
                format!("{}1{} == 1", "(".repeat(count), ")".repeat(count)),
                format!("{}1{} == 1", "[".repeat(count), "]".repeat(count)),
                format!("{}1{} == 1", "{1:".repeat(count), "}".repeat(count)),
                format!("size({}", "size(".repeat(count)),
                format!("{}true{}", "body.all(a,".repeat(count), ")".repeat(count)),
                format!("{}'", "'".repeat(count)),
            ]
        };
        let body = Body::parse(b"[1]").unwrap();
        for count in (1..100).step_by(7).chain([128, 200, 400, 1_000, 2_000, 20_000, 100_000]) {
            for text in chains(count) {
                match expression(&text) {
                    Ok(expression) => drop(expression.evaluate(&body)),
                    Err(error) => assert!(error.starts_with(MUST) && error.len() < 250, "{error}"),
                }
                if text.len() > LONGEST {
                    assert!(expression(&text).unwrap_err().contains("4096 bytes"));
                }
            }
        }
        let long = chains(200);
        for deep in [&long[0], &long[2], &long[3], &long[4]] {
            assert!(expression(deep).unwrap_err().contains("100 steps"), "{deep}");
        }
    }

    #[test]
    fn a_body_of_an_ordinary_service_is_no_matter() {
        let item = format!(r#"{{"kind": "db", "ok": true, "text": "{}"}}"#, "x".repeat(100));
        let items = vec![item.as_str(); 200].join(",");
        let body = format!(r#"{{"items": [{items}]}}"#);
        let chain = "body.items.filter(i, i.kind == 'db').all(i, i.ok)";
        assert_eq!(says(chain, &body), Ok(true), "one loop after another");
        let service = format!(r#"{{"ok": true, "text": "{}"}}"#, "x".repeat(120_000));
        let services = [service.as_str(); 10].join(",");
        let others = vec!["1"; 1_000].join(",");
        let body = format!(r#"{{"services": [{services}], "others": [{others}]}}"#);
        assert_eq!(says("body.services.all(i, i.ok && i.text != '')", &body), Ok(true));
    }

    #[test]
    fn a_hostile_body_cannot_make_it_take_long() {
        let list = |length: usize| format!("[{}]", vec!["1"; length].join(","));
        let deep = "body.all(a, body.all(b, body.all(c, a + b + c >= 0.0)))";
        assert_eq!(says(deep, &list(20)), Ok(true));
        assert!(says(deep, &list(2_000)).unwrap_err().contains("too long"));
        assert!(says("body.all(a, a == 1)", &list(100)).unwrap());
        // Copies of all for each of it.
        for copies in ["body.map(a, body).size() > 0", "body.all(a, body.all(b, b == 1))"] {
            assert!(says(copies, &list(20_000)).unwrap_err().contains("too long"), "{copies}");
        }
    }
}
