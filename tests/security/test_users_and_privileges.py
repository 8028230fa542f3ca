"""T16, T17, T19, T20, T18: who the program is, what it may, and what of the kernel it sees."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from helpers.attack import base_layer, docker_archive, layer, link

if TYPE_CHECKING:
    from collections.abc import Callable

    from helpers.attack import Box, Canary

PASSWD = (
    "root:x:0:0::/root:/bin/sh\nu:x:7:8::/:\n1:x:0:0::/:\n99:x:1099:99::/:\n"
    "wrap:x:4294967296:0::/:\nneg:x:-1:0::/:\n"
)
GROUP = "root:x:0:\ng:x:9:u\nextra:x:10:u,root\n1:x:0:\nbad:x:4294967296:u\n"


@pytest.fixture
def people(tree: Path) -> Path:
    (tree / "etc").mkdir()
    (tree / "etc/passwd").write_text(PASSWD)
    (tree / "etc/group").write_text(GROUP)
    return tree


@pytest.mark.attack("T16")
@pytest.mark.parametrize("how", ["run", "exec"])
@pytest.mark.parametrize(
    ("user", "ids"),
    [
        ("u", "7 8 8 9 10"), ("7", "7 8 8 9 10"), ("u:g", "7 9 9"), ("7:3", "7 3 3"), ("5", "5 0 0"),
        ("00", "0 0 0 10"),
        ("99", "1099 99 99"), ("0", "0 0 0 10"), ("2147483647", "2147483647 0 0"), ("5:5", "5 5 5"),
    ],
)  # fmt: skip
def test_a_user_becomes_exactly_these_ids(box: Box, people: Path, how: str, user: str, ids: str) -> None:
    script = "echo $(id -u) $(id -g) $(grep Groups /proc/self/status)"
    if how == "run":
        found = box.sh(script, rootfs=str(people), user=user).text
    else:
        container = box.start("sleep", "1000", rootfs=str(people))
        found = container.exec(["sh", "-c", script], user=user).text
        container.remove(force=True)
    uid, gid, _, *groups = found.split()
    wanted = ids.split()
    assert [uid, gid] == wanted[:2]
    assert {*groups, gid} == {*wanted[1:]}


@pytest.mark.attack("T16")
@pytest.mark.parametrize("how", ["run", "exec"])
@pytest.mark.parametrize(
    "user",
    ["4294967296", "4294967295", "2147483648", "18446744073709551616", "-1", "+1", " 1", "1 ", "0x0", "1e0", "root\n",
     "u\nroot", "wrap", "neg", "nobody", "٠", "u:nogroup", "u:-1", "u:4294967296", "../root", "u:g:0"],
)  # fmt: skip
def test_what_is_no_user_is_refused_and_named(box: Box, people: Path, how: str, user: str) -> None:
    if how == "run":
        error = box.refused("id", rootfs=str(people), user=user)
    else:
        from rocker.errors import RockerError

        container = box.start("sleep", "1000", rootfs=str(people))
        with pytest.raises(RockerError) as raised:
            container.exec(["id"], user=user)
        container.remove(force=True)
        error = raised.value
    name = user.rsplit(":", maxsplit=1)[-1] if ":" in user else user
    assert name.strip() in error.message, error.message
    assert re.search(r"unable to find (user|group)|must be in range", error.message), error.message


@pytest.mark.attack("T16")
@pytest.mark.parametrize("name", ["passwd", "group"])
@pytest.mark.parametrize("kind", ["fifo", "huge", "device", "directory", "link", "socket", "nul", "lines"])
def test_a_hostile_passwd_or_group_neither_hangs_nor_reads_the_host(
    box: Box, canary: Canary, people: Path, kind: str, name: str
) -> None:
    file = people / "etc" / name
    content = file.read_text()
    file.unlink()
    text = f"evil:x:0:0:{canary.directory}:/:\n" if name == "passwd" else "evil:x:0:\n"
    if kind == "fifo":
        os.mkfifo(file)
    elif kind == "huge":
        with file.open("wb") as out:
            out.truncate(2 << 30)
    elif kind == "device":
        os.mknod(file, 0o20666, os.makedev(1, 5))
    elif kind == "directory":
        file.mkdir()
    elif kind == "link":
        (canary.directory.parent / "evil").write_text(text)
        file.symlink_to(canary.directory.parent / "evil")
    elif kind == "socket":
        os.mknod(file, 0o140666)
    elif kind == "nul":
        file.write_bytes(b"\0" * 4096 + b"\n" + content.encode())
    else:
        file.write_text(":\n::::::\n:::" + "\n" * 1000 + content)
    wanted = "evil" if kind == "link" else "u"
    if kind in {"lines", "nul"}:
        assert box.sh("id -u", rootfs=str(people), user="7").text == "7\n"
        return
    error = box.refused("id", rootfs=str(people), user=wanted if name == "passwd" else f"5:{wanted}")
    said = ("regular file", "larger than 1 MiB", "unable to find", "read")
    assert any(word in error.message for word in said), error.message
    assert kind == "link" or f"/etc/{name}" in error.message, error.message


@pytest.mark.attack("T16")
def test_a_newline_in_home_adds_no_line_and_no_variable(box: Box, people: Path) -> None:
    (people / "etc/passwd").write_text("u:x:7:8::/home\rEVIL=1:/bin/sh\n")
    before = (people / "etc/passwd").read_bytes()
    result = box.sh("env; cat /etc/passwd", rootfs=str(people), user="u", env=["HOME=/x\ny:x:0:0::/:"])
    assert "y:x:0:0::/:" not in result.text.replace("HOME=/x\ny:x:0:0::/:", "")
    assert (people / "etc/passwd").read_bytes() == before


@pytest.mark.attack("T17")
@pytest.mark.parametrize("user", ["root", "guest", "4711"])
@pytest.mark.parametrize("how", ["run", "run --init", "exec"])
@pytest.mark.parametrize("caps", [{}, {"cap_add": ["SYS_ADMIN"]}, {"privileged": True}])
def test_no_capability_is_inheritable_or_ambient_and_a_user_has_none(
    box: Box, how: str, user: str, caps: dict
) -> None:
    command = ["grep", "Cap", "/proc/self/status"]
    if how == "exec":
        container = box.start("sleep", "1000", **caps)
        result = container.exec(command, user=user)
        container.remove(force=True)
    else:
        result = box.run(*command, user=user, init=how.endswith("init"), **caps)
    words = result.text.split()
    sets = {name: int(value, 16) for name, value in zip(words[::2], words[1::2], strict=True)}
    assert sets["CapInh:"] == sets["CapAmb:"] == 0
    assert (sets["CapEff:"] == sets["CapPrm:"] == 0) == (user != "root")
    assert (sets["CapBnd:"].bit_count() > 12) == (caps.get("privileged") is True)


@pytest.mark.attack("T17")
def test_a_file_with_inheritable_capabilities_gives_a_user_nothing(
    box: Box, tree: Path, tmp_path: Path
) -> None:
    """CVE-2022-24769: non-empty inheritable sets let such files grant capabilities."""
    import shutil
    import struct

    (tree / "bin/inherit").unlink(missing_ok=True)
    shutil.copy(tree / "bin/busybox", tree / "bin/grep2")
    (tree / "bin/grep").unlink()
    (tree / "bin/grep2").rename(tree / "bin/grep")
    # VFS_CAP_REVISION_2 with the effective bit: permitted 0, inheritable everything (capabilities(7)).
    data = struct.pack("<IIIII", 0x02000001, 0, 0xFFFFFFFF, 0, 0xFFFFFFFF)
    os.setxattr(tree / "bin/grep", "security.capability", data)
    words = box.run("/bin/grep", "CapEff", "/proc/self/status", rootfs=str(tree), user="4711").text.split()
    assert words == ["CapEff:", "0" * 16]


@pytest.mark.attack("T18")
@pytest.mark.parametrize("how", ["run", "exec", "user"])
def test_masked_files_show_nothing_and_cannot_be_uncovered(box: Box, how: str) -> None:
    from rocker.engine.defaults import masked_paths

    there = [path for path in masked_paths() if Path(path).exists()]
    assert len(there) >= 3, "this kernel has hardly anything to mask"
    script = (
        "for p in "
        + " ".join(there)
        + (
            "; do if [ -d $p ]; then ls -A $p; else cat $p; fi; umount $p && echo umounted $p;"
            " mount -o remount,rw $p && echo remounted; touch $p/new && echo made; done 2>/dev/null; echo end"
        )
    )
    if how == "exec":
        container = box.start("sleep", "1000")
        result = container.exec(["sh", "-c", script])
        container.remove(force=True)
    else:
        result = box.sh(script, user="guest" if how == "user" else None)
    assert result.text == "end\n"


@pytest.mark.attack("T18")
def test_read_only_parts_of_proc_and_sys_refuse_every_write(box: Box, canary: Canary) -> None:
    script = (
        "for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/hostname /proc/sys/vm/drop_caches /proc/sysrq-trigger"
        " /proc/sys/net/ipv4/ip_forward /proc/irq/default_smp_affinity /sys/kernel/uevent_helper"
        " /sys/power/state /sys/kernel/mm/ksm/run; do [ -e $f ] || continue; echo $f; echo x >$f; done; "
        " mount -o remount,rw /proc/sys; mount -o remount,rw /sys;"
        " mount -t proc proc /tmp; mount --bind /proc/sys /tmp;"
        " umount /proc/sys; mknod /tmp/mem c 1 1; echo end"
    )
    result = box.sh(script)
    tried = len(result.text.split()) - 1
    assert tried >= 4
    assert result.stderr.count(b"Read-only file system") >= tried - 1, result.stderr
    assert "end" in result.text


@pytest.mark.attack("T20")
@pytest.mark.parametrize("user", ["root", "guest"])
def test_a_container_changes_no_cgroup_and_sets_no_release_agent(box: Box, canary: Canary, user: str) -> None:
    script = (
        "cat /proc/self/cgroup; for f in $(find /sys/fs/cgroup -type f 2>/dev/null | grep -E"
        " 'release_agent|notify_on_release|cgroup.procs|tasks|limit_in_bytes|memory.max|pids.max|devices.allow|"
        "cgroup.kill|cgroup.freeze'); do (echo 1 >$f) 2>/dev/null && echo WROTE $f; done;"
        " mkdir /sys/fs/cgroup/new && echo MADE; for t in cgroup cgroup2; do for o in memory rdma devices none; do"
        " mkdir -p /tmp/c; mount -t $t -o $o none /tmp/c && echo MOUNTED; done; done;"
        " find /sys/fs/cgroup -type f | wc -l"
    )
    result = box.sh(script, user=user, memory="64m", pids=50)
    assert not re.search("WROTE|MADE|MOUNTED", result.text), result.text
    assert int(result.text.split()[-1]) > 0, "no cgroup files were there to attack"
    assert all(line.endswith(":/") for line in result.text.splitlines()[:-1]), result.text


@pytest.mark.attack("T20")
def test_sys_admin_alone_gets_no_release_agent_of_the_host(box: Box, canary: Canary) -> None:
    """CVE-2022-0492: with the capability a hierarchy can be mounted, but the agent is the host root cgroup's."""
    script = (
        "mkdir /tmp/c; for o in memory rdma cpu; do mount -t cgroup -o $o none /tmp/c 2>/dev/null && break; done;"
        f" ls /tmp/c/release_agent && echo '#!/bin/sh' >/tmp/c/release_agent && echo WROTE; cat {canary.directory}/file"
    )
    result = box.sh(script, cap_add=["SYS_ADMIN"])
    assert "WROTE" not in result.text
    assert "canary-" not in result.text


PROBE = r"""
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
static void say(const char *name, long got) {
    printf("%s %s\n", name, got < 0 ? strerrorname_np(errno) : "DONE");
}
#define TRY(name, ...) (errno = 0, say(name, syscall(__VA_ARGS__)))
int main(void) {
    char buffer[256] = {0};
    long high = 0x100000000L;
    TRY("af_vsock", SYS_socket, 40L, 1L, 0L);
    TRY("af_vsock_high", SYS_socket, high | 40, 1L, 0L);
    TRY("af_alg", SYS_socket, 38L, 5L, 0L);
    TRY("af_alg_high", SYS_socket, high | 38, 5L, 0L);
    TRY("af_alg_higher", SYS_socket, (0xdeadL << 32) | 38, 5L, 0L);
    TRY("af_packet", SYS_socket, 17L, 3L, 0L);
    TRY("af_packet_high", SYS_socket, high | 17, 3L, 0L);
    TRY("socketpair_alg", SYS_socketpair, high | 38, 5L, 0L, buffer);
    TRY("unshare_user", SYS_unshare, (long)CLONE_NEWUSER);
    TRY("unshare_user_high", SYS_unshare, high | CLONE_NEWUSER);
    TRY("unshare_mount", SYS_unshare, (long)CLONE_NEWNS);
    TRY("clone_user", SYS_clone, (long)CLONE_NEWUSER | 17, 0L, 0L, 0L, 0L);
    TRY("clone3", SYS_clone3, buffer, 64L);
    TRY("setns", SYS_setns, 0L, 0L);
    TRY("mount", SYS_mount, "none", "/tmp", "tmpfs", 0L, 0L);
    TRY("fsopen", SYS_fsopen, "tmpfs", 0L);
    TRY("open_tree", SYS_open_tree, AT_FDCWD, "/", 1L);
    TRY("move_mount", SYS_move_mount, -1L, "", -1L, "", 0L);
    TRY("pivot_root", SYS_pivot_root, ".", ".");
    TRY("bpf", SYS_bpf, 0L, buffer, 64L);
    TRY("perf_event_open", SYS_perf_event_open, buffer, 0L, -1L, -1L, 0L);
    TRY("userfaultfd", SYS_userfaultfd, 0L);
    TRY("io_uring_setup", SYS_io_uring_setup, 4L, buffer);
    TRY("keyctl", SYS_keyctl, 0L, -3L, 0L);
    TRY("add_key", SYS_add_key, "user", "a", "b", 1L, -3L);
    TRY("kexec_load", SYS_kexec_load, 0L, 0L, 0L, 0L);
    TRY("init_module", SYS_init_module, buffer, 1L, "");
    TRY("finit_module", SYS_finit_module, 0L, "", 0L);
    TRY("open_by_handle_at", SYS_open_by_handle_at, AT_FDCWD, buffer, 0L);
    TRY("swapon", SYS_swapon, "/tmp/x", 0L);
    TRY("reboot", SYS_reboot, 0xfee1deadL, 672274793L, 0L, 0L);
    TRY("settimeofday", SYS_settimeofday, buffer, 0L);
    TRY("acct", SYS_acct, "/tmp/x");
    TRY("iopl", SYS_iopl, 3L);
    TRY("syslog", SYS_syslog, 3L, buffer, 10L);
    TRY("quotactl", SYS_quotactl, 0L, "", 0L, 0L);
    TRY("x32_getpid", SYS_getpid | 0x40000000L);
    TRY("nonsense", 4000L);
    TRY("allowed", SYS_getpid);
    errno = 0;
    long got;  /* i386 socketcall, SYS_SOCKET = 1, of AF_ALG: int 0x80 with 32-bit pointers */
    static unsigned arguments[3] = {38, 5, 0};
    __asm__ volatile("int $0x80" : "=a"(got) : "a"(102), "b"(1), "c"((unsigned)(unsigned long)arguments) : "memory");
    printf("i386_socketcall %s\n", got < 0 ? strerrorname_np((int)-got) : "DONE");
    __asm__ volatile("int $0x80" : "=a"(got) : "a"(21), "b"(0), "c"(0), "d"(0) : "memory");
    printf("i386_mount %s\n", got < 0 ? strerrorname_np((int)-got) : "DONE");
    return 0;
}
"""


@pytest.mark.attack("T19")
@pytest.mark.parametrize("how", ["run", "exec", "init", "user"])
def test_the_filter_refuses_what_a_container_needs_not(
    box: Box, compiled: Callable[[str, str], Path], how: str
) -> None:
    program = compiled("probe", PROBE)
    mounts = [f"{program.parent}:/tool:ro"]
    if how == "exec":
        container = box.start("sleep", "1000", mounts=mounts)
        result = container.exec(["/tool/probe"])
        container.remove(force=True)
    else:
        result = box.run(
            "/tool/probe", mounts=mounts, init=how == "init", user="guest" if how == "user" else None
        )
    assert result.exit_code == 0, result
    found = dict(line.split() for line in result.text.splitlines())
    assert found.pop("allowed") == "DONE"
    assert [name for name, outcome in found.items() if outcome == "DONE"] == []
    assert found["clone3"] == "ENOSYS"  # so that libc falls back to clone, whose flags a filter can see
    for name in (
        "mount",
        "bpf",
        "keyctl",
        "unshare_user",
        "unshare_user_high",
        "setns",
        "open_by_handle_at",
        "i386_mount",
    ):
        assert found[name] == "EPERM", (name, found[name])
    for name in ("af_alg", "af_vsock"):
        assert found[f"{name}_high"] == found[name] != "EPROTONOSUPPORT", (name, found)


@pytest.mark.attack("T19")
@pytest.mark.parametrize(
    "option",
    ["apparmor=docker-default", "label=type:container_t", "seccomp=/nonexistent.json", "seccomp=/etc/passwd",
     "seccomp=", "systempaths=unconfined", "no-new-privileges=maybe", "smack=x"],
)  # fmt: skip
def test_protection_that_cannot_be_had_is_an_error_never_silence(box: Box, option: str) -> None:
    """CVE-2025-65105: an LSM that was asked for was silently not applied."""
    error = box.refused("true", security_opt=[option])
    assert option.partition("=")[2] in error.message or option in error.message
    assert error.hint


@pytest.mark.attack("T19", "T17")
@pytest.mark.parametrize("how", ["run", "exec"])
def test_no_new_privileges_keeps_a_setuid_program_from_root(box: Box, tree: Path, how: str) -> None:
    import shutil

    (tree / "suid").mkdir()
    shutil.copy(tree / "bin/busybox", tree / "suid/busybox")
    (tree / "suid/busybox").chmod(0o4755)
    options = {"rootfs": str(tree), "security_opt": ["no-new-privileges"]}
    command = ["/suid/busybox", "grep", "-E", "^(Uid|NoNewPrivs)", "/proc/self/status"]
    if how == "run":
        result = box.run(*command, user="4711", **options)
    else:
        container = box.start("sleep", "1000", **options)
        result = container.exec(command, user="4711")
        container.remove(force=True)
    assert result.text.split() == ["Uid:", "4711", "4711", "4711", "4711", "NoNewPrivs:", "1"]


@pytest.mark.attack("T16", "T10")
def test_setuid_bits_devices_and_capabilities_in_layers_are_kept_but_bounded(box: Box) -> None:
    import tarfile

    device = link("dev2", "", tarfile.BLKTYPE)
    device.devmajor, device.devminor, device.mode = 254, 0, 0o666
    memory = link("mem", "", tarfile.CHRTYPE)
    memory.devmajor, memory.devminor, memory.mode = 1, 1, 0o666
    box.load(docker_archive([base_layer(), layer([device, memory])], "devices:1"))
    result = box.sh("head -c 1 /dev2; head -c 1 /mem; echo end", image="devices:1")
    assert result.text == "end\n"
    assert result.stderr.count(b"Operation not permitted") == 2, result.stderr
