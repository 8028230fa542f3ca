//! Hostile layers. Each is refused, or lands inside the layer; never is anything outside touched, and a refused
//! one leaves nothing behind.

use std::fs;
use std::path::Path;

use super::make::{Raw, archive, directory, file, hardlink, pax, raw, symlink};
use super::{apply_bytes, arena, describe};
use crate::Error;

/// What must come of a layer.
enum Fate {
    /// Refused with a message that contains this.
    Refused(&'static str),
    /// Applied; these paths exist afterwards (links not followed).
    Inside(&'static [&'static str]),
}
use Fate::{Inside, Refused};

/// Apply `bytes` with `OUT` in them already replaced, and check the three promises.
fn meet(case: &str, bytes: &[u8], arena: &Path, fate: &Fate) {
    let canary = describe(&arena.join("canary"));
    let outside = fs::read_dir(arena).unwrap().count();
    let result = apply_bytes(bytes, &arena.join("layer"));
    assert_eq!(describe(&arena.join("canary")), canary, "{case}: the canary changed");
    assert_eq!(fs::read_dir(arena).unwrap().count(), outside, "{case}: something appeared outside");
    match (fate, result) {
        (Refused(text), Err(error)) => {
            assert!(error.message.contains(text), "{case}: {error}");
            assert_eq!(fs::read_dir(arena.join("layer")).unwrap().count(), 0, "{case}: half committed");
        }
        (Inside(paths), Ok(_)) => {
            for path in *paths {
                assert!(arena.join("layer").join(path).symlink_metadata().is_ok(), "{case}: no {path}");
            }
        }
        (Refused(text), Ok(_)) => panic!("{case}: applied, not refused with `{text}`"),
        (Inside(_), Err(error)) => panic!("{case}: {error}"),
    }
}

/// Run cases whose entries may name the canary's absolute path.
fn run(cases: impl Fn(&str) -> Vec<(&'static str, Vec<Raw>, Fate)>) {
    let count = cases("").len();
    for index in 0..count {
        let arena = arena();
        let canary = arena.path().join("canary");
        let (case, entries, fate) = cases(canary.to_str().unwrap()).swap_remove(index);
        meet(case, &archive(&entries), arena.path(), &fate);
    }
}

#[test]
fn names_never_lead_out() {
    run(|out| {
        let absolute = format!("{out}/evil");
        let x = || file("x", "1");
        vec![
            ("dots", vec![x(), file("../canary/evil", "1")], Refused("leads out")),
            ("dots inside", vec![x(), file("a/../../canary/evil", "1")], Refused("leads out")),
            ("dots deep", vec![x(), directory("a/b/../../../canary")], Refused("leads out")),
            ("dots only", vec![x(), directory("..")], Refused("leads out")),
            ("dots link", vec![x(), symlink("../canary/evil", "/etc")], Refused("leads out")),
            ("dots whiteout", vec![x(), file("../canary/.wh.file", "")], Refused("leads out")),
            ("dots opaque", vec![x(), file("../canary/.wh..wh..opq", "")], Refused("leads out")),
            ("dots by PAX", vec![pax(&[("path", b"../canary/evil")]), x()], Refused("leads out")),
            (
                "dots by GNU",
                vec![Raw { data: b"../canary/evil\0".to_vec(), ..raw("L", b'L') }, x()],
                Refused("leads out"),
            ),
            ("dots that stay", vec![file("a/../b", "1")], Inside(&["b"])),
            ("absolute", vec![file(absolute, "1")], Inside(&[])),
            ("absolute etc", vec![file("/etc/passwd", "1")], Inside(&["etc/passwd"])),
            ("many slashes", vec![file("//a//./b", "1")], Inside(&["a/b"])),
            ("empty", vec![x(), file("", "1")], Refused("name is empty")),
            ("NUL by PAX", vec![pax(&[("path", b"a\0b")]), x()], Refused("NUL")),
            ("long component", vec![pax(&[("path", &[b'a'; 256])]), x()], Refused("255")),
            ("long name", vec![pax(&[("path", &[b'a'; 5000])]), x()], Refused("4095")),
            ("deep name", vec![pax(&[("path", &b"a/".repeat(1500))]), x()], Refused("1024")),
            ("root as a file", vec![x(), file(".", "1")], Refused("not a directory")),
            ("root as a link", vec![x(), symlink("./", "/")], Refused("not a directory")),
            ("root as a hard link", vec![x(), hardlink("/", "x")], Refused("not a directory")),
        ]
    });
}

#[test]
fn links_on_the_way_stay_in_the_root() {
    run(|out| {
        let x = || file("x", "1");
        let to = |name: &str| symlink(name, out);
        vec![
            ("absolute parent", vec![to("l"), file("l/evil", "1")], Inside(&["l"])),
            ("root parent", vec![symlink("l", "/"), file("l/evil", "1")], Inside(&["evil"])),
            (
                "relative parent",
                vec![symlink("l", "../canary"), file("l/evil", "1")],
                Inside(&["canary/evil"]),
            ),
            ("many dots", vec![symlink("l", "../../../../.."), file("l/evil", "1")], Inside(&["evil"])),
            ("nested", vec![symlink("a", "b"), symlink("b", ".."), file("a/evil", "1")], Inside(&["evil"])),
            (
                "deep",
                vec![directory("d/e"), symlink("d/e/l", "../../.."), file("d/e/l/evil", "1")],
                Inside(&["evil"]),
            ),
            ("remove through", vec![to("l"), directory("l/file")], Inside(&["l"])),
            (
                "whiteout through",
                vec![symlink("l", "../canary"), file("l/.wh.file", "")],
                Inside(&["canary/file"]),
            ),
            ("opaque through", vec![to("l"), file("l/.wh..wh..opq", "")], Inside(&["l"])),
            ("file over link", vec![to("l"), file("l", "1")], Inside(&["l"])),
            (
                "file over link to file",
                vec![symlink("l", format!("{out}/file")), file("l", "1")],
                Inside(&["l"]),
            ),
            ("directory over link", vec![to("l"), directory("l"), file("l/f", "1")], Inside(&["l/f"])),
            (
                "device over link",
                vec![symlink("l", format!("{out}/file")), Raw { device: (1, 3), ..raw("l", b'3') }],
                Inside(&["l"]),
            ),
            ("pipe over link", vec![symlink("l", format!("{out}/file")), raw("l", b'6')], Inside(&["l"])),
            (
                "link over directory",
                vec![directory("d"), file("d/f", "1"), to("d"), file("d/evil", "1")],
                Inside(&["d"]),
            ),
            ("loop", vec![symlink("l", "l"), file("l/f", "1")], Refused("too many symbolic links")),
            (
                "loop of two",
                vec![symlink("a", "b"), symlink("b", "a"), file("a/f", "1")],
                Refused("too many symbolic links"),
            ),
            ("parent is a file", vec![x(), file("x/y", "1")], Refused("not a directory")),
            ("parent is a pipe", vec![raw("p", b'6'), file("p/y", "1")], Refused("not a directory")),
            (
                "proc",
                vec![symlink("l", "/proc/self/root"), file("l/evil", "1")],
                Inside(&["proc/self/root/evil"]),
            ),
            ("empty target", vec![x(), symlink("l", "")], Refused("symbolic link")),
            ("mode through link", vec![to("l"), Raw { mode: 0o7777, ..directory("l/.") }], Inside(&["l"])),
        ]
    });
}

#[test]
fn hard_links_reach_only_entries_of_the_layer() {
    run(|out| {
        let x = || file("x", "1");
        let outside = format!("{out}/file");
        vec![
            ("dots", vec![x(), hardlink("h", "../canary/file")], Refused("leads out")),
            ("absolute", vec![x(), hardlink("h", outside)], Refused("missing")),
            ("missing", vec![x(), hardlink("h", "none")], Refused("missing")),
            ("through a link", vec![symlink("l", out), hardlink("h", "l/file")], Refused("missing")),
            ("through dots", vec![symlink("l", "../canary"), hardlink("h", "l/file")], Refused("missing")),
            (
                "of a link",
                vec![symlink("l", format!("{out}/file")), hardlink("h", "l"), file("h", "evil")],
                Inside(&["h", "l"]),
            ),
            ("to itself", vec![x(), hardlink("x", "x")], Refused("itself")),
            ("of a directory", vec![directory("d"), hardlink("h", "d")], Refused("directory")),
            ("over its own tree", vec![file("d/f", "1"), hardlink("d", "d/f")], Refused("missing")),
            ("to the root", vec![x(), hardlink("h", ".")], Refused("no entry")),
            ("to a whiteout", vec![x(), hardlink("h", ".wh.x")], Refused("no entry")),
            ("no target", vec![x(), hardlink("h", "")], Refused("empty")),
            ("parent is a file", vec![x(), hardlink("h", "x/y")], Refused("not a directory")),
        ]
    });
}

#[test]
fn whiteouts_name_one_entry_or_nothing() {
    run(|_| {
        let x = || file("x", "1");
        vec![
            ("of nothing", vec![x(), file(".wh.", "")], Refused("no valid name")),
            ("of dot", vec![x(), file("d/.wh..", "")], Refused("no valid name")),
            ("of dots", vec![x(), file("d/.wh...", "")], Refused("no valid name")),
            ("on the way", vec![x(), file(".wh.d/f", "")], Refused("name of a whiteout")),
            ("of AUFS", vec![x(), file(".wh..wh.aufs", ""), file(".wh..wh.plnk/1.2", "")], Inside(&["x"])),
            ("below a file", vec![x(), file("x/.wh.y", "")], Refused("not a directory")),
            ("with data", vec![file(".wh.y", "ignored"), x()], Inside(&["x", "y"])),
            ("in a missing directory", vec![file("a/b/.wh.c", "")], Inside(&["a/b/c"])),
        ]
    });
}

#[test]
fn headers_cannot_lie() {
    run(|_| {
        let x = || file("x", "1");
        let big = vec![b'a'; (1 << 20) + 1];
        let many: Vec<(String, &[u8])> =
            (0..1001).map(|n| (format!("SCHILY.xattr.user.{n}"), &b"v"[..])).collect();
        let many: Vec<(&str, &[u8])> = many.iter().map(|(key, value)| (key.as_str(), *value)).collect();
        let huge = [b'v'; 70_000];
        vec![
            ("PAX bomb", vec![x(), Raw { data: big.clone(), ..raw("p", b'x') }], Refused("extended header")),
            (
                "global bomb",
                vec![x(), Raw { data: big.clone(), ..raw("p", b'g') }],
                Refused("extended header"),
            ),
            ("name bomb", vec![x(), Raw { data: big, ..raw("p", b'L') }], Refused("extended header")),
            (
                "endless PAX",
                vec![x(), Raw { size: Some(u64::MAX >> 2), ..raw("p", b'x') }],
                Refused("extended header"),
            ),
            (
                "PAX garbage",
                vec![Raw { data: b"9 path\n".to_vec(), ..raw("p", b'x') }, x()],
                Refused("PAX header"),
            ),
            (
                "PAX length",
                vec![Raw { data: b"99999999999999999999 a=b\n".to_vec(), ..raw("p", b'x') }, x()],
                Refused("PAX header"),
            ),
            ("PAX size negative", vec![x(), pax(&[("size", b"-1")]), x()], Refused("not a number")),
            (
                "PAX size huge",
                vec![x(), pax(&[("size", b"18446744073709551615")]), x()],
                Refused("out of range"),
            ),
            ("xattr bomb", vec![x(), pax(&many), file("y", "")], Refused("extended attributes")),
            (
                "xattr too large",
                vec![x(), pax(&[("SCHILY.xattr.user.a", &huge)]), file("y", "")],
                Refused("bad extended attribute"),
            ),
            (
                "owner",
                vec![x(), pax(&[("uid", b"4294967295")]), file("y", "")],
                Refused("owner is out of range"),
            ),
            (
                "group",
                vec![x(), pax(&[("gid", b"99999999999")]), file("y", "")],
                Refused("group is out of range"),
            ),
            ("device", vec![x(), Raw { device: (4096, 0), ..raw("d", b'3') }], Refused("device")),
            ("old sparse", vec![x(), raw("s", b'S')], Refused("sparse")),
            (
                "PAX sparse",
                vec![x(), pax(&[("GNU.sparse.realsize", b"99999999999999")]), file("s", "")],
                Refused("sparse"),
            ),
            ("unknown type", vec![x(), raw("v", b'V')], Refused("type `V`")),
            (
                "endless file",
                vec![x(), Raw { size: Some(1 << 40), ..file("f", "1") }],
                Refused("ends in the middle"),
            ),
            ("PAX without entry", vec![x(), pax(&[("path", b"y")])], Refused("extended header")),
        ]
    });
}

#[test]
fn a_pax_size_hides_no_entries() {
    // TARmageddon: a reader that trusts the header's 0 would take the data for entries.
    let inner = archive(&[file("evil", "1")]);
    let length = inner.len().to_string();
    let outer = [
        pax(&[("size", length.as_bytes())]),
        Raw { size: Some(0), ..file("inner", &inner) },
        file("last", "1"),
    ];
    let arena = arena();
    meet("size", &archive(&outer), arena.path(), &Inside(&["inner", "last"]));
    assert!(!arena.path().join("layer/evil").exists());
    assert_eq!(fs::read(arena.path().join("layer/inner")).unwrap(), inner);
}

#[test]
fn a_pax_size_does_not_apply_to_another_extended_header() {
    let long = Raw { data: b"renamed\0".to_vec(), ..raw("L", b'L') };
    let arena = arena();
    let bytes = archive(&[
        pax(&[("size", b"3")]),
        long,
        Raw { size: Some(1024), ..file("x", "abc") },
        file("y", "1"),
    ]);
    meet("size", &bytes, arena.path(), &Inside(&["renamed", "y"]));
    assert_eq!(fs::read(arena.path().join("layer/renamed")).unwrap(), b"abc");
}

#[test]
fn a_wrong_checksum_is_refused() {
    let mut bytes = archive(&[file("a", "1"), file("b", "1")]);
    bytes[1024] ^= 1;
    let arena = arena();
    meet("checksum", &bytes, arena.path(), &Refused("no tar header at byte 1024"));
}

#[test]
fn a_layer_cut_anywhere_is_refused_or_ends_between_entries() {
    let bytes = archive(&[file("a", "1"), directory("d"), file("d/b", [7; 700])]);
    // Headers at 0, 1024 and 1536; the data of `d/b` at 2048.
    for length in 1..bytes.len() - 1024 {
        let fate = match length {
            1024 | 1536 => Inside(&["a"]),
            _ if length % 512 == 0 || length % 97 == 0 => Refused("ends in the middle"),
            _ => continue,
        };
        let arena = arena();
        meet("cut", &bytes[..length], arena.path(), &fate);
    }
}

#[test]
fn bzip2_is_refused_by_name() {
    let arena = arena();
    meet("bzip2", b"BZh91AY&SY0000", arena.path(), &Refused("bzip2"));
}

#[test]
fn damaged_gzip_zstd_and_xz_are_refused() {
    for (magic, text) in [
        (&b"\x1f\x8b\x08\0\0\0\0\0\0\x03garbage"[..], "gzip data are damaged"),
        (b"\x28\xb5\x2f\xfdgarbage", "zstd data are damaged"),
        (b"\xfd7zXZ\0garbagegarbage", "xz data are damaged"),
    ] {
        let arena = arena();
        let error: Error = apply_bytes(magic, &arena.path().join("layer")).unwrap_err();
        assert!(error.message.contains(text), "{error}");
    }
}
