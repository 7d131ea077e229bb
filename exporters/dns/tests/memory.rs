//! What it takes of the memory to judge the largest set that is promised: 25,000 resolvers, each of which gives 63
//! addresses of its own.
#![expect(unsafe_code, reason = "an allocator that counts is written with it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};

use turbulence_dns::simulation::{Reply, Said, Set, Setup};

/// The system's allocator, with what is held of it, and the most that was.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;
static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// What glibc takes for so many bytes: they, and eight to find them by, in steps of 16.
fn taken(layout: Layout) -> usize {
    (layout.size() + 8).next_multiple_of(16).max(32)
}

// SAFETY: every call is passed on as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(taken(layout), Ordering::Relaxed) + taken(layout);
        MOST.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller's promises are the system allocator's conditions.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(taken(layout), Ordering::Relaxed);
        // SAFETY: the same.
        unsafe { System.dealloc(pointer, layout) };
    }
}

const RESOLVERS: u32 = 25_000;
const ADDRESSES: u32 = 63;
/// What the answers and their verdict may take together while they are judged.
const MOST_WHILE: usize = 100 << 20;

#[test]
fn twenty_five_thousand_resolvers_that_all_answer_otherwise_fit() {
    let word = str::to_owned;
    let resolvers = (0..RESOLVERS).map(|at| {
        (
            format!("{}{}", ['A', 'B', 'D', 'G'][at as usize % 4], ['A', 'E'][at as usize / 4 % 2]),
            format!("as{}", at % 3_000),
        )
    });
    let mut set = Set::new(Setup {
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
    .unwrap();
    let addresses = |at: u32| -> Vec<IpAddr> {
        let number = |which: u32| 0x1000_0000 + (at * ADDRESSES + which) * 64;
        (0..ADDRESSES).map(|which| Ipv4Addr::from_bits(number(which)).into()).collect()
    };
    let replies: Vec<Reply> =
        (0..RESOLVERS).map(|at| Said::Addresses(addresses(at)).into()).collect();
    let before = HELD.load(Ordering::Relaxed);
    for sweep in 1..=2 {
        MOST.store(before, Ordering::Relaxed);
        set.swept(&replies, false, 3600 * sweep);
        let most = MOST.load(Ordering::Relaxed) - before;
        assert!(most < MOST_WHILE, "{} MB", most >> 20);
    }
    let after = HELD.load(Ordering::Relaxed) - before;
    println!("after two sweeps: {} kB", after >> 10);
    assert!(set.page(7300).contains("dns_consistency_responses{"));
}
