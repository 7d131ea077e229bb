//! The running exporter, and what its page says.

use std::process::Command;

use peers::Program;
use peers::exposition::{Sample, samples};
use turbulence_lab::process::find_own;

/// Starts it with this configuration.
pub(crate) fn start(config: &str) -> Program {
    Program::start(Command::new(find_own("turbulence-ipmi").unwrap()), config)
}

/// The first page for which `is_there` holds.
pub(crate) fn page_where(
    exporter: &Program,
    what: &str,
    is_there: impl Fn(&str) -> bool,
) -> String {
    exporter.wait_until(what, |page| is_there(&page.text)).text
}

/// The first page on which there is a line for each of `wanted`: one with all its words, which are
/// separated by blanks of two.
pub(crate) fn page_with(exporter: &Program, wanted: &[&str]) -> String {
    page_where(exporter, &wanted.join("; "), |text| {
        let is_there =
            |words: &str| text.lines().any(|line| words.split("  ").all(|it| line.contains(it)));
        wanted.iter().all(|words| is_there(words))
    })
}

/// The value of the sample of `metric` that has all of these labels; none when there is none.
pub(crate) fn sample(text: &str, metric: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let has_all = |it: &Sample<'_>| {
        it.name == metric
            && labels.iter().all(|(label, value)| it.label(label).as_deref() == Some(*value))
    };
    samples(text).find(has_all).map(|it| it.value)
}

/// The count of such a sample, which must be there.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
pub(crate) fn count(text: &str, metric: &str, labels: &[(&str, &str)]) -> u64 {
    let count = sample(text, metric, labels);
    count.unwrap_or_else(|| panic!("no {metric} {labels:?} in:\n{text}")) as u64
}
