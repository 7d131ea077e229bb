//! Lists the sensors of a BMC: `IPMI_PASSWORD=... cargo run --example sensors -- HOST[:PORT] USER`.

use std::error::Error;

use ipmi_lan::sdr::Record;
use ipmi_lan::{Credentials, Options, Password, Session};

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "printing is what it is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let host = arguments.next().ok_or("usage: sensors HOST[:PORT] USER")?;
    let user = arguments.next().ok_or("usage: sensors HOST[:PORT] USER")?;
    let address = if host.contains(':') { host } else { format!("{host}:623") };
    let bmc = tokio::net::lookup_host(address).await?.next().ok_or("no address")?;
    let password = Password::new(std::env::var("IPMI_PASSWORD")?)?;
    let credentials = Credentials { user, password, k_g: None };

    let mut session = Session::open(bmc, &credentials, &Options::default()).await?;
    for record in session.read_sdr().await?.records {
        let Record::Full(sensor) = record else { continue };
        let reading = session.sensor_reading(sensor.id).await;
        let value = reading.map_err(Into::into).and_then(|reading| sensor.value(&reading));
        match value {
            Ok(value) => println!("{:10} {:20} {value} {}", sensor.id, sensor.name, sensor.unit),
            Err(reason) => println!("{:10} {:20} - ({reason})", sensor.id, sensor.name),
        }
    }
    session.close().await;
    Ok(())
}
