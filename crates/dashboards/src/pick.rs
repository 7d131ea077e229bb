//! Which of many series a graph shows: those that stood out at any time of its range, and those that do now, the same ones
//! at each of its points. No I/O, no clock.
//!
//! Prometheus evaluates `topk` anew at each point of a graph: sixty lines of a fleet whose values change places are
//! hundreds of pieces. So what picks is asked once, as of the end. Half of the places are for the furthest values of the
//! whole range, and among those that went as far for whose mean is furthest, or who was there longest where a comparison leaves
//! the others out: whoever looks at an incident that is over must find it among
//! what is picked, also where all of a fleet were silent for a minute. What vanished within the range counts as what it was. The other half
//! is for the values of now, a few seconds old at most: more than there are places for may have been worse, and one is so still. Who is picked
//! of equals does not change from one query of a panel to the next.

use std::ops::Range;

use anyhow::{Context as _, bail};

/// What picks, and how it is written.
const PICKERS: [&str; 2] = ["topk", "bottomk"];
/// How much a mean weighs beside the furthest value: less than differences that a person would see.
const OF_EQUALS: &str = "1e-6";
const COMPARISONS: [&str; 6] = [" == ", " != ", " > ", " < ", " >= ", " <= "];
/// The newest value of an expression: a window has one point of it, which is as old at most.
const NOW: &str = "[15s:15s]";

/// The query of a graph with what picks its series asked once: where it picks among its own series
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
        let (before, candidates) = (&rest[..whole.start], rest[of.clone()].trim());
        let picker = picker(&rest[whole.start..of.start], candidates)?;
        rest = &rest[whole.end..];
        if done.is_empty() && before.is_empty() && rest.is_empty() {
            return Ok(format!("({candidates}) and {picker}"));
        }
        if !follows_and(before) {
            bail!("it must be the whole query, or stand behind `and` or `and on (...)`: {query}");
        }
        done += before;
        done += &picker;
    }
    Ok(done + rest)
}

/// What is asked instead of `topk(60, X)`, whose head is `topk(60,`.
fn picker(head: &str, candidates: &str) -> anyhow::Result<String> {
    let (name, places) = head.split_once('(').context("no parenthesis")?;
    let places = places.trim_end_matches(',').trim();
    let places: u32 = places.parse().with_context(|| format!("not a number: {places}"))?;
    if places < 2 {
        bail!("one place is too few for then and now: {head}");
    }
    let (then, now) = (places.div_ceil(2), places / 2);
    let furthest = furthest(candidates, name == "topk")?;
    let last = format!("last_over_time(({candidates}){NOW} @ end())");
    Ok(format!("({name}({then}, {furthest}) or {name}({now}, {last}))"))
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

/// The furthest value of each candidate over the range that is shown: the highest where the highest are picked.
fn furthest(candidates: &str, highest: bool) -> anyhow::Result<String> {
    if PICKERS.iter().any(|name| candidates.contains(&format!("{name}("))) {
        bail!("it picks of what is picked: {candidates}");
    }
    let subqueries = candidates.split('[').skip(1).filter_map(|it| it.split(']').next());
    if subqueries.into_iter().any(|it| it.contains(':')) {
        bail!("it has a subquery: {candidates}");
    }
    let most = if highest { "max" } else { "min" };
    if let Some(only) = only_selector(candidates, most, if highest { '>' } else { '<' })? {
        let OnlySelector { series, compared } = only;
        let (before, after) = (&candidates[..series.start], &candidates[series.end..compared]);
        let series = &candidates[series];
        let over = |what| format!("{before}{what}_over_time({series}[$__range] @ end()){after}");
        let compared = &candidates[compared..];
        return Ok(format!("{} + {OF_EQUALS} * {}{compared}", over(most), over("avg")));
    }
    let over =
        |what| format!("{what}_over_time(({candidates})[$__range:$__rate_interval] @ end())");
    // What is there only while it is so has the same mean however long that was.
    let (sign, longest) = match (leaves_out(candidates), highest) {
        (true, true) => ('+', "count"),
        (true, false) => ('-', "count"),
        (false, _) => ('+', "avg"),
    };
    Ok(format!("{} {sign} {OF_EQUALS} * {}", over(most), over(longest)))
}

/// Whether a comparison leaves series out: not one of `bool`, nor of a selector's labels, which has no blanks.
fn leaves_out(candidates: &str) -> bool {
    COMPARISONS.iter().any(|it| {
        candidates.match_indices(it).any(|(at, _)| !candidates[at + it.len()..].starts_with("bool"))
    })
}

/// Where the selector is of an expression that has one, and where a comparison begins behind it.
struct OnlySelector {
    series: Range<usize>,
    compared: usize,
}

/// The one selector of `X`, `max by (...) (X)` or either `> N`, where the highest of all samples is what the highest
/// of the expression over the range is, and costs one look at each sample.
fn only_selector(
    candidates: &str,
    most: &str,
    beyond: char,
) -> anyhow::Result<Option<OnlySelector>> {
    let Some(brace) = opening(candidates) else { return Ok(None) };
    let start = candidates[..brace].rfind(|c: char| !is_of_a_name(c)).map_or(0, |at| at + 1);
    let end = closing(candidates, brace)? + 1;
    let aggregated = candidates[..start].strip_prefix(most).and_then(|it| it.strip_prefix(" by ("));
    let aggregated =
        aggregated.and_then(|it| it.split_once(')')).is_some_and(|(_, it)| it.trim() == "(");
    let behind = candidates[end..].trim_start();
    let compared = match (aggregated, start) {
        (true, _) => behind.strip_prefix(')'),
        (false, 0) => Some(behind),
        (false, _) => None,
    };
    let Some(compared) = compared else { return Ok(None) };
    let than = compared.trim().strip_prefix(beyond);
    let than = than.map(|it| it.trim_start_matches('=').trim());
    let is_plain = compared.trim().is_empty() || than.is_some_and(|it| it.parse::<f64>().is_ok());
    let compared = candidates.len() - compared.len();
    Ok(is_plain.then_some(OnlySelector { series: start..end, compared }))
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
    fn what_picks_among_its_own_series_is_asked_of_the_whole_range() {
        let query = r#"topk(60, max by (site, id) (ipmi_temperature_celsius{site=~"$site", target="a(}b"}))"#;
        let wanted = r#"(max by (site, id) (ipmi_temperature_celsius{site=~"$site", target="a(}b"})) and (topk(30, max by (site, id) (max_over_time(ipmi_temperature_celsius{site=~"$site", target="a(}b"}[$__range] @ end())) + 1e-6 * max by (site, id) (avg_over_time(ipmi_temperature_celsius{site=~"$site", target="a(}b"}[$__range] @ end()))) or topk(30, last_over_time((max by (site, id) (ipmi_temperature_celsius{site=~"$site", target="a(}b"}))[15s:15s] @ end())))"#;
        assert_eq!(once(query).unwrap(), wanted);
        let query = "bottomk(5, min by (a) (margin{}))";
        let wanted = "(min by (a) (margin{})) and (bottomk(3, min by (a) (min_over_time(margin{}[$__range] @ end())) + 1e-6 * min by (a) (avg_over_time(margin{}[$__range] @ end()))) or bottomk(2, last_over_time((min by (a) (margin{}))[15s:15s] @ end())))";
        assert_eq!(once(query).unwrap(), wanted);
        let query = "topk(4, max by (a) (state{}) > 0)";
        let wanted = "(max by (a) (state{}) > 0) and (topk(2, max by (a) (max_over_time(state{}[$__range] @ end())) + 1e-6 * max by (a) (avg_over_time(state{}[$__range] @ end())) > 0) or topk(2, last_over_time((max by (a) (state{}) > 0)[15s:15s] @ end())))";
        assert_eq!(once(query).unwrap(), wanted);
    }

    #[test]
    fn what_is_more_than_one_selector_is_asked_point_by_point() {
        let point_by_point = |query: &str, most: &str, longest: &str| {
            let (picker, candidates) = query.split_once(", ").unwrap();
            let candidates = candidates.strip_suffix(')').unwrap();
            let name = picker.strip_suffix("(4").unwrap();
            let (sign, longest) = longest.split_at(1);
            let wanted = format!(
                "({candidates}) and ({name}(2, {most}_over_time(({candidates})[$__range:$__rate_interval] @ end()) {sign} 1e-6 * {longest}_over_time(({candidates})[$__range:$__rate_interval] @ end())) or {name}(2, last_over_time(({candidates})[15s:15s] @ end())))"
            );
            assert_eq!(once(query).unwrap(), wanted);
        };
        point_by_point(r#"bottomk(4, rate(polls_total{a="b"}[$__rate_interval]))"#, "min", "+avg");
        point_by_point("topk(4, time() - max by (a) (success{}))", "max", "+avg");
        point_by_point("topk(4, min by (a) (up{} == 0))", "max", "+count");
        point_by_point("bottomk(4, min by (a) (up{}) == 0)", "min", "-count");
        point_by_point("topk(4, min by (a) (age{}))", "max", "+avg");
        point_by_point("bottomk(4, max by (a) (share{}))", "min", "+avg");
        point_by_point("topk(4, max by (a) (state{}) == 1)", "max", "+count");
        point_by_point("topk(4, max by (a) (state{}) > bool 0)", "max", "+avg");
        point_by_point("topk(4, max by (a) (state{} offset 1h))", "max", "+avg");
        point_by_point("topk(4, max by (a) (b{} or c{}))", "max", "+avg");
    }

    #[test]
    fn another_query_may_pick() {
        let query =
            r#"max by (site) (a{}) and on (site) topk(4, max by (site) (b:c{} - {x="y"})) or d{}"#;
        let wanted = r#"max by (site) (a{}) and on (site) (topk(2, max_over_time((max by (site) (b:c{} - {x="y"}))[$__range:$__rate_interval] @ end()) + 1e-6 * avg_over_time((max by (site) (b:c{} - {x="y"}))[$__range:$__rate_interval] @ end())) or topk(2, last_over_time((max by (site) (b:c{} - {x="y"}))[15s:15s] @ end()))) or d{}"#;
        assert_eq!(once(query).unwrap(), wanted);
    }

    #[test]
    fn what_picks_nothing_is_left_as_it_is() {
        assert_eq!(once("sum(rate(a{}[5m]))").unwrap(), "sum(rate(a{}[5m]))");
    }

    #[test]
    fn what_cannot_be_asked_once_is_refused() {
        for (query, why) in [
            ("1 + topk(4, a{})", "whole query"),
            ("topk(4, a{}) or topk(4, b{})", "whole query"),
            ("topk(4, topk(5, a{}))", "what is picked"),
            ("topk(4, max_over_time((a{} + b{})[1h:5m]))", "subquery"),
            ("topk(4, a{}", "never closed"),
            ("topk(1, a{})", "one place"),
            ("topk($n, a{})", "not a number"),
            ("topk by (a) (4, a{})", "by labels"),
        ] {
            let error = once(query).unwrap_err().to_string();
            assert!(error.contains(why), "{query}: {error}");
        }
    }
}
