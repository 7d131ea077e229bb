//! Certificates that were shown in QUIC lately.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use openssl::error::ErrorStack;
use openssl::x509::X509;

/// Certificates that were shown lately, as they were read, the newest last: to read one is a good part of the work of a
/// probe.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<VecDeque<(Vec<u8>, X509)>>);

impl Known {
    /// So many of them: those of the targets that a module mostly has.
    const MOST: usize = 64;
    /// A larger one is not kept: whoever is asked shows what he likes.
    const MOST_BYTES: usize = 8 << 10;

    /// Reads one.
    pub(super) fn read(&self, der: &[u8]) -> Result<X509, ErrorStack> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = {
            let mut known = known();
            let place = known.iter().position(|(known, _)| known == der);
            let found = place.and_then(|place| known.remove(place));
            // One that many show stays.
            found.inspect(|found| known.push_back(found.clone()))
        };
        if let Some((_, certificate)) = found {
            return Ok(certificate);
        }
        let certificate = X509::from_der(der)?;
        if der.len() > Self::MOST_BYTES {
            return Ok(certificate);
        }
        let mut known = known();
        if known.len() == Self::MOST {
            known.pop_front();
        }
        known.push_back((der.to_vec(), certificate.clone()));
        Ok(certificate)
    }
}

#[cfg(test)]
mod tests {
    use openssl::asn1::Asn1Time;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::hash::MessageDigest;
    use openssl::nid::Nid;
    use openssl::pkey::PKey;
    use openssl::x509::extension::SubjectAlternativeName;

    use super::*;

    /// The shortest there are, and one for as many names as are said.
    fn certificate(number: usize, names: usize) -> Vec<u8> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let mut builder = X509::builder().unwrap();
        builder.set_pubkey(&key).unwrap();
        let days = Asn1Time::days_from_now(u32::try_from(number).unwrap()).unwrap();
        builder.set_not_before(&days).unwrap();
        builder.set_not_after(&days).unwrap();
        if names > 0 {
            let mut list = SubjectAlternativeName::new();
            for name in 0..names {
                list.dns(&format!("{name}.example"));
            }
            let list = list.build(&builder.x509v3_context(None, None)).unwrap();
            builder.append_extension(list).unwrap();
        }
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        builder.build().to_der().unwrap()
    }

    fn kept(known: &Known) -> Vec<Vec<u8>> {
        known.0.lock().unwrap().iter().map(|(der, _)| der.clone()).collect()
    }

    #[test]
    fn a_certificate_is_read_once_while_it_is_among_those_that_were_shown_lately() {
        let ders: Vec<_> = (0..=Known::MOST).map(|number| certificate(number, 0)).collect();
        let known = Known::default();
        for _ in 0..2 {
            assert_eq!(known.read(&ders[0]).unwrap().to_der().unwrap(), ders[0]);
            assert_eq!(kept(&known), ders[..1]);
        }
        for der in &ders[1..Known::MOST] {
            assert_eq!(&known.read(der).unwrap().to_der().unwrap(), der);
        }
        // The first is shown again, so that the second makes room.
        known.read(&ders[0]).unwrap();
        known.read(&ders[Known::MOST]).unwrap();
        let mut wanted = ders[2..Known::MOST].to_vec();
        wanted.extend([&ders[0], &ders[Known::MOST]].map(Clone::clone));
        assert_eq!(kept(&known), wanted);
        assert!(known.read(b"none").is_err() && kept(&known) == wanted);
    }

    #[test]
    fn one_that_is_too_large_is_read_and_not_kept() {
        let (known, small) = (Known::default(), certificate(1, 100));
        let large = certificate(2, Known::MOST_BYTES / 10);
        assert!(small.len() < Known::MOST_BYTES && large.len() > Known::MOST_BYTES);
        for der in [&small, &large] {
            assert_eq!(&known.read(der).unwrap().to_der().unwrap(), der);
        }
        assert_eq!(kept(&known), [small]);
    }
}
