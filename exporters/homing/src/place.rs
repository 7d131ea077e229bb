//! Where a thing can be that so many vantages see at such distances. No I/O, no clock.

use std::collections::BTreeMap;

use earth::{Direction, Point, SLACK_KM, chord_of};

use crate::cities::{self, City};
use crate::geodesy::{self, RINGS, centre, km_to_farthest};

/// How often the least contradicted part of a disc is looked through again, each time at a quarter of
/// the size: from 20,000 km down to less than the slack.
const TRIES: u32 = 5;

/// The places that light can have reached from a vantage and come back from in time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Disc {
    /// Where the vantage is.
    pub(crate) centre: Point,
    /// Kilometres to its edge, without slack.
    pub(crate) radius: f64,
}

/// By what a site has its city's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The names of routers next to it.
    Name,
    /// It is the nearest one to the middle of where the site can be.
    Distance,
}

impl Source {
    /// As a label has it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Distance => "distance",
        }
    }
}

/// A part of the world where a site is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Site {
    /// The middle of it.
    pub(crate) place: Point,
    /// Kilometres from there to the farthest place that is possible.
    pub(crate) radius: f64,
    /// A city within it, and by what.
    pub(crate) city: Option<(&'static City, Source)>,
}

/// A disc as it is asked again and again whether a place is within.
struct Reach {
    centre: Point,
    chord: f64,
}

impl Reach {
    fn holds(&self, place: Direction) -> bool {
        self.centre.chord_to(place) <= self.chord
    }
}

impl Disc {
    /// What tells whether a place is within it, slack included.
    fn reach(&self) -> Reach {
        Reach { centre: self.centre, chord: chord_of(self.radius + SLACK_KM) }
    }

    /// How many kilometres a place is beyond the edge, slack included; below 0 within.
    fn beyond(&self, place: Point) -> f64 {
        self.centre.km_to(place) - self.radius - SLACK_KM
    }
}

/// The part of the world that is in all discs; none where they have no place in common. `hints` are the
/// cities that routers next to it are named after, and how many vantages say so.
pub(crate) fn locate(discs: &[Disc], hints: &BTreeMap<String, usize>) -> Option<Site> {
    let mut discs = discs.to_vec();
    discs.sort_by(|a, b| a.radius.total_cmp(&b.radius));
    let smallest = *discs.first()?;
    // What holds the whole of the smallest says nothing.
    discs.retain(|disc| {
        *disc == smallest || disc.centre.km_to(smallest.centre) + smallest.radius > disc.radius
    });
    let mut around = (smallest.centre, smallest.radius + SLACK_KM);
    let mut within = inside(&discs, around);
    for _ in 0..TRIES {
        if !within.is_empty() {
            break;
        }
        around = (least_contradicted(&discs, around)?, around.1 / 4.0);
        within = inside(&discs, around);
    }
    // Once more, where it is, and no larger: what is small lies between the places looked at.
    let middle = centre(&within).or(within.first().copied())?;
    let step = around.1 / RINGS as f64;
    let reach = km_to_farthest(middle, &within) + 2.0 * step;
    let finer = inside(&discs, (middle, reach));
    let within = if finer.is_empty() { within } else { finer };
    let place = centre(&within).or(within.first().copied())?;
    let radius = km_to_farthest(place, &within) + reach / RINGS as f64;
    Some(Site { place, radius, city: city(&discs, place, hints) })
}

/// Places all over a disc.
fn places((centre, radius): (Point, f64)) -> impl Iterator<Item = Direction> {
    std::iter::once(centre.direction()).chain(geodesy::disc(centre, radius))
}

fn inside(discs: &[Disc], around: (Point, f64)) -> Vec<Point> {
    let reaches: Vec<_> = discs.iter().map(Disc::reach).collect();
    let within = places(around).filter(|place| reaches.iter().all(|reach| reach.holds(*place)));
    within.filter_map(Point::towards).collect()
}

fn least_contradicted(discs: &[Disc], around: (Point, f64)) -> Option<Point> {
    let worst = |place: Point| discs.iter().map(|disc| disc.beyond(place)).fold(f64::MIN, f64::max);
    let places = places(around).filter_map(Point::towards);
    places.map(|place| (worst(place), place)).min_by(|a, b| a.0.total_cmp(&b.0)).map(|it| it.1)
}

/// The city by which the site is called: the one that most vantages hear of, if it is possible; else the
/// possible one that is nearest to the middle.
fn city(
    discs: &[Disc],
    middle: Point,
    hints: &BTreeMap<String, usize>,
) -> Option<(&'static City, Source)> {
    let reaches: Vec<_> = discs.iter().map(Disc::reach).collect();
    let is_possible =
        |city: &&City| reaches.iter().all(|reach| reach.holds(city.place.direction()));
    let hinted = hints.iter().filter_map(|(name, votes)| Some((cities::named(name)?, votes)));
    let hinted = hinted.filter(|(city, _)| is_possible(city));
    if let Some((city, _)) = hinted.max_by(|a, b| a.1.cmp(b.1).then_with(|| b.0.name.cmp(a.0.name)))
    {
        return Some((city, Source::Name));
    }
    let possible = cities::hubs().iter().filter(is_possible);
    let away = |city: &City| city.place.km_to(middle);
    let nearest = possible.min_by(|a, b| away(a).total_cmp(&away(b)))?;
    Some((nearest, Source::Distance))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disc(city: &str, rtt_ms: f64) -> Disc {
        Disc { centre: cities::named(city).unwrap().place, radius: rtt_ms * 100.0 }
    }

    fn no_hints() -> BTreeMap<String, usize> {
        BTreeMap::new()
    }

    #[test]
    fn a_site_is_where_all_discs_are() {
        let discs = [disc("London", 8.0), disc("Frankfurt", 9.0), disc("New York", 85.0)];
        let site = locate(&discs, &no_hints()).unwrap();
        let amsterdam = cities::named("Amsterdam").unwrap();
        let away = site.place.km_to(amsterdam.place);
        assert!(away <= site.radius, "{away} km from {site:?}");
        assert!((200.0..1_000.0).contains(&site.radius), "{site:?}");
        for disc in discs {
            assert!(disc.beyond(site.place) <= 0.0, "{site:?}");
        }
    }

    #[test]
    fn the_names_of_routers_decide_if_light_allows_it() {
        let discs = [disc("London", 8.0), disc("Frankfurt", 9.0)];
        let called = |hints: &[(&str, usize)]| {
            let hints = hints.iter().map(|(city, votes)| ((*city).to_owned(), *votes)).collect();
            let (city, source) = locate(&discs, &hints).unwrap().city.unwrap();
            (city.name.to_owned(), source)
        };
        assert_eq!(called(&[("Amsterdam", 2)]), ("Amsterdam".to_owned(), Source::Name));
        assert_eq!(called(&[("Sydney", 9), ("amsterdam", 1)]).0, "Amsterdam");
        assert_eq!(called(&[("Sydney", 9)]).1, Source::Distance);
    }

    #[test]
    fn discs_without_a_place_in_common_have_no_site() {
        // Each two of them overlap.
        let discs = [disc("London", 60.0), disc("Johannesburg", 35.0), disc("Singapore", 52.0)];
        for (at, one) in discs.iter().enumerate() {
            for other in &discs[at + 1..] {
                assert!(one.centre.km_to(other.centre) < one.radius + other.radius);
            }
        }
        let discs = discs.map(|disc| Disc { radius: disc.radius * 0.9, ..disc });
        assert_eq!(locate(&discs, &no_hints()), None);
        assert_eq!(locate(&[], &no_hints()), None);
    }

    #[test]
    fn what_touches_is_found() {
        let (one, other) = (disc("London", 1.0), disc("New York", 1.0));
        let gap = one.centre.km_to(other.centre) - 200.0;
        let other = Disc { radius: 100.0 + gap - 60.0, ..other };
        let site = locate(&[one, other], &no_hints()).unwrap();
        assert!(site.radius < 300.0, "{site:?}");
    }

    #[test]
    fn the_truth_is_within_the_radius_wherever_it_is() {
        for city in cities::hubs() {
            let ring = ["London", "New York", "Singapore", "Sydney", "Sao Paulo", "Johannesburg"];
            let discs = ring.map(|from| {
                let centre = cities::named(from).unwrap().place;
                Disc { centre, radius: centre.km_to(city.place) * 1.3 + 100.0 }
            });
            let site = locate(&discs, &no_hints()).unwrap();
            let away = site.place.km_to(city.place);
            assert!(
                away <= site.radius * 1.1 + 30.0,
                "{}: {away} km of {}",
                city.name,
                site.radius
            );
        }
    }
}
