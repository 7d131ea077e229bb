//! Reading a config file: YAML in, a valid config or an error that names the place.

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

/// Parses YAML that came from `name` (a path, for the error message). An error names the line, the
/// column, the field and, for an unknown key or value, those that are allowed.
pub fn parse<C: DeserializeOwned>(text: &str, name: &str) -> anyhow::Result<C> {
    serde_saphyr::from_str(text).map_err(|error| anyhow!("{name}: {error}"))
}
