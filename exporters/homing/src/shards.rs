//! Parts of all endpoints, each small enough for one answer. No I/O, no clock.

use std::collections::BTreeMap;

use crate::gather::MOST_ADDRESSES;
use crate::samples::Sample;

/// Series of round trips in one answer: some three megabytes of JSON.
const MOST_SERIES: u64 = 10_000;
/// Bytes of a matcher, so that the query fits what proxies let through in a URL.
const LONGEST: usize = 3_000;

/// A regular expression for the targets of each part, as a string of `PromQL` has it, and how many names were
/// left out.
pub(crate) fn shards(counts: &[Sample]) -> (Vec<String>, u64) {
    let mut names: BTreeMap<&str, u64> = BTreeMap::new();
    for sample in counts {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let count = sample.value.clamp(0.0, 1e9) as u64;
        *names.entry(&sample.labels.target).or_default() += count;
    }
    let left_out = names.len().saturating_sub(MOST_ADDRESSES) as u64;
    let mut shards: Vec<String> = Vec::new();
    let (mut shard, mut series) = (String::new(), 0);
    for (name, count) in names.into_iter().take(MOST_ADDRESSES) {
        let name = quoted(name);
        let is_full = series + count > MOST_SERIES || shard.len() + name.len() > LONGEST;
        if is_full && !shard.is_empty() {
            shards.push(std::mem::take(&mut shard));
            series = 0;
        }
        if !shard.is_empty() {
            shard.push('|');
        }
        shard += &name;
        series += count;
    }
    if !shard.is_empty() {
        shards.push(shard);
    }
    (shards, left_out)
}

/// A name as a regular expression that nothing else fits, within double quotes.
fn quoted(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if "\\.+*?()|[]{}^$".contains(c) {
            // Once for the expression, once for the quotes.
            text += "\\\\";
        }
        match c {
            '\\' => text += "\\\\",
            '"' => text += "\\\"",
            '\n' => text += "\\n",
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::Labels;

    fn counted(name: &str, value: f64) -> Sample {
        Sample { labels: Labels { target: name.to_owned(), ..Labels::default() }, value }
    }

    #[test]
    fn small_endpoints_share_a_part_and_large_ones_have_their_own() {
        let all =
            [counted("b", 6_000.0), counted("a", 10.0), counted("c", 5_000.0), counted("d", 1e6)];
        assert_eq!(shards(&all).0, ["a|b", "c", "d"]);
        assert_eq!(shards(&[]).0, Vec::<String>::new());
        let (long, left_out) = shards(
            &(0..2_100).map(|it| counted(&format!("host-{it:05}"), 6.0)).collect::<Vec<_>>(),
        );
        assert!(long.len() > 5 && long.iter().all(|it| it.len() <= LONGEST), "{}", long.len());
        assert_eq!(left_out, 100);
    }

    #[test]
    fn a_name_is_asked_for_as_it_is() {
        assert_eq!(quoted("a.b"), r"a\\.b");
        assert_eq!(quoted(r#"a"|\"#), r#"a\"\\|\\\\"#);
    }
}
