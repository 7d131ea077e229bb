//! Slack, PagerDuty, Telegram and Microsoft Teams, as far as Alertmanager can tell.

use std::net::SocketAddr;

use axum::Router;
use axum::http::{StatusCode, Uri};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// What was posted: to which path, and the body.
pub(crate) type Post = (String, Value);

/// Keeps what is posted, and answers as these do. Serves until the receiver is dropped.
pub(crate) async fn start() -> (SocketAddr, mpsc::UnboundedReceiver<Post>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (posts, arrivals) = mpsc::unbounded_channel();
    let take = move |to: Uri, body: String| async move {
        let (status, answer) = match to.path() {
            "/pagerduty" | "/teams" => (StatusCode::ACCEPTED, "{}".to_owned()),
            "/slack" => (StatusCode::OK, "ok".to_owned()),
            "/telegram/bot123456:secret/sendMessage" => (StatusCode::OK, telegram()),
            other => panic!("posted to {other}: {body}"),
        };
        let _ = posts.send((to.path().to_owned(), serde_json::from_str(&body).unwrap()));
        (status, answer)
    };
    let routes = Router::new().fallback(take);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (address, arrivals)
}

fn telegram() -> String {
    let message = json!({"message_id": 1, "date": 1, "chat": {"id": -1_001_234_567_890_i64, "type": "channel"}});
    json!({"ok": true, "result": message}).to_string()
}
