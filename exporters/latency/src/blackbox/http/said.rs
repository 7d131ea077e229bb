//! What a module says of a request that both readings of its section understand alike. No I/O, no clock.

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::Authority;

/// Headers that a request has by its body and its connection, whatever a module says.
const ITS_OWN: [HeaderName; 4] =
    [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::TRAILER, header::CONNECTION];

/// The headers of a module. No value is ever shown: one of them may be a password.
pub(crate) fn headers<'a>(
    raw: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in raw {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| "headers: a key must be the name of a header".to_owned())?;
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| "headers: a value has a character that no header may have".to_owned())?;
        if ITS_OWN.contains(&name) {
            return Err(format!("headers: {name} is the request's own; leave it out"));
        }
        if name == header::HOST && Authority::try_from(value.as_bytes()).is_err() {
            return Err("headers: Host must be a host, or host:port".to_owned());
        }
        value.set_sensitive(true);
        if headers.insert(&name, value).is_some() {
            return Err(format!(
                "headers: {name} is there twice; capital and small letters are the same"
            ));
        }
    }
    Ok(headers)
}

/// Whether redirects are followed, by two keys that say the opposite of each other.
pub(crate) fn follows(
    follow_redirects: Option<bool>,
    no_follow_redirects: Option<bool>,
) -> Result<Option<bool>, String> {
    match (follow_redirects, no_follow_redirects) {
        (Some(follow), Some(not)) if follow == not => Err(format!(
            "no_follow_redirects: {not} contradicts follow_redirects: {follow}; leave one of them out"
        )),
        (follow, not) => Ok(not.map(|not| !not).or(follow)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_request_cannot_have_is_refused_and_not_repeated() {
        let headers = |list: &[(&'static str, &'static str)]| {
            headers(list.iter().copied()).map(|it| it.len())
        };
        assert_eq!(headers(&[("X-A", "s3cret"), ("Host", "a.example:80")]), Ok(2));
        for (list, wanted) in [
            (&[("x", "s3cret"), ("X", "b")][..], "x is there twice"),
            (&[("Host", "s3c ret")], "Host must be a host"),
            (&[("Content-Length", "5")], "content-length is the request's own"),
            (&[("Transfer-Encoding", "s3cret")], "transfer-encoding is the request's own"),
            (&[("s3c ret", "a")], "a key must be"),
            (&[("X-A", "s3c\nret")], "a value has a character"),
        ] {
            let error = headers(list).unwrap_err();
            assert!(error.contains(wanted) && !error.contains("s3c"), "{error}");
        }
    }

    #[test]
    fn two_keys_may_say_the_same() {
        assert_eq!(follows(None, None), Ok(None));
        assert_eq!(follows(Some(true), None), Ok(Some(true)));
        assert_eq!(follows(None, Some(true)), Ok(Some(false)));
        assert_eq!(follows(Some(false), Some(true)), Ok(Some(false)));
        assert!(follows(Some(true), Some(true)).unwrap_err().contains("contradicts"));
    }
}
