//! Lists the sensors of a BMC:
//! `IPMI_USER=monitor IPMI_PASSWORD=... cargo run --example sensors -- HOST[:PORT]`.

use std::env;
use std::error::Error;

use ipmi_lan::sdr::Record;
use ipmi_lan::{Credentials, Options, Password, Session};

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "printing is what it is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let host = env::args().nth(1).ok_or("usage: sensors HOST[:PORT]")?;
    let address = if host.contains(':') { host } else { format!("{host}:623") };
    let bmc = tokio::net::lookup_host(address).await?.next().ok_or("no address")?;
    let user = env::var("IPMI_USER").map_err(|_| "IPMI_USER is not set")?;
    let password = env::var("IPMI_PASSWORD").map_err(|_| "IPMI_PASSWORD is not set")?;
    let credentials = Credentials { user, password: Password::new(password)?, k_g: None };

    let mut session = Session::open(bmc, &credentials, &Options::default()).await?;
    for record in session.read_sdr().await?.records {
        let Record::Full(sensor) = record else { continue };
        match session.sensor_value(&sensor).await {
            Ok(value) => println!("{:10} {:20} {value} {}", sensor.id, sensor.name, sensor.unit),
            Err(reason) => println!("{:10} {:20} - ({reason})", sensor.id, sensor.name),
        }
    }
    session.close().await;
    Ok(())
}
