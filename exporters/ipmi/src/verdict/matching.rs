//! Sensors that moved their id, or that have another name since the firmware changed. No I/O, no clock.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use super::measure::Measure;
use super::watched::{Listed, Watched};
use crate::entity::Entity;
use crate::inventory::{Known, MOST_SENSORS};

/// Goes on with the sensors of another list: those that are listed as before, those that match one
/// that is listed no more, and new ones. Returns the matches, as they were and as they are.
pub(super) fn go_on(sensors: &mut Vec<Watched>, list: &[Listed]) -> Vec<(Arc<Known>, Arc<Known>)> {
    let mut fresh: Vec<&Listed> = Vec::new();
    let places = places(sensors);
    let mut is_listed = vec![false; sensors.len()];
    for listed in list {
        match places.get(&listed.known) {
            Some(place) => {
                sensors[*place].go_on_as(listed);
                is_listed[*place] = true;
            }
            None => fresh.push(listed),
        }
    }
    let mut gone: Vec<usize> = (0..sensors.len()).filter(|place| !is_listed[*place]).collect();
    let mut moved = Vec::new();
    for key in [by_name, by_id] {
        let pairs = unique_pairs(
            gone.iter().map(|place| (key(&sensors[*place].known, sensors[*place].measure), *place)),
            fresh.iter().enumerate().map(|(n, it)| (key(&it.known, it.measure), n)),
        );
        let mut taken = Vec::new();
        for (place, n) in pairs {
            let to = fresh[n];
            moved.push((Arc::clone(&sensors[place].known), Arc::clone(&to.known)));
            sensors[place].go_on_as(to);
            sensors[place].is_there();
            gone.retain(|it| *it != place);
            taken.push(n);
        }
        let mut n = 0;
        fresh.retain(|_| {
            n += 1;
            !taken.contains(&(n - 1))
        });
    }
    for listed in fresh {
        if sensors.len() >= 2 * MOST_SENSORS {
            break;
        }
        sensors.push(Watched::new(listed));
    }
    // Grown to what is needed: ten thousand machines have such a list.
    sensors.shrink_to_fit();
    moved
}

/// Where each sensor stands.
pub(super) fn places(sensors: &[Watched]) -> HashMap<Arc<Known>, usize> {
    sensors.iter().enumerate().map(|(place, it)| (Arc::clone(&it.known), place)).collect()
}

type Key = (Option<Measure>, String, Entity);

/// By the name without digits in front, without case and punctuation.
fn by_name(known: &Known, measure: Measure) -> Key {
    let name = known.name.to_lowercase();
    let bare = name.trim_start_matches(|c: char| c.is_ascii_digit());
    let bare =
        if bare.len() < name.len() && bare.starts_with([' ', '-']) { &bare[1..] } else { &name };
    let letters = bare.chars().filter(|c| c.is_alphanumeric()).collect();
    (Some(measure), letters, known.entity)
}

/// By the id.
fn by_id(known: &Known, measure: Measure) -> Key {
    (Some(measure), known.id.clone(), known.entity)
}

/// The pairs of those that have a key alone on both sides.
fn unique_pairs<K: Eq + Hash>(
    left: impl Iterator<Item = (K, usize)>,
    right: impl Iterator<Item = (K, usize)>,
) -> Vec<(usize, usize)> {
    let mut sides: HashMap<K, (Vec<usize>, Vec<usize>)> = HashMap::new();
    for (key, place) in left {
        sides.entry(key).or_default().0.push(place);
    }
    for (key, place) in right {
        sides.entry(key).or_default().1.push(place);
    }
    let mut pairs: Vec<_> = sides
        .into_values()
        .filter_map(|(left, right)| match (left.as_slice(), right.as_slice()) {
            ([left], [right]) => Some((*left, *right)),
            _ => None,
        })
        .collect();
    pairs.sort_unstable();
    pairs
}
