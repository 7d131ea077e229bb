//! Through whom a host is asked: `proxy_url`, `no_proxy`, `proxy_from_environment`. No I/O, no clock.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use exporter_kit::{Secret, SecretSource};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::decoded;

/// The proxies of a client.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Proxy {
    /// For http, for https.
    via: [Option<Via>; 2],
    except: Except,
    from_environment: bool,
    /// Where the URL is, if not in the config.
    file: Option<SecretSource>,
    connect: HeaderMap,
    /// Why the environment, or the file, cannot be understood.
    fault: Option<String>,
}

/// A proxy.
#[derive(Clone, PartialEq)]
pub(crate) struct Via {
    /// Whether it is spoken with by TLS.
    pub(crate) is_tls: bool,
    /// Who asks it, where it speaks SOCKS5.
    pub(crate) socks: Option<Login>,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// What is said to it when it is asked to connect, and `Proxy-Authorization` to any request.
    pub(crate) connect: HeaderMap,
}

/// A user and a password, in the bytes that a proxy of SOCKS5 is told; without a user nobody logs in.
#[derive(Clone, PartialEq)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: Secret,
}

/// Who is asked without a proxy.
#[derive(Clone, Debug, Default, PartialEq)]
struct Except {
    /// This machine is never asked through one, as in Go where there is a list, or the environment.
    is_set: bool,
    all: bool,
    names: Vec<Name>,
    networks: Vec<(IpAddr, u8, Option<u16>)>,
}

#[derive(Clone, Debug, PartialEq)]
struct Name {
    /// With a dot before it.
    suffix: String,
    /// Whether the name itself is meant as well.
    is_itself: bool,
    port: Option<u16>,
}

impl Proxy {
    /// What the five keys say.
    pub(super) fn new(
        (url, file): (Option<Secret>, Option<PathBuf>),
        except: Option<String>,
        from_environment: bool,
        connect: BTreeMap<String, Vec<Secret>>,
    ) -> Result<Self, String> {
        let url = url.filter(|url| !url.expose().is_empty());
        let except = except.filter(|except| !except.is_empty());
        let source = SecretSource::either("proxy_url", url, file)?;
        if from_environment && (source.is_some() || except.is_some()) {
            return Err("proxy_from_environment: leave it out beside proxy_url or no_proxy".into());
        }
        if source.is_none() && except.is_some() {
            return Err("no_proxy: proxy_url must be given beside it".to_owned());
        }
        if source.is_none() && !from_environment && !connect.is_empty() {
            return Err("proxy_connect_header: proxy_url must be given beside it".to_owned());
        }
        let mut headers = HeaderMap::new();
        for (name, values) in connect {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
                "proxy_connect_header: a key must be the name of a header".to_owned()
            })?;
            for value in values {
                let mut value = HeaderValue::from_str(value.expose()).map_err(|_| {
                    "proxy_connect_header: a value has a character that no header may have"
                        .to_owned()
                })?;
                value.set_sensitive(true);
                headers.append(name.clone(), value);
            }
        }
        let (via, file) = match source {
            Some(SecretSource::Inline(url)) => {
                let via = Via::parse(url.expose(), &headers);
                (Some(via.map_err(|error| format!("proxy_url: {error}"))?), None)
            }
            file => (None, file),
        };
        // Who is to be asked through a proxy is not asked without while nobody has read which it is.
        let fault = file.as_ref().map(|_| "proxy_url_file: it was not read".to_owned());
        let except = except.map(|text| Except::parse(&text)).unwrap_or_default();
        let via = [via.clone(), via];
        Ok(Self { via, except, from_environment, file, connect: headers, fault })
    }

    /// Takes over what the environment says, or the file, where it is asked: `get` gives the values of its variables,
    /// `read` what stands in the file.
    pub(super) fn load(
        &mut self,
        get: impl Fn(&str) -> Option<String>,
        read: impl FnOnce(&SecretSource) -> anyhow::Result<Secret>,
    ) -> anyhow::Result<()> {
        if self.from_environment {
            self.fault = self.read_environment(get).err();
        }
        if let Some(file) = &self.file {
            let via = read(file).map_err(|error| format!("{error:#}"));
            let via = via.and_then(|url| Via::parse(url.expose().trim(), &self.connect));
            let via = via.map_err(|error| format!("proxy_url_file: {error}"));
            self.fault = via.as_ref().err().cloned();
            self.via = [via.as_ref().ok().cloned(), via.ok()];
        }
        self.usable()
    }

    /// Whether one is named, or looked for.
    pub(super) fn is_set(&self) -> bool {
        self.via.iter().any(Option::is_some) || self.from_environment || self.file.is_some()
    }

    /// Who is to be asked through a proxy is never asked without, also where it is not to be understood.
    pub(super) fn usable(&self) -> anyhow::Result<()> {
        self.fault.clone().map_or(Ok(()), |fault| Err(anyhow::Error::msg(fault)))
    }

    /// Takes over what the environment says.
    fn read_environment(&mut self, get: impl Fn(&str) -> Option<String>) -> Result<(), String> {
        let either = |upper: &str, lower: &str| get(upper).or_else(|| get(lower));
        let via = |upper: &str, lower: &str| {
            let Some(text) = either(upper, lower) else { return Ok(None) };
            // As in Go: one without a scheme is http.
            let with_scheme = format!("http://{text}");
            let parsed = if text.contains("://") { &text } else { &with_scheme };
            let via = Via::parse(parsed, &self.connect);
            via.map(Some).map_err(|error| format!("the environment's {upper}: {error}"))
        };
        self.via = [via("HTTP_PROXY", "http_proxy")?, via("HTTPS_PROXY", "https_proxy")?];
        self.except = Except::parse(&either("NO_PROXY", "no_proxy").unwrap_or_default());
        Ok(())
    }

    /// Through whom a host is asked; `ip` is its address, where that is known: a network that is asked without a
    /// proxy is one whatever its hosts are called.
    pub(super) fn via(
        &self,
        is_tls: bool,
        host: &str,
        ip: Option<IpAddr>,
        port: u16,
    ) -> Option<&Via> {
        let via = self.via[usize::from(is_tls)].as_ref()?;
        let is_named = |host: &str| self.except.names(host, port);
        let is_excepted = is_named(host) || ip.is_some_and(|ip| is_named(&ip.to_string()));
        (!is_excepted).then_some(via)
    }
}

impl Via {
    fn parse(text: &str, connect: &HeaderMap) -> Result<Self, String> {
        let must = || {
            "must be a URL, http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT".to_owned()
        };
        let url = Url::parse(text).map_err(|_| must())?;
        let (is_tls, is_socks) = match url.scheme() {
            "http" => (false, false),
            "https" => (true, false),
            // Whoever looks the name up, the proxy is told what there is to be told: as in Go, both are one.
            "socks5" | "socks5h" => (false, true),
            _ => return Err(must()),
        };
        let (user, password) =
            (decoded(url.username()), decoded(url.password().unwrap_or_default()));
        let mut connect = connect.clone();
        let mut socks = None;
        if is_socks {
            if user.len() > 255 || password.len() > 255 {
                return Err(
                    "the user and the password must not be longer than 255 bytes".to_owned()
                );
            }
            socks = Some(Login { user, password: Secret::new(password) });
        } else if !url.username().is_empty() {
            let login = super::basic(&user, &password).map_err(|_| must())?;
            connect.insert(header::PROXY_AUTHORIZATION, login);
        }
        let port = url.port_or_known_default().or(is_socks.then_some(1080));
        Ok(Self {
            is_tls,
            socks,
            host: url.host_str().filter(|host| !host.is_empty()).ok_or_else(must)?.to_owned(),
            port: port.filter(|port| *port != 0).ok_or_else(must)?,
            connect,
        })
    }

    /// Whether a request that is not encrypted is sent to it whole, for it to ask.
    pub(crate) fn is_asked_itself(&self) -> bool {
        self.socks.is_none()
    }
}

/// Its host and port: a URL may hold a password.
impl fmt::Debug for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Except {
    /// Names, addresses, networks and `*`, separated by commas; those that mean nothing are left out, as
    /// in Go.
    fn parse(text: &str) -> Self {
        let mut except = Self { is_set: true, ..Self::default() };
        for entry in text.split(',').map(|entry| entry.trim().to_ascii_lowercase()) {
            if entry == "*" {
                except.all = true;
            } else if let Some((network, bits)) = entry.split_once('/') {
                if let (Ok(network), Ok(bits)) = (network.parse(), bits.parse()) {
                    except.networks.push((network, bits, None));
                }
            } else if !entry.is_empty() {
                except.take(&entry);
            }
        }
        except
    }

    fn take(&mut self, entry: &str) {
        let bare = |host: &str| {
            let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
            inner.unwrap_or(host).parse::<IpAddr>().ok()
        };
        let bits = |address: IpAddr| if address.is_ipv4() { 32 } else { 128 };
        if let Some(address) = bare(entry) {
            self.networks.push((address, bits(address), None));
            return;
        }
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok()),
            None => (entry, None),
        };
        if let Some(address) = bare(host) {
            self.networks.push((address, bits(address), port));
            return;
        }
        let host = host.strip_prefix('*').unwrap_or(host);
        let (suffix, is_itself) = match host.strip_prefix('.') {
            Some(domain) => (domain, false),
            None => (host, true),
        };
        self.names.push(Name { suffix: format!(".{suffix}"), is_itself, port });
    }

    fn names(&self, host: &str, port: u16) -> bool {
        if !self.is_set {
            return false;
        }
        let host = host.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(host);
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let fits_port = |wanted: Option<u16>| wanted.is_none_or(|wanted| wanted == port);
        if self.all || host == "localhost" {
            return true;
        }
        let Ok(address) = host.parse::<IpAddr>() else {
            return self.names.iter().any(|name| {
                fits_port(name.port)
                    && (host.ends_with(&name.suffix)
                        || (name.is_itself && name.suffix[1..] == host))
            });
        };
        address.is_loopback()
            || self.networks.iter().any(|(network, bits, port)| {
                fits_port(*port) && prefix(*network, *bits) == prefix(address, *bits)
            })
    }
}

fn prefix(address: IpAddr, bits: u8) -> (bool, u128) {
    let (value, all) = match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    };
    (address.is_ipv4(), value.checked_shr(u32::from(all - bits.min(all))).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(url: Option<&str>, except: Option<&str>) -> Result<Proxy, String> {
        let url = url.map(|url| Secret::new(url.to_owned()));
        Proxy::new((url, None), except.map(str::to_owned), false, BTreeMap::new())
    }

    #[test]
    fn a_list_says_who_is_asked_without_a_proxy() {
        let through = proxy(Some("http://p.example:3128"), None).unwrap();
        assert!(
            through.via(true, "127.0.0.1", None, 443).is_some(),
            "without a list all are asked so"
        );
        let list = "a.example, .b.example,10.0.0.0/8,192.0.2.1:81,c.example:8080";
        let through = proxy(Some("http://p.example:3128"), Some(list)).unwrap();
        for (host, port, wanted) in [
            ("a.example", 80, true),
            ("x.a.example", 80, true),
            ("xa.example", 80, false),
            ("b.example", 80, false),
            ("x.b.example", 80, true),
            ("10.9.9.9", 80, true),
            ("11.9.9.9", 80, false),
            ("192.0.2.1", 81, true),
            ("192.0.2.1", 80, false),
            ("c.example", 8080, true),
            ("c.example", 80, false),
            ("localhost", 80, true),
            ("127.0.0.9", 80, true),
            ("[::1]", 80, true),
        ] {
            assert_eq!(through.via(false, host, None, port).is_none(), wanted, "{host}:{port}");
        }
        // A name whose address is in a network of the list.
        for (ip, wanted) in [("10.9.9.9", true), ("11.9.9.9", false), ("127.0.0.1", true)] {
            let ip = ip.parse().ok();
            assert_eq!(through.via(false, "z.example", ip, 80).is_none(), wanted, "{ip:?}");
        }
        let all = proxy(Some("http://p.example:3128"), Some("*")).unwrap();
        assert!(all.via(false, "z.example", None, 80).is_none());
    }

    #[test]
    fn the_environment_says_it_in_big_letters_or_small_ones() {
        let mut through = Proxy::new((None, None), None, true, BTreeMap::new()).unwrap();
        let get = |name: &str| match name {
            "HTTP_PROXY" => Some("p.example:3128".to_owned()),
            "https_proxy" => Some("http://u:s3cret%21@q.example:3129".to_owned()),
            "NO_PROXY" => Some("a.example".to_owned()),
            _ => None,
        };
        through.read_environment(get).unwrap();
        let shown =
            |is_tls, host: &str| through.via(is_tls, host, None, 80).map(|via| format!("{via:?}"));
        assert_eq!(shown(false, "b.example").as_deref(), Some("p.example:3128"));
        assert_eq!(shown(true, "b.example").as_deref(), Some("q.example:3129"));
        assert_eq!(shown(true, "a.example"), None);
        let said = &through.via(true, "b.example", None, 80).unwrap().connect;
        assert_eq!(said[header::PROXY_AUTHORIZATION], "Basic dTpzM2NyZXQh");
        assert!(!format!("{through:?}").contains("dTpz"), "{through:?}");
        for bad in ["socks4://u:s3cret@p.example:1080", "http://s3cret:x:y"] {
            let error = through.read_environment(|_| Some(bad.to_owned())).unwrap_err();
            assert!(error.contains("HTTP_PROXY") && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_url_may_stand_in_a_file_and_nobody_is_asked_without_it() {
        let url = Secret::new("http://u:s3cret@p.example:3128".to_owned());
        let file = || Some(PathBuf::from("proxy"));
        let both = Proxy::new((Some(url.clone()), file()), None, false, BTreeMap::new());
        assert_eq!(both.unwrap_err(), "proxy_url: give it or proxy_url_file, not both");
        let mut through =
            Proxy::new((None, file()), Some("a.example".to_owned()), false, BTreeMap::new())
                .unwrap();
        assert!(through.usable().is_err(), "it was not read");
        through.load(|_| None, |_| Ok(url)).unwrap();
        let via = |host: &str| through.via(true, host, None, 443).map(|via| via.port);
        assert_eq!((via("b.example"), via("a.example")), (Some(3128), None));
        assert!(!format!("{through:?}").contains("s3cret"));
        for bad in [Ok(Secret::new("s3cret".to_owned())), Err(anyhow::anyhow!("it is gone"))] {
            let error = through.load(|_| None, |_| bad).unwrap_err().to_string();
            assert!(error.starts_with("proxy_url_file: ") && !error.contains("s3cret"), "{error}");
            assert!(through.usable().is_err() && through.via(true, "b.example", None, 1).is_none());
        }
    }

    #[test]
    fn a_proxy_of_socks_is_told_who_asks_and_what_is_said_to_none_of_http() {
        let through = proxy(Some("socks5://u:s3cret%21@p.example"), None).unwrap();
        let via = through.via(false, "a.example", None, 80).unwrap();
        let login = via.socks.as_ref().unwrap();
        assert_eq!((via.host.as_str(), via.port), ("p.example", 1080));
        assert_eq!((login.user.as_str(), login.password.expose()), ("u", "s3cret!"));
        assert!(via.connect.is_empty() && !via.is_asked_itself());
        assert!(!format!("{through:?}").contains("s3cret"), "{through:?}");
    }

    #[test]
    fn what_cannot_be_is_refused_and_not_repeated() {
        for (url, except, wanted) in [
            (Some("socks4://u:s3cret@p/"), None, "proxy_url: must be a URL"),
            (Some("s3cret"), None, "proxy_url: must be a URL"),
            (None, Some("a"), "no_proxy: proxy_url must be given"),
        ] {
            let error = proxy(url, except).unwrap_err();
            assert!(error.contains(wanted) && !error.contains("s3cret"), "{error}");
        }
    }
}
