//! A file that is opened only if it is a regular one, and read only as far as it may be long.
//!
//! Whatever a user names in a config or on the command line is read here: a FIFO would be waited for
//! and hold up all that comes after it, a device would never end.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{anyhow, ensure};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use zeroize::Zeroizing;

/// What a file holds that may be a regular one of at most `most` bytes; a symlink is followed, as
/// secrets of Kubernetes are mounted. It may be a secret, and is wiped when it is dropped.
///
/// Fails if it is no regular file, is longer, or cannot be read; the error does not name the file.
pub fn read_file(path: &Path, most: u64) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = open_file(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
    read.map_err(|error| anyhow!(plainly(&error)))?;
    ensure!(bytes.len() as u64 <= most, "it has more than {}", size(most));
    Ok(bytes)
}

/// The same of a text in UTF-8, without the byte order mark that it may begin with.
pub(crate) fn read_text(path: &Path, most: u64) -> anyhow::Result<Zeroizing<String>> {
    let bytes = read_file(path, most)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    ensure!(
        !bytes.starts_with(b"\xff\xfe") && !bytes.starts_with(b"\xfe\xff"),
        "line 1 is not UTF-8 text but UTF-16; save the file as UTF-8"
    );
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].split(|byte| *byte == b'\n').count();
        anyhow!("line {line} is not UTF-8 text")
    })?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Why a file cannot be read, and what to do.
fn plainly(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "No such file".to_owned(),
        ErrorKind::PermissionDenied => {
            "its mode, or that of a folder above it, does not let this user read it".to_owned()
        }
        ErrorKind::NotADirectory => "a part of its path is no folder".to_owned(),
        _ => {
            let text = error.to_string();
            // The number is of no use to who reads this.
            text.split(" (os error").next().unwrap_or(&text).to_owned()
        }
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        _ if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}

/// Opens a file without waiting, if it is a regular one; a symlink is followed. For what is too long to be
/// read whole, or is unpacked as it is read.
pub fn open_file(path: &Path) -> io::Result<File> {
    // Looked at before: opening a device may do something, as a watchdog's does.
    if !path.metadata()?.is_file() {
        return Err(no_regular_file());
    }
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path);
    regular(file?)
}

/// Opens it without waiting, and without following a symlink.
pub(crate) fn open_itself(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = options.custom_flags(flags.bits()).open(path);
    let file = file.map_err(|error| match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ELOOP | Errno::EISDIR | Errno::ENXIO) => no_regular_file(),
        _ => error,
    });
    regular(file?)
}

fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() { Ok(file) } else { Err(no_regular_file()) }
}

fn no_regular_file() -> io::Error {
    io::Error::other("it is no regular file")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path) -> String {
        read_text(path, 2048).unwrap_err().to_string()
    }

    #[test]
    fn what_would_be_waited_for_or_never_ends_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let long = folder.path().join("long");
        std::fs::write(&long, "x".repeat(2049)).unwrap();
        for path in [&fifo, Path::new("/dev/zero"), folder.path()] {
            assert_eq!(refusal(path), "it is no regular file", "{}", path.display());
        }
        assert_eq!(refusal(&long), "it has more than 2 KiB");
        assert_eq!((size(1 << 20), size(1025)), ("1 MiB".to_owned(), "1025 bytes".to_owned()));
        assert!(refusal(&folder.path().join("nowhere")).contains("No such file"));
    }

    #[test]
    fn a_text_is_utf_8_with_a_mark_or_without() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let write = |bytes: &[u8]| std::fs::write(&file, bytes).unwrap();
        write(b"\xef\xbb\xbfa: 1\n");
        assert_eq!(*read_text(file.path(), 10).unwrap(), "a: 1\n");
        write(b"a\n\xc3\x28");
        assert_eq!(refusal(file.path()), "line 2 is not UTF-8 text");
        write(b"\xff\xfea\0");
        assert!(refusal(file.path()).contains("UTF-16"));
    }
}
