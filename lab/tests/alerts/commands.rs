//! What runbooks tell to type and to expect: those commands that need no root and no incident elsewhere are run as they stand, but for
//! addresses and folders, and print what the page says.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use peers::Program as Exporter;
use tokio::time::{Instant, sleep};
use turbulence_lab::process::{Launcher, Program, find, find_own};
use turbulence_lab::{http, ports};

use super::runbooks;

const PATIENCE: Duration = Duration::from_secs(120);

/// A command of a page, and the words in the sentence behind it that say what it prints.
struct Look {
    command: String,
    expected: Vec<String>,
}

impl Look {
    /// The one that begins so.
    fn of(page: &str, begins: &str) -> Self {
        let text = &runbooks()[page];
        let mut blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```"));
        let found = blocks.find(|(command, _)| command.trim_start().starts_with(begins));
        let (command, after) = found.unwrap_or_else(|| panic!("{page} has no {begins}"));
        let said = after.split_once("Expected").map_or("", |(_, said)| said);
        let said = said.split(['\n', ';']).next().unwrap_or_default();
        let expected = said.split('`').skip(1).step_by(2);
        // What differs from one time to the next stands behind dots.
        let expected = expected.map(|it| it.split('…').next().unwrap_or(it).trim().to_owned());
        Self { command: command.trim().to_owned(), expected: expected.collect() }
    }

    /// Prints what the page says, when it is run with these in the place of what an example names.
    fn holds(&self, instead: &[(&str, &str)]) {
        assert!(!self.expected.is_empty(), "what does it print? {}", self.command);
        let printed = self.printed(instead);
        for words in &self.expected {
            assert!(printed.contains(words), "{}: no {words:?} in {printed:?}", self.command);
        }
    }

    fn printed(&self, instead: &[(&str, &str)]) -> String {
        let mut command = self.command.clone();
        for (from, to) in instead {
            assert!(command.contains(from), "{command}: no {from}");
            command = command.replace(from, to);
        }
        let run = Command::new("sh").args(["-c", &command]).output().unwrap();
        [run.stdout, run.stderr].map(|it| String::from_utf8_lossy(&it).into_owned()).concat()
    }
}

#[test]
fn an_exporter_says_of_its_lists_and_its_config_what_the_pages_expect() {
    let config = "modules: {default: {user: monitor, pass: secret}}\ntargets: []\n\
                  file_sd_configs: [{files: [ams.yml, sin.yml]}]\n";
    let lists = [("ams.yml", "[]\n"), ("sin.yml", "- targets: [web-1\n")];
    let command = Command::new(find_own("turbulence-ipmi").unwrap());
    let exporter = Exporter::start_beside(command, &lists, config);
    let address = exporter.address().to_string();
    let is_read = || exporter.page("/-/discovery").contains("broken");
    exporter.wait("the lists are read", is_read);
    let here = [("localhost:9290", address.as_str())];
    Look::of("ExporterDiscoveryEmpty", "curl").holds(&here);
    Look::of("ExporterDiscoveryBroken", "curl").holds(&here);

    fs::write(exporter.config_file(), "modules: {}\nbad: 1\n").unwrap();
    let here = [("localhost:9770", address.as_str())];
    let answer = Look::of("ExporterConfigReloadFailed", "curl").printed(&here);
    assert!(answer.contains("config.yml:2:1: unknown field `bad`"), "{answer}");
}

#[test]
fn checks_of_configs_end_as_the_pages_expect() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    write("targets/turbulence-ipmi/all.yml", "- targets: ['localhost:9290']\n");
    write("prometheus.yml", "global: {}\n");
    let here = [("/etc/prometheus", path.as_str())];
    Look::of("ExporterJobGone", "ls").holds(&here);
    // Each of the two says it.
    let look = Look::of("MonitoringConfigReloadFailed", "promtool");
    for (prometheus, alertmanager) in [("rule: 1\n", GOOD), ("global: {}\n", "receivers: []\n")] {
        write("prometheus.yml", prometheus);
        write("alertmanager.yml", alertmanager);
        look.holds(&here);
    }
}

const GOOD: &str = "route: {receiver: one}\nreceivers: [{name: one}]\n";

/// A Prometheus of this config, once it is ready.
async fn prometheus(launcher: &Launcher, folder: &Path, is_agent: bool) -> (Program, String) {
    let address = ports::address(None);
    let mut command = Command::new(find("prometheus", "prometheus").unwrap());
    let said = Command::new(command.get_program()).arg("--version").output().unwrap();
    let is_old = String::from_utf8_lossy(&said.stdout).contains("version 2.");
    let data = folder.join("data").display().to_string();
    command.arg(format!("--config.file={}", folder.join("prometheus.yml").display()));
    command.arg(format!("--web.listen-address={address}"));
    match (is_agent, is_old) {
        (false, _) => command.arg(format!("--storage.tsdb.path={data}")),
        (true, true) => command.args(["--enable-feature=agent", "--storage.agent.path", &data]),
        (true, false) => command.args(["--agent", "--storage.agent.path", &data]),
    };
    let start = |command| launcher.spawn(command);
    let mut program = Program::start("prometheus", folder, command, start).unwrap();
    program.until_it_answers(&format!("http://{address}/-/ready")).await.unwrap();
    (program, address.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_and_a_rule_that_fails_answer_as_the_pages_expect() {
    let launcher = Launcher::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = "remote_write: [{url: 'http://127.0.0.1:9/'}]\n";
    fs::write(folder.path().join("prometheus.yml"), config).unwrap();
    let (_agent, address) = prometheus(&launcher, folder.path(), true).await;
    Look::of("ExporterJobGone", "curl").holds(&[("agent-ams:9090", &address)]);

    // Two targets of one job, and neither has to answer for it.
    let folder = tempfile::tempdir().unwrap();
    let config = "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [rules.yml]\n\
        scrape_configs: [{job_name: j, static_configs: [{targets: ['127.0.0.1:9', '127.0.0.2:9']}]}]\n";
    fs::write(folder.path().join("prometheus.yml"), config).unwrap();
    let rules = "groups: [{name: g, rules: [{record: 'sensor:ipmi_verdict:level', expr: up * on (job) up}]}]\n";
    fs::write(folder.path().join("rules.yml"), rules).unwrap();
    let (_prometheus, address) = prometheus(&launcher, folder.path(), false).await;
    let begun = Instant::now();
    let rules = format!("http://{address}/api/v1/rules");
    while !http::fetch(&rules).await.unwrap().contains("\"health\":\"err\"") {
        assert!(begun.elapsed() < PATIENCE, "the rule does not fail");
        sleep(Duration::from_millis(200)).await;
    }
    Look::of("MonitoringRulesFail", "curl").holds(&[("localhost:9090", &address)]);
}
