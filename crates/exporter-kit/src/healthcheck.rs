//! The `healthcheck` subcommand: ask a running exporter, for images without a shell.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use axum::http::{Request, StatusCode, header};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use rustls::AlertDescription::{CertificateRequired, HandshakeFailure};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::flags::Healthcheck;
use crate::refuse;
use crate::web_config::{WebConfig, any_server};

const LIMIT: Duration = Duration::from_secs(5);

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(check: &Healthcheck, port: u16) -> ExitCode {
    let address = check.address.clone().unwrap_or_else(|| format!("127.0.0.1:{port}"));
    let asked = tokio::time::timeout(LIMIT, ask(&address, check)).await;
    match asked.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer within {} s", LIMIT.as_secs()))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&format!("{address}{}: {error:#}", check.path)),
    }
}

async fn ask(address: &str, check: &Healthcheck) -> anyhow::Result<()> {
    let web_config = check.web_config_file.as_deref().map(WebConfig::load).transpose()?;
    let stream = TcpStream::connect(address).await.context("connecting")?;
    let Some(WebConfig { tls: Some(_), .. }) = web_config else {
        return ask_by(stream, address, &check.path).await;
    };
    // Nothing secret is said, and who answers is no secret either.
    let client: ClientConfig = any_server()?;
    let name = ServerName::from(stream.peer_addr()?.ip());
    let asked = match TlsConnector::from(Arc::new(client)).connect(name, stream).await {
        Ok(stream) => ask_by(stream, address, &check.path).await,
        Err(error) => Err(error).context("the TLS handshake"),
    };
    match asked {
        // It wants a certificate, which is nothing that a check of its health has to bring.
        Err(error) if wants_a_certificate(&error) => Ok(()),
        asked => asked,
    }
}

async fn ask_by(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    address: &str,
    path: &str,
) -> anyhow::Result<()> {
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.context("connecting")?;
    tokio::spawn(connection);
    let request = Request::get(path)
        .header(header::HOST, address)
        .body(Empty::<Bytes>::new())
        .context("building the request")?;
    let response = sender.send_request(request).await.context("asking")?;
    let status = response.status();
    if status == StatusCode::BAD_REQUEST {
        bail!("answered {status}: if it speaks TLS, --web.config.file says so");
    }
    // Whoever asks for a password answers, and so does one whom others ask too much.
    let answers = [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS].contains(&status);
    ensure!(status.is_success() || answers, "answered {status}");
    Ok(())
}

fn wants_a_certificate(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let alert = cause.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref());
        let alert = alert.and_then(|error| error.downcast_ref::<rustls::Error>());
        matches!(
            alert.or_else(|| cause.downcast_ref()),
            Some(rustls::Error::AlertReceived(CertificateRequired | HandshakeFailure))
        )
    })
}
