//! The BMC of the machine that the exporter runs on, by the device of Linux's `ipmi_devintf`.

use std::sync::Arc;

use ipmi_lan::{Session, SessionError};
use tokio::time::Instant;

use super::session::IpmiSession;
use super::{lan, reasons};
use crate::backoff::BackOff;
use crate::config::{Address, Bmc};
use crate::metrics::counts::{Possible, Traffic};
use crate::outcome::PollFailure;
use crate::sensor::Slot;
use crate::sensor::list::SensorList;
use crate::slow::{Answer, Question};

/// The machine's own BMC.
#[derive(Debug)]
pub(crate) struct Device {
    bmc: Arc<Bmc>,
    session: IpmiSession,
    /// How often the BMC was silent when the device was opened.
    silence: BackOff,
    began: Instant,
}

impl Device {
    pub(super) fn new(bmc: Arc<Bmc>) -> Self {
        let session = IpmiSession::new(Arc::clone(&bmc));
        Self { bmc, session, silence: BackOff::default(), began: Instant::now() }
    }

    #[expect(clippy::unused_self, reason = "every source says it")]
    pub(super) fn possible(&self) -> &'static Possible {
        &reasons::DEVICE
    }

    pub(super) fn is_open(&self) -> bool {
        self.session.is_open()
    }

    pub(super) async fn look(&mut self, until: Instant) -> Result<Arc<SensorList>, PollFailure> {
        if !self.session.is_open() {
            // A request that a hanging BMC leaves unanswered stays in the kernel's queue. So a BMC
            // that goes on hanging is asked less and less often.
            if !self.silence.is_due(self.began.elapsed()) {
                return Err(PollFailure::NoAnswer);
            }
            let opened = self.open().await;
            self.session.opened(opened)?;
        }
        self.session.look(until).await
    }

    async fn open(&mut self) -> Result<Session, PollFailure> {
        let Address::Device(path) = &self.bmc.address else { return Err(PollFailure::Local) };
        let opened = Session::open_in_band(path, &lan::options(&self.bmc)).await;
        match opened {
            Err(SessionError::NoAnswer) => self.silence.failed(self.began.elapsed()),
            _ => self.silence.succeeded(),
        }
        opened.map_err(reasons::of_opening)
    }

    pub(super) async fn read(
        &mut self,
        due: impl Fn(usize) -> bool,
        until: Instant,
    ) -> Result<Vec<Slot>, PollFailure> {
        self.session.read(due, until).await
    }

    pub(super) async fn ask(&mut self, question: Question) -> Result<Answer, PollFailure> {
        self.session.ask(question).await
    }

    pub(super) fn spent(&mut self) -> Traffic {
        self.session.spent()
    }

    pub(super) async fn close(self) {
        self.session.close().await;
    }
}
