//! Tables as routers write them, and as nobody should.

mod looks;
mod strangers;

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::figures::Figures;
use super::mrt::{Tally, read};
use super::standing::{Memory, RouteVerdict, Tables, Told};
use super::table::Table;
use super::{Rules, Watched};
use crate::outcome::RouteChange;

/// A route of a peer: its number, and the path.
type Route<'a> = (u16, &'a [u32]);

/// When tables are written that say nothing else.
const WRITTEN: u32 = 1_525_000_000;
/// When they are read.
const NOW: u64 = WRITTEN as u64 + 300;

/// The same records, written at another time.
fn at(time: u32, file: &[u8]) -> Vec<u8> {
    let (mut file, mut start) = (file.to_vec(), 0);
    while start < file.len() {
        let length = u32::from_be_bytes(file[start + 8..start + 12].try_into().unwrap());
        file[start..start + 4].copy_from_slice(&time.to_be_bytes());
        start += 12 + length as usize;
    }
    file
}

fn record(subtype: u16, body: &[u8]) -> Vec<u8> {
    let mut record = WRITTEN.to_be_bytes().to_vec();
    record.extend(13_u16.to_be_bytes());
    record.extend(subtype.to_be_bytes());
    record.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
    record.extend(body);
    record
}

/// One prefix of IPv4 with its routes.
fn rib(prefix: [u8; 4], length: u8, routes: &[Route<'_>], has_path_ids: bool) -> Vec<u8> {
    let mut body = 7_u32.to_be_bytes().to_vec();
    body.push(length);
    body.extend(&prefix[..usize::from(length).div_ceil(8)]);
    body.extend(u16::try_from(routes.len()).unwrap().to_be_bytes());
    for (number, (peer, path)) in routes.iter().enumerate() {
        body.extend(peer.to_be_bytes());
        body.extend(1_524_000_000_u32.to_be_bytes());
        if has_path_ids {
            body.extend(u32::try_from(number).unwrap().to_be_bytes());
        }
        let mut segment = vec![2, u8::try_from(path.len()).unwrap()];
        segment.extend(path.iter().flat_map(|asn| asn.to_be_bytes()));
        // An origin before it, a community behind it, and a length of two octets.
        let mut attributes = vec![0x40, 1, 1, 0, 0x50, 2];
        attributes.extend(u16::try_from(segment.len()).unwrap().to_be_bytes());
        attributes.extend(segment);
        attributes.extend([0xc0, 8, 4, 0, 0, 0, 1]);
        body.extend(u16::try_from(attributes.len()).unwrap().to_be_bytes());
        body.extend(attributes);
    }
    record(if has_path_ids { 8 } else { 2 }, &body)
}

/// Peer tables name peer 0 alone: others are named by routes nevertheless, as by a known router.
fn peers() -> Vec<u8> {
    view("")
}

/// The peers of a view.
fn view(name: &str) -> Vec<u8> {
    let length = u8::try_from(name.len()).unwrap();
    let peers = [0, 1, 2, 192, 0, 2, 1, 192, 0, 2, 1, 0, 0, 252, 0];
    record(1, &[&[0, 0, 0, 1, 0, length], name.as_bytes(), &peers].concat())
}

fn watched() -> Watched {
    Watched {
        prefix: "149.154.164.0/22".parse().unwrap(),
        origins: BTreeSet::from([62_041]),
        upstreams: BTreeSet::from([1_273, 6_762, 3_356]),
        max_length: Some(24),
    }
}

/// With every peer that has a route to more than the prefix.
fn figures(file: &[u8]) -> (Tally, Figures) {
    let (tally, figures) = figures_of(file, watched().prefix);
    (tally, figures.with_covered(|_| true).into_owned())
}

fn figures_of(file: &[u8], prefix: ipnet::IpNet) -> (Tally, Figures) {
    let watch = [prefix];
    let mut table = Table::new(&watch, rules().max_age);
    let tally = read(&mut &*file, &mut table);
    let figures = table.finish(NOW).and_then(|(mut said, _)| said.remove(&watch[0]));
    (tally, figures.unwrap_or_default())
}

/// Routes of the facts of 2018, of four peers, and of two other prefixes.
fn table(origin: u32) -> Vec<u8> {
    let paths: [&[u32]; 4] = [
        &[64_500, 1_273, origin, origin],
        &[64_501, 6_762, origin],
        &[64_502, 3_356, origin],
        &[64_503, 3_356, origin, origin, origin],
    ];
    let routes: Vec<Route<'_>> = paths.iter().zip(0..).map(|(path, peer)| (peer, *path)).collect();
    [
        peers(),
        rib([0, 0, 0, 0], 0, &[(0, &[64_500])], false),
        rib([8, 8, 8, 0], 24, &[(4, &[64_500, 15_169])], false),
        rib([149, 154, 164, 0], 22, &routes, false),
        rib([149, 154, 167, 0], 24, &routes[..2], true),
    ]
    .concat()
}

#[test]
fn a_table_is_read_with_its_prepends_and_its_crooked_peers() {
    let (tally, figures) = figures(&table(62_041));
    assert_eq!((tally.read, tally.skipped, tally.failed), (4, 1, 0));
    assert_eq!(tally.newest, 1_525_000_000);
    assert_eq!((figures.peers, figures.visible), (5, 4));
    assert_eq!(figures.origins, [(62_041, 4)].into());
    assert_eq!(figures.upstreams, [(1_273, 1), (3_356, 2), (6_762, 1)].into());
    assert_eq!(figures.parts, [("149.154.167.0/24".parse().unwrap(), 2)].into());
}

/// Written by `GoBGP` 3.10: `gobgp rib add 149.154.164.0/22 aspath 1273,62041`, `149.154.167.0/24` by 6762, two others.
#[test]
fn a_table_of_gobgp_is_read_whole() {
    let (tally, figures) = figures(include_bytes!("../../tests/tables/gobgp-3.10.mrt"));
    assert_eq!((tally.read, tally.skipped, tally.failed), (4, 1, 0));
    assert_eq!((figures.peers, figures.visible), (1, 1));
    assert_eq!((figures.origins, figures.upstreams), ([(62_041, 1)].into(), [(1_273, 1)].into()));
    assert_eq!(figures.parts, [("149.154.167.0/24".parse().unwrap(), 1)].into());
}

/// As written by the programs: two peers or one, of the same routes. BIRD's has two dumps of two views each, which it appended; in
/// the second one AS64666 announces all of it.
#[test]
fn tables_of_bird_frr_and_openbgpd_are_read_whole() {
    let read_of = |file: &[u8]| {
        let watch = [watched().prefix, "2001:db8::/32".parse().unwrap()];
        let mut table = Table::new(&watch, rules().max_age);
        let tally = read(&mut &*file, &mut table);
        let (mut now, before) = table.finish(NOW).unwrap();
        let mut figures = |at: usize| now.remove(&watch[at]).unwrap();
        let before = before.map(|mut it| it.remove(&watch[0]).unwrap());
        (tally, figures(0), figures(1), before)
    };
    for (file, read, skipped, origin) in [
        (&include_bytes!("../../tests/tables/bird-2.0.12.mrt")[..], 8, 4, 64_666),
        (include_bytes!("../../tests/tables/frr-8.4.4.mrt"), 4, 1, 62_041),
        (include_bytes!("../../tests/tables/openbgpd-7.7.mrt"), 4, 1, 62_041),
    ] {
        let (tally, four, six, before) = read_of(file);
        assert_eq!((tally.read, tally.skipped, tally.failed), (read, skipped, 0), "{origin}");
        assert_eq!((four.peers, four.visible, four.covered.len()), (1, 1, 0));
        assert_eq!((four.origins, four.upstreams), ([(origin, 1)].into(), [(6_762, 1)].into()));
        assert_eq!(four.parts, [("149.154.167.0/24".parse().unwrap(), 1)].into());
        assert_eq!((six.visible, six.origins), (1, [(origin, 1)].into()));
        let before = before.map(|it| it.origins);
        assert_eq!(before, (skipped == 4).then(|| [(62_041, 1)].into()));
        // Cut anywhere, it is damaged, or ends between two records.
        for end in 0..file.len() {
            let failed = figures(&file[..end]).0.failed;
            assert!(failed <= 1, "{end}");
        }
    }
}

#[test]
fn a_covering_route_counts_where_there_is_no_other_and_a_default_does_not() {
    let covering = rib([149, 154, 160, 0], 20, &[(0, &[64_500, 62_041])], false);
    let (_, figures) = figures(&covering);
    assert_eq!((figures.visible, figures.origins.len()), (1, 1));
    let (_, figures) = self::figures(&rib([0, 0, 0, 0], 0, &[(0, &[64_500])], false));
    assert_eq!((figures.peers, figures.visible), (1, 0));
}

/// A constant file name of BIRD's, which it opens to append.
#[test]
fn of_a_file_with_several_tables_the_last_one_counts_and_the_one_before_it() {
    let watch = [watched().prefix];
    let said = |file: &[u8]| {
        let mut table = Table::new(&watch, rules().max_age);
        assert_eq!(read(&mut &*file, &mut table).failed, 0);
        let (mut now, before) = table.finish(NOW).unwrap();
        let origins = |mut said: BTreeMap<_, Figures>| said.remove(&watch[0]).unwrap().origins;
        assert_eq!(now.len(), 1);
        (now.remove(&watch[0]).unwrap(), before.map(origins))
    };
    let (foreign, well) = (table(64_666), at(WRITTEN + 300, &table(62_041)));
    let (now, before) = said(&[foreign.clone(), well.clone()].concat());
    assert_eq!((now.peers, now.origins), (5, [(62_041, 4)].into()));
    assert_eq!(before, Some([(64_666, 4)].into()));
    // Nobody has a route any more.
    let (now, before) =
        said(&[well, [peers(), rib([8, 8, 8, 0], 24, &[(0, &[1])], false)].concat()].concat());
    assert_eq!((now.visible, before), (0, Some([(62_041, 4)].into())));
    assert_eq!(said(&foreign).1, None);
    // A router's views stand side by side, each with its own tables.
    let four = |time: u32, origin: u32| {
        at(time, &[view("master4"), table(origin)[peers().len()..].to_vec()].concat())
    };
    let six = |time: u32| at(time, &view("master6"));
    let both = |time: u32, origin: u32| [four(time, origin), six(time)].concat();
    let (now, before) = said(&[both(1, 64_666), both(2, 62_041)].concat());
    assert_eq!((now.origins, before), ([(62_041, 4)].into(), Some([(64_666, 4)].into())));
    let three = [both(1, 64_666), four(2, 62_041)].concat();
    assert_eq!(said(&three).1, None, "of both, or of none");
    // A view that is written no more says nothing when it is too old.
    let hours = |hours: u32| 3_600 * hours;
    let gone = view("gone");
    let gone = at(1, &[gone, table(64_666)[peers().len()..].to_vec()].concat());
    let six_hours = [&gone[..], &four(hours(6), 62_041)].concat();
    assert_eq!(said(&six_hours).0.origins, [(62_041, 4), (64_666, 4)].into());
    let (now, _) = said(&[&gone[..], &four(hours(6), 62_041), &four(hours(7), 62_041)].concat());
    assert_eq!(now.origins, [(62_041, 4)].into());
    // One of a router whose clock was ahead makes no other one old.
    let ahead = at(u32::MAX, &[view("ahead"), table(62_041)[peers().len()..].to_vec()].concat());
    for file in [[&ahead[..], &four(1, 64_666)], [&four(1, 64_666), &ahead[..]]] {
        assert_eq!(said(&file.concat()).0.origins, [(62_041, 4), (64_666, 4)].into());
    }
}

/// As a script puts two dumps of one router together, and one appends them.
#[test]
fn what_is_of_one_time_or_of_another_family_is_the_same_table() {
    let watch = [watched().prefix];
    let six = [peers(), record(4, &six_of(3))].concat();
    let said = |dumps: &[(u32, &[u8])]| {
        let file: Vec<u8> = dumps.iter().flat_map(|(time, dump)| at(*time, dump)).collect();
        let mut table = Table::new(&watch, rules().max_age);
        assert_eq!(read(&mut &*file, &mut table).failed, 0);
        let (mut now, before) = table.finish(NOW).unwrap();
        let now = now.remove(&watch[0]).unwrap();
        (now.peers, now.origins, before.map(|mut it| it.remove(&watch[0]).unwrap().origins))
    };
    let (well, foreign) = (table(62_041), table(64_666));
    let (is_well, is_foreign) = ([(62_041, 4)].into(), [(64_666, 4)].into());
    for time in [1, 2] {
        let (peers, origins, before) = said(&[(1, &well), (time, &six)]);
        assert_eq!((peers, &origins, before), (5, &is_well, None), "{time}");
        let (peers, origins, before) = said(&[(1, &six), (time, &well)]);
        assert_eq!((peers, &origins, before), (5, &is_well, None), "{time}");
    }
    let all: [(u32, &[u8]); 4] = [(1, &foreign), (2, &six), (3, &well), (4, &six)];
    assert_eq!(said(&all), (5, is_well, Some(is_foreign)));
    // A table without a route is no rest of another.
    let (mut table, empty) =
        (Table::new(&watch, rules().max_age), [well, at(WRITTEN + 1, &peers())].concat());
    read(&mut &*empty, &mut table);
    assert_eq!(table.finish(NOW), None);
}

/// `2001:db8::/32` by one peer.
fn six_of(peer: u8) -> Vec<u8> {
    let path = [0x40, 2, 6, 2, 1, 0, 0, 0xf2, 0x59];
    let head = [0, 0, 0, 7, 32, 0x20, 1, 0x0d, 0xb8, 0, 1, 0, peer, 0, 0, 0, 0, 0, 9];
    [&head[..], &path].concat()
}

#[test]
fn of_views_without_end_the_first_count_and_the_table_is_damaged() {
    let routes = table(62_041)[peers().len()..].to_vec();
    let views: Vec<u8> =
        (0..1_003).flat_map(|it| [view(&it.to_string()), routes.clone()].concat()).collect();
    let (tally, found) = figures(&views);
    assert_eq!((tally.failed, tally.skipped, found.visible), (3, 1_000, 4));
    // And a known one behind one too many is known.
    let (tally, _) = figures(&[views, view("7"), routes].concat());
    assert_eq!((tally.failed, tally.skipped), (3, 1_001));
    let cut = record(1, &[0, 0, 0, 1, 0, 9, b'm']);
    assert_eq!(figures(&cut).0.failed, 1);
}

#[test]
fn a_table_that_is_cut_anywhere_is_damaged_or_ends_between_records() {
    let whole = table(62_041);
    let ends: BTreeSet<usize> = {
        let mut at = 0;
        let mut ends = BTreeSet::from([0]);
        while at < whole.len() {
            let length = u32::from_be_bytes(whole[at + 8..at + 12].try_into().unwrap());
            at += 12 + length as usize;
            ends.insert(at);
        }
        ends
    };
    for end in 0..=whole.len() {
        let (tally, _) = figures(&whole[..end]);
        assert_eq!(tally.failed, u64::from(!ends.contains(&end)), "{end}");
    }
}

#[test]
fn whatever_is_in_a_file_is_read_without_harm() {
    broken_at_random(20_000);
}

/// `cargo test --release -p turbulence-homing --lib a_million -- --ignored`.
#[test]
#[ignore = "takes a minute"]
fn a_million_broken_files_are_read_without_harm() {
    broken_at_random(1_000_000);
}

/// Octets of tables of every kind of router, changed, cut out and put in.
fn broken_at_random(files: usize) {
    let mut random = StdRng::seed_from_u64(8);
    let all = [
        table(62_041),
        include_bytes!("../../tests/tables/gobgp-3.10.mrt").to_vec(),
        include_bytes!("../../tests/tables/bird-2.0.12.mrt").to_vec(),
        include_bytes!("../../tests/tables/frr-8.4.4.mrt").to_vec(),
        include_bytes!("../../tests/tables/openbgpd-7.7.mrt").to_vec(),
    ];
    for number in 0..files {
        let whole = &all[number % all.len()];
        let mut broken = whole.clone();
        if number % 3 == 0 {
            let at = random.random_range(0..broken.len());
            let to = random.random_range(at..broken.len().min(at + 40));
            let put = vec![random.random(); random.random_range(0..9)];
            broken.splice(at..to, put);
        }
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..broken.len());
            broken[at] = random.random();
        }
        let (tally, figures) = figures(&broken);
        let most = u64::try_from(broken.len() / 12 + 1).unwrap();
        assert!(tally.read + tally.skipped + tally.failed <= most);
        assert!(figures.visible <= figures.peers, "{figures:?}");
    }
    let huge = [&1_u32.to_be_bytes()[..], &[0, 13, 0, 2], &u32::MAX.to_be_bytes()].concat();
    assert_eq!(figures(&huge).0.failed, 1);
}

fn rules() -> Rules {
    let max_age = std::time::Duration::from_secs(6 * 3_600);
    Rules { watch: vec![watched()], min_peers: 3, max_age }
}

/// One router's tables, one after the other.
struct Judge {
    watched: Watched,
    memory: Memory,
    last: Option<Figures>,
}

impl Judge {
    fn new(watched: Watched) -> Self {
        Self { watched, memory: Memory::default(), last: None }
    }

    fn table(&mut self, file: &[u8], minute: u64) -> RouteVerdict {
        let now = figures_of(file, self.watched.prefix).1;
        let tables = [Tables { router: "a", now: &now, before: self.last.as_ref() }];
        let told = self.memory.judge(&self.watched, &rules(), &tables, minute * 60);
        self.last = Some(now);
        told
    }
}

fn of(file: &[u8]) -> Figures {
    figures(file).1
}

#[test]
fn another_origin_is_told_when_two_tables_say_so() {
    let mut judge = Judge::new(watched());
    let well = judge.table(&table(62_041), 0);
    assert_eq!((well.unexpected, well.visible), (None, Some(0.8)));
    assert!(well.changes.is_empty());
    assert_eq!(judge.table(&table(64_666), 1).unexpected, Some(0));
    let told = judge.table(&table(64_666), 2);
    assert_eq!((told.unexpected, &told.changes[..]), (Some(1), &[RouteChange::Origin][..]));
    // Told once; and over with the first table that says otherwise.
    assert!(judge.table(&table(64_666), 3).changes.is_empty());
    assert_eq!(judge.table(&table(62_041), 4).unexpected, Some(0));
}

#[test]
fn who_is_not_pinned_is_learnt_and_few_peers_are_not_believed() {
    let (origins, upstreams) = (BTreeSet::new(), BTreeSet::new());
    let mut judge = Judge::new(Watched { origins, upstreams, max_length: None, ..watched() });
    judge.table(&table(62_041), 0);
    let two = |origin: u32| {
        let odd = [64_500, origin];
        let well = [64_501, 6_762, 62_041];
        let routes: Vec<Route<'_>> =
            vec![(0, &odd[..]), (1, &odd[..]), (2, &well[..]), (3, &well[..])];
        rib([149, 154, 164, 0], 22, &routes, false)
    };
    for minute in 1..4 {
        let told = judge.table(&two(64_666), minute);
        assert_eq!(
            (told.unexpected, told.changes.len()),
            (Some(0), 0),
            "two of four peers are too few"
        );
    }
    judge.table(&table(64_667), 4);
    assert_eq!(judge.table(&table(64_667), 5).unexpected, Some(1));
}

#[test]
fn a_part_that_is_too_small_and_a_withdrawal_are_told() {
    let mut judge = Judge::new(watched());
    judge.table(&table(62_041), 0);
    let path = [64_500, 3_356, 62_041];
    let routes: Vec<Route<'_>> = (0..4).map(|peer| (peer, &path[..])).collect();
    let small = [table(62_041), rib([149, 154, 167, 128], 25, &routes, false)].concat();
    judge.table(&small, 1);
    let told = judge.table(&small, 2);
    assert_eq!(told.changes, [RouteChange::MoreSpecific]);
    let part = "149.154.167.128/25".parse().unwrap();
    let by = Some(62_041);
    assert_eq!(told.told, [Told { kind: RouteChange::MoreSpecific, announced: part, asn: by }]);
    let gone =
        [rib([8, 8, 8, 0], 24, &routes, false), rib([149, 154, 164, 0], 22, &routes[..1], false)]
            .concat();
    judge.table(&gone, 3);
    let told = judge.table(&gone, 4);
    assert_eq!((told.visible, &told.changes[..]), (Some(0.25), &[RouteChange::Withdrawn][..]));
}

#[test]
fn who_begins_at_few_peers_of_the_first_table_is_a_stranger_when_all_hear_him() {
    let mut judge = Judge::new(Watched { origins: BTreeSet::new(), max_length: None, ..watched() });
    let (odd, well) = ([64_500, 64_666], [64_501, 6_762, 62_041]);
    let routes: Vec<Route<'_>> =
        vec![(0, &odd[..]), (1, &well[..]), (2, &well[..]), (3, &well[..])];
    judge.table(&rib([149, 154, 164, 0], 22, &routes, false), 0);
    judge.table(&table(64_666), 1);
    assert_eq!(judge.table(&table(64_666), 2).unexpected, Some(1));
}

#[test]
fn many_parts_hide_no_withdrawal() {
    let mut judge = Judge::new(watched());
    judge.table(&table(62_041), 0);
    let path = [64_500, 3_356, 62_041];
    let routes: Vec<Route<'_>> = (0..4).map(|peer| (peer, &path[..])).collect();
    let parts = (0..16).map(|part| rib([149, 154, 164, part * 16], 28, &routes, false));
    let whole = rib([149, 154, 164, 0], 22, &routes[..1], false);
    let shattered = parts.chain([whole]).collect::<Vec<_>>().concat();
    judge.table(&shattered, 1);
    let told = judge.table(&shattered, 2).told;
    let count = |kind| told.iter().filter(|it| it.kind == kind).count();
    let counts = (count(RouteChange::MoreSpecific), count(RouteChange::Withdrawn));
    assert_eq!(counts, (10, 1), "{told:?}");
}
