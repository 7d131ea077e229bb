//! `lab/setup.sh` leaves no service behind: a package whose unit Debian's tools enable as they install it
//! is not enabled afterwards. Everything happens below a folder of its own; the machine is not touched.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

const SYSTEMCTL: &str = "/usr/bin/systemctl";
const UNIT: &str = "[Unit]\nDescription=x\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n";

fn program(folder: &Path, name: &str, text: &str) {
    let file = folder.join(name);
    fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
}

fn systemctl(root: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(SYSTEMCTL);
    command.arg(format!("--root={}", root.display())).args(arguments).output().unwrap()
}

fn state(root: &Path, unit: &str) -> String {
    let output = systemctl(root, &["is-enabled", unit]);
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_package_that_setup_installs_leaves_no_service_enabled() {
    if !Path::new(SYSTEMCTL).exists() {
        println!("skipped: this machine has no {SYSTEMCTL}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (bin, root) = (folder.path().join("bin"), folder.path().join("root"));
    let units = root.join("lib/systemd/system");
    fs::create_dir_all(&bin).unwrap();
    fs::create_dir_all(&units).unwrap();
    // Another's service, which was there before.
    fs::write(units.join("older.service"), UNIT).unwrap();
    assert!(systemctl(&root, &["enable", "older.service"]).status.success());

    // Debian's tools as far as setup.sh asks them. The package brings a program and two units.
    let here = root.display();
    let done = folder.path().join("done");
    let done = done.display();
    program(
        &bin,
        "apt-get",
        &format!(
            "[ \"$1\" = install ] || exit 0\nprintf '%s' '{UNIT}' >{here}/lib/systemd/system/newer.service\n\
             printf '[Service]\\nExecStart=/bin/true\\n' >{here}/lib/systemd/system/static.service\n\
             {SYSTEMCTL} --root={here} enable newer.service && touch {done} && cp {bin}/sudo {bin}/newer-program",
            bin = bin.display()
        ),
    );
    program(
        &bin,
        "dpkg-query",
        &format!("echo installed older\n[ ! -e {done} ] || echo installed newer"),
    );
    let listed =
        ["newer", "static"].map(|it| format!("echo /lib/systemd/system/{it}.service")).join("\n");
    program(&bin, "dpkg", &format!("[ \"$*\" = '-L newer' ] || exit 1\n{listed}"));
    program(&bin, "systemctl", &format!("exec {SYSTEMCTL} --root={here} \"$@\""));
    program(&bin, "sudo", "exec \"$@\"");

    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("lab/setup.sh")
        .arg("newer-program:newer")
        .current_dir(suite)
        .env("PATH", format!("{}:{path}", bin.display()))
        .env("POLICY_RC_D", folder.path().join("policy-rc.d"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("installing Debian packages: newer"), "{said}");
    assert_eq!(state(&root, "newer.service"), "disabled", "{said}");
    assert_eq!(state(&root, "older.service"), "enabled", "what was there is left as it was");
    assert!(!folder.path().join("policy-rc.d").exists(), "the policy is taken away again");
}
