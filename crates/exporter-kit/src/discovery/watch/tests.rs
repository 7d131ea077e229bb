//! What comes to the task that watches at a bad moment.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use tempfile::TempDir;

use super::*;
use crate::discovery::{Found, Skipped};
use crate::in_force::InForce;
use crate::{Health, Kit};

#[tokio::test]
async fn a_change_of_the_config_beside_an_answer_is_not_lost() {
    let (config, settings) = watch::channel(Discovery::default());
    let (list, answers) = mpsc::channel(1);
    let mut news = News { settings, answers, answered: Vec::new(), is_due: false };
    for _ in 0..64 {
        config.send_replace(Discovery::default());
        // Which of the two ends the wait is left to chance.
        let _ = list.try_send((1, Ok(Vec::new())));
        assert!(news.come().await);
        news.settings();
        assert!(news.is_due, "the change was taken for seen");
        news.is_due = false;
    }
    assert!(!news.answered.is_empty(), "the answer always lost");
    drop(config);
    while news.come().await {}
}

/// An exporter that remembers what was discovered, and panics when it first finds `bad`.
struct Fragile {
    found: Mutex<Vec<Vec<String>>>,
}

impl Exporter for Fragile {
    const NAME: &'static str = "fragile";
    const ABOUT: &'static str = "Breaks once.";
    const PORT: u16 = 0;
    type Config = ();

    fn start(&(): &(), _: &mut Kit) -> anyhow::Result<Self> {
        Ok(Self { found: Mutex::default() })
    }

    fn keep_in_step(&self, &mut (): &mut (), found: &[Found]) -> Vec<Skipped> {
        let mut all = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(found.iter().map(|found| found.address.clone()).collect());
        let bad = |found: &&Vec<String>| found.iter().any(|it| it == "bad");
        assert!(all.iter().filter(bad).count() != 1, "as it should");
        Vec::new()
    }

    fn health(&self) -> Vec<Arc<Health>> {
        Vec::new()
    }
}

/// A server that answers every request with a list of one target.
fn serve(target: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n\
                 [{{\"targets\": [\"{target}\"]}}]"
            );
        }
    });
    format!("http://{address}/")
}

#[tokio::test]
async fn a_panic_while_lists_are_taken_in_forgets_none() {
    let folder = TempDir::new().unwrap();
    let discovery = Discovery {
        files: serde_json::from_value(serde_json::json!([{"files": ["list.json"]}])).unwrap(),
        // Asked once, so that nothing else brings its list back.
        http: serde_json::from_value(
            serde_json::json!([{"url": serve("far"), "refresh_interval": "1h"}]),
        )
        .unwrap(),
    };
    let exporter = Arc::new(Fragile { found: Mutex::default() });
    let in_force = InForce::new(Arc::clone(&exporter), ());
    let (_config, settings) = watch::channel(discovery);
    let watching = tokio::spawn(watch(
        Arc::new(tokio::sync::Mutex::new(in_force)),
        Handle::current(),
        folder.path().join("config.yml"),
        settings,
        Status::default(),
    ));
    let found = |wanted: &'static [&'static str]| {
        let exporter = &exporter;
        async move {
            let last = || exporter.found.lock().unwrap_or_else(PoisonError::into_inner).len();
            let is = |number: usize| {
                exporter.found.lock().unwrap_or_else(PoisonError::into_inner)[number] == wanted
            };
            while !(0..last()).any(is) {
                sleep(Duration::from_millis(20)).await;
            }
        }
    };
    found(&["far"]).await;
    std::fs::write(folder.path().join("list.json"), "[{\"targets\": [\"bad\"]}]").unwrap();
    // First it panics; then, without any other change, it is handed the same once more.
    let both = async {
        loop {
            let all = exporter.found.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let with_bad: Vec<_> = all.iter().filter(|it| it.contains(&"bad".to_owned())).collect();
            if let [first, again, ..] = with_bad.as_slice() {
                assert_eq!(first, again);
                assert!(again.contains(&"far".to_owned()), "{again:?}");
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    both.await;
    watching.abort();
}
