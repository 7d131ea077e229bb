//! The exporter's own targets, as Prometheus discovers them by HTTP. No I/O, no clock.
//!
//! An entry says where and how to scrape, by labels that begin with `__` alone. What a target is
//! called and where it belongs, its own series say: a label from here beside them would be a second
//! opinion.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use axum::http::uri::{Authority, Uri};
use axum::http::{HeaderMap, header};
use serde::Serialize;

use crate::health::Health;
use crate::page::{MOST_SHARDS, Shard};

/// Where scrapers reach the exporter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Front {
    https: bool,
    /// Host and port.
    address: String,
    /// What comes before the path of a page; no slash at its end.
    prefix: String,
}

/// One entry of a list of targets (Prometheus' `http_sd_configs`).
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    targets: [String; 1],
    labels: BTreeMap<&'static str, String>,
}

impl Front {
    /// The front of that URL, as a proxy may have it.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let wrong = || "must be as in `https://exporter.example:9443/path`".to_owned();
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let https = match scheme {
            "http" => false,
            "https" => true,
            _ => return Err(wrong()),
        };
        let (address, prefix) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let prefix = prefix.trim_end_matches('/');
        if !is_address(address) || prefix.contains(['?', '#', ' ']) {
            return Err(wrong());
        }
        Ok(Self { https, address: address.to_owned(), prefix: prefix.to_owned() })
    }

    /// As the request reached it. HTTP/2 has the host in the URI.
    pub(crate) fn of(uri: &Uri, headers: &HeaderMap, tls: bool) -> Result<Self, &'static str> {
        let host = match headers.get(header::HOST) {
            Some(host) => host.to_str().ok(),
            None => uri.authority().map(Authority::as_str),
        };
        let host = host.filter(|host| is_address(host));
        let host =
            host.ok_or("the request's Host is no name or address, with or without a port")?;
        Ok(Self { https: tls, address: host.to_owned(), prefix: String::new() })
    }

    /// The exporter itself, then each target by itself, or all of them in so many shares; each made when it is
    /// asked for.
    pub(crate) fn entries(
        self,
        telemetry_path: &str,
        targets: impl FnOnce() -> Listed + Send + 'static,
        shards: Option<u64>,
    ) -> impl Iterator<Item = Entry> + Send + 'static {
        let path = format!("{}{telemetry_path}", self.prefix);
        let exporter = [("__param_part", "exporter".to_owned())].into_iter();
        let parts: Box<dyn Iterator<Item = _> + Send> = if let Some(of) = shards {
            Box::new(Shard::all(of).map(|it| ("__param_shard", it.to_string())))
        } else {
            let each = move || {
                let targets = targets();
                let names = (0..targets.len()).map(move |at| targets[at].name().to_owned());
                names.map(|name| ("__param_target", name))
            };
            Box::new(std::iter::once_with(each).flatten())
        };
        exporter.chain(parts).map(move |parameter| {
            let mut labels = BTreeMap::from([("__metrics_path__", path.clone()), parameter]);
            // Where plain HTTP is spoken, the scraper may know of a proxy that speaks TLS.
            if self.https {
                labels.insert("__scheme__", "https".to_owned());
            }
            Entry { targets: [self.address.clone()], labels }
        })
    }
}

/// The targets of a list, each name once, in the order of names.
type Listed = Arc<Vec<Arc<Health>>>;

/// The list that is read at present: as long as no target comes or goes, all of its readers share one, however long
/// each of them takes.
#[derive(Debug, Default)]
pub(crate) struct List(Mutex<Weak<Vec<Arc<Health>>>>);

impl List {
    /// The list of these targets.
    pub(crate) fn of(&self, mut targets: Vec<Arc<Health>>) -> Listed {
        // Where several have one name, their page is one; it is the same one each time.
        targets.sort_unstable_by(|a, b| {
            a.name().cmp(b.name()).then_with(|| Arc::as_ptr(a).cmp(&Arc::as_ptr(b)))
        });
        targets.dedup_by(|a, b| a.name() == b.name());
        let mut read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = read.upgrade()
            && list.len() == targets.len()
            && list.iter().zip(&targets).all(|(a, b)| Arc::ptr_eq(a, b))
        {
            return list;
        }
        let list = Listed::new(targets);
        *read = Arc::downgrade(&list);
        list
    }
}

/// In how many shares a query wants the targets.
pub(crate) fn shards(query: &[(String, String)]) -> Result<Option<u64>, String> {
    let Some((_, number)) = query.iter().find(|(name, _)| name == "shards") else {
        return Ok(None);
    };
    let number = number.parse().ok().filter(|number| (1..=MOST_SHARDS).contains(number));
    number.map(Some).ok_or_else(|| format!("shards: must be from 1 to {MOST_SHARDS}"))
}

fn is_address(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    let authority = text.bytes().all(plain).then(|| text.parse::<Authority>().ok()).flatten();
    authority.is_some_and(|it| {
        let port = text.strip_prefix(it.host()).unwrap_or_default();
        !it.host().is_empty() && (port.is_empty() || it.port_u16().is_some_and(|port| port > 0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(front: &Front, shards: Option<u64>) -> serde_json::Value {
        let targets = ["b", "a", "b"].map(|name| Arc::new(Health::new(name, "")));
        let targets = move || List::default().of(targets.into());
        let entries = front.clone().entries("/metrics", targets, shards);
        serde_json::to_value(entries.collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn an_entry_says_where_and_how_and_nothing_of_the_target() {
        let front = Front::parse("https://x.example:9443/ipmi/").unwrap();
        let entry = |parameter: &str, value: &str| {
            serde_json::json!({"targets": ["x.example:9443"], "labels": {
                "__scheme__": "https", "__metrics_path__": "/ipmi/metrics", parameter: value}})
        };
        let exporter = entry("__param_part", "exporter");
        let targets = ["a", "b"].map(|name| entry("__param_target", name));
        assert_eq!(listed(&front, None), serde_json::json!([exporter, targets[0], targets[1]]));
        let shards = ["0/2", "1/2"].map(|shard| entry("__param_shard", shard));
        assert_eq!(listed(&front, Some(2)), serde_json::json!([exporter, shards[0], shards[1]]));
        let plain = Front::parse("http://10.0.0.1").unwrap();
        assert_eq!(listed(&plain, None)[0]["labels"].get("__scheme__"), None);
    }

    #[test]
    fn readers_of_the_same_targets_share_one_list() {
        let all: Vec<_> = (0..100).map(|it| Arc::new(Health::new(format!("t{it}"), ""))).collect();
        let list = List::default();
        let first = list.of(all.clone());
        let again = list.of(all.iter().rev().cloned().collect());
        assert!(Arc::ptr_eq(&first, &again) && first.len() == 100);
        // Another target of the same name is another one.
        let mut changed = all.clone();
        changed[7] = Arc::new(Health::new("t7", ""));
        let other = list.of(changed.clone());
        assert!(!Arc::ptr_eq(&first, &other) && Arc::ptr_eq(&other, &list.of(changed)));
        drop((first, again, other));
        assert_eq!(all.iter().map(Arc::strong_count).max(), Some(1), "nobody reads it any more");
    }

    #[test]
    fn the_front_is_what_the_request_names_if_that_is_an_address() {
        let of = |host: &str| {
            let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
            Front::of(&Uri::from_static("/sd"), &headers, false)
        };
        for host in ["localhost:9290", "10.0.0.1", "[::1]:9290", "[fe80::1]", "a-b_c.example:1"] {
            assert_eq!(of(host).unwrap().address, host);
        }
        let bad = [
            "", ":9290", "a:", "a:0", "a:70000", "a:b", "u@a:1", "a/b", "a b", "a?b", "::1", "[",
            "%41",
        ];
        for host in bad {
            assert!(of(host).is_err(), "{host}");
        }
        let whole = Uri::from_static("https://x.example:9290/sd");
        assert_eq!(Front::of(&whole, &HeaderMap::new(), true).unwrap().address, "x.example:9290");
        assert!(Front::of(&Uri::from_static("/sd"), &HeaderMap::new(), true).is_err());
        for url in
            ["x.example", "ftp://x.example", "http://", "http://u@x", "http://x/?a", "http://x:0"]
        {
            assert!(Front::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_number_of_shares_has_bounds() {
        let asked = |number: &str| shards(&[("shards".to_owned(), number.to_owned())]);
        assert_eq!(shards(&[]), Ok(None));
        assert_eq!((asked("1"), asked("1000")), (Ok(Some(1)), Ok(Some(1000))));
        assert!(["0", "1001", "", "-1", "x"].iter().all(|number| asked(number).is_err()));
    }
}
