//! A page from the registry to its chunks: translated and packed on the way, never whole.

use std::fmt;
use std::io::{self, ErrorKind, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::accept::{Encoding, Format};
use super::chunks::{CHUNK_BYTES, Chunks};
use super::classic::Classic;

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
    let mut lines = Lines {
        waiting: String::new(),
        classic: (format == Format::Classic).then(Classic::default),
        translated: String::new(),
        packer: Packer::new(encoding, chunks),
        failure: None,
    };
    if encode(&mut lines, registry).is_err() {
        return Err(lines.failure.map_or(Unwritten::Collector, Unwritten::from));
    }
    lines.finish().map_err(|error| Unwritten::from(error.kind()))
}

impl From<ErrorKind> for Unwritten {
    fn from(kind: ErrorKind) -> Self {
        if kind == ErrorKind::TimedOut { Self::Stalled } else { Self::Gone }
    }
}

/// Collects what the encoder writes, which is a word at a time, and passes on many lines at once.
struct Lines {
    waiting: String,
    /// `None` for OpenMetrics, which is what the encoder writes.
    classic: Option<Classic>,
    /// Kept for its memory alone.
    translated: String,
    packer: Packer,
    /// What the encoder's own error cannot say.
    failure: Option<ErrorKind>,
}

impl Lines {
    /// Passes on the first `length` bytes of what waits.
    fn pass(&mut self, length: usize) -> io::Result<()> {
        let lines = &self.waiting[..length];
        if let Some(classic) = &mut self.classic {
            self.translated.clear();
            classic.translate(lines, &mut self.translated);
            self.packer.write(&self.translated)?;
        } else {
            self.packer.write(lines)?;
        }
        self.waiting.drain(..length);
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        self.pass(self.waiting.len())?;
        self.packer.finish()
    }
}

impl fmt::Write for Lines {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.waiting.push_str(text);
        if self.waiting.len() < CHUNK_BYTES {
            return Ok(());
        }
        let Some(end) = text.rfind('\n') else { return Ok(()) };
        let whole = self.waiting.len() - text.len() + end + 1;
        self.pass(whole).map_err(|error| {
            self.failure = Some(error.kind());
            fmt::Error
        })
    }
}

/// Packs text as the reader wants it.
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

    fn write(&mut self, text: &str) -> io::Result<()> {
        match self {
            Self::Identity(chunks) => chunks.write_all(text.as_bytes()),
            Self::Gzip(packed) => packed.write_all(text.as_bytes()),
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
