//! How the temperatures, fans and power of a 1U server move in an incident. No I/O, no clock.
//!
//! Each part follows its steady state with a time constant of its own (lumped heat capacity, first
//! order). The figures of the incident are those of an HP `DL320e` Gen8 with two 2.5" disks.

/// What happens to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Nothing: 21 °C at the inlet, fans at 19 %.
    Idle,
    /// The computed sensor `05-HD Max` jumps from 24 to 58 °C and the fans follow it to 100 %,
    /// while every real part cools.
    Phantom,
    /// As idle, but the BMC was reset and has no `05-HD Max` any more; the fans run at 30 %.
    SensorLost,
    /// The room's cooling has failed: the inlet warms by 0.05 °C/s, everything follows.
    CoolingLost,
    /// Fan 2 stands still; fan 1 runs at 100 % and cannot make up for it.
    FanDead,
    /// A benign step of load: the CPU warms by 25 °C in seconds, the disks do nothing.
    CpuLoad,
}

/// What the BMC's sensors show, and how warm the drives really are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Values {
    /// Air at the inlet, °C.
    pub inlet: f64,
    /// CPU, °C.
    pub cpu: f64,
    /// First pair of memory modules, °C.
    pub dimm_1: f64,
    /// Second pair of memory modules, °C.
    pub dimm_2: f64,
    /// `05-HD Max`, °C: what the BMC believes of the disks.
    pub hd_max: f64,
    /// Chipset, °C.
    pub chipset: f64,
    /// Voltage regulator, °C.
    pub vr: f64,
    /// Fan 1, percent of its duty cycle.
    pub fan_1: f64,
    /// Fan 2, percent of its duty cycle.
    pub fan_2: f64,
    /// Power, W.
    pub power: f64,
    /// The disks by their own sensors (SMART), °C.
    pub drives: [f64; 2],
}

/// One machine in time.
#[derive(Clone, Debug)]
pub struct Machine {
    now: Values,
}

const IDLE: Values = Values {
    inlet: 21.0,
    cpu: 40.0,
    dimm_1: 28.0,
    dimm_2: 29.0,
    hd_max: 24.0,
    chipset: 45.0,
    vr: 30.0,
    fan_1: 19.2,
    fan_2: 19.2,
    power: 70.0,
    drives: [22.0, 21.0],
};

/// The phantom: from 24 to 58 °C within 2.5 s, 13.6 °C/s.
const PHANTOM_RISE: f64 = 34.0;
const PHANTOM_SECONDS: f64 = 2.5;
/// The fans follow it from 19 to 100 % within 8 s, beginning a second late.
const FAN_RUNAWAY_SECONDS: f64 = 7.0;
/// Room air when the cooling fails: at the upper end of what is known (0.01-0.1 °C/s), so that a
/// replay is over within minutes.
const ROOM_RISE_PER_SECOND: f64 = 0.05;
/// A room does not get hotter than this above normal before it is shut down.
const ROOM_RISE: f64 = 25.0;
/// What a 2.5" disk can do at most: all of its 6 W into 180 J/K.
const DRIVE_RISE_PER_SECOND: f64 = 0.03;
/// The mains in the incident: 46 W more were 0.2 A more.
const MAINS_VOLTS: f64 = 232.0;
/// All fans at full speed beside idle.
const FANS_WATTS: f64 = 46.0;

impl Machine {
    /// A machine that has been idle for hours.
    pub fn new() -> Self {
        Self { now: IDLE }
    }

    /// The present values.
    pub fn values(&self) -> Values {
        self.now
    }

    /// The values `dt` seconds later, with `t` seconds since the scenario began.
    pub fn step(&mut self, dt: f64, scenario: Scenario, t: f64) -> Values {
        let goal = goal(scenario, t, &self.now);
        let now = &mut self.now;
        // Time constants in the airflow: air, die, regulator, modules, chipset, disk.
        approach(&mut now.inlet, goal.inlet, dt, 5.0);
        approach(
            &mut now.cpu,
            goal.cpu,
            dt,
            if scenario == Scenario::CpuLoad { 1.3 } else { 15.0 },
        );
        approach(&mut now.vr, goal.vr, dt, 30.0);
        approach(&mut now.dimm_1, goal.dimm_1, dt, 60.0);
        approach(&mut now.dimm_2, goal.dimm_2, dt, 60.0);
        approach(&mut now.chipset, goal.chipset, dt, 90.0);
        for (drive, goal) in now.drives.iter_mut().zip(goal.drives) {
            let before = *drive;
            approach(drive, goal, dt, 600.0);
            *drive = drive.min(before + DRIVE_RISE_PER_SECOND * dt);
        }
        now.hd_max = match scenario {
            Scenario::Phantom => IDLE.hd_max + PHANTOM_RISE * (t / PHANTOM_SECONDS).clamp(0.0, 1.0),
            // Else it is what it should be: the warmer disk, and an offset.
            _ => now.drives[0].max(now.drives[1]) + IDLE.hd_max - IDLE.drives[0],
        };
        // A controller that changes the duty by 10 points a second, the runaway being its fastest.
        let slew = dt * (100.0 - IDLE.fan_1) / FAN_RUNAWAY_SECONDS;
        now.fan_1 += (goal.fan_1 - now.fan_1).clamp(-slew, slew);
        now.fan_2 += (goal.fan_2 - now.fan_2).clamp(-slew, slew);
        now.power += (goal.power - now.power) * (dt / 0.5).min(1.0);
        *now
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

impl Values {
    /// The input current, A.
    pub fn current(&self) -> f64 {
        self.power / MAINS_VOLTS
    }

    /// A fan's speed at a duty cycle, RPM: 4,500 when idle, 16,000 at most, 0 when it stands still.
    pub fn rpm(duty: f64) -> f64 {
        if duty < 1.0 {
            return 0.0;
        }
        (4_500.0 + (duty - IDLE.fan_1) / (100.0 - IDLE.fan_1) * 11_500.0).max(1_000.0)
    }
}

/// The steady state that each part tends to, `t` seconds after the scenario began.
fn goal(scenario: Scenario, t: f64, now: &Values) -> Values {
    let mut goal = IDLE;
    match scenario {
        Scenario::Idle => {}
        Scenario::Phantom => {
            let duty = if t < 1.0 { IDLE.fan_1 } else { 100.0 };
            (goal.fan_1, goal.fan_2) = (duty, duty);
            // SMART stayed flat.
            goal.drives = IDLE.drives;
        }
        Scenario::SensorLost => (goal.fan_1, goal.fan_2) = (30.0, 30.0),
        Scenario::CoolingLost => {
            let rise = (ROOM_RISE_PER_SECOND * t).min(ROOM_RISE);
            warm(&mut goal, [rise; 7]);
            // The fans look at the CPU, and act when it is 5 °C above normal: late.
            let duty = (IDLE.fan_1 + 4.0 * (now.cpu - 45.0)).clamp(IDLE.fan_1, 100.0);
            (goal.fan_1, goal.fan_2) = (duty, duty);
        }
        Scenario::FanDead => {
            warm(&mut goal, [0.0, 35.0, 15.0, 15.0, 20.0, 30.0, 18.0]);
            (goal.fan_1, goal.fan_2) = (100.0, 0.0);
        }
        Scenario::CpuLoad => {
            warm(&mut goal, [0.0, 25.0, 1.0, 1.0, 1.0, 10.0, 0.0]);
            let duty = (IDLE.fan_1 + 2.0 * t).min(35.0);
            (goal.fan_1, goal.fan_2) = (duty, duty);
        }
    }
    if scenario != Scenario::FanDead {
        cool(&mut goal, speed(now.fan_1));
    }
    let load = if scenario == Scenario::CpuLoad { 60.0 } else { 0.0 };
    // A fan's power grows steeply with its speed.
    let fans = f64::midpoint(speed(now.fan_1).powf(1.5), speed(now.fan_2).powf(1.5));
    goal.power = IDLE.power + load + FANS_WATTS * fans;
    goal
}

/// Inlet, CPU, both pairs of modules, chipset, regulator, disks.
fn warm(goal: &mut Values, rise: [f64; 7]) {
    let [inlet, cpu, dimm_1, dimm_2, chipset, vr, drives] = rise;
    goal.inlet += inlet;
    goal.cpu += cpu;
    goal.dimm_1 += dimm_1;
    goal.dimm_2 += dimm_2;
    goal.chipset += chipset;
    goal.vr += vr;
    for drive in &mut goal.drives {
        *drive += drives;
    }
}

/// What faster fans take off the parts that produce heat.
fn cool(goal: &mut Values, speed: f64) {
    goal.cpu -= 6.0 * speed;
    goal.dimm_1 -= 3.0 * speed;
    goal.dimm_2 -= 3.0 * speed;
    goal.chipset -= 6.0 * speed;
    goal.vr -= 4.0 * speed;
}

/// A duty cycle between idle (0) and full (1).
fn speed(duty: f64) -> f64 {
    ((duty - IDLE.fan_1) / (100.0 - IDLE.fan_1)).clamp(0.0, 1.0)
}

fn approach(value: &mut f64, goal: f64, dt: f64, time_constant: f64) {
    *value += (goal - *value) * (1.0 - (-dt / time_constant).exp());
}

#[cfg(test)]
mod tests;
