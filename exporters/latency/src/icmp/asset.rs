//! What the kernel may refuse a socket for echoes, and what follows: they go on without it.

use std::sync::{Mutex, PoisonError};

use datagram::Feature;
use exporter_kit::label_enum;
use tracing::{info, warn};

use super::echo::Family;

label_enum! {
    /// Something that a socket has where the kernel gives it.
    pub(crate) enum Asset {
        /// Room for a burst of replies.
        ReceiveBuffer = "receive_buffer",
        /// The times when replies arrived.
        ReceiveStamps = "receive_stamps",
        /// What routers say of echoes.
        ErrorQueue = "error_queue",
        /// How many packets were dropped.
        DropCounter = "drop_counter",
        /// The TTL or hop limit of replies.
        ReplyHopLimit = "reply_hop_limit",
        /// A filter for what is not ours; only a raw socket needs one.
        Filter = "filter",
    }
}

impl Asset {
    /// What is missing when a datagram socket's feature is.
    pub(super) fn of(feature: Feature) -> Self {
        match feature {
            Feature::ReceiveBuffer => Self::ReceiveBuffer,
            Feature::TimeStamps => Self::ReceiveStamps,
            Feature::Notices => Self::ErrorQueue,
            Feature::Drops => Self::DropCounter,
            Feature::HopLimits => Self::ReplyHopLimit,
        }
    }

    /// What follows when it is not there.
    fn without(self) -> &'static str {
        match self {
            Self::ReceiveBuffer => {
                "a burst of replies may be dropped, which is counted; give CAP_NET_ADMIN or raise \
                 net.core.rmem_max"
            }
            Self::ReceiveStamps => {
                "a round trip is as long as it takes to read the reply, too: longer on a busy machine"
            }
            Self::ErrorQueue => {
                "what routers say is not heard: unreachable and ttl_exceeded are told as timeout"
            }
            Self::DropCounter => "replies that this machine drops are told as losses of the target",
            Self::ReplyHopLimit => "the TTL of replies is not shown",
            Self::Filter => {
                "every ICMP packet of this machine is read: dearer, and the same figures"
            }
        }
    }
}

/// What was said of the sockets of a family: there are many alike, and some kinds that lack other things.
static SAID: Mutex<[Said; Family::ALL.len()]> = Mutex::new([Said(Vec::new()), Said(Vec::new())]);

/// Each of these was said.
#[derive(Debug)]
struct Said(Vec<Vec<Asset>>);

impl Said {
    /// Whether it is to be said: something that was not said before.
    fn is_new(&mut self, lost: Vec<Asset>) -> bool {
        let is_new = !lost.is_empty() && !self.0.contains(&lost);
        if is_new {
            self.0.push(lost);
        }
        is_new
    }
}

/// Says in one line what sockets of a family do without, and what follows, unless that was said before.
pub(super) fn say_what_is_lost(family: Family, lacks: &[(Asset, String)]) {
    let lost: Vec<Asset> = lacks.iter().map(|(asset, _)| *asset).collect();
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    let is_new = said[family as usize].is_new(lost);
    drop(said);
    if !is_new {
        return;
    }
    let family = family.as_str();
    let said: Vec<_> = lacks
        .iter()
        .map(|(asset, cause)| format!("no {} ({cause}): {}", asset.as_str(), asset.without()))
        .collect();
    let said = said.join("; ");
    // A small buffer is ordinary for a program without privileges.
    if lacks.iter().all(|(asset, _)| *asset == Asset::ReceiveBuffer) {
        info!(family, "echoes go on with less: {said}");
    } else {
        warn!(family, "echoes go on with less: {said}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sockets_of_several_kinds_lack_is_said_once_of_each() {
        let mut said = Said(Vec::new());
        let kinds = [vec![Asset::Filter], vec![], vec![Asset::DropCounter, Asset::Filter]];
        let new = |kind: &Vec<Asset>| said.is_new(kind.clone());
        let told: Vec<bool> = kinds.iter().cycle().take(9).map(new).collect();
        assert_eq!(told, [true, false, true, false, false, false, false, false, false]);
    }
}
