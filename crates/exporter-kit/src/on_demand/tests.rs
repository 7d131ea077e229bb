//! Engines that take their time, break or never end, and a client that goes away.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::HeaderMap;

use super::*;

/// Counts the measurements that run; the query says how one goes.
#[derive(Debug, Default)]
struct Stub(AtomicUsize);

struct Running(Arc<Stub>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Engine for Stub {
    type Plan = String;

    fn settings(&self) -> Arc<Settings> {
        Arc::default()
    }

    fn plan(&self, asked: &Asked) -> Result<Planned<String>, String> {
        let plan = asked.target().unwrap_or_default().to_owned();
        Ok(Planned { plan, contacts: Contacts::Configured, timeout: Duration::from_secs(9) })
    }

    async fn measure(self: Arc<Self>, plan: String, deadline: Instant, log: Log) -> Registry {
        self.0.fetch_add(1, Ordering::SeqCst);
        let _running = Running(self);
        match plan.as_str() {
            "good" => tokio::time::sleep_until(deadline).await,
            "refused" => log.fail(),
            "endless" => std::future::pending().await,
            _ => panic!("a defect of the engine"),
        }
        Registry::default()
    }
}

fn asked(target: &str) -> Query<Vec<(String, String)>> {
    Query(vec![("target".to_owned(), target.to_owned())])
}

fn stub(places: usize) -> Arc<Page<Stub>> {
    let budget: &Budget = Box::leak(Box::new(Budget::unlimited()));
    budget.measures_on_demand();
    // What is left of it is one half theirs, by two files each.
    budget.limit_to(4 * places);
    let (measuring, running) = (Handle::current(), AtomicUsize::new(0));
    Arc::new(Page { engine: Arc::default(), measuring, running, budget, recent: Arc::default() })
}

async fn status(page: &Arc<Page<Stub>>, target: &str) -> StatusCode {
    answer(State(Arc::clone(page)), asked(target), HeaderMap::new()).await.status()
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_breaks_or_never_ends_is_answered_for() {
    let page = stub(1);
    let start = Instant::now();
    assert_eq!(status(&page, "endless").await, StatusCode::GATEWAY_TIMEOUT);
    assert!(start.elapsed() >= Duration::from_secs(9));
    assert_eq!(status(&page, "broken").await, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(page.engine.0.load(Ordering::SeqCst), 0);
    assert_eq!(status(&page, "good").await, StatusCode::OK);
    // Each is kept, for whoever comes later.
    let kept = page.recent.page("/p/recent", SystemTime::now()).into_string();
    let (newest, rest) = kept.split_once("broken").unwrap();
    assert!(newest.contains("good") && newest.contains("well"), "{kept}");
    assert!(rest.contains("endless") && rest.matches("failed").count() == 2, "{kept}");
    // A result that says that it failed is one that failed.
    assert_eq!(status(&page, "refused").await, StatusCode::OK);
    let kept = page.recent.page("/p/recent", SystemTime::now()).into_string();
    let (newest, _) = kept.split_once("good").unwrap();
    assert!(newest.contains("refused") && newest.contains(">failed<"), "{kept}");
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_place_is_told_so_at_once() {
    let page = stub(2);
    let good = || {
        tokio::spawn({
            let page = Arc::clone(&page);
            async move { status(&page, "good").await }
        })
    };
    let two = [good(), good()];
    tokio::time::sleep(Duration::from_secs(1)).await;
    let start = Instant::now();
    let busy = answer(State(Arc::clone(&page)), asked("good"), HeaderMap::new()).await;
    assert_eq!((busy.status(), start.elapsed()), (StatusCode::SERVICE_UNAVAILABLE, Duration::ZERO));
    assert!(busy.headers().contains_key(header::RETRY_AFTER));
    for good in two {
        assert_eq!(good.await.unwrap(), StatusCode::OK);
    }
    assert_eq!(status(&page, "good").await, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_measured_for_who_went_away() {
    let page = stub(1);
    let gone = tokio::time::timeout(Duration::from_secs(1), status(&page, "endless"));
    assert!(gone.await.is_err());
    let kept = page.recent.page("/p/recent", SystemTime::now()).into_string();
    assert!(
        kept.contains("endless") && kept.contains("failed") && kept.contains("1.000"),
        "{kept}"
    );
    assert!(page.recent.log(1).unwrap().contains("who asked for it hung up"));
    // The task is told to stop, and does so when it has its turn.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(page.engine.0.load(Ordering::SeqCst), 0);
    assert_eq!(status(&page, "good").await, StatusCode::OK);
}

#[test]
fn a_stranger_s_word_is_shown_only_if_it_can_be_a_destination() {
    for good in ["127.0.0.1:80", "[::1]:80", "a_b.example", "/run/a.sock", "münchen.de"] {
        assert!(not_allowed(good).contains(&format!("allow: ['{good}']")), "{good}");
    }
    for bad in ["a']}\nb", "a b", "a\u{202e}b", "\u{7}", "", &"x".repeat(201)] {
        let message = not_allowed(bad);
        assert!(
            message.starts_with("the target is not allowed: ") && message.len() < 200,
            "{bad:?}"
        );
    }
}

#[test]
fn an_answer_is_on_its_way_for_a_minute_at_most() {
    let settings = |text: &str| config::parse::<Settings>(text, "f").map_err(|it| it.to_string());
    assert_eq!(settings("{timeout_offset: 1m}").unwrap().timeout_offset.get().as_secs(), 60);
    let error = settings("{timeout_offset: 10000h}").unwrap_err();
    assert!(error.contains("timeout_offset: must be from 1ms to 1m"), "{error}");
}
