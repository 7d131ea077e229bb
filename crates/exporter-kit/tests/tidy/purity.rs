//! Pure files: they decide, and neither read, wait, ask the clock nor draw lots.

use crate::{assert_none, exporters, files, production, shown, sources};

/// What a file that calls itself pure must not contain outside its tests.
const IMPURE: [&str; 39] = [
    "tokio",
    "async ",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::io::std",
    "open_file",
    "read_file",
    "File::",
    "OpenOptions",
    "StateFile",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "UnixDatagram",
    "UnixListener",
    "Socket::new",
    "socket2",
    "datagram::",
    "nix::sys",
    "nix::unistd",
    "nix::fcntl",
    "procfs",
    "Instant::now",
    "SystemTime::now",
    ".elapsed()",
    "sleep(",
    "rand::random",
    "rand::rng()",
    "rand::thread_rng",
    "SysRng",
    "OsRng",
    "from_entropy",
    "print!(",
    "println!",
    "tracing",
    "prometheus_client",
];

fn is_pure(text: &str) -> bool {
    text.lines()
        .take_while(|line| line.starts_with("//!"))
        .any(|line| line.contains("No I/O, no clock."))
}

#[test]
fn pure_files_stay_pure() {
    let offenders =
        sources().into_iter().filter(|(_, text)| is_pure(text)).flat_map(|(path, text)| {
            let lines: Vec<_> = production(&text).map(str::to_owned).collect();
            IMPURE
                .iter()
                .filter(|word| lines.iter().any(|line| line.contains(**word)))
                .map(|word| format!("{} says it is pure and contains {word:?}", shown(&path)))
                .collect::<Vec<_>>()
        });
    assert_none(offenders);
}

/// What the file may not contain, which the list above would not see in it.
#[test]
fn a_file_that_opens_asks_the_clock_or_draws_lots_is_not_pure() {
    for line in [
        "let table = File::open(path)?;",
        "OpenOptions::new().read(true)",
        "let lot: u8 = rand::random();",
        "rand::rng().random_range(0..6)",
        "nix::sys::resource::getrlimit(it)",
        "SystemTime::UNIX_EPOCH.elapsed()",
        "eprintln!(\"{x}\")",
        "procfs::process::Process::myself()",
        "UnixStream::connect(path)",
    ] {
        assert!(IMPURE.iter().any(|word| line.contains(word)), "{line}");
    }
}

#[test]
fn every_exporter_decides_in_a_pure_file() {
    let offenders = exporters()
        .into_iter()
        .filter(|folder| !files(&folder.join("src"), ".rs").iter().any(|(_, text)| is_pure(text)))
        .map(|folder| format!("{} has no pure file", shown(&folder)));
    assert_none(offenders);
}
