"""T05, T06: what the engine has open, what it is in memory, and the file it runs from, seen from inside a container."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import rocker
from helpers.processes import name_of
from rocker.errors import RockerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from helpers.attack import Box, Canary

NUMBERS = [range(48), pytest.param(range(1024), marks=[pytest.mark.slow, pytest.mark.timeout(300)])]
OVERWRITE = r"""
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int main(int count, char **names) {  /* PATH: tries every way to write to it */
    int flags[] = {O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC, O_WRONLY | O_APPEND};
    for (int n = 0; n < 4; n++) {
        int fd = open(names[1], flags[n]);
        if (fd < 0) { printf("open %s\n", strerror(errno)); continue; }
        printf("OPENED write %zd %s\n", write(fd, "owned", 5), strerror(errno));
    }
    int fd = open(names[1], O_RDONLY);  /* then by what it has open for reading */
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int again = open(path, O_WRONLY);
    printf("again %s\n", again < 0 ? strerror(errno) : write(again, "owned", 5) == 5 ? "WRITTEN" : strerror(errno));
    return 0;
}
"""
LURK = r"""
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
static size_t slurp(const char *pid, const char *name, char *text, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/%s", pid, name);
    int fd = open(path, O_RDONLY);
    ssize_t count = fd < 0 ? 0 : read(fd, text, size - 1);
    if (fd >= 0) close(fd);
    text[count > 0 ? count : 0] = 0;
    return count > 0;
}
static void field(const char *status, const char *name, char *value) {
    const char *found = strstr(status, name);
    if (!found || sscanf(found + strlen(name), " %31s", value) != 1) strcpy(value, "?");
}
static const char *said(long result) {
    return result >= 0 ? "done" : errno == EACCES ? "EACCES" : errno == EPERM ? "EPERM" : "gone";
}
static void seen(const char *pid) {  /* all that can be had of a process of the engine */
    char status[4096], cap[32], seccomp[32], path[300], target[300], fds[8192] = "";
    snprintf(path, sizeof path, "/proc/%s/mem", pid);
    int mem = open(path, O_RDWR);
    const char *written = said(mem);
    const char *traced = said(ptrace(PTRACE_SEIZE, atoi(pid), 0, 0));
    snprintf(path, sizeof path, "/proc/%s/fd", pid);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        snprintf(path, sizeof path, "/proc/%s/fd/%.200s", pid, entry->d_name);
        ssize_t length = readlink(path, target, sizeof target - 2);
        if (length > 0 && strlen(fds) + length + 2 < sizeof fds) strcat(strncat(fds, target, length), ",");
    }
    if (dir) closedir(dir);
    if (mem >= 0) close(mem);
    slurp(pid, "status", status, sizeof status);
    field(status, "CapPrm:", cap), field(status, "Seccomp:", seccomp);
    /* Last: what was found is the engine's only if that is still what it is. */
    char comm[32];
    if (slurp(pid, "comm", comm, sizeof comm) && strstr(comm, "rocker") && !strchr("?", *cap))
        printf("seen mem=%s trace=%s cap=%s seccomp=%s fds=%s\n", written, traced, cap, seccomp, fds);
}
int main(void) {
    char comm[32], status[4096], cap[32], seccomp[32];
    setvbuf(stdout, 0, _IOLBF, 0);
    puts("lurking");
    while (access("/stop", F_OK)) {
        DIR *dir = opendir("/proc");
        for (struct dirent *entry; (entry = readdir(dir));)
            if (*entry->d_name >= '0' && *entry->d_name <= '9' && slurp(entry->d_name, "comm", comm, sizeof comm)
                && strstr(comm, "rocker")) seen(entry->d_name);
        closedir(dir);
        for (int how; waitpid(-1, &how, WNOHANG | __WALL) > 0;);
    }
    slurp("self", "status", status, sizeof status);
    field(status, "CapPrm:", cap), field(status, "Seccomp:", seccomp);
    printf("own %s %s\n", cap, seccomp);
    return 0;
}
"""


@pytest.mark.attack("T05")
@pytest.mark.parametrize("how", ["run", "exec"])
@pytest.mark.parametrize("numbers", NUMBERS)
def test_no_descriptor_of_the_engine_is_a_way_out_as_working_directory(
    box: Box, canary: Canary, how: str, numbers: range
) -> None:
    container = box.start("sleep", "1000") if how == "exec" else None
    up = "/".join([".."] * 12)
    for number in numbers:
        for path in (f"/proc/self/fd/{number}", f"/proc/self/fd/{number}/../../..", f"/proc/1/fd/{number}"):
            script = f"pwd; cat {up}{canary.directory}/file; cat .{canary.directory}/file"
            try:
                if container:
                    result = container.exec(["sh", "-c", script], workdir=path)
                else:
                    result = box.sh(script, workdir=path)
            except RockerError as error:
                assert path in error.message, error.message
            else:
                assert result.stdout.startswith(b"/"), result
                assert b"canary-" not in result.stdout
    if container:
        container.remove(force=True)


@pytest.mark.attack("T05")
def test_a_link_in_the_image_to_a_descriptor_is_no_working_directory(box: Box, tree: Path) -> None:
    (tree / "work").symlink_to("/proc/self/fd/7")
    error = box.refused("pwd", rootfs=str(tree), workdir="/work")
    assert "/work" in error.message
    assert "working directory" in error.message or "working directory" in str(error.step)


@pytest.mark.attack("T05")
@pytest.mark.parametrize("how", ["run", "run --init", "run -t", "exec", "exec -t"])
def test_a_program_has_no_descriptors_but_its_streams(box: Box, how: str) -> None:
    script = "for fd in /proc/self/fd/*; do readlink $fd; done"  # the shell itself opens none for this
    if how.startswith("exec"):
        container = box.start("sleep", "1000")
        result = container.exec(["sh", "-c", script], tty=how.endswith("-t"))
        container.remove(force=True)
    else:
        result = box.sh(script, init=how.endswith("init"), tty=how.endswith("-t"))
    found = result.text.split()
    assert len(found) == 3, found
    assert all(re.fullmatch(r"/dev/null|pipe:\[\d+\]|/dev/pts/\d+", name) for name in found), found


def shim_of(box: Box) -> int:
    """The host pid of the one shim: what has a shim.lock open."""
    for process in box.roots.processes():
        for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
            if os.readlink(descriptor).endswith("/shim.lock"):
                return process.pid
    raise AssertionError("no shim")


@pytest.mark.attack("T05")
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace holds the joining process still")
def test_a_joining_process_shows_the_container_neither_descriptors_nor_memory(
    box: Box, tmp_path: Path
) -> None:
    """CVE-2016-9962. The window between its capabilities' end and its execve is held open by strace."""
    look = (
        "echo looking; until grep -q rocker /proc/[0-9]*/comm 2>/dev/null; do :; done;"
        " for p in /proc/[0-9]*; do grep -q rocker $p/comm 2>/dev/null || continue; echo found;"
        " grep CapPrm $p/status; for f in $p/fd/* $p/cwd $p/root $p/exe; do readlink $f; ls $f/. ; done;"
        " cat $p/maps $p/environ; done 2>/dev/null; echo end"
    )
    container = box.start("sh", "-c", look, timeout=30)
    lines = iter(container.logs(follow=True))
    assert next(lines) == b"looking\n"
    tracer = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", tmp_path / "log", "-e", "trace=execve",
         "-e", "inject=execve:delay_enter=3000000:when=1", "-p", str(shim_of(box))],
        stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        while "TracerPid:\t0\n" in Path(f"/proc/{shim_of(box)}/status").read_text():
            assert tracer.poll() is None, "strace has ended"
        victim = subprocess.Popen(box.roots.command("exec", container.id, "true"), stderr=subprocess.DEVNULL)
        seen = b"".join(lines).decode()
        victim.wait(60)
    finally:
        tracer.terminate()
        tracer.wait(60)
        assert tracer.stderr
        tracer.stderr.close()
        container.remove(force=True)
    assert seen.startswith("found\n"), "the joining process was not seen: the attack did not take place"
    assert re.fullmatch(r"(found\nCapPrm:\t\w+\n)+end\n", seen), seen


@pytest.fixture
def lurker(box: Box, tree: Path, compiled: Callable[[str, str], Path]) -> Callable[..., Any]:
    """Starts a container that waits for joining processes; returns it with what it says, line by line."""
    shutil.copy(compiled("lurk", LURK), tree / "bin/lurk")

    def start(capability: tuple[str, ...]) -> tuple[Any, Iterator[bytes]]:
        container = box.start("lurk", rootfs=str(tree), cap_add=capability)
        lines = iter(container.logs(follow=True))
        assert next(lines) == b"lurking\n"
        return container, lines

    return start


def check_sightings(capability: tuple[str, ...], lines: Iterator[bytes]) -> int:
    """Nothing that was seen may be more than what sees it; the number of sightings."""
    *seen, own = [line.decode().split() for line in lines]
    assert own[0] == "own", own
    for words in seen:
        said = dict(word.split("=", 1) for word in words[1:])
        assert words[0] == "seen", words
        if capability:
            assert [said["cap"], said["seccomp"]] == own[1:], words
            assert re.fullmatch(
                r"((/dev/null|/bin/busybox|(pipe|socket):\[\d+\]|/dev/pts/\d+),)*", said["fds"]
            ), words
        else:
            assert (said["mem"], said["trace"], said["fds"]) == ("EACCES", "EPERM", ""), words
    return len(seen)


@pytest.mark.attack("T05")
@pytest.mark.parametrize("capability", [(), ("SYS_PTRACE",)])
def test_a_joining_process_that_is_traced_may_do_no_more_than_who_traces_it(
    box: Box, lurker: Callable[..., Any], capability: tuple[str, ...]
) -> None:
    container, lines = lurker(capability)
    for _ in range(60):
        result = container.exec(["sh", "-c", "exit 3"])
        assert result.exit_code == 3
    container.exec(["touch", "/stop"])
    check_sightings(capability, lines)
    container.remove(force=True)


@contextmanager
def slowed(pids: list[int], delay: int, log: Path) -> Iterator[None]:
    """Each system call of processes, and of what they clone, takes so many microseconds longer."""
    words = [word for pid in pids for word in ("-p", str(pid))]
    tracer = subprocess.Popen(
        [
            "strace",
            "-f",
            "-qq",
            "-o",
            log,
            "-e",
            "trace=all",
            "-e",
            f"inject=all:delay_enter={delay}",
            *words,
        ],
        stderr=subprocess.PIPE,
    )
    try:
        for pid in pids:
            while "TracerPid:\t0\n" in Path(f"/proc/{pid}/status").read_text():
                assert tracer.poll() is None, "strace has ended"
        yield
    finally:
        tracer.terminate()
        tracer.wait(60)
        assert tracer.stderr
        tracer.stderr.close()


@pytest.mark.attack("T05")
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace slows the joining process down")
@pytest.mark.parametrize("tty", [False, True])
def test_a_joining_process_is_seen_by_who_may_trace_only_when_it_is_confined(
    box: Box, lurker: Callable[..., Any], tmp_path: Path, tty: bool
) -> None:
    """Each system call of the shim and of what it clones takes 4 ms longer, so that every state of it is seen."""
    container, lines = lurker(("SYS_PTRACE",))
    with slowed([shim_of(box)], 4000, tmp_path / "log"):
        assert container.exec(["sh", "-c", "exit 3"], tty=tty).exit_code == 3
    container.exec(["touch", "/stop"])
    assert check_sightings(("SYS_PTRACE",), lines), (
        "the joining process was not seen: the attack did not take place"
    )
    container.remove(force=True)


@pytest.mark.attack("T05")
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace slows the joining container down")
@pytest.mark.parametrize(
    "options", [{}, {"init": True}, {"tty": True}, {"user": "1000", "init": True}], ids=str
)
def test_a_container_that_joins_the_processes_of_one_that_may_trace_is_seen_only_when_it_is_confined(
    box: Box, lurker: Callable[..., Any], tmp_path: Path, options: dict[str, Any]
) -> None:
    """Each system call of the launcher, its standby and what they clone takes 2 ms longer."""
    container, lines = lurker(("SYS_PTRACE",))
    mine = [one for one in box.roots.processes() if name_of(one.pid).startswith("rocker")]
    with slowed([process.pid for process in mine], 2000, tmp_path / "log"):
        capability = () if "user" in options else ("SYS_PTRACE",)
        # In one process: signals of a child would stop it for good once the lurker has it.
        script = "for p in /proc/[0-9]*; do read -r name 2>/dev/null <$p/comm && echo $name; done; exit 3"
        result = box.sh(script, pid=f"container:{container.id}", cap_add=capability, **options)
        assert result.exit_code == 3, result
        assert "lurk" in result.text.split(), "its procfs shows somebody else's processes"
        assert "strace" not in result.text, "its procfs shows the host's processes"
    container.exec(["touch", "/stop"])
    *seen, own = [line.decode().split() for line in lines]
    for words in seen:
        said = dict(word.split("=", 1) for word in words[1:])
        assert int(said["cap"], 16) & ~int(own[1], 16) == 0, words
        assert said["seccomp"] == own[2], words
        # The init of --init has a pidfd of its own child, too.
        harmless = r"((/dev/null|/bin/busybox|anon_inode:\[pidfd\]|(pipe|socket):\[\d+\]|/dev/pts/\d+),)*"
        assert re.fullmatch(harmless, said["fds"]), words
    assert seen, "the joining process was not seen: the attack did not take place"
    container.remove(force=True)


@pytest.mark.attack("T04")
def test_a_covered_procfs_is_not_taken_for_that_of_the_processes(box: Box, tmp_path: Path) -> None:
    """Who may mount shows the joining container a directory, or the procfs of other processes, as /proc."""
    for script in ("mount -t tmpfs none /proc", "umount -l /proc"):
        container = box.start("sh", "-c", f"{script} && echo done; exec sleep 1000", privileged=True)
        assert next(iter(container.logs(follow=True))) == b"done\n"
        with pytest.raises(RockerError, match="shows something else at /proc"):
            box.run("true", pid=f"container:{container.id}")
        container.remove(force=True)


@pytest.mark.attack("T06")
@pytest.mark.parametrize("capability", [(), ("SYS_PTRACE",), ("ALL",)])
@pytest.mark.parametrize("init", [False, True])
def test_the_runtime_is_not_overwritten_through_proc_self_exe(
    box: Box, tree: Path, compiled: Callable[[str, str], Path], capability: tuple[str, ...], init: bool
) -> None:
    """The entrypoint is the runtime itself (CVE-2019-5736); a writer follows every process that runs it."""
    runtime = Path(rocker.__file__).parent / "_bin/rocker-runtime"
    before = hashlib.sha256(runtime.read_bytes()).hexdigest()
    shutil.copy(compiled("overwrite", OVERWRITE), tree / "bin/overwrite")
    (tree / "entry").write_text("#!/proc/self/exe\n")
    (tree / "entry").chmod(0o755)
    script = (
        "(for n in $(seq 300); do /bin/overwrite /proc/1/exe; done | sort | uniq -c) 2>&1; /entry;"
        " /bin/overwrite /proc/1/exe"
    )
    (tree / "bin/sort").symlink_to("busybox")
    (tree / "bin/uniq").symlink_to("busybox")
    try:
        box.run("/entry", rootfs=str(tree), cap_add=capability, init=init)
    except RockerError as error:
        assert "/entry" in error.message, error.message
    result = box.sh(script, rootfs=str(tree), cap_add=capability, init=init)
    assert hashlib.sha256(runtime.read_bytes()).hexdigest() == before
    if init:
        assert "WRITTEN" not in result.text
        assert "OPENED write 5" not in result.text
        assert "again" in result.text
    assert box.run("true").exit_code == 0


@pytest.mark.attack("T06", "T17", "T19")
@pytest.mark.parametrize("user", ["root", "guest"])
@pytest.mark.parametrize("options", [{}, {"cap_drop": ["ALL"]}, {"security_opt": ["no-new-privileges"]}])
def test_process_1_of_init_may_do_no_more_than_the_program(box: Box, user: str, options: dict) -> None:
    """A container with CAP_SYS_PTRACE could make it do anything."""
    script = "for p in 1 self; do grep -E '^(Uid|Gid|Groups|Cap|NoNew|Seccomp)' /proc/$p/status; done"
    lines = box.sh(script, init=True, user=user, **options).text.splitlines()
    assert len(lines) % 2 == 0
    assert lines[: len(lines) // 2] == lines[len(lines) // 2 :]


@pytest.mark.attack("T06", "T31")
def test_process_1_of_init_hides_the_engines_memory(box: Box) -> None:
    script = "cat /proc/1/environ /proc/1/maps; head -c 1 /proc/1/mem; ls /proc/1/fd; readlink /proc/1/exe"
    result = box.sh(script, init=True)
    assert result.stdout == b""
    assert result.stderr.count(b"Permission denied") == 3


@pytest.mark.attack("T05")
def test_the_signal_of_a_killed_shim_reaches_process_1_of_init_too(box: Box) -> None:
    container = box.start("sleep", "1000", init=True)
    import signal

    from helpers.processes import wait_ended

    inside = [process for process in box.roots.processes() if process.command.startswith("sleep 1000")]
    os.kill(shim_of(box), signal.SIGKILL)
    assert wait_ended(inside, 20), "the program lives on without its shim"
    container.remove(force=True)
