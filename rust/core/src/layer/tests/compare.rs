//! The same archive applied and extracted by GNU tar: the trees are equal.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::super::hex;
use super::{apply_bytes, arena, describe, is_root, shell};

/// A tree with everything a file system has.
fn sample(dir: &Path) {
    shell(
        dir,
        "umask 022; mkdir -p a/b/c empty sticky; chmod 1777 sticky; echo hello >a/file; : >a/nothing
         head -c 700000 /dev/zero | tr '\\0' x >a/b/large; ln a/file a/b/hard; ln -s /etc/passwd a/absolute
         ln -s ../file a/b/relative; ln -s a link; mkfifo a/fifo; chmod 4755 a/b/large; chmod 2750 a/b/c
         long=$(printf %0150d 0); mkdir -p $long/$long; echo deep >$long/$long/$long; ln -s $long/$long $long/l
         touch -d '1999-01-01 01:02:03.123456789' a/file; touch -h -d '2001-02-03 04:05:06.5' a/b/relative
         touch -d '2005-01-01 00:00:00.25' a/b a/b/c; touch -d '1960-01-01 00:00:00.75' a/nothing",
    );
    if is_root() {
        shell(
            dir,
            "mknod a/null c 1 3; mknod a/block b 7 300; chown 12:34 a/file; chown -h 56:78 link
             chown 3000000:4000000 a/b/c; chmod 2750 a/b/c",
        );
    }
}

fn agrees_with_tar(make: &str) {
    let arena = arena();
    let path = arena.path();
    fs::create_dir(path.join("from")).unwrap();
    sample(&path.join("from"));
    shell(path, make);
    shell(path, "mkdir tar; tar -xpf archive --numeric-owner --same-owner -C tar");
    let archive = fs::read(path.join("archive")).unwrap();
    let applied = apply_bytes(&archive, &path.join("layer")).unwrap();
    assert_eq!(describe(&path.join("layer")), describe(&path.join("tar")));
    let digest = format!("sha256:{}", hex(&Sha256::digest(&archive)));
    assert_eq!((applied.digest, applied.size), (digest, archive.len() as u64));
    let plain = shell(
        path,
        "case $(head -c 4 archive | od -An -tx1 | tr -d ' ') in 1f8b*) gzip -dc archive ;; \
        28b5*) zstd -dcq archive ;; fd37*) xz -dc archive ;; *) cat archive ;; esac | sha256sum",
    );
    assert_eq!(applied.diff_id, format!("sha256:{}", plain.split(' ').next().unwrap()));
}

#[test]
fn a_gnu_archive_becomes_the_tree_that_tar_makes() {
    agrees_with_tar("tar --format=gnu -cf archive -C from .");
}

#[test]
fn a_pax_archive_becomes_the_tree_that_tar_makes() {
    agrees_with_tar("tar --format=pax -cf archive -C from .");
}

#[test]
fn a_gzip_archive_in_two_members_becomes_the_tree_that_tar_makes() {
    agrees_with_tar(
        "tar --format=pax -cf plain -C from .; (head -c 5000 plain | gzip; tail -c +5001 plain | gzip) >archive",
    );
}

#[test]
fn a_zstd_archive_becomes_the_tree_that_tar_makes() {
    agrees_with_tar("tar --format=pax -cf - -C from . | zstd -q >archive");
}

#[test]
fn an_xz_archive_becomes_the_tree_that_tar_makes() {
    agrees_with_tar("tar --format=gnu -cf - -C from . | xz -1 >archive");
}

#[test]
fn an_archive_of_python_becomes_the_tree_that_tar_makes() {
    agrees_with_tar(
        "python3 -c 'import tarfile\nt = tarfile.open(\"archive\", \"w\", format=tarfile.PAX_FORMAT)\n\
         t.add(\"from\", \"./\")\nt.close()'",
    );
}
