//! One machine of a history, polled again. No I/O, no clock.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::history::{Key, Place, Recorded, Series, Tells};
use super::poll::{Poll, Reader, moments};
use super::report::{Opened, Sum, days, time};
use crate::simulation::{Machine, Reading, Setup, Verdict};

/// Milliseconds without a poll after which nothing is said of a machine any more.
const SILENT: i64 = 900_000;

/// A machine, and what is held of it so far.
#[derive(Debug)]
pub(super) struct Player {
    place: Place,
    machine: Option<Machine>,
    /// Who tells of it: of two exporters, one is heard.
    source: Option<String>,
    held: BTreeMap<Which, Opened>,
    /// The first and the last moment.
    span: Option<(i64, i64)>,
    /// When the poll that was fed last was made, as its exporter said.
    success: Option<f64>,
    /// Verdicts that began, by level.
    begun: [usize; 3],
}

/// A verdict: what, of which sensor by name, since when. The id is not among them, since a sensor moves
/// it when another one vanishes; the last is the number of those that are alike.
type Which = (&'static str, String, Duration, usize);

impl Player {
    /// A machine of which nothing is known.
    pub(super) fn new(place: &Place) -> Self {
        let place = place.clone();
        let (held, begun) = (BTreeMap::new(), [0; 3]);
        Self { place, machine: None, source: None, held, span: None, success: None, begun }
    }

    /// Plays what comes after all that was played, and writes a line for each verdict that ends.
    pub(super) fn play(&mut self, recorded: Recorded, out: &mut impl Write) -> anyhow::Result<()> {
        let Some(series) = self.heard(recorded) else { return Ok(()) };
        let last = self.span.map_or(i64::MIN, |(_, last)| last);
        // Two that touch may both have the moment in which they do.
        let moments = moments(&series, last);
        let end = series.iter().filter_map(|it| it.samples.last()).map(|(at, _)| *at).max();
        ensure!(
            !moments.is_empty() || end.is_none_or(|end| end >= last),
            "machine {}: ends at {}, before what was read before it: name the files in the order of \
             their times",
            self.place,
            time(end.unwrap_or_default())
        );
        let place = self.place.clone();
        let (places, sensors) =
            self.learn(&series, &moments).with_context(|| format!("machine {place}"))?;
        let mut reader = Reader::new(&series, &places, sensors);
        moments.into_iter().try_for_each(|at| self.feed(at, &reader.poll(at), out))
    }

    /// Writes what is still held, and what came of all.
    pub(super) fn end(self, sum: &mut Sum, out: &mut impl Write) -> anyhow::Result<()> {
        let Some((first, last)) = self.span else { return Ok(()) };
        for opened in self.held.values() {
            writeln!(out, "{}", opened.line(&self.place, None))?;
        }
        let [infos, tickets, pages] = self.begun;
        let (place, days) = (&self.place, days(last - first));
        writeln!(
            out,
            "RESULT backtest machine={place} days={days:.2} pages={pages} tickets={tickets} infos={infos}"
        )?;
        sum.add(days, self.begun);
        Ok(())
    }

    /// Of those that tell of the machine, the one that was heard before, else the one that tells most.
    fn heard(&mut self, mut recorded: Recorded) -> Option<Vec<Series>> {
        let values = |series: &Vec<Series>| -> usize {
            let values = series.iter().filter(|it| matches!(it.tells, Tells::Value(_)));
            values.map(|it| it.samples.len()).sum()
        };
        let is_heard = |source: &String| recorded.get(source).is_some_and(|it| values(it) > 0);
        let most = || {
            let most = recorded.iter().max_by_key(|(_, it)| values(it));
            most.map(|(source, _)| source.clone())
        };
        let source = self.source.take().filter(is_heard).or_else(most)?;
        let series = recorded.remove(&source);
        self.source = Some(source);
        series
    }

    /// Learns of the sensors; returns their places, and how many the machine has.
    fn learn(
        &mut self,
        series: &[Series],
        moments: &[i64],
    ) -> anyhow::Result<(BTreeMap<Key, usize>, usize)> {
        let machine = match &mut self.machine {
            Some(machine) => machine,
            none => none.insert(Machine::new(setup(moments), None)?),
        };
        let mut thresholds: BTreeMap<&Key, Vec<_>> = BTreeMap::new();
        for one in series {
            if let (Tells::Threshold(key, level), Some((_, value))) =
                (&one.tells, one.samples.last())
                && value.is_finite()
            {
                thresholds.entry(key).or_default().push((*level, *value));
            }
        }
        let mut places = BTreeMap::new();
        for one in series {
            let Tells::Value(sensor) = &one.tells else { continue };
            let key = (sensor.id.clone(), sensor.name.clone());
            let mut sensor = sensor.clone();
            sensor.thresholds = thresholds.get(&key).cloned().unwrap_or_default();
            places.insert(key, machine.know(sensor)?);
        }
        Ok((places, machine.sensors()))
    }

    fn feed(&mut self, at: i64, poll: &Poll, out: &mut impl Write) -> anyhow::Result<()> {
        // Where Prometheus lost the exporter, it says so of each series with NaN, in a dump of its own.
        let Some(answered) = poll.answered.or(poll.has_value.then_some(true)) else {
            return Ok(());
        };
        if answered && poll.success.is_some() && poll.success == self.success {
            return Ok(());
        }
        let last = self.span.map_or(at, |(_, last)| last);
        if at - last > SILENT {
            self.look(last + SILENT + 1_000, out)?;
        }
        self.span = Some((self.span.map_or(at, |(first, _)| first), at));
        let Some(machine) = &mut self.machine else { return Ok(()) };
        if answered {
            self.success = poll.success;
            machine.chassis(poll.is_on);
            machine.watts(poll.watts);
        }
        let is_listed = poll.readings.iter().any(|it| *it != Reading::Gone);
        machine.poll(since_epoch(at), (answered && is_listed).then_some(&poll.readings[..]));
        self.look(at, out)
    }

    /// Takes down what is held now.
    fn look(&mut self, at: i64, out: &mut impl Write) -> anyhow::Result<()> {
        let Some(machine) = &self.machine else { return Ok(()) };
        let said = machine.verdicts(since_epoch(at)).unwrap_or_default();
        if said.is_empty() && self.held.is_empty() {
            return Ok(());
        }
        let mut now: BTreeMap<Which, Verdict> = BTreeMap::new();
        for verdict in said {
            let name = verdict.sensor.as_ref().map(|(_, name)| name.clone()).unwrap_or_default();
            let mut which = (verdict.verdict, name, verdict.since, 0);
            while now.contains_key(&which) {
                which.3 += 1;
            }
            now.insert(which, verdict);
        }
        let over: Vec<_> = self.held.keys().filter(|it| !now.contains_key(*it)).cloned().collect();
        for which in over {
            if let Some(opened) = self.held.remove(&which) {
                writeln!(out, "{}", opened.line(&self.place, Some(at)))?;
            }
        }
        for (which, verdict) in now {
            let before = self.held.get(&which);
            let (begin, level) = before.map_or((at, 0), |it| (it.begin, it.verdict.level));
            if verdict.level > level {
                // One that rises from a ticket to a page counts once, as what it became.
                let count = |level: u8| usize::from(level).checked_sub(1);
                if let Some(count) = count(level).and_then(|it| self.begun.get_mut(it)) {
                    *count -= 1;
                }
                if let Some(count) = count(verdict.level).and_then(|it| self.begun.get_mut(it)) {
                    *count += 1;
                }
                self.held.insert(which, Opened { begin, verdict });
            }
        }
        Ok(())
    }
}

fn setup(moments: &[i64]) -> Setup {
    let mut gaps: Vec<i64> = moments.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_unstable();
    let usual = gaps.get(gaps.len() / 2).copied().unwrap_or(60_000).clamp(1_000, 3_600_000);
    Setup {
        // The history's own may be none that a config takes.
        target: "machine".to_owned(),
        site: String::new(),
        rack: String::new(),
        interval: since_epoch(usual),
        sensors: Vec::new(),
        has_state_file: false,
    }
}

fn since_epoch(milliseconds: i64) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default())
}
