//! The parts of an IP packet that a router reads and writes. No I/O, no clock.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::{
    Icmpv4Type, Icmpv6Type, IpNumber, Ipv4HeaderSlice, Ipv6HeaderSlice, PacketBuilder, icmpv4,
    icmpv6,
};

use super::extension;
use super::flow::Flow;
use super::routes::Hop;

/// Octets before the checksum, and of the TTL, in an IPv4 header (RFC 791).
const V4_TTL: usize = 8;
const V4_CHECKSUM: usize = 10;
/// The hop limit's place in an IPv6 header (RFC 8200).
const V6_HOP_LIMIT: usize = 7;
/// What a router sends has this TTL, as Linux's default.
const OWN_TTL: u8 = 64;
/// An ICMP error quotes the header and this much of what follows (RFC 792).
const V4_QUOTE: usize = 8;
/// An `ICMPv6` error quotes as much as fits into the minimum MTU of 1280 (RFC 4443).
const V6_QUOTE: usize = 1280 - 40 - 8;
/// In what the length of a quote is counted that something follows (RFC 4884, 4).
const V4_WORD: usize = 4;
const V6_WORD: usize = 8;

/// What a router reads of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) ttl: u8,
    length: usize,
    protocol: u8,
    is_fragment: bool,
    /// Whether nobody may answer it with an ICMP error: it is one itself, or not the first fragment.
    unanswerable: bool,
}

impl Header {
    /// Whether the destination is neither a group, nor everybody, nor on the link alone.
    pub(super) fn is_to_one_host(&self) -> bool {
        match self.destination {
            IpAddr::V4(to) => {
                !(to.is_multicast()
                    || to.is_broadcast()
                    || to.is_unspecified()
                    || to.is_link_local())
            }
            IpAddr::V6(to) => {
                !(to.is_multicast() || to.is_unspecified() || to.is_unicast_link_local())
            }
        }
    }
}

/// Reads a packet's header; nothing when it is no whole IP packet.
pub(super) fn read(packet: &[u8]) -> Option<Header> {
    match packet.first()? >> 4 {
        4 => read_v4(packet),
        6 => read_v6(packet),
        _ => None,
    }
}

fn read_v4(packet: &[u8]) -> Option<Header> {
    let header = Ipv4HeaderSlice::from_slice(packet).ok()?;
    let length = header.slice().len();
    if usize::from(header.total_len()) > packet.len() {
        return None;
    }
    // Every ICMP type but echo and echo reply counts as an error: those are never probes here.
    let error = header.protocol() == IpNumber::ICMP && !matches!(packet.get(length), Some(0 | 8));
    Some(Header {
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        ttl: header.ttl(),
        length,
        protocol: header.protocol().0,
        is_fragment: header.is_fragmenting_payload(),
        unanswerable: error || header.fragments_offset().value() != 0,
    })
}

fn read_v6(packet: &[u8]) -> Option<Header> {
    let header = Ipv6HeaderSlice::from_slice(packet).ok()?;
    let length = header.slice().len();
    if length + usize::from(header.payload_length()) > packet.len() {
        return None;
    }
    let icmp = header.next_header() == IpNumber::IPV6_ICMP;
    Some(Header {
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        ttl: header.hop_limit(),
        length,
        protocol: header.next_header().0,
        is_fragment: false,
        // ICMPv6 errors are the types below 128 (RFC 4443).
        unanswerable: icmp && packet.get(length).is_none_or(|kind| *kind < 128),
    })
}

/// What flow a packet is of that [`read`] accepted.
pub(super) fn flow(packet: &[u8], header: &Header) -> Flow {
    let Header { source, destination, protocol, length, .. } = *header;
    // All pieces of a datagram go the same way.
    let own = packet.get(length..length + 4).filter(|_| !header.is_fragment);
    let transport = own.and_then(|octets| octets.try_into().ok()).unwrap_or_default();
    Flow { source, destination, protocol, transport }
}

/// Takes this many hops off the TTL of a packet that [`read`] accepted, and keeps the checksum
/// right (RFC 1624).
pub(super) fn travel(packet: &mut [u8], hops: u8) {
    if packet[0] >> 4 == 6 {
        packet[V6_HOP_LIMIT] = packet[V6_HOP_LIMIT].saturating_sub(hops);
        return;
    }
    let word = |packet: &[u8], at| u16::from_be_bytes([packet[at], packet[at + 1]]);
    let before = word(packet, V4_TTL);
    packet[V4_TTL] = packet[V4_TTL].saturating_sub(hops);
    let after = word(packet, V4_TTL);
    let mut sum = [!word(packet, V4_CHECKSUM), !before, after].map(u32::from).iter().sum::<u32>();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let checksum = !u16::try_from(sum).expect("folded to 16 bits");
    packet[V4_CHECKSUM..V4_CHECKSUM + 2].copy_from_slice(&checksum.to_be_bytes());
}

/// What a router has to say against a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Complaint {
    /// Its TTL ended here.
    TimeExceeded,
    /// No route leads to its destination.
    NoRoute,
}

/// The ICMP error that a router sends back for a packet; nothing when it has no address of that
/// family or the packet must not be answered.
pub(super) fn complain(
    complaint: Complaint,
    packet: &[u8],
    header: &Header,
    router: &Hop,
) -> Option<Vec<u8>> {
    if header.unanswerable {
        return None;
    }
    match header.source {
        IpAddr::V4(to) => complain_v4(complaint, packet, header, (router.v4?, to), &router.labels),
        IpAddr::V6(to) => complain_v6(complaint, packet, (router.v6?, to), &router.labels),
    }
}

fn complain_v4(
    complaint: Complaint,
    packet: &[u8],
    header: &Header,
    (from, to): (Ipv4Addr, Ipv4Addr),
    labels: &[u32],
) -> Option<Vec<u8>> {
    let mut kind = match complaint {
        Complaint::TimeExceeded => {
            Icmpv4Type::TimeExceeded(icmpv4::TimeExceededCode::TtlExceededInTransit)
        }
        Complaint::NoRoute => {
            Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::Network)
        }
    };
    let mut quote = packet[..packet.len().min(header.length + V4_QUOTE)].to_vec();
    if complaint == Complaint::TimeExceeded && !labels.is_empty() {
        let words = length(V4_WORD)?;
        kind = Icmpv4Type::Unknown { type_u8: 11, code_u8: 0, bytes5to8: [0, words, 0, 0] };
        quote = extension::with_labels(packet, labels);
    }
    let builder = PacketBuilder::ipv4(from.octets(), to.octets(), OWN_TTL).icmpv4(kind);
    let mut answer = Vec::with_capacity(builder.size(quote.len()));
    builder.write(&mut answer, &quote).ok()?;
    Some(answer)
}

fn complain_v6(
    complaint: Complaint,
    packet: &[u8],
    (from, to): (Ipv6Addr, Ipv6Addr),
    labels: &[u32],
) -> Option<Vec<u8>> {
    let mut kind = match complaint {
        Complaint::TimeExceeded => {
            Icmpv6Type::TimeExceeded(icmpv6::TimeExceededCode::HopLimitExceeded)
        }
        Complaint::NoRoute => {
            Icmpv6Type::DestinationUnreachable(icmpv6::DestUnreachableCode::NoRoute)
        }
    };
    let mut quote = packet[..packet.len().min(V6_QUOTE)].to_vec();
    if complaint == Complaint::TimeExceeded && !labels.is_empty() {
        let words = length(V6_WORD)?;
        kind = Icmpv6Type::Unknown { type_u8: 3, code_u8: 0, bytes5to8: [words, 0, 0, 0] };
        quote = extension::with_labels(packet, labels);
    }
    let builder = PacketBuilder::ipv6(from.octets(), to.octets(), OWN_TTL).icmpv6(kind);
    let mut answer = Vec::with_capacity(builder.size(quote.len()));
    builder.write(&mut answer, &quote).ok()?;
    Some(answer)
}

/// The length of a quote before an extension, in words of so many octets.
fn length(word: usize) -> Option<u8> {
    u8::try_from(extension::QUOTE / word).ok()
}

/// An ICMP or `ICMPv6` echo request, for tests.
#[cfg(test)]
pub(super) fn echo(source: IpAddr, destination: IpAddr, ttl: u8) -> Vec<u8> {
    let header = etherparse::IcmpEchoHeader { id: 7, seq: 1 };
    let mut packet = Vec::new();
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            PacketBuilder::ipv4(source.octets(), destination.octets(), ttl)
                .icmpv4(Icmpv4Type::EchoRequest(header))
                .write(&mut packet, &[0xa5; 56])
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            PacketBuilder::ipv6(source.octets(), destination.octets(), ttl)
                .icmpv6(Icmpv6Type::EchoRequest(header))
                .write(&mut packet, &[0xa5; 56])
        }
        _ => panic!("two families"),
    }
    .unwrap();
    packet
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use etherparse::{NetSlice, SlicedPacket, TransportSlice};

    use super::*;
    use crate::wan::Answers;

    fn v4() -> Vec<u8> {
        echo("192.0.2.1".parse().unwrap(), "203.0.113.220".parse().unwrap(), 64)
    }

    fn v6() -> Vec<u8> {
        echo("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap(), 64)
    }

    fn router() -> Hop {
        let v4 = Some(Ipv4Addr::new(100, 64, 0, 1));
        let v6 = Some("2001:db8:ffff::1".parse().unwrap());
        Hop { v4, v6, share: 0.5, answers: Answers::Each, labels: Arc::default() }
    }

    fn exceeded(packet: &[u8], header: &Header, router: &Hop) -> Option<Vec<u8>> {
        let no_route = complain(Complaint::NoRoute, packet, header, router);
        let answer = complain(Complaint::TimeExceeded, packet, header, router);
        assert_eq!(no_route.map(|it| it.len()), answer.as_ref().map(Vec::len));
        answer
    }

    #[test]
    fn both_families_are_read() {
        let header = read(&v4()).unwrap();
        assert_eq!(header.source, "192.0.2.1".parse::<IpAddr>().unwrap());
        assert_eq!(header.destination, "203.0.113.220".parse::<IpAddr>().unwrap());
        assert_eq!(header.ttl, 64);
        assert_eq!(read(&v6()).unwrap().destination, "2001:db8::2".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn no_octets_make_it_panic() {
        for packet in [v4(), v6()] {
            for length in 0..packet.len() {
                // What is cut is either refused or answered; it never reads past the end.
                if let Some(header) = read(&packet[..length]) {
                    let _ = exceeded(&packet[..length], &header, &router());
                }
            }
            for (place, value) in (0..packet.len()).flat_map(|at| (0..=255).map(move |v| (at, v))) {
                let mut packet = packet.clone();
                packet[place] = value;
                if let Some(header) = read(&packet) {
                    let _ = exceeded(&packet, &header, &router());
                    travel(&mut packet, 200);
                }
            }
        }
    }

    #[test]
    fn the_checksum_stays_right_for_every_ttl() {
        for ttl in 1..=255 {
            for hops in [0, 1, 3, 255] {
                let mut packet =
                    echo("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap(), ttl);
                travel(&mut packet, hops);
                let header = Ipv4HeaderSlice::from_slice(&packet).unwrap();
                assert_eq!(header.ttl(), ttl.saturating_sub(hops));
                assert_eq!(header.header_checksum(), header.to_header().calc_header_checksum());
            }
        }
    }

    #[test]
    fn the_answer_comes_from_the_router_and_quotes_the_packet() {
        for packet in [v4(), v6()] {
            let header = read(&packet).unwrap();
            let answer = exceeded(&packet, &header, &router()).unwrap();
            let back = read(&answer).unwrap();
            assert_eq!(back.destination, header.source);
            assert!(answer.windows(28).any(|window| window == &packet[..28]));
            let sliced = SlicedPacket::from_ip(&answer).unwrap();
            match (sliced.net.unwrap(), sliced.transport.unwrap()) {
                (NetSlice::Ipv4(_), TransportSlice::Icmpv4(icmp)) => {
                    assert_eq!(icmp.type_u8(), 11);
                }
                (NetSlice::Ipv6(ip), TransportSlice::Icmpv6(icmp)) => {
                    let ip = ip.header();
                    assert!(icmp.is_checksum_valid(ip.source(), ip.destination()));
                    assert_eq!(icmp.type_u8(), 3);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn labels_stand_behind_a_quote_of_a_length_that_is_said() {
        let router = Hop { labels: [24_001].into(), ..router() };
        for (packet, header, said) in [(v4(), 20, (1, 32)), (v6(), 40, (0, 16))] {
            let answer =
                complain(Complaint::TimeExceeded, &packet, &read(&packet).unwrap(), &router);
            let answer = answer.unwrap();
            let icmp = &answer[header..];
            assert_eq!(icmp[4 + said.0], said.1);
            assert_eq!(icmp.len(), 8 + extension::QUOTE + 12);
            assert_eq!(icmp[8..packet.len() + 8], packet[..]);
            let sliced = SlicedPacket::from_ip(&answer).unwrap();
            if let (NetSlice::Ipv6(ip), TransportSlice::Icmpv6(icmp)) =
                (sliced.net.unwrap(), sliced.transport.unwrap())
            {
                assert!(icmp.is_checksum_valid(ip.header().source(), ip.header().destination()));
            }
            let no_route = complain(Complaint::NoRoute, &packet, &read(&packet).unwrap(), &router);
            assert!(no_route.unwrap().len() < answer.len(), "labels are told where a TTL ended");
        }
    }

    #[test]
    fn an_error_is_never_answered_with_an_error() {
        let packet = v4();
        let answer = exceeded(&packet, &read(&packet).unwrap(), &router()).unwrap();
        let header = read(&answer).unwrap();
        assert_eq!(exceeded(&answer, &header, &router()), None);
        let silent = Hop { v4: None, ..router() };
        assert_eq!(exceeded(&packet, &read(&packet).unwrap(), &silent), None);
    }
}
