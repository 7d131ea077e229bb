//! A network namespace of a test's own, and a user without any privilege in it.

use std::path::Path;
use std::process::{Command, Stdio};

/// Re-runs the test `name` in a network namespace of its own, unless this is that run already, and says whether it is:
/// then the loopback is up. Needs root or user namespaces; where neither is there, says so.
///
/// # Panics
/// Where the test does not pass there, with what it said.
pub fn in_a_namespace(name: &str) -> bool {
    const MARK: &str = "TURBULENCE_TEST_NAMESPACE";
    if std::env::var_os(MARK).is_some() {
        let up = Command::new("ip").args(["link", "set", "lo", "up"]).status();
        assert!(up.expect("a program ip").success());
        return true;
    }
    let how = ["-n", "-Urn"].into_iter().find(|how| {
        let tried = Command::new("unshare").args([how, "true"]).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    });
    let Some(how) = how else {
        eprintln!("skipped: neither root nor user namespaces are there");
        return false;
    };
    // It ends with this process, however that ends: nobody else would end it.
    let run = Command::new("unshare")
        .args([how, "setpriv", "--pdeathsig", "KILL"])
        .arg(std::env::current_exe().expect("the test's own program"))
        .args([name, "--exact", "--include-ignored"])
        .env(MARK, "1")
        .output()
        .expect("a test that runs");
    // A test that passes says nothing; one that fails prints what it captured.
    let (said, log) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    let passed = run.status.success() && said.contains("1 passed");
    assert!(passed, "{name} in its namespace:\n{said}\n{log}");
    false
}

/// A command that runs a program as a user without any privilege, where the test may choose one; else it says so.
///
/// # Panics
/// Where `/proc` is not there.
pub fn unprivileged(program: &Path) -> Command {
    let map = std::fs::read_to_string("/proc/self/uid_map").expect("a map of users");
    if !map.contains("4294967295") {
        eprintln!("skipped: a user without privileges, since there is no other one here");
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    command.args(["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]).arg(program);
    command
}
