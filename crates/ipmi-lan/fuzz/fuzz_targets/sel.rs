//! Any bytes as the replies about the event log, one by one and in the course of a reading.
#![no_main]

use ipmi_lan::command::Command;
use ipmi_lan::sel::fetch::{Fetch, Next};
use ipmi_lan::sel::{SelEntry, SelInfo, SelRecord};
use libfuzzer_sys::fuzz_target;

mod whims;
use whims::Whims;

fuzz_target!(|data: &[u8]| {
    let _ = SelInfo::parse(data);
    if let Ok(entry) = SelEntry::parse(data) {
        assert_eq!(entry.record.record_id().to_le_bytes(), data[2..4]);
        if let SelRecord::Event(event) = entry.record {
            let _ = (event.state_name(), event.trigger_reading(), event.trigger_threshold());
        }
    }
    let (whims, rest) = Whims::split(data);
    let [first, second, entries @ ..] = rest else { return };
    read(u16::from_le_bytes([*first, *second]), whims, entries);
});

/// Each entry is 18 bytes of the input.
fn read(first: u16, mut whims: Whims<'_>, entries: &[u8]) {
    let entries: Vec<_> = entries.chunks(18).collect();
    let most = usize::from(first >> 6) + entries.len();
    let mut fetch = Fetch::new(first, most);
    let mut questions = 0;
    loop {
        let count = u16::try_from(entries.len()).expect("the input is short").to_le_bytes();
        let answer = match fetch.question() {
            Command::SelInfo => Ok([&[0x51, count[0], count[1]], &[0; 11][..]].concat()),
            Command::SelEntry { record_id } => {
                let place = usize::from(record_id) % entries.len().max(1);
                Ok(entries.get(place).copied().unwrap_or_default().to_vec())
            }
            other => panic!("{other:?}"),
        };
        let answer = whims.bend(answer, 2);
        questions += 1;
        assert!(questions <= most + 1, "this does not end");
        if let Next::Done(result) = fetch.answer(answer.as_deref().map_err(|error| *error)) {
            let Ok(sel) = result else { return };
            assert!(sel.records.len() <= most && sel.records.len() < questions);
            return;
        }
    }
}
