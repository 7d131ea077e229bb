//! A session over the LAN: one UDP socket and the connection it carries datagrams for.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;
use tokio::time::Instant;

use crate::command::Command;
use crate::connection::{Connection, Event};
use crate::counters::Counters;
use crate::credentials::Credentials;
use crate::error::{CommandError, SessionError};
use crate::options::{CipherSuite, Options};

/// More than any datagram of the protocol.
const DATAGRAM_BYTES: usize = 2048;

/// A log-in at one BMC that is renewed when it is worn.
#[derive(Debug)]
pub(super) struct Lan {
    link: Link,
    bmc: SocketAddr,
    credentials: Credentials,
    /// That of the newest session.
    suite: Option<CipherSuite>,
    /// What the sessions counted that this one renewed.
    earlier: Counters,
}

impl Lan {
    pub(super) async fn open(
        bmc: SocketAddr,
        credentials: &Credentials,
        options: &Options,
    ) -> Result<Lan, SessionError> {
        let link = Link::open(bmc, credentials, options).await?;
        Ok(Lan {
            suite: link.connection.suite(),
            link,
            bmc,
            credentials: credentials.clone(),
            earlier: Counters::default(),
        })
    }

    pub(super) async fn read(
        &mut self,
        command: Command,
        options: &Options,
    ) -> Result<Vec<u8>, CommandError> {
        if self.link.connection.is_worn() {
            self.renew(options).await?;
        }
        self.link.read(command).await
    }

    /// A new session on a new socket, in place of one whose sequence numbers are used up.
    async fn renew(&mut self, options: &Options) -> Result<(), CommandError> {
        let options = match self.suite {
            Some(suite) => options.clone().beginning_with(suite),
            None => options.clone(),
        };
        self.link.say_goodbye();
        let fresh = Link::open(self.bmc, &self.credentials, &options).await;
        let fresh = fresh.map_err(|_| CommandError::SessionLost)?;
        self.earlier = self.counters();
        self.suite = fresh.connection.suite();
        self.link = fresh;
        Ok(())
    }

    pub(super) async fn close(&mut self) {
        self.link.close().await;
    }

    pub(super) fn suite(&self) -> Option<CipherSuite> {
        self.suite
    }

    pub(super) fn counters(&self) -> Counters {
        self.earlier + self.link.connection.counters()
    }
}

/// A connection and its socket.
#[derive(Debug)]
struct Link {
    socket: UdpSocket,
    connection: Connection,
    /// The moment from which the connection's time is counted.
    epoch: Instant,
}

impl Link {
    async fn open(
        bmc: SocketAddr,
        credentials: &Credentials,
        options: &Options,
    ) -> Result<Link, SessionError> {
        let socket = connected_socket(bmc).await.map_err(|error| match error.kind() {
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
                SessionError::Unreachable
            }
            _ => SessionError::Local,
        })?;
        let epoch = Instant::now();
        let connection = Connection::new(epoch.elapsed(), credentials, options, rand::random());
        let mut link = Link { socket, connection, epoch };
        loop {
            match link.next_event().await {
                Event::Opened => return Ok(link),
                Event::OpenFailed(error) => {
                    link.flush();
                    return Err(error);
                }
                Event::Reply(..) | Event::Closed => {}
            }
        }
    }

    async fn read(&mut self, command: Command) -> Result<Vec<u8>, CommandError> {
        self.connection.request(self.epoch.elapsed(), command);
        loop {
            match self.next_event().await {
                Event::Reply(answered, result) if answered == command => return result,
                Event::Closed | Event::OpenFailed(_) => return Err(CommandError::SessionLost),
                // Of a request whose future was dropped.
                Event::Reply(..) | Event::Opened => {}
            }
        }
    }

    async fn close(&mut self) {
        self.connection.close(self.epoch.elapsed());
        while self.next_event().await != Event::Closed {}
        self.flush();
    }

    /// Carries datagrams to and fro until something happens.
    async fn next_event(&mut self) -> Event {
        loop {
            if let Some(event) = self.connection.next_event() {
                return event;
            }
            while let Some(datagram) = self.connection.next_datagram() {
                if let Err(error) = self.socket.send(&datagram).await {
                    self.network_error(&error);
                }
            }
            let Some(deadline) = self.connection.deadline() else { return Event::Closed };
            let readable = tokio::time::timeout_at(self.epoch + deadline, self.socket.readable());
            match readable.await {
                Ok(Ok(())) => self.receive(),
                Ok(Err(error)) => self.network_error(&error),
                Err(_elapsed) => self.connection.time_passed(self.epoch.elapsed()),
            }
        }
    }

    /// Takes a datagram if there is one. Never waits, so that its buffer is on the stack and not in
    /// the future: ten thousand sessions that wait would hold 20 MB.
    fn receive(&mut self) {
        let mut buffer = [0; DATAGRAM_BYTES];
        match self.socket.try_recv(&mut buffer) {
            Ok(length) => {
                let datagram = buffer.get(..length).unwrap_or_default();
                self.connection.datagram_received(self.epoch.elapsed(), datagram);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => self.network_error(&error),
        }
    }

    /// A connected UDP socket reports ICMP errors on the next call; none of them is final.
    fn network_error(&mut self, error: &io::Error) {
        if error.kind() != io::ErrorKind::Interrupted {
            self.connection.unreachable();
        }
    }

    /// Sends what is still to be sent, without waiting.
    fn flush(&mut self) {
        while let Some(datagram) = self.connection.next_datagram() {
            // Best effort: the BMC forgets an idle session by itself after a minute.
            let _ = self.socket.try_send(&datagram);
        }
    }

    fn say_goodbye(&mut self) {
        for datagram in self.connection.farewell() {
            let _ = self.socket.try_send(&datagram);
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.say_goodbye();
    }
}

/// A socket of the BMC's own address family, so that nothing depends on IPv6 being there.
async fn connected_socket(bmc: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match bmc {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(bmc).await?;
    Ok(socket)
}
