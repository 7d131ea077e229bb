//! `dashboards write` writes the JSON of every dashboard, `dashboards check` says which differ.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (verb, folder) = match words[..] {
        [verb @ ("write" | "check")] => (verb, "dashboards"),
        [verb @ ("write" | "check"), folder] => (verb, folder),
        _ => {
            eprintln!(
                "usage: dashboards write|check [FOLDER]\n\nFOLDER is `dashboards` if not given."
            );
            return ExitCode::from(2);
        }
    };
    let done = match verb {
        "write" => dashboards::write(Path::new(folder)),
        _ => dashboards::check(Path::new(folder)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
