//! Messages of the domain name system (RFC 1035, RFC 6891): questions read, answers written.
//!
//! Only what a resolver of containers needs: one question, addresses and names as answers. Everything that comes from a
//! container is read without trust in any length.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes of a header.
const HEADER: usize = 12;
/// The longest message over UDP for one who does not say otherwise.
const PLAIN: usize = 512;
/// The longest that is sent over UDP at all.
const MOST: usize = 4096;
/// Seconds that an answer may be kept: containers come and go.
const TTL: u32 = 5;

/// Types of records.
pub mod kind {
    /// An address of IPv4.
    pub const A: u16 = 1;
    /// The name of an address.
    pub const PTR: u16 = 12;
    /// An address of IPv6.
    pub const AAAA: u16 = 28;
    /// What EDNS adds to a message.
    pub const OPT: u16 = 41;
    /// All there is.
    pub const ANY: u16 = 255;
}

/// How an answer ends that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// There is such a name, if perhaps nothing of the type.
    Ok = 0,
    /// The question cannot be read.
    Malformed = 1,
    /// Nobody could be asked.
    Failed = 2,
    /// There is no such name.
    NoName = 3,
    /// Such questions are not answered.
    NotOffered = 4,
    /// This one does not.
    Refused = 5,
}

/// What the answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Addresses; those that the question does not ask for are left out.
    Addresses(Vec<IpAddr>),
    /// A name.
    Name(String),
    /// Nothing but a code.
    None(Code),
}

/// A question that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question<'m> {
    /// Chosen by whoever asks.
    pub id: u16,
    /// In lower case, with dots between labels and none at the end. None where a label holds what no host name does.
    pub name: Option<String>,
    /// The type of record that is asked for.
    pub kind: u16,
    /// 1 is the internet.
    pub class: u16,
    /// Opcode and RD of the header.
    flags: u16,
    /// Name, type and class as they came.
    raw: &'m [u8],
    /// The longest message that the asker takes over UDP, if it says so.
    longest: Option<u16>,
}

/// Reads a message with one question. A message that is none gives the code of its answer, or None for no answer at all.
pub fn read(message: &[u8]) -> Result<Question<'_>, Option<Code>> {
    let word =
        |at: usize| message.get(at..at + 2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]])).ok_or(None);
    let (id, flags) = (word(0)?, word(2)?);
    let counts = [word(4)?, word(6)?, word(8)?, word(10)?];
    if flags & 0x8000 != 0 {
        return Err(None); // an answer
    }
    if flags & 0x7800 != 0 {
        return Err(Some(Code::NotOffered));
    }
    if counts[0] != 1 || counts[1] != 0 || counts[2] != 0 {
        return Err(Some(Code::Malformed));
    }
    let malformed = || Some(Code::Malformed);
    let (name, end) = read_name(message, HEADER).ok_or_else(malformed)?;
    let (kind, class) = (word(end).map_err(|_| malformed())?, word(end + 2).map_err(|_| malformed())?);
    let raw = message.get(HEADER..end + 4).ok_or_else(malformed)?;
    let longest = option(message, end + 4, counts[3]);
    Ok(Question { id, name, kind, class, flags: flags & 0x7900, raw, longest })
}

/// A name without compression: as text, and where it ends.
fn read_name(message: &[u8], mut at: usize) -> Option<(Option<String>, usize)> {
    let (start, mut name) = (at, Some(String::new()));
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            return (at - start <= 255).then_some((name, at));
        }
        if length > 63 {
            return None; // a pointer has nothing to point to
        }
        let label = message.get(at..at + length)?;
        at += length;
        let plain = label.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'.');
        name = name.filter(|_| plain).map(|mut name| {
            if !name.is_empty() {
                name.push('.');
            }
            name.extend(label.iter().map(|byte| char::from(byte.to_ascii_lowercase())));
            name
        });
    }
}

/// The size that an OPT record offers; it is looked for in the first of the additional records alone, where it is.
fn option(message: &[u8], at: usize, count: u16) -> Option<u16> {
    let record = message.get(at..at + 5).filter(|_| count > 0)?;
    let kind = u16::from_be_bytes([record[1], record[2]]);
    (record[0] == 0 && kind == kind::OPT).then(|| u16::from_be_bytes([record[3], record[4]]))
}

impl Question<'_> {
    /// Writes the answer; over UDP one that is too long says so, and holds what fits.
    pub fn answer(&self, answer: &Answer, udp: bool) -> Vec<u8> {
        let limit = match (udp, self.longest) {
            (false, _) => usize::from(u16::MAX),
            (true, None) => PLAIN,
            (true, Some(longest)) => usize::from(longest).clamp(PLAIN, MOST),
        };
        let code = if let Answer::None(code) = answer { *code } else { Code::Ok };
        // QR and RA: this is an answer of one who would ask others.
        let mut message = Vec::with_capacity(128);
        for word in [self.id, self.flags | 0x8080 | code as u16, 1, 0, 0, u16::from(self.longest.is_some())] {
            message.extend(word.to_be_bytes());
        }
        message.extend(self.raw);
        let room = limit.saturating_sub(if self.longest.is_some() { 11 } else { 0 });
        let mut count: u16 = 0;
        for (kind, data) in self.records(answer) {
            if message.len() + 12 + data.len() > room || count == u16::MAX {
                message[2] |= 0x02; // TC
                break;
            }
            message.extend([0xc0, HEADER as u8]); // the question's name
            message.extend(kind.to_be_bytes());
            message.extend(1u16.to_be_bytes());
            message.extend(TTL.to_be_bytes());
            message.extend((data.len() as u16).to_be_bytes());
            message.extend(data);
            count += 1;
        }
        message[6..8].copy_from_slice(&count.to_be_bytes());
        if self.longest.is_some() {
            message.push(0);
            message.extend(kind::OPT.to_be_bytes());
            message.extend((MOST as u16).to_be_bytes());
            message.extend([0; 6]);
        }
        message
    }

    fn records(&self, answer: &Answer) -> Vec<(u16, Vec<u8>)> {
        let wants = |kind| self.kind == kind || self.kind == kind::ANY;
        match answer {
            Answer::None(_) => Vec::new(),
            Answer::Name(name) if wants(kind::PTR) => vec![(kind::PTR, write_name(name))],
            Answer::Name(_) => Vec::new(),
            Answer::Addresses(addresses) => addresses
                .iter()
                .map(|address| match address {
                    IpAddr::V4(address) => (kind::A, address.octets().to_vec()),
                    IpAddr::V6(address) => (kind::AAAA, address.octets().to_vec()),
                })
                .filter(|(kind, _)| wants(*kind))
                .collect(),
        }
    }

    /// Whether a message answers this question, asked under another id.
    pub fn is_answered_by(&self, message: &[u8], id: u16) -> bool {
        let head = message
            .get(..HEADER)
            .is_some_and(|head| head[..2] == id.to_be_bytes() && head[2] & 0x80 != 0 && head[4..6] == [0, 1]);
        let raw = message.get(HEADER..HEADER + self.raw.len());
        head && raw.is_some_and(|raw| raw.eq_ignore_ascii_case(self.raw))
    }
}

/// The answer to a message whose question cannot be told from it.
pub fn refuse(message: &[u8], code: Code) -> Option<Vec<u8>> {
    let head = message.get(..4)?;
    let mut answer = vec![head[0], head[1], head[2] & 0x79 | 0x80, 0x80 | code as u8];
    answer.resize(HEADER, 0);
    Some(answer)
}

/// Labels of 63 bytes at most; what does not fit is cut.
fn write_name(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        let label = &label.as_bytes()[..label.len().min(63)];
        if bytes.len() + label.len() + 2 > 255 {
            break;
        }
        bytes.push(label.len() as u8);
        bytes.extend(label);
    }
    bytes.push(0);
    bytes
}

/// The address that a name below `in-addr.arpa` or `ip6.arpa` stands for.
pub fn reversed(name: &str) -> Option<IpAddr> {
    if let Some(rest) = name.strip_suffix(".in-addr.arpa") {
        let octets: Vec<u8> = rest.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        let [d, c, b, a]: [u8; 4] = octets.try_into().ok()?;
        return Some(IpAddr::V4(Ipv4Addr::new(a, b, c, d)));
    }
    let digits = name.strip_suffix(".ip6.arpa")?.split('.').rev();
    let digit = |part: &str| (part.len() == 1).then(|| u128::from_str_radix(part, 16).ok()).flatten();
    let digits: Vec<u128> = digits.map(digit).collect::<Option<_>>()?;
    let number = digits.iter().fold(0, |number, digit| number << 4 | digit);
    (digits.len() == 32).then(|| IpAddr::V6(Ipv6Addr::from_bits(number)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A message that asks, as a stub resolver writes it.
    fn ask(name: &str, kind: u16, longest: Option<u16>) -> Vec<u8> {
        let mut message = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(longest.is_some())];
        message.extend(write_name(name));
        message.extend(kind.to_be_bytes());
        message.extend([0, 1]);
        if let Some(longest) = longest {
            message.extend([0, 0, 41]);
            message.extend(longest.to_be_bytes());
            message.extend([0; 6]);
        }
        message
    }

    fn addresses(count: u8) -> Answer {
        Answer::Addresses((0..count).map(|n| IpAddr::V4(Ipv4Addr::new(10, 0, 0, n))).collect())
    }

    #[test]
    fn a_question_is_read_and_answered() {
        let message = ask("Web.MyNet", kind::A, None);
        let question = read(&message).unwrap();
        assert_eq!(
            (question.id, question.name.as_deref(), question.kind),
            (0x1234, Some("web.mynet"), kind::A)
        );
        let both = Answer::Addresses(vec!["10.0.0.2".parse().unwrap(), "fd00::2".parse().unwrap()]);
        let answer = question.answer(&both, true);
        assert_eq!(answer[..12], [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
        assert_eq!(answer[12..27], message[12..27]);
        assert_eq!(answer[27..], [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 0, 0, 2]);
        assert!(question.is_answered_by(&answer, 0x1234));
        assert!(!question.is_answered_by(&answer, 0x1235));
        let message = ask("web", kind::AAAA, None);
        let question = read(&message).unwrap();
        assert_eq!(question.answer(&addresses(1), true)[6..8], [0, 0]);
        assert_eq!(question.answer(&Answer::None(Code::NoName), true)[3], 0x83);
    }

    #[test]
    fn what_does_not_fit_is_cut_and_said_to_be() {
        for (longest, udp, count, cut) in [
            (None, true, 30, false),
            (None, true, 31, true),
            (Some(1232), true, 70, false),
            (Some(1232), true, 100, true),
            (None, false, 255, false),
        ] {
            let message = ask("web", kind::A, longest);
            let answer = read(&message).unwrap().answer(&addresses(count), udp);
            assert_eq!(answer[2] & 2 != 0, cut, "{longest:?} {count}");
            assert!(!udp || answer.len() <= usize::from(longest.unwrap_or(512)));
        }
    }

    #[test]
    fn a_name_of_an_address_is_understood() {
        assert_eq!(reversed("2.0.18.172.in-addr.arpa"), Some("172.18.0.2".parse().unwrap()));
        let six = format!("2{}.0.0.d.f.ip6.arpa", ".0".repeat(27));
        assert_eq!(reversed(&six), Some("fd00::2".parse().unwrap()));
        for wrong in ["in-addr.arpa", "1.2.3.in-addr.arpa", "256.0.0.1.in-addr.arpa", "1.ip6.arpa", "web"] {
            assert_eq!(reversed(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_no_question_is_refused_or_not_answered() {
        let mut answer = ask("web", kind::A, None);
        answer[2] |= 0x80;
        assert_eq!(read(&answer).unwrap_err(), None);
        let mut update = ask("web", kind::A, None);
        update[2] |= 0x28;
        assert_eq!(read(&update).unwrap_err(), Some(Code::NotOffered));
        let mut pointer = ask("web", kind::A, None);
        pointer[12] = 0xc0;
        assert_eq!(read(&pointer).unwrap_err(), Some(Code::Malformed));
        assert_eq!(refuse(&pointer, Code::Malformed).unwrap()[..4], [0x12, 0x34, 0x81, 0x81]);
        assert_eq!(refuse(&[1, 2, 3], Code::Malformed), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            match read(&bytes) {
                Ok(question) => {
                    let answer = question.answer(&addresses(40), true);
                    prop_assert!(answer.len() <= MOST);
                    let _ = question.is_answered_by(&bytes, question.id);
                }
                Err(Some(code)) => prop_assert!(refuse(&bytes, code).is_some()),
                Err(None) => {}
            }
        }

        #[test]
        fn bytes_after_a_good_header_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), extra: bool) {
            let mut message = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(extra)];
            message.extend(bytes);
            if let Ok(question) = read(&message) {
                let answer = question.answer(&Answer::Name("a.b".into()), true);
                prop_assert!(question.is_answered_by(&answer, 1));
            }
        }

        #[test]
        fn names_survive(labels in proptest::collection::vec("[a-z0-9_-]{1,20}", 1..6)) {
            let name = labels.join(".");
            let message = ask(&name, kind::A, None);
            let question = read(&message).unwrap();
            prop_assert_eq!(question.name.as_deref(), Some(name.as_str()));
            let _ = reversed(&name);
        }
    }
}
