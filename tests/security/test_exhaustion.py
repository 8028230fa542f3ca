"""T25: callers and containers that ask for much, and go away without a word, cost the engine nothing that lasts."""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from helpers.netns import namespace_of
from helpers.networks import question
from helpers.until import until
from rocker.errors import RockerError

if TYPE_CHECKING:
    from helpers.attack import Box
    from rocker import Container

MIB = 1 << 20
ROUNDS = [300, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]


def shim_of(container: Container) -> int:
    state = container.engine.state(container.id)
    assert state
    pid: int = state["shim_pid"]
    return pid


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def baseline(container: Container, pid: int) -> int:
    """How many it has with nothing to do: those that serve every exec are opened by the first."""
    container.exec(["true"])
    last = -1
    while last != (last := descriptors(pid)):
        time.sleep(0.02)
    return last


def memory(pid: int) -> int:
    """Private memory of a process, in bytes: what it shares with the launcher is nobody's growth."""
    found = re.search(r"^RssAnon:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) * 1024


@pytest.mark.attack("T25")
@pytest.mark.parametrize("rounds", ROUNDS)
def test_abandoned_sessions_leave_no_descriptor_and_no_memory(box: Box, rounds: int) -> None:
    """CVE-2022-23471, CVE-2025-64329: each attach or resize left something behind in the containerd shim."""
    container = box.start("sleep", "1000", tty=True, stdin_open=True)
    pid = shim_of(container)

    def abandon(number: int) -> None:
        with container.attach() as session:
            session.resize(number % 500 + 1, 24)
        if number % 50 == 0:
            with container.popen(["true"], stdout=subprocess.PIPE):
                pass

    abandon(50)
    before = baseline(container, pid)
    weight = memory(pid)
    for number in range(rounds):
        abandon(number)
    until(lambda: descriptors(pid) <= before, "its descriptors are what they were")
    until(lambda: memory(pid) < weight + 2 * MIB, "its memory is what it was")
    assert container.exec(["echo", "alive"]).text == "alive\n"


@pytest.mark.attack("T25")
@pytest.mark.parametrize("which", ["launcher.sock", "shim.sock"])
def test_connections_that_say_nothing_or_half_a_word_hold_nobody_up(box: Box, which: str) -> None:
    container = box.start("sleep", "1000")
    if which[0] == "l":
        path = box.roots.run / which
        [process] = box.roots.launchers()
        pid = process.pid
    else:
        path = box.roots.run / "containers" / container.id / which
        pid = shim_of(container)
    before = baseline(container, pid)
    silent = [socket.socket(socket.AF_UNIX) for _ in range(100)]
    try:
        for number, one in enumerate(silent):
            one.connect(str(path))
            if number % 2:
                one.sendall(struct.pack("<II", 1000, 0) + b'{"op":')
        assert container.exec(["echo", "alive"]).text == "alive\n"
        assert box.run("true").exit_code == 0
    finally:
        for one in silent:
            one.close()
    until(lambda: descriptors(pid) <= before, "its descriptors are what they were")
    # The forks that listened to them have gone.
    until(lambda: not [one for one in box.roots.processes() if one.command.startswith("rocker-shim ")])


@pytest.mark.attack("T25")
@pytest.mark.parametrize(
    "value",
    ["0-4294967295", "0-2147483647", "4294967296", "1-99999999999999999999", "0," * 5000 + "0-9999999"],
)
@pytest.mark.parametrize("option", ["cpuset_cpus", "cpuset_mems"])
def test_a_huge_range_of_processors_is_refused_and_not_counted_out(box: Box, option: str, value: str) -> None:
    """CVE-2018-20699: a set was made of all its numbers."""
    assert box.refused("true", **{option: value}).message


@pytest.mark.attack("T25")
def test_the_shim_is_none_of_the_containers_processes_and_dies_after_them(box: Box) -> None:
    """CVE-2019-14891: what watches over a container was killed by that container's memory limit."""
    script = "while ! test -e /tmp/go; do usleep 10000; done; x=$(head -c 90000000 /dev/zero | tr '\\0' x)"
    container = box.start("sh", "-c", f"{script}; sleep 1000", memory=24 * MIB)
    pid = shim_of(container)
    groups = Path(f"/proc/{pid}/cgroup").read_text()
    assert container.id not in groups
    inside = container.inspect()["State"]["Pid"]
    score = [int(Path(f"/proc/{one}/oom_score_adj").read_text()) for one in (pid, inside)]
    assert score[0] <= score[1]
    container.exec(["touch", "/tmp/go"])
    container.wait(60)
    assert container.inspect()["State"]["OOMKilled"]
    assert container.status == "exited", "its shim has told of the end"


@pytest.mark.attack("T25")
def test_output_of_an_exec_that_nobody_reads_stays_small(box: Box) -> None:
    """CVE-2022-1708, CVE-2022-31030: the output of an exec was collected in memory."""
    container = box.start("sleep", "1000")
    pid = shim_of(container)
    for _ in range(4):
        script = "yes 0123456789 | head -c 64000000; exec sleep 1000"
        with container.popen(["sh", "-c", script], stdout=subprocess.PIPE) as process:
            assert process.stdout
            assert process.stdout.read(10) == b"0123456789"
            process.kill()
    peak = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert peak
    assert int(peak[1]) * 1024 < 48 * MIB


@pytest.mark.attack("T25")
def test_a_container_that_floods_its_resolver_does_not_deafen_its_shim(box: Box) -> None:
    """Connections without a question, and questions that nobody answers."""
    box.engine.networks.create("mine")
    # 192.0.2.0/24 is nobody's (RFC 5737).
    container = box.start("sleep", "1000", network="mine", dns=["192.0.2.1"], name="me")
    pid = shim_of(container)
    before = baseline(container, pid)
    inside = namespace_of(container.inspect()["State"]["Pid"])
    streams = []
    for _ in range(400):
        one = inside.socket()
        one.connect(("127.0.0.11", 53))
        streams.append(one)
    with inside.socket(kind=socket.SOCK_DGRAM) as asker:
        asker.connect(("127.0.0.11", 53))
        for number in range(5000):
            asker.send(question(f"n{number}.example.org", number=number & 0xFFFF))
    assert descriptors(pid) < before + 1200
    assert container.exec(["nslookup", "me"]).exit_code == 0
    assert container.exec(["echo", "alive"]).text == "alive\n"
    for one in streams:
        one.close()
    until(lambda: descriptors(pid) <= before, "its descriptors are what they were", seconds=60)
    inside.close()
    container.remove(force=True)


@pytest.mark.attack("T25")
@pytest.mark.parametrize("verb", ["inspect", "logs", "exec", "stop", "cp"])
def test_verbs_at_once_on_one_container_that_goes_meanwhile_end_in_words(
    box: Box, verb: str, tmp_path: Path
) -> None:
    """CVE-2024-36620 and its like: nobody is hurt when what is worked on has gone."""
    container = box.start("sleep", "1000")
    strange: list[BaseException] = []

    def ask() -> None:
        calls = {
            "inspect": container.inspect,
            "logs": container.logs,
            "exec": lambda: container.exec(["true"]),
            "stop": lambda: container.stop(timeout=0),
            "cp": lambda: container.copy_from("/bin/busybox", tmp_path / str(threading.get_ident())),
        }
        try:
            for _ in range(20):
                calls[verb]()
        except RockerError:
            pass
        except BaseException as error:
            strange.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    container.remove(force=True)
    for thread in threads:
        thread.join(60)
    assert strange == []
    assert box.run("true").exit_code == 0


@pytest.mark.attack("T25")
def test_shared_memory_that_is_lent_is_no_larger_than_it_was_made(box: Box) -> None:
    """CVE-2024-3056: what is written there is the host's memory, and outlives limits."""
    donor = box.start("sleep", "1000", ipc="shareable", shm_size=MIB, name="donor")
    fill = "dd if=/dev/zero of=/dev/shm/big bs=64k count=64 2>/dev/null; wc -c </dev/shm/big; ls /dev/shm"
    assert donor.exec(["sh", "-c", f"touch /dev/shm/mark; {fill}"]).text.split() == [str(MIB), "big", "mark"]
    free = os.statvfs(box.roots.run).f_bavail
    other = box.sh(f"ls /dev/shm; rm /dev/shm/big; {fill}", ipc="container:donor")
    assert other.text.split() == ["big", "mark", str(MIB), "big", "mark"]
    assert donor.exec(["ls", "/dev/shm"]).text.split() == ["big", "mark"]
    assert free - os.statvfs(box.roots.run).f_bavail < MIB // 4096 // 2
