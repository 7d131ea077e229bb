//! Any bytes as a FRU inventory, with the header's checksum put right: as a whole, and read in
//! parts from a BMC that refuses, cuts and lies as the fuzzer likes.
#![no_main]

use ipmi_lan::CommandError;
use ipmi_lan::command::Command;
use ipmi_lan::fru::fetch::{Fetch, MAX_QUESTIONS, Next};
use ipmi_lan::fru::{BoardArea, ChassisArea, Fru, FruInfo, MultiRecordArea, ProductArea};
use libfuzzer_sys::fuzz_target;

mod whims;
use whims::{Whims, refused};

fuzz_target!(|data: &[u8]| {
    let _ = FruInfo::parse(data);
    let _ = (ChassisArea::parse(data), BoardArea::parse(data), ProductArea::parse(data));
    let area = MultiRecordArea::parse(data);
    assert!(area.records.len() <= data.len() / 5);
    let _ = Fru::parse(data);
    let (whims, rest) = Whims::split(data);
    let Some((mode, image)) = rest.split_first() else { return };
    let mut image = image.to_vec();
    if let Some(header) = image.first_chunk_mut::<8>() {
        header[0] = 1;
        header[7] = 0;
        header[7] = negative(header);
    }
    if mode & 2 != 0 {
        mend_multi_records(&mut image);
    }
    if mode & 1 != 0 && image.len() % 2 != 0 {
        image.push(0);
    }
    read(usize::from(mode & 1) + 1, whims, &image);
});

fn negative(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte))
}

/// Makes a list of records of what is at the multi-record offset.
fn mend_multi_records(image: &mut [u8]) {
    let Some(&offset) = image.get(5) else { return };
    let mut place = usize::from(offset) * 8;
    while let Some(header) = image.get_mut(place..).and_then(<[u8]>::first_chunk_mut::<5>) {
        header[1] = header[1] & 0x80 | 2;
        header[4] = 0;
        header[4] = negative(header);
        if place < 8 || header[1] & 0x80 != 0 {
            return;
        }
        place += 5 + usize::from(header[2]);
    }
}

fn read(unit: usize, mut whims: Whims<'_>, image: &[u8]) {
    let mut fetch = Fetch::new(0);
    let mut questions = 0;
    let fru = loop {
        let answer = whims.bend(answer(fetch.question(), unit, image), 1);
        questions += 1;
        assert!(questions <= MAX_QUESTIONS + 1, "this does not end");
        match fetch.answer(answer.as_deref().map_err(|error| *error)) {
            Next::Ask => {}
            Next::Done(Ok(fru)) => break fru,
            Next::Done(Err(_)) => return,
        }
    };
    if whims.honest && image.len() >= 8 {
        let whole = Fru::parse(image);
        assert_eq!((&fru.chassis, &fru.board), (&whole.chassis, &whole.board));
        assert_eq!(fru.product, whole.product);
        if whole.multi_records.as_ref().is_some_and(|area| area.complete) {
            assert_eq!(fru.multi_records, whole.multi_records);
        }
    }
}

fn answer(question: Command, unit: usize, image: &[u8]) -> Result<Vec<u8>, CommandError> {
    let (offset, count) = match question {
        Command::FruInfo { .. } => {
            let size = u16::try_from(image.len()).expect("the input is short").to_le_bytes();
            return Ok(vec![size[0], size[1], u8::try_from(unit - 1).expect("0 or 1")]);
        }
        Command::FruData { offset, count, .. } => (usize::from(offset), count),
        other => panic!("{other:?}"),
    };
    assert!(count > 0, "nothing is asked for");
    let (start, length) = (offset * unit, usize::from(count) * unit);
    let Some(part) = image.get(start..start + length) else { return refused(0xC9) };
    Ok([&[count], part].concat())
}
