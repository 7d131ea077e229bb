//! Worlds in small: names that rotate, follow geography, are tampered with; and what must be said.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "the worlds are small, and a share of all is exact"
)]

use super::*;
use crate::answer::{Answer, Flags};
use crate::expected::Mode;
use crate::resolvers::{self, Builder, Entry};

/// Resolvers of the simulated world: countries with sizes as of a Zipf law.
const RESOLVERS: usize = 5_000;
const COUNTRIES: usize = 60;

struct World {
    list: ResolverList,
    outcomes: Vec<Option<Outcome>>,
    random: u64,
}

impl World {
    /// Resolver `n` is in the country that a Zipf law gives it, and in a network of its own or
    /// together with few others.
    fn new() -> Self {
        let weights: Vec<f64> = (1..=COUNTRIES).map(|rank| 1.0 / rank as f64).collect();
        let total: f64 = weights.iter().sum();
        let mut text = String::from("ip_address,country_code,as_number\n");
        let mut address = 0x0b00_0000_u32;
        for (country, weight) in weights.iter().enumerate() {
            let code = [b'A' + (country / 26) as u8, b'A' + (country % 26) as u8].map(char::from);
            let count = (RESOLVERS as f64 * weight / total).round() as u32;
            for n in 0..count {
                address += 1;
                let network = 1000 * (country as u32 + 1) + n / 3;
                text.extend([
                    &std::net::Ipv4Addr::from(address).to_string(),
                    ",",
                    &String::from_iter(code),
                    ",",
                    &network.to_string(),
                    "\n",
                ]);
            }
        }
        let list = resolvers::parse(&text, false).unwrap().finish();
        Self { outcomes: vec![None; list.resolvers.len()], list, random: 42 }
    }

    fn random(&mut self, below: usize) -> usize {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) as usize % below
    }

    /// Everybody answers with what `pick` says for the country.
    fn answer(mut self, pick: impl Fn(&mut Self, usize) -> Vec<u8>) -> Self {
        for at in 0..self.outcomes.len() {
            let country = usize::from(self.list.resolvers[at].country);
            let addresses = pick(&mut self, country);
            self.outcomes[at] = Some(addresses_outcome(&addresses));
        }
        self
    }

    /// Country 7 answers X, half of country 9 answers Y, and one in 300 elsewhere adds a third
    /// address to the true one. Returns how many those are.
    fn tamper(mut self) -> (Self, usize) {
        let mut tampered = 0;
        for at in 0..self.outcomes.len() {
            let country = self.list.resolvers[at].country;
            let forged = match country {
                7 => Some(addresses_outcome(&[200])),
                9 if self.random(2) == 0 => Some(addresses_outcome(&[201])),
                _ if self.random(300) == 0 => Some(addresses_outcome(&[1, 202])),
                _ => None,
            };
            if let Some(forged) = forged {
                self.outcomes[at] = Some(forged);
                tampered += 1;
            }
        }
        (self, tampered)
    }

    fn verdict(&self) -> Verdict {
        self.judged(None)
    }

    fn judged(&self, expected: Option<&Expected>) -> Verdict {
        judge(&self.list, &self.outcomes, Rules { expected, min_resolvers: 20, min_networks: 10 })
    }
}

fn address(last: u8) -> std::net::IpAddr {
    std::net::IpAddr::from([149, 154, 167, last])
}

fn addresses_outcome(last: &[u8]) -> Outcome {
    let mut addresses: Vec<_> = last.iter().map(|last| address(*last)).collect();
    addresses.sort_unstable();
    addresses.dedup();
    outcome(Content::Addresses(addresses.into()))
}

fn outcome(content: Content) -> Outcome {
    Outcome::Answer(Answer { content, flags: Flags::default() })
}

/// Two of the eight addresses from `first` on.
fn two_of_eight(world: &mut World, first: u8) -> Vec<u8> {
    vec![first + world.random(8) as u8, first + world.random(8) as u8]
}

fn ratio(verdict: &Verdict) -> f64 {
    verdict.consensus.unwrap().network
}

#[test]
fn one_address_everywhere_is_uniform() {
    let verdict = World::new().answer(|_, _| vec![220]).verdict();
    assert_eq!(verdict.state, State::Uniform);
    assert_eq!(verdict.consensus, Some(Ratios { resolver: 1.0, network: 1.0 }));
    assert_eq!((verdict.outliers(), verdict.distinct_answers), (0, 1));
    assert_eq!(verdict.entropy_bits, Some(0.0));
    assert!(verdict.countries.iter().all(|country| country.agree == country.conclusive));
}

#[test]
fn tampering_with_a_uniform_name_makes_outliers_and_nobody_else() {
    let (world, tampered) = World::new().answer(|_, _| vec![1]).tamper();
    let verdict = world.verdict();
    assert_eq!(verdict.outliers(), tampered);
    assert!(matches!(verdict.state, State::Uniform | State::Split), "{:?}", verdict.state);
    let country = |code| verdict.countries.iter().find(|country| country.country == code).unwrap();
    assert_eq!(country("AH").agree, 0);
    let half = country("AJ");
    assert!((1..half.conclusive).contains(&half.agree), "{half:?}");
    assert_eq!(verdict.groups[0].resolvers, verdict.responses[Class::Agree as usize]);
}

#[test]
fn a_name_that_rotates_has_no_outliers() {
    let verdict = World::new().answer(|world, _| two_of_eight(world, 1)).verdict();
    assert_eq!((verdict.state, verdict.outliers()), (State::Rotating, 0));
    assert!(verdict.plurality.unwrap().resolver < 0.1);
    assert_eq!(ratio(&verdict), 1.0);
}

#[test]
fn tampering_with_a_name_that_rotates_is_found() {
    let (world, tampered) = World::new().answer(|world, _| two_of_eight(world, 1)).tamper();
    assert_eq!(world.verdict().outliers(), tampered);
}

#[test]
fn regional_pools_are_geography_not_disagreement() {
    let pool = |country: usize| vec![1 + country as u8 % 6];
    let verdict = World::new().answer(|_, country| pool(country)).verdict();
    assert_eq!((verdict.state, verdict.outliers()), (State::Geo, 0));
    let (world, tampered) = World::new().answer(|_, country| pool(country)).tamper();
    assert_eq!(world.verdict().outliers(), tampered);
}

#[test]
fn regional_pools_that_rotate_are_geography_as_well() {
    let verdict = World::new()
        .answer(|world, country| {
            let first = 1 + 10 * (country as u8 % 6);
            vec![first + world.random(4) as u8, first + world.random(4) as u8]
        })
        .verdict();
    assert_eq!((verdict.state, verdict.outliers()), (State::Geo, 0));
}

#[test]
fn a_large_cdn_is_dispersed_and_nobody_is_blamed() {
    let mut world = World::new();
    for at in 0..world.outcomes.len() {
        let n = world.random(3_000) as u32;
        let address = std::net::Ipv4Addr::from(0x0d00_0000 + n);
        world.outcomes[at] = Some(outcome(Content::Addresses([address.into()].into())));
    }
    let verdict = world.verdict();
    assert_eq!(verdict.state, State::Dispersed);
    assert_eq!((verdict.fingerprint, verdict.matches_expected), (None, None));
    assert!(verdict.entropy_bits.unwrap() > 10.0);
    assert!(verdict.groups.len() < 510, "rare answers are summed up");
    let grouped: usize = verdict.groups.iter().map(|group| group.resolvers).sum();
    assert_eq!(grouped, world.outcomes.len());
}

#[test]
fn absence_is_a_consensus_too() {
    let mut world = World::new();
    for at in 0..world.outcomes.len() {
        world.outcomes[at] = Some(match at % 50 {
            0 => addresses_outcome(&[1]),
            1 => outcome(Content::Nxdomain),
            _ => outcome(Content::Nodata),
        });
    }
    let verdict = world.verdict();
    assert_eq!(verdict.state, State::Uniform);
    assert_eq!(verdict.fingerprint, Some(Content::Nodata.fingerprint()));
    assert_eq!(verdict.responses[Class::Nodata as usize], 0, "they agree");
    assert!(verdict.responses[Class::Nxdomain as usize] > 0);
    assert!(verdict.responses[Class::Dissent as usize] > 0);
    let none = Expected { mode: Mode::Exact, answers: Vec::new() };
    assert_eq!(world.judged(Some(&none)).matches_expected, Some(true));
}

#[test]
fn nxdomain_against_data_is_an_outlier() {
    let mut world = World::new().answer(|_, _| vec![1]);
    world.outcomes[0] = Some(outcome(Content::Nxdomain));
    world.outcomes[1] = Some(outcome(Content::Nodata));
    let verdict = world.verdict();
    assert_eq!(verdict.outliers(), 2);
    assert_eq!(verdict.responses[Class::Nxdomain as usize], 1);
    assert_eq!(verdict.responses[Class::Nodata as usize], 1);
}

#[test]
fn one_operator_with_many_resolvers_has_one_vote() {
    let entry = |n: u32, asn: u32, country: &str| -> Entry {
        let yaml = format!(
            "{{ address: {}, asn: {asn}, country: {country} }}",
            std::net::Ipv4Addr::from(0x0b00_0000 + n)
        );
        exporter_kit::parse(&yaml, "entry").unwrap()
    };
    // 30 networks with a resolver each, and one network with 70 that lies.
    let honest = (0..30).map(|n| entry(n, 1 + n, ["DE", "FR", "NL"][n as usize % 3]));
    let liars = (100..170).map(|n| entry(n, 999, ["DE", "FR", "NL"][n as usize % 3]));
    let mut builder = Builder::new(false);
    honest.chain(liars).for_each(|entry| _ = builder.add(&entry));
    let list = builder.finish();
    let outcomes: Vec<_> =
        (0..100).map(|n| Some(addresses_outcome(&[if n < 30 { 1 } else { 2 }]))).collect();
    let verdict =
        judge(&list, &outcomes, Rules { expected: None, min_resolvers: 20, min_networks: 10 });
    let consensus = verdict.consensus.unwrap();
    // The liars' address has 1/31 of the votes and three countries: it is in the pool, but the
    // ratio by network shows what the plurality by resolver hides.
    let plurality = verdict.plurality.unwrap();
    assert!(
        (plurality.resolver - 0.7).abs() < 1e-9 && (plurality.network - 1.0 / 31.0).abs() < 1e-9
    );
    assert_eq!(consensus.resolver, 1.0);
}

#[test]
fn few_answers_make_no_consensus() {
    let mut world = World::new();
    for at in 0..15 {
        world.outcomes[at] = Some(addresses_outcome(&[1]));
    }
    let verdict = world.verdict();
    assert_eq!(verdict.state, State::Insufficient);
    assert_eq!(verdict.fingerprint, None);
    assert_eq!(verdict.responses[Class::Unhealthy as usize], world.outcomes.len() - 15);

    let nobody = World::new().verdict();
    assert_eq!((nobody.consensus, nobody.entropy_bits, nobody.conclusive()), (None, None, 0));
}

#[test]
fn bogons_are_told_apart_unless_they_are_expected() {
    let bogon = || Some(outcome(Content::Addresses([[10, 0, 0, 1].into()].into())));
    let mut world = World::new().answer(|_, _| vec![1]);
    for at in 0..100 {
        world.outcomes[at] = bogon();
    }
    let verdict = world.verdict();
    assert_eq!((verdict.responses[Class::Bogon as usize], verdict.outliers()), (100, 100));

    world.outcomes.fill(bogon());
    assert_eq!(world.verdict().state, State::Dispersed);
    let expected = Expected { mode: Mode::Exact, answers: vec!["10.0.0.0/8".parse().unwrap()] };
    let verdict = world.judged(Some(&expected));
    assert_eq!((verdict.state, verdict.matches_expected), (State::Uniform, Some(true)));
}

#[test]
fn the_pinned_set_is_compared_with_the_consensus_and_with_each_answer() {
    let expected =
        Expected { mode: Mode::Exact, answers: vec!["149.154.167.1/32".parse().unwrap()] };
    let (world, tampered) = World::new().answer(|_, _| vec![1]).tamper();
    let verdict = world.judged(Some(&expected));
    assert_eq!((verdict.matches_expected, verdict.unexpected), (Some(true), Some(tampered)));
    let moved = World::new().answer(|_, _| vec![2]);
    let verdict = moved.judged(Some(&expected));
    assert_eq!(verdict.matches_expected, Some(false));
    assert_eq!(verdict.unexpected, Some(moved.outcomes.len()));
    assert_eq!(verdict.outliers(), 0, "all agree on what is wrong");
}

#[test]
fn the_classes_add_up_to_the_resolvers_whatever_happened_and_in_any_order() {
    let mut world = World::new();
    let others = [
        Outcome::Truncated,
        Outcome::Malformed,
        Outcome::Timeout,
        Outcome::Unreachable,
        Outcome::LocalError,
    ];
    for round in 0..50 {
        for at in 0..world.outcomes.len() {
            world.outcomes[at] = match world.random(12 + round) {
                0 => None,
                n @ 1..=5 => Some(others[n - 1].clone()),
                6 => Some(outcome(Content::Servfail)),
                7 => Some(outcome(Content::Refused)),
                8 => Some(outcome(Content::OtherRcode)),
                9 => Some(outcome(Content::Nxdomain)),
                10 => Some(outcome(Content::Nodata)),
                n => Some(addresses_outcome(&[n as u8])),
            };
        }
        let verdict = world.verdict();
        assert_eq!(verdict.responses.iter().sum::<usize>(), world.outcomes.len());
        let mut reversed =
            ResolverList { resolvers: world.list.resolvers.clone(), ..world.list.clone() };
        reversed.resolvers.reverse();
        let outcomes: Vec<_> = world.outcomes.iter().rev().cloned().collect();
        let mirrored = judge(
            &reversed,
            &outcomes,
            Rules { expected: None, min_resolvers: 20, min_networks: 10 },
        );
        assert_eq!(
            (mirrored.responses, mirrored.fingerprint),
            (verdict.responses, verdict.fingerprint)
        );
    }
}

#[test]
fn small_countries_are_summed_up_and_anycast_is_none() {
    let mut text = String::from("ip_address,country_code\n");
    for (n, country) in [("DE", 6), ("FR", 5), ("NL", 4), ("anycast", 9), ("", 2)]
        .into_iter()
        .flat_map(|(code, count)| std::iter::repeat_n(code, count))
        .enumerate()
    {
        text.extend([&format!("11.0.{n}.1"), ",", country, "\n"]);
    }
    let list = resolvers::parse(&text, false).unwrap().finish();
    let outcomes = vec![Some(addresses_outcome(&[1])); list.resolvers.len()];
    let verdict =
        judge(&list, &outcomes, Rules { expected: None, min_resolvers: 20, min_networks: 10 });
    let countries: Vec<_> =
        verdict.countries.iter().map(|it| (it.country.as_str(), it.conclusive)).collect();
    assert_eq!(countries, [("DE", 6), ("FR", 5), ("other", 6)]);
}

#[test]
fn a_list_without_countries_places_resolvers_by_network() {
    let text = (0..40).map(|n| format!("11.0.{n}.1\n")).collect::<Vec<_>>().concat();
    let list = resolvers::parse(&text, false).unwrap().finish();
    let mut outcomes = vec![Some(addresses_outcome(&[1])); 40];
    outcomes[0] = Some(addresses_outcome(&[2]));
    let verdict =
        judge(&list, &outcomes, Rules { expected: None, min_resolvers: 20, min_networks: 10 });
    assert_eq!((verdict.state, verdict.outliers()), (State::Uniform, 1));
}

/// A voter: its address, network and country, and what it answers.
type Voter = (u32, u32, &'static str, Option<Outcome>);

/// The verdict on voters in this order.
fn verdict_in_order(voters: &[Voter]) -> Verdict {
    let mut text = String::from("ip_address,as_number,country_code\n");
    for (address, network, country, _) in voters {
        let address = std::net::Ipv4Addr::from(0x0b00_0000 + address);
        text.extend([format!("{address},{network},{country}\n")]);
    }
    let list = resolvers::parse(&text, false).unwrap().finish();
    let outcomes: Vec<_> = voters.iter().map(|(.., outcome)| outcome.clone()).collect();
    judge(&list, &outcomes, Rules { expected: None, min_resolvers: 3, min_networks: 1 })
}

#[test]
fn a_verdict_does_not_depend_on_the_order_of_the_list() {
    const COUNTRIES: [&str; 6] = ["DE", "FR", "NL", "CN", "US", "anycast"];
    let mut world = World::new();
    let mut states = std::collections::HashSet::new();
    for round in 0..200 {
        // Networks of one to nine resolvers, and names of every manner: one answer, few, many, one
        // for each country, none.
        let (mut voters, mut address): (Vec<Voter>, _) = (Vec::new(), 0);
        for network in 1..=(1 + world.random(40)) as u32 {
            let country = COUNTRIES[world.random(COUNTRIES.len())];
            for _ in 0..=world.random(9) {
                address += 1;
                let by_country = country.as_bytes()[0];
                let outcome = match (round % 6, world.random(50)) {
                    (_, 0) => Some(Outcome::Timeout),
                    (_, 1) => outcome(Content::Nodata).into(),
                    (0, 2..10) | (_, 2) => outcome(Content::Nxdomain).into(),
                    (0 | 1, n) => addresses_outcome(&[u8::from(n > 40)]).into(),
                    (2, n) => addresses_outcome(&[n as u8 % 4, n as u8 % 3]).into(),
                    (3, n) => addresses_outcome(&[by_country, by_country + n as u8 % 2]).into(),
                    (4, n) => addresses_outcome(&[n as u8]).into(),
                    (_, n) if n % 2 == 0 => outcome(Content::Nxdomain).into(),
                    _ => addresses_outcome(&[7]).into(),
                };
                voters.push((address, network, country, outcome));
            }
        }
        let verdict = verdict_in_order(&voters);
        states.insert(verdict.state.as_str());
        for _ in 0..4 {
            for last in (1..voters.len()).rev() {
                voters.swap(last, world.random(last + 1));
            }
            assert_eq!(verdict_in_order(&voters), verdict, "round {round}");
        }
    }
    assert_eq!(states.len(), State::ALL.len() - 1, "all but insufficient: {states:?}");
}

#[test]
fn an_even_vote_is_even_however_many_share_it() {
    for resolvers in 1..=60 {
        // One network says that there is an address, and one that there is none.
        let mut voters: Vec<Voter> =
            (1..=resolvers).map(|n| (n, 1, "DE", Some(addresses_outcome(&[1])))).collect();
        voters.push((100, 2, "FR", Some(outcome(Content::Nxdomain))));
        voters.push((101, 2, "FR", Some(outcome(Content::Nxdomain))));
        let verdict = verdict_in_order(&voters);
        let agree = verdict.responses[Class::Agree as usize];
        assert_eq!(agree, resolvers as usize, "addresses win a tie");

        // One network of fifty is two per cent: its address is in the pool.
        let mut voters: Vec<Voter> = (1..50)
            .map(|n| (n, n, ["DE", "FR", "NL"][n as usize % 3], Some(addresses_outcome(&[1]))))
            .collect();
        voters.extend((0..resolvers).map(|n| {
            (100 + n, 999, ["DE", "FR", "NL"][n as usize % 3], Some(addresses_outcome(&[2])))
        }));
        let verdict = verdict_in_order(&voters);
        let places = resolvers.min(3);
        assert_eq!(verdict.outliers() == 0, places == 3, "{resolvers} resolvers");
    }
}

#[test]
fn one_answer_of_nearly_all_networks_is_uniform_however_large_the_others_are() {
    let mut voters: Vec<Voter> = (1..=98)
        .map(|n| (n, n, ["DE", "FR", "NL"][n as usize % 3], Some(addresses_outcome(&[1]))))
        .collect();
    for n in 0..80 {
        let country = ["DE", "FR", "NL"][n as usize % 3];
        let answer = addresses_outcome(&[2 + n as u8 % 2]);
        voters.push((200 + n, 900 + n % 2, country, Some(answer)));
    }
    assert_eq!(verdict_in_order(&voters).state, State::Uniform);
}
