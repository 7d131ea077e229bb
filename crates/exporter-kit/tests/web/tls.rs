//! TLS and basic auth, met by curl, by openssl and by Prometheus.

use std::fs;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use peers::{Program, Prometheus};
use tempfile::TempDir;

use crate::{clocks, start, tick};

/// `secret`, by a hash of the least cost.
const HASH: &str = "$2b$04$iSm4GMDQr8ptNk.TBykcBeQ7WGhcFCuXbuzZuwWRiC1MCoMmNVj4.";

/// How long a state is waited for.
const PATIENCE: usize = 600;

/// A folder with a CA (`ca.pem`), and what it has signed.
struct Authority {
    folder: TempDir,
    ca: peers::Authority,
}

impl Authority {
    fn new() -> Self {
        let (folder, ca) = (TempDir::new().unwrap(), peers::Authority::default());
        fs::write(folder.path().join("ca.pem"), ca.pem()).unwrap();
        Self { folder, ca }
    }

    /// Signs `<file>.pem` with `<file>.key` for that name; an expired one ended in 2001.
    fn sign(&self, file: &str, name: &str, expired: bool) {
        let signed = if expired { self.ca.sign_expired(name) } else { self.ca.sign(name) };
        signed.write(self.folder.path(), file);
    }

    /// Writes a file in one step, as whoever renews certificates should.
    fn write(&self, file: &str, text: &str) {
        let new = self.path("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.path(file)).unwrap();
    }

    fn path(&self, file: &str) -> String {
        self.folder.path().join(file).to_str().unwrap().to_owned()
    }

    /// A `tick` with that web config, beside a server's certificate of the CA.
    fn serve(&self, web_config: &str) -> Program {
        self.sign("server", "localhost", false);
        self.write("web.yml", web_config);
        start(&clocks(1, "good"), 1024, &["--web.config.file", &self.path("web.yml")])
    }
}

/// A program, as these see it.
trait Met {
    fn curl(&self, authority: &Authority, arguments: &[&str]) -> String;
    fn openssl(&self, arguments: &[&str]) -> Output;
}

impl Met for Program {
    /// What curl gets from `/-/healthy`: the status, or 000 where there was no answer.
    fn curl(&self, authority: &Authority, arguments: &[&str]) -> String {
        let port = self.address().port();
        let output = Command::new("curl")
            .args(["-s", "-o", "/dev/null", "-w", "%{http_code} %{http_version}", "--cacert"])
            .arg(authority.path("ca.pem"))
            .args(["--resolve", &format!("localhost:{port}:127.0.0.1")])
            .arg(format!("https://localhost:{port}/-/healthy"))
            .args(arguments)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn openssl(&self, arguments: &[&str]) -> Output {
        let address = self.address().to_string();
        Command::new("openssl")
            .args(["s_client", "-connect", &address])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

const PAIR: &str = "cert_file: server.pem, key_file: server.key";

/// Waits until `state` holds.
fn until(what: &str, mut state: impl FnMut() -> bool) {
    for _ in 0..PATIENCE {
        if state() {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("never: {what}");
}

#[test]
fn curl_gets_in_by_the_right_password_alone() {
    let ca = Authority::new();
    let program =
        ca.serve(&format!("tls_server_config: {{{PAIR}}}\nbasic_auth_users: {{me: {HASH}}}"));
    assert_eq!(program.curl(&ca, &["-u", "me:secret"]), "200 2");
    assert_eq!(program.curl(&ca, &["-u", "me:secret", "--http1.1"]), "200 1.1");
    for wrong in ["me:wrong", "you:secret", "me:", ":"] {
        assert_eq!(program.curl(&ca, &["-u", wrong]), "401 2", "{wrong}");
    }
    assert_eq!(program.curl(&ca, &[]), "401 2");
    let healthcheck = |flags: &[&str]| {
        let address = program.address().to_string();
        let mut check = tick();
        check.args(["healthcheck", "--address", &address]).args(flags).stderr(Stdio::null());
        check.status().unwrap().success()
    };
    assert!(healthcheck(&["--web.config.file", &ca.path("web.yml")]));
    assert!(!healthcheck(&[]), "plain HTTP to a TLS port");

    // Users are read again without a restart, and a bad file changes nothing.
    ca.write("web.yml", "basic_auth_users: {me: nonsense}");
    ca.write(
        "web.yml",
        &format!("tls_server_config: {{{PAIR}}}\nbasic_auth_users: {{you: {HASH}}}"),
    );
    until("the new user gets in", || program.curl(&ca, &["-u", "you:secret"]) == "200 2");
    assert_eq!(program.curl(&ca, &["-u", "me:secret"]), "401 2");
}

#[test]
fn more_requests_than_the_limit_are_refused() {
    let ca = Authority::new();
    let program =
        ca.serve(&format!("tls_server_config: {{{PAIR}}}\nrate_limit: {{interval: 1h, burst: 3}}"));
    let got = [(); 5].map(|()| program.curl(&ca, &[]));
    // Whether it listens was asked before, which took no token: that is no request.
    assert_eq!(got, ["200 2", "200 2", "200 2", "429 2", "429 2"]);
    // That strangers ask too much makes no container unhealthy.
    let mut check = tick();
    check.args(["healthcheck", "--address", &program.address().to_string()]);
    check.args(["--web.config.file", &ca.path("web.yml")]);
    assert!(check.status().unwrap().success());
}

#[test]
fn a_renewed_certificate_is_shown_without_a_restart() {
    let ca = Authority::new();
    let program =
        ca.serve(&format!("tls_server_config: {{{PAIR}}}\nhttp_server_config: {{http2: false}}"));
    assert_eq!(program.curl(&ca, &[]), "200 1.1");
    ca.sign("server", "elsewhere", false);
    until("curl sees another name", || program.curl(&ca, &[]).starts_with("000"));
    ca.sign("server", "localhost", false);
    until("curl sees its name again", || program.curl(&ca, &[]) == "200 1.1");
}

#[test]
fn old_versions_of_tls_are_refused() {
    let ca = Authority::new();
    let newest = ca.serve(&format!("tls_server_config: {{{PAIR}, min_version: TLS13}}"));
    assert!(newest.openssl(&["-tls1_3"]).status.success());
    for old in ["-tls1_2", "-tls1_1"] {
        assert!(!newest.openssl(&[old, "-cipher", "ALL:@SECLEVEL=0"]).status.success(), "{old}");
    }
    let older = ca.serve(&format!(
        "tls_server_config: {{{PAIR}, cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]}}"
    ));
    assert!(!older.openssl(&["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]).status.success());
    let taken = older.openssl(&["-tls1_2"]);
    assert!(String::from_utf8_lossy(&taken.stdout).contains("ECDHE-ECDSA-AES256-GCM-SHA384"));
    assert!(
        !older.openssl(&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"]).status.success()
    );
}

#[test]
fn clients_show_what_the_config_asks_for() {
    let ca = Authority::new();
    ca.sign("good", "scraper", false);
    ca.sign("expired", "scraper", true);
    ca.sign("other", "other", false);
    let stranger = Authority::new();
    stranger.sign("stranger", "scraper", false);
    let come = |program: &Program, from: &Authority, name: &str| {
        let (pem, key) = (from.path(&format!("{name}.pem")), from.path(&format!("{name}.key")));
        program.curl(&ca, &["--cert", &pem, "--key", &key]).starts_with("200")
    };
    let serve = |auth: &str, rest: &str| {
        ca.serve(&format!("tls_server_config: {{{PAIR}, client_auth_type: {auth}{rest}}}"))
    };
    let with_ca = ", client_ca_file: ca.pem";
    // Without a certificate, good, expired, a stranger's.
    for (auth, rest, wanted) in [
        ("NoClientCert", "", [true, true, true, true]),
        ("RequestClientCert", "", [true, true, true, true]),
        ("RequireAnyClientCert", "", [false, true, true, true]),
        ("VerifyClientCertIfGiven", with_ca, [true, true, false, false]),
        ("RequireAndVerifyClientCert", with_ca, [false, true, false, false]),
    ] {
        let program = serve(auth, rest);
        let got = [
            program.curl(&ca, &[]).starts_with("200"),
            come(&program, &ca, "good"),
            come(&program, &ca, "expired"),
            come(&program, &stranger, "stranger"),
        ];
        assert_eq!(got, wanted, "{auth}");
    }
    let program = serve(
        "RequireAndVerifyClientCert",
        ", client_ca_file: ca.pem, client_allowed_sans: [scraper]",
    );
    assert!(come(&program, &ca, "good") && !come(&program, &ca, "other"));
    let check = tick()
        .args(["healthcheck", "--address", &program.address().to_string()])
        .args(["--web.config.file", &ca.path("web.yml")])
        .status();
    assert!(check.unwrap().success(), "it answers, though not to the check");
}

#[test]
fn prometheus_scrapes_through_tls_and_basic_auth() {
    let ca = Authority::new();
    ca.sign("good", "scraper", false);
    let program = ca.serve(&format!(
        "tls_server_config: {{{PAIR}, client_ca_file: ca.pem, \
         client_auth_type: RequireAndVerifyClientCert}}\nbasic_auth_users: {{me: {HASH}}}"
    ));
    let file = |name: &str| ca.path(name);
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: tick\n  scheme: https\n  \
         basic_auth: {{username: me, password: secret}}\n  tls_config: {{ca_file: {}, \
         cert_file: {}, key_file: {}, server_name: localhost}}\n  \
         static_configs: [{{targets: ['{}']}}]\n",
        file("ca.pem"),
        file("good.pem"),
        file("good.key"),
        program.address()
    );
    for server in Prometheus::programs() {
        Prometheus::start(&server, &config, &[]).wait_for("up == 1", 1);
    }
}
