//! The commands of deploy/README.md's "systemd" as they are written, for each exporter: what a unit starts and reads is there.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What is no part of the commands: a person's editor, and the machine's own systemd.
const STUB: &str = "#!/bin/sh\necho \"${0##*/} $*\" >>\"$ROOT/called\"\n";

/// Where systemd puts what a unit loads: `<folder>/<unit>/<credential>`.
const CREDENTIALS: &str = "/run/credentials";

fn suite() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// An executable file.
fn program(file: &Path) {
    fs::write(file, STUB).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_commands_for_systemd_put_there_what_each_unit_starts_and_reads() {
    let page = fs::read_to_string(suite().join("deploy/README.md")).unwrap();
    let (_, section) = page.split_once("## systemd").unwrap();
    let block = section.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    for name in ["ipmi", "latency", "dns", "homing"] {
        // With a blank, as a folder for temporary files may have one.
        let folder = tempfile::Builder::new().prefix("a machine").tempdir().unwrap();
        let root = folder.path().join("machine");
        for brought in ["usr/bin", "etc/systemd/system", "stubs"] {
            fs::create_dir_all(root.join(brought)).unwrap();
        }
        for stub in ["editor", "systemctl"] {
            program(&root.join("stubs").join(stub));
        }
        let checkout = checkout(folder.path(), name);
        let of_all = |line: &&str| name == "ipmi" || !line.contains("password");
        let lines: Vec<&str> = block.lines().filter(of_all).collect();
        let block = lines
            .join("\n")
            .replace("ipmi", name)
            .replace(" /usr/", " \"$ROOT\"/usr/")
            .replace(" /etc/", " \"$ROOT\"/etc/");
        run(&block, &checkout, &root);

        let unit = root.join(format!("etc/systemd/system/turbulence-{name}.service"));
        let unit = fs::read_to_string(unit).unwrap();
        let starts = value(&unit, "ExecStart=").unwrap();
        let (program, config) = starts.split_once(" --config.file=").unwrap();
        let mode = |file: &str| {
            let file = root.join(file.trim_start_matches('/'));
            fs::metadata(&file)
                .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
                .permissions()
                .mode()
                & 0o777
        };
        assert_eq!((mode(program), mode(config)), (0o755, 0o644), "{name}");
        // A reload is a signal; without it systemd refuses what the page tells to do after a change.
        assert_eq!(value(&unit, "ExecReload="), Some("/bin/kill -HUP $MAINPID"), "{name}");
        let handed_over = value(&unit, "LoadCredential=").and_then(|it| it.split_once(':'));
        assert_eq!(handed_over.is_some(), name == "ipmi", "{name}: only BMCs have a password");
        if let Some((credential, secret)) = handed_over {
            // Root's own, and where the page tells to read it.
            assert_eq!(mode(secret), 0o600, "{name}");
            assert_eq!(fs::read_to_string(root.join(&secret[1..])).unwrap(), "secret");
            let told =
                format!("`password_file: {CREDENTIALS}/turbulence-{name}.service/{credential}`");
            assert!(section.contains(&told), "{told}");
        }
        let called = fs::read_to_string(root.join("called")).unwrap();
        let expected = format!(
            "editor {}{config}\nsystemctl enable --now turbulence-{name}\n",
            root.display()
        );
        assert_eq!(called, expected);
    }
}

/// The root of the repository as it is after `make dist`.
fn checkout(folder: &Path, name: &str) -> PathBuf {
    let checkout = folder.join("checkout");
    fs::create_dir_all(checkout.join("dist")).unwrap();
    program(&checkout.join(format!("dist/turbulence-{name}")));
    for shipped in ["deploy", "exporters"] {
        std::os::unix::fs::symlink(suite().join(shipped), checkout.join(shipped)).unwrap();
    }
    checkout
}

/// Runs a block of commands; what a person types is the password.
fn run(block: &str, checkout: &Path, root: &Path) {
    let script = root.join("block");
    fs::write(&script, block).unwrap();
    let path = format!("{}:{}", root.join("stubs").display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash")
        .arg("-e")
        .arg(&script)
        .current_dir(checkout)
        .env("ROOT", root)
        .env("PATH", path)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Nobody reads it where there is no password.
    let _ = bash.stdin.take().unwrap().write_all(b"secret");
    let output = bash.wait_with_output().unwrap();
    assert!(output.status.success(), "{block}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// What stands behind this in a unit.
fn value<'a>(unit: &'a str, key: &str) -> Option<&'a str> {
    unit.lines().find_map(|line| line.strip_prefix(key))
}

#[test]
fn the_drop_in_for_the_machine_s_own_bmc_opens_a_device_of_the_group_that_its_commands_make() {
    let read = |name: &str| fs::read_to_string(suite().join("deploy/systemd").join(name)).unwrap();
    let (drop_in, unit) = (read("in-band.conf"), read("turbulence-ipmi.service"));
    let group = value(&drop_in, "SupplementaryGroups=").unwrap();
    assert!(drop_in.contains(&format!("groupadd --system {group}")), "{drop_in}");
    assert!(drop_in.contains(&format!("GROUP=\"{group}\", MODE=\"0640\"")), "{drop_in}");
    // The unit has no devices at all; and who reads its own BMC alone has no password to load.
    assert_eq!(value(&unit, "PrivateDevices="), Some("yes"));
    for (key, is) in
        [("PrivateDevices=", "no"), ("DeviceAllow=", "char-ipmidev r"), ("LoadCredential=", "")]
    {
        assert_eq!(value(&drop_in, key), Some(is), "{key}");
    }
}
