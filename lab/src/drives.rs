//! The drives' true temperatures, as `smartctl_exporter` and `node_exporter` publish them.
//!
//! One listener serves all machines: `/metrics?target=srv-phantom`. Without a target there must be
//! one machine only, else the series of several would collide.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tokio::task::JoinHandle;

/// The temperatures of each machine's drives, °C; a handle to share.
#[derive(Clone, Debug, Default)]
pub struct Drives {
    machines: Arc<Mutex<BTreeMap<String, Vec<f64>>>>,
}

/// A running server of [`Drives`]. It ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drives {
    /// Sets the temperatures of a machine's drives, `sda` first.
    pub fn set(&self, target: &str, celsius: &[f64]) {
        let mut machines = self.machines.lock().expect("nothing panics while it holds the drives");
        machines.insert(target.to_owned(), celsius.to_owned());
    }

    /// Serves them on `listener`. Needs a tokio runtime.
    pub fn serve(&self, listener: TcpListener) -> anyhow::Result<Server> {
        let address = listener.local_addr().context("address of the drives")?;
        listener.set_nonblocking(true).context("listener of the drives")?;
        let listener =
            tokio::net::TcpListener::from_std(listener).context("listener of the drives")?;
        let routes = Router::new().route("/metrics", get(metrics)).with_state(self.clone());
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::error!(%error, "the server of the drives ended");
            }
        });
        Ok(Server { address, task })
    }
}

impl Server {
    /// The address that it serves on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn metrics(
    State(drives): State<Drives>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let machines =
        drives.machines.lock().expect("nothing panics while it holds the drives").clone();
    let celsius = match query.get("target") {
        Some(target) => machines.get(target),
        None if machines.len() == 1 => machines.values().next(),
        None => None,
    };
    let Some(celsius) = celsius else {
        let known: Vec<&str> = machines.keys().map(String::as_str).collect();
        let text = format!("/metrics?target= takes one of: {}\n", known.join(", "));
        return (StatusCode::NOT_FOUND, text).into_response();
    };
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], exposition(celsius)).into_response()
}

fn exposition(celsius: &[f64]) -> String {
    let mut text = String::new();
    let mut family = |name: &str, help: &str, series: &dyn Fn(usize, f64) -> (String, f64)| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (drive, celsius) in celsius.iter().enumerate() {
            // A drive tells its temperature in whole degrees.
            let (labels, value) = series(drive, celsius.round());
            let _ = writeln!(text, "{name}{{{labels}}} {value}");
        }
    };
    family("smartctl_device_temperature", "Device temperature celsius", &|drive, celsius| {
        let device = format!("sd{}", char::from(b"abcdefgh"[drive % 8]));
        (format!("device=\"{device}\",temperature_type=\"current\""), celsius)
    });
    let chip = |drive: usize| format!("chip=\"{drive}:0:0:0\"");
    family("node_hwmon_temp_celsius", "Hardware monitor for temperature (input)", &|drive, c| {
        (format!("{},sensor=\"temp1\"", chip(drive)), c)
    });
    family(
        "node_hwmon_chip_names",
        "Annotation metric for human-readable chip names",
        &|drive, _| (format!("{},chip_name=\"drivetemp\"", chip(drive)), 1.0),
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drive_shows_its_temperature_under_both_names() {
        let text = exposition(&[22.4, 21.0]);
        assert!(text.contains(
            "smartctl_device_temperature{device=\"sda\",temperature_type=\"current\"} 22\n"
        ));
        assert!(text.contains("node_hwmon_temp_celsius{chip=\"1:0:0:0\",sensor=\"temp1\"} 21\n"));
        assert!(
            text.contains("node_hwmon_chip_names{chip=\"0:0:0:0\",chip_name=\"drivetemp\"} 1\n")
        );
    }
}
