//! The probers: what each is told by the config, and one probe of one address.
//!
//! A prober of targets is a file here (its settings, what its addresses look like, its phases, a probe) and one in
//! `blackbox/` for `/probe`; DECISIONS.md says why. The table below names each that a module may name, and each that is
//! run.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use exporter_kit::config;
use serde::Deserialize;

use crate::config::path::PathSettings;
use crate::host::{Families, Host};
use crate::icmp::{EchoOptions, Icmp};
use crate::metrics::counts::Strays;
use crate::outcome::{Outcome, Phase};
use crate::verdict::Layer;

pub(crate) use icmp::outcome as outcome_of_echo;

pub(crate) mod asked;
mod http;
mod icmp;
mod tcp;

/// What a prober is told: its section of a module.
pub(crate) trait Settings {
    /// The time from one probe to the next where the module sets none.
    const INTERVAL: Duration;
    /// The address of a target, as this prober reads it.
    type Address;
    /// A probe, ready to be made.
    type Probe;

    /// Which addresses of a name are probed.
    fn families(&self) -> Families;

    /// Reads the address of a target; the error says what it must be.
    fn address(&self, text: &str) -> Result<Self::Address, String>;

    /// Reads the files that the settings name, relative paths being taken from `folder`, as far as
    /// these addresses need them; all of them when addresses are `None`, because not all are known yet.
    fn load(&mut self, folder: &Path, addresses: Option<&[&Self::Address]>) -> anyhow::Result<()> {
        let _ = (folder, addresses);
        Ok(())
    }

    /// The probe of an address. Called after [`Settings::load`].
    fn probe(&self, address: &Self::Address) -> Self::Probe;
}

/// What can be done with a probe.
pub(crate) trait Run {
    /// What it probes, from the ground up.
    const LAYER: Layer;
    /// Whether each probe that is under way holds a file open; those of an echo go by sockets that all share.
    const HOLDS_FILES: bool;

    /// The phases that it can have beside the lookup; none if it is a round trip and nothing else.
    fn phases(&self) -> &'static [Phase];

    /// What is probed at this host, in a few words.
    fn detail(&self, host: &Host) -> String;

    /// Whether only a proxy knows the host's addresses: there is one probe then, of none in particular.
    fn leaves_name_to_proxy(&self) -> bool {
        false
    }

    /// Probes one address.
    fn run(&self, attempt: &Attempt<'_>) -> impl Future<Output = Outcome> + Send;
}

/// One probe of one address: where, how long it may take, and by what.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    /// Where.
    pub(crate) ip: IpAddr,
    /// How long it may take, lookup included.
    pub(crate) timeout: Duration,
    /// How long the lookup took.
    pub(crate) spent: Duration,
    /// Sends echoes.
    pub(crate) icmp: &'a Icmp,
    /// Counts those of their replies that come late or twice.
    pub(crate) strays: &'a Arc<Strays>,
    /// Who is asked for the names that it leads to; the system's resolvers when empty.
    pub(crate) resolvers: &'a [SocketAddr],
}

impl Attempt<'_> {
    /// What the lookup has left of the time.
    fn left(&self) -> Duration {
        self.timeout.saturating_sub(self.spent)
    }
}

impl Probe {
    /// How the echo is sent that it is; none of another probe.
    pub(crate) fn echo(&self) -> Option<&EchoOptions> {
        match self {
            Self::Icmp(probe) => Some(probe.options()),
            _ => None,
        }
    }
}

/// Makes of each of the first a section of a module, and of each of the second a variant of [`Prober`],
/// [`Address`] and [`Probe`].
macro_rules! probers {
    ($($Word:ident in $section:ident),* $(,)?; $($Variant:ident in $file:ident),* $(,)?) => {
        #[derive(Clone, Copy, Debug, Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Word { $($Word),* }

        /// A module as it stands in the file.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct RawModule {
            prober: Word,
            pub(crate) timeout: Option<config::Duration>,
            pub(crate) interval: Option<config::Duration>,
            pub(crate) path: Option<PathSettings>,
            $($section: Option<$section::Settings>,)*
        }

        impl RawModule {
            /// The prober with its section, or with that section's defaults.
            pub(crate) fn prober(self) -> Result<Prober, String> {
                $(if self.$section.is_some() && !matches!(self.prober, Word::$Word) {
                    return Err(concat!("`", stringify!($section), "` has no effect: the prober is another").to_owned());
                })*
                Ok(match self.prober {
                    $(Word::$Word => Prober::$Word(Box::new(self.$section.unwrap_or_default())),)*
                })
            }
        }

        /// A prober and what it was told.
        #[derive(Clone, Debug, PartialEq)]
        pub(crate) enum Prober { $($Variant(Box<$file::Settings>)),* }

        impl Prober {
            /// The time from one probe to the next where the module sets none.
            pub(crate) fn interval(&self) -> Duration {
                match self { $(Self::$Variant(_) => <$file::Settings as Settings>::INTERVAL,)* }
            }

            /// Which addresses of a name are probed.
            pub(crate) fn families(&self) -> Families {
                match self { $(Self::$Variant(settings) => settings.families(),)* }
            }

            /// Reads the address of a target; the error says what it must be.
            pub(crate) fn address(&self, text: &str) -> Result<Address, String> {
                match self {
                    $(Self::$Variant(settings) => settings.address(text).map(Address::$Variant),)*
                }
            }

            /// Reads the files that the settings name, as far as these addresses need them; all of
            /// them when addresses are `None`, because not all are known yet.
            pub(crate) fn load(
                &mut self,
                folder: &Path,
                addresses: Option<&[&Address]>,
            ) -> anyhow::Result<()> {
                match self {
                    $(Self::$Variant(settings) => {
                        let own: Option<Vec<_>> = addresses.map(|all| {
                            let own = all.iter().filter_map(|address| match address {
                                Address::$Variant(address) => Some(address),
                                _ => None,
                            });
                            own.collect()
                        });
                        settings.load(folder, own.as_deref())
                    })*
                }
            }

            /// The probe of an address that this prober has read.
            pub(crate) fn probe(&self, address: &Address) -> Probe {
                match (self, address) {
                    $((Self::$Variant(settings), Address::$Variant(address)) => {
                        Probe::$Variant(Box::new(settings.probe(address)))
                    })*
                    _ => unreachable!("an address is read by the prober of its module"),
                }
            }
        }

        /// The address of a target, as its prober reads it.
        #[derive(Clone, Debug, PartialEq)]
        pub(crate) enum Address { $($Variant($file::Address)),* }

        impl Address {
            /// Whose addresses are probed.
            pub(crate) fn host(&self) -> &Host {
                match self { $(Self::$Variant(address) => &address.host,)* }
            }
        }

        /// What is done with each address of a target.
        #[derive(Clone, Debug, PartialEq)]
        pub(crate) enum Probe { $($Variant(Box<$file::Probe>)),* }

        impl Probe {
            /// The phases that it can have beside the lookup.
            pub(crate) fn phases(&self) -> &'static [Phase] {
                match self { $(Self::$Variant(probe) => probe.phases(),)* }
            }

            /// What it probes, from the ground up.
            pub(crate) fn layer(&self) -> Layer {
                match self { $(Self::$Variant(_) => <$file::Probe as Run>::LAYER,)* }
            }

            /// Whether each probe that is under way holds a file open.
            pub(crate) fn holds_files(&self) -> bool {
                match self { $(Self::$Variant(_) => <$file::Probe as Run>::HOLDS_FILES,)* }
            }

            /// What is probed at this host, in a few words.
            pub(crate) fn detail(&self, host: &Host) -> String {
                match self { $(Self::$Variant(probe) => probe.detail(host),)* }
            }

            /// Whether only a proxy knows the host's addresses.
            pub(crate) fn leaves_name_to_proxy(&self) -> bool {
                match self { $(Self::$Variant(probe) => probe.leaves_name_to_proxy(),)* }
            }

            /// Probes one address.
            pub(crate) async fn run(&self, attempt: &Attempt<'_>) -> Outcome {
                match self { $(Self::$Variant(probe) => probe.run(attempt).await,)* }
            }
        }
    };
}

// The word for a module's `prober` and the name of its section is that of the file; the last has neither:
// it does what the others cannot.
probers! {
    Icmp in icmp,
    Tcp in tcp,
    Http in http;
    Icmp in icmp,
    Tcp in tcp,
    Http in http,
    Asked in asked,
}
