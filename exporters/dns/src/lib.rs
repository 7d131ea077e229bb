//! turbulence-dns.
