"""T05, T06: what the engine has open, what it is in memory, and the file it runs from, seen from inside a container."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import rocker
from rocker.errors import RockerError

if TYPE_CHECKING:
    from collections.abc import Callable

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
