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
    /// The tag of the attempt that it answers: the BMC has forgotten what it said to earlier ones.
    pub(crate) tag: u8,
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

/// The tags of the attempts of one message. The answer to any of them answers the message: a BMC may
/// take longer than one attempt is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tags {
    /// Of the first attempt.
    pub(crate) first: u8,
    /// Of the newest.
    pub(crate) last: u8,
}

impl Tags {
    fn contain(self, tag: u8) -> bool {
        tag.wrapping_sub(self.first) <= self.last.wrapping_sub(self.first)
    }
}

/// What follows a message of the BMC in the log-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer<T> {
    /// Another message's, another session's, or too short: go on waiting.
    NotThisOne,
    /// The BMC refuses with this status.
    Refused(u8),
    /// Somebody is refused with this status: neither tag nor session ID say who. Some firmware leaves
    /// both 0.
    RefusedNobody(u8),
    /// What was asked for.
    Accepted(T),
}

/// What an Open Session Response brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opened {
    /// The tag of the attempt that it answers.
    pub(crate) tag: u8,
    /// `SIDc`, or an error when it is none.
    pub(crate) bmc_id: Result<u32, SessionError>,
    /// The algorithms that the BMC chose; `None` if it left some out.
    pub(crate) chosen: [Option<u8>; 3],
}

impl Opened {
    /// Whether the BMC chose this suite.
    pub(crate) fn is_of(&self, suite: CipherSuite) -> bool {
        self.chosen == algorithms(suite).map(Some)
    }
}

/// RMCP+ Open Session Response (specification table 13-10). Whether the BMC chose the algorithms that
/// it was asked for is for the caller to see.
///
/// The privilege in it is not looked at: some firmware leaves it 0 (FreeIPMI's `opensesspriv`), and
/// RAKP decides.
pub(crate) fn open_session_response(message: &[u8], tags: Tags, console_id: u32) -> Answer<Opened> {
    let answer = status_and_id(message, tags, console_id);
    let Answer::Accepted(tag) = answer else { return answer.cast() };
    let Some(([.., i0, i1, i2, i3], rest)) = message.split_first_chunk::<12>() else {
        return Answer::NotThisOne;
    };
    let chosen = [rest.get(4), rest.get(12), rest.get(20)].map(|a| a.map(|byte| byte & 0x3F));
    let bmc_id = u32::from_le_bytes([*i0, *i1, *i2, *i3]);
    let bmc_id = if bmc_id == 0 { Err(SessionError::Protocol) } else { Ok(bmc_id) };
    Answer::Accepted(Opened { tag, bmc_id, chosen })
}

/// Tag, status, and our session ID, which error forms may leave out or leave 0. Gives the tag.
fn status_and_id(message: &[u8], tags: Tags, console_id: u32) -> Answer<u8> {
    let [tag, status, rest @ ..] = message else { return Answer::NotThisOne };
    let id = match rest {
        [_, _, id @ ..] => id.first_chunk::<4>().map(|id| u32::from_le_bytes(*id)),
        _ => None,
    };
    let is_ours = id == Some(console_id);
    match (*status, tags.contain(*tag), id) {
        (STATUS_OK, true, _) if is_ours => Answer::Accepted(*tag),
        (STATUS_OK, ..) => Answer::NotThisOne,
        // The tag alone tells whose it is, or the session ID alone.
        (status, true, None | Some(0)) => Answer::Refused(status),
        (status, is_tag, _) if is_ours && (is_tag || *tag == 0) => Answer::Refused(status),
        (status, false, None | Some(0)) if *tag == 0 => Answer::RefusedNobody(status),
        _ => Answer::NotThisOne,
    }
}

impl<T> Answer<T> {
    /// The same refusal, for another kind of acceptance.
    fn cast<U>(self) -> Answer<U> {
        match self {
            Answer::Refused(status) => Answer::Refused(status),
            Answer::RefusedNobody(status) => Answer::RefusedNobody(status),
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
        tags: Tags,
        credentials: &Credentials,
    ) -> Answer<Result<BmcIdentity, SessionError>> {
        let answer = status_and_id(message, tags, self.console_id);
        let Answer::Accepted(tag) = answer else { return answer.cast() };
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
            Ok(BmcIdentity { tag, random: *random, guid: *guid })
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
        tags: Tags,
        bmc: &BmcIdentity,
        sik: &[u8],
    ) -> Answer<Result<(), SessionError>> {
        let answer = status_and_id(message, tags, self.console_id);
        let Answer::Accepted(_) = answer else { return answer.cast() };
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
        match open_session_response(message, Tags { first: 6, last: 7 }, 0x0403_0201) {
            Answer::Accepted(opened) if opened.is_of(CipherSuite::Suite3) => {
                Answer::Accepted(opened.bmc_id)
            }
            Answer::Accepted(_) => Answer::Accepted(Err(SessionError::SuiteMismatch)),
            other => other.cast(),
        }
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
        for (tag, expected) in [(5, Answer::NotThisOne), (8, Answer::NotThisOne)] {
            let mut other_tag = response([1, 1, 1]);
            other_tag[0] = tag;
            assert_eq!(parse(&other_tag), expected, "{tag}");
        }
        let mut earlier_attempt = response([1, 1, 1]);
        earlier_attempt[0] = 6;
        assert_eq!(parse(&earlier_attempt), Answer::Accepted(Ok(9)));
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
    fn a_refusal_may_leave_out_who_is_refused_and_nothing_else_may() {
        let refusal = |tag, id: [u8; 4]| parse(&[&[tag, 0x0D, 0, 0], &id[..]].concat());
        let (ours, none, other) = ([1, 2, 3, 4], [0; 4], [9; 4]);
        assert_eq!(refusal(7, none), Answer::Refused(0x0D));
        assert_eq!(refusal(0, ours), Answer::Refused(0x0D));
        assert_eq!(refusal(0, none), Answer::RefusedNobody(0x0D));
        assert_eq!(parse(&[0, 0x0D, 0, 0]), Answer::RefusedNobody(0x0D));
        for (tag, id) in [(7, other), (5, ours), (5, none), (0, other)] {
            assert_eq!(refusal(tag, id), Answer::NotThisOne, "{tag} {id:?}");
        }
        for (tag, place) in [(0, 0), (7, 4)] {
            let mut accepted = response([1, 1, 1]);
            accepted[0] = tag;
            accepted[place..=place].fill(0);
            assert_eq!(parse(&accepted), Answer::NotThisOne, "{tag} {place}");
        }
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
