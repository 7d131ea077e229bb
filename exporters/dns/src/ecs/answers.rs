//! What came back for a subnet: the answer, and whether it was made for the subnet. No I/O, no clock.

use std::collections::BTreeMap;

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use ipnet::IpNet;

use crate::answer::Content;

exporter_kit::label_enum! {
    /// What an answer is to the subnet that was named. A closed set, since it is a label.
    pub(crate) enum Fit {
        /// It is for the subnet, or a part of it (scope above 0).
        Tailored = "tailored",
        /// It is for everybody (scope 0).
        General = "general",
        /// The server does not heed the subnet: no option came back.
        Ignored = "ignored",
        /// What came back names another subnet: it is nobody's answer (RFC 7871 §7.3).
        Mismatched = "mismatched",
        /// No answer came.
        Failed = "failed",
    }
}

/// What came back for one subnet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    /// What it is to the subnet.
    pub(crate) fit: Fit,
    /// How long the prefix is for which it holds, where that was said.
    pub(crate) scope: Option<u8>,
    /// The answer; none where none came, or it is nobody's.
    pub(crate) content: Option<Content>,
}

impl Told {
    /// No answer.
    pub(crate) const FAILED: Self = Self { fit: Fit::Failed, scope: None, content: None };

    /// What a message says to a question on behalf of a subnet.
    pub(crate) fn new(message: &Message, subnet: IpNet, content: Content) -> Self {
        if !content.is_conclusive() {
            return Self::FAILED;
        }
        let option = message.edns.as_ref().and_then(|edns| edns.option(EdnsCode::Subnet));
        let Some(EdnsOption::Subnet(echo)) = option else {
            return Self { fit: Fit::Ignored, scope: None, content: Some(content) };
        };
        let is_same =
            echo.addr() == subnet.network() && echo.source_prefix() == subnet.prefix_len();
        if !is_same {
            return Self { fit: Fit::Mismatched, scope: None, content: None };
        }
        let scope = echo.scope_prefix();
        let fit = if scope > 0 { Fit::Tailored } else { Fit::General };
        Self { fit, scope: Some(scope), content: Some(content) }
    }
}

/// Those for whom one answer was given.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Group {
    /// Numbers of the subnets.
    pub(crate) subnets: Vec<usize>,
    /// The shortest and the longest scope.
    pub(crate) scopes: Option<(u8, u8)>,
}

/// The answers to one question, that for most first.
pub(crate) fn groups(told: &[Told]) -> Vec<(Content, Group)> {
    let mut groups: BTreeMap<&Content, Group> = BTreeMap::new();
    for (number, it) in told.iter().enumerate() {
        let Some(content) = &it.content else { continue };
        let group = groups.entry(content).or_default();
        group.subnets.push(number);
        if let Some(scope) = it.scope {
            let (least, most) = group.scopes.unwrap_or((scope, scope));
            group.scopes = Some((least.min(scope), most.max(scope)));
        }
    }
    let mut groups: Vec<_> =
        groups.into_iter().map(|(content, group)| (content.clone(), group)).collect();
    // Of those for as many, in the order of the answers.
    groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.subnets.len()));
    groups
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::{Edns, OpCode};
    use hickory_proto::rr::rdata::opt::ClientSubnet;

    use super::*;

    fn content(last: u8) -> Content {
        Content::Addresses([[192, 0, 2, last].into()].into())
    }

    fn told(echo: Option<(&str, u8, u8)>) -> Told {
        let mut message = Message::response(7, OpCode::Query);
        if let Some((address, source, scope)) = echo {
            let mut edns = Edns::new();
            let subnet = ClientSubnet::new(address.parse().unwrap(), source, scope);
            edns.options_mut().insert(EdnsOption::Subnet(subnet));
            message.edns = Some(edns);
        }
        Told::new(&message, "198.51.100.0/24".parse().unwrap(), content(1))
    }

    #[test]
    fn the_echo_says_for_whom_an_answer_is() {
        for (echo, tailored, scope) in [
            (Some(("198.51.100.0", 24, 20)), Fit::Tailored, Some(20)),
            (Some(("198.51.100.0", 24, 0)), Fit::General, Some(0)),
            (None, Fit::Ignored, None),
            (Some(("198.51.101.0", 24, 24)), Fit::Mismatched, None),
            (Some(("198.51.100.0", 20, 24)), Fit::Mismatched, None),
        ] {
            let told = told(echo);
            assert_eq!((told.fit, told.scope), (tailored, scope), "{echo:?}");
            assert_eq!(told.content.is_some(), tailored != Fit::Mismatched, "{echo:?}");
        }
    }

    #[test]
    fn subnets_with_one_answer_are_one_group() {
        let told = |scope, last| Told {
            fit: Fit::Tailored,
            scope: Some(scope),
            content: Some(content(last)),
        };
        let groups = groups(&[told(24, 1), told(16, 2), Told::FAILED, told(20, 2)]);
        assert_eq!(groups.len(), 2);
        assert_eq!(groups[0], (content(2), Group { subnets: vec![1, 3], scopes: Some((16, 20)) }));
        assert_eq!(groups[1].1.subnets, [0]);
    }
}
