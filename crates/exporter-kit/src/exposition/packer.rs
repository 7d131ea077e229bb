//! A page from the registry to its chunks: packed on the way, never whole.

use std::fmt;
use std::io::{self, ErrorKind, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::accept::Encoding;
use super::chunks::{CHUNK_BYTES, Chunks};
use super::classic::Classic;
use crate::page::{Format, Page};
use crate::registry::Registry;

/// Why a page has no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unwritten {
    /// A collector failed.
    Collector,
    /// The reader closed the connection.
    Gone,
    /// The reader took nothing for too long.
    Stalled,
}

/// Writes the whole page; blocks while the reader has enough to read.
pub(super) fn write(
    registry: &Registry,
    format: Format,
    encoding: Encoding,
    chunks: Chunks,
) -> Result<(), Unwritten> {
    let mut packer = Packer::new(encoding, chunks);
    let mut page = Page::new(format, &mut packer);
    registry.collect(&mut page);
    if let Some(texts) = registry.texts() {
        let classic = (format == Format::Classic).then(Classic::default);
        let mut lines = Lines { waiting: String::new(), classic, page: &mut page };
        let encoded = prometheus_client::encoding::text::encode_registry(&mut lines, texts);
        lines.pass(lines.waiting.len());
        if encoded.is_err() && !page.is_lost() {
            return Err(Unwritten::Collector);
        }
    }
    page.finish().and_then(|()| packer.finish()).map_err(|error| Unwritten::from(error.kind()))
}

impl From<ErrorKind> for Unwritten {
    fn from(kind: ErrorKind) -> Self {
        if kind == ErrorKind::TimedOut { Self::Stalled } else { Self::Gone }
    }
}

/// Collects what the encoder writes, which is a word at a time, and passes on many lines at once.
struct Lines<'p, 'r> {
    waiting: String,
    /// `None` for OpenMetrics, which is what the encoder writes.
    classic: Option<Classic>,
    page: &'p mut Page<'r>,
}

impl Lines<'_, '_> {
    /// Passes on the first `length` bytes of what waits.
    fn pass(&mut self, length: usize) {
        let lines = &self.waiting[..length];
        if let Some(classic) = &mut self.classic {
            let mut translated = String::new();
            classic.translate(lines, &mut translated);
            self.page.lines(&translated);
        } else {
            self.page.lines(lines);
        }
        self.waiting.drain(..length);
    }
}

impl fmt::Write for Lines<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.waiting.push_str(text);
        if self.waiting.len() < CHUNK_BYTES {
            return Ok(());
        }
        let Some(end) = text.rfind('\n') else { return Ok(()) };
        let whole = self.waiting.len() - text.len() + end + 1;
        self.pass(whole);
        if self.page.is_lost() { Err(fmt::Error) } else { Ok(()) }
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
