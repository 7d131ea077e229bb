//! TTLs that no cache gives, of real resolvers beside the zone's real server.

use super::*;

#[test]
fn a_ttl_above_the_zones_and_one_that_does_not_count_down_are_counted() {
    let port = port_at(&[61, 62, 63, 64, 65]);
    let text = ZONE.replace("SERIAL", "7").replace("$TTL 300", "$TTL 3600");
    let _server = nsd(at(61, port), "first", MESSENGER, &text);
    // Two that make the record up, and two that ask for it and keep it, one of them no longer than it likes.
    let made_up = |last, ttl| {
        let of = "local-data: \"api.messenger.example.";
        let more =
            format!("  local-zone: \"messenger.example.\" static\n  {of} {ttl} A 127.0.53.99\"\n");
        unbound(at(last, port), &[], &more)
    };
    let asks = |last, more: &str| {
        let stub = stub(MESSENGER, at(61, port));
        unbound(at(last, port), &[], &format!("  module-config: \"iterator\"\n{more}{stub}"))
    };
    let _made_up = [made_up(62, 1_800), made_up(63, 9_000)];
    let _asks = [asks(64, ""), asks(65, "  cache-max-ttl: 1000\n")];
    let (_folder, program) = start(&format!(
        "vantage: {{ name: fra, region: EMEA }}
sets:
  - {{ name: some, resolvers: [127.0.53.62, 127.0.53.63, 127.0.53.64, 127.0.53.65], port: {port}, allow_private: true, interval: 3s, timeout: 500ms }}
questions: [{{ name: api.messenger.example, types: [A] }}]
zones:
  messenger.example:
    interval: 1s
    port: {port}
    allow_private: true
    servers: ['127.0.53.61:{port}']
    names: {{ api.messenger.example: [A] }}
"
    ));
    let flag = |metrics: &Scrape, flag: &str| {
        let series = format!(
            "dns_consistency_flag_resolvers{{flag=\"{flag}\",name=\"api.messenger.example\",set=\"some\",type=\"A\"}}"
        );
        metrics.get(&series).unwrap_or(-1.0)
    };
    program.wait_until("a sweep was compared with the one before", |it| {
        flag(it, "ttl_over_auth") == 1.0 && flag(it, "ttl_frozen") == 2.0
    });
    let said = program.page("/api/v1/results?name=api.messenger.example");
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let mut odd: Vec<(String, String)> = Vec::new();
    for row in said.as_array().unwrap() {
        let flags = row["flags"].as_array().into_iter().flatten().filter_map(|it| it.as_str());
        let who = row["resolver"].as_str().unwrap();
        odd.extend(
            flags.filter(|it| it.starts_with("ttl_")).map(|it| (who.to_owned(), it.to_owned())),
        );
    }
    odd.sort_unstable();
    let wanted = [
        ("127.0.53.62", "ttl_frozen"),
        ("127.0.53.63", "ttl_frozen"),
        ("127.0.53.63", "ttl_over_auth"),
    ];
    assert_eq!(odd, wanted.map(|(who, flag)| (who.to_owned(), flag.to_owned())));
    // dig sees what is meant: made up, it is the same a second later.
    for (last, ttl) in [(62, "1800"), (63, "9000")] {
        let answer = dig(at(last, port), &["+noall", "+answer", "api.messenger.example", "A"]);
        assert!(answer.contains(&format!("\t{ttl}\tIN\tA")), "{answer}");
    }
}
