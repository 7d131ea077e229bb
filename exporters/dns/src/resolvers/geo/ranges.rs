//! A list of ranges of addresses as of iptoasn: first, last, then a country, or a system and a country. No I/O,
//! no clock.

use std::net::{IpAddr, Ipv4Addr};

use super::Found;
use crate::resolvers::Country;
use crate::resolvers::entry::system;

/// Ranges in the order of their first addresses.
#[derive(Debug, Default)]
pub(super) struct Ranges {
    v4: Vec<Range<u32>>,
    v6: Vec<Range<u128>>,
}

#[derive(Clone, Copy, Debug)]
struct Range<N> {
    first: N,
    last: N,
    /// 0 where it is not known.
    system: u32,
    /// Two capitals; zeroes where it is not known.
    country: [u8; 2],
}

impl Ranges {
    /// Reads lines with tabs or commas between their cells.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (mut ranges, mut lines) = (Self::default(), 0_usize);
        for (number, line) in (1_usize..).zip(bytes.split(|byte| *byte == b'\n')) {
            let line = String::from_utf8_lossy(line);
            let line = line.trim_end();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            lines += 1;
            let sign = if line.contains('\t') { '\t' } else { ',' };
            let mut cells = line.split(sign).map(|cell| cell.trim_matches(['"', ' ']));
            let ends = (cells.next().and_then(number_of), cells.next().and_then(number_of));
            let mut rest = cells.take(2).map(|cell| (Country::new(cell), system(cell)));
            let (third, fourth) =
                (rest.next().unwrap_or_default(), rest.next().unwrap_or_default());
            let system = third.1.unwrap_or_default();
            let country =
                third.0.or(fourth.0).and_then(|it| <[u8; 2]>::try_from(it.0.as_bytes()).ok());
            let country = country.unwrap_or_default();
            match ends {
                (Some(IpAddr::V4(first)), Some(IpAddr::V4(last))) => ranges.v4.push(Range {
                    first: first.to_bits(),
                    last: last.to_bits(),
                    system,
                    country,
                }),
                (Some(IpAddr::V6(first)), Some(IpAddr::V6(last))) => ranges.v6.push(Range {
                    first: first.to_bits(),
                    last: last.to_bits(),
                    system,
                    country,
                }),
                _ => {
                    return Err(format!(
                        "is neither MMDB nor a list of ranges: line {number} must be two addresses of one family, then \
                         a country, or an AS and a country"
                    ));
                }
            }
        }
        if lines == 0 {
            return Err("is empty".to_owned());
        }
        ranges.v4.sort_unstable_by_key(|range| range.first);
        ranges.v6.sort_unstable_by_key(|range| range.first);
        Ok(ranges)
    }

    /// What is known of an address.
    pub(super) fn find(&self, address: IpAddr) -> Found {
        match address {
            IpAddr::V4(v4) => find(&self.v4, v4.to_bits()),
            IpAddr::V6(v6) => find(&self.v6, v6.to_bits()),
        }
    }
}

fn find<N: Copy + Ord>(ranges: &[Range<N>], address: N) -> Found {
    let behind = ranges.partition_point(|range| range.first <= address);
    let range = behind.checked_sub(1).map(|at| ranges[at]).filter(|range| range.last >= address);
    range.map_or_else(Found::default, |range| Found {
        country: std::str::from_utf8(&range.country).ok().and_then(Country::new),
        asn: Some(range.system).filter(|system| *system > 0),
    })
}

/// An address as text, or an IPv4 one as a number.
fn number_of(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| Some(Ipv4Addr::from(text.parse::<u32>().ok()?).into()))
}
