//! Programs that the lab starts on the host's own network: found, logged to a file, stopped with it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};

use crate::http;
use crate::netns::kernel;

type Order = (Command, mpsc::SyncSender<std::io::Result<Child>>);

/// Starts children from a thread that lives as long as the lab does: the signal that ends a child
/// with its parent is sent when the parent's *thread* ends.
#[derive(Clone, Debug)]
pub struct Launcher {
    orders: mpsc::Sender<Order>,
}

impl Launcher {
    /// Starts the thread.
    pub fn start() -> anyhow::Result<Self> {
        let (orders, queue) = mpsc::channel::<Order>();
        thread::Builder::new().name("launcher".to_owned()).spawn(move || {
            for (mut command, answer) in queue {
                // An error means that nobody waits for the child any more; dropping it is right.
                let _ = answer.send(command.spawn());
            }
        })?;
        Ok(Self { orders })
    }

    /// Starts a child that is killed when this process ends, however that happens.
    pub fn spawn(&self, mut command: Command) -> anyhow::Result<Child> {
        kernel::die_with_thread(&mut command);
        let program = command.get_program().display().to_string();
        let (answer, answered) = mpsc::sync_channel(1);
        self.orders.send((command, answer)).map_err(|_| anyhow!("the launcher has ended"))?;
        answered.recv()?.with_context(|| format!("starting {program}"))
    }
}

/// A child with its log. Killed when dropped.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts `command` through `spawn`, its output going to `<folder>/<name>.log`.
    pub fn start(
        name: &str,
        folder: &Path,
        mut command: Command,
        spawn: impl FnOnce(Command) -> anyhow::Result<Child>,
    ) -> anyhow::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        Ok(Self { name: name.to_owned(), child: spawn(command)?, log })
    }

    /// Its process ID.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Says what went wrong when the program has ended although nobody asked it to.
    pub fn must_run(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} ended ({status}); its last words:\n{}", self.name, self.last_words());
        }
        Ok(())
    }

    /// Waits until a page of its own answers with 200.
    pub async fn until_it_answers(&mut self, url: &str) -> anyhow::Result<()> {
        loop {
            self.must_run()?;
            if let Ok((200, _)) = http::get(url).await {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The last lines of its log.
    pub fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Errors mean that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Finds a program of Debian's, or says which package has it.
pub fn find(program: &str, package: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/bin".into()]);
    for folder in folders {
        let candidate = folder.join(program);
        if candidate.is_file() {
            return Ok(candidate);
        }
    }
    bail!(
        "{program} is not installed; it is in Debian's package {package} (make setup installs it)"
    )
}

/// Finds one of our own programs, which are built beside the lab.
pub fn find_own(program: &str) -> anyhow::Result<PathBuf> {
    let lab = std::env::current_exe().context("finding the lab's own file")?;
    // A test program stands one folder deeper than the programs.
    let found = lab.ancestors().skip(1).take(2).map(|folder| folder.join(program));
    found.into_iter().find(|candidate| candidate.is_file()).with_context(|| {
        format!("{program} is not beside the lab; build it: cargo build --workspace --bins")
    })
}
