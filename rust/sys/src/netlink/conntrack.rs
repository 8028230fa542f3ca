//! ctnetlink (`include/uapi/linux/netfilter/nfnetlink_conntrack.h`): connections that the kernel remembers.

use nix::sys::socket::SockProtocol;

use super::Socket;
use super::wire::{Attributes, Batch, Message};

const SUBSYSTEM: u16 = 1; // NFNL_SUBSYS_CTNETLINK
const GET: u16 = SUBSYSTEM << 8 | 1;
const DELETE: u16 = SUBSYSTEM << 8 | 2;
const TUPLE_ORIG: u16 = 1;
const TUPLE_REPLY: u16 = 2;
const ID: u16 = 12;
/// `struct nfgenmsg`.
const HEADER: usize = 4;

/// One direction of a connection: addresses as bytes, protocol, destination port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tuple {
    /// Where it comes from.
    pub source: Vec<u8>,
    /// Where it goes.
    pub destination: Vec<u8>,
    /// The protocol above IP.
    pub protocol: u8,
    /// The port that it goes to.
    pub port: u16,
}

/// Forgets the connections for which `chosen` holds, given their first packet's direction and that of the answers, so that
/// their next packet is looked at anew. `family` is AF_INET or AF_INET6.
pub fn forget(family: u8, chosen: impl Fn(&Tuple, &Tuple) -> bool) -> nix::Result<()> {
    let mut socket = Socket::open(SockProtocol::NetlinkNetFilter)?;
    let header = [family, 0, 0, 0];
    let mut dump = Batch::new();
    dump.message(GET, libc::NLM_F_DUMP as u16, &header);
    let mut batch = Batch::new();
    socket.ask(dump, |message| {
        let attributes = message.attributes(HEADER);
        let tuples = tuple(message, TUPLE_ORIG).zip(tuple(message, TUPLE_REPLY));
        if let (true, Some(original)) =
            (tuples.is_some_and(|(there, back)| chosen(&there, &back)), attributes.clone().find(TUPLE_ORIG))
        {
            batch.message(DELETE, libc::NLM_F_ACK as u16, &header).attribute(TUPLE_ORIG | 0x8000, original);
            if let Some(id) = attributes.find(ID) {
                batch.attribute(ID, id);
            }
        }
    })?;
    if batch.count() > 0 {
        // One that has ended meanwhile is no failure.
        socket.each(batch)?;
    }
    Ok(())
}

fn tuple(message: &Message<'_>, which: u16) -> Option<Tuple> {
    let parts = message.attributes(HEADER).within(which);
    let ip: Attributes<'_> = parts.clone().within(1);
    // CTA_IP_V4_SRC, CTA_IP_V4_DST, CTA_IP_V6_SRC, CTA_IP_V6_DST
    let address = |four, six| ip.clone().find(four).or_else(|| ip.clone().find(six)).map(<[u8]>::to_vec);
    let protocol = parts.within(2);
    let port = protocol.clone().find(3).and_then(|bytes| bytes.try_into().ok());
    Some(Tuple {
        source: address(1, 3)?,
        destination: address(2, 4)?,
        protocol: *protocol.find(1)?.first()?,
        port: u16::from_be_bytes(port?),
    })
}
