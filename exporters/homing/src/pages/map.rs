//! Where an endpoint can be, drawn on the Earth unrolled: discs of so many kilometres around the
//! vantages, and the sites. No I/O, no clock.

use std::f64::consts::TAU;
use std::fmt::Write as _;

use earth::Point;

use crate::geodesy::moved;
use crate::verdict::TargetVerdict;
use crate::world::World;

/// Discs that are drawn: more only cover one another.
const MOST_DISCS: usize = 30;
/// Corners of a disc.
const CORNERS: u32 = 120;
/// A disc beyond this says nothing: it is most of the Earth.
const LARGEST_KM: f64 = 9_000.0;

/// The picture of one endpoint.
pub(super) fn draw(world: &World, name: &str, verdict: &TargetVerdict) -> String {
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-180 -90 360 190\" font-family=\"sans-serif\" font-size=\"4\">\n\
         <rect x=\"-180\" y=\"-90\" width=\"360\" height=\"180\" fill=\"#f4f7fa\"/>\n",
    );
    for degrees in (-180..=180).step_by(30) {
        // A string takes whatever is written to it.
        let _ =
            writeln!(svg, "<path d=\"M{degrees} -90V90\" stroke=\"#d0d8e0\" stroke-width=\".2\"/>");
        if (-90..=90).contains(&degrees) {
            let _ = writeln!(
                svg,
                "<path d=\"M-180 {degrees}H180\" stroke=\"#d0d8e0\" stroke-width=\".2\"/>"
            );
        }
    }
    for address in &verdict.addresses {
        for seen in address.judged.voters.iter().take(MOST_DISCS) {
            let vantage = &world.vantages[seen.vantage];
            let km = vantage.reach_km(seen.rtt_ms);
            if let Some(place) = vantage.place {
                if km <= LARGEST_KM {
                    disc(&mut svg, place, km, "#3b7dd8", 0.08);
                }
                dot(&mut svg, place, "#3b7dd8", &format!("{} {:.0} ms", vantage.name, seen.rtt_ms));
            }
        }
        for site in &address.judged.sites {
            disc(&mut svg, site.place, site.radius, "#d8503b", 0.35);
            let city = site.city.map_or("", |(city, _)| city.name);
            dot(&mut svg, site.place, "#d8503b", city);
        }
    }
    let _ = writeln!(svg, "<text x=\"-178\" y=\"97\">{}</text>", escaped(name));
    svg.push_str("</svg>\n");
    svg
}

fn dot(svg: &mut String, place: Point, colour: &str, text: &str) {
    let (x, y) = (place.longitude, -place.latitude);
    let _ = writeln!(
        svg,
        "<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"1\" fill=\"{colour}\"/><text x=\"{:.2}\" y=\"{y:.2}\">{}</text>",
        x + 1.5,
        escaped(text)
    );
}

/// A disc as its edge is on this map. Over the date line it is drawn on both sides, and around a pole as
/// the strip that it is there.
fn disc(svg: &mut String, centre: Point, km: f64, colour: &str, opacity: f64) {
    let edge: Vec<Point> = (0..=CORNERS)
        .map(|at| moved(centre, TAU * f64::from(at) / f64::from(CORNERS), km))
        .collect();
    // Longitudes that go on instead of jumping.
    let (mut path, mut before, mut turns) = (Vec::new(), edge[0].longitude, 0.0);
    for place in &edge {
        turns += match place.longitude - before {
            jump if jump > 180.0 => -360.0,
            jump if jump < -180.0 => 360.0,
            _ => 0.0,
        };
        before = place.longitude;
        path.push((place.longitude + turns, -place.latitude));
    }
    if turns.abs() > 1.0
        && let (Some(first), Some(last)) = (path.first().copied(), path.last().copied())
    {
        let pole = if centre.latitude >= 0.0 { -90.0 } else { 90.0 };
        path.extend([(last.0, pole), (first.0, pole)]);
    }
    for shift in [-360.0, 0.0, 360.0] {
        if path.iter().all(|(x, _)| (x + shift).abs() > 180.0) {
            continue;
        }
        let points: Vec<String> =
            path.iter().map(|(x, y)| format!("{:.1},{y:.1}", x + shift)).collect();
        let _ = writeln!(
            svg,
            "<polygon points=\"{}\" fill=\"{colour}\" fill-opacity=\"{opacity}\" stroke=\"{colour}\" stroke-width=\".3\"/>",
            points.join(" ")
        );
    }
}

/// A text that is nothing but a text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disc_over_the_date_line_is_drawn_on_both_sides_and_one_around_a_pole_once() {
        let drawn = |north, east, km| {
            let mut svg = String::new();
            disc(&mut svg, Point::new(north, east).unwrap(), km, "red", 0.1);
            svg.matches("<polygon").count()
        };
        assert_eq!(drawn(50.0, 5.0, 500.0), 1);
        assert_eq!(drawn(-18.0, 178.0, 1_000.0), 2);
        assert!(drawn(85.0, 30.0, 2_000.0) >= 1);
    }

    #[test]
    fn a_name_cannot_be_more_than_a_name() {
        let svg = draw(&World::default(), "<script>&\"", &TargetVerdict::default());
        assert!(!svg.contains("<script") && svg.contains("&lt;script&gt;&amp;&quot;"), "{svg}");
    }
}
