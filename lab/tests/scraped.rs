//! Each exporter as Prometheus scrapes it: through TLS and basic auth, by protobuf with native
//! histograms, and a target at a time as its README has it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;

use peers::{Authority, Found, Program, Prometheus, yaml_block};
use tempfile::TempDir;
use turbulence_lab::bmc::{Bmc, Options};
use turbulence_lab::resolvers::{self, NAME, Resolvers};

/// `secret`, by a hash of the least cost.
const HASH: &str = "$2b$04$iSm4GMDQr8ptNk.TBykcBeQ7WGhcFCuXbuzZuwWRiC1MCoMmNVj4.";

/// Of an exporter of that name: its program, on that config, behind TLS and basic auth.
struct Exporter {
    name: &'static str,
    /// Its port, as its README has it.
    port: u16,
    program: Program,
    folder: PathBuf,
}

impl Exporter {
    fn start(folder: &Path, name: &'static str, port: u16, config: &str) -> Self {
        let test = std::env::current_exe().unwrap();
        let binary = test.ancestors().nth(2).unwrap().join(name);
        assert!(binary.exists(), "{}: build it: cargo build --workspace --bins", binary.display());
        certify(folder);
        let mut command = Command::new(binary);
        command.arg("--web.config.file").arg(folder.join("web.yml"));
        let program = Program::start_in(command, folder, config);
        Self { name, port, program, folder: folder.to_owned() }
    }

    /// The README's example with where the program really is and how one gets in; and the whole page,
    /// as the job `page`.
    fn prometheus(&self, server: &Path, flags: &[&str]) -> Prometheus {
        let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../exporters");
        let readme = readme.join(self.name.trim_start_matches("turbulence-")).join("README.md");
        let readme = fs::read_to_string(readme).unwrap();
        let block = yaml_block(&readme, "/sd");
        let [theirs, port] =
            [self.port, self.program.address().port()].map(|port| format!("localhost:{port}"));
        let credentials = format!(
            "basic_auth: {{username: me, password: secret}}\n{{indent}}tls_config: {{ca_file: {}/ca.pem}}\n",
            self.folder.display()
        );
        let indented =
            |indent: &str| format!("{indent}{}", credentials.replace("{indent}", indent));
        let url = format!("      - url: http://{theirs}/sd\n");
        let sd = "    http_sd_configs:\n";
        assert!(block.contains(&url) && block.contains(sd) && block.contains(self.name), "{block}");
        let block = block.replace(sd, &format!("{}{sd}", indented("    ")));
        let block = block
            .replace(&url, &format!("      - url: https://{port}/sd\n{}", indented("        ")));
        let config = format!(
            "global: {{scrape_interval: 1s}}\n{block}\
             \x20 - job_name: page\n    scheme: https\n{}    static_configs: [{{targets: ['{port}']}}]\n",
            indented("    ")
        );
        Prometheus::start(server, &config, flags)
    }

    /// Scrapes in every way until it is right: every target by itself, and together the same as the
    /// whole page. Histograms that natively are in so many series.
    fn is_scraped(&self, targets: &[&str], histogram: Option<(&str, usize)>) {
        let address = format!("localhost:{}", self.program.address().port());
        for server in Prometheus::programs() {
            for flags in [&[] as &[&str], &["--enable-feature=native-histograms"]] {
                let prometheus = self.prometheus(&server, flags);
                prometheus.wait_for("up == 1", targets.len() + 2);
                for target in targets {
                    prometheus.wait_for(&format!("up{{instance='{target}@{address}'}} == 1"), 1);
                }
                let series = |job: &str| {
                    let name = "__name__!~'up|scrape_.+|turbulence_sd_.+'";
                    prometheus.query(&format!("sort(count by (__name__) ({{job='{job}',{name}}}))"))
                };
                let alike = |[one, other]: [Found; 2]| !one.is_empty() && one == other;
                let jobs = || [self.name, "page"].map(series);
                self.program.wait("the parts are the whole", || alike(jobs()));
                prometheus.wait_for("count by (job) (turbulence_build_info)", 2);
                if let (Some((name, series)), false) = (histogram, flags.is_empty()) {
                    // Text has no native histograms: this came by protobuf.
                    prometheus
                        .wait_for(&format!("histogram_count({name}{{job='page'}}) > 0"), series);
                    prometheus
                        .wait_for(&format!("histogram_count({name}{{job!='page'}}) > 0"), series);
                }
            }
        }
    }
}

/// Writes a CA, a certificate of it for `localhost`, and a web config that asks for a password.
fn certify(folder: &Path) {
    let authority = Authority::default();
    authority.sign("localhost").write(folder, "server");
    fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    let web = format!(
        "tls_server_config: {{cert_file: server.pem, key_file: server.key}}\n\
         basic_auth_users: {{me: {HASH}}}\n"
    );
    fs::write(folder.join("web.yml"), web).unwrap();
}

#[tokio::test]
async fn ipmi() {
    let folder = TempDir::new().unwrap();
    let ip = Ipv4Addr::new(127, 20, 77, 1);
    let port = UdpSocket::bind((ip, 0)).unwrap().local_addr().unwrap().port();
    let options = Options {
        name: "bmc".to_owned(),
        listen: SocketAddrV4::new(ip, port),
        folder: folder.path().join("bmc"),
        password: "sesame-open".to_owned(),
    };
    let bmc = Bmc::start(options, Box::new(Command::spawn)).await.unwrap();
    let config = format!(
        "modules: {{default: {{user: monitor, password_file: {}, privilege: user, interval: 1s}}}}\n\
         targets: [{{name: one, address: '{ip}:{port}'}}, {{name: two, address: '127.20.77.2:{port}', site: b}},
         {{name: two, address: '127.20.77.3:{port}', site: c}}]\n",
        bmc.password_file().display()
    );
    let exporter = Exporter::start(folder.path(), "turbulence-ipmi", 9290, &config);
    tokio::task::spawn_blocking(move || exporter.is_scraped(&["one", "two"], None)).await.unwrap();
}

#[test]
fn latency() {
    let folder = TempDir::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = format!(
        "vantage: {{name: v, region: EMEA}}\nmodules: {{tcp: {{prober: tcp, interval: 1s, timeout: 500ms}}}}\n\
         targets: [{{name: good, address: '{}', module: tcp}}, {{name: 'a/b?c', address: '127.0.0.1:1', module: tcp}}]\n",
        listener.local_addr().unwrap()
    );
    let exporter = Exporter::start(folder.path(), "turbulence-latency", 9770, &config);
    // Of the other one nothing is measured but refusals, whose time says nothing.
    exporter.is_scraped(&["good", "a/b?c"], Some(("latency_probe_duration_seconds", 1)));
}

#[test]
fn dns() {
    let folder = TempDir::new().unwrap();
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    let options = resolvers::Options { latency: 0.0, ..resolvers::Options::default() };
    let resolvers = Resolvers::start(socket, options).unwrap();
    let some = |country: &str| {
        let list = resolvers.of(country).take(3).map(|one| one.address.to_string());
        list.collect::<Vec<_>>().join(", ")
    };
    let set = |name: &str, country: &str| {
        let port = resolvers.port();
        format!(
            "  - {{name: {name}, resolvers: [{}], port: {port}, allow_private: true, timeout: 300ms, interval: 10s}}\n",
            some(country)
        )
    };
    let config = format!(
        "vantage: {{name: v, region: EMEA}}\nsets:\n{}{}questions:\n  - {{name: {NAME}, types: [A]}}\n",
        set("germany", "DE"),
        set("china", "CN")
    );
    let exporter = Exporter::start(folder.path(), "turbulence-dns", 9771, &config);
    exporter.is_scraped(&["germany", "china"], Some(("dns_consistency_response_seconds", 2)));
}

#[test]
fn homing() {
    let folder = TempDir::new().unwrap();
    let config = "prometheus: [{url: 'http://127.0.0.1:1'}]\ninterval: 5s\n\
                  claims: [{page: acme, url: 'http://127.0.0.1:1/summary.json', interval: 1s, targets: [api]}]\n";
    let exporter = Exporter::start(folder.path(), "turbulence-homing", 9772, config);
    exporter.is_scraped(&["prometheus", "acme"], None);
}
