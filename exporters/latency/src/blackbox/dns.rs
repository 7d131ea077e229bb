//! The prober `dns`: one question to one server, and what its answer must be.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use exporter_kit::on_demand::Destination;
use hickory_resolver::proto::op::{Message, MessageType, OpCode, Query};
use hickory_resolver::proto::rr::{DNSClass, Name, RecordType};
use serde::Deserialize;
use tokio::time::timeout_at;

use super::ask::Ask;
use super::choose::{self, Source};
use super::found::{Dns, Found};
use super::{tcp, tls};
use crate::host::{Families, IpProtocol};
use crate::outcome::{Failure, Phase};

mod answer;
mod exchange;
mod rdata;
mod validator;
mod wire;
mod words;

use answer::Answer;
use exchange::{Question, Times};
use validator::Validator;

/// The section `dns` of a module.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawSettings")]
pub(crate) struct Settings {
    families: Families,
    source: Option<IpAddr>,
    transport: Transport,
    tls: Option<tls::Settings>,
    name: Name,
    kind: u16,
    class: u16,
    recursion_desired: bool,
    valid_codes: Vec<u16>,
    answers: Validator,
    authorities: Validator,
    additionals: Validator,
    /// Whether it wants TLS where there is no connection.
    has_no_way: bool,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Transport {
    #[default]
    Udp,
    Tcp,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawSettings {
    preferred_ip_protocol: Option<IpProtocol>,
    ip_protocol_fallback: Option<bool>,
    #[serde(default)]
    source_ip_address: Source,
    transport_protocol: Transport,
    dns_over_tls: bool,
    tls_config: Option<tls::Settings>,
    query_name: String,
    query_type: Option<String>,
    query_class: Option<String>,
    recursion_desired: Option<bool>,
    valid_rcodes: Option<Vec<String>>,
    validate_answer_rrs: Option<Validator>,
    validate_authority_rrs: Option<Validator>,
    validate_additional_rrs: Option<Validator>,
}

impl TryFrom<RawSettings> for Settings {
    type Error = String;

    fn try_from(raw: RawSettings) -> Result<Self, String> {
        if raw.query_name.is_empty() {
            return Err("query_name: must be given: the name that is asked for".to_owned());
        }
        Self::of(raw)
    }
}

/// Asks for all of the root, as the peer does where nothing is said.
impl Default for Settings {
    fn default() -> Self {
        Self::of(RawSettings::default()).expect("the defaults are good")
    }
}

impl Settings {
    fn of(raw: RawSettings) -> Result<Self, String> {
        // In the peer each of its probes fails.
        let has_no_way = raw.dns_over_tls && raw.transport_protocol == Transport::Udp;
        let must = |field: &str, must: String| format!("{field}: {must}");
        let mut name = Name::from_ascii(&raw.query_name)
            .map_err(|_| "query_name: must be the name of a host or of a zone".to_owned())?;
        name.set_fqdn(true);
        let kind = raw.query_type.as_deref().filter(|it| !it.is_empty()).unwrap_or("ANY");
        let class = raw.query_class.as_deref().filter(|it| !it.is_empty()).unwrap_or("IN");
        let codes = raw.valid_rcodes.unwrap_or_else(|| vec!["NOERROR".to_owned()]);
        let codes = codes.iter().map(|code| words::code_of(code));
        Ok(Self {
            families: choose::families(raw.preferred_ip_protocol, raw.ip_protocol_fallback),
            source: raw.source_ip_address.0,
            transport: raw.transport_protocol,
            tls: raw.dns_over_tls.then(|| raw.tls_config.unwrap_or_default()),
            name,
            kind: words::type_of(kind).map_err(|error| must("query_type", error))?,
            class: words::class_of(class).map_err(|error| must("query_class", error))?,
            recursion_desired: raw.recursion_desired.unwrap_or(true),
            valid_codes: codes.collect::<Result<_, _>>().map_err(|it| must("valid_rcodes", it))?,
            answers: raw.validate_answer_rrs.unwrap_or_default(),
            authorities: raw.validate_authority_rrs.unwrap_or_default(),
            additionals: raw.validate_additional_rrs.unwrap_or_default(),
            has_no_way,
        })
    }

    /// What it wants and nobody can do.
    pub(crate) fn lack(&self) -> Option<&str> {
        self.has_no_way.then_some("transport_protocol: must be tcp where dns_over_tls is true")
    }

    /// Which addresses of a name are probed.
    pub(crate) fn families(&self) -> Families {
        self.families
    }

    /// Whom a probe of this target contacts.
    pub(crate) fn destination(&self, target: &str) -> Result<Destination, String> {
        let (host, port) = self.server(target);
        if host.is_empty() || host.contains(['/', '?', '#', '@', ' ']) {
            return Err("must be HOST or HOST:PORT ([IP]:PORT for IPv6)".to_owned());
        }
        Ok(Destination::new(host, Some(port)))
    }

    /// Reads the files that TLS needs, if there is any.
    pub(crate) fn load(&mut self, folder: &Path) -> anyhow::Result<()> {
        self.tls.as_mut().map_or(Ok(()), |tls| tls.load(folder))
    }

    /// Asks, and looks whether the answer is as it must be.
    pub(crate) async fn probe(&self, ask: &Ask<'_>, found: &mut Found) -> Result<(), Failure> {
        found.dns = Some(Dns::default());
        let (host, port) = self.server(ask.target);
        let ip = choose::address(host, self.families, ask, found).await?;
        let mut dns = Dns { resolve: found.lookup, ..Dns::default() };
        let server = SocketAddr::new(ip, port);
        ask.log.line(|| {
            let kind = words::type_name(self.kind);
            format!("{server} is asked for {kind} of {}", self.name)
        });
        let id = rand::random();
        let bytes = self.question(id).map_err(|()| Failure::Local)?;
        let question = Question { server, from: self.source, id, bytes: &bytes };
        let mut times = Times::default();
        let asked = async {
            match (self.transport, &self.tls) {
                (Transport::Udp, _) => question.by_udp(&mut times, ask, found).await,
                (Transport::Tcp, None) => question.by_tcp(&mut times, ask, found).await,
                (Transport::Tcp, Some(tls)) => {
                    question.by_tls(tls, host, &mut times, ask, found).await
                }
            }
        };
        // Here, so that a timeout does not hide the times.
        let answered = timeout_at(ask.deadline, asked).await.unwrap_or(Err(Failure::Timeout));
        (dns.connect, dns.request) = times.both();
        found.dns = Some(dns);
        let message = answered?;
        found.watch.end();
        let answer = Answer::read(&message).map_err(|error| {
            ask.log.line(|| format!("the answer cannot be read: {error}"));
            Failure::Body
        })?;
        dns.query_succeeded = true;
        dns.answer_rrs = answer.answers.len();
        dns.authority_rrs = answer.authorities.len();
        dns.additional_rrs = answer.additionals.len();
        dns.serial = (self.kind == 6).then(|| answer.serial.unwrap_or(0));
        found.dns = Some(dns);
        self.judge(&answer, ask)
    }

    /// The phases that it can have beside the lookup.
    pub(crate) fn phases(&self) -> &'static [Phase] {
        match (self.transport, &self.tls) {
            (Transport::Udp, _) => &[Phase::Ttfb],
            (Transport::Tcp, None) => &[Phase::Connect, Phase::Ttfb],
            (Transport::Tcp, Some(_)) => &[Phase::Connect, Phase::Tls, Phase::Ttfb],
        }
    }

    fn server<'t>(&self, target: &'t str) -> (&'t str, u16) {
        let bare = target.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(target);
        let usual = if self.tls.is_some() { 853 } else { 53 };
        tcp::host_and_port(target).unwrap_or((bare, usual))
    }

    fn judge(&self, answer: &Answer, ask: &Ask<'_>) -> Result<(), Failure> {
        let code = words::code_name(answer.code);
        ask.log.line(|| format!("the answer has the code {code}"));
        if !self.valid_codes.contains(&answer.code) {
            ask.log.line(|| "which is not among the valid ones");
            return Err(Failure::Condition);
        }
        let sections = [
            ("answer", &self.answers, &answer.answers),
            ("authority", &self.authorities, &answer.authorities),
            ("additional", &self.additionals, &answer.additionals),
        ];
        for (section, validator, records) in sections {
            for record in records {
                ask.log.line(|| format!("{section}: {record}"));
            }
            if let Err(why) = validator.judge(records) {
                ask.log.line(|| format!("{section}: {why}"));
                return Err(Failure::Condition);
            }
        }
        Ok(())
    }

    fn question(&self, id: u16) -> Result<Vec<u8>, ()> {
        let mut query = Query::query(self.name.clone(), RecordType::from(self.kind));
        query.set_query_class(DNSClass::from(self.class));
        let mut message = Message::new(id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = self.recursion_desired;
        message.add_query(query);
        message.to_vec().map_err(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_peer_refuses_is_refused_by_the_name_of_the_key() {
        let read = |text: &str| exporter_kit::parse::<Settings>(text, "f");
        assert_eq!(read("{query_name: a.example}").unwrap().kind, 255);
        for (text, wanted) in [
            ("{}", "query_name: must be given"),
            ("{query_name: a, query_type: X}", "f:1:29: query_type: must be a type"),
            ("{query_name: a, query_class: X}", "f:1:30: query_class: must be one of IN"),
            ("{query_name: a, valid_rcodes: [OK]}", "valid_rcodes: must be one of NOERROR"),
            ("{query_name: a, transport_protocol: sctp}", "must be one of udp, tcp"),
            ("{query_name: a, validate_answer_rrs: {fail_if_matches_regexp: [':[']}}", "RE2"),
            ("{query_name: a, querytype: A}", "unknown field `querytype`, did you mean"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }

    #[test]
    fn a_server_has_a_port_of_its_own_or_the_usual_one() {
        let settings = Settings::default();
        for (target, wanted) in
            [("a", ("a", 53)), ("a:54", ("a", 54)), ("::1", ("::1", 53)), ("[::1]:54", ("::1", 54))]
        {
            assert_eq!(settings.server(target), wanted);
        }
        assert!(settings.destination("http://a/").is_err() && settings.destination("").is_err());
    }
}
