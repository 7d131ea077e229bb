//! The words of DNS for numbers: types, classes, response codes. No I/O, no clock.

/// Types of records.
const TYPES: &str = "None=0 A=1 NS=2 MD=3 MF=4 CNAME=5 SOA=6 MB=7 MG=8 MR=9 NULL=10 PTR=12 HINFO=13 \
    MINFO=14 MX=15 TXT=16 RP=17 AFSDB=18 X25=19 ISDN=20 RT=21 NSAP-PTR=23 SIG=24 KEY=25 PX=26 GPOS=27 \
    AAAA=28 LOC=29 NXT=30 EID=31 NIMLOC=32 SRV=33 ATMA=34 NAPTR=35 KX=36 CERT=37 DNAME=39 OPT=41 APL=42 \
    DS=43 SSHFP=44 IPSECKEY=45 RRSIG=46 NSEC=47 DNSKEY=48 DHCID=49 NSEC3=50 NSEC3PARAM=51 TLSA=52 \
    SMIMEA=53 HIP=55 NINFO=56 RKEY=57 TALINK=58 CDS=59 CDNSKEY=60 OPENPGPKEY=61 CSYNC=62 ZONEMD=63 \
    SVCB=64 HTTPS=65 SPF=99 UINFO=100 UID=101 GID=102 UNSPEC=103 NID=104 L32=105 L64=106 LP=107 \
    EUI48=108 EUI64=109 NXNAME=128 TKEY=249 TSIG=250 IXFR=251 AXFR=252 MAILB=253 MAILA=254 ANY=255 \
    URI=256 CAA=257 AVC=258 AMTRELAY=260 RESINFO=261 TA=32768 DLV=32769 Reserved=65535";

/// Classes of records.
const CLASSES: &str = "IN=1 CS=2 CH=3 HS=4 NONE=254 ANY=255";

/// Response codes.
const CODES: &str = "NOERROR=0 FORMERR=1 SERVFAIL=2 NXDOMAIN=3 NOTIMP=4 REFUSED=5 YXDOMAIN=6 YXRRSET=7 \
    NXRRSET=8 NOTAUTH=9 NOTZONE=10 DSOTYPENI=11 BADSIG=16 BADVERS=16 BADKEY=17 BADTIME=18 BADMODE=19 \
    BADNAME=20 BADALG=21 BADTRUNC=22 BADCOOKIE=23";

fn entries(table: &'static str) -> impl Iterator<Item = (&'static str, u16)> {
    let entry = |entry: &'static str| {
        let (word, number) = entry.split_once('=')?;
        Some((word, number.parse().ok()?))
    };
    table.split_whitespace().filter_map(entry)
}

fn number(table: &'static str, word: &str) -> Option<u16> {
    entries(table).find(|(it, _)| *it == word).map(|(_, number)| number)
}

fn word(table: &'static str, number: u16) -> Option<&'static str> {
    entries(table).find(|(_, it)| *it == number).map(|(word, _)| word)
}

fn all(table: &'static str) -> String {
    entries(table).map(|(word, _)| word).collect::<Vec<_>>().join(", ")
}

/// The type of that name; the error says which there are.
pub(super) fn type_of(word: &str) -> Result<u16, String> {
    number(TYPES, word)
        .ok_or_else(|| "must be a type of records, as in A, AAAA, MX or SOA".to_owned())
}

/// The class of that name; the error says which there are.
pub(super) fn class_of(word: &str) -> Result<u16, String> {
    number(CLASSES, word).ok_or_else(|| format!("must be one of {}", all(CLASSES)))
}

/// The response code of that name; the error says which there are.
pub(super) fn code_of(word: &str) -> Result<u16, String> {
    number(CODES, word).ok_or_else(|| format!("must be one of {}", all(CODES)))
}

/// The name of a type.
pub(super) fn type_name(number: u16) -> String {
    word(TYPES, number).map_or_else(|| format!("TYPE{number}"), str::to_owned)
}

/// Whether a type has a name.
pub(super) fn is_known(number: u16) -> bool {
    word(TYPES, number).is_some()
}

/// The name of a class.
pub(super) fn class_name(number: u16) -> String {
    word(CLASSES, number).map_or_else(|| format!("CLASS{number}"), str::to_owned)
}

/// The name of a response code.
pub(super) fn code_name(number: u16) -> String {
    word(CODES, number).map_or_else(|| number.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_number_and_a_number_a_word() {
        assert_eq!((type_of("HTTPS"), class_of("CH"), code_of("NXDOMAIN")), (Ok(65), Ok(3), Ok(3)));
        assert_eq!((type_name(257), type_name(4711)), ("CAA".to_owned(), "TYPE4711".to_owned()));
        assert_eq!((class_name(1), class_name(9)), ("IN".to_owned(), "CLASS9".to_owned()));
        assert_eq!((code_name(5), code_name(99)), ("REFUSED".to_owned(), "99".to_owned()));
        assert!(type_of("X").is_err() && class_of("X").is_err());
        assert!(code_of("OK").unwrap_err().contains("NOERROR, FORMERR"));
        assert!(entries(TYPES).count() > 80);
    }
}
