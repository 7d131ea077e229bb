//! Who announces a prefix, or a part of it, and should not; and who is known by now.

use super::*;

/// Nobody is pinned.
fn unpinned() -> Watched {
    Watched { origins: BTreeSet::new(), upstreams: BTreeSet::new(), max_length: None, ..watched() }
}

/// So many of four peers hear another origin; the others the usual one.
fn by(strangers: u16, origin: u32) -> Vec<u8> {
    let (odd, well) = ([64_500, 6_762, origin], [64_501, 6_762, 62_041]);
    let routes: Vec<Route<'_>> =
        (0..4).map(|peer| (peer, if peer < strangers { &odd[..] } else { &well[..] })).collect();
    rib([149, 154, 164, 0], 22, &routes, false)
}

/// The usual table, and a part that one announces.
fn part_by(origin: u32, third: u8, length: u8) -> Vec<u8> {
    let path = [64_500, 3_356, origin];
    let routes: Vec<Route<'_>> = (0..4).map(|peer| (peer, &path[..])).collect();
    [table(62_041), rib([149, 154, third, 0], length, &routes, false)].concat()
}

#[test]
fn another_origin_of_a_part_is_told_though_its_length_is_allowed() {
    let mut judge = Judge::new(watched());
    judge.table(&table(62_041), 0);
    let hijacked = part_by(64_666, 166, 24);
    assert_eq!(judge.table(&hijacked, 1).unexpected, Some(0), "one table is none");
    let told = judge.table(&hijacked, 2);
    assert_eq!((told.unexpected, &told.changes[..]), (Some(1), &[RouteChange::Origin][..]));
    let part = "149.154.166.0/24".parse().unwrap();
    let origin = Told { kind: RouteChange::Origin, announced: part, asn: Some(64_666) };
    assert_eq!(told.told, [origin]);
    assert_eq!(judge.table(&part_by(62_041, 166, 24), 3).unexpected, Some(0), "its owner may");
}

#[test]
fn many_parts_that_few_peers_each_hear_are_one_origin() {
    let mut judge = Judge::new(watched());
    judge.table(&table(62_041), 0);
    let path = [64_500, 3_356, 64_666];
    let parts =
        (0..4).map(|at| rib([149, 154, 164 + at, 0], 24, &[(u16::from(at), &path[..])], false));
    let hijacked = parts.fold(table(62_041), |all, part| [all, part].concat());
    judge.table(&hijacked, 1);
    let told = judge.table(&hijacked, 2);
    assert_eq!((told.unexpected, told.told.len()), (Some(1), 4));
}

#[test]
fn who_begins_at_few_peers_is_a_stranger_when_there_are_more() {
    let mut judge = Judge::new(unpinned());
    judge.table(&by(0, 64_666), 0);
    for minute in 1..4 {
        let told = judge.table(&by(2, 64_666), minute);
        assert_eq!(told.unexpected, Some(0), "two of four peers are too few");
    }
    judge.table(&by(4, 64_666), 4);
    assert_eq!(judge.table(&by(4, 64_666), 5).unexpected, Some(1));
    // One table with fewer teaches nothing.
    judge.table(&by(1, 64_666), 6);
    judge.table(&by(4, 64_666), 7);
    assert_eq!(judge.table(&by(4, 64_666), 8).unexpected, Some(1));
}

#[test]
fn who_is_there_for_seven_days_is_known_and_who_is_pinned_out_never() {
    for (watched, is_pinned) in [(unpinned(), false), (watched(), true)] {
        let mut judge = Judge::new(watched);
        judge.table(&by(0, 64_666), 0);
        // One table an hour; a stranger from the first hour on, told by the second.
        let told: Vec<usize> = (1..=8 * 24)
            .map(|hour| judge.table(&by(4, 64_666), hour * 60).unexpected.unwrap())
            .collect();
        assert!(told[1..7 * 24 - 1].iter().all(|it| *it == 1), "{told:?}");
        let after = usize::from(is_pinned);
        assert!(told[7 * 24 + 1..].iter().all(|it| *it == after), "{told:?}");
    }
}

#[test]
fn a_neighbour_is_known_after_a_day_and_a_stranger_that_goes_begins_anew() {
    let mut judge = Judge::new(unpinned());
    judge.table(&by(0, 64_666), 0);
    let path = [64_500, 174, 62_041];
    let routes: Vec<Route<'_>> = (0..4).map(|peer| (peer, &path[..])).collect();
    let other = rib([149, 154, 164, 0], 22, &routes, false);
    let mut told = |hour: u64| {
        let table = if hour == 20 { by(0, 64_666) } else { other.clone() };
        judge.table(&table, hour * 60).told.len()
    };
    let told: Vec<usize> = (1..=48).map(&mut told).collect();
    assert_eq!(told[1..19], [1; 18]);
    assert_eq!(told[19..21], [0; 2], "gone, and one table");
    assert_eq!((told[21], told[43], told[46]), (1, 1, 0), "a day from the second time on");
}

#[test]
fn nobody_becomes_known_while_no_table_stands() {
    let mut judge = Judge::new(unpinned());
    judge.table(&by(0, 64_666), 0);
    let path = [64_500, 174, 62_041];
    let routes: Vec<Route<'_>> = (0..4).map(|peer| (peer, &path[..])).collect();
    let other = rib([149, 154, 164, 0], 22, &routes, false);
    // Two tables, a day and more without any, and then one an hour.
    let hours = [1, 2].into_iter().chain(30..60);
    let told: Vec<usize> = hours.map(|hour| judge.table(&other, hour * 60).told.len()).collect();
    assert_eq!(told[1..24], [1; 23], "{told:?}");
    assert_eq!(told.last(), Some(&0), "a day of tables");
}

#[test]
fn a_withdrawal_stays_one_for_a_week() {
    let mut judge = Judge::new(watched());
    let other = [64_500, 15_169];
    let rest: Vec<Route<'_>> = (0..4).map(|peer| (peer, &other[..])).collect();
    let gone = rib([8, 8, 8, 0], 24, &rest, false);
    let there = [gone.clone(), table(62_041)].concat();
    judge.table(&there, 0);
    let told: Vec<usize> =
        (1..=8 * 24).map(|hour| judge.table(&gone, hour * 60).told.len()).collect();
    assert!(told[1..7 * 24].iter().all(|it| *it == 1), "{told:?}");
    assert_eq!(told.last(), Some(&0));
}

#[test]
fn several_ways_of_one_peer_are_all_seen() {
    let (odd, well) = ([64_500, 6_762, 64_666], [64_501, 6_762, 62_041]);
    // Of each peer both, the usual one last.
    let routes: Vec<Route<'_>> =
        (0..4).flat_map(|peer| [(peer, &odd[..]), (peer, &well[..])]).collect();
    let figures = of(&rib([149, 154, 164, 0], 22, &routes, true));
    assert_eq!(figures.origins, [(62_041, 4), (64_666, 4)].into());
    assert_eq!((figures.visible, figures.upstreams), (4, [(6_762, 4)].into()));
}

/// A provider's block, which stays when its customer's part is withdrawn.
fn block(origin: u32) -> Vec<u8> {
    wider(16, origin)
}

/// A route to more than the prefix.
fn wider(length: u8, origin: u32) -> Vec<u8> {
    at_peers(4, [149, 154, 160, 0], length, origin)
}

fn at_peers(peers: u16, prefix: [u8; 4], length: u8, origin: u32) -> Vec<u8> {
    let path = [64_500, 3_356, origin];
    let routes: Vec<Route<'_>> = (0..peers).map(|peer| (peer, &path[..])).collect();
    rib(prefix, length, &routes, false)
}

#[test]
fn what_is_withdrawn_within_a_providers_block_is_withdrawn_and_not_announced_by_the_provider() {
    for watched in [watched(), unpinned()] {
        let mut judge = Judge::new(watched);
        for minute in 0..3 {
            judge.table(&[table(62_041), block(174)].concat(), minute);
        }
        assert!(judge.table(&block(174), 3).changes.is_empty());
        let told = judge.table(&block(174), 4);
        assert_eq!((told.unexpected, &told.changes[..]), (Some(0), &[RouteChange::Withdrawn][..]));
        assert_eq!((told.visible, told.figures.origins.len()), (Some(0.0), 0));
        // A part of it that somebody else announces is told nevertheless.
        let part = [block(174), part_by(64_666, 166, 24).split_off(table(62_041).len())].concat();
        judge.table(&part, 5);
        assert_eq!(judge.table(&part, 6).unexpected, Some(1));
    }
}

#[test]
fn an_owner_that_announces_the_whole_block_alone_is_no_withdrawal() {
    let mut judge = Judge::new(watched());
    judge.table(&table(62_041), 0);
    judge.table(&block(62_041), 1);
    let told = judge.table(&block(62_041), 2);
    assert_eq!((told.unexpected, told.visible, told.changes.len()), (Some(0), Some(1.0), 0));
}

#[test]
fn who_announces_in_the_place_of_the_owners_block_or_within_it_is_told_and_a_providers_block_is_none()
 {
    let mut judge = Judge::new(watched());
    for minute in 0..3 {
        let told = judge.table(&block(174), minute);
        assert_eq!((told.visible, told.told.len()), (Some(0.0), 0));
        assert_eq!(told.unexpected.unwrap_or_default(), 0);
    }
    let instead = (block(64_666), "149.154.0.0/16");
    let within = ([block(62_041), wider(20, 64_666)].concat(), "149.154.160.0/20");
    for (foreign, announced) in [instead, within] {
        let mut judge = Judge::new(watched());
        assert_eq!(judge.table(&block(62_041), 0).visible, Some(1.0));
        judge.table(&foreign, 1);
        let told = judge.table(&foreign, 2);
        let announced = announced.parse().unwrap();
        let origin = Told { kind: RouteChange::Origin, announced, asn: Some(64_666) };
        assert!(told.told.contains(&origin), "{:?}", told.told);
        assert_eq!((told.unexpected, told.visible), (Some(1), Some(1.0)));
    }
}

#[test]
fn a_router_that_hears_a_providers_block_alone_says_nothing_of_a_withdrawal() {
    let of = |file: &[u8]| figures_of(file, watched().prefix).1;
    let near = of(&at_peers(5, [149, 154, 164, 0], 22, 62_041));
    let far = of(&at_peers(20, [149, 154, 0, 0], 16, 174));
    let gone = of(&at_peers(5, [8, 8, 8, 0], 24, 15_169));
    for watched in [watched(), unpinned()] {
        let mut memory = Memory::default();
        let mut judge = |before, now, hour: u64| {
            let tables = [("a", before, now), ("b", &far, &far)];
            let tables =
                tables.map(|(router, before, now)| Tables { router, now, before: Some(before) });
            memory.judge(&watched, &rules(), &tables, hour * 3_600)
        };
        for hour in 0..3 {
            let told = judge(&near, &near, hour);
            assert_eq!((told.visible, told.unexpected, told.told.len()), (Some(0.2), Some(0), 0));
        }
        assert!(judge(&near, &gone, 3).told.is_empty());
        let told = judge(&gone, &gone, 4);
        assert_eq!((told.unexpected, &told.changes[..]), (Some(0), &[RouteChange::Withdrawn][..]));
    }
}

#[test]
fn a_peer_counts_by_the_longest_that_it_has_itself() {
    let mut judge = Judge::new(watched());
    // All, one, none of which hears what is within the owner's own block: nothing is withdrawn from anybody.
    for (minute, peers) in (0..).zip([4, 1, 1, 0, 0, 1, 1]) {
        let both = [block(62_041), at_peers(peers, [149, 154, 164, 0], 22, 62_041)].concat();
        let told = judge.table(&both, minute);
        assert_eq!((told.visible, told.told.len()), (Some(1.0), 0), "{peers}");
        assert_eq!(told.figures.announcers, [(62_041, 4)].into());
    }
    // Who hears a part from the same is counted once.
    let part = at_peers(4, [149, 154, 166, 0], 24, 62_041);
    let told = judge.table(&[block(62_041), part].concat(), 9);
    assert_eq!(told.figures.announcers, [(62_041, 4)].into());
}

#[test]
fn where_one_router_has_one_table_nothing_is_said_to_be_well() {
    let of = |file: &[u8]| figures_of(file, watched().prefix).1;
    let (well, foreign) = (of(&table(62_041)), of(&table(64_666)));
    let both = |before, now| {
        [
            Tables { router: "a", now: &well, before: Some(&well) },
            Tables { router: "b", now, before },
        ]
    };
    let mut memory = Memory::default();
    let mut judge = |tables: [Tables<'_>; 2], unix| {
        memory.judge(&watched(), &rules(), &tables, unix).unexpected
    };
    assert_eq!(judge(both(None, &foreign), 1), None, "only its next one tells");
    assert_eq!(judge(both(Some(&foreign), &foreign), 2), Some(1));
    assert_eq!(judge(both(Some(&foreign), &well), 3), Some(0));
    // What others tell is told nevertheless.
    let tables =
        [Tables { before: Some(&foreign), now: &foreign, router: "a" }, both(None, &well)[1]];
    assert_eq!(Memory::default().judge(&watched(), &rules(), &tables, 1).unexpected, Some(1));
}

#[test]
fn a_part_beyond_the_thousandth_hides_nobody() {
    let mut judge = Judge::new(Watched {
        prefix: "16.0.0.0/12".parse().unwrap(),
        max_length: None,
        ..watched()
    });
    let table = |last: u32| {
        let parts = (0..1_500_u32).map(|part| {
            let path = [64_500, 3_356, if part == 1_400 { last } else { 62_041 }];
            let routes: Vec<Route<'_>> = (0..4).map(|peer| (peer, &path[..])).collect();
            let [_, _, second, third] = part.to_be_bytes();
            rib([16, second, third, 0], 24, &routes, false)
        });
        parts.flatten().collect::<Vec<u8>>()
    };
    judge.watched.origins = BTreeSet::new();
    judge.table(&table(62_041), 0);
    judge.table(&table(64_666), 1);
    let told = judge.table(&table(64_666), 2);
    assert_eq!((told.unexpected, told.figures.left_out), (Some(1), 500 * 4));
    let announced = "16.5.120.0/24".parse().unwrap();
    assert!(told.told.contains(&Told { kind: RouteChange::Origin, announced, asn: Some(64_666) }));
}
