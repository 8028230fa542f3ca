//! System calls that nix lacks, typed; the only crate with unsafe code.

pub mod xattr;
