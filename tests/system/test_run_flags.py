# ruff: noqa: E501 -- one flag a line
"""Every flag of `run`, seen from inside the container."""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from helpers.engine import TEARDOWN

if TYPE_CHECKING:
    from collections.abc import Callable
    from subprocess import CompletedProcess


V2 = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
HOST = os.uname().nodename
PARENTS = [
    Path("/sys/fs/cgroup", hierarchy, "rocker-test-parent")
    for hierarchy in ["", *os.listdir("/sys/fs/cgroup")]
]


def remove_once_empty(cgroup: Path) -> None:
    """A shim removes its cgroup after everybody has been told of the end."""
    deadline = time.monotonic() + TEARDOWN
    while cgroup.exists() and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            cgroup.rmdir()
    assert not cgroup.exists()


def limit(v1: str, v2: str) -> str:
    return "cat /sys/fs/cgroup/" + (v2 if V2 else v1)


def value(v1: str, v2: str) -> str:
    return v2 if V2 else v1


# Flags; what `sh -c` is given; a regular expression for the whole output. {tmp} is a directory with `file`, `env`,
# `labels` and, in `sub`, another `file`.
FLAGS = [
    ("", "pwd; id -u; echo $PATH; echo $HOME; umask", "/\n0\n/bin:/usr/bin\n/root\n0022"),
    ("--hostname a.b", "hostname; cat /etc/hostname; echo $HOSTNAME", "a.b\na.b\na.b"),
    ("--domainname d.e", "cat /proc/sys/kernel/domainname", "d.e"),
    ("-e A=1 -e B=x=y -e CALLER -e GONE", "env | grep -E '^(A|B|CALLER|GONE)' | sort", "A=1\nB=x=y\nCALLER=mine"),
    ("--env-file {tmp}/env -e B=own", "env | grep -E '^(FILE|B|CALLER)='", "(?s)(?=.*FILE=a b)(?=.*CALLER=mine)(?=.*B=own).*"),
    ("-w /tmp", "pwd", "/tmp"),
    ("-w /new/dir", "pwd; stat -c %a:%u /new/dir", "/new/dir\n755:0"),
    ("-u guest", "id; echo $HOME", r"uid=405\(guest\) gid=100\(users\) groups=.*29\(audio\).*\n/home/guest"),
    ("-u 405", "id -u; id -g", "405\n100"),
    ("-u 405:29", "id -u; id -g; id -G", "405\n29\n29"),
    ("-u guest:audio", "id -un; id -gn", "guest\naudio"),
    ("-u 4711", "id -u; id -g; echo $HOME", "4711\n0\n/"),
    ("-u 4711:4712", "id -u; id -g", "4711\n4712"),
    ("-u guest --group-add nogroup --group-add 777", "id -G", "(?=.*65534)(?=.*777)(?=.*100).*"),
    ("--entrypoint /bin/echo", "x", "-c x"),
    ("-v {tmp}:/m", "cat /m/file; touch /m/made && echo made", "content\nmade"),
    ("-v {tmp}:/m:ro", "touch /m/x 2>&1", "touch: /m/x: Read-only file system"),
    ("-v {tmp}/file:/etc/motd", "cat /etc/motd", "content"),
    ("-v {tmp}/absent:/m", "ls -a /m", "\\.\n\\.\\."),
    ("--mount type=bind,source={tmp},target=/m", "cat /m/sub/file", "below"),
    ("--mount type=bind,src={tmp},dst=/m,readonly", "touch /m/x 2>&1", "touch: .*: Read-only file system"),
    ("--mount type=tmpfs,target=/m,tmpfs-size=1m,tmpfs-mode=700", "df -k /m | tail -1 | awk '{{print $2}}'; stat -c %a /m", "1024\n700"),
    ("--tmpfs /m", "grep ' /m ' /proc/mounts; touch /m/x && echo made", "tmpfs /m tmpfs rw,nosuid,nodev,noexec,.*\nmade"),
    ("--tmpfs /etc:tmpcopyup,size=1m", "grep -c root: /etc/passwd; stat -c %a /etc; touch /etc/x && echo made; df /etc | grep -c tmpfs", "1\n755\nmade\n1"),
    ("--tmpfs /etc:tmpcopyup,uid=7,mode=711", "stat -c %a:%u:%g /etc; stat -c %u /etc/passwd", "711:7:0\n0"),
    ("--tmpfs /m:size=2m,mode=1770,exec", "df -k /m | tail -1 | awk '{{print $2}}'; stat -c %a /m; grep -c ' /m .*noexec' /proc/mounts", "2048\n1770\n0"),
    ("--read-only", "touch /x 2>&1; touch /dev/shm/x && echo shm", "touch: /x: Read-only file system\nshm"),
    ("--tmpfs /m:exec,exec", "grep -c ' /m .*noexec' /proc/mounts", "0"),
    ("--tmpfs /m:exec,noexec", "grep -c ' /m .*noexec' /proc/mounts", "1"),
    ("--read-only --tmpfs /run", "touch /run/x && echo ok", "ok"),
    ("--network none", "ls /sys/class/net; cat /sys/class/net/lo/flags", "lo\n0x9"),
    ("--network host", "readlink /proc/self/ns/net", re.escape(os.readlink("/proc/self/ns/net"))),
    ("--network container:other", "readlink /proc/self/ns/net", "{net}"),
    ("--pid host", "readlink /proc/self/ns/pid", re.escape(os.readlink("/proc/self/ns/pid"))),
    ("--pid container:other", "tr '\\0' ' ' </proc/1/cmdline", "sleep 600 "),
    ("", "ls -d /proc/[0-9]* | wc -l; echo $$", "[34]\n1"),
    ("--ipc host", "readlink /proc/self/ns/ipc", re.escape(os.readlink("/proc/self/ns/ipc"))),
    ("--ipc container:other", "cat /dev/shm/mark; readlink /proc/self/ns/ipc", "shared\n{ipc}"),
    ("--ipc private", "ls /dev/shm; df -k /dev/shm | tail -1 | awk '{{print $2}}'", "65536"),
    ("--ipc none", "grep -c /dev/shm /proc/mounts", "0"),
    ("--uts host", "hostname", re.escape(HOST)),
    ("--shm-size 3m", "df -k /dev/shm | tail -1 | awk '{{print $2}}'", "3072"),
    ("--cap-drop ALL", "grep CapEff /proc/self/status", "CapEff:\t0{16}"),
    ("--cap-drop ALL --cap-add NET_ADMIN", "grep CapEff /proc/self/status", "CapEff:\t0000000000001000"),
    ("--cap-add sys_time --cap-drop CAP_CHOWN", "grep CapEff /proc/self/status", "CapEff:\t00000000820405fa"),
    ("", "grep CapEff /proc/self/status", "CapEff:\t00000000[0-9a-f]{8}"),
    ("--privileged", "mkdir /m && mount -t tmpfs x /m && echo mounted; grep Seccomp: /proc/self/status", "mounted\nSeccomp:\t0"),
    ("", "mkdir /m; mount -t tmpfs x /m 2>&1; grep Seccomp: /proc/self/status", "mount: permission denied.*\nSeccomp:\t2"),
    ("--security-opt seccomp=unconfined", "grep Seccomp: /proc/self/status", "Seccomp:\t0"),
    ("--security-opt docker-compat", "grep CapEff /proc/self/status; mknod /n b 7 0 && echo made", "CapEff:\t00000000a80425fb\nmade"),
    ("--security-opt no-new-privileges", "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1"),
    ("", "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t0"),
    ("--device /dev/full", "echo x >/dev/full", "(?s).*No space left on device"),
    ("--device /dev/kmsg:/dev/other:r", "test -c /dev/other && echo there; (echo x >/dev/other) 2>&1", "there\n.*Operation not permitted"),
    ("--ulimit nofile=123:456", "ulimit -Sn; ulimit -Hn", "123\n456"),
    ("--ulimit nofile=3:3", "ulimit -n", "3"),
    ("--ulimit core=0 --ulimit nproc=77", "ulimit -c; awk '/Max processes/ {{print $3}}' /proc/self/limits", "0\n77"),
    ("--sysctl net.ipv4.ip_forward=1 --sysctl kernel.msgmax=4096", "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax", "1\n4096"),
    ("-m 48m", limit("memory/memory.limit_in_bytes", "memory.max"), "50331648"),
    ("-m 48m --memory-swap 64m", limit("memory/memory.memsw.limit_in_bytes", "memory.swap.max"), value("67108864", "16777216")),
    ("--memory-reservation 16m", limit("memory/memory.soft_limit_in_bytes", "memory.low"), "16777216"),
    ("--cpus 0.5", limit("cpu/cpu.cfs_quota_us", "cpu.max"), value("50000", "50000 100000")),
    ("--cpu-shares 512", limit("cpu/cpu.shares", "cpu.weight"), value("512", "20")),
    ("--cpuset-cpus 0", limit("cpuset/cpuset.cpus", "cpuset.cpus") + "; nproc", "0\n1"),
    ("--pids-limit 33", limit("pids/pids.max", "pids.max"), "33"),
    ("--pids-limit -1", limit("pids/pids.max", "pids.max"), "max"),
    ("--oom-score-adj 321", "cat /proc/self/oom_score_adj", "321"),
    ("--init", "tr '\\0' ' ' </proc/1/cmdline | head -c 200 | grep -c 'sh -c' ; echo $$", r"\d+\n[2-9]\d*"),
    ("--init", "(sleep 0.01 &) ; while pidof sleep >/dev/null; do :; done; grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l", "0"),
    ("--", "echo -- $0", "-- sh"),
    ("-t", "test -t 1 && tty", "/dev/pts/0\r?"),
    ("--rm --name a.b_c-d", "echo ok", "ok"),
    ("--cgroup-parent rocker-test-parent", "cat /proc/self/cgroup | grep -c ':/$'", r"[1-9]\d*"),
    ("--pull never", "echo ok", "ok"),
    ("--platform linux/amd64", "echo ok", "ok"),
    ("--annotation org.example=1", "echo ok", "ok"),
    ("--stop-signal HUP --stop-timeout 3", "echo ok", "ok"),
    ("--log-driver json-file --log-opt max-size=1m --log-opt max-file=2", "echo ok", "ok"),
]  # fmt: skip


@pytest.mark.parametrize("part", range(6))
def test_a_flag_does_what_it_says(
    box: Callable[..., CompletedProcess[str]], tmp_path: Path, part: int
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "file").write_text("content\n")
    (tmp_path / "sub/file").write_text("below\n")
    (tmp_path / "env").write_text("# comment\nFILE=a b\nCALLER\nB=file\n")
    rows = FLAGS[part::6]
    places = {"tmp": str(tmp_path)}
    if any("container:other" in flags for flags, _, _ in rows):
        script = "echo shared >/dev/shm/mark; echo ready; exec sleep 600"
        box("run", "-d", "--name", "other", "--ipc", "shareable", "busybox", "sh", "-c", script, check=True)
        for name in ("net", "ipc"):
            link = box("exec", "other", "readlink", f"/proc/self/ns/{name}", check=True).stdout.strip()
            places[name] = re.escape(link)
    wrong = []
    for flags, script, pattern in rows:
        words = [word.format(**places) for word in flags.split()]
        after = ["--"] if words == ["--"] else []
        command = ["busybox", "-c"] if "--entrypoint" in words else ["busybox", "sh", "-c"]
        words = [word for word in words if word != "--"]
        done = box(
            "run", "--rm", *words, *after, *command, script.replace("{{", "{").replace("}}", "}"),
            env={"CALLER": "mine"},
        )  # fmt: skip
        expected = pattern
        for name in ("net", "ipc"):
            expected = expected.replace("{" + name + "}", places.get(name, ""))
        output = (done.stdout + done.stderr).rstrip("\n")
        if not re.fullmatch(expected, output):
            wrong.append(f"run {flags}: {script}\n  gave {output!r}\n  not {expected!r}")
    # As with Docker, the parent belongs to whoever named it.
    for parent in PARENTS:
        remove_once_empty(parent)
    assert not wrong, "\n".join(wrong)


def test_what_is_kept_about_a_container_is_what_was_said(
    box: Callable[..., CompletedProcess[str]], tmp_path: Path
) -> None:
    labels, cidfile = tmp_path / "labels", tmp_path / "cid"
    labels.write_text("from.file=1\nplain\n")
    created = box(
        "create", "--name", "box", "-l", "own=x y", "--label-file", labels, "--annotation", "an=1",
        "--cidfile", cidfile, "--stop-signal", "USR1", "--stop-timeout", "7", "busybox", "true", check=True,
    ).stdout.strip()  # fmt: skip
    assert cidfile.read_text() == created
    template = "{{json .Config.Labels}} {{.Config.StopSignal}} {{.Config.StopTimeout}} {{json .HostConfig.Annotations}}"
    shown = box("inspect", "-f", template, "box", check=True).stdout
    assert shown == '{"from.file":"1","own":"x y","plain":""} USR1 7 {"an":"1"}\n'
    again = box("create", "--cidfile", cidfile, "busybox", "true")
    assert again.returncode != 0
    assert "Container ID file found" in again.stderr


def test_the_end_of_a_pid_namespace_reaps_what_was_left_behind_with_init(
    box: Callable[..., CompletedProcess[str]],
) -> None:
    # Orphans become children of process 1, which waits for them: with --init none stays a zombie.
    script = "for i in 1 2 3 4 5; do (true &) ; done; wait; while ps -o stat,args | grep -q '^Z'; do :; done; echo none"
    done = box("run", "--rm", "--init", "busybox", "sh", "-c", script, check=True)
    assert done.stdout == "none\n"


def test_words_after_the_image_are_the_commands_own(box: Callable[..., CompletedProcess[str]]) -> None:
    assert (
        box("run", "--rm", "busybox", "echo", "--rm", "-e", "--", "x", check=True).stdout == "--rm -e -- x\n"
    )
    assert box("run", "--rm", "busybox", "--", "echo", "x").returncode == 127
