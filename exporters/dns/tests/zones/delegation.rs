//! What a real parent says, and that it says something else.

use super::*;

/// The zone of a parent at an address, that delegates so.
fn parent_zone(last: u8, delegation: &str) -> String {
    format!(
        "$ORIGIN example.\n$TTL 1\n@ SOA ns hostmaster 1 3600 600 86400 1\n@ NS ns\nns A 127.0.53.{last}\n{delegation}"
    )
}

#[test]
fn the_delegation_is_found_by_resolvers_and_a_takeover_is_told_even_after_a_restart() {
    let port = port_at(&[21, 22, 23]);
    let text = &parent_zone(
        21,
        "\
messenger NS ns1.messenger
messenger NS ns.gone
ns1.messenger A 127.0.53.22
ns1.messenger AAAA ::1
",
    );
    let parent = nsd(at(21, port), "parent", "example", text);
    let zone = "\
$ORIGIN messenger.example.
$TTL 1
@ SOA ns1 hostmaster 7 3600 600 86400 1
@ NS ns1
@ NS ns.gone.example.
ns1 A 127.0.53.22
ns1 AAAA ::1
";
    let _v4 = nsd(at(22, port), "v4", MESSENGER, zone);
    let _v6 = nsd(SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, port)), "v6", MESSENGER, zone);
    let stubs = [stub("example", at(21, port)), stub(MESSENGER, at(22, port))].concat();
    let _resolver = unbound(at(23, port), &[], &format!("  module-config: \"iterator\"\n{stubs}"));
    let config = format!(
        "vantage: {{ name: fra, region: EMEA }}
state_directory: state
zones:
  messenger.example:
    interval: 1s
    port: {port}
    allow_private: true
    resolvers: ['127.0.53.23:{port}']
"
    );
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let program = Command::new(env!("CARGO_BIN_EXE_turbulence-dns"));
        let program = Program::start_in(program, folder.path(), &config);
        program.wait_until_ready();
        program
    };
    let program = start();
    program.wait_until("both servers answer, over IPv4 and IPv6", |it| {
        it.value(&format!("dns_auth_servers{{outcome=\"answers\",zone=\"{MESSENGER}\"}}")) == 2.0
            && verdict(it, MESSENGER, "delegation_changed") == 0.0
            && verdict(it, MESSENGER, "lame") == 2.0
    });
    let gone = "address=\"\",reason=\"no_address\",server=\"ns.gone.example\",verdict=\"lame\"";
    let gone = format!("dns_auth_culprit{{{gone},zone=\"{MESSENGER}\"}}");
    assert_eq!(program.metrics().value(&gone), 1.0);
    let consistent = |what: &str| {
        program.metrics().value(&format!("dns_auth_{what}_consistent{{zone=\"{MESSENGER}\"}}"))
    };
    assert_eq!(["ns_set", "delegation", "glue"].map(consistent), [1.0; 3]);
    drop((program, parent));
    let taken = text.replace("ns1.messenger", "ns1.evil").replace("messenger NS ns.gone\n", "");
    let _parent = nsd(at(21, port), "parent", "example", &taken);
    let program = start();
    program.wait_until("the takeover is told", |it| {
        verdict(it, MESSENGER, "delegation_changed") == 3.0
    });
    let page = program.page("/zones");
    assert!(page.contains("parent: ns1.evil.example"), "{page}");
}

#[test]
fn a_reload_that_asks_anew_accepts_no_takeover_and_ends_nothing_that_was_told() {
    let port = port_at(&[41, 42]);
    let text = &parent_zone(
        41,
        "\
messenger NS ns1.messenger
ns1.messenger A 127.0.53.42
",
    );
    let parent = nsd(at(41, port), "parent", "example", text);
    let own = ZONE.replace("SERIAL", "7").replace("127.0.53.2\n", "127.0.53.42\n");
    let own = own.replace("127.0.53.3\n", "127.0.53.42\n");
    let _zone = nsd(at(42, port), "zone", MESSENGER, &own);
    let config = format!(
        "vantage: {{ name: fra, region: EMEA }}
zones:
  messenger.example:
    interval: 1s
    port: {port}
    allow_private: true
    parents: ['127.0.53.41:{port}']
    names: {{ api.messenger.example: [A] }}
"
    );
    let (_folder, program) = start(&config);
    program.wait_until("the delegation is known", |it| {
        verdict(it, MESSENGER, "delegation_changed") == 0.0
    });
    drop(parent);
    let taken = text.replace("messenger NS ns1.messenger", "messenger NS ns1.evil");
    let _parent = nsd(at(41, port), "parent", "example", &taken);
    program.wait_until("the takeover is told", |it| {
        verdict(it, MESSENGER, "delegation_changed") == 3.0
    });
    let rounds = |metrics: &Scrape| {
        let series = format!("dns_auth_rounds_total{{result=\"complete\",zone=\"{MESSENGER}\"}}");
        metrics.value(&series)
    };
    let consistent = |metrics: &Scrape, name: &str| {
        let labels = format!("name=\"{name}.messenger.example\",type=\"A\",zone=\"{MESSENGER}\"");
        metrics.get(&format!("dns_auth_answers_consistent{{{labels}}}"))
    };
    let before = rounds(&program.metrics());
    assert!(before >= 3.0, "{before}");
    let more = "names: { aaa.messenger.example: [A], api.messenger.example: [A] }";
    let more = config.replace("names: { api.messenger.example: [A] }", more);
    assert_eq!(program.reload(&more).status, 200);
    let metrics = program.metrics();
    assert!(rounds(&metrics) < before, "it is asked anew");
    assert_eq!(verdict(&metrics, MESSENGER, "delegation_changed"), 3.0);
    assert_eq!(consistent(&metrics, "api"), Some(1.0), "by its name, not by its place");
    program.wait_until("rounds were judged since", |it| rounds(it) >= 4.0);
    assert_eq!(verdict(&program.metrics(), MESSENGER, "delegation_changed"), 3.0);
}

#[test]
fn addresses_that_were_learned_are_not_asked_unless_they_are_allowed() {
    let port = port_at(&[11, 12]);
    let text = &parent_zone(
        11,
        "\
messenger NS ns1.messenger
ns1.messenger A 127.0.53.12
",
    );
    let _parent = nsd(at(11, port), "parent", "example", text);
    let victim = UdpSocket::bind(at(12, port)).unwrap();
    victim.set_nonblocking(true).unwrap();
    let config = format!(
        "vantage: {{ name: fra, region: EMEA }}
zones:
  messenger.example: {{ interval: 10s, port: {port}, parents: ['127.0.53.11:{port}'] }}
"
    );
    let (_folder, program) = start(&config);
    let count = |it: &Scrape, outcome: &str| {
        it.get(&format!("dns_auth_servers{{outcome=\"{outcome}\",zone=\"{MESSENGER}\"}}"))
    };
    let metrics =
        program.wait_until("the parent has named it", |it| count(it, "not_allowed") == Some(1.0));
    assert_eq!(count(&metrics, "answers"), Some(0.0));
    assert!(victim.recv(&mut [0; 512]).is_err(), "nothing was sent there");
}
