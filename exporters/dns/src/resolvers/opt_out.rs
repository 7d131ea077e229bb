//! Who does not want to be asked: addresses and prefixes, one a line. No I/O, no clock.

use std::net::IpAddr;

use exporter_kit::config::{Place, Problems};
use ipnet::IpNet;

/// Who is left alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OptOut {
    /// Prefixes that do not overlap, in their order.
    nets: Vec<IpNet>,
}

impl OptOut {
    /// Reads the text of a file: an address or a prefix a line; `#` begins a comment. Every line that is wrong is told.
    pub(crate) fn parse(text: &str) -> Result<Self, Problems> {
        let (mut nets, mut problems) = (Vec::new(), Problems::default());
        for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
            let entry = line.split('#').next().unwrap_or("").trim();
            if entry.is_empty() {
                continue;
            }
            match entry.parse::<IpAddr>().map(IpNet::from).or_else(|_| entry.parse()) {
                Ok(net) => nets.push(net),
                Err(_) => problems.add(
                    Place { line: number, column: 1 },
                    "must be an address or a prefix, as in 192.0.2.53 or 198.51.100.0/24",
                ),
            }
        }
        problems.into_result().map(|()| Self { nets: IpNet::aggregate(&nets) })
    }

    /// Whether somebody at this address does not want to be asked.
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        // The nets do not overlap: the last that does not begin behind the address is the only one that may have it.
        let next = self.nets.partition_point(|net| net.network() <= address);
        next.checked_sub(1).is_some_and(|at| self.nets[at].contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_prefixes_are_left_alone_and_their_neighbours_are_not() {
        let text = "# asked us on Monday\r\n192.0.2.53\n\n198.51.100.0/24 # a whole network\n\
                    198.51.100.7\n10.1.0.0/16\n2001:db8::/32\n";
        let opt_out = OptOut::parse(text).unwrap();
        for (address, is) in [
            ("192.0.2.53", true),
            ("192.0.2.52", false),
            ("192.0.2.54", false),
            ("198.51.100.0", true),
            ("198.51.100.255", true),
            ("198.51.101.0", false),
            ("10.0.255.255", false),
            ("10.1.2.3", true),
            ("2001:db8::1", true),
            ("2001:db9::1", false),
            ("::", false),
        ] {
            assert_eq!(opt_out.has(address.parse().unwrap()), is, "{address}");
        }
        assert!(!OptOut::default().has([9, 9, 9, 9].into()));
    }

    #[test]
    fn every_line_that_is_wrong_is_told() {
        let error = OptOut::parse("1.1.1.1\nexample.com\n1.1.1.0/33\n").unwrap_err().to_string();
        assert!(error.contains("line 2:1: must be an address or a prefix"), "{error}");
        assert!(error.contains("line 3:1"), "{error}");
    }
}
