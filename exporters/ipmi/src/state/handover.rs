//! What a BMC's state leaves to the one that takes its place, when a reload changes how the BMC is polled.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use super::{Before, BmcState, Clock, Polled, lock};
use crate::baseline::{Baseline, Store};
use crate::config::{Address, Bmc, Labels};
use crate::source::Source;

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
    /// What the BMC at that address said last, if anything.
    said: Option<(Address, Arc<Before>)>,
}

impl Handover {
    /// What was found on disk.
    pub(crate) fn of_disk((store, baseline): (Option<Store>, Baseline)) -> Self {
        Self { store, baseline, ..Self::default() }
    }
}

impl BmcState {
    /// A BMC of which that is known; it waits for its turn to write behind whoever knew it before. What
    /// was said last holds as through failed polls, but at another address another machine may answer.
    pub(crate) fn going_on(
        bmc: Arc<Bmc>,
        labels: Labels,
        source: Source,
        Handover { store, baseline, is_unsaved, clock, saving, said }: Handover,
    ) -> Self {
        let said = said.filter(|(address, _)| *address == bmc.address);
        let polled = Polled { before: said.map(|(_, before)| before), ..Polled::default() };
        let polled = Mutex::new(Arc::new(polled));
        let state = Self::new(bmc, labels, source, store, baseline);
        if let Some(is_unsaved) = is_unsaved {
            lock(&state.remembered).goes_on(clock.now(), is_unsaved);
        }
        Self { saving, polled, clock, ..state }
    }

    /// What is known of the BMC now, for the state that is to go on with it, and that found this on the
    /// disk; from then on this one writes nothing. Before its first poll it knows what it was begun with,
    /// which is on no disk where that was handed over, too.
    pub(crate) fn hand_over(&self, on_disk: &Handover) -> Handover {
        let (is_unsaved, baseline) = {
            let mut remembered = lock(&self.remembered);
            (remembered.is_unsaved(), remembered.take_unsaved())
        };
        self.is_replaced.store(true, Ordering::Relaxed);
        let (store, saving) = (on_disk.store.clone(), Arc::clone(&self.saving));
        let mut polled = Polled::clone(&self.polled());
        polled.fall_silent();
        let said = polled.before.map(|before| (self.bmc.address.clone(), before));
        // Wherever the wall clock is set meanwhile, what was said is as old as it is.
        let clock = self.clock.go_on();
        Handover { store, baseline, is_unsaved: Some(is_unsaved), clock, saving, said }
    }
}
