//! Questions over UDP.

use std::net::SocketAddr;

use rocker_core::network::Inside;

use super::upstream::Asker;
use super::{Outcome, Resolver};

/// The longest message that is read; longer ones are cut, and then malformed.
const LONGEST: usize = 4096;
/// Questions that are read before others have their turn: input, output, the end of the container.
const TURN: usize = 64;

impl Resolver {
    pub(super) fn read_datagrams(&mut self, inside: &Inside) {
        let mut buffer = [0; LONGEST];
        for _ in 0..TURN {
            let (count, from) = match self.datagrams.recv_from(&mut buffer) {
                Ok(received) => received,
                // Nothing more, or an error of an earlier answer, which nobody waits for any more.
                Err(_) => return,
            };
            match self.outcome(&buffer[..count], true) {
                Outcome::Reply(reply) => self.send(&reply, from),
                Outcome::Silence => {}
                Outcome::Ask => self.ask(&buffer[..count], Asker::Datagram(from), inside),
            }
        }
    }

    /// An answer that does not fit into the asker's buffer is lost, as on any network.
    pub(super) fn send(&self, reply: &[u8], to: SocketAddr) {
        let _ = self.datagrams.send_to(reply, to);
    }
}
