//! IPMI 2.0 over LAN, read-only: log in to a BMC, list its sensors, read them.
//!
//! [`Session`] is the tokio driver: one UDP socket per BMC. Everything it decides is decided by
//! [`connection::Connection`], which takes datagrams and the time and returns datagrams, events
//! and the next deadline; it has no socket, no clock and no `async`.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use ipmi_lan::{Credentials, Options, Password, Session, sdr::Record};
//!
//! let credentials = Credentials {
//!     user: "monitor".into(),
//!     password: Password::new(std::env::var("IPMI_PASSWORD")?)?,
//!     k_g: None,
//! };
//! let mut session =
//!     Session::open("192.0.2.7:623".parse()?, &credentials, &Options::default()).await?;
//! for record in session.read_sdr().await?.records {
//!     if let Record::Full(sensor) = record {
//!         println!("{} {:?} {}", sensor.name, session.sensor_value(&sensor).await, sensor.unit);
//!     }
//! }
//! session.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! With the feature `in-band` a session can also go through `/dev/ipmi0`, the device of the machine's
//! own BMC on 64-bit Linux.
//!
//! No command that changes a BMC's state can be sent: [`command::Command`] has no such variant.

pub mod chassis;
pub mod command;
pub mod connection;
pub mod conversion;
mod counters;
mod credentials;
mod crypto;
pub mod dcmi;
mod device;
mod dialogue;
mod entity;
mod error;
mod event_status;
pub mod fru;
mod handshake;
mod login;
mod message;
mod options;
mod packet;
mod replay;
pub mod sdr;
pub mod sel;
pub mod sensor;
mod sensor_type;
mod session;
pub mod states;
pub mod system_info;
mod text;
pub mod threshold;
mod unit;
pub mod watchdog;

pub use counters::Counters;
pub use credentials::{Credentials, MAX_PASSWORD_BYTES, MAX_USER_BYTES, Password, PasswordTooLong};
pub use device::{DeviceId, SelfTest, SystemGuid};
pub use entity::Entity;
pub use error::{CommandError, CompletionCode, Refusal, SessionError};
pub use event_status::EventStatus;
pub use options::{CipherSuite, Options, Privilege, Workaround};
pub use sensor::SensorId;
pub use sensor_type::SensorType;
pub use session::Session;
pub use unit::{Modifier, Rate, Unit, UnitCode};
