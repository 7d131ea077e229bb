//! The BMC over the LAN: resolving its name and logging in to it.

use std::net::SocketAddr;

use ipmi_lan::{Credentials, Options, Password, Session};

use super::reasons;
use crate::config::{Address, Bmc};
use crate::outcome::PollFailure;

/// Resolves the BMC's name and logs in.
pub(super) async fn open(bmc: &Bmc, options: &Options) -> Result<Session, PollFailure> {
    let Address::Lan { host, port } = &bmc.address else { return Err(PollFailure::Local) };
    let address = resolve(host, *port).await?;
    let credentials = credentials(bmc).ok_or(PollFailure::Credentials)?;
    let opened = Session::open(address, &credentials, options).await;
    opened.map_err(reasons::of_opening)
}

async fn resolve(host: &str, port: u16) -> Result<SocketAddr, PollFailure> {
    let found = tokio::net::lookup_host((host, port)).await;
    found.ok().and_then(|mut found| found.next()).ok_or(PollFailure::Resolve)
}

/// `None` when they are longer than IPMI allows.
fn credentials(bmc: &Bmc) -> Option<Credentials> {
    let account = &bmc.module.account;
    let password = Password::new(account.password.expose()).ok()?;
    let k_g = account.k_g_bytes().map(Password::new).transpose().ok()?;
    Some(Credentials { user: account.user.expose().to_owned(), password, k_g })
}
