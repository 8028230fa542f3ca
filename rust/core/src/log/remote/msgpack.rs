//! As much of MessagePack as fluentd's forward protocol needs, in the forms that tinylib/msgp chooses
//! (<https://github.com/msgpack/msgpack/blob/master/spec.md>).

/// A string of up to 2^32 bytes, whatever they are.
pub(super) fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    match length {
        0..=31 => out.push(0xa0 | bytes.len() as u8),
        32..=255 => out.extend_from_slice(&[0xd9, bytes.len() as u8]),
        256..=65_535 => {
            out.push(0xda);
            out.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
        }
        _ => {
            out.push(0xdb);
            out.extend_from_slice(&length.to_be_bytes());
        }
    }
    out.extend_from_slice(bytes);
}

/// The head of a map of up to 65,535 pairs.
pub(super) fn map(out: &mut Vec<u8>, pairs: usize) {
    if pairs < 16 {
        out.push(0x80 | pairs as u8);
    } else {
        out.push(0xde);
        out.extend_from_slice(&u16::try_from(pairs).unwrap_or(u16::MAX).to_be_bytes());
    }
}

/// A signed number in its shortest signed form.
pub(super) fn integer(out: &mut Vec<u8>, value: i64) {
    if (0..=127).contains(&value) {
        out.push(value as u8);
    } else if let Ok(value) = i8::try_from(value) {
        out.extend_from_slice(&[0xd0, value as u8]);
    } else if let Ok(value) = i16::try_from(value) {
        out.push(0xd1);
        out.extend_from_slice(&value.to_be_bytes());
    } else if let Ok(value) = i32::try_from(value) {
        out.push(0xd2);
        out.extend_from_slice(&value.to_be_bytes());
    } else {
        out.push(0xd3);
        out.extend_from_slice(&value.to_be_bytes());
    }
}

/// The value of a map's one pair, `name`, that is a string; None while there is less than that, an error for anything else.
pub(super) fn only_string<'a>(bytes: &'a [u8], name: &str) -> Result<Option<&'a [u8]>, ()> {
    let Some((&head, rest)) = bytes.split_first() else { return Ok(None) };
    if head != 0x81 {
        return Err(());
    }
    let Some((found, rest)) = take_string(rest)? else { return Ok(None) };
    if found != name.as_bytes() {
        return Err(());
    }
    Ok(take_string(rest)?.map(|(value, _)| value))
}

/// A string, and what follows it.
type Taken<'a> = Option<(&'a [u8], &'a [u8])>;

fn take_string(bytes: &[u8]) -> Result<Taken<'_>, ()> {
    let Some((&head, rest)) = bytes.split_first() else { return Ok(None) };
    let (length, rest) = match head {
        0xa0..=0xbf => (usize::from(head & 0x1f), rest),
        0xd9 | 0xc4 => match rest.split_first() {
            Some((&length, rest)) => (usize::from(length), rest),
            None => return Ok(None),
        },
        _ => return Err(()),
    };
    Ok(rest.split_at_checked(length))
}
