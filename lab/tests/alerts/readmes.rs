//! The first lines of each exporter's README: a config that works, which a reader copies.

use std::fs;
use std::process::Command;

use turbulence_lab::process::find_own;

use super::alerts;

/// How far down a reader looks before he has seen one.
const FIRST_LINES: usize = 40;

#[test]
fn each_exporter_s_readme_begins_with_a_config_that_works() {
    let exporters = alerts().join("../exporters");
    let mut checked = 0;
    for entry in fs::read_dir(exporters).unwrap() {
        let entry = entry.unwrap();
        let Ok(text) = fs::read_to_string(entry.path().join("README.md")) else { continue };
        let name = entry.file_name().into_string().unwrap();
        let (before, rest) = text.split_once("```yaml\n").unwrap_or_else(|| panic!("{name}: none"));
        let config = rest.split("```").next().unwrap();
        let line = before.lines().count();
        assert!(line < FIRST_LINES, "{name}: its first config stands in line {line}");
        assert!(config.lines().count() < 10, "{name}: more than the least\n{config}");
        let folder = tempfile::tempdir().unwrap();
        for secret in ["bmc.password", "prometheus.password"] {
            fs::write(folder.path().join(secret), "secret\n").unwrap();
        }
        let file = folder.path().join("config.yml");
        fs::write(&file, config).unwrap();
        let output = Command::new(find_own(&format!("turbulence-{name}")).unwrap())
            .args(["--config.check", "--config.file"])
            .arg(&file)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{name}: {said}\n{config}");
        checked += 1;
    }
    assert!(checked >= 4, "only {checked} exporters");
}
