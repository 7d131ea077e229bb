//! What strangers' probes say beside own vantages: another class, or one where these are too few. No I/O, no clock.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::judge::Told;
use crate::class::Class;
use crate::judge::Verdict;
use crate::world::Endpoint;

/// Whether a panel tells another class of an endpoint than own vantages do; none where not both tell whether it has one site or
/// several.
pub(crate) fn disagrees(told: &Told, endpoint: &Endpoint, verdict: &Verdict) -> Option<bool> {
    let own = &verdict.targets.get(endpoint)?.addresses;
    let pairs = told.addresses.iter().filter_map(|(ip, judged)| {
        let own = own.iter().find(|it| it.ip == *ip)?.told;
        (is_definite(own) && is_definite(judged.class)).then_some(own != judged.class)
    });
    pairs.reduce(|one, other| one | other)
}

/// The classes of addresses of which own vantages are too few to say anything: by probes, of several panels by the one with the
/// most.
pub(crate) fn instead<'a>(
    panels: impl Iterator<Item = (&'a Endpoint, &'a Told)>,
    verdict: &Verdict,
) -> BTreeMap<(&'a Endpoint, IpAddr), Class> {
    let mut most: BTreeMap<(&Endpoint, IpAddr), (usize, Class)> = BTreeMap::new();
    for (endpoint, told) in panels {
        let own = verdict.targets.get(endpoint);
        for (ip, judged) in &told.addresses {
            let of_it = own.and_then(|it| it.addresses.iter().find(|it| it.ip == *ip));
            // A measurement may be of several endpoints: not each of its addresses is of each of these.
            let are_few = of_it.is_some_and(|it| it.told == Class::Insufficient);
            if !are_few || judged.class == Class::Insufficient {
                continue;
            }
            let places = judged.voters.len();
            let class = most.entry((endpoint, *ip)).or_insert((places, judged.class));
            if places > class.0 {
                *class = (places, judged.class);
            }
        }
    }
    most.into_iter().map(|(of, (_, class))| (of, class)).collect()
}

fn is_definite(class: Class) -> bool {
    matches!(class, Class::OneSite | Class::SeveralSites)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::Judged;
    use crate::verdict::{AddressVerdict, TargetVerdict};
    use crate::world::Seen;

    const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn panel(places: usize, class: Class) -> Told {
        let seen = |vantage| Seen { vantage, rtt_ms: 30.0, now_ms: 30.0 };
        let voters = (0..places).map(seen).collect();
        let judged = Judged { class, voters, ..Judged::default() };
        Told { addresses: vec![(IP, judged)], ..Told::default() }
    }

    fn own(ip: IpAddr, told: Class) -> Verdict {
        let addresses = vec![AddressVerdict { ip, told, judged: Judged::default() }];
        let target = TargetVerdict { addresses, ..TargetVerdict::default() };
        Verdict { targets: [(Endpoint::default(), target)].into(), ..Verdict::default() }
    }

    #[test]
    fn a_panel_disagrees_only_where_both_know() {
        use Class::{Insufficient, OneSite, SeveralSites, Undetermined};
        let endpoint = Endpoint::default();
        for (theirs, ours, wanted) in [
            (OneSite, OneSite, Some(false)),
            (SeveralSites, OneSite, Some(true)),
            (OneSite, SeveralSites, Some(true)),
            (Undetermined, OneSite, None),
            (SeveralSites, Undetermined, None),
            (SeveralSites, Insufficient, None),
            (Insufficient, SeveralSites, None),
        ] {
            let told = panel(12, theirs);
            assert_eq!(disagrees(&told, &endpoint, &own(IP, ours)), wanted, "{theirs:?} {ours:?}");
        }
        let elsewhere = own([192, 0, 2, 2].into(), OneSite);
        assert_eq!(disagrees(&panel(12, SeveralSites), &endpoint, &elsewhere), None);
        assert_eq!(disagrees(&panel(12, SeveralSites), &endpoint, &Verdict::default()), None);
    }

    #[test]
    fn probes_speak_where_own_vantages_are_too_few_and_never_in_their_place() {
        use Class::{Insufficient, OneSite, SeveralSites, Undetermined};
        let endpoint = Endpoint::default();
        let told = |panels: &[Told], verdict: &Verdict| {
            let panels = panels.iter().map(|it| (&endpoint, it));
            instead(panels, verdict).into_values().collect::<Vec<_>>()
        };
        let (few, none) = (own(IP, Insufficient), Verdict::default());
        let panels = [panel(8, OneSite), panel(40, SeveralSites), panel(40, OneSite)];
        assert_eq!(told(&panels, &few), [SeveralSites], "the larger, and of two the first");
        assert_eq!(told(&panels, &none), [], "an endpoint that nobody measures");
        let elsewhere = own([192, 0, 2, 2].into(), Insufficient);
        assert_eq!(told(&panels, &elsewhere), [], "another endpoint's address");
        assert_eq!(told(&[panel(3, Insufficient)], &few), []);
        for ours in [OneSite, SeveralSites, Undetermined] {
            assert_eq!(told(&panels, &own(IP, ours)), [], "{ours:?}");
        }
    }
}
