//! Expands the variables of a dashboard's queries as Grafana's Prometheus data source does.
//! No I/O, no clock.

use std::collections::BTreeMap;

use super::board::DATA_SOURCE_INTERVAL_SECONDS;

/// Points that a panel asks for unless it says otherwise; about one for each pixel.
const DEFAULT_POINTS: u64 = 1_000;

/// The dashboard's time range, in seconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Window {
    pub(super) fn ending(end: u64, length: u64) -> Self {
        Self { start: end.saturating_sub(length), end }
    }

    /// Shortened to whole steps, so that the last point is the present and not a step before it.
    pub(super) fn aligned(self, step_seconds: u64) -> Self {
        Self::ending(self.end, (self.end - self.start) / step_seconds * step_seconds)
    }

    /// The distance of two points: never shorter than the minimum interval of the panel or, where
    /// it has none, of the data source.
    pub(super) fn step_seconds(self, max_points: Option<u64>, min_interval: Option<u64>) -> u64 {
        let points = max_points.unwrap_or(DEFAULT_POINTS).max(1);
        let step = (self.end - self.start).div_ceil(points);
        step.max(min_interval.unwrap_or(DATA_SOURCE_INTERVAL_SECONDS)).max(1)
    }
}

/// What is chosen in a variable's drop-down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    /// Put in as it stands: the `allValue`, a constant, a data source.
    Raw(String),
    /// Values, each escaped for a regular expression; several become `(a|b)`.
    Values(Vec<String>),
}

/// The variables that are resolved so far.
#[derive(Debug)]
pub(super) struct Scope {
    window: Window,
    selections: BTreeMap<String, Selection>,
}

impl Scope {
    pub(super) fn new(window: Window) -> Self {
        Self { window, selections: BTreeMap::new() }
    }

    pub(super) fn window(&self) -> Window {
        self.window
    }

    pub(super) fn set(&mut self, name: &str, selection: Selection) {
        self.selections.insert(name.to_owned(), selection);
    }

    /// Replaces `$name`, `${name}`, `${name:format}` and `[[name]]`. Fails on a variable that does
    /// not exist or comes later, and on a format that is not known. `$1` is left to the query language.
    pub(super) fn expand(&self, text: &str, min_interval: Option<u64>) -> Result<String, String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(['$', '[']) {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let Some((reference, after)) = Reference::parse(rest) else {
                let mark = rest.chars().next().map_or(1, char::len_utf8);
                out.push_str(&rest[..mark]);
                rest = &rest[mark..];
                continue;
            };
            out.push_str(&self.value(&reference, min_interval)?);
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn value(
        &self,
        reference: &Reference<'_>,
        min_interval: Option<u64>,
    ) -> Result<String, String> {
        let range = self.window.end - self.window.start;
        let step = self.window.step_seconds(None, min_interval);
        let scrape = min_interval.unwrap_or(DATA_SOURCE_INTERVAL_SECONDS);
        let rate = (step + scrape).max(4 * scrape);
        Ok(match reference.name {
            "__interval" => format!("{step}s"),
            "__interval_ms" => format!("{}", step * 1_000),
            "__rate_interval" => format!("{rate}s"),
            "__rate_interval_ms" => format!("{}", rate * 1_000),
            "__range" => format!("{range}s"),
            "__range_s" => format!("{range}"),
            "__range_ms" => format!("{}", range * 1_000),
            name => match self.selections.get(name) {
                None => return Err(format!("there is no variable {name} at this point")),
                Some(Selection::Raw(value)) => value.clone(),
                Some(Selection::Values(values)) => join(values, reference.format)?,
            },
        })
    }
}

fn join(values: &[String], format: Option<&str>) -> Result<String, String> {
    let group = |values: Vec<String>| match values.as_slice() {
        [one] => one.clone(),
        many => format!("({})", many.join("|")),
    };
    match format {
        // Twice escaped: once for the regular expression, once for the quoted PromQL string.
        None => Ok(group(values.iter().map(|value| escape(value, "\\\\")).collect())),
        Some("regex") => Ok(group(values.iter().map(|value| escape(value, "\\")).collect())),
        Some("pipe") => Ok(values.join("|")),
        Some("csv" | "raw") => Ok(values.join(",")),
        Some(other) => Err(format!("this check does not know the format {other}")),
    }
}

fn escape(value: &str, mark: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if "\\^$*+?.()|[]{}'".contains(c) {
            out.push_str(mark);
        }
        out.push(c);
    }
    out
}

/// A mention of a variable.
struct Reference<'a> {
    name: &'a str,
    format: Option<&'a str>,
}

impl<'a> Reference<'a> {
    /// The mention that the text starts with, and the text behind it.
    fn parse(text: &'a str) -> Option<(Self, &'a str)> {
        let (inner, after) = if let Some(braced) = text.strip_prefix("${") {
            braced.split_once('}')?
        } else if let Some(bracketed) = text.strip_prefix("[[") {
            bracketed.split_once("]]")?
        } else {
            let bare = text.strip_prefix('$')?;
            bare.split_at(bare.find(|c: char| !is_word(c)).unwrap_or(bare.len()))
        };
        let (name, format) = match inner.split_once(':') {
            Some((name, format)) => (name, Some(format)),
            None => (inner, None),
        };
        let named = name.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic());
        (named && name.chars().all(is_word)).then_some((Self { name, format }, after))
    }
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(selection: Selection) -> Scope {
        let mut scope = Scope::new(Window::ending(10_000, 3_600));
        scope.set("target", selection);
        scope
    }

    fn values(values: &[&str]) -> Selection {
        Selection::Values(values.iter().map(|&value| value.to_owned()).collect())
    }

    #[test]
    fn all_is_put_in_as_it_stands() {
        let scope = scope(Selection::Raw(".+".to_owned()));
        assert_eq!(scope.expand(r#"up{target=~"$target"}"#, None).unwrap(), r#"up{target=~".+"}"#);
    }

    #[test]
    fn several_values_become_alternatives_and_are_escaped_twice() {
        let scope = scope(values(&["a.b", "c"]));
        assert_eq!(scope.expand("${target}", None).unwrap(), r"(a\\.b|c)");
        assert_eq!(scope.expand("[[target]]", None).unwrap(), r"(a\\.b|c)");
        assert_eq!(scope.expand("${target:regex}", None).unwrap(), r"(a\.b|c)");
        assert_eq!(scope.expand("${target:pipe}", None).unwrap(), "a.b|c");
    }

    #[test]
    fn one_value_stands_alone() {
        assert_eq!(scope(values(&["a"])).expand(r#""$target|""#, None).unwrap(), r#""a|""#);
    }

    #[test]
    fn the_rate_interval_is_four_scrapes_at_least() {
        let scope = Scope::new(Window::ending(10_000, 3_600));
        assert_eq!(scope.expand("[$__rate_interval]", None).unwrap(), "[60s]");
        assert_eq!(scope.expand("[$__rate_interval]", Some(60)).unwrap(), "[240s]");
        let day = Scope::new(Window::ending(100_000, 86_400));
        assert_eq!(day.expand("$__interval $__rate_interval", None).unwrap(), "87s 102s");
    }

    #[test]
    fn what_is_not_a_variable_stays() {
        let scope = scope(values(&["a"]));
        let text = r#"label_replace(up[5m], "host", "$1", "instance", "[^:]+.*$")"#;
        assert_eq!(scope.expand(text, None).unwrap(), text);
    }

    #[test]
    fn an_unknown_variable_and_an_unknown_format_are_errors() {
        let scope = scope(values(&["a"]));
        assert!(scope.expand("$tarrget", None).unwrap_err().contains("tarrget"));
        assert!(scope.expand("${target:glob}", None).unwrap_err().contains("glob"));
    }
}
