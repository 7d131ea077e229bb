//! The simulated BMC as `ipmitool` sees it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use turbulence_lab::bmc::replay::Player;
use turbulence_lab::bmc::{Bmc, HD_MAX, Options, Sensor};
use turbulence_lab::drives::Drives;
use turbulence_lab::thermal::Scenario;

/// A BMC on a free port of an address that no other test uses.
async fn start(folder: &TempDir, name: &str, address: [u8; 4]) -> Bmc {
    let ip = Ipv4Addr::from(address);
    let free = UdpSocket::bind((ip, 0)).unwrap().local_addr().unwrap().port();
    let options = Options {
        name: name.to_owned(),
        listen: SocketAddrV4::new(ip, free),
        folder: folder.path().join(name),
        password: "sesame-open".to_owned(),
    };
    Bmc::start(options, Box::new(Command::spawn)).await.unwrap()
}

fn ipmitool(address: SocketAddrV4, password_file: &Path, words: &[&str]) -> Output {
    let mut command = Command::new("ipmitool");
    command.args(["-I", "lanplus", "-C", "3", "-L", "USER", "-N", "1", "-R", "2"]);
    command.args(["-H", &address.ip().to_string(), "-p", &address.port().to_string()]);
    command.args(["-U", "monitor", "-f"]).arg(password_file).args(words);
    command.output().expect("install the Debian package ipmitool")
}

/// The list of `sdr elist all`: name to reading.
fn readings(bmc: &Bmc) -> BTreeMap<String, String> {
    let output = ipmitool(bmc.address(), &bmc.password_file(), &["sdr", "elist", "all"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let list = String::from_utf8(output.stdout).unwrap();
    let fields = |line: &str| line.split('|').map(|one| one.trim().to_owned()).collect();
    let lines = list.lines().map(fields);
    lines.map(|fields: Vec<String>| (fields[0].clone(), fields[4].clone())).collect()
}

/// Waits until a sensor shows a reading; the simulator reads its files ten times a second.
async fn shows(bmc: &Bmc, sensor: &str, reading: &str) {
    let mut last = BTreeMap::new();
    for _ in 0..100 {
        last = readings(bmc);
        if last.get(sensor).is_some_and(|shown| shown == reading) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{sensor} does not show {reading}: {last:?}");
}

#[tokio::test]
async fn ipmitool_reads_what_was_set() {
    let folder = tempfile::tempdir().unwrap();
    let bmc = start(&folder, "srv-set", [127, 20, 1, 1]).await;
    shows(&bmc, HD_MAX, "24 degrees C").await;
    let idle = readings(&bmc);
    let expected = [
        ("01-Inlet Ambient", "21 degrees C"),
        ("02-CPU", "40 degrees C"),
        ("07-VR P1", "30 degrees C"),
        ("Fan 1 DutyCycle", "19.21 percent"),
        ("Fan 2", "4500 RPM"),
        ("Power Meter", "70 Watts"),
        ("PS 1 Input", "0.30 Amps"),
        ("12V", "12 Volts"),
        ("Power Supply 1", "Presence detected"),
        ("Drive 1", "Drive Present"),
    ];
    for (name, reading) in expected {
        assert_eq!(idle.get(name).map(String::as_str), Some(reading), "{name}");
    }
    assert_eq!(idle.len(), 17);

    bmc.set(Sensor::HdMax, 58.0).unwrap();
    bmc.set(Sensor::Fan1Duty, 100.0).unwrap();
    bmc.set(Sensor::Fan2Rpm, 0.0).unwrap();
    shows(&bmc, HD_MAX, "58 degrees C").await;
    shows(&bmc, "Fan 1 DutyCycle", "99.96 percent").await;
    shows(&bmc, "Fan 2", "0 RPM").await;
}

#[tokio::test]
async fn a_threshold_is_read_as_it_is_on_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    let bmc = start(&folder, "srv-limit", [127, 20, 1, 2]).await;
    let words = ["sensor", "get", HD_MAX];
    let output = ipmitool(bmc.address(), &bmc.password_file(), &words);
    let text = String::from_utf8(output.stdout).unwrap();
    let line = |title: &str| text.lines().find(|line| line.trim().starts_with(title)).unwrap();
    assert!(line("Upper Non-Critical").ends_with(": 60.000"), "{text}");
    assert!(line("Upper Critical").ends_with(": na"), "{text}");
}

#[tokio::test]
async fn the_account_can_read_and_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let bmc = start(&folder, "srv-user", [127, 20, 1, 3]).await;
    let wrong = folder.path().join("wrong");
    std::fs::write(&wrong, "wrong").unwrap();
    assert!(!ipmitool(bmc.address(), &wrong, &["sdr"]).status.success());
    for words in [["chassis", "power", "off"], ["user", "list", "1"], ["sel", "clear", ""]] {
        let refused = ipmitool(bmc.address(), &bmc.password_file(), &words);
        let error = String::from_utf8_lossy(&refused.stderr);
        assert!(error.contains("Insufficient privilege level"), "{words:?}: {error}");
    }
    let mode = std::fs::metadata(bmc.password_file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn after_a_reset_a_sensor_is_gone_and_after_a_boot_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut bmc = start(&folder, "srv-reset", [127, 20, 1, 4]).await;
    bmc.restart_without(&[HD_MAX]).await.unwrap();
    let list = readings(&bmc);
    assert_eq!((list.len(), list.contains_key(HD_MAX)), (16, false));
    bmc.restart_without(&[]).await.unwrap();
    shows(&bmc, HD_MAX, "24 degrees C").await;
}

#[tokio::test]
async fn a_stopped_bmc_is_silent_and_a_paused_one_answers_late() {
    let folder = tempfile::tempdir().unwrap();
    let mut bmc = start(&folder, "srv-stop", [127, 20, 1, 5]).await;
    bmc.pause().unwrap();
    assert!(!ipmitool(bmc.address(), &bmc.password_file(), &["sdr"]).status.success());
    bmc.resume().unwrap();
    assert_eq!(readings(&bmc).len(), 17);
    bmc.stop().unwrap();
    assert!(!ipmitool(bmc.address(), &bmc.password_file(), &["sdr"]).status.success());
}

#[tokio::test]
async fn several_bmcs_run_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let one = start(&folder, "srv-one", [127, 20, 1, 6]).await;
    let two = start(&folder, "srv-two", [127, 20, 1, 7]).await;
    one.set(Sensor::Inlet, 33.0).unwrap();
    shows(&one, "01-Inlet Ambient", "33 degrees C").await;
    shows(&two, "01-Inlet Ambient", "21 degrees C").await;
}

#[tokio::test]
async fn a_port_in_use_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let taken = UdpSocket::bind("127.20.1.8:0").unwrap();
    let std::net::SocketAddr::V4(listen) = taken.local_addr().unwrap() else { unreachable!() };
    let options = Options {
        name: "srv-taken".to_owned(),
        listen,
        folder: folder.path().join("taken"),
        password: "sesame".to_owned(),
    };
    let error = Bmc::start(options, Box::new(Command::spawn)).await.unwrap_err();
    assert!(format!("{error:#}").contains("is in use"), "{error:#}");
}

#[tokio::test]
async fn a_missing_simulator_names_the_package() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        name: "srv-none".to_owned(),
        listen: "127.20.1.9:9".parse().unwrap(),
        folder: folder.path().join("none"),
        password: "sesame".to_owned(),
    };
    let nowhere = |_: &mut Command| Command::new("/nowhere/ipmi_sim").spawn();
    let error = Bmc::start(options, Box::new(nowhere)).await.unwrap_err();
    assert!(error.to_string().contains("install the Debian package openipmi"), "{error:#}");
}

#[tokio::test]
async fn the_phantom_shows_on_the_bmc_and_not_on_the_drives() {
    let folder = tempfile::tempdir().unwrap();
    let bmc = start(&folder, "srv-phantom", [127, 20, 1, 10]).await;
    let (address, password) = (bmc.address(), bmc.password_file());
    let drives = Drives::default();
    let server = drives.serve(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
    let player = Player::start(bmc, drives);
    let read = |sensor: &str| {
        let output = ipmitool(address, &password, &["sensor", "reading", sensor]);
        String::from_utf8(output.stdout).unwrap()
    };
    let reaches = async |sensor: &str, reading: &str| {
        for _ in 0..300 {
            if read(sensor).trim_end().ends_with(reading) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("{sensor}: {}, not {reading}", read(sensor));
    };
    reaches(HD_MAX, "| 24").await;
    player.play(Scenario::Phantom).await.unwrap();
    reaches(HD_MAX, "| 58").await;
    reaches("Fan 1 DutyCycle", "| 99.960").await;
    reaches("PS 1 Input", "| 0.500").await;
    let metrics = get(&format!("{}/metrics?target=srv-phantom", server.address())).await;
    assert!(metrics.contains("device=\"sda\",temperature_type=\"current\"} 22\n"), "{metrics}");

    player.play(Scenario::SensorLost).await.unwrap();
    assert!(!read(HD_MAX).contains('|'), "{}", read(HD_MAX));
    player.back_to_idle().await.unwrap();
    reaches(HD_MAX, "| 24").await;
    reaches("Fan 1 DutyCycle", "| 19.208").await;
}

#[tokio::test]
async fn the_drives_of_each_machine_are_served_apart() {
    let drives = Drives::default();
    let server = drives.serve(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
    drives.set("srv-one", &[22.0, 21.0]);
    let only = get(&format!("{}/metrics", server.address())).await;
    assert!(only.contains("} 22\n") && only.contains("} 21\n"), "{only}");
    drives.set("srv-two", &[31.0]);
    let both = get(&format!("{}/metrics", server.address())).await;
    assert!(both.starts_with("HTTP/1.1 404") && both.contains("srv-one, srv-two"), "{both}");
    let two = get(&format!("{}/metrics?target=srv-two", server.address())).await;
    assert!(two.contains("} 31\n") && !two.contains("} 22\n"), "{two}");

    let (_, exposition) = two.split_once("\r\n\r\n").unwrap();
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("install the Debian package prometheus");
    promtool.stdin.take().unwrap().write_all(exposition.as_bytes()).unwrap();
    let checked = promtool.wait_with_output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

/// `http://` and the rest, in one request.
async fn get(address_and_path: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (address, path) = address_and_path.split_once('/').unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}
