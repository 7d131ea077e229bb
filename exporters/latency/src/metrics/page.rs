//! The page of metrics: metric by metric, and within each, target by target.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use exporter_kit::Targets;
use exporter_kit::config::Vantage;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeMetric, LabelSetEncoder, MetricEncoder,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::counts::ReceiveQueue;
use crate::clock::Clock;
use crate::config::{Labels, Work};
use crate::icmp::{Icmp, SocketFigures};
use crate::outcome::{Failure, Seen};
use crate::standing::{Address, Standing};
use crate::state::{CurrentVantage, TargetState};

/// What identifies one series: the vantage's labels, the target's if it is of one, and its own.
#[derive(Debug)]
struct Series<'a> {
    vantage: &'a Vantage,
    row: Option<&'a Row<'a>>,
    own: &'a [(&'a str, &'a str)],
}

impl EncodeLabelSet for Series<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        let mut label = |name: &str, value: &str| EncodeLabelSet::encode(&[(name, value)], encoder);
        label("vantage", &self.vantage.name)?;
        label("region", &self.vantage.region)?;
        if let Some(Row { state, labels, .. }) = self.row {
            label("target", state.name())?;
            label("module", &labels.module)?;
            label("role", labels.role.as_str())?;
        }
        self.own.iter().try_for_each(|(name, value)| label(name, value))
    }
}

/// Renders all of it: metric by metric, and within each, target by target.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Where this exporter stands.
    pub(crate) vantage: Arc<CurrentVantage>,
    /// What it probes.
    pub(crate) targets: Arc<Targets<Work, TargetState, Labels>>,
    /// Its ICMP sockets.
    pub(crate) icmp: Icmp,
    /// How promptly they are read.
    pub(crate) queue: ReceiveQueue,
    /// The time of a scrape.
    pub(crate) clock: Clock,
}

impl Collector for Metrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let states = self.targets.states();
        let page = Page {
            vantage: &self.vantage.get(),
            targets: states.iter().map(|state| Row::of(state)).collect(),
            sockets: self.icmp.sockets(),
            queue: &self.queue,
            now: self.clock.now().monotonic,
        };
        page.encode(encoder)
    }
}

/// One target in one scrape: copies, so that rendering holds no lock.
#[derive(Debug)]
pub(super) struct Row<'a> {
    state: &'a TargetState,
    labels: Arc<Labels>,
    standing: Standing,
}

impl<'a> Row<'a> {
    pub(super) fn of(state: &'a TargetState) -> Self {
        Self { state, labels: state.labels(), standing: state.standing().clone() }
    }
}

/// One scrape's data.
pub(super) struct Page<'a> {
    pub(super) vantage: &'a Vantage,
    pub(super) targets: Vec<Row<'a>>,
    pub(super) sockets: Vec<SocketFigures>,
    pub(super) queue: &'a ReceiveQueue,
    pub(super) now: Duration,
}

impl Page<'_> {
    pub(super) fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        self.probes(encoder)?;
        self.state(encoder)?;
        self.times(encoder)?;
        self.addresses(encoder)?;
        self.strays(encoder)?;
        self.sockets(encoder)?;
        self.vantage(encoder)
    }

    fn probes(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = "latency_probes";
        let help = "Probes, each counted once, when it was decided.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for row in &self.targets {
            self.put(&mut family, row, &[], &row.state.counts.probes)?;
        }
        let name = "latency_probe_failures";
        let help = "Probes that failed, by reason.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for row in &self.targets {
            for reason in Failure::ALL {
                let own = [("reason", reason.as_str())];
                self.put(&mut family, row, &own, row.state.counts.failed(reason))?;
            }
        }
        Ok(())
    }

    fn state(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = "latency_up";
        let help =
            "Whether any address answered in the newest round that says something of the target.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for row in &self.targets {
            let up = row.standing.is_up(self.now).map(u32::from);
            self.put_if(&mut family, row, &[], up)?;
        }
        let name = "latency_last_success_timestamp";
        let help = "When a probe last succeeded, as seconds since the epoch; 0 for never.";
        let unit = Some(&Unit::Seconds);
        let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        for row in &self.targets {
            self.put_if(&mut family, row, &[], row.standing.last_success(self.now))?;
        }
        let name = "latency_consecutive_failures";
        let help = "Rounds in a row, up to now, in which no address answered.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for row in &self.targets {
            let failures = row.standing.consecutive_failures() as f64;
            self.put_if(&mut family, row, &[], Some(failures))?;
        }
        Ok(())
    }

    fn times(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let unit = Some(&Unit::Seconds);
        let name = "latency_probe_duration";
        let help = "Time of the whole probe, if an answer came; the timeout, if none came.";
        let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Histogram)?;
        for row in &self.targets {
            self.put(&mut family, row, &[], &row.state.counts.durations)?;
        }
        let name = "latency_phase_duration";
        let help = "Time of each part of a probe; of the part that a timeout cut, until then.";
        let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Histogram)?;
        for row in &self.targets {
            for (phase, histogram) in &row.state.counts.phases {
                self.put(&mut family, row, &[("phase", phase.as_str())], histogram)?;
            }
        }
        let name = "latency_rtt_min";
        let help = "Smallest round trip (ICMP echo or TCP handshake) of the last minute.";
        let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        for (row, slot, address) in self.slots() {
            let min = address.min_rtt(self.now).map(|rtt| rtt.as_secs_f64());
            self.put_if(&mut family, row, &[("slot", &slot), ("window", "1m")], min)?;
        }
        Ok(())
    }

    fn addresses(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = "latency_addresses";
        let help = "Addresses that the target has; the first four in order are probed.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for row in &self.targets {
            let found = row.standing.is_up(self.now).map(|_| row.standing.found() as f64);
            self.put_if(&mut family, row, &[], found)?;
        }
        let name = "latency_address_up";
        let help = "Whether the newest decided probe of this address succeeded.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (row, slot, address) in self.slots() {
            let up = address.is_up(self.now).map(u32::from);
            self.put_if(&mut family, row, &[("slot", &slot)], up)?;
        }
        let name = "latency_address";
        let help = "The address that is probed as this slot.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Info)?;
        for (row, slot, address) in self.slots() {
            let ip = address.ip.to_string();
            self.info(&mut family, Some(row), &[("slot", &slot), ("address", &ip)])?;
        }
        let name = "latency_http_status_code";
        let help = "HTTP status that the newest decided probe of this address got.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (row, slot, address) in self.slots() {
            if let Some(Seen::Http { status }) = address.seen(self.now) {
                self.put_if(&mut family, row, &[("slot", &slot)], Some(status))?;
            }
        }
        Ok(())
    }

    fn strays(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let echoed = || self.targets.iter().filter(|row| row.state.has_echoes);
        let name = "latency_icmp_late_replies";
        let help = "Echo replies that came after the timeout; their probes count as failed.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for row in echoed() {
            let late = ConstCounter::new(row.state.counts.strays.late.load(Ordering::Relaxed));
            self.put(&mut family, row, &[], &late)?;
        }
        let name = "latency_icmp_duplicate_replies";
        let help = "Echo replies that came again.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for row in echoed() {
            let duplicate =
                ConstCounter::new(row.state.counts.strays.duplicate.load(Ordering::Relaxed));
            self.put(&mut family, row, &[], &duplicate)?;
        }
        Ok(())
    }

    fn sockets(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = "latency_icmp_socket";
        let help = "How echoes of this family are sent: dgram is unprivileged, raw is not.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Info)?;
        for socket in &self.sockets {
            self.info(&mut family, None, &[("family", socket.family), ("mode", socket.mode)])?;
        }
        let name = "latency_icmp_receive_buffer_drops";
        let help = "Packets that the kernel dropped: the socket had no room, or they were damaged.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for socket in &self.sockets {
            if let Some(dropped) = socket.dropped {
                let own = [("family", socket.family)];
                let series = self.series(None, &own);
                ConstCounter::new(u64::from(dropped)).encode(family.encode_family(&series)?)?;
            }
        }
        let name = "latency_icmp_receive_queue";
        let help =
            "Time that replies lay in the socket before they were read; not part of any rtt.";
        let unit = Some(&Unit::Seconds);
        let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Histogram)?;
        self.queue.0.encode(family.encode_family(&self.series(None, &[]))?)
    }

    fn vantage(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Vantage { country, site, asn, place, .. } = self.vantage;
        let asn = asn.map(|asn| asn.to_string());
        let own: Vec<(&str, &str)> = [("country", country), ("site", site), ("asn", &asn)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)))
            .collect();
        let name = "latency_vantage";
        let help = "Where this exporter stands.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Info)?;
        self.info(&mut family, None, &own)?;
        let Some((latitude, longitude)) = *place else { return Ok(()) };
        let unit = Unit::Other("degrees".to_owned());
        for (name, help, degrees) in [
            ("latency_vantage_latitude", "Degrees north.", latitude),
            ("latency_vantage_longitude", "Degrees east.", longitude),
        ] {
            let mut family =
                encoder.encode_descriptor(name, help, Some(&unit), MetricType::Gauge)?;
            ConstGauge::new(degrees).encode(family.encode_family(&self.series(None, &[]))?)?;
        }
        Ok(())
    }

    /// Every probed address of every target, with its slot.
    fn slots(&self) -> impl Iterator<Item = (&Row<'_>, String, &Address)> {
        self.targets.iter().flat_map(|row| {
            let addresses = row.standing.addresses().iter().enumerate();
            addresses.map(move |(slot, address)| (row, slot.to_string(), address))
        })
    }

    fn series<'a>(&'a self, row: Option<&'a Row<'a>>, own: &'a [(&'a str, &'a str)]) -> Series<'a> {
        Series { vantage: self.vantage, row, own }
    }

    fn put(
        &self,
        family: &mut MetricEncoder<'_>,
        row: &Row<'_>,
        own: &[(&str, &str)],
        metric: &impl EncodeMetric,
    ) -> fmt::Result {
        metric.encode(family.encode_family(&self.series(Some(row), own))?)
    }

    /// A gauge, or nothing: what is not known is absent.
    fn put_if(
        &self,
        family: &mut MetricEncoder<'_>,
        row: &Row<'_>,
        own: &[(&str, &str)],
        value: Option<impl Into<f64>>,
    ) -> fmt::Result {
        match value {
            Some(value) => self.put(family, row, own, &ConstGauge::new(value.into())),
            None => Ok(()),
        }
    }

    fn info(
        &self,
        family: &mut MetricEncoder<'_>,
        row: Option<&Row<'_>>,
        own: &[(&str, &str)],
    ) -> fmt::Result {
        family.encode_info(&self.series(row, own))
    }
}
