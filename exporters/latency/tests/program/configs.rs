//! Config files of `blackbox_exporter` that people have, module by module: what is taken, and what is refused and why.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::running::command;

/// Whether the program takes a config; else its reason.
fn checked(file: &Path) -> Result<(), String> {
    let output = command().arg("--config.check").arg("--config.file").arg(file).output().unwrap();
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let reason = lines.filter(|line| line["level"] == "ERROR").find_map(|line| {
        let told = line["message"].as_str();
        told.map(str::to_owned)
    });
    Err(reason.unwrap_or(said))
}

/// The files that `BLACKBOX_CONFIGS` has.
fn files() -> Vec<PathBuf> {
    let folder = std::env::var_os("BLACKBOX_CONFIGS").expect("BLACKBOX_CONFIGS names a folder");
    let files = fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
#[ignore = "looks at the files of the folder BLACKBOX_CONFIGS: --ignored runs it"]
fn what_people_have_in_their_files_is_told_module_by_module() {
    let own = TempDir::new().unwrap();
    let one = own.path().join("one.yml");
    let mut counts = BTreeMap::new();
    for file in files() {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let whole = checked(&file);
        *counts.entry(("files", whole.is_ok())).or_insert(0) += 1;
        let text = fs::read_to_string(&file).unwrap();
        let read: Option<Value> = exporter_kit::parse(&text, &name).ok();
        let Some(modules) = read.and_then(|read| read["modules"].as_object().cloned()) else {
            println!("{name} - refused: {}", whole.err().unwrap_or_default());
            continue;
        };
        for (module, section) in modules {
            fs::write(&one, json!({"modules": {&module: section}}).to_string()).unwrap();
            let taken = checked(&one);
            *counts.entry(("modules", taken.is_ok())).or_insert(0) += 1;
            match taken {
                Ok(()) => println!("{name} {module} accepted"),
                Err(reason) => println!("{name} {module} refused: {reason}"),
            }
        }
    }
    for ((what, is_taken), count) in counts {
        println!("RESULT {what} taken={is_taken} count={count}");
    }
}
