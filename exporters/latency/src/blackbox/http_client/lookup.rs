//! The address of a host: the one that is given, or the one that is chosen as the peer does.

pub(crate) use crate::blackbox::choose::address;
