//! The bytes of a layer: decompressed on one thread, hashed on a second, handed to the caller on its own.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use sha2::{Digest, Sha256};

use super::digest::name;
use super::{RATIO_FROM, RATIO_MAX};
use crate::{Error, Result};

/// Bytes of a block between threads.
const BLOCK: usize = 256 << 10;
/// Blocks that wait in a channel: bounds the memory to some 4 MiB.
const WAITING: usize = 6;
/// Memory an xz decoder may take, in bytes; `xz -9` takes 65 MiB.
const XZ_MEMORY: u64 = 256 << 20;
/// Binary logarithm of the largest zstd window accepted: 128 MiB, the format's own default.
const ZSTD_WINDOW: u32 = 27;

type Block = Arc<Vec<u8>>;

/// What was read in all.
pub(super) struct Summary {
    pub diff_id: String,
    pub digest: String,
    pub size: u64,
    pub unpacked_size: u64,
}

/// Read `source` to its end; `consume` gets the unpacked bytes.
pub(super) fn read<T>(
    source: impl Read + Send,
    limit: Option<u64>,
    consume: impl FnOnce(&mut Blocks) -> Result<T>,
) -> Result<(T, Summary)> {
    thread::scope(|scope| {
        let (to_caller, from_decoder) = sync_channel(WAITING);
        let (to_hasher, hashed) = sync_channel::<Block>(WAITING);
        let (to_pool, pool) = channel();
        let decoder = scope.spawn(move || {
            let out = Out { to_caller, to_hasher, pool, limit, total: 0 };
            decode(source, out)
        });
        let hasher = scope.spawn(move || {
            let mut state = Sha256::new();
            for block in hashed {
                state.update(&*block);
            }
            name(state)
        });
        let mut blocks = Blocks { from_decoder, to_pool, block: Arc::default(), position: 0, taken: 0 };
        let consumed = consume(&mut blocks).and_then(|value| blocks.drain().map(|()| value));
        drop(blocks);
        let decoded = decoder.join().map_err(|_| panicked("decoder"))?;
        let diff_id = hasher.join().map_err(|_| panicked("hasher"))?;
        let value = consumed?;
        let Some(read) = decoded else { return Err(panicked("decoder")) };
        let digest = read.digest.unwrap_or_else(|| diff_id.clone());
        Ok((value, Summary { diff_id, digest, size: read.size, unpacked_size: read.unpacked_size }))
    })
}

fn panicked(who: &str) -> Error {
    Error::new(crate::Kind::System, format!("the layer's {who} thread failed"))
}

/// The unpacked bytes, on the caller's side.
pub(super) struct Blocks {
    from_decoder: Receiver<Result<Block>>,
    to_pool: Sender<Block>,
    block: Block,
    position: usize,
    taken: u64,
}

impl Blocks {
    /// Up to `most` bytes, at least one; empty only at the end of the stream.
    pub(super) fn chunk(&mut self, most: u64) -> Result<&[u8]> {
        if self.position == self.block.len() && !self.refill()? {
            return Ok(&[]);
        }
        let left = self.block.len() - self.position;
        let length = usize::try_from(most).map_or(left, |most| most.min(left));
        let start = self.position;
        self.position += length;
        self.taken += length as u64;
        Ok(&self.block[start..start + length])
    }

    /// Fill `buffer`; the number of bytes read is less only at the end of the stream.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            let chunk = self.chunk((buffer.len() - done) as u64)?;
            if chunk.is_empty() {
                break;
            }
            buffer[done..done + chunk.len()].copy_from_slice(chunk);
            done += chunk.len();
        }
        Ok(done)
    }

    /// Bytes taken so far.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// Take and forget all that is left.
    fn drain(&mut self) -> Result<()> {
        while !self.chunk(u64::MAX)?.is_empty() {}
        Ok(())
    }

    fn refill(&mut self) -> Result<bool> {
        match self.from_decoder.recv() {
            Ok(block) => {
                let old = std::mem::replace(&mut self.block, block?);
                self.position = 0;
                // The decoder may have ended: then nobody wants the old block.
                let _ = self.to_pool.send(old);
                Ok(true)
            }
            Err(_) => Ok(false),
        }
    }
}

/// The decoder's side of the channels.
struct Out {
    to_caller: SyncSender<Result<Block>>,
    to_hasher: SyncSender<Block>,
    pool: Receiver<Block>,
    limit: Option<u64>,
    total: u64,
}

/// What the decoder read; `digest` is absent when the source is not compressed.
struct Decoded {
    digest: Option<String>,
    size: u64,
    unpacked_size: u64,
}

/// Why the decoder stopped early.
enum Stop {
    /// The caller wants no more.
    HungUp,
    Failed(Error),
}

/// Decode everything; a failure is sent to the caller in its place in the stream.
fn decode(source: impl Read, mut out: Out) -> Option<Decoded> {
    let mut tee = Tee::new(source);
    match decode_to(&mut tee, &mut out) {
        Ok(()) => Some(Decoded {
            digest: tee.state.take().map(name),
            size: tee.count.load(Ordering::Relaxed),
            unpacked_size: out.total,
        }),
        Err(Stop::HungUp) => None,
        Err(Stop::Failed(error)) => {
            // Nobody to tell: the caller failed first.
            let _ = out.to_caller.send(Err(error));
            None
        }
    }
}

fn decode_to(tee: &mut Tee<impl Read>, out: &mut Out) -> std::result::Result<(), Stop> {
    let magic = tee.peek(10).map_err(|error| Stop::Failed(Error::io("read the layer", &error)))?;
    let format = Format::of(magic);
    if format == Format::Plain {
        return pump(tee, out, format, None);
    }
    // The peeked bytes have not been hashed: hashing begins when they are consumed.
    tee.state = Some(Sha256::new());
    let count = Some(Arc::clone(&tee.count));
    match format {
        Format::Gzip => pump(&mut flate2::bufread::MultiGzDecoder::new(&mut *tee), out, format, count)?,
        Format::Zstd => pump(&mut zstd_decoder(tee)?, out, format, count)?,
        Format::Xz => pump(&mut xz_decoder(tee)?, out, format, count)?,
        Format::Bzip2 => {
            let error = Error::unsupported("the layer is compressed by bzip2, which is not supported");
            return Err(Stop::Failed(error.hint("compress the layer by gzip or zstd")));
        }
        Format::Plain => {}
    }
    io::copy(tee, &mut io::sink()).map_err(|error| Stop::Failed(Error::io("read the layer", &error)))?;
    Ok(())
}

fn zstd_decoder<R: BufRead>(
    tee: &mut R,
) -> std::result::Result<zstd::stream::read::Decoder<'static, &mut R>, Stop> {
    let failed = |error: io::Error| Stop::Failed(Error::io("make a zstd decoder", &error));
    let mut decoder = zstd::stream::read::Decoder::with_buffer(tee).map_err(failed)?;
    decoder.window_log_max(ZSTD_WINDOW).map_err(failed)?;
    Ok(decoder)
}

fn xz_decoder<R: BufRead>(tee: &mut R) -> std::result::Result<liblzma::bufread::XzDecoder<&mut R>, Stop> {
    let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED)
        .map_err(|error| Stop::Failed(Error::io("make an xz decoder", &error.into())))?;
    Ok(liblzma::bufread::XzDecoder::new_stream(tee, stream))
}

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Plain,
    Gzip,
    Zstd,
    Xz,
    Bzip2,
}

impl Format {
    /// RFC 1952; RFC 8878, sections 3.1.1 and 3.1.2 (a skippable frame may come first); the xz format, 2.1.1.1.
    fn of(magic: &[u8]) -> Self {
        match magic {
            [0x1f, 0x8b, 8, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..] => Self::Bzip2,
            _ => Self::Plain,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Plain => "tar",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
        }
    }
}

/// Send all of `reader` to both channels.
fn pump(
    reader: &mut dyn Read,
    out: &mut Out,
    format: Format,
    packed: Option<Arc<AtomicU64>>,
) -> std::result::Result<(), Stop> {
    loop {
        let mut block = out.pool.try_recv().unwrap_or_default();
        // Still with the hasher: take another.
        if Arc::get_mut(&mut block).is_none() {
            block = Block::default();
        }
        let Some(buffer) = Arc::get_mut(&mut block) else { return Err(Stop::HungUp) };
        buffer.resize(BLOCK, 0);
        let length = fill(reader, buffer).map_err(|error| Stop::Failed(damaged(format, &error)))?;
        if length == 0 {
            return Ok(());
        }
        buffer.truncate(length);
        out.total += length as u64;
        check(out, packed.as_ref().map(|count| count.load(Ordering::Relaxed)))?;
        out.to_hasher.send(Arc::clone(&block)).map_err(|_| Stop::HungUp)?;
        out.to_caller.send(Ok(block)).map_err(|_| Stop::HungUp)?;
    }
}

/// The limits on the unpacked size.
fn check(out: &Out, packed: Option<u64>) -> std::result::Result<(), Stop> {
    if let Some(limit) = out.limit.filter(|limit| out.total > *limit) {
        return Err(Stop::Failed(Error::invalid(format!("the layer unpacks to more than {limit} bytes"))));
    }
    if let Some(packed) = packed
        && out.total > RATIO_FROM
        && out.total / RATIO_MAX > packed
    {
        let message = format!(
            "the layer unpacks to more than {RATIO_MAX} times its size: {} bytes from {packed}",
            out.total
        );
        return Err(Stop::Failed(Error::invalid(message)));
    }
    Ok(())
}

fn damaged(format: Format, error: &io::Error) -> Error {
    match error.raw_os_error() {
        Some(_) => Error::io("read the layer", error),
        None if format == Format::Plain => Error::io("read the layer", error),
        None => Error::corrupt(format!("the layer's {} data are damaged: {error}", format.name())),
    }
}

/// Read until `buffer` is full or the end.
fn fill(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match reader.read(&mut buffer[done..]) {
            Ok(0) => break,
            Ok(length) => done += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// A buffered reader that counts and, when asked, hashes what is consumed.
struct Tee<R> {
    source: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    state: Option<Sha256>,
    count: Arc<AtomicU64>,
}

impl<R: Read> Tee<R> {
    fn new(source: R) -> Self {
        Self { source, buffer: vec![0; BLOCK], start: 0, end: 0, state: None, count: Arc::default() }
    }

    /// The first `length` bytes, fewer only at the end; nothing is consumed.
    fn peek(&mut self, length: usize) -> io::Result<&[u8]> {
        self.end += fill(&mut self.source, &mut self.buffer[self.end..length])?;
        Ok(&self.buffer[..self.end])
    }
}

impl<R: Read> BufRead for Tee<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            self.end = loop {
                match self.source.read(&mut self.buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    other => break other?,
                }
            };
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn consume(&mut self, amount: usize) {
        let end = (self.start + amount).min(self.end);
        if let Some(state) = &mut self.state {
            state.update(&self.buffer[self.start..end]);
        }
        self.count.fetch_add((end - self.start) as u64, Ordering::Relaxed);
        self.start = end;
    }
}

impl<R: Read> Read for Tee<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end && out.len() >= BLOCK && self.state.is_none() {
            let length = self.source.read(out)?;
            self.count.fetch_add(length as u64, Ordering::Relaxed);
            return Ok(length);
        }
        let held = self.fill_buf()?;
        let length = held.len().min(out.len());
        out[..length].copy_from_slice(&held[..length]);
        self.consume(length);
        Ok(length)
    }
}
