//! Reading a config file: YAML in, a valid config or an error that names the place; and the types that
//! every config is written with: [`Duration`], [`Name`], [`Labels`], [`Vantage`].

mod duration;
mod labels;
mod name;
mod vantage;

pub use duration::Duration;
pub use labels::Labels;
pub use name::{LONGEST_NAME, Name, visible};
pub use vantage::Vantage;

use std::path::Path;

use anyhow::{Context as _, anyhow};
use serde::de::DeserializeOwned;

use crate::Exporter;

/// Reads, validates and completes an exporter's config file.
pub(crate) fn load<E: Exporter>(path: &Path) -> anyhow::Result<E::Config> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("reading config file {}", path.display()))?;
    let config = parse::<E::Config>(&text, &path.display().to_string())?;
    E::prepare(config, path.parent().unwrap_or_else(|| Path::new(".")))
        .with_context(|| format!("config file {}", path.display()))
}

/// Parses YAML that came from `name` (a path, for the error message). An error names the file, the
/// line, the column, the field and, for an unknown key or value, those that are allowed. It quotes no
/// line of the file: the line beside a mistake may hold a password.
pub fn parse<C: DeserializeOwned>(text: &str, name: &str) -> anyhow::Result<C> {
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let place = error
            .location()
            .map_or_else(String::new, |at| format!(":{}:{}", at.line(), at.column()));
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        anyhow!("{name}{place}: {message}")
    })
}
