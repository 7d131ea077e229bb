//! turbulence-ipmi.
