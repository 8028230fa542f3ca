//! The container's way to its resolver: what it sends to port 53 of 127.0.0.11 comes to sockets with other ports, so that
//! a name server of its own may bind port 53 of all its addresses.

use std::net::Ipv4Addr;

use nix::errno::Errno;
use rocker_sys::nft::{Expressions, Family, Hook, Nft, Register, Transaction};

use crate::{Error, Result};

/// Where a container finds its resolver.
pub const RESOLVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);
const TABLE: &str = "rocker-dns";

/// Makes, or makes anew, the table of the calling thread's network namespace that leads to these ports. Returns the
/// socket, whose end may wait for a grace period: see [`super::nft`].
pub fn redirect(udp: u16, tcp: u16) -> Result<Nft> {
    let made = Nft::open().and_then(|mut nft| match nft.commit(table(false, udp, tcp)) {
        // Of an earlier resolver.
        Err(Errno::EEXIST) => nft.commit(table(true, udp, tcp)).map(|()| nft),
        other => other.map(|()| nft),
    });
    made.map_err(|errno| {
        Error::sys("redirect the container's resolver", errno)
            .hint("the kernel needs nf_tables with nat for IPv4 (CONFIG_NFT_NAT)")
    })
}

fn table(again: bool, udp: u16, tcp: u16) -> Transaction {
    let mut transaction = Transaction::new(Family::Ip);
    if again {
        transaction.delete_table(TABLE);
    }
    transaction.table(TABLE, true, b"");
    let hook = Hook { kind: "nat", number: 3, priority: -100 };
    transaction.chain(TABLE, "output", Some(&hook));
    for (protocol, port) in [(17, udp), (6, tcp)] {
        let (address, value) = (Register(0), Register(1));
        let mut rule = Expressions::new();
        rule.network(16, 4, address).compare(address, true, &RESOLVER.octets());
        rule.meta(Expressions::L4PROTO, address).compare(address, true, &[protocol]);
        rule.transport_port(address).compare(address, true, &53u16.to_be_bytes());
        rule.load(address, &RESOLVER.octets()).load(value, &port.to_be_bytes());
        rule.destination_nat(false, address, value);
        transaction.rule(TABLE, "output", rule, b"");
    }
    transaction
}
