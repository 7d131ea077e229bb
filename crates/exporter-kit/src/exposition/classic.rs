//! From OpenMetrics text to the classic format. No I/O, no clock.

/// Turns OpenMetrics text into the classic format, whose metadata names a counter and an info as
/// their samples are named, and which knows neither units nor an end mark.
#[derive(Debug, Default)]
pub(super) struct Classic {
    /// The metric and the sentence of the last help, which waits for the metric's type.
    help: Option<(String, String)>,
}

impl Classic {
    /// Appends to `text` what `lines` say, which are whole and follow those of the call before.
    pub(super) fn translate(&mut self, lines: &str, text: &mut String) {
        for line in lines.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let help = rest.split_once(' ');
                self.help = help.map(|(name, sentence)| (name.to_owned(), sentence.to_owned()));
            } else if let Some((name, kind)) =
                line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
            {
                let (suffix, kind) = match kind {
                    "counter" => ("_total", "counter"),
                    "info" => ("_info", "gauge"),
                    "unknown" => ("", "untyped"),
                    other => ("", other),
                };
                if let Some((_, sentence)) = self.help.take().filter(|(of, _)| of == name) {
                    text.extend(["# HELP ", name, suffix, " ", &sentence, "\n"]);
                }
                text.extend(["# TYPE ", name, suffix, " ", kind, "\n"]);
            } else if !line.starts_with("# UNIT ") && line != "# EOF" {
                text.extend([line, "\n"]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPENMETRICS: &str = "# HELP a Things.\n# TYPE a counter\n# UNIT a seconds\na_total{x=\"# HELP\"} 1\n\
         # HELP b Build.\n# TYPE b info\nb_info{v=\"1\"} 1\n# EOF\n";

    fn classic(parts: &[&str]) -> String {
        let (mut classic, mut text) = (Classic::default(), String::new());
        for lines in parts {
            classic.translate(lines, &mut text);
        }
        text
    }

    #[test]
    fn counters_and_infos_are_named_as_their_samples() {
        assert_eq!(
            classic(&[OPENMETRICS]),
            "# HELP a_total Things.\n# TYPE a_total counter\na_total{x=\"# HELP\"} 1\n\
             # HELP b_info Build.\n# TYPE b_info gauge\nb_info{v=\"1\"} 1\n"
        );
    }

    #[test]
    fn it_does_not_matter_after_which_line_a_part_ends() {
        let whole = classic(&[OPENMETRICS]);
        for (end, _) in OPENMETRICS.match_indices('\n') {
            let (before, after) = OPENMETRICS.split_at(end + 1);
            assert_eq!(classic(&[before, after]), whole, "{before}");
        }
    }
}
