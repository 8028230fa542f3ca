"""What a user is told who made a mistake: what was wrong, and what to do about it."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from subprocess import CompletedProcess

    from helpers.engine import EngineRoots

# The command, what is wrong, what to do ("" where the first line says it all).
MESSAGES = [
    ("run nosuch true", "Unable to find image 'nosuch:latest' locally", "import or load it first"),
    ("run UPPER true", "invalid reference format: repository name (library/UPPER) must be lowercase", ""),
    (
        "run --platform linux/arm64 busybox true",
        "does not match the specified platform: wanted linux/arm64, actual: linux/amd64",
        "rocker images lists those that are here",
    ),
    (
        "run --name -bad busybox true",
        "Invalid container name (-bad), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
        "a name begins with a letter or a digit",
    ),
    ("run --nosuchflag busybox true", "unknown flag: --nosuchflag", "See 'rocker run --help'."),
    ("run -Q busybox true", "unknown shorthand flag: 'Q' in -Q", "See 'rocker run --help'."),
    ("nosuch", "'nosuch' is not a rocker command.", "See 'rocker --help'"),
    (
        "run -u nosuch busybox true",
        "unable to find user nosuch: no matching entries in passwd file",
        "numeric uid",
    ),
    (
        "run -u 0:nosuch busybox true",
        "unable to find group nosuch: no matching entries in group",
        "numeric gid",
    ),
    ("run --group-add nosuch busybox true", "unable to find group nosuch", "use a numeric gid"),
    ("run busybox nosuch", 'exec: "nosuch": executable file not found in $PATH', ""),
    ("run busybox /bin/nosuch", 'exec: "/bin/nosuch": stat /bin/nosuch: no such file or directory', ""),
    ("run busybox /etc", 'exec: "/etc": is a directory', ""),
    (
        "run busybox /etc/passwd",
        'exec: "/etc/passwd": permission denied',
        "chmod +x /etc/passwd in the image",
    ),
    (
        "run -w rel busybox true",
        "the working directory 'rel' is invalid, it needs to be an absolute path",
        "",
    ),
    ("run -w /etc/passwd busybox true", "the working directory `/etc/passwd` is not a directory", ""),
    (
        "run --mount type=bind,source=/nosuch/dir,target=/x busybox true",
        'invalid mount config for type "bind": bind source path does not exist: /nosuch/dir',
        "make it first; -v makes missing directories",
    ),
    (
        "run --mount type=foo,target=/x busybox true",
        'mount type unknown: "foo"',
        "one of bind, image, tmpfs, volume",
    ),
    ("run --tmpfs rel busybox true", "invalid mount path: 'rel' mount path must be absolute", ""),
    ("run --cap-add NOSUCH busybox true", 'unknown capability: "CAP_NOSUCH"', "did you mean"),
    ("run --sysctl kernel.panic=1 busybox true", "sysctl 'kernel.panic=1' is not whitelisted", "net.*"),
    ("run --sysctl net.nosuch=1 busybox true", "cannot set sysctl `net.nosuch`", "ls /proc/sys/net"),
    ("run --ulimit foo=1 busybox true", "invalid ulimit type: foo", ""),
    ("run -m 1k busybox true", "Minimum memory limit allowed is 6MB", "--memory 6m"),
    (
        "run --cpuset-cpus 999 busybox true",
        "Requested CPUs are not available - requested 999, available: ",
        "name some of these",
    ),
    (
        "run --device /dev/nosuch busybox true",
        'device "/dev/nosuch": No such file or directory',
        "ls -l /dev/nosuch",
    ),
    ("run --log-driver nosuch busybox true", 'no log driver named "nosuch"', "json-file, local, none"),
    ("run --security-opt foo busybox true", 'Invalid --security-opt: "foo"', "known options: "),
    (
        "run --security-opt systempaths=unconfined busybox true",
        'Invalid --security-opt: "systempaths=unconfined"',
        "known options: seccomp=default|unconfined|FILE.json, no-new-privileges and docker-compat",
    ),
    ("run --stop-signal FOO busybox true", "Invalid signal: FOO", "`kill -l` lists the names"),
    ("run --pid container:nosuch busybox true", "No such container: nosuch", ""),
    ("run --ipc foo busybox true", "invalid IPC mode: foo", "modes are host, none, private, shareable"),
    (
        "run --network foo busybox true",
        "network foo not found",
        "rocker network ls lists those that are",
    ),
    ("run --rootfs /nosuch true", "/nosuch", ""),
    ("run --env-file /nosuch/file busybox true", "open /nosuch/file: no such file or directory", ""),
    ("run -it busybox true", "the input device is not a TTY", "leave out -t, or use a terminal"),
    ("run --oom-score-adj 5000 busybox true", "range for oom score adj is [-1000, 1000]", ""),
    ("run --detach-keys foo busybox true", "invalid detach keys (foo)", "ctrl-p,ctrl-q"),
    ("exec nosuch true", "No such container: nosuch", ""),
    ("inspect nosuch", "No such object: nosuch", ""),
    ("logs nosuch", "No such container: nosuch", ""),
    ("ps --filter nosuch=1", "invalid filter 'nosuch'", "one of ancestor"),
]

# Of a file that is run: its content, what is wrong, what to do, the exit code.
PROGRAMS = {
    "missing interpreter": (
        b"#!/bin/zsh\necho hi\n",
        "its interpreter `/bin/zsh` is not in the image",
        "install the interpreter",
        127,
    ),
    "CRLF": (
        b"#!/bin/sh\r\necho hi\r\n",
        "its first line ends with a carriage return (CRLF), so `/bin/sh\\r` is not found",
        "convert the script to Unix line ends",
        127,
    ),
    "no first line": (
        b"echo hi\n",
        "exec format error: neither a program nor a script with `#!`",
        "add `#!/bin/sh` as the first line",
        126,
    ),
    "another architecture": (
        b"\x7fELF\x02\x01\x01"
        + bytes(9)
        + (2).to_bytes(2, "little")
        + (183).to_bytes(2, "little")
        + bytes(44),
        "exec format error: it is built for aarch64, this machine is x86_64",
        "use an image for this architecture",
        126,
    ),
}


@pytest.mark.parametrize("part", range(4))
def test_a_message_says_what_was_wrong_and_what_to_do(
    busybox: Callable[..., CompletedProcess[str]], part: int
) -> None:
    wrong = []
    for line, what, advice in MESSAGES[part::4]:
        words = line.split()
        done = busybox(*(["run", "--rm", *words[1:]] if words[0] == "run" else words))
        if what not in done.stderr or advice not in done.stderr or done.returncode == 0:
            wrong.append(f"{line}: expected {what!r} and {advice!r}, got {done.returncode}:\n{done.stderr}")
        if "Traceback" in done.stderr or "\n\n" in done.stderr:
            wrong.append(f"{line}: {done.stderr}")
    assert not wrong, "\n".join(wrong)
    assert busybox("ps", "-aq").stdout == ""


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_that_cannot_run_is_explained(
    busybox: Callable[..., CompletedProcess[str]], tmp_path: Path, name: str
) -> None:
    content, what, advice, code = PROGRAMS[name]
    file = tmp_path / "program"
    file.write_bytes(content)
    file.chmod(0o755)
    done = busybox("run", "--rm", "-v", f"{tmp_path}:/s", "busybox", "/s/program")
    assert what in done.stderr
    assert f"hint: {advice}" in done.stderr
    assert done.returncode == code


def test_a_name_in_use_names_its_owner(busybox: Callable[..., CompletedProcess[str]]) -> None:
    owner = busybox("create", "--name", "box", "busybox", "true", check=True).stdout.strip()
    done = busybox("create", "--name", "box", "busybox", "true")
    assert f'The container name "/box" is already in use by container "{owner}"' in done.stderr
    assert "rename" in done.stderr
    assert done.returncode == 1
    busybox("rm", "box", check=True)


def test_a_stopped_container_is_told_apart_from_none(busybox: Callable[..., CompletedProcess[str]]) -> None:
    identifier = busybox("create", "--name", "box", "busybox", "true", check=True).stdout.strip()
    done = busybox("exec", "box", "true")
    assert f"Container {identifier} is not running" in done.stderr
    assert "hint: start it first: rocker start box" in done.stderr
    done = busybox("attach", "box")
    assert "You cannot attach to a stopped container, start it first" in done.stderr
    busybox("rm", "box", check=True)


def test_exec_names_the_directory_that_is_not_there_and_does_not_make_it(
    busybox: Callable[..., CompletedProcess[str]],
) -> None:
    busybox("run", "-d", "--name", "box", "busybox", "sleep", "600", check=True)
    done = busybox("exec", "-w", "/no/such", "box", "true")
    assert "the working directory `/no/such` is not in the container" in done.stderr
    assert "hint: make it first" in done.stderr
    assert busybox("exec", "box", "ls", "/no").returncode == 1
    busybox("rm", "-f", "box", check=True)


def test_a_full_disk_is_named(engine_roots: EngineRoots, tmp_path: Path, busybox_tar: Path) -> None:
    engine_roots.root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", engine_roots.root], check=True)
    try:
        done = engine_roots.cli("import", busybox_tar, "busybox")
        assert "No space left on device" in done.stderr
        assert "hint: " in done.stderr
        assert done.returncode == 1
        assert os.listdir(engine_roots.root / "tmp") == []
    finally:
        engine_roots.stop_launcher()
        subprocess.run(["umount", engine_roots.root], check=True)
