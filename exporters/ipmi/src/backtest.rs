//! `turbulence-ipmi backtest`: what would have been said of a history of readings, before anybody is
//! paged by it.
//!
//! * `line`, `history`: what Prometheus has kept, line by line, sorted by machine: pure;
//! * `poll`, `player`, `report`: one machine of it, polled again, and what is said of it: pure;
//! * `server`: the query API of a Prometheus, the only host that is contacted.

mod history;
mod line;
mod player;
mod poll;
mod report;
mod server;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, anyhow, bail, ensure};
use clap::Parser as _;

use self::history::{History, Place};
use self::player::Player;
use self::server::Server;

/// The word that the command line begins with.
pub const NAME: &str = "backtest";

/// Of a Prometheus so much is asked for at a time; a machine's readings of it are held in memory.
const AT_ONCE: Duration = Duration::from_secs(6 * 3600);

/// Says which alerts turbulence-ipmi would have sent on a history of readings, and why.
///
/// Reads what turbulence-ipmi or `ipmi_exporter` have exported, as Prometheus kept it: files, or its query
/// API. Nothing else is contacted, and no BMC is.
#[derive(Debug, clap::Parser)]
#[command(name = "turbulence-ipmi backtest", version, disable_version_flag = true)]
struct Options {
    /// History as `promtool tsdb dump-openmetrics` or `promtool tsdb dump` writes it, several in the order
    /// of their times; `-` is what is piped in. A file is held in memory.
    #[arg(value_name = "FILE", required_unless_present = "url", conflicts_with = "url")]
    files: Vec<PathBuf>,

    /// Prometheus, as in `http://localhost:9090`.
    #[arg(long = "prometheus.url", value_name = "URL")]
    url: Option<String>,

    /// How it is logged in to: `basic_auth`, `authorization`, `tls_config`, `http_headers` in its own words.
    #[arg(long = "http.config.file", value_name = "FILE", requires = "url")]
    http_config: Option<PathBuf>,

    /// How far back it is asked.
    #[arg(long, value_name = "DURATION", default_value = "90d", requires = "url", value_parser = span)]
    since: Duration,

    /// Of which series, as in '{site="ams"}'.
    #[arg(long, value_name = "SELECTOR", default_value = "{}", requires = "url", value_parser = matchers)]
    query: String,
}

fn span(text: &str) -> Result<Duration, String> {
    exporter_kit::config::Duration::parse(text)
        .map(exporter_kit::config::Duration::get)
        .map_err(str::to_owned)
}

/// What stands within the braces of a selector.
fn matchers(text: &str) -> Result<String, String> {
    let inner = text.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let inner = inner.ok_or(r#"must be matchers in braces, as in '{site="ams"}'"#)?;
    Ok(inner.trim().trim_end_matches(',').to_owned())
}

/// Does what the command line says, whose first word is [`NAME`].
pub fn main(arguments: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    let options = match Options::try_parse_from(arguments) {
        Ok(options) => options,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match run(&options, &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<()> {
    let mut sum = report::Sum::default();
    match &options.url {
        Some(url) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(ask(url, options, &mut sum, out))?;
        }
        None => read_all(&options.files, &mut sum, out)?,
    }
    ensure!(
        sum.machines > 0,
        "there is no reading of a BMC in it (ipmi_temperature_celsius, ipmi_fan_speed_rpm ...): is it the \
         right Prometheus, the right time, and were those series in what was dumped?"
    );
    writeln!(out, "{sum}").context("writing")
}

fn read_all(files: &[PathBuf], sum: &mut report::Sum, out: &mut impl Write) -> anyhow::Result<()> {
    let mut players: BTreeMap<Place, Player> = BTreeMap::new();
    for file in files {
        let mut history = History::default();
        if file == Path::new("-") {
            read(&mut history, &mut io::stdin().lock()).context("the standard input")?;
        } else {
            let open = File::open(file).with_context(|| file.display().to_string())?;
            let read = read(&mut history, &mut BufReader::new(open));
            read.with_context(|| file.display().to_string())?;
        }
        for (place, recorded) in history.machines() {
            let player = players.entry(place.clone()).or_insert_with(|| Player::new(&place));
            player.play(recorded, out).with_context(|| file.display().to_string())?;
        }
    }
    for player in players.into_values() {
        player.end(sum, out)?;
    }
    Ok(())
}

fn read(history: &mut History, reader: &mut impl BufRead) -> anyhow::Result<()> {
    let mut text = Vec::new();
    let mut number = 0;
    while reader.read_until(b'\n', &mut text)? > 0 {
        number += 1;
        let line =
            std::str::from_utf8(&text).map_err(|_| anyhow!("line {number}: must be UTF-8"))?;
        if let Err(error) = history.line(line) {
            bail!("line {number}: {error}");
        }
        text.clear();
    }
    Ok(())
}

async fn ask(
    url: &str,
    options: &Options,
    sum: &mut report::Sum,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let server = Server::new(url, options.http_config.as_deref(), &options.query)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let begin = now.saturating_sub(options.since);
    for place in server.machines(begin, now).await? {
        let mut player = Player::new(&place);
        let mut from = begin;
        while from < now {
            let to = (from + AT_ONCE).min(now);
            let history = server.history(&place, from, to).await;
            let history = history.with_context(|| format!("machine {place}"))?;
            for (found, recorded) in history.machines() {
                // Matchers cannot tell a machine without a site from one of any site.
                if found == place {
                    player.play(recorded, out)?;
                }
            }
            from = to;
        }
        player.end(sum, out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
