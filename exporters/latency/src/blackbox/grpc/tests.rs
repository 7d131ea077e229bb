//! Questions to servers of HTTP/2 that speak gRPC, or something like it.

use std::convert::Infallible;
use std::io::Write as _;
use std::net::SocketAddr;

use http_body_util::StreamBody;
use hyper::Request;
use hyper::body::Frame;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use openssl::ssl::{Ssl, SslContext, SslMethod};
use tokio::net::TcpListener;

use super::*;
use crate::blackbox::trial::Trial;

type Frames = Vec<Result<Frame<Bytes>, Infallible>>;

/// A server of one health: its answer by the service that it is asked for.
async fn server(answer: fn(&str, &HeaderMap) -> (u16, Frames)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(move |request: Request<Incoming>| async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let service = String::from_utf8(body.get(7..).unwrap_or_default().to_vec());
                let is_right = head.uri.path() == "/grpc.health.v1.Health/Check"
                    && head.headers[header::CONTENT_TYPE] == "application/grpc"
                    && head.headers[header::TE] == "trailers";
                let (status, frames) = if is_right {
                    answer(&service.unwrap(), &head.headers)
                } else {
                    (400, Vec::new())
                };
                let frames = futures_util::stream::iter(frames);
                let mut response = Response::new(StreamBody::new(frames));
                *response.status_mut() = status.try_into().unwrap();
                Ok::<_, Infallible>(response)
            });
            let serving = http2::Builder::new(TokioExecutor::new());
            tokio::spawn(serving.serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

fn message(bytes: &[u8], code: &str) -> Frames {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", code.parse().unwrap());
    vec![Ok(Frame::data(Bytes::copy_from_slice(bytes))), Ok(Frame::trailers(trailers))]
}

fn health(service: &str, headers: &HeaderMap) -> (u16, Frames) {
    let frames = match service {
        "" => message(&[0, 0, 0, 0, 2, 8, 1], "0"),
        "down" => message(&[0, 0, 0, 0, 2, 8, 2], "0"),
        "default" => message(&[0, 0, 0, 0, 0], "0"),
        "newer" => message(&[0, 0, 0, 0, 7, 0x12, 1, 97, 8, 1, 0x18, 5], "0"),
        "unknown" => message(&[], "5"),
        "cut" => message(&[0, 0, 0, 0, 9, 8, 1], "0"),
        "long" => message(&vec![0; MOST_BYTES + 1], "0"),
        "secret" if headers.get("x-key").is_some_and(|key| key == "s3cret") => {
            message(&[0, 0, 0, 0, 2, 8, 1], "0")
        }
        "503" => return (503, Vec::new()),
        _ => message(&[], "16"),
    };
    (200, frames)
}

async fn probe(target: &str, yaml: &str) -> (Result<(), Failure>, Grpc, String) {
    let mut settings: Settings = exporter_kit::parse(yaml, "test.yml").unwrap();
    settings.load(Path::new("/")).unwrap();
    let (trial, mut found) = (Trial::new(), Found::default());
    let result = settings.probe(&trial.ask(target), &mut found).await;
    (result, found.grpc.unwrap(), trial.said())
}

#[tokio::test]
async fn only_who_serves_is_well() {
    let address = server(health).await.to_string();
    for (yaml, result, code, status) in [
        ("{}", Ok(()), 0, Some("SERVING")),
        ("{service: down}", Err(Failure::Condition), 0, Some("NOT_SERVING")),
        ("{service: default}", Err(Failure::Condition), 0, Some("UNKNOWN")),
        ("{service: newer}", Ok(()), 0, Some("SERVING")),
        ("{service: unknown}", Err(Failure::Condition), 5, None),
        ("{service: '503'}", Err(Failure::Condition), 14, None),
        ("{service: secret}", Err(Failure::Condition), 16, None),
        ("{service: secret, metadata: {X-Key: [s3cret]}}", Ok(()), 0, Some("SERVING")),
        ("{service: cut}", Err(Failure::Body), 14, None),
        ("{service: long}", Err(Failure::Body), 14, None),
    ] {
        let (probed, grpc, said) = probe(&address, yaml).await;
        assert_eq!(probed, result, "{yaml}: {said}");
        assert_eq!(
            (grpc.status_code, grpc.serving_status, grpc.ssl),
            (code, status, false),
            "{yaml}"
        );
        let phases: Vec<_> = grpc.phases.iter().map(|(phase, _)| *phase).collect();
        assert_eq!(phases, ["resolve", "check"]);
        assert!(!said.contains("s3cret"), "{said}");
    }
}

#[tokio::test]
async fn who_does_not_speak_it_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (result, grpc, _) = {
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            stream.try_write(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        });
        probe(&address, "{}").await
    };
    assert!(result.is_err() && grpc.status_code == UNAVAILABLE, "{result:?} {grpc:?}");
    let (result, grpc, _) = probe(&address, "{}").await;
    assert_eq!((result, grpc.status_code), (Err(Failure::Refused), UNAVAILABLE));
}

#[tokio::test]
async fn who_says_nothing_is_not_ok() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = silent.local_addr().unwrap().to_string();
    let (trial, mut found) = (Trial::new(), Found::default());
    let mut ask = trial.ask(&target);
    ask.deadline = ask.started + Duration::from_millis(200);
    let settings = Settings::default();
    let probing = Box::pin(settings.probe(&ask, &mut found));
    let result = tokio::time::timeout_at(ask.deadline, probing).await;
    assert_eq!(result, Ok(Err(Failure::Timeout)), "{}", trial.said());
    let grpc = found.grpc.unwrap();
    let phases: Vec<_> = grpc.phases.iter().map(|(phase, _)| *phase).collect();
    assert_eq!((grpc.status_code, phases), (DEADLINE_EXCEEDED, vec!["resolve", "check"]));
}

#[tokio::test]
async fn a_connection_ends_with_its_probe() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap().to_string();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // The largest windows, of streams and of the connection; then nothing is read.
        let settings = [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0x7f, 0xff, 0xff, 0xff];
        let update = [0, 0, 4, 8, 0, 0, 0, 0, 0, 0x7f, 0xff, 0, 0];
        stream.write_all(&[&settings[..], &update].concat()).unwrap();
        let _ = ended.recv();
    });
    let (trial, mut found) = (Trial::new(), Found::default());
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = alive();
    let mut ask = trial.ask(&target);
    ask.deadline = ask.started + Duration::from_secs(1);
    let settings = Settings { service: "a".repeat(64 << 20), ..Settings::default() };
    let probed = Box::pin(settings.probe(&ask, &mut found)).await;
    assert_eq!(probed, Err(Failure::Timeout), "{}", trial.said());
    let gone = async {
        while alive() > before {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let gone = tokio::time::timeout(Duration::from_secs(10), gone).await;
    assert!(gone.is_ok(), "{} tasks are left", alive() - before);
    drop(end);
    serving.join().unwrap();
}

#[tokio::test]
async fn the_name_that_is_certified_is_the_one_that_is_asked() {
    let key = openssl::rsa::Rsa::generate(2048).unwrap();
    let key = openssl::pkey::PKey::from_rsa(key).unwrap();
    let mut built = openssl::x509::X509::builder().unwrap();
    built.set_pubkey(&key).unwrap();
    let at = |days| openssl::asn1::Asn1Time::days_from_now(days).unwrap();
    built.set_not_before(&at(0)).unwrap();
    built.set_not_after(&at(9)).unwrap();
    built.sign(&key, openssl::hash::MessageDigest::sha256()).unwrap();
    let mut context = SslContext::builder(SslMethod::tls_server()).unwrap();
    context.set_certificate(&built.build()).unwrap();
    context.set_private_key(&key).unwrap();
    context.set_alpn_select_callback(|_, _| Ok(b"h2"));
    let context = context.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (asked, mut names) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream =
                tokio_openssl::SslStream::new(Ssl::new(&context).unwrap(), stream).unwrap();
            std::pin::Pin::new(&mut stream).accept().await.unwrap();
            let asked = asked.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                asked.send(request.uri().authority().unwrap().to_string()).unwrap();
                async { Ok::<_, Infallible>(Response::new(http_body_util::Empty::<Bytes>::new())) }
            });
            let serving = http2::Builder::new(TokioExecutor::new());
            tokio::spawn(serving.serve_connection(TokioIo::new(stream), service));
        }
    });
    for (name, wanted) in
        [("", "target.example"), (", server_name: other.example", "other.example")]
    {
        let yaml = format!("{{tls: true, tls_config: {{insecure_skip_verify: true{name}}}}}");
        let (_, _, said) = probe(&format!("target.example:{port}"), &yaml).await;
        assert_eq!(names.recv().await.as_deref(), Some(wanted), "{said}");
    }
}

#[test]
fn whom_it_contacts_is_known_before() {
    for (target, plain, tls) in [
        ("a.example", "a.example:80", "a.example:443"),
        ("a.example:80", "a.example:80", "a.example:80"),
        ("https://a.example", "a.example:80", "a.example:443"),
        ("[::1]:50051", "[::1]:50051", "[::1]:50051"),
    ] {
        let shown = |yaml| {
            let settings: Settings = exporter_kit::parse(yaml, "test.yml").unwrap();
            settings.destination(target).unwrap().to_string()
        };
        assert_eq!((shown("{}").as_str(), shown("{tls: true}").as_str()), (plain, tls));
    }
    assert!(Settings::default().destination("a:0").is_err());
    assert!(Settings::default().destination("").is_err());
}

#[test]
fn what_cannot_be_is_refused_and_not_repeated() {
    for (yaml, wanted) in [
        ("{metadata: {'s3 cret': [a]}}", "metadata: a key must be"),
        ("{metadata: {a: [\"s3cret\\n\"]}}", "metadata: a value has"),
        ("{services: a}", "did you mean `service`"),
        ("{tls_config: {cert: s3cret}}", "key: must be given beside cert"),
    ] {
        let error = exporter_kit::parse::<Settings>(yaml, "test.yml").unwrap_err().to_string();
        assert!(error.contains(wanted) && !error.contains("s3cret"), "{yaml}: {error}");
    }
    let settings: Settings =
        exporter_kit::parse("{metadata: {a: [s3cret], b-bin: [s3cret], te: [x]}}", "test.yml")
            .unwrap();
    assert!(!format!("{settings:?}").contains("s3cret") && settings.metadata.len() == 2);
    assert_eq!(settings.metadata["b-bin"], "czNjcmV0");
}
