//! Any bytes as a FRU inventory, with the header's checksum put right half of the time.
#![no_main]

use ipmi_lan::fru::{BoardArea, ChassisArea, Fru, FruInfo, ProductArea};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = FruInfo::parse(data);
    let _ = (ChassisArea::parse(data), BoardArea::parse(data), ProductArea::parse(data));
    let _ = Fru::parse(data);
    let mut fixed = data.to_vec();
    if let Some(header) = fixed.first_chunk_mut::<8>() {
        header[0] = 1;
        let sum = header[..7].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        header[7] = sum.wrapping_neg();
        let _ = Fru::parse(&fixed);
    }
});
