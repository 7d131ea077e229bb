//! What a path says of where it goes: names, places, networks, exchanges, and where it is handed over to the target's
//! own network. No I/O, no clock.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::autonomous::AsPath;
use super::hint::{self, Hint};
use super::known::{Known, Router};
use crate::tables::{Loaded, Place};

/// Of so many of the last that answered the names are asked for.
const NAMES: usize = 5;
/// A router speaks for the target where both answer within so much of each other: 300 km.
const ANCHOR: Duration = Duration::from_millis(3);

/// What a path says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Report {
    /// Who is at each distance.
    pub(crate) hops: Vec<Option<Seen>>,
    /// Whether the last of them is the target.
    pub(crate) is_whole: bool,
    /// The networks that it crosses.
    pub(crate) networks: AsPath,
    /// The last place that was accepted.
    pub(crate) last: Option<Arc<Place>>,
    /// That place, where it speaks for the target.
    pub(crate) anchor: Option<Arc<Place>>,
    /// The last exchange that it crosses.
    pub(crate) exchange: Option<Crossed>,
    /// Who hands it over to the target's own network.
    pub(crate) handover: Option<Handover>,
}

/// Who is at one distance.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    /// Its address, smallest round trip and labels.
    pub(crate) router: Router,
    /// Its name, cleaned; only on pages, in no label.
    pub(crate) name: Option<String>,
    /// Who announces its address.
    pub(crate) asn: Option<u32>,
    /// In whose LAN it is.
    pub(crate) exchange: Option<Crossed>,
    /// What its name says of its place.
    pub(crate) hint: Hint,
}

/// An exchange that a path crosses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Crossed {
    /// Its name by the table; `named` where a router's own name says that there is one.
    pub(crate) name: String,
    /// Where it is; empty where that is not known.
    pub(crate) city: String,
}

/// Where a path enters the target's network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Handover {
    /// The network before it.
    pub(crate) asn: u32,
    /// Where the last router of that one is; empty where that is not known.
    pub(crate) city: String,
}

/// With what a path is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Light<'a> {
    /// Whose addresses and names are.
    pub(crate) tables: &'a Loaded,
    /// Where the vantage is.
    pub(crate) vantage: Option<(f64, f64)>,
    /// The smallest round trip of the target, where its probes know one.
    pub(crate) rtt: Option<Duration>,
}

/// What a path says, by the names that are known.
pub(crate) fn report(
    path: &Known,
    light: Light<'_>,
    name_of: impl Fn(IpAddr) -> Option<String>,
) -> Report {
    let Light { tables, vantage, rtt } = light;
    let seen = |(router, nearest): (&Router, Duration)| {
        let name = name_of(router.address);
        let hint = name.as_deref().map_or(Hint::None, |name| {
            hint::of(name, nearest, vantage, tables.places(), tables.hints())
        });
        let exchange = crossed(router.address, name.as_deref(), &hint, tables);
        let is_in_lan = tables.exchange(router.address).is_some();
        let asn = asn(router.address, tables).filter(|_| !is_in_lan);
        Seen { router: router.clone(), name, asn, exchange, hint }
    };
    // Who is on the way is no further than whoever answers behind it, however slowly it answers itself.
    let mut nearest = rtt.unwrap_or(Duration::MAX);
    let mut hops: Vec<Option<Seen>> = Vec::new();
    for place in path.places.iter().rev() {
        let router = place.as_ref();
        nearest = router.map_or(nearest, |router| nearest.min(router.rtt));
        hops.push(router.map(|router| seen((router, nearest))));
    }
    hops.reverse();
    let target = hops.last().filter(|_| path.is_whole).and_then(Option::as_ref);
    let rtt = [rtt, target.map(|target| target.router.rtt)].into_iter().flatten().min();
    let last = hops.iter().flatten().rev().find(|seen| seen.hint.place().is_some());
    // One that answers later than the target may be anywhere on the way.
    let speaks = |seen: &&Seen| rtt.is_some_and(|rtt| rtt.abs_diff(seen.router.rtt) <= ANCHOR);
    let place = |seen: &Seen| seen.hint.place().cloned();
    Report {
        is_whole: path.is_whole,
        networks: networks(&hops, tables),
        last: last.and_then(place),
        anchor: last.filter(speaks).and_then(place),
        exchange: hops.iter().flatten().rev().find_map(|seen| seen.exchange.clone()),
        handover: tables.asn(path.to).and_then(|own| handover(&hops, path.to, own, tables)),
        hops,
    }
}

/// Of whom the names are worth to be asked for: the last that answered, and who hands over.
pub(crate) fn asks_for(path: &Known, tables: &Loaded) -> Vec<IpAddr> {
    let routers = || path.places.iter().rev().flatten().map(|router| router.address);
    let mut wanted: Vec<IpAddr> = routers().take(NAMES).collect();
    if let Some(own) = tables.asn(path.to) {
        let other = |ip: &IpAddr| asn(*ip, tables).is_some_and(|asn| asn != own);
        wanted.extend(routers().find(other));
    }
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}

fn crossed(ip: IpAddr, name: Option<&str>, hint: &Hint, tables: &Loaded) -> Option<Crossed> {
    let by_name = || hint.place().map(|place| place.city.clone()).unwrap_or_default();
    if let Some(exchange) = tables.exchange(ip) {
        let city = exchange.city.clone();
        let city = if city.is_empty() { by_name() } else { city };
        return Some(Crossed { name: exchange.name.clone(), city });
    }
    let says = !tables.knows_exchanges() && name.is_some_and(hint::is_exchange);
    says.then(|| Crossed { name: "named".to_owned(), city: by_name() })
}

/// Who announces a router's address; none for those that anybody may use.
fn asn(ip: IpAddr, tables: &Loaded) -> Option<u32> {
    if is_private(ip) { None } else { tables.asn(ip) }
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            let is_shared = first == 100 && (64..128).contains(&second);
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || is_shared
        }
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_loopback(),
    }
}

/// Whether a router is somebody's of whom nothing is known.
fn is_unknown(seen: &Seen, tables: &Loaded) -> bool {
    let ip = seen.router.address;
    seen.asn.is_none() && !is_private(ip) && tables.exchange(ip).is_none()
}

fn networks(hops: &[Option<Seen>], tables: &Loaded) -> AsPath {
    let has_gaps = hops.iter().any(|hop| hop.as_ref().is_none_or(|seen| is_unknown(seen, tables)));
    AsPath::new(hops.iter().flatten().filter_map(|seen| seen.asn).collect(), has_gaps)
}

/// The last network before the target's own, where one is next to the other.
fn handover(hops: &[Option<Seen>], to: IpAddr, own: u32, tables: &Loaded) -> Option<Handover> {
    let is_other =
        |hop: &Option<Seen>| hop.as_ref().and_then(|seen| seen.asn).is_some_and(|asn| asn != own);
    let at = hops.iter().rposition(is_other)?;
    let is_own = |hop: &Option<Seen>| {
        hop.as_ref().is_some_and(|it| it.asn == Some(own) || it.router.address == to)
    };
    let behind = at + 1 + hops[at + 1..].iter().position(is_own)?;
    // Somebody else may be in between.
    if hops[at + 1..behind].iter().any(|hop| hop.as_ref().is_none_or(|it| is_unknown(it, tables))) {
        return None;
    }
    let seen = hops[at].as_ref()?;
    // The port of an exchange behind it is where both meet.
    let exchange = || hops[at..].iter().flatten().find_map(|seen| seen.exchange.clone());
    let city = seen.hint.place().map(|place| place.city.clone());
    let city = city.or_else(|| exchange().map(|exchange| exchange.city));
    Some(Handover { asn: seen.asn?, city: city.unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASN: &str = "149.154.164.0\t22\t62041\n195.2.0.0\t19\t1273\n198.51.100.0\t24\t64500\n\
                       80.249.208.0\t21\t1200\n203.0.113.0\t24\t64501\n";
    const IX: &str = "80.249.208.0/21,AMS-IX,Amsterdam,NL\n";
    const AMSTERDAM: (f64, f64) = (52.37, 4.90);

    /// Routers at these addresses, each with a round trip in milliseconds, and silence for `-`.
    fn path(hops: &[(&str, u64)], is_whole: bool) -> Known {
        let places = hops.iter().map(|(ip, millis)| {
            let rtt = Duration::from_millis(*millis);
            let router = |address| Router { address, rtt, mpls: Vec::new() };
            ip.parse().ok().map(router)
        });
        Known { to: "149.154.167.220".parse().unwrap(), places: places.collect(), is_whole }
    }

    fn name_of(ip: IpAddr) -> Option<String> {
        let name = match ip.to_string().as_str() {
            "195.2.1.14" => "xcr1.att.cw.net",
            "80.249.209.69" => "ams-ix-gw.telegram.org",
            "203.0.113.7" => "ae-2-3201.ear3.amsterdam1.level3.net",
            _ => return None,
        };
        Some(name.to_owned())
    }

    fn light(tables: &Loaded) -> Light<'_> {
        Light { tables, vantage: Some(AMSTERDAM), rtt: None }
    }

    #[test]
    fn a_port_of_an_exchange_is_where_networks_meet() {
        let tables = Loaded::of(ASN, IX, "Vatry,FR,48.776,4.184,xcr,\n");
        let hops = [
            ("10.0.0.1", 1),
            ("198.51.100.1", 1),
            ("-", 0),
            ("195.2.1.14", 1),
            ("80.249.209.69", 2),
            ("149.154.167.220", 2),
        ];
        let report = report(&path(&hops, true), light(&tables), name_of);
        assert_eq!(report.networks.asns(), [64500, 1273, 62041]);
        assert_eq!(report.handover, Some(Handover { asn: 1273, city: "Amsterdam".to_owned() }));
        let exchange = Crossed { name: "AMS-IX".to_owned(), city: "Amsterdam".to_owned() };
        assert_eq!(report.exchange, Some(exchange));
        assert_eq!(report.anchor.as_ref().unwrap().city, "Amsterdam");
        assert!(matches!(report.hops[3].as_ref().unwrap().hint, Hint::Refused(_)));
    }

    #[test]
    fn who_hands_over_is_next_to_the_target_s_own_network() {
        let tables = Loaded::of(ASN, IX, "");
        let target = ("149.154.167.220", 2);
        for (between, wanted) in [
            (vec![], Some(1273)),
            // A port of an exchange, and what anybody may use.
            (vec![("80.249.209.69", 2), ("10.0.0.1", 2)], Some(1273)),
            // One that is silent, or nobody's, may be somebody else's.
            (vec![("-", 0)], None),
            (vec![("80.249.209.69", 2), ("192.0.2.1", 2)], None),
        ] {
            let hops =
                [&[("198.51.100.1", 1), ("195.2.1.14", 1)][..], &between, &[target]].concat();
            let found = report(&path(&hops, true), light(&tables), name_of);
            assert_eq!(found.handover.map(|it| it.asn), wanted, "{between:?}");
        }
        // Nothing of its own has answered.
        let found = report(&path(&[("195.2.1.14", 1)], false), light(&tables), name_of);
        assert_eq!(found.handover, None);
    }

    #[test]
    fn without_tables_names_alone_speak() {
        let tables = Loaded::of("", "", "");
        let hops = [("195.2.1.14", 1), ("80.249.209.69", 2), ("149.154.167.220", 2)];
        let found = report(&path(&hops, true), light(&tables), name_of);
        assert_eq!((found.handover, found.networks.is_empty()), (None, true));
        assert_eq!(
            found.exchange.map(|it| (it.name, it.city)),
            Some(("named".into(), "Amsterdam".into()))
        );
        // With a table of exchanges, what a name says is not needed.
        let tables = Loaded::of("", "192.0.2.0/24,OTHER-IX,Ghent,BE\n", "");
        assert_eq!(report(&path(&hops, true), light(&tables), name_of).exchange, None);
    }

    #[test]
    fn a_router_speaks_for_a_target_that_is_near_it() {
        let tables = Loaded::of("", "", "");
        let hops = |rtt| [("203.0.113.7", 10), ("-", 0), ("149.154.167.220", rtt)];
        let near = report(&path(&hops(13), true), light(&tables), name_of);
        assert!(near.anchor.is_some() && near.last == near.anchor);
        let far = report(&path(&hops(14), true), light(&tables), name_of);
        assert!(far.anchor.is_none() && far.last.is_some());
        // What its probes know of the target counts where the trace did not reach it.
        let unknown = path(&[("203.0.113.7", 10)], false);
        assert_eq!(report(&unknown, light(&tables), name_of).anchor, None);
        let rtt = Some(Duration::from_millis(12));
        let known = Light { rtt, ..light(&tables) };
        assert!(report(&unknown, known, name_of).anchor.is_some());
    }

    #[test]
    fn a_router_is_no_further_than_what_is_behind_it() {
        let tables = Loaded::of("", "", "");
        let london = Light { vantage: Some((51.51, -0.13)), ..light(&tables) };
        // 357 km: it answers after 40 ms, and the target behind it after 2.
        let slow = path(&[("203.0.113.7", 40), ("149.154.167.220", 2)], true);
        let found = report(&slow, london, name_of);
        assert!(matches!(&found.hops[0].as_ref().unwrap().hint, Hint::Refused(_)), "{found:?}");
        assert!(found.last.is_none() && found.anchor.is_none());
        // The same by what the probes of the target say.
        let probed = Light { rtt: Some(Duration::from_millis(2)), ..london };
        assert_eq!(report(&path(&[("203.0.113.7", 40)], false), probed, name_of).last, None);
        // It may be there, and need not be near the target.
        let slow = path(&[("203.0.113.7", 40), ("149.154.167.220", 20)], true);
        let found = report(&slow, london, name_of);
        assert!(found.last.is_some() && found.anchor.is_none(), "{found:?}");
    }

    #[test]
    fn names_are_asked_of_the_last_and_of_who_hands_over() {
        let tables = Loaded::of(ASN, IX, "");
        let own: Vec<String> = (1..9).map(|last| format!("149.154.166.{last}")).collect();
        let mut hops = vec![("198.51.100.1", 1), ("195.2.1.14", 1)];
        hops.extend(own.iter().map(|ip| (ip.as_str(), 2)));
        hops.push(("149.154.167.220", 2));
        let asked = asks_for(&path(&hops, true), &tables);
        assert_eq!(asked.len(), 6);
        assert!(asked.contains(&"195.2.1.14".parse().unwrap()));
        assert_eq!(asks_for(&path(&hops, true), &Loaded::of("", "", "")).len(), 5);
        let inside = path(&[("149.154.166.1", 1), ("149.154.167.220", 2)], true);
        assert_eq!(report(&inside, light(&tables), name_of).handover, None, "it was there already");
    }
}
