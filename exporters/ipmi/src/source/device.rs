//! The BMC of the machine that the exporter runs on, by the device of Linux's `ipmi_devintf`.

use ipmi_lan::{Options, Session, SessionError};
use tokio::time::Instant;

use super::reasons;
use crate::backoff::BackOff;
use crate::config::{Address, Bmc};
use crate::outcome::PollFailure;

/// How often the machine's own BMC was silent when the device was opened.
#[derive(Debug)]
pub(super) struct Device {
    silence: BackOff,
    began: Instant,
}

impl Device {
    pub(super) fn new() -> Self {
        Self { silence: BackOff::default(), began: Instant::now() }
    }

    /// Opens the device. A request that a hanging BMC leaves unanswered stays in the kernel's queue. So
    /// a BMC that goes on hanging is asked less and less often.
    pub(super) async fn open(
        &mut self,
        bmc: &Bmc,
        options: &Options,
    ) -> Result<Session, PollFailure> {
        if !self.silence.is_due(self.began.elapsed()) {
            return Err(PollFailure::NoAnswer);
        }
        let Address::Device(path) = &bmc.address else { return Err(PollFailure::Local) };
        let opened = Session::open_in_band(path, options).await;
        match opened {
            Err(SessionError::NoAnswer) => self.silence.failed(self.began.elapsed()),
            _ => self.silence.succeeded(),
        }
        opened.map_err(reasons::of_opening)
    }
}
