//! A file as it is read, plain or packed by gzip (I/O).

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

/// A file may be so large, also when it is unpacked: all routes of the world are a fifth of it.
const LARGEST: u64 = 256 << 20;
/// How a file begins that gzip has packed.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The content of a regular file, unpacked where gzip has packed it. Reading more than 256 MiB is an error.
pub fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    // Asked before it is opened: opening a pipe would wait for somebody to write.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    unpacked(File::open(path)?, LARGEST)
}

fn unpacked(file: impl Read + 'static, largest: u64) -> io::Result<Box<dyn BufRead>> {
    let mut file = BufReader::new(Limited::new(file, largest));
    Ok(if file.fill_buf()?.starts_with(&GZIP) {
        Box::new(BufReader::new(Limited::new(MultiGzDecoder::new(file), largest)))
    } else {
        Box::new(file)
    })
}

/// Reading from it beyond a limit is an error: half a file would be taken for the whole.
#[derive(Debug)]
pub struct Limited<R> {
    inner: R,
    left: u64,
    largest: u64,
}

impl<R> Limited<R> {
    /// To be read as far as so many bytes.
    pub fn new(inner: R, largest: u64) -> Self {
        Self { inner, left: largest, largest }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
            io::Error::other(format!("it is larger than {} MiB", self.largest >> 20))
        })?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    fn read(bytes: Vec<u8>, largest: u64) -> Result<Vec<u8>, String> {
        let mut text = Vec::new();
        let read = unpacked(io::Cursor::new(bytes), largest)
            .and_then(|mut file| file.read_to_end(&mut text));
        read.map(|_| text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_is_unpacked_and_has_a_limit_either_way() {
        let text = vec![b'a'; 3 << 20];
        for file in [text.clone(), packed(&text)] {
            assert_eq!(read(file.clone(), 3 << 20).unwrap(), text);
            assert_eq!(read(file, (3 << 20) - 1).unwrap_err(), "it is larger than 2 MiB");
        }
        let two = [packed(b"a"), packed(b"b")].concat();
        assert_eq!(read(two.clone(), 100).unwrap(), b"ab", "two files in one");
        assert!(read(two[..two.len() - 3].to_vec(), 100).is_err(), "cut");
        assert_eq!(read(Vec::new(), 0).unwrap(), b"");
    }

    #[test]
    fn what_is_no_regular_file_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let error = |path: &Path| open(path).map(|_| ()).unwrap_err().to_string();
        assert_eq!(error(folder.path()), "it is no regular file");
        assert!(error(&folder.path().join("none")).contains("No such file"));
        assert_eq!(error(Path::new("/dev/zero")), "it is no regular file");
    }
}
