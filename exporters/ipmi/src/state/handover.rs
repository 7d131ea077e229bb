//! What a BMC's state leaves to the one that takes its place, when a reload changes how the BMC is polled.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, Weak};

use super::{Before, BmcState, Clock, Polled, lock};
use crate::baseline::{Baseline, Store};
use crate::config::{Address, Bmc, Labels};
use crate::slow::Silent;
use crate::source::{EventLog, Source};

/// What was known of a BMC, and where that is kept.
#[derive(Debug, Default)]
pub(crate) struct Handover {
    /// Where it is kept; `None` where it is not.
    store: Option<Store>,
    /// What is known.
    baseline: Baseline,
    /// Whether some of that has to be saved soon; `None` of what was found on disk.
    is_unsaved: Option<bool>,
    /// What its times are told by.
    clock: Clock,
    /// Held while it is written: what the one before still writes must not come last.
    saving: Arc<tokio::sync::Mutex<()>>,
    /// What the BMC said last; `None` of what was found on disk.
    said: Option<Said>,
}

/// What a BMC said last.
#[derive(Debug)]
struct Said {
    /// The BMC at that address.
    address: Address,
    /// What it told; `None` of one that told nothing.
    before: Option<Arc<Before>>,
    /// The power supplies of which it told something, or nothing.
    silent: Silent,
    /// What was read of its event log.
    event_log: EventLog,
}

impl Handover {
    /// What was found on disk.
    pub(crate) fn of_disk((store, baseline): (Option<Store>, Baseline)) -> Self {
        Self { store, baseline, ..Self::default() }
    }
}

/// Those that are given up and still say farewell: one that comes back meanwhile goes on with what it knows,
/// and what it would write at its end comes too late. By name, since a whole fleet may come back at once.
#[derive(Debug, Default)]
pub(crate) struct Leaving(Mutex<ByName>);

#[derive(Debug, Default)]
struct ByName {
    states: BTreeMap<String, Vec<Weak<BmcState>>>,
    /// How many were looked for since those that are gone were taken out.
    looked: usize,
}

impl ByName {
    /// Takes out those that are gone: what is left of each is still in memory.
    fn sweep(&mut self) {
        self.looked = 0;
        self.states.retain(|_, of_name| of_name.iter().any(|it| it.strong_count() > 0));
    }
}

impl Leaving {
    /// Takes in more.
    pub(crate) fn add<'a>(&self, states: impl Iterator<Item = &'a Arc<BmcState>>) {
        let mut leaving = lock(&self.0);
        leaving.sweep();
        for state in states {
            let of_name = leaving.states.entry(state.bmc.name.clone()).or_default();
            of_name.retain(|it| it.strong_count() > 0);
            of_name.push(Arc::downgrade(state));
        }
    }

    /// The newest of them of that name, at that address and by that module, if another did not take its place.
    pub(crate) fn find(&self, bmc: &Bmc, labels: &Labels) -> Option<Arc<BmcState>> {
        let is_it = |it: &Arc<BmcState>| {
            let was = it.labels();
            it.bmc.address == bmc.address
                && (&was.site, &was.module_name) == (&labels.site, &labels.module_name)
                && !it.is_replaced.load(Ordering::Relaxed)
        };
        let mut leaving = lock(&self.0);
        leaving.looked += 1;
        // All are looked through once for as many as there are: a fleet is looked for one by one.
        if leaving.looked > leaving.states.len() {
            leaving.sweep();
        }
        leaving.states.get(&bmc.name)?.iter().rev().filter_map(Weak::upgrade).find(is_it)
    }
}

impl Leaving {
    /// What is known of a BMC: by the one `before` whose place is taken, or by one that still says farewell, else
    /// by the disk. That is read last, so that what a farewell that ends meanwhile has written is in one of them.
    pub(crate) fn known(
        &self,
        bmc: &Bmc,
        labels: &Labels,
        before: Option<Arc<BmcState>>,
        on_disk: impl FnOnce() -> Handover,
    ) -> Handover {
        let before = before.or_else(|| self.find(bmc, labels));
        let on_disk = on_disk();
        match before {
            Some(before) => before.hand_over(&on_disk),
            None => on_disk,
        }
    }
}

impl BmcState {
    /// A BMC of which that is known; it waits for its turn to write behind whoever knew it before. What
    /// was said last holds as through failed polls, but at another address another machine may answer.
    pub(crate) fn going_on(
        bmc: Arc<Bmc>,
        labels: Labels,
        mut source: Source,
        Handover { store, baseline, is_unsaved, clock, saving, said }: Handover,
    ) -> Self {
        let said = said.filter(|said| said.address == bmc.address);
        if let Some(said) = &said {
            source.go_on_with(said.event_log.clone());
        }
        let state = Self::new(bmc, labels, source, store, baseline);
        if let Some(Said { before, silent, .. }) = said {
            let mut polled = lock(&state.polled);
            let polled = Arc::make_mut(&mut polled);
            polled.before = before;
            // One that was begun without a file has learnt less than the disk has.
            if !silent.is_empty() {
                polled.silent = silent;
            }
        }
        if let Some(is_unsaved) = is_unsaved {
            lock(&state.remembered).goes_on(clock.now(), is_unsaved);
        }
        Self { saving, clock, ..state }
    }

    /// What is known of the BMC now, for the state that is to go on with it, and that found this on the
    /// disk; from then on this one writes nothing. Before its first poll it knows what it was begun with,
    /// which is on no disk where that was handed over, too.
    pub(crate) fn hand_over(&self, on_disk: &Handover) -> Handover {
        let (is_unsaved, baseline) = {
            let mut remembered = lock(&self.remembered);
            (remembered.is_unsaved(), remembered.take_unsaved())
        };
        // One that was begun without a file, and was not polled since, knows less than the disk.
        let knows_nothing = baseline == Baseline::default();
        let baseline = if knows_nothing { on_disk.baseline.clone() } else { baseline };
        self.is_replaced.store(true, Ordering::Relaxed);
        let (store, saving) = (on_disk.store.clone(), Arc::clone(&self.saving));
        let mut polled = Polled::clone(&self.polled());
        polled.fall_silent();
        let Polled { before, silent, .. } = polled;
        let (address, event_log) = (self.bmc.address.clone(), self.event_log.clone());
        let said = Some(Said { address, before, silent, event_log });
        // Wherever the wall clock is set meanwhile, what was said is as old as it is.
        let clock = self.clock.go_on();
        Handover { store, baseline, is_unsaved: Some(is_unsaved), clock, saving, said }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// A BMC of that name.
    fn state(name: &str) -> Arc<BmcState> {
        let text = "modules: { default: { user: u, pass: p } }\non_demand: { allow: ['*'] }\n";
        let config: Config = exporter_kit::parse(text, "ipmi.yml").unwrap();
        let bmc = config.on_demand_modules().still(name, "default").unwrap();
        let source = Source::of(&bmc.work);
        Arc::new(BmcState::new(bmc.work, bmc.labels, source, None, Baseline::default()))
    }

    #[tokio::test]
    async fn one_that_is_gone_is_out_of_memory_once_others_are_looked_for() {
        let (leaving, gone, other) = (Leaving::default(), state("a"), state("b"));
        leaving.add([&gone, &other].into_iter());
        let held = || lock(&leaving.0).states.len();
        drop(gone);
        let looked = || leaving.find(&other.bmc, &other.labels()).is_some();
        // A fleet is looked for one by one, and looked through once.
        assert!(looked() && looked());
        assert_eq!(held(), 2);
        assert!(looked());
        assert_eq!(held(), 1);
    }
}
