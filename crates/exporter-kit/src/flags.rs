//! The command line, the same for every exporter, with the names the ecosystem knows.

use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _};

use crate::config::host_name;
use crate::http_sd::Front;
use crate::listen::Address;
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
    #[arg(long = "web.listen-address", value_name = "ADDRESS", value_parser = Address::parse)]
    pub(crate) listen_addresses: Vec<Address>,

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
    #[arg(long = "web.external-url", value_name = "URL")]
    external_url: Option<String>,

    /// What that says.
    #[arg(skip)]
    pub(crate) front: Option<Front>,

    #[command(flatten)]
    changes: Changes,

    /// Least severe level that is logged.
    #[arg(long = "log.level", default_value = "info", value_parser = ["error", "warn", "info", "debug", "trace"])]
    pub(crate) log_level: String,

    /// Form of the log on stderr.
    #[arg(long = "log.format", default_value = "text", value_parser = ["text", "json"])]
    pub(crate) log_format: String,
}

/// Bytes of the path of the page of metrics.
const LONGEST_PATH: usize = 200;

/// Who may change something by HTTP.
#[derive(Debug, clap::Args)]
struct Changes {
    /// Let POST requests change something: `/-/reload`, and what an exporter has beside it. This is
    /// the default.
    #[arg(long = "web.enable-lifecycle", conflicts_with = "no_lifecycle")]
    lifecycle: bool,

    /// Let nothing be changed by HTTP. SIGHUP still reloads.
    #[arg(long = "no-web.enable-lifecycle")]
    no_lifecycle: bool,

    /// Name by which those POST requests may come, beside addresses, names without a dot and the
    /// machine's own name. May be repeated.
    #[arg(long = "web.allow-host", value_name = "NAME", value_parser = allowed_host)]
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
                arg.help(format!("{help}. Without one: {does}"))
            }
        });
        let mut command = command;
        let matches = command.get_matches_mut();
        let mut flags = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        if let Err(message) = flags.complete(E::NAME, E::PAGES) {
            command.error(ErrorKind::ValueValidation, message).exit();
        }
        flags
    }

    /// Checks what the parser of the command line cannot: that would repeat an URL, which may hold a
    /// password, and does not know the exporter's pages.
    fn complete(&mut self, program: &str, pages: &[&str]) -> Result<(), String> {
        let front = self.external_url.as_deref().map(Front::parse).transpose();
        self.front = front.map_err(|error| format!("--web.external-url: {error}"))?;
        let path = &self.telemetry_path;
        if is_taken(path, pages) {
            let pages = pages.join(", ");
            return Err(format!(
                "--web.telemetry-path: {path} is another page of {program}; must be none of {pages}"
            ));
        }
        Ok(())
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

/// Addresses and names without a dot need no permission.
fn allowed_host(name: &str) -> Result<String, String> {
    host_name(name).map_err(|_| {
        "must be a name, as in exporter.example, without a scheme or a port; an address needs none"
            .to_owned()
    })
}

fn telemetry_path(path: &str) -> Result<String, String> {
    let reserved = path == "/" || path == "/sd" || path == "/-" || path.starts_with("/-/");
    let fits = |c: char| c.is_ascii_alphanumeric() || "/-._~".contains(c);
    let is_dots = |part: &str| part == "." || part == "..";
    if path.starts_with('/')
        && !reserved
        && path.len() <= LONGEST_PATH
        && path.chars().all(fits)
        && !path.split('/').any(is_dots)
    {
        Ok(path.to_owned())
    } else {
        Err("must start with a slash and be neither / nor /sd nor below /-/, of letters, digits and \
             any of / - . _ ~"
            .to_owned())
    }
}

/// Whether a page of the exporter's own has that path; a part in braces stands for any.
fn is_taken(path: &str, pages: &[&str]) -> bool {
    pages.iter().any(|page| {
        let (parts, wanted) = (page.split('/'), path.split('/'));
        parts.clone().count() == wanted.clone().count()
            && parts.zip(wanted).all(|(part, wanted)| part == wanted || part.starts_with('{'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is made of a command line, and what is said of one that is wrong.
    fn flags(flags: &[&str]) -> Result<Flags, String> {
        let flags = [&["tick", "--config.file", "c.yml"], flags].concat();
        let mut flags =
            <Flags as clap::Parser>::try_parse_from(flags).map_err(|error| error.to_string())?;
        flags.complete("tick", &["/listen"]).map(|()| flags)
    }

    #[test]
    fn a_flag_that_means_nothing_is_refused_and_no_password_is_repeated() {
        let url = "https://exporter.example/path";
        let good = ["--web.external-url", url, "--web.allow-host", "a.example"];
        assert_eq!(flags(&good).unwrap().front, Some(Front::parse(url).unwrap()));
        for (bad, wanted) in [
            (["--web.listen-address", "127.0.0.1"], "must be :PORT"),
            (["--web.allow-host", "*"], "must be a name"),
            (["--web.allow-host", ""], "must be a name"),
            (["--web.allow-host", "a b"], "must be a name"),
            (["--web.allow-host", "http://x/"], "must be a name"),
            (["--web.allow-host", "x:80"], "must be a name"),
            (["--web.enable-lifecycle", "--no-web.enable-lifecycle"], "cannot be used with"),
            (["--web.telemetry-path", "/listen"], "is another page of tick"),
            (["--web.external-url", "http://u:s3cret@h/"], "--web.external-url: must"),
            (["--web.external-url", "s3cret"], "--web.external-url: must"),
        ] {
            let error = flags(&bad).unwrap_err();
            assert!(error.contains(wanted) && !error.contains("s3cret"), "{bad:?}: {error}");
        }
    }

    #[test]
    fn the_page_of_metrics_has_a_path_that_can_be_asked_for() {
        for good in ["/metrics", "/a/b-c/d_e~f.g", "/-x", "/sd/x"] {
            assert_eq!(telemetry_path(good).as_deref(), Ok(good));
        }
        let long = format!("/{}", "x".repeat(LONGEST_PATH));
        for bad in [
            "", "x", "/", "/sd", "/-", "/-/x", "/*x", "/:x", "/{x}", "/a b", "/a?b", "/a%20b",
            "/ä", "/a/../b", "/.", "/a\nb", &long,
        ] {
            assert!(telemetry_path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_page_of_metrics_takes_no_other_page_s_place() {
        let pages = ["/answers", "/api/v1/resolvers/{ip}"];
        for (path, taken) in [
            ("/answers", true),
            ("/api/v1/resolvers/x", true),
            ("/answers/x", false),
            ("/api/v1/resolvers", false),
            ("/api/v1/resolvers/x/y", false),
        ] {
            assert_eq!(is_taken(path, &pages), taken, "{path}");
        }
    }
}
