//! A server of HTTP/3 that is not ours, nginx, and modules of `blackbox_exporter` that ask it.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use peers::{Authority, PATIENCE, Signed, free_port};
use tempfile::TempDir;

use super::assert_up;
use super::modules::Row;
use super::running::{fails_for, start, wait_for_probes};

/// Between two looks whether it listens.
const PAUSE: Duration = Duration::from_millis(20);

/// What Debian's nginx needs of sid, where the machine's own libraries are older.
const LIBRARIES: [&str; 6] =
    ["libc6", "libcrypt1", "libpcre2-8-0", "libssl3t64", "libzstd1", "zlib1g"];

/// Those of the prober `http` by HTTP/3.
pub(crate) const BY_QUIC: [Row; 16] = [
    (
        "h3",
        "{prober: http, http: {enable_http3: true, enable_http2: false, valid_http_versions: [HTTP/3.0], \
         fail_if_not_ssl: true, tls_config: {ca_file: $CA, server_name: localhost}}}",
        "quic/",
    ),
    (
        "h3_by_address",
        "{prober: http, http: {enable_http3: true, enable_http2: false, tls_config: {ca_file: $CA}}}",
        "quic/",
    ),
    (
        "h3_any",
        "{prober: http, http: {enable_http3: true, enable_http2: false, \
         tls_config: {insecure_skip_verify: true}}}",
        "quic/",
    ),
    (
        "h3_plain",
        "{prober: http, http: {enable_http3: true, enable_http2: false, tls_config: {ca_file: $CA}}}",
        "quic plainly/",
    ),
    ("h3_untrusted", "{prober: http, http: {enable_http3: true, enable_http2: false}}", "quic/"),
    (
        "h3_other_name_untrusted",
        "{prober: http, http: {enable_http3: true, enable_http2: false, \
         tls_config: {ca_file: $CA, server_name: other.example}}}",
        "quic/",
    ),
    (
        "h3_not_wanted",
        "{prober: http, http: {enable_http3: true, enable_http2: false, fail_if_ssl: true, \
         tls_config: {ca_file: $CA}}}",
        "quic/",
    ),
    (
        "h3_moved",
        "{prober: http, http: {enable_http3: true, enable_http2: false, tls_config: {ca_file: $CA}}}",
        "quic/moved",
    ),
    (
        "h3_moved_for_ever",
        "{prober: http, http: {enable_http3: true, enable_http2: false, tls_config: {ca_file: $CA}}}",
        "quic/loop",
    ),
    (
        "h3_not_followed",
        "{prober: http, http: {enable_http3: true, enable_http2: false, follow_redirects: false, \
         tls_config: {ca_file: $CA}}}",
        "quic/moved",
    ),
    (
        "h3_to_plain",
        "{prober: http, http: {enable_http3: true, enable_http2: false, tls_config: {ca_file: $CA}}}",
        "quic/plain",
    ),
    (
        "h3_error",
        "{prober: http, http: {enable_http3: true, enable_http2: false, tls_config: {ca_file: $CA}}}",
        "quic/error",
    ),
    (
        "h3_204",
        "{prober: http, http: {enable_http3: true, enable_http2: false, tls_config: {ca_file: $CA}}}",
        "quic/204",
    ),
    (
        "h3_head",
        "{prober: http, http: {enable_http3: true, enable_http2: false, method: HEAD, \
         tls_config: {ca_file: $CA}}}",
        "quic/",
    ),
    (
        "h3_post",
        "{prober: http, http: {enable_http3: true, enable_http2: false, method: POST, body: '{}', \
         headers: {X-A: b}, tls_config: {ca_file: $CA}, \
         fail_if_body_not_matches_regexp: ['^POST 2 b localhost$']}}",
        "quic/echo",
    ),
    (
        "h3_pattern",
        "{prober: http, http: {enable_http3: true, enable_http2: false, tls_config: {ca_file: $CA}, \
         fail_if_body_matches_regexp: [ello]}}",
        "quic/",
    ),
];

/// nginx, running; killed when this is dropped.
pub(crate) struct Nginx {
    pub(crate) address: SocketAddr,
    child: Child,
    _folder: TempDir,
}

impl Nginx {
    /// Starts it, if there is one that speaks HTTP/3: named by the environment, in the path, or unpacked beside the
    /// build with what it needs.
    pub(crate) fn start(signed: &Signed) -> Option<Self> {
        let named = std::env::var_os("TURBULENCE_NGINX").map(|program| vec![program.into()]);
        let usual = [Some(vec![PathBuf::from("nginx")]), unpacked()];
        let words = named.into_iter().chain(usual.into_iter().flatten()).find(|it| speaks(it))?;
        let folder = TempDir::new().unwrap();
        signed.write(folder.path(), "own");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let file = folder.path().join("nginx.conf");
        fs::write(&file, config(folder.path(), address)).unwrap();
        let child = command(&words)
            .args(["-e", "stderr", "-p"])
            .arg(folder.path())
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self { address, child, _folder: folder };
        let mut looks = 0;
        while TcpStream::connect(address).is_err() {
            assert!(server.child.try_wait().unwrap().is_none(), "nginx refuses the config");
            looks += 1;
            assert!(PAUSE * looks < PATIENCE, "nginx does not listen");
            thread::sleep(PAUSE);
        }
        Some(server)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_target_is_asked_by_http3_all_the_time() {
    let authority = Authority::default();
    let Some(nginx) = Nginx::start(&authority.sign("localhost")) else {
        eprintln!("skipped: there is no nginx for HTTP/3; name one by TURBULENCE_NGINX");
        return;
    };
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    let closed = peers::closed();
    let (address, port, ca) = (nginx.address, nginx.address.port(), folder.path().display());
    let text = format!(
        "vantage: {{name: test, region: EMEA}}
modules:
  h3: {{prober: http, interval: 100ms, timeout: 6s, http: &h3 {{enable_http3: true, enable_http2: false, \
         tls_config: {{ca_file: '{ca}/ca.pem'}}}}}}
  soon: {{prober: http, interval: 100ms, timeout: 500ms, http: *h3}}
targets:
  - {{name: shop, address: 'http://localhost:{port}/', module: h3}}
  - {{name: misnamed, address: 'https://{address}/', module: h3}}
  - {{name: broken, address: 'https://localhost:{port}/error', module: h3}}
  - {{name: closed, address: 'https://{closed}/', module: soon}}
"
    );
    let program = start(&text, &[]);
    for target in ["shop", "misnamed", "broken", "closed"] {
        wait_for_probes(&program, target, 3.0);
    }
    let metrics = program.metrics();
    assert_up(&metrics, "shop");
    for (target, reason) in
        [("misnamed", "tls_verify"), ("broken", "http_status"), ("closed", "refused")]
    {
        assert!(fails_for(&metrics, target, reason), "{target}: {}", metrics.text);
    }
    // All phases of the one, and what it was shown of the other.
    let has = |name: &str, target: &str, words: &[&str]| {
        metrics.text.lines().any(|line| {
            let is_of_target =
                line.starts_with(name) && line.contains(&format!("target=\"{target}\""));
            is_of_target && words.iter().all(|word| line.contains(word))
        })
    };
    for phase in ["connect", "tls", "ttfb", "transfer"] {
        let phase = format!("phase=\"{phase}\"");
        assert!(has("latency_phase_duration_seconds_count", "shop", &[&phase]), "{phase}");
    }
    assert!(has("latency_tls_expiry_timestamp_seconds", "misnamed", &[]), "{}", metrics.text);
    assert!(has("latency_rtt_min_seconds", "shop", &[]), "{}", metrics.text);
    // A connection that is over leaves nothing behind: there are no more sockets than probes under way.
    let of_nginx = format!(":{port:04X} 01");
    let open = || {
        let sockets = fs::read_to_string(format!("/proc/{}/net/udp", program.id())).unwrap();
        sockets.lines().filter(|line| line.contains(&of_nginx)).count()
    };
    let mut looks = 0;
    while open() > 6 {
        looks += 1;
        assert!(PAUSE * looks < PATIENCE, "{} sockets stay open", open());
        thread::sleep(PAUSE);
    }
    assert!(program.stop().success());
}

/// One process, whose every answer stands here.
fn config(folder: &Path, address: SocketAddr) -> String {
    let folder = folder.display();
    let kept = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {folder}/{kind};"))
        .join(" ");
    format!(
        "daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{}}
http {{
  access_log off; {kept}
  server {{
    listen {address} quic; listen {address} ssl;
    ssl_certificate {folder}/own.pem; ssl_certificate_key {folder}/own.key;
    location / {{ return 200 hello; }}
    location /echo {{ return 200 '$request_method $http_content_length $http_x_a $ssl_server_name'; }}
    location /error {{ return 500 oops; }}
    location /204 {{ return 204; }}
    location /moved {{ return 302 /; }}
    location /loop {{ return 302 /loop; }}
    location /plain {{ return 302 http://127.0.0.1:1/; }}
  }}
}}
"
    )
}

fn command(words: &[PathBuf]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}

fn speaks(words: &[PathBuf]) -> bool {
    let output = command(words).arg("-V").output();
    output.is_ok_and(|it| String::from_utf8_lossy(&it.stderr).contains("http_v3_module"))
}

/// That of sid, by the loader and the libraries of sid, below the target folder in which the test itself was built.
fn unpacked() -> Option<Vec<PathBuf>> {
    let test = std::env::current_exe().ok()?;
    let target = test.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file())?;
    let root = |package: &str| {
        let own = target.join("debian-sid").join(package);
        own.join("unpacked").is_file().then(|| own.join("root"))
    };
    let folders = LIBRARIES.iter().map(|package| {
        let lib = root(package)?.join("usr/lib");
        let entries = fs::read_dir(lib).ok()?.filter_map(Result::ok).map(|entry| entry.path());
        let is_of_machine = |path: &PathBuf| {
            path.file_name().is_some_and(|it| it.to_string_lossy().ends_with("-linux-gnu"))
        };
        entries.into_iter().find(is_of_machine)
    });
    let folders: Vec<PathBuf> = folders.collect::<Option<_>>()?;
    let own = fs::read_dir(&folders[0]).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let is_loader = |path: &PathBuf| {
        path.file_name().is_some_and(|it| it.to_string_lossy().starts_with("ld-linux"))
    };
    let loader = own.into_iter().find(is_loader)?;
    let path = std::env::join_paths(folders).ok()?;
    Some(vec![loader, "--library-path".into(), path.into(), root("nginx")?.join("usr/sbin/nginx")])
}
