//! What entries mean, as Docker, containerd and the OCI image specification have it.

use std::fs::{self, File};
use std::io::{Read, repeat};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use rocker_sys::xattr;

use super::super::{Options, apply, digest, remove_tree};
use super::make::{Raw, archive, directory, file, hardlink, pax, raw, symlink};
use super::{apply_bytes, arena, is_root, shell};
use crate::Kind;

fn layer(entries: &[Raw]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    apply_bytes(&archive(entries), dir.path()).unwrap();
    dir
}

fn attribute(dir: &Path, name: &std::ffi::CStr) -> Option<Vec<u8>> {
    xattr::get_at(File::open(dir).unwrap().as_fd(), b".", name).ok()
}

fn is_opaque(dir: &Path) -> bool {
    attribute(dir, c"trusted.overlay.opaque").as_deref() == Some(b"y")
}

fn is_whiteout(path: &Path) -> bool {
    let status = path.symlink_metadata().unwrap();
    status.file_type().is_char_device() && status.rdev() == 0
}

#[test]
fn a_whiteout_becomes_overlays_own() {
    let layer = layer(&[file("d/.wh.gone", "")]);
    assert!(is_whiteout(&layer.path().join("d/gone")));
}

#[test]
fn an_entry_of_the_same_layer_wins_over_a_whiteout_in_any_order() {
    for entries in [[file("f", "1"), file(".wh.f", "")], [file(".wh.f", ""), file("f", "1")]] {
        assert_eq!(fs::read(layer(&entries).path().join("f")).unwrap(), b"1");
    }
}

#[test]
fn a_directory_with_a_whiteout_in_the_same_layer_is_opaque_in_any_order() {
    if !is_root() {
        return;
    }
    let (mark, dir, below) = (file(".wh.d", ""), directory("d"), file("d/f", "1"));
    for entries in [
        vec![mark.clone(), dir.clone(), below.clone()],
        vec![mark.clone(), below.clone()],
        vec![dir, below, mark],
    ] {
        let layer = layer(&entries);
        assert!(is_opaque(&layer.path().join("d")));
        assert!(layer.path().join("d/f").exists());
    }
}

#[test]
fn an_opaque_mark_becomes_overlays_own() {
    if is_root() {
        let layer = layer(&[file("a/b/.wh..wh..opq", ""), file("a/b/f", "1")]);
        assert!(is_opaque(&layer.path().join("a/b")));
        assert!(!is_opaque(&layer.path().join("a")));
    }
}

#[test]
fn attributes_of_overlay_are_stripped_and_capabilities_kept() {
    if !is_root() {
        return;
    }
    let capability = b"\x01\0\0\x02\0\x04\0\n\0\0\0\0\0\0\0\0\0\0\0\0";
    let records: &[(&str, &[u8])] = &[
        ("SCHILY.xattr.trusted.overlay.redirect", b"/etc"),
        ("SCHILY.xattr.trusted.overlay.opaque", b"y"),
        ("SCHILY.xattr.user.overlay.opaque", b"y"),
        ("SCHILY.xattr.security.capability", capability),
    ];
    let layer = layer(&[pax(records), directory("d"), pax(records), file("f", "1")]);
    assert!(!is_opaque(&layer.path().join("d")));
    assert_eq!(attribute(&layer.path().join("d"), c"trusted.overlay.redirect"), None);
    let root = File::open(layer.path()).unwrap();
    assert_eq!(xattr::get_at(root.as_fd(), b"f", c"security.capability").unwrap(), capability);
}

#[test]
fn a_missing_parent_is_made_0755_even_where_a_link_points_to_nothing() {
    let layer = layer(&[symlink("var/run", "/run/deep"), file("var/run/pid", "1")]);
    assert_eq!(fs::read(layer.path().join("run/deep/pid")).unwrap(), b"1");
    for made in ["var", "run", "run/deep"] {
        assert_eq!(layer.path().join(made).metadata().unwrap().mode() & 0o7777, 0o755);
    }
}

#[test]
fn a_later_entry_replaces_an_earlier_one() {
    let layer = layer(&[
        file("d/e/f", "1"),
        file("d", "2"),
        file("f", "3"),
        directory("f"),
        file("f/g", "4"),
        directory("m"),
        file("m/kept", "5"),
        Raw { mode: 0o700, ..directory("m") },
        file("twice", "6"),
        file("twice", "7"),
    ]);
    let read = |name| fs::read_to_string(layer.path().join(name)).unwrap();
    assert_eq!([read("d"), read("f/g"), read("m/kept"), read("twice")], ["2", "4", "5", "7"]);
    assert_eq!(layer.path().join("m").metadata().unwrap().mode() & 0o7777, 0o700);
}

#[test]
fn an_entry_over_a_hard_link_leaves_the_other_name_alone() {
    let layer = layer(&[file("a", "1"), hardlink("b", "a"), file("b", "2")]);
    assert_eq!(fs::read(layer.path().join("a")).unwrap(), b"1");
}

#[test]
fn a_global_header_changes_nothing() {
    let global = Raw { flag: b'g', ..pax(&[("path", b"evil"), ("uid", b"7")]) };
    let layer = layer(&[global, file("f", "1")]);
    assert_eq!(layer.path().join("f").metadata().unwrap().uid(), 0);
}

#[test]
fn an_archive_that_was_empty_makes_an_empty_layer() {
    let dir = tempfile::tempdir().unwrap();
    let applied = apply_bytes(b"", dir.path()).unwrap();
    assert_eq!((applied.entries, applied.size), (0, 0));
    assert!(applied.diff_id.starts_with("sha256:e3b0c44298fc1c14"));
}

#[test]
fn what_follows_the_end_is_part_of_both_digests() {
    let mut bytes = archive(&[file("f", "1")]);
    bytes.extend_from_slice(&[7; 10_000]);
    let dir = tempfile::tempdir().unwrap();
    let applied = apply_bytes(&bytes, dir.path()).unwrap();
    assert_eq!((applied.diff_id, applied.size), digest(bytes.as_slice()).unwrap());
}

#[test]
fn a_directory_that_is_not_empty_is_refused_and_left_alone() {
    let arena = arena();
    let error = apply_bytes(&archive(&[file("f", "1")]), &arena.path().join("canary")).unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (Kind::Conflict, "the directory for the layer is not empty")
    );
    assert_eq!(fs::read(arena.path().join("canary/file")).unwrap(), b"sings");
}

#[test]
fn a_layer_beyond_the_limit_is_refused() {
    let arena = arena();
    let bytes = archive(&[file("a", "1"), file("f", vec![7; 2_000_000])]);
    let options = Options { limit: Some(1_000_000), ..Options::default() };
    let to = arena.path().join("layer");
    let error = apply(bytes.as_slice(), File::open(&to).unwrap().as_fd(), &options).unwrap_err();
    assert_eq!(error.message, "the layer unpacks to more than 1000000 bytes");
    assert_eq!(fs::read_dir(to).unwrap().count(), 0);
}

#[test]
fn a_bomb_is_refused_by_its_ratio() {
    let arena = arena();
    let header = Raw { size: Some(2 << 30), ..file("x/.wh..wh.bomb", "") }.bytes();
    let source = header.as_slice().chain(repeat(0).take(2 << 30));
    let mut bomb = zstd::stream::read::Encoder::new(source, 1).unwrap();
    let to = arena.path().join("layer");
    let mut packed = Vec::new();
    bomb.read_to_end(&mut packed).unwrap();
    let error = apply_bytes(&packed, &to).unwrap_err();
    assert!(error.message.starts_with("the layer unpacks to more than 1000 times its size"), "{error}");
    assert_eq!(fs::read_dir(to).unwrap().count(), 0);
}

#[test]
fn a_full_disk_is_named_with_what_was_unpacked() {
    if !is_root() {
        return;
    }
    let arena = arena();
    shell(arena.path(), "mount -t tmpfs -o size=1m tmpfs layer");
    let to = arena.path().join("layer");
    let result = apply_bytes(&archive(&[file("small", "1"), file("f", vec![7; 3_000_000])]), &to);
    let left = fs::read_dir(&to).unwrap().count();
    shell(arena.path(), "umount layer");
    let error = result.unwrap_err();
    assert_eq!((error.kind, left), (Kind::NoSpace, 0));
    assert!(error.message.contains("`f`: No space left on device: 2 entries, "), "{error}");
}

#[test]
fn a_tree_10000_deep_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    shell(
        dir.path(),
        "python3 -c 'import os\nfor _ in range(10000):\n os.mkdir(\"d\"); os.chdir(\"d\")\n open(\"f\", \"w\").close()'",
    );
    remove_tree(File::open(dir.path()).unwrap().as_fd(), b"d").unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn two_may_remove_a_tree_at_once_one_of_them_after_renaming_it() {
    for _ in 0..20 {
        let dir = tempfile::tempdir().unwrap();
        shell(
            dir.path(),
            "for a in 1 2 3 4 5 6 7 8; do mkdir -p tree/$a/x/y; touch tree/$a/f tree/$a/x/y/f; done",
        );
        let root = File::open(dir.path()).unwrap();
        std::thread::scope(|scope| {
            let first = scope.spawn(|| remove_tree(root.as_fd(), b"tree"));
            let second = scope.spawn(|| {
                let _ = fs::rename(dir.path().join("tree"), dir.path().join("grave"));
                remove_tree(root.as_fd(), b"grave")
            });
            first.join().unwrap().unwrap();
            second.join().unwrap().unwrap();
        });
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

#[test]
fn removing_a_tree_follows_no_link_and_crosses_no_mount() {
    let arena = arena();
    shell(arena.path(), "mkdir -p tree/m; ln -s ../canary tree/l; ln -s . tree/self");
    let root = File::open(arena.path()).unwrap();
    if is_root() {
        shell(arena.path(), "mount --bind canary tree/m");
        let refused = remove_tree(root.as_fd(), b"tree");
        shell(arena.path(), "umount tree/m");
        let error = refused.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (Kind::Conflict, "`m` is a mount point"));
    }
    remove_tree(root.as_fd(), b"tree").unwrap();
    assert!(!arena.path().join("tree").exists());
    assert_eq!(fs::read(arena.path().join("canary/file")).unwrap(), b"sings");
    remove_tree(root.as_fd(), b"tree").unwrap();
}

#[test]
fn many_directories_need_few_descriptors() {
    let entries: Vec<Raw> =
        (0..2000).map(|n| file(format!("d{n}/e/f"), "1")).chain([raw("p", b'6')]).collect();
    let layer = layer(&entries);
    assert_eq!(fs::read_dir(layer.path()).unwrap().count(), 2001);
}
