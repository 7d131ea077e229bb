//! A page in Prometheus's text format, read line by line without copying it. No I/O, no clock.

use std::borrow::Cow;

/// One sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample<'a> {
    /// The metric's name.
    pub name: &'a str,
    /// Its labels as they stand there, without the braces: `name="value",...`
    pub labels: &'a str,
    /// Its value.
    pub value: f64,
}

/// The samples of a page. Lines that are none are left out.
pub fn samples(page: &str) -> impl Iterator<Item = Sample<'_>> {
    page.lines().filter_map(sample)
}

/// The sample in a line; none for a comment and anything else.
pub fn sample(line: &str) -> Option<Sample<'_>> {
    if line.starts_with('#') {
        return None;
    }
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let labels = labels.strip_suffix('}').unwrap_or(labels);
    Some(Sample { name, labels, value: value.parse().ok()? })
}

impl<'a> Sample<'a> {
    /// A label's value, if it has that label.
    pub fn label(&self, name: &str) -> Option<Cow<'a, str>> {
        self.labels().find(|(it, _)| *it == name).map(|(_, value)| value)
    }

    /// The labels, name and value.
    pub fn labels(&self) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> + use<'a> {
        let mut rest = self.labels;
        std::iter::from_fn(move || {
            let (name, text) = rest.split_once("=\"")?;
            let (value, after) = quoted(text)?;
            rest = after.strip_prefix(',').unwrap_or(after);
            Some((name, value))
        })
    }
}

/// A value up to its closing quote, and what follows that. Backslashes escape quotes, backslashes and
/// ends of lines.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let end = text.find(['"', '\\'])?;
    if let Some(after) = text[end..].strip_prefix('"') {
        return Some((Cow::Borrowed(&text[..end]), after));
    }
    let mut value = text[..end].to_owned();
    let mut signs = text[end..].chars();
    loop {
        match signs.next()? {
            '"' => return Some((Cow::Owned(value), signs.as_str())),
            '\\' => value.push(match signs.next()? {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(line: &str) -> Vec<(&str, Cow<'_, str>)> {
        sample(line).unwrap().labels().collect()
    }

    #[test]
    fn a_sample_is_name_labels_and_value() {
        let page = "# TYPE a gauge\na{id=\"1\"} 1.5\nb 3\n# EOF\n";
        let found: Vec<_> = samples(page).collect();
        assert_eq!(
            found,
            [
                Sample { name: "a", labels: "id=\"1\"", value: 1.5 },
                Sample { name: "b", labels: "", value: 3.0 },
            ]
        );
    }

    #[test]
    fn comments_and_halves_of_lines_are_no_samples() {
        for line in ["# HELP ipmi_up Whether it is 1", "# EOF", "", "a", "a{id=\"1\"} x"] {
            assert_eq!(sample(line), None, "{line}");
        }
    }

    #[test]
    fn labels_are_read_with_their_escapes() {
        assert_eq!(
            labels("a{id=\"1\",name=\"12V \\\"rail\\\", {x}\",last=\"\\\\n\\n\"} 1"),
            [("id", "1".into()), ("name", "12V \"rail\", {x}".into()), ("last", "\\n\n".into()),]
        );
    }

    #[test]
    fn labels_are_found_by_their_whole_name() {
        let line = "a{target=\"bmc-7\",id=\"32.0.1\",name=\"01-Inlet Ambient\"} 33";
        let sample = sample(line).unwrap();
        assert_eq!(sample.label("target").as_deref(), Some("bmc-7"));
        assert_eq!(sample.label("name").as_deref(), Some("01-Inlet Ambient"));
        assert_eq!(sample.label("ame"), None);
        assert_eq!(sample.label("Inlet"), None);
    }
}
