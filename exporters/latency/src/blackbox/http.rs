//! The prober `http`: a request, its redirects, and what the answer has to be.
//!
//! | file | noun |
//! |---|---|
//! | `settings` | the section of a module, read and checked |
//! | `exchange` | one request, by the version that the module has (I/O) |
//! | `said` | what a module says of a request, whichever way it is sent (pure) |
//! | `target` | a URL, and where a redirect leads (pure) |
//! | `cookies` | what servers want to be told again on the way (pure) |
//! | `figures` | what stands in the head of an answer (pure) |
//! | `judge` | whether the last answer is a good one (I/O) |
//! | `body` | the body of an answer, unpacked and bounded (I/O) |
//! | `compression` | how a body is packed (pure) |
//! | `conditions` | what an answer has to be (pure) |
//! | `cel` | conditions on JSON, and what they may cost (pure) |
//! | `json` | a body of JSON, as conditions take it in (pure) |

mod body;
mod cel;
mod compression;
mod conditions;
mod cookies;
mod exchange;
mod figures;
mod json;
mod judge;
mod said;
mod settings;
mod target;

use std::net::IpAddr;

use exporter_kit::on_demand::Destination;
use hyper::Method;
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderValue};

use self::cookies::Cookies;
use self::exchange::{Came, Place};
use self::figures::{content_length, last_modified, version};
use self::judge::Answered;
use self::target::Target;
use super::ask::Ask;
use super::choose;
use super::found::{Found, Http, Tls};
use super::http_client::{USER_AGENT, basic};
use crate::clock;
use crate::host::Families;
use crate::outcome::{Failure, Phase};

pub(crate) use self::said::follows;
pub(crate) use self::settings::Settings;
pub(crate) use self::target::by_tls;

/// As in the peer.
const MOST_REDIRECTS: u32 = 10;

/// One request on the way.
struct Hop {
    target: Target,
    method: Method,
    /// What is sent in `Host` in place of the URL's.
    host: Option<HeaderValue>,
    body: Bytes,
    /// Where it came from, within one host.
    referer: Option<HeaderValue>,
}

impl Settings {
    /// Which addresses of a name are probed.
    pub(crate) fn families(&self) -> Families {
        self.families
    }

    /// Asks, follows where that leads, and judges what comes.
    pub(crate) async fn probe(&self, ask: &Ask<'_>, found: &mut Found) -> Result<(), Failure> {
        found.http = Some(Http::default());
        found.failed_due_to_regex = Some(false);
        found.failed_due_to_cel = self.conditions.has_cel().then_some(false);
        let target = self.target(ask.target).map_err(|error| {
            ask.log.line(|| format!("the target {error}"));
            Failure::Dns
        })?;
        let answered = Box::pin(self.answer(target, ask, found)).await?;
        self.judge(answered, ask, found).await
    }

    /// Whom it contacts by itself: the target's host, at a proxy's request where there is one.
    pub(crate) fn destination(&self, target: &str) -> Result<Destination, String> {
        Ok(self.target(target)?.destination())
    }

    /// Reads a target: HTTP/3 has no other scheme than `https`.
    fn target(&self, text: &str) -> Result<Target, String> {
        if self.enable_http3 { Target::parse(&target::by_tls(text)) } else { Target::parse(text) }
    }

    /// The last answer of a chain of redirects.
    async fn answer(
        &self,
        target: Target,
        ask: &Ask<'_>,
        found: &mut Found,
    ) -> Result<Answered, Failure> {
        let first = target.clone();
        let mut first_ip = None;
        if !self.leaves_lookup_to_proxy(&target) {
            let looked_up = choose::address(first.host(), self.families, ask, found).await;
            let took = found.lookup;
            http(found).phases.resolve += took;
            first_ip = Some(looked_up?);
        }
        let said = self.client.said(ask).await?;
        let body = self.body().await.map_err(|error| {
            ask.log.line(|| format!("a file of the module could not be read: {error:#}"));
            Failure::Local
        })?;
        let mut hop = Hop {
            target,
            method: self.method.clone(),
            host: self.host_header(ask),
            body,
            referer: None,
        };
        let mut cookies = Cookies::default();
        for redirects in 1.. {
            let is_first = hop.target.host() == first.host();
            // Another port of the same host is somebody else.
            if redirects > 1 && !ask.may_contact(&hop.target.destination()) {
                ask.log.line(|| format!("{} may not be contacted", hop.target.destination()));
                return Err(Failure::Condition);
            }
            let ip =
                if is_first { first_ip } else { self.elsewhere(&hop.target, ask, found).await? };
            let headers = self.headers(&said, &hop, &first, &cookies);
            let mut answered = self.ask(&hop, ip, is_first, headers, ask, found).await?;
            let headers = answered.response.headers();
            cookies.take(&hop.target, headers);
            let status = answered.response.status().as_u16();
            if status == 401 {
                self.client.is_refused().await;
            }
            let Some(location) = target::location(status, headers) else { return Ok(answered) };
            http(found).redirects = redirects;
            ask.log.line(|| format!("status {status} leads elsewhere"));
            if redirects > MOST_REDIRECTS || !self.client.follow_redirects {
                ask.log.line(|| "the redirect is not followed");
                answered.is_cut = true;
                return Ok(answered);
            }
            hop = self.next(&hop, status, &location).inspect_err(|_| {
                ask.log
                    .line(|| "the redirect leads to what is no URL of HTTP, or not one of HTTP/3");
                let (phases, redirects) = (http(found).phases, http(found).redirects);
                *http(found) = Http { phases, redirects, ..Http::default() };
            })?;
        }
        unreachable!("it ends with the last redirect")
    }

    /// The request that a redirect asks for.
    fn next(&self, hop: &Hop, status: u16, location: &str) -> Result<Hop, Failure> {
        let next = next(hop, status, location)?;
        let can_be_asked = next.target.is_tls() || !self.enable_http3;
        if can_be_asked { Ok(next) } else { Err(Failure::HttpStatus) }
    }

    /// Whether only the proxy that this URL is asked through looks its host up.
    pub(crate) fn leaves_name_to_proxy(&self, url: &str) -> bool {
        self.target(url).is_ok_and(|target| self.leaves_lookup_to_proxy(&target))
    }

    fn leaves_lookup_to_proxy(&self, target: &Target) -> bool {
        let via = || self.client.via(target.is_tls(), target.host(), None, target.port());
        self.skip_resolve && via().is_some()
    }

    /// The address of another host than the target's, where that may be contacted.
    async fn elsewhere(
        &self,
        target: &Target,
        ask: &Ask<'_>,
        found: &mut Found,
    ) -> Result<Option<IpAddr>, Failure> {
        if self.leaves_lookup_to_proxy(target) {
            return Ok(None);
        }
        // What was found of the target itself stays.
        let mut other = Found::default();
        let elsewhere = Ask { ip: None, ..ask.clone() };
        // Whose probe is of one address is of its family, also where it leads.
        let families = match (self.families, ask.ip) {
            (Families::OnlyV4 | Families::OnlyV6, _) | (_, None) => self.families,
            (_, Some(IpAddr::V4(_))) => Families::V4ElseV6,
            (_, Some(IpAddr::V6(_))) => Families::V6ElseV4,
        };
        found.watch.begin(Phase::Resolve);
        let looked_up = choose::address(target.host(), families, &elsewhere, &mut other).await;
        http(found).phases.resolve += other.lookup;
        let ip = looked_up?;
        found.watch.end();
        Ok(Some(ip))
    }

    /// One request to one host, up to the end of the headers of its answer.
    async fn ask(
        &self,
        hop: &Hop,
        ip: Option<IpAddr>,
        is_first: bool,
        headers: HeaderMap,
        ask: &Ask<'_>,
        found: &mut Found,
    ) -> Result<Answered, Failure> {
        // The figures are those of the last one.
        let ended = found.tls.take().filter(|_| ask.is_of_target);
        found.led = found.led.take().into_iter().chain(ended).reduce(Tls::worse);
        let (redirects, phases) = (http(found).redirects, http(found).phases);
        *http(found) = Http { phases, redirects, ..Http::default() };
        let place = Place { ip, is_first };
        let came = self.exchange(hop, &place, headers, ask, found).await?;
        let Came { response, asked, at, oddities, connection } = came;
        found.watch.end_at(at);
        let http = http(found);
        http.phases.processing += at.saturating_duration_since(asked);
        http.ssl = hop.target.is_tls();
        http.status_code = response.status().as_u16();
        http.version = version(response.version()).1;
        http.content_length = content_length(&response, &hop.method);
        http.last_modified = last_modified(response.headers());
        http.ahead = clock::ahead_of(response.headers());
        http.oddities = oddities;
        for oddity in http.oddities.all() {
            ask.log.line(|| format!("odd in the head: {}", oddity.as_str()));
        }
        ask.log.line(|| {
            format!("answered {} by {}", response.status().as_u16(), version(response.version()).0)
        });
        let is_head = hop.method == Method::HEAD;
        Ok(Answered { response, began: at, is_cut: false, is_head, _connection: connection })
    }

    /// The headers of a request. What says who asks goes to the target's host alone and to those below it,
    /// and by no plain connection where the first was none.
    fn headers(&self, said: &HeaderMap, hop: &Hop, first: &Target, cookies: &Cookies) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        headers.extend(self.headers.clone());
        headers.remove(header::HOST);
        let is_private = hop.target.is_tls() || !first.is_tls();
        if is_private && target::is_within(hop.target.host(), first.host()) {
            headers.extend(said.clone());
        } else {
            for name in ["authorization", "cookie", "proxy-authorization", "www-authenticate"] {
                headers.remove(name);
            }
        }
        if hop.body.is_empty() {
            for name in ["content-type", "content-length", "content-encoding"] {
                if hop.method != self.method {
                    headers.remove(name);
                }
            }
        }
        if !headers.contains_key(header::AUTHORIZATION)
            && let Some((user, password)) = hop.target.login()
            && let Ok(login) = basic(&user, &password)
        {
            headers.insert(header::AUTHORIZATION, login);
        }
        if let Some(referer) = &hop.referer {
            headers.entry(header::REFERER).or_insert(referer.clone());
        }
        if let Some(cookie) = cookies.of(&hop.target, headers.get(header::COOKIE)) {
            headers.insert(header::COOKIE, cookie);
        }
        headers
    }

    /// Whether a query may ask for a host by that name: where the module sets another, it may not.
    pub(crate) fn admits(&self, hostname: &str) -> bool {
        self.headers.get(header::HOST).is_none_or(|own| own == hostname)
    }

    /// What is sent in `Host` and asked for by TLS: the query's word, or the module's.
    fn host_header(&self, ask: &Ask<'_>) -> Option<HeaderValue> {
        match ask.hostname {
            Some(name) if !name.is_empty() => HeaderValue::from_str(name).ok(),
            _ => self.headers.get(header::HOST).cloned(),
        }
    }
}

/// The figures of this prober.
fn http(found: &mut Found) -> &mut Http {
    found.http.get_or_insert_default()
}

/// The request that a redirect asks for, as Go has it.
fn next(hop: &Hop, status: u16, location: &str) -> Result<Hop, Failure> {
    let target = hop.target.join(location).ok_or(Failure::HttpStatus)?;
    let keeps = matches!(status, 307 | 308) || matches!(hop.method, Method::GET | Method::HEAD);
    let is_told = target.host() == hop.target.host() && target.is_tls() >= hop.target.is_tls();
    Ok(Hop {
        referer: is_told.then(|| hop.target.referer()).flatten(),
        // A name of the module's is meant for the place that it names.
        host: hop.host.clone().filter(|_| target::is_relative(location)),
        method: if keeps { hop.method.clone() } else { Method::GET },
        body: if matches!(status, 307 | 308) { hop.body.clone() } else { Bytes::new() },
        target,
    })
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests;
