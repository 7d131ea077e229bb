//! A repository of any records, read in parts from a BMC that refuses, cuts, lies and loses
//! reservations as the fuzzer likes; and any bytes as a record.
#![no_main]

use ipmi_lan::command::Command;
use ipmi_lan::sdr::fetch::{Fetch, MAX_QUESTIONS, MAX_RECORDS, Next};
use ipmi_lan::sdr::{DeviceSdrInfo, Record, SdrRepositoryInfo};
use ipmi_lan::sensor::RawReading;
use libfuzzer_sys::fuzz_target;

mod whims;
use whims::{Whims, refused};

fuzz_target!(|data: &[u8]| {
    let _ = (SdrRepositoryInfo::parse(data), DeviceSdrInfo::parse(data));
    use_records(&Record::parse(data));
    let (whims, rest) = Whims::split(data);
    let Some((mode, rest)) = rest.split_first() else { return };
    read(*mode, whims, &repository(rest));
});

fn use_records(records: &[Record]) {
    assert!(records.len() <= 15);
    for record in records {
        let _ = (record.sensor_id(), record.name());
        let Record::Full(sensor) = record else { continue };
        assert!(sensor.thresholds.iter().all(|(_, value)| value.is_finite()));
        for raw in [0, 1, 0x7F, 0x80, 0xFF] {
            if let Ok(value) = RawReading::parse(&[raw, 0xC0]).and_then(|reading| {
                sensor.value(&reading).map_err(|_| ipmi_lan::CommandError::Malformed)
            }) {
                assert!(value.is_finite());
            }
        }
    }
}

/// The input as records: type, length, body.
fn repository(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    while let [kind, length, rest @ ..] = bytes {
        let (body, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        let id = u16::try_from(records.len() + 1).expect("the input is short").to_le_bytes();
        let length = u8::try_from(body.len()).expect("at most 255");
        records.push([&[id[0], id[1], 0x51, *kind, length], body].concat());
        bytes = rest;
    }
    records
}

fn read(mode: u8, mut whims: Whims<'_>, records: &[Vec<u8>]) {
    let device = mode & 0x80 != 0;
    let chunk = usize::from(mode & 3);
    let mut fetch = if device { Fetch::of_device(mode & 3, chunk) } else { Fetch::new(chunk) };
    // A list that runs in a circle ends, too.
    let last = if mode & 0x40 == 0 { 0xFFFF } else { 1 };
    let (mut questions, mut bytes) = (0, 0);
    loop {
        let head = if matches!(fetch.question(), Command::Sdr { .. } | Command::DeviceSdr { .. }) {
            2
        } else {
            0
        };
        let answer = whims.bend(answer(fetch.question(), records, last), head);
        questions += 1;
        bytes += answer.as_ref().map_or(0, Vec::len);
        assert!(questions <= MAX_QUESTIONS, "this does not end");
        let Next::Done(result) = fetch.answer(answer.as_deref().map_err(|error| *error)) else {
            continue;
        };
        let Ok(repository) = result else { return };
        assert!(repository.read <= MAX_RECORDS.min(questions));
        assert!(repository.records.len() <= 15 * repository.read);
        // Of device SDRs only 255 can be told of.
        let counted = !device || records.len() <= 255;
        if whims.honest && last == 0xFFFF && counted {
            let whole: Vec<_> = records.iter().flat_map(|record| Record::parse(record)).collect();
            // A record of more than 256 bytes cannot be reached to its end.
            if records.iter().all(|record| record.len() <= 256) {
                assert_eq!(format!("{:?}", repository.records), format!("{whole:?}"));
            }
            assert!(repository.complete, "{} of {}", repository.read, records.len());
        }
        assert!(bytes <= questions * 300);
        return;
    }
}

fn answer(
    question: Command,
    records: &[Vec<u8>],
    last: u16,
) -> Result<Vec<u8>, ipmi_lan::CommandError> {
    let count = u16::try_from(records.len()).expect("the input is short").to_le_bytes();
    let (record_id, offset, length) = match question {
        Command::SdrRepositoryInfo => {
            return Ok([&[0x51], &count[..], &[0; 10], &[2]].concat());
        }
        Command::DeviceSdrInfo => return Ok(vec![count[0], 0x0F]),
        Command::ReserveSdrRepository | Command::ReserveDeviceSdrRepository { .. } => {
            return Ok(vec![1, 0]);
        }
        Command::Sdr { record_id, offset, length, .. }
        | Command::DeviceSdr { record_id, offset, length, .. } => (record_id, offset, length),
        other => panic!("{other:?}"),
    };
    let place = usize::from(record_id.max(1)) - 1;
    let Some(record) = records.get(place) else { return refused(0xCB) };
    let next = if place + 1 < records.len() { record_id.max(1) + 1 } else { last };
    let (start, end) = (usize::from(offset), usize::from(offset) + usize::from(length));
    let Some(part) = record.get(start..end.min(record.len())) else { return refused(0xC9) };
    Ok([&next.to_le_bytes(), part].concat())
}
