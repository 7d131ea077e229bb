//! The tokio driver: one UDP socket, one session, one command in flight.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;
use tokio::time::Instant;

use crate::command::Command;
use crate::connection::{Connection, Event};
use crate::counters::Counters;
use crate::credentials::Credentials;
use crate::device::DeviceId;
use crate::error::{CommandError, SessionError};
use crate::options::Options;
use crate::sdr::fetch::Fetch;
use crate::sdr::{SdrRepository, SdrRepositoryInfo};
use crate::sensor::{RawReading, SensorId};
use crate::threshold::RawThresholds;

mod more;

/// More than any datagram of the protocol.
const DATAGRAM_BYTES: usize = 2048;

/// An open session with a BMC.
///
/// One command is in flight at a time (`&mut self`). Dropping a method's future is safe: the late
/// reply is recognised and dropped. After an error for which [`CommandError::ends_session`] holds,
/// drop the session and open a new one: that gives a new socket, new session IDs and new keys.
/// When many requests were lost over time, the session renews itself in this way before the next
/// command (`Counters::sessions`). `Drop` sends Close Session once, without waiting.
#[derive(Debug)]
pub struct Session {
    link: Link,
    bmc: SocketAddr,
    credentials: Credentials,
    options: Options,
    /// Which chunk size this BMC allows for SDRs.
    chunk: usize,
    /// What the sessions counted that this one renewed.
    earlier: Counters,
}

impl Session {
    /// Logs in to the BMC at `bmc` (port 623 by standard), IPv4 or IPv6.
    ///
    /// Tries the cipher suites of `options` in their order. Each message of the log-in is given
    /// `timeout * (retries + 1)`; a BMC that does not answer at all costs that once.
    pub async fn open(
        bmc: SocketAddr,
        credentials: &Credentials,
        options: &Options,
    ) -> Result<Session, SessionError> {
        let link = Link::open(bmc, credentials, options).await?;
        Ok(Session {
            link,
            bmc,
            credentials: credentials.clone(),
            options: options.clone(),
            chunk: 0,
            earlier: Counters::default(),
        })
    }

    /// What the BMC says of itself. A cheap sign of life, too.
    pub async fn device_id(&mut self) -> Result<DeviceId, CommandError> {
        DeviceId::parse(&self.read(Command::DeviceId).await?)
    }

    /// How many records there are and when they last changed.
    pub async fn sdr_repository_info(&mut self) -> Result<SdrRepositoryInfo, CommandError> {
        SdrRepositoryInfo::parse(&self.read(Command::SdrRepositoryInfo).await?)
    }

    /// Reads every record. An error means that the session ended or the BMC has no repository; a
    /// list with holes comes with `complete: false`.
    pub async fn read_sdr(&mut self) -> Result<SdrRepository, CommandError> {
        self.fetch(Fetch::new(self.chunk)).await
    }

    /// Reads a sensor. A sensor that the BMC does not own gives [`CommandError::NotBridged`] and
    /// nothing is sent: its number means another sensor at the BMC.
    pub async fn sensor_reading(&mut self, id: SensorId) -> Result<RawReading, CommandError> {
        let reading = RawReading::parse(&self.read(Command::SensorReading(id)).await?)?;
        Ok(self.believed(reading))
    }

    /// The thresholds a sensor has now, raw; [`crate::sdr::FullSensor::convert_thresholds`]
    /// gives them in its unit.
    pub async fn sensor_thresholds(&mut self, id: SensorId) -> Result<RawThresholds, CommandError> {
        RawThresholds::parse(&self.read(Command::SensorThresholds(id)).await?)
    }

    /// Sends any command that there is and gives the data of its reply.
    pub async fn read(&mut self, command: Command) -> Result<Vec<u8>, CommandError> {
        if self.link.connection.is_worn() {
            self.renew().await?;
        }
        self.link.read(command).await
    }

    /// A new session on a new socket, in place of one whose sequence numbers are used up.
    async fn renew(&mut self) -> Result<(), CommandError> {
        self.link.say_goodbye();
        let fresh = Link::open(self.bmc, &self.credentials, &self.options).await;
        let fresh = fresh.map_err(|_| CommandError::SessionLost)?;
        self.earlier = self.counters();
        self.link = fresh;
        Ok(())
    }

    /// Closes the session at the BMC, waiting for its answer for one timeout at most.
    pub async fn close(mut self) {
        self.link.close().await;
    }

    /// What was counted so far, log-in included.
    pub fn counters(&self) -> Counters {
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
    buffer: Vec<u8>,
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
        let mut link = Link { socket, connection, epoch, buffer: vec![0; DATAGRAM_BYTES] };
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
            let received =
                tokio::time::timeout_at(self.epoch + deadline, self.socket.recv(&mut self.buffer));
            match received.await {
                Ok(Ok(length)) => {
                    let datagram = self.buffer.get(..length).unwrap_or_default();
                    self.connection.datagram_received(self.epoch.elapsed(), datagram);
                }
                Ok(Err(error)) => self.network_error(&error),
                Err(_elapsed) => self.connection.time_passed(self.epoch.elapsed()),
            }
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
