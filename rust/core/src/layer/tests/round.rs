//! Packed and applied again: nothing is lost; and how long a real layer takes.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Instant;

use proptest::prelude::*;

use super::super::{Options, PackOptions, Packed, apply, pack};
use super::make::{Raw, archive, directory, file, hardlink, pax, symlink};
use super::{apply_bytes, arena, describe, is_root, shell};

fn pack_directory(dir: &Path, whiteouts: bool) -> (Packed, Vec<u8>) {
    let mut bytes = Vec::new();
    let packed = pack(
        File::open(dir).unwrap().as_fd(),
        &mut bytes,
        &PackOptions { whiteouts, ..PackOptions::default() },
    )
    .unwrap();
    (packed, bytes)
}

/// Apply, pack, apply, pack: the trees and the archives are equal.
fn goes_round(bytes: &[u8]) -> Vec<u8> {
    let arena = arena();
    let (first, second) = (arena.path().join("layer"), arena.path().join("second"));
    fs::create_dir(&second).unwrap();
    apply_bytes(bytes, &first).unwrap();
    let (packed, once) = pack_directory(&first, true);
    let applied = apply_bytes(&once, &second).unwrap();
    assert_eq!(
        (&applied.diff_id, applied.size, applied.entries),
        (&packed.digest, packed.size, packed.entries)
    );
    assert_eq!(describe(&first), describe(&second));
    assert_eq!(pack_directory(&second, true).1, once);
    once
}

#[test]
fn a_layer_goes_round_with_links_attributes_and_whiteouts() {
    let long = "n".repeat(120);
    let once = goes_round(&archive(&[
        directory("d"),
        file("d/.wh..wh..opq", ""),
        file("d/.wh.gone", ""),
        pax(&[("SCHILY.xattr.user.a", b"1\n2"), ("mtime", b"-3.25"), ("uid", b"4000000")]),
        file("d/f", "1"),
        hardlink("a", "d/f"),
        file(&long[..100], "2"),
        symlink("l", "/etc/passwd"),
    ]));
    let text = String::from_utf8_lossy(&once);
    assert!(text.contains("d/.wh.gone"));
    assert_eq!(text.contains("d/.wh..wh..opq"), is_root());
    assert!(text.contains("SCHILY.xattr.user.a=1\n2\n"));
}

#[test]
fn a_packed_tree_is_read_by_tar_as_it_was() {
    let arena = arena();
    let path = arena.path();
    shell(
        path,
        "mkdir -p from/d tar; echo 1 >from/d/f; ln from/d/f from/h; ln -s d from/l; mkfifo from/p
         long=$(printf %0200d 0); mkdir from/$long; echo 2 >from/$long/$long; ln -s $long/$long from/s
         touch -d '1999-01-01 01:02:03.123456789' from/d/f; touch -d '1960-01-01 00:00:00.75' from/d",
    );
    fs::write(path.join("archive"), pack_directory(&path.join("from"), true).1).unwrap();
    shell(path, "tar -xpf archive -C tar");
    assert_eq!(describe(&path.join("from")), describe(&path.join("tar")));
}

#[test]
fn an_export_has_no_whiteouts() {
    let arena = arena();
    let layer = arena.path().join("layer");
    apply_bytes(&archive(&[file(".wh.gone", ""), file(".wh..wh..opq", "")]), &layer).unwrap();
    let bytes = pack_directory(&layer, false).1;
    assert!(!String::from_utf8_lossy(&bytes).contains(".wh."));
}

#[test]
fn a_socket_is_left_out() {
    let arena = arena();
    let _socket = std::os::unix::net::UnixListener::bind(arena.path().join("layer/s")).unwrap();
    assert_eq!(pack_directory(&arena.path().join("layer"), true).0.entries, 1);
}

/// Few names, so that entries meet: duplicates, replaced types, links on the way.
fn entry() -> impl Strategy<Value = Raw> {
    let name = proptest::collection::vec(
        prop::sample::select(vec!["a", "b", "c", "..", ".", ".wh.a", ".wh..wh..opq"]),
        1..4,
    )
    .prop_map(|parts| parts.join("/"));
    let other = proptest::collection::vec(prop::sample::select(vec!["a", "b", "c", "..", ""]), 1..4)
        .prop_map(|parts| parts.join("/"));
    (name, other, 0..4_u8, any::<Vec<u8>>()).prop_map(|(name, other, what, data)| match what {
        0 => file(name, data),
        1 => directory(name),
        2 => symlink(name, other),
        _ => hardlink(name, other),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_layer_stays_inside_and_what_is_applied_goes_round(entries in proptest::collection::vec(entry(), 0..12)) {
        let arena = arena();
        let before = describe(&arena.path().join("canary"));
        let bytes = archive(&entries);
        let layer = arena.path().join("layer");
        let result = apply_bytes(&bytes, &layer);
        prop_assert_eq!(describe(&arena.path().join("canary")), before);
        prop_assert_eq!(fs::read_dir(arena.path()).unwrap().count(), 2);
        match result {
            Ok(_) => { goes_round(&bytes); }
            Err(_) => prop_assert_eq!(fs::read_dir(&layer).unwrap().count(), 0),
        }
    }

    #[test]
    fn any_bytes_are_applied_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let arena = arena();
        if apply_bytes(&bytes, &arena.path().join("layer")).is_err() {
            prop_assert_eq!(fs::read_dir(arena.path().join("layer")).unwrap().count(), 0);
        }
    }
}

/// `ROCKER_TEST_LAYER=/path/to/debian.tar cargo test --release -- --ignored --nocapture a_real_layer`
#[test]
#[ignore = "needs a real layer; prints times"]
fn a_real_layer_becomes_the_tree_that_tar_makes() {
    let source = std::env::var("ROCKER_TEST_LAYER").unwrap();
    let arena = arena();
    let path = arena.path();
    let layer = path.join("layer");
    let start = Instant::now();
    let applied =
        apply(File::open(&source).unwrap(), File::open(&layer).unwrap().as_fd(), &Options::default())
            .unwrap();
    let ours = start.elapsed();
    fs::create_dir(path.join("tar")).unwrap();
    let start = Instant::now();
    shell(path, &format!("tar --numeric-owner -xpf {source} -C tar; sha256sum {source}"));
    println!("{} entries: {ours:?}, tar and sha256sum {:?}", applied.entries, start.elapsed());
    assert_eq!(describe(&layer), describe(&path.join("tar")));
    let start = Instant::now();
    let (packed, bytes) = pack_directory(&layer, true);
    println!("packed {} bytes in {:?}", packed.size, start.elapsed());
    drop(bytes);
}
