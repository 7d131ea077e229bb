//! The line between a site and the centre, which can be cut.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Carries connections until it is dropped.
pub(crate) struct Line {
    pub(crate) address: SocketAddr,
    is_cut: watch::Sender<bool>,
}

impl Line {
    pub(crate) async fn to(centre: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (is_cut, cut) = watch::channel(false);
        let mut ended = cut.clone();
        let accept = async move {
            while let Ok((site, _)) = listener.accept().await {
                tokio::spawn(carry(site, centre, cut.clone()));
            }
        };
        tokio::spawn(async move {
            tokio::select! {
                () = accept => {}
                _ = ended.wait_for(|_| false) => {}
            }
        });
        Self { address, is_cut }
    }

    /// Ends what is under way, and lets nothing through while it is cut.
    pub(crate) fn cut(&self, is_cut: bool) {
        self.is_cut.send_replace(is_cut);
    }
}

async fn carry(mut site: TcpStream, centre: SocketAddr, mut cut: watch::Receiver<bool>) {
    let through = async {
        let mut centre = TcpStream::connect(centre).await?;
        copy_bidirectional(&mut site, &mut centre).await
    };
    // A cut is also the end of the test, which drops the line.
    tokio::select! {
        _ = cut.wait_for(|is_cut| *is_cut) => {}
        _ = through => {}
    }
}
