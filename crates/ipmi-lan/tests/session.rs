//! Log-ins and commands against a BMC of our own: both suites, `K_g`, refusals, SDR quirks.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::process::Command as Program;
use std::time::Duration;

use ipmi_lan::command::Command;
use ipmi_lan::connection::{Connection, Event};
use ipmi_lan::{
    CipherSuite, CommandError, CompletionCode, Credentials, Options, Password, Privilege, SensorId,
    SessionError,
};

#[path = "bmc/responder.rs"]
mod responder;
#[path = "bmc/served.rs"]
mod served;
use responder::{Bmc, Padding};
use served::serve;

fn credentials(password: &str, k_g: Option<&str>) -> Credentials {
    let secret = |text: &str| Password::new(text).unwrap();
    Credentials { user: "monitor".into(), password: secret(password), k_g: k_g.map(secret) }
}

fn options(suites: &[CipherSuite], privilege: Privilege) -> Options {
    Options { suites: suites.to_vec(), privilege, ..Options::default() }
}

/// Carries datagrams to and fro without loss until an event; time passes only when nothing moves.
fn run(connection: &mut Connection, bmc: &mut Bmc, now: &mut Duration) -> Event {
    loop {
        while let Some(datagram) = connection.next_datagram() {
            if let Some(answer) = bmc.receive(*now, &datagram) {
                connection.datagram_received(*now, &answer);
            }
        }
        if let Some(event) = connection.next_event() {
            return event;
        }
        *now = connection.deadline().expect("something is awaited");
        connection.time_passed(*now);
    }
}

fn log_in(
    bmc: &mut Bmc,
    credentials: &Credentials,
    options: &Options,
) -> Result<Connection, SessionError> {
    let mut now = Duration::ZERO;
    let mut connection = Connection::new(now, credentials, options, [7; 32]);
    match run(&mut connection, bmc, &mut now) {
        Event::Opened => Ok(connection),
        Event::OpenFailed(error) => {
            while let Some(datagram) = connection.next_datagram() {
                bmc.receive(now, &datagram);
            }
            Err(error)
        }
        other => panic!("{other:?}"),
    }
}

fn ask(
    connection: &mut Connection,
    bmc: &mut Bmc,
    command: Command,
) -> Result<Vec<u8>, CommandError> {
    let mut now = Duration::from_secs(1);
    connection.request(now, command);
    match run(connection, bmc, &mut now) {
        Event::Reply(answered, result) if answered == command => result,
        other => panic!("{other:?}"),
    }
}

fn sensor(lun: u8, number: u8) -> SensorId {
    SensorId { owner: 0x20, lun, number }
}

#[test]
fn both_suites_log_in_with_every_privilege_and_with_k_g() {
    for suite in [CipherSuite::Suite17, CipherSuite::Suite3] {
        for privilege in [Privilege::User, Privilege::Operator, Privilege::Administrator] {
            for k_g in [None, Some("twenty bytes of K_g!")] {
                let mut bmc = Bmc { k_g: k_g.map(Into::into), ..Bmc::new() };
                bmc.sensors.insert((0, 5), 24);
                let options = options(&[suite], privilege);
                let mut connection =
                    log_in(&mut bmc, &credentials("s3cretpass", k_g), &options).unwrap();
                let reading = ask(&mut connection, &mut bmc, Command::SensorReading(sensor(0, 5)));
                assert_eq!(reading, Ok(vec![24, 0xC0, 0xC0]), "{suite:?} {privilege:?} {k_g:?}");
                let mut now = Duration::from_secs(2);
                connection.close(now);
                assert_eq!(run(&mut connection, &mut bmc, &mut now), Event::Closed);
                assert_eq!(bmc.sessions(now), 0);
            }
        }
    }
}

#[test]
fn suite_3_is_taken_where_17_is_refused() {
    let mut bmc = Bmc { suites: vec![3], ..Bmc::new() };
    let default = Options::default();
    let mut connection = log_in(&mut bmc, &credentials("s3cretpass", None), &default).unwrap();
    assert!(ask(&mut connection, &mut bmc, Command::DeviceId).is_ok());
}

#[test]
fn every_refusal_has_its_own_error() {
    let default = Options::default();
    let right = credentials("s3cretpass", None);
    let failure = |mut bmc: Bmc, credentials: &Credentials, options: &Options| {
        let error = log_in(&mut bmc, credentials, options).err();
        (error, bmc.sessions(Duration::from_secs(1)))
    };
    assert_eq!(
        failure(Bmc::new(), &credentials("wrong", None), &default),
        (Some(SessionError::WrongPassword), 0),
        "and the BMC is told, so that it frees the session"
    );
    let unknown = Credentials { user: "nobody".into(), ..right.clone() };
    assert_eq!(failure(Bmc::new(), &unknown, &default), (Some(SessionError::UnknownUser), 0));
    let admin = options(&[CipherSuite::Suite3], Privilege::Administrator);
    let user_only = Bmc { privilege: 2, ..Bmc::new() };
    assert_eq!(failure(user_only, &right, &admin), (Some(SessionError::Privilege), 0));
    let refusing = Bmc { suites: vec![], ..Bmc::new() };
    assert_eq!(failure(refusing, &right, &default).0, Some(SessionError::SuiteRefused));
    let full = Bmc { session_limit: 0, ..Bmc::new() };
    assert_eq!(failure(full, &right, &default).0, Some(SessionError::SessionTableFull));
    let locked = || Bmc { k_g: Some(b"key".to_vec()), ..Bmc::new() };
    assert_eq!(failure(locked(), &right, &default).0, Some(SessionError::WrongKg));
    let other_key = credentials("s3cretpass", Some("other"));
    assert_eq!(failure(locked(), &other_key, &default).0, Some(SessionError::WrongKg));
}

#[test]
fn a_bmc_that_weakens_the_algorithms_is_refused() {
    for weaker in [[0, 0, 0], [1, 1, 0], [1, 0, 1], [0, 1, 1]] {
        let mut bmc = Bmc { answers_with: Some(weaker), ..Bmc::new() };
        let error = log_in(&mut bmc, &credentials("s3cretpass", None), &Options::default()).err();
        assert_eq!(error, Some(SessionError::SuiteMismatch), "{weaker:?}");
    }
}

#[test]
fn a_bmc_that_answers_with_the_next_suite_is_asked_for_that() {
    let mut bmc = Bmc { answers_with: Some([1, 1, 1]), ..Bmc::new() };
    let right = credentials("s3cretpass", None);
    let mut connection = log_in(&mut bmc, &right, &Options::default()).unwrap();
    assert!(ask(&mut connection, &mut bmc, Command::DeviceId).is_ok());
    // But not where that was not allowed.
    let suite_17 = options(&[CipherSuite::Suite17], Privilege::User);
    let mut bmc = Bmc { answers_with: Some([1, 1, 1]), ..Bmc::new() };
    assert_eq!(log_in(&mut bmc, &right, &suite_17).err(), Some(SessionError::SuiteMismatch));
}

#[test]
fn a_bmc_without_lookup_by_name_alone_is_logged_in_to() {
    let mut bmc = Bmc { name_only: false, ..Bmc::new() };
    let right = credentials("s3cretpass", None);
    assert!(log_in(&mut bmc, &right, &Options::default()).is_ok());
}

#[test]
fn silence_and_noise_are_told_apart() {
    let right = credentials("s3cretpass", None);
    // The first attempt after which the network says that nobody is there.
    let end = |noise: Option<&[u8]>, icmp: Option<u32>, impatient: bool| {
        let mut now = Duration::ZERO;
        let options = Options { impatient, ..Options::default() };
        let mut connection = Connection::new(now, &right, &options, [1; 32]);
        let mut sent = 0;
        loop {
            while connection.next_datagram().is_some() {
                sent += 1;
                if let Some(noise) = noise {
                    connection.datagram_received(now, noise);
                }
                if icmp.is_some_and(|from| sent >= from) {
                    connection.unreachable();
                }
            }
            if let Some(event) = connection.next_event() {
                // Whoever says nothing at all may be slow.
                let seconds = if noise.is_some() || icmp.is_some() || impatient { 3 } else { 9 };
                assert_eq!((sent, now), (3, Duration::from_secs(seconds)), "two retries");
                return event;
            }
            now = connection.deadline().unwrap();
            connection.time_passed(now);
        }
    };
    for impatient in [false, true] {
        assert_eq!(end(None, None, impatient), Event::OpenFailed(SessionError::NoAnswer));
        for from in 1..=3 {
            let said = end(None, Some(from), impatient);
            assert_eq!(said, Event::OpenFailed(SessionError::Unreachable), "{from}");
        }
        let said = end(Some(b"HTTP/1.1 400"), None, impatient);
        assert_eq!(said, Event::OpenFailed(SessionError::NotIpmi));
    }
}

#[test]
fn a_sensor_is_read_on_its_own_lun_and_never_for_another_owner() {
    let mut bmc = Bmc::new();
    bmc.sensors.extend([((0, 100), 11), ((1, 100), 77), ((0, 5), 24)]);
    let mut connection =
        log_in(&mut bmc, &credentials("s3cretpass", None), &Options::default()).unwrap();
    let mut value = |id| ask(&mut connection, &mut bmc, Command::SensorReading(id));
    assert_eq!(value(sensor(0, 100)).unwrap()[0], 11);
    assert_eq!(value(sensor(1, 100)).unwrap()[0], 77);
    let not_there = CommandError::Completion(CompletionCode::NOT_PRESENT);
    assert_eq!(value(sensor(2, 100)), Err(not_there));
    let other_owner = SensorId { owner: 0x2C, lun: 0, number: 5 };
    assert_eq!(value(other_owner), Err(CommandError::NotBridged));
}

#[test]
fn a_busy_bmc_is_asked_again() {
    let mut bmc = Bmc { busy: 2, ..Bmc::new() };
    bmc.sensors.insert((0, 5), 24);
    let mut connection =
        log_in(&mut bmc, &credentials("s3cretpass", None), &Options::default()).unwrap();
    let command = Command::SensorReading(sensor(0, 5));
    assert_eq!(ask(&mut connection, &mut bmc, command).unwrap()[0], 24);
    bmc.busy = 3;
    let busy = Err(CommandError::Completion(CompletionCode::BUSY));
    // The count of the first reading is still the old one.
    let _ = ask(&mut connection, &mut bmc, command);
    assert_eq!(ask(&mut connection, &mut bmc, command), busy);
}

#[test]
fn a_bmc_that_forgot_the_session_gives_timeouts_and_no_values() {
    let mut bmc = Bmc::new();
    bmc.sensors.insert((0, 5), 24);
    let mut connection =
        log_in(&mut bmc, &credentials("s3cretpass", None), &Options::default()).unwrap();
    bmc.forget_sessions();
    let command = Command::SensorReading(sensor(0, 5));
    let answer = ask(&mut connection, &mut bmc, command);
    assert_eq!(answer, Err(CommandError::Timeout));
    assert!(answer.unwrap_err().ends_session());
}

#[test]
fn a_late_or_doubled_reply_is_nobody_elses() {
    let mut bmc = Bmc::new();
    bmc.sensors.extend((0..100).map(|number| ((0, number), number)));
    let mut connection =
        log_in(&mut bmc, &credentials("s3cretpass", None), &Options::default()).unwrap();
    let mut now = Duration::from_secs(1);
    let read = |number| Command::SensorReading(sensor(0, number));
    let nothing = |connection: &mut Connection, now, reply: &[u8]| {
        connection.datagram_received(now, reply);
        assert_eq!(connection.next_event(), None);
    };
    let mut late: Vec<Vec<u8>> = Vec::new();
    for number in 0..12 {
        // The BMC hangs: three attempts for one sensor, none answered in time.
        connection.request(now, read(number));
        let event = loop {
            while let Some(datagram) = connection.next_datagram() {
                late.push(bmc.receive(now, &datagram).unwrap());
            }
            if let Some(event) = connection.next_event() {
                break event;
            }
            now = connection.deadline().unwrap();
            connection.time_passed(now);
        };
        assert_eq!(event, Event::Reply(read(number), Err(CommandError::Timeout)));
        // Then the next sensor is asked, and everything that was late comes, twice.
        connection.request(now, read(number + 50));
        let request = connection.next_datagram().unwrap();
        for reply in late.iter().chain(&late) {
            nothing(&mut connection, now, reply);
        }
        let answer = bmc.receive(now, &request).unwrap();
        connection.datagram_received(now, &answer);
        let event = connection.next_event();
        assert_eq!(event, Some(Event::Reply(read(number + 50), Ok(vec![number + 50, 0xC0, 0xC0]))));
        nothing(&mut connection, now, &answer);
    }
    assert!(connection.counters().stale_replies > 36);
    assert!(!connection.is_worn(), "late replies that came free their sequence numbers");
}

#[test]
fn a_session_whose_requests_get_lost_wears_out_instead_of_using_a_number_twice() {
    let mut bmc = Bmc::new();
    bmc.sensors.insert((0, 5), 24);
    let mut connection =
        log_in(&mut bmc, &credentials("s3cretpass", None), &Options::default()).unwrap();
    let command = Command::SensorReading(sensor(0, 5));
    let mut now = Duration::from_secs(1);
    let mut requests = 0;
    while !connection.is_worn() {
        connection.request(now, command);
        while connection.next_event().is_none() {
            requests += usize::from(connection.next_datagram().is_some());
            now = connection.deadline().unwrap();
            connection.time_passed(now);
        }
        assert!(requests < 64, "every rqSeq would be in use");
    }
    connection.request(now, command);
    let lost = Event::Reply(command, Err(CommandError::SessionLost));
    assert_eq!(connection.next_event(), Some(lost));
}

#[test]
fn replies_of_every_length_are_read_however_a_bmc_pads_them() {
    for padding in [Padding::Counted, Padding::WholeBlock, Padding::Zeroes] {
        let mut bmc = Bmc { padding, ..Bmc::new() };
        let mut connection =
            log_in(&mut bmc, &credentials("s3cretpass", None), &Options::default()).unwrap();
        for length in 0..48 {
            let data: Vec<u8> = (0..length).collect();
            bmc.scripted.insert((0x06, 0, 0x01, Vec::new()), (0, data.clone()));
            let read = ask(&mut connection, &mut bmc, Command::DeviceId);
            assert_eq!(read, Ok(data), "{padding:?}, {length} bytes");
        }
        assert_eq!(connection.counters().corrupt, 0, "{padding:?}");
    }
}

/// `ipmitool` speaks suite 17 and `K_g`: if it reads from our BMC what our client reads, all
/// three agree on the keys.
#[test]
fn ipmitool_agrees_with_the_test_bmc() {
    for (suite, k_g) in [("3", None), ("17", None), ("3", Some("key")), ("17", Some("key"))] {
        let mut bmc = Bmc { k_g: k_g.map(Into::into), ..Bmc::new() };
        bmc.sensors.insert((0, 5), 24);
        let address = serve(bmc);
        let mut program = Program::new("ipmitool");
        program
            .env("IPMI_PASSWORD", "s3cretpass")
            .args(["-I", "lanplus", "-C", suite, "-L", "USER", "-U", "monitor", "-E"])
            .args(["-H", "127.0.0.1", "-p", &address.port().to_string()]);
        if let Some(key) = k_g {
            program.args(["-k", key]);
        }
        let output = program
            .args(["raw", "4", "0x2d", "5"])
            .output()
            .expect("ipmitool is in Debian's package `ipmitool`: apt-get install ipmitool");
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert_eq!(text, "18 c0 c0", "suite {suite}, K_g {k_g:?}: {output:?}");
    }
}
