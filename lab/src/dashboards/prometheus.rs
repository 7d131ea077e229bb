//! The few questions to Prometheus's HTTP API that Grafana asks.

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use url::Url;
use url::form_urlencoded::Serializer;

use super::expand::Window;

/// A Prometheus server.
#[derive(Debug)]
pub(super) struct Prometheus {
    authority: String,
    prefix: String,
}

/// What Prometheus made of a question.
pub(super) enum Answer {
    /// The `data` of a success.
    Data { data: Value, warnings: Vec<String> },
    /// It understood that it was asked, and refused.
    Refused(String),
}

impl Prometheus {
    pub(super) fn at(base: &str) -> anyhow::Result<Self> {
        let url = Url::parse(base).with_context(|| format!("Prometheus at {base}"))?;
        if url.scheme() != "http" {
            bail!("Prometheus at {base}: only http is supported");
        }
        let host = url.host_str().with_context(|| format!("Prometheus at {base}: no host"))?;
        let port = url.port_or_known_default().unwrap_or(80);
        let prefix = url.path().trim_end_matches('/').to_owned();
        Ok(Self { authority: format!("{host}:{port}"), prefix })
    }

    pub(super) async fn query(&self, expression: &str, time: u64) -> anyhow::Result<Answer> {
        let form = [("query", expression), ("time", &time.to_string())];
        self.ask(Method::POST, "/api/v1/query", &form).await
    }

    pub(super) async fn query_range(
        &self,
        expression: &str,
        window: Window,
        step_seconds: u64,
    ) -> anyhow::Result<Answer> {
        let Window { start, end } = window;
        let form = [
            ("query", expression),
            ("start", &start.to_string()),
            ("end", &end.to_string()),
            ("step", &step_seconds.to_string()),
        ];
        self.ask(Method::POST, "/api/v1/query_range", &form).await
    }

    pub(super) async fn label_values(
        &self,
        selector: &str,
        label: &str,
        window: Window,
    ) -> anyhow::Result<Answer> {
        let (start, end) = (window.start.to_string(), window.end.to_string());
        let mut form = vec![("start", start.as_str()), ("end", end.as_str())];
        if !selector.is_empty() {
            form.push(("match[]", selector));
        }
        self.ask(Method::GET, &format!("/api/v1/label/{label}/values"), &form).await
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        form: &[(&str, &str)],
    ) -> anyhow::Result<Answer> {
        let form = Serializer::new(String::new()).extend_pairs(form).finish();
        let (uri, body) = if method == Method::GET {
            (format!("{}{path}?{form}", self.prefix), String::new())
        } else {
            (format!("{}{path}", self.prefix), form)
        };
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header(header::HOST, &self.authority)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(body)))
            .context("building a request to Prometheus")?;
        let answer = self.send(request).await;
        answer.with_context(|| format!("asking Prometheus at {}", self.authority))
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        let stream = TcpStream::connect(&self.authority).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        let mut answer: Value = serde_json::from_slice(&body)
            .with_context(|| format!("status {status}, and what came is not JSON"))?;
        if answer["status"] == "success" {
            let warnings = answer["warnings"].as_array().into_iter().flatten();
            let warnings = warnings.filter_map(Value::as_str).map(str::to_owned).collect();
            return Ok(Answer::Data { data: answer["data"].take(), warnings });
        }
        let why = answer["error"].as_str().unwrap_or("no reason given");
        Ok(Answer::Refused(why.to_owned()))
    }
}

/// One series of an answer.
pub(super) struct Series<'a>(&'a Value);

impl Series<'_> {
    pub(super) fn has_label(&self, label: &str) -> bool {
        self.0["metric"][label].as_str().is_some_and(|value| !value.is_empty())
    }

    /// Whether any of its samples is a number: 0/0 is a series, and nothing to look at.
    pub(super) fn has_number(&self) -> bool {
        let samples = self.0["values"].as_array().into_iter().flatten();
        let mut samples = samples.chain(self.0.get("value"));
        samples.any(|sample| sample[1].as_str().is_some_and(|value| value != "NaN"))
    }
}

/// The series of a vector or a matrix. A scalar has no labels, and counts as one series.
pub(super) fn series(data: &Value) -> Vec<Series<'_>> {
    match data["result"].as_array() {
        Some(_) if data["resultType"] == "scalar" => Vec::new(),
        Some(result) => result.iter().map(Series).collect(),
        None => Vec::new(),
    }
}
