//! What a rule consists of: each expression loads, compares or acts on registers.

use crate::netlink::Batch;

/// A register of 32 bits, 0 to 15: concatenations take several in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Register(pub u32);

impl Register {
    /// NFT_REG32_00 is 8.
    fn number(self) -> u32 {
        8 + self.0
    }
}

/// What becomes of the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It goes on to the next base chain.
    Accept,
    /// It is gone.
    Drop,
    /// Nothing: back to where the chain was called from, or the base chain's policy.
    Return,
    /// It goes on in this chain, and does not come back.
    Goto(&'a str),
}

/// The expressions of one rule, in order; each is a step that must hold for the next to be taken.
#[derive(Debug)]
pub struct Expressions {
    pub(super) batch: Batch,
}

/// Kinds of `meta`.
impl Expressions {
    /// Name of the link that the packet came by, 16 bytes.
    pub const IIFNAME: u32 = 6;
    /// Name of the link that it leaves by, 16 bytes.
    pub const OIFNAME: u32 = 7;
    /// NFPROTO_IPV4 or NFPROTO_IPV6, one byte.
    pub const NFPROTO: u32 = 15;
    /// The protocol above IP, one byte.
    pub const L4PROTO: u32 = 16;
    /// `ct status`: its destination was translated.
    pub const STATUS_DNAT: u32 = 0x20;
    /// `ct state`: established or related.
    pub const STATE_KNOWN: u32 = 2 | 4;
}

impl Default for Expressions {
    fn default() -> Self {
        Self::new()
    }
}

impl Expressions {
    /// None yet.
    pub fn new() -> Self {
        let mut batch = Batch::new();
        // A message that is never sent: its attributes are taken.
        batch.message(0, 0, &[]);
        Self { batch }
    }

    fn add(&mut self, name: &str, attributes: impl FnOnce(&mut Batch)) -> &mut Self {
        let element = self.batch.nest(1);
        self.batch.string(1, name);
        let data = self.batch.nest(2);
        attributes(&mut self.batch);
        self.batch.end(data).end(element);
        self
    }

    /// Loads what is known of the packet.
    pub fn meta(&mut self, key: u32, to: Register) -> &mut Self {
        self.add("meta", |batch| {
            batch.be32(1, to.number()).be32(2, key);
        })
    }

    /// Loads bytes of the network header.
    pub fn network(&mut self, offset: u32, length: u32, to: Register) -> &mut Self {
        self.payload(1, offset, length, to)
    }

    /// Loads the destination port of TCP, UDP or SCTP.
    pub fn transport_port(&mut self, to: Register) -> &mut Self {
        self.payload(2, 2, 2, to)
    }

    fn payload(&mut self, base: u32, offset: u32, length: u32, to: Register) -> &mut Self {
        self.add("payload", |batch| {
            batch.be32(1, to.number()).be32(2, base).be32(3, offset).be32(4, length);
        })
    }

    /// Goes on if the register holds (or does not hold) these bytes.
    pub fn compare(&mut self, register: Register, equal: bool, bytes: &[u8]) -> &mut Self {
        self.add("cmp", |batch| {
            batch.be32(1, register.number()).be32(2, u32::from(!equal));
            let data = batch.nest(3);
            batch.attribute(1, bytes).end(data);
        })
    }

    /// Keeps the bits of a mask of what the register holds.
    pub fn mask(&mut self, register: Register, mask: &[u8]) -> &mut Self {
        self.add("bitwise", |batch| {
            batch.be32(1, register.number()).be32(2, register.number()).be32(3, mask.len() as u32);
            let data = batch.nest(4);
            batch.attribute(1, mask).end(data);
            let data = batch.nest(5);
            batch.attribute(1, &vec![0; mask.len()]).end(data);
        })
    }

    /// Goes on if the family is IPv4, or IPv6.
    pub fn family(&mut self, six: bool) -> &mut Self {
        self.meta(Self::NFPROTO, Register(0)).compare(Register(0), true, &[if six { 10 } else { 2 }])
    }

    /// Goes on if the set holds what the registers from this on hold; `to` gets the value of a map.
    pub fn look_up(&mut self, set: &str, from: Register, to: Option<Register>) -> &mut Self {
        self.add("lookup", |batch| {
            batch.string(1, set).be32(2, from.number());
            if let Some(to) = to {
                batch.be32(3, to.number());
            }
        })
    }

    /// Goes on if the set does not hold it.
    pub fn look_up_absent(&mut self, set: &str, from: Register) -> &mut Self {
        self.add("lookup", |batch| {
            batch.string(1, set).be32(2, from.number()).be32(5, 1);
        })
    }

    /// Goes on if the destination is an address of this host.
    pub fn destination_is_local(&mut self) -> &mut Self {
        const RTN_LOCAL: u32 = 2;
        self.add("fib", |batch| {
            // NFTA_FIB_RESULT: NFT_FIB_RESULT_ADDRTYPE; NFTA_FIB_FLAGS: NFTA_FIB_F_DADDR.
            batch.be32(1, Register(0).number()).be32(2, 3).be32(3, 2);
        });
        self.compare(Register(0), true, &RTN_LOCAL.to_ne_bytes())
    }

    /// Goes on if the connection's state is one of these bits.
    pub fn state(&mut self, bits: u32) -> &mut Self {
        self.conntrack(0, bits)
    }

    /// Goes on if the connection's status has one of these bits.
    pub fn status(&mut self, bits: u32) -> &mut Self {
        self.conntrack(2, bits)
    }

    fn conntrack(&mut self, key: u32, bits: u32) -> &mut Self {
        self.add("ct", |batch| {
            batch.be32(1, Register(0).number()).be32(2, key);
        });
        self.mask(Register(0), &bits.to_ne_bytes()).compare(Register(0), false, &[0; 4])
    }

    /// Translates the destination to an address and port.
    pub fn destination_nat(&mut self, six: bool, address: Register, port: Register) -> &mut Self {
        self.add("nat", |batch| {
            batch.be32(1, 1).be32(2, if six { 10 } else { 2 });
            batch.be32(3, address.number()).be32(4, address.number());
            batch.be32(5, port.number()).be32(6, port.number());
        })
    }

    /// Loads constant bytes.
    pub fn load(&mut self, register: Register, bytes: &[u8]) -> &mut Self {
        self.add("immediate", |batch| {
            batch.be32(1, register.number());
            let data = batch.nest(2);
            batch.attribute(1, bytes).end(data);
        })
    }

    /// Makes the source the address of the link that the packet leaves by.
    pub fn masquerade(&mut self) -> &mut Self {
        self.add("masq", |_| {})
    }

    /// Counts packets, as every rule that iptables writes does.
    pub fn count(&mut self) -> &mut Self {
        self.add("counter", |batch| {
            batch.attribute(1, &[0; 8]).attribute(2, &[0; 8]);
        })
    }

    /// Decides.
    pub fn verdict(&mut self, verdict: Verdict<'_>) -> &mut Self {
        let (code, chain): (i32, _) = match verdict {
            Verdict::Drop => (0, None),
            Verdict::Accept => (1, None),
            Verdict::Return => (-5, None),
            Verdict::Goto(chain) => (-4, Some(chain)),
        };
        self.add("immediate", |batch| {
            batch.be32(1, 0); // NFT_REG_VERDICT
            let data = batch.nest(2);
            let value = batch.nest(2);
            batch.be32(1, code.cast_unsigned());
            if let Some(chain) = chain {
                batch.string(2, chain);
            }
            batch.end(value).end(data);
        })
    }
}
