//! Requests by HTTP/3 to servers of every temper. What they send is written byte by byte: of what is asked with they share
//! QUIC alone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use peers::{Authority, Signed};
use quinn::crypto::rustls::QuicServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::net::UdpSocket;

use super::*;
use crate::outcome::Distrust;

/// Kinds of frames: RFC 9114 §7.2.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
/// One that nobody knows.
const UNKNOWN: u8 = 0x21;

/// How a server ends what it has to say.
#[derive(Clone, Copy)]
pub(super) enum End {
    /// As it should.
    Finish,
    /// The request is taken back.
    Reset,
    /// The connection is closed.
    Close,
    /// Never: this goes on for ever.
    Again(&'static [u8]),
    /// Not at all: it goes silent.
    Silence,
    /// As it should, when all of the request has come; that much is counted.
    HeardAll,
}

/// A frame whose head says a length of its own.
fn cut_frame(kind: u8, length: usize, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(length).unwrap() | 0x8000_0000;
    [&[kind], &length.to_be_bytes()[..], payload].concat()
}

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    cut_frame(kind, payload.len(), payload)
}

/// A head of a status of the static table of QPACK, by its number there, and of a length where there is one.
pub(super) fn head_of(status: u8, length: Option<usize>) -> Vec<u8> {
    let mut block = vec![0, 0, 0xc0 | status];
    if let Some(length) = length {
        let digits = length.to_string();
        block.extend([0x54, u8::try_from(digits.len()).unwrap()]);
        block.extend(digits.bytes());
    }
    frame(HEADERS, &block)
}

pub(super) const OK: u8 = 25;
const EARLY_HINTS: u8 = 24;

/// The config of a server that shows this certificate.
pub(super) fn shows(
    signed: &Signed,
    protocol: &[u8],
    clients: Option<&Authority>,
) -> quinn::ServerConfig {
    let chain = CertificateDer::pem_slice_iter(signed.certificate.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(signed.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        }
    };
    let mut config = builder.with_single_cert(chain.map(Result::unwrap).collect(), key).unwrap();
    config.alpn_protocols = vec![protocol.to_vec()];
    quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(config).unwrap()))
}

/// A server that answers each request by these bytes; where it is, and how many bytes it has been rid of.
pub(super) fn server(
    config: quinn::ServerConfig,
    bytes: Vec<u8>,
    end: End,
) -> (SocketAddr, Arc<AtomicU64>) {
    let endpoint = quinn::Endpoint::server(config, "127.0.0.1:0".parse().unwrap()).unwrap();
    let (address, sent) = (endpoint.local_addr().unwrap(), Arc::new(AtomicU64::new(0)));
    let counted = Arc::clone(&sent);
    tokio::spawn(async move {
        while let Some(coming) = endpoint.accept().await {
            let (bytes, counted) = (bytes.clone(), Arc::clone(&counted));
            tokio::spawn(async move {
                let Ok(connection) = coming.await else { return };
                let Ok((mut out, mut request)) = connection.accept_bi().await else { return };
                let _ = request.read(&mut [0; 1024]).await;
                let _ = out.write_all(&bytes).await;
                match end {
                    End::Finish => drop(out.finish()),
                    End::Reset => drop(out.reset(0x10c_u32.into())),
                    End::Close => {
                        // What was said is to arrive.
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        connection.close(0x102_u32.into(), b"");
                    }
                    End::Again(piece) => {
                        while out.write_all(piece).await.is_ok() {
                            counted.fetch_add(piece.len() as u64, Ordering::Relaxed);
                        }
                    }
                    End::Silence => {}
                    End::HeardAll => {
                        let rest = request.read_to_end(16 << 20).await.unwrap_or_default();
                        counted.store(rest.len() as u64, Ordering::Relaxed);
                        let _ = out.finish();
                    }
                }
                connection.closed().await;
            });
        }
    });
    (address, sent)
}

const BY_3: &str = "enable_http3: true, enable_http2: false";

pub(super) fn insecure() -> String {
    format!("{{{BY_3}, tls_config: {{insecure_skip_verify: true}}}}")
}

async fn asked(bytes: Vec<u8>, end: End) -> (Probed, u64) {
    let signed = Authority::default().sign("localhost");
    let (address, sent) = server(shows(&signed, b"h3", None), bytes, end);
    let probed = super::probe(&format!("https://{address}/"), &insecure()).await;
    (probed, sent.load(Ordering::Relaxed))
}

#[tokio::test]
async fn a_good_answer_is_described_by_http3() {
    let body = frame(DATA, b"hello");
    for before in [vec![], frame(UNKNOWN, b"grease"), head_of(EARLY_HINTS, None)] {
        let bytes = [before, head_of(OK, Some(5)), body.clone()].concat();
        let (probed, _) = asked(bytes, End::Finish).await;
        assert_eq!(probed.result, Ok(()), "{}", probed.said);
        let http = probed.http();
        let lengths = (http.content_length, http.uncompressed_body_length);
        assert_eq!((http.status_code, lengths, http.ssl), (200, (5, 5), true));
        assert_eq!(http.version.to_string(), "3");
        assert!(http.phases.connect > Duration::ZERO && http.phases.tls > Duration::ZERO);
        let tls = probed.found.tls.unwrap();
        let suite = tls.cipher.as_deref();
        assert_eq!((tls.version, suite), (Some("TLS 1.3"), Some("TLS_AES_128_GCM_SHA256")));
        assert_eq!(tls.leaf.unwrap().subject, "CN=localhost");
    }
    // Trailers are of no concern, and where no length was said there is none.
    let bytes = [head_of(OK, None), body, frame(HEADERS, &[0, 0])].concat();
    let (probed, _) = asked(bytes, End::Finish).await;
    assert_eq!((probed.result, probed.http().content_length), (Ok(()), -1), "{}", probed.said);
}

#[tokio::test]
async fn whatever_is_agreed_upon_is_told() {
    use rustls::crypto::ring::{self, cipher_suite};
    let signed = Authority::default().sign("localhost");
    for (suite, name) in [
        (cipher_suite::TLS13_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256"),
        (cipher_suite::TLS13_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384"),
        (cipher_suite::TLS13_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256"),
    ] {
        let provider = rustls::crypto::CryptoProvider {
            // The keys of the first packets are of this one in any case.
            cipher_suites: vec![suite, cipher_suite::TLS13_AES_128_GCM_SHA256],
            ..ring::default_provider()
        };
        let chain = CertificateDer::pem_slice_iter(signed.certificate.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(signed.key.as_bytes()).unwrap();
        let builder = rustls::ServerConfig::builder_with_provider(Arc::new(provider));
        let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).unwrap();
        let builder = builder.with_no_client_auth();
        let chain = chain.map(Result::unwrap).collect();
        let mut config = builder.with_single_cert(chain, key).unwrap();
        config.ignore_client_order = true;
        config.alpn_protocols = vec![b"h3".to_vec()];
        let config = QuicServerConfig::try_from(config).unwrap();
        let config = quinn::ServerConfig::with_crypto(Arc::new(config));
        let (address, _) = server(config, head_of(OK, Some(0)), End::Finish);
        let probed = super::probe(&format!("https://{address}/"), &insecure()).await;
        assert_eq!(probed.result, Ok(()), "{}", probed.said);
        assert_eq!(probed.found.tls.unwrap().cipher.as_deref(), Some(name));
    }
}

#[tokio::test]
async fn what_is_no_answer_is_told_by_its_reason() {
    let hello = frame(DATA, b"hello");
    let ok = |length: usize| [head_of(OK, Some(length)), frame(DATA, b"hello")].concat();
    let junk = vec![0xff; 64];
    let bad_head = frame(HEADERS, &[0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    let long_head = {
        // A header of 600 KiB, whose name stands in the table and whose length is written in three bytes.
        let length = 600 * 1024_usize;
        let rest = length - 127;
        let low = |shift: usize| u8::try_from(rest >> shift & 0x7f).unwrap();
        let digits = [low(0) | 0x80, low(7) | 0x80, low(14)];
        let field = [&[0x54, 0x7f], &digits[..], &vec![b'1'; length]].concat();
        frame(HEADERS, &[&[0, 0, 0xc0 | OK][..], &field].concat())
    };
    // The second is found while more is waited for.
    let promised = [head_of(EARLY_HINTS, None), frame(HEADERS, &[0, 0])].concat();
    let (ttfb, transfer) = (Phase::Ttfb, Phase::Transfer);
    for (what, bytes, end, failure, phase) in [
        ("junk", junk, End::Finish, Failure::HttpStatus, ttfb),
        ("a body alone", hello.clone(), End::Finish, Failure::HttpStatus, ttfb),
        ("a head that is none", bad_head, End::Finish, Failure::HttpStatus, ttfb),
        ("a head that is too long", long_head, End::Silence, Failure::HttpStatus, ttfb),
        (
            "a head without a status, that was promised",
            promised,
            End::Silence,
            Failure::HttpStatus,
            ttfb,
        ),
        ("nothing", vec![], End::Finish, Failure::HttpStatus, ttfb),
        ("a reset", vec![], End::Reset, Failure::Reset, ttfb),
        ("a close", vec![], End::Close, Failure::Reset, ttfb),
        ("a body that is reset", ok(9), End::Reset, Failure::Body, transfer),
        ("a body that is cut", ok(9), End::Finish, Failure::Body, transfer),
        ("a body that is closed", ok(9), End::Close, Failure::Body, transfer),
        ("a body that is too long", ok(3), End::Finish, Failure::Body, transfer),
    ] {
        let (probed, _) = asked(bytes, end).await;
        // A reset may overtake what was sent before it.
        let is_overtaken = matches!(end, End::Reset) && probed.result == Err(Failure::Reset);
        let wanted = if is_overtaken { (Err(Failure::Reset), ttfb) } else { (Err(failure), phase) };
        let phase = probed.found.watch.running();
        assert_eq!((probed.result, phase), (wanted.0, Some(wanted.1)), "{what}: {}", probed.said);
    }
}

#[tokio::test]
async fn whoever_sends_without_end_is_stopped() {
    static HINTS: [u8; 8] = [HEADERS, 0x80, 0, 0, 3, 0, 0, 0xc0 | EARLY_HINTS];
    static JUNK: [u8; 8192] = [0; 8192];
    let (huge, ok) = (1 << 29, head_of(OK, None));
    for (what, bytes, piece, failure) in [
        ("heads of what comes later", vec![], &HINTS[..], Failure::HttpStatus),
        ("a head", cut_frame(HEADERS, huge, &[]), &JUNK[..], Failure::HttpStatus),
        ("a frame before the head", cut_frame(UNKNOWN, huge, &[]), &JUNK[..], Failure::HttpStatus),
        (
            "a frame in the body",
            [ok, cut_frame(UNKNOWN, huge, &[])].concat(),
            &JUNK[..],
            Failure::Body,
        ),
    ] {
        let (probed, sent) = asked(bytes, End::Again(piece)).await;
        assert_eq!(probed.result, Err(failure), "{what}: {}", probed.said);
        assert!(sent < 8 << 20, "{what}: {sent} bytes");
    }
    // Whoever is asked for much may send it.
    let body = frame(DATA, &vec![b'a'; 20 << 20]);
    let (probed, _) = asked([head_of(OK, Some(20 << 20)), body].concat(), End::Finish).await;
    let length = probed.http().uncompressed_body_length;
    assert_eq!((probed.result, length), (Ok(()), 20 << 20), "{}", probed.said);
}

#[tokio::test]
async fn who_answers_early_is_sent_the_rest() {
    const LENGTH: usize = 4 << 20;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("body");
    std::fs::write(&file, vec![b'a'; LENGTH]).unwrap();
    let yaml = format!(
        "{{{BY_3}, method: POST, body_file: {}, tls_config: {{insecure_skip_verify: true}}}}",
        file.display()
    );
    let signed = Authority::default().sign("localhost");
    let bytes = [head_of(OK, Some(5)), frame(DATA, b"hello")].concat();
    let (address, heard) = server(shows(&signed, b"h3", None), bytes, End::HeardAll);
    let probed = super::probe(&format!("https://{address}/"), &yaml).await;
    assert_eq!(probed.result, Ok(()), "{}", probed.said);
    assert!(heard.load(Ordering::Relaxed) > LENGTH as u64 - 2048, "{heard:?}");
}

/// As `openssl x509 -req` makes it without a word of extensions.
#[tokio::test]
async fn a_certificate_of_version_1_is_judged_and_shown() {
    use openssl::hash::MessageDigest;
    use openssl::pkey::PKey;
    use openssl::rsa::Rsa;
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut name = openssl::x509::X509Name::builder().unwrap();
    name.append_entry_by_text("CN", "localhost").unwrap();
    let name = name.build();
    let mut builder = openssl::x509::X509::builder().unwrap();
    builder.set_version(0).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    let days = |days| openssl::asn1::Asn1Time::days_from_now(days).unwrap();
    builder.set_not_before(&days(0)).unwrap();
    builder.set_not_after(&days(30)).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let chain = vec![CertificateDer::from(builder.build().to_der().unwrap())];
    let key = key.private_key_to_pkcs8().unwrap();
    let key = PrivateKeyDer::Pkcs8(rustls::pki_types::PrivatePkcs8KeyDer::from(key));
    let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    let own = rustls::sign::SingleCertAndKey::from(rustls::sign::CertifiedKey::new(chain, key));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider);
    let config = config.with_protocol_versions(&[&rustls::version::TLS13]).unwrap();
    let mut config = config.with_no_client_auth().with_cert_resolver(Arc::new(own));
    config.alpn_protocols = vec![b"h3".to_vec()];
    let config = QuicServerConfig::try_from(config).unwrap();
    let config = quinn::ServerConfig::with_crypto(Arc::new(config));
    let (address, _) = server(config, head_of(OK, Some(0)), End::Finish);
    let probed = super::probe(&format!("https://{address}/"), &insecure()).await;
    assert_eq!(probed.result, Ok(()), "{}", probed.said);
    // One that cannot be said is none of this machine's faults: it is judged.
    let judged = format!("{{{BY_3}, tls_config: {{server_name: 12345}}}}");
    let probed = super::probe(&format!("https://{address}/"), &judged).await;
    assert_eq!(probed.result, Err(Failure::TlsVerify), "{}", probed.said);
}

#[tokio::test]
async fn certificates_are_judged_as_by_tcp() {
    let (authority, other) = (Authority::default(), Authority::default());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    authority.sign("client").write(folder.path(), "client");
    let folder = folder.path().display();
    let trusts = format!("ca_file: {folder}/ca.pem, server_name: localhost");
    let knows = format!("cert_file: {folder}/client.pem, key_file: {folder}/client.key");
    let (good, expired) = (authority.sign("localhost"), authority.sign_expired("localhost"));
    let (stranger, misnamed) = (other.sign("localhost"), authority.sign("other.example"));
    let wrong = |why| (Err(Failure::TlsVerify), Some(Err(why)));
    let fine = (Ok(()), Some(Ok(())));
    for (signed, protocol, clients, own, (result, trust)) in [
        (&good, "h3", None, "", fine),
        (&expired, "h3", None, "", wrong(Distrust::Expired)),
        (&stranger, "h3", None, "", wrong(Distrust::Authority)),
        (&misnamed, "h3", None, "", wrong(Distrust::Name)),
        (&good, "h3-29", None, "", (Err(Failure::TlsHandshake), None)),
        (&good, "h3", Some(&authority), knows.as_str(), fine),
        (&good, "h3", Some(&authority), "", (Err(Failure::TlsHandshake), Some(Ok(())))),
    ] {
        let config = shows(signed, protocol.as_bytes(), clients);
        let (address, _) = server(config, head_of(OK, Some(0)), End::Finish);
        let yaml = format!("{{{BY_3}, tls_config: {{{trusts}, {own}}}}}");
        let probed = super::probe(&format!("https://{address}/"), &yaml).await;
        let said = (probed.result, probed.found.tls.clone().and_then(|tls| tls.trust));
        assert_eq!(said, (result, trust), "{protocol} {own}: {}", probed.said);
        let shown = probed.found.tls.is_some_and(|tls| tls.earliest_expiry.is_some());
        assert_eq!(shown, trust.is_some(), "{}", probed.said);
    }
}

/// Probes for two seconds.
async fn for_a_while(target: SocketAddr, is_of_target: bool) -> (Option<Failure>, Option<Phase>) {
    let (trial, mut found, settings) = (Trial::new(), Found::default(), settings(&insecure()));
    let target = target.to_string();
    let mut ask = trial.ask(&target);
    ask.is_of_target = is_of_target;
    ask.deadline = ask.started + Duration::from_secs(2);
    let probed = tokio::time::timeout_at(ask.deadline, settings.probe(&ask, &mut found)).await;
    let failure = probed.map_or(Some(Failure::Timeout), Result::err);
    (failure, found.watch.running())
}

#[tokio::test]
async fn who_says_nothing_and_who_is_not_there_are_told_apart() {
    let (connect, tls) = (Some(Phase::Connect), Some(Phase::Tls));
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let junk = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let closed = peers::closed();
    let (silent_at, junk_at) = (silent.local_addr().unwrap(), junk.local_addr().unwrap());
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok((_, from)) = junk.recv_from(&mut buffer).await {
            let _ = junk.send_to(&[0xc3; 1200], from).await;
        }
    });
    for is_of_target in [false, true] {
        let probe = |address| for_a_while(address, is_of_target);
        let found = tokio::join!(probe(silent_at), probe(junk_at), probe(closed));
        assert_eq!(found.0, (Some(Failure::Timeout), connect));
        assert_eq!(found.1, (Some(Failure::Timeout), tls));
        assert_eq!(found.2, (Some(Failure::Refused), connect));
    }
}

#[tokio::test]
async fn http3_has_no_plain_urls() {
    let to_plain = b"\x00\x00\xff\x03\x5c\x09http://a/";
    let (probed, _) = asked(frame(HEADERS, to_plain), End::Finish).await;
    assert_eq!(probed.result, Err(Failure::HttpStatus), "{}", probed.said);
    assert_eq!((probed.http().redirects, probed.http().status_code), (1, 0));
    let settings = settings(&insecure());
    for (target, port) in [("a", 443), ("HTTP://a", 443), ("http://a:8", 8), ("https://a:9", 9)] {
        let wanted = Destination::new("a", Some(port));
        assert_eq!(settings.destination(target), Ok(wanted), "{target}");
    }
}
