//! One HTTP request to a program of the lab, on loopback.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::Url;

/// A program that does not answer within this is not answering.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks for a page; gives the status and the body.
pub async fn get(url: &str) -> anyhow::Result<(u16, String)> {
    request(Method::GET, url, "text/plain", String::new()).await
}

/// Asks for a page that must be there.
pub async fn fetch(url: &str) -> anyhow::Result<String> {
    let (status, body) = get(url).await?;
    ensure!((200..300).contains(&status), "{url} answered {status}: {}", body.trim());
    Ok(body)
}

/// Posts a form; gives the status and the body.
pub async fn post_form(url: &str, form: String) -> anyhow::Result<(u16, String)> {
    request(Method::POST, url, "application/x-www-form-urlencoded", form).await
}

/// Posts JSON; gives the status and the body.
pub async fn post_json(url: &str, body: String) -> anyhow::Result<(u16, String)> {
    request(Method::POST, url, "application/json", body).await
}

async fn request(
    method: Method,
    url: &str,
    content_type: &str,
    body: String,
) -> anyhow::Result<(u16, String)> {
    let asking = ask(method, url, content_type, body);
    tokio::time::timeout(PATIENCE, asking)
        .await
        .with_context(|| format!("{url} did not answer within {} s", PATIENCE.as_secs()))?
        .with_context(|| format!("asking {url}"))
}

async fn ask(
    method: Method,
    url: &str,
    content_type: &str,
    body: String,
) -> anyhow::Result<(u16, String)> {
    let url = Url::parse(url)?;
    let host = url.host_str().context("no host in the address")?;
    let port = url.port_or_known_default().context("no port in the address")?;
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let path = url.query().map_or_else(|| url.path().to_owned(), |q| format!("{}?{q}", url.path()));
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, format!("{host}:{port}"))
        .header(header::CONTENT_TYPE, content_type)
        .body(Full::new(Bytes::from(body)))?;
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await?.to_bytes();
    connection.abort();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
