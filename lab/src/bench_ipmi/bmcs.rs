//! The BMCs of a measurement, in a process of their own, and the values that they must give.

use std::env;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use anyhow::Context as _;

use crate::bmc::Sensor;
use crate::testbmc::fleet::Fleet;
use crate::testbmc::{Quirks, TestBmc, server};

/// Set to a number, it makes this program serve so many BMCs.
const ROLE: &str = "TURBULENCE_TEST_BMCS";

/// The account of the polls.
pub(super) const USER: &str = "monitor";
pub(super) const PASSWORD: &str = "s3cretpass";

/// The first BMC's address is 127.1.0.1.
const FIRST: u32 = 0x7F01_0001;

/// Running BMCs.
pub(super) struct Bmcs {
    child: Child,
    port: u16,
    count: usize,
}

impl Bmcs {
    /// Starts this program again for them.
    pub(super) fn start(count: usize) -> anyhow::Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .args(env::args_os().skip(1))
            .env(ROLE, count.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the test BMCs")?;
        let mut line = String::new();
        let output = child.stdout.take().context("the test BMCs' output")?;
        BufReader::new(output).read_line(&mut line)?;
        let port = line.trim().parse().with_context(|| format!("the port, not {line:?}"))?;
        Ok(Self { child, port, count })
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The address of a BMC, 0 to `count` - 1.
    pub(super) fn address(&self, index: usize) -> SocketAddr {
        SocketAddr::from((ip(index), self.port))
    }
}

impl Drop for Bmcs {
    fn drop(&mut self) {
        // They end with their input.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn ip(index: usize) -> Ipv4Addr {
    let index = u32::try_from(index).expect("127.0.0.0/8 has fewer addresses");
    Ipv4Addr::from_bits(FIRST + index)
}

/// How many BMCs this process was started to serve, if it was.
pub(super) fn asked_to_serve() -> anyhow::Result<Option<usize>> {
    let role = env::var(ROLE).ok();
    role.map(|count| count.parse().with_context(|| format!("{ROLE}={count}"))).transpose()
}

/// Serves until the input ends.
pub(super) fn serve(count: usize) -> anyhow::Result<()> {
    let machine = Arc::new(server::sixteen_sensors());
    let bmcs = (0..count).map(|index| {
        let mut bmc = TestBmc::new(Arc::clone(&machine), Quirks::default(), index as u64);
        for sensor in Sensor::ALL {
            bmc.set_value(0, sensor.number(), raw(index, sensor));
        }
        (ip(index), bmc)
    });
    let fleet = Fleet::start(0, bmcs).context("binding the test BMCs' socket")?;
    let mut output = std::io::stdout();
    writeln!(output, "{}", fleet.port())?;
    output.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// The raw value of a sensor, another one in each BMC: 10 to 99.
fn raw(index: usize, sensor: Sensor) -> u8 {
    let mixed = index * 31 + usize::from(sensor.number()) * 7;
    u8::try_from(10 + mixed % 90).expect("below 100")
}

/// The value of a sensor by its name; none for one that has states only.
pub(super) fn expected(index: usize, name: &str) -> Option<f64> {
    let sensor = Sensor::ALL.into_iter().find(|sensor| sensor.name() == name)?;
    let record = sensor.record();
    let scale = f64::from(record.factor) * 10_f64.powi(record.exponent.into());
    Some(f64::from(raw(index, sensor)) * scale)
}

/// Whether a value is the expected one, as exactly as two decimals tell.
pub(super) fn is_right(value: f64, expected: f64) -> bool {
    (value - expected).abs() < 0.006
}
