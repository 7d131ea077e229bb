//! What is told of an endpoint and its addresses. No I/O, no clock.

use std::net::IpAddr;

use crate::class::{Class, Judged};
use crate::edge;
use crate::handover::Table;

/// What is told of one address.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AddressVerdict {
    /// The address.
    pub(crate) ip: IpAddr,
    /// The class that is told: changed only by evaluations that agree.
    pub(crate) told: Class,
    /// The last judgement of that class.
    pub(crate) judged: Judged,
}

/// What is told of one endpoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TargetVerdict {
    /// In order.
    pub(crate) addresses: Vec<AddressVerdict>,
    /// Whether all of them are consistent with one and the same site.
    pub(crate) is_at_one_site: bool,
    /// Whether vantages of some region have addresses that no other region has.
    pub(crate) has_several_addresses: bool,
    /// What looks to be behind its edge, where that is asked for.
    pub(crate) origin: Option<edge::Told>,
    /// Who hands packets over, and where.
    pub(crate) handovers: Table,
}
