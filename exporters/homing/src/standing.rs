//! What was told of each address, so that one odd evaluation changes nothing. No I/O, no clock.

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

/// The judgements that are told, over the evaluations.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    told: BTreeMap<(Endpoint, IpAddr), Told>,
    to_change: u32,
    /// The vantages by whose numbers the judgements have them.
    vantages: Vec<(String, String)>,
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
}

impl Default for Standing {
    fn default() -> Self {
        Self { told: BTreeMap::new(), to_change: TO_CHANGE, vantages: Vec::new() }
    }
}

impl Standing {
    /// Nothing is told yet; evaluations come at that interval.
    pub(crate) fn every(interval: Duration) -> Self {
        let long = CHANGES_AFTER.as_millis().div_ceil(interval.as_millis().max(1));
        let to_change = u32::try_from(long).unwrap_or(u32::MAX).max(TO_CHANGE);
        Self { to_change, ..Self::default() }
    }

    /// Begins an evaluation, by whose numbers the vantages are from now on.
    pub(crate) fn begin(&mut self, vantages: &[Vantage]) {
        let names: Vec<_> =
            vantages.iter().map(|it| (it.region.clone(), it.name.clone())).collect();
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

    /// Takes what an evaluation says of one address; returns what is told of it.
    pub(crate) fn tell(&mut self, endpoint: &Endpoint, ip: IpAddr, judged: Judged) -> Judged {
        let told = self.told.entry((endpoint.clone(), ip));
        let told = told.or_insert_with(|| Told {
            judged: judged.clone(),
            next: None,
            others: 0,
            missing: 0,
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
            told.missing = 0;
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
mod tests {
    use super::*;
    use crate::world::Seen;

    const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(149, 154, 167, 220));

    fn judged(class: Class) -> Judged {
        Judged { class, sites_min: 1, ..Judged::default() }
    }

    #[test]
    fn a_class_changes_after_three_evaluations_that_agree() {
        let (mut standing, api) = (Standing::default(), Endpoint::default());
        let mut tell = |class| standing.tell(&api, IP, judged(class)).class;
        assert_eq!(tell(Class::OneSite), Class::OneSite);
        for other in [Class::SeveralSites, Class::SeveralSites, Class::Undetermined] {
            assert_eq!(tell(other), Class::OneSite);
        }
        assert_eq!(tell(Class::SeveralSites), Class::OneSite);
        assert_eq!(tell(Class::OneSite), Class::OneSite);
        let told: Vec<_> = (0..3).map(|_| tell(Class::SeveralSites)).collect();
        assert_eq!(told, [Class::OneSite, Class::OneSite, Class::SeveralSites]);
    }

    #[test]
    fn what_is_told_is_the_judgement_of_its_class_and_not_of_another() {
        let (mut standing, api) = (Standing::default(), Endpoint::default());
        standing.tell(&api, IP, Judged { violations: 0, ..judged(Class::OneSite) });
        let told = standing.tell(&api, IP, Judged { violations: 9, ..judged(Class::SeveralSites) });
        assert_eq!((told.class, told.violations), (Class::OneSite, 0));
    }

    #[test]
    fn a_class_that_nobody_judges_any_more_does_not_stand_for_ever() {
        let (mut standing, api) = (Standing::default(), Endpoint::default());
        standing.tell(&api, IP, judged(Class::OneSite));
        let mut told = Class::OneSite;
        for round in 0..9 {
            assert_eq!(told, Class::OneSite, "{round}");
            let other = [Class::SeveralSites, Class::Insufficient][round % 2];
            told = standing.tell(&api, IP, judged(other)).class;
        }
        assert_eq!(told, Class::Undetermined);
    }

    #[test]
    fn evaluations_that_come_oftener_must_agree_oftener() {
        let changes = |seconds| Standing::every(Duration::from_secs(seconds)).to_change;
        assert_eq!((changes(5), changes(60), changes(120)), (36, 3, 3));
    }

    #[test]
    fn an_address_that_is_gone_is_forgotten_after_three_evaluations() {
        let (mut standing, api) = (Standing::default(), Endpoint::default());
        standing.tell(&api, IP, judged(Class::OneSite));
        for _ in 0..2 {
            standing.end_of_evaluation(|_, _| false);
        }
        assert_eq!(standing.tell(&api, IP, judged(Class::SeveralSites)).class, Class::OneSite);
        for _ in 0..3 {
            standing.end_of_evaluation(|_, _| false);
        }
        let told = standing.tell(&api, IP, judged(Class::SeveralSites));
        assert_eq!(told.class, Class::SeveralSites);
    }

    #[test]
    fn what_is_kept_has_the_numbers_of_the_vantages_of_now() {
        let (mut standing, api) = (Standing::default(), Endpoint::default());
        let vantage = |name: &str| Vantage {
            region: String::new(),
            name: name.to_owned(),
            place: None,
            is_trusted: true,
            is_radio: false,
        };
        standing.begin(&["a", "b", "c"].map(vantage));
        let seen = |vantage| Seen { vantage, rtt_ms: 1.0, now_ms: 1.0 };
        let voters = vec![seen(2), seen(1)];
        standing.tell(&api, IP, Judged { voters, ..judged(Class::OneSite) });
        standing.begin(&["0", "a", "c"].map(vantage));
        assert_eq!(
            standing.keep(&api),
            [(IP, Judged { voters: vec![seen(2)], ..judged(Class::OneSite) })]
        );
        standing.begin(&["c"].map(vantage));
        assert_eq!(standing.keep(&api)[0].1.voters, [seen(0)]);
    }
}
