//! What a router adds to an ICMP error about the labels of a packet: an MPLS label stack (RFC 4950) in an extended message
//! (RFC 4884). No I/O, no clock.

/// The quote of a packet before an extension has at least so many octets (RFC 4884, 3), and here no more.
pub(super) const QUOTE: usize = 128;
/// The extension's version, in its upper half.
const VERSION: u8 = 0x20;
/// The object of labels that came in with the packet: its class and type (RFC 4950, 3).
const LABELS: [u8; 2] = [1, 1];
/// What has one entry of a stack: label, class of traffic, whether it is the last, TTL (RFC 3032, 2.1).
const LAST: u32 = 1 << 8;
/// A label has 20 bits.
const LARGEST: u32 = (1 << 20) - 1;
/// Where one hop is hidden by a label, its TTL has ended with that of the packet.
const TTL: u32 = 1;

/// The quoted packet, filled up, and behind it the labels.
pub(super) fn with_labels(quote: &[u8], labels: &[u32]) -> Vec<u8> {
    let mut all = quote[..quote.len().min(QUOTE)].to_vec();
    all.resize(QUOTE, 0);
    all.extend(extension(labels));
    all
}

fn extension(labels: &[u32]) -> Vec<u8> {
    let mut octets = vec![VERSION, 0, 0, 0];
    let length = u16::try_from(4 + 4 * labels.len()).unwrap_or(u16::MAX);
    octets.extend(length.to_be_bytes());
    octets.extend(LABELS);
    for (place, label) in (1..).zip(labels) {
        let last = if place == labels.len() { LAST } else { 0 };
        octets.extend(((label.min(&LARGEST) << 12) | last | TTL).to_be_bytes());
    }
    let sum = checksum(&octets);
    octets[2..4].copy_from_slice(&sum.to_be_bytes());
    octets
}

/// The Internet's checksum (RFC 1071) of an even number of octets.
fn checksum(octets: &[u8]) -> u16 {
    let words = octets.chunks_exact(2).map(|it| u32::from(u16::from_be_bytes([it[0], it[1]])));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("folded to 16 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_as_its_documents_have_it() {
        let octets = with_labels(&[7; 28], &[24_001, 16]);
        assert_eq!((octets.len(), octets[27], octets[28]), (QUOTE + 16, 7, 0));
        let extension = &octets[QUOTE..];
        assert_eq!(extension[0], 0x20);
        assert_eq!(extension[4..8], [0, 12, 1, 1]);
        // 24001 is 0x05dc1, and the second is the last of the stack.
        assert_eq!(extension[8..], [0x05, 0xdc, 0x10, 0x01, 0x00, 0x01, 0x01, 0x01]);
        assert_eq!(checksum(extension), 0, "a message with its sum adds up to nothing");
    }
}
