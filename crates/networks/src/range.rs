//! From one address to another. No I/O, no clock.

use std::net::IpAddr;

/// From the first to the last address of a range, as numbers of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub(crate) is_v4: bool,
    pub(crate) first: u128,
    pub(crate) last: u128,
}

/// An address as a number.
fn number(ip: IpAddr) -> (bool, u128) {
    match ip.to_canonical() {
        IpAddr::V4(ip) => (true, u32::from(ip).into()),
        IpAddr::V6(ip) => (false, ip.into()),
    }
}

impl Range {
    /// From one address to another of the same family that is not before it.
    pub fn between(first: IpAddr, last: IpAddr) -> Option<Self> {
        let ((is_v4, first), (other, last)) = (number(first), number(last));
        (is_v4 == other && first <= last).then_some(Self { is_v4, first, last })
    }

    /// A prefix, as `192.0.2.0` and 24; bits behind it are left out.
    pub fn prefix(ip: IpAddr, length: u8) -> Option<Self> {
        let (is_v4, first, bits): (_, u128, u32) = match ip {
            IpAddr::V4(ip) => (true, u32::from(ip).into(), 32),
            IpAddr::V6(ip) => (false, ip.into(), 128),
        };
        let free = bits.checked_sub(length.into())?;
        let host = 1_u128.checked_shl(free).map_or(u128::MAX, |end| end - 1);
        Some(Self { is_v4, first: first & !host, last: first | host })
    }

    /// Reads `192.0.2.0/24`.
    pub fn parse(text: &str) -> Option<Self> {
        let (ip, length) = text.trim().split_once('/')?;
        Self::prefix(ip.parse().ok()?, length.parse().ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_range_is_refused() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(Range::between(ip("192.0.2.2"), ip("192.0.2.1")), None);
        assert_eq!(Range::between(ip("192.0.2.2"), ip("::1")), None);
        for bad in ["192.0.2.0", "192.0.2.0/33", "::/129", "a/8", "10.0.0.0/-1", ""] {
            assert_eq!(Range::parse(bad), None, "{bad}");
        }
        assert_eq!(Range::parse("10.1.2.3/8"), Range::parse("10.0.0.0/8"));
        let mapped = Range::between(ip("::ffff:192.0.2.0"), ip("192.0.2.255"));
        assert_eq!(mapped, Range::parse("192.0.2.0/24"));
    }
}
