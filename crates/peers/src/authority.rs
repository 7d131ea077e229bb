//! A CA of a test's own, and what it has signed.

use std::fs;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};

/// A CA with a fresh key, which is never written anywhere.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, both PEM.
#[derive(Debug)]
pub struct Signed {
    /// The certificate, without that of the CA.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

impl Default for Authority {
    fn default() -> Self {
        let mut params = named("authority", &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, key()).expect("a CA");
        Self { issuer }
    }
}

impl Authority {
    /// Its certificate, PEM.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for a server or a client of this name, good from now on.
    pub fn sign(&self, name: &str) -> Signed {
        self.signed(named(name, &[name]))
    }

    /// A certificate for the first of these names, good for all of them; they may be addresses.
    pub fn sign_for(&self, names: &[&str]) -> Signed {
        self.signed(named(names[0], names))
    }

    /// A certificate for this name that ended in 2001.
    pub fn sign_expired(&self, name: &str) -> Signed {
        let mut params = named(name, &[name]);
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(2001, 1, 1);
        self.signed(params)
    }

    fn signed(&self, mut params: CertificateParams) -> Signed {
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = key();
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Signed { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

impl Signed {
    /// Writes `<file>.pem` and `<file>.key` in a folder, each in one step, as whoever renews certificates
    /// should.
    pub fn write(&self, folder: &Path, file: &str) {
        for (ending, text) in [("pem", &self.certificate), ("key", &self.key)] {
            let new = folder.join(format!("{file}.{ending}.new"));
            fs::write(&new, text).expect("a file of the test's folder");
            fs::rename(&new, folder.join(format!("{file}.{ending}"))).expect("the same folder");
        }
    }
}

fn named(name: &str, alternative: &[&str]) -> CertificateParams {
    let alternative: Vec<String> = alternative.iter().map(|&name| name.to_owned()).collect();
    let mut params =
        CertificateParams::new(alternative).expect("names that a certificate may have");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}
