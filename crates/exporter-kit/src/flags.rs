//! The command line, the same for every exporter, with the names the ecosystem knows.

use std::path::{Path, PathBuf};

use clap::{CommandFactory as _, FromArgMatches as _};

use crate::http_sd::Front;
use crate::web::Guard;
use crate::web_config::{Current, WebConfig};
use crate::{Exporter, process, web_config};

/// The flags every exporter takes. What to probe is the config file's business.
#[derive(Debug, clap::Parser)]
#[command(subcommand_negates_reqs = true, args_conflicts_with_subcommands = true)]
pub(crate) struct Flags {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// Config file (YAML).
    #[arg(long = "config.file", value_name = "FILE")]
    config_file: Option<PathBuf>,

    /// Check the config file and exit.
    #[arg(long = "config.check")]
    pub(crate) config_check: bool,

    /// Address to serve on, as in `:9290`, `127.0.0.1:9290` or `[::1]:9290`. May be repeated.
    #[arg(long = "web.listen-address", value_name = "ADDRESS")]
    pub(crate) listen_addresses: Vec<String>,

    /// Serve on the sockets that systemd hands over (`LISTEN_FDS`) instead.
    #[arg(long = "web.systemd-socket", conflicts_with = "listen_addresses")]
    pub(crate) systemd_socket: bool,

    /// TLS, basic auth and headers of the web server: a file in exporter-toolkit's format.
    #[arg(long = "web.config.file", value_name = "FILE")]
    web_config_file: Option<PathBuf>,

    /// Path of the metrics page.
    #[arg(long = "web.telemetry-path", value_name = "PATH", default_value = "/metrics", value_parser = telemetry_path)]
    pub(crate) telemetry_path: String,

    /// URL by which scrapers reach this exporter, where that is not the one by which they ask for
    /// `/sd`: behind a proxy, as in `https://exporter.example/path`.
    #[arg(long = "web.external-url", value_name = "URL", value_parser = Front::parse)]
    pub(crate) external_url: Option<Front>,

    #[command(flatten)]
    changes: Changes,

    /// Least severe level that is logged.
    #[arg(long = "log.level", default_value = "info", value_parser = ["error", "warn", "info", "debug", "trace"])]
    pub(crate) log_level: String,

    /// Form of the log on stderr.
    #[arg(long = "log.format", default_value = "text", value_parser = ["text", "json"])]
    pub(crate) log_format: String,
}

/// Who may change something by HTTP.
#[derive(Debug, clap::Args)]
struct Changes {
    /// Let POST requests change something: `/-/reload`, and what an exporter has beside it. This is
    /// the default.
    #[arg(long = "web.enable-lifecycle", overrides_with = "no_lifecycle")]
    lifecycle: bool,

    /// Let nothing be changed by HTTP. SIGHUP still reloads.
    #[arg(long = "no-web.enable-lifecycle", overrides_with = "lifecycle")]
    no_lifecycle: bool,

    /// Name by which those POST requests may come, beside addresses, names without a dot and the
    /// machine's own name. May be repeated.
    #[arg(long = "web.allow-host", value_name = "NAME")]
    allowed_hosts: Vec<String>,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Ask a running exporter whether it is healthy; exit code 0 if it is.
    Healthcheck(Healthcheck),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Healthcheck {
    /// Address of the running exporter. [default: 127.0.0.1 and the exporter's own port]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) address: Option<String>,
    /// The running exporter's web config: speak TLS if that says so. Any certificate is good.
    #[arg(long = "web.config.file", value_name = "FILE")]
    pub(crate) web_config_file: Option<PathBuf>,
    /// Path to ask for.
    #[arg(long, value_name = "PATH", default_value = "/-/healthy")]
    pub(crate) path: String,
}

impl Flags {
    pub(crate) fn parse<E: Exporter>() -> Self {
        let command = Self::command().name(E::NAME).about(E::ABOUT).version(format!(
            "{}, revision {}",
            process::VERSION,
            process::REVISION
        ));
        let command = command.after_help(E::COMMANDS);
        let command = command.mut_arg("listen_addresses", |arg| {
            let help = arg.get_help().cloned().unwrap_or_default();
            arg.help(format!("{help} [default: :{}, every address of the machine]", E::PORT))
        });
        let command = command.mut_arg("config_file", |arg| match E::NO_CONFIG {
            None => arg.required(true),
            Some((_, does)) => {
                let help = arg.get_help().cloned().unwrap_or_default();
                arg.help(format!("{help} Without one: {does}."))
            }
        });
        Self::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
    }

    /// The config file; empty where none is named and the exporter can do without.
    pub(crate) fn config_file(&self) -> &Path {
        self.config_file.as_deref().unwrap_or_else(|| Path::new(""))
    }

    pub(crate) fn guard(&self) -> Guard {
        let mut names = self.changes.allowed_hosts.clone();
        let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        names.extend(machine.map(|name| name.trim().to_owned()));
        Guard { lifecycle: !self.changes.no_lifecycle, names }
    }

    /// The web config, followed from here on. To be called inside the runtime that serves.
    pub(crate) fn web_config(&self) -> anyhow::Result<Option<Current>> {
        let Some(file) = &self.web_config_file else { return Ok(None) };
        let config = WebConfig::load(file)?;
        Ok(Some(web_config::follow(file, config)))
    }
}

fn telemetry_path(path: &str) -> Result<String, String> {
    let reserved = path == "/" || path == "/sd" || path.starts_with("/-/");
    if path.starts_with('/') && !reserved && !path.contains(['{', '}', '?', '#', ' ']) {
        Ok(path.to_owned())
    } else {
        Err("must start with a slash and be neither / nor /sd nor below /-/".to_owned())
    }
}
