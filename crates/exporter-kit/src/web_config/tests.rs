//! Files that are good and files that are not, and what is said of those.

use peers::Authority;
use tempfile::TempDir;

use super::*;

/// A folder with a certificate, its key, and the file `web.yml`.
fn folder(config: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let pair = Authority::default().sign("localhost");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("cert.pem", &pair.certificate);
    write("key.pem", &pair.key);
    write("web.yml", config);
    let fifo = folder.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    folder
}

fn load(config: &str) -> anyhow::Result<WebConfig> {
    WebConfig::load(&folder(config).path().join("web.yml"))
}

const PAIR: &str = "cert_file: cert.pem, key_file: key.pem";

#[test]
fn paths_are_relative_to_the_file() {
    let config = load(&format!("tls_server_config: {{{PAIR}}}")).unwrap();
    assert_eq!(config.tls.unwrap().alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
    assert_eq!(config.files.len(), 3);
}

#[test]
fn every_word_of_the_toolkit_is_known() {
    for config in [
        "",
        "# nothing\n",
        "rate_limit: {interval: 0, burst: 0}",
        "rate_limit: {interval: 0s}",
        "rate_limit: {interval: 1500ms, burst: 20}",
        "http_server_config: {http2: false, headers: {X-Frame-Options: deny}}",
        "basic_auth_users: {me: $2b$10$iSm4GMDQr8ptNk.TBykcBeUwlinLQDlqfOf09RVwmfMbdhcqNY.gu}",
        &format!("tls_server_config: {{{PAIR}, client_auth_type: RequestClientCert}}"),
        &format!(
            "tls_server_config: {{{PAIR}, client_auth_type: RequireAnyClientCert, client_allowed_sans: [a]}}"
        ),
        &format!(
            "tls_server_config: {{{PAIR}, client_ca_file: cert.pem, client_auth_type: VerifyClientCertIfGiven}}"
        ),
        &format!(
            "tls_server_config: {{{PAIR}, client_ca_file: cert.pem, client_auth_type: RequireAndVerifyClientCert}}"
        ),
        &format!(
            "tls_server_config: {{{PAIR}, min_version: TLS12, max_version: TLS12, \
             cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384], \
             curve_preferences: [CurveP256, X25519], prefer_server_cipher_suites: false}}"
        ),
    ] {
        assert!(load(config).is_ok(), "{config}: {:#}", load(config).unwrap_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_is_a_bucket_that_fills_again() {
    let admitted = |config: &WebConfig| (0..100).filter(|_| config.admits()).count();
    for unlimited in ["", "rate_limit: {interval: 0, burst: 1}"] {
        assert_eq!(admitted(&load(unlimited).unwrap()), 100, "{unlimited}");
    }
    let config = load("rate_limit: {interval: 2s, burst: 20}").unwrap();
    assert_eq!(admitted(&config), 20);
    tokio::time::advance(std::time::Duration::from_secs(5)).await;
    assert_eq!(admitted(&config), 2);
}

#[test]
fn what_is_wrong_is_said_and_no_secret_is() {
    let tls = |rest: &str| format!("tls_server_config: {{{PAIR}, {rest}}}");
    for (config, message) in [
        ("tls_server_config: {cert_file: cert.pem}".to_owned(), "key and key_file is missing"),
        ("tls_server_config: {}".to_owned(), "cert and cert_file is missing"),
        (
            "tls_server_config: {cert_file: no.pem, key_file: key.pem}".to_owned(),
            "web.yml:1:32: tls_server_config.cert_file: cannot be read: No such file",
        ),
        ("tls_server_config: {cert_file: key.pem, key_file: key.pem}".to_owned(), "no certificate"),
        (tls("cert: x"), "exclude each other"),
        (tls("min_version: TLS11"), "TLS12"),
        (tls("min_version: TLS13, max_version: TLS12"), "newer than max_version"),
        (
            tls("cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]"),
            "cipher_suites[0]: unknown cipher suite",
        ),
        (tls("curve_preferences: [CurveP521]"), "CurveP384"),
        (tls("client_auth_type: Maybe"), "RequireAndVerifyClientCert"),
        (tls("client_auth_type: RequireAndVerifyClientCert"), "client_ca_file is missing"),
        (tls("client_ca_file: cert.pem"), "asks for no certificate"),
        (tls("client_allowed_sans: [a]"), "RequireAnyClientCert"),
        ("http_server_config: {headers: {Server: x}}".to_owned(), "those that can"),
        ("http_server_config: {headers: {X-Frame-Options: x}}".to_owned(), "deny, sameorigin"),
        ("basic_auth_users: {me: hunter2}".to_owned(), "the password of `me` is not a bcrypt hash"),
        (
            "basic_auth_users: {me: $2y$31$iSm4GMDQr8ptNk.TBykcBeUwlinLQDlqfOf09RVwmfMbdhcqNY.gu}"
                .to_owned(),
            "the bcrypt hash of `me` has a cost of 31; must be from 4 to 16",
        ),
        (tls("client_ca_file: /dev/zero"), "it is no regular file"),
        ("tls_server_config: {cert_file: /dev/zero, key_file: key.pem}".to_owned(), "no regular"),
        ("tls_server_config: {cert_file: cert.pem, key_file: fifo}".to_owned(), "no regular"),
        ("rate_limit: {interval: 1s}".to_owned(), "rate_limit.burst: must be 1 or more"),
        ("rate_limit: {interval: -1s, burst: 3}".to_owned(), "must be a duration"),
        ("basic_auth: {}".to_owned(), "unknown field"),
    ] {
        let error = format!("{:#}", load(&config).unwrap_err());
        assert!(error.contains(message), "{config}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once_each_with_its_place() {
    let error = load(
        "tls_server_config:\n  cert_file: nowhere.pem\n  key: x\n  client_auth_type: RequireAndVerifyClientCert\n\
         \x20 client_allowed_sans: [a]\n  min_version: TLS13\n  max_version: TLS12\n\
         http_server_config:\n  headers:\n    Server: x\n    X-Frame-Options: y\n\
         basic_auth_users:\n  a: hunter2\n  b: hunter2\nrate_limit: {interval: 1s, burst: 0}\n",
    );
    let error = error.unwrap_err().to_string();
    let lines: Vec<_> = error.lines().collect();
    let wanted = [
        ":2:14: tls_server_config.cert_file: cannot be read: No such file",
        ":3:8: tls_server_config.key: holds no private key; must have",
        ":4:21: tls_server_config.client_auth_type: it verifies certificates: ",
        ":6:16: tls_server_config.min_version: min_version is newer",
        ":10:13: http_server_config.headers: a header that cannot be set; those that can",
        ":11:22: http_server_config.headers: X-Frame-Options must be one of: deny",
        ":13:6: basic_auth_users: the password of `a` is not a bcrypt hash",
        ":14:6: basic_auth_users: the password of `b` is not a bcrypt hash",
        ":15:35: rate_limit.burst: must be 1 or more",
    ];
    assert_eq!(lines.len(), wanted.len(), "{error}");
    for (line, wanted) in lines.iter().zip(wanted) {
        assert!(line.contains(wanted), "{line} has not {wanted}");
    }
}

#[test]
fn a_certificate_that_is_anothers_is_told_in_plain_words() {
    let folder = folder("tls_server_config: {cert_file: cert.pem, key_file: other.pem}");
    let other = Authority::default().sign("other");
    std::fs::write(folder.path().join("other.pem"), other.key).unwrap();
    let error = WebConfig::load(&folder.path().join("web.yml")).unwrap_err().to_string();
    let wanted = "web.yml:1:52: tls_server_config.key_file: must be the key of the certificate";
    assert!(error.contains(wanted), "{error}");
}

#[test]
fn a_file_that_never_ends_is_not_waited_for() {
    let folder = folder("");
    for file in ["fifo", "/dev/zero"] {
        let error = format!("{:#}", WebConfig::load(&folder.path().join(file)).unwrap_err());
        assert!(
            error.contains("reading web config file") && error.contains("no regular"),
            "{error}"
        );
    }
}
