//! The world's open resolvers: where they are, whose they are, how each behaves. No I/O, no clock.
//!
//! Everything about a resolver follows from its address, so that a world of a size is the same
//! each time. The shares and round trips are rough: of lists of open resolvers, as seen from
//! Frankfurt.

use std::net::Ipv4Addr;

/// A country, and what its resolvers have in common.
#[derive(Clone, Copy, Debug)]
pub struct Country {
    /// ISO 3166-1 alpha-2.
    pub code: &'static str,
    /// A city for the list.
    pub city: &'static str,
    /// Its share of the world's resolvers, per mille (of about 1,000 in all).
    share: u16,
    /// The usual round trip to it, milliseconds.
    round_trip: u16,
}

/// The countries, in the order of their share. China and Russia are small enough that what they
/// answer differently leaves the world's consensus as clear as it was in the incident.
#[rustfmt::skip]
pub const COUNTRIES: [Country; 42] = [
    country("US", "Ashburn", 190, 95),       country("DE", "Frankfurt", 80, 8),
    country("FR", "Paris", 55, 15),          country("BR", "São Paulo", 50, 205),
    country("IN", "Mumbai", 48, 130),        country("ID", "Jakarta", 42, 190),
    country("GB", "London", 40, 18),         country("KR", "Seoul", 36, 240),
    country("IT", "Milan", 34, 20),          country("NL", "Amsterdam", 32, 11),
    country("JP", "Tokyo", 32, 230),         country("CA", "Toronto", 28, 105),
    country("ES", "Madrid", 25, 32),         country("PL", "Warsaw", 24, 22),
    country("UA", "Kyiv", 22, 35),           country("AU", "Sydney", 18, 285),
    country("VN", "Hanoi", 18, 215),         country("MX", "Mexico City", 18, 150),
    country("AR", "Buenos Aires", 17, 230),  country("TW", "Taipei", 17, 250),
    country("TH", "Bangkok", 17, 195),       country("CN", "Guangzhou", 16, 220),
    country("RU", "Moscow", 16, 45),         country("SE", "Stockholm", 15, 25),
    country("RO", "Bucharest", 14, 30),      country("ZA", "Johannesburg", 14, 165),
    country("TR", "Istanbul", 13, 42),       country("HK", "Hong Kong", 13, 200),
    country("SG", "Singapore", 13, 165),     country("CH", "Zürich", 12, 9),
    country("CZ", "Prague", 12, 12),         country("IR", "Tehran", 11, 85),
    country("MY", "Kuala Lumpur", 11, 175),  country("PH", "Manila", 11, 225),
    country("BD", "Dhaka", 11, 160),         country("PK", "Karachi", 10, 120),
    country("CO", "Bogotá", 9, 165),         country("CL", "Santiago", 8, 220),
    country("EG", "Cairo", 8, 60),           country("GR", "Athens", 7, 40),
    country("NG", "Lagos", 6, 110),          country("KE", "Nairobi", 5, 150),
];

const fn country(code: &'static str, city: &'static str, share: u16, round_trip: u16) -> Country {
    Country { code, city, share, round_trip }
}

/// What a resolver does with a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Answers what its country's resolvers answer.
    Answers,
    /// Never replies.
    Silent,
    /// Replies SERVFAIL.
    Servfail,
    /// Replies REFUSED.
    Refused,
}

/// One resolver.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resolver {
    /// Its address, in 127.0.0.0/8: each country has /16s of its own.
    pub address: Ipv4Addr,
    /// Index into [`COUNTRIES`].
    pub country: usize,
    /// Its autonomous system, out of the private range (RFC 6996).
    pub asn: u32,
    /// What it does.
    pub behaviour: Behaviour,
    /// Its round trip, milliseconds.
    pub round_trip: f64,
}

/// Resolvers have addresses from 127.(this).0.0 on, of each country from the next /16 on that is free.
const FIRST_OCTET: usize = 10;
/// Addresses used of each /24: .1 to .250; and of each /16.
const PER_BLOCK: usize = 250;
const PER_COUNTRY: usize = 256 * PER_BLOCK;
/// So many answer in each country even in a small world, with some to spare for silent ones.
const FEWEST: usize = 8;

/// The world with about `count` resolvers, in order of their addresses.
pub fn resolvers(count: usize) -> Vec<Resolver> {
    let shares: usize = COUNTRIES.iter().map(|country| usize::from(country.share)).sum();
    let mut all = Vec::with_capacity(count);
    let mut first = FIRST_OCTET;
    for (index, country) in COUNTRIES.iter().enumerate() {
        let members = (count * usize::from(country.share) / shares).max(FEWEST);
        all.extend((0..members).map(|member| resolver(index, first, member, members)));
        first += members.div_ceil(PER_COUNTRY);
    }
    all
}

/// The resolver's position in [`resolvers`], when the world is in order: found by search.
pub fn position(resolvers: &[Resolver], address: Ipv4Addr) -> Option<usize> {
    resolvers.binary_search_by_key(&address, |resolver| resolver.address).ok()
}

/// The index of a country.
pub fn country_index(code: &str) -> Option<usize> {
    COUNTRIES.iter().position(|country| country.code == code)
}

fn resolver(country: usize, first: usize, member: usize, members: usize) -> Resolver {
    let octet =
        |number: usize| u8::try_from(number).expect("a world has at most 12 million resolvers");
    let address = Ipv4Addr::new(
        127,
        octet(first + member / PER_COUNTRY),
        octet(member % PER_COUNTRY / PER_BLOCK),
        octet(1 + member % PER_BLOCK),
    );
    let hash = scatter(address.to_bits());
    // A country is judged by four networks or more.
    let networks = (members / 4).clamp(4, 40);
    let asn = 4_200_000_000 + country * 100 + usize::from(low(hash)) % networks;
    Resolver {
        address,
        country,
        asn: u32::try_from(asn).expect("42 countries of 100 networks stay below 2^32"),
        behaviour: behaviour(low(hash >> 16)),
        round_trip: round_trip(COUNTRIES[country], low(hash >> 32)),
    }
}

/// 4 % are silent, 1.5 % fail, 2 % refuse: an honest list, soon after its check.
fn behaviour(hash: u16) -> Behaviour {
    match (u32::from(hash) * 1_000) >> 16 {
        0..40 => Behaviour::Silent,
        40..55 => Behaviour::Servfail,
        55..75 => Behaviour::Refused,
        _ => Behaviour::Answers,
    }
}

/// From 0.9 times the usual round trip on, with an exponential tail for what the resolver itself
/// takes (20 ms on average, 400 ms at most).
fn round_trip(country: Country, hash: u16) -> f64 {
    let share = (f64::from(hash) + 0.5) / 65_536.0;
    f64::from(country.round_trip) * (0.9 + 0.2 * share) + (-20.0 * share.ln()).min(400.0)
}

fn low(hash: u64) -> u16 {
    let [a, b, ..] = hash.to_le_bytes();
    u16::from_le_bytes([a, b])
}

/// `SplitMix64`'s finaliser: neighbouring addresses get unrelated numbers.
fn scatter(number: u32) -> u64 {
    let mut hash = u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn share(of: &[Resolver], is: impl Fn(&Resolver) -> bool) -> f64 {
        of.iter().filter(|one| is(one)).count() as f64 / of.len() as f64
    }

    #[test]
    fn a_world_has_about_the_size_that_was_asked_for() {
        for count in [2_000, 25_000, 1_000_000] {
            let all = resolvers(count);
            assert!(all.len().abs_diff(count) < count / 20, "{} of {count}", all.len());
            let addresses: HashSet<Ipv4Addr> = all.iter().map(|one| one.address).collect();
            assert_eq!(addresses.len(), all.len());
            assert!(all.is_sorted_by_key(|one| one.address));
        }
    }

    #[test]
    fn every_country_has_resolvers_that_answer_in_networks_of_their_own() {
        let all = resolvers(2_000);
        for (index, country) in COUNTRIES.iter().enumerate() {
            let own: Vec<&Resolver> = all.iter().filter(|one| one.country == index).collect();
            let answering = own.iter().filter(|one| one.behaviour == Behaviour::Answers).count();
            assert!(answering >= 5, "{}: {answering}", country.code);
            let networks: HashSet<u32> = own.iter().map(|one| one.asn).collect();
            assert!(networks.len() >= 3, "{}", country.code);
        }
    }

    #[test]
    fn most_answer_and_some_are_silent_or_refuse() {
        let all = resolvers(25_000);
        let answer = |what| share(&all, |one| one.behaviour == what);
        assert!((0.91..0.94).contains(&answer(Behaviour::Answers)));
        assert!((0.03..0.05).contains(&answer(Behaviour::Silent)));
        assert!((0.01..0.02).contains(&answer(Behaviour::Servfail)));
        assert!((0.015..0.025).contains(&answer(Behaviour::Refused)));
    }

    #[test]
    fn china_and_russia_together_are_less_than_a_twentieth() {
        for count in [2_000, 25_000] {
            let all = resolvers(count);
            let both = share(&all, |one| matches!(COUNTRIES[one.country].code, "CN" | "RU"));
            assert!((0.02..0.04).contains(&both), "{both}");
        }
    }

    #[test]
    fn a_resolver_is_found_by_its_address() {
        let all = resolvers(2_000);
        assert_eq!(position(&all, all[77].address), Some(77));
        assert_eq!(position(&all, Ipv4Addr::LOCALHOST), None);
    }

    #[test]
    fn distance_shows_in_the_round_trips() {
        let all = resolvers(2_000);
        let fastest = |code| {
            let own = all.iter().filter(|one| COUNTRIES[one.country].code == code);
            own.map(|one| one.round_trip).fold(f64::MAX, f64::min)
        };
        assert!(fastest("DE") < 20.0 && fastest("AU") > 250.0);
        assert!(all.iter().all(|one| one.round_trip < 800.0));
    }
}
