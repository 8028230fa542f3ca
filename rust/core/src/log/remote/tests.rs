use super::msgpack;

#[test]
fn an_answer_is_read_from_pieces_and_another_is_refused() {
    let answer = b"\x81\xa3ack\xa4abcd";
    for length in 0..answer.len() {
        assert_eq!(msgpack::only_string(&answer[..length], "ack"), Ok(None));
    }
    assert_eq!(msgpack::only_string(answer, "ack"), Ok(Some(&b"abcd"[..])));
    assert_eq!(msgpack::only_string(b"\x81\xa3nak\xa1a", "ack"), Err(()));
    assert_eq!(msgpack::only_string(b"HTTP/1.1 400", "ack"), Err(()));
}

#[test]
fn numbers_and_strings_take_the_forms_of_msgp() {
    let bytes = |value: i64| {
        let mut out = Vec::new();
        msgpack::integer(&mut out, value);
        out
    };
    assert_eq!(bytes(5), [5]);
    assert_eq!(bytes(-1), [0xd0, 0xff]);
    assert_eq!(bytes(300), [0xd1, 1, 44]);
    assert_eq!(bytes(1_700_000_000), [0xd2, 0x65, 0x53, 0xf1, 0x00]);
    assert_eq!(bytes(1 << 33), [0xd3, 0, 0, 0, 2, 0, 0, 0, 0]);
    let text = |length: usize| {
        let mut out = Vec::new();
        msgpack::string(&mut out, &vec![b'x'; length]);
        out[..out.len() - length].to_vec()
    };
    assert_eq!(text(31), [0xbf]);
    assert_eq!(text(32), [0xd9, 32]);
    assert_eq!(text(256), [0xda, 1, 0]);
    assert_eq!(text(65_536), [0xdb, 0, 1, 0, 0]);
}
