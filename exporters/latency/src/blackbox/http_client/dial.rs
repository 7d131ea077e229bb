//! A connection with a host of several addresses, as Go dials it: in turn, a moment apart, the first that is made.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::time::sleep;

/// The next one is tried after so long (RFC 8305, section 5), or when one has failed.
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects with the first of these addresses that accepts.
pub(super) async fn dial(ips: &[IpAddr], port: u16) -> io::Result<TcpStream> {
    let mut ips = ips.iter();
    let (mut dialling, mut failed) = (FuturesUnordered::new(), None);
    loop {
        let next = ips.next();
        let is_last = next.is_none();
        dialling.extend(next.map(|ip| TcpStream::connect(SocketAddr::new(*ip, port))));
        tokio::select! {
            dialled = dialling.next() => match dialled {
                Some(Ok(stream)) => return Ok(stream),
                Some(Err(error)) => failed = failed.or(Some(error)),
                None => {
                    let none = || io::Error::other("there is no address");
                    return Err(failed.unwrap_or_else(none));
                }
            },
            () = sleep(HEAD_START), if !is_last => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_refuses_or_says_nothing_holds_up_no_other() {
        let listener = tokio::net::TcpListener::bind("127.0.0.2:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let well = ip("127.0.0.2");
        // Nobody listens there; nobody is there; there is no way of that family, or nobody answers.
        for first in ["127.0.0.3", "192.0.2.1", "2001:db8::1"] {
            let stream = dial(&[ip(first), well], port).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap().ip(), well, "{first}");
        }
        let refused = dial(&[ip("127.0.0.3"), ip("127.0.0.4")], port).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        assert!(dial(&[], port).await.is_err());
    }
}
