//! The `healthcheck` subcommand: ask a running exporter, for images without a shell.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::http::{Request, header};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::flags::Healthcheck;
use crate::refuse;

const LIMIT: Duration = Duration::from_secs(5);

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(check: &Healthcheck, port: u16) -> ExitCode {
    let address = check.address.clone().unwrap_or_else(|| format!("127.0.0.1:{port}"));
    let asked = tokio::time::timeout(LIMIT, ask(&address, &check.path)).await;
    match asked.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer within {} s", LIMIT.as_secs()))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&format!("http://{address}{}: {error:#}", check.path)),
    }
}

async fn ask(address: &str, path: &str) -> anyhow::Result<()> {
    let stream = TcpStream::connect(address).await.context("connecting")?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.context("connecting")?;
    tokio::spawn(connection);
    let request = Request::get(path)
        .header(header::HOST, address)
        .body(Empty::<Bytes>::new())
        .context("building the request")?;
    let response = sender.send_request(request).await.context("asking")?;
    ensure!(response.status().is_success(), "answered {}", response.status());
    Ok(())
}
