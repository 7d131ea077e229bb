//! A machine as heat flows through it: parts, fans that are controlled, air.

use std::f64::consts::TAU;
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::SmallRng;
use turbulence_ipmi::simulation::{Level, Quantity, Reading, Sensor, Setup};

/// The fans' share of full speed at which a part is as far above the air as it says.
const NOMINAL: f64 = 0.4;

/// A machine.
pub(crate) struct Plant {
    interval: u64,
    parts: Vec<Part>,
    fans: Vec<Fan>,
    fans_in_rpm: Option<f64>,
    watts: Option<(f64, f64)>,
    air: Air,
    control: Control,
    /// Seconds between two readings of the BMC's own.
    refresh: u64,
    refreshed: Option<u64>,
    shown: Vec<f64>,
    load: f64,
    /// When the load changes, and to what.
    next: u64,
    is_busy: bool,
    pace: f64,
    on: bool,
    /// Until when the fans run at full speed, as they do while a machine boots.
    full_until: u64,
    /// A door is open until then.
    door_until: u64,
}

struct Part {
    name: String,
    entity: u8,
    /// Seconds in which two thirds of a change have come.
    tau: f64,
    /// Degrees above the air when idle, and more at full load.
    idle: f64,
    heat: f64,
    step: f64,
    noise: f64,
    /// Above the air now.
    excess: f64,
    /// Whether it works by itself, and how much now.
    own: Option<f64>,
    /// Of a drive that was put in warm.
    extra: f64,
    is_inlet: bool,
    /// Whether it can be read while the machine is off.
    reads_off: bool,
    limits: bool,
}

struct Fan {
    share: f64,
    lag: f64,
}

struct Air {
    base: f64,
    day: f64,
    phase: f64,
    cycle: f64,
    period: f64,
    door: f64,
    now: f64,
}

struct Control {
    least: f64,
    target: f64,
    gain: f64,
    step: f64,
    ratio: f64,
}

impl Plant {
    /// Any healthy machine.
    pub(crate) fn draw(rng: &mut SmallRng) -> Self {
        let interval = [1, 5, 5, 10, 10, 15, 30, 30, 60, 60][rng.random_range(0..10)];
        let mut parts = Vec::new();
        let step = [1.0, 1.0, 1.0, 0.5, 2.0][rng.random_range(0..5)];
        let mut add = |name: String,
                       entity,
                       tau: (f64, f64),
                       idle: (f64, f64),
                       heat: (f64, f64),
                       rng: &mut SmallRng| {
            let idle = rng.random_range(idle.0..idle.1);
            parts.push(Part {
                is_inlet: entity == 55,
                reads_off: matches!(entity, 55 | 7 | 10),
                own: None,
                tau: rng.random_range(tau.0..tau.1),
                heat: rng.random_range(heat.0..heat.1),
                excess: idle,
                extra: 0.0,
                noise: rng.random_range(0.05..0.4),
                limits: rng.random_bool(0.8),
                name,
                entity,
                idle,
                step,
            });
        };
        if rng.random_bool(0.75) {
            add("Inlet Temp".to_owned(), 55, (20.0, 60.0), (0.0, 0.5), (0.0, 0.01), rng);
        }
        for cpu in 1..=rng.random_range(1..3) {
            add(format!("CPU{cpu} Temp"), 3, (4.0, 15.0), (10.0, 18.0), (18.0, 35.0), rng);
        }
        for dimm in 0..rng.random_range(0..5) {
            add(format!("DIMM {dimm} Temp"), 32, (60.0, 150.0), (6.0, 12.0), (3.0, 10.0), rng);
        }
        for vr in 0..rng.random_range(0..3) {
            add(format!("VRM{vr} Temp"), 7, (15.0, 60.0), (10.0, 20.0), (8.0, 22.0), rng);
        }
        for (name, entity, tau, idle, heat, chance) in [
            ("PCH Temp", 7, (90.0, 250.0), (14.0, 25.0), (1.0, 6.0), 0.8),
            ("HD Max", 4, (500.0, 1_500.0), (4.0, 10.0), (1.0, 4.0), 0.6),
            ("Exhaust Temp", 7, (30.0, 90.0), (6.0, 12.0), (5.0, 14.0), 0.4),
            ("PSU1 Temp", 10, (100.0, 300.0), (5.0, 12.0), (3.0, 10.0), 0.6),
            ("PSU2 Temp", 10, (100.0, 300.0), (5.0, 12.0), (3.0, 10.0), 0.4),
            ("NIC Temp", 11, (60.0, 200.0), (15.0, 30.0), (0.0, 8.0), 0.4),
            ("NVMe 1 Temp", 4, (25.0, 80.0), (10.0, 18.0), (12.0, 28.0), 0.3),
            ("GPU1 Temp", 11, (4.0, 12.0), (10.0, 18.0), (25.0, 40.0), 0.15),
        ] {
            if rng.random_bool(chance) {
                add(name.to_owned(), entity, tau, idle, heat, rng);
            }
        }
        for part in &mut parts {
            if part.name.starts_with("NVMe") || part.name.starts_with("GPU") {
                part.own = Some(0.0);
            }
        }
        let least = rng.random_range(0.12..0.4);
        let fans = (0..rng.random_range(2..9))
            .map(|_| Fan { share: rng.random_range(0.9..1.0), lag: least })
            .collect();
        Self {
            interval,
            shown: vec![0.0; parts.len()],
            parts,
            fans,
            fans_in_rpm: rng.random_bool(0.7).then(|| rng.random_range(6_000.0..18_000.0)),
            watts: rng
                .random_bool(0.6)
                .then(|| (rng.random_range(60.0..200.0), rng.random_range(100.0..500.0))),
            air: Air {
                base: rng.random_range(18.0..26.0),
                day: rng.random_range(0.0..3.0),
                phase: rng.random_range(0.0..TAU),
                cycle: rng.random_range(0.0..1.0),
                period: rng.random_range(480.0..1_800.0),
                door: 0.0,
                now: 22.0,
            },
            control: Control {
                least,
                target: rng.random_range(50.0..65.0),
                gain: rng.random_range(0.01..0.04),
                step: [0.01, 0.02, 0.05, 0.1][rng.random_range(0..4)],
                ratio: least,
            },
            refresh: [1, 1, 2, 5, 10, 30][rng.random_range(0..6)],
            refreshed: None,
            load: 0.1,
            next: 0,
            is_busy: true,
            pace: rng.random_range(0.3..3.0),
            on: true,
            full_until: 0,
            door_until: 0,
        }
    }

    /// Seconds from poll to poll.
    pub(crate) fn interval(&self) -> u64 {
        self.interval
    }

    /// What its exporter is told.
    pub(crate) fn setup(&self) -> Setup {
        let mut sensors: Vec<Sensor> = Vec::new();
        for (number, part) in (1..).zip(&self.parts) {
            // As makers set them: a good way above what the part has at work.
            let limit = (35.0 + part.idle + part.heat * 1.5).ceil() + 8.0;
            let limits =
                vec![(Level::UpperNonCritical, limit), (Level::UpperCritical, limit + 8.0)];
            sensors.push(Sensor {
                id: format!("32.0.{number}"),
                name: part.name.clone(),
                entity: part.entity,
                quantity: Quantity::Temperature,
                thresholds: if part.limits { limits } else { Vec::new() },
            });
        }
        for number in 1..=self.fans.len() {
            let limit = self.fans_in_rpm.map(|full| (Level::LowerCritical, (full * 0.04).round()));
            sensors.push(Sensor {
                id: format!("32.0.{}", 100 + number),
                name: format!("FAN{number}"),
                entity: 29,
                quantity: if limit.is_some() { Quantity::FanSpeed } else { Quantity::FanRatio },
                thresholds: limit.into_iter().collect(),
            });
        }
        if self.watts.is_some() && !self.is_metered_by_dcmi() {
            sensors.push(Sensor {
                id: "32.0.200".to_owned(),
                name: "Power Meter".to_owned(),
                entity: 7,
                quantity: Quantity::Power,
                thresholds: Vec::new(),
            });
        }
        Setup {
            target: "m".to_owned(),
            site: String::new(),
            rack: String::new(),
            interval: Duration::from_secs(self.interval),
            sensors,
            has_state_file: true,
        }
    }

    /// Lets time pass until a second.
    pub(crate) fn pass(&mut self, second: u64, seconds: u64, rng: &mut SmallRng) {
        let mut left = seconds;
        while left > 0 {
            let step = left.min(5);
            left -= step;
            self.step(second - left.min(second), step as f64, rng);
        }
        if self.refreshed.is_none_or(|last| second >= last + self.refresh) {
            self.refreshed = Some(second);
            for (shown, part) in self.shown.iter_mut().zip(&self.parts) {
                let exact = self.air.now + part.excess + part.extra + noise(rng, part.noise);
                *shown = (exact / part.step).round() * part.step;
            }
        }
    }

    fn step(&mut self, second: u64, seconds: f64, rng: &mut SmallRng) {
        if second >= self.next {
            self.is_busy = !self.is_busy;
            self.load =
                if self.is_busy { rng.random_range(0.3..1.0) } else { rng.random_range(0.0..0.2) };
            let minutes = if self.is_busy { 5.0..90.0 } else { 10.0..120.0 };
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "minutes")]
            let lasts = (rng.random_range(minutes) * 60.0 * self.pace) as u64;
            self.next = second + lasts.max(60);
            for part in &mut self.parts {
                if part.own.is_some() {
                    part.own =
                        Some(if rng.random_bool(0.4) { rng.random_range(0.3..1.0) } else { 0.0 });
                }
            }
        }
        let door = if second < self.door_until { 3.0 } else { 0.0 };
        let air = &mut self.air;
        air.door += (door - air.door) * (seconds / 90.0).min(1.0);
        let time = second as f64;
        air.now = air.base
            + air.day * (TAU * time / 86_400.0 + air.phase).sin()
            + air.cycle * (TAU * time / air.period).sin()
            + air.door;
        let jitter = noise(rng, 0.02);
        let load = if self.on { (self.load + jitter).clamp(0.0, 1.0) } else { 0.0 };
        let speed = if self.on { self.control.ratio.max(0.05) } else { 0.05 };
        for part in &mut self.parts {
            let work = part.own.map_or(load, |own| if self.on { own } else { 0.0 });
            let power = if self.on { part.idle + part.heat * work } else { part.idle * 0.1 };
            let wanted =
                if part.is_inlet { part.idle } else { power * (speed / NOMINAL).powf(-0.4) };
            let tau = if self.on { part.tau } else { part.tau * 3.0 };
            part.excess += (wanted - part.excess) * (1.0 - (-seconds / tau).exp());
            part.extra *= (-seconds / part.tau).exp();
        }
        self.turn(second, seconds);
    }

    /// The fans' controller, which waits until it is worth it.
    fn turn(&mut self, second: u64, seconds: f64) {
        let hottest = self.hottest();
        let control = &mut self.control;
        let air = (self.air.now - 24.0).max(0.0) * 0.01;
        let wanted = control.least + air + control.gain * (hottest - control.target).max(0.0);
        let wanted = if second < self.full_until { 1.0 } else { wanted.min(1.0) };
        if (wanted - control.ratio).abs() > control.step {
            let most = 0.05 * seconds;
            let stepped = (wanted / control.step).round() * control.step;
            control.ratio += (stepped - control.ratio).clamp(-most, most);
            control.ratio = control.ratio.clamp(control.least, 1.0);
        }
        for fan in &mut self.fans {
            let wanted = if self.on { control.ratio * fan.share } else { 0.0 };
            fan.lag += (wanted - fan.lag) * (seconds / 4.0).min(1.0);
        }
    }

    /// The hottest of the processors.
    pub(crate) fn hottest(&self) -> f64 {
        let cpus = self.parts.iter().filter(|it| it.entity == 3 || it.name.starts_with("GPU"));
        cpus.map(|it| self.air.now + it.excess).fold(0.0, f64::max)
    }

    /// What the BMC says of each sensor.
    pub(crate) fn read(&self, second: u64, rng: &mut SmallRng) -> Vec<Reading> {
        let is_post = second + 60 < self.full_until;
        let mut readings: Vec<Reading> = self
            .parts
            .iter()
            .zip(&self.shown)
            .map(|(part, shown)| match part.entity {
                // While it boots, the processors and the memory do not answer yet.
                3 | 32 if is_post => Reading::Unreadable,
                _ if self.on || part.reads_off => Reading::Value(*shown),
                _ => Reading::Unreadable,
            })
            .collect();
        for fan in &self.fans {
            let exact = (fan.lag * (1.0 + noise(rng, 0.008))).clamp(0.0, 1.0);
            let exact = if exact < 0.02 { 0.0 } else { exact };
            readings.push(Reading::Value(match self.fans_in_rpm {
                Some(full) => (exact * full / 60.0).round() * 60.0,
                None => (exact * 100.0).round() / 100.0,
            }));
        }
        if !self.is_metered_by_dcmi() {
            readings.extend(self.draws(rng).map(Reading::Value));
        }
        readings
    }

    /// What it draws, if it has a meter, watts.
    fn draws(&self, rng: &mut SmallRng) -> Option<f64> {
        let (idle, more) = self.watts?;
        let fans = 40.0 * self.control.ratio.powi(3);
        let exact = idle + more * self.load * (1.0 + noise(rng, 0.02)) + fans;
        Some(if self.on { (exact / 4.0).round() * 4.0 } else { 8.0 })
    }

    /// Whether its meter is no sensor. By something that is drawn already, so that the other machines are
    /// the same from commit to commit.
    fn is_metered_by_dcmi(&self) -> bool {
        self.air.phase < TAU / 3.0
    }

    /// What the BMC says beside its sensors that it draws, watts; `None` where it does not say.
    #[expect(
        clippy::option_option,
        reason = "a meter that gives nothing now is not a BMC without one"
    )]
    pub(crate) fn dcmi(&self, rng: &mut SmallRng) -> Option<Option<f64>> {
        (self.is_metered_by_dcmi() && self.watts.is_some()).then(|| self.draws(rng))
    }

    /// Switches it on or off; on, it boots for so many seconds.
    pub(crate) fn switch(&mut self, on: bool, second: u64, boots: u64) {
        self.on = on;
        if on {
            self.full_until = second + boots;
            self.control.ratio = 1.0;
        }
    }

    /// Whether it is on.
    pub(crate) fn is_on(&self) -> bool {
        self.on
    }

    /// Opens the door of the aisle until a second.
    pub(crate) fn open_door(&mut self, until: u64) {
        self.door_until = until;
    }

    /// Whether there is a bay for drives.
    pub(crate) fn has_drive(&self) -> bool {
        self.parts.iter().any(|it| it.name == "HD Max")
    }

    /// Puts in a drive that comes from a warmer place.
    pub(crate) fn put_in_drive(&mut self, warmer: f64) {
        if let Some(bay) = self.parts.iter_mut().find(|it| it.name == "HD Max") {
            bay.extra = warmer;
        }
    }

    /// The machine in a few words.
    pub(crate) fn shown(&self) -> String {
        let names: Vec<_> = self.parts.iter().map(|it| it.name.as_str()).collect();
        format!(
            "[{}; {} fans, step {}, refresh {} s, air {:.1}]",
            names.join(", "),
            self.fans.len(),
            self.control.step,
            self.refresh,
            self.air.now
        )
    }
}

/// About normal, of that width.
fn noise(rng: &mut SmallRng, width: f64) -> f64 {
    let sum: f64 = (0..4).map(|_| rng.random_range(-1.0..1.0)).sum();
    sum * width * 0.87
}
