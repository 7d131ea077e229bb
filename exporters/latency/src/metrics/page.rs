//! The page of metrics: metric by metric, and within each, target by target.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use exporter_kit::Targets;
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
use crate::config::{Target, Vantage};
use crate::icmp::Icmp;
use crate::outcome::Failure;
use crate::standing::{Address, Standing};
use crate::state::{CurrentVantage, TargetLabels, TargetState};

/// The labels of one series: the vantage's, the target's if it is of one, and its own.
#[derive(Debug)]
struct Labels<'a> {
    vantage: &'a Vantage,
    target: Option<&'a TargetLabels>,
    own: &'a [(&'a str, &'a str)],
}

impl EncodeLabelSet for Labels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        let mut label = |name: &str, value: &str| EncodeLabelSet::encode(&[(name, value)], encoder);
        label("vantage", &self.vantage.name)?;
        label("region", &self.vantage.region)?;
        if let Some(of) = self.target {
            label("target", &of.target)?;
            label("module", &of.module)?;
            label("role", of.role.as_str())?;
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
    pub(crate) targets: Arc<Targets<Target, TargetState>>,
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
            // Copied, so that no lock is held while rendering.
            targets: states.iter().map(|state| (&**state, state.standing().clone())).collect(),
            sockets: self.icmp.sockets(),
            queue: &self.queue,
            now: self.clock.now().monotonic,
        };
        page.encode(encoder)
    }
}

/// One scrape's data.
pub(super) struct Page<'a> {
    pub(super) vantage: &'a Vantage,
    pub(super) targets: Vec<(&'a TargetState, Standing)>,
    pub(super) sockets: Vec<(&'static str, &'static str)>,
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
        for (state, _) in &self.targets {
            self.put(&mut family, state, &[], &state.counts.probes)?;
        }
        let name = "latency_probe_failures";
        let help = "Probes that failed, by reason.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (state, _) in &self.targets {
            for reason in Failure::ALL {
                let own = [("reason", reason.as_str())];
                self.put(&mut family, state, &own, state.counts.failed(reason))?;
            }
        }
        Ok(())
    }

    fn state(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = "latency_up";
        let help =
            "Whether any address answered in the newest round that says something of the target.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (state, standing) in &self.targets {
            let up = standing.is_up(self.now).map(u32::from);
            self.put_if(&mut family, state, &[], up)?;
        }
        let name = "latency_last_success_timestamp";
        let help = "When a probe last succeeded, as seconds since the epoch; 0 for never.";
        let unit = Some(&Unit::Seconds);
        let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        for (state, standing) in &self.targets {
            self.put_if(&mut family, state, &[], standing.last_success(self.now))?;
        }
        let name = "latency_consecutive_failures";
        let help = "Rounds in a row, up to now, in which no address answered.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (state, standing) in &self.targets {
            let failures = standing.consecutive_failures() as f64;
            self.put_if(&mut family, state, &[], Some(failures))?;
        }
        Ok(())
    }

    fn times(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let unit = Some(&Unit::Seconds);
        let name = "latency_probe_duration";
        let help = "Time of the whole probe, if an answer came; the timeout, if none came.";
        let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Histogram)?;
        for (state, _) in &self.targets {
            self.put(&mut family, state, &[], &state.counts.durations)?;
        }
        let name = "latency_phase_duration";
        let help = "Time of each part of a probe; of the part that a timeout cut, until then.";
        let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Histogram)?;
        for (state, _) in &self.targets {
            for (phase, histogram) in &state.counts.phases {
                self.put(&mut family, state, &[("phase", phase.as_str())], histogram)?;
            }
        }
        let name = "latency_rtt_min";
        let help = "Smallest round trip (ICMP echo or TCP handshake) of the last minute.";
        let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        for (state, slot, address) in self.slots() {
            let min = address.min_rtt(self.now).map(|rtt| rtt.as_secs_f64());
            self.put_if(&mut family, state, &[("slot", &slot), ("window", "1m")], min)?;
        }
        Ok(())
    }

    fn addresses(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = "latency_addresses";
        let help = "Addresses that the target has; the first four in order are probed.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (state, standing) in &self.targets {
            let found = standing.is_up(self.now).map(|_| standing.found() as f64);
            self.put_if(&mut family, state, &[], found)?;
        }
        let name = "latency_address_up";
        let help = "Whether the newest decided probe of this address succeeded.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (state, slot, address) in self.slots() {
            let up = address.is_up(self.now).map(u32::from);
            self.put_if(&mut family, state, &[("slot", &slot)], up)?;
        }
        let name = "latency_address";
        let help = "The address that is probed as this slot.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Info)?;
        for (state, slot, address) in self.slots() {
            let ip = address.ip.to_string();
            self.info(&mut family, Some(state), &[("slot", &slot), ("address", &ip)])?;
        }
        let name = "latency_http_status_code";
        let help = "HTTP status that the newest decided probe of this address got.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (state, slot, address) in self.slots() {
            let status = address.status(self.now).map(u32::from);
            self.put_if(&mut family, state, &[("slot", &slot)], status)?;
        }
        Ok(())
    }

    fn strays(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let echoed = || self.targets.iter().map(|(state, _)| *state).filter(|state| state.is_icmp);
        let name = "latency_icmp_late_replies";
        let help = "Echo replies that came after the timeout; their probes count as failed.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for state in echoed() {
            let late = ConstCounter::new(state.counts.strays.late.load(Ordering::Relaxed));
            self.put(&mut family, state, &[], &late)?;
        }
        let name = "latency_icmp_duplicate_replies";
        let help = "Echo replies that came again.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for state in echoed() {
            let duplicate =
                ConstCounter::new(state.counts.strays.duplicate.load(Ordering::Relaxed));
            self.put(&mut family, state, &[], &duplicate)?;
        }
        Ok(())
    }

    fn sockets(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = "latency_icmp_socket";
        let help = "How echoes of this family are sent: dgram is unprivileged, raw is not.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Info)?;
        for (of, mode) in &self.sockets {
            self.info(&mut family, None, &[("family", of), ("mode", mode)])?;
        }
        let name = "latency_icmp_receive_queue";
        let help =
            "Time that replies lay in the socket before they were read; not part of any rtt.";
        let unit = Some(&Unit::Seconds);
        let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Histogram)?;
        self.queue.0.encode(family.encode_family(&self.labels(None, &[]))?)
    }

    fn vantage(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Vantage { country, site, asn, place, .. } = self.vantage;
        let own: Vec<(&str, &str)> = [("country", country), ("site", site), ("asn", asn)]
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
            ConstGauge::new(degrees).encode(family.encode_family(&self.labels(None, &[]))?)?;
        }
        Ok(())
    }

    /// Every probed address of every target, with its slot.
    fn slots(&self) -> impl Iterator<Item = (&TargetState, String, &Address)> {
        self.targets.iter().flat_map(|(state, standing)| {
            let addresses = standing.addresses().iter().enumerate();
            addresses.map(|(slot, address)| (*state, slot.to_string(), address))
        })
    }

    fn labels<'a>(
        &'a self,
        state: Option<&'a TargetState>,
        own: &'a [(&'a str, &'a str)],
    ) -> Labels<'a> {
        Labels { vantage: self.vantage, target: state.map(|state| &state.labels), own }
    }

    fn put(
        &self,
        family: &mut MetricEncoder<'_>,
        state: &TargetState,
        own: &[(&str, &str)],
        metric: &impl EncodeMetric,
    ) -> fmt::Result {
        metric.encode(family.encode_family(&self.labels(Some(state), own))?)
    }

    /// A gauge, or nothing: what is not known is absent.
    fn put_if(
        &self,
        family: &mut MetricEncoder<'_>,
        state: &TargetState,
        own: &[(&str, &str)],
        value: Option<impl Into<f64>>,
    ) -> fmt::Result {
        match value {
            Some(value) => self.put(family, state, own, &ConstGauge::new(value.into())),
            None => Ok(()),
        }
    }

    fn info(
        &self,
        family: &mut MetricEncoder<'_>,
        state: Option<&TargetState>,
        own: &[(&str, &str)],
    ) -> fmt::Result {
        family.encode_info(&self.labels(state, own))
    }
}
