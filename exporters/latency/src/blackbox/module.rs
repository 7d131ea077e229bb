//! A module, in the grammar and with the meaning of `blackbox_exporter`. No I/O, no clock of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use exporter_kit::config;
use exporter_kit::on_demand::Destination;
use serde::Deserialize;

use super::ask::Ask;
use super::found::Found;
use super::{dns, grpc, http, icmp, tcp, unix, websocket};
use crate::config::path::PathSettings;
use crate::host::Families;
use crate::outcome::Failure;

/// Makes of each prober a word, a section of a module and a variant of [`Prober`].
macro_rules! probers {
    ($($Variant:ident in $file:ident),* $(,)?) => {
        #[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
        #[serde(rename_all = "lowercase")]
        enum Word { $($Variant),* }

        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct RawModule {
            prober: Word,
            timeout: Option<config::Duration>,
            interval: Option<config::Duration>,
            path: Option<PathSettings>,
            $($file: Option<$file::Settings>,)*
        }

        /// A prober and what it was told.
        #[derive(Clone, Debug, PartialEq)]
        pub(crate) enum Prober {
            $($Variant(Box<$file::Settings>)),*
        }

        impl From<RawModule> for Module {
            fn from(raw: RawModule) -> Self {
                let mut idle = Vec::new();
                $(if raw.$file.is_some() && !matches!(raw.prober, Word::$Variant) {
                    idle.push(stringify!($file));
                })*
                let prober = match raw.prober {
                    $(Word::$Variant => Prober::$Variant(Box::new(raw.$file.unwrap_or_default())),)*
                };
                let timeout = raw.timeout.map(config::Duration::get);
                let interval = raw.interval.map(config::Duration::get);
                let folder = PathBuf::new();
                Self { prober, timeout, interval, path: raw.path, idle, folder }
            }
        }

        impl Prober {
            /// Whom a probe of this target contacts; the error says what a target must be.
            pub(crate) fn destination(&self, target: &str) -> Result<Destination, String> {
                match self {
                    $(Self::$Variant(settings) => settings.destination(target),)*
                }
            }

            /// Its word.
            pub(crate) fn as_str(&self) -> &'static str {
                match self { $(Self::$Variant(_) => stringify!($file),)* }
            }

            /// Which addresses of a name are probed.
            pub(crate) fn families(&self) -> Families {
                match self { $(Self::$Variant(settings) => settings.families(),)* }
            }

            /// Reads the files that its section names.
            pub(crate) fn load(&mut self, folder: &Path) -> anyhow::Result<()> {
                match self {
                    $(Self::$Variant(settings) => settings.load(folder),)*
                }
            }

            /// Probes, and notes what it finds.
            pub(crate) async fn probe(&self, ask: &Ask<'_>, found: &mut Found) -> Result<(), Failure> {
                match self {
                    $(Self::$Variant(settings) => settings.probe(ask, found).await,)*
                }
            }
        }
    };
}

// The word for a module's `prober` and the name of its section is that of the file.
probers! {
    Http in http,
    Tcp in tcp,
    Icmp in icmp,
    Dns in dns,
    Grpc in grpc,
    Unix in unix,
    Websocket in websocket,
}

impl Prober {
    /// What it was told and cannot do here, by the key: such a module is refused when it is asked for, and not with the
    /// whole file of which it is.
    fn lack(&self) -> Option<String> {
        let lack = match self {
            Self::Http(settings) => settings.lack(),
            Self::Icmp(settings) => settings.lack(),
            Self::Dns(settings) => settings.lack(),
            Self::Tcp(_) | Self::Grpc(_) | Self::Unix(_) | Self::Websocket(_) => None,
        };
        lack.map(|lack| format!("{}.{lack}", self.as_str()))
    }

    /// What of it has no effect, by the key.
    fn doubt(&self) -> Option<String> {
        match self {
            Self::Http(settings) => settings.doubt().map(|doubt| format!("http.{doubt}")),
            _ => None,
        }
    }

    /// Whether a query may ask for a host by that name.
    pub(crate) fn admits(&self, hostname: &str) -> bool {
        match self {
            Self::Http(settings) => settings.admits(hostname),
            _ => true,
        }
    }
}

/// How a target is probed when a scraper asks for it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(from = "RawModule")]
pub(crate) struct Module {
    /// Its prober.
    pub(crate) prober: Prober,
    /// How long it may take; as long as the scraper waits where it says nothing.
    pub(crate) timeout: Option<Duration>,
    /// How often a target is probed: where it says so, it is meant for targets as well.
    pub(crate) interval: Option<Duration>,
    /// How paths to a target are traced, where they are; a scraper is told none.
    pub(crate) path: Option<PathSettings>,
    /// Sections without effect, since the prober is another.
    pub(crate) idle: Vec<&'static str>,
    /// Where its files are, once it was loaded.
    folder: PathBuf,
}

impl Module {
    /// What it wants and this version cannot do, by the key.
    pub(crate) fn lack(&self) -> Option<String> {
        self.prober.lack()
    }

    /// What of it has no effect, by the key.
    pub(crate) fn doubt(&self) -> Option<String> {
        self.prober.doubt()
    }

    /// Reads the files that it names, relative paths being taken from `folder`.
    pub(crate) fn load(&mut self, folder: &Path) -> anyhow::Result<()> {
        folder.clone_into(&mut self.folder);
        self.prober.load(folder)
    }

    /// The same with its files read once more, of one whose files could not be read; and what still cannot be, which
    /// fails its probes where it is needed.
    pub(crate) fn read_again(&self) -> (Self, Option<anyhow::Error>) {
        let mut again = self.clone();
        let fault = again.load(&self.folder).err();
        (again, fault)
    }
}
