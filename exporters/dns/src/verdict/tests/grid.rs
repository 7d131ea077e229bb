//! Manners of names times disturbances times lists, drawn at random: how often a verdict is false, and how often one is
//! missed. The table is printed; the limits are what all of the grid has, which a share of it cannot exceed.
//!
//! With `TURBULENCE_SHARE=all` all of it is judged, else a share that is drawn by the seed in that variable, a commit, say.

mod list;
mod manner;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use self::list::{IS_TOLD, List, SIZES};
use self::manner::{Family, MANNERS, Manner, addresses_of, v4, v6};
use super::world::{Random, code};
use super::*;
use crate::answer::{Answer, Content};

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disturbance {
    Nothing,
    Country,
    CountryOfMany,
    CountryAbsent,
    CountryPrivate,
    CountryFails,
    /// Two replies to each query, one of which is forged.
    CountryInjects,
    ThreeCountries,
    CountryAndStrays,
    /// So many of a thousand.
    Scattered(u16),
    Operator,
    Hijack(u16),
    AllFail,
    ThirdFails,
}

use Disturbance::{
    AllFail, Country, CountryAbsent, CountryAndStrays, CountryFails, CountryInjects, CountryOfMany,
    CountryPrivate, Hijack, Nothing, Operator, Scattered, ThirdFails, ThreeCountries,
};

const DISTURBANCES: [Disturbance; 18] = [
    Nothing,
    Country,
    CountryOfMany,
    CountryAbsent,
    CountryPrivate,
    CountryFails,
    CountryInjects,
    ThreeCountries,
    CountryAndStrays,
    Scattered(1),
    Scattered(10),
    Scattered(30),
    Scattered(100),
    Operator,
    Hijack(300),
    Hijack(600),
    AllFail,
    ThirdFails,
];

/// What came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    runs: usize,
    honest: usize,
    false_outliers: usize,
    liars: usize,
    missed_outliers: usize,
    false_countries: usize,
    countries: usize,
    missed_countries: usize,
    false_pages: usize,
    pages: usize,
    missed_pages: usize,
}

/// What is wrong in all of the grid, with a pin and without, for each size: outliers that are none and those that are missed,
/// the same of countries, and of pages. With a pin only pages are missed, of a few resolvers of whom chance has fewer lie or fail
/// than a third. Without, those stand out who are early in a change, or have caches where others have none; and where answers differ
/// by themselves, liars do not.
const MOST: [(bool, Family, [[usize; 6]; SIZES.len()]); 10] = [
    (
        true,
        Family::Fixed,
        [[0, 0, 0, 0, 0, 4], [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0]],
    ),
    (
        true,
        Family::Moving,
        [[0, 0, 0, 0, 0, 9], [0, 0, 0, 0, 0, 2], [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]],
    ),
    (
        true,
        Family::Pools,
        [[0, 0, 0, 0, 0, 24], [0, 0, 0, 0, 0, 3], [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]],
    ),
    (
        true,
        Family::ByPlace,
        [[0, 0, 0, 0, 0, 14], [0, 0, 0, 0, 0, 3], [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]],
    ),
    (
        true,
        Family::Made,
        [[0, 0, 0, 0, 0, 3], [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]],
    ),
    (
        false,
        Family::Fixed,
        [[0, 0, 0, 0, 0, 2], [0, 5, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0]],
    ),
    (
        false,
        Family::Moving,
        [[9, 5, 0, 0, 0, 5], [10, 11, 0, 0, 0, 1], [75, 62, 0, 0, 0, 0], [1_510, 548, 0, 0, 0, 0]],
    ),
    (
        false,
        Family::Pools,
        [[2, 9, 0, 0, 0, 11], [6, 44, 0, 0, 0, 2], [6, 146, 0, 0, 0, 0], [10, 1_720, 0, 6, 0, 0]],
    ),
    (
        false,
        Family::ByPlace,
        [
            [7, 5, 0, 0, 0, 7],
            [8, 21, 0, 0, 0, 1],
            [161, 185, 0, 3, 0, 0],
            [2_212, 2_511, 3, 28, 0, 0],
        ],
    ),
    (
        false,
        Family::Made,
        [[0, 0, 0, 0, 0, 2], [0, 3, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]],
    ),
];

/// One cell: a manner, a disturbance and a size by their numbers, with a pin or without.
type Cell = (usize, usize, usize, bool);

/// Which resolvers lie, which fail, and which countries are to be told.
struct Trouble {
    lies: Vec<bool>,
    fails: Vec<bool>,
    countries: Vec<usize>,
}

impl Disturbance {
    /// Whether it is to page.
    fn is_page(self, is_pinned: bool) -> bool {
        matches!(self, AllFail | ThirdFails) || matches!(self, Hijack(_)) && is_pinned
    }

    /// Who is disturbed; nothing if the list is too small for it.
    fn trouble(self, list: &List, random: &mut Random) -> Option<Trouble> {
        let count = match self {
            ThreeCountries => 3,
            Country | CountryOfMany | CountryAbsent | CountryPrivate | CountryFails
            | CountryInjects | CountryAndStrays => 1,
            _ => 0,
        };
        let countries = list.countries(count, random)?;
        let size = list.places.len();
        let of_country: Vec<bool> =
            list.places.iter().map(|it| it.is_some_and(|it| countries.contains(&it))).collect();
        let mut drawn =
            |share: u16| (0..size).map(|_| random.is(f64::from(share) / 1_000.0)).collect();
        let nobody = vec![false; size];
        let (lies, fails) = match self {
            Nothing => (nobody.clone(), nobody),
            AllFail => (nobody, vec![true; size]),
            ThirdFails => (nobody, drawn(300)),
            CountryFails => (nobody, of_country),
            Scattered(share) | Hijack(share) => (drawn(share), nobody),
            Operator => (list.of_operator.clone(), nobody),
            CountryAndStrays => {
                let mut lies = of_country;
                let strays = (0..size).filter(|at| !lies[*at] && list.is_alive(*at));
                let strays: Vec<usize> = strays.collect();
                for _ in 0..2 {
                    lies[strays[random.below(strays.len())]] = true;
                }
                (lies, nobody)
            }
            _ => (of_country, nobody),
        };
        let is_empty = self == Operator && !lies.contains(&true);
        (!is_empty).then_some(Trouble { lies, fails, countries })
    }

    /// What a liar says, whose honest answer is this.
    fn lie(self, manner: Manner, honest: Outcome, random: &mut Random) -> Outcome {
        let forged = |random: &mut Random| {
            let n = u8::try_from(random.below(40)).unwrap();
            let address =
                if manner.is_v6() { v6(&format!("2a0d:{n:x}::66")) } else { v4([31, 13, n, 1]) };
            addresses_of(vec![address])
        };
        let content = match self {
            CountryAbsent => Content::Nxdomain,
            CountryPrivate if manner.is_v6() => addresses_of(vec![v6("2001::a0a:2223")]),
            CountryPrivate => addresses_of(vec![v4([10, 10, 34, 35])]),
            CountryOfMany => forged(random),
            CountryInjects => {
                let Outcome::Answer(Answer { content: honest, .. }) = honest else { return honest };
                let forged = forged(random);
                let (first, then) =
                    if random.is(0.85) { (forged, honest) } else { (honest, forged) };
                let mut answer = Answer::new(first);
                answer.others.push(then);
                answer.flags.set(Flag::MultipleAnswers);
                return Outcome::Answer(answer);
            }
            _ if manner.is_v6() => addresses_of(vec![v6("2a0d:6666::66")]),
            _ => addresses_of(vec![v4([66, 66, 66, 66])]),
        };
        Outcome::Answer(Answer::new(content))
    }
}

/// What one that works says, now and then, to any name.
fn chance(random: &mut Random) -> Outcome {
    let content = match random.below(3) {
        0 => return Outcome::Timeout,
        1 => Content::Servfail,
        _ => Content::Refused,
    };
    Outcome::Answer(Answer::new(content))
}

/// Judges one cell; nothing where it makes no sense.
fn run((name, what, size, is_pinned): Cell) -> Option<Tally> {
    let (manner, disturbance) = (MANNERS[name], DISTURBANCES[what]);
    // No lie where there is nothing; and what nobody pinned nobody can be led away from.
    if manner.is_absent() && disturbance == CountryAbsent
        || !is_pinned && matches!(disturbance, Hijack(_))
    {
        return None;
    }
    let mut random = Random(((name * 100 + what) * 10 + size) as u64 * 7_919 + 13);
    let (count, places) = SIZES[size];
    let mut list = List::new(count, places, &mut random);
    let cached = manner.cached(places, &mut random);
    let trouble = disturbance.trouble(&list, &mut random)?;
    let expected = Expected {
        mode: Mode::Subset,
        answers: manner.pinned().iter().map(|it| it.parse().unwrap()).collect(),
        systems: Vec::new(),
    };
    let rules = Rules { expected: is_pinned.then_some(&expected), ..Rules::default() };
    for at in 0..count {
        let says = if list.is_alive(at) {
            manner.before().honest(&list, at, &cached, &mut random)
        } else {
            Outcome::Timeout
        };
        list.world.say(at, Some(says));
    }
    let before = list.world.with(rules, &Memory::default(), 3_600);
    let mut is_honest: Vec<Option<bool>> = vec![None; count];
    for (at, is_honest) in is_honest.iter_mut().enumerate() {
        if !list.is_alive(at) {
            continue;
        }
        let honest = manner.honest(&list, at, &cached, &mut random);
        let says = match () {
            () if trouble.fails[at] => Outcome::Answer(Answer::new(Content::Servfail)),
            () if random.is(0.01) => chance(&mut random),
            () => {
                *is_honest = Some(!trouble.lies[at]);
                if trouble.lies[at] { disturbance.lie(manner, honest, &mut random) } else { honest }
            }
        };
        list.world.say(at, Some(says));
    }
    let Judged { verdict, .. } = list.world.with(rules, &before.memory, 7_200);

    let mut tally = Tally { runs: 1, ..Tally::default() };
    for (class, is_honest) in verdict.classes.iter().zip(is_honest) {
        let is_out = class.is_outlier() || *class == Class::Conflict;
        match is_honest {
            Some(true) => {
                tally.honest += 1;
                tally.false_outliers += usize::from(is_out);
            }
            Some(false) => {
                tally.liars += 1;
                tally.missed_outliers += usize::from(!is_out);
            }
            None => {}
        }
    }
    let (told, networks) = (diverging(&verdict), list.networks());
    let codes: Vec<String> = trouble.countries.iter().map(|place| code(*place)).collect();
    tally.false_countries = told.iter().filter(|it| !codes.iter().any(|code| code == **it)).count();
    for (place, code) in trouble.countries.iter().zip(&codes) {
        let is_wanted = networks[place] >= IS_TOLD;
        tally.countries += usize::from(is_wanted);
        tally.missed_countries += usize::from(is_wanted && !told.contains(&code.as_str()));
    }
    let is_page = verdict.unexpected == Severity::Page || verdict.failing == Severity::Page;
    let is_wanted = disturbance.is_page(is_pinned);
    tally.pages = usize::from(is_wanted);
    tally.missed_pages = usize::from(is_wanted && !is_page);
    tally.false_pages = usize::from(is_page && !is_wanted);
    Some(tally)
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.honest += other.honest;
        self.false_outliers += other.false_outliers;
        self.liars += other.liars;
        self.missed_outliers += other.missed_outliers;
        self.false_countries += other.false_countries;
        self.countries += other.countries;
        self.missed_countries += other.missed_countries;
        self.false_pages += other.false_pages;
        self.pages += other.pages;
        self.missed_pages += other.missed_pages;
    }

    fn line(&self) -> String {
        format!(
            "runs={} false_outliers={}/{} missed_outliers={}/{} false_countries={} missed_countries={}/{} \
             false_pages={} missed_pages={}/{}",
            self.runs,
            self.false_outliers,
            self.honest,
            self.missed_outliers,
            self.liars,
            self.false_countries,
            self.missed_countries,
            self.countries,
            self.false_pages,
            self.missed_pages,
            self.pages
        )
    }

    /// What is wrong, in the order of [`MOST`].
    fn wrong(&self) -> [usize; 6] {
        [
            self.false_outliers,
            self.missed_outliers,
            self.false_countries,
            self.missed_countries,
            self.false_pages,
            self.missed_pages,
        ]
    }
}

/// Whether a cell is judged in this run.
fn is_drawn(cell: Cell) -> bool {
    let seed = std::env::var("TURBULENCE_SHARE").unwrap_or_default();
    let key = format!("{seed} {cell:?}");
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // The long lists take most of the time.
    let one_in = if SIZES[cell.2].0 > 1_000 { 60 } else { 6 };
    seed == "all" || (hash >> 20) % one_in == 0
}

#[test]
fn verdicts_are_seldom_false_and_seldom_missed() {
    let mut rows: BTreeMap<(bool, Family, usize), Tally> = BTreeMap::new();
    for (name, manner) in MANNERS.iter().enumerate() {
        for what in 0..DISTURBANCES.len() {
            for size in 0..SIZES.len() {
                for is_pinned in [true, false] {
                    let cell = (name, what, size, is_pinned);
                    if let Some(tally) = is_drawn(cell).then(|| run(cell)).flatten() {
                        let row = (!is_pinned, manner.family(), size);
                        rows.entry(row).or_default().add(tally);
                    }
                }
            }
        }
    }
    let mut table = String::new();
    for ((is_unpinned, family, size), tally) in &rows {
        let pin = if *is_unpinned { "no pin" } else { "pinned" };
        let (size, _) = SIZES[*size];
        let family = format!("{family:?}");
        writeln!(table, "{pin} {family:<8} list={size:<5} {}", tally.line()).unwrap();
    }
    println!("{table}");
    for ((is_unpinned, family, size), tally) in rows {
        let is_its = |most: &&(bool, Family, _)| (most.0, most.1) == (!is_unpinned, family);
        let (.., most) = MOST.iter().find(is_its).unwrap();
        let is_within = tally.wrong().iter().zip(most[size]).all(|(wrong, most)| *wrong <= most);
        assert!(is_within, "{family:?}, {:?}: {:?}\n{table}", SIZES[size], tally.wrong());
    }
}
