//! Which of a large fleet a graph shows: who stood out while it lasted, who does now, and what is rare before what is common.

use std::fmt::Write as _;
use std::process::Command;

use regex::Regex;

use crate::files;
use crate::panels::panels;

/// More than any graph has room for. `promtool` takes few samples.
const MANY: usize = 110;

/// Minutes of a fleet, and the graph in which `odd` must be at its end.
struct Minutes {
    board: &'static str,
    panel: &'static str,
    /// The series of the one that must be there, with the values of `promtool test`.
    odd: &'static [(&'static str, &'static str)],
    /// Those of each of the others; `#` is its number.
    others: &'static [(&'static str, &'static str)],
}

const CASES: [Minutes; 14] = [
    Minutes {
        board: "thermal",
        panel: "Temperatures",
        odd: &[(r#"ipmi_temperature_celsius{target="odd"}"#, "20x5 95x3 10x30")],
        others: &[(r#"ipmi_temperature_celsius{target="m#"}"#, "30x30")],
    },
    Minutes {
        board: "thermal",
        panel: "BMC answers",
        odd: &[(r#"ipmi_up{target="odd", collector="ipmi"}"#, "1x5 0x3 1x30")],
        others: &[(r#"ipmi_up{target="m#", collector="ipmi"}"#, "1x30")],
    },
    // All of them were so for some minutes, and one is now.
    Minutes {
        board: "thermal",
        panel: "Temperatures",
        odd: &[(r#"ipmi_temperature_celsius{target="odd"}"#, "95x8 20x6 85x30")],
        others: &[(r#"ipmi_temperature_celsius{target="m#"}"#, "20x5 95x3 20x30")],
    },
    Minutes {
        board: "thermal",
        panel: "BMC answers",
        odd: &[(r#"ipmi_up{target="odd", collector="ipmi"}"#, "1x14 0x30")],
        others: &[(r#"ipmi_up{target="m#", collector="ipmi"}"#, "1x5 0x3 1x30")],
    },
    // All of them were so for a moment, and one for longer; that is over.
    Minutes {
        board: "thermal",
        panel: "BMC answers",
        odd: &[(r#"ipmi_up{target="odd", collector="ipmi"}"#, "1x4 0x4 1x30")],
        others: &[(r#"ipmi_up{target="m#", collector="ipmi"}"#, "1x5 0 1x30")],
    },
    Minutes {
        board: "zone",
        panel: "Verdicts of each vantage",
        odd: &[(r#"dns_auth_verdict{zone="odd", verdict="v"}"#, "0x4 1x4 0x30")],
        others: &[(r#"dns_auth_verdict{zone="m#", verdict="v"}"#, "0x5 1 0x30")],
    },
    // And where it is there only while it is so.
    Minutes {
        board: "thermal",
        panel: "Collectors that get no answer",
        odd: &[(r#"ipmi_up{target="odd", collector="dcmi"}"#, "1x4 0x4 1x30")],
        others: &[(r#"ipmi_up{target="m#", collector="dcmi"}"#, "1x5 0 1x30")],
    },
    // Between two points of what is looked at point by point.
    Minutes {
        board: "zone",
        panel: "Verdicts of each vantage",
        odd: &[(r#"dns_auth_verdict{zone="odd", verdict="v"}"#, "0x6 3 0x30")],
        others: &[(r#"dns_auth_verdict{zone="m#", verdict="v"}"#, "1x30")],
    },
    Minutes {
        board: "world",
        panel: "Region by endpoint",
        odd: &[
            (r#"latency_endpoint_verdict{target="odd", region="r", vantage="v"}"#, "0x5 3x3 0x30"),
            (r#"latency_up{target="odd", region="r", vantage="v"}"#, "1x5 0x3 1x30"),
        ],
        others: &[
            (r#"latency_endpoint_verdict{target="m#", region="r", vantage="v"}"#, "0x30"),
            (r#"latency_up{target="m#", region="r", vantage="v"}"#, "1x30"),
        ],
    },
    // Who left the configuration is not the one that fails for longest.
    Minutes {
        board: "thermal",
        panel: "Since the last success",
        odd: &[(r#"ipmi_last_success_timestamp_seconds{target="odd"}"#, "0+60x10 600x30")],
        others: &[(r#"ipmi_last_success_timestamp_seconds{target="m#"}"#, "0+60x5 stale")],
    },
    Minutes {
        board: "thermal",
        panel: "Machines and their faults",
        odd: &[
            (r#"ipmi_chassis_power_state{target="odd"}"#, "1x30"),
            (r#"ipmi_chassis_drive_fault_state{target="odd"}"#, "0x30"),
        ],
        others: &[
            (r#"ipmi_chassis_power_state{target="m#"}"#, "0x30"),
            (r#"ipmi_chassis_intrusion_state{target="m#"}"#, "0x30"),
            (r#"ipmi_chassis_drive_fault_state{target="m#"}"#, "1x30"),
        ],
    },
    Minutes {
        board: "dns",
        panel: "Unexpected, failing, contested",
        odd: &[
            (r#"dns_consistency_unexpected_ratio{set="s", name="odd"}"#, "0.1x30"),
            (r#"dns_consistency_failing_ratio{set="s", name="odd"}"#, "0x30"),
        ],
        others: &[
            (r#"dns_consistency_unexpected_ratio{set="s", name="m#"}"#, "0x30"),
            (r#"dns_consistency_failing_ratio{set="s", name="m#"}"#, "0.3x30"),
        ],
    },
    Minutes {
        board: "dns",
        panel: "Unexpected, failing, contested",
        odd: &[
            (r#"dns_consistency_unexpected_ratio{set="s", name="odd"}"#, "0x30"),
            (r#"dns_consistency_failing_ratio{set="s", name="odd"}"#, "1x30"),
        ],
        others: &[
            (r#"dns_consistency_unexpected_ratio{set="s", name="m#"}"#, "0.01x30"),
            (r#"dns_consistency_failing_ratio{set="s", name="m#"}"#, "0x30"),
        ],
    },
    Minutes {
        board: "dns",
        panel: "Resolvers that count",
        odd: &[
            (r#"dns_consistency_healthy_resolvers{set="s", name="odd"}"#, "5000x30"),
            (r#"dns_consistency_conclusive_resolvers{set="s", name="odd"}"#, "40x30"),
        ],
        others: &[
            (r#"dns_consistency_healthy_resolvers{set="t", name="m#"}"#, "3x30"),
            (r#"dns_consistency_conclusive_resolvers{set="t", name="m#"}"#, "3x30"),
        ],
    },
];

#[test]
fn a_graph_of_a_large_fleet_has_who_stood_out_while_it_lasted() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("none.yml"), "groups: []\n").unwrap();
    let mut tests = "rule_files: [none.yml]\ntests:\n".to_owned();
    for case in &CASES {
        case.write(&mut tests);
    }
    let file = folder.path().join("test.yml");
    std::fs::write(&file, tests).unwrap();
    let run = Command::new("promtool").args(["test", "rules"]).arg(&file).output();
    let output = run.expect("promtool is needed: apt-get install prometheus");
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    assert!(output.status.success(), "{said}");
}

impl Minutes {
    /// A test of promtool: what picks the series of each query of the panel picks the odd one at their end.
    fn write(&self, tests: &mut String) {
        let Self { board, panel, odd, others } = self;
        writeln!(tests, "  - name: {panel}\n    interval: 1m\n    input_series:").unwrap();
        let others = (0..MANY).flat_map(|number| {
            others
                .iter()
                .map(move |(series, values)| (series.replace('#', &number.to_string()), values))
        });
        for (series, values) in
            odd.iter().map(|(series, values)| ((*series).to_owned(), values)).chain(others)
        {
            writeln!(tests, "      - {{series: '{series}', values: '{values}'}}").unwrap();
        }
        writeln!(tests, "    promql_expr_test:").unwrap();
        let board = &files::boards()[&format!("turbulence-{board}")];
        let found = panels(board).into_iter().find(|it| it.text("title").starts_with(panel));
        let found = found.unwrap_or_else(|| panic!("no panel {panel}"));
        let variable = Regex::new(r#"~"\$\w+\|?""#).unwrap();
        let mut asked = 0;
        for query in found.expressions() {
            let query = variable.replace_all(query, "~\".*\"");
            let query = query.replace("$__range", "20m").replace("$__rate_interval", "2m");
            let picker =
                ["topk(", "bottomk("].iter().filter_map(|name| query.rfind(&format!(" ({name}")));
            let Some(picker) = picker.max().map(|at| &query[at..]) else { continue };
            asked += 1;
            let shown = format!(
                r#"count(label_join({picker}, "who", "", "target", "zone", "name") and on (who) label_replace(vector(1), "who", "odd", "", ""))"#
            );
            let once = "exp_samples: [{labels: '{}', value: 1}]";
            writeln!(tests, "      - {{expr: '{shown}', eval_time: 20m, {once}}}").unwrap();
        }
        assert!(asked > 0, "{panel}: no query");
    }
}
