//! Which Linux this is, where a socket does not say what it cannot do (I/O).

use std::sync::LazyLock;

/// From this version on, what is said of one packet of an unprivileged socket for IPv6 echoes is heeded (`ping6`
/// control messages of the level `SOL_IPV6`). Before, it is ignored without an error.
const HEEDS_HEADERS: (u32, u32) = (5, 18);

/// Whether this kernel heeds what is said of one IPv6 echo. One that says no version does not.
pub(crate) fn heeds_headers_of_ipv6_echoes() -> bool {
    static HEEDS: LazyLock<bool> = LazyLock::new(|| {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        version(&release).is_some_and(|version| version >= HEEDS_HEADERS)
    });
    *HEEDS
}

/// The first two numbers of a release, as in `5.15.0-91-generic`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.trim().split(|letter: char| !letter.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        for (release, heeds) in [
            ("6.18.3\n", true),
            ("5.18.0-rc1", true),
            ("5.15.0-91-generic", false),
            ("4.18.0-553.el8_10.x86_64", false),
            ("10.0", true),
            ("", false),
            ("unknown", false),
        ] {
            assert_eq!(version(release) >= Some(HEEDS_HEADERS), heeds, "{release}");
        }
    }
}
