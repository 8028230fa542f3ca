//! JSON strings as Docker's json-file writes them, and any JSON string back to bytes.
//!
//! Docker escapes what Go's `encoding/json` escapes for HTML, with `\u0009` for a tab (only `\n` and `\r` are short),
//! and writes `\ufffd` for each byte that is not UTF-8.

const HEX: &[u8; 16] = b"0123456789abcdef";
const BLOCK: usize = 32;

/// Whether a byte of valid UTF-8 may need an escape; 0xE2 starts U+2028 and U+2029.
const fn special(byte: u8) -> bool {
    (byte < 0x20)
        | (byte == b'"')
        | (byte == b'\\')
        | (byte == b'<')
        | (byte == b'>')
        | (byte == b'&')
        | (byte == 0xe2)
}

/// How many bytes from the start do not satisfy `stop`. Whole blocks are tested without a branch, which the compiler
/// turns into vector instructions.
#[inline]
fn prefix(bytes: &[u8], stop: impl Fn(u8) -> bool) -> usize {
    let mut count = 0;
    for block in bytes.chunks_exact(BLOCK) {
        if block.iter().fold(false, |found, &byte| found | stop(byte)) {
            break;
        }
        count += BLOCK;
    }
    count + bytes[count..].iter().take_while(|&&byte| !stop(byte)).count()
}

/// Append `bytes` as the inside of a JSON string.
pub(super) fn escape(out: &mut Vec<u8>, bytes: &[u8]) {
    let plain = prefix(bytes, |byte| special(byte) | (byte >= 0x80));
    out.extend_from_slice(&bytes[..plain]);
    let rest = &bytes[plain..];
    if rest.is_empty() {
        return;
    }
    if std::str::from_utf8(rest).is_ok() {
        return escape_valid(out, rest);
    }
    for chunk in rest.utf8_chunks() {
        escape_valid(out, chunk.valid().as_bytes());
        for _ in chunk.invalid() {
            out.extend_from_slice(br"\ufffd");
        }
    }
}

fn escape_valid(out: &mut Vec<u8>, mut bytes: &[u8]) {
    loop {
        let plain = prefix(bytes, special);
        out.extend_from_slice(&bytes[..plain]);
        bytes = &bytes[plain..];
        let Some(&byte) = bytes.first() else { return };
        let mut used = 1;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(br"\n"),
            b'\r' => out.extend_from_slice(br"\r"),
            0xe2 => {
                used = 3;
                match bytes {
                    [_, 0x80, last @ (0xa8 | 0xa9), ..] => {
                        out.extend_from_slice(br"\u202");
                        out.push(HEX[usize::from(last & 15)]);
                    }
                    _ => out.extend_from_slice(&bytes[..3]),
                }
            }
            _ => {
                out.extend_from_slice(br"\u00");
                out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
        }
        bytes = &bytes[used..];
    }
}

/// Append the JSON string that starts at `bytes` (after its opening quote) and return how many bytes it took, the
/// closing quote included; `None` if it does not end or an escape is wrong.
pub(super) fn unescape(out: &mut Vec<u8>, bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let plain = prefix(&bytes[at..], |byte| (byte == b'"') | (byte == b'\\'));
        out.extend_from_slice(&bytes[at..at + plain]);
        at += plain;
        match *bytes.get(at)? {
            b'"' => return Some(at + 1),
            _ => at += escaped(out, &bytes[at..])?,
        }
    }
}

/// Decode one escape; the length it took.
fn escaped(out: &mut Vec<u8>, bytes: &[u8]) -> Option<usize> {
    out.push(match *bytes.get(1)? {
        byte @ (b'"' | b'\\' | b'/') => byte,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'f' => 12,
        b'u' => return unicode(out, bytes),
        _ => return None,
    });
    Some(2)
}

fn unicode(out: &mut Vec<u8>, bytes: &[u8]) -> Option<usize> {
    let first = hex(bytes.get(2..6)?)?;
    let (code, used) = match bytes.get(6..12) {
        Some([b'\\', b'u', low @ ..]) if (0xd800..0xdc00).contains(&first) => {
            match hex(low).filter(|low| (0xdc00..0xe000).contains(low)) {
                Some(low) => (0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00), 12),
                None => (first, 6),
            }
        }
        _ => (first, 6),
    };
    // A lone surrogate stands for nothing; Go's decoder writes the replacement character too.
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    Some(used)
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, &byte| Some(value << 4 | char::from(byte).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn escaped_text(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        escape(&mut out, bytes);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn bytes_are_escaped_as_dockers_marshaller_does() {
        assert_eq!(
            escaped_text(b"a\"\\\n\r\t\x00\x1f\x7f"),
            r#"a\"\\\n\r\u0009\u0000\u001f"#.to_owned() + "\x7f"
        );
        assert_eq!(escaped_text(b"<a href='x'>&"), r"\u003ca href='x'\u003e\u0026");
        assert_eq!(escaped_text("é€\u{2028}\u{2029}\u{1f600}".as_bytes()), "é€\\u2028\\u2029\u{1f600}");
        assert_eq!(escaped_text(b"a\xffb\xe2\x82c\xed\xa0\x80"), r"a\ufffdb\ufffd\ufffdc\ufffd\ufffd\ufffd");
    }

    proptest! {
        #[test]
        fn what_is_escaped_is_json_and_comes_back(bytes: Vec<u8>) {
            let text = format!("\"{}\"", escaped_text(&bytes));
            let mut expected = String::new();
            for chunk in bytes.utf8_chunks() {
                expected.push_str(chunk.valid());
                expected.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
            }
            prop_assert_eq!(&serde_json::from_str::<String>(&text).unwrap(), &expected);
            let mut out = Vec::new();
            prop_assert_eq!(unescape(&mut out, &text.as_bytes()[1..]), Some(text.len() - 1));
            prop_assert_eq!(out, expected.into_bytes());
        }

        #[test]
        fn any_json_string_is_read_and_no_bytes_panic(text: String, noise: Vec<u8>) {
            let json = serde_json::to_string(&text).unwrap();
            let mut out = Vec::new();
            prop_assert_eq!(unescape(&mut out, &json.as_bytes()[1..]), Some(json.len() - 1));
            prop_assert_eq!(out, text.into_bytes());
            let _ = unescape(&mut Vec::new(), &noise);
        }
    }
}
