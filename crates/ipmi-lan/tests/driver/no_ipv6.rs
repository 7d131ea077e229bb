//! A thread for which the kernel has no IPv6, as with `ipv6.disable=1`: a seccomp filter.
#![expect(unsafe_code, reason = "a filter is given to the kernel by prctl(2)")]

use libc::{
    AF_INET6, BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, EAFNOSUPPORT,
    SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO, SYS_socket, sock_filter, sock_fprog,
};

/// Where `struct seccomp_data` has the system call's number, and the low half of its first argument
/// on a little-endian machine (seccomp(2)).
const NUMBER: u32 = 0;
const FAMILY: u32 = 16;

/// From now on this thread, and those that it starts, cannot make IPv6 sockets.
pub(crate) fn refuse() {
    let code = |parts: [u32; 3]| u16::try_from(parts.iter().sum::<u32>()).unwrap();
    let load = |k| sock_filter { code: code([BPF_LD, BPF_W, BPF_ABS]), jt: 0, jf: 0, k };
    // Goes on if equal, else `skip` statements further.
    let equal = |k, skip| sock_filter { code: code([BPF_JMP, BPF_JEQ, BPF_K]), jt: 0, jf: skip, k };
    let answer = |k| sock_filter { code: code([BPF_RET, BPF_K, 0]), jt: 0, jf: 0, k };
    let mut filter = [
        load(NUMBER),
        equal(u32::try_from(SYS_socket).unwrap(), 3),
        load(FAMILY),
        equal(AF_INET6.cast_unsigned(), 1),
        answer(SECCOMP_RET_ERRNO | EAFNOSUPPORT.cast_unsigned()),
        answer(SECCOMP_RET_ALLOW),
    ];
    let program = sock_fprog { len: 6, filter: filter.as_mut_ptr() };
    // SAFETY: the program points to as many statements as it says, which live until the kernel has
    // copied them; both calls concern this thread alone.
    let done = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
    };
    assert!(done, "{}", std::io::Error::last_os_error());
}
