//! Tables, chains, sets, rules and elements that come or go together.

use super::{Expressions, Family, SUBSYSTEM, header, kind};
use crate::netlink::Batch;

const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const CREATE: u16 = libc::NLM_F_CREATE as u16;
const EXCLUSIVE: u16 = (libc::NLM_F_CREATE | libc::NLM_F_EXCL) as u16;
const APPEND: u16 = (libc::NLM_F_CREATE | libc::NLM_F_APPEND) as u16;

/// Where a base chain hangs.
#[derive(Debug, Clone, Copy)]
pub struct Hook {
    /// `filter`, `nat` or `route`.
    pub kind: &'static str,
    /// NF_INET_PRE_ROUTING 0, LOCAL_IN 1, FORWARD 2, LOCAL_OUT 3, POST_ROUTING 4.
    pub number: u32,
    /// Smaller ones come first.
    pub priority: i32,
}

/// A set, or a map when it has values.
#[derive(Debug, Clone, Copy, Default)]
pub struct Set<'a> {
    /// Its name.
    pub name: &'a str,
    /// What nft(8) takes the key's parts for: 7 IPv4 address, 8 IPv6 address, 12 protocol, 13 port, 41 link name.
    pub keys: &'a [u32],
    /// Bytes of the key; each part takes a multiple of four.
    pub key_length: u32,
    /// The same for the values of a map.
    pub values: &'a [u32],
    /// Bytes of a value.
    pub value_length: u32,
    /// Whether elements are ends of intervals.
    pub interval: bool,
}

/// An element of a set or map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// Its key.
    pub key: Vec<u8>,
    /// Its value, in a map.
    pub data: Option<Vec<u8>>,
    /// Whether it is the first key after an interval.
    pub end: bool,
}

impl Element {
    /// Of a set.
    pub fn key(key: &[u8]) -> Self {
        Self { key: key.to_vec(), data: None, end: false }
    }

    /// Of a map.
    pub fn pair(key: &[u8], data: &[u8]) -> Self {
        Self { data: Some(data.to_vec()), ..Self::key(key) }
    }

    /// The first key after an interval.
    pub fn end(key: &[u8]) -> Self {
        Self { end: true, ..Self::key(key) }
    }
}

/// A transaction being put together.
#[derive(Debug)]
pub struct Transaction {
    batch: Batch,
    family: Family,
    sets: u32,
}

impl Transaction {
    /// For whatever the rule set is by then.
    pub fn new(family: Family) -> Self {
        let mut batch = Batch::new();
        batch.message(BATCH_BEGIN, 0, &batch_header());
        Self { batch, family, sets: 0 }
    }

    /// For this generation of the rule set: refused with ERESTART when somebody has changed it since.
    pub fn of_generation(family: Family, generation: u32) -> Self {
        let mut transaction = Self::new(family);
        transaction.batch.be32(1, generation);
        transaction
    }

    fn begin(&mut self, kind: u16, flags: u16) -> &mut Batch {
        header(&mut self.batch, kind, flags, self.family);
        &mut self.batch
    }

    /// Adds a table; with `exclusive` EEXIST where there is one.
    pub fn table(&mut self, name: &str, exclusive: bool, userdata: &[u8]) -> &mut Self {
        let flags = if exclusive { EXCLUSIVE } else { CREATE };
        let batch = self.begin(kind::NEWTABLE, flags);
        batch.string(1, name).be32(2, 0);
        if !userdata.is_empty() {
            batch.attribute(6, userdata);
        }
        self
    }

    /// Removes a table with all that is in it.
    pub fn delete_table(&mut self, name: &str) -> &mut Self {
        self.begin(kind::DELTABLE, 0).string(1, name);
        self
    }

    /// Adds a chain; one without a hook is called by others.
    pub fn chain(&mut self, table: &str, name: &str, hook: Option<&Hook>) -> &mut Self {
        let batch = self.begin(kind::NEWCHAIN, CREATE);
        batch.string(1, table).string(3, name);
        if let Some(hook) = hook {
            let nest = batch.nest(4);
            batch.be32(1, hook.number).be32(2, hook.priority.cast_unsigned()).end(nest);
            batch.be32(5, 1).string(7, hook.kind); // policy: NF_ACCEPT
        }
        self
    }

    /// Adds a set or map.
    pub fn set(&mut self, table: &str, set: &Set<'_>) -> &mut Self {
        self.sets += 1;
        let (id, map) = (self.sets, !set.values.is_empty());
        let flags = if set.interval { 4 } else { 0 } | if map { 8 } else { 0 };
        let batch = self.begin(kind::NEWSET, CREATE);
        batch.string(1, table).string(2, set.name).be32(3, flags);
        batch.be32(4, concatenated(set.keys)).be32(5, set.key_length);
        if map {
            batch.be32(6, concatenated(set.values)).be32(7, set.value_length);
        }
        batch.be32(10, id);
        if let [41] = set.keys {
            // NFTNL_UDATA_SET_KEYBYTEORDER, host: nft(8) prints link names right only with it.
            batch.attribute(13, &[0, 4, 1, 0, 0, 0]);
        }
        self
    }

    /// Appends a rule to a chain.
    pub fn rule(&mut self, table: &str, chain: &str, rule: Expressions, userdata: &[u8]) -> &mut Self {
        self.add_rule(APPEND, table, chain, rule, userdata)
    }

    /// Puts a rule at the beginning of a chain.
    pub fn first_rule(&mut self, table: &str, chain: &str, rule: Expressions, userdata: &[u8]) -> &mut Self {
        self.add_rule(CREATE, table, chain, rule, userdata)
    }

    fn add_rule(
        &mut self,
        flags: u16,
        table: &str,
        chain: &str,
        rule: Expressions,
        userdata: &[u8],
    ) -> &mut Self {
        let batch = self.begin(kind::NEWRULE, flags);
        batch.string(1, table).string(2, chain);
        let nest = batch.nest(4);
        batch.raw(rule.batch.attributes_of_last()).end(nest);
        if !userdata.is_empty() {
            batch.attribute(7, userdata);
        }
        self
    }

    /// Removes a rule by its handle.
    pub fn delete_rule(&mut self, table: &str, chain: &str, handle: u64) -> &mut Self {
        self.begin(kind::DELRULE, 0).string(1, table).string(2, chain).attribute(3, &handle.to_be_bytes());
        self
    }

    /// Adds elements. One that is there with the same value is no failure; with another value it is EBUSY or EEXIST.
    pub fn add(&mut self, table: &str, set: &str, elements: &[Element]) -> &mut Self {
        self.elements(kind::NEWSETELEM, CREATE, table, set, elements)
    }

    /// Removes elements; ENOENT when one is not there.
    pub fn remove(&mut self, table: &str, set: &str, elements: &[Element]) -> &mut Self {
        self.elements(kind::DELSETELEM, 0, table, set, elements)
    }

    fn elements(&mut self, kind: u16, flags: u16, table: &str, set: &str, elements: &[Element]) -> &mut Self {
        // A nest has a length of 16 bits: 65,535 bytes, of which an element takes 80 at most.
        for some in elements.chunks(500) {
            let batch = self.begin(kind, flags);
            batch.string(1, table).string(2, set);
            element_list(batch, some);
        }
        self
    }

    /// The messages with their end; None when there is nothing to do.
    pub(super) fn finish(mut self) -> Option<Batch> {
        if self.batch.count() < 2 {
            return None;
        }
        self.batch.acknowledge().message(BATCH_END, 0, &batch_header());
        Some(self.batch)
    }
}

/// `struct nfgenmsg` of a batch names the subsystem.
fn batch_header() -> [u8; 4] {
    let subsystem = SUBSYSTEM.to_be_bytes();
    [0, 0, subsystem[0], subsystem[1]]
}

/// NFTA_SET_ELEM_LIST_ELEMENTS.
pub(super) fn element_list(batch: &mut Batch, elements: &[Element]) {
    let list = batch.nest(3);
    for element in elements {
        let one = batch.nest(1);
        let key = batch.nest(1);
        batch.attribute(1, &element.key).end(key);
        if let Some(value) = &element.data {
            let data = batch.nest(2);
            batch.attribute(1, value).end(data);
        }
        if element.end {
            batch.be32(3, 1);
        }
        batch.end(one);
    }
    batch.end(list);
}

/// What nft(8) calls the type of a concatenation: six bits for each part.
fn concatenated(types: &[u32]) -> u32 {
    types.iter().fold(0, |all, one| all << 6 | one)
}
