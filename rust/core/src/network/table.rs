//! The one nftables table of an engine: a fixed set of rules over sets and maps, so that a network or a published
//! port is an element and no rule.
//!
//! | chain | hook | what |
//! |---|---|---|
//! | `guard` | prerouting, before connection tracking | no container reaches the host's 127.0.0.0/8 |
//! | `prerouting`, `output` | nat | what is for an address of this host goes to `publish` |
//! | `publish` | | published ports: destination becomes the container |
//! | `postrouting` | nat | masquerade: of the outside, of the host's loopback, of containers that meet by the host |
//! | `forward` | filter | what may cross a bridge |
//!
//! A verdict `accept` ends only its own chain: other tables on the same hook still decide, and `drop` is final.

use nix::errno::Errno;
use rocker_sys::nft::{Element, Expressions, Family, Hook, Nft, Register, Set, Transaction, Verdict};

use crate::protocol::Bridge;
use crate::{Error, Result};

/// Names of all bridges.
pub const BRIDGES: &str = "bridges";
const INTERNAL: &str = "internal";
const MASQUERADE: &str = "masquerade";
/// Pairs of a bridge with itself, where its containers reach each other.
const TOGETHER: &str = "together";

/// Written down with the table (a comment, as nft(8) shows it): the layout of this file. Another layout is replaced.
const LAYOUT: &[u8] = b"\x00\x11rocker, layout 1\x00";

const IFNAME: u32 = 41;
const IPV4: u32 = 7;
const IPV6: u32 = 8;
const PROTOCOL: u32 = 12;
const PORT: u32 = 13;
const NAME_BYTES: usize = 16;

/// The maps of published ports and the pairs of addresses that go with them, for IPv4 and IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortMaps {
    /// Protocol, address of the host and port to the container's address and port.
    pub exact: &'static str,
    /// Protocol and port, for all addresses of the host.
    pub any: &'static str,
    /// Containers that may meet themselves by a published port: their address twice.
    pub itself: &'static str,
}

impl PortMaps {
    /// Those of a family.
    pub fn of(six: bool) -> Self {
        match six {
            false => Self { exact: "ports4", any: "anywhere4", itself: "itself4" },
            true => Self { exact: "ports6", any: "anywhere6", itself: "itself6" },
        }
    }
}

/// Makes the table where it is not there or not whole. Returns whether it was made.
pub fn ensure(nft: &mut Nft, table: &str) -> Result<bool> {
    let fail = |errno| fail("make the nftables table", table, errno);
    loop {
        let generation = nft.generation().map_err(fail)?;
        let found = nft.table(Family::Inet, table).map_err(fail)?;
        let whole = found.as_deref() == Some(LAYOUT)
            && nft.rules(Family::Inet, table, None).map_err(fail)?.len() == rules().len();
        if whole {
            return Ok(false);
        }
        let mut transaction = Transaction::of_generation(Family::Inet, generation);
        if found.is_some() {
            transaction.delete_table(table);
        }
        lay_out(&mut transaction, table);
        match nft.commit(transaction) {
            Ok(()) => return Ok(true),
            // Somebody else changed the rule set since the look: perhaps made this table.
            Err(Errno::ERESTART) => {}
            Err(errno) => return Err(fail(errno)),
        }
    }
}

/// Whether the table and a bridge's elements are there: a look that costs little, for each start.
pub fn knows(nft: &mut Nft, table: &str, bridge: &str) -> bool {
    matches!(nft.value(table, BRIDGES, &name_key(bridge)), Ok(Some(_)))
}

/// Adds a network's elements to the table, which is made where it is not there.
pub fn add_network(nft: &mut Nft, table: &str, bridge: &Bridge) -> Result<()> {
    let key = name_key(&bridge.name);
    loop {
        ensure(nft, table)?;
        let mut transaction = Transaction::new(Family::Inet);
        for (set, wanted) in flags(bridge) {
            let element = [Element::key(&key_in(set, &key))];
            // In a transaction an element may come again, but one that is not there cannot go.
            if wanted {
                transaction.add(table, set, &element);
            } else if let Ok(Some(_)) = nft.value(table, set, &element[0].key) {
                transaction.remove(table, set, &element);
            }
        }
        match nft.commit(transaction) {
            Ok(()) => return Ok(()),
            // The table went, or an element did, between the look and the change.
            Err(Errno::ENOENT) => {}
            Err(errno) => return Err(fail("add a network to the nftables table", table, errno)),
        }
    }
}

/// Removes a network's elements, and the table with the last of them. What is not there is no failure.
pub fn remove_network(nft: &mut Nft, table: &str, bridge: &str) -> Result<()> {
    let fail = |errno| fail("remove a network from the nftables table", table, errno);
    let key = name_key(bridge);
    loop {
        let generation = nft.generation().map_err(fail)?;
        if nft.table(Family::Inet, table).map_err(fail)?.is_none() {
            return Ok(());
        }
        let mut transaction = Transaction::of_generation(Family::Inet, generation);
        let others = nft.elements(table, BRIDGES).map_err(fail)?.iter().any(|element| element.key != key);
        if others {
            for set in [BRIDGES, INTERNAL, MASQUERADE, TOGETHER] {
                let element = [Element::key(&key_in(set, &key))];
                if nft.value(table, set, &element[0].key).map_err(fail)?.is_some() {
                    transaction.remove(table, set, &element);
                }
            }
        } else {
            transaction.delete_table(table);
        }
        match nft.commit(transaction) {
            Ok(()) => return Ok(()),
            Err(Errno::ERESTART) => {}
            Err(errno) => return Err(fail(errno)),
        }
    }
}

/// An error of the table.
pub fn fail(step: &str, table: &str, errno: Errno) -> Error {
    let error = Error::at(step, table, errno);
    match errno {
        Errno::EPERM => error.hint("root with CAP_NET_ADMIN is needed"),
        Errno::EOPNOTSUPP | Errno::ENOENT | Errno::EPROTONOSUPPORT | Errno::EAFNOSUPPORT => error
            .hint("the kernel needs nf_tables with nat, fib and masquerade for the family inet (Linux 5.2)"),
        Errno::ENOBUFS | Errno::ENOMEM => error.hint("the kernel has no room for the rules"),
        _ => error,
    }
}

/// The bridge's sets, and whether it is in each.
fn flags(bridge: &Bridge) -> [(&'static str, bool); 4] {
    [
        (BRIDGES, true),
        (INTERNAL, bridge.internal),
        (MASQUERADE, bridge.masquerade && !bridge.internal),
        (TOGETHER, bridge.icc),
    ]
}

/// A link's name as the kernel compares it.
fn name_key(name: &str) -> Vec<u8> {
    let mut key = name.as_bytes().to_vec();
    key.resize(NAME_BYTES, 0);
    key
}

fn key_in(set: &str, key: &[u8]) -> Vec<u8> {
    if set == TOGETHER { key.repeat(2) } else { key.to_vec() }
}

fn lay_out(transaction: &mut Transaction, table: &str) {
    transaction.table(table, true, LAYOUT);
    for name in [BRIDGES, INTERNAL, MASQUERADE] {
        transaction.set(table, &names(name, &[IFNAME], 16));
    }
    transaction.set(table, &names(TOGETHER, &[IFNAME, IFNAME], 32));
    for (six, address, length) in [(false, IPV4, 4), (true, IPV6, 16)] {
        let maps = PortMaps::of(six);
        let (exact, any, value) = ([PROTOCOL, address, PORT], [PROTOCOL, PORT], [address, PORT]);
        let twice = [address, address];
        let map = |name, keys, key_length| Set {
            name,
            keys,
            key_length,
            values: &value,
            value_length: length + 4,
            interval: false,
        };
        transaction.set(table, &map(maps.exact, &exact, length + 8));
        transaction.set(table, &map(maps.any, &any, 8));
        transaction.set(table, &names(maps.itself, &twice, 2 * length));
    }
    let hook = |kind, number, priority| Hook { kind, number, priority };
    let chains = [
        ("guard", Some(hook("filter", 0, -300))),
        ("publish", None),
        ("prerouting", Some(hook("nat", 0, -100))),
        ("output", Some(hook("nat", 3, -100))),
        ("postrouting", Some(hook("nat", 4, 100))),
        ("forward", Some(hook("filter", 2, 0))),
    ];
    for (name, hook) in chains {
        transaction.chain(table, name, hook.as_ref());
    }
    for (chain, rule) in rules() {
        transaction.rule(table, chain, rule, b"");
    }
}

fn names<'a>(name: &'a str, keys: &'a [u32], key_length: u32) -> Set<'a> {
    Set { name, keys, key_length, ..Set::default() }
}

fn rules() -> Vec<(&'static str, Expressions)> {
    let mut rules = vec![
        // With route_localnet on the bridge the kernel would take a container's packet to 127.0.0.1 for the host's own.
        ("guard", rule(|rule| to_loopback(from(rule, BRIDGES)).verdict(Verdict::Drop))),
        // Never translated here: a neighbour of the host must not reach what is published on loopback alone.
        ("prerouting", rule(|rule| to_loopback(rule).verdict(Verdict::Return))),
        ("prerouting", rule(|rule| rule.destination_is_local().verdict(Verdict::Goto("publish")))),
        // IPv6 has no route_localnet: what came back for ::1 would be dropped. So the port's holder refuses it at once,
        // and who tried ::1 for `localhost` goes on to 127.0.0.1.
        (
            "output",
            rule(|rule| {
                let loopback = std::net::Ipv6Addr::LOCALHOST.octets();
                rule.family(true).network(24, 16, R0).compare(R0, true, &loopback).verdict(Verdict::Return)
            }),
        ),
        ("output", rule(|rule| rule.destination_is_local().verdict(Verdict::Goto("publish")))),
    ];
    for six in [false, true] {
        rules.push(("publish", published(six, true)));
        rules.push(("publish", published(six, false)));
    }
    // The host by its loopback: a container could not answer 127.0.0.1.
    rules.push((
        "postrouting",
        rule(|rule| {
            to(rule, BRIDGES).family(false).network(12, 1, R0).compare(R0, true, &[127]).masquerade()
        }),
    ));
    // Containers that meet by a published port: the answer must come back by the host.
    rules.push((
        "postrouting",
        rule(|rule| from(to(rule.status(Expressions::STATUS_DNAT), BRIDGES), BRIDGES).masquerade()),
    ));
    // One that meets itself: with br_netfilter its packet has not been routed, and came by no link.
    for (six, source, length) in [(false, 12, 4), (true, 8, 16)] {
        let set = PortMaps::of(six).itself;
        rules.push((
            "postrouting",
            rule(|rule| {
                rule.status(Expressions::STATUS_DNAT).family(six).network(source, 2 * length, R0);
                rule.look_up(set, R0, None).masquerade()
            }),
        ));
    }
    rules.push((
        "postrouting",
        rule(|rule| {
            from(rule, MASQUERADE).meta(Expressions::OIFNAME, R0).look_up_absent(BRIDGES, R0).masquerade()
        }),
    ));
    rules.extend(forward().into_iter().map(|rule| ("forward", rule)));
    rules
}

const R0: Register = Register(0);

/// What may cross a bridge: within one, nothing of an internal one, answers, and what was published.
fn forward() -> [Expressions; 6] {
    [
        rule(|rule| {
            rule.meta(Expressions::IIFNAME, R0).meta(Expressions::OIFNAME, Register(4));
            rule.look_up(TOGETHER, R0, None).verdict(Verdict::Accept)
        }),
        rule(|rule| from(rule, INTERNAL).verdict(Verdict::Drop)),
        rule(|rule| to(rule, INTERNAL).verdict(Verdict::Drop)),
        rule(|rule| to(rule, BRIDGES).state(Expressions::STATE_KNOWN).verdict(Verdict::Accept)),
        rule(|rule| to(rule, BRIDGES).status(Expressions::STATUS_DNAT).verdict(Verdict::Accept)),
        rule(|rule| to(rule, BRIDGES).verdict(Verdict::Drop)),
    ]
}

/// Of the maps of a family: the one with addresses, or the one for all addresses.
fn published(six: bool, exact: bool) -> Expressions {
    let maps = PortMaps::of(six);
    let (offset, length) = if six { (24, 16) } else { (16, 4) };
    let words = length / 4;
    let value = Register(8);
    rule(|rule| {
        rule.family(six).meta(Expressions::L4PROTO, R0);
        if exact {
            rule.network(offset, length, Register(1)).transport_port(Register(1 + words));
            rule.look_up(maps.exact, R0, Some(value));
        } else {
            rule.transport_port(Register(1)).look_up(maps.any, R0, Some(value));
        }
        rule.destination_nat(six, value, Register(8 + words))
    })
}

fn rule(fill: impl FnOnce(&mut Expressions) -> &mut Expressions) -> Expressions {
    let mut rule = Expressions::new();
    fill(&mut rule);
    rule
}

fn from<'r>(rule: &'r mut Expressions, set: &str) -> &'r mut Expressions {
    rule.meta(Expressions::IIFNAME, R0).look_up(set, R0, None)
}

fn to<'r>(rule: &'r mut Expressions, set: &str) -> &'r mut Expressions {
    rule.meta(Expressions::OIFNAME, R0).look_up(set, R0, None)
}

/// Goes on if the destination is in 127.0.0.0/8.
fn to_loopback(rule: &mut Expressions) -> &mut Expressions {
    rule.family(false).network(16, 1, R0).compare(R0, true, &[127])
}
