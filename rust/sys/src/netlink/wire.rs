//! Netlink messages as bytes: built, and taken apart without trust in any length.

use nix::errno::Errno;

/// Bytes of `struct nlmsghdr`: length, type, flags, sequence, port.
const HEADER: usize = 16;
/// Flags in the type of an attribute: NLA_F_NESTED and NLA_F_NET_BYTEORDER.
const TYPE_FLAGS: u16 = 0xc000;
const NESTED: u16 = 0x8000;

/// A place in a [`Batch`] whose length is written once its content is known.
#[derive(Debug)]
#[must_use]
pub struct Nest(usize);

/// Messages one after another, for one `send`.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    /// Where the last message begins.
    last: usize,
    count: u32,
}

impl Batch {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a message: type, flags (NLM_F_REQUEST is added) and the fixed part of its body.
    pub fn message(&mut self, kind: u16, flags: u16, body: &[u8]) -> &mut Self {
        self.last = self.bytes.len();
        self.count += 1;
        let flags = flags | libc::NLM_F_REQUEST as u16;
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(&flags.to_ne_bytes());
        // The place in the batch; [`Batch::number`] makes it a sequence number.
        self.bytes.extend_from_slice(&(self.count - 1).to_ne_bytes());
        self.bytes.extend_from_slice(&0u32.to_ne_bytes());
        self.bytes.extend_from_slice(body);
        self.pad();
        self
    }

    /// Adds an attribute to the last message.
    pub fn attribute(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(&((value.len() + 4) as u16).to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.pad();
        self
    }

    /// A number in the machine's own order, as rtnetlink has them.
    pub fn u32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.attribute(kind, &value.to_ne_bytes())
    }

    /// A number in network order, as nfnetlink has them.
    pub fn be32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.attribute(kind, &value.to_be_bytes())
    }

    /// A string with its NUL.
    pub fn string(&mut self, kind: u16, value: &str) -> &mut Self {
        let mut bytes = Vec::with_capacity(value.len() + 1);
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0);
        self.attribute(kind, &bytes)
    }

    /// Begins an attribute that holds attributes.
    pub fn nest(&mut self, kind: u16) -> Nest {
        let place = self.bytes.len();
        self.attribute(kind | NESTED, &[]);
        Nest(place)
    }

    /// Ends it.
    pub fn end(&mut self, Nest(place): Nest) -> &mut Self {
        let length = (self.bytes.len() - place) as u16;
        self.bytes[place..place + 2].copy_from_slice(&length.to_ne_bytes());
        self
    }

    /// Adds bytes that are no attribute, within a nest.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self.pad();
        self
    }

    /// The attributes of the last message, if it has no fixed part.
    pub fn attributes_of_last(&self) -> &[u8] {
        self.bytes.get(self.last + HEADER..).unwrap_or_default()
    }

    /// How many messages there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Asks for an acknowledgement of the last message.
    pub fn acknowledge(&mut self) -> &mut Self {
        let mut flags = [0; 2];
        let at = self.last + 6;
        if let Some(bytes) = self.bytes.get_mut(at..at + 2) {
            flags.copy_from_slice(bytes);
            bytes.copy_from_slice(&(u16::from_ne_bytes(flags) | libc::NLM_F_ACK as u16).to_ne_bytes());
        }
        self
    }

    /// Attributes and messages begin at multiples of four; the padding counts for the message, not the attribute.
    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        let length = (self.bytes.len() - self.last) as u32;
        self.bytes[self.last..self.last + 4].copy_from_slice(&length.to_ne_bytes());
    }

    /// The bytes, with sequence numbers from `first` on.
    pub(super) fn number(mut self, first: u32) -> Vec<u8> {
        let mut at = 0;
        while at + HEADER <= self.bytes.len() {
            let word = |place: usize, bytes: &[u8]| {
                bytes[place..place + 4].try_into().map(u32::from_ne_bytes).unwrap_or_default()
            };
            let (length, place) = (word(at, &self.bytes) as usize, word(at + 8, &self.bytes));
            self.bytes[at + 8..at + 12].copy_from_slice(&first.wrapping_add(place).to_ne_bytes());
            at += length.max(HEADER);
        }
        self.bytes
    }
}

/// One message that the kernel sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'b> {
    /// Its type.
    pub kind: u16,
    /// NLM_F_MULTI and others.
    pub flags: u16,
    /// That of the request which it answers; 0 for news.
    pub sequence: u32,
    /// What follows the header.
    pub body: &'b [u8],
}

impl Message<'_> {
    /// What an NLMSG_ERROR says: its first word is 0 or a negative errno.
    pub fn verdict(&self) -> Option<nix::Result<()>> {
        if i32::from(self.kind) != libc::NLMSG_ERROR {
            return None;
        }
        let word = self.body.get(..4).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
        Some(match word {
            Some(0) => Ok(()),
            Some(error) => Err(Errno::from_raw(error.wrapping_neg())),
            None => Err(Errno::EBADMSG),
        })
    }

    /// The attributes after the body's fixed part of `skip` bytes.
    pub fn attributes(&self, skip: usize) -> Attributes<'_> {
        Attributes(self.body.get(skip..).unwrap_or_default())
    }
}

/// The messages of one datagram; what is malformed ends them.
#[derive(Debug, Clone)]
pub struct Messages<'b>(pub &'b [u8]);

impl<'b> Iterator for Messages<'b> {
    type Item = Message<'b>;

    fn next(&mut self) -> Option<Self::Item> {
        let head = self.0.get(..HEADER)?;
        let length = u32::from_ne_bytes(head[..4].try_into().ok()?) as usize;
        let body = self.0.get(HEADER..length)?;
        let message = Message {
            kind: u16::from_ne_bytes(head[4..6].try_into().ok()?),
            flags: u16::from_ne_bytes(head[6..8].try_into().ok()?),
            sequence: u32::from_ne_bytes(head[8..12].try_into().ok()?),
            body,
        };
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    }
}

/// Attributes one after another, type (without its flags) and value; what is malformed ends them.
#[derive(Debug, Clone)]
pub struct Attributes<'b>(pub &'b [u8]);

impl<'b> Attributes<'b> {
    /// The value of the first attribute of this type.
    pub fn find(mut self, kind: u16) -> Option<&'b [u8]> {
        self.find_map(|(one, value)| (one == kind).then_some(value))
    }

    /// The attributes within the first attribute of this type.
    pub fn within(self, kind: u16) -> Attributes<'b> {
        Attributes(self.find(kind).unwrap_or_default())
    }
}

impl<'b> Iterator for Attributes<'b> {
    type Item = (u16, &'b [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let head = self.0.get(..4)?;
        let length = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        let kind = u16::from_ne_bytes([head[2], head[3]]) & !TYPE_FLAGS;
        let value = self.0.get(4..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    }
}

/// A string attribute without its NUL.
pub fn text(value: &[u8]) -> String {
    let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

/// A number in the machine's order.
pub fn number(value: &[u8]) -> Option<u32> {
    value.get(..4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_ne_bytes)
}

/// A number in network order.
pub fn be_number(value: &[u8]) -> Option<u32> {
    value.get(..4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_was_built_is_read_back() {
        let mut batch = Batch::new();
        batch.message(16, 0x400, &[1; 16]).string(3, "eth0").u32(4, 1400);
        let outer = batch.nest(18);
        batch.string(1, "veth");
        batch.end(outer);
        batch.message(17, 0, &[2; 4]).acknowledge();
        let bytes = batch.number(7);
        let messages: Vec<_> = Messages(&bytes).collect();
        assert_eq!(messages.len(), 2);
        assert_eq!((messages[0].kind, messages[0].flags, messages[0].sequence), (16, 0x401, 7));
        assert_eq!(messages[0].attributes(16).find(3).map(text), Some("eth0".into()));
        assert_eq!(messages[0].attributes(16).find(4).and_then(number), Some(1400));
        assert_eq!(messages[0].attributes(16).within(18).find(1).map(text), Some("veth".into()));
        assert_eq!((messages[1].kind, messages[1].flags, messages[1].sequence), (17, 0x5, 8));
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_apart_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut seen = 0;
            for message in Messages(&bytes) {
                seen += 1;
                let _ = message.verdict();
                for (_, value) in message.attributes(4) {
                    let _ = (text(value), number(value), be_number(value), Attributes(value).count());
                }
            }
            prop_assert!(seen <= bytes.len() / HEADER);
        }

        #[test]
        fn attributes_survive(values in proptest::collection::vec((0u16..0x3fff, proptest::collection::vec(any::<u8>(), 0..40)), 0..20)) {
            let mut batch = Batch::new();
            batch.message(1, 0, &[]);
            for (kind, value) in &values {
                batch.attribute(*kind, value);
            }
            let bytes = batch.number(0);
            let message = Messages(&bytes).next().unwrap();
            let read: Vec<_> = message.attributes(0).map(|(kind, value)| (kind, value.to_vec())).collect();
            prop_assert_eq!(read, values);
        }
    }
}
