//! What the systemd units allow, held against what the exporters do, with all crates of the workspace that they are made
//! of. Libraries of others are not read: what one opens of its own is seen where the package is installed.

use std::fs;
use std::path::{Path, PathBuf};

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
        let sources = made_of(&folder).into_iter().map(|it| it.join("src"));
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

/// A package, and those of the workspace that it depends on, however far.
fn made_of(package: &Path) -> Vec<PathBuf> {
    let (mut all, mut at) = (vec![package.to_owned()], 0);
    while let Some(package) = all.get(at) {
        let manifest = fs::read_to_string(package.join("Cargo.toml")).unwrap();
        let (_, named) = manifest.split_once("\n[dependencies]\n").unwrap_or_default();
        let named = named.lines().take_while(|line| !line.starts_with('['));
        let named = named.filter_map(|line| line.split(['.', ' ', '=']).next());
        let ours = named.map(|name| root().join("crates").join(name));
        let ours: Vec<_> = ours.filter(|it| it.join("Cargo.toml").exists()).collect();
        for one in ours {
            if !all.contains(&one) {
                all.push(one);
            }
        }
        at += 1;
    }
    all
}

#[test]
fn a_package_is_made_of_what_it_depends_on() {
    let names = |package: &str| -> Vec<_> {
        let all = made_of(&root().join("exporters").join(package));
        all.iter().map(|it| it.file_name().unwrap().to_string_lossy().into_owned()).collect()
    };
    let ipmi = names("ipmi");
    for one in ["ipmi", "exporter-kit", "ipmi-lan"] {
        assert!(ipmi.iter().any(|it| it == one), "{one}: {ipmi:?}");
    }
    assert!(!ipmi.iter().any(|it| it == "peers"), "{ipmi:?}");
    assert!(names("latency").iter().any(|it| it == "datagram"));
}
