//! Tables of routes in MRT's format `TABLE_DUMP_V2` (RFC 6396; with more than one path a peer RFC 8050),
//! record by record, so that a whole table of the Internet needs no memory. No I/O, no clock.

use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Bytes of a record: far more than a thousand peers need for one prefix.
const LARGEST: u32 = 4 << 20;

const TABLE_DUMP_V2: u16 = 13;
const PEER_INDEX_TABLE: u16 = 1;
const AS_PATH: u8 = 2;
/// A length of two octets follows.
const EXTENDED: u8 = 0x10;

/// How the records of a file were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Records with routes.
    pub(crate) read: u64,
    /// Records of other kinds.
    pub(crate) skipped: u64,
    /// Records that are not what they say; nothing behind a broken frame is read.
    pub(crate) failed: u64,
    /// The newest time in them, in seconds since the epoch.
    pub(crate) newest: u32,
}

/// The end of a path: who announces, and from whom that is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PathEnd {
    /// The autonomous system at its end; none where several are named at once.
    pub(crate) origin: Option<u32>,
    /// The one before it, whichever number of times the origin is repeated.
    pub(crate) upstream: Option<u32>,
}

/// What a record tells of one peer.
pub(crate) trait Sink {
    /// A table begins that was written at that time, of a view of the router's (RFC 6396, 4.3.1): peers have other
    /// numbers from here on. None where there are more views than can be told apart: then what follows is of no view.
    fn begin(&mut self, view: &[u8], time: u32) -> Option<()>;

    /// Whether the paths to a prefix matter; where not, only the peers are told.
    fn wants(&self, prefix: IpNet) -> bool;

    /// A peer, by its number in the file, has a route of that family.
    fn peer(&mut self, number: u16, is_v4: bool);

    /// A peer's path to a prefix.
    fn path(&mut self, number: u16, prefix: IpNet, path: PathEnd);
}

/// Reads a whole table; one that ends within a record, or cannot be unpacked or read to its end, has a record that failed.
pub(crate) fn read(from: &mut dyn Read, sink: &mut impl Sink) -> Tally {
    let (mut tally, mut record) = (Tally::default(), Vec::new());
    let mut head = [0; 12];
    loop {
        match fill(from, &mut head) {
            Ok(0) => return tally,
            Ok(12) => {}
            _ => {
                tally.failed += 1;
                return tally;
            }
        }
        let mut rest = Rest(&head);
        let (Some(time), Some(kind), Some(subtype), Some(length)) =
            (rest.long(), rest.short(), rest.short(), rest.long())
        else {
            return tally;
        };
        if length > LARGEST {
            tally.failed += 1;
            return tally;
        }
        record.clear();
        record.resize(length as usize, 0);
        if !fill(from, &mut record).is_ok_and(|filled| filled == record.len()) {
            tally.failed += 1;
            return tally;
        }
        // RIB_IPV4_UNICAST and RIB_IPV6_UNICAST, and both with ADDPATH.
        let done = match (kind, subtype) {
            (TABLE_DUMP_V2, 2) => rib(&record, true, false, sink),
            (TABLE_DUMP_V2, 4) => rib(&record, false, false, sink),
            (TABLE_DUMP_V2, 8) => rib(&record, true, true, sink),
            (TABLE_DUMP_V2, 10) => rib(&record, false, true, sink),
            (TABLE_DUMP_V2, PEER_INDEX_TABLE) => {
                tally.newest = tally.newest.max(time);
                match view(&record).and_then(|view| sink.begin(view, time)) {
                    Some(()) => tally.skipped += 1,
                    None => tally.failed += 1,
                }
                continue;
            }
            _ => {
                tally.skipped += 1;
                continue;
            }
        };
        tally.newest = tally.newest.max(time);
        match done {
            Some(()) => tally.read += 1,
            None => tally.failed += 1,
        }
    }
}

/// Reads as much as there is; how much that was.
fn fill(from: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// What is left of a record.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    fn short(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn long(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }
}

/// The name of the view that a peer index table begins; the peers are known by their numbers alone.
fn view(record: &[u8]) -> Option<&[u8]> {
    let mut rest = Rest(record);
    rest.long()?;
    let length = usize::from(rest.short()?);
    rest.take(length)
}

/// One prefix with the routes of all peers; none where the record is not what it says.
fn rib(record: &[u8], is_v4: bool, has_path_ids: bool, sink: &mut impl Sink) -> Option<()> {
    let mut rest = Rest(record);
    rest.long()?;
    let prefix = prefix(&mut rest, is_v4)?;
    let is_wanted = sink.wants(prefix);
    for _ in 0..rest.short()? {
        let peer = rest.short()?;
        rest.long()?;
        if has_path_ids {
            rest.long()?;
        }
        let length = usize::from(rest.short()?);
        let attributes = rest.take(length)?;
        sink.peer(peer, is_v4);
        if is_wanted {
            sink.path(peer, prefix, path(attributes)?);
        }
    }
    rest.0.is_empty().then_some(())
}

fn prefix(rest: &mut Rest<'_>, is_v4: bool) -> Option<IpNet> {
    let length = rest.byte()?;
    let bytes = rest.take(usize::from(length).div_ceil(8))?;
    let ip = if is_v4 {
        let mut octets = [0; 4];
        octets.get_mut(..bytes.len())?.copy_from_slice(bytes);
        IpAddr::V4(Ipv4Addr::from(octets))
    } else {
        let mut octets = [0; 16];
        octets.get_mut(..bytes.len())?.copy_from_slice(bytes);
        IpAddr::V6(Ipv6Addr::from(octets))
    };
    Some(IpNet::new(ip, length).ok()?.trunc())
}

/// The end of the path in a route's attributes; a route without one is our own.
fn path(attributes: &[u8]) -> Option<PathEnd> {
    let mut rest = Rest(attributes);
    let mut end = PathEnd { origin: None, upstream: None };
    while !rest.0.is_empty() {
        let (flags, kind) = (rest.byte()?, rest.byte()?);
        let length = if flags & EXTENDED == 0 {
            usize::from(rest.byte()?)
        } else {
            usize::from(rest.short()?)
        };
        let value = rest.take(length)?;
        if kind == AS_PATH {
            end = path_end(value)?;
        }
    }
    Some(end)
}

/// Segments of a kind, a count and so many numbers of four octets each: in this format always four.
fn path_end(value: &[u8]) -> Option<PathEnd> {
    let mut rest = Rest(value);
    let (mut end, mut is_set) = (PathEnd { origin: None, upstream: None }, false);
    while !rest.0.is_empty() {
        let (kind, count) = (rest.byte()?, rest.byte()?);
        for _ in 0..count {
            let asn = rest.long()?;
            match kind {
                // A set: several at once, by whom nobody knows.
                1 => is_set = true,
                2 => {
                    if end.origin != Some(asn) {
                        end = PathEnd { origin: Some(asn), upstream: end.origin };
                    }
                    is_set = false;
                }
                // Within a confederation, which is one system to the outside.
                _ => {}
            }
        }
    }
    Some(if is_set { PathEnd { origin: None, upstream: end.origin } } else { end })
}
