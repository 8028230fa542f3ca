//! What waits to be sent, and how much was given up.

use std::collections::VecDeque;

use super::Encoded;

/// A datagram, or a piece of a stream.
#[derive(Debug)]
pub(super) struct Item {
    pub bytes: Vec<u8>,
    /// What the server answers with.
    pub acknowledgement: Option<String>,
    /// Bytes of the record's text; in the last item of a record only.
    text: u64,
    last: bool,
}

/// First in, first out.
#[derive(Debug, Default)]
pub(super) struct Queue {
    items: VecDeque<Item>,
    /// Bytes of text of the records that wait.
    pub text: u64,
    /// Records that wait.
    pub records: u64,
    /// Records that were given up and not reported yet.
    pub dropped: u64,
}

impl Queue {
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub fn front(&self) -> Option<&Item> {
        self.items.front()
    }

    /// Add a record of `text` bytes.
    pub fn push(&mut self, encoded: Encoded, text: u64) {
        let last = encoded.parts.len();
        let mut acknowledgement = encoded.acknowledgement;
        for (number, bytes) in encoded.parts.into_iter().enumerate() {
            let last = number + 1 == last;
            let acknowledgement = if last { acknowledgement.take() } else { None };
            self.items.push_back(Item { bytes, acknowledgement, text: if last { text } else { 0 }, last });
        }
        self.text += text;
        self.records += 1;
    }

    /// The first item has been sent.
    pub fn pop(&mut self) {
        if let Some(item) = self.items.pop_front()
            && item.last
        {
            self.text -= item.text;
            self.records -= 1;
        }
        if self.items.is_empty() {
            // The memory of a burst is given back.
            self.items = VecDeque::new();
        }
    }

    /// Give up the first record, whose first items may have been sent.
    pub fn give_up(&mut self) {
        let records = self.records;
        while self.records == records && !self.items.is_empty() {
            self.pop();
        }
        self.dropped += 1;
    }

    /// Give up all of them.
    pub fn give_up_all(&mut self) {
        self.dropped += self.records;
        self.items = VecDeque::new();
        self.text = 0;
        self.records = 0;
    }
}
