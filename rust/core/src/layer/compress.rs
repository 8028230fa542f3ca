//! A plain archive compressed by gzip, on all processors.

use std::io::{Read, Write};
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::digest::name;
use crate::{Error, Kind, Result};

/// Bytes of the archive in one gzip member. What is written depends on this and not on the number of processors.
const MEMBER: usize = 4 << 20;
/// Most members in work at once: bounds the memory to some 64 MiB.
const PARALLEL: usize = 8;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compressed {
    /// `sha256:…` of the archive as it was read.
    pub diff_id: String,
    /// `sha256:…` of the bytes written.
    pub digest: String,
    /// Bytes written.
    pub size: u64,
    /// Bytes read.
    pub unpacked_size: u64,
}

/// Compress `source` to `destination`: gzip members one behind the other (RFC 1952, 2.2), each of 4 MiB of the archive,
/// without names and times, so that the same archive gives the same bytes on every machine.
pub fn compress(mut source: impl Read, mut destination: impl Write) -> Result<Compressed> {
    let parallel = thread::available_parallelism().map_or(1, std::num::NonZero::get).min(PARALLEL);
    let (mut plain, mut packed) = (Sha256::new(), Sha256::new());
    let (mut size, mut unpacked_size) = (0, 0);
    let mut buffers = vec![Vec::new(); parallel];
    loop {
        let mut count = 0;
        for buffer in &mut buffers {
            buffer.clear();
            (&mut source)
                .take(MEMBER as u64)
                .read_to_end(buffer)
                .map_err(|error| Error::io("read the archive to be compressed", &error))?;
            count += usize::from(!buffer.is_empty());
            if buffer.len() < MEMBER {
                break;
            }
        }
        // An archive of no bytes is one member all the same: nothing at all is no gzip file.
        let full = &buffers[..if unpacked_size == 0 { count.max(1) } else { count }];
        for member in members(full, &mut plain)? {
            packed.update(&member);
            size += member.len() as u64;
            destination
                .write_all(&member)
                .map_err(|error| Error::io("write the compressed archive", &error))?;
        }
        unpacked_size += full.iter().map(|buffer| buffer.len() as u64).sum::<u64>();
        if full.len() < parallel || full.last().is_none_or(|buffer| buffer.len() < MEMBER) {
            break;
        }
    }
    destination.flush().map_err(|error| Error::io("write the compressed archive", &error))?;
    Ok(Compressed { diff_id: name(plain), digest: name(packed), size, unpacked_size })
}

/// Each buffer as a member, in order; the archive is hashed meanwhile.
fn members(buffers: &[Vec<u8>], plain: &mut Sha256) -> Result<Vec<Vec<u8>>> {
    thread::scope(|scope| {
        let workers: Vec<_> = buffers.iter().map(|buffer| scope.spawn(move || member(buffer))).collect();
        for buffer in buffers {
            plain.update(buffer);
        }
        let failed = || Error::new(Kind::System, "a thread that compressed an archive failed");
        workers.into_iter().map(|worker| worker.join().map_err(|_| failed())?).collect()
    })
}

fn member(data: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(data.len() / 2), Compression::default());
    encoder
        .write_all(data)
        .and_then(|()| encoder.finish())
        .map_err(|error| Error::io("compress an archive", &error))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::{MEMBER, compress};
    use crate::layer::{digest, sha256};

    #[test]
    fn what_is_unpacked_again_is_the_archive() {
        for length in [0, 1, MEMBER - 1, MEMBER, 5 * MEMBER / 2] {
            let data: Vec<u8> = (0..length).map(|at| (at / 7 % 251) as u8).collect();
            let mut packed = Vec::new();
            let made = compress(&data[..], &mut packed).unwrap();
            let mut back = Vec::new();
            flate2::read::MultiGzDecoder::new(&packed[..]).read_to_end(&mut back).unwrap();
            assert!(back == data, "{length} bytes");
            assert_eq!((made.size, made.unpacked_size), (packed.len() as u64, length as u64));
            assert_eq!(made.digest, digest(&packed[..]).unwrap().0);
            assert_eq!(made.diff_id, format!("sha256:{}", crate::layer::hex(&sha256(&data))));
        }
    }
}
