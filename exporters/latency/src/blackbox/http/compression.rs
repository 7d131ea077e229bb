//! How a body is packed: `compression`. No I/O, no clock.

use std::io::{self, Write};

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use serde::Deserialize;

/// How a body is said to be packed. What is not, is not looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) enum Compression {
    /// Nothing is said: the body is taken as it comes.
    #[default]
    Unsaid,
    Identity,
    Gzip,
    Deflate,
    Brotli,
}

impl TryFrom<String> for Compression {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "" => Ok(Self::Unsaid),
            "identity" => Ok(Self::Identity),
            "gzip" => Ok(Self::Gzip),
            "deflate" => Ok(Self::Deflate),
            "br" => Ok(Self::Brotli),
            _ => Err("must be gzip, deflate, br or identity".to_owned()),
        }
    }
}

impl Compression {
    /// Its name in `Accept-Encoding`.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Unsaid => None,
            Self::Identity => Some("identity"),
            Self::Gzip => Some("gzip"),
            Self::Deflate => Some("deflate"),
            Self::Brotli => Some("br"),
        }
    }

    /// Whether a server that is told this header may pack so: of what the header says of it, or of `*`, the
    /// first in the order of weights counts.
    pub(super) fn is_accepted_by(self, header: &str) -> bool {
        let Some(name) = self.name() else { return true };
        if header.is_empty() {
            return true;
        }
        let mut entries: Vec<(&str, f64)> = header
            .split(',')
            .map(|entry| match entry.rsplit_once(';') {
                None => (entry.trim(), 1.0),
                Some((coding, weight)) => {
                    let weight = weight.trim();
                    let weight = weight.strip_prefix("q=").unwrap_or(weight);
                    (coding.trim(), weight.parse().unwrap_or(0.0))
                }
            })
            .collect();
        entries.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let first = entries.iter().find(|(coding, _)| *coding == name || *coding == "*");
        first.is_some_and(|(_, weight)| *weight > 0.0)
    }
}

/// Bytes that a step takes: each may become a thousand times as long by gzip.
const PIECE: usize = 4096;
/// And bytes that a step gives, where any may become any number: by Brotli.
const STEP: usize = 64 * 1024;

/// Unpacks Brotli, so much at a time: a dozen bytes of it may stand for 16 MiB.
pub(super) struct Brotli<W: Write> {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    unpacked: Vec<u8>,
    is_done: bool,
    sink: W,
}

impl<W: Write> Brotli<W> {
    fn new(sink: W) -> Self {
        let memory = StandardAlloc::default;
        // Strict: no window is larger than RFC 7932 has it, 16 MiB, as in the peer.
        let state = BrotliState::new_strict(memory(), memory(), memory());
        Self { state, unpacked: vec![0; STEP], is_done: false, sink }
    }

    /// Takes from the front of `bytes`; whether it has more to give without any more of them.
    fn step(&mut self, bytes: &mut &[u8]) -> io::Result<bool> {
        if self.is_done {
            let is_all = bytes.is_empty();
            return if is_all { Ok(false) } else { Err(io::ErrorKind::InvalidData.into()) };
        }
        let (mut left, mut taken) = (bytes.len(), 0);
        let (mut room, mut given, mut total) = (STEP, 0, 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut taken,
            bytes,
            &mut room,
            &mut given,
            &mut self.unpacked,
            &mut total,
            &mut self.state,
        );
        *bytes = &bytes[taken..];
        self.sink.write_all(&self.unpacked[..given])?;
        match result {
            BrotliResult::NeedsMoreInput => Ok(false),
            BrotliResult::NeedsMoreOutput => Ok(true),
            BrotliResult::ResultSuccess => {
                self.is_done = true;
                Ok(false)
            }
            BrotliResult::ResultFailure => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        while self.step(&mut &[][..])? {}
        if self.is_done { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// Unpacks what is written to it into a sink.
pub(super) enum Unpacker<W: Write> {
    Plain(W),
    Gzip(MultiGzDecoder<W>),
    /// Whether zlib's header is there shows with the first byte.
    Deflate(Option<W>),
    Zlib(ZlibDecoder<W>),
    Raw(DeflateDecoder<W>),
    Brotli(Box<Brotli<W>>),
}

impl<W: Write> Unpacker<W> {
    pub(super) fn new(compression: Compression, sink: W) -> Self {
        match compression {
            Compression::Unsaid | Compression::Identity => Self::Plain(sink),
            Compression::Gzip => Self::Gzip(MultiGzDecoder::new(sink)),
            Compression::Deflate => Self::Deflate(Some(sink)),
            Compression::Brotli => Self::Brotli(Box::new(Brotli::new(sink))),
        }
    }

    /// Takes all of it. What fails here is not packed so, or the sink wants no more.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while self.step(&mut bytes)? {}
        Ok(())
    }

    /// Takes a piece from the front, or gives more of what was taken: a bounded step in either case. Whether
    /// there is another to be made.
    pub(super) fn step(&mut self, bytes: &mut &[u8]) -> io::Result<bool> {
        if let (Self::Deflate(sink), Some(first)) = (&mut *self, bytes.first()) {
            let sink = sink.take().expect("it is taken once, and replaced");
            // RFC 1950: method 8 in the low bits. A raw stream does not begin so but by a rare chance.
            *self = if first & 0x0f == 8 && first >> 4 <= 7 {
                Self::Zlib(ZlibDecoder::new(sink))
            } else {
                Self::Raw(DeflateDecoder::new(sink))
            };
        }
        let (piece, rest) = bytes.split_at(bytes.len().min(PIECE));
        match self {
            Self::Plain(sink) => sink.write_all(piece)?,
            Self::Gzip(decoder) => decoder.write_all(piece)?,
            Self::Zlib(decoder) => decoder.write_all(piece)?,
            Self::Raw(decoder) => decoder.write_all(piece)?,
            Self::Brotli(decoder) => return Ok(decoder.step(bytes)? || !bytes.is_empty()),
            Self::Deflate(_) => {}
        }
        *bytes = rest;
        Ok(!rest.is_empty())
    }

    /// Says that nothing follows.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(sink) => sink.flush(),
            Self::Gzip(decoder) => decoder.try_finish(),
            Self::Zlib(decoder) => decoder.try_finish(),
            Self::Raw(decoder) => decoder.try_finish(),
            Self::Brotli(decoder) => decoder.finish(),
            Self::Deflate(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// The sink.
    pub(super) fn sink(&mut self) -> Option<&mut W> {
        match self {
            Self::Plain(sink) => Some(sink),
            Self::Gzip(decoder) => Some(decoder.get_mut()),
            Self::Zlib(decoder) => Some(decoder.get_mut()),
            Self::Raw(decoder) => Some(decoder.get_mut()),
            Self::Brotli(decoder) => Some(&mut decoder.sink),
            Self::Deflate(sink) => sink.as_mut(),
        }
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression as Level;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    #[test]
    fn a_header_accepts_what_it_weighs() {
        for (header, wanted) in [
            ("", true),
            ("gzip", true),
            ("br, gzip", true),
            ("br;q=1.0, gzip;q=0.9", true),
            ("br, identity", false),
            ("gzip;q=0", false),
            ("gzip;q=0.0, *", true),
            ("*;q=0", false),
            ("br, *", true),
            ("gzip;q=x", false),
        ] {
            assert_eq!(Compression::Gzip.is_accepted_by(header), wanted, "{header}");
        }
        assert!(Compression::Unsaid.is_accepted_by("br"));
    }

    fn packed<W: Write>(mut encoder: W, end: impl FnOnce(W) -> Vec<u8>) -> Vec<u8> {
        encoder.write_all(b"hello, hello, hello").unwrap();
        end(encoder)
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let gzip = packed(GzEncoder::new(Vec::new(), Level::fast()), |it| it.finish().unwrap());
        let raw = packed(DeflateEncoder::new(Vec::new(), Level::fast()), |it| it.finish().unwrap());
        let zlib = packed(ZlibEncoder::new(Vec::new(), Level::fast()), |it| it.finish().unwrap());
        // RFC 7932 §9: a block of 19 bytes that is not compressed, and an empty last one.
        let brotli = [&[0x20, 0x01, 0x10][..], b"hello, hello, hello", &[0x03]].concat();
        for (compression, bytes) in [
            (Compression::Gzip, gzip.clone()),
            (Compression::Gzip, [&gzip[..], &gzip[..]].concat()),
            (Compression::Deflate, raw),
            (Compression::Deflate, zlib),
            (Compression::Brotli, brotli),
            (Compression::Identity, b"hello, hello, hello".to_vec()),
        ] {
            let mut unpacker = Unpacker::new(compression, Vec::new());
            for byte in &bytes {
                unpacker.write(&[*byte]).unwrap();
            }
            unpacker.finish().unwrap();
            let text = String::from_utf8(unpacker.sink().unwrap().clone()).unwrap();
            assert!(text.starts_with("hello, hello, hello"), "{compression:?}: {text}");
            let mut other = Unpacker::new(compression, Vec::new());
            let cut = other.write(&bytes[..bytes.len() - 3]).and_then(|()| other.finish());
            let may_be_cut = matches!(compression, Compression::Identity | Compression::Deflate);
            assert!(may_be_cut || cut.is_err(), "{compression:?}");
        }
        let mut unpacker = Unpacker::new(Compression::Gzip, Vec::new());
        assert!(unpacker.write(b"not gzip").and_then(|()| unpacker.finish()).is_err());
    }

    /// Fields of so many bits, the lowest first, as RFC 7932 writes them.
    fn bits(fields: &[(u32, u32)]) -> Vec<u8> {
        let all =
            fields.iter().flat_map(|(value, width)| (0..*width).map(move |at| value >> at & 1));
        let all: Vec<u32> = all.collect();
        let byte = |bits: &[u32]| {
            bits.iter().rev().fold(0_u8, |byte, bit| byte << 1 | u8::from(*bit == 1))
        };
        all.chunks(8).map(byte).collect()
    }

    /// A block of 16 MiB in 13 bytes: a letter alone in its alphabet needs no bits.
    const BLOCK: [(u32, u32); 20] = [
        (0, 1),
        (2, 2),
        ((16 << 20) - 1, 24),
        (0, 1),
        (0, 3),
        (0, 6),
        (0, 2),
        (0, 2),
        // One letter, one kind of command (insert so many), one distance.
        (1, 2),
        (0, 2),
        (97, 8),
        (1, 2),
        (0, 2),
        (504, 10),
        (1, 2),
        (0, 2),
        (0, 6),
        ((16 << 20) - 22_594, 24),
        (0, 0),
        (0, 0),
    ];

    #[test]
    fn no_few_bytes_make_much_in_one_step() {
        let window_and_end = [vec![(15, 4)], BLOCK.repeat(2), vec![(3, 2)]].concat();
        let bomb = bits(&window_and_end);
        assert!(bomb.len() < 40);
        let (mut rest, mut steps) = (&bomb[..], 0);
        let mut unpacker = Unpacker::new(Compression::Brotli, Vec::new());
        let mut is_more = true;
        while is_more {
            let before = unpacker.sink().unwrap().len();
            is_more = unpacker.step(&mut rest).unwrap();
            assert!(unpacker.sink().unwrap().len() - before <= STEP);
            steps += 1;
        }
        unpacker.finish().unwrap();
        let whole = unpacker.sink().unwrap();
        assert!(whole.len() == 32 << 20 && whole.iter().all(|byte| *byte == 97));
        assert!(steps >= (32 << 20) / STEP);
        assert!(unpacker.write(b"x").is_err(), "nothing follows the end");
    }

    #[test]
    fn a_window_beyond_what_the_format_has_is_refused() {
        // 2^30 bytes, as the extension `large window` says it.
        let large = bits(&[(0x11, 8), (30, 6), (0, 2)]);
        assert!(Unpacker::new(Compression::Brotli, Vec::new()).write(&large).is_err());
    }
}
