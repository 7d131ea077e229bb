//! Which of many series a graph shows: those that stand out at its end, the same ones at each of its points.
//! No I/O, no clock.
//!
//! Prometheus evaluates `topk` anew at each point of a graph: sixty lines of a fleet whose values change places are
//! hundreds of pieces. So what picks is asked of the end alone: each of its selectors is read over the whole
//! range, as of the end. What vanished within the range is there to be picked, and who is picked of
//! equals does not change from one query of a panel to the next, nor from one look to the next.
//!
//! Where only some series are shown at all (`X > 0`), what held at one point is shown, whether it holds at the end or not.

use std::fmt::Write as _;
use std::ops::Range;

use anyhow::{Context as _, bail};

/// What picks, and how it is written.
const PICKERS: [&str; 2] = ["topk", "bottomk"];

/// The query of a graph with what picks its series asked of the end of the range: where it picks among its own series
/// (`topk(60, X)` is all of it), or by another query (`X and on (site) topk(60, Y)`).
pub(crate) fn once(query: &str) -> anyhow::Result<String> {
    let query = query.trim();
    if PICKERS.iter().any(|name| query.contains(&format!("{name} "))) {
        bail!("it picks by labels or with a blank, which is not known here: {query}");
    }
    let mut done = String::new();
    let mut rest = query;
    while let Some(call) = first_call(rest)? {
        let Call { whole, of } = call;
        let (before, candidates) = (&rest[..whole.start], &rest[of.clone()]);
        let by = &rest[whole.start..of.start];
        let picker = format!("{by} {})", at_the_end(candidates)?);
        rest = &rest[whole.end..];
        if done.is_empty() && before.is_empty() && rest.is_empty() {
            let candidates = candidates.trim();
            if !filters(candidates) {
                return Ok(format!("({candidates}) and {picker}"));
            }
            let most = if by.starts_with("bottom") { "min" } else { "max" };
            let at_any_point =
                format!("{most}_over_time(({candidates})[$__range:$__rate_interval] @ end())");
            return Ok(format!("({candidates}) and {by} {at_any_point})"));
        }
        if !follows_and(before) {
            bail!("it must be the whole query, or stand behind `and` or `and on (...)`: {query}");
        }
        done += before;
        done += &picker;
    }
    Ok(done + rest)
}

/// Where in a text something is picked, and of what.
struct Call {
    whole: Range<usize>,
    of: Range<usize>,
}

fn first_call(text: &str) -> anyhow::Result<Option<Call>> {
    let found = PICKERS.iter().filter_map(|name| Some((text.find(&format!("{name}("))?, name)));
    let Some((start, name)) = found.min() else { return Ok(None) };
    // `bottomk(` has no `topk(` in it.
    let open = start + name.len();
    let close = closing(text, open)?;
    let comma = text[open..close].find(',').context("no comma")? + open;
    Ok(Some(Call { whole: start..close + 1, of: comma + 1..close }))
}

/// Whether `and` or `and on (...)` is what the text ends with.
fn follows_and(text: &str) -> bool {
    let text = text.trim_end();
    let labels = text.strip_suffix(')').and_then(|text| text.rsplit_once('('));
    let word = labels.and_then(|(text, _)| text.trim_end().strip_suffix("on"));
    word.unwrap_or(text).trim_end().ends_with(" and")
}

/// The expression with every selector read over the range that is shown, as of its end: the last value, or the
/// rate over all of it.
fn at_the_end(expression: &str) -> anyhow::Result<String> {
    if PICKERS.iter().any(|name| expression.contains(&format!("{name}("))) {
        bail!("it picks of what is picked: {expression}");
    }
    let mut done = String::new();
    let mut rest = expression.trim();
    while let Some(brace) = opening(rest) {
        let name = rest[..brace].rfind(|c: char| !is_of_a_name(c)).map_or(0, |at| at + 1);
        let end = closing(rest, brace)? + 1;
        let (before, selector, after) = (&rest[..name], &rest[name..end], &rest[end..]);
        done += before;
        let range = after.strip_prefix('[').and_then(|after| after.split_once(']'));
        rest = if let Some((_, after)) = range {
            write!(done, "{selector}[$__range] @ end()")?;
            after
        } else {
            write!(done, "last_over_time({selector}[$__range] @ end())")?;
            after
        };
        if rest.trim_start().starts_with("offset ") || rest.trim_start().starts_with('@') {
            bail!("it asks of another time than the end already: {expression}");
        }
    }
    if done.is_empty() {
        bail!("it names no series in braces: {expression}");
    }
    if rest.contains('[') || done.contains(")[") {
        bail!("it has a subquery: {expression}");
    }
    Ok(done + rest)
}

/// Whether the expression leaves out series by their values.
fn filters(expression: &str) -> bool {
    let (mut depth, mut quoted) = (0_u32, false);
    let mut outside = String::new();
    for c in expression.chars() {
        quoted ^= c == '"';
        match c {
            '(' | '{' | '[' if !quoted => depth += 1,
            ')' | '}' | ']' if !quoted => depth = depth.saturating_sub(1),
            _ if depth == 0 && !quoted => outside.push(c),
            _ => {}
        }
    }
    let mut words = outside.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let compares = ["==", "!=", ">", "<", ">=", "<="].contains(&word);
        if compares && words.peek() != Some(&"bool") {
            return true;
        }
    }
    false
}

/// The first brace that is not within quotes.
fn opening(text: &str) -> Option<usize> {
    let mut quoted = false;
    text.char_indices().find_map(|(at, c)| {
        quoted ^= c == '"';
        (c == '{' && !quoted).then_some(at)
    })
}

/// Where what opens at `open` is closed; what is within quotes does not count.
fn closing(text: &str, open: usize) -> anyhow::Result<usize> {
    let mut depth = 0_u32;
    let mut quoted = false;
    for (at, c) in text.char_indices().skip_while(|(at, _)| *at < open) {
        quoted ^= c == '"';
        match c {
            '(' | '{' if !quoted => depth += 1,
            ')' | '}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return Ok(at);
        }
    }
    bail!("what opens at {open} is never closed: {text}")
}

fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_picks_among_its_own_series_is_asked_of_the_end() {
        let query = r#"topk(60, max by (site, id) (ipmi_temperature_celsius{site=~"$site", target="a(}b"}))"#;
        let wanted = r#"(max by (site, id) (ipmi_temperature_celsius{site=~"$site", target="a(}b"})) and topk(60, max by (site, id) (last_over_time(ipmi_temperature_celsius{site=~"$site", target="a(}b"}[$__range] @ end())))"#;
        assert_eq!(once(query).unwrap(), wanted);
    }

    #[test]
    fn a_rate_is_that_of_the_whole_range() {
        let query = r#"bottomk(4, rate(polls_total{a="b"}[$__rate_interval]))"#;
        let wanted = r#"(rate(polls_total{a="b"}[$__rate_interval])) and bottomk(4, rate(polls_total{a="b"}[$__range] @ end()))"#;
        assert_eq!(once(query).unwrap(), wanted);
    }

    #[test]
    fn what_was_over_before_the_end_is_shown_as_well() {
        let query = "topk(4, max by (a) (state{} >= 0) > 0)";
        let wanted = "(max by (a) (state{} >= 0) > 0) and topk(4, max_over_time((max by (a) (state{} >= 0) > 0)[$__range:$__rate_interval] @ end()))";
        assert_eq!(once(query).unwrap(), wanted);
        let lowest = once("bottomk(4, a{} == 0)").unwrap();
        assert!(lowest.contains("min_over_time((a{} == 0)["), "{lowest}");
        let all = once("topk(4, avg by (a) (state{} >= 0) > bool 0)").unwrap();
        assert!(all.contains("last_over_time(state{}[$__range] @ end())"), "{all}");
    }

    #[test]
    fn another_query_may_pick() {
        let query =
            r#"max by (site) (a{}) and on (site) topk(4, max by (site) (b:c{} - {x="y"})) or d{}"#;
        let wanted = r#"max by (site) (a{}) and on (site) topk(4, max by (site) (last_over_time(b:c{}[$__range] @ end()) - last_over_time({x="y"}[$__range] @ end()))) or d{}"#;
        assert_eq!(once(query).unwrap(), wanted);
    }

    #[test]
    fn what_picks_nothing_is_left_as_it_is() {
        assert_eq!(once("sum(rate(a{}[5m]))").unwrap(), "sum(rate(a{}[5m]))");
    }

    #[test]
    fn what_cannot_be_asked_of_the_end_is_refused() {
        for (query, why) in [
            ("1 + topk(4, a{})", "whole query"),
            ("topk(4, a{}) or topk(4, b{})", "whole query"),
            ("topk(4, topk(5, a{}))", "what is picked"),
            ("topk(4, max_over_time((a{} + b{})[1h:5m]))", "subquery"),
            ("topk(4, a{} offset 1h)", "another time"),
            ("topk(4, a{}", "never closed"),
            ("topk by (a) (4, a{})", "by labels"),
            ("topk(4, up)", "no series"),
        ] {
            let error = once(query).unwrap_err().to_string();
            assert!(error.contains(why), "{query}: {error}");
        }
    }
}
