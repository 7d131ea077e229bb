//! Any bytes as DCMI's replies, one by one and in the course of reading temperatures.
#![no_main]

use ipmi_lan::command::Command;
use ipmi_lan::dcmi::fetch::{Fetch, Next};
use ipmi_lan::dcmi::{
    DcmiAveragingPeriods, DcmiCapabilities, DcmiEntity, DcmiPower, DcmiTemperatures,
};
use libfuzzer_sys::fuzz_target;

mod whims;
use whims::Whims;

fuzz_target!(|data: &[u8]| {
    let _ = DcmiCapabilities::parse(data);
    let _ = DcmiAveragingPeriods::parse(data);
    let _ = DcmiPower::parse(data).map(|power| power.watts());
    if let Ok(reply) = DcmiTemperatures::parse(data) {
        assert!(reply.readings.len() <= data.len() / 2);
    }
    let (whims, readings) = Whims::split(data);
    read(whims, readings);
});

/// The input's pairs of temperature and instance, eight at a time from the one asked for on.
fn read(mut whims: Whims<'_>, readings: &[u8]) {
    let mut fetch = Fetch::new(DcmiEntity::Inlet);
    let pairs: Vec<_> = readings.chunks_exact(2).collect();
    let mut questions = 0;
    loop {
        let Command::DcmiTemperatures { start, .. } = fetch.question() else { panic!("{fetch:?}") };
        let part: Vec<_> = pairs.iter().skip(usize::from(start) - 1).take(8).copied().collect();
        let total = u8::try_from(pairs.len()).unwrap_or(u8::MAX);
        let count = u8::try_from(part.len()).expect("eight at most");
        let answer = whims.bend(Ok([&[0xDC, total, count], &part.concat()[..]].concat()), 3);
        questions += 1;
        assert!(questions <= 255, "this does not end");
        if let Next::Done(result) = fetch.answer(answer.as_deref().map_err(|error| *error)) {
            let Ok(read) = result else { return };
            assert!(read.len() <= 256);
            for (place, reading) in read.iter().enumerate() {
                assert!(read[..place].iter().all(|other| other.instance != reading.instance));
            }
            return;
        }
    }
}
