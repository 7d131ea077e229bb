//! Machines of a few parts, each well or not.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::*;
use crate::entity::Entity;
use crate::outcome::PollFailure;
use crate::sensor::Kind as Number;
use crate::sensor::list::Lister;
use crate::slow::{Answer, KeptSupplies, Part as Fru, Parts, Question};
use crate::state::Value;
use crate::verdict::{Cause, Level, Moment};

const ON: Power = Power {
    is_on: true,
    main_fault: false,
    drive_fault: false,
    cooling_fault: false,
    intrusion: false,
    restart_cause: None,
};

/// A machine with these numbers, each critical or not, and these discrete sensors: those of supplies are
/// called PS.
fn machine(numbers: &[(&str, Quantity, Severity)], discrete: &[&str]) -> Snapshot {
    let limits = BTreeMap::new();
    let mut lister = Lister::new(&[], &limits);
    let mut outcomes = Vec::new();
    for (name, quantity, severity) in numbers {
        let known = lister.sensor(name, name, Entity::Other).unwrap();
        lister.number(known, *quantity, Number::Measured, vec![]);
        outcomes.push(Outcome::Read(Value { number: 9.0, severity: Some(*severity) }));
    }
    for name in discrete {
        let known = lister.sensor(name, name, Entity::Other).unwrap();
        lister.discrete(known, if name.starts_with("PS") { "Power Supply" } else { "Other" });
    }
    let list = lister.finish(true);
    Snapshot { list: Arc::new(list), outcomes }
}

fn state(sensor_type: &'static str, states: &[&'static str], severity: Severity) -> Asserted {
    let worst = states.last().copied();
    let (states, severity) = (states.into(), Some(severity));
    Asserted { sensor_type, states, severity, worst, is_confirmed: false }
}

fn learn(slow: &mut Slow, known: &Arc<Known>, states: &Asserted) {
    slow.learn(Question::States(0), Some(known), Ok(Answer::States(Some(states.clone()))));
}

/// All of it was read twice.
fn slow(snapshot: &Snapshot, states: &[Asserted], power: Power) -> Slow {
    let mut slow = Slow::default();
    for (known, it) in snapshot.list.discrete.iter().zip(states) {
        for _ in 0..2 {
            learn(&mut slow, known, it);
        }
    }
    slow.learn(Question::Power, None, Ok(Answer::Power(power)));
    slow
}

fn told(snapshot: &Snapshot, slow: &Slow, verdicts: &[Verdict]) -> Vec<String> {
    lines(&Told { verdicts, ..of(snapshot, slow) })
}

/// What is known of a machine by its last poll and these answers alone.
fn of<'a>(snapshot: &'a Snapshot, slow: &'a Slow) -> Told<'a> {
    static NONE: LazyLock<Silent> = LazyLock::new(Silent::default);
    Told { snapshot, slow, before: None, silent: &NONE, verdicts: &[], is_off: false }
}

fn lines(told: &Told<'_>) -> Vec<String> {
    let line = |it: &Fault<'_>| {
        let name = match it.part {
            Part::Sensor(known) => &*known.name,
            Part::Machine(name) => name,
        };
        format!("{name}: {} ({:?})", it.state.unwrap_or("?"), it.degree)
    };
    faults(told).iter().map(line).collect()
}

#[test]
fn what_warns_or_failed_is_told_and_what_is_well_or_not_there_is_not() {
    use Severity::{Critical, Nominal, Warning};
    for (sensor_type, states, severity, told_as) in [
        ("Power Supply", &["power supply input lost"][..], Some(Critical), Some(2)),
        ("Power Supply", &["presence detected"], Some(Nominal), None),
        ("Memory", &["correctable ECC"], Some(Warning), Some(1)),
        ("Drive Slot", &["device removed/device absent"], Some(Critical), None),
        ("Drive Slot", &["drive fault"], Some(Critical), Some(2)),
        ("Temperature", &["limit exceeded"], Some(Critical), Some(2)),
        ("Temperature", &["state asserted"], Some(Warning), Some(1)),
        ("Chassis", &["transition to critical from less severe"], Some(Critical), Some(2)),
        ("System Firmware Progress", &["system firmware hang"], Some(Critical), Some(2)),
        ("System Firmware Progress", &["state asserted"], Some(Warning), None),
        ("System Event", &["undetermined system hardware failure"], Some(Critical), Some(2)),
        ("System Event", &["timestamp clock synch"], Some(Warning), None),
        ("Version Change", &["hardware incompatibility detected"], Some(Critical), Some(2)),
        ("Version Change", &["hardware change detected"], Some(Warning), None),
        ("FRU State", &["FRU communication lost"], Some(Critical), Some(2)),
        ("FRU State", &["FRU not installed"], Some(Critical), None),
        ("FRU State", &["FRU inactive"], Some(Critical), None),
        ("FRU State", &["FRU activation in progress"], Some(Warning), None),
        // Of these FreeIPMI has rules for events alone.
        // No state of it says that the machine runs again: it is told where the config says so.
        ("OS Critical Stop", &["run-time critical stop"], None, None),
        ("OS Critical Stop", &["run-time critical stop"], Some(Critical), Some(2)),
        ("OS Critical Stop", &["critical stop during OS load/initialization"], None, None),
        ("OS Critical Stop", &["OS graceful shutdown"], None, None),
        ("Chip Set", &["thermal trip"], None, Some(3)),
        ("Chip Set", &["soft power control failure"], None, Some(2)),
        // The course of things, or what another word says.
        ("Entity Presence", &["entity absent"], Some(Critical), None),
        ("Session Audit", &["invalid password disable"], Some(Critical), None),
        (
            "Platform Security Violation Attempt",
            &["secure mode violation attempt"],
            Some(Critical),
            None,
        ),
        ("Boot Error", &["PXE server not found"], Some(Critical), None),
        ("OS Boot", &["base OS/hypervisor installation failed"], Some(Critical), None),
        ("Watchdog 2", &["hard reset"], Some(Critical), None),
        ("Platform Alert", &["state asserted"], Some(Critical), None),
        ("System ACPI Power State", &["legacy OFF state"], Some(Critical), None),
        ("Button/Switch", &["transition to non-recoverable"], Some(Critical), None),
        // Nobody knows.
        ("OEM", &["IERR"], None, None),
    ] {
        let snapshot = machine(&[], &["It"]);
        let worst = severity.map_or(Nominal, |it| it);
        let asserted = Asserted { severity, ..state(sensor_type, states, worst) };
        let asserted = Asserted { worst: asserted.worst.filter(|_| worst > Nominal), ..asserted };
        let degree = told_as.map(|degree| ["Warning", "Critical", "Fatal"][degree - 1]);
        let lines: Vec<_> = degree.iter().map(|it| format!("It: {} ({it})", states[0])).collect();
        let said = told(&snapshot, &slow(&snapshot, &[asserted], ON), &[]);
        assert_eq!(said, lines, "{sensor_type} {states:?}");
    }
}

#[test]
fn what_stops_the_machine_is_fatal_unless_the_config_calls_it_well() {
    let snapshot = machine(&[], &["CPU1", "PS1", "PS2"]);
    let lost = state("Power Supply", &["power supply input lost"], Severity::Critical);
    let ierr = |severity| state("Processor", &["IERR"], severity);
    let all = [ierr(Severity::Critical), lost.clone(), lost.clone()];
    let said = told(&snapshot, &slow(&snapshot, &all, ON), &[]);
    assert_eq!(said[0], "CPU1: IERR (Fatal)");
    assert_eq!(said[3], "every power supply: failed (Fatal)");
    let all = [ierr(Severity::Nominal), lost, state("Power Supply", &[], Severity::Nominal)];
    let said = told(&snapshot, &slow(&snapshot, &all, ON), &[]);
    assert_eq!(said, ["PS1: power supply input lost (Critical)"]);
}

#[test]
fn not_every_supply_has_failed_while_one_was_not_read_or_may_be_missing() {
    let lost = state("Power Supply", &["power supply input lost"], Severity::Critical);
    let mut snapshot = machine(&[], &["PS1", "PS2"]);
    let mut slow = slow(&snapshot, std::slice::from_ref(&lost), ON);
    let one = "PS1: power supply input lost (Critical)";
    // The exporter has just started, or the sensor of the other gives no states.
    assert_eq!(told(&snapshot, &slow, &[]), [one]);
    slow.learn(Question::States(1), Some(&snapshot.list.discrete[1]), Ok(Answer::States(None)));
    assert_eq!(told(&snapshot, &slow, &[]), [one]);
    for _ in 0..2 {
        learn(&mut slow, &snapshot.list.discrete[1], &lost);
    }
    let every = "every power supply: failed (Fatal)";
    assert_eq!(told(&snapshot, &slow, &[])[2..], [every]);
    // A list with holes may hide the one that carries the machine.
    Arc::make_mut(&mut snapshot.list).complete = false;
    assert_eq!(told(&snapshot, &slow, &[]).len(), 2);
    // What only its maker can read is no supply that works, unless something carries the machine.
    let mut snapshot = machine(&[], &["PS1", "PS2"]);
    let unclear = Asserted { severity: None, ..lost.clone() };
    let on = self::slow(&snapshot, &[lost.clone(), unclear.clone()], ON);
    assert_eq!(told(&snapshot, &on, &[]), [one]);
    let slow = self::slow(&snapshot, &[lost, unclear], Power { is_on: false, ..ON });
    assert_eq!(told(&snapshot, &slow, &[]), [one, every]);
    // One that was not asked.
    Arc::make_mut(&mut snapshot.list).supplies = [0, 1, 2].into();
    assert_eq!(told(&snapshot, &slow, &[]), [one]);
}

/// A machine of four supplies of which two have failed; the answers of the two others are asked for here.
struct Slots {
    snapshot: Snapshot,
    silent: Silent,
    /// On, and off.
    slow: [Slow; 2],
}

impl Slots {
    fn new(parts: &[Fru]) -> Self {
        let snapshot = machine(&[], &["PS1", "PS2", "PS3", "PS4"]);
        let lost = state("Power Supply", &["power supply input lost"], Severity::Critical);
        let slow = [true, false].map(|is_on| {
            let mut slow = slow(&snapshot, &[lost.clone(), lost.clone()], Power { is_on, ..ON });
            let parts = Parts { parts: parts.to_vec(), is_whole: true };
            slow.learn(Question::Parts, None, Ok(Answer::Parts(Arc::new(parts))));
            slow
        });
        let mut all = Self { snapshot, silent: Silent::default(), slow };
        for place in [0, 1] {
            all.answer(place, &Ok(Answer::States(Some(lost.clone()))), true);
        }
        all
    }

    fn answer(&mut self, place: usize, answer: &Result<Answer, PollFailure>, is_on: bool) {
        let slow = &self.slow[usize::from(!is_on)];
        self.silent.learn(&self.snapshot.list, place, answer, slow);
    }

    /// The two others answer so.
    fn ask(&mut self, answer: &Result<Answer, PollFailure>, is_on: bool) {
        for place in [2, 3] {
            self.answer(place, answer, is_on);
        }
    }

    /// Whether every supply of it has failed, if it is on and if it is off.
    fn have_all_failed(&self) -> [bool; 2] {
        [0, 1].map(|place| {
            let of = of(&self.snapshot, &self.slow[place]);
            let said = lines(&Told { silent: &self.silent, ..of });
            said.contains(&"every power supply: failed (Fatal)".to_owned())
        })
    }
}

fn part(name: &str, capacity: Option<u16>) -> Fru {
    Fru { name: name.into(), capacity, ..Fru::default() }
}

const NO: [bool; 2] = [false; 2];
/// Whatever is on is carried by something.
const OFF: [bool; 2] = [false, true];

#[test]
fn supplies_that_fell_silent_carry_no_machine_that_is_off() {
    let mut all = Slots::new(&[]);
    let well = Answer::States(Some(state("Power Supply", &[], Severity::Nominal)));
    all.ask(&Ok(well.clone()), true);
    // Off, a supply may have no sensor at all; just started, none that is ready.
    for _ in 0..9 {
        all.ask(&Ok(Answer::States(None)), false);
    }
    for _ in 0..4 {
        all.ask(&Ok(Answer::States(None)), true);
        all.ask(&Err(PollFailure::Busy), true);
        assert_eq!(all.have_all_failed(), NO);
    }
    all.ask(&Err(PollFailure::NotPresent), true);
    assert_eq!(all.have_all_failed(), OFF);
    // It is so after a restart, and one that told something before it falls silent after it.
    let kept = all.silent.keep();
    assert_eq!((kept.told.len(), kept.silent.len()), (4, 2));
    all.silent = Silent::kept(kept.clone());
    assert_eq!(all.have_all_failed(), OFF);
    all.silent = Silent::kept(KeptSupplies { silent: Vec::new(), ..kept });
    for _ in 0..5 {
        assert_eq!(all.have_all_failed(), NO);
        all.ask(&Ok(Answer::States(None)), true);
    }
    assert_eq!(all.have_all_failed(), OFF);
    // It tells something again.
    all.answer(3, &Ok(well), true);
    assert_eq!(all.have_all_failed(), NO);
}

#[test]
fn a_supply_that_never_told_anything_carries_nothing_if_its_slot_is_known_to_be_empty_alone() {
    let (two, some) = ([part("PSU1", Some(800)), part("PSU2", None)], Some(500));
    for (parts, failed) in [
        // Nobody knows of any part.
        (vec![], NO),
        (vec![part("Mainboard", None)], NO),
        (two.to_vec(), OFF),
        // The BMC has one more, which it cannot read the states of.
        ([&two[..], &[part("FRU 7", some)]].concat(), NO),
        ([&two[..], &[part("Power Supply 3", None)]].concat(), NO),
    ] {
        let mut all = Slots::new(&parts);
        for _ in 0..9 {
            all.ask(&Ok(Answer::States(None)), true);
        }
        assert_eq!(all.have_all_failed(), failed, "{parts:?}");
        all.silent = Silent::kept(all.silent.keep());
        assert_eq!(all.have_all_failed(), failed, "{parts:?}");
        // What was known of a slot holds while its parts are read again.
        for slow in &mut all.slow {
            slow.learn(Question::Parts, None, Err(PollFailure::Busy));
        }
        all.ask(&Ok(Answer::States(None)), true);
        assert_eq!(all.have_all_failed(), failed, "{parts:?}");
    }
}

#[test]
fn what_stops_the_machine_is_said_once_it_was_read_twice_in_a_row() {
    let snapshot = machine(&[], &["CPU1", "PS1"]);
    let [cpu, supply] = &snapshot.list.discrete[..] else { unreachable!() };
    let ierr = state("Processor", &["IERR"], Severity::Critical);
    let lost = state("Power Supply", &["power supply input lost"], Severity::Critical);
    let mut slow = Slow::default();
    for well in ["Processor", "Power Supply"] {
        let known = if well == "Processor" { cpu } else { supply };
        learn(&mut slow, known, &state(well, &[], Severity::Nominal));
    }
    let once = ["CPU1: IERR (Critical)", "PS1: power supply input lost (Critical)"];
    let twice = ["CPU1: IERR (Fatal)", once[1], "every power supply: failed (Fatal)"];
    for said in [&once[..], &twice[..], &twice[..]] {
        learn(&mut slow, cpu, &ierr);
        learn(&mut slow, supply, &lost);
        assert_eq!(told(&snapshot, &slow, &[]), said);
    }
    // Another state is another fault.
    learn(&mut slow, cpu, &state("Processor", &["thermal trip"], Severity::Critical));
    assert_eq!(told(&snapshot, &slow, &[])[0], "CPU1: thermal trip (Critical)");
}

#[test]
fn a_number_counts_when_it_is_critical_and_no_verdict_says_so_already() {
    let rows = [
        ("CPU Temp", Quantity::Temperature, Severity::Critical),
        ("12V", Quantity::Voltage, Severity::Critical),
        ("5V", Quantity::Voltage, Severity::Warning),
        ("Fan 1", Quantity::FanSpeed, Severity::Critical),
        ("VBAT", Quantity::Other("Battery"), Severity::Warning),
        ("Airflow", Quantity::Other("Other"), Severity::Critical),
        ("P1 Therm Ctrl %", Quantity::Other("Temperature"), Severity::Critical),
        ("Fan 2", Quantity::FanSpeed, Severity::Warning),
        ("Fan 3", Quantity::FanRatio, Severity::Warning),
        ("PS1 Input", Quantity::Power, Severity::Warning),
    ];
    let snapshot = machine(&rows, &[]);
    let fan = Verdict {
        kind: Kind::FanFailed,
        sensor: Some(Arc::clone(&snapshot.list.known[3])),
        level: Level::Ticket,
        cause: Cause::BelowLimit,
        since: Moment::from_seconds(0.0),
        evidence: vec![],
    };
    let well = [
        "12V: beyond a critical threshold (Critical)",
        "VBAT: beyond a threshold (Warning)",
        "P1 Therm Ctrl %: beyond a critical threshold (Critical)",
        "Fan 2: beyond a threshold (Warning)",
        "Fan 3: beyond a threshold (Warning)",
    ];
    assert_eq!(told(&snapshot, &slow(&snapshot, &[], ON), std::slice::from_ref(&fan)), well);
    let near = Verdict { kind: Kind::NearSilentLimit, ..fan.clone() };
    assert_eq!(told(&snapshot, &slow(&snapshot, &[], ON), &[near]).len(), 6);
    // It is the slow one that the verdict tells.
    let slow_fan = Verdict { sensor: Some(Arc::clone(&snapshot.list.known[7])), ..fan };
    let said = told(&snapshot, &slow(&snapshot, &[], ON), &[slow_fan]);
    assert!(said.iter().all(|it| !it.starts_with("Fan 2")), "{said:?}");
}

#[test]
fn fans_that_stand_still_together_or_are_fast_are_no_fault_by_a_warning_alone() {
    use crate::sensor::Level::*;
    let said = |speeds: &[f64], severity, thresholds: &[(crate::sensor::Level, f64)]| {
        let limits = BTreeMap::new();
        let mut lister = Lister::new(&[], &limits);
        let mut outcomes = Vec::new();
        for (place, number) in speeds.iter().enumerate() {
            let name = format!("Fan {place}");
            let known = lister.sensor(&name, &name, Entity::Other).unwrap();
            lister.number(known, Quantity::FanSpeed, Number::Measured, thresholds.to_vec());
            outcomes.push(Outcome::Read(Value { number: *number, severity: Some(severity) }));
        }
        let snapshot = Snapshot { list: Arc::new(lister.finish(true)), outcomes };
        told(&snapshot, &slow(&snapshot, &[], ON), &[]).len()
    };
    let (warning, lower) = (Severity::Warning, [(LowerNonCritical, 700.0)]);
    assert_eq!(said(&[0.0, 0.0], warning, &lower), 0);
    assert_eq!(said(&[0.0], warning, &lower), 1);
    assert_eq!(said(&[0.0, 600.0], warning, &lower), 2);
    assert_eq!(said(&[0.0, 0.0], Severity::Critical, &[(LowerCritical, 500.0)]), 2);
    assert_eq!(said(&[9_000.0], warning, &[(UpperNonCritical, 8_000.0)]), 0);
    // The BMC gives no limit.
    assert_eq!(said(&[600.0], warning, &[]), 1);
}

#[test]
fn what_is_held_for_information_alone_hides_no_fault() {
    let snapshot = machine(&[("12V", Quantity::Voltage, Severity::Critical)], &[]);
    for (kind, level, faults) in [
        (Kind::LimitExceeded, Level::Info, 1),
        (Kind::LimitExceeded, Level::Ticket, 0),
        (Kind::FanFailed, Level::Info, 0),
        (Kind::ThresholdsImplausible, Level::Info, 1),
    ] {
        let held = Verdict {
            kind,
            sensor: Some(Arc::clone(&snapshot.list.known[0])),
            level,
            cause: Cause::Critical,
            since: Moment::from_seconds(0.0),
            evidence: vec![],
        };
        let said = told(&snapshot, &slow(&snapshot, &[], ON), &[held]);
        assert_eq!(said.len(), faults, "{kind:?} {level:?}");
    }
}

#[test]
fn what_the_bmc_says_counts_as_far_as_limits_that_can_be_meant_bear_it_out() {
    use crate::sensor::Level::*;
    use Quantity::{FanSpeed, Power, Temperature, Voltage};
    let lower = [(LowerCritical, 10.8), (LowerNonCritical, 11.2), (UpperNonRecoverable, 0.0)];
    let warning = [(LowerNonCritical, 11.2), (UpperNonRecoverable, 0.0)];
    let upper = [(UpperCritical, 8.0), (UpperNonRecoverable, 0.0)];
    let zero = [(LowerCritical, 0.0), (LowerNonCritical, 0.0), (UpperNonRecoverable, 0.0)];
    let (critical, warns) = ("beyond a critical threshold", "beyond a threshold");
    for (quantity, thresholds, said) in [
        (Voltage, &lower[..], Some(critical)),
        (Power, &upper, Some(critical)),
        (FanSpeed, &lower, Some(critical)),
        (FanSpeed, &warning, Some(warns)),
        (Quantity::Other("Battery"), &warning, Some(warns)),
        // A verdict tells it, if it lasts.
        (Voltage, &warning, None),
        (Voltage, &zero, None),
        (FanSpeed, &zero, None),
        (Voltage, &[(UpperNonRecoverable, 0.0)], None),
        (Temperature, &lower, None),
    ] {
        let limits = BTreeMap::new();
        let mut lister = Lister::new(&[], &limits);
        let known = lister.sensor("1", "It", Entity::Other).unwrap();
        lister.number(known, quantity, Number::Measured, thresholds.to_vec());
        let outcomes =
            vec![Outcome::Read(Value { number: 9.0, severity: Some(Severity::Critical) })];
        let snapshot = Snapshot { list: Arc::new(lister.finish(true)), outcomes };
        let told = told(&snapshot, &slow(&snapshot, &[], ON), &[]);
        let degree = |it| if it == critical { "Critical" } else { "Warning" };
        let said: Vec<_> = said.iter().map(|it| format!("It: {it} ({})", degree(*it))).collect();
        assert_eq!(told, said, "{quantity:?} {thresholds:?}");
    }
}

#[test]
fn the_numbers_of_a_machine_that_is_off_are_no_faults_whoever_says_that_it_is() {
    let snapshot = machine(&[("12V", Quantity::Voltage, Severity::Critical)], &[]);
    let faults = |is_on, is_off| {
        let slow = slow(&snapshot, &[], Power { is_on, ..ON });
        lines(&Told { is_off, ..of(&snapshot, &slow) }).len()
    };
    let states = [(true, true), (false, true), (false, false), (true, false)];
    assert_eq!(states.map(|(is_on, is_off)| faults(is_on, is_off)), [0, 0, 1, 1]);
}

#[test]
fn what_was_known_before_polls_failed_holds_until_it_is_told_anew() {
    let snapshot = machine(&[], &["CPU1", "PS1"]);
    let states = [
        state("Processor", &["IERR"], Severity::Critical),
        state("Power Supply", &["power supply input lost"], Severity::Critical),
    ];
    let before = slow(&snapshot, &states, Power { main_fault: true, ..ON });
    let mut anew = Slow::default();
    let said = |anew: &Slow| lines(&Told { before: Some(&before), ..of(&snapshot, anew) });
    assert_eq!(said(&anew).len(), 4, "{:?}", said(&anew));
    let well = state("Processor", &[], Severity::Nominal);
    let cpu = &snapshot.list.discrete[0];
    learn(&mut anew, cpu, &well);
    anew.learn(Question::Power, None, Ok(Answer::Power(ON)));
    let supply = ["PS1: power supply input lost (Critical)", "every power supply: failed (Fatal)"];
    assert_eq!(said(&anew), supply);
}

#[test]
fn the_chassis_and_the_log_have_their_say() {
    let snapshot = machine(&[], &[]);
    let faulty =
        Power { main_fault: true, drive_fault: true, cooling_fault: true, intrusion: true, ..ON };
    let mut slow = slow(&snapshot, &[], faulty);
    let chassis = [
        "main power: failed (Critical)",
        "a drive: failed (Critical)",
        "the cooling: failed (Critical)",
        "the chassis: open (Critical)",
    ];
    assert_eq!(told(&snapshot, &slow, &[]), chassis);
    for (entries, free, full) in
        [(502, 160, true), (250, 4000, false), (0, 0, false), (70_000, 65_535, false)]
    {
        let log = Log { entries, free_bytes: Some(free), last_entry: None };
        slow.learn(Question::Log, None, Ok(Answer::Log(log)));
        let said = told(&snapshot, &slow, &[]);
        assert_eq!(said.len() == 5, full, "{said:?}");
    }
}
