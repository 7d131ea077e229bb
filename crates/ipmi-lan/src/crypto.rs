//! The hashes and the cipher of suites 3 and 17. No I/O, no clock.

use aes::Aes128;
use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::options::CipherSuite;

/// The block of AES, and the length of an initialisation vector.
pub(crate) const AES_BLOCK: usize = 16;

/// The authentication, integrity and confidentiality algorithm numbers of a suite (specification
/// tables 13-17, 13-18 and 13-19).
pub(crate) fn algorithms(suite: CipherSuite) -> [u8; 3] {
    match suite {
        CipherSuite::Suite17 => [0x03, 0x04, 0x01],
        CipherSuite::Suite3 => [0x01, 0x01, 0x01],
    }
}

/// Length of a RAKP key exchange authentication code: the whole hash.
pub(crate) fn key_exchange_bytes(suite: CipherSuite) -> usize {
    match suite {
        CipherSuite::Suite17 => 32,
        CipherSuite::Suite3 => 20,
    }
}

/// Length of an integrity check value: HMAC-SHA1-96 or HMAC-SHA256-128.
pub(crate) fn integrity_bytes(suite: CipherSuite) -> usize {
    match suite {
        CipherSuite::Suite17 => 16,
        CipherSuite::Suite3 => 12,
    }
}

/// The suite's HMAC of the parts one after the other.
pub(crate) fn hmac(suite: CipherSuite, key: &[u8], parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    match suite {
        CipherSuite::Suite17 => keyed_hash::<Hmac<Sha256>>(key, parts),
        CipherSuite::Suite3 => keyed_hash::<Hmac<Sha1>>(key, parts),
    }
}

fn keyed_hash<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().to_vec())
}

/// Whether two codes are equal, in constant time; a shorter one never equals a longer one.
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// The keys of an open session (specification §13.32).
pub(crate) struct SessionKeys {
    suite: CipherSuite,
    /// K1, for integrity.
    integrity: Zeroizing<Vec<u8>>,
    /// The first 128 bits of K2, for AES.
    cipher: Zeroizing<[u8; AES_BLOCK]>,
}

impl SessionKeys {
    pub(crate) fn suite(&self) -> CipherSuite {
        self.suite
    }

    /// Derives K1 and K2 from the session integrity key.
    ///
    /// The constants are 20 bytes long whatever the hash: so do firmware and other clients.
    pub(crate) fn derive(suite: CipherSuite, sik: &[u8]) -> SessionKeys {
        let k2 = hmac(suite, sik, &[&[0x02; 20]]);
        let mut cipher = Zeroizing::new([0; AES_BLOCK]);
        for (to, from) in cipher.iter_mut().zip(k2.iter()) {
            *to = *from;
        }
        SessionKeys { suite, integrity: hmac(suite, sik, &[&[0x01; 20]]), cipher }
    }

    /// How long this session's integrity codes are.
    pub(crate) fn integrity_bytes(&self) -> usize {
        integrity_bytes(self.suite)
    }

    /// The integrity code over `bytes`.
    pub(crate) fn integrity_code(&self, bytes: &[u8]) -> Vec<u8> {
        let mut code = hmac(self.suite, &self.integrity, &[bytes]).to_vec();
        code.truncate(self.integrity_bytes());
        code
    }

    /// AES-CBC-128 with the padding 01h 02h ... and its length as the last byte (specification
    /// table 13-20). The initialisation vector comes first.
    pub(crate) fn encrypt(&self, iv: [u8; AES_BLOCK], plain: &[u8]) -> Vec<u8> {
        let padding = (AES_BLOCK - (plain.len() + 1) % AES_BLOCK) % AES_BLOCK;
        let mut out = iv.to_vec();
        out.extend(plain);
        out.extend((1_u8..).take(padding));
        out.push(u8::try_from(padding).unwrap_or(0));
        if let Some((_iv, blocks)) = out.split_at_mut_checked(AES_BLOCK) {
            let length = blocks.len();
            cbc::Encryptor::<Aes128>::new((&*self.cipher).into(), (&iv).into())
                .encrypt_padded::<NoPadding>(blocks, length)
                .expect("the length is a multiple of the block");
        }
        out
    }

    /// Undoes [`SessionKeys::encrypt`]; `None` when the length is wrong or the padding longer than the
    /// payload.
    ///
    /// What the padding holds, and whether there is more of it than is needed, is not looked at: the
    /// integrity code vouches for it. Some firmware fills it with zeroes, and `OpenBMC` adds a whole
    /// block where none is needed.
    pub(crate) fn decrypt(&self, payload: &[u8]) -> Option<Vec<u8>> {
        let (iv, encrypted) = payload.split_first_chunk::<AES_BLOCK>()?;
        let mut plain = encrypted.to_vec();
        cbc::Decryptor::<Aes128>::new((&*self.cipher).into(), iv.into())
            .decrypt_padded::<NoPadding>(&mut plain)
            .ok()?;
        let padding = usize::from(plain.pop()?);
        let length = plain.len().checked_sub(padding)?;
        plain.truncate(length);
        Some(plain)
    }
}

impl std::fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<keys of suite {}>", self.suite.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
    }

    #[test]
    fn the_hmacs_are_those_of_rfc_2202_and_rfc_4231() {
        let data: &[&[u8]] = &[b"what do ya want ", b"for nothing?"];
        assert_eq!(
            *hmac(CipherSuite::Suite3, b"Jefe", data),
            bytes("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")
        );
        assert_eq!(
            *hmac(CipherSuite::Suite17, b"Jefe", data),
            bytes("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        );
    }

    #[test]
    fn every_length_survives_encryption() {
        let keys = SessionKeys::derive(CipherSuite::Suite3, &[7; 20]);
        for length in 0..70 {
            let plain: Vec<u8> = (0..length).collect();
            let encrypted = keys.encrypt([9; 16], &plain);
            assert_eq!(encrypted.len() % 16, 0);
            assert_eq!(keys.decrypt(&encrypted), Some(plain));
        }
    }

    #[test]
    fn wrong_lengths_are_refused() {
        let keys = SessionKeys::derive(CipherSuite::Suite17, &[7; 32]);
        for length in 0..48 {
            // Zeroes decrypt to noise: whatever comes out, nothing may panic.
            let _ = keys.decrypt(&vec![0; length]);
        }
        assert_eq!(keys.decrypt(&[0; 15]), None);
        assert_eq!(keys.decrypt(&[0; 16]), None);
        assert_eq!(keys.decrypt(&[0; 33]), None);
    }

    #[test]
    fn codes_are_cut_to_the_suites_length() {
        for (suite, length) in [(CipherSuite::Suite3, 12), (CipherSuite::Suite17, 16)] {
            let keys = SessionKeys::derive(suite, &[1; 20]);
            assert_eq!(keys.integrity_code(b"x").len(), length);
        }
        assert!(equal(b"abc", b"abc") && !equal(b"abc", b"abcd") && !equal(b"abc", b"abd"));
    }
}
