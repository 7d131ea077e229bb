//! What the guest boots into: busybox, kernel modules and a few programs of this machine with their libraries.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

/// Where the kernel's first process is.
const INIT: &str = include_str!("init.sh");

/// The modules of `/dev/ipmi0`, in the order in which they depend on each other.
pub const MODULES: [&str; 3] = ["ipmi_msghandler", "ipmi_devintf", "ipmi_si"];

const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;

/// Makes the archive. `kernel` has the modules; `programs` go to `/bin` with all that they are linked
/// to, `files` to the places that are named.
pub fn build(
    kernel: &Path,
    programs: &[PathBuf],
    files: &[(&str, Vec<u8>)],
) -> anyhow::Result<Vec<u8>> {
    let mut archive = Archive::default();
    archive.file("init", INIT.as_bytes());
    for module in MODULES {
        let path = kernel.join(module).with_extension("ko");
        archive.file(&format!("modules/{module}.ko"), &read(&path)?);
    }
    let mut libraries = BTreeSet::new();
    for program in programs {
        let name = program.file_name().context("a program has a name")?.to_string_lossy();
        archive.file(&format!("bin/{name}"), &read(program)?);
        libraries.extend(linked(program)?);
    }
    for library in libraries {
        archive.file(library.trim_start_matches('/'), &read(Path::new(&library))?);
    }
    for (place, content) in files {
        archive.file(place, content);
    }
    Ok(archive.end())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("reading {} for the guest", path.display()))
}

/// The libraries of a program, and its loader; none when it is static.
fn linked(program: &Path) -> anyhow::Result<Vec<String>> {
    let output = Command::new("ldd").arg(program).output().context("starting ldd")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(!text.contains("not found"), "{} lacks a library:\n{text}", program.display());
    Ok(paths(&text))
}

/// The paths in what `ldd` prints: `name => path (address)`, or the loader's path alone.
fn paths(ldd: &str) -> Vec<String> {
    let fields =
        ldd.lines().filter_map(|line| line.split_whitespace().find(|it| it.starts_with('/')));
    fields.filter(|path| !path.ends_with(':')).map(str::to_owned).collect()
}

/// A cpio archive of the format `newc`, which the kernel unpacks (its
/// `Documentation/driver-api/early-userspace/buffer-format.rst`).
#[derive(Debug, Default)]
struct Archive {
    bytes: Vec<u8>,
    folders: BTreeSet<String>,
    entries: u32,
}

impl Archive {
    /// Adds a file that may be run, and the folders above it.
    fn file(&mut self, path: &str, content: &[u8]) {
        for (end, _) in path.match_indices('/') {
            if self.folders.insert(path[..end].to_owned()) {
                self.entry(&path[..end], FOLDER, &[]);
            }
        }
        self.entry(path, PROGRAM, content);
    }

    fn end(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }

    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.entries += 1;
        let size = |length: usize| u32::try_from(length).expect("what the guest needs is small");
        // Inode, mode, owner, group, links, time, size, four device numbers, name's size, no checksum.
        let links = 1;
        let fields = [self.entries, mode, 0, 0, links, 0, size(content.len()), 0, 0, 0, 0];
        self.bytes.extend(b"070701");
        for field in fields.into_iter().chain([size(path.len() + 1), 0]) {
            self.bytes.extend(format!("{field:08x}").bytes());
        }
        self.bytes.extend(path.bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_a_header_of_110_bytes_and_is_padded_to_four() {
        let mut archive = Archive::default();
        archive.file("a/b", b"12345");
        let bytes = archive.end();
        // Folder "a": header and two bytes of name, no content.
        assert_eq!(&bytes[..14], b"07070100000001");
        assert_eq!(&bytes[14..22], b"000041ed");
        assert_eq!(&bytes[110..112], b"a\0");
        let file = &bytes[112..];
        assert_eq!(&file[14..22], b"000081ed");
        assert_eq!(&file[54..62], b"00000005", "the content's size");
        assert_eq!(&file[94..102], b"00000004", "the name's size, with its zero");
        assert_eq!(
            &file[110..124],
            b"a/b\0\0\0".iter().chain(b"12345\0\0\0").copied().collect::<Vec<_>>()
        );
        assert_eq!(bytes.len() % 4, 0);
        assert!(bytes[..bytes.len()].windows(10).any(|window| window == b"TRAILER!!!"));
    }

    #[test]
    fn libraries_are_what_ldd_found() {
        let text = "\tlinux-vdso.so.1 (0x00007ffc)\n\
                    \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n";
        assert_eq!(paths(text), ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"]);
        assert!(paths("\tnot a dynamic executable\n").is_empty());
    }
}
