//! Who makes BMCs, by IANA's private enterprise numbers. No I/O, no clock.

/// A maker with its number, as `FreeIPMI` and `ipmi_exporter` show it: `Dell Inc. (674)`. A number
/// without a name stays alone.
pub(super) fn shown(number: u32) -> String {
    match MAKERS.binary_search_by_key(&number, |(it, _)| *it) {
        Ok(place) => format!("{} ({number})", MAKERS[place].1),
        Err(_) => number.to_string(),
    }
}

/// The names of IANA's registry, in the order of the numbers.
const MAKERS: [(u32, &str); 37] = [
    (2, "IBM"),
    (11, "Hewlett-Packard"),
    (42, "Sun Microsystems"),
    (94, "Nokia"),
    (107, "Bull Company"),
    (111, "Oracle"),
    (116, "Hitachi, Ltd."),
    (119, "NEC Corporation"),
    (186, "Toshiba Corporation"),
    (193, "Ericsson AB"),
    (211, "Fujitsu Limited"),
    (343, "Intel Corporation"),
    (373, "Tatung Co., Ltd."),
    (399, "Hitachi Computer Products (America), Inc."),
    (674, "Dell Inc."),
    (2011, "HUAWEI Technology Co.,Ltd"),
    (2487, "Phoenix Technologies Ltd."),
    (2623, "ASUSTek Computer Inc."),
    (5771, "Cisco Systems, Inc."),
    (6569, "INVENTEC CORPORATION"),
    (6653, "Tyan Computer Corporation"),
    (7244, "Quanta Computer Inc."),
    (10297, "Advantech Co., Ltd."),
    (10368, "Fujitsu Technology Solutions GmbH"),
    (10437, "Peppercon AG"),
    (10876, "Super Micro Computer Inc."),
    (11102, "OSA Technologies Inc."),
    (11129, "Google, Inc."),
    (11183, "Mitac International Corp."),
    (15000, "Kontron Canada Inc"),
    (19046, "Lenovo Enterprise Business Group"),
    (20301, "IBM eServer X"),
    (20569, "Inventec Enterprise System Corp."),
    (40092, "Wiwynn Corporation"),
    (40981, "Facebook, Inc."),
    (42817, "IBM Platform Firmware Division"),
    (47196, "Hewlett Packard Enterprise"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maker_is_shown_with_its_number_and_a_stranger_by_it_alone() {
        assert!(MAKERS.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(shown(674), "Dell Inc. (674)");
        assert_eq!(shown(1_048_575), "1048575");
    }
}
