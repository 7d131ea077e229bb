//! An answer of a DNS server, its records as master files write them. No I/O, no clock.
//!
//! It is read here, not by the library that resolves: a probe has to show what came, also what a library
//! would not take, and every type of records.

use super::rdata;
use super::wire::Wire;
use super::words::{class_name, is_known, type_name};

const OPT: u16 = 41;
const SOA: u16 = 6;

/// What a server answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) id: u16,
    /// The response code, with the part of it that an OPT record has.
    pub(super) code: u16,
    pub(super) answers: Vec<String>,
    pub(super) authorities: Vec<String>,
    pub(super) additionals: Vec<String>,
    /// Of the last SOA record among the answers.
    pub(super) serial: Option<u32>,
}

impl Answer {
    /// Reads a message; the error says what is wrong with it.
    pub(super) fn read(message: &[u8]) -> Result<Self, &'static str> {
        let mut wire = Wire::new(message);
        let id = wire.u16()?;
        let flags = wire.u16()?;
        let counts = [wire.u16()?, wire.u16()?, wire.u16()?, wire.u16()?];
        let mut answer = Self { id, code: flags & 0xf, ..Self::default() };
        // A header alone is an answer, whatever it says that it holds.
        if message.len() == 12 {
            return Ok(answer);
        }
        for _ in 0..counts[0] {
            wire.name()?;
            wire.bytes(4)?;
        }
        for (section, count) in counts.into_iter().enumerate().skip(1) {
            for _ in 0..count {
                let (text, serial, extended) = record(&mut wire)?;
                answer.code |= extended;
                let list = match section {
                    1 => &mut answer.answers,
                    2 => &mut answer.authorities,
                    _ => &mut answer.additionals,
                };
                list.push(text);
                if section == 1 {
                    answer.serial = serial.or(answer.serial);
                }
            }
        }
        Ok(answer)
    }
}

/// One record as a line, with the serial number of an SOA and the code's part of an OPT.
fn record(wire: &mut Wire<'_>) -> Result<(String, Option<u32>, u16), &'static str> {
    let owner = wire.name()?;
    let (kind, class, ttl) = (wire.u16()?, wire.u16()?, wire.u32()?);
    let length = usize::from(wire.u16()?);
    let mut data = wire.part(length)?;
    if kind == OPT {
        let [code, version, flags, _] = ttl.to_be_bytes();
        let dnssec = if flags & 0x80 == 0 { "" } else { " do" };
        let text = format!(
            "\n;; OPT PSEUDOSECTION:\n; EDNS: version {version}; flags:{dnssec}; udp: {class}"
        );
        return Ok((text, None, u16::from(code) << 4));
    }
    let serial = if kind == SOA { serial(data).ok() } else { None };
    let text = if is_known(kind) {
        let text = rdata::text(kind, &mut data)?;
        format!("{owner}\t{ttl}\t{}\t{}\t{text}", class_name(class), type_name(kind))
    } else {
        let text = rdata::unknown(data.rest());
        format!("{owner}\t{ttl}\tCLASS{class}\tTYPE{kind}\t{text}")
    };
    Ok((text, serial, 0))
}

fn serial(mut data: Wire<'_>) -> Result<u32, &'static str> {
    data.name()?;
    data.name()?;
    data.u32()
}

#[cfg(test)]
mod tests;
