//! Random and damaged bytes: no parser and no state of a session panics on any of them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use ipmi_lan::chassis::ChassisStatus;
use ipmi_lan::command::{Command, SensorQuery};
use ipmi_lan::connection::{Connection, Event};
use ipmi_lan::conversion::Factors;
use ipmi_lan::dcmi::{DcmiAveragingPeriods, DcmiCapabilities, DcmiPower, DcmiTemperatures};
use ipmi_lan::fru::{Fru, FruInfo};
use ipmi_lan::sdr::{DeviceSdrInfo, Hysteresis, Record, SdrRepositoryInfo};
use ipmi_lan::sel::{SelEntry, SelInfo, SelRecord};
use ipmi_lan::sensor::RawReading;
use ipmi_lan::threshold::RawThresholds;
use ipmi_lan::{
    Credentials, DeviceId, EventStatus, Options, Password, Privilege, SelfTest, SensorId,
    SystemGuid,
};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

#[path = "bmc/responder.rs"]
mod responder;
use responder::Bmc;

fn random_bytes(rng: &mut StdRng, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; rng.random_range(0..=most)];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// Changes, cuts or lengthens.
fn damaged(rng: &mut StdRng, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..rng.random_range(1..4) {
        match rng.random_range(0..4) {
            0 => bytes.truncate(rng.random_range(0..=bytes.len())),
            1 => bytes.extend(random_bytes(rng, 20)),
            _ if bytes.is_empty() => {}
            _ => {
                let place = rng.random_range(0..bytes.len());
                bytes[place] = rng.random();
            }
        }
    }
    bytes
}

/// Decodes a record and does with it all that can be done.
fn use_record(bytes: &[u8], reading: &[u8]) {
    let records = Record::parse(bytes);
    assert!(records.len() <= 15, "a record is at most fifteen sensors");
    for record in &records {
        let _ = (record.sensor_id(), record.name().map(str::len));
        let Ok(reading) = RawReading::parse(reading) else { continue };
        match record {
            Record::Full(sensor) => {
                if let Ok(value) = sensor.value(&reading) {
                    assert!(value.is_finite());
                }
                let thresholds = sensor.thresholds.iter().all(|(_, value)| value.is_finite());
                assert!(thresholds && sensor.nominal.is_none_or(f64::is_finite));
                let _ = (sensor.state(&reading), sensor.unit.to_string(), sensor.entity.name());
            }
            Record::Compact(sensor) => {
                let _ = (sensor.states(&reading), sensor.state(&reading));
            }
            _ => {}
        }
    }
}

#[test]
fn every_parser_takes_every_length_of_any_bytes() {
    let mut rng = StdRng::seed_from_u64(1);
    for round in 0..200_000_u32 {
        let mut bytes = random_bytes(&mut rng, 80);
        let _ = DeviceId::parse(&bytes);
        let _ = SdrRepositoryInfo::parse(&bytes);
        let _ = RawThresholds::parse(&bytes);
        let reading = random_bytes(&mut rng, 5);
        // Half of the records are of a known type and tell their true length.
        if round % 2 == 0 && bytes.len() > 5 {
            let kinds = [0x01, 0x02, 0x03, 0x08, 0x09, 0x10, 0x11, 0x12, 0xC0];
            bytes[3] = kinds[rng.random_range(0..kinds.len())];
            bytes[4] = u8::try_from(bytes.len() - 5).unwrap();
        }
        use_record(&bytes, &reading);
    }
}

/// What every decoder of a reply promises, for bytes of any length: no panic, and nothing beyond
/// what the bytes can hold.
fn use_reply(bytes: &[u8]) {
    let _ = (SelInfo::parse(bytes), ChassisStatus::parse(bytes), SelfTest::parse(bytes));
    let _ = (
        SystemGuid::parse(bytes).map(|guid| (guid.as_ipmi(), guid.as_smbios())),
        FruInfo::parse(bytes),
    );
    let _ = (EventStatus::parse(bytes), Hysteresis::parse(bytes), DeviceSdrInfo::parse(bytes));
    let _ = (DcmiCapabilities::parse(bytes), DcmiPower::parse(bytes).map(|power| power.watts()));
    if let Ok(factors) = Factors::parse_reply(bytes) {
        assert!(factors.apply(255.0).is_finite());
    }
    if let Ok(entry) = SelEntry::parse(bytes) {
        assert_eq!(entry.record.record_id().to_le_bytes(), bytes[2..4]);
        if let SelRecord::Event(event) = entry.record {
            let _ = (event.state_name(), event.trigger_reading(), event.trigger_threshold());
        }
    }
    if let Ok(periods) = DcmiAveragingPeriods::parse(bytes) {
        assert!(periods.seconds.len() <= bytes.len());
    }
    if let Ok(temperatures) = DcmiTemperatures::parse(bytes) {
        assert!(temperatures.readings.len() <= bytes.len() / 2);
    }
    let fru = Fru::parse(bytes);
    let texts = fru.board.map_or(0, |board| board.custom.len());
    assert!(texts <= bytes.len());
}

#[test]
fn every_decoder_of_a_reply_takes_every_length_of_any_bytes() {
    let mut rng = StdRng::seed_from_u64(7);
    for round in 0..200_000_u32 {
        let mut bytes = random_bytes(&mut rng, 64);
        match round % 4 {
            // DCMI's first byte, an event's type, and a FRU header that holds.
            1 if !bytes.is_empty() => bytes[0] = 0xDC,
            2 if bytes.len() >= 18 => bytes[4] = 2,
            3 if bytes.len() >= 16 => {
                let place = rng.random_range(1..=u8::try_from(bytes.len() / 8).unwrap());
                bytes[..8].copy_from_slice(&[1, 0, place, 1, place, 0, 0, 0]);
                bytes[7] = bytes[..7].iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte));
                bytes[8..10].copy_from_slice(&[1, 1]);
            }
            _ => {}
        }
        use_reply(&bytes);
    }
}

#[test]
fn each_raw_byte_of_each_format_and_linearization_is_a_number_or_an_error() {
    for linearization in 0..=0x7F {
        for units in [0x00, 0x40, 0x80, 0xC0] {
            let mut record = vec![1, 0, 0x51, 1, 43, 0x20, 0, 1, 7, 1, 0x7F, 0x4C, 1, 1];
            record.extend([0, 0, 0, 0, 0x3F, 0, units, 1, 0, linearization]);
            record.extend([0xFF, 0xC0, 0xFF, 0xC0, 0, 0x78, 7, 200, 0, 0, 0xFF, 0]);
            record.extend([255, 128, 127, 1, 0, 254, 0, 0, 0, 0, 0, 0xC0]);
            for raw in 0..=255 {
                use_record(&record, &[raw, 0xC0, 0xC0]);
            }
        }
    }
}

fn credentials() -> Credentials {
    let password = Password::new("s3cretpass").unwrap();
    Credentials { user: "monitor".into(), password, k_g: None }
}

/// A session that is fed damaged copies of what the BMC says, and noise, beside the true answers.
fn torment(seed: u64, privilege: Privilege) -> (u32, u32) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut bmc = Bmc { session_limit: 1000, ..Bmc::new() };
    bmc.sensors.extend((0..=255).map(|number| ((0, number), number ^ 0x5A)));
    let mut entropy = [0; 32];
    rng.fill_bytes(&mut entropy);
    let mut now = Duration::from_secs(seed);
    let options = Options { privilege, ..Options::default() };
    let mut connection = Connection::new(now, &credentials(), &options, entropy);
    let mut heard: Vec<Vec<u8>> = Vec::new();
    let (mut opened, mut read) = (0, 0);
    let mut asked = None;
    for _ in 0..200 {
        while let Some(datagram) = connection.next_datagram() {
            let answer = bmc.receive(now, &datagram);
            for _ in 0..rng.random_range(0..6) {
                let noise = match rng.random_range(0..4) {
                    0 => random_bytes(&mut rng, 120),
                    1 if !heard.is_empty() => heard[rng.random_range(0..heard.len())].clone(),
                    _ => {
                        let pattern = answer.as_ref().unwrap_or(&datagram).clone();
                        damaged(&mut rng, &pattern)
                    }
                };
                connection.datagram_received(now, &noise);
            }
            if let Some(answer) = answer {
                connection.datagram_received(now, &answer);
                heard.push(answer);
            }
        }
        match connection.next_event() {
            Some(Event::Opened) => opened += 1,
            Some(Event::Reply(Command::SensorReading(id), Ok(data))) => {
                assert_eq!(Some(id.number), asked);
                assert_eq!(data, [id.number ^ 0x5A, 0xC0, 0xC0], "WRONG VALUE");
                read += 1;
            }
            Some(Event::OpenFailed(_) | Event::Closed) => break,
            Some(Event::Reply(..)) => {}
            None => {
                if let Some(deadline) = connection.deadline() {
                    now = deadline;
                    connection.time_passed(now);
                } else {
                    let number = rng.random();
                    asked = Some(number);
                    let id = SensorId { owner: 0x20, lun: 0, number };
                    connection.request(now, Command::SensorReading(id));
                }
            }
        }
    }
    (opened, read)
}

/// A BMC that proves who it is and then talks nonsense.
#[test]
fn authentic_nonsense_is_dropped_or_refused() {
    let mut rng = StdRng::seed_from_u64(5);
    let mut bmc = Bmc::new();
    let mut now = Duration::ZERO;
    let mut connection = Connection::new(now, &credentials(), &Options::default(), [3; 32]);
    while connection.next_event() != Some(Event::Opened) {
        let datagram = connection.next_datagram().unwrap();
        if let Some(answer) = bmc.receive(now, &datagram) {
            connection.datagram_received(now, &answer);
        }
    }
    let id = SensorId { owner: 0x20, lun: 0, number: 5 };
    for _ in 0..20_000 {
        connection.request(now, Command::SensorReading(id));
        let mut message = random_bytes(&mut rng, 40);
        if rng.random_bool(0.5) {
            // The frame of the true reply, with anything in it.
            let rq_seq: u8 = rng.random();
            message = vec![0x81, 0x14, 0x6B, 0x20, rq_seq & 0xFC, 0x2D, 0x00];
            message.extend(random_bytes(&mut rng, 6));
            let sum = message[3..].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
            message.push(sum.wrapping_neg());
        }
        let packet = bmc.seal(&message).unwrap();
        connection.datagram_received(now, &packet);
        while connection.next_datagram().is_some() {}
        while let Some(event) = connection.next_event() {
            if let Event::Reply(_, Ok(data)) = event {
                let _ = RawReading::parse(&data);
            }
        }
        now += Duration::from_millis(1);
    }
    let counters = connection.counters();
    assert!(counters.corrupt > 1_000 && counters.stale_replies > 1_000, "{counters:?}");
}

#[test]
fn no_datagram_upsets_a_session_or_makes_a_value() {
    let (mut opened, mut read) = (0, 0);
    for seed in 0..1_000 {
        let privilege = [Privilege::User, Privilege::Operator][usize::from(seed % 2 == 1)];
        let (one_opened, one_read) = torment(seed, privilege);
        opened += one_opened;
        read += one_read;
    }
    println!("{opened} sessions, {read} readings");
    assert!(opened > 200 && read > 10_000, "the noise leaves most of it working");
}

/// Bridged readings among the BMC's own, with damage and repetition: the value is always that of
/// the sensor that was asked, wherever its answer comes.
#[test]
fn no_noise_swaps_a_bridged_sensor_with_the_bmcs_own() {
    let mut rng = StdRng::seed_from_u64(11);
    let mut read = 0;
    for answers_inside in [false, true] {
        let mut bmc = Bmc { answers_inside, ..Bmc::new() };
        for number in 0..=255 {
            bmc.sensors.insert((0, number), number ^ 0x5A);
            bmc.behind.insert((0, 0x2C, 0, number), number ^ 0xA5);
            bmc.behind.insert((0, 0x2E, 0, number), number ^ 0x33);
        }
        let mut now = Duration::ZERO;
        let options = Options { bridge_sensors: true, ..Options::default() };
        let mut connection = Connection::new(now, &credentials(), &options, [3; 32]);
        let mut late: Vec<Vec<u8>> = Vec::new();
        for _ in 0..20_000 {
            while let Some(datagram) = connection.next_datagram() {
                let answer = bmc.receive(now, &datagram);
                let mut answers: Vec<_> = answer.into_iter().chain(bmc.more.drain(..)).collect();
                if rng.random_bool(0.05) {
                    late.append(&mut answers);
                }
                while rng.random_bool(0.3) && !late.is_empty() {
                    let place = rng.random_range(0..late.len());
                    connection.datagram_received(now, &late.swap_remove(place));
                }
                if rng.random_bool(0.2) {
                    answers.reverse();
                }
                for answer in answers {
                    connection.datagram_received(now, &damaged(&mut rng, &answer));
                    connection.datagram_received(now, &answer);
                }
            }
            let key = |owner| match owner {
                0x20 => 0x5A,
                0x2C => 0xA5,
                _ => 0x33,
            };
            match connection.next_event() {
                Some(Event::Reply(
                    Command::SensorReading(id) | Command::Bridged { id, .. },
                    Ok(data),
                )) => {
                    assert_eq!(data, [id.number ^ key(id.owner), 0xC0, 0xC0], "WRONG VALUE");
                    read += 1;
                }
                // A damaged message of a log-in may end it.
                Some(_) => {}
                None if connection.is_worn() => {
                    bmc.forget_sessions();
                    late.clear();
                    let entropy = [rng.random(); 32];
                    connection = Connection::new(now, &credentials(), &options, entropy);
                }
                None if connection.deadline().is_some() => {
                    now = connection.deadline().unwrap();
                    connection.time_passed(now);
                }
                None => {
                    let owner = [0x20, 0x2C, 0x2E][rng.random_range(0..3)];
                    let id = SensorId { owner, lun: 0, number: rng.random() };
                    let query = SensorQuery::Reading;
                    connection.request(
                        now,
                        match owner {
                            0x20 => Command::SensorReading(id),
                            _ => Command::Bridged { channel: 0, id, query },
                        },
                    );
                }
            }
        }
    }
    println!("{read} readings");
    assert!(read > 5_000, "most of it works");
}
