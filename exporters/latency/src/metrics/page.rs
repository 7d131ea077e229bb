//! The page of metrics: metric by metric, and within each, target by target.

use std::sync::Arc;

use exporter_kit::config::Vantage;
use exporter_kit::{Collector, Counter, LabelSet, LabelWriter, Page, TargetId, Targets};

use super::counts::ReceiveQueue;
use super::labels::{AddressLabel, Died};
use super::path::Traced;
use super::sessions::{self, Shown};
use super::{path, sockets, strays, vantage, verdicts};
use crate::clock::Clock;
use crate::config::{Labels, Work};
use crate::figures::Figure;
use crate::icmp::{Icmp, SocketFigures};
use crate::outcome::Seen;
use crate::registration::SharedVerdicts;
use crate::spread::Spread;
use crate::standing::{Address, MOST_ADDRESSES, Moment, Standing};
use crate::state::{CurrentVantage, TargetState};
use crate::tables::{Loaded, Tables};
use crate::tally::Tally;
use crate::verdict::Report;

/// The label of each probed address.
const SLOTS: [&str; MOST_ADDRESSES] = ["0", "1", "2", "3"];

/// Renders all of it.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Where this exporter stands.
    pub(crate) vantage: Arc<CurrentVantage>,
    /// Whose addresses are.
    pub(crate) tables: Tables,
    /// What it probes.
    pub(crate) targets: Arc<Targets<Arc<Work>, TargetState, Arc<Labels>, TargetId>>,
    /// Its ICMP sockets.
    pub(crate) icmp: Icmp,
    /// How promptly they are read.
    pub(crate) queue: ReceiveQueue,
    /// What is said of the endpoints, and of the vantage.
    pub(crate) verdicts: SharedVerdicts,
    /// The time of a scrape.
    pub(crate) clock: Clock,
    /// How often a module was asked for that there is not.
    pub(crate) unknown_modules: Arc<Counter>,
}

impl Collector for Metrics {
    fn collect(&self, page: &mut Page<'_>) {
        let states = self.targets.wanted_on(page);
        let now = self.clock.now();
        let report = self.verdicts.lock().report(now.monotonic.as_secs_f64());
        let scrape = Scrape {
            vantage: &self.vantage.get(),
            tables: &self.tables.get(),
            targets: states.iter().map(|state| Row::of(state)).collect(),
            sockets: self.icmp.sockets(),
            queue: &self.queue,
            report,
            now,
            unknown_modules: self.unknown_modules.get(),
        };
        scrape.write(page);
    }
}

/// The page of an exporter that opened no socket.
pub(crate) fn page_of<'a>(
    vantage: &'a Vantage,
    targets: impl Iterator<Item = &'a TargetState>,
    report: Report,
    now: Moment,
) -> String {
    let scrape = Scrape {
        vantage,
        tables: &Loaded::default(),
        targets: targets.map(Row::of).collect(),
        sockets: Vec::new(),
        queue: &ReceiveQueue::default(),
        report,
        now,
        unknown_modules: 0,
    };
    exporter_kit::openmetrics(|page| scrape.write(page))
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
        Self { state, labels: state.labels(), standing: state.standing().shown() }
    }

    fn shows(&self, figure: Figure) -> bool {
        self.labels.figures.has(figure)
    }
}

impl LabelSet for Row<'_> {
    fn put(&self, to: &mut LabelWriter<'_>) {
        to.label("target", self.state.name());
        if !self.labels.team.is_empty() {
            to.label("team", &self.labels.team);
        }
        to.label("module", &self.labels.module);
        to.label("role", self.labels.role.as_str());
        self.labels.own.iter().for_each(|(name, value)| to.label(name, value));
    }
}

/// One scrape's data.
pub(super) struct Scrape<'a> {
    pub(super) vantage: &'a Vantage,
    pub(super) tables: &'a Loaded,
    pub(super) targets: Vec<Row<'a>>,
    pub(super) sockets: Vec<SocketFigures>,
    pub(super) queue: &'a ReceiveQueue,
    pub(super) report: Report,
    pub(super) now: Moment,
    pub(super) unknown_modules: u64,
}

impl Scrape<'_> {
    pub(super) fn write(&self, page: &mut Page<'_>) {
        self.times(page);
        self.reasons(page);
        // Now, since probes are decided meanwhile: no page has more answers than probes.
        let tallies = self.rows().map(|row| row.state.standing().tally()).collect::<Vec<_>>();
        self.probes(page, &tallies);
        self.standing(page);
        self.addresses(page);
        self.sessions(page);
        self.strays(page);
        self.figures(page, &tallies);
        path::all(page, &self.traced());
        self.networks(page);
        let shown = self.rows().map(|row| (row.labels.team.as_str(), row.state.name())).collect();
        verdicts::endpoints(page, self.vantage, &self.report, &shown);
        if page.shows_exporter() {
            sockets::all(page, self.vantage, &self.sockets, self.queue);
            if !self.vantage.name.is_empty() {
                vantage::all(page, self.vantage);
            }
            // Where nothing is probed all the time there may be no vantage to speak for.
            if !self.vantage.name.is_empty() {
                verdicts::own(page, self.vantage, &self.report, self.now.unix_seconds);
            }
            path::tables(page, self.vantage, &self.tables.figures);
            page.counter(
                "blackbox_module_unknown_total",
                "How often /probe was asked for a module that there is not.",
                [((), self.unknown_modules)],
            );
        }
    }

    fn probes(&self, page: &mut Page<'_>, tallies: &[Tally]) {
        page.counter(
            "latency_probes_total",
            "Probes, each counted once, when it was decided.",
            self.rows().zip(tallies).map(|(row, tally)| (self.of(row), tally.decided)),
        );
        page.counter(
            "latency_failures_total",
            "Probes that failed.",
            self.rows().zip(tallies).map(|(row, tally)| (self.of(row), tally.failed)),
        );
    }

    fn reasons(&self, page: &mut Page<'_>) {
        page.counter(
            "latency_probe_failures_total",
            "Probes that failed, by reason and phase; a reason is there once it has occurred.",
            self.rows().flat_map(|row| {
                let failures = row.state.counts.failures.counted().into_iter();
                failures
                    .map(|(reason, phase, count)| ((self.of(row), Died { reason, phase }), count))
            }),
        );
    }

    fn standing(&self, page: &mut Page<'_>) {
        page.gauge(
            "latency_up",
            "Whether any address answered in the newest round that says something of the target.",
            self.rows().map(|row| (self.of(row), row.standing.is_up(self.now.monotonic))),
        );
        page.gauge(
            "latency_last_success_timestamp_seconds",
            "When a probe last succeeded, as seconds since the epoch; 0 for never.",
            self.rows().map(|row| (self.of(row), row.standing.last_success(self.now.monotonic))),
        );
        page.gauge(
            "latency_consecutive_failures",
            "Rounds in a row, up to now, in which no address answered.",
            self.rows().map(|row| (self.of(row), row.standing.consecutive_failures())),
        );
    }

    fn times(&self, page: &mut Page<'_>) {
        page.histogram(
            "latency_probe_duration_seconds",
            "Time of the whole probe, if an answer came; the timeout, if none came.",
            self.rows().map(|row| (self.of(row), &row.state.counts.durations)),
        );
        page.histogram(
            "latency_phase_duration_seconds",
            "Time of each part of a probe; of the part that a timeout cut, until then.",
            self.rows().flat_map(|row| {
                let phases = row.state.counts.phases.iter();
                phases.map(|(phase, histogram)| {
                    ((self.of(row), [("phase", phase.as_str())]), histogram)
                })
            }),
        );
        page.gauge(
            "latency_rtt_min_seconds",
            "Smallest round trip (ICMP echo or TCP handshake) of the last minute, or of ten.",
            self.slots().flat_map(|(row, slot, address)| {
                let of = move |window| (self.of(row), [("slot", slot), ("window", window)]);
                let long = row.shows(Figure::Minimum);
                let long = long.then(|| address.min_rtt_of_ten_minutes(self.now.monotonic));
                let short = address.min_rtt(self.now.monotonic);
                [Some((of("1m"), short)), long.map(|rtt| (of("10m"), rtt))].into_iter().flatten()
            }),
        );
    }

    fn addresses(&self, page: &mut Page<'_>) {
        page.gauge(
            "latency_addresses",
            "Addresses that the target has; of more than four some wait for their turn.",
            self.rows().map(|row| {
                let is_judged = row.standing.is_up(self.now.monotonic).is_some();
                (self.of(row), is_judged.then_some(row.standing.found()))
            }),
        );
        page.gauge(
            "latency_address_up",
            "Whether the newest decided probe of this address succeeded.",
            self.slots().map(|(row, slot, address)| {
                ((self.of(row), [("slot", slot)]), address.is_up(self.now.monotonic))
            }),
        );
        page.info(
            "latency_address_info",
            "The address that is probed as this slot.",
            self.slots().filter(|(.., address)| address.is_shown).map(|(row, slot, address)| {
                (self.of(row), ([("slot", slot)], AddressLabel(address.ip)))
            }),
        );
        page.gauge(
            "latency_http_status_code",
            "HTTP status that the newest decided probe of this address got.",
            self.slots().filter_map(|(row, slot, address)| {
                match address.seen(self.now.monotonic) {
                    Some(Seen::Http { status }) => Some(((self.of(row), [("slot", slot)]), status)),
                    _ => None,
                }
            }),
        );
    }

    fn sessions(&self, page: &mut Page<'_>) {
        let sessions = self.slots().filter_map(|(row, slot, address)| {
            let session = address.session(self.now.monotonic)?;
            let has_own = row.labels.own.iter().any(|(name, _)| sessions::FREE.contains(&name));
            Some(Shown { of: self.of(row), slot, session, has_own })
        });
        sessions::all(page, &sessions.collect::<Vec<_>>());
    }

    /// Who announces the addresses; not of targets that have a label of this name of their own.
    fn networks(&self, page: &mut Page<'_>) {
        let is_free = |row: &Row<'_>| row.labels.own.iter().all(|(name, _)| name != path::ASN);
        let slots = self.slots().filter(|(row, ..)| self.tables.knows_networks() && is_free(row));
        path::networks(
            page,
            slots.filter_map(|(row, slot, address)| {
                Some((self.of(row), slot, self.tables.asn(address.ip)?))
            }),
        );
    }

    fn strays(&self, page: &mut Page<'_>) {
        let strays = self
            .targets
            .iter()
            .map(|row| (self.of(row), &*row.state.counts.strays, row.standing.hop_limit_changes()));
        strays::all(page, &strays.collect::<Vec<_>>());
    }

    /// What is shown where it is asked for.
    fn figures(&self, page: &mut Page<'_>, tallies: &[Tally]) {
        page.gauge(
            "latency_rtt_jitter_seconds",
            "How much one round trip differs from the next, smoothed as in RFC 3550.",
            self.shown(Figure::Jitter).map(|(row, slot, address)| {
                let spread = address.spread(self.now.monotonic);
                ((self.of(row), [("slot", slot)]), spread.and_then(Spread::jitter))
            }),
        );
        page.gauge(
            "latency_rtt_deviation_seconds",
            "How much round trips differ from their mean, smoothed as in RFC 6298.",
            self.shown(Figure::Deviation).map(|(row, slot, address)| {
                let spread = address.spread(self.now.monotonic);
                ((self.of(row), [("slot", slot)]), spread.and_then(Spread::deviation))
            }),
        );
        page.gauge(
            "latency_phase_min_seconds",
            "Smallest time of a phase in the last minute.",
            self.shown(Figure::Phases).flat_map(|(row, slot, address)| {
                address.min_phases(self.now.monotonic).map(move |(phase, took)| {
                    let labels = [("slot", slot), ("phase", phase.as_str()), ("window", "1m")];
                    ((self.of(row), labels), took)
                })
            }),
        );
        page.gauge(
            "latency_reply_ttl",
            "TTL or hop limit of the newest reply to an echo.",
            self.shown(Figure::ReplyTtl).map(|(row, slot, address)| {
                let hop_limit = address.reply_hop_limit(self.now.monotonic);
                ((self.of(row), [("slot", slot)]), hop_limit.map(f64::from))
            }),
        );
        let counted = || self.rows().zip(tallies).filter(|(row, _)| row.shows(Figure::Sent));
        page.counter(
            "latency_probes_sent_total",
            "Probes that were begun: decided, or under way.",
            counted().map(|(row, tally)| (self.of(row), tally.sent())),
        );
        page.gauge(
            "latency_probes_in_flight",
            "Probes that are under way.",
            counted().map(|(row, tally)| (self.of(row), tally.in_flight)),
        );
    }

    fn rows(&self) -> impl Iterator<Item = &Row<'_>> {
        self.targets.iter()
    }

    /// Every probed address of every target, with its slot.
    fn slots(&self) -> impl Iterator<Item = (&Row<'_>, &'static str, &Address)> {
        self.rows().flat_map(|row| {
            let addresses = row.standing.addresses().iter();
            addresses.map(move |address| (row, SLOTS[address.slot], address))
        })
    }

    /// The same, of those targets of which a figure is shown.
    fn shown(&self, figure: Figure) -> impl Iterator<Item = (&Row<'_>, &'static str, &Address)> {
        self.slots().filter(move |(row, ..)| row.shows(figure))
    }

    /// The targets whose paths are traced.
    fn traced(&self) -> Vec<Traced<'_, (&Vantage, &Row<'_>)>> {
        let traced = self.rows().filter_map(|row| {
            let addresses = row.standing.addresses().iter();
            Some(Traced::new(
                self.of(row),
                row.state.paths.as_deref()?,
                addresses.map(|address| (address.slot, SLOTS[address.slot], address.ip)),
            ))
        });
        traced.collect()
    }

    /// The labels that every series of a target has.
    fn of<'a>(&'a self, row: &'a Row<'a>) -> (&'a Vantage, &'a Row<'a>) {
        (self.vantage, row)
    }
}
