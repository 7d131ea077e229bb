//! Handshakes and talks with servers of WebSocket, and with others.

use std::net::SocketAddr;

use peers::HttpServer;
use tokio::net::TcpListener;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

use super::*;
use crate::blackbox::trial::Trial;

/// Says hello, then says again what it is told.
async fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                #[expect(clippy::result_large_err, reason = "the library asks for it so")]
                let is_known = |request: &Request, response: Response| {
                    let headers = request.headers();
                    let is = |name: &str, wanted: &str| {
                        headers.get(name).is_some_and(|value| value == wanted)
                    };
                    let login = is("authorization", "Bearer s3cret") && is("x-a", "s3cret");
                    if request.uri().path() == "/login" && !login {
                        let mut refused = ErrorResponse::new(None);
                        *refused.status_mut() = 401.try_into().unwrap();
                        return Err(refused);
                    }
                    Ok(response)
                };
                let Ok(mut socket) = accept_hdr_async(stream, is_known).await else { return };
                let _ = socket.send(Message::Ping(b"ping".to_vec().into())).await;
                let _ = socket.send(Message::text("Hello, stranger")).await;
                while let Some(Ok(message)) = socket.next().await {
                    if message.is_text() {
                        let text = format!("you said {}", message.into_text().unwrap());
                        let _ = socket.send(Message::text(text)).await;
                    }
                }
            });
        }
    });
    address
}

async fn probe(target: &str, yaml: &str) -> (Result<(), Failure>, Websocket, String) {
    let mut settings: Settings = exporter_kit::parse(yaml, "test.yml").unwrap();
    settings.load(Path::new("/")).unwrap();
    let (trial, mut found) = (Trial::new(), Found::default());
    let result = settings.probe(&trial.ask(target), &mut found).await;
    (result, found.websocket.unwrap(), trial.said())
}

#[tokio::test]
async fn what_is_said_is_held_against_patterns() {
    let address = server().await;
    let login = "http_config: {bearer_token: s3cret}, headers: {X-A: s3cret}";
    let other = login.replace("{X-A: s3cret}", "{X-A: {secrets: [s3cret]}}");
    let hello = "{expect: '^Hello, (.+)', send: 'I am no ${1}'}";
    for (path, yaml, result, upgraded, status, regex) in [
        ("/", "{}".to_owned(), Ok(()), true, 101, false),
        ("/login", "{}".to_owned(), Err(Failure::HttpStatus), false, 401, false),
        ("/login", format!("{{{login}}}"), Ok(()), true, 101, false),
        ("/login", format!("{{{other}}}"), Ok(()), true, 101, false),
        (
            "/",
            format!("{{query_response: [{hello}, {{expect: 'you said I am no stranger$'}}]}}"),
            Ok(()),
            true,
            101,
            false,
        ),
        (
            "/",
            "{query_response: [{expect: Goodbye}]}".to_owned(),
            Err(Failure::Condition),
            true,
            101,
            true,
        ),
    ] {
        let (probed, websocket, said) = probe(&format!("ws://{address}{path}"), &yaml).await;
        assert_eq!(probed, result, "{path} {yaml}: {said}");
        let told = (websocket.connection_upgraded, websocket.status_code);
        assert_eq!((told, websocket.failed_due_to_regex), ((upgraded, status), regex), "{yaml}");
        let phases: Vec<_> = websocket.phases.iter().map(|(phase, _)| *phase).collect();
        let talks = yaml.contains("query_response");
        assert_eq!(phases[..3], ["resolve", "connect", "processing"]);
        assert_eq!(phases.get(3).is_some(), talks, "{yaml}");
        assert!(!said.contains("s3cret"), "{said}");
    }
}

#[tokio::test]
async fn who_does_not_shake_hands_is_told_by_what_it_does() {
    for (answer, wanted, status) in [
        (&b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"[..], Failure::HttpStatus, 404),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\n\r\n", Failure::HttpStatus, 101),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Failure::HttpStatus, 0),
        (b"", Failure::Reset, 0),
    ] {
        let server = HttpServer::start();
        server.send("/", answer);
        let (result, websocket, said) = probe(&format!("ws://{}/", server.address), "{}").await;
        assert_eq!(result, Err(wanted), "{said}");
        assert_eq!((websocket.connection_upgraded, websocket.status_code), (false, status));
    }
}

/// What a header of a request says.
fn header(head: &str, name: &str) -> String {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let mut values = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
    values.next().unwrap().1.to_owned()
}

#[tokio::test]
async fn an_answer_may_say_more_than_it_has_to() {
    let server = HttpServer::start();
    server.act("/", |head, asker| {
        let accepted = derive_accept_key(header(head, "Sec-WebSocket-Key").as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n\
             Connection: keep-alive, Upgrade\r\nSec-WebSocket-Protocol: chat\r\n\
             Sec-WebSocket-Accept: {accepted}\r\n\r\n"
        );
        // The first frame in one piece with the head.
        asker.write_all(&[answer.as_bytes(), b"\x81\x02hi"].concat())?;
        asker.wait()
    });
    let yaml = "{headers: {Host: other.example, User-Agent: mine}, \
                query_response: [{expect: '^hi$', expect_bytes: x, labels: [{name: a, value: b}]}]}";
    let (result, websocket, said) = probe(&format!("ws://{}/", server.address), yaml).await;
    assert_eq!(result, Ok(()), "{said}");
    assert!(websocket.connection_upgraded && websocket.status_code == 101);
    let asked = &server.asked()[0];
    let told = ["Host", "User-Agent", "Connection"].map(|name| header(asked, name));
    assert_eq!(told, ["other.example", "mine", "Upgrade"]);
}

#[test]
fn whom_it_contacts_is_known_before() {
    for (target, wanted) in [
        ("ws://a.example/b", "a.example:80"),
        ("wss://a.example", "a.example:443"),
        ("wss://[::1]:8443/", "[::1]:8443"),
    ] {
        assert_eq!(Settings::default().destination(target).unwrap().to_string(), wanted);
    }
    for bad in ["a.example", "http://a.example/", "ws://", "ws://a:0/", "ws://u:s3cret@a/"] {
        let error = Settings::default().destination(bad).unwrap_err();
        assert!(error.contains("must be a URL of WebSocket") && !error.contains("s3cret"), "{bad}");
    }
}

#[test]
fn what_cannot_be_is_refused_and_not_repeated() {
    for (yaml, wanted) in [
        ("{headers: {'s3 cret': a}}", "headers: a key must be"),
        ("{headers: {X-A: {values: [\"s3cret\\n\"]}}}", "headers: "),
        ("{http_config: {bearer_tokens: s3cret}}", "bearer_token"),
        ("{query_response: [{expect: '('}]}", "expect: must be"),
    ] {
        let error = exporter_kit::parse::<Settings>(yaml, "test.yml").unwrap_err().to_string();
        assert!(error.contains(wanted) && !error.contains("s3cret"), "{yaml}: {error}");
    }
    let yaml = "{headers: {X-A: s3cret}, query_response: [{send: s3cret}]}";
    let settings: Settings = exporter_kit::parse(yaml, "test.yml").unwrap();
    assert!(!format!("{settings:?}").contains("s3cret"));
}
