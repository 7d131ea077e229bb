//! What it takes of the memory to judge a set: the largest that is promised, 25,000 resolvers each of which gives 63
//! addresses of its own, and lists of any length.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, PoisonError};

use peers::Counting;
use turbulence_dns::simulation::{Reply, Said, Set, Setup};

#[global_allocator]
static ALLOCATOR: Counting = Counting::new();
/// One test at a time: there is one count.
static ALONE: Mutex<()> = Mutex::new(());

const RESOLVERS: u32 = 25_000;
const ADDRESSES: u32 = 63;
/// What the answers and their verdict may take together while they are judged.
const MOST_WHILE: usize = 100 << 20;

/// A set of so many resolvers, in eight countries and up to 3,000 networks.
fn set(resolvers: u32) -> Set {
    let word = str::to_owned;
    let resolvers = (0..resolvers).map(|at| {
        (
            format!("{}{}", ['A', 'B', 'D', 'G'][at as usize % 4], ['A', 'E'][at as usize / 4 % 2]),
            format!("as{}", at % 3_000),
        )
    });
    Set::new(Setup {
        vantage: word("fra"),
        region: word("EMEA"),
        set: word("world"),
        name: word("cdn.example"),
        kind: word("A"),
        mode: word("subset"),
        expected: None,
        interval: 3600,
        ttl: Some(60),
        resolvers: resolvers.collect(),
    })
    .expect("a good setup")
}

/// What is held after two sweeps beside what was before, and the most that was while they were judged.
fn taken_by(set: &mut Set, replies: &[Reply]) -> (usize, usize) {
    let before = ALLOCATOR.held();
    ALLOCATOR.begin();
    for sweep in 1..=2 {
        set.swept(replies, false, 3600 * sweep);
    }
    (ALLOCATOR.held().saturating_sub(before), ALLOCATOR.most().saturating_sub(before))
}

#[test]
fn twenty_five_thousand_resolvers_that_all_answer_otherwise_fit() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut set = set(RESOLVERS);
    let addresses = |at: u32| -> Vec<IpAddr> {
        let number = |which: u32| 0x1000_0000 + (at * ADDRESSES + which) * 64;
        (0..ADDRESSES).map(|which| Ipv4Addr::from_bits(number(which)).into()).collect()
    };
    let replies: Vec<Reply> =
        (0..RESOLVERS).map(|at| Said::Addresses(addresses(at)).into()).collect();
    let (after, most) = taken_by(&mut set, &replies);
    assert!(most < MOST_WHILE, "{} MB", most >> 20);
    println!("after two sweeps: {} kB", after >> 10);
    assert!(set.page(7300).contains("dns_consistency_responses{"));
}

/// What README says of how a sweep grows.
#[test]
fn what_a_sweep_takes_grows_with_the_list_and_no_faster() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut each = Vec::new();
    for resolvers in [1_000, 10_000, 100_000] {
        let mut set = set(resolvers);
        // One of a hundred answers otherwise, and one of fifty is silent.
        let address = |at: u32| Ipv4Addr::from_bits(0x1000_0000 + 64 * u32::from(at % 100 == 7));
        let said = |at: u32| match at % 50 {
            3 => Said::Timeout,
            _ => Said::Addresses(vec![address(at).into()]),
        };
        let replies: Vec<Reply> = (0..resolvers).map(|at| said(at).into()).collect();
        let (after, most) = taken_by(&mut set, &replies);
        println!("{resolvers} resolvers: {} kB kept, {} kB while judged", after >> 10, most >> 10);
        each.push([after, most].map(|bytes| bytes / resolvers as usize));
    }
    for [kept, most] in &each[1..] {
        assert!(*kept <= 2 * each[0][0] && *most <= 2 * each[0][1], "{each:?}");
    }
}
