//! Until when the signatures of a zone hold, as a validator sees it. No I/O, no clock.

use std::collections::BTreeMap;

use hickory_proto::rr::{RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinEncodable as _, BinEncoder};

/// What is left of a signature's time, as a share of the whole, when it is to be told: the signers of the field
/// renew at a quarter (BIND) to a half of it (Knot, online signers),
const TICKET: f64 = 0.15;
/// and when the rest is so short that nothing else can be waited for.
const PAGE: f64 = 0.05;

/// By how much a clock, ours or the signer's, may be wrong before a signature counts as not begun, seconds.
const SKEW: i64 = 300;

/// Whether a clock shows a time that can be: one that began in 1970 judges no signature.
pub(crate) fn is_possible(unix: u64) -> bool {
    unix >= exporter_kit::WRITTEN
}

/// From when until when records of a type are signed, in seconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    /// What is signed.
    pub(crate) covered: RecordType,
    /// Valid from.
    pub(crate) inception: u32,
    /// Valid until.
    pub(crate) expiration: u32,
}

/// How a signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// It holds.
    Holds,
    /// Little of its time is left.
    Ends,
    /// Hardly any of it is.
    EndsNow,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYet,
}

/// The data of a record of DNSSEC, as it is on the wire.
pub(crate) fn data(record: &Record) -> Option<Vec<u8>> {
    match &record.data {
        RData::Unknown { rdata, .. } => Some(rdata.anything.clone()),
        // Built with DNSSEC for another's sake, the decoder knows the type.
        data => {
            let mut bytes = Vec::new();
            data.emit(&mut BinEncoder::new(&mut bytes)).ok()?;
            Some(bytes)
        }
    }
}

/// The signature in a record, if it is one (RFC 4034 §3.1).
pub(crate) fn read(record: &Record) -> Option<Signature> {
    if record.record_type() != RecordType::RRSIG {
        return None;
    }
    let data = data(record)?;
    let number = |at: usize| Some(u32::from_be_bytes(*data.get(at..)?.first_chunk()?));
    let covered = u16::from_be_bytes(*data.first_chunk()?);
    Some(Signature { covered: covered.into(), expiration: number(8)?, inception: number(12)? })
}

/// The signature of each type that a validator would be content with: one that holds, for as long as any
/// does.
pub(crate) fn best(signatures: &[Signature], now: u64) -> Vec<Signature> {
    let mut best: BTreeMap<u16, Signature> = BTreeMap::new();
    for signature in signatures {
        let rank = |it: &Signature| (left(it.inception, now) <= SKEW, left(it.expiration, now));
        let known = best.entry(signature.covered.into()).or_insert(*signature);
        if rank(signature) > rank(known) {
            *known = *signature;
        }
    }
    best.into_values().collect()
}

impl Signature {
    /// Seconds until it ends; negative afterwards.
    pub(crate) fn remaining(&self, now: u64) -> i64 {
        left(self.expiration, now)
    }

    /// How it stands.
    pub(crate) fn standing(&self, now: u64) -> Standing {
        let whole = f64::from(self.expiration.wrapping_sub(self.inception)).max(1.0);
        let rest = self.remaining(now) as f64 / whole;
        match () {
            () if left(self.inception, now) > SKEW => Standing::NotYet,
            () if rest <= 0.0 => Standing::Expired,
            () if rest < PAGE => Standing::EndsNow,
            () if rest < TICKET => Standing::Ends,
            () => Standing::Holds,
        }
    }
}

/// Seconds from now to a moment that is given by its last 32 bits (RFC 4034 §3.1.5).
fn left(moment: u32, now: u64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "serial arithmetic"
    )]
    let left = moment.wrapping_sub(now as u32) as i32;
    i64::from(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soa(inception: u32, expiration: u32) -> Signature {
        Signature { covered: RecordType::SOA, inception, expiration }
    }

    #[test]
    fn a_signature_is_told_of_before_it_ends() {
        let signature = soa(1_000, 2_000);
        for (now, wanted) in [
            (699, Standing::NotYet),
            (700, Standing::Holds),
            (1_000, Standing::Holds),
            (1_849, Standing::Holds),
            (1_851, Standing::Ends),
            (1_951, Standing::EndsNow),
            (2_000, Standing::Expired),
            (9_000, Standing::Expired),
        ] {
            assert_eq!(signature.standing(now), wanted, "{now}");
        }
        // In 2106 the numbers begin anew.
        assert_eq!(soa(u32::MAX - 50, 900).standing((1 << 32) + 10), Standing::Holds);
    }

    #[test]
    fn a_clock_that_began_in_1970_is_impossible() {
        assert!(!is_possible(1_000_000_000) && !is_possible(0) && is_possible(1_795_939_200));
    }

    #[test]
    fn of_two_signatures_that_which_holds_longer_counts() {
        let ns = Signature { covered: RecordType::NS, ..soa(0, 500) };
        let all = [soa(0, 900), soa(0, 1_000), soa(2_000, 9_000), ns];
        assert_eq!(best(&all, 800), [ns, soa(0, 1_000)]);
        assert_eq!(best(&[soa(2_000, 9_000)], 800), [soa(2_000, 9_000)]);
    }
}
