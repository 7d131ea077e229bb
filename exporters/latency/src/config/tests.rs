//! Good files and bad ones.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use exporter_kit::Exporter as _;

use super::*;
use crate::LatencyExporter;

mod loaded;
mod theirs;

const VANTAGE: &str = "vantage: {name: fra, region: EMEA}\n";

fn load(text: &str) -> anyhow::Result<Config> {
    let config = exporter_kit::parse(text, "test.yml")?;
    LatencyExporter::prepare(config, Path::new("."))
}

/// The targets, whose names are unique here.
fn by_name(config: &Config) -> BTreeMap<String, Wanted<Arc<Work>, Arc<Labels>>> {
    config.targets(&[], true).0.into_iter().map(|(id, wanted)| (id.name, wanted)).collect()
}

#[test]
fn the_example_is_good() {
    let config = load(include_str!("../../turbulence-latency.example.yml")).unwrap();
    let targets = by_name(&config);
    assert_eq!(config.vantage.place, Some((50.11, 8.68)));
    assert_eq!(targets.values().filter(|target| target.labels.role == Role::Canary).count(), 3);
    assert!(targets.values().any(|target| target.labels.role == Role::Service));
    let icmp = &targets["canary-a"].work;
    assert_eq!((icmp.interval, icmp.timeout), (Duration::from_secs(1), Duration::from_secs(3)));
    assert_eq!(targets["mail"].work.interval, Duration::from_secs(5));
}

#[test]
fn a_blackbox_module_can_be_pasted() {
    let text = format!(
        "{VANTAGE}
modules:
  http_2xx_example:
    prober: http
    timeout: 5s
    http:
      valid_status_codes: []
      method: GET
      headers:
        Host: vhost.example.com
        Accept-Language: en-US
      follow_redirects: false
      enable_http2: false
      preferred_ip_protocol: ip4
      ip_protocol_fallback: false
      tls_config: {{insecure_skip_verify: true}}
  tcp_connect_example: {{prober: tcp, timeout: 5s}}
  icmp_example: {{prober: icmp, timeout: 5s, icmp: {{preferred_ip_protocol: ip4}}}}
targets:
  - {{name: a, address: \"https://www.example.com\", module: http_2xx_example}}
  - {{name: b, address: www.example.com, module: icmp_example}}
"
    );
    let targets = by_name(&load(&text).unwrap());
    assert_eq!(
        (targets["a"].work.families, targets["b"].work.families),
        (Families::OnlyV4, Families::V4ElseV6)
    );
    let detail = targets["a"].work.probe.detail(&targets["a"].work.host);
    assert_eq!(detail, "GET https://www.example.com/");
}

#[test]
fn only_a_name_depends_on_the_resolvers() {
    let targets = |resolvers: &str| {
        let text = format!(
            "{VANTAGE}resolvers: {resolvers}\nmodules: {{icmp: {{prober: icmp}}}}
targets: [{{name: a, address: a.example, module: icmp}}, {{name: b, address: 192.0.2.1, module: icmp}}]"
        );
        by_name(&load(&text).unwrap())
    };
    let (one, other) = (targets("[192.0.2.53]"), targets("[\"[2001:db8::53]:5353\"]"));
    assert_ne!(one["a"], other["a"]);
    assert_eq!(one["b"], other["b"]);
    assert_eq!(one["a"].work.resolvers, ["192.0.2.53:53".parse().unwrap()]);
}

#[test]
fn a_label_is_no_work() {
    let targets = |module: &str, role: &str| {
        let text = format!(
            "{VANTAGE}modules: {{{module}: {{prober: icmp}}}}
targets: [{{name: a, address: 192.0.2.1, module: {module}, role: {role}}}]"
        );
        by_name(&load(&text).unwrap())
    };
    let (one, other) = (targets("fast", "service"), targets("quick", "canary"));
    assert_eq!(one["a"].work, other["a"].work);
    assert_ne!(one["a"].labels, other["a"].labels);
}

#[test]
fn another_module_is_another_target() {
    let targets = |interval: &str| {
        let text = format!(
            "{VANTAGE}modules: {{fast: {{prober: icmp, interval: {interval}}}, other: {{prober: tcp}}}}
targets: [{{name: a, address: 192.0.2.1, module: fast}}, {{name: b, address: \"192.0.2.1:1\", module: other}}]"
        );
        by_name(&load(&text).unwrap())
    };
    let (one, other) = (targets("1s"), targets("2s"));
    assert_ne!(one["a"], other["a"]);
    assert_eq!(one["b"], other["b"]);
}

#[test]
fn the_second_opinion_is_asked_for_nothing_that_it_cannot_do() {
    let text = |backend: &str, section: &str| {
        format!(
            "{VANTAGE}icmp: {{backend: {backend}}}\nmodules: {{m: {{prober: icmp, icmp: \
             {{{section}}}}}}}\ntargets: []\n"
        )
    };
    load(&text("surge", "payload_size: 100, ttl: 64, preferred_ip_protocol: ip6")).unwrap();
    for section in
        ["ttl: 7", "dscp: 1", "dont_fragment: true", "source_ip_address: '::1'", "interface: lo"]
    {
        load(&text("kernel", section)).unwrap();
        let error = format!("{:#}", load(&text("surge", section)).unwrap_err());
        let (key, _) = section.split_once(':').unwrap();
        let wanted = format!("modules.m.icmp.{key}: needs `icmp: {{backend: kernel}}`");
        assert!(error.contains(&wanted), "{error}");
    }
    let error = format!("{:#}", load(&text("raw", "ttl: 7")).unwrap_err());
    assert!(error.contains("icmp.backend: must be one of kernel, surge"), "{error}");
}

#[test]
fn figures_are_asked_for_by_their_words() {
    let text = |words: &str| format!("{VANTAGE}figures: {words}\nmodules: {{}}\ntargets: []\n");
    load(&text("[]")).unwrap();
    load(&text("[rtt_min_10m, jitter, deviation, reply_ttl, sent]")).unwrap();
    let error = format!("{:#}", load(&text("[jitter, mean]")).unwrap_err());
    assert!(
        error.contains("test.yml:2:") && error.contains("figures: each must be one of"),
        "{error}"
    );
}

#[test]
fn an_echo_takes_the_options_that_there_are_and_no_others() {
    let icmp = |section: &str| {
        format!("{VANTAGE}modules: {{m: {{prober: icmp, interval: 1s, icmp: {{{section}}}}}}}\n")
    };
    load(&icmp("ttl: 0, payload_size: 0, dscp: 0, dont_fragment: false")).unwrap();
    load(&icmp("ttl: 255, payload_size: 65507, dscp: 63, source_ip_address: '::1'")).unwrap();
    for (section, expected) in [
        ("protocol: udp", "unknown field `protocol`"),
        ("ttl: 256", "icmp.ttl: must be from 1 to 255"),
        ("dscp: 64", "icmp.dscp: must be from 0 to 63"),
        ("payload_size: 17", "payload_size: must be from 18 to"),
        ("source_ip_address: eth0", "source_ip_address: must be an IP address"),
        (
            "source_ip_address: '::1', preferred_ip_protocol: ip4",
            "source_ip_address: is of another family",
        ),
        ("interface: 'a b'", "interface: must be the name"),
    ] {
        let error = format!("{:#}", load(&icmp(section)).unwrap_err());
        assert!(error.contains(expected), "{section} gave {error}");
    }
}

#[test]
fn a_bad_file_is_refused_with_the_place_and_the_remedy() {
    let with = |modules: &str, targets: &str| {
        format!("{VANTAGE}modules: {{{modules}}}\ntargets: [{targets}]\n")
    };
    let module = |module: &str| with(&format!("m: {{{module}}}"), "");
    let http = |http: &str| module(&format!("prober: http, interval: 5s, http: {{{http}}}"));
    let target = |target: &str| {
        with("icmp: {prober: icmp}, tcp: {prober: tcp}, http: {prober: http}", target)
    };
    let cases: Vec<(String, &[&str])> = vec![
        ("vantage: {name: a}\nmodules: {}\ntargets: []".to_owned(), &["missing field `region`"]),
        (
            "vantage: {name: '', region: a}\nmodules: {}\ntargets: []".to_owned(),
            &["test.yml:1:", "must not be empty"],
        ),
        (
            "vantage: {name: a, region: b, latitude: 91, longitude: 0}\nmodules: {}\ntargets: []"
                .to_owned(),
            &["latitude: must be from -90 to 90"],
        ),
        (
            "vantage: {name: a, region: b, latitude: 9}\nmodules: {}\ntargets: []".to_owned(),
            &["latitude and longitude go together"],
        ),
        (
            "vantage: {name: a, region: b, latitude: .nan, longitude: 1}\nmodules: {}\ntargets: []"
                .to_owned(),
            &["latitude: must be from"],
        ),
        (
            format!("{VANTAGE}resolvers: [a.example]\nmodules: {{}}\ntargets: []"),
            &["test.yml:2:13: resolvers[0]: ", "must be an IP address"],
        ),
        (
            module("prober: icmp, intervall: 1s"),
            &["test.yml:2:", "unknown field `intervall`", "interval"],
        ),
        (module("prober: icmp, interval: 1"), &["must be a duration above zero"]),
        (module("prober: icmp, interval: 0s"), &["must be a duration above zero"]),
        (
            module("prober: icmp, interval: 10ms, timeout: 3s"),
            &["timeout: 3s must not be longer than 60 intervals"],
        ),
        (module("prober: icmp, interval: 1s, http: {}"), &["`http` has no effect"]),
        (module("prober: icmp, path: {interval: 59s}"), &["path.interval: must be from 1m to 1d"]),
        (module("prober: http, path: {max_hops: 65}"), &["path.max_hops: must be from 1 to 64"]),
        (module("prober: tcp, path: {hops: 3}"), &["path", "hops"]),
        ("path_rate: 0\nmodules: {}\n".to_owned(), &["path_rate: must be from 1 to 10000"]),
        (module("prober: icmp, icmp: {ttl: 256}"), &["icmp.ttl: must be from 1 to 255"]),
        (module("prober: icmp, icmp: {tll: 5}"), &["unknown field `tll`, did you mean `ttl`?"]),
        (
            module("prober: icmp, icmp: {preferred_ip_protocol: ipv6}"),
            &["preferred_ip_protocol: must be ip4 or ip6"],
        ),
        (http("enable_http3: true"), &["http.enable_http3: needs enable_http2: false beside it"]),
        (http("fail_if_sll: true"), &["unknown field `fail_if_sll`, did you mean `fail_if_ssl`?"]),
        (http("fail_if_body_matches_regexp: ['(']"), &["fail_if_body_matches_regexp[0]: must be"]),
        (http("tls_config: {min_version: TLS9}"), &["tls_config.min_version: must be one of"]),
        (http("method: 'G T'"), &["http.method: must be the name"]),
        (http("valid_status_codes: [20]"), &["http.valid_status_codes: each must be"]),
        (http("headers: {'a b': c}"), &["http.headers: a key must be"]),
        (http("tls_config: {server_name: 'a b'}"), &["tls_config.server_name: must be"]),
        (http("tls_config: {ca_file: nowhere.pem}"), &["modules.m.http: ", "nowhere.pem"]),
        (
            target("{name: a, address: 192.0.2.1, module: ping}"),
            &["test.yml:3:49: targets[0].module: is not among", "http, icmp, tcp"],
        ),
        (
            target("{name: a, address: 192.0.2.1, module: icmp, role: cannary}"),
            &["role: must be one of service, canary, did you mean `canary`?"],
        ),
        (
            target("{name: '', address: 192.0.2.1, module: icmp}"),
            &["test.yml:3:", "must not be empty"],
        ),
        (
            target("{name: a, address: 192.0.2, module: icmp}"),
            &["targets[0].address: must be a host name or an IP address"],
        ),
        (
            target("{name: a, address: 192.0.2.1, module: tcp}"),
            &["targets[0].address: must be HOST:PORT"],
        ),
        (
            target("{name: a, address: www.example.com, module: http}"),
            &["targets[0].address: must be a URL"],
        ),
        (target("{name: a, address: 'http://u:p@a.example', module: http}"), &["http.headers"]),
        (
            target("{name: a, address: ::1, module: icmp}, {name: a, address: ::1, module: icmp}"),
            &[
                "test.yml:3:50: name: line 3 has the same team, module and name; together they must be unique",
            ],
        ),
    ];
    for (text, expected) in cases {
        let error = format!("{:#}", load(&text).expect_err(&text));
        for words in expected {
            assert!(error.contains(words), "{text}\n  gave   {error}\n  wanted {words}");
        }
    }
}

#[test]
fn a_vantage_is_demanded_where_there_are_targets() {
    let wanted = "vantage: must be given where there are targets";
    for (text, place) in [
        ("modules: {i: {prober: icmp}}\ntargets: [{name: a, address: '::1', module: i}]", "2:11"),
        ("modules: {}\nfile_sd_configs: [{files: [a.json]}]", "1:1"),
    ] {
        let error = format!("{:#}", load(text).unwrap_err());
        assert!(error.starts_with(&format!("test.yml:{place}: {wanted}")), "{error}");
    }
}

#[test]
fn all_mistakes_are_told_and_no_value_repeated() {
    let text = format!(
        "{VANTAGE}modules: {{icmp: {{prober: icmp}}, http: {{prober: http, interval: 5s, http: {{headers: {{'Basic hunter2': a}}}}}}}}
targets:
  - {{name: a, address: \"https://u:hunter2@h/\", module: icmp}}
  - {{name: b, address: \"http://u:hunter2@h:99999/\", module: icmp}}
  - {{name: b, address: \"htps://u:hunter2/@h\", module: icmp, pass: hunter2}}
"
    );
    let error = format!("{:#}", load(&text).unwrap_err());
    assert!(!error.contains("hunter2"), "{error}");
    for wanted in
        ["test.yml:2:", "http.headers: a key must be", "test.yml:6:", "unknown field `pass`"]
    {
        assert!(error.contains(wanted), "{error}\nwanted {wanted}");
    }
    let error = format!(
        "{:#}",
        load(&text.replace("Basic hunter2", "a").replace(", pass: hunter2", "")).unwrap_err()
    );
    assert!(!error.contains("hunter2"), "{error}");
    assert_eq!(error.matches("address: must be a host name").count(), 3, "{error}");
}

#[test]
fn a_module_that_can_never_do_well_is_refused_by_its_field() {
    for (module, wanted) in [
        ("prober: icmp, interval: 1ms, timeout: 10ms", "m.interval: must be from 10ms to 1d"),
        ("prober: icmp, timeout: 0.001ms", "m.timeout: must be from 1ms to 1d"),
        ("prober: http, http: {tls_config: {ca_file: /dev/zero}}", "it is no regular file"),
        ("prober: http, http: {body_file: /dev/zero, method: POST}", "it is no regular file"),
        (
            "prober: http, http: {valid_http_versions: [HTTP/9]}",
            "one at least must be one of HTTP/1.0, HTTP/1.1, HTTP/2.0",
        ),
        ("prober: http, http: {body_size_limit: 99999999999999999999GB}", "bytes up to 1TB"),
        ("prober: http, http: {follow_redirects: true, no_follow_redirects: true}", "contradicts"),
        ("prober: http, http: {headers: {x: a, X: b}}", "x is there twice"),
        ("prober: http, http: {headers: {Host: a b}}", "Host must be a host"),
        ("prober: http, http: {headers: {Content-Length: '5'}}", "the request's own; leave it out"),
    ] {
        let text = format!(
            "{VANTAGE}modules: {{m: {{{module}}}}}\ntargets: [{{name: a, address: 'http://a/', module: m}}]"
        );
        let text = if module.contains("icmp") { text.replace("http://a/", "a") } else { text };
        let error = format!("{:#}", load(&text).expect_err(module));
        assert!(error.contains("modules.m") && error.contains(wanted), "{module}: {error}");
    }
    for (key, wanted) in [
        ("resolvers: ['127.0.0.1:0']", "resolvers[0]: must have a port from 1 to 65535"),
        ("figures: [jitter, jitter]", "figures: jitter is there twice"),
        ("on_demand: {timeout_offset: 10000h}", "on_demand.timeout_offset: must be from 1ms to 1m"),
    ] {
        let error = load(&format!("modules: {{}}\n{key}\n")).unwrap_err().to_string();
        assert!(error.starts_with("test.yml:2:") && error.contains(wanted), "{error}");
    }
}

#[test]
fn a_target_that_can_never_be_up_is_refused_where_it_stands() {
    let label = "x".repeat(64);
    let path = format!("/{}", "x".repeat(199));
    for (prober, address, wanted) in [
        ("icmp", "-a.localhost", "a host name or an IP address"),
        ("icmp", &label, "a host name or an IP address"),
        ("icmp", "0x7f000001", "a host name or an IP address"),
        ("icmp", "a\u{200b}b.example", "a host name or an IP address"),
        ("icmp", "0.0.0.0", "the address of one host"),
        ("icmp", "224.0.0.1", "the address of one host"),
        ("icmp", "255.255.255.255", "the address of one host"),
        ("icmp", "ff02::1%eth0", "the address of one host"),
        ("tcp", "0.0.0.0:80", "the address of one host"),
        ("tcp", "-a.localhost:80", "HOST:PORT"),
        ("http", "http://h:0/", "a port from 1"),
        ("http", "http://[::]/", "the address of one host"),
        ("http", "http://127.1/", "name its host as it is"),
        ("http", "http:///127.0.0.1:18080", "name its host as it is"),
        ("websocket", "ws://0177.0.0.1/", "name its host as it is"),
        ("unix", &path, "of at most 107 bytes"),
        ("grpc", "0.0.0.0:80", "the address of one host"),
    ] {
        let text = format!(
            "{VANTAGE}modules: {{m: {{prober: {prober}}}}}\ntargets: [{{name: a, module: m, address: \
             \"{address}\"}}]"
        );
        let error = format!("{:#}", load(&text).expect_err(address));
        let place = "test.yml:3:41: targets[0].address: ";
        assert!(error.starts_with(place) && error.contains(wanted), "{address}: {error}");
    }
}

#[test]
fn a_header_is_never_shown() {
    let text = format!(
        "{VANTAGE}modules: {{m: {{prober: http, http: {{headers: {{Authorization: hunter2}}}}}}}}
targets: [{{name: a, address: \"http://a.example/\", module: m}}]"
    );
    let config = load(&text).unwrap();
    let shown = format!("{config:?} {:?}", config.targets(&[], true).0);
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_target_may_have_labels_but_not_those_of_the_metrics() {
    let with = |labels: &str| {
        format!(
            "{VANTAGE}modules: {{icmp: {{prober: icmp}}}}\ntargets: [{{name: a, address: 192.0.2.1, module: icmp, \
             labels: {{{labels}}}}}]"
        )
    };
    let targets = by_name(&load(&with("env: prod")).unwrap());
    assert_eq!(targets["a"].labels.own.iter().collect::<Vec<_>>(), [("env", "prod")]);
    for taken in ["slot", "module", "vantage", "le"] {
        let error = format!("{:#}", load(&with(&format!("{taken}: hunter2"))).unwrap_err());
        assert!(error.contains("test.yml:3:") && error.contains(taken), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_config_without_targets_is_good_and_told() {
    let head = format!("{VANTAGE}modules: {{icmp: {{prober: icmp}}}}\n");
    let warnings = |text: &str| LatencyExporter::warnings(&load(text).unwrap());
    assert_eq!(warnings(&format!("{head}targets: []")).len(), 1);
    assert_eq!(warnings(&format!("{head}file_sd_configs: [{{files: [a.json]}}]")).len(), 0);
    assert_eq!(warnings(&format!("{head}on_demand: {{allow: ['*']}}")).len(), 0);
    let bare = warnings("modules: {icmp: {prober: icmp, tcp: {}}}");
    assert!(bare[0].contains("on_demand: {allow: ['*']}"), "{bare:?}");
    assert_eq!(bare[1], "modules.icmp.tcp: has no effect: the prober is another");
}

/// A file as `blackbox_exporter` takes it, with what its examples show.
const PEERS: &str = r#"
modules:
  ssh:
    prober: tcp
    timeout: 5s
    tcp:
      preferred_ip_protocol: ip4
      source_ip_address: "127.0.0.1"
      query_response:
      - expect: "^SSH-2.0-([^ -]+)(?: (.*))?$"
        labels:
        - {name: version, value: "${1}"}
      - send: "SSH-2.0-probe"
  pop3: {prober: tcp, tcp: {query_response: [{expect: "^+OK"}]}}
  postgresql:
    prober: tcp
    tcp:
      query_response:
      - send: !!binary AAAACATSFi8=
      - expect_bytes: S
      - starttls: true
  ping:
    prober: icmp
    icmp: {ttl: 5, payload_size: 100, dont_fragment: true, source_ip_address: 127.0.0.1}
  nothing: {prober: icmp, icmp: }
  soa:
    prober: dns
    dns:
      transport_protocol: "tcp"
      query_name: example.com
      query_type: "SOA"
      query_class: "IN"
      recursion_desired: false
      valid_rcodes: [NOERROR, NXDOMAIN]
      ip_protocol_fallback: false
      validate_answer_rrs: {fail_if_not_matches_regexp: ["example.com.\\t300\\tIN\\tSOA"], fail_if_matches_regexp: }
      validate_authority_rrs: {fail_if_all_match_regexp: [".*127.0.0.1"]}
      validate_additional_rrs: {fail_if_none_matches_regexp: ["127.0.0.1"]}
  socket: {prober: unix, unix: {query_response: [{send: PING}, {expect: PONG}]}}
"#;

#[test]
fn a_file_of_the_peer_is_good_as_it_is() {
    let config = load(PEERS).unwrap();
    let offer = config.offer();
    assert_eq!(offer.modules.len(), 7);
    assert_eq!(offer.modules["ssh"].module.timeout, Some(Duration::from_secs(5)));
    assert_eq!(offer.modules["pop3"].module.timeout, None);
    assert!(offer.modules.values().all(|it| it.fault.is_none() && it.module.idle.is_empty()));
}

#[test]
fn a_small_config_shows_every_figure_unless_it_says_which() {
    use crate::figures::Figure;
    let shown = |head: &str, targets: u32| {
        let mut text = format!("{VANTAGE}{head}modules: {{icmp: {{prober: icmp}}}}\ntargets:\n");
        for number in 0..targets {
            let address = std::net::Ipv4Addr::from(0x0a00_0000 + number);
            writeln!(text, "- {{name: n{number}, module: icmp, address: {address}}}").unwrap();
        }
        let (targets, _) = load(&text).unwrap().targets(&[], true);
        let has = |figure| targets.values().all(|it| it.labels.figures.has(figure));
        Figure::ALL.into_iter().filter(|figure| has(*figure)).count()
    };
    assert_eq!(shown("", 1), Figure::ALL.len(), "what was sent, for one");
    assert_eq!(shown("", 1_001), 0, "each is a line of each target");
    assert_eq!([shown("figures: []\n", 1), shown("figures: [sent]\n", 1_001)], [0, 1]);
    // What is discovered and left out is no target.
    let found = |number: u32| Found {
        address: if number < 700 { format!("h{number}.test") } else { "not an address".to_owned() },
        labels: Arc::new(BTreeMap::from([("module".to_owned(), "icmp".to_owned())])),
        source: Arc::from("a.yml"),
    };
    let config = load(&format!("{VANTAGE}modules: {{icmp: {{prober: icmp}}}}\n")).unwrap();
    let (targets, skipped) = config.targets(&(0..1_001).map(found).collect::<Vec<_>>(), true);
    assert_eq!((targets.len(), skipped.len()), (700, 301));
    assert!(targets.values().all(|it| it.labels.figures.has(Figure::Sent)));
}

#[test]
fn a_module_that_this_version_cannot_run_is_refused_by_itself_and_not_with_its_file() {
    let lacking = [
        (
            "by_proxy",
            "{prober: http, http: {enable_http3: true, enable_http2: false, proxy_url: 'http://a:1'}}",
        ),
        (
            "old",
            "{prober: http, http: {enable_http3: true, enable_http2: false, \
             tls_config: {max_version: TLS12}}}",
        ),
        ("small", "{prober: icmp, icmp: {payload_size: 8}}"),
        ("dot", "{prober: dns, dns: {query_name: a, dns_over_tls: true}}"),
    ];
    let wanted = [
        "http.enable_http3: no proxy is asked by HTTP/3",
        "http.tls_config.max_version: HTTP/3 needs TLS13",
        "icmp.payload_size: must be from 18 to",
        "dns.transport_protocol: must be tcp where dns_over_tls",
    ];
    for ((name, module), wanted) in lacking.into_iter().zip(wanted) {
        let text = format!("{VANTAGE}{PEERS}  {name}: {module}\n");
        let config = load(&text).unwrap();
        let offer = config.offer();
        assert_eq!(
            offer.modules.values().filter(|it| it.module.lack().is_some()).count(),
            1,
            "{name}"
        );
        assert!(
            offer.modules[name].module.lack().as_deref().is_some_and(|it| it.starts_with(wanted))
        );
        let warned = format!("modules.{name}: is refused when it is asked for: {wanted}");
        assert!(config.warnings().iter().any(|it| it.starts_with(&warned)), "{name}");
        // Who names it for a target, or means it for targets, is told at once.
        for text in [
            format!("{text}targets: [{{name: a, address: 'http://a/', module: {name}}}]\n"),
            text.replace(module, &module.replacen('{', "{interval: 5s, ", 1)),
        ] {
            let error = format!("{:#}", load(&text).unwrap_err());
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}

#[test]
fn what_cannot_be_probed_all_the_time_is_refused_at_the_target_by_the_key() {
    let text = format!(
        "{VANTAGE}modules: {{slow: {{prober: dns, timeout: 10m, dns: {{query_name: a}}}}}}
targets: [{{name: a, address: a, module: slow}}]
"
    );
    let error = format!("{:#}", load(&text).unwrap_err());
    let wanted = "test.yml:3:41: targets[0].module: cannot probe a target all the time, only when it is asked \
                  for: timeout: 10m must not be longer than 60 intervals of 5s";
    assert!(error.contains(wanted), "{error}");
}

#[test]
fn a_target_may_name_a_module_of_any_prober() {
    let text = format!(
        "{VANTAGE}{PEERS}targets:
  - {{name: a, address: 'a.example:22', module: ssh}}
  - {{name: b, address: a.example, module: soa}}
  - {{name: c, address: /run/a.sock, module: socket}}
"
    );
    let targets = by_name(&load(&text).unwrap());
    let detail = |name: &str| targets[name].work.probe.detail(&targets[name].work.host);
    assert_eq!(
        [detail("a"), detail("b"), detail("c")],
        ["tcp a.example:22", "dns a.example:53", "unix /run/a.sock"]
    );
    assert_eq!(targets["a"].work.families, Families::V4ElseV6);
    let error = format!("{:#}", load(&text.replace("/run/a.sock", "run/a.sock")).unwrap_err());
    assert!(error.contains("targets[2].address: must be the path of a socket"), "{error}");
}

#[test]
fn what_the_peer_refuses_is_refused_with_the_place() {
    for (module, wanted) in [
        (
            "{prober: dns, dns: {query_type: A}}",
            "test.yml:1:33: modules.m.dns: query_name: must be given",
        ),
        ("{prober: dns, dns: {query_name: a, query_type: X}}", "dns.query_type: must be a type"),
        (
            "{prober: dns, dns: {query_name: a, query_class: X}}",
            "dns.query_class: must be one of IN",
        ),
        ("{prober: icmp, icmp: {ttl: -1}}", "icmp.ttl: must be a whole number"),
        ("{prober: invalid}", "prober: must be one of"),
        (
            "{prober: tcp, tcp: {query_response: [{expect: ':['}]}}",
            "tcp.query_response[0].expect: must be a regular expression as RE2 has them: a class is",
        ),
        (
            "{prober: unix, unix: {query_response: [{expect: ':['}]}}",
            "unix.query_response[0].expect",
        ),
        (
            "{prober: tcp, tcp: {query_response: [{expect: a, expect_bytes: b}]}}",
            "tcp.query_response[0].expect_bytes: must not be given beside",
        ),
        (
            "{prober: tcp, tcp: {query_response: [{labels: [{name: 1a}]}]}}",
            "labels: each name must",
        ),
        ("{prober: tcp, tcp: {query_respons: []}}", "did you mean `query_response`?"),
        ("{timeout: 5s}", "missing field `prober`"),
        ("{prober: tpc}", "test.yml:1:23: modules.m.prober: must be one of"),
    ] {
        let error = format!("{:#}", load(&format!("modules: {{m: {module}}}")).expect_err(module));
        assert!(error.contains(wanted), "{module}\n  gave   {error}\n  wanted {wanted}");
    }
}

#[test]
fn one_name_may_have_several_teams_and_modules() {
    let head = format!(
        "{VANTAGE}modules: {{icmp: {{prober: icmp}}, tcp: {{prober: tcp}}, web: {{prober: http}}}}\n"
    );
    let text = format!(
        "{head}targets:
  - {{name: www, address: \"https://a.example/b\", modules: [icmp, tcp, web]}}
  - {{name: www, team: shop, address: b.example, module: icmp}}
  - {{name: www, team: shop, address: \"b.example:25\", module: tcp}}
"
    );
    let config = load(&text).unwrap();
    let shown = config.targets(&[], true).0.into_iter().map(|(id, wanted)| {
        let detail = wanted.work.probe.detail(&wanted.work.host);
        assert_eq!((&id.group, &id.module), (&wanted.labels.team, &wanted.labels.module));
        format!("{} {} {}: {detail}", id.name, id.group, id.module)
    });
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            "www  icmp: icmp a.example",
            "www  tcp: tcp a.example port 443",
            "www  web: GET https://a.example/b",
            "www shop icmp: icmp b.example",
            "www shop tcp: tcp b.example port 25",
        ]
    );
    for (targets, wanted) in [
        (
            "{name: a, team: t, address: ::1, module: icmp}, {name: a, team: t, address: ::2, module: icmp}",
            "line 3 has the same team, module and name",
        ),
        ("{name: a, address: ::1, modules: [icmp, icmp]}", "line 3 has the same team, module"),
        ("{name: a, address: ::1, modules: [icmp, nope]}", "targets[0].modules[1]: is not among"),
        ("{name: a, address: ::1, modules: []}", "modules: there must be one at least"),
        ("{name: a, address: ::1}", "module: must be given, or modules"),
        ("{name: a, address: ::1, module: icmp, modules: [icmp]}", "not both"),
        ("{name: a, address: ::1, modules: [icmp, web]}", "address: must be a URL"),
    ] {
        let error = format!("{:#}", load(&format!("{head}targets: [{targets}]\n")).unwrap_err());
        assert!(error.contains("test.yml:3:") && error.contains(wanted), "{targets}: {error}");
    }
}
