//! Whose names are being asked for, beside the traces, which wait for none of them (I/O).

use std::net::IpAddr;

use tokio::task::JoinSet;

use super::Names;

/// The paths whose routers' names are being asked for.
#[derive(Debug, Default)]
pub(super) struct Asked(JoinSet<IpAddr>);

impl Asked {
    /// Begins to ask for those of the path to an address.
    pub(super) fn begin(&mut self, names: &Names, to: IpAddr, wanted: Vec<IpAddr>) {
        let names = names.clone();
        self.0.spawn(async move {
            names.look_up(wanted).await;
            to
        });
    }

    /// To which address a path goes that is to be looked at again, as its names are there. For ever where none is
    /// waited for.
    pub(super) async fn next(&mut self) -> IpAddr {
        loop {
            match self.0.join_next().await {
                Some(Ok(to)) => return to,
                // One that panicked is none.
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;
    use crate::clock::Clock;

    #[tokio::test]
    async fn a_resolver_that_is_silent_holds_no_other_path_up() {
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let names = Names::new(Clock::start());
        names.set_resolvers(&[silent.local_addr().unwrap()]);
        let (slow, fast) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let mut asked = Asked::default();
        asked.begin(&names, slow, vec![slow]);
        asked.begin(&names, fast, Vec::new());
        assert_eq!(asked.next().await, fast);
        assert_eq!(asked.0.len(), 1, "the other one is still asked for");
    }
}
