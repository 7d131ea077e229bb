//! A page from the registry to its chunks: packed on the way, never whole.

use std::io::{self, ErrorKind, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::accept::Encoding;
use super::chunks::Chunks;
use crate::page::{Format, Page, Selection};
use crate::registry::Registry;

/// Why a page has no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unwritten {
    /// The reader closed the connection.
    Gone,
    /// The reader took nothing for too long.
    Stalled,
}

/// Writes what is wanted of a page; blocks while the reader has enough to read.
pub(super) fn write(
    registry: &Registry,
    selection: &Selection,
    format: Format,
    encoding: Encoding,
    chunks: Chunks,
) -> Result<(), Unwritten> {
    let mut packer = Packer::new(encoding, chunks);
    let mut page = Page::new(format, &mut packer).of(selection);
    registry.collect(&mut page);
    page.finish().and_then(|()| packer.finish()).map_err(|error| Unwritten::from(error.kind()))
}

impl From<ErrorKind> for Unwritten {
    fn from(kind: ErrorKind) -> Self {
        if kind == ErrorKind::TimedOut { Self::Stalled } else { Self::Gone }
    }
}

/// Packs a page as its reader wants it.
enum Packer {
    Identity(Chunks),
    Gzip(GzEncoder<Chunks>),
}

impl Packer {
    /// Labels repeat from line to line, so that the fastest level leaves little to the others.
    fn new(encoding: Encoding, chunks: Chunks) -> Self {
        match encoding {
            Encoding::Identity => Self::Identity(chunks),
            Encoding::Gzip => Self::Gzip(GzEncoder::new(chunks, Compression::fast())),
        }
    }

    fn finish(self) -> io::Result<()> {
        let chunks = match self {
            Self::Identity(chunks) => chunks,
            Self::Gzip(packed) => packed.finish()?,
        };
        chunks.finish()
    }
}

impl Write for Packer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Identity(chunks) => chunks.write(bytes),
            Self::Gzip(packed) => packed.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
