//! The kernel calls without a safe wrapper: opening a TUN device, sleeping to the microsecond,
//! real-time scheduling, and what a child has to do between fork and exec.
//!
//! Each is `unsafe` because it crosses into C: `ioctl`, `ppoll` and `sched_setscheduler` take
//! pointers, and code between fork and exec may only use calls that are async-signal-safe.
#![expect(unsafe_code, reason = "ioctl, ppoll, sched_setscheduler and pre_exec have no safe form")]

use std::fs::{File, OpenOptions};
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{getpid, getppid};

/// The first socket handed over by the protocol of `sd_listen_fds(3)`.
const FIRST_HANDED_OVER: RawFd = 3;
/// Above ordinary threads, below the kernel's own.
const PRIORITY: libc::c_int = 10;

/// Creates the TUN device `name` in the calling thread's namespace. It lives as long as the file.
pub(crate) fn open_tun(name: &str) -> io::Result<File> {
    let tun = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open("/dev/net/tun")?;
    // SAFETY: every field of `ifreq` is an integer, an array or a union of such; zeroes are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // One byte is left for the terminating zero.
    let room = request.ifr_name.len() - 1;
    for (to, from) in request.ifr_name[..room].iter_mut().zip(name.bytes()) {
        *to = from.cast_signed();
    }
    let flags = libc::IFF_TUN | libc::IFF_NO_PI;
    request.ifr_ifru.ifru_flags = i16::try_from(flags).expect("both flags are below 2^15");
    // SAFETY: `request` is a live `ifreq`, which is what TUNSETIFF reads and writes.
    let result = unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(tun) }
}

/// Waits for any of a fixed set of files to become readable.
pub(crate) struct Waiter {
    polled: Vec<libc::pollfd>,
}

impl Waiter {
    /// Watches these descriptors. One that is closed meanwhile only reports itself as ready.
    pub(crate) fn new(descriptors: impl IntoIterator<Item = RawFd>) -> Self {
        let polled = descriptors
            .into_iter()
            .map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 })
            .collect();
        Self { polled }
    }

    /// Sleeps until something is readable or the time is over. `ppoll` counts in nanoseconds,
    /// `poll` and `epoll_wait` only in milliseconds.
    pub(crate) fn wait(&mut self, limit: Option<Duration>) -> io::Result<()> {
        let limit = limit.map(|limit| libc::timespec {
            tv_sec: libc::time_t::try_from(limit.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: libc::c_long::from(limit.subsec_nanos().cast_signed()),
        });
        let limit = limit.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        let count = libc::nfds_t::try_from(self.polled.len()).expect("a handful of descriptors");
        // SAFETY: `polled` holds `count` entries, `limit` is null or points to a live timespec, and
        // a null signal mask means that none is set.
        let result =
            unsafe { libc::ppoll(self.polled.as_mut_ptr(), count, limit, std::ptr::null()) };
        if result >= 0 {
            return Ok(());
        }
        self.polled.iter_mut().for_each(|entry| entry.revents = 0);
        match io::Error::last_os_error() {
            interrupted if interrupted.kind() == io::ErrorKind::Interrupted => Ok(()),
            error => Err(error),
        }
    }

    /// Whether the descriptor at this place of the set had something after the last wait.
    pub(crate) fn is_ready(&self, place: usize) -> bool {
        self.polled[place].revents != 0
    }
}

/// Puts the calling thread before all ordinary ones, so that it is punctual on a loaded machine.
/// Needs root: in a user namespace it fails, and timing is as good as the load allows.
pub(crate) fn schedule_in_real_time() -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: PRIORITY };
    // SAFETY: 0 is the calling thread, and `parameters` lives through the call.
    let result =
        unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, std::ptr::from_ref(&parameters)) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The child is killed when the thread that spawns it ends, however that comes about.
pub(crate) fn die_with_thread(command: &mut Command) {
    let parent = getpid();
    let ask = move || {
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        // The parent may have ended before the kernel was asked.
        if getppid() == parent { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::ESRCH)) }
    };
    // SAFETY: prctl and getppid are async-signal-safe, and nothing is allocated.
    unsafe { command.pre_exec(ask) };
}

/// The child gets this listener as descriptor 3.
pub(crate) fn hand_over(command: &mut Command, listener: TcpListener) {
    let place = move || {
        let listener = listener.as_raw_fd();
        // SAFETY: both calls take integers only and are async-signal-safe.
        let result = unsafe {
            if listener == FIRST_HANDED_OVER {
                // dup2 onto itself would leave close-on-exec in force.
                libc::fcntl(listener, libc::F_SETFD, 0)
            } else {
                libc::dup2(listener, FIRST_HANDED_OVER)
            }
        };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    };
    // SAFETY: as said above; the listener itself lives in `command` until after the fork.
    unsafe { command.pre_exec(place) };
}
