"""T35: what the root of a user namespace may not do, with all the capabilities that it can have."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from helpers.attack import SECRET
from helpers.until import until
from rocker.engine import id_ranges
from rocker.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from helpers.attack import Box

ALL = {"userns": "auto", "cap_add": ["ALL"], "security_opt": ["seccomp=unconfined"]}


@pytest.fixture
def victim() -> Iterator[subprocess.Popen[bytes]]:
    """A process of the host's root."""
    with subprocess.Popen(["sleep", "1000"]) as process:
        yield process
        process.kill()


@pytest.mark.attack("T35")
def test_files_of_the_hosts_root_are_not_its_own(box: Box, tmp_path: Path) -> None:
    """A bind of the host's files: nothing that is the root's alone is read, changed, given away or made executable."""
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "file").write_text(SECRET)
    (shared / "file").chmod(0o600)
    (shared / "deep").mkdir(mode=0o700)
    (shared / "deep" / "file").write_text(SECRET)
    before = [(path.stat(), path.name) for path in sorted(shared.rglob("*"))]
    script = """
        cat /b/file /b/deep/file; ls /b/deep; echo x >> /b/file; rm -rf /b/file /b/deep; mv /b/file /b/moved
        chown 0:0 /b/file /b/deep; chmod 4777 /b/file /b/deep; touch /b/new; ln /b/file /b/link; mkdir /b/deep/x
        cp /bin/busybox /b/file; echo done
    """
    found = box.sh(script, mounts=[f"{shared}:/b"], **ALL)
    assert found.text.strip() == "done"
    after = [(path.stat(), path.name) for path in sorted(shared.rglob("*"))]
    assert [(stat[:9], name) for stat, name in after if stat.st_atime] == [
        (stat[:9], name) for stat, name in before if stat.st_atime
    ]


@pytest.mark.attack("T35")
def test_processes_of_the_host_are_out_of_reach(box: Box, victim: subprocess.Popen[bytes]) -> None:
    """It may not join a pid namespace in which it would see them, and their numbers are nobody's in its own."""
    other = box.start("sleep", "1000", userns="host", name="other")
    with pytest.raises(ConflictError, match="belongs to another user namespace"):
        box.run("kill", "1", pid="container:other", **ALL)
    found = box.sh(f"kill -9 {victim.pid}; kill -9 -1; echo alive", **ALL)
    assert found.text.strip() == "alive"
    assert victim.poll() is None
    assert other.inspect()["State"]["Running"]


@pytest.mark.attack("T35")
def test_a_set_id_program_that_it_makes_gives_nobody_the_hosts_root(box: Box, tmp_path: Path) -> None:
    """In a bind it is the range's; where its own layer keeps the host's number only the host's root can walk."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    make = "cp /bin/busybox {0} && chown 0:0 {0} && chmod 6755 {0}"
    script = f"{make.format('/b/su')}; {make.format('/su')}; exec sleep 1000"
    container = box.start("sh", "-c", script, mounts=[f"{shared}:/b"], **ALL)
    upper = Path(box.engine.directory(container.id)) / "upper"
    until(lambda: (upper / "su").exists() and (upper / "su").stat().st_mode & 0o4000)
    low, _ = id_ranges.find(box.engine, container.id) or (0, 0)
    made = (shared / "su").stat()
    assert (made.st_uid, made.st_gid, made.st_mode & 0o6000) == (low, low, 0o6000)
    nobody = {"user": 65534, "group": 65534, "extra_groups": ()}
    reached = subprocess.run(["test", "-e", upper / "su"], check=False, **nobody)  # type: ignore[call-overload]
    assert reached.returncode == 1


@pytest.mark.attack("T35")
def test_the_kernel_is_the_hosts(box: Box) -> None:
    """With all capabilities of its namespace: no parameter, module, device, clock or log of the host."""
    script = """
        for file in /proc/sys/kernel/core_pattern /proc/sys/vm/drop_caches /proc/sysrq-trigger; do
            echo 1 2>/dev/null > $file && echo "wrote $file"
        done
        mknod /sda b 8 0 2>/dev/null && echo "made a device"
        busybox date -s 2001-01-01 > /dev/null 2>&1; busybox date +%Y | grep 2001
        dmesg -c 2>/dev/null | head -c 1
        mount -t tmpfs -o remount,size=1g none /dev 2>/dev/null && echo "remounted /dev"
        mkdir -p /m; mount -t sysfs none /m && echo 1 2>/dev/null > /m/kernel/mm/ksm/run && echo "wrote sysfs"
        true
    """
    before = Path("/proc/sys/kernel/core_pattern").read_text()
    found = box.sh(script, security_opt=["seccomp=unconfined"], userns="auto", cap_add=["ALL"])
    assert found.text == ""
    assert Path("/proc/sys/kernel/core_pattern").read_text() == before


@pytest.mark.attack("T35", "T05")
def test_a_process_that_enters_cannot_be_traced_or_read(
    box: Box, compiled: Callable[[str, str], Path]
) -> None:
    """The container's root has CAP_SYS_PTRACE and looks at whatever appears, while processes of exec enter."""
    watch = r"""
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(void) {  /* tells of every process whose root is not this one's, until /stop is there */
    puts("watching"); fflush(stdout);
    while (access("/stop", F_OK)) {
        for (int pid = 2; pid < 400; pid++) {
            char path[64], target[4096];
            for (int fd = 0; fd < 24; fd++) {
                snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
                ssize_t size = readlink(path, target, sizeof target - 1);
                if (size < 0) continue;
                target[size] = 0;
                if (strstr(target, "/run/containers") || strstr(target, "shim.lock") || strstr(target, "net:[")
                    || strstr(target, "user:["))
                    printf("%s -> %s\n", path, target), fflush(stdout);
            }
        }
    }
    return 0;
}
"""
    program = compiled("watch-fds", watch)
    container = box.start("/watch", mounts=[f"{program}:/watch:ro"], **ALL)
    for _ in range(30):
        assert container.exec(["true"]).exit_code == 0
    container.exec(["touch", "/stop"])
    assert container.wait(20) == 0
    assert box.roots.cli("logs", container.id, check=True).stdout.splitlines() == ["watching"]


@pytest.mark.attack("T35")
def test_two_containers_are_strangers(box: Box, tmp_path: Path) -> None:
    """Files that one has made in a shared directory are not the other's root's, whatever its capabilities."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    first = box.start(
        "sh", "-c", f"umask 077; echo {SECRET} > /b/file; exec sleep 1000", mounts=[f"{shared}:/b"], **ALL
    )
    file = shared / "file"
    until(lambda: file.exists() and file.stat().st_size)
    script = "cat /b/file; chmod 666 /b/file; rm -f /b/file; chown 0 /b/file; echo done"
    assert box.sh(script, mounts=[f"{shared}:/b"], **ALL).text.strip() == "done"
    low, _ = id_ranges.find(box.engine, first.id) or (0, 0)
    assert (file.stat().st_mode & 0o777, file.stat().st_uid) == (0o600, low)


@pytest.mark.attack("T35")
def test_a_killed_engine_leaks_no_range(box: Box) -> None:
    """SIGKILL of the shim: the range stays the container's, and goes with its row."""
    container = box.start("sleep", "1000", userns="auto")
    span = id_ranges.find(box.engine, container.id)
    state = box.engine.state(container.id)
    assert state is not None
    os.kill(state["shim_pid"], signal.SIGKILL)
    until(lambda: container.status == "exited")
    other = box.start("sleep", "1000", userns="auto")
    assert id_ranges.find(box.engine, other.id) != span
    container.start()
    assert id_ranges.find(box.engine, container.id) == span
    for one in (container, other):
        one.remove(force=True)
    assert box.engine.catalog.query("SELECT * FROM id_ranges") == []
