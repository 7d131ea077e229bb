//! The prober `unix`: a connection with a socket of this machine, and what is said over it.

use std::io::{self, ErrorKind};
use std::path::Path;

use exporter_kit::on_demand::Destination;
use serde::Deserialize;
use tokio::net::UnixStream;

use super::ask::Ask;
use super::dialogue::{self, Connection, Step};
use super::found::Found;
use super::tls;
use crate::host::Families;
use crate::outcome::Failure;

/// Bytes of the path of a socket (unix(7)).
const LONGEST: usize = 107;

/// The section `unix` of a module.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    query_response: Option<Vec<Step>>,
    tls: bool,
    tls_config: Option<tls::Settings>,
}

impl Settings {
    /// There are none.
    #[expect(clippy::unused_self, reason = "as every prober has it")]
    pub(crate) fn families(&self) -> Families {
        Families::Both
    }

    /// Whom a probe of this target contacts: the socket of that path.
    #[expect(clippy::unused_self, reason = "as every prober has it")]
    pub(crate) fn destination(&self, target: &str) -> Result<Destination, String> {
        let must =
            "must be the path of a socket from the root on, without `..`, of at most 107 bytes";
        let fits = target.len() <= LONGEST;
        Destination::socket(target).filter(|_| fits).ok_or_else(|| must.to_owned())
    }

    /// Reads the files that TLS needs, if there is any.
    pub(crate) fn load(&mut self, folder: &Path) -> anyhow::Result<()> {
        let steps = self.query_response.as_deref().unwrap_or_default();
        if self.tls || steps.iter().any(|step| step.starttls) {
            self.tls_config.get_or_insert_default().load(folder)?;
        }
        Ok(())
    }

    /// Connects, and goes through the dialogue.
    pub(crate) async fn probe(&self, ask: &Ask<'_>, found: &mut Found) -> Result<(), Failure> {
        let stream = UnixStream::connect(Path::new(ask.target)).await.map_err(|error| {
            ask.log.line(|| format!("no connection: {error}"));
            refused(&error)
        })?;
        ask.log.line(|| "connected");
        let steps = self.query_response.as_deref().unwrap_or_default();
        let none = tls::Settings::default();
        let tls = self.tls_config.as_ref().unwrap_or(&none);
        let connection: Connection = if self.tls {
            Box::new(tls.connect(stream, ask.target, &[], ask, found).await?)
        } else {
            Box::new(stream)
        };
        // What begins later has no name but the module's.
        dialogue::converse(connection, steps, (tls, ""), ask, found).await
    }
}

/// A path where nobody listens is a refusal; one that we may not open says nothing of whom it leads to.
fn refused(error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound => Failure::Refused,
        ErrorKind::PermissionDenied => Failure::Local,
        _ => Failure::of_io(error),
    }
}
