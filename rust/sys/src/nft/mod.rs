//! nf_tables over nfnetlink (`include/uapi/linux/netfilter/nf_tables.h`): no nft program, no library.
//!
//! | file | what |
//! |---|---|
//! | `expressions` | what a rule consists of |
//! | `transaction` | tables, chains, sets, rules and elements that come or go together |
//!
//! Chains of type nat in the family inet need Linux 5.2.

mod expressions;
mod transaction;

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::socket::SockProtocol;

use crate::netlink::{Attributes, Batch, Message, Socket, be_number};

pub use expressions::{Expressions, Register, Verdict};
pub use transaction::{Element, Hook, Set, Transaction};

const SUBSYSTEM: u16 = 10; // NFNL_SUBSYS_NFTABLES
/// `struct nfgenmsg`: family, version, resource.
const HEADER: usize = 4;

/// Kinds of messages of the subsystem.
mod kind {
    pub const NEWTABLE: u16 = 0;
    pub const GETTABLE: u16 = 1;
    pub const DELTABLE: u16 = 2;
    pub const NEWCHAIN: u16 = 3;
    pub const GETCHAIN: u16 = 4;
    pub const DELCHAIN: u16 = 5;
    pub const NEWRULE: u16 = 6;
    pub const GETRULE: u16 = 7;
    pub const DELRULE: u16 = 8;
    pub const NEWSET: u16 = 9;
    pub const DELSET: u16 = 11;
    pub const NEWSETELEM: u16 = 12;
    pub const GETSETELEM: u16 = 13;
    pub const DELSETELEM: u16 = 14;
    pub const GETGEN: u16 = 16;
}

/// A family of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4 and IPv6 together (NFPROTO_INET).
    Inet = 1,
    /// IPv4 alone, where iptables has its tables.
    Ip = 2,
    /// IPv6 alone, where ip6tables has its tables.
    Ip6 = 10,
}

/// A rule as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its handle, by which it is removed.
    pub handle: u64,
    /// What whoever made it wrote down with it.
    pub userdata: Vec<u8>,
}

/// A socket of nfnetlink in the calling thread's network namespace.
#[derive(Debug)]
pub struct Nft(Socket);

impl Nft {
    /// Opens it.
    pub fn open() -> nix::Result<Self> {
        Socket::open(SockProtocol::NetlinkNetFilter).map(Self)
    }

    /// The number of the rule set's current generation: each transaction makes another.
    pub fn generation(&mut self) -> nix::Result<u32> {
        let mut found = None;
        self.get(kind::GETGEN, 0, Family::Inet, &[], |message| {
            found = message.attributes(HEADER).find(1).and_then(be_number);
        })?;
        found.ok_or(Errno::EBADMSG)
    }

    /// Commits: all of it happens, or nothing. ERESTART when the generation asked for is not the current one.
    pub fn commit(&mut self, transaction: Transaction) -> nix::Result<()> {
        match transaction.finish() {
            Some(batch) => self.0.transaction(batch),
            None => Ok(()),
        }
    }

    /// What a table's maker wrote down with it; None when there is no such table.
    pub fn table(&mut self, family: Family, name: &str) -> nix::Result<Option<Vec<u8>>> {
        let mut found = None;
        let asked = self.get(kind::GETTABLE, 0, family, &[(1, name)], |message| {
            found = Some(message.attributes(HEADER).find(6).unwrap_or_default().to_vec());
        });
        absent(asked, found)
    }

    /// Whether a chain exists.
    pub fn has_chain(&mut self, family: Family, table: &str, name: &str) -> nix::Result<bool> {
        let mut found = None;
        let asked = self.get(kind::GETCHAIN, 0, family, &[(1, table), (3, name)], |_| found = Some(()));
        Ok(absent(asked, found)?.is_some())
    }

    /// The rules of a table, or of one of its chains.
    pub fn rules(&mut self, family: Family, table: &str, chain: Option<&str>) -> nix::Result<Vec<Rule>> {
        let names: Vec<_> = [(1, table)].into_iter().chain(chain.map(|chain| (2, chain))).collect();
        loop {
            let mut found = Vec::new();
            let asked = self.get(kind::GETRULE, libc::NLM_F_DUMP, family, &names, |message| {
                let attributes = message.attributes(HEADER);
                let handle = attributes.clone().find(3).and_then(|value| value.try_into().ok());
                let userdata = attributes.find(7).unwrap_or_default().to_vec();
                found.extend(handle.map(|handle| Rule { handle: u64::from_be_bytes(handle), userdata }));
            });
            match asked {
                Ok(()) => return Ok(found),
                Err(Errno::EINTR) => {}
                Err(Errno::ENOENT) => return Ok(Vec::new()),
                Err(errno) => return Err(errno),
            }
        }
    }

    /// All elements of a set or map of the family inet; empty where there is no such set.
    pub fn elements(&mut self, table: &str, set: &str) -> nix::Result<Vec<Element>> {
        loop {
            let mut found = Vec::new();
            let names = [(1, table), (2, set)];
            match self.get(kind::GETSETELEM, libc::NLM_F_DUMP, Family::Inet, &names, |message| {
                found.extend(elements_of(message));
            }) {
                Ok(()) => return Ok(found),
                Err(Errno::EINTR) => {}
                Err(Errno::ENOENT) => return Ok(Vec::new()),
                Err(errno) => return Err(errno),
            }
        }
    }

    /// The value of a key in a map of the family inet; None where it is not there.
    pub fn value(&mut self, table: &str, set: &str, key: &[u8]) -> nix::Result<Option<Vec<u8>>> {
        let mut batch = Batch::new();
        header(&mut batch, kind::GETSETELEM, 0, Family::Inet);
        batch.string(1, table).string(2, set);
        transaction::element_list(&mut batch, &[Element::key(key)]);
        let mut found = None;
        let asked = self.0.ask(batch, |message| {
            found = elements_of(message).next().map(|element| element.data.unwrap_or_default());
        });
        absent(asked, found)
    }

    fn get(
        &mut self,
        kind: u16,
        flags: i32,
        family: Family,
        names: &[(u16, &str)],
        each: impl FnMut(&Message<'_>),
    ) -> nix::Result<()> {
        let mut batch = Batch::new();
        header(&mut batch, kind, flags as u16, family);
        for (attribute, name) in names {
            batch.string(*attribute, name);
        }
        self.0.ask(batch, each)
    }
}

fn absent<T>(asked: nix::Result<()>, found: Option<T>) -> nix::Result<Option<T>> {
    match asked {
        Ok(()) => Ok(found),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

fn header(batch: &mut Batch, kind: u16, flags: u16, family: Family) {
    batch.message(SUBSYSTEM << 8 | kind, flags, &[family as u8, 0, 0, 0]);
}

fn elements_of<'b>(message: &'b Message<'b>) -> impl Iterator<Item = Element> + 'b {
    message.attributes(HEADER).within(3).filter_map(|(_, one)| {
        let attributes = Attributes(one);
        let value = |kind| attributes.clone().within(kind).find(1).map(<[u8]>::to_vec);
        let end = attributes.clone().find(3).and_then(be_number).is_some_and(|flags| flags & 1 != 0);
        Some(Element { key: value(1)?, data: value(2), end })
    })
}

/// The news of changes to rule sets, as far as something went or a chain came: not those of elements, which every
/// published port makes.
#[derive(Debug)]
pub struct News(Socket);

impl News {
    /// Listens.
    pub fn open() -> nix::Result<Self> {
        const GROUP: u32 = 1 << (7 - 1); // NFNLGRP_NFTABLES
        let socket = Socket::subscribe(SockProtocol::NetlinkNetFilter, GROUP)?;
        let wanted = [kind::DELTABLE, kind::DELCHAIN, kind::DELRULE, kind::DELSET, kind::NEWCHAIN]
            .map(|kind| SUBSYSTEM << 8 | kind);
        crate::netlink::keep_messages(socket.as_fd(), &wanted)?;
        Ok(Self(socket))
    }

    /// Takes all that has come; whether there was something. What was lost for want of room counts as something.
    pub fn drain(&self) -> bool {
        let mut buffer = [0; 512];
        let mut some = false;
        loop {
            match self.0.receive(&mut buffer) {
                Ok(_) | Err(Errno::ENOBUFS) => some = true,
                Err(_) => return some,
            }
        }
    }
}

impl AsFd for News {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sched::{CloneFlags, unshare};

    fn in_a_namespace(test: impl FnOnce() + Send + 'static) {
        let run = move || {
            if unshare(CloneFlags::CLONE_NEWNET).is_ok() {
                test();
            }
        };
        std::thread::spawn(run).join().unwrap();
    }

    fn table() -> Transaction {
        let mut transaction = Transaction::new(Family::Inet);
        transaction.table("t", true, b"mark");
        transaction.set("t", &Set { name: "links", keys: &[41], key_length: 16, ..Set::default() });
        let ports = Set {
            name: "ports",
            keys: &[12, 13],
            key_length: 8,
            values: &[7, 13],
            value_length: 8,
            interval: false,
        };
        transaction.set("t", &ports);
        let hook = Hook { kind: "nat", number: 0, priority: -100 };
        transaction.chain("t", "prerouting", Some(&hook));
        let mut rule = Expressions::new();
        rule.meta(Expressions::L4PROTO, Register(0)).transport_port(Register(1));
        rule.look_up("ports", Register(0), Some(Register(8)));
        rule.destination_nat(false, Register(8), Register(9));
        transaction.rule("t", "prerouting", rule, b"");
        transaction
    }

    #[test]
    fn a_table_comes_whole_or_not_at_all() {
        in_a_namespace(|| {
            let mut nft = Nft::open().unwrap();
            nft.commit(table()).unwrap();
            assert_eq!(nft.table(Family::Inet, "t").unwrap().as_deref(), Some(&b"mark"[..]));
            assert_eq!(nft.commit(table()), Err(Errno::EEXIST));
            assert!(nft.has_chain(Family::Inet, "t", "prerouting").unwrap());
            assert!(!nft.has_chain(Family::Inet, "t", "forward").unwrap());
            assert!(!nft.has_chain(Family::Ip, "filter", "DOCKER-USER").unwrap());
            assert_eq!(nft.rules(Family::Inet, "t", None).unwrap().len(), 1);

            let mut broken = Transaction::new(Family::Inet);
            broken.table("u", true, b"").chain("nosuch", "x", None);
            assert_eq!(nft.commit(broken), Err(Errno::ENOENT));
            assert_eq!(nft.table(Family::Inet, "u").unwrap(), None);
        });
    }

    #[test]
    fn elements_are_added_found_and_removed() {
        in_a_namespace(|| {
            let mut nft = Nft::open().unwrap();
            nft.commit(table()).unwrap();
            let element = Element::pair(&[6, 0, 0, 0, 31, 144, 0, 0], &[10, 0, 0, 2, 0, 80, 0, 0]);
            for _ in 0..2 {
                let mut add = Transaction::new(Family::Inet);
                add.add("t", "ports", std::slice::from_ref(&element));
                nft.commit(add).unwrap();
            }
            assert_eq!(nft.elements("t", "ports").unwrap().as_slice(), std::slice::from_ref(&element));
            assert_eq!(nft.value("t", "ports", &element.key).unwrap(), element.data);
            assert_eq!(nft.value("t", "ports", &[17, 0, 0, 0, 31, 144, 0, 0]).unwrap(), None);
            let mut remove = Transaction::new(Family::Inet);
            remove.remove("t", "ports", std::slice::from_ref(&element));
            nft.commit(remove).unwrap();
            assert_eq!(nft.elements("t", "ports").unwrap(), []);
            assert_eq!(nft.elements("t", "nosuch").unwrap(), []);
        });
    }

    #[test]
    fn a_transaction_for_another_generation_is_refused() {
        in_a_namespace(|| {
            let mut nft = Nft::open().unwrap();
            let before = nft.generation().unwrap();
            nft.commit(table()).unwrap();
            let mut late = Transaction::of_generation(Family::Inet, before);
            late.delete_table("t");
            assert_eq!(nft.commit(late), Err(Errno::ERESTART));
            let mut now = Transaction::of_generation(Family::Inet, nft.generation().unwrap());
            now.delete_table("t");
            nft.commit(now).unwrap();
            assert_eq!(nft.table(Family::Inet, "t").unwrap(), None);
        });
    }

    #[test]
    fn a_flushed_rule_set_is_news_and_an_element_is_none() {
        in_a_namespace(|| {
            let mut nft = Nft::open().unwrap();
            nft.commit(table()).unwrap();
            let news = News::open().unwrap();
            let mut add = Transaction::new(Family::Inet);
            add.add(
                "t",
                "ports",
                &[Element::pair(&[6, 0, 0, 0, 31, 144, 0, 0], &[10, 0, 0, 2, 0, 80, 0, 0])],
            );
            nft.commit(add).unwrap();
            assert!(!news.drain());
            let mut flush = Transaction::new(Family::Inet);
            flush.delete_table("t");
            nft.commit(flush).unwrap();
            assert!(news.drain());
            assert!(!news.drain());
        });
    }
}
