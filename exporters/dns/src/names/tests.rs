//! Sets of names, swept on this machine: whom they ask when a name is elsewhere.

use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use exporter_kit::{Rounds, State};
use tokio::net::UdpSocket;
use tokio::time::sleep;

use super::*;
use crate::RunningSets;
use crate::courtesy::Courtesy;
use crate::outcome::SweepResult;
use crate::state::{Latest, RunningSet, SetState};
use crate::store::Store;
use crate::verdict::Memory;

/// A resolver on this machine, at a port that all have, with how often it was asked.
struct Peer {
    address: IpAddr,
    asked: Arc<AtomicUsize>,
}

impl Peer {
    /// One that says that there is no such record, or nothing at all.
    async fn new(address: [u8; 4], port: &mut u16, is_silent: bool) -> Self {
        let address = IpAddr::from(address);
        let socket = UdpSocket::bind((address, *port)).await.unwrap();
        *port = socket.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let of_it = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                of_it.fetch_add(1, Ordering::Relaxed);
                if !is_silent {
                    buffer[2] |= 0x80;
                    socket.send_to(&buffer[..length], from).await.unwrap();
                }
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

fn config(resolvers: &str, port: u16, folder: &Path) -> Config {
    config_of(resolvers, port, "1s", folder)
}

fn config_of(resolvers: &str, port: u16, interval: &str, folder: &Path) -> Config {
    let text = format!(
        "vantage: {{ name: fra, region: EMEA }}
file_sd_configs: [{{ files: [list.json] }}]
state_directory: .
sets: [{{ name: own, resolvers: [{resolvers}], port: {port}, interval: {interval}, timeout: 200ms, allow_private: true }}]
questions: [{{ name: a.example, types: [A] }}]
"
    );
    let config: Config = exporter_kit::config::parse(&text, "test.yml").unwrap();
    config.complete(folder).unwrap()
}

/// The sets of a program, and its names.
#[derive(Default)]
struct Program {
    names: Names,
    sets: RunningSets,
}

impl Program {
    fn keeps(&self, config: &mut Config, found: &[Found]) {
        self.names
            .keep_in_step(config, found, |config, found| self.sets.keep_in_step(config, found));
    }

    fn learns(&self, said: Said, now: Instant) {
        let said = vec![("localhost".parse().unwrap(), said)];
        self.names.learn(said, now, |config, found| self.sets.keep_in_step(config, found));
    }

    fn set(&self) -> Arc<RunningSet> {
        Arc::clone(&self.sets.sets.states()[0])
    }

    /// The set once this is so.
    async fn wait_until(&self, is: impl Fn(&SetState, &Latest) -> bool) -> (Arc<SetState>, Latest) {
        for _ in 0..12_000 {
            let state = self.set().state();
            let latest = state.latest();
            if is(&state, &latest) {
                return (state, latest);
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("it never is: {:?}", self.set());
    }
}

impl Default for RunningSets {
    fn default() -> Self {
        let (rounds, courtesy) = (Rounds::default(), Courtesy::default());
        let (sets, zones, told) = (Arc::default(), Arc::default(), Arc::default());
        Self { sets, zones, rounds, courtesy, told }
    }
}

fn at(peers: &[&Peer]) -> Said {
    Said::At(peers.iter().map(|it| it.address).collect(), Duration::ZERO)
}

fn asks(state: &SetState, peers: &[&Peer]) -> bool {
    let asked = state.plan.set.list.resolvers.iter().map(|it| it.address);
    asked.eq(peers.iter().map(|it| it.address))
}

fn is_swept(latest: &Latest) -> bool {
    latest.trusted().is_some()
}

#[tokio::test]
async fn a_set_goes_on_when_a_name_is_elsewhere_and_asks_there_from_the_next_sweep_on() {
    let (mut port, folder) = (0, tempfile::tempdir().unwrap());
    let own = Peer::new([127, 95, 1, 1], &mut port, false).await;
    let before = Peer::new([127, 95, 2, 1], &mut port, false).await;
    let after = Peer::new([127, 95, 3, 1], &mut port, false).await;
    let (program, began) = (Program::default(), Instant::now());
    let mut config = config(&format!("{}, localhost", own.address), port, folder.path());
    program.keeps(&mut config, &[]);
    assert!(program.set().state().next.is_awaited);
    program.learns(at(&[&before]), began);
    let (state, latest) = program.wait_until(|_, latest| is_swept(latest)).await;
    assert!(asks(&state, &[&own, &before]), "it waited for its name");
    assert_eq!(latest.trusted().unwrap().verdicts[0].classes.len(), 2);
    let set = program.set();

    // It has moved for an hour: what is shown is what was asked, until what it says now is there.
    program.learns(at(&[&after]), began + Duration::from_secs(7200));
    let moved = set.state();
    assert_eq!(moved.next.resolvers[1].address, after.address);
    assert!(asks(&moved, &[&own, &before]) || asks(&moved, &[&own, &after]));
    let (state, latest) = program.wait_until(|state, _| asks(state, &[&own, &after])).await;
    let asked_before = before.asked();
    assert_eq!(latest.trusted().unwrap().verdicts[0].classes.len(), 2);
    let memory = &latest.memories[0];
    assert!(memory.answered.iter().all(|it| *it > 0), "{memory:?}");
    assert!(memory.elsewhere.contains_key(&before.address), "{memory:?}");
    assert!(Arc::ptr_eq(&set, &program.set()) && state.health.state() == State::Up);
    assert!(Arc::ptr_eq(&state.counts, &moved.counts), "its counters go on");

    // Another name is none's loss: the sweeps go on without it.
    let found =
        Found { address: "b.example".into(), labels: Arc::default(), source: "list.json".into() };
    program.keeps(&mut config, &[found]);
    let count = |state: &SetState| state.counts.sweeps(SweepResult::Complete);
    let now = count(&state);
    program.wait_until(|state, _| count(state) >= now + 2).await;
    let state = set.state();
    assert!(asks(&state, &[&own, &after]) && state.next.is_awaited);
    assert!(Arc::ptr_eq(&set, &program.set()) && state.health.state() == State::Up);
    assert_eq!((before.asked(), count(&state) >= 3), (asked_before, true));
}

#[tokio::test]
async fn who_answered_within_a_day_is_remembered_however_late_a_name_is_looked_up() {
    let (mut port, folder) = (0, tempfile::tempdir().unwrap());
    let own = Peer::new([127, 96, 1, 1], &mut port, false).await;
    let silent = Peer::new([127, 96, 2, 1], &mut port, true).await;
    let mut config = config(&format!("{}, localhost", own.address), port, folder.path());
    let last = u32::try_from(crate::clock::unix_seconds() / 60).unwrap() - 60;
    {
        // What the file is that the program finds.
        let addresses = vec![silent.address];
        let known = crate::config::Whereabouts { addresses, why: None };
        config.addresses.insert("localhost".parse().unwrap(), known);
        let plan = config.plans(&[]).0["own"].clone();
        let mut memory = Memory::default();
        memory.answered.extend([last, last]);
        let store = Store::new(folder.path(), "own");
        store.save(&plan, &[memory], std::iter::empty).unwrap();
        config.addresses.clear();
    }
    let program = Program::default();
    program.keeps(&mut config, &[]);
    program.learns(Said::Failed("timed out".into()), Instant::now());
    let (state, latest) = program.wait_until(|_, latest| is_swept(latest)).await;
    assert!(asks(&state, &[&own]), "it waits for no name that cannot be looked up");
    assert_eq!(latest.memories[0].elsewhere[&silent.address], last);
    program.learns(at(&[&silent]), Instant::now());
    let (_, latest) = program.wait_until(|state, _| asks(state, &[&own, &silent])).await;
    assert_eq!(latest.memories[0].answered[1], last);
    // The same by the file.
    let plan = program.set().state().plan.clone();
    let (_, kept) = Store::new(folder.path(), "own").open(&plan);
    assert_eq!(kept.memories[0].answered[1], last);
}

#[tokio::test]
async fn a_set_of_which_nobody_is_known_begins_as_soon_as_somebody_is() {
    let (mut port, folder) = (0, tempfile::tempdir().unwrap());
    let peer = Peer::new([127, 97, 1, 1], &mut port, false).await;
    let (program, began) = (Program::default(), Instant::now());
    let mut config = config_of("localhost", port, "1h", folder.path());
    program.keeps(&mut config, &[]);
    program.learns(Said::Nowhere("there is no such name"), began);
    let failed = |state: &SetState| state.counts.sweeps(SweepResult::Failed);
    let (state, _) = program.wait_until(|state, _| failed(state) > 0).await;
    assert_eq!((state.health.state(), state.next.told.len()), (State::Down("unresolved"), 1));
    program.learns(at(&[&peer]), began);
    let (state, _) = program.wait_until(|_, latest| is_swept(latest)).await;
    assert_eq!((asks(&state, &[&peer]), state.next.told.len()), (true, 0));
    assert_eq!((failed(&state), state.counts.sweeps(SweepResult::Complete)), (1, 1));
}

#[tokio::test]
async fn who_is_gone_is_asked_no_more() {
    let (mut port, folder) = (0, tempfile::tempdir().unwrap());
    let peer = Peer::new([127, 98, 1, 1], &mut port, false).await;
    let (program, began) = (Program::default(), Instant::now());
    let mut config = config("localhost", port, folder.path());
    program.keeps(&mut config, &[]);
    program.learns(at(&[&peer]), began);
    program.wait_until(|_, latest| is_swept(latest)).await;
    program.learns(Said::Nowhere("there is no such name"), began + Duration::from_secs(3600));
    let failed = |state: &SetState| state.counts.sweeps(SweepResult::Failed);
    program.wait_until(|state, _| failed(state) > 0).await;
    let asked = peer.asked();
    program.wait_until(|state, _| failed(state) > 2).await;
    assert_eq!(peer.asked(), asked);
}

#[tokio::test]
async fn a_look_up_that_never_ends_holds_up_no_other_and_a_new_name_costs_no_other_a_look_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config("127.0.0.1, localhost", 53, folder.path());
    let found = |names: &[&str]| -> Vec<Found> {
        let found = |name: &&str| Found {
            address: (*name).into(),
            labels: Arc::default(),
            source: "list.json".into(),
        };
        names.iter().map(found).collect()
    };
    let names = Arc::new(Names::default());
    let looked_up: Arc<Mutex<Vec<HostName>>> = Arc::default();
    let (of_it, of_names) = (Arc::clone(&looked_up), Arc::clone(&names));
    let look_up = move |name: HostName| {
        of_it.lock().unwrap().push(name.clone());
        async move {
            if name.as_str() == "hangs.example" {
                std::future::pending::<()>().await;
            }
            Said::At(vec![IpAddr::from([127, 0, 0, 2])], Duration::from_secs(300))
        }
    };
    let task = tokio::spawn(run(of_names, |_, _| Vec::new(), look_up));
    let known = |name: &str| {
        let name: HostName = name.parse().unwrap();
        let in_force = lock(&names.in_force);
        in_force.with.as_ref().is_some_and(|(config, _)| config.addresses.contains_key(&name))
    };
    names.keep_in_step(&mut config, &found(&["hangs.example"]), |_, _| Vec::new());
    while !known("localhost") {
        sleep(Duration::from_millis(10)).await;
    }
    names.keep_in_step(&mut config, &found(&["hangs.example", "new.example"]), |_, _| Vec::new());
    while !known("new.example") {
        sleep(Duration::from_millis(10)).await;
    }
    let mut looked_up: Vec<_> = looked_up.lock().unwrap().iter().map(ToString::to_string).collect();
    looked_up.sort();
    assert_eq!(looked_up, ["hangs.example", "localhost", "new.example"]);
    assert!(!known("hangs.example"));
    // Whoever measures waits for nobody who puts something in force.
    let held = lock(&names.in_force);
    assert_eq!(names.wanted().len(), 3);
    drop(held);
    task.abort();
}
