//! The shipped `alertmanager.yml` with the examples in it taken in, as a reader would: the "#" taken away.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use turbulence_lab::process::find;

pub(crate) fn suite() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

pub(crate) fn shipped() -> String {
    fs::read_to_string(suite().join("alerts/alertmanager.yml")).unwrap()
}

/// The shipped configuration with all its examples, but those that a later Alertmanager is needed for.
pub(crate) fn examples() -> String {
    let installed = installed();
    let mut is_for_later = false;
    let mut examples = String::new();
    for line in shipped().lines() {
        match uncommented(line) {
            Some(_) if is_for_later => {}
            Some(line) => examples += &(line + "\n"),
            None => {
                is_for_later = needed(line).is_some_and(|needed| installed < needed);
                examples += &(line.to_owned() + "\n");
            }
        }
    }
    let mut words =
        vec!["pagerduty_configs:", "slack_configs:", "telegram_configs:", "email_configs:"];
    words.extend(["smtp_smarthost:"]);
    words.extend((installed >= (0, 28)).then_some("msteamsv2_configs:"));
    for word in words {
        assert!(examples.lines().any(|line| line.trim_start().starts_with(word)), "{word}");
    }
    examples
}

/// "#word" and "#  word" are configuration, "# Word" is a remark.
fn uncommented(line: &str) -> Option<String> {
    let (indent, rest) = line.split_at(line.len() - line.trim_start().len());
    let code = rest.strip_prefix('#')?;
    let is_code = !code.is_empty() && (!code.starts_with(' ') || code.starts_with("  "));
    is_code.then(|| format!("{indent}{code}"))
}

/// `(Alertmanager 0.28 and newer; ...`
fn needed(remark: &str) -> Option<(u32, u32)> {
    let version = remark.split_once("(Alertmanager ")?.1.split_once(" and newer")?.0;
    Some(parsed(version))
}

fn parsed(version: &str) -> (u32, u32) {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

/// `alertmanager, version 0.25.0 (branch: ...`
pub(crate) fn installed() -> (u32, u32) {
    let program = find("prometheus-alertmanager", "prometheus-alertmanager").unwrap();
    let output = Command::new(program).arg("--version").output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    parsed(said.split_once("version ").unwrap().1.split(' ').next().unwrap())
}

pub(crate) fn copy_templates(to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(suite().join("alerts/templates")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// The examples with the fakes' addresses in place of the real ones, no TLS on loopback, and short waits.
pub(crate) fn lay_out(folder: &Path, smtp: SocketAddr, web: SocketAddr) {
    let alerts = folder.join("alerts");
    copy_templates(&alerts.join("templates"));
    let secret = |name: &str, text: &str| {
        let file = folder.join(name);
        fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let mut config = examples();
    let server = format!(
        "{smtp}\n  smtp_require_tls: false\n  pagerduty_url: http://{web}/pagerduty\n  telegram_api_url: http://{web}/telegram"
    );
    let mut own = vec![
        ("mail.example.com:587", server),
        ("/etc/alertmanager/smtp_password", secret("smtp_password", "secret")),
        ("/etc/alertmanager/slack_url", secret("slack_url", &format!("http://{web}/slack"))),
        ("/etc/alertmanager/pagerduty_routing_key", secret("routing_key", "key")),
    ];
    if installed() >= (0, 28) {
        let file = secret("teams_url", &format!("http://{web}/teams"));
        own.push(("/etc/alertmanager/teams_url", file));
    }
    for (example, own) in own {
        assert!(config.contains(example), "alertmanager.yml has no {example}");
        config = config.replace(example, &own);
    }
    let soon: String = config.lines().map(|line| with_short_waits(line) + "\n").collect();
    assert_ne!(soon, config);
    fs::write(alerts.join("alertmanager.yml"), soon).unwrap();
}

fn with_short_waits(line: &str) -> String {
    match line.split_once("group_wait: ").or_else(|| line.split_once("group_interval: ")) {
        Some((indent, _)) => {
            let name =
                if line.contains("group_wait") { "group_wait: 1s" } else { "group_interval: 2s" };
            format!("{indent}{name}")
        }
        None => line.to_owned(),
    }
}
