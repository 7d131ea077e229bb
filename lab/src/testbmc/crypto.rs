//! The hashes, keys and the cipher of suites 3 and 17, as a BMC uses them. No I/O, no clock.
//!
//! Written from the specification for this BMC alone: the client has its own.

use aes::Aes128;
use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::Sha256;

use super::quirks::Padding;

/// A cipher suite (IPMI 2.0 table 22-20).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Suite {
    /// RAKP-HMAC-SHA1, HMAC-SHA1-96, AES-CBC-128.
    Three,
    /// RAKP-HMAC-SHA256, HMAC-SHA256-128, AES-CBC-128.
    Seventeen,
}

impl Suite {
    /// Its number.
    pub fn number(self) -> u8 {
        match self {
            Self::Three => 3,
            Self::Seventeen => 17,
        }
    }

    /// Authentication, integrity and confidentiality algorithm (tables 13-17, 13-18, 13-19).
    pub(super) fn algorithms(self) -> (u8, u8, u8) {
        match self {
            Self::Three => (1, 1, 1),
            Self::Seventeen => (3, 4, 1),
        }
    }

    /// The keyed hash.
    pub(super) fn hash(self, key: &[u8], data: &[u8]) -> Vec<u8> {
        let any = "HMAC takes keys of any length";
        match self {
            Self::Three => {
                let mut hash = Hmac::<Sha1>::new_from_slice(key).expect(any);
                hash.update(data);
                hash.finalize().into_bytes().to_vec()
            }
            Self::Seventeen => {
                let mut hash = Hmac::<Sha256>::new_from_slice(key).expect(any);
                hash.update(data);
                hash.finalize().into_bytes().to_vec()
            }
        }
    }

    /// The integrity check value of RAKP 4 and of every packet: the hash's first 96 or 128 bits.
    pub(super) fn check_value(self, key: &[u8], data: &[u8]) -> Vec<u8> {
        let mut hash = self.hash(key, data);
        hash.truncate(self.check_bytes());
        hash
    }

    /// The length of an integrity check value.
    pub(super) fn check_bytes(self) -> usize {
        match self {
            Self::Three => 12,
            Self::Seventeen => 16,
        }
    }
}

/// The two keys of a session, made of its session integrity key (section 13.32).
#[derive(Clone, Debug)]
pub(super) struct Keys {
    suite: Suite,
    integrity: Vec<u8>,
    cipher: [u8; 16],
}

impl Keys {
    pub(super) fn new(suite: Suite, session_integrity_key: &[u8]) -> Self {
        let second = suite.hash(session_integrity_key, &[2; 20]);
        let mut cipher = [0; 16];
        cipher.copy_from_slice(&second[..16]);
        Self { suite, integrity: suite.hash(session_integrity_key, &[1; 20]), cipher }
    }

    /// The trailer of a packet.
    pub(super) fn sign(&self, packet: &[u8]) -> Vec<u8> {
        self.suite.check_value(&self.integrity, packet)
    }

    /// Splits a packet from its trailer; none when the trailer is not right.
    pub(super) fn verify<'a>(&self, packet: &'a [u8]) -> Option<&'a [u8]> {
        let end = packet.len().checked_sub(self.suite.check_bytes())?;
        let (signed, trailer) = packet.split_at(end);
        (self.sign(signed) == trailer).then_some(signed)
    }

    /// Vector, then the message with its padding and the padding's length (13.29).
    pub(super) fn encrypt(&self, vector: [u8; 16], padding: Padding, message: &[u8]) -> Vec<u8> {
        let mut text = message.to_vec();
        let least = 15 - u8::try_from(message.len() % 16).expect("a remainder of 16");
        let length = if padding == Padding::Phosphor && least == 0 { 16 } else { least };
        text.extend((1..=length).map(|place| if padding == Padding::Zeroes { 0 } else { place }));
        text.push(length);
        let length = text.len();
        cbc::Encryptor::<Aes128>::new(&self.cipher.into(), &vector.into())
            .encrypt_padded::<NoPadding>(&mut text, length)
            .expect("the text is made of whole blocks");
        [vector.as_slice(), &text].concat()
    }

    /// The message; none when the padding is not right.
    pub(super) fn decrypt(&self, payload: &[u8]) -> Option<Vec<u8>> {
        let (vector, text) = payload.split_first_chunk::<16>()?;
        let mut text = text.to_vec();
        cbc::Decryptor::<Aes128>::new(&self.cipher.into(), vector.into())
            .decrypt_padded::<NoPadding>(&mut text)
            .ok()?;
        let padding = text.pop()?;
        let end = text.len().checked_sub(padding.into())?;
        (1..=padding).eq(text[end..].iter().copied()).then(|| text[..end].to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encrypted_can_be_decrypted_for_every_length() {
        let keys = Keys::new(Suite::Seventeen, &[7; 32]);
        for length in 0..64 {
            let message = vec![0x5A; length];
            let secret = keys.encrypt([9; 16], Padding::Least, &message);
            assert_eq!(secret.len() % 16, 0);
            assert_eq!(keys.decrypt(&secret), Some(message));
        }
    }

    #[test]
    fn a_changed_bit_is_noticed() {
        let keys = Keys::new(Suite::Three, &[7; 20]);
        let mut packet = b"packet".to_vec();
        packet.extend(keys.sign(b"packet"));
        assert_eq!(keys.verify(&packet), Some(b"packet".as_slice()));
        packet[2] ^= 1;
        assert_eq!(keys.verify(&packet), None);
    }

    #[test]
    fn hmac_sha1_is_that_of_rfc_2202() {
        let hash = Suite::Three.hash(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hash[..4], [0xEF, 0xFC, 0xDF, 0x6A]);
    }
}
