//! The links of this machine, by their names: what an address means nothing without, and what a probe
//! may be told to leave by (I/O).

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6, UdpSocket};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::SockaddrStorage;
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

/// The addresses of this machine, as they were read last: a thousand echoes a second may be rejected.
#[derive(Debug, Default)]
struct Here {
    addresses: HashSet<IpAddr>,
    read: Option<Instant>,
}

static HERE: LazyLock<Mutex<Here>> = LazyLock::new(Mutex::default);

/// Whether this machine has an address. Asked when a packet was rejected by it: what the kernel says then reads as if
/// the network were at fault. It is asked what it has, not whether it can be bound: with `net.ipv4.ip_nonlocal_bind`,
/// that is so of each address of the world.
pub(crate) fn is_here(ip: IpAddr) -> bool {
    ip.is_loopback() || HERE.lock().unwrap_or_else(PoisonError::into_inner).has(ip, addresses)
}

/// Whether packets can be sent from an address. Asked when one could not be sent,
/// and of no address in particular whether there is a socket at all.
pub(crate) fn is_source(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

impl Here {
    fn has(&mut self, ip: IpAddr, read: impl FnOnce() -> io::Result<HashSet<IpAddr>>) -> bool {
        if self.read.is_none_or(|read| read.elapsed() >= KEPT) {
            // Where the kernel cannot say, what it said last holds.
            if let Ok(addresses) = read() {
                self.addresses = addresses;
            }
            self.read = Some(Instant::now());
        }
        self.addresses.contains(&ip)
    }
}

fn addresses() -> io::Result<HashSet<IpAddr>> {
    let of = |address: SockaddrStorage| {
        let v4 = address.as_sockaddr_in().map(|it| it.ip().into());
        v4.or_else(|| address.as_sockaddr_in6().map(|it| it.ip().into()))
    };
    Ok(getifaddrs()?.filter_map(|interface| of(interface.address?)).collect())
}

#[cfg(test)]
mod tests {
    use nix::sched::{CloneFlags, unshare};

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

    #[test]
    fn an_address_is_here_if_an_interface_has_it_whatever_can_be_bound() {
        let is = |ip: &str| is_here(ip.parse().unwrap());
        assert!(is("127.0.0.1") && is("127.9.9.9") && is("::1") && !is("192.0.2.77"));
        let alone = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).ok()?;
            std::fs::write("/proc/sys/net/ipv4/ip_nonlocal_bind", "1").ok()?;
            let stranger = IpAddr::from([192, 0, 2, 77]);
            assert!(is_source(stranger));
            Some(Here::default().has(stranger, addresses))
        });
        match alone.join().unwrap() {
            None => eprintln!("skipped: no namespace of one's own"),
            Some(is_here) => assert!(!is_here),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_addresses_are_read_anew_after_a_moment_and_kept_where_they_cannot_be() {
        let (mut here, [old, new]) =
            (Here::default(), [1, 2].map(|it| IpAddr::from([192, 0, 2, it])));
        assert!(here.has(old, || Ok(HashSet::from([old]))));
        assert!(!here.has(new, || unreachable!("it was read a moment ago")));
        tokio::time::advance(KEPT).await;
        assert!(here.has(old, || Err(io::ErrorKind::Other.into())), "no descriptor, say");
        tokio::time::advance(KEPT).await;
        assert!(here.has(new, || Ok(HashSet::from([new]))));
    }
}
