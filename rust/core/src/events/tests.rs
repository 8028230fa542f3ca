use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use super::append::append_below;
use super::reader::{Reader, Waited};
use super::{FILE, FORMER, Message};

fn directory(path: &Path) -> OwnedFd {
    std::fs::File::open(path).unwrap().into()
}

fn rest(reader: &mut Reader) -> Vec<String> {
    std::iter::from_fn(|| reader.next_line().unwrap()).map(|line| String::from_utf8(line).unwrap()).collect()
}

#[test]
fn a_container_event_has_dockers_members_in_dockers_order() {
    let attributes: BTreeMap<String, String> =
        [("name", "web"), ("image", "busybox"), ("a\"b", "c")].map(|(a, b)| (a.into(), b.into())).into();
    let message = Message {
        kind: "container",
        action: "die",
        id: "ab",
        attributes: &attributes,
        more: &[("exitCode", "3"), ("execDuration", "0")],
    };
    let line = String::from_utf8(message.line_at(1_700_000_000_000_000_005)).unwrap();
    assert_eq!(
        line,
        "{\"status\":\"die\",\"id\":\"ab\",\"from\":\"busybox\",\"Type\":\"container\",\"Action\":\"die\",\
         \"Actor\":{\"ID\":\"ab\",\"Attributes\":{\"a\\\"b\":\"c\",\"execDuration\":\"0\",\"exitCode\":\"3\",\
         \"image\":\"busybox\",\"name\":\"web\"}},\"scope\":\"local\",\"time\":1700000000,\
         \"timeNano\":1700000000000000005}\n"
    );
}

#[test]
fn an_event_of_a_network_has_none_of_the_first_versions_members() {
    let message =
        Message { kind: "network", action: "create", id: "n", attributes: &BTreeMap::new(), more: &[] };
    let line = String::from_utf8(message.line_at(0)).unwrap();
    assert!(line.starts_with("{\"Type\":\"network\","), "{line}");
}

#[test]
fn a_reader_follows_across_rotations_and_loses_nothing() {
    let place = tempfile::tempdir().unwrap();
    let run = directory(place.path());
    let mut past = Reader::open(directory(place.path()), true).unwrap();
    let mut fresh = Reader::open(directory(place.path()), false).unwrap();
    let mut expected = Vec::new();
    for number in 0..5 {
        append_below(run.as_fd(), format!("line {number}\n").as_bytes(), 12).unwrap();
        expected.push(format!("line {number}"));
        if number == 1 {
            // It sits in the middle of the first file from here on.
            assert_eq!(rest(&mut past), expected);
        }
    }
    assert_eq!(rest(&mut past), expected[2..]);
    assert_eq!(rest(&mut fresh), expected, "from the moment it was opened");
    let mut late = Reader::open(directory(place.path()), true).unwrap();
    assert_eq!(rest(&mut late), expected[2..], "two files are kept");
    assert_eq!(std::fs::read_to_string(place.path().join(FORMER)).unwrap(), "line 2\nline 3\n");
    assert_eq!(std::fs::read_to_string(place.path().join(FILE)).unwrap(), "line 4\n");
}

#[test]
fn an_event_wakes_a_reader_and_time_ends_its_wait() {
    let place = tempfile::tempdir().unwrap();
    let run = directory(place.path());
    append_below(run.as_fd(), b"before\n", 100).unwrap();
    let mut reader = Reader::open(directory(place.path()), false).unwrap();
    assert_eq!(reader.wait(Some(5), &mut || Ok(())).unwrap(), Waited::TimedOut);
    append_below(run.as_fd(), b"one\n", 100).unwrap();
    assert_eq!(reader.wait(Some(60_000), &mut || Ok(())).unwrap(), Waited::Perhaps);
    assert_eq!(rest(&mut reader), ["one"]);
}

#[test]
fn many_writers_write_whole_lines_and_each_line_once() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path();
    // It has the first file; two rotations follow.
    let mut reader = Reader::open(directory(path), true).unwrap();
    let mut found = Vec::new();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                scope.spawn(move || {
                    let run = directory(path);
                    for number in 0..500 {
                        let line = format!("{writer} {number} {}\n", "x".repeat(200));
                        append_below(run.as_fd(), line.as_bytes(), 200_000).unwrap();
                    }
                })
            })
            .collect();
        while writers.iter().any(|writer| !writer.is_finished()) {
            found.extend(rest(&mut reader));
        }
    });
    found.extend(rest(&mut reader));
    assert_eq!(found.len(), 2000);
    for writer in 0..4 {
        let own = found.iter().filter(|line| line.starts_with(&format!("{writer} ")));
        let numbers: Vec<usize> = own.map(|line| line.split(' ').nth(1).unwrap().parse().unwrap()).collect();
        assert_eq!(numbers, (0..500).collect::<Vec<_>>());
    }
}
