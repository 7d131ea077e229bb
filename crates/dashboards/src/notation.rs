//! The short forms of the source: thresholds, words, sizes, names for parts of queries.
//! No I/O, no clock.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::grid::Size;

/// Names, and what stands for each.
pub(crate) type Names = BTreeMap<String, String>;

/// How many names may stand inside one another.
const DEPTH: usize = 8;

/// `12x8`: twelve columns, eight cells high.
pub(crate) fn size(text: &str) -> anyhow::Result<Size> {
    let parts = text.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    match parts {
        Some((width @ 1..=24, height @ 1..)) => Ok(Size { width, height }),
        _ => bail!("{text:?} is no size; one is like 12x8, at most 24 wide"),
    }
}

/// `green, 1 orange, 3 red`, or the name of such a scale: the colour of small values, then the
/// values from which another one holds.
pub(crate) fn steps(text: &str, scales: &Names, colours: &Names) -> anyhow::Result<Value> {
    let text = scales.get(text).map_or(text, String::as_str);
    let mut steps = Vec::new();
    for (number, part) in text.split(", ").enumerate() {
        let step = match part.split_once(' ') {
            None if number == 0 => json!({"color": colour(part, colours), "value": null}),
            Some((from, name)) if number > 0 => {
                json!({"color": colour(name, colours), "value": value(from)?})
            }
            _ => bail!("{text:?} are no steps; some are like: green, 1 orange, 3 red"),
        };
        steps.push(step);
    }
    Ok(json!(steps))
}

/// `0 red DOWN, 1 green up`, or the name of such a list: for each value its colour and its text.
pub(crate) fn words(text: &str, lists: &Names, colours: &Names) -> anyhow::Result<Value> {
    let text = lists.get(text).map_or(text, String::as_str);
    let mut options = serde_json::Map::new();
    for (index, part) in text.split(", ").enumerate() {
        let mut parts = part.splitn(3, ' ');
        let (Some(value), Some(name), Some(word)) = (parts.next(), parts.next(), parts.next())
        else {
            bail!("{text:?} are no words; some are like: 0 red DOWN, 1 green up");
        };
        let shown = json!({"color": colour(name, colours), "index": index, "text": word});
        options.insert(value.to_owned(), shown);
    }
    Ok(json!([{"options": options, "type": "value"}]))
}

/// A colour of Grafana, or of the source's own names.
pub(crate) fn colour(name: &str, colours: &Names) -> String {
    colours.get(name).cloned().unwrap_or_else(|| name.to_owned())
}

/// A whole number stays one.
fn value(text: &str) -> anyhow::Result<Value> {
    let whole = text.parse::<i64>().map(Value::from);
    whole
        .or_else(|_| text.parse::<f64>().map(Value::from))
        .with_context(|| format!("{text:?} is no number"))
}

/// A text with every `@name` replaced by what the name stands for.
pub(crate) fn spelled_out(text: &str, names: &Names) -> anyhow::Result<String> {
    let mut text = text.to_owned();
    for _ in 0..DEPTH {
        let Some(once) = replaced(&text, names)? else { return Ok(text) };
        text = once;
    }
    bail!("the names in {text:?} stand for one another")
}

/// Nothing when there is no name in the text.
fn replaced(text: &str, names: &Names) -> anyhow::Result<Option<String>> {
    let mut parts = text.split('@');
    let mut done = parts.next().unwrap_or_default().to_owned();
    let mut found = false;
    for part in parts {
        let end = part.find(|c: char| !(c.is_ascii_lowercase() || c == '_')).unwrap_or(part.len());
        let (name, rest) = part.split_at(end);
        // PromQL's own, as in `up[1h] @ end()`.
        if rest.starts_with(' ') && name.is_empty() {
            done += "@";
            done += rest;
            continue;
        }
        let meaning = names.get(name).with_context(|| format!("@{name} is no name"))?;
        done += meaning;
        done += rest;
        found = true;
    }
    Ok(found.then_some(done))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pairs: &[(&str, &str)]) -> Names {
        pairs.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect()
    }

    #[test]
    fn steps_begin_without_a_value() {
        let scales = names(&[("alarm", "green, 0.5 orange, 1 red")]);
        let found = steps("alarm", &scales, &Names::new()).unwrap();
        let wanted = json!([
            {"color": "green", "value": null},
            {"color": "orange", "value": 0.5},
            {"color": "red", "value": 1},
        ]);
        assert_eq!(found, wanted);
    }

    #[test]
    fn steps_that_are_none_are_refused() {
        for wrong in ["alarm red", "green, red", "green, x red", "1 green"] {
            assert!(steps(wrong, &Names::new(), &Names::new()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn words_keep_their_order_and_may_have_spaces() {
        let colours = names(&[("grey", "#6e7680")]);
        let found =
            words("3 grey no trusted vantage, 0 red DOWN", &Names::new(), &colours).unwrap();
        let wanted = json!([{"type": "value", "options": {
            "3": {"color": "#6e7680", "index": 0, "text": "no trusted vantage"},
            "0": {"color": "red", "index": 1, "text": "DOWN"},
        }}]);
        assert_eq!(found, wanted);
        assert!(words("0 red", &Names::new(), &colours).is_err());
    }

    #[test]
    fn names_stand_for_text_with_names_in_it() {
        let names = names(&[("all", r#"a="b", @some"#), ("some", r#"c=~"$d""#)]);
        assert_eq!(spelled_out("sum(up{@all})", &names).unwrap(), r#"sum(up{a="b", c=~"$d"})"#);
        assert_eq!(spelled_out("up[1h] @ end()", &names).unwrap(), "up[1h] @ end()");
        assert!(spelled_out("up{@nobody}", &names).unwrap_err().to_string().contains("@nobody"));
    }

    #[test]
    fn names_that_stand_for_one_another_are_refused() {
        let names = names(&[("a", "@b"), ("b", "@a")]);
        assert!(spelled_out("@a", &names).unwrap_err().to_string().contains("one another"));
    }

    #[test]
    fn sizes_fit_the_grid() {
        assert_eq!(size("12x8").unwrap(), Size { width: 12, height: 8 });
        for wrong in ["25x8", "12", "12x0", "wide"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
