//! Reading a config file: YAML in, a valid config or an error that names the place of everything that
//! is wrong; and the types that every config is written with: [`Duration`], [`Name`], [`Labels`],
//! [`Bytes`], [`Vantage`], [`Identity`].

mod bytes;
mod duration;
mod host;
mod identity;
mod labels;
mod located;
mod name;
mod place;
mod problems;
mod read;
mod tree;
mod twice;
mod vantage;

pub use bytes::Bytes;
pub use duration::Duration;
pub use host::{host_address, host_name, port};
pub use identity::{Identity, refuse_duplicates, shared_addresses};
pub use labels::Labels;
pub use located::Located;
pub(crate) use name::boundary;
pub use name::{LONGEST_NAME, Name, visible};
pub use place::Place;
pub use problems::{Problems, all};
pub use twice::Twice;
pub use vantage::Vantage;

use std::path::Path;

use anyhow::{Context as _, anyhow};
use serde::de::DeserializeOwned;
use tracing::warn;
use zeroize::Zeroizing;

use crate::Exporter;
use crate::regular_file::read_text;

/// Bytes of a config file; a million targets fit.
const LARGEST: u64 = 64 << 20;

/// Reads, validates and completes an exporter's config file, and logs what is not wrong but odd.
pub(crate) fn load<E: Exporter>(path: &Path) -> anyhow::Result<E::Config> {
    let (file, text) = match E::NO_CONFIG {
        Some((text, _)) if path.as_os_str().is_empty() => {
            ("(no config file)".to_owned(), Zeroizing::new(text.to_owned()))
        }
        _ => {
            let file = path.display().to_string();
            let text = read_text(path, LARGEST);
            let text = text.with_context(|| format!("reading config file {file}"))?;
            (file, text)
        }
    };
    let config = parse::<E::Config>(&text, &file)?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let config =
        E::prepare(config, folder).map_err(|error| match error.downcast::<Problems>() {
            Ok(problems) => anyhow!(problems.in_file(&file)),
            Err(error) => error.context(format!("config file {file}")),
        })?;
    E::discovery(&config).check(folder).map_err(|problems| anyhow!(problems.in_file(&file)))?;
    for warning in E::warnings(&config) {
        warn!("{file}: {warning}");
    }
    Ok(config)
}

/// Parses YAML that came from `name` (a path, for the error message). The error has a line for each
/// thing that is wrong: file, line, column, field and what is allowed there. It repeats no value of the
/// file, which may be a password, and no key that does not look like a field's name.
///
/// Of a mapping's fields an error offers those before the field `-`, if it has one: behind it stand
/// those that are known and always refused, with a reason of their own.
pub fn parse<C: DeserializeOwned>(text: &str, name: &str) -> anyhow::Result<C> {
    let mut problems = Problems::default();
    match read::read(text, &mut problems) {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(anyhow!(problems.in_file(name))),
    }
}
