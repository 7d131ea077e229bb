//! Pages of many BMCs: what the exporter itself shows of a few machines, under many names.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;

use super::pages::{Pages, Read};
use crate::judge;

/// BMCs of a page.
const SHARD: usize = 250;
/// BMCs of a rack, and racks of a site.
const RACK: usize = 40;
const SITE: usize = 50;

/// Of so many BMCs a few are like each of these worlds, where the most verdicts stand; the others are
/// like the first. One in two hundred has a verdict, which is far more than on a good day.
const ALL: usize = 1_000;
const KINDS: [(&str, usize); 5] = [
    ("a-quiet-week-begins", 0),
    ("phantom-polled-each-15s", 2),
    ("all-fans-stop", 1),
    ("voltage-falls", 1),
    ("a-sensor-cannot-be-read", 1),
];

/// What a BMC says of itself beside its sensors where a part is not well.
const ILL: &str = "ipmi_fault_state{{},id=\"32.0.151\",name=\"PS2 Status\",entity=\"psu\",state=\"power supply input lost\"} 2";

/// Every page.
pub(super) struct Fleet {
    pages: Vec<String>,
}

impl Fleet {
    /// So many BMCs, with the series that rules of these words read; `suite` has the worlds.
    pub(super) fn new(suite: &Path, words: &str, bmcs: usize) -> anyhow::Result<Self> {
        let read = Read::of(words);
        let mut kinds = Vec::new();
        for (name, share) in KINDS {
            let file = suite.join(format!("worlds/thermal/{name}.yml"));
            let pages = judge::pages(&file).with_context(|| file.display().to_string())?;
            let standing = |page: &String| page.matches("\nipmi_verdict{").count();
            let page = pages.into_iter().map(|(_, page)| page).max_by_key(standing);
            let page = page.with_context(|| format!("{name} has no page"))?;
            let lines: Vec<String> =
                page.lines().filter(|line| read.has(line)).map(unnamed).collect();
            kinds.push((lines, share));
        }
        let mut pages = Vec::new();
        for first in (0..bmcs).step_by(SHARD) {
            let mut page = String::new();
            for bmc in first..(first + SHARD).min(bmcs) {
                let rack = bmc / RACK;
                let machine = format!("target=\"bmc-{bmc}\",site=\"s{}\"", rack / SITE);
                let labels = format!("{machine},rack=\"r{rack}\"");
                for line in kind(&kinds, bmc) {
                    let _ = writeln!(page, "{}", line.replace("{}", &labels));
                }
                if bmc % ALL == 50 {
                    let _ = writeln!(page, "{}", ILL.replace("{}", &labels));
                }
                // Half of the machines have an exporter of their drives.
                if bmc % 2 == 0 {
                    for drive in ["sda", "sdb"] {
                        let _ = writeln!(
                            page,
                            "smartctl_device_temperature{{{machine},device={drive:?},temperature_type=\"current\"}} 22"
                        );
                    }
                }
            }
            pages.push(page);
        }
        Ok(Self { pages })
    }

    /// The pages, of which each is a share of the machines.
    pub(super) fn pages(self) -> Pages {
        let labels = vec!["job: turbulence-ipmi".to_owned(); self.pages.len()];
        Pages::new(self.pages, labels)
    }
}

/// The lines of a BMC, by its number.
fn kind(kinds: &[(Vec<String>, usize)], bmc: usize) -> &[String] {
    let mut place = bmc % ALL;
    for (lines, share) in &kinds[1..] {
        if place < *share {
            return lines;
        }
        place -= share;
    }
    &kinds[0].0
}

/// A line of a page with `{}` where the labels of the machine were, which come first.
fn unnamed(line: &str) -> String {
    let mut line = line.to_owned();
    for label in ["target", "site", "rack"] {
        if let Some(from) = line.find(&format!("{label}=\""))
            && let Some(end) = line[from + label.len() + 2..].find('"')
        {
            let end = from + label.len() + 2 + end + 1;
            let more = usize::from(line[end..].starts_with(','));
            line.replace_range(from..end + more, "");
        }
    }
    match line.find('{') {
        Some(at) if line[at + 1..].starts_with('}') => line.insert_str(at + 1, "{}"),
        Some(at) => line.insert_str(at + 1, "{},"),
        None => {}
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_loses_its_machine_and_keeps_the_rest() {
        let line = "ipmi_up{target=\"a\",site=\"hq\",rack=\"r1\",collector=\"ipmi\"} 1";
        assert_eq!(unnamed(line), "ipmi_up{{},collector=\"ipmi\"} 1");
        assert_eq!(
            unnamed("ipmi_polls_total{target=\"a\",site=\"hq\"} 7"),
            "ipmi_polls_total{{}} 7"
        );
        assert_eq!(unnamed("up 1"), "up 1");
    }

    #[test]
    fn few_have_verdicts_and_most_have_none() {
        let kinds =
            [(vec!["well".to_owned()], 0), (vec!["a".to_owned()], 2), (vec!["b".to_owned()], 1)];
        let of = |bmc| kind(&kinds, bmc)[0].as_str();
        assert_eq!([0, 1, 2, 3, 999, 1_001].map(of), ["a", "a", "b", "well", "well", "a"]);
    }
}
