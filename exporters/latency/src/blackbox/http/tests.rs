//! Requests to servers of every temper.

mod forged;
mod http3;

use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::Deref;
use std::path::Path;
use std::time::Duration;

use peers::HttpServer;
use tokio::net::TcpListener;

use super::*;
use crate::blackbox::http_client::oddity::Oddity;
use crate::blackbox::trial::Trial;

/// A server that gives each path the bytes that it has for it, then hangs up; 404 for any other.
struct Server(HttpServer);

impl Deref for Server {
    type Target = HttpServer;

    fn deref(&self) -> &HttpServer {
        &self.0
    }
}

impl Server {
    fn start(pages: &[(&str, &[u8])]) -> Self {
        let server = HttpServer::start();
        for (path, bytes) in pages {
            server.send(path, *bytes);
        }
        Self(server)
    }

    async fn probe(&self, path: &str, yaml: &str) -> Probed {
        probe(&format!("http://{}{path}", self.address), yaml).await
    }
}

struct Probed {
    result: Result<(), Failure>,
    found: Found,
    said: String,
}

impl Probed {
    fn http(&self) -> &Http {
        self.found.http.as_ref().unwrap()
    }
}

fn settings(yaml: &str) -> Settings {
    let mut settings: Settings = exporter_kit::parse(yaml, "test.yml").unwrap();
    settings.load(Path::new("/")).unwrap();
    settings
}

async fn probe(target: &str, yaml: &str) -> Probed {
    let (trial, mut found, settings) = (Trial::new(), Found::default(), settings(yaml));
    let result = settings.probe(&trial.ask(target), &mut found).await;
    Probed { result, found, said: trial.said() }
}

fn page(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn moved(status: u16, location: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
        .into_bytes()
}

#[tokio::test]
async fn a_good_answer_is_described() {
    let modified = "Last-Modified: Thu, 01 Jan 1970 00:01:00 GMT\r\n";
    let server = Server::start(&[("/a?b", &page(modified, b"hello"))]);
    let probed = server.probe("/a?b", "{}").await;
    assert_eq!(probed.result, Ok(()), "{}", probed.said);
    let http = probed.http();
    assert_eq!((http.status_code, http.content_length, http.uncompressed_body_length), (200, 5, 5));
    assert_eq!((http.version.to_string().as_str(), http.redirects, http.ssl), ("1.1", 0, false));
    assert_eq!(http.last_modified, Some(60));
    assert!(http.phases.connect > Duration::ZERO && http.phases.processing > Duration::ZERO);
    assert_eq!(probed.found.failed_due_to_regex, Some(false));
    assert_eq!((probed.found.failed_due_to_cel, probed.found.tls), (None, None));
    assert!(!probed.said.contains("?b"), "a query may be a secret: {}", probed.said);
    let head = &server.asked()[0];
    let host = format!("GET /a?b HTTP/1.1\r\nHost: {}\r\nUser-Agent: turbulence", server.address);
    assert!(head.starts_with(&host) && head.contains("Connection: close\r\n"), "{head}");
}

#[tokio::test]
async fn headers_that_real_servers_send_are_read() {
    let many = (0..500).fold(String::new(), |mut text, number| {
        let _ = write!(text, "X-H{number}: v\r\n");
        text
    });
    let big = format!("X-Big: {}\r\n", "a".repeat(500_000));
    let pages: Vec<(&str, Vec<u8>)> = vec![
        ("/many", page(&many, b"hi")),
        ("/big", page(&big, b"hi")),
        ("/space", page("X-A : b\r\n", b"hi")),
        ("/folded", page("X-A: b\r\n  continued\r\n", b"hi")),
        ("/control", page("Set-Cookie: a=\x08b\r\n", b"hi")),
        ("/none", page("no header at all\r\n", b"hi")),
        ("/utf8", page("X-N: M\u{fc}nchen\r\n", b"hi")),
        ("/bare", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi".to_vec()),
        ("/reasonless", b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi".to_vec()),
        (
            "/early",
            [&b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"[..], &page("", b"hi")].concat(),
        ),
        ("/old", b"HTTP/1.0 200 OK\r\n\r\nhi".to_vec()),
        (
            "/chunked",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n".to_vec(),
        ),
        (
            "/endless-head",
            [b"HTTP/1.1 200 OK\r\n".to_vec(), many.repeat(500).into_bytes()].concat(),
        ),
        ("/no-http", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        ("/nothing", Vec::new()),
    ];
    let pages: Vec<_> = pages.iter().map(|(path, bytes)| (*path, &bytes[..])).collect();
    let server = Server::start(&pages);
    for (path, length, version) in [
        ("/many", 2, 1.1),
        ("/big", 2, 1.1),
        ("/space", 2, 1.1),
        ("/folded", 2, 1.1),
        ("/control", 2, 1.1),
        ("/none", 2, 1.1),
        ("/utf8", 2, 1.1),
        ("/bare", 2, 1.1),
        ("/reasonless", 2, 1.1),
        ("/early", 2, 1.1),
        ("/old", -1, 1.0),
        ("/chunked", -1, 1.1),
    ] {
        let probed = server.probe(path, "{fail_if_body_not_matches_regexp: ['^hi$']}").await;
        assert_eq!(probed.result, Ok(()), "{path}: {}", probed.said);
        let http = probed.http();
        assert_eq!((http.status_code, http.content_length), (200, length), "{path}");
        assert!((http.version - version).abs() < 0.01, "{path}");
    }
    // What is odd is told, and is a failure for whoever wants it to be one.
    for (path, oddity) in [
        ("/many", Some("many_headers")),
        ("/space", Some("space_before_colon")),
        ("/folded", Some("folded")),
        ("/control", Some("control_character")),
        ("/none", Some("no_colon")),
        ("/bare", Some("bare_line_feed")),
        ("/reasonless", Some("no_reason")),
        ("/utf8", None),
        ("/chunked", None),
    ] {
        let probed = server.probe(path, "{strict: true}").await;
        let found: Vec<_> = probed.http().oddities.all().map(Oddity::as_str).collect();
        assert_eq!(found, Vec::from_iter(oddity), "{path}");
        let wanted = oddity.map_or(Ok(()), |_| Err(Failure::HttpStatus));
        assert_eq!(probed.result, wanted, "{path}: {}", probed.said);
    }
    for (path, failure) in [
        ("/endless-head", Failure::HttpStatus),
        ("/no-http", Failure::HttpStatus),
        ("/nothing", Failure::Reset),
    ] {
        let probed = server.probe(path, "{}").await;
        assert_eq!(probed.result, Err(failure), "{path}: {}", probed.said);
        assert_eq!(probed.http(), &Http { phases: probed.http().phases, ..Http::default() });
        assert!(probed.said.contains("no answer of HTTP came"), "{}", probed.said);
    }
}

#[tokio::test]
async fn redirects_are_followed_as_far_as_the_module_says() {
    let mut pages: Vec<(String, Vec<u8>)> = (1..=11)
        .map(|number| (format!("/{number}"), moved(302, &format!("/{}", number - 1))))
        .collect();
    pages.push(("/0".to_owned(), page("", b"end")));
    pages.push(("/loop".to_owned(), moved(301, "/loop")));
    pages
        .push(("/nowhere".to_owned(), b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n".to_vec()));
    pages.push(("/file".to_owned(), moved(301, "file:///etc/passwd")));
    let pages: Vec<_> = pages.iter().map(|(path, bytes)| (path.as_str(), &bytes[..])).collect();
    let server = Server::start(&pages);
    for (path, yaml, result, redirects, status) in [
        ("/3", "{}", Ok(()), 3, 200),
        ("/10", "{}", Ok(()), 10, 200),
        ("/11", "{}", Err(Failure::HttpStatus), 11, 302),
        ("/loop", "{}", Err(Failure::HttpStatus), 11, 301),
        ("/3", "{follow_redirects: false}", Err(Failure::HttpStatus), 1, 302),
        ("/3", "{no_follow_redirects: true, valid_status_codes: [302]}", Ok(()), 1, 302),
        ("/nowhere", "{valid_status_codes: [301]}", Ok(()), 0, 301),
        ("/file", "{valid_status_codes: [301]}", Err(Failure::HttpStatus), 1, 0),
    ] {
        let probed = server.probe(path, yaml).await;
        assert_eq!(probed.result, result, "{path} {yaml}: {}", probed.said);
        let http = probed.http();
        assert_eq!((http.redirects, http.status_code), (redirects, status), "{path} {yaml}");
    }
}

#[tokio::test]
async fn what_says_who_asks_goes_to_the_target_alone() {
    let other = Server::start(&[("/", &page("", b""))]);
    let there = format!("http://localhost:{}/", other.address.port());
    let server = Server::start(&[
        ("/other", &moved(307, &there)),
        (
            "/same",
            &[&b"HTTP/1.1 303 See\r\nSet-Cookie: a=b; Path=/\r\nLocation: /end\r\n\r\n"[..]]
                .concat(),
        ),
        ("/end", &page("", b"")),
    ]);
    let yaml = "{preferred_ip_protocol: ip4, method: POST, body: hello, basic_auth: {username: u, password: p}, \
                headers: {Host: vhost.example, Cookie: c=d, X-A: b}}";
    assert_eq!(server.probe("/other", yaml).await.result, Ok(()));
    let (here, there) = (&server.asked()[0], &other.asked()[0]);
    for sent in ["POST", "Host: vhost.example\r\n", "Authorization: Basic dTpw\r\n", "Cookie: c=d"]
    {
        assert!(here.contains(sent), "{sent}: {here}");
        assert!(sent == "POST" || !there.contains(sent), "{sent}: {there}");
    }
    assert!(there.contains("POST / ") && there.contains("X-A: b\r\n"), "{there}");
    assert!(here.contains("Content-Length: 5\r\n") && there.contains("Content-Length: 5\r\n"));
    assert_eq!(server.probe("/same", yaml).await.result, Ok(()));
    let end = &server.asked()[2];
    assert!(end.starts_with("GET /end ") && !end.contains("Content-Length"), "{end}");
    for sent in ["Host: vhost.example\r\n", "Authorization: Basic dTpw\r\n", "Cookie: c=d; a=b\r\n"]
    {
        assert!(end.contains(sent), "{sent}: {end}");
    }
}

#[tokio::test]
async fn a_redirect_to_whom_nobody_allows_is_no_matter_of_its_status() {
    let server = Server::start(&[("/", &moved(301, "http://192.0.2.9/"))]);
    let (trial, mut found) = (Trial::new(), Found::default());
    let target = server.address.to_string();
    let allow = exporter_kit::on_demand::AllowList::try_from(vec!["192.0.2.1".to_owned()]).unwrap();
    let ask = Ask { allow: &allow, ..trial.ask(&target) };
    let result = settings("{valid_status_codes: [301]}").probe(&ask, &mut found).await;
    assert_eq!(result, Err(Failure::Condition), "{}", trial.said());
}

#[tokio::test]
async fn a_request_is_as_the_module_says() {
    let server = Server::start(&[("/", &page("", b""))]);
    for (yaml, sent) in [
        ("{method: POST}", "Content-Length: 0\r\n"),
        ("{method: HEAD}", "HEAD / "),
        ("{headers: {user-agent: mine}}", "User-Agent: mine\r\n"),
        ("{authorization: {credentials: c}}", "Authorization: Bearer c\r\n"),
        ("{bearer_token: c}", "Authorization: Bearer c\r\n"),
        ("{http_headers: {X-A: {values: [b], secrets: [c]}}}", "X-A: b\r\nX-A: c\r\n"),
        ("{headers: {Content-Type: a/b}, body: '{}', method: PUT}", "Content-Type: a/b\r\n"),
    ] {
        let probed = server.probe("/", yaml).await;
        assert_eq!(probed.result, Ok(()), "{yaml}: {}", probed.said);
        let asked = server.asked();
        let head = asked.last().unwrap().to_lowercase();
        assert!(head.contains(&sent.to_lowercase()), "{yaml}: {head}");
    }
    let with_login = format!("http://u:p@{}/", server.address);
    assert_eq!(probe(&with_login, "{}").await.result, Ok(()));
    assert!(server.asked().last().unwrap().contains("Authorization: Basic dTpw\r\n"));
    let trial = Trial::new();
    let target = server.address.to_string();
    let ask = Ask { hostname: Some("asked.example"), ..trial.ask(&target) };
    assert_eq!(settings("{}").probe(&ask, &mut Found::default()).await, Ok(()));
    assert!(server.asked().last().unwrap().contains("Host: asked.example\r\n"));
}

#[tokio::test]
async fn no_body_hides_a_status_and_none_is_kept_whole() {
    let gzip = |length: usize| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&vec![b'a'; length]).unwrap();
        encoder.finish().unwrap()
    };
    let long = [&b"HTTP/1.1 200 OK\r\n\r\n"[..], &vec![b'a'; 6 << 20], b"end"].concat();
    let server = Server::start(&[
        ("/cut", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi"),
        ("/500", b"HTTP/1.1 500 Oops\r\nContent-Length: 5\r\n\r\nhi"),
        ("/gzip", &page("", &gzip(1000))),
        ("/plain", &page("", b"not packed")),
        ("/bomb", &page("", &gzip(9 << 20))),
        ("/long", &long),
    ]);
    for (path, yaml, result, length) in [
        ("/cut", "{}", Err(Failure::Body), 2),
        ("/500", "{}", Err(Failure::HttpStatus), 2),
        ("/500", "{valid_status_codes: [500]}", Err(Failure::Body), 2),
        ("/gzip", "{compression: gzip}", Ok(()), 1000),
        ("/gzip", "{compression: gzip, body_size_limit: 999B}", Err(Failure::Body), 999),
        ("/gzip", "{compression: gzip, body_size_limit: 1000B}", Ok(()), 1000),
        ("/gzip", "{compression: gzip, fail_if_body_not_matches_regexp: ['^a+$']}", Ok(()), 1000),
        ("/plain", "{compression: gzip}", Err(Failure::Body), 0),
        ("/plain", "{body_size_limit: 10B}", Ok(()), 10),
        ("/bomb", "{compression: gzip}", Err(Failure::Body), 8 << 20),
        ("/long", "{}", Ok(()), (6 << 20) + 3),
        ("/long", "{fail_if_body_matches_regexp: [end]}", Err(Failure::Condition), (6 << 20) + 3),
        ("/long", "{fail_if_body_not_matches_regexp: [aaa]}", Ok(()), (6 << 20) + 3),
        (
            "/long",
            "{fail_if_body_not_matches_regexp: [end]}",
            Err(Failure::Condition),
            (6 << 20) + 3,
        ),
    ] {
        let probed = server.probe(path, yaml).await;
        assert_eq!(probed.result, result, "{path} {yaml}: {}", probed.said);
        assert_eq!(probed.http().uncompressed_body_length, length, "{path} {yaml}");
    }
}

#[tokio::test]
async fn a_body_without_an_end_hides_neither_status_nor_figures() {
    let server = HttpServer::start();
    let target = format!("http://{}/", server.address);
    server.act("/", |_, asker| {
        asker.write_all(b"HTTP/1.1 500 Oops\r\n\r\nhi")?;
        asker.wait()
    });
    for (yaml, wanted, regex) in [
        ("{}", Failure::HttpStatus, false),
        ("{valid_status_codes: [500]}", Failure::Timeout, false),
        ("{valid_status_codes: [500], fail_if_body_matches_regexp: [a]}", Failure::Timeout, true),
    ] {
        let (trial, mut found, settings) = (Trial::new(), Found::default(), settings(yaml));
        let mut ask = trial.ask(&target);
        ask.deadline = ask.started + Duration::from_secs(1);
        let probing = Box::pin(settings.probe(&ask, &mut found));
        let result = tokio::time::timeout_at(ask.deadline, probing).await;
        assert_eq!(result, Ok(Err(wanted)), "{yaml}: {}", trial.said());
        assert_eq!(found.failed_due_to_regex, Some(regex), "{yaml}");
        let http = found.http.unwrap();
        assert_eq!((http.status_code, http.uncompressed_body_length), (500, 2), "{yaml}");
        assert!(http.phases.transfer > Duration::from_millis(100), "{yaml}");
    }
}

#[tokio::test]
async fn conditions_are_told_by_their_kind() {
    let server = Server::start(&[
        ("/json", &page("X-A: one\r\n", br#"{"ok": true, "n": 3}"#)),
        ("/html", &page("", b"<html>")),
        ("/500", b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nhi"),
    ]);
    let (no, yes) = (Some(false), Some(true));
    let fails = Err(Failure::Condition);
    for (path, yaml, result, regex, cel) in [
        ("/json", "{fail_if_body_not_matches_regexp: [ok]}", Ok(()), no, None),
        ("/json", "{fail_if_body_matches_regexp: [ok]}", fails, yes, None),
        ("/json", "{fail_if_body_json_not_matches_cel: 'body.n == 3'}", Ok(()), no, no),
        ("/json", "{fail_if_body_json_matches_cel: 'body.ok'}", fails, no, yes),
        ("/html", "{fail_if_body_json_not_matches_cel: 'body.ok'}", fails, no, yes),
        ("/json", "{fail_if_header_matches: [{header: x-a, regexp: o}]}", fails, yes, None),
        ("/json", "{fail_if_header_not_matches: [{header: x-b, regexp: o}]}", fails, yes, None),
        ("/json", "{fail_if_not_ssl: true}", fails, no, None),
        ("/json", "{fail_if_ssl: true}", Ok(()), no, None),
        ("/json", "{valid_http_versions: [HTTP/2.0]}", fails, no, None),
        ("/json", "{valid_http_versions: [HTTP/1.1]}", Ok(()), no, None),
        // A status that is wrong is told alone.
        ("/500", "{fail_if_body_matches_regexp: [hi]}", Err(Failure::HttpStatus), no, None),
    ] {
        let probed = server.probe(path, yaml).await;
        assert_eq!(probed.result, result, "{path} {yaml}: {}", probed.said);
        let told = (probed.found.failed_due_to_regex, probed.found.failed_due_to_cel);
        assert_eq!(told, (regex, cel), "{path} {yaml}");
    }
}

#[tokio::test]
async fn a_proxy_is_asked_in_place_of_the_target() {
    let proxy = Server::start(&[("http://127.0.0.1:80/a", &page("", b"by proxy"))]);
    let yaml = format!("{{proxy_url: 'http://u:p@{}'}}", proxy.address);
    let probed = probe("http://target.example/a", &yaml).await;
    assert_eq!(probed.result, Ok(()), "{}", probed.said);
    let head = &proxy.asked()[0];
    assert!(head.contains("Host: target.example\r\n") && head.contains("dTpw"), "{head}");
    let skipping = yaml.replace('}', ", skip_resolve_phase_with_proxy: true}");
    let probed = probe("http://target.example/a", &skipping).await;
    assert_eq!(probed.http().status_code, 404);
    assert!(proxy.asked()[1].starts_with("GET http://target.example/a HTTP/1.1"));
    let probed = probe("https://target.example/a", &skipping).await;
    assert_eq!(probed.result, Err(Failure::HttpStatus));
    assert!(proxy.asked()[2].starts_with("CONNECT target.example:443 HTTP/1.1\r\n"));
    assert!(probed.said.contains("the proxy does not connect: HTTP/1.1 404"), "{}", probed.said);
}

#[tokio::test]
async fn the_faults_of_others_are_not_the_target_s() {
    let server = Server::start(&[("/", &page("", b""))]);
    let closed = peers::closed();
    for yaml in [
        format!("{{proxy_url: 'http://{closed}'}}"),
        format!("{{oauth2: {{client_id: me, token_url: 'http://{closed}'}}}}"),
        format!("{{oauth2: {{client_id: me, token_url: 'http://{}/none'}}}}", server.address),
    ] {
        let probed = server.probe("/", &yaml).await;
        assert_eq!(probed.result, Err(Failure::Local), "{yaml}: {}", probed.said);
    }
    let refusing = b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n";
    let proxy = Server::start(&[("target.example:443", refusing)]);
    let yaml =
        format!("{{proxy_url: 'http://{}', skip_resolve_phase_with_proxy: true}}", proxy.address);
    let probed = probe("https://target.example/", &yaml).await;
    assert_eq!(probed.result, Err(Failure::Local), "{}", probed.said);
}

#[tokio::test]
async fn the_silence_of_others_is_not_the_target_s() {
    let server = Server::start(&[("/", &page("", b""))]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = listener.local_addr().unwrap();
    for yaml in [
        format!("{{proxy_url: 'https://{silent}'}}"),
        format!("{{proxy_url: 'socks5://{silent}'}}"),
        format!("{{proxy_url: 'socks5://me:s3cret@{silent}'}}"),
        format!("{{oauth2: {{client_id: me, token_url: 'http://{silent}/'}}}}"),
    ] {
        let (trial, settings) = (Trial::new(), settings(&yaml));
        let target = format!("http://{}/", server.address);
        let mut ask = trial.ask(&target);
        ask.deadline = ask.started + Duration::from_millis(500);
        let mut found = Found::default();
        let probe = settings.probe(&ask, &mut found);
        let probed = tokio::time::timeout_at(ask.deadline, probe).await;
        assert_eq!(probed, Ok(Err(Failure::Local)), "{yaml}: {}", trial.said());
    }
}

#[tokio::test]
async fn a_token_that_is_refused_is_not_used_again() {
    let answer = br#"{"access_token": "s3cret"}"#;
    let created = [&b"HTTP/1.1 201 Created\r\n\r\n"[..], answer].concat();
    let tokens = Server::start(&[("/token", &created)]);
    let server = Server::start(&[
        ("/", &page("", b"")),
        ("/401", b"HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n"),
    ]);
    let token_url = format!("http://{}/token", tokens.address);
    let settings = settings(&format!("{{oauth2: {{client_id: me, token_url: '{token_url}'}}}}"));
    let trial = Trial::new();
    for (path, result, fetched) in
        [("", Ok(()), 1), ("/401", Err(Failure::HttpStatus), 1), ("", Ok(()), 2), ("", Ok(()), 2)]
    {
        let target = format!("http://{}{path}", server.address);
        let probed = settings.probe(&trial.ask(&target), &mut Found::default()).await;
        assert_eq!((probed, tokens.asked().len()), (result, fetched), "{}", trial.said());
    }
}

#[tokio::test]
async fn a_token_is_fetched_once_and_sent() {
    let answer = br#"{"access_token": "s3cret", "token_type": "bearer", "expires_in": 3600}"#;
    let tokens = Server::start(&[("/token", &page("", answer))]);
    let server = Server::start(&[("/", &page("", b""))]);
    let yaml = format!(
        "{{oauth2: {{client_id: me, client_secret: s3cret, scopes: [a, b], \
         token_url: 'http://{}/token', endpoint_params: {{audience: c}}}}}}",
        tokens.address
    );
    let (settings, trial) = (settings(&yaml), Trial::new());
    let target = server.address.to_string();
    for _ in 0..2 {
        let result = settings.probe(&trial.ask(&target), &mut Found::default()).await;
        assert_eq!(result, Ok(()), "{}", trial.said());
    }
    assert_eq!(tokens.asked().len(), 1);
    assert!(tokens.asked()[0].contains("Authorization: Basic bWU6czNjcmV0\r\n"));
    assert!(server.asked().iter().all(|head| head.contains("Authorization: Bearer s3cret\r\n")));
    assert!(!trial.said().contains("s3cret") && !format!("{settings:?}").contains("s3cret"));
}

#[test]
fn whom_it_contacts_is_known_before() {
    for (target, wanted) in [
        ("a.example/b", "a.example:80"),
        ("https://[::1]/", "[::1]:443"),
        ("http://user@127.0.0.1:81", "127.0.0.1:81"),
    ] {
        assert_eq!(Settings::default().destination(target).unwrap().to_string(), wanted);
    }
    // Whom that means is for nobody to guess.
    let error = Settings::default().destination("http://s3cret@127.1:81").unwrap_err();
    assert!(error.contains("name its host as it is") && !error.contains("s3cret"), "{error}");
    let error = Settings::default().destination("http://a:0/s3cret").unwrap_err();
    assert!(error.starts_with("must be a URL") && !error.contains("s3cret"), "{error}");
}
