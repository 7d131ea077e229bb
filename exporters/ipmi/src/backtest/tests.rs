//! Histories that were written by hand, and what is said of them.

use std::fmt::Write as _;

use super::*;

/// A machine of `ipmi_exporter`'s users: its sensors without an entity, by numbers of records. The disks
/// go in after twenty minutes.
fn phantom(from: i64, to: i64) -> String {
    let mut text = String::new();
    for second in (from..to).step_by(15) {
        let (disk, fans) = if second < 1_200 { (24.0, 0.19) } else { (58.0, 1.0) };
        let at = 1_500_000_000 + second;
        let mut put = |metric: &str, labels: &str, value: f64| {
            writeln!(text, "ipmi_{metric}{{instance=\"g8:9290\"{labels}}} {value} {at}.000")
                .unwrap();
        };
        put("up", ",collector=\"ipmi\"", 1.0);
        let temperatures =
            ["01-Inlet Ambient", "02-CPU", "03-P1 DIMM 1-2", "05-HD Max", "06-Chipset"];
        for ((id, name), value) in (1..).zip(temperatures).zip([22.0, 40.0, 27.0, disk, 44.0]) {
            let labels = format!(",id=\"{id}\",name=\"{name}\"");
            put("temperature_celsius", &labels, value);
            put("temperature_state", &labels, 0.0);
        }
        for fan in 1..4 {
            put("fan_speed_ratio", &format!(",id=\"1{fan}\",name=\"Fan {fan}\""), fans);
        }
    }
    text
}

fn played(files: &[&str]) -> anyhow::Result<String> {
    let folder = tempfile::tempdir()?;
    let mut names = Vec::new();
    for (number, text) in files.iter().enumerate() {
        names.push(folder.path().join(number.to_string()));
        std::fs::write(names.last().unwrap(), text)?;
    }
    let mut out = Vec::new();
    read_all(&names, &mut report::Sum::default(), &mut out)?;
    Ok(String::from_utf8(out)?)
}

#[test]
fn the_phantom_of_an_old_history_is_found() {
    let out = played(&[&phantom(0, 2_400)]).unwrap();
    let has = |words: &[&str]| {
        let is_it = |line: &str| words.iter().all(|word| line.contains(word));
        assert!(out.lines().any(is_it), "no {words:?} in\n{out}");
    };
    has(&[
        "machine=g8:9290 begin=2017-07-14T03:00:",
        "severity=ticket verdict=phantom_temperature",
    ]);
    has(&["severity=page verdict=fans_follow_phantom", "alert=IpmiPhantomFanRunaway", "05-HD Max"]);
    has(&["RESULT backtest machine=g8:9290 days=0.03 pages=1 tickets=1"]);
}

#[test]
fn two_files_in_the_order_of_their_times_are_one_history() {
    let (one, two) = (phantom(0, 1_215), phantom(1_200, 2_400));
    assert_eq!(played(&[&one, &two]).unwrap(), played(&[&phantom(0, 2_400)]).unwrap());
    let error = format!("{:#}", played(&[&two, &one]).unwrap_err());
    assert!(error.contains("name the files in the order of their times"), "{error}");
}

#[test]
fn a_mistake_is_told_with_its_line_and_what_to_do() {
    let good = phantom(0, 15);
    let lines = good.lines().count();
    for (bad, words) in [
        ("ipmi_up{collector=\"ip", "it may be cut off: dump it again"),
        ("ipmi_up{collector=\"ipmi\"} 1", "has no time"),
        ("ipmi_up{collector} 1 1500000000", "must be a sample with its time"),
    ] {
        let error = format!("{:#}", played(&[&format!("{good}{bad}")]).unwrap_err());
        assert!(
            error.contains(&format!("line {}: ", lines + 1)) && error.contains(words),
            "{error}"
        );
    }
}

#[test]
fn one_poll_that_was_scraped_twice_is_one_poll() {
    // A glitch of one poll of a minute, on four pages.
    let mut text = String::new();
    for second in (0..3_600).step_by(15) {
        let (poll, at) = (second / 60, 1_500_000_000 + second);
        let disk = if poll == 40 { 90 } else { 24 };
        for (name, value) in [("05-HD Max", disk), ("02-CPU", 40), ("03-P1 DIMM 1-2", 30)] {
            writeln!(text, "ipmi_temperature_celsius{{target=\"a\",id=\"{name}\",name=\"{name}\"}} {value} {at}")
                .unwrap();
        }
        writeln!(text, "ipmi_last_success_timestamp_seconds{{target=\"a\"}} {poll} {at}").unwrap();
    }
    let out = played(&[&text]).unwrap();
    assert!(out.contains("pages=0 tickets=0"), "{out}");
    let without: Vec<_> = text.lines().filter(|line| !line.contains("success")).collect();
    let out = played(&[&without.join("\n")]).unwrap();
    assert!(out.contains("tickets=1"), "{out}");
}

#[test]
fn a_machine_whose_only_meter_is_dcmi_is_judged_as_it_was_live() {
    // The fans turn for what a phantom reads, and cost 45 W; then a sensor that is a meter says another figure.
    let history = |sensor: Option<f64>| {
        let mut text = phantom(0, 2_400);
        for second in (0..2_400).step_by(15) {
            let (watts, at) = (if second < 1_200 { 70 } else { 115 }, 1_500_000_000 + second);
            let of = "instance=\"g8:9290\"";
            writeln!(text, "ipmi_dcmi_power_consumption_watts{{{of}}} {watts} {at}.000").unwrap();
            if let Some(watts) = sensor {
                let of = format!("{of},id=\"60\",name=\"Power Meter\"");
                writeln!(text, "ipmi_power_watts{{{of}}} {watts} {at}.000").unwrap();
            }
        }
        played(&[&text]).unwrap()
    };
    let without = played(&[&phantom(0, 2_400)]).unwrap();
    let follow = |out: &str| {
        let line = out.lines().find(|line| line.contains("fans_follow_phantom"));
        line.unwrap_or_else(|| panic!("{out}")).to_owned()
    };
    let told = follow(&without);
    assert!(!told.contains("watts"), "{told}");
    assert_eq!(follow(&history(None)), format!("{told} watts_before=70 watts_now=115"));
    assert_eq!(follow(&history(Some(81.0))), format!("{told} watts_before=81 watts_now=81"));
    // All else is as it was.
    let verdicts = |out: &str| out.lines().filter(|line| line.contains("verdict=")).count();
    assert_eq!(verdicts(&history(None)), verdicts(&without));
}
