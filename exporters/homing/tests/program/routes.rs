//! Tables of routes.

use super::*;

/// The records of a table, as written so many seconds ago.
pub(super) fn written(seconds_ago: u64, table: &[u8]) -> Vec<u8> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let time = u32::try_from(now.as_secs() - seconds_ago).unwrap();
    let (mut table, mut start) = (table.to_vec(), 0);
    while start < table.len() {
        let length = u32::from_be_bytes(table[start + 8..start + 12].try_into().unwrap());
        table[start..start + 4].copy_from_slice(&time.to_be_bytes());
        start += 12 + length as usize;
    }
    table
}

#[test]
fn a_table_of_routes_is_read_again_when_it_is_another_and_a_damaged_one_judges_nothing() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let table = include_bytes!("../tables/gobgp-3.10.mrt");
    let minutes = std::cell::Cell::new(60);
    let write = |name: &str, bytes: &[u8]| {
        // Elsewhere first, so that nobody reads half of it; and a while ago, so that it is taken for whole.
        let (new, name) = (folder.path().join("new"), folder.path().join(name));
        std::fs::write(&new, bytes).unwrap();
        let ago = std::time::Duration::from_secs(60 * minutes.replace(minutes.get() - 1));
        let file = std::fs::File::options().write(true).open(&new).unwrap();
        file.set_modified(std::time::SystemTime::now() - ago).unwrap();
        std::fs::rename(new, name).unwrap();
    };
    write("rib.1.mrt", &written(7_200, table));
    let config = |most: u8| {
        format!(
            "prometheus: [{{url: 'http://{}'}}]\nroutes:\n  files: ['{}/rib.*.mrt']\n  interval: 1s\n  watch:\n    \
             - {{prefix: 149.154.164.0/22, origins: [62041], max_length: {most}}}\n    - {{prefix: 2001:db8::/32}}\n\
             state_directory: '{1}/state'\n",
            server.address,
            folder.path().display()
        )
    };
    let program = start(&config(22));
    let of = |metric: &str| format!("{metric}{{prefix=\"149.154.164.0/22\"}}");
    let visible = of("homing_route_visible_ratio");
    let metrics = program.wait_until("a table", |it| it.get(&visible) == Some(1.0));
    let origin = "homing_route_origin_info{prefix=\"2001:db8::/32\",origin=\"62041\"}";
    assert_eq!(metrics.value(origin), 1.0);
    assert_eq!(metrics.value("homing_route_files"), 1.0);
    // One table is not enough to tell of a part that should not be.
    let parts = "homing_route_changes_total{prefix=\"149.154.164.0/22\",kind=\"more_specific\"}";
    let part = "homing_route_unexpected_info{kind=\"more_specific\",announced=\"149.154.167.0/24\",asn=\"62041\"}";
    assert_eq!((metrics.value(parts), metrics.get(part)), (0.0, None));
    write("rib.2.mrt", &written(3_600, table));
    let metrics = program.wait_until("the second table", |it| it.value(parts) == 1.0);
    assert_eq!(metrics.value(part), 1.0);
    let page = program.page("/homing");
    assert!(page.contains("more_specific 149.154.167.0/24 AS62041"), "{page}");
    let json: serde_json::Value =
        serde_json::from_str(&program.page("/homing?format=json")).unwrap();
    assert_eq!(json["routes"]["prefixes"][0]["origins"], serde_json::json!([[62_041, 1]]));
    assert_eq!(json["routes"]["tables"], serde_json::json!([["read", 1]]));
    let state = std::fs::read_to_string(folder.path().join("state/routes.json")).unwrap();
    assert!(state.contains("149.154.167.0/24"), "{state}");
    // Allowed by the config, and at once, without another table.
    assert_eq!(program.reload(&config(24)).status, 200);
    program.wait_until("other rules", |it| it.get(part).is_none());
    // Another folder is the one from the next look on, and what is known goes along.
    let moved = config(24).replace("/state'", "/moved'");
    assert_eq!(program.reload(&moved).status, 200);
    let moved = folder.path().join("moved/routes.json");
    program.wait("the other folder", || moved.exists());
    let state = std::fs::read_to_string(moved).unwrap();
    assert!(state.contains("62041"), "{state}");

    let read = program.metrics().value("homing_route_records_total{result=\"read\"}");
    let newest = written(60, table);
    write("rib.3.mrt", &newest[..newest.len() - 1]);
    program.wait_until("damage", |it| {
        it.value("homing_route_records_total{result=\"failed\"}") >= 1.0
    });
    program.wait("its name", || program.page("/").contains("down: damaged"));
    let metrics = program.metrics();
    assert_eq!(metrics.value("homing_route_tables{state=\"damaged\"}"), 1.0);
    assert_eq!(metrics.value(&visible), 1.0, "the one before stands");
    for (bytes, reason) in [(&b"BZh9"[..], "bzip2"), (b"", "no_route")] {
        write("rib.3.mrt", bytes);
        program.wait(reason, || program.page("/").contains(&format!("down: {reason}")));
    }
    let pack = |bytes: &[u8]| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, bytes).unwrap();
        packed.finish().unwrap()
    };
    write("rib.3.mrt", &pack(&newest));
    let records = "homing_route_records_total{result=\"read\"}";
    program.wait_until("the mend", |it| it.value(records) >= read + 4.0 + 3.0);
    program.wait_for_log(&["target is up again", "routes"]);
    // One that is older than a table may be says nothing, and its state says why.
    write("rib.3.mrt", &pack(&written(6 * 3_600 + 60, table)));
    let metrics = program.wait_until("an old one", |it| it.get(&visible).is_none());
    assert_eq!(metrics.value("homing_route_tables{state=\"old\"}"), 1.0);
    assert!(metrics.value("homing_route_table_timestamp_seconds") > 1e9);
}

/// Each kind of file that is of no use: it is seen before the start, told once, and the tables are judged all the same.
#[test]
fn what_is_kept_and_cannot_be_had_is_told_once_and_before_the_start() {
    let server = Server::start();
    let table = written(3_600, include_bytes!("../tables/gobgp-3.10.mrt"));
    for (kind, words) in [
        ("folder", "is not used"),
        ("fifo", "is not used"),
        ("link", "is not used"),
        ("no text", "is moved aside"),
        ("another format", "is moved aside"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let file = state.join("routes.json");
        std::fs::create_dir(&state).unwrap();
        match kind {
            "folder" => std::fs::create_dir(&file).unwrap(),
            "fifo" => assert!(Command::new("mkfifo").arg(&file).status().unwrap().success()),
            "link" => std::os::unix::fs::symlink("/dev/zero", &file).unwrap(),
            "no text" => std::fs::write(&file, b"\xFF\xFE").unwrap(),
            _ => std::fs::write(&file, r#"{"format": 99, "prefixes": []}"#).unwrap(),
        }
        let rib = folder.path().join("rib.mrt");
        std::fs::write(&rib, &table).unwrap();
        let ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3_600);
        std::fs::File::options().write(true).open(&rib).unwrap().set_modified(ago).unwrap();
        let config = format!(
            "prometheus: [{{url: 'http://{}'}}]\nstate_directory: '{}'\nroutes:\n  files: ['{}']\n  interval: 1s\n  \
             watch:\n    - {{prefix: 149.154.164.0/22}}\n",
            server.address,
            state.display(),
            rib.display()
        );
        let told = |log: &str| {
            let is_told = |it: &&str| it.contains("WARN") && it.contains("routes.json");
            let lines: Vec<_> = log.lines().filter(is_told).collect();
            assert_eq!(lines.len(), 1, "{kind}: {log}");
            let wanted = ["line 2: state_directory: ", words];
            assert!(wanted.iter().all(|it| lines[0].contains(it)), "{kind}: {log}");
        };
        let checked = folder.path().join("check.yml");
        std::fs::write(&checked, &config).unwrap();
        let check = Command::new(env!("CARGO_BIN_EXE_turbulence-homing"))
            .args(["--config.check", "--config.file"])
            .arg(&checked)
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&check.stderr).into_owned();
        assert!(check.status.success(), "{kind}: {log}");
        told(&log);
        assert!(file.symlink_metadata().is_ok(), "{kind}: a look changes nothing");

        let program = start(&config);
        let visible = "homing_route_visible_ratio{prefix=\"149.154.164.0/22\"}";
        program.wait_until("a table", |it| it.get(visible) == Some(1.0));
        assert_eq!(state.join("routes.json.unreadable").exists(), words == "is moved aside");
        // A reload looks at no file that the program keeps itself.
        assert_eq!(program.reload(&config).status, 200);
        let (status, log) = program.end();
        assert!(status.success(), "{kind}: {log}");
        told(&log);
    }
}

#[test]
fn where_no_prefix_is_named_those_of_the_addresses_that_are_judged_are_watched() {
    let server = Server::start();
    let prometheus = prometheus(&server);
    let folder = tempfile::tempdir().unwrap();
    let rib = folder.path().join("rib.mrt");
    std::fs::write(&rib, written(3_600, include_bytes!("../tables/gobgp-3.10.mrt"))).unwrap();
    let ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3_600);
    std::fs::File::options().write(true).open(&rib).unwrap().set_modified(ago).unwrap();
    let program = start(&format!(
        "prometheus: [{{url: '{}'}}]\ninterval: 5s\ntimeout: 5s\nroutes: {{files: ['{}'], interval: 1s}}\n",
        prometheus.url(),
        rib.display()
    ));
    let origin = "homing_route_origin_info{prefix=\"149.154.167.0/24\",origin=\"62041\"}";
    let metrics = program.wait_until("its route", |it| it.get(origin) == Some(1.0));
    let endpoint = "homing_route_endpoints_info{prefix=\"149.154.167.0/24\",target=\"api\"}";
    assert_eq!(metrics.get(endpoint), Some(1.0));
    program.wait_until_ready();
}
