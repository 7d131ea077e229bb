//! A question to a DNS server, and its answer: by UDP, by TCP, by TLS.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, sleep_until};

use crate::blackbox::ask::Ask;
use crate::blackbox::dialogue::Talk;
use crate::blackbox::found::Found;
use crate::blackbox::{routers, tcp, tls};
use crate::outcome::{Failure, Phase, is_said_by_others, is_too_long};

/// A question, ready to be sent.
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub(super) server: SocketAddr,
    /// The address of ours that it is sent from, where one is named.
    pub(super) from: Option<IpAddr>,
    pub(super) id: u16,
    pub(super) bytes: &'a [u8],
}

/// The times of an exchange.
#[derive(Debug)]
pub(super) struct Times {
    started: Instant,
    connected: Option<Instant>,
}

impl Default for Times {
    fn default() -> Self {
        Self { started: Instant::now(), connected: None }
    }
}

impl Times {
    /// Until the connection was there, and from then on.
    pub(super) fn both(&self) -> (Duration, Duration) {
        match self.connected {
            Some(connected) => (connected - self.started, connected.elapsed()),
            None => (self.started.elapsed(), Duration::ZERO),
        }
    }

    fn connected(&mut self) {
        self.connected = Some(Instant::now());
    }
}

impl Question<'_> {
    /// Asks by UDP. What answers another question is none to this one.
    pub(super) async fn by_udp(
        &self,
        times: &mut Times,
        ask: &Ask<'_>,
        found: &mut Found,
    ) -> Result<Vec<u8>, Failure> {
        found.watch.begin(Phase::Ttfb);
        let any = if self.server.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
        let from: IpAddr = self.from.unwrap_or(any);
        let asked = async {
            let socket = UdpSocket::bind(SocketAddr::new(from, 0)).await?;
            socket.connect(self.server).await?;
            routers::ask(&socket, self.server, true);
            times.connected();
            socket.send(self.bytes).await?;
            let mut buffer = vec![0; usize::from(u16::MAX)];
            let mut noted = None;
            loop {
                let came = tokio::select! {
                    biased;
                    came = socket.recv(&mut buffer) => came,
                    said = routers::said(&socket) => Err(said),
                    () = sleep_until(ask.last_moment()), if noted.is_some() => break,
                };
                let count = match came {
                    Ok(count) => count,
                    Err(error) if is_too_long(&error) => continue,
                    // Anybody can say so who knows the port; whoever is there answers all the same.
                    Err(error) if ask.is_of_target && is_said_by_others(&error) => {
                        noted = Some(error);
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                if buffer[..count].starts_with(&self.id.to_be_bytes()) {
                    buffer.truncate(count);
                    return Ok(buffer);
                }
            }
            Err(noted.unwrap_or_else(|| io::ErrorKind::TimedOut.into()))
        };
        asked.await.map_err(|error| heard(&error, ask))
    }

    /// Asks by TCP.
    pub(super) async fn by_tcp(
        &self,
        times: &mut Times,
        ask: &Ask<'_>,
        found: &mut Found,
    ) -> Result<Vec<u8>, Failure> {
        let stream = self.connect(ask, found).await?;
        times.connected();
        found.watch.begin(Phase::Ttfb);
        self.over(stream, ask).await
    }

    /// Asks by TLS, of a server of that name.
    pub(super) async fn by_tls(
        &self,
        tls: &tls::Settings,
        name: &str,
        times: &mut Times,
        ask: &Ask<'_>,
        found: &mut Found,
    ) -> Result<Vec<u8>, Failure> {
        let stream = self.connect(ask, found).await?;
        let stream = tls.connect(stream, name, &[], ask, found).await?;
        times.connected();
        found.watch.begin(Phase::Ttfb);
        self.over(stream, ask).await
    }

    async fn connect(&self, ask: &Ask<'_>, found: &mut Found) -> Result<TcpStream, Failure> {
        found.watch.begin(Phase::Connect);
        let stream = tcp::connect(self.server, self.from).await;
        let stream = stream.map_err(|error| heard(&error, ask))?;
        found.watch.shook_hands();
        Ok(stream)
    }

    async fn over(&self, mut stream: impl Talk, ask: &Ask<'_>) -> Result<Vec<u8>, Failure> {
        let asked = async {
            let length = u16::try_from(self.bytes.len()).map_err(io::Error::other)?;
            let mut framed = length.to_be_bytes().to_vec();
            framed.extend(self.bytes);
            stream.write_all(&framed).await?;
            stream.flush().await?;
            let mut message = vec![0; usize::from(stream.read_u16().await?)];
            stream.read_exact(&mut message).await?;
            Ok(message)
        };
        let message: Vec<u8> = asked.await.map_err(|error| heard(&error, ask))?;
        if message.starts_with(&self.id.to_be_bytes()) {
            return Ok(message);
        }
        ask.log.line(|| "the answer is one to another question");
        Err(Failure::Body)
    }
}

fn heard(error: &io::Error, ask: &Ask<'_>) -> Failure {
    ask.log.line(|| format!("no answer: {error}"));
    tls::classify(error)
}
