//! What is said over a connection, and what must be answered: `query_response`.

use std::io::{self, ErrorKind};

use exporter_kit::config::Bytes;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::ask::Ask;
use super::found::Found;
use super::pattern::{Pattern, expanded, readable};
use super::tls;
use crate::outcome::{Failure, Phase};

/// A line is so long at most, as the peer has it.
const LONGEST_LINE: usize = 64 * 1024;
/// So much is read of one connection: a banner, not a stream.
const MOST_BYTES: usize = 8 << 20;
/// So many characters of what was matched become a label's value.
const LONGEST_VALUE: usize = 256;
/// So much of a line is shown.
const SHOWN: usize = 200;

/// One step: wait for a line or for bytes, say something, begin TLS; in this order, as far as it is there.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(try_from = "RawStep")]
pub(crate) struct Step {
    /// Lines are read until one matches.
    pub(crate) expect: Option<Pattern>,
    /// These bytes must come.
    pub(crate) expect_bytes: Bytes,
    /// The labels of `probe_expect_info`, made of what was matched.
    pub(crate) labels: Option<Vec<Label>>,
    /// Sent with a line's end behind it; never shown, since it may be a password.
    pub(crate) send: Bytes,
    /// The connection goes on with TLS.
    pub(crate) starttls: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    expect: Option<Pattern>,
    #[serde(default)]
    expect_bytes: Bytes,
    labels: Option<Vec<Label>>,
    #[serde(default)]
    send: Bytes,
    #[serde(default)]
    starttls: bool,
}

/// A label by a text of `${1}` and the like.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Label {
    name: String,
    #[serde(default)]
    value: String,
}

impl TryFrom<RawStep> for Step {
    type Error = String;

    fn try_from(raw: RawStep) -> Result<Self, String> {
        if raw.expect.is_some() && !raw.expect_bytes.is_empty() {
            return Err("expect_bytes: must not be given beside `expect`".to_owned());
        }
        let labels = raw.labels.as_deref().unwrap_or_default();
        for (number, label) in labels.iter().enumerate() {
            let name = label.name.as_str();
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let is_digit = |c: char| c.is_ascii_digit();
            if name.is_empty() || name.starts_with(is_digit) || !name.chars().all(fits) {
                return Err(
                    "labels: each name must be of letters, digits and `_`, no digit first".into()
                );
            }
            if labels[..number].iter().any(|other| other.name == name) {
                return Err("labels: a name is there twice".to_owned());
            }
        }
        Ok(Self {
            expect: raw.expect,
            expect_bytes: raw.expect_bytes,
            labels: raw.labels,
            send: raw.send,
            starttls: raw.starttls,
        })
    }
}

impl Step {
    /// What is to be sent, with what the expected line gave.
    pub(crate) fn reply(&self, captures: Option<&regex::Captures<'_>>) -> Vec<u8> {
        let template = captures.and_then(|captures| {
            let template = std::str::from_utf8(self.send.as_slice()).ok()?;
            Some(expanded(template, captures).into_bytes())
        });
        template.unwrap_or_else(|| self.send.as_slice().to_vec())
    }

    fn labels(&self, captures: &regex::Captures<'_>) -> Option<Vec<(String, String)>> {
        let value = |label: &Label| {
            let value = expanded(&label.value, captures);
            (label.name.clone(), value.chars().take(LONGEST_VALUE).collect())
        };
        self.labels.as_ref().map(|labels| labels.iter().map(value).collect())
    }
}

/// What can be talked over.
pub(crate) trait Talk: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Talk for T {}

/// A connection of any kind.
pub(crate) type Connection = Box<dyn Talk>;

/// What TLS begins with, and the name of the server.
pub(crate) type Upgrade<'a> = (&'a tls::Settings, &'a str);

/// Goes through all steps.
pub(crate) async fn converse(
    connection: Connection,
    steps: &[Step],
    upgrade: Upgrade<'_>,
    ask: &Ask<'_>,
    found: &mut Found,
) -> Result<(), Failure> {
    found.failed_due_to_regex = Some(false);
    found.failed_due_to_bytes = Some(false);
    let mut reader = Reader { connection, waiting: Vec::new(), read: 0 };
    for (number, step) in steps.iter().enumerate() {
        ask.log.line(|| format!("step {}", number + 1));
        found.watch.begin(Phase::Ttfb);
        let send = match &step.expect {
            None => step.send.as_slice().to_vec(),
            Some(pattern) => {
                let Some(line) = reader.find(pattern, ask).await? else {
                    found.failed_due_to_regex = Some(true);
                    ask.log.line(|| format!("no line matched {}", pattern.as_str()));
                    return Err(Failure::Condition);
                };
                let captures = pattern.captures(&line);
                if let Some(labels) = captures.as_ref().and_then(|it| step.labels(it)) {
                    found.expect_info = Some(labels);
                }
                found.failed_due_to_regex = Some(false);
                step.reply(captures.as_ref())
            }
        };
        if !step.expect_bytes.is_empty() {
            let wanted = step.expect_bytes.as_slice();
            let came = reader.bytes(wanted.len()).await.map_err(|error| heard(&error, ask))?;
            found.failed_due_to_bytes = Some(came != wanted);
            if came != wanted {
                ask.log.line(|| format!("other bytes came than the {} expected", wanted.len()));
                return Err(Failure::Condition);
            }
        }
        if !send.is_empty() {
            ask.log.line(|| format!("{} bytes are sent", send.len() + 1));
            reader.send(send).await.map_err(|error| heard(&error, ask))?;
        }
        if step.starttls {
            ask.log.line(|| "TLS begins");
            let (tls, name) = upgrade;
            let connection = tls.connect(reader.connection, name, &[], ask, found).await?;
            let connection: Connection = Box::new(connection);
            // What was read of the plain text is forgotten: nobody vouches for it.
            reader = Reader { connection, waiting: Vec::new(), read: reader.read };
        }
    }
    found.watch.end();
    Ok(())
}

fn heard(error: &io::Error, ask: &Ask<'_>) -> Failure {
    ask.log.line(|| format!("the connection broke: {error}"));
    // Beyond what a line or a banner may be.
    if error.kind() == ErrorKind::InvalidData { Failure::Condition } else { tls::classify(error) }
}

/// Reads lines and bytes of a connection.
struct Reader {
    connection: Connection,
    /// Read, and not yet looked at.
    waiting: Vec<u8>,
    read: usize,
}

impl Reader {
    /// The first line that matches; none if the connection ends before.
    async fn find(&mut self, pattern: &Pattern, ask: &Ask<'_>) -> Result<Option<String>, Failure> {
        while let Some(line) = self.line().await.map_err(|error| heard(&error, ask))? {
            let line = readable(&line);
            ask.log.line(|| format!("read: {}", line.chars().take(SHOWN).collect::<String>()));
            if pattern.is_match(&line) {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }

    /// The next line without its end, or what is left when the connection ends.
    async fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut searched = 0;
        loop {
            let end = self.waiting[searched..].iter().position(|byte| *byte == b'\n');
            if let Some(end) = end {
                let mut line: Vec<u8> = self.waiting.drain(..=searched + end).collect();
                line.pop();
                line.pop_if(|last| *last == b'\r');
                return Ok(Some(line));
            }
            searched = self.waiting.len();
            if searched >= LONGEST_LINE {
                return Err(io::Error::new(ErrorKind::InvalidData, "a line is too long"));
            }
            if self.more().await? == 0 {
                let mut line = std::mem::take(&mut self.waiting);
                line.pop_if(|last| *last == b'\r');
                return Ok(Some(line).filter(|line| !line.is_empty()));
            }
        }
    }

    /// So many bytes, or as many as come before the end.
    async fn bytes(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.waiting.len() < count {
            if self.more().await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.waiting.drain(..count).collect())
    }

    async fn more(&mut self) -> io::Result<usize> {
        if self.read >= MOST_BYTES {
            return Err(io::Error::new(ErrorKind::InvalidData, "there is no end of it"));
        }
        let mut part = [0; 4096];
        let count = self.connection.read(&mut part).await?;
        self.waiting.extend_from_slice(&part[..count]);
        self.read += count;
        Ok(count)
    }

    async fn send(&mut self, mut text: Vec<u8>) -> io::Result<()> {
        text.push(b'\n');
        self.connection.write_all(&text).await?;
        self.connection.flush().await
    }
}
