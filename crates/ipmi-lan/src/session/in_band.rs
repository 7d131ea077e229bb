//! A session over a device such as `/dev/ipmi0`: the kernel's driver carries the messages.
//!
//! `ipmi-rs` speaks to the device and blocks, so each exchange runs on tokio's blocking threads; the
//! wait for a reply is bounded by the timeout. The device is closed after every fault and opened anew for the next
//! command: what the kernel still has for the old one, it drops, so that no late reply is taken
//! for another command's. A request that got no answer is not sent again, because the kernel
//! goes on trying, and a queue would grow in it while a BMC hangs.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipmi_rs::File;
use ipmi_rs::connection::{
    Address, Channel, IpmiConnection as _, LogicalUnit, Message, Request, RequestTargetAddress,
    Response,
};
use tokio::task::spawn_blocking;

use crate::command::Command;
use crate::counters::Counters;
use crate::error::{CommandError, CompletionCode, SessionError};
use crate::options::Options;

/// The device of this machine's BMC.
#[derive(Debug)]
pub(super) struct InBand {
    path: PathBuf,
    /// Taken while an exchange runs: an exchange that is given up takes it along.
    device: Option<Device>,
    counters: Counters,
}

/// The open device.
struct Device(File);

impl InBand {
    pub(super) async fn open(path: &Path, options: &Options) -> Result<InBand, SessionError> {
        let mut in_band =
            InBand { path: path.to_owned(), device: None, counters: Counters::default() };
        // Any file can be opened; a BMC answers.
        match in_band.exchange(Command::DeviceId, options.timeout).await {
            Ok((CompletionCode(0), _)) => Ok(in_band),
            Ok(_) | Err(Fault::Silence) => Err(SessionError::NoAnswer),
            Err(Fault::Open(error) | Fault::Device(error)) => Err(refusal(&error)),
            Err(Fault::Garbled | Fault::NoSuchChannel) => Err(SessionError::Protocol),
        }
    }

    pub(super) async fn read(
        &mut self,
        command: Command,
        options: &Options,
    ) -> Result<Vec<u8>, CommandError> {
        if !command.may_be_sent(options.bridge_sensors) {
            return Err(CommandError::NotBridged);
        }
        let mut attempt = 0;
        loop {
            let (completion, data) =
                self.exchange(command, options.timeout).await.map_err(|fault| match fault {
                    Fault::Silence => CommandError::Timeout,
                    Fault::NoSuchChannel => CommandError::NotBridged,
                    Fault::Open(_) | Fault::Device(_) | Fault::Garbled => CommandError::SessionLost,
                })?;
            match completion {
                CompletionCode(0) => return Ok(data),
                CompletionCode::BUSY if attempt < options.retries => {
                    attempt = attempt.saturating_add(1);
                    self.counters.retries += 1;
                    tokio::time::sleep(options.timeout).await;
                }
                // Every BMC must know Get Device ID, and the kernel makes up a refusal for one that
                // does not answer: this is no sign of life.
                _ if command == Command::DeviceId => {
                    self.device = None;
                    return Err(CommandError::Timeout);
                }
                code => return Err(CommandError::Completion(code)),
            }
        }
    }

    pub(super) fn counters(&self) -> Counters {
        self.counters
    }

    /// One request and its reply: the completion code and the data after it.
    async fn exchange(
        &mut self,
        command: Command,
        timeout: Duration,
    ) -> Result<(CompletionCode, Vec<u8>), Fault> {
        let mut request = request(command).ok_or(Fault::NoSuchChannel)?;
        let device = self.device.take();
        let is_new = device.is_none();
        let path = self.path.clone();
        let exchange = spawn_blocking(move || {
            let Device(mut file) = match device {
                Some(open) => open,
                None => Device(File::new(path, timeout).map_err(Fault::Open)?),
            };
            let reply = file.send_recv(&mut request).map_err(fault)?;
            Ok((Device(file), reply))
        });
        // An exchange that panicked has closed the device.
        let done = exchange.await.unwrap_or(Err(Fault::Garbled));
        if !matches!(done, Err(Fault::Open(_))) {
            self.counters.sessions += u64::from(is_new);
            self.counters.sent += 1;
        }
        let (device, reply) = done?;
        self.counters.received += 1;
        if !answers(&reply, command) {
            self.counters.corrupt += 1;
            return Err(Fault::Garbled);
        }
        self.device = Some(device);
        Ok((CompletionCode(reply.cc()), reply.data().to_vec()))
    }
}

/// Why an exchange gave no reply. The device is closed after each that had one open.
#[derive(Debug)]
enum Fault {
    /// The request is for a channel that does not exist. Nothing was sent.
    NoSuchChannel,
    /// The device could not be opened.
    Open(io::Error),
    /// Nothing came in time.
    Silence,
    /// The device does not know such requests, is gone, or refuses.
    Device(io::Error),
    /// The reply is another command's.
    Garbled,
}

/// The request as the kernel takes it; `None` for a channel that does not exist. A request for
/// another controller is wrapped in Send Message, and its answer unwrapped, by the kernel.
fn request(command: Command) -> Option<Request> {
    let (net_fn, number) = command.code();
    let lun = LogicalUnit::from_low_bits(command.lun());
    let target = match command.bridge() {
        None => RequestTargetAddress::Bmc(lun),
        Some(bridge) => RequestTargetAddress::BmcOrIpmb(
            Address(bridge.address),
            Channel::new(bridge.channel)?,
            lun,
        ),
    };
    Some(Request::new(Message::new_raw(net_fn, number, command.data()), target))
}

/// The kernel's driver matches replies by message id; this is the second lock on the door.
fn answers(reply: &Response, command: Command) -> bool {
    let (net_fn, number) = command.code();
    (reply.netfn_raw(), reply.cmd()) == (net_fn | 1, number)
}

fn fault(error: io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Fault::Silence,
        _ => Fault::Device(error),
    }
}

/// Why the device could not be opened or used, by the numbers of errno(3).
fn refusal(error: &io::Error) -> SessionError {
    const ENXIO: i32 = 6;
    const ENODEV: i32 = 19;
    const EINVAL: i32 = 22;
    const ENOTTY: i32 = 25;
    match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::PermissionDenied, _) => SessionError::DevicePermission,
        // No node, or no driver behind it.
        (io::ErrorKind::NotFound, _) | (_, Some(ENXIO | ENODEV)) => SessionError::NoDevice,
        // Another kind of device, or a file.
        (_, Some(EINVAL | ENOTTY)) => SessionError::NotIpmi,
        _ => SessionError::Local,
    }
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Device")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SensorId;
    use crate::command::SensorQuery;

    async fn open(device: &str) -> Result<InBand, SessionError> {
        InBand::open(Path::new(device), &Options::default()).await
    }

    #[tokio::test]
    async fn what_is_no_bmc_is_told_apart() {
        assert_eq!(open("/dev/no-such-ipmi").await.unwrap_err(), SessionError::NoDevice);
        assert_eq!(open("/dev/null").await.unwrap_err(), SessionError::NotIpmi);
    }

    #[test]
    fn each_error_of_the_device_has_its_reason() {
        let reason = |number| refusal(&io::Error::from_raw_os_error(number));
        assert_eq!([1, 13].map(reason), [SessionError::DevicePermission; 2], "EPERM, EACCES");
        assert_eq!([2, 6, 19].map(reason), [SessionError::NoDevice; 3], "ENOENT, ENXIO, ENODEV");
        assert_eq!([22, 25].map(reason), [SessionError::NotIpmi; 2], "EINVAL, ENOTTY");
        assert_eq!([5, 16, 24].map(reason), [SessionError::Local; 3], "EIO, EBUSY, EMFILE");
    }

    #[tokio::test]
    async fn what_could_not_be_opened_counts_as_nothing() {
        let mut nothing = InBand {
            path: "/dev/no-such-ipmi".into(),
            device: None,
            counters: Counters::default(),
        };
        let lost = nothing.read(Command::DeviceId, &Options::default()).await;
        assert_eq!(lost, Err(CommandError::SessionLost));
        assert_eq!(nothing.counters(), Counters::default());
    }

    #[test]
    fn a_request_goes_to_the_lun_of_its_sensor() {
        let id = SensorId { owner: 0x20, lun: 1, number: 7 };
        let request = request(Command::SensorReading(id)).unwrap();
        assert_eq!(request.target(), RequestTargetAddress::Bmc(LogicalUnit::One));
        assert_eq!((request.netfn_raw(), request.cmd(), request.data()), (4, 0x2D, &[7][..]));
    }

    #[test]
    fn a_bridged_request_goes_to_its_controller_or_nowhere() {
        let id = SensorId { owner: 0x2C, lun: 0, number: 7 };
        let on = |channel| {
            request(Command::Bridged { channel, id, query: SensorQuery::Reading })
                .map(|request| request.target())
        };
        let lun = LogicalUnit::Zero;
        let me = RequestTargetAddress::BmcOrIpmb(Address(0x2C), Channel::new(6).unwrap(), lun);
        assert_eq!(on(6), Some(me));
        assert_eq!(on(0x0C), None);
    }
}
