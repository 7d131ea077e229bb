//! The list of the resolvers as a CSV file, with the columns of public-dns.info. No I/O, no clock.

use jiff::Timestamp;

use super::world::{COUNTRIES, Resolver};

const HEADER: [&str; 12] = [
    "ip_address",
    "name",
    "as_number",
    "as_org",
    "country_code",
    "city",
    "version",
    "error",
    "dnssec",
    "reliability",
    "checked_at",
    "created_at",
];

/// The list as of `checked_at`.
pub fn csv(resolvers: &[Resolver], checked_at: Timestamp) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let checked_at = checked_at.to_string();
    let why = "a vector takes all that is written";
    writer.write_record(HEADER).expect(why);
    for resolver in resolvers {
        let country = COUNTRIES[resolver.country];
        let row = [
            &resolver.address.to_string(),
            "",
            &resolver.asn.to_string(),
            // The comma is on purpose: real lists have them, in quotes.
            &format!("Example Telecom {}, AS{}", country.code, resolver.asn),
            country.code,
            country.city,
            "",
            "",
            "false",
            "1.00",
            &checked_at,
            "2017-03-29T00:00:00Z",
        ];
        writer.write_record(row).expect(why);
    }
    let bytes = writer.into_inner().expect(why);
    String::from_utf8(bytes).expect("every cell is UTF-8")
}

#[cfg(test)]
mod tests {
    use super::super::world;
    use super::*;

    #[test]
    fn a_row_has_the_columns_of_public_dns_info() {
        let text = csv(&world::resolvers(2_000)[..1], Timestamp::UNIX_EPOCH);
        let mut lines = text.lines();
        assert_eq!(
            lines.next(),
            Some(
                "ip_address,name,as_number,as_org,country_code,city,version,error,dnssec,\
                 reliability,checked_at,created_at"
            )
        );
        let row = lines.next().unwrap();
        assert!(row.starts_with("127.10.0.1,,42000000"), "{row}");
        assert!(row.contains(",\"Example Telecom US, AS42000000"), "{row}");
        assert!(
            row.ends_with(",US,Ashburn,,,false,1.00,1970-01-01T00:00:00Z,2017-03-29T00:00:00Z")
        );
    }
}
