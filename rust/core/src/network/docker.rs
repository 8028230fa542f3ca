//! Docker on the same host: its rules drop what is forwarded and not its own (the policy of FORWARD), and end with a chain
//! for others, `DOCKER-USER`. A bridge gets two rules there, as `iptables -I DOCKER-USER -i BRIDGE -j ACCEPT` writes them.
//!
//! Only where iptables keeps its rules in nf_tables, which is its default; with iptables-legacy these are the
//! administrator's to add. What may cross a bridge the engine's own table decides: what that drops, nobody accepts.

use nix::errno::Errno;
use rocker_sys::nft::{Expressions, Family, Nft, Register, Transaction, Verdict};

use crate::Result;

const TABLE: &str = "filter";
const CHAIN: &str = "DOCKER-USER";

/// Adds a bridge's rules where the chain is there and they are not.
pub fn let_through(nft: &mut Nft, bridge: &str) -> Result<()> {
    for family in [Family::Ip, Family::Ip6] {
        while let Ok(generation) = nft.generation() {
            let there = matches!(nft.has_chain(family, TABLE, CHAIN), Ok(true));
            if !there || !handles(nft, family, bridge).is_empty() {
                break;
            }
            let mut transaction = Transaction::of_generation(family, generation);
            for key in [Expressions::IIFNAME, Expressions::OIFNAME] {
                transaction.first_rule(TABLE, CHAIN, accept(key, bridge), &mark(bridge));
            }
            match nft.commit(transaction) {
                Ok(()) => break,
                Err(Errno::ERESTART) => {}
                Err(errno) => return Err(super::table::fail("let the bridge through", CHAIN, errno)),
            }
        }
    }
    Ok(())
}

/// Removes them.
pub fn forget(nft: &mut Nft, bridge: &str) {
    for family in [Family::Ip, Family::Ip6] {
        for handle in handles(nft, family, bridge) {
            let mut transaction = Transaction::new(family);
            transaction.delete_rule(TABLE, CHAIN, handle);
            let _ = nft.commit(transaction);
        }
    }
}

fn handles(nft: &mut Nft, family: Family, bridge: &str) -> Vec<u64> {
    let rules = nft.rules(family, TABLE, Some(CHAIN)).unwrap_or_default();
    let mark = mark(bridge);
    rules.into_iter().filter(|rule| rule.userdata == mark).map(|rule| rule.handle).collect()
}

/// A comment, as nft(8) keeps them: type, length, text with its NUL.
fn mark(bridge: &str) -> Vec<u8> {
    let text = format!("rocker {bridge}\0");
    let mut mark = vec![0, text.len() as u8];
    mark.extend(text.as_bytes());
    mark
}

fn accept(key: u32, bridge: &str) -> Expressions {
    let mut name = bridge.as_bytes().to_vec();
    name.push(0);
    let mut rule = Expressions::new();
    rule.meta(key, Register(0)).compare(Register(0), true, &name).count().verdict(Verdict::Accept);
    rule
}
