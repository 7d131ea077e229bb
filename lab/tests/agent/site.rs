//! A site: an exporter of BMCs, and the agent of `prometheus-agent.yml` that scrapes it.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use turbulence_lab::ports;
use turbulence_lab::process::{Launcher, Program};

/// A machine that is well, and what its exporter says of a false temperature.
const WELL: &str = "ipmi_up{collector=\"ipmi\",target=\"web-1\"} 1\n\
                    ipmi_verdicts_held{target=\"web-1\"} 0\n";
const FALSE: &str = "ipmi_verdict{target=\"web-1\",id=\"32.0.1\",name=\"CPU1\",entity=\"processor\",verdict=\"phantom_temperature\"} 2\n";

/// Lost when it is dropped.
pub(crate) struct Site {
    phantom: Arc<AtomicBool>,
    _agent: Program,
}

impl Site {
    /// Starts an agent that sends to this address.
    pub(crate) async fn start(launcher: &Launcher, folder: &Path, line: SocketAddr) -> Self {
        let phantom = Arc::new(AtomicBool::new(false));
        let said = Arc::clone(&phantom);
        let page = move || {
            let is_false = if said.load(Ordering::Relaxed) { FALSE } else { "" };
            std::future::ready(format!("{WELL}{is_false}"))
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let exporter = listener.local_addr().unwrap();
        let app = Router::new().route("/metrics", get(page));
        tokio::spawn(async move { axum::serve(listener, app).await });

        let folder = folder.join("site");
        let targets = folder.join("targets/turbulence-ipmi");
        fs::create_dir_all(&targets).unwrap();
        fs::write(targets.join("all.yml"), format!("- targets: ['{exporter}']\n")).unwrap();
        let config = super::deploy("prometheus-agent.yml");
        let centre = "http://prometheus.example:9090/";
        assert_eq!(config.matches(centre).count(), 1);
        let config = config.replace(centre, &format!("http://{line}/"));
        fs::write(folder.join("prometheus-agent.yml"), config).unwrap();
        let address = ports::address(None);
        let mut command = super::written("prometheus-agent.yml", &folder);
        command.arg(format!("--web.listen-address={address}"));
        let start = |command| launcher.spawn(command);
        let mut agent = Program::start("agent", &folder, command, start).unwrap();
        agent.until_it_answers(&format!("http://{address}/-/ready")).await.unwrap();
        Self { phantom, _agent: agent }
    }

    pub(crate) fn has_a_phantom(&self, it_has: bool) {
        self.phantom.store(it_has, Ordering::Relaxed);
    }
}
