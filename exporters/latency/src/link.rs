//! The links of this machine, by their names: what an address means nothing without, and what a probe
//! may be told to leave by (I/O).

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6, UdpSocket};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::net::if_::if_nametoindex;
use tokio::time::Instant;

/// The index of a name is looked up again after so long: interfaces come and go, and each lookup is three
/// calls of the kernel, which a thousand echoes a second would make.
const KEPT: Duration = Duration::from_secs(1);

/// So many names are known at once; a config has a few.
const MOST: usize = 256;

/// The indexes of names, and when each was looked up. One for the program, as the kernel has one table.
static KNOWN: Mutex<BTreeMap<String, (u32, Instant)>> = Mutex::new(BTreeMap::new());

/// The index of an interface, by its name or written as a number.
pub(crate) fn index(name: &str) -> io::Result<u32> {
    if let Ok(index) = name.parse() {
        return Ok(index);
    }
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((index, at)) = known.get(name)
        && at.elapsed() < KEPT
    {
        return Ok(*index);
    }
    known.remove(name);
    let index = if_nametoindex(name)?;
    if known.len() >= MOST {
        known.clear();
    }
    known.insert(name.to_owned(), (index, Instant::now()));
    Ok(index)
}

/// The kernel knows no such interface: the name is looked up anew the next time.
pub(crate) fn is_gone(name: &str) {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
}

/// An address with a port, and with the link that it is on, where that must be said.
pub(crate) fn socket_address(ip: IpAddr, port: u16, link: Option<u32>) -> SocketAddr {
    match (ip, link) {
        (IpAddr::V6(ip), Some(link)) if ip.is_unicast_link_local() || ip.is_multicast() => {
            SocketAddrV6::new(ip, port, 0, link).into()
        }
        _ => SocketAddr::new(ip, port),
    }
}

/// Whether this machine has an address. Asked when a packet could not be sent from it, or was rejected by it: what the
/// kernel says then reads as if the network were at fault.
pub(crate) fn is_here(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_index_is_kept_for_a_moment_and_looked_up_anew_when_it_is_gone() {
        let known = |name: &str| KNOWN.lock().unwrap().get(name).map(|(index, _)| *index);
        assert_eq!(index("7").unwrap(), 7);
        let right = index("lo").unwrap();
        assert_eq!(known("lo"), Some(right));
        let pretend = || {
            KNOWN.lock().unwrap().insert("lo".to_owned(), (777, Instant::now()));
        };
        pretend();
        assert_eq!(index("lo").unwrap(), 777, "no call of the kernel");
        tokio::time::advance(KEPT).await;
        assert_eq!(index("lo").unwrap(), right);
        pretend();
        is_gone("lo");
        assert_eq!(index("lo").unwrap(), right);
        assert!(index("nothing0").is_err() && known("nothing0").is_none());
    }
}
