//! The BMC over the LAN: resolving its name and logging in to it.

use std::net::SocketAddr;
use std::sync::Arc;

use ipmi_lan::{CipherSuite, Credentials, Options, Password, Session};
use tokio::time::Instant;

use super::reasons;
use super::session::IpmiSession;
use crate::config::{Address, Bmc, Privilege, Suite, Workaround};
use crate::metrics::counts::{Possible, Traffic};
use crate::outcome::PollFailure;
use crate::sensor::Slot;
use crate::sensor::list::SensorList;
use crate::slow::{Answer, Question};

/// A BMC over the LAN.
#[derive(Debug)]
pub(crate) struct Lan {
    bmc: Arc<Bmc>,
    session: IpmiSession,
}

impl Lan {
    pub(super) fn new(bmc: Arc<Bmc>) -> Self {
        Self { session: IpmiSession::new(Arc::clone(&bmc)), bmc }
    }

    #[expect(clippy::unused_self, reason = "every source says it")]
    pub(super) fn possible(&self) -> &'static Possible {
        &reasons::LAN
    }

    pub(super) fn is_open(&self) -> bool {
        self.session.is_open()
    }

    pub(super) async fn look(&mut self, until: Instant) -> Result<Arc<SensorList>, PollFailure> {
        if !self.session.is_open() {
            let opened = self.log_in().await;
            self.session.opened(opened)?;
        }
        self.session.look(until).await
    }

    async fn log_in(&self) -> Result<Session, PollFailure> {
        let Address::Lan { host, port } = &self.bmc.address else {
            return Err(PollFailure::Local);
        };
        let address = resolve(host, *port).await?;
        let credentials = credentials(&self.bmc).ok_or(PollFailure::Credentials)?;
        let opened = Session::open(address, &credentials, &options(&self.bmc)).await;
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

async fn resolve(host: &str, port: u16) -> Result<SocketAddr, PollFailure> {
    let found = tokio::net::lookup_host((host, port)).await;
    found.ok().and_then(|mut found| found.next()).ok_or(PollFailure::Resolve)
}

/// `None` when they are longer than IPMI allows.
fn credentials(bmc: &Bmc) -> Option<Credentials> {
    let password = Password::new(bmc.module.password.expose()).ok()?;
    let k_g = bmc.module.k_g_bytes().map(Password::new).transpose().ok()?;
    Some(Credentials { user: bmc.module.user.clone(), password, k_g })
}

/// How a session is opened, and for how long an answer is waited for: of the device as well.
pub(super) fn options(bmc: &Bmc) -> Options {
    let module = &bmc.module;
    let suite = |suite: &Suite| match suite {
        Suite::Seventeen => CipherSuite::Suite17,
        Suite::Three => CipherSuite::Suite3,
    };
    let workaround = |workaround: &Workaround| match workaround {
        Workaround::AuthCap => ipmi_lan::Workaround::AuthCap,
        Workaround::NoChecksumCheck => ipmi_lan::Workaround::NoChecksumCheck,
    };
    Options {
        privilege: match module.privilege {
            Privilege::User => ipmi_lan::Privilege::User,
            Privilege::Operator => ipmi_lan::Privilege::Operator,
            Privilege::Admin => ipmi_lan::Privilege::Administrator,
        },
        timeout: module.timeout,
        retries: u32::from(module.retries),
        suites: module.suites.iter().map(suite).collect(),
        ignore_scanning_disabled: module.ignore_scanning_disabled,
        bridge_sensors: module.bridge_sensors,
        workarounds: module.workarounds.iter().map(workaround).collect(),
    }
}
