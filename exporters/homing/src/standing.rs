//! What was told of each address, so that one odd evaluation changes nothing. No I/O, no clock.

mod file;
pub(crate) mod store;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use crate::class::{Class, Judged};
use crate::world::{Endpoint, Vantage};

/// So many evaluations at least must say the same before another class is told.
const TO_CHANGE: u32 = 3;
/// And for so long: the exporters' newest minute, as it was scraped, is then of one place alone.
const CHANGES_AFTER: Duration = Duration::from_secs(180);
/// So many times as many evaluations may say other things, whatever these are, until nothing is told.
const TO_DOUBT: u32 = 3;
/// After so many evaluations without an address, nothing is remembered of it.
const TO_FORGET: u32 = 3;
/// After so many seconds in which nobody was there to bear it out, what was told is not told any more: longer than a machine is
/// being repaired, and shorter than services take to move without anybody's notice.
const KEPT_FOR: u64 = 86_400;

/// The judgements that are told, over the evaluations.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    told: BTreeMap<(Endpoint, IpAddr), Told>,
    to_change: u32,
    /// The vantages by whose numbers the judgements have them.
    vantages: Vec<(String, String)>,
    /// The moment that the evaluation is about, in seconds since the epoch.
    unix: u64,
}

#[derive(Clone, Debug)]
struct Told {
    /// The last judgement of the class that is told.
    judged: Judged,
    /// What would be told instead, and for how many evaluations it was so.
    next: Option<(Class, u32)>,
    /// Evaluations since one said what is told.
    others: u32,
    missing: u32,
    /// When an evaluation said it last, or could say nothing new because the endpoint was down; in seconds since the epoch.
    borne_out: u64,
}

impl Default for Standing {
    fn default() -> Self {
        Self { told: BTreeMap::new(), to_change: TO_CHANGE, vantages: Vec::new(), unix: 0 }
    }
}

impl Standing {
    /// From now on evaluations come at that interval, and the next one is about that moment.
    pub(crate) fn next(&mut self, interval: Duration, unix: u64) {
        let long = CHANGES_AFTER.as_millis().div_ceil(interval.as_millis().max(1));
        self.to_change = u32::try_from(long).unwrap_or(u32::MAX).max(TO_CHANGE);
        self.unix = unix;
    }

    /// Begins an evaluation, by whose numbers the vantages are from now on.
    pub(crate) fn begin(&mut self, vantages: &[Vantage]) {
        self.renumber(vantages.iter().map(|it| (it.region.clone(), it.name.clone())).collect());
    }

    fn renumber(&mut self, names: Vec<(String, String)>) {
        if names == self.vantages {
            return;
        }
        let numbers: HashMap<_, usize> = names.iter().zip(0..).collect();
        let new: Vec<Option<usize>> =
            self.vantages.iter().map(|it| numbers.get(it).copied()).collect();
        for told in self.told.values_mut() {
            told.judged.voters.retain_mut(|seen| {
                let number = new.get(seen.vantage).copied().flatten();
                seen.vantage = number.unwrap_or_default();
                number.is_some()
            });
        }
        self.vantages = names;
    }

    /// Goes on by what was kept, as far as nothing newer is known, and that is not too old at that moment. Whose clock was
    /// another one knows nothing of the future.
    fn go_on_by(&mut self, mut kept: Self, unix: u64) {
        if self.told.is_empty() {
            self.vantages.clone_from(&kept.vantages);
        }
        kept.renumber(self.vantages.clone());
        for (of, mut told) in kept.told {
            told.borne_out = told.borne_out.min(unix);
            if told.borne_out + KEPT_FOR >= unix {
                self.told.entry(of).or_insert(told);
            }
        }
    }

    /// Takes what an evaluation says of one address; returns what is told of it.
    pub(crate) fn tell(&mut self, endpoint: &Endpoint, ip: IpAddr, judged: Judged) -> Judged {
        let told = self.told.entry((endpoint.clone(), ip));
        let told = told.or_insert_with(|| Told {
            judged: judged.clone(),
            next: None,
            others: 0,
            missing: 0,
            borne_out: self.unix,
        });
        told.missing = 0;
        let class = judged.class;
        let seen = match told.next {
            Some((next, seen)) if next == class => seen + 1,
            _ => 1,
        };
        told.others += 1;
        if class == told.judged.class || seen >= self.to_change {
            (told.judged, told.next, told.others) = (judged, None, 0);
            told.borne_out = self.unix;
        } else if told.others >= self.to_change * TO_DOUBT {
            (told.judged, told.next, told.others) = (judged.doubted(), None, 0);
        } else {
            told.next = Some((class, seen));
        }
        told.judged.clone()
    }

    /// What is told of the addresses of an endpoint that is down, so that nothing new can be judged.
    pub(crate) fn keep(&mut self, endpoint: &Endpoint) -> Vec<(IpAddr, Judged)> {
        let of_it = self.told.iter_mut().filter(|((of, _), _)| of == endpoint);
        let kept = of_it.map(|((_, ip), told)| {
            (told.missing, told.borne_out) = (0, self.unix);
            (*ip, told.judged.clone())
        });
        kept.collect()
    }

    /// Ends an evaluation: forgets the addresses that nobody has measured for a while.
    pub(crate) fn end_of_evaluation(&mut self, was_seen: impl Fn(&Endpoint, IpAddr) -> bool) {
        self.told.retain(|(endpoint, ip), told| {
            told.missing += u32::from(!was_seen(endpoint, *ip));
            told.missing < TO_FORGET
        });
    }
}

#[cfg(test)]
mod tests;
