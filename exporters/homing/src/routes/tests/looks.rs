//! Files that come, stay, are damaged, grow old and go.

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use exporter_kit::{CountsBy, LabelEnum as _};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::outcome::{Record, TableState};
use crate::routes::RouteWork;
use crate::routes::figures::Figures;
use crate::routes::poll::{Known, look, look_by, tell_what_was_told};
use crate::routes::standing::RouteVerdict;
use crate::routes::state::{Latest, Prefix, Routes};
use crate::routes::store::Store;

/// A folder of tables, and who looks at it.
struct Desk {
    folder: tempfile::TempDir,
    routes: Routes,
    work: RouteWork,
    known: Known,
    /// Whether there is a folder for what outlives the program.
    is_kept: bool,
    /// Seconds since the first table was written.
    seconds: u64,
}

impl Desk {
    fn new(files: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let work = RouteWork {
            files: files.iter().map(|it| (*it).to_owned()).collect(),
            interval: Duration::from_secs(60),
            folder: folder.path().into(),
        };
        let routes = Routes::new("routes", &rules(), Store::new(None, None).into());
        let known = Known::new(&work);
        Self { folder, routes, work, known, is_kept: false, seconds: 0 }
    }

    /// The same, whose program has a folder for what outlives it.
    fn kept(files: &[&str]) -> Self {
        let mut desk = Self { is_kept: true, ..Self::new(files) };
        desk.restart();
        desk
    }

    fn state(&self) -> std::path::PathBuf {
        self.folder.path().join("routes.json")
    }

    /// Writes a file as a router does that second.
    fn write(&mut self, name: &str, table: &[u8]) {
        self.seconds += 1;
        self.put(name, &at(WRITTEN + u32::try_from(self.seconds).unwrap(), table));
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        self.touch(name);
    }

    fn touch(&self, name: &str) {
        let file =
            std::fs::File::options().write(true).open(self.folder.path().join(name)).unwrap();
        // Long enough before the look to be whole.
        let at = u64::from(WRITTEN) + self.seconds - 60;
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(at)).unwrap();
    }

    /// Another program, that knows what is in the folder and nothing else.
    fn restart(&mut self) {
        let store = Store::new(self.is_kept.then_some(self.folder.path()), None);
        self.routes = Routes::new("routes", &rules(), store.into());
        self.known = Known::new(&self.work);
    }

    /// What is told of the prefix, of whatever kind.
    fn told(&self) -> Vec<RouteChange> {
        let latest = self.routes.latest().unwrap();
        latest.prefixes[0].verdict.told.iter().map(|it| it.kind).collect()
    }

    fn look(&mut self) -> TableState {
        let unix = u64::from(WRITTEN) + self.seconds;
        look(&self.routes, &self.work, &mut self.known, unix)
    }

    /// What is told of the prefix; none where nothing is.
    fn unexpected(&self) -> Option<usize> {
        let latest = self.routes.latest().unwrap();
        latest.prefixes.first()?.verdict.unexpected
    }
}

#[test]
fn a_table_that_is_cut_within_its_packing_is_counted_once() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&table(62_041)).unwrap();
    let packed = packed.finish().unwrap();
    for end in 4..packed.len() {
        let mut desk = Desk::new(&["a.mrt"]);
        desk.put("a.mrt", &packed[..end]);
        for _ in 0..2 {
            assert_eq!(desk.look(), TableState::Damaged, "{end}");
        }
        assert_eq!(desk.routes.records.get(Record::Failed), 1, "{end}");
    }
    let mut desk = Desk::new(&["a.mrt"]);
    desk.put("a.mrt", &packed);
    assert_eq!((desk.look(), desk.routes.records.get(Record::Failed)), (TableState::Read, 0));
}

#[test]
fn what_a_table_said_stands_until_it_is_too_old_and_then_nothing_does() {
    for (break_it, wanted) in [
        ("", TableState::Old),
        ("gone", TableState::NoFile),
        ("cut", TableState::Damaged),
        ("empty", TableState::NoRoute),
    ] {
        let mut desk = Desk::new(&["a.mrt"]);
        desk.write("a.mrt", &table(64_666));
        desk.look();
        desk.write("a.mrt", &table(64_666));
        assert_eq!((desk.look(), desk.unexpected()), (TableState::Read, Some(1)));
        match break_it {
            "gone" => std::fs::remove_file(desk.folder.path().join("a.mrt")).unwrap(),
            "cut" => desk.put("a.mrt", &table(64_666)[..100]),
            "empty" => desk.put("a.mrt", b""),
            _ => {}
        }
        desk.seconds += 6 * 3_600 - 10;
        let state = if break_it.is_empty() { TableState::Read } else { wanted };
        assert_eq!((desk.look(), desk.unexpected()), (state, Some(1)), "{break_it}");
        desk.seconds += 20;
        assert_eq!((desk.look(), desk.unexpected()), (wanted, None), "{break_it}");
        let latest = desk.routes.latest().unwrap();
        assert_eq!((latest.files, latest.states.get(wanted)), (0, 1));
        assert_eq!(latest.oldest, Some(u64::from(WRITTEN) + 2), "its age is told");
        let others = TableState::VALUES.iter().filter(|it| **it != wanted);
        assert!(others.into_iter().all(|it| latest.states.get(*it) == 0));
        // A new one is judged by what was known before.
        desk.write("a.mrt", &table(64_666));
        assert_eq!((desk.look(), desk.unexpected()), (TableState::Read, Some(1)), "{break_it}");
    }
}

#[test]
fn other_rules_are_held_against_the_tables_that_there_are() {
    let mut desk = Desk::new(&["a.mrt"]);
    for _ in 0..2 {
        desk.write("a.mrt", &table(64_666));
        desk.look();
    }
    let read = desk.routes.records.get(Record::Read);
    assert_eq!(desk.unexpected(), Some(1));
    let mut protected = rules();
    protected.watch[0].origins.insert(64_666);
    desk.routes.relabel(&protected);
    desk.look();
    assert_eq!((desk.unexpected(), desk.routes.records.get(Record::Read)), (Some(0), read));
    // Back, and the same two tables say it again: they count as two, and not as more.
    desk.routes.relabel(&rules());
    desk.look();
    assert_eq!(desk.unexpected(), Some(1));
    // Another prefix is read at once, and of a file that holds one table nothing is told of it.
    let mut more = rules();
    more.watch.push(Watched { prefix: "8.8.8.0/24".parse().unwrap(), ..watched() });
    desk.routes.relabel(&more);
    desk.look();
    let latest = desk.routes.latest().unwrap();
    let told: Vec<_> = latest.prefixes.iter().map(|it| it.verdict.unexpected).collect();
    assert_eq!(told, [Some(1), None]);
    assert_eq!(latest.prefixes[1].verdict.figures.origins, [(15_169, 1)].into());
}

#[test]
fn two_tables_in_a_row_are_two_of_one_router() {
    let mut desk = Desk::new(&["a.*.mrt", "b.mrt"]);
    desk.write("a.1.mrt", &table(62_041));
    desk.write("b.mrt", &table(62_041));
    desk.look();
    desk.write("a.2.mrt", &table(64_666));
    desk.look();
    // The other router's next one, and the same file with another date, are no second table.
    desk.write("b.mrt", &table(62_041));
    desk.look();
    desk.touch("a.2.mrt");
    desk.look();
    assert_eq!(desk.unexpected(), Some(0));
    desk.write("a.3.mrt", &table(64_666));
    desk.look();
    assert_eq!(desk.unexpected(), Some(1));
}

#[test]
fn one_router_may_be_silent_while_the_other_is_heard() {
    let mut desk = Desk::new(&["a.mrt", "b.mrt", "*.mrt"]);
    desk.write("a.mrt", &table(62_041));
    desk.write("b.mrt", &table(62_041));
    assert_eq!(desk.look(), TableState::Read);
    let peers = |desk: &Desk| desk.routes.latest().unwrap().prefixes[0].verdict.figures.peers;
    assert_eq!(peers(&desk), 10, "the third pattern leads to a file that is read");
    desk.put("a.mrt", b"BZh9");
    desk.seconds += 6 * 3_600 + 10;
    desk.write("b.mrt", &table(62_041));
    assert_eq!((desk.look(), peers(&desk)), (TableState::Bzip2, 5));
}

#[test]
fn one_table_that_is_being_written_hides_none_that_is_old() {
    let mut desk = Desk::new(&["a.mrt", "b.mrt"]);
    desk.write("a.mrt", &table(62_041));
    desk.look();
    desk.seconds += 6 * 3_600 + 61;
    desk.put("b.mrt", &table(62_041)[..100]);
    let now = u64::from(WRITTEN) + desk.seconds;
    let file = std::fs::File::options().write(true).open(desk.folder.path().join("b.mrt"));
    file.unwrap().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(now)).unwrap();
    assert_eq!(desk.look(), TableState::Old);
}

#[test]
fn a_table_of_the_future_is_as_old_as_its_file() {
    let mut desk = Desk::new(&["a.mrt"]);
    desk.put("a.mrt", &at(u32::MAX, &table(62_041)));
    assert_eq!(desk.look(), TableState::Read);
    desk.seconds += 6 * 3_600 + 1;
    assert_eq!((desk.look(), desk.unexpected()), (TableState::Old, None));
}

#[test]
fn a_start_in_the_middle_of_a_hijack_tells_it_or_nothing_and_never_that_all_is_well() {
    // With the file before it at once, and so of a prefix that is watched from then on; with one file alone when there are two tables.
    for (names, after) in [(["a.1.mrt", "a.2.mrt", "a.3.mrt"], Some(1)), (["a.1.mrt"; 3], None)] {
        let mut desk = Desk::new(&["a.*.mrt"]);
        desk.write(names[0], &table(64_666));
        desk.look();
        assert_eq!(desk.unexpected(), None, "one table");
        desk.write(names[1], &table(64_666));
        desk.look();
        assert_eq!(desk.unexpected(), Some(1));
        desk.restart();
        desk.look();
        assert_eq!(desk.unexpected(), after);
        desk.write(names[2], &table(64_666));
        desk.look();
        assert_eq!(desk.unexpected(), Some(1));
        let mut more = rules();
        let prefix = "8.8.8.0/24".parse().unwrap();
        more.watch.push(Watched { prefix, origins: BTreeSet::from([1]), ..watched() });
        desk.routes.relabel(&more);
        desk.look();
        let latest = desk.routes.latest().unwrap();
        assert_eq!(latest.prefixes[1].verdict.unexpected, after.map(|_| 0), "one peer is too few");
    }
    // And of one file to which tables are appended.
    let mut desk = Desk::new(&["a.mrt"]);
    let both = [at(WRITTEN - 60, &table(64_666)), at(WRITTEN, &table(64_666))].concat();
    desk.put("a.mrt", &both);
    desk.look();
    assert_eq!(desk.unexpected(), Some(1));
}

#[test]
fn what_was_told_outlives_the_program_and_ends_with_the_first_table_that_says_otherwise() {
    let mut desk = Desk::kept(&["a.mrt"]);
    for _ in 0..2 {
        desk.write("a.mrt", &table(64_666));
        desk.look();
    }
    desk.restart();
    desk.look();
    assert_eq!(desk.unexpected(), Some(1), "one table is left, which says it still");
    desk.restart();
    desk.write("a.mrt", &table(62_041));
    desk.look();
    assert_eq!(desk.unexpected(), Some(0));
    // So does a reload by which files are looked at by another task.
    desk.write("a.mrt", &table(64_666));
    desk.look();
    desk.write("a.mrt", &table(64_666));
    desk.look();
    desk.known = Known::new(&desk.work);
    desk.look();
    assert_eq!(desk.unexpected(), Some(1));
    // What is named by then is over at once.
    desk.restart();
    let mut protected = rules();
    protected.watch[0].origins.insert(64_666);
    desk.routes.relabel(&protected);
    desk.look();
    assert_eq!(desk.unexpected(), Some(0));
}

#[test]
fn a_withdrawal_outlives_the_program_and_is_never_the_providers_announcement() {
    let path = [64_500, 3_356, 174];
    let routes: Vec<Route<'_>> = (0..4).map(|peer| (peer, &path[..])).collect();
    let block = rib([149, 154, 0, 0], 16, &routes, false);
    let block = [peers(), block].concat();
    for is_kept in [true, false] {
        let mut desk = Desk { is_kept, ..Desk::new(&["a.mrt"]) };
        desk.restart();
        for file in [[table(62_041), block.clone()].concat(), block.clone(), block.clone()] {
            desk.write("a.mrt", &file);
            desk.look();
        }
        assert_eq!((desk.told(), desk.unexpected()), (vec![RouteChange::Withdrawn], Some(0)));
        desk.restart();
        for _ in 0..3 {
            desk.look();
            assert_eq!(desk.told().len(), usize::from(is_kept));
            assert_eq!(desk.unexpected().unwrap_or_default(), 0);
            desk.write("a.mrt", &block);
        }
        desk.write("a.mrt", &table(62_041));
        desk.look();
        assert_eq!(desk.told(), []);
    }
}

#[test]
fn who_is_known_outlives_the_program_and_a_stranger_is_one_after_a_start() {
    let mut desk = Desk::kept(&["a.mrt"]);
    let mut unpinned = rules();
    unpinned.watch[0].origins.clear();
    desk.routes.relabel(&unpinned);
    desk.write("a.mrt", &table(62_041));
    desk.look();
    desk.restart();
    desk.routes.relabel(&unpinned);
    for _ in 0..2 {
        desk.write("a.mrt", &table(64_666));
        desk.look();
    }
    assert_eq!(desk.unexpected(), Some(1));
}

#[test]
fn a_file_of_what_was_told_is_written_when_there_is_something_new_and_a_bad_one_is_moved_aside() {
    let mut desk = Desk::kept(&["a.mrt"]);
    for _ in 0..2 {
        desk.write("a.mrt", &table(64_666));
        desk.look();
    }
    let kept = std::fs::read_to_string(desk.state()).unwrap();
    std::fs::remove_file(desk.state()).unwrap();
    desk.look();
    assert!(!desk.state().exists(), "nothing is new");
    desk.write("a.mrt", &table(64_666));
    desk.look();
    assert!(desk.state().exists());
    // Of a time that nobody has reached, or of a share that is none.
    let strange = kept.replace(&format!("{}", u64::from(WRITTEN) + 2), &u64::MAX.to_string());
    let strange = strange.replace("0.8]", "8e300]");
    for (text, is_good) in [(&kept[..], true), (&strange, true), ("{}", false), ("", false)] {
        std::fs::write(desk.state(), text).unwrap();
        desk.restart();
        desk.look();
        assert_eq!(desk.unexpected(), is_good.then_some(1), "{text}");
        assert_eq!(desk.folder.path().join("routes.json.unreadable").exists(), !is_good);
    }
    assert_ne!(kept, strange);
}

#[test]
fn a_withdrawal_between_the_last_two_tables_before_a_start_is_told_by_the_next() {
    let other = [64_500, 15_169];
    let rest: Vec<Route<'_>> = (0..4).map(|peer| (peer, &other[..])).collect();
    let gone = [peers(), rib([8, 8, 8, 0], 24, &rest, false)].concat();
    let mut desk = Desk::new(&["a.*.mrt"]);
    desk.write("a.1.mrt", &table(62_041));
    desk.write("a.2.mrt", &gone);
    desk.look();
    desk.write("a.3.mrt", &gone);
    desk.look();
    let latest = desk.routes.latest().unwrap();
    assert_eq!(latest.prefixes[0].verdict.changes, [RouteChange::Withdrawn]);
}

#[test]
fn a_table_that_is_being_written_is_read_when_it_is_whole() {
    let now = |desk: &Desk, name: &str, bytes: &[u8]| {
        let path = desk.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let file = std::fs::File::options().write(true).open(path).unwrap();
        let at = u64::from(WRITTEN) + desk.seconds;
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(at)).unwrap();
    };
    let whole = at(WRITTEN + 10, &table(64_666));
    // Between two records: nothing in it is broken.
    let half = &whole[..peers().len()];
    let read = |desk: &Desk| desk.routes.records.get(Record::Read);
    for name in ["a.mrt", "a.2.mrt"] {
        let mut desk = Desk::new(&["a*.mrt"]);
        now(&desk, name, half);
        assert_eq!((desk.look(), read(&desk)), (TableState::BeingWritten, 0));
        desk.seconds += 1;
        now(&desk, name, &whole);
        assert_eq!((desk.look(), read(&desk)), (TableState::BeingWritten, 0));
        // A writer pauses for longer than from one look to the next.
        desk.seconds += 58;
        assert_eq!((desk.look(), read(&desk)), (TableState::BeingWritten, 0));
        desk.seconds += 2;
        assert_eq!((desk.look(), read(&desk)), (TableState::Read, 4));
        // In its place the next one: what stands is told meanwhile.
        desk.seconds += 1;
        now(&desk, name, half);
        assert_eq!((desk.look(), read(&desk)), (TableState::Read, 4));
        now(&desk, name, &at(WRITTEN + 20, &whole));
        desk.seconds += 60;
        assert_eq!((desk.look(), read(&desk), desk.unexpected()), (TableState::Read, 8, Some(1)));
    }
    // On a machine whose clock is ahead: as it was for a minute of looks.
    let mut desk = Desk::new(&["a.mrt"]);
    desk.seconds += 1_000;
    now(&desk, "a.mrt", &whole);
    desk.seconds -= 1_000;
    for (seconds, wanted) in [(0, TableState::BeingWritten), (59, TableState::BeingWritten)] {
        desk.seconds += seconds;
        assert_eq!((desk.look(), read(&desk)), (wanted, 0));
    }
    desk.seconds += 1;
    assert_eq!((desk.look(), read(&desk)), (TableState::Read, 4));
    // A whole one stands beside it: it is read when the writer needs longer than ten minutes.
    let mut desk = Desk::new(&["a*.mrt"]);
    desk.write("a.1.mrt", &table(62_041));
    for (seconds, wanted) in [
        (0, (TableState::BeingWritten, 0)),
        (599, (TableState::BeingWritten, 0)),
        (1, (TableState::Read, 4)),
    ] {
        desk.seconds += seconds;
        now(&desk, "a.2.mrt", half);
        assert_eq!((desk.look(), read(&desk)), wanted);
    }
}

/// The file of each day, to which the router appends a table each hour.
#[test]
fn while_the_newest_file_grows_none_that_is_older_is_read() {
    let mut desk = Desk::new(&["a.*.mrt"]);
    let read = |desk: &Desk| desk.routes.records.get(Record::Read);
    desk.put("a.1.mrt", &[at(WRITTEN, &table(62_041)), at(WRITTEN + 10, &table(62_041))].concat());
    desk.seconds += 120;
    let hijack = [at(WRITTEN + 100, &table(64_666)), at(WRITTEN + 110, &table(64_666))].concat();
    desk.put("a.2.mrt", &hijack);
    assert_eq!((desk.look(), desk.unexpected()), (TableState::Read, Some(1)));
    let whole = read(&desk);
    // The next table is appended, for as long as that takes.
    let longer = [hijack, at(WRITTEN + 3_700, &table(64_666))].concat();
    for cut in [longer.len() - 40, longer.len()] {
        desk.seconds += 3_600 + 60;
        desk.put("a.2.mrt", &longer[..cut]);
        desk.seconds -= 60;
        assert_eq!((desk.look(), desk.unexpected()), (TableState::Read, Some(1)), "{cut}");
        assert_eq!(read(&desk), whole, "nothing is read");
    }
    desk.seconds += 60;
    assert_eq!((desk.look(), desk.unexpected()), (TableState::Read, Some(1)));
    let all = read(&desk);
    assert!(all > whole);
    // One that is copied anew is no table of now either.
    desk.seconds += 61;
    desk.touch("a.1.mrt");
    for _ in 0..2 {
        assert_eq!((desk.look(), desk.unexpected()), (TableState::Read, Some(1)));
        assert_eq!(desk.routes.latest().unwrap().oldest, Some(u64::from(WRITTEN) + 3_700));
    }
    // Who takes the newest away wants the one before.
    std::fs::remove_file(desk.folder.path().join("a.2.mrt")).unwrap();
    desk.seconds += 61;
    desk.touch("a.1.mrt");
    assert_eq!((desk.look(), desk.unexpected()), (TableState::Read, Some(0)));
}

#[test]
fn a_clock_that_began_in_1970_judges_nothing_and_forgets_nothing() {
    let mut desk = Desk::kept(&["a.mrt"]);
    for _ in 0..2 {
        desk.write("a.mrt", &table(64_666));
        desk.look();
    }
    let kept = std::fs::read_to_string(desk.state()).unwrap();
    desk.restart();
    let clock = SystemTime::UNIX_EPOCH + Duration::from_secs(20);
    for _ in 0..2 {
        assert_eq!(look_by(clock, &desk.routes, &desk.work, &mut desk.known), None);
        assert!(desk.routes.latest().is_none());
        assert_eq!(std::fs::read_to_string(desk.state()).unwrap(), kept);
    }
    desk.look();
    assert_eq!(desk.unexpected(), Some(1));
    // And a clock that loses its time leaves nothing standing that was of another.
    assert_eq!(look_by(clock, &desk.routes, &desk.work, &mut desk.known), None);
    assert!(desk.routes.latest().is_none());
}

#[test]
fn what_was_told_stands_before_the_first_table_is_read() {
    let mut desk = Desk::kept(&["a.mrt"]);
    for _ in 0..2 {
        desk.write("a.mrt", &table(64_666));
        desk.look();
    }
    let before = desk.routes.latest().unwrap();
    let now = |desk: &Desk| u64::from(WRITTEN) + desk.seconds;
    desk.restart();
    tell_what_was_told(&desk.routes, now(&desk));
    let latest = desk.routes.latest().unwrap();
    let (was, is) = (&before.prefixes[0].verdict, &latest.prefixes[0].verdict);
    assert_eq!((is.unexpected, &is.told[0]), (Some(1), &was.told[0]));
    assert_eq!((is.visible, latest.files, latest.oldest), (None, 0, None));
    // Not what the config names by now, and not for longer than a table says something.
    for (is_named, seconds) in [(true, 0), (false, 6 * 3_600 + 1)] {
        desk.restart();
        let mut others = rules();
        others.watch[0].origins.extend(is_named.then_some(64_666));
        desk.routes.relabel(&others);
        tell_what_was_told(&desk.routes, now(&desk) + seconds);
        assert!(desk.routes.latest().is_none(), "{is_named}");
    }
}

#[test]
fn what_was_told_stands_after_a_start_until_every_router_has_a_table() {
    let hour = 3_600;
    // The newest is damaged, is written to, or is not there yet; it is today's, to which tables are appended, or yesterday's
    // is all that can be read.
    for fault in ["damaged", "written", "gone", "beside yesterday's", "yesterday's"] {
        let mut desk = Desk::kept(&["a.*.mrt"]);
        desk.write("a.1.mrt", &table(62_041));
        desk.seconds += if fault == "yesterday's" { 5 * hour } else { 4 * hour };
        for _ in 0..2 {
            desk.write("a.2.mrt", &table(64_666));
            desk.look();
        }
        assert_eq!(desk.unexpected(), Some(1));
        let yesterdays = desk.folder.path().join("a.1.mrt");
        if !fault.ends_with("yesterday's") {
            std::fs::remove_file(yesterdays).unwrap();
        }
        desk.seconds += hour + 120;
        let todays = desk.folder.path().join("a.2.mrt");
        match fault {
            "damaged" => desk.put("a.2.mrt", &table(64_666)[..100]),
            "gone" | "yesterday's" => std::fs::remove_file(todays).unwrap(),
            _ => {
                desk.seconds += 60;
                desk.touch("a.2.mrt");
                desk.seconds -= 60;
            }
        }
        for reload in [false, true] {
            if reload {
                desk.known = Known::new(&desk.work);
            } else {
                desk.restart();
            }
            for _ in 0..3 {
                desk.look();
                assert_eq!(
                    (desk.unexpected(), desk.told()),
                    (Some(1), vec![RouteChange::Origin]),
                    "{fault}"
                );
            }
        }
        // The next good one says how it is now.
        desk.seconds += 120;
        desk.write("a.3.mrt", &table(62_041));
        desk.look();
        assert_eq!(desk.unexpected(), Some(0), "{fault}");
    }
}

#[test]
fn what_one_router_said_stands_after_a_start_while_only_the_other_has_a_table_and_no_longer_than_tables_do()
 {
    for is_back in [true, false] {
        let mut desk = Desk::kept(&["a.mrt", "b.mrt"]);
        for _ in 0..2 {
            desk.write("a.mrt", &table(62_041));
            desk.write("b.mrt", &table(64_666));
            desk.look();
        }
        assert_eq!(desk.unexpected(), Some(1));
        std::fs::remove_file(desk.folder.path().join("b.mrt")).unwrap();
        desk.restart();
        for _ in 0..5 {
            desk.seconds += 3_600;
            desk.write("a.mrt", &table(62_041));
            desk.look();
            assert_eq!(desk.unexpected(), Some(1));
        }
        if is_back {
            desk.write("b.mrt", &table(62_041));
        } else {
            desk.seconds += 3_600;
        }
        desk.look();
        assert_eq!(desk.unexpected(), Some(0), "{is_back}");
    }
}

#[test]
fn who_looked_before_a_reload_judges_nothing_after_it() {
    let mut desk = Desk::new(&["a.mrt"]);
    let store = std::sync::Arc::new(Store::new(None, None));
    let before = Routes::new("routes", &rules(), std::sync::Arc::clone(&store));
    let mut known = Known::new(&desk.work);
    let now = |desk: &Desk| u64::from(WRITTEN) + desk.seconds;
    for _ in 0..2 {
        desk.write("a.mrt", &table(64_666));
        look(&before, &desk.work, &mut known, now(&desk));
    }
    let told = |routes: &Routes| routes.latest().unwrap().prefixes[0].verdict.unexpected;
    assert_eq!(told(&before), Some(1));
    // It reads other files for a while yet, by which all is well.
    let after = Routes::new("routes", &rules(), store);
    desk.write("a.mrt", &table(62_041));
    look(&before, &desk.work, &mut known, now(&desk));
    assert_eq!(told(&before), Some(1), "it tells nothing any more");
    desk.write("a.mrt", &table(64_666));
    look(&after, &desk.work, &mut Known::new(&desk.work), now(&desk));
    assert_eq!(told(&after), Some(1), "nor did it forget what was told");
}

#[test]
fn another_folder_after_a_reload_is_the_one_that_is_kept() {
    let [first, second] = [(); 2].map(|()| tempfile::TempDir::new().unwrap());
    let mut desk = Desk::new(&["a.mrt"]);
    let store = std::sync::Arc::new(Store::new(Some(first.path()), None));
    desk.routes = Routes::new("routes", &rules(), std::sync::Arc::clone(&store));
    for _ in 0..2 {
        desk.write("a.mrt", &table(64_666));
        desk.look();
    }
    assert_eq!(desk.unexpected(), Some(1));
    store.keep_in(Some(second.path()));
    // The table is the same one, and still it is written there.
    desk.look();
    assert_eq!(desk.unexpected(), Some(1), "what was told goes along");
    let kept = |folder: &tempfile::TempDir| std::fs::read(folder.path().join("routes.json"));
    assert_eq!(kept(&first).unwrap(), kept(&second).unwrap());
    store.keep_in(None);
    desk.write("a.mrt", &table(62_041));
    desk.look();
    assert_eq!(kept(&first).unwrap(), kept(&second).unwrap(), "neither is written any more");
    // Another program goes on by it.
    let kept_there = Store::new(Some(first.path()), None);
    kept_there.keep_in(Some(second.path()));
    desk.routes = Routes::new("routes", &rules(), kept_there.into());
    let unix = u64::from(WRITTEN) + desk.seconds;
    tell_what_was_told(&desk.routes, unix);
    assert_eq!(desk.unexpected(), Some(1));
}

#[test]
fn routes_to_a_prefix_are_those_that_lead_to_it_and_that_most_hear() {
    let mut desk = Desk::new(&["a.mrt"]);
    desk.write("a.mrt", &table(62_041));
    desk.look();
    let latest = desk.routes.latest().unwrap();
    let watched = &latest.prefixes[0];
    assert_eq!(latest.routes()[&watched.of], [watched.of].into());
    let part = |text: &str| text.parse().unwrap();
    let told = |left_out| {
        let parts = [(part("149.154.166.0/24"), 1), (part("149.154.167.0/24"), 2)];
        let announced = [(1, part("149.154.160.0/20")), (2, part("149.154.164.0/22"))];
        let (parts, announced) = (parts.into(), announced.into());
        let figures = Figures { peers: 4, parts, announced, left_out, ..Figures::default() };
        let verdict = RouteVerdict { figures, ..RouteVerdict::default() };
        let prefix = Prefix { of: watched.of, verdict, counts: CountsBy::default() };
        Latest { prefixes: vec![prefix], ..Latest::default() }.routes()
    };
    let wanted = ["149.154.160.0/20", "149.154.164.0/22", "149.154.167.0/24"].map(part);
    assert_eq!(told(0)[&watched.of], wanted.into());
    assert!(told(1).is_empty(), "another part may be the longest route");
}

#[test]
fn where_no_prefix_is_named_the_networks_of_addresses_are_watched_and_remembered() {
    let mut desk = Desk::kept(&["a.mrt"]);
    let nothing = Rules { watch: Vec::new(), ..rules() };
    desk.routes.relabel(&nothing);
    desk.write("a.mrt", &table(62_041));
    let clock = |desk: &Desk| u64::from(WRITTEN) + desk.seconds;
    let set = SystemTime::UNIX_EPOCH + Duration::from_secs(exporter_kit::WRITTEN);
    assert_eq!(look_by(set, &desk.routes, &desk.work, &mut desk.known), None);
    assert_eq!(desk.routes.records.get(Record::Read), 0, "nothing is read for nothing");
    // One that the route to more leads to, and one that is announced by itself.
    let addresses = ["149.154.165.1", "149.154.167.220"].map(|it| it.parse().unwrap());
    desk.routes.follow(&addresses, clock(&desk));
    assert_eq!(desk.look(), TableState::Read);
    let told = |desk: &Desk| {
        let latest = desk.routes.latest().unwrap();
        let of = |it: &Prefix| (it.of.to_string(), it.verdict.unexpected);
        latest.prefixes.iter().map(of).collect::<Vec<_>>()
    };
    let named =
        |unexpected| ["149.154.165.0/24", "149.154.167.0/24"].map(|it| (it.to_owned(), unexpected));
    assert_eq!(told(&desk), named(None));
    let latest = desk.routes.latest().unwrap();
    assert_eq!(latest.prefixes[0].verdict.figures.origins, [(62_041, 4)].into());
    desk.write("a.mrt", &table(62_041));
    assert_eq!(desk.look(), TableState::Read);
    assert_eq!(told(&desk), named(Some(0)));
    // After a restart, before any evaluation: what was known stays so, and a stranger is one.
    desk.restart();
    desk.routes.relabel(&nothing);
    for _ in 0..2 {
        desk.write("a.mrt", &table(64_666));
        desk.routes.follow(&[], clock(&desk));
        assert_eq!(desk.look(), TableState::Read);
    }
    // Of the second, two peers are fewer than are believed.
    let [whole, part] = [("149.154.165.0/24", 1), ("149.154.167.0/24", 0)];
    assert_eq!(told(&desk), [whole, part].map(|it| (it.0.to_owned(), Some(it.1))));
}
