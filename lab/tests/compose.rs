//! The script by which compose starts Prometheus: each path of the shipped file means what it means there.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use turbulence_lab::process::find;

/// Each form in which a path stands in such a file.
const CONFIG: &str = "\
global:
  external_labels:
    turbulence_grafana: http://localhost:3000
rule_files: [rules/a.rules.yml, 'more rules/*.yml']
scrape_configs:
  - job_name: a
    file_sd_configs:
      - files: [targets/a/*.yml, targets/b/*.yml]
      - files:
          - targets/c/*.yml
    tls_config: {ca_file: ca.pem}
    basic_auth: {username: u, password_file: secrets/password}
alerting:
  alertmanagers:
    - file_sd_configs: [{files: [\"alertmanagers/*.yml\"]}]
";

#[test]
fn a_path_of_any_form_is_found_and_links_lead_to_the_host() {
    let root = tempfile::tempdir().unwrap();
    let etc = root.path().join("etc");
    let write = |name: &str, text: &str| {
        let file = etc.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    write("prometheus.yml", CONFIG);
    for name in ["rules/a.rules.yml", "more rules/b.yml"] {
        write(name, "groups: [{name: g, rules: [{record: a, expr: vector(1)}]}]");
    }
    for name in ["targets/a/1.yml", "targets/b/1.yml", "targets/c/1.yml", "alertmanagers/1.yml"] {
        write(name, "[{targets: ['127.0.0.1:1']}]");
    }
    write("ca.pem", "");
    write("secrets/password", "secret");
    let work = root.path().join("work");
    fs::create_dir(&work).unwrap();
    let program = root.path().join("prometheus");
    let promtool = find("promtool", "prometheus").unwrap();
    let text = format!(
        "#!/bin/sh\nexec '{}' check config \"${{1#--config.file=}}\"\n",
        promtool.display()
    );
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    // A second start finds what the first one left.
    for _ in 0..2 {
        let started = Command::new("sh")
            .arg(suite.join("deploy/compose/prometheus.sh"))
            .env("PROMETHEUS_SHIPPED", etc.join("prometheus.yml"))
            .env("PROMETHEUS_WORK", &work)
            .env("PROMETHEUS", &program)
            .env("TURBULENCE_LINKS", "monitor.example.com")
            .output()
            .unwrap();
        let said =
            [started.stdout, started.stderr].map(|it| String::from_utf8(it).unwrap()).concat();
        assert!(started.status.success() && !said.contains("does not exist"), "{said}");
        assert_eq!(said.matches("SUCCESS: 1 rules found").count(), 2, "{said}");
    }
    let config = fs::read_to_string(work.join("prometheus-config/prometheus.yml")).unwrap();
    assert_eq!(config, CONFIG.replace("//localhost", "//monitor.example.com"));
    assert_eq!(fs::read_to_string(etc.join("prometheus.yml")).unwrap(), CONFIG);
}
