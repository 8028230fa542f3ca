"""T22, T24, T26, T33, T34: sockets and directories of the engine, overlong input, terminals, log files."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
import termios
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from helpers.attack import SECRET
from rocker.errors import RockerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from helpers.attack import Box, Canary
    from helpers.terminal import Terminal

TIOCGPTN = 0x80045430  # the number of a master's slave, ioctl_tty(2)
LONG = "x" * (100 << 10)
AS_USER = ["setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups"]


@pytest.mark.attack("T22")
def test_a_container_on_the_hosts_network_finds_no_socket_of_the_engine(box: Box) -> None:
    """CVE-2020-15257: abstract sockets belong to the network namespace; rocker's have paths only."""
    container = box.start("sleep", "1000", network="host")
    unix = container.exec(["cat", "/proc/net/unix"]).text
    mine = [line for line in unix.splitlines() if line.endswith(("launcher.sock", "shim.sock"))]
    assert mine, "the engine's own sockets are not in the list: nothing was looked at"
    assert not [line for line in unix.splitlines() if "@" in line and "rocker" in line]
    script = f"ls {box.roots.run}; find / -xdev -name 'launcher*' -o -xdev -name 'shim*'; ls /run"
    assert "sock" not in container.exec(["sh", "-c", script]).text
    container.remove(force=True)


@pytest.mark.attack("T22", "T24")
def test_another_user_reaches_neither_socket_nor_root(box: Box, tmp_path: Path) -> None:
    container = box.start("sh", "-c", f"echo {SECRET}; exec sleep 1000", env=[f"TOKEN={SECRET}"])
    box.roots.base.chmod(0o755)
    for root in (box.roots.root, box.roots.run):
        assert root.stat().st_mode & 0o777 == 0o700
        paths = [root, *root.rglob("*")]
        assert len(paths) > 3
        done = subprocess.run(
            [*AS_USER, "sh", "-c", 'for p; do cat "$p" || ls "$p" || cd "$p"; done', "sh", *paths[:200]],
            capture_output=True, text=True, cwd="/", check=False,
        )  # fmt: skip
        assert done.stdout == ""
        assert done.stderr.count("Permission denied") >= len(paths[:200])
    for path in (box.roots.run / "launcher.sock", box.roots.run / "containers" / container.id / "shim.sock"):
        assert path.is_socket()
        code = f"import socket; socket.socket(socket.AF_UNIX).connect({str(path)!r})"
        done = subprocess.run(
            [*AS_USER, "/usr/bin/python3", "-c", code], capture_output=True, text=True, cwd="/", check=False
        )
        assert "PermissionError" in done.stderr, done
    container.remove(force=True)


@pytest.mark.attack("T22")
@pytest.mark.parametrize("which", ["launcher.sock", "shim.sock"])
def test_a_connection_of_another_user_that_got_through_is_closed_unheard(box: Box, which: str) -> None:
    """The second lock behind the directory's mode: the peer's user is asked of the kernel (SO_PEERCRED)."""
    container = box.start("sleep", "1000")
    path = box.roots.run / which if which[0] == "l" else box.roots.run / "containers" / container.id / which
    modes = {
        place: place.stat().st_mode
        for place in (path, *path.parents)
        if box.roots.base in (place, *place.parents)
    }
    for place in modes:
        place.chmod(0o777)
    request = b'{"op":"kill"}' if which[0] == "s" else b'{"op":"shutdown"}'
    frame = struct.pack("<II", len(request), 0) + request
    code = (
        f"import socket; s = socket.socket(socket.AF_UNIX); s.connect({str(path)!r})\n"
        f"try:\n s.sendall({frame!r}); print(s.recv(999))\nexcept OSError as e: print(b'', e)"
    )
    done = subprocess.run(
        [*AS_USER, "/usr/bin/python3", "-c", code],
        capture_output=True,
        text=True,
        cwd="/",
        timeout=30,
        check=False,
    )
    for place, mode in modes.items():
        place.chmod(mode)
    assert done.stdout.startswith("b''"), done
    assert box.engine.containers.get(container.id).status == "running"
    assert box.run("true").exit_code == 0
    container.remove(force=True)


@pytest.mark.attack("T24")
def test_a_root_that_was_opened_up_is_closed_again_and_a_strangers_is_refused(box: Box) -> None:
    box.run("true")
    box.roots.root.chmod(0o777)
    box.engine.close()
    box.run("true")
    assert box.roots.root.stat().st_mode & 0o777 == 0o700
    os.chown(box.roots.root, 1000, 1000)
    box.engine.close()
    with pytest.raises(RockerError, match="belongs to user 1000, not to user 0 who runs rocker"):
        box.run("true")
    os.chown(box.roots.root, 0, 0)


@pytest.mark.attack("T26")
@pytest.mark.parametrize(
    "options",
    [
        {"workdir": f"/{LONG}"}, {"workdir": "/d" * 50_000}, {"hostname": LONG}, {"domainname": LONG}, {"user": LONG},
        {"user": "9" * 100_000}, {"name": LONG}, {"groups": [LONG]}, {"mounts": [f"/tmp:/{LONG}"]},
        {"mounts": ["/tmp:" + "/d" * 50_000]}, {"mounts": [f"/{LONG}:/x"]}, {"env": [f"A={LONG * 3}"]},
        {"sysctls": {f"net.{LONG}": "1"}}, {"sysctls": {"net.ipv4.ip_default_ttl": LONG}}, {"cgroup_parent": LONG},
        {"cpuset_cpus": LONG}, {"labels": {LONG: LONG}}, {"annotations": {"a": LONG}}, {"cap_add": [LONG]},
    ],
    ids=lambda options: next(iter(options)),
)  # fmt: skip
@pytest.mark.parametrize("command", ["look", "long"])
def test_overlong_input_is_an_error_or_arrives_and_the_namespaces_are_its_own(
    box: Box, options: dict, command: str
) -> None:
    """CVE-2021-43784: a length that overflowed dropped the namespace flags."""
    script = "for n in mnt pid net ipc uts cgroup; do readlink /proc/self/ns/$n; done"
    arguments = ("sh", "-c", script) if command == "look" else ("sh", "-c", script, LONG)
    try:
        result = box.run(*arguments, **options)
    except RockerError as error:
        assert len(error.message) > 10
        assert "Traceback" not in error.message
        assert box.engine.containers.list(all=True) == []
    else:
        inside = result.text.split()
        assert len(inside) == 6, result
        assert not set(inside) & {
            os.readlink(f"/proc/self/ns/{name}") for name in ("mnt", "pid", "net", "ipc", "uts")
        }


@pytest.mark.attack("T26")
@pytest.mark.parametrize("op", ["launcher.sock", "shim.sock"])
@pytest.mark.parametrize(
    "frame",
    [
        b"\xff" * 8,
        b"\0" * 8,
        b"\x01\0\0\x01\0\0\0\0{",
        b"\x02\0\0\0\xff\xff\xff\xff{}",
        b"\x02\0\0\0\0\0\0\0[]",
    ],
)
def test_a_frame_that_lies_about_its_length_harms_nobody(box: Box, op: str, frame: bytes) -> None:
    container = box.start("sleep", "1000")
    path = box.roots.run / op if op[0] == "l" else box.roots.run / "containers" / container.id / op
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(path))
        client.sendall(frame)
        client.shutdown(socket.SHUT_WR)
        answer = client.recv(1 << 16)
    assert answer == b"" or b"error" in answer
    assert container.exec(["echo", "alive"]).text == "alive\n"
    container.remove(force=True)


TIOCSTI = r"""
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <fcntl.h>
int main(void) {
    const char *names[] = {"/dev/tty", "/dev/console", "/dev/tty0", "/dev/tty1"};
    for (int fd = 0; fd < 64; fd++)
        for (const char *c = "owned\n"; *c; c++) ioctl(fd, TIOCSTI, c);
    for (int n = 0; n < 4; n++) {
        int fd = open(names[n], O_RDWR | O_NOCTTY);
        for (const char *c = "owned\n"; fd >= 0 && *c; c++) ioctl(fd, TIOCSTI, c);
    }
    puts("typed");
    return 0;
}
"""


@pytest.mark.attack("T33")
@pytest.mark.parametrize("flags", [[], ["-i"], ["-t"], ["-it"]])
def test_nothing_is_typed_into_the_callers_terminal(
    box: Box, terminal: Callable[..., Terminal], compiled: Callable[[str, str], Path], flags: list[str]
) -> None:
    program = compiled("tiocsti", TIOCSTI)
    # With a terminal the program may type, into its own; without one the capability opens no other.
    arguments = ["run", "--rm", *flags, "-v", f"{program.parent}:/tool:ro", "--cap-add", "SYS_ADMIN"]
    session = terminal(*arguments, "--rootfs", box.tree, "/tool/tiocsti")
    (number,) = struct.unpack("i", fcntl.ioctl(session._master, TIOCGPTN, b"\0" * 4))
    slave = os.open(f"/dev/pts/{number}", os.O_RDWR | os.O_NOCTTY)
    session.expect(b"typed")
    assert session.process.wait(20) == 0
    waiting = struct.unpack("i", fcntl.ioctl(slave, termios.FIONREAD, b"\0" * 4))[0]
    os.close(slave)
    assert waiting == 0


@pytest.mark.attack("T33")
@pytest.mark.parametrize("tty", [False, True])
def test_each_exec_has_a_session_of_its_own(box: Box, tty: bool) -> None:
    container = box.start("sleep", "1000", tty=True)
    script = (
        "read _ _ _ _ pgrp sid tty _ </proc/self/stat; echo $$ $sid $tty;"
        " (echo x >/dev/tty) 2>/dev/null && echo TTY"
    )
    found = [container.exec(["sh", "-c", script], tty=tty).text.split() for _ in range(2)]
    first = container.exec(
        ["sh", "-c", "read _ _ _ _ pgrp sid tty _ </proc/1/stat; echo $sid $tty"]
    ).text.split()
    container.remove(force=True)
    for pid, session, number, *rest in found:
        assert pid == session != first[0]
        assert ("TTY" in rest) == tty
        assert number != first[1]
        assert (number != "0") == tty


@pytest.mark.attack("T34")
@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "..", ".", "a/../../b", "%2e%2e", "-rf", "\n", "a\0b"]
)
@pytest.mark.parametrize("verb", ["logs", "inspect", "rm"])
def test_a_container_is_named_by_name_or_id_never_by_path(
    box: Box, canary: Canary, name: str, verb: str
) -> None:
    box.run("true")
    with pytest.raises(RockerError) as raised:
        box.engine.containers.get(name)
    assert "No such container" in raised.value.message, raised.value.message
    if "\0" not in name:
        done = box.roots.cli(verb, "--", name)
        assert done.returncode != 0
        assert "root:x" not in done.stdout + done.stderr
    assert "name" in box.refused("true", name=name).message.lower()
    assert sorted(os.listdir(box.roots.base)) == ["d", "r", "test"]


@pytest.mark.attack("T34")
@pytest.mark.parametrize("what", ["file", "directory"])
def test_a_link_where_the_log_is_written_is_not_followed(box: Box, canary: Canary, what: str) -> None:
    made = box.roots.cli("create", "--rootfs", box.tree, "echo", "owned", check=True).stdout.strip()
    log = box.roots.root / "containers" / made / "log"
    if what == "directory":
        assert not log.exists()
        log.symlink_to(canary.directory)
    else:
        log.mkdir(mode=0o700)
        (log / f"{made}-json.log").symlink_to(canary.directory / "file")
    done = box.roots.cli("start", "-a", made)
    assert canary.changes == []
    assert done.returncode != 0, "the log was written through a link"
    assert "log" in done.stderr, done.stderr
    assert "owned" not in (canary.directory / "file").read_text()
    box.roots.cli("rm", "-f", made, check=True)


@pytest.mark.attack("T34")
@pytest.mark.parametrize(
    "option", ["path=/etc/x", "tag=../../x", "max-file=../../3", "max-size=../1", "labels=../.."]
)
def test_no_log_option_names_a_path(box: Box, canary: Canary, option: str) -> None:
    name, _, value = option.partition("=")
    try:
        box.run("echo", "x", log_driver="json-file", log_opts={name: value})
    except RockerError as error:
        assert name in error.message, error.message
    assert not Path("/etc/x").exists()
