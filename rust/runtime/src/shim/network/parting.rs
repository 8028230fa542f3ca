//! The links of a container that has ended: they go with its network namespace, unless something keeps that.
//!
//! A connection whose peer has not heard of its end keeps it. Most have within a round trip, and what the program wrote last
//! is to arrive; but the link answers for an address that the next container may have.

use std::os::fd::AsFd;

use rocker_core::network::{self, Inside};
use rocker_core::protocol::EndpointState;

use crate::clock;
use crate::host::Host;

/// Nanoseconds that the last connections have.
const PATIENCE: i64 = 250_000_000;
/// Nanoseconds between two looks.
const STEP: i64 = 10_000_000;

/// A namespace whose container has ended.
#[derive(Debug)]
pub struct Parting {
    inside: Inside,
    endpoints: Vec<EndpointState>,
    /// Monotonic time at which the links are removed.
    until: i64,
    /// That of the next look.
    next: i64,
}

impl Parting {
    pub(super) fn new(inside: Inside, endpoints: Vec<EndpointState>) -> Self {
        let now = clock::monotonic_ns();
        Self { inside, endpoints, until: now + PATIENCE, next: now }
    }

    /// Monotonic time at which [`Parting::look`] is to be called.
    pub fn deadline(&self) -> i64 {
        self.next
    }

    /// Lets go of the namespace, which ends with that; it is given back while connections keep it, and without its links
    /// after a while. Nobody is left in it when this is called.
    pub fn look(mut self, host: &Host) -> Option<Self> {
        let now = clock::monotonic_ns();
        if !network::lingers(host.proc.as_fd(), &self.inside).unwrap_or(false) {
            return None;
        }
        if now >= self.until {
            self.cut();
            return None;
        }
        self.next = now + STEP;
        Some(self)
    }

    /// Removes the links, though the namespace stays. It waits for grace periods of RCU, 15 ms or more: not for what goes
    /// by itself.
    pub(super) fn cut(&self) {
        for endpoint in &self.endpoints {
            let _ = network::cut(Some(&self.inside), endpoint);
        }
    }
}
