//! Baselines that are there, and what may stand in their place.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use nix::sys::stat::Mode;

use super::*;
use crate::entity::Entity;

fn found(directory: &Path, target: &str) -> Vec<Known> {
    Kept::find(directory, target, "", true).open().1.sensors
}

fn store(directory: &Path, target: &str) -> Store {
    Kept::find(directory, target, "", true).open().0.unwrap()
}

#[test]
fn a_baseline_survives_a_restart_and_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(found(folder.path(), "srv-1"), []);
    let known = Known { id: "32.0.5".into(), name: "05-HD Max".into(), entity: Entity::Disk };
    store(folder.path(), "srv-1").save("", vec![known.clone()].into()).unwrap();
    assert_eq!(found(folder.path(), "srv-1"), [known]);
    assert_eq!(found(folder.path(), "srv-2"), []);
    let mode = fs::metadata(folder.path().join("srv-1.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_file_that_cannot_be_understood_is_put_aside() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("srv-1.json");
    let too_large = vec![b' '; 5 * 1024 * 1024];
    for unreadable in [b"{\"format\": 9, \"sensors\": []}".as_slice(), b"\xFF\xFE", &too_large] {
        fs::write(&file, unreadable).unwrap();
        let kept = Kept::find(folder.path(), "srv-1", "", true);
        assert!(file.exists(), "looking for it changes nothing");
        let (store, baseline) = kept.open();
        assert_eq!(baseline, Baseline::default());
        let aside = fs::read(folder.path().join("srv-1.json.unreadable")).unwrap();
        assert!(aside == unreadable);
        store.unwrap().save("", Vec::new().into()).unwrap();
        assert!(file.exists());
    }
}

#[test]
fn what_is_no_regular_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = folder.path().join("elsewhere");
    fs::write(&elsewhere, "precious").unwrap();
    let file = |name: &str| folder.path().join(name);
    fs::create_dir(file("directory.json")).unwrap();
    nix::unistd::mkfifo(&file("fifo.json"), Mode::S_IRWXU).unwrap();
    std::os::unix::fs::symlink(&elsewhere, file("symlink.json")).unwrap();
    for name in ["directory", "fifo", "symlink", "x".repeat(300).as_str()] {
        assert_eq!(
            Kept::find(folder.path(), name, "", true).open(),
            (None, Baseline::default()),
            "{name}"
        );
    }
    // Nor is one followed where the next baseline is written.
    std::os::unix::fs::symlink(&elsewhere, file("srv-1.json.new")).unwrap();
    nix::unistd::mkfifo(&file("srv-2.json.new"), Mode::S_IRWXU).unwrap();
    for name in ["srv-1", "srv-2"] {
        let error = store(folder.path(), name).save("", Vec::new().into()).unwrap_err();
        assert!(format!("{error:#}").ends_with("it is no regular file"), "{error:#}");
    }
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "precious");
}

#[test]
fn a_name_of_an_older_version_is_cleaned_like_those_of_today() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        "{\"format\":1,\"sensors\":[{\"id\":\"1\",\"name\":\"a\u{200B}\",\"entity\":\"disk\"}]}";
    fs::write(folder.path().join("srv-1.json"), text).unwrap();
    assert_eq!(found(folder.path(), "srv-1")[0].name, "a\u{FFFD}");
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error_that_names_the_field() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = StateFile::prepare(&file.path().join("state"), "turbulence-ipmi").unwrap_err();
    assert!(error.to_string().starts_with("state_directory: "), "{error:#}");
}

#[test]
fn a_name_of_two_sites_has_two_files_and_what_was_there_is_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let known = |id: &str| Known { id: id.into(), name: "HD".into(), entity: Entity::Disk };
    let find = |site: &str, alone: bool| {
        let (store, baseline) = Kept::find(folder.path(), "web-1", site, alone).open();
        (store, baseline.sensors)
    };
    // Alone, it keeps its name whether it has a site or not.
    find("", true).0.unwrap().save("", vec![known("1")].into()).unwrap();
    assert_eq!(find("ams", true).1, [known("1")]);
    // An older file says no site, so that nobody can tell whose it is.
    assert_eq!((find("ams", false).1, find("fra", false).1), (vec![], vec![]));
    find("ams", true).0.unwrap().save("ams", vec![known("1")].into()).unwrap();
    // Now it does: it goes on as that of its site, and the other one has a file of its own.
    assert_eq!((find("ams", false).1, find("fra", false).1), (vec![known("1")], vec![]));
    find("fra", false).0.unwrap().save("fra", vec![known("2")].into()).unwrap();
    find("ams", false).0.unwrap().save("ams", vec![known("3")].into()).unwrap();
    assert_eq!((find("ams", false).1, find("fra", false).1), (vec![known("3")], vec![known("2")]));
    // Alone again.
    assert_eq!(find("ams", true).1, [known("3")]);
    std::fs::remove_file(folder.path().join("web-1.json")).unwrap();
    assert_eq!(find("fra", true).1, [known("2")]);
    // A site is no path.
    find("../a/b", false).0.unwrap().save("../a/b", vec![].into()).unwrap();
    assert!(folder.path().join("web-1@%2E%2E%2Fa%2Fb.json").exists());
}

#[test]
fn a_standing_that_cannot_be_understood_costs_no_inventory() {
    let folder = tempfile::tempdir().unwrap();
    let text = "{\"format\":1,\"sensors\":[{\"id\":\"1\",\"name\":\"a\",\"entity\":\"disk\"}],\
                \"standing\":{\"sensors\":7}}";
    fs::write(folder.path().join("srv-1.json"), text).unwrap();
    let (store, baseline) = Kept::find(folder.path(), "srv-1", "", true).open();
    assert!(store.is_some() && baseline.standing.is_none());
    assert_eq!(baseline.sensors.len(), 1);
}

#[test]
fn a_host_that_a_scraper_names_has_a_file_that_no_target_can_have_until_it_is_old() {
    let folder = tempfile::tempdir().unwrap();
    let find = |host: &str, module: &str| Kept::find_on_demand(folder.path(), host, module);
    let save = |kept: Option<Kept>| {
        let (store, _) = kept.unwrap().open();
        store
            .unwrap()
            .save("", vec![Known::new("32.0.5", "05-HD Max", Entity::Disk)].into())
            .unwrap();
    };
    for (host, module) in [("a.example:623", "default"), ("a.example", "623@default")] {
        save(find(host, module));
    }
    save(Some(Kept::find(folder.path(), "a.example", "623", false)));
    assert_eq!(find("[::1]:623", "default").unwrap().open().1, Baseline::default());
    assert!(find(&"a".repeat(250), "default").is_none());
    let count = || std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(count(), 3);
    let day = Duration::from_secs(86_400);
    let forget = |most, polled: &[(&str, &str)]| {
        let forgotten = forget_on_demand(folder.path(), day, most, polled.iter().copied());
        (forgotten, count())
    };
    assert_eq!(forget(9, &[]), (0, 3));
    let written = |at: SystemTime| {
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let file = std::fs::File::options().write(true).open(file.unwrap().path()).unwrap();
            file.set_modified(at).unwrap();
        }
    };
    // By a clock that was not set nothing is old.
    written(SystemTime::UNIX_EPOCH + day);
    assert_eq!(forget(9, &[]), (0, 3));
    written(SystemTime::now() - 2 * day);
    // Its BMC is dead, and somebody asks for it all the time.
    assert_eq!(forget(9, &[("a.example:623", "default")]), (1, 2));
    // A target of that name at a site.
    save(Some(Kept::find(folder.path(), "on-demand", "fra", false)));
    written(SystemTime::now() - 2 * day);
    assert_eq!(forget(9, &[]), (1, 2));
}

#[test]
fn of_too_many_files_of_hosts_that_scrapers_name_the_oldest_go() {
    let folder = tempfile::tempdir().unwrap();
    let find = |host: &str| Kept::find_on_demand(folder.path(), host, "default").unwrap();
    let day = Duration::from_secs(86_400);
    for (hours, host) in [(5, "a"), (4, "b"), (3, "c"), (2, "d")] {
        find(host).open().0.unwrap().save("", Vec::new().into()).unwrap();
        let path = folder.path().join(format!("{}.json", on_demand(host, "default")));
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - hours * Duration::from_secs(3_600)).unwrap();
    }
    let polled = [("a", "default")].into_iter();
    assert_eq!(forget_on_demand(folder.path(), day, 2, polled), 2);
    let is_there = |host: &str| find(host).store.file.is_there();
    assert_eq!(["a", "b", "c", "d"].map(is_there), [true, false, false, true]);
}
