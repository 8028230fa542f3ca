//! The log as a whole: real files, a real small disk, a writer killed in the middle.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const NOW: i64 = 1_795_475_045_123_456_789;

fn config(driver: Driver) -> LogConfig {
    LogConfig { driver, path: PathBuf::from("c/log"), max_files: 1, ..LogConfig::default() }
}

fn open(dir: &Path, config: &LogConfig) -> Writer {
    Writer::open(File::open(dir).unwrap().as_fd(), config).unwrap()
}

fn reader(dir: &TempDir, driver: Driver) -> Reader {
    Reader::open(&dir.path().join("c/log"), driver).unwrap()
}

fn entries(dir: &Path, driver: Driver) -> Vec<Entry> {
    Reader::open(&dir.join("c/log"), driver).unwrap().map(Result::unwrap).collect()
}

fn text(entries: &[Entry], stream: Stream) -> Vec<u8> {
    entries.iter().filter(|entry| entry.stream == stream).flat_map(|entry| entry.line.clone()).collect()
}

fn texts(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| String::from_utf8_lossy(&entry.line).trim_end().to_owned()).collect()
}

fn lines(records: impl Iterator<Item = crate::Result<Entry>>) -> Vec<String> {
    texts(&records.map(Result::unwrap).collect::<Vec<_>>())
}

/// What is given of a log that is followed while `running`, which is told how often it was asked; `wake` says nothing.
fn followed(dir: &TempDir, inotify: bool, mut running: impl FnMut(u32) -> bool) -> Vec<String> {
    let (wake, _end) = nix::unistd::pipe().unwrap();
    let mut asked = 0;
    let running = || {
        asked += 1;
        running(asked)
    };
    if inotify {
        return lines(reader(dir, Driver::JsonFile).follow(running, Some(wake)));
    }
    lines(reader(dir, Driver::JsonFile).follow(running, None).without_inotify(Some(wake)))
}

fn lossy(bytes: &[u8]) -> Vec<u8> {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '\u{fffd}'));
    }
    text.into_bytes()
}

fn write_numbers(writer: &mut Writer, numbers: std::ops::Range<u32>) {
    for number in numbers {
        writer.write(Stream::Stdout, format!("line {number}\n").as_bytes(), NOW).unwrap();
    }
}

fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| format!("line {number}")).collect()
}

fn chunks() -> impl Strategy<Value = Vec<(bool, Vec<u8>)>> {
    let byte = prop_oneof![3 => any::<u8>(), 1 => Just(b'\n'), 2 => b'a'..=b'z'];
    proptest::collection::vec((any::<bool>(), proptest::collection::vec(byte, 0..400)), 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn bytes_come_back_whatever_the_chunks_and_rotations(
        chunks in chunks(), local: bool, compress: bool, max_size in prop_oneof![Just(None), (200_u64..5000).prop_map(Some)]
    ) {
        let dir = TempDir::new().unwrap();
        let driver = if local { Driver::Local } else { Driver::JsonFile };
        let mut writer =
            open(dir.path(), &LogConfig { max_size, max_files: 2000, compress, ..config(driver) });
        let mut expected = [Vec::new(), Vec::new()];
        for (at, (stderr, bytes)) in chunks.iter().enumerate() {
            let stream = if *stderr { Stream::Stderr } else { Stream::Stdout };
            writer.write(stream, bytes, NOW + at as i64).unwrap();
            expected[stream.index()].extend_from_slice(bytes);
        }
        writer.close(NOW + 99).unwrap();
        if expected.iter().any(|bytes| !bytes.is_empty()) {
            let entries = entries(dir.path(), driver);
            for stream in [Stream::Stdout, Stream::Stderr] {
                let mut wanted = expected[stream.index()].clone();
                if !local { wanted = lossy(&wanted); }
                prop_assert_eq!(text(&entries, stream), wanted);
            }
            let count = entries.len();
            for tail in [0, 1, count / 2, count, count + 5] {
                let got: Vec<Entry> =
                    reader(&dir, driver).tail(Some(tail as u64)).map(Result::unwrap).collect();
                prop_assert_eq!(&got, &entries[count.saturating_sub(tail)..]);
            }
        }
    }
}

#[test]
fn long_lines_are_joined_again_by_both_drivers() {
    for driver in [Driver::JsonFile, Driver::Local] {
        let dir = TempDir::new().unwrap();
        let mut writer = open(dir.path(), &config(driver));
        let mut line = vec![b'\x01'; 3 * PART + 7];
        line.push(b'\n');
        line.extend_from_slice(b"unended");
        writer.write(Stream::Stderr, &line, NOW).unwrap();
        writer.close(NOW + 5).unwrap();
        let entries = entries(dir.path(), driver);
        assert_eq!(
            entries.iter().map(|entry| entry.partial).collect::<Vec<_>>(),
            [true, true, true, false, true]
        );
        assert_eq!(text(&entries, Stream::Stderr), line);
        assert_eq!(entries[3].time_ns, NOW);
    }
}

#[test]
fn rotation_keeps_the_newest_files_and_compresses_the_others() {
    let dir = TempDir::new().unwrap();
    let config = LogConfig { max_size: Some(700), max_files: 3, compress: true, ..config(Driver::JsonFile) };
    let mut writer = open(dir.path(), &config);
    write_numbers(&mut writer, 0..100);
    writer.close(NOW).unwrap();
    let mut names: Vec<_> =
        fs::read_dir(dir.path().join("c")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["log", "log.1.gz", "log.2.gz"]);
    let got = texts(&entries(dir.path(), Driver::JsonFile));
    assert_eq!(got, numbers(100 - u32::try_from(got.len()).unwrap()..100));
    assert_eq!(lines(reader(&dir, Driver::JsonFile).tail(Some(15))), numbers(85..100));
}

#[test]
fn a_gap_that_a_killed_rotation_left_is_read_over_and_closed() {
    let dir = TempDir::new().unwrap();
    let config = LogConfig { max_size: Some(300), max_files: 5, ..config(Driver::JsonFile) };
    let mut writer = open(dir.path(), &config);
    write_numbers(&mut writer, 0..12);
    writer.close(NOW).unwrap();
    let log = dir.path().join("c/log");
    // Killed between the two renames: no current file, and the new one has its temporary name.
    fs::rename(dir.path().join("c/log.1"), dir.path().join("c/log.4")).ok();
    fs::rename(dir.path().join("c/log.2"), dir.path().join("c/log.3")).ok();
    fs::rename(dir.path().join("c/log.4"), dir.path().join("c/log.2")).unwrap();
    fs::rename(&log, dir.path().join("c/log.1")).unwrap();
    File::create(dir.path().join("c/log.new")).unwrap();
    assert_eq!(texts(&entries(dir.path(), Driver::JsonFile)), numbers(0..12));
    let mut writer = open(dir.path(), &config);
    write_numbers(&mut writer, 12..14);
    assert_eq!(texts(&entries(dir.path(), Driver::JsonFile)), numbers(0..14));
    assert!(!dir.path().join("c/log.new").exists());
}

#[test]
fn a_torn_end_is_cut_off_when_the_log_is_opened_again_and_noise_is_passed_over() {
    for driver in [Driver::JsonFile, Driver::Local] {
        let dir = TempDir::new().unwrap();
        let mut writer = open(dir.path(), &config(driver));
        write_numbers(&mut writer, 0..3);
        writer.close(NOW).unwrap();
        let path = dir.path().join("c/log");
        let whole = fs::read(&path).unwrap();
        File::options().append(true).open(&path).unwrap().write_all(&whole[16..30]).unwrap();
        assert_eq!(texts(&entries(dir.path(), driver)), numbers(0..3));
        let mut writer = open(dir.path(), &config(driver));
        assert_eq!(fs::read(&path).unwrap(), whole);
        File::options().append(true).open(&path).unwrap().write_all(b"\x09\0noise\xff\n").unwrap();
        write_numbers(&mut writer, 3..400);
        assert_eq!(texts(&entries(dir.path(), driver)), numbers(0..400));
    }
}

#[test]
fn a_line_of_any_length_is_passed_over_within_bounded_memory() {
    let dir = TempDir::new().unwrap();
    let mut writer = open(dir.path(), &config(Driver::JsonFile));
    write_numbers(&mut writer, 0..2);
    let mut file = File::options().append(true).open(dir.path().join("c/log")).unwrap();
    file.write_all(&[b'x'; 3 << 20]).unwrap();
    file.write_all(b"\n").unwrap();
    write_numbers(&mut writer, 2..4);
    assert_eq!(texts(&entries(dir.path(), Driver::JsonFile)), numbers(0..4));
}

#[test]
fn since_and_until_choose_by_time() {
    let dir = TempDir::new().unwrap();
    let mut writer = open(dir.path(), &config(Driver::Local));
    for at in 0..10 {
        writer.write(Stream::Stdout, format!("line {at}\n").as_bytes(), NOW + at).unwrap();
    }
    let chosen = reader(&dir, Driver::Local).since(Some(NOW + 3)).until(Some(NOW + 6));
    assert_eq!(lines(chosen), numbers(3..7));
}

#[test]
fn following_survives_rotation_without_loss_or_repetition() {
    for (driver, compress) in [(Driver::JsonFile, true), (Driver::Local, true), (Driver::JsonFile, false)] {
        let dir = TempDir::new().unwrap();
        let config = LogConfig { max_size: Some(4000), max_files: 3000, compress, ..config(driver) };
        let mut writer = open(dir.path(), &config);
        write_numbers(&mut writer, 0..10);
        let running = AtomicBool::new(true);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                write_numbers(&mut writer, 10..5000);
                running.store(false, Ordering::SeqCst);
            });
            let follow = reader(&dir, driver).follow(|| running.load(Ordering::SeqCst), None);
            assert_eq!(lines(follow), numbers(0..5000));
        });
    }
}

#[test]
fn following_misses_nothing_of_a_writer_that_rotates_all_the_time() {
    for driver in [Driver::JsonFile, Driver::Local] {
        let dir = TempDir::new().unwrap();
        let busy = LogConfig { max_size: Some(600), max_files: 100_000, compress: true, ..config(driver) };
        let mut writer = open(dir.path(), &busy);
        let written = AtomicBool::new(false);
        let followed = std::thread::scope(|scope| {
            scope.spawn(|| {
                write_numbers(&mut writer, 0..1500);
                written.store(true, Ordering::SeqCst);
            });
            lines(reader(&dir, driver).follow(|| !written.load(Ordering::SeqCst), None))
        });
        assert_eq!(followed, numbers(0..1500), "{driver:?}");
    }
}

#[test]
fn a_readable_wake_descriptor_ends_following_when_the_container_has_ended() {
    let dir = TempDir::new().unwrap();
    let mut writer = open(dir.path(), &config(Driver::JsonFile));
    write_numbers(&mut writer, 0..2);
    let (wake, end) = nix::unistd::pipe().unwrap();
    drop(end);
    let mut asked = 0;
    let running = || {
        asked += 1;
        asked < 3
    };
    let follow = reader(&dir, Driver::JsonFile).tail(Some(1)).follow(running, Some(wake));
    assert_eq!(lines(follow), numbers(1..2));
}

#[test]
fn following_is_woken_by_what_changes_and_needs_no_interval() {
    // The wake descriptor never says anything: were a change not announced, following would never end.
    for change in [Change::Append, Change::Rotate, Change::Truncate, Change::Remove] {
        let dir = TempDir::new().unwrap();
        let mut writer = open(dir.path(), &config(Driver::JsonFile));
        write_numbers(&mut writer, 0..2);
        // The second time is the last before the wait.
        let got = followed(&dir, true, |asked| {
            if asked == 2 {
                change.make(&dir.path().join("c/log"));
            }
            asked < 3
        });
        assert_eq!(got, numbers(0..2), "{change:?}");
    }
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Append,
    Rotate,
    Truncate,
    Remove,
}

impl Change {
    fn make(self, path: &Path) {
        match self {
            Self::Append => {
                let mut file = fs::File::options().append(true).open(path).unwrap();
                file.write_all(b"no record\n").unwrap();
            }
            Self::Rotate => fs::rename(path, path.with_extension("1")).unwrap(),
            Self::Truncate => fs::File::options().write(true).open(path).unwrap().set_len(0).unwrap(),
            Self::Remove => fs::remove_file(path).unwrap(),
        }
    }
}

#[test]
fn following_goes_on_where_inotify_cannot_be_had() {
    let dir = TempDir::new().unwrap();
    let mut writer = open(dir.path(), &config(Driver::JsonFile));
    write_numbers(&mut writer, 0..2);
    let got = followed(&dir, false, |asked| {
        if asked == 2 {
            write_numbers(&mut writer, 2..4);
        }
        asked < 4
    });
    assert_eq!(got, numbers(0..4));
}

#[test]
fn a_log_that_is_cut_off_while_it_is_followed_is_read_from_its_start() {
    let dir = TempDir::new().unwrap();
    let mut writer = open(dir.path(), &config(Driver::JsonFile));
    write_numbers(&mut writer, 0..50);
    let got = followed(&dir, true, |asked| {
        if asked == 2 {
            fs::write(dir.path().join("c/log"), b"").unwrap();
            write_numbers(&mut writer, 50..53);
        }
        asked < 3
    });
    assert_eq!(got, numbers(0..53));
}

struct Mounted(TempDir);

impl Drop for Mounted {
    fn drop(&mut self) {
        nix::mount::umount(self.0.path()).unwrap();
    }
}

#[test]
fn a_full_disk_costs_only_the_bytes_that_the_log_then_reports() {
    for driver in [Driver::JsonFile, Driver::Local] {
        let dir = TempDir::new().unwrap();
        let flags = nix::mount::MsFlags::empty();
        if nix::mount::mount(Some("none"), dir.path(), Some("tmpfs"), flags, Some("size=128k")).is_err() {
            eprintln!("skipped: mounting a tmpfs needs CAP_SYS_ADMIN");
            return;
        }
        let dir = Mounted(dir);
        let path = dir.0.path();
        let ballast = path.join("ballast");
        fs::write(&ballast, [0; 40_000]).unwrap();
        let mut writer = open(path, &config(driver));
        write_numbers(&mut writer, 0..5000);
        let lost = writer.lost();
        assert!(lost > 0);
        let before = entries(path, driver);
        fs::remove_file(&ballast).unwrap();
        write_numbers(&mut writer, 5000..5002);
        assert_eq!(writer.lost(), 0);
        let after = entries(path, driver);
        assert_eq!(before, after[..before.len()]);
        let report = format!("rocker: {lost} bytes of output are not in this log: No space left on device");
        assert_eq!(texts(&after[before.len()..]), [report, "line 5000".to_owned(), "line 5001".to_owned()]);
        let kept: usize =
            before.iter().filter(|entry| entry.stream == Stream::Stdout).map(|entry| entry.line.len()).sum();
        let written: usize = numbers(0..5000).iter().map(|line| line.len() + 1).sum();
        let reported: u64 = texts(&after)
            .iter()
            .filter_map(|line| line.strip_prefix("rocker: ")?.split(' ').next()?.parse::<u64>().ok())
            .sum();
        assert_eq!(kept as u64 + reported, written as u64);
    }
}

/// Not a test by itself: the process that the next test kills.
#[test]
#[ignore = "the writer process of another test"]
fn flood() {
    let Some(dir) = std::env::var_os("ROCKER_TEST_FLOOD") else { return };
    let config =
        LogConfig { max_size: Some(50_000), max_files: 400, compress: true, ..config(Driver::JsonFile) };
    let mut writer = open(Path::new(&dir), &config);
    for start in (0..u32::MAX).step_by(100) {
        let chunk: String = (start..start + 100).map(|number| format!("line {number}\n")).collect();
        writer.write(Stream::Stdout, chunk.as_bytes(), NOW).unwrap();
        if start == 20_000 {
            println!("\nflooding");
        }
    }
}

#[test]
fn a_writer_killed_in_a_flood_leaves_a_log_without_gaps() {
    let dir = TempDir::new().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "log::tests::flood", "--ignored", "--nocapture"])
        .env("ROCKER_TEST_FLOOD", dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "flooding"));
    child.kill().unwrap();
    child.wait().unwrap();
    let got = texts(&entries(dir.path(), Driver::JsonFile));
    let last: u32 = got.last().unwrap().strip_prefix("line ").unwrap().parse().unwrap();
    assert_eq!(got, numbers(last + 1 - u32::try_from(got.len()).unwrap()..last + 1));
    let config = LogConfig { max_size: Some(50_000), max_files: 400, ..config(Driver::JsonFile) };
    let mut writer = open(dir.path(), &config);
    write_numbers(&mut writer, last + 1..last + 10);
    let got = texts(&entries(dir.path(), Driver::JsonFile));
    assert_eq!(got, numbers(last + 10 - u32::try_from(got.len()).unwrap()..last + 10));
}

#[test]
fn timestamps_have_nine_digits_and_stand_before_whole_lines_only() {
    let dir = TempDir::new().unwrap();
    let mut writer = open(dir.path(), &config(Driver::JsonFile));
    writer.write(Stream::Stdout, &[b'x'; PART + 1], NOW).unwrap();
    writer.write(Stream::Stdout, b"\n", NOW).unwrap();
    writer.write(Stream::Stderr, b"b\n", NOW - 123_456_789).unwrap();
    for timestamps in [false, true] {
        let (out, err) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let mut reader = reader(&dir, Driver::JsonFile);
        copy_to(&mut reader, out.as_fd(), err.as_fd(), &CopyOptions { timestamps, ..CopyOptions::default() })
            .unwrap();
        let stamp = |text| if timestamps { text } else { "" };
        assert_eq!(
            contents(out),
            format!("{}{}\n", stamp("2026-11-23T23:04:05.123456789Z "), "x".repeat(PART + 1))
        );
        assert_eq!(contents(err), format!("{}b\n", stamp("2026-11-23T23:04:05.000000000Z ")));
    }
}

fn contents(mut file: File) -> String {
    std::io::Seek::rewind(&mut file).unwrap();
    std::io::read_to_string(file).unwrap()
}

#[test]
fn a_path_that_leaves_the_root_or_a_link_is_refused() {
    let dir = TempDir::new().unwrap();
    let root = File::open(dir.path()).unwrap();
    let refused = |path: &str| {
        let config = LogConfig { path: PathBuf::from(path), ..config(Driver::JsonFile) };
        Writer::open(root.as_fd(), &config).unwrap_err().to_string()
    };
    assert_eq!(refused("../x"), "log path `../x` is not a relative path without `..`");
    assert_eq!(refused("/x"), "log path `/x` is not a relative path without `..`");
    std::os::unix::fs::symlink("/tmp", dir.path().join("link")).unwrap();
    assert_eq!(refused("link/x"), "open the directory of the log `link/x`: Not a directory");
    assert_eq!(refused("link"), "open the log `link`: Too many symbolic links encountered");
    let missing = Reader::open(&dir.path().join("absent"), Driver::JsonFile).unwrap_err();
    assert_eq!(missing.kind, crate::Kind::NotFound);
}

#[test]
#[ignore = "measures throughput: cargo test --release -- --ignored --nocapture throughput"]
fn throughput() {
    let line = format!("{}\n", "a line of ordinary text, with \"some\" marks ".repeat(3).get(..99).unwrap());
    let chunk = line.repeat(655);
    for (driver, compress) in
        [(Driver::JsonFile, false), (Driver::Local, false), (Driver::JsonFile, true), (Driver::Local, true)]
    {
        let dir = TempDir::new().unwrap();
        let max_size = compress.then_some(20 << 20);
        let mut writer =
            open(dir.path(), &LogConfig { compress, max_size, max_files: 100, ..config(driver) });
        let rate = |what: &str, started: std::time::Instant| {
            let megabytes = 3200.0 * chunk.len() as f64 / 1e6;
            println!(
                "{driver:?} compress={compress} {what}: {:.0} MB/s",
                megabytes / started.elapsed().as_secs_f64()
            );
        };
        let started = std::time::Instant::now();
        for at in 0..3200 {
            writer.write(Stream::Stdout, chunk.as_bytes(), NOW + at).unwrap();
        }
        rate("written", started);
        writer.close(NOW).unwrap();
        for timestamps in [false, true] {
            let started = std::time::Instant::now();
            let null = File::options().write(true).open("/dev/null").unwrap();
            let mut reader = reader(&dir, driver);
            copy_to(
                &mut reader,
                null.as_fd(),
                null.as_fd(),
                &CopyOptions { timestamps, ..CopyOptions::default() },
            )
            .unwrap();
            rate(if timestamps { "copied with timestamps" } else { "copied" }, started);
        }
        let started = std::time::Instant::now();
        assert_eq!(reader(&dir, driver).tail(Some(10)).count(), 10);
        println!("{driver:?} compress={compress} tail 10: {:?}", started.elapsed());
    }
}
