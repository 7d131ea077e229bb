//! Handshakes with old, broken and strict servers.

use std::net::SocketAddr;

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::dh::Dh;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::Private;
use openssl::rsa::Rsa;
use openssl::ssl::SslContextBuilder;
use openssl::x509::extension::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
};
use openssl::x509::{X509, X509Extension, X509Name, X509NameRef};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::judged::NO_CHAIN;
use super::*;
use crate::blackbox::trial::Trial;

const HOST: &str = "device.example";
const DAY: i64 = 86_400;

/// A key, and the certificate that goes with it.
struct Identity {
    key: PKey<Private>,
    certificate: X509,
}

/// How a certificate is made.
struct Made<'a> {
    key: PKey<Private>,
    /// X.509 v3 where there is one.
    name: Option<&'a str>,
    days: (i64, i64),
    digest: MessageDigest,
    /// By itself where there is none.
    by: Option<&'a Identity>,
    is_ca: bool,
    extensions: Vec<X509Extension>,
}

fn rsa(bits: u32) -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
}

fn ec(curve: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(curve).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

impl Default for Made<'_> {
    fn default() -> Self {
        Self {
            key: ec(Nid::X9_62_PRIME256V1),
            name: Some(HOST),
            days: (-1, 30),
            digest: MessageDigest::sha256(),
            by: None,
            is_ca: false,
            extensions: Vec::new(),
        }
    }
}

fn common_name(name: &str) -> X509Name {
    let mut built = X509Name::builder().unwrap();
    built.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    built.build()
}

impl Made<'_> {
    fn make(self) -> Identity {
        let mut built = X509::builder().unwrap();
        built.set_version(if self.name.is_some() { 2 } else { 0 }).unwrap();
        let mut serial = BigNum::new().unwrap();
        serial.rand(100, MsbOption::ONE, false).unwrap();
        built.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
        let subject = common_name(if self.is_ca { "authority" } else { HOST });
        built.set_subject_name(&subject).unwrap();
        let issuer: &X509NameRef = self.by.map_or(&subject, |by| by.certificate.subject_name());
        built.set_issuer_name(issuer).unwrap();
        let at = |days: i64| Asn1Time::from_unix(now() + days * DAY).unwrap();
        built.set_not_before(&at(self.days.0)).unwrap();
        built.set_not_after(&at(self.days.1)).unwrap();
        built.set_pubkey(&self.key).unwrap();
        if let Some(name) = self.name {
            let named = SubjectAlternativeName::new()
                .dns(name)
                .build(&built.x509v3_context(None, None))
                .unwrap();
            built.append_extension(named).unwrap();
            if self.is_ca {
                built.append_extension(BasicConstraints::new().ca().build().unwrap()).unwrap();
            }
        }
        for extension in self.extensions {
            built.append_extension(extension).unwrap();
        }
        built.sign(self.by.map_or(&self.key, |by| &by.key), self.digest).unwrap();
        Identity { key: self.key, certificate: built.build() }
    }
}

fn authority() -> Identity {
    Made { is_ca: true, days: (-1, 10), ..Made::default() }.make()
}

fn pem(identity: &Identity) -> String {
    String::from_utf8(identity.certificate.to_pem().unwrap()).unwrap()
}

/// A server that says "hi" to each who comes, and hangs up without a goodbye.
async fn server(identity: &Identity, how: impl FnOnce(&mut SslContextBuilder)) -> SocketAddr {
    let mut built = SslContext::builder(SslMethod::tls_server()).unwrap();
    built.set_security_level(0);
    built.set_certificate(&identity.certificate).unwrap();
    built.set_private_key(&identity.key).unwrap();
    how(&mut built);
    let context = built.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = SslStream::new(Ssl::new(&context).unwrap(), stream).unwrap();
            if Pin::new(&mut stream).accept().await.is_ok() {
                let _ = stream.write_all(b"hi").await;
                let _ = stream.flush().await;
            }
        }
    });
    address
}

fn settings(yaml: &str) -> Settings {
    let mut settings: Settings = exporter_kit::parse(yaml, "test.yml").unwrap();
    settings.load(Path::new("/")).unwrap();
    settings
}

/// With this CA, as YAML has it.
fn trusting(authority: &Identity, rest: &str) -> Settings {
    settings(&format!("{{ca: {:?}, {rest}}}", pem(authority)))
}

async fn probed(settings: &Settings, address: SocketAddr) -> (Result<String, Failure>, Found) {
    let (trial, mut found) = (Trial::new(), Found::default());
    let stream = TcpStream::connect(address).await.unwrap();
    let ask = trial.ask("target");
    let connected = settings.connect(stream, HOST, &["h2", "http/1.1"], &ask, &mut found).await;
    let read = match connected {
        Err(failure) => Err(failure),
        Ok(mut stream) => {
            let mut text = String::new();
            match stream.read_to_string(&mut text).await {
                Ok(_) => Ok(text),
                Err(error) => Err(classify(&error)),
            }
        }
    };
    eprintln!("{}", trial.said());
    (read, found)
}

#[expect(clippy::unnecessary_wraps, reason = "it is what a probe gives")]
fn hi() -> Result<String, Failure> {
    Ok("hi".to_owned())
}

#[tokio::test]
async fn a_good_server_is_trusted_and_described() {
    let authority = authority();
    let identity = Made { by: Some(&authority), ..Made::default() }.make();
    let address = server(&identity, |_| {}).await;
    let (read, found) = probed(&trusting(&authority, ""), address).await;
    assert_eq!(read, hi());
    let tls = found.tls.unwrap();
    assert_eq!(tls.version, Some("TLS 1.3"));
    assert_eq!(tls.cipher.as_deref(), Some("TLS_AES_128_GCM_SHA256"));
    let days = |time: Option<i64>| (time.unwrap() - now() + DAY / 2).div_euclid(DAY);
    // The leaf's, which alone is shown; the CA ends before it.
    assert_eq!((days(tls.earliest_expiry), days(tls.last_chain_expiry)), (30, 10));
    let leaf = tls.leaf.unwrap();
    assert_eq!(
        (leaf.subject.as_str(), leaf.issuer.as_str()),
        ("CN=device.example", "CN=authority")
    );
    assert_eq!(leaf.subject_alternative, HOST);
    assert_eq!((leaf.serial.len(), leaf.fingerprint_sha256.len()), (26, 64));
}

#[tokio::test]
async fn a_disk_that_hangs_holds_up_no_target_and_what_changed_is_seen_when_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let (ours, other) = (authority(), authority());
    let identity = Made { by: Some(&ours), ..Made::default() }.make();
    let address = server(&identity, |_| {}).await;
    std::fs::write(&file, pem(&ours)).unwrap();
    let settings = settings(&format!("{{ca_file: {:?}}}", file.to_str().unwrap()));
    let trial = Trial::new();
    let shake = |is_of_target, for_so_long| {
        let (settings, trial) = (&settings, &trial);
        async move {
            let mut ask = Ask { is_of_target, ..trial.ask("target") };
            ask.deadline = ask.started + std::time::Duration::from_millis(for_so_long);
            let stream = TcpStream::connect(address).await.unwrap();
            let shaken = settings.connect(stream, HOST, &[], &ask, &mut Found::default()).await;
            shaken.map(drop)
        }
    };
    let held = settings.newest.hold().await;
    std::fs::write(&file, pem(&other)).unwrap();
    assert_eq!(shake(true, 30_000).await, Ok(()), "by what the file was");
    assert_eq!(shake(false, 200).await, Err(Failure::Local), "nobody knows what it is");
    drop(held);
    assert_eq!(shake(false, 30_000).await, Err(Failure::TlsVerify));
    assert_eq!(shake(true, 30_000).await, Err(Failure::TlsVerify));
    std::fs::remove_file(&file).unwrap();
    assert_eq!(shake(false, 30_000).await, Err(Failure::Local));
}

#[tokio::test(start_paused = true)]
async fn a_chain_is_judged_once_a_minute() {
    let certificate = || authority().certificate;
    let mine = certificate();
    let mut shown = openssl::stack::Stack::new().unwrap();
    let made = Made { by: None, ..Made::default() }.make();
    shown.push(made.certificate.clone()).unwrap();
    let trusting = judge::store_of(vec![made.certificate]).unwrap();
    let stranger = judge::store_of(vec![mine]).unwrap();
    let judged = Judged::default();
    let good = judged.judge(&trusting, Some(&shown), HOST);
    assert!(good.is_ok(), "{good:?}");
    // Nobody is asked again, not even who would say otherwise.
    assert_eq!(judged.judge(&stranger, Some(&shown), HOST), good);
    let other = judged.judge(&trusting, Some(&shown), "other.example");
    assert_eq!(other.map_err(|refusal| refusal.kind()), Err(crate::outcome::Distrust::Name));
    tokio::time::advance(std::time::Duration::from_secs(60)).await;
    assert!(judged.judge(&stranger, Some(&shown), HOST).is_err());
    assert_eq!(judged.judge(&trusting, None, HOST), Err(judge::Refusal::Nothing));
}

#[tokio::test]
async fn what_is_refused_is_known_all_the_same() {
    let authority = authority();
    let made = || Made { by: Some(&authority), ..Made::default() };
    let cases = [
        ("its name", Made { name: Some("other.example"), ..made() }, 30),
        ("its expiry", Made { days: (-9, -2), ..made() }, -2),
        ("its beginning", Made { days: (2, 9), ..made() }, 9),
        ("its signature", Made { digest: MessageDigest::sha1(), ..made() }, 30),
        ("its issuer", Made { by: None, ..made() }, 30),
        ("its version, which has no name", Made { name: None, ..made() }, 30),
    ];
    for (why, made, expiry) in cases {
        let identity = made.make();
        let address = server(&identity, |_| {}).await;
        let (read, found) = probed(&trusting(&authority, ""), address).await;
        assert_eq!(read, Err(Failure::TlsVerify), "{why}");
        let tls = found.tls.unwrap();
        let days = (tls.earliest_expiry.unwrap() - now() + DAY / 2).div_euclid(DAY);
        assert_eq!((days, tls.last_chain_expiry), (expiry, None), "{why}");
        assert!(tls.leaf.is_some() && tls.version == Some("TLS 1.3"), "{why}");
        // And measured by who does not mind.
        let (read, found) = probed(&settings("{insecure_skip_verify: true}"), address).await;
        assert_eq!(read, hi(), "{why}");
        assert_eq!(found.tls.unwrap().last_chain_expiry, Some(NO_CHAIN));
    }
}

#[tokio::test]
async fn a_certificate_may_be_its_own_authority() {
    let one = Made::default().make();
    let address = server(&one, |_| {}).await;
    assert_eq!(probed(&trusting(&one, ""), address).await.0, hi());
    // And one that another has signed an anchor.
    let authority = authority();
    let one = Made { by: Some(&authority), ..Made::default() }.make();
    let address = server(&one, |_| {}).await;
    assert_eq!(probed(&trusting(&one, ""), address).await.0, hi());
    // It is still for its names alone.
    let (read, _) = probed(&trusting(&one, "server_name: other.example"), address).await;
    assert_eq!(read, Err(Failure::TlsVerify));
}

#[tokio::test]
async fn what_a_certificate_is_for_is_said_by_its_extended_usage() {
    // An authority that serves: what its key may do counts for those below it alone.
    let signs = KeyUsage::new().critical().key_cert_sign().crl_sign().build().unwrap();
    let one = Made { is_ca: true, extensions: vec![signs], ..Made::default() }.make();
    let address = server(&one, |_| {}).await;
    assert_eq!(probed(&trusting(&one, ""), address).await.0, hi());
    let refused = || Err(Failure::TlsVerify);
    for (usages, wanted) in [
        (&["clientAuth"][..], refused()),
        (&["clientAuth", "serverAuth"], hi()),
        (&["anyExtendedKeyUsage"], hi()),
    ] {
        let extensions = || {
            let mut built = ExtendedKeyUsage::new();
            for usage in usages {
                built.other(usage);
            }
            vec![built.build().unwrap()]
        };
        let leaf = Made { extensions: extensions(), ..Made::default() }.make();
        let address = server(&leaf, |_| {}).await;
        assert_eq!(probed(&trusting(&leaf, ""), address).await.0, wanted);
        // And that of who signed it.
        let above = Made { is_ca: true, extensions: extensions(), ..Made::default() }.make();
        let leaf = Made { by: Some(&above), ..Made::default() }.make();
        let address = server(&leaf, |_| {}).await;
        assert_eq!(probed(&trusting(&above, ""), address).await.0, wanted);
    }
}

#[tokio::test]
async fn an_old_device_is_measured() {
    let old = rsa(1024);
    let identity = Made { key: old, digest: MessageDigest::sha1(), name: None, ..Made::default() };
    let identity = identity.make();
    let dh = || Dh::get_2048_256().unwrap();
    for (suite, wanted) in [
        ("AES128-SHA", "TLS_RSA_WITH_AES_128_CBC_SHA"),
        ("AES256-GCM-SHA384", "TLS_RSA_WITH_AES_256_GCM_SHA384"),
        ("ECDHE-RSA-AES256-SHA", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
        ("DHE-RSA-AES128-GCM-SHA256", "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"),
    ] {
        let address = server(&identity, |built| {
            built.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
            built.set_cipher_list(&format!("{suite}:@SECLEVEL=0")).unwrap();
            built.set_tmp_dh(&dh()).unwrap();
        });
        let address = address.await;
        let (read, found) = probed(&settings("{insecure_skip_verify: true}"), address).await;
        assert_eq!(read, hi(), "{suite}");
        let tls = found.tls.unwrap();
        assert_eq!((tls.version, tls.cipher.as_deref()), (Some("TLS 1.2"), Some(wanted)));
    }
    let curve = Made { key: ec(Nid::SECP521R1), ..Made::default() }.make();
    let address = server(&curve, |built| built.set_groups_list("P-521").unwrap()).await;
    assert_eq!(probed(&trusting(&curve, ""), address).await.0, hi());
}

#[tokio::test]
async fn versions_are_those_of_the_module() {
    let identity = Made { key: rsa(2048), ..Made::default() }.make();
    let only = async |version| {
        server(&identity, |built| {
            built.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
            built.set_min_proto_version(Some(version)).unwrap();
            built.set_max_proto_version(Some(version)).unwrap();
        })
        .await
    };
    let old = only(SslVersion::TLS1).await;
    let (read, found) = probed(&trusting(&identity, ""), old).await;
    assert_eq!((read, found.tls), (Err(Failure::TlsHandshake), None));
    let (read, found) = probed(&trusting(&identity, "min_version: TLS10"), old).await;
    assert_eq!((read, found.tls.unwrap().version), (hi(), Some("TLS 1.0")));
    let (read, found) =
        probed(&trusting(&identity, "max_version: TLS12"), server(&identity, |_| {}).await).await;
    assert_eq!((read, found.tls.unwrap().version), (hi(), Some("TLS 1.2")));
    let new = only(SslVersion::TLS1_3).await;
    let (read, _) = probed(&trusting(&identity, "max_version: TLS12"), new).await;
    assert_eq!(read, Err(Failure::TlsHandshake));
}

#[tokio::test]
async fn a_server_may_want_to_know_us() {
    let authority = authority();
    let identity = Made { by: Some(&authority), ..Made::default() }.make();
    let address = server(&identity, |built| {
        built.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        built.set_ca_file("/dev/null").unwrap_or(());
        let mut store = openssl::x509::store::X509StoreBuilder::new().unwrap();
        store.add_cert(authority.certificate.clone()).unwrap();
        built.set_verify_cert_store(store.build()).unwrap();
    })
    .await;
    let (read, found) = probed(&trusting(&authority, ""), address).await;
    assert_eq!(read, Err(Failure::TlsHandshake));
    assert!(found.tls.unwrap().earliest_expiry.is_some());
    let key = String::from_utf8(identity.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let ours = format!("cert: {:?}, key: {key:?}", pem(&identity));
    assert_eq!(probed(&trusting(&authority, &ours), address).await.0, hi());
}

#[tokio::test]
async fn what_is_not_tls_is_told_from_what_hangs_up() {
    for (answer, wanted) in
        [(&b"HTTP/1.0 400 Bad Request\r\n\r\n"[..], Failure::TlsHandshake), (b"", Failure::Reset)]
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut hello = [0; 64];
            let _ = stream.read(&mut hello).await;
            let _ = stream.write_all(answer).await;
        });
        let (read, found) = probed(&settings("{insecure_skip_verify: true}"), address).await;
        assert_eq!((read, found.tls), (Err(wanted), None));
    }
}

#[test]
fn what_cannot_be_is_refused_by_its_field() {
    for (yaml, wanted) in [
        ("{cert_file: a}", "key: must be given beside cert"),
        ("{key_file: a}", "cert: must be given beside key"),
        ("{ca: s3cret, ca_file: a}", "ca: give it or ca_file, not both"),
        ("{min_version: TLS13, max_version: TLS12}", "min_version: must not be newer"),
        ("{min_version: TLS9}", "TLS10"),
        ("{renegotiation: never}", "renegotiation"),
    ] {
        let error = exporter_kit::parse::<Settings>(yaml, "test.yml").unwrap_err().to_string();
        assert!(error.contains(wanted) && !error.contains("s3cret"), "{yaml}: {error}");
    }
    for (yaml, wanted) in [
        ("{ca: nothing}", "tls_config.ca_file: there is no certificate in it"),
        ("{ca_file: none.pem}", "none.pem"),
    ] {
        let mut settings: Settings = exporter_kit::parse(yaml, "test.yml").unwrap();
        let error = format!("{:#}", settings.load(Path::new("/nowhere")).unwrap_err());
        assert!(error.contains(wanted), "{yaml}: {error}");
    }
    let settings = settings("{ca_file: /etc/ssl/certs/ca-certificates.crt}");
    assert!(settings == settings.clone() && format!("{settings:?}").contains("<loaded>"));
}
