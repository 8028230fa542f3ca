//! Digests in the form the OCI image specification writes them (`descriptor.md`, Digests).

use std::io::Read;

use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// `sha256:…` and the number of bytes of what is read from `source` to its end.
pub fn digest(mut source: impl Read) -> Result<(String, u64)> {
    let mut state = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    let mut size = 0;
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok((name(state), size)),
            Ok(length) => {
                state.update(&buffer[..length]);
                size += length as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("read what is to be digested", &error)),
        }
    }
}

/// Bytes as lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// SHA-256 of some bytes (FIPS 180-4).
pub fn sha256(data: &[u8]) -> [u8; 32] {
    Sha256::digest(data).into()
}

/// The finished digest with its algorithm.
pub(super) fn name(state: Sha256) -> String {
    format!("sha256:{}", hex(&state.finalize()))
}
