//! What a day does to a machine and to its BMC, none of which is a fault.

use rand::RngExt as _;
use rand::rngs::SmallRng;
use turbulence_ipmi::simulation::Reading;

use super::plant::Plant;

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// The system starts anew; the fans run at full speed for so many seconds.
    Reboot(u64),
    /// It is switched off for so many seconds.
    Off(u64),
    /// The BMC does not answer for so many seconds.
    Hang(u64),
    /// The BMC restarts, and says 0 of everything at first.
    Reset(u64),
    /// The exporter restarts.
    Restart,
    /// A door is open for so many seconds.
    Door(u64),
    /// A drive is put in, so many degrees warmer.
    WarmDrive(f64),
}

/// Events by the second they begin at, and what they are about now.
pub(crate) struct Life {
    events: Vec<(u64, Event)>,
    next: usize,
    silent_until: u64,
    zero_until: u64,
    on_at: Option<u64>,
    /// How often a poll is missed.
    misses: f64,
    /// How often a reading is nonsense.
    glitches: f64,
    /// Where the last nonsense was: twice in a row would be none.
    last: Option<usize>,
}

impl Life {
    /// A day that is fuller than most.
    pub(crate) fn draw(rng: &mut SmallRng, has_drive: bool) -> Self {
        let mut events = Vec::new();
        let mut maybe = |chance: f64, rng: &mut SmallRng, event: fn(&mut SmallRng) -> Event| {
            if rng.random_bool(chance) {
                events.push((rng.random_range(0..86_000), event(rng)));
            }
        };
        maybe(0.2, rng, |rng| Event::Reboot(rng.random_range(20..200)));
        maybe(0.1, rng, |rng| Event::Off(rng.random_range(30..7_200)));
        maybe(0.3, rng, |rng| Event::Hang(rng.random_range(60..1_500)));
        maybe(0.1, rng, |rng| Event::Reset(rng.random_range(60..150)));
        maybe(0.3, rng, |_| Event::Restart);
        maybe(0.15, rng, |rng| Event::Door(rng.random_range(60..300)));
        if has_drive {
            maybe(0.05, rng, |rng| Event::WarmDrive(rng.random_range(5.0..14.0)));
        }
        events.sort_by_key(|(at, _)| *at);
        Self {
            events,
            next: 0,
            silent_until: 0,
            zero_until: 0,
            on_at: None,
            misses: rng.random_range(0.0..0.01),
            glitches: rng.random_range(0.0..0.0005),
            last: None,
        }
    }

    /// Lets happen what happens until a second.
    pub(crate) fn act(&mut self, second: u64, plant: &mut Plant, rng: &mut SmallRng) {
        if self.on_at.is_some_and(|at| second >= at) {
            self.on_at = None;
            plant.switch(true, second, rng.random_range(30..180));
        }
        while let Some((at, event)) = self.events.get(self.next).filter(|(at, _)| *at <= second) {
            match event {
                Event::Reboot(boots) => plant.switch(true, second, *boots),
                Event::Off(lasts) => {
                    plant.switch(false, second, 0);
                    self.on_at = Some(second + lasts);
                }
                Event::Hang(lasts) => self.silent_until = second + lasts,
                Event::Reset(lasts) => {
                    self.silent_until = second + lasts;
                    self.zero_until = self.silent_until + 2 * plant.interval().min(10);
                }
                Event::Door(lasts) => plant.open_door(at + lasts),
                Event::WarmDrive(warmer) => plant.put_in_drive(*warmer),
                Event::Restart => {}
            }
            self.next += 1;
        }
    }

    /// Whether the exporter restarts in the interval that ends at a second.
    pub(crate) fn restarts_exporter(&self, second: u64, interval: u64) -> bool {
        let now = (second + 1).saturating_sub(interval)..=second;
        self.events.iter().any(|(at, it)| matches!(it, Event::Restart) && now.contains(at))
    }

    /// Whether there is no poll this time.
    pub(crate) fn misses_poll(&self, rng: &mut SmallRng) -> bool {
        rng.random_bool(self.misses)
    }

    /// Whether the BMC answers.
    pub(crate) fn answers(&self, second: u64) -> bool {
        second >= self.silent_until
    }

    /// What the BMC says, nonsense included: never of one sensor twice in a row.
    pub(crate) fn read(&mut self, second: u64, plant: &Plant, rng: &mut SmallRng) -> Vec<Reading> {
        let mut readings = plant.read(second, rng);
        if second < self.zero_until {
            readings.fill(Reading::Value(0.0));
            return readings;
        }
        let mut said = None;
        if rng.random_bool(self.glitches) {
            let place = rng.random_range(0..readings.len());
            if self.last != Some(place)
                && let Reading::Value(value) = readings[place]
            {
                said = Some(place);
                readings[place] = match rng.random_range(0..5) {
                    0 => Reading::Value(0.0),
                    1 => Reading::Value(255.0),
                    2 => Reading::Value(value + 40.0),
                    3 => Reading::Value((value - 30.0).max(1.0)),
                    _ => Reading::Unreadable,
                };
            }
        }
        self.last = said;
        readings
    }

    /// How much happens.
    pub(crate) fn events(&self) -> usize {
        self.events.len()
    }

    /// What happened in the hour before a second.
    pub(crate) fn shown(&self, second: u64) -> String {
        let last = self.events.iter().filter(|(at, _)| (at + 3_600) > second && *at <= second);
        let last: Vec<_> = last.map(|(at, event)| format!("{event:?}@{at}")).collect();
        last.join(" ")
    }
}
