//! The commands of README's "By hand" in their order, as they are written, to a delivered notification.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::Instant;
use turbulence_lab::process::find_own;

use super::{MARK, PATIENCE, ask, read, receiver, suite, wait_for, within};

/// What these begin is done already on the machine of a test, or would change it.
const DONE_ALREADY: [&str; 3] = ["make dist", "apt-get install ", "systemctl "];
/// What is started, by words of its command, and where it then listens.
const STARTED: [(&str, &[u16]); 3] = [
    ("dist/turbulence-$name --config.file=run/$name.yml 2>", &[9290, 9770, 9771, 9772]),
    ("\nprometheus-alertmanager --config.file=", &[9093]),
    ("\nprometheus --config.file=", &[9090]),
];

/// A shell that is told one block after the other, as by a person. What it started ends with it.
struct Shell {
    bash: Child,
    told: ChildStdin,
    said: BufReader<ChildStdout>,
    errors: PathBuf,
}

impl Shell {
    fn start(folder: &Path) -> Self {
        let errors = folder.join("errors");
        let mut bash = Command::new("bash")
            .args(["-e", "-o", "pipefail"])
            .current_dir(folder.join("root"))
            .env("ETC", folder.join("etc"))
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&errors).unwrap())
            .spawn()
            .unwrap();
        let (told, said) = (bash.stdin.take().unwrap(), bash.stdout.take().unwrap());
        Self { bash, told, said: BufReader::new(said), errors }
    }

    fn run(&mut self, block: &str) {
        let told = write!(self.told, "{block}\necho well done\n");
        let mut line = String::new();
        while !line.ends_with("well done\n") {
            line.clear();
            let read = self.said.read_line(&mut line).unwrap();
            let errors = fs::read_to_string(&self.errors).unwrap();
            assert!(told.is_ok() && read > 0, "{block}\n{errors}");
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let group = format!("-{}", self.bash.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.bash.wait();
    }
}

/// The shell's blocks below a heading.
fn blocks(page: &str, heading: &str) -> Vec<String> {
    let (_, section) = page.split_once(heading).unwrap_or_else(|| panic!("no {heading}"));
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// The root of the repository as it is after `make dist`.
fn checkout(folder: &Path) {
    let root = folder.join("root");
    fs::create_dir_all(root.join("dist")).unwrap();
    let shipped = ["alerts", "dashboards", "deploy"].map(|name| suite().join(name));
    assert!(Command::new("cp").arg("-r").args(shipped).arg(&root).status().unwrap().success());
    for name in ["turbulence-ipmi", "turbulence-latency", "turbulence-dns", "turbulence-homing"] {
        symlink(find_own(name).unwrap(), root.join("dist").join(name)).unwrap();
    }
    // What Grafana's package brings.
    for brought in ["grafana/provisioning", "default"] {
        fs::create_dir_all(folder.join("etc").join(brought)).unwrap();
    }
}

#[test]
fn the_commands_of_the_readme_lead_to_a_delivered_notification() {
    let Some(folder) = std::env::var_os(MARK).map(PathBuf::from) else {
        let folder = TempDir::new().unwrap();
        let name = "by_hand::the_commands_of_the_readme_lead_to_a_delivered_notification";
        return within(name, folder.path());
    };
    checkout(&folder);
    let posted = receiver(9999);
    let mut shell = Shell::start(&folder);
    let (mut left_out, mut started) = (Vec::new(), 0);
    for block in blocks(&read("README.md"), "### By hand") {
        let is_done = |line: &&str| DONE_ALREADY.iter().any(|word| line.starts_with(word));
        left_out.extend(block.lines().filter(is_done).map(str::to_owned));
        let lines: Vec<&str> = block.lines().filter(|line| !is_done(line)).collect();
        let block = lines
            .join("\n")
            .replace("https://alerts.example.com/", "http://127.0.0.1:9999/")
            .replace("/etc/", "$ETC/");
        shell.run(&block);
        for (_, ports) in STARTED.iter().filter(|(words, _)| format!("\n{block}").contains(words)) {
            started += 1;
            for port in *ports {
                let begun = Instant::now();
                while !ask(*port, "GET /-/healthy", "").is_some_and(|it| it.contains(" 200 ")) {
                    assert!(begun.elapsed() < PATIENCE, "nothing listens on {port}:\n{block}");
                    sleep(Duration::from_millis(100));
                }
            }
        }
    }
    assert_eq!(started, STARTED.len());
    // Nothing is left out but a build, packages, and what these started.
    assert_eq!(left_out.len(), 5, "{left_out:#?}");

    let begun = Instant::now();
    while !posted.try_iter().any(|(to, text)| to == "/page" && text.contains("The way to me works"))
    {
        assert!(begun.elapsed() < PATIENCE, "the notification did not arrive");
        sleep(Duration::from_millis(200));
    }
    // Each list of targets is read, and all of them can be scraped.
    wait_for("up == 1", 6);
    wait_for("ALERTS{alertname='Watchdog', alertstate='firing'}", 1);
    let etc = |file: &str| fs::read_to_string(folder.join("etc").join(file)).unwrap();
    let sources = etc("grafana/provisioning/datasources/turbulence.yml");
    assert!(sources.contains("//localhost:9090") && sources.contains("//localhost:9093"));
    assert!(!sources.contains("//prometheus:") && !sources.contains("//alertmanager:"));
    assert!(etc("default/grafana-server").contains("turbulence-triage.json"));
    etc("turbulence/dashboards/turbulence-triage.json");
    assert!(etc("grafana/provisioning/dashboards/turbulence.yml").contains("/etc/turbulence"));
}
