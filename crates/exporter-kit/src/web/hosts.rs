//! Whether a request says rightly for whom it is (RFC 9112, section 3.2). No I/O, no clock.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Version, header};

/// What is wrong with its `Host`, if anything is. HTTP/1.1 has it once; HTTP/1.0 may go without, and
/// HTTP/2 has it in the URI.
pub(super) fn fault(version: Version, headers: &HeaderMap) -> Option<&'static str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let Some(host) = hosts.next() else {
        return (version == Version::HTTP_11).then_some("The request has no Host.");
    };
    if hosts.next().is_some() {
        return Some("The request has more than one Host.");
    }
    let is_one = Authority::try_from(host.as_bytes()).is_ok_and(|it| !it.as_str().contains('@'));
    (!is_one).then_some("The request's Host is neither a host nor a host with a port.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_request_names_one_host() {
        let fault = |version, hosts: &[&str]| {
            let hosts =
                hosts.iter().map(|host| (header::HOST, HeaderValue::from_str(host).unwrap()));
            let mut headers = HeaderMap::new();
            for (name, host) in hosts {
                headers.append(name, host);
            }
            fault(version, &headers)
        };
        for good in ["a", "a.example:80", "[::1]:80", "127.0.0.1"] {
            assert_eq!(fault(Version::HTTP_11, &[good]), None, "{good}");
        }
        for bad in [&[][..], &["a", "a"], &[""], &["a b"], &["a/b"], &["u@a"]] {
            assert!(fault(Version::HTTP_11, bad).is_some(), "{bad:?}");
        }
        assert_eq!((fault(Version::HTTP_10, &[]), fault(Version::HTTP_2, &[])), (None, None));
        assert!(fault(Version::HTTP_10, &["a", "b"]).is_some());
    }
}
