//! What was told of each address, so that one odd evaluation changes nothing. No I/O, no clock.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::class::Class;
use crate::world::Endpoint;

/// So many evaluations must say the same before another class is told.
const TO_CHANGE: u32 = 3;
/// After so many evaluations without an address, nothing is remembered of it.
const TO_FORGET: u32 = 3;

/// The classes that are told, over the evaluations.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    told: BTreeMap<(Endpoint, IpAddr), Told>,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    class: Class,
    /// What would be told instead, and for how many evaluations it was so.
    next: Option<(Class, u32)>,
    missing: u32,
}

impl Standing {
    /// Takes what an evaluation says of one address; returns what is told of it.
    pub(crate) fn tell(&mut self, endpoint: &Endpoint, ip: IpAddr, class: Class) -> Class {
        let told = self.told.entry((endpoint.clone(), ip));
        let told = told.or_insert(Told { class, next: None, missing: 0 });
        told.missing = 0;
        let seen = match told.next {
            _ if class == told.class => 0,
            Some((next, seen)) if next == class => seen + 1,
            _ => 1,
        };
        told.next = (seen > 0).then_some((class, seen));
        if seen >= TO_CHANGE {
            (told.class, told.next) = (class, None);
        }
        told.class
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

    const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(149, 154, 167, 220));

    #[test]
    fn a_class_changes_after_three_evaluations_that_agree() {
        let (mut standing, api) = (Standing::default(), Endpoint::default());
        let mut tell = |class| standing.tell(&api, IP, class);
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
    fn an_address_that_is_gone_is_forgotten_after_three_evaluations() {
        let (mut standing, api) = (Standing::default(), Endpoint::default());
        standing.tell(&api, IP, Class::OneSite);
        for _ in 0..2 {
            standing.end_of_evaluation(|_, _| false);
        }
        assert_eq!(standing.tell(&api, IP, Class::SeveralSites), Class::OneSite);
        for _ in 0..3 {
            standing.end_of_evaluation(|_, _| false);
        }
        assert_eq!(standing.tell(&api, IP, Class::SeveralSites), Class::SeveralSites);
    }
}
