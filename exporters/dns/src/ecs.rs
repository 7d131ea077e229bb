//! What one server answers for whom: one resolver or authority, asked for the same names on behalf of many subnets
//! (ECS, RFC 7871). It shows how a zone tailors its answers, and nothing of what happens on the way to others.

pub(crate) mod answers;
pub(crate) mod poll;
pub(crate) mod state;
