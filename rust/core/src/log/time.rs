//! Times as nanoseconds since the epoch, and as RFC 3339 text in UTC.

const DAY: i64 = 86_400;
const NANOS: i64 = 1_000_000_000;

/// Append `2026-11-23T23:04:05`, a fraction and `Z`. With `fixed` the fraction has nine digits, otherwise its final
/// zeros are left out, and so is an empty fraction (Go's RFC3339Nano).
pub(super) fn format(out: &mut Vec<u8>, ns: i64, fixed: bool) {
    let (seconds, fraction) = (ns.div_euclid(NANOS), ns.rem_euclid(NANOS));
    let (year, month, day) = civil(seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY);
    digits(out, year, 4);
    for (separator, value) in
        [(b'-', month), (b'-', day), (b'T', second / 3600), (b':', second / 60 % 60), (b':', second % 60)]
    {
        out.push(separator);
        digits(out, value, 2);
    }
    if fixed || fraction != 0 {
        out.push(b'.');
        digits(out, fraction, 9);
        while !fixed && out.last() == Some(&b'0') {
            out.pop();
        }
    }
    out.push(b'Z');
}

fn digits(out: &mut Vec<u8>, mut value: i64, count: usize) {
    let start = out.len();
    out.resize(start + count, b'0');
    for digit in out[start..].iter_mut().rev() {
        *digit = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
    }
}

/// Year, month and day of a count of days since 1970-01-01, in the Gregorian calendar, counted from 1 March so that
/// the leap day is the last of a year.
const fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year + (month <= 2) as i64, month, day)
}

/// The inverse of [`civil`].
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    let year_of_era = year.rem_euclid(400);
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    year.div_euclid(400) * 146_097 + of_era - 719_468
}

/// Nanoseconds of an RFC 3339 time with `Z` or a numeric offset; `None` if it is none, or outside 1678 to 2262.
pub(super) fn parse(text: &[u8]) -> Option<i64> {
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if text.len() < 20 || separators.iter().any(|&(at, byte)| text[at] != byte) {
        return None;
    }
    let at = |from: usize, count: usize| number(&text[from..from + count]);
    let (year, month, day) = (at(0, 4)?, at(5, 2)?, at(8, 2)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let mut seconds = days(year, month, day) * DAY + at(11, 2)? * 3600 + at(14, 2)? * 60 + at(17, 2)?;
    let mut rest = &text[19..];
    let mut nanos = 0;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let count = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 || count > 9 {
            return None;
        }
        nanos = number(&fraction[..count])? * 10_i64.pow(u32::try_from(9 - count).ok()?);
        rest = &fraction[count..];
    }
    match rest {
        b"Z" => {}
        [sign @ (b'+' | b'-'), hour @ .., b':', a, b] if hour.len() == 2 => {
            let offset = number(hour)? * 3600 + number(&[*a, *b])? * 60;
            seconds += if *sign == b'+' { -offset } else { offset };
        }
        _ => return None,
    }
    seconds.checked_mul(NANOS)?.checked_add(nanos)
}

fn number(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(ns: i64, fixed: bool) -> String {
        let mut out = Vec::new();
        format(&mut out, ns, fixed);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn final_zeros_are_left_out_as_go_does_unless_fixed() {
        let base = 1_795_475_045 * NANOS;
        assert_eq!(text(base, false), "2026-11-23T23:04:05Z");
        assert_eq!(text(base + 120_000_000, false), "2026-11-23T23:04:05.12Z");
        assert_eq!(text(base + 120_000_000, true), "2026-11-23T23:04:05.120000000Z");
        assert_eq!(text(951_782_400 * NANOS, false), "2000-02-29T00:00:00Z");
        assert_eq!(text(-1, false), "1969-12-31T23:59:59.999999999Z");
    }

    #[test]
    fn offsets_are_understood_and_nonsense_is_not() {
        assert_eq!(parse(b"1970-01-01T02:00:00+02:00"), Some(0));
        for bad in [
            "",
            "1970-13-01T00:00:00Z",
            "1970-01-01T00:00:00",
            "1970-01-01T00:00:00.Z",
            "9999-01-01T00:00:00Z",
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_time_survives_its_text(ns: i64, fixed: bool) {
            prop_assert_eq!(parse(text(ns, fixed).as_bytes()), Some(ns));
        }
    }
}
