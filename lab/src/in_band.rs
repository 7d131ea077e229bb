//! The proof of `/dev/ipmi0`: turbulence-ipmi in a QEMU guest whose BMC is `ipmi_sim`, with ipmitool as the judge.
//!
//! A guest of Debian's own kernel has a KCS interface, behind which Debian's `ipmi_sim` answers. Every
//! sensor must read as ipmitool reads it over the same device. Then the BMC hangs, its values change
//! meanwhile, and it comes back: no reading may be stale, none may be another sensor's.
//! `lab/in-band.sh` gets the packages and the kernel; nothing is installed into a running system's boot.

pub mod comparison;
pub mod guest;
mod hang;
pub mod initramfs;
pub mod page;
pub mod sensors;
pub mod simulator;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use tokio::time::sleep;

use self::comparison::{Compared, Seen};
use self::guest::Guest;
use self::page::Page;
use self::sensors::{Phase, Sensor};
use self::simulator::Simulator;
use crate::bmc::dl320e::DISCRETE;
use crate::folder;
use crate::process::{Launcher, find, find_own};

/// What `turbulence-lab in-band` is told.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Folder of vmlinuz and the IPMI modules, as lab/in-band.sh leaves it.
    #[arg(long, value_name = "FOLDER", default_value = "target/in-band/kernel")]
    pub kernel: PathBuf,
    /// The exporter that is tested. [default: beside the lab]
    #[arg(long, value_name = "FILE")]
    pub exporter: Option<PathBuf>,
}

/// The target's name in the exporter's config.
const TARGET: &str = "guest";
/// Short, so that a BMC that hangs is noticed soon; QEMU itself gives up on a BMC after 4 s, and then
/// answers for it (as the kernel does for hardware that is stuck).
const CONFIG: &str = "modules:\n\
    \x20 default: {driver: OPENIPMI, timeout: 500ms, retries: 0, interval: 1s, slow_interval: 10s, bridge_sensors: true}\n\
    targets:\n\
    \x20 - {name: guest, address: /dev/ipmi0}\n";

/// So patient that it sees QEMU's answer: no sign of life either.
const PATIENT: &str = "sed -i 's/timeout: 500ms/timeout: 6s/' /ipmi.yml && \
    wget -q -O - --post-data= http://127.0.0.1:9290/-/reload";

/// How often something that has to come is looked for. A look takes about half a second.
const LOOKS: usize = 240;

/// Runs the proof; true if everything was as expected.
pub async fn run(options: &Options) -> anyhow::Result<bool> {
    let kernel = &options.kernel;
    let vmlinuz = kernel.join("vmlinuz");
    ensure!(vmlinuz.is_file(), "no kernel in {}; lab/in-band.sh gets one", kernel.display());
    let exporter = match &options.exporter {
        Some(path) => path.clone(),
        None => find_own("turbulence-ipmi")?,
    };
    let initramfs = initramfs(kernel, &exporter)?;
    let folder = folder::own()?;
    let launcher = Launcher::start()?;

    say("A guest is booted whose BMC, behind a KCS interface, is ipmi_sim:");
    let mut machine = Machine::start(&launcher, folder.path(), &vmlinuz, &initramfs).await?;
    machine.prove().await
}

fn initramfs(kernel: &Path, exporter: &Path) -> anyhow::Result<Vec<u8>> {
    let [busybox, ipmitool] = [("busybox", "busybox-static"), ("ipmitool", "ipmitool")]
        .map(|(program, package)| find(program, package));
    let programs = [busybox?, ipmitool?, exporter.to_owned()];
    initramfs::build(kernel, &programs, &[("ipmi.yml", CONFIG.as_bytes().to_vec())])
}

/// A guest and its BMC.
struct Machine {
    // Dropped in this order: the guest ends before its BMC.
    guest: Guest,
    simulator: Simulator,
    sensors: Vec<Sensor>,
}

impl Machine {
    async fn start(
        launcher: &Launcher,
        folder: &Path,
        vmlinuz: &Path,
        initramfs: &[u8],
    ) -> anyhow::Result<Self> {
        let sensors = sensors::all();
        let simulator = Simulator::start(launcher, folder, sensors.clone()).await?;
        let guest =
            Guest::boot(launcher, folder, vmlinuz, initramfs, &simulator.devices()?).await?;
        Ok(Self { guest, simulator, sensors })
    }

    async fn prove(&mut self) -> anyhow::Result<bool> {
        show_device(&mut self.guest).await?;
        self.show(Phase::After).await?;
        let after = ipmitool(&mut self.guest).await?;
        self.show(Phase::Before).await?;
        let before = ipmitool(&mut self.guest).await?;
        let ids: Vec<_> = self.sensors.iter().map(Sensor::id).collect();

        start_exporter(&mut self.guest).await?;
        let first = settle(&mut self.guest, &ids, &before).await?;
        print_table(&first);

        say("\nThe BMC hangs, its values change meanwhile, and it comes back:");
        let mut watch = hang::Watch::new(&self.sensors, &before, &after)?;
        let mut hangs = Vec::new();
        for (phase, length) in hang::PLAN {
            let seen = watch.hang(self, phase, length).await?;
            say(&format!("  {seen}"));
            hangs.push(seen);
        }
        self.guest.must(PATIENT).await?;
        settle(&mut self.guest, &ids, &after).await?;
        let seen = watch.hang(self, Phase::Before, hang::Length::UntilNoticed).await?;
        say(&format!("  with a time-out of 6 s, {seen}"));
        hangs.push(seen);

        let last = settle(&mut self.guest, &ids, &before).await?;
        let differ = print_differences(&first) + print_differences(&last);
        let wrong = watch.wrong();
        for line in wrong {
            say(&format!("  WRONG: {line}"));
        }
        say(&format!(
            "RESULT in-band bmc=ipmi_sim sensors={} values={} equal={} differ={differ} hangs={} \
             pages={} samples={} wrong={}",
            first.len(),
            first.iter().filter(|it| it.has_value()).count(),
            first.iter().chain(&last).filter(|it| it.is_equal()).count() / 2,
            hangs.len(),
            watch.pages(),
            watch.samples(),
            wrong.len(),
        ));
        Ok(differ == 0 && wrong.is_empty())
    }

    /// Gives the sensors their other values, and waits until ipmitool reads them.
    async fn show(&mut self, phase: Phase) -> anyhow::Result<()> {
        self.simulator.show(phase)?;
        let mut earlier = Vec::new();
        for _ in 0..LOOKS {
            self.simulator.must_run()?;
            let now = ipmitool(&mut self.guest).await?;
            // The first is a plain temperature: its value is the raw one.
            let is_new = now
                .first()
                .is_some_and(|it| it.value == format!("{}.000", self.sensors[0].raw(phase)));
            if is_new && now == earlier {
                return Ok(());
            }
            earlier = now;
            sleep(Duration::from_millis(100)).await;
        }
        bail!("ipmitool does not see the values that ipmi_sim was given: {earlier:?}")
    }
}

/// Prints what the guest is, and waits for its device, which comes when the BMC has answered.
async fn show_device(guest: &mut Guest) -> anyhow::Result<()> {
    for _ in 0..LOOKS {
        if guest.run("test -c /dev/ipmi0").await?.code == 0 {
            let kernel =
                guest.must("uname -r; dmesg | grep 'ipmi_si.*interface initialized'").await?;
            say(&format!("  Linux {}", kernel.trim().replace('\n', ", ")));
            return Ok(());
        }
        sleep(Duration::from_millis(250)).await;
    }
    let messages = guest.must("dmesg | grep -i ipmi || true").await?;
    bail!("the guest's kernel made no /dev/ipmi0:\n{messages}")
}

async fn ipmitool(guest: &mut Guest) -> anyhow::Result<Vec<Seen>> {
    comparison::rows(&guest.must("ipmitool -I open -c sensor").await?)
}

async fn start_exporter(guest: &mut Guest) -> anyhow::Result<()> {
    guest.must("turbulence-ipmi --config.file /ipmi.yml --config.check").await?;
    guest.must("turbulence-ipmi --config.file /ipmi.yml >/tmp/exporter.log 2>&1 &").await?;
    Ok(())
}

/// The exporter's page; none while it does not answer.
async fn page(guest: &mut Guest) -> anyhow::Result<Option<Page>> {
    let done = guest.run("wget -q -O - http://127.0.0.1:9290/metrics | grep -v '^#'").await?;
    Ok((done.code == 0).then(|| Page::parse(&done.text)))
}

/// Waits until the exporter says what ipmitool says, or has been looked at often enough.
async fn settle(guest: &mut Guest, ids: &[String], rows: &[Seen]) -> anyhow::Result<Vec<Compared>> {
    let mut last = None;
    for _ in 0..LOOKS {
        if let Some(page) = page(guest).await?.filter(|page| up(page) == Some(true)) {
            let compared = comparison::compare(ids, &DISCRETE, rows, &page)?;
            if compared.iter().all(Compared::is_equal) {
                return Ok(compared);
            }
            last = Some(compared);
        }
        sleep(Duration::from_millis(250)).await;
    }
    let log = guest.run("tail -n 20 /tmp/exporter.log").await?.text;
    last.with_context(|| format!("turbulence-ipmi never had a reading; its last words:\n{log}"))
}

/// Whether the last poll succeeded; none before the first.
fn up(page: &Page) -> Option<bool> {
    page.value("ipmi_up", &[("target", TARGET), ("collector", "ipmi")]).map(|up| up > 0.0)
}

fn print_table(compared: &[Compared]) {
    say(&format!(
        "  {:10} {:17} {:>12} {:10} {:8} thresholds",
        "id", "name", "value", "unit", "state"
    ));
    for Compared { id, ours, .. } in compared {
        let Seen { name, value, unit, state, thresholds } = ours;
        let thresholds = if thresholds.iter().all(|it| it == "na") {
            "-".to_owned()
        } else {
            thresholds.join(" ")
        };
        say(&format!("  {id:10} {name:17} {value:>12} {unit:10} {state:8} {thresholds}"));
    }
}

/// Prints where the two do not say the same; gives how often.
fn print_differences(compared: &[Compared]) -> usize {
    let differing: Vec<_> = compared.iter().filter(|it| !it.is_equal()).collect();
    for Compared { id, ours, theirs } in &differing {
        say(&format!(
            "  DIFFERS {id}\n    turbulence-ipmi {ours:?}\n    ipmitool        {theirs:?}"
        ));
    }
    differing.len()
}

/// Prints a line, also when nobody reads it any more.
fn say(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
