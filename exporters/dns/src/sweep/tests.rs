//! Sweeps of sockets on this machine, and what arrives there.
//!
//! Those are no `peers::DnsServer`: they answer by the bytes of the question, what is cut where nobody listens by TCP, and
//! say when each arrived.

use std::collections::BTreeMap;
use std::net::IpAddr;

use tokio::net::UdpSocket;

use super::*;
use crate::config::Config;
use crate::outcome::Outcome;

/// Resolvers at one port, each of another network, that answer everything with what is cut.
async fn cutting(count: u8) -> (Vec<IpAddr>, u16) {
    let (mut addresses, mut port) = (Vec::new(), 0);
    for number in 1..=count {
        let address = IpAddr::from([127, 93, number, 1]);
        let socket = UdpSocket::bind((address, port)).await.unwrap();
        port = socket.local_addr().unwrap().port();
        addresses.push(address);
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                buffer[2] |= 0x82;
                socket.send_to(&buffer[..length], from).await.unwrap();
            }
        });
    }
    (addresses, port)
}

#[tokio::test]
async fn who_was_asked_too_much_to_be_asked_over_tcp_does_not_fail_on_the_name() {
    let (addresses, port) = cutting(8).await;
    let resolvers: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    let text = format!(
        "vantage: {{ name: fra, region: EMEA }}\n\
         sets: [{{ name: world, resolvers: [{}], port: {port}, allow_private: true, timeout: 500ms, interval: 60s }}]\n\
         questions: [{{ name: a.example, types: [A, MX, TXT] }}]\n",
        resolvers.join(", ")
    );
    let config: Config = exporter_kit::config::parse(&text, "test.yml").unwrap();
    let config = config.complete(std::path::Path::new(".")).unwrap();
    let plan = Arc::new(config.plans(&[]).0["world"].clone());
    let counts = Arc::new(Counts::new(3, &plan.buckets));
    let courtesy = Courtesy::after_asking(&addresses, 40);
    let sweep = run(&plan, &counts, &courtesy, 0).await.unwrap();
    assert!(!sweep.degraded);
    let of = |kind| plan.questions.iter().position(|asked| asked.kind == kind).unwrap();
    for kind in [Kind::A, Kind::Mx] {
        assert_eq!(sweep.kept.outcomes(of(kind)), Some(vec![Some(&Outcome::NotAsked); 8]));
    }
    // Nobody listens there.
    assert_eq!(sweep.kept.outcomes(of(Kind::Txt)), Some(vec![Some(&Outcome::Truncated); 8]));
    // Whose answers come cut is asked over TCP as planned from the next sweep on, if there is room.
    let roomy = |spare_tcp| Arc::new(Plan { spare_tcp, ..Plan::clone(&plan) });
    for (spare, asked) in [(0, [false, false]), (1, [true, false]), (2, [true; 2])] {
        let sweep = run(&roomy(spare), &counts, &courtesy, 0).await.unwrap();
        for (kind, is_asked) in [Kind::A, Kind::Mx].into_iter().zip(asked) {
            let wanted = if is_asked { Outcome::Truncated } else { Outcome::NotAsked };
            let outcomes = sweep.kept.outcomes(of(kind));
            assert_eq!(outcomes, Some(vec![Some(&wanted); 8]), "{kind:?}, {spare}");
        }
    }
}

/// How often each address was asked, and when it was last.
type Arrived = Arc<Mutex<BTreeMap<IpAddr, (u32, Instant)>>>;

/// Resolvers at one port, some in each of a few networks, that say that there is no such record; every third is silent.
async fn counting(networks: u8, each: u8) -> (Arrived, u16) {
    let (arrived, mut port) = (Arrived::default(), 0);
    for (network, number) in (0..networks).flat_map(|it| (0..each).map(move |at| (it, at))) {
        let address = IpAddr::from([127, 94, network, 1 + number]);
        let socket = UdpSocket::bind((address, port)).await.unwrap();
        port = socket.local_addr().unwrap().port();
        let arrived = Arc::clone(&arrived);
        arrived.lock().unwrap().insert(address, (0, Instant::now()));
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                let before = arrived.lock().unwrap()[&address].0;
                arrived.lock().unwrap().insert(address, (before + 1, Instant::now()));
                if number % 3 > 0 {
                    buffer[2] |= 0x80;
                    socket.send_to(&buffer[..length], from).await.unwrap();
                }
            }
        });
    }
    (arrived, port)
}

/// Two sets of the same resolvers, swept at the same time, and again when a reload ends them in their midst: where time goes
/// twenty times as fast, and this machine is owed what others are.
#[tokio::test]
async fn what_arrives_at_a_resolver_and_its_network_is_within_their_seconds_over_sets_and_a_reload()
{
    const PACE: u32 = 20;
    let (arrived, port) = counting(3, 9).await;
    let resolvers: Vec<_> = arrived.lock().unwrap().keys().map(ToString::to_string).collect();
    let set = |name: &str| {
        format!(
            "{{ name: {name}, resolvers: [{}], port: {port}, allow_private: true, timeout: 500ms, rate: 5000 }}",
            resolvers.join(", ")
        )
    };
    let text = format!(
        "vantage: {{ name: fra, region: EMEA }}\nsets: [{}, {}]\nquestions: [{{ name: a.example, types: [A, MX, NS, SRV] \
         }}]\n",
        set("one"),
        set("other")
    );
    let (courtesy, began) = (Courtesy::hurried(PACE), Instant::now());
    let all = || arrived.lock().unwrap().values().map(|(count, _)| *count).sum::<u32>();
    let mut counts = Vec::new();
    for is_replaced in [true, false] {
        let config: Config = exporter_kit::config::parse(&text, "test.yml").unwrap();
        let config = config.complete(std::path::Path::new(".")).unwrap();
        let mut sweeps = JoinSet::new();
        for plan in config.plans(&[]).0.into_values() {
            let (plan, courtesy) = (Arc::new(plan), courtesy.clone());
            let of_set = Arc::new(Counts::new(4, &plan.buckets));
            counts.push(Arc::clone(&of_set));
            sweeps.spawn(async move { run(&plan, &of_set, &courtesy, 0).await });
        }
        while is_replaced && all() < 40 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if !is_replaced {
            assert!(sweeps.join_all().await.into_iter().all(|sweep| sweep.is_ok()));
        }
    }
    let all_sent: u64 = counts.iter().map(|counts| counts.sent()).sum();
    assert_eq!(u64::from(all()), all_sent);
    let arrived = arrived.lock().unwrap().clone();
    let until = |last: Instant| (last - began).as_secs_f64() * f64::from(PACE);
    let mut networks: BTreeMap<u8, (u32, Instant)> = BTreeMap::new();
    for (address, (count, last)) in &arrived {
        let IpAddr::V4(v4) = address else { panic!() };
        let (of_network, last_of_network) = networks.entry(v4.octets()[2]).or_insert((0, began));
        *of_network += count;
        *last_of_network = (*last_of_network).max(*last);
        assert!(*count >= 8, "{address}: what is planned is sent");
        assert!(f64::from(*count) <= 1.0 + until(*last), "{address}: {count}");
    }
    // It is the network that they wait for: two sets that do not know of each other take half as long.
    for (network, (count, last)) in networks {
        let seconds = until(last);
        assert!(f64::from(count) <= 1.0 + 2.0 * seconds, "{network}: {count} in {seconds} s");
    }
}
