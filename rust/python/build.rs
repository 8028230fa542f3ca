//! Builds the static executables that the wheel carries beside the extension.
//!
//! `rocker-runtime` goes to OUT_DIR, whence maturin takes it (`include` with
//! `from = "out-dir"`); the command `rocker` goes to `wheel-data/scripts`,
//! whence it is installed into the environment's `bin`. Only while a wheel is
//! being built, which maturin tells by PYO3_BUILD_EXTENSION_MODULE: check,
//! clippy and test skip all of it.
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=PYO3_BUILD_EXTENSION_MODULE");
    if env::var_os("PYO3_BUILD_EXTENSION_MODULE").is_none() {
        return;
    }
    let workspace = PathBuf::from(var("CARGO_MANIFEST_DIR")).join("../..");
    for part in ["Cargo.toml", "Cargo.lock", "rust/sys", "rust/core", "rust/runtime", "rust/cli"] {
        println!("cargo::rerun-if-changed={}", workspace.join(part).display());
    }
    let out = PathBuf::from(var("OUT_DIR"));
    let built = build_static(&workspace, &out);
    replace(&built.join("rocker-runtime"), &out.join("rocker-runtime"));
    let command = workspace.join("wheel-data/scripts/rocker");
    replace(&built.join("rocker"), &command);
    // It comes back when somebody deletes it. Dated 1980: cargo would find a
    // file newer than this run and run again for ever.
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(315_532_800);
    let file = fs::File::open(&command).expect("the command has just been copied");
    file.set_modified(old).expect("cannot set the command's date");
    println!("cargo::rerun-if-changed={}", command.display());
}

/// Runs a nested cargo for the static programs and returns their directory.
fn build_static(workspace: &Path, out: &Path) -> PathBuf {
    // A target directory of its own, because the outer cargo holds the lock of
    // its own; placed in the outer one, so that all profiles share it.
    let outer = out.ancestors().skip(1).find(|dir| dir.join("CACHEDIR.TAG").exists());
    let target_dir = outer.unwrap_or(out).join("static");
    let triple = var("TARGET");
    let mut cargo = Command::new(var("CARGO"));
    cargo
        .current_dir(workspace)
        .args([
            "build",
            "--locked",
            "--profile",
            "static",
            "-p",
            "rocker-runtime",
            "-p",
            "rocker-cli",
            "--bins",
        ])
        // Without an explicit target, crt-static would reach proc macros and
        // make rustc drop them with only a warning.
        .args(["--target", &triple])
        .arg("--target-dir")
        .arg(&target_dir)
        // The encoded form wins over RUSTFLAGS and every config file.
        .env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+crt-static")
        .env_remove("RUSTC_WORKSPACE_WRAPPER");
    for (key, _) in env::vars_os() {
        // This crate's features must not reach other crates' build scripts.
        if key.to_string_lossy().starts_with("CARGO_FEATURE_") {
            cargo.env_remove(key);
        }
    }
    let status = cargo.status().expect("cannot run cargo");
    assert!(status.success(), "building the static executables failed: {status}");
    target_dir.join(triple).join("static")
}

/// Copies by unlink and create: a new inode, so a running copy gives no ETXTBSY.
fn replace(from: &Path, to: &Path) {
    let parent = to.parent().expect("a file has a parent");
    fs::create_dir_all(parent).unwrap_or_else(|error| panic!("make {}: {error}", parent.display()));
    let _ = fs::remove_file(to);
    fs::copy(from, to).unwrap_or_else(|error| panic!("copy {} to {}: {error}", from.display(), to.display()));
}

fn var(name: &str) -> String {
    env::var(name).unwrap_or_else(|error| panic!("{name}: {error}"))
}
