//! The lab's own folder for configurations, logs and states; those of a lab that was killed are swept.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use tempfile::TempDir;

const PREFIX: &str = "turbulence-lab-";

/// A folder that ends with the value. First removes those of labs that no longer run, which had no
/// time to do it themselves.
pub fn own() -> anyhow::Result<TempDir> {
    let place = std::env::temp_dir();
    sweep(&place).with_context(|| format!("sweeping {}", place.display()))?;
    let prefix = format!("{PREFIX}{}-", std::process::id());
    tempfile::Builder::new().prefix(&prefix).tempdir_in(&place).context("making a folder")
}

fn sweep(place: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(place)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let runs = |pid: u32| Path::new("/proc").join(pid.to_string()).exists();
        if owner(&name).is_some_and(|pid| !runs(pid)) {
            // Another user's is not ours to remove.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// The process that a folder belongs to, by its name.
fn owner(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_folders_of_dead_labs_are_swept() {
        let place = TempDir::new().unwrap();
        let dead = place.path().join(format!("{PREFIX}{}-abc", u32::MAX));
        let alive = place.path().join(format!("{PREFIX}{}-abc", std::process::id()));
        let other = place.path().join("turbulence-lab-notes");
        for folder in [&dead, &alive, &other] {
            fs::create_dir(folder).unwrap();
        }
        sweep(place.path()).unwrap();
        assert_eq!([&dead, &alive, &other].map(|folder| folder.exists()), [false, true, true]);
    }
}
