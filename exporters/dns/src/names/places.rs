//! Where a name is, by what its look-ups said. The time is given.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Whereabouts;
use crate::special;

/// For so long an address counts that its name does not have any more: one that gives its addresses by turns has them all.
const KEPT: Duration = Duration::from_secs(3600);
/// The same where nobody could be asked for the name: what a whole day knows nothing of is nobody's any more.
const UNHEARD: Duration = Duration::from_secs(86_400);
/// Addresses of one name that are known at once: more than are asked, some of whom may not be.
const MOST: usize = 64;

/// What a look-up said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    /// Addresses, and for how long they last.
    At(Vec<IpAddr>, Duration),
    /// That it has none, in a few words: there is no such name, or nobody at it.
    Nowhere(&'static str),
    /// Nothing: why, in a few words.
    Failed(String),
}

impl Said {
    /// For how long it lasts; nothing where nothing was said.
    pub(super) fn lasts(&self) -> Option<Duration> {
        match self {
            Self::At(_, lasts) => Some(*lasts),
            Self::Nowhere(_) => Some(Duration::ZERO),
            Self::Failed(_) => None,
        }
    }
}

/// The addresses of a name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Places {
    /// When each was said last, and at which place.
    known: BTreeMap<IpAddr, (Instant, usize)>,
    why: Option<String>,
}

impl Places {
    /// Takes what a look-up said.
    pub(super) fn learn(&mut self, said: Said, now: Instant) {
        let kept = if matches!(said, Said::Failed(_)) { UNHEARD } else { KEPT };
        self.known.retain(|_, (last, _)| now.duration_since(*last) < kept);
        self.why = match said {
            Said::At(addresses, _) => {
                for (place, address) in alternating(addresses).into_iter().enumerate() {
                    self.known.insert(address, (now, place));
                }
                for gone in self.in_order().into_iter().skip(MOST) {
                    self.known.remove(&gone);
                }
                None
            }
            // Until these are over, who is there is asked.
            Said::Nowhere(_) if !self.known.is_empty() => None,
            Said::Nowhere(why) => Some(format!("is not asked: {why}")),
            Said::Failed(why) => self.unheard(&why, now),
        };
    }

    /// What is told where nobody could be asked for long.
    fn unheard(&self, why: &str, now: Instant) -> Option<String> {
        let newest = self.known.values().map(|(last, _)| *last).max();
        match newest {
            None => Some(format!("is not asked: {why}")),
            Some(newest) if now.duration_since(newest) < KEPT => None,
            Some(_) => {
                Some(format!("is asked at the addresses that it had before look-ups failed: {why}"))
            }
        }
    }

    /// Where it is: at what was said last first.
    pub(super) fn whereabouts(&self) -> Whereabouts {
        Whereabouts { addresses: self.in_order(), why: self.why.clone() }
    }

    fn in_order(&self) -> Vec<IpAddr> {
        let mut all: Vec<_> = self.known.iter().collect();
        all.sort_by_key(|(address, (last, place))| (Reverse(*last), *place, **address));
        all.into_iter().map(|(address, _)| *address).collect()
    }
}

/// An address as it is: who has an IPv4 one is the same behind what a network makes of that for IPv6 (RFC 6052).
pub(super) fn bare(address: IpAddr) -> IpAddr {
    special::dns64_of(address).map_or(address.to_canonical(), IpAddr::V4)
}

/// Addresses in an order that does not depend on that of an answer, by turns of both families, each once.
fn alternating(mut all: Vec<IpAddr>) -> Vec<IpAddr> {
    all.sort_unstable();
    all.dedup();
    let (v4, v6): (Vec<_>, Vec<_>) = all.into_iter().partition(IpAddr::is_ipv4);
    let mut by_turns: Vec<_> =
        v4.into_iter().enumerate().chain(v6.into_iter().enumerate()).collect();
    by_turns.sort_by_key(|(turn, address)| (*turn, address.is_ipv6()));
    by_turns.into_iter().map(|(_, address)| address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(addresses: &[&str]) -> Said {
        Said::At(addresses.iter().map(|it| it.parse().unwrap()).collect(), Duration::ZERO)
    }

    fn of(places: &Places) -> Vec<String> {
        places.whereabouts().addresses.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_name_that_gives_its_addresses_by_turns_has_them_all_and_loses_one_after_an_hour() {
        let (mut places, began) = (Places::default(), Instant::now());
        places.learn(at(&["8.8.8.8"]), began);
        places.learn(at(&["8.8.4.4"]), began + KEPT / 2);
        assert_eq!(of(&places), ["8.8.4.4", "8.8.8.8"]);
        places.learn(at(&["8.8.4.4"]), began + KEPT);
        assert_eq!(of(&places), ["8.8.4.4"]);
        // Of many those that are said now, of both families.
        let many: Vec<String> = (0..99).map(|last| format!("11.0.0.{last}")).collect();
        let mut many: Vec<&str> = many.iter().map(String::as_str).collect();
        many.push("2620:fe::fe");
        places.learn(at(&many), began + KEPT + Duration::from_secs(60));
        assert_eq!(of(&places).len(), MOST);
        assert_eq!(of(&places)[..3], ["11.0.0.0", "2620:fe::fe", "11.0.0.1"]);
        assert!(!of(&places).contains(&"8.8.4.4".to_owned()));
    }

    #[test]
    fn a_name_that_is_gone_is_over_after_an_hour_and_one_that_nobody_can_be_asked_for_after_a_day()
    {
        let (began, minute) = (Instant::now(), Duration::from_secs(60));
        let known = || {
            let mut places = Places::default();
            places.learn(at(&["8.8.8.8"]), began);
            places
        };
        let mut gone = known();
        gone.learn(Said::Nowhere("there is no such name"), began + KEPT - minute);
        assert_eq!((of(&gone).len(), gone.whereabouts().why), (1, None));
        gone.learn(Said::Nowhere("there is no such name"), began + KEPT);
        let why = Some("is not asked: there is no such name".to_owned());
        assert_eq!((of(&gone).len(), gone.whereabouts().why), (0, why));
        gone.learn(at(&["8.8.8.8"]), began + KEPT);
        assert_eq!((of(&gone).len(), gone.whereabouts().why), (1, None));
        let (mut unheard, failed) = (known(), Said::Failed("timed out".into()));
        unheard.learn(failed.clone(), began + minute);
        assert_eq!((of(&unheard).len(), unheard.whereabouts().why), (1, None), "once is nothing");
        unheard.learn(failed.clone(), began + UNHEARD - minute);
        let told = unheard.whereabouts().why.unwrap();
        assert!(of(&unheard).len() == 1 && told.ends_with("look-ups failed: timed out"), "{told}");
        unheard.learn(failed, began + UNHEARD);
        let why = Some("is not asked: timed out".to_owned());
        assert_eq!((of(&unheard).len(), unheard.whereabouts().why), (0, why));
    }

    #[test]
    fn an_ipv4_address_is_the_same_in_whatever_clothes() {
        let bare = |text: &str| bare(text.parse().unwrap()).to_string();
        for clothes in ["64:ff9b::808:808", "::ffff:8.8.8.8", "8.8.8.8"] {
            assert_eq!(bare(clothes), "8.8.8.8");
        }
        assert_eq!(bare("64:ff9b::a00:1"), "10.0.0.1");
        assert_eq!(bare("2620:fe::fe"), "2620:fe::fe");
    }
}
