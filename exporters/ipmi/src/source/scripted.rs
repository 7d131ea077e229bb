//! A source for tests alone, as unlike IPMI as can be.
//!
//! Ids with slashes, no records, one answer for 200 sensors that comes 12 s late, half of the sensors in
//! turn, thresholds that change by themselves, a margin, a list that is not complete, equal names,
//! reasons of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::command::Command;
use crate::entity::Entity;
use crate::metrics::counts::Traffic;
use crate::outcome::{PollFailure, ReadFailure};
use crate::sensor::list::{Lister, SensorList};
use crate::sensor::{Kind, Level, Quantity, Reading, Severity, Slot};
use crate::slow::{Answer, Log, Question};

/// How many sensors it has.
pub(crate) const SENSORS: usize = 200;
/// How late its one answer comes.
pub(crate) const LATE: Duration = Duration::from_secs(12);
/// In how many polls every sensor has its turn once.
pub(crate) const TURN: usize = 2;
/// The sensor that is a margin, by its place.
pub(crate) const MARGIN: usize = 0;
/// The one that is a setting.
pub(crate) const SETTING: usize = 1;
/// The one that is a state given as a number.
pub(crate) const DISCRETE: usize = 2;
/// The one that cannot be read.
pub(crate) const BROKEN: usize = 7;

/// What it does, and what was done with it; a test holds the other end.
#[derive(Debug)]
pub(crate) struct Script {
    /// What every temperature reads.
    pub(crate) celsius: f64,
    /// A sensor that reads something else, by its place.
    pub(crate) jumps: Option<(usize, f64)>,
    /// Whether the list is whole.
    pub(crate) complete: bool,
    /// A sensor that is not listed, by its place.
    pub(crate) gone: Option<usize>,
    /// A sensor that never has its turn, by its place.
    pub(crate) forgotten: Option<usize>,
    /// Whether it says of the half that has not its turn that there was no time for it.
    pub(crate) is_too_slow: bool,
    /// Why every poll fails.
    pub(crate) failure: Option<PollFailure>,
    /// Whether a good-bye is never answered.
    pub(crate) hangs: bool,
    /// How often a session was opened.
    pub(crate) opened: u32,
    /// How often one was closed.
    pub(crate) closed: u32,
}

impl Script {
    /// All is well but for the list, which is not whole.
    pub(crate) fn new() -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            celsius: 30.0,
            jumps: None,
            complete: false,
            gone: None,
            forgotten: None,
            is_too_slow: false,
            failure: None,
            hangs: false,
            opened: 0,
            closed: 0,
        }))
    }
}

#[derive(Debug)]
pub(crate) struct Scripted {
    script: Arc<Mutex<Script>>,
    is_open: bool,
    looks: usize,
    /// The places of the listed sensors among all.
    places: Vec<usize>,
    traffic: Traffic,
}

/// The id of the sensor at a place.
pub(crate) fn id(place: usize) -> String {
    format!("Chassis/Self/Sensors/{place}")
}

impl Scripted {
    pub(crate) fn new(script: Arc<Mutex<Script>>) -> Self {
        let traffic = Traffic::default();
        Self { script, is_open: false, looks: 0, places: Vec::new(), traffic }
    }

    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    #[expect(clippy::unused_async, reason = "other sources ask their BMC")]
    pub(super) async fn look(&mut self, _until: Instant) -> Result<Arc<SensorList>, PollFailure> {
        let mut script = self.script.lock().unwrap();
        if let Some(failure) = script.failure {
            self.is_open = false;
            self.traffic.session_failures.inc(failure);
            return Err(failure);
        }
        if !self.is_open {
            script.opened += 1;
            self.traffic.sessions += 1;
            self.is_open = true;
        }
        self.traffic.commands.inc(Command::Get);
        self.looks += 1;
        self.places = (0..SENSORS).filter(|place| script.gone != Some(*place)).collect();
        let limits = BTreeMap::new();
        let mut lister = Lister::new(&[], &limits);
        for place in &self.places {
            // Two and two have the same name.
            let (name, quantity, kind) = match *place {
                MARGIN => ("CPU 1 DTS".to_owned(), Quantity::Temperature, Kind::Margin),
                SETTING => ("EnforcedEDPp".to_owned(), Quantity::Power, Kind::Setting),
                DISCRETE => ("PCIe 5 OverTemp".to_owned(), Quantity::Temperature, Kind::Discrete),
                other => (format!("Bay {}", other / 2), Quantity::Temperature, Kind::Measured),
            };
            let known = lister.sensor(&id(*place), &name, Entity::Disk).unwrap();
            let thresholds = vec![(Level::UpperCritical, 60.0 + self.looks as f64)];
            lister.number(known, quantity, kind, thresholds);
        }
        let turn = u32::try_from(TURN).unwrap();
        Ok(Arc::new(SensorList { turn, ..lister.finish(script.complete) }))
    }

    pub(super) async fn read(
        &mut self,
        due: impl Fn(usize) -> bool,
        _until: Instant,
    ) -> Result<Vec<Slot>, PollFailure> {
        let asked = Instant::now();
        sleep(LATE).await;
        let answered = Instant::now();
        let script = self.script.lock().unwrap();
        let slot = |(listed, place): (usize, &usize)| match *place {
            place if script.forgotten == Some(place) || !due(listed) => Slot::NotAsked,
            place if place % TURN != self.looks % TURN => {
                if script.is_too_slow {
                    Slot::Failed(ReadFailure::Deadline)
                } else {
                    Slot::NotAsked
                }
            }
            BROKEN => Slot::Failed(ReadFailure::HttpStatus),
            place => Slot::Fresh(Reading {
                value: match script.jumps {
                    _ if place == DISCRETE => 0.0,
                    Some((jumps, celsius)) if jumps == place => celsius,
                    _ => script.celsius,
                },
                severity: Some(Severity::Nominal),
                asked,
                answered,
            }),
        };
        Ok(self.places.iter().enumerate().map(slot).collect())
    }

    #[expect(clippy::unused_async, reason = "other sources ask their BMC")]
    pub(super) async fn ask(&mut self, question: Question) -> Result<Answer, PollFailure> {
        self.traffic.commands.inc(Command::Get);
        match question {
            Question::Log => {
                Ok(Answer::Log(Log { entries: 70_000, free_bytes: None, last_entry: None }))
            }
            _ => Err(PollFailure::Licence),
        }
    }

    pub(super) fn spent(&mut self) -> Traffic {
        std::mem::take(&mut self.traffic)
    }

    pub(super) async fn close(self) {
        if self.script.lock().unwrap().hangs {
            std::future::pending::<()>().await;
        }
        if self.is_open {
            self.script.lock().unwrap().closed += 1;
        }
    }
}
