//! What a target of echoes takes of the memory, once twenty minutes of it are known.

use std::time::Duration;

use peers::Counting;
use turbulence_latency::simulation::{Found, Place, Target, Times};

#[global_allocator]
static ALLOCATOR: Counting = Counting::new();

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
    let before = ALLOCATOR.held();
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
    let each = (ALLOCATOR.held() - before) / TARGETS;
    println!("{each} bytes a target");
    assert!(each <= MOST, "{each} bytes a target");
    // Something is known of it.
    assert!(each >= 1_000, "{each} bytes a target");
}
