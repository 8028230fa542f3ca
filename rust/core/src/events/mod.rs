//! What happened to containers, images, networks and volumes: one file of JSON lines in the run root, in the form of
//! Docker's `GET /events`. Shims and engines write it, whoever wants to know reads it.
//!
//! | module | duty |
//! |---|---|
//! | [`message`] | one event as a line |
//! | [`append`] | a line added to the file; the file rotated |
//! | [`reader`] | lines back, oldest first, and waiting for more |
//!
//! `events.json.1` is the former file. Each is closed at [`LIMIT`] bytes, so that the two bound what a run root on a
//! tmpfs costs. A reader that has a file open reads it to its end, whatever has become of its name.

pub mod append;
pub mod message;
pub mod reader;

pub use append::append;
pub use message::Message;
pub use reader::Reader;

/// The file in the run root.
pub const FILE: &str = "events.json";
/// The file before it.
pub const FORMER: &str = "events.json.1";
/// A file of this many bytes or more gets no more events: about 20,000.
pub const LIMIT: u64 = 8 << 20;

#[cfg(test)]
mod tests;
