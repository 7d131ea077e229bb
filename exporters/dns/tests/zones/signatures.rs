//! Signatures that end, as Debian's tools make them and a real resolver validates them.

use super::*;

/// A zone with the keys and signatures of Debian's own tools; `from` and `to` are seconds from now.
fn signed(folder: &Path, zone: &str, from: i64, to: i64) -> String {
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).current_dir(folder).args(arguments).output();
        let output = output.expect("the Debian package bind9-utils is needed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let text = ZONE.replace("SERIAL", "7").replace("messenger.example", zone);
    fs::write(folder.join(zone), text).unwrap();
    run("dnssec-keygen", &["-q", "-a", "ECDSAP256SHA256", "-f", "KSK", zone]);
    run("dnssec-keygen", &["-q", "-a", "ECDSAP256SHA256", zone]);
    let (from, to) = (format!("now{from:+}"), format!("now{to:+}"));
    run("dnssec-signzone", &["-S", "-P", "-s", &from, "-e", &to, "-o", zone, zone]);
    fs::read_to_string(folder.join(format!("{zone}.signed"))).unwrap()
}

/// The key of a zone that a resolver trusts, as Debian's tools wrote it.
fn key(folder: &Path, zone: &str) -> String {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let keys = files.filter(|path| {
        let name = path.file_stem().unwrap().to_string_lossy();
        name.starts_with(&format!("K{zone}.")) && path.extension().is_some_and(|it| it == "key")
    });
    let texts = keys.map(|path| fs::read_to_string(path).unwrap());
    texts.filter(|text| text.contains("DNSKEY 257 ")).collect()
}

#[test]
fn signatures_are_told_of_before_they_end() {
    let folder = tempfile::tempdir().unwrap();
    let zones = [
        ("good.example", -3_600, 2_592_000, 0.0),
        ("ends.example", -10_000, 1_000, 2.0),
        ("now.example", -100_000, 1_000, 3.0),
        ("over.example", -100_000, -60, 3.0),
        ("early.example", 3_600, 100_000, 3.0),
        ("lone.elsewhere", -100_000, -60, 3.0),
    ];
    let texts: Vec<_> = zones
        .iter()
        .map(|(zone, from, to, _)| (*zone, signed(folder.path(), zone, *from, *to)))
        .collect();
    let mut texts: Vec<_> = texts.iter().map(|(zone, text)| (*zone, text.as_str())).collect();
    // The zone above most of them; above one there is none, so that no resolver there shows that it is sound.
    texts.push(("example", "$TTL 300\n@ SOA ns.invalid. host 1 1 1 1 1\n@ NS ns.invalid.\n"));
    let address = own(port_at(&[8]));
    let _server = named(address, &texts);
    // A resolver that validates three of them.
    let validated = ["good.example", "over.example", "lone.elsewhere"];
    let keys: String = validated.map(|zone| key(folder.path(), zone)).concat();
    let validator = at(8, address.port());
    let more = "  module-config: \"validator iterator\"\n  trust-anchor-file: \"keys\"\n  val-sig-skew-min: 0\n  val-sig-skew-max: 0\n";
    let known = [&validated[..], &["example", "elsewhere"]].concat();
    let known: Vec<_> = known.iter().map(|zone| stub(zone, address)).collect();
    let _validator = unbound(validator, &[("keys", &keys)], &format!("{more}{}", known.concat()));
    let zone = |(zone, ..): &(&str, i64, i64, f64)| {
        format!(
            "  {zone}: {{ interval: 1s, servers: ['{address}'], resolvers: ['{validator}'], port: {}, \
             allow_private: true }}\n",
            address.port()
        )
    };
    let listed: String = zones.iter().map(zone).collect();
    let (_folder, program) =
        start(&format!("vantage: {{ name: fra, region: EMEA }}\nzones:\n{listed}"));
    program.wait_until_ready();
    program.wait_until("three rounds were judged", |it| {
        verdict(it, "early.example", "signature") == 3.0
            && verdict(it, "over.example", "signature") == 3.0
            && verdict(it, "now.example", "signature") == 3.0
            && verdict(it, "ends.example", "signature") == 2.0
            && verdict(it, "lone.elsewhere", "signature") == 3.0
    });
    let metrics = program.metrics();
    for (zone, _, _, wanted) in zones {
        assert_eq!(verdict(&metrics, zone, "signature"), wanted, "{zone}");
        let ends = metrics
            .value(&format!("dns_auth_signature_expiry_timestamp_seconds{{zone=\"{zone}\"}}"));
        let lines = ["SOA", "NS", "DNSKEY"].map(|kind| dig(address, &["+dnssec", zone, kind]));
        let earliest = lines.iter().flat_map(|text| text.lines()).filter_map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            // Name, TTL, class, RRSIG, type covered, algorithm, labels, TTL, expiration.
            (words.get(3) == Some(&"RRSIG")).then(|| words[8].to_owned())
        });
        let earliest = earliest.min().unwrap();
        let output = Command::new("date")
            .args(["-u", "+%Y%m%d%H%M%S", "-d", &format!("@{ends}")])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), earliest, "{zone}");
    }
    program.wait_until("a validator has failed three times", |it| {
        verdict(it, "over.example", "bogus") == 3.0 && verdict(it, "good.example", "bogus") >= 0.0
    });
    assert_eq!(verdict(&program.metrics(), "good.example", "bogus"), 0.0);
    let page = program.page("/metrics");
    let is_told = |it: &str| it.contains("verdict=\"bogus\"") && it.contains("lone.elsewhere");
    assert!(!page.lines().any(is_told), "a resolver that fails on all says nothing of a zone");
    let status = |zone: &str, more: &str| {
        let text = dig(validator, &["+recurse", more, zone, "SOA"]);
        text.lines().find(|line| line.contains("status: ")).unwrap().to_owned()
    };
    assert!(status("over.example", "+nocdflag").contains("SERVFAIL"));
    assert!(status("lone.elsewhere", "+nocdflag").contains("SERVFAIL"));
    assert!(status("lone.elsewhere", "+cdflag").contains("NOERROR"));
    assert!(status("over.example", "+cdflag").contains("NOERROR"));
    assert!(status("good.example", "+nocdflag").contains("NOERROR"));
}
