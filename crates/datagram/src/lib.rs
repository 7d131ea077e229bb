//! Datagram sockets for who measures with them: what the kernel knows of each datagram is told.
//!
//! * When it arrived ([`Datagram::waited`]): a program that was busy measures no longer times.
//! * What the network says of a datagram that was sent ([`Notice`]): which one, and who says so.
//! * How many hops it had left, where that is asked for ([`Datagram::hop_limit`]).
//! * How many were dropped for want of room ([`Socket::dropped`]): a loss of ours is no loss of the
//!   peer's.
//!
//! And each datagram may be sent with a header of its own ([`Header`]), and many are received by one call
//! ([`Socket::receive_each`]).
//!
//! A [`Socket`] is any datagram or raw socket of either family: what travels in it, and a filter for
//! it, are the caller's business. A kernel that refuses one of these gives a socket without it, which
//! says so ([`Socket::missing`]). [`Watched`] is a socket that a task can wait for.
//!
//! ```no_run
//! # async fn example(peer: std::net::SocketAddr) -> std::io::Result<()> {
//! let socket = datagram::Watched::new(datagram::Socket::udp(([0, 0, 0, 0], 0).into(), 4 << 20)?)?;
//! socket.send(b"question", peer).await?;
//! let mut buffer = datagram::Buffer::new(1232);
//! socket.ready().await?;
//! while let Some(notice) = socket.notice(&mut buffer) {
//!     println!("{:?} cannot be reached, says {:?}", notice.to, notice.offender);
//! }
//! while let Some(datagram) = socket.receive(&mut buffer) {
//!     println!("{} bytes came {:?} ago", datagram.bytes.len(), datagram.waited);
//! }
//! # Ok(())
//! # }
//! ```

mod buffer;
mod feature;
mod header;
mod memory;
mod socket;
mod watched;

#[cfg(test)]
mod tests;

pub use buffer::{Buffer, Buffers, Datagram, Notice, Origin};
pub use feature::{Feature, Missing};
pub use header::Header;
pub use socket::Socket;
pub use watched::Watched;
