//! The world of the incidents: three regions, a service in one city, its twin in three. No I/O, no clock.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::{Anycast, Node, Role, Router, Service, Topology};
use crate::wan::Answers;
use crate::wan::geometry::{Fibre, Place};

/// A city with its exchange, as the routers there call it.
struct City {
    name: &'static str,
    country: &'static str,
    region: &'static str,
    place: Place,
    router: &'static str,
}

const fn city(
    name: &'static str,
    country: &'static str,
    region: &'static str,
    degrees: (f64, f64),
    router: &'static str,
) -> City {
    let place = Place { latitude: degrees.0, longitude: degrees.1 };
    City { name, country, region, place, router }
}

const AMSTERDAM: City = city("Amsterdam", "NL", "EMEA", (52.37, 4.90), "ams-ix-gw");
const FRANKFURT: City = city("Frankfurt", "DE", "EMEA", (50.11, 8.68), "fra1");
const MIAMI: City = city("Miami", "US", "AMER", (25.76, -80.19), "mia2");
const LONDON: City = city("London", "GB", "EMEA", (51.51, -0.13), "lon2");
const NEW_YORK: City = city("New York", "US", "AMER", (40.71, -74.01), "nyc4");
const SAN_FRANCISCO: City = city("San Francisco", "US", "AMER", (37.77, -122.42), "sfo1");
const SINGAPORE: City = city("Singapore", "SG", "APAC", (1.35, 103.82), "sin3");
const SYDNEY: City = city("Sydney", "AU", "APAC", (-33.87, 151.21), "syd1");

/// The IPv4 addresses are of the blocks set aside for documentation (RFC 5737), the IPv6 ones of
/// `2001:db8::/32` (RFC 3849), the names of the top-level domain `example` (RFC 2606).
const NODES: [(&str, Role, City, [u8; 4]); 17] = [
    ("fra", Role::Vantage, FRANKFURT, [192, 0, 2, 1]),
    ("lon", Role::Vantage, LONDON, [192, 0, 2, 2]),
    ("nyc", Role::Vantage, NEW_YORK, [192, 0, 2, 3]),
    ("sfo", Role::Vantage, SAN_FRANCISCO, [192, 0, 2, 4]),
    ("sin", Role::Vantage, SINGAPORE, [192, 0, 2, 5]),
    ("syd", Role::Vantage, SYDNEY, [192, 0, 2, 6]),
    ("svc-ams", Role::Service, AMSTERDAM, [203, 0, 113, 220]),
    ("shop", Role::Service, AMSTERDAM, [203, 0, 113, 30]),
    ("blog", Role::Service, AMSTERDAM, [203, 0, 113, 40]),
    ("any-lon", Role::Service, LONDON, [203, 0, 113, 101]),
    ("any-nyc", Role::Service, NEW_YORK, [203, 0, 113, 102]),
    ("any-sin", Role::Service, SINGAPORE, [203, 0, 113, 103]),
    ("canary-a", Role::Canary, LONDON, [198, 51, 100, 10]),
    ("canary-b", Role::Canary, NEW_YORK, [198, 51, 100, 20]),
    ("canary-c", Role::Canary, SINGAPORE, [198, 51, 100, 30]),
    ("svc-mia", Role::Service, MIAMI, [198, 51, 100, 60]),
    ("svc-sin", Role::Service, SINGAPORE, [192, 0, 2, 60]),
];

const ANYCAST: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 53));

/// Services in Amsterdam beside the messenger's, on its machine, whose providers have status pages.
const WITH_PAGES: [(&str, u8); 4] = [("mail", 50), ("chat", 51), ("wiki", 52), ("video", 54)];

/// The data centres of the messenger, each on a node in its city and with an address in a prefix of its own.
pub const DATA_CENTRES: [(&str, &str, [u8; 4]); 3] = [
    ("dc-ams", "svc-ams", [203, 0, 113, 60]),
    ("dc-mia", "svc-mia", [198, 51, 100, 60]),
    ("dc-sin", "svc-sin", [192, 0, 2, 60]),
];

/// The routers at which carriers hand over in Amsterdam, named as those of 2018 were but for the top-level domain, and the
/// vantages that each of them carries.
const CARRIERS: [(&str, u8, &[&str]); 3] = [
    ("et3-1-2.amster1.ams.seabone", 129, &["fra", "nyc", "sin"]),
    ("xcr2.amsterdam1.cw", 130, &["lon", "sfo"]),
    ("ae-2-3201.ear3.amsterdam1.level3", 131, &["syd"]),
];
/// The same in the other cities of the messenger's, whichever vantage it is.
const ELSEWHERE: [(&str, &str, City, u8); 2] = [
    ("svc-mia", "ae-1-51.ear2.miami1.level3", MIAMI, 132),
    ("svc-sin", "et5-1-0.singapore2.sin.seabone", SINGAPORE, 133),
];
/// A router at home of each vantage of the second: its name has the code of an airport in Alaska, where it is not.
const MISLEADING: &str = "xcr1.att.cw";
const MISLEADING_AT: [(&str, City, u8); 2] = [("lon", LONDON, 140), ("sfo", SAN_FRANCISCO, 141)];

/// Six vantages in three regions, a service in Amsterdam alone, its twin in London, New York and
/// Singapore, more services to break, data centres in three cities, and three canaries.
pub fn default_world() -> Topology {
    let mut nodes: Vec<Node> = (1..).zip(NODES).map(|(number, node)| build(number, node)).collect();
    let more = WITH_PAGES.map(|(_, last)| IpAddr::from(Ipv4Addr::new(203, 0, 113, last)));
    if let Some(host) = nodes.iter_mut().find(|node| node.name == "svc-ams") {
        host.addresses.extend(more);
        host.addresses.push(DATA_CENTRES[0].2.into());
    }
    let sites = ["any-lon", "any-nyc", "any-sin"].map(str::to_owned).to_vec();
    let service = |name: &str, host: &str, last: u8| Service {
        name: name.to_owned(),
        host: host.to_owned(),
        address: Ipv4Addr::new(203, 0, 113, last).into(),
    };
    let mut services = vec![
        service("messenger-api", "api.messenger.example", 220),
        service("shop", "shop.example", 30),
        service("blog", "blog.example", 40),
        service("anycast", "web.anycast.example", 53),
    ];
    services.extend(WITH_PAGES.map(|(name, last)| service(name, &format!("{name}.example"), last)));
    let canaries = nodes.iter().filter(|node| node.role == Role::Canary);
    Topology {
        names: canaries.map(|node| (format!("{}.example", node.name), node.addresses[0])).collect(),
        transit: transit(&nodes),
        anycast: vec![Anycast { address: ANYCAST, sites }],
        services,
        fibre: Fibre::default(),
        // Quiet links, so that the minimum of a minute is the distance.
        jitter: Duration::from_micros(200),
        round_trips: Vec::new(),
        nodes,
    }
}

fn build(number: u16, (name, role, city, address): (&str, Role, City, [u8; 4])) -> Node {
    Node {
        name: name.to_owned(),
        role,
        city: city.name.to_owned(),
        country: city.country.to_owned(),
        region: city.region.to_owned(),
        place: city.place,
        addresses: vec![
            Ipv4Addr::from(address).into(),
            Ipv6Addr::new(0x2001, 0xdb8, 0, number, 0, 0, 0, 1).into(),
        ],
        prefixes: Vec::new(),
        router: Some(router(
            city.router,
            "net.example",
            city.place,
            [100, 64, 0, number.to_be_bytes()[1]],
            number,
        )),
    }
}

/// From every vantage, the last router but one before Amsterdam says where it is by its name.
fn transit(nodes: &[Node]) -> Vec<(String, String, Vec<Router>)> {
    let there = || nodes.iter().filter(|node| node.city == AMSTERDAM.name);
    let carried = CARRIERS.iter().flat_map(|(name, last, vantages)| {
        let core = carrier(name, AMSTERDAM.place, *last);
        vantages.iter().map(move |vantage| (*vantage, core.clone()))
    });
    let pairs = carried.flat_map(|(vantage, core)| {
        let misleading = MISLEADING_AT.iter().find(|(at, ..)| *at == vantage);
        let before = misleading.map(|(_, city, last)| carrier(MISLEADING, city.place, *last));
        let routers: Vec<Router> = before.into_iter().chain([core]).collect();
        there().map(move |service| (vantage.to_owned(), service.name.clone(), routers.clone()))
    });
    let elsewhere = nodes.iter().filter(|node| node.role == Role::Vantage).flat_map(|vantage| {
        ELSEWHERE.iter().map(|(node, name, city, last)| {
            let core = carrier(name, city.place, *last);
            (vantage.name.clone(), (*node).to_owned(), vec![core])
        })
    });
    pairs.chain(elsewhere).collect()
}

/// A router with an address that is public, as far as one of this world can be.
fn carrier(name: &str, place: Place, last: u8) -> Router {
    router(name, "example", place, [198, 51, 100, last], 0x100 + u16::from(last))
}

fn router(name: &str, domain: &str, place: Place, v4: [u8; 4], number: u16) -> Router {
    Router {
        name: format!("{name}.{domain}"),
        place,
        v4: Some(v4.into()),
        v6: Some(Ipv6Addr::new(0x2001, 0xdb8, 0xffff, number, 0, 0, 0, 1)),
        answers: Answers::Each,
        labels: Vec::new(),
    }
}
