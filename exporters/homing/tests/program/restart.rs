//! What outlives the program: where an address lives.

use super::*;

#[test]
fn in_an_outage_it_is_known_after_a_restart_where_it_lives() {
    let folder = tempfile::tempdir().unwrap();
    let (state, file) = (folder.path().join("state"), folder.path().join("state/places.json"));
    let server = Server::start();
    let config = |prometheus: &Prometheus| {
        let (url, state) = (prometheus.url(), state.display());
        format!(
            "prometheus: [{{url: '{url}'}}]\ninterval: 5s\ntimeout: 5s\nstate_directory: '{state}'\n"
        )
    };
    let city = "homing_site_info{target=\"api\",city=\"Amsterdam\",source=\"name\"}";
    let calm = prometheus(&server);
    let program = start(&config(&calm));
    let metrics = program.wait_until("a verdict", |it| it.get(city).is_some());
    assert_eq!(metrics.value("homing_one_site{target=\"api\"}"), 1.0);
    program.wait("its file", || file.exists());
    assert!(program.stop().success());
    drop(calm);

    // Another Prometheus, to which the API has never answered; all others do.
    let votes =
        "target:latency_voters{target=\"api\"} 6\ntarget:latency_down:ratio{target=\"api\"} 1\n";
    let api = |line: &&str| !line.contains("target=\"api\"");
    let page =
        latency().lines().filter(api).fold(votes.to_owned(), |page, line| page + line + "\n");
    let server = Server::start();
    let outage = prometheus_of(&server, &page);
    outage.wait_for("target:latency_down:ratio", 1);
    let program = start(&config(&outage));
    let metrics = program.wait_until("an evaluation", |it| it.get(city).is_some());
    assert_eq!(metrics.value("homing_one_site{target=\"api\"}"), 1.0);
    assert_eq!(metrics.value(&format!("{API},class=\"one_site\"}}")), 1.0);
    let sentence = "api (149.154.167.220): consistent with one site within";
    assert!(program.page("/homing").contains(sentence), "{}", program.page("/homing"));
    let (status, log) = program.end();
    assert!(status.success() && !log.contains("places.json"), "{log}");

    // A file that is of no use is told with the config, once, and moved aside.
    std::fs::write(&file, r#"{"format": 99}"#).unwrap();
    let told = |log: &str| {
        let lines: Vec<_> = log.lines().filter(|it| it.contains("places.json ")).collect();
        let words = "line 4: state_directory: ";
        assert!(lines.len() == 1 && lines[0].contains("WARN") && lines[0].contains(words), "{log}");
    };
    let checked = folder.path().join("check.yml");
    std::fs::write(&checked, config(&outage)).unwrap();
    let check = Command::new(env!("CARGO_BIN_EXE_turbulence-homing"))
        .args(["--config.check", "--config.file"])
        .arg(&checked)
        .output()
        .unwrap();
    assert!(check.status.success() && file.exists());
    told(&String::from_utf8_lossy(&check.stderr));
    let program = start(&config(&outage));
    let metrics = program.wait_until("an evaluation", |it| it.sum("homing_class") >= 1.0);
    assert_eq!(metrics.get(city), None);
    program.wait("its file", || file.exists());
    assert!(state.join("places.json.unreadable").exists());
    told(&program.end().1);
}
