//! The mechanism of rocker. It knows no Python and decides no policy.
//!
//! | module | duty |
//! |---|---|
//! | [`error`] | the one error type, which crosses sockets and into Python |
//! | [`spec`] | the OCI runtime specification's documents, as far as they are honoured |
//! | [`cgroup`] | cgroup v1 and v2 behind one interface: create, enter, limit, count, freeze, kill |
//! | [`seccomp`] | an OCI seccomp profile compiled to a BPF program by an interval tree |
//! | [`container`] | the inside of a container, from a cloned child to its program |
//! | [`protocol`] | what travels between client, launcher and shim |
//! | [`client`] | the client's half: start, attach, exec, be the mouthpiece |
//! | [`layer`] | image layers: apply a tar to a directory, digest it |
//! | [`network`] | bridges, endpoints, published ports, names |
//! | [`view`] | the files of a container, for who copies in or out |
//! | [`log`] | container logs: written, rotated, read and followed |
//! | [`events`] | what happened, in one file of the run root |

pub mod cgroup;
pub mod client;
pub mod container;
pub mod error;
pub mod events;
mod held;
pub mod layer;
pub mod log;
pub mod network;
pub mod protocol;
pub mod seccomp;
pub mod spec;
pub mod view;

pub use error::{Error, Kind, Result};
