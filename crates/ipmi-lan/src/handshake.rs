//! The messages of a log-in and the proofs in them: Open Session and RAKP 1 to 4. No I/O, no clock.

use zeroize::Zeroizing;

use crate::credentials::Credentials;
use crate::crypto::{self, algorithms, equal, hmac, integrity_bytes, key_exchange_bytes};
use crate::error::SessionError;
use crate::options::{CipherSuite, Privilege};

/// Status 0 of an RMCP+ message.
pub(crate) const STATUS_OK: u8 = 0x00;
/// "Invalid integrity check value": what we tell a BMC whose proof is wrong.
pub(crate) const STATUS_BAD_INTEGRITY: u8 = 0x0F;

/// How the BMC is to find the user (RAKP 1, byte 25, bit 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// By name alone.
    Name,
    /// By name and privilege.
    NameAndPrivilege,
}

/// What both sides agreed on or chose; every proof is made of it.
pub(crate) struct Exchange {
    pub(crate) suite: CipherSuite,
    pub(crate) privilege: Privilege,
    pub(crate) lookup: Lookup,
    /// `SIDm`: the ID the BMC is to put into packets to us.
    pub(crate) console_id: u32,
    /// `SIDc`: the ID we put into packets to the BMC.
    pub(crate) bmc_id: u32,
    /// `Rm`: our random number.
    pub(crate) console_random: [u8; 16],
}

/// What RAKP message 2 brings.
#[derive(Clone, Copy)]
pub(crate) struct BmcIdentity {
    /// `Rc`: the BMC's random number.
    pub(crate) random: [u8; 16],
    /// `GUIDc`: the BMC's GUID.
    pub(crate) guid: [u8; 16],
}

/// RMCP+ Open Session Request (specification table 13-9).
pub(crate) fn open_session_request(
    tag: u8,
    privilege: Privilege,
    console_id: u32,
    suite: CipherSuite,
) -> Vec<u8> {
    let mut message = vec![tag, privilege as u8, 0, 0];
    message.extend(console_id.to_le_bytes());
    for (payload, algorithm) in (0_u8..).zip(algorithms(suite)) {
        message.extend([payload, 0, 0, 8, algorithm, 0, 0, 0]);
    }
    message
}

/// What follows a message of the BMC in the log-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer<T> {
    /// An earlier attempt's, another session's, or too short: go on waiting.
    NotThisOne,
    /// The BMC refuses with this status.
    Refused(u8),
    /// What was asked for.
    Accepted(T),
}

/// RMCP+ Open Session Response (specification table 13-10). Gives the BMC's session ID, or an
/// error when the BMC chose other algorithms than those asked for.
///
/// The privilege in it is not looked at: some firmware leaves it 0 (FreeIPMI's `opensesspriv`), and
/// RAKP decides.
pub(crate) fn open_session_response(
    message: &[u8],
    tag: u8,
    console_id: u32,
    suite: CipherSuite,
) -> Answer<Result<u32, SessionError>> {
    let answer = status_and_id(message, tag, console_id);
    let Answer::Accepted(()) = answer else { return answer.cast() };
    let Some(([.., i0, i1, i2, i3], rest)) = message.split_first_chunk::<12>() else {
        return Answer::NotThisOne;
    };
    let chosen = [rest.get(4), rest.get(12), rest.get(20)].map(|a| a.map(|byte| byte & 0x3F));
    let bmc_id = u32::from_le_bytes([*i0, *i1, *i2, *i3]);
    Answer::Accepted(if chosen != algorithms(suite).map(Some) {
        Err(SessionError::SuiteMismatch)
    } else if bmc_id == 0 {
        Err(SessionError::Protocol)
    } else {
        Ok(bmc_id)
    })
}

/// Tag, status, and our session ID, which error forms may leave out.
fn status_and_id(message: &[u8], tag: u8, console_id: u32) -> Answer<()> {
    match *message {
        [got, ..] if got != tag => Answer::NotThisOne,
        [_, _, _, _, i0, i1, i2, i3, ..] if u32::from_le_bytes([i0, i1, i2, i3]) != console_id => {
            Answer::NotThisOne
        }
        [_, STATUS_OK, _, _, _, _, _, _, ..] => Answer::Accepted(()),
        [_, STATUS_OK, ..] | [] | [_] => Answer::NotThisOne,
        [_, status, ..] => Answer::Refused(status),
    }
}

impl<T> Answer<T> {
    /// The same refusal, for another kind of acceptance.
    fn cast<U>(self) -> Answer<U> {
        match self {
            Answer::Refused(status) => Answer::Refused(status),
            Answer::NotThisOne | Answer::Accepted(_) => Answer::NotThisOne,
        }
    }
}

impl Exchange {
    /// The byte that says privilege and lookup. Proofs are keyed on what was sent here, whatever
    /// the BMC made of it.
    fn role(&self) -> u8 {
        let name_only = match self.lookup {
            Lookup::Name => 0x10,
            Lookup::NameAndPrivilege => 0,
        };
        self.privilege as u8 | name_only
    }

    /// RAKP message 1 (specification table 13-11).
    pub(crate) fn rakp_1(&self, tag: u8, user: &str) -> Vec<u8> {
        let mut message = vec![tag, 0, 0, 0];
        message.extend(self.bmc_id.to_le_bytes());
        message.extend(self.console_random);
        message.extend([self.role(), 0, 0, name_length(user)]);
        message.extend(user.as_bytes());
        message
    }

    /// RAKP message 2 (specification table 13-12); an error when the BMC does not prove that it
    /// knows the password.
    pub(crate) fn rakp_2(
        &self,
        message: &[u8],
        tag: u8,
        credentials: &Credentials,
    ) -> Answer<Result<BmcIdentity, SessionError>> {
        let answer = status_and_id(message, tag, self.console_id);
        let Answer::Accepted(()) = answer else { return answer.cast() };
        let Some((_, rest)) = message.split_first_chunk::<8>() else { return Answer::NotThisOne };
        let Some((random, rest)) = rest.split_first_chunk::<16>() else {
            return Answer::NotThisOne;
        };
        let Some((guid, code)) = rest.split_first_chunk::<16>() else { return Answer::NotThisOne };
        let Some(code) = code.get(..key_exchange_bytes(self.suite)) else {
            return Answer::Accepted(Err(SessionError::Protocol));
        };
        let user = credentials.user.as_bytes();
        let expected = hmac(
            self.suite,
            credentials.password.expose(),
            &[
                &self.console_id.to_le_bytes(),
                &self.bmc_id.to_le_bytes(),
                &self.console_random,
                random,
                guid,
                &[self.role(), name_length(&credentials.user)],
                user,
            ],
        );
        Answer::Accepted(if equal(&expected, code) {
            Ok(BmcIdentity { random: *random, guid: *guid })
        } else {
            Err(SessionError::WrongPassword)
        })
    }

    /// RAKP message 3 (specification table 13-13): our proof.
    pub(crate) fn rakp_3(&self, tag: u8, bmc: &BmcIdentity, credentials: &Credentials) -> Vec<u8> {
        let mut message = self.rakp_3_refusal(tag, STATUS_OK);
        let code = hmac(
            self.suite,
            credentials.password.expose(),
            &[
                &bmc.random,
                &self.console_id.to_le_bytes(),
                &[self.role(), name_length(&credentials.user)],
                credentials.user.as_bytes(),
            ],
        );
        message.extend(code.iter());
        message
    }

    /// RAKP message 3 without a proof, which frees what the BMC holds for the log-in.
    pub(crate) fn rakp_3_refusal(&self, tag: u8, status: u8) -> Vec<u8> {
        let mut message = vec![tag, status, 0, 0];
        message.extend(self.bmc_id.to_le_bytes());
        message
    }

    /// The session integrity key (specification §13.31): keyed with `K_g`, else with the password.
    pub(crate) fn session_integrity_key(
        &self,
        bmc: &BmcIdentity,
        credentials: &Credentials,
    ) -> Zeroizing<Vec<u8>> {
        hmac(
            self.suite,
            credentials.k_g.as_ref().unwrap_or(&credentials.password).expose(),
            &[
                &self.console_random,
                &bmc.random,
                &[self.role(), name_length(&credentials.user)],
                credentials.user.as_bytes(),
            ],
        )
    }

    /// RAKP message 4 (specification table 13-14); an error when the BMC's key is not ours.
    pub(crate) fn rakp_4(
        &self,
        message: &[u8],
        tag: u8,
        bmc: &BmcIdentity,
        sik: &[u8],
    ) -> Answer<Result<(), SessionError>> {
        let answer = status_and_id(message, tag, self.console_id);
        let Answer::Accepted(()) = answer else { return answer.cast() };
        let length = integrity_bytes(self.suite);
        let Some(code) = message.get(8..8_usize.saturating_add(length)) else {
            return Answer::Accepted(Err(SessionError::Protocol));
        };
        let expected = crypto::hmac(
            self.suite,
            sik,
            &[&self.console_random, &self.bmc_id.to_le_bytes(), &bmc.guid],
        );
        let expected = expected.get(..length).unwrap_or_default();
        // The password was proven by RAKP 2, so only the BMC's own key can differ.
        Answer::Accepted(if equal(expected, code) { Ok(()) } else { Err(SessionError::WrongKg) })
    }
}

/// The length byte of a user name, which was checked to be 16 at most.
fn name_length(user: &str) -> u8 {
    u8::try_from(user.len()).unwrap_or(u8::MAX)
}

/// What a refusal means (RMCP+ status codes, specification table 13-15).
pub(crate) fn refusal(status: u8) -> SessionError {
    match status {
        0x01 | 0x0B => SessionError::SessionTableFull,
        // Invalid or unmatched algorithms or payloads, no such suite, unrecognised parameter.
        0x03..=0x07 | 0x10..=0x12 => SessionError::SuiteRefused,
        0x09 | 0x0A => SessionError::Privilege,
        0x0C | 0x0D => SessionError::UnknownUser,
        0x0F => SessionError::WrongPassword,
        _ => SessionError::Protocol,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_session_request_is_the_specifications() {
        let message = open_session_request(7, Privilege::User, 0x0403_0201, CipherSuite::Suite17);
        assert_eq!(
            message,
            [
                7, 2, 0, 0, 1, 2, 3, 4, 0, 0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 8, 4, 0, 0, 0, 2, 0, 0, 8,
                1, 0, 0, 0
            ]
        );
    }

    fn response(algorithms: [u8; 3]) -> Vec<u8> {
        let mut message = vec![7, 0, 0, 0, 1, 2, 3, 4, 9, 0, 0, 0];
        for (payload, algorithm) in (0..).zip(algorithms) {
            message.extend([payload, 0, 0, 8, algorithm, 0, 0, 0]);
        }
        message
    }

    fn parse(message: &[u8]) -> Answer<Result<u32, SessionError>> {
        open_session_response(message, 7, 0x0403_0201, CipherSuite::Suite3)
    }

    #[test]
    fn only_the_algorithms_that_were_asked_for_are_accepted() {
        assert_eq!(parse(&response([1, 1, 1])), Answer::Accepted(Ok(9)));
        for algorithms in [[0, 1, 1], [1, 0, 1], [1, 1, 0], [0, 0, 0], [3, 4, 1]] {
            assert_eq!(
                parse(&response(algorithms)),
                Answer::Accepted(Err(SessionError::SuiteMismatch))
            );
        }
    }

    #[test]
    fn other_tags_and_other_sessions_are_left_alone() {
        let mut other_tag = response([1, 1, 1]);
        other_tag[0] = 6;
        assert_eq!(parse(&other_tag), Answer::NotThisOne);
        let mut other_session = response([1, 1, 1]);
        other_session[4] = 0;
        assert_eq!(parse(&other_session), Answer::NotThisOne);
    }

    #[test]
    fn short_refusals_are_understood() {
        assert_eq!(parse(&[7, 0x01]), Answer::Refused(0x01));
        assert_eq!(parse(&[7, 0x11, 0, 0, 1, 2, 3, 4]), Answer::Refused(0x11));
        assert_eq!(parse(&[7]), Answer::NotThisOne);
        assert_eq!(parse(&[7, 0, 0, 0]), Answer::NotThisOne);
    }

    #[test]
    fn a_cut_response_is_never_accepted() {
        let whole = response([1, 1, 1]);
        // The three reserved bytes at the end say nothing.
        for length in 0..whole.len() - 3 {
            assert_ne!(parse(&whole[..length]), Answer::Accepted(Ok(9)), "{length} bytes");
        }
    }
}
