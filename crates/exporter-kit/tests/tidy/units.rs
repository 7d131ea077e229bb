//! What the systemd units allow, held against what the exporters do.

use std::fs;

use crate::{exporters, files, is_test, production, root, shown};

/// By the words of the code, which kinds of sockets it opens beside those of IP, which all of them speak.
const FAMILIES: [(&str, &[&str]); 2] = [
    ("AF_UNIX", &["UnixStream", "UnixDatagram", "UnixListener", "Domain::UNIX"]),
    ("AF_PACKET", &["AF_PACKET", "Domain::PACKET"]),
];

/// Where a unit refuses a kind of socket, whatever needs one fails with the exporter's own fault, and only there.
#[test]
fn a_unit_allows_the_sockets_that_its_exporter_opens_and_no_others() {
    for folder in exporters() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let unit = root().join(format!("deploy/systemd/turbulence-{name}.service"));
        let unit = fs::read_to_string(unit).unwrap();
        let allowed = unit.lines().find_map(|line| line.strip_prefix("RestrictAddressFamilies="));
        let allowed: Vec<_> = allowed.unwrap().split(' ').collect();
        for always in ["AF_INET", "AF_INET6", "AF_NETLINK"] {
            assert!(allowed.contains(&always), "{name}: {always}");
        }
        let crates = ["crates/exporter-kit", "crates/datagram"].map(|it| root().join(it));
        let sources = [folder.join("src")].into_iter().chain(crates.map(|it| it.join("src")));
        let sources: Vec<_> = sources.flat_map(|folder| files(&folder, ".rs")).collect();
        for (family, words) in FAMILIES {
            let opens = sources.iter().find(|(path, text)| {
                let mut lines = production(text);
                !is_test(path) && lines.any(|line| words.iter().any(|word| line.contains(word)))
            });
            let opens = opens.map(|(path, _)| shown(path));
            let is_allowed = allowed.contains(&family);
            assert_eq!(opens.is_some(), is_allowed, "{name}: {family}, opened in {opens:?}");
        }
    }
}
