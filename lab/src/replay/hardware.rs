//! Incident A, the phantom sensor of 2017, and what must not be taken for it.

use super::fault::Fault;
use super::{Concern, Replay, seconds};
use crate::thermal::Scenario;
use crate::verdict::Expectation;

/// The incident itself.
pub(super) fn phantom() -> Replay {
    Replay {
        name: "phantom",
        story: "New disks go into a server. Its BMC's sensor 05-HD Max, which has no physical part, \
                jumps from 24 to 58 °C within 2.5 s; the fans follow to 100 %, the power with them. \
                The drives themselves say 22 °C, and the limit of the sensor is 60 °C: the BMC is \
                content.",
        fault: Fault::Machine("srv-phantom", Scenario::Phantom),
        watch: seconds(60),
        expectation: Expectation {
            must: vec!["IpmiPhantomFanRunaway", "IpmiPhantomTemperature"],
            may: vec!["IpmiSensorNearSilentLimit", "IpmiDriveTemperatureDisagrees"],
            pages: 1,
            within: Some(seconds(30)),
            says: vec!["05-HD Max"],
            countries: vec![],
        },
        ..Replay::about(Concern::Machine("srv-phantom"))
    }
}

/// What a phantom must be told from.
pub(super) fn rest() -> [Replay; 4] {
    [sensor_lost(), fan_dead(), cpu_load(), cooling_lost()]
}

fn sensor_lost() -> Replay {
    Replay {
        name: "sensor-lost",
        story: "The BMC is reset. It comes back without 05-HD Max: nothing is too warm any more, \
                because nobody measures.",
        fault: Fault::Machine("srv-lost", Scenario::SensorLost),
        watch: seconds(240),
        expectation: Expectation {
            must: vec!["IpmiSensorLost"],
            says: vec!["05-HD Max"],
            ..Expectation::default()
        },
        ..Replay::about(Concern::Machine("srv-lost"))
    }
}

fn fan_dead() -> Replay {
    Replay {
        name: "fan-dead",
        story: "Fan 2 stops; fan 1 goes to 100 %, and what stood in fan 2's air warms up.",
        fault: Fault::Machine("srv-fan", Scenario::FanDead),
        watch: seconds(240),
        expectation: Expectation {
            must: vec!["IpmiFanFailed"],
            may: vec!["IpmiThermalRunaway"],
            pages: 1,
            ..Expectation::default()
        },
        ..Replay::about(Concern::Machine("srv-fan"))
    }
}

fn cpu_load() -> Replay {
    Replay {
        name: "cpu-load",
        story: "Somebody starts a big job: the CPU warms by 25 °C in 4 s, the power rises by 60 W, \
                the fans go to 35 %. This is what computers are for.",
        fault: Fault::Machine("srv-load", Scenario::CpuLoad),
        watch: seconds(150),
        ..Replay::about(Concern::Machine("srv-load"))
    }
}

fn cooling_lost() -> Replay {
    Replay {
        name: "cooling-lost",
        story: "The room's cooling fails: the inlet warms slowly, everything else follows, the fans \
                ramp up late. Slow, plausible and real.",
        fault: Fault::Machine("srv-cooling", Scenario::CoolingLost),
        watch: seconds(480),
        expectation: Expectation {
            must: vec!["IpmiThermalRunaway"],
            pages: 1,
            ..Expectation::default()
        },
        ..Replay::about(Concern::Machine("srv-cooling"))
    }
}
