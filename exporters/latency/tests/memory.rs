//! What a target of echoes takes of the memory, once twenty minutes of it are known.
#![expect(unsafe_code, reason = "an allocator that counts is written with it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use turbulence_latency::simulation::{Found, Place, Target, Times};

/// The system's allocator, with what is held of it.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;
static HELD: AtomicUsize = AtomicUsize::new(0);

/// What glibc takes for so many bytes: they, and eight to find them by, in steps of 16.
fn taken(layout: Layout) -> usize {
    (layout.size() + 8).next_multiple_of(16).max(32)
}

// SAFETY: every call is passed on as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(taken(layout), Ordering::Relaxed);
        // SAFETY: the caller's promises are the system allocator's conditions.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(taken(layout), Ordering::Relaxed);
        // SAFETY: the same.
        unsafe { System.dealloc(pointer, layout) };
    }
}

const TARGETS: usize = 100;
/// What a target may take: its config, its state and what is judged of it.
const MOST: usize = 3_900;

#[test]
fn a_target_of_echoes_takes_few_bytes() {
    let (interval, timeout) = (Duration::from_secs(1), Duration::from_secs(3));
    let names: Vec<String> = (0..TARGETS).map(|number| format!("target-{number:05}")).collect();
    let target =
        |name| Target { name, module: "icmp", is_canary: false, team: "", interval, timeout };
    let targets: Vec<_> = names.iter().map(|name| target(name.as_str())).collect();
    let before = HELD.load(Ordering::Relaxed);
    let mut place = Place::new("test", "EMEA", &targets).unwrap();
    (0..TARGETS).for_each(|target| place.add(target));
    for round in 1..=1_200_u32 {
        let begun = interval * round;
        for target in 0..TARGETS {
            // Other ones each time, as queues make them.
            let micros = 20_000 + (u64::from(round) * 7_919 + target as u64 * 104_729) % 1_009;
            let rtt = Duration::from_micros(micros);
            let found = Found { reason: None, status: None, rtt, ttfb: None, timeout, ahead: 0 };
            let times = Times { begun, decided: begun + rtt, ahead: 0.0 };
            place.decided(target, round.into(), &[found], times);
        }
        if round % 60 == 0 {
            assert!(place.page(begun, 0.0).len() > TARGETS * 100);
        }
    }
    let each = (HELD.load(Ordering::Relaxed) - before) / TARGETS;
    println!("{each} bytes a target");
    assert!(each <= MOST, "{each} bytes a target");
    // Something is known of it.
    assert!(each >= 1_000, "{each} bytes a target");
}
