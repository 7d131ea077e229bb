//! What a BMC is logged in to with. No I/O, no clock.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The longest password and the longest `K_g` of IPMI 2.0, in bytes (specification §22.25, §22.30).
pub const MAX_PASSWORD_BYTES: usize = 20;

/// The longest user name, in bytes (specification table 13-11).
pub const MAX_USER_BYTES: usize = 16;

/// A secret of at most 20 bytes: wiped on drop, compared in constant time, `<secret>` in `Debug`.
#[derive(Clone)]
pub struct Password(Zeroizing<Vec<u8>>);

impl Password {
    /// Takes text or bytes; refuses more than 20 bytes, which no BMC can store.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Password, PasswordTooLong> {
        let bytes = Zeroizing::new(bytes.into());
        if bytes.len() > MAX_PASSWORD_BYTES { Err(PasswordTooLong) } else { Ok(Password(bytes)) }
    }

    /// The bytes, for keying a hash.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl PartialEq for Password {
    fn eq(&self, other: &Password) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Password {}

/// A password or `K_g` of more than 20 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordTooLong;

impl fmt::Display for PasswordTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "longer than {MAX_PASSWORD_BYTES} bytes, the limit of IPMI 2.0")
    }
}

impl std::error::Error for PasswordTooLong {}

/// A BMC account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name, at most 16 bytes.
    pub user: String,
    /// The user's password.
    pub password: Password,
    /// The BMC's own key ("BMC key", two-key login), where one is set.
    pub k_g: Option<Password>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_a_secret() {
        let password = Password::new("hunter2").unwrap();
        let credentials =
            Credentials { user: "monitor".into(), password: password.clone(), k_g: Some(password) };
        let text = format!("{credentials:?}");
        assert!(text.contains("<secret>") && text.contains("monitor"));
        assert!(!text.contains("hunter2"));
    }

    #[test]
    fn twenty_bytes_fit_and_twenty_one_do_not() {
        assert!(Password::new("twentybytespassword0").is_ok());
        assert_eq!(Password::new("twentybytespassword01"), Err(PasswordTooLong));
    }

    #[test]
    fn equality_sees_length_and_content() {
        let secret = |text: &str| Password::new(text).unwrap();
        assert_eq!(secret("a"), secret("a"));
        assert_ne!(secret("a"), secret("b"));
        assert_ne!(secret("a"), secret("aa"));
    }
}
