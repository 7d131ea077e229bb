//! What other exporters say of the drives of a world. No I/O, no clock.

use super::format::World;
use super::format::machine::{Drive, DriveSource, Machine};
use super::recording::{Recording, Scraped};

/// Records the drives of every machine, and the series that the world gives as they are.
pub(crate) fn record(world: &World, recording: &mut Recording) {
    for machine in &world.machines {
        for drive in &machine.drives {
            record_one(world, machine, drive, recording);
        }
    }
    for (scrape, second) in recording.scrapes() {
        for (series, steps) in &world.series {
            recording.put(scrape, series, steps.at(second).copied().flatten());
        }
    }
}

fn record_one(world: &World, machine: &Machine, drive: &Drive, recording: &mut Recording) {
    let port = match drive.source {
        DriveSource::Smartctl => 9633,
        DriveSource::Hwmon => 9100,
    };
    let scraped = Scraped::new(&drive.job, &format!("{}:{port}", machine.target));
    let site = drive.site.as_deref().filter(|_| drive.labelled);
    let own = drive.labelled.then_some(("target", machine.target.as_str()));
    let own: Vec<(&str, &str)> = own.into_iter().chain(site.map(|site| ("site", site))).collect();
    let series = |metric: &str, labels: &[(&str, &str)]| {
        scraped.series(metric, &[&own[..], labels].concat())
    };
    for (scrape, second) in recording.scrapes().filter(|(_, second)| !world.is_lost(*second)) {
        for (number, steps) in drive.celsius.sensors().iter().enumerate() {
            let celsius = steps.at(second).copied().flatten();
            let device = drive.device.as_str();
            if drive.source == DriveSource::Smartctl {
                let of = |kind| {
                    let labels = [("device", device), ("temperature_type", kind)];
                    series("smartctl_device_temperature", &labels)
                };
                recording.put(scrape, &of("current"), celsius);
                let trip = drive.trip.filter(|_| celsius.is_some());
                recording.put(scrape, &of("drive_trip"), trip);
            } else {
                let sensor = format!("temp{}", number + 1);
                let labels = [("chip", device), ("sensor", sensor.as_str())];
                recording.put(scrape, &series("node_hwmon_temp_celsius", &labels), celsius);
            }
        }
        if let Some(name) = &drive.chip_name {
            let labels = [("chip", drive.device.as_str()), ("chip_name", name.as_str())];
            recording.put(scrape, &series("node_hwmon_chip_names", &labels), Some(1.0));
        }
    }
}
