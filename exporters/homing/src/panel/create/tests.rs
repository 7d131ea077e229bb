//! Measurements at a server that counts tests as Globalping's own source does (`rate-limiter-post.ts`).

use std::sync::{Mutex, MutexGuard};

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use exporter_kit::Running;
use serde_json::{Value, json};

use super::*;
use crate::class::{Class, Judged};
use crate::config::{Config, Way};
use crate::state::{Evaluation, Snapshot};
use crate::verdict::{AddressVerdict, TargetVerdict};
use crate::world::World;

/// Paths of another's API, and none of the exporter.
const PATHS: [&str; 3] = ["/v1/limits", "/v1/measurements", "/v1/measurements/{id}"];
const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(149, 154, 167, 220));
const TWO: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(149, 154, 167, 50));
const SIX: IpAddr = IpAddr::V6(std::net::Ipv6Addr::new(0x2a00, 0x1450, 0, 0, 0, 0, 0, 7));

/// What is kept of an account, and of what is measured.
#[derive(Default)]
struct Account {
    limit: u64,
    spent: u64,
    /// Tests beyond the limit are paid with these.
    credits: u64,
    /// Who was measured, by which probes.
    asked: Vec<Value>,
    /// Of those that come so many say that they failed, and so many are no results at all.
    failed: usize,
    formless: usize,
    /// So many times the next results are not there.
    missing: usize,
}

type Shared = Arc<Mutex<Account>>;

fn of(account: &Shared) -> MutexGuard<'_, Account> {
    account.lock().unwrap()
}

/// An hour has not begun, and ends at once, while nothing was spent in it.
async fn limits(State(account): State<Shared>) -> Json<Value> {
    let said = {
        let it = of(&account);
        let reset = if it.spent == 0 { 0 } else { 3_600 };
        json!({"type": "user", "limit": it.limit, "remaining": it.limit.saturating_sub(it.spent), "reset": reset})
    };
    // So that who asks at the same moment hears the same.
    sleep(Duration::from_millis(20)).await;
    Json(json!({"rateLimit": {"measurements": {"create": said}}, "credits": {"remaining": 9}}))
}

async fn create(
    State(account): State<Shared>,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let mut it = of(&account);
    it.spent += 12;
    it.credits += it.spent.saturating_sub(it.limit).min(12);
    it.asked.push(body);
    (StatusCode::ACCEPTED, Json(json!({"id": format!("m{}", it.asked.len()), "probesCount": 12})))
}

async fn results(
    State(account): State<Shared>,
    Path(id): Path<String>,
) -> (StatusCode, Json<Value>) {
    let mut it = of(&account);
    if it.missing > 0 {
        it.missing -= 1;
        return (StatusCode::NOT_FOUND, Json(json!({})));
    }
    let number: usize = id[1..].parse().unwrap();
    let address = it.asked[number - 1]["target"].clone();
    let result = |at: usize| {
        let probe = json!({"latitude": 52.4, "longitude": 4.9, "asn": 64_500 + at});
        let pinged = json!({"status": "finished", "resolvedAddress": address, "stats": {"min": 41.5, "rcv": 3}});
        match at {
            _ if at < it.formless => json!({"probe": probe, "result": "<html>"}),
            _ if at < it.formless + it.failed => {
                json!({"probe": probe, "result": {"status": "offline"}})
            }
            _ => json!({"probe": probe, "result": pinged}),
        }
    };
    let all: Vec<Value> = (0..12).map(result).collect();
    let said =
        json!({"id": id, "type": "ping", "status": "finished", "target": address, "results": all});
    (StatusCode::OK, Json(said))
}

async fn serve(spent: u64) -> (Shared, Config) {
    let account = Arc::new(Mutex::new(Account { limit: 500, spent, ..Account::default() }));
    let [limits_at, create_at, results_at] = PATHS;
    let router = Router::new()
        .route(limits_at, get(limits))
        .route(create_at, post(create))
        .route(results_at, get(results))
        .with_state(Arc::clone(&account));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, router).await });
    let text = format!(
        "prometheus: [{{url: 'http://localhost:9090'}}]\npanel:\n  globalping:\n    acknowledge_own_infrastructure: true\n    \
         url: http://{address}\n    networks: [149.154.164.0/22, '2a00:1450::/29']\n    endpoints: [{{name: a, target: api, interval: 1s}}]\n"
    );
    (account, exporter_kit::parse(&text, "config").unwrap())
}

fn work(config: &Config) -> (PanelWork, Own) {
    let work = config.panels().remove("a").unwrap().work;
    let Way::Globalping(own) = work.way.clone() else { panic!("it is made") };
    (work, own)
}

fn maker(config: &Config, budget: &Arc<Budget>) -> Maker {
    let (work, own) = work(config);
    let (same_as, budget) = (BTreeMap::new(), Arc::clone(budget));
    Maker { own, work, budget, same_as, made: 0, again: None }
}

#[tokio::test]
async fn an_account_of_which_nothing_was_spent_measures() {
    let (account, config) = serve(0).await;
    let mut maker = maker(&config, &Arc::default());
    for round in 1..=2 {
        let results = maker.measure(ONE, 1_790_000_000).await.unwrap();
        assert_eq!((results.replies.len(), of(&account).spent), (12, round * 12));
    }
}

#[tokio::test]
async fn those_that_ask_at_one_moment_take_what_is_left_once() {
    // Of 500 a fifth is left to others: 36 are for three measurements.
    let (account, config) = serve(500 - 100 - 36).await;
    let budget = Arc::default();
    let all: Vec<_> = (0..12)
        .map(|_| {
            let mut maker = maker(&config, &budget);
            tokio::spawn(
                async move { (maker.create(ONE).await.map(|_| ()), maker.again.is_some()) },
            )
        })
        .collect();
    let mut came = Vec::new();
    for one in all {
        came.push(one.await.unwrap());
    }
    assert_eq!(came.iter().filter(|it| **it == (Ok(()), false)).count(), 3);
    assert_eq!(came.iter().filter(|it| **it == (Err(Fetch::Later), true)).count(), 9);
    let spent = of(&account).spent;
    assert_eq!((spent, of(&account).credits), (400, 0));
}

#[tokio::test]
async fn the_same_probes_are_asked_again_by_family_and_as_long_as_most_of_them_answer() {
    let (account, config) = serve(0).await;
    let mut maker = maker(&config, &Arc::default());
    let mut measure = async |address, failed, formless| {
        of(&account).failed = failed;
        of(&account).formless = formless;
        let came = maker.measure(address, 1_790_000_000).await.map(|it| it.replies.len());
        let locations = of(&account).asked.last().unwrap()["locations"].clone();
        (came, locations.as_str().map(str::to_owned))
    };
    let by = |id: &str| Some(id.to_owned());
    assert_eq!(measure(ONE, 0, 0).await, (Ok(12), None));
    assert_eq!(measure(SIX, 0, 0).await, (Ok(12), None), "not each of them has IPv6");
    assert_eq!(measure(TWO, 4, 0).await, (Ok(8), by("m1")));
    assert_eq!(measure(ONE, 0, 5).await, (Ok(7), by("m3")));
    assert_eq!(measure(ONE, 0, 12).await, (Err(Fetch::Schema), None));
    assert_eq!(measure(ONE, 0, 0).await, (Ok(12), None));
    assert_eq!(measure(SIX, 0, 0).await, (Ok(12), by("m2")));
}

#[tokio::test]
async fn results_that_are_not_there_for_a_moment_are_asked_for_again() {
    let (account, config) = serve(0).await;
    of(&account).missing = 2;
    let results = maker(&config, &Arc::default()).measure(ONE, 1_790_000_000).await.unwrap();
    assert_eq!((results.replies.len(), of(&account).spent), (12, 12));
}

fn judged(addresses: &[IpAddr]) -> Snapshot {
    let address =
        |ip: &IpAddr| AddressVerdict { ip: *ip, told: Class::OneSite, judged: Judged::default() };
    let addresses = addresses.iter().map(address).collect();
    let endpoint = crate::world::Endpoint { team: String::new(), target: "api".to_owned() };
    let target = TargetVerdict { addresses, ..TargetVerdict::default() };
    Snapshot {
        world: World::new(Vec::new()),
        verdict: crate::judge::Verdict {
            targets: [(endpoint, target)].into(),
            ..Default::default()
        },
        left_out: exporter_kit::CountsBy::default(),
        unix: 0.0,
        at: Instant::now(),
        took: Duration::ZERO,
    }
}

#[tokio::test]
async fn an_address_that_is_gone_is_told_no_longer_though_nothing_new_is_had() {
    let (account, config) = serve(0).await;
    let evaluations = Arc::new(Evaluations::default());
    let start = |name: &String, wanted: &exporter_kit::Wanted<_, _>| {
        let evaluation = Arc::new(Evaluation::new(name, &wanted.work, &wanted.labels));
        Running::new(evaluation, tokio::spawn(std::future::pending()))
    };
    evaluations.update(config.evaluation(), start, |_, _| ());
    let evaluation = evaluations.state(&EVALUATION.to_owned()).unwrap();
    evaluation.publish(judged(&[ONE, TWO]));
    let (work, own) = work(&config);
    let panel = Arc::new(Panel::new("a", &work, &config.panels()["a"].labels));
    let (rounds, budget) = (Rounds::default(), Arc::default());
    let task = tokio::spawn(run(Arc::clone(&panel), work, own, rounds, evaluations, budget));
    let told = || {
        let latest = panel.standing(Instant::now());
        latest.map_or(0, |it| it.told.addresses.len())
    };
    while told() < 2 {
        sleep(Duration::from_millis(20)).await;
    }
    of(&account).spent = 500;
    evaluation.publish(judged(&[TWO]));
    let later = panel.fetches.get(Fetch::Later);
    while panel.fetches.get(Fetch::Later) < later + 2 {
        sleep(Duration::from_millis(20)).await;
    }
    assert!(told() <= 1);
    task.abort();
}
