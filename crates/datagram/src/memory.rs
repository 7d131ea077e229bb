//! The kernel's figures of a socket's memory (`SO_MEMINFO`): its count of drops is among them.
//!
//! It counts what `SO_RXQ_OVFL` tells with the next datagram, at once.

use nix::libc;
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::GetStruct;
use socket2::Socket;

/// From `asm-generic/socket.h`; libc has it for some architectures only.
#[cfg(not(any(target_arch = "sparc", target_arch = "sparc64")))]
const SO_MEMINFO: libc::c_int = 55;
#[cfg(any(target_arch = "sparc", target_arch = "sparc64"))]
const SO_MEMINFO: libc::c_int = 0x39;

/// `SK_MEMINFO_VARS` of `linux/sock_diag.h`.
const FIGURES: usize = 9;

/// `SK_MEMINFO_RMEM_ALLOC`.
#[cfg(test)]
const HELD: usize = 0;

/// `SK_MEMINFO_DROPS`.
const DROPS: usize = 8;

#[derive(Clone, Copy, Debug)]
struct MemoryInfo;

nix::getsockopt_impl!(
    MemoryInfo,
    libc::SOL_SOCKET,
    SO_MEMINFO,
    [u32; FIGURES],
    GetStruct<[u32; FIGURES]>
);

/// Datagrams that the kernel dropped since the socket was opened. An error where it does not say.
pub(crate) fn drops(socket: &Socket) -> nix::Result<u32> {
    Ok(getsockopt(socket, MemoryInfo)?[DROPS])
}

/// The room that datagrams take which nobody has read.
#[cfg(test)]
pub(crate) fn held(socket: &impl std::os::fd::AsFd) -> u32 {
    getsockopt(socket, MemoryInfo).expect("a kernel that says it")[HELD]
}
