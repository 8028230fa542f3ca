"""The exit codes of the command: Docker's, recorded from Docker 20.10.24 with busybox (its own CLI 28.2)."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from subprocess import CompletedProcess

    from helpers.engine import EngineRoots
    from helpers.terminal import Terminal

SLEEPER = ("run", "-d", "--name", "box", "busybox", "sleep", "600")


@dataclass(frozen=True)
class Case:
    """A command, the commands before it, and its exit code; `docker` only where Docker's is another, with `why`."""

    command: str
    code: int
    setup: tuple[tuple[str, ...], ...] = ()
    docker: int | None = None
    why: str = ""
    script: str | None = None

    @property
    def words(self) -> list[str]:
        return [*self.command.split(), *([self.script] if self.script is not None else [])]

    @property
    def id(self) -> str:
        return " ".join([*(step[0] for step in self.setup), *self.words])


CASES = [
    Case("run --rm busybox true", 0),
    Case("run --rm busybox false", 1),
    Case("run --rm busybox sh -c", 7, script="exit 7"),
    Case("run --rm busybox sh -c", 255, script="exit 255"),
    # The first process of a pid namespace is deaf to its own signals (pid_namespaces(7)).
    Case("run --rm busybox sh -c", 3, script="kill -9 $$; exit 3"),
    Case("run --rm --init busybox sh -c", 143, script="kill -15 $$"),
    Case("run --rm --init busybox sh -c", 134, script="kill -6 $$"),
    Case("run --rm --init busybox sh -c", 7, script="exit 7"),
    Case("run --rm -t busybox sh -c", 9, script="exit 9"),
    Case("run --rm busybox nosuch", 127),
    Case("run --rm busybox /bin/nosuch", 127),
    Case("run --rm --init busybox nosuch", 127),
    Case("run --rm busybox /etc", 126),
    Case("run --rm busybox /etc/passwd", 126),
    Case("run --rm --entrypoint /etc/passwd busybox", 126),
    Case("run --rm nosuchimage true", 125),
    Case("run --rm UPPER true", 125),
    Case("run --rm --nosuchflag busybox true", 125),
    Case("run --rm -w relative busybox true", 125),
    Case("run --rm -u nosuch busybox true", 125),
    Case("run --rm --memory 1k busybox true", 125),
    Case("run --rm --cap-add NOSUCH busybox true", 125),
    Case("run --rm --sysctl net.nosuch=1 busybox true", 125, docker=127, why="the text says `no such file`"),
    Case("run --rm --device /dev/nosuch busybox true", 125, docker=127, why="the text says `no such file`"),
    Case("run", 1),
    Case("run --rm -it busybox true", 1),
    Case("run -d -a stdout busybox true", 1),
    Case("run -d --rm --name box busybox nosuch", 127),
    Case("run -d --name box busybox true", 125, (SLEEPER,)),
    Case("create --name box busybox true", 1, (SLEEPER,)),
    Case("create nosuchimage", 1),
    Case("nosuchcommand", 1),
    Case("ps --nosuchflag", 125),
    Case("exec box true", 0, (SLEEPER,)),
    Case("exec box sh -c", 5, (SLEEPER,), script="exit 5"),
    Case("exec box sh -c", 137, (SLEEPER,), script="kill -9 $$"),
    Case("exec box sh -c", 143, (SLEEPER,), script="kill -15 $$"),
    Case("exec box nosuch", 127, (SLEEPER,), docker=126, why="127 since Docker 25"),
    Case("exec box /etc/passwd", 126, (SLEEPER,)),
    Case("exec -d box true", 0, (SLEEPER,)),
    Case("exec -u nosuch box true", 126, (SLEEPER,)),
    Case("exec -w /nosuch box true", 126, (SLEEPER,)),
    Case("exec nosuch true", 1),
    Case("exec box", 1, (SLEEPER,)),
    Case("exec -it box true", 1, (SLEEPER,)),
    Case("exec box true", 1, (("create", "--name", "box", "busybox", "true"),)),
    Case("exec box true", 1, (SLEEPER, ("pause", "box"))),
    Case("start box", 0, (("create", "--name", "box", "busybox", "false"),)),
    Case("start -a box", 6, (("create", "--name", "box", "busybox", "sh", "-c", "exit 6"),)),
    Case("start -a box", 1, (("create", "--name", "box", "busybox", "nosuch"),)),
    Case("start box", 1, (("create", "--name", "box", "busybox", "nosuch"),)),
    Case("start nosuch", 1),
    Case(
        "start -a box second",
        1,
        (("create", "--name", "box", "busybox"), ("create", "--name", "second", "busybox")),
    ),
    Case("wait box", 0, (("run", "--name", "box", "busybox", "true"),)),
    Case("wait nosuch", 1),
    Case("kill box", 0, (SLEEPER,)),
    Case("kill -s NOSUCH box", 1, (SLEEPER,)),
    Case("kill box", 1, (("create", "--name", "box", "busybox", "true"),)),
    Case("stop -t 0 box", 0, (SLEEPER,)),
    Case("stop box", 0, (("create", "--name", "box", "busybox", "true"),)),
    Case("stop nosuch", 1),
    Case("rm box", 1, (SLEEPER,)),
    Case("rm -f box", 0, (SLEEPER,)),
    Case("rm nosuch", 1),
    Case("rm -f nosuch", 0),
    Case("attach box", 1, (("create", "--name", "box", "busybox", "true"),)),
    Case("logs nosuch", 1),
    Case("inspect nosuch", 1),
    Case("top nosuch", 1),
    Case("pause box", 1, (SLEEPER, ("pause", "box"))),
    Case("unpause box", 1, (SLEEPER,)),
    Case("rename box box", 1, (SLEEPER,)),
    Case("restart -t 0 box", 0, (SLEEPER,)),
    Case("ps --format {{.Nosuch}}", 1, (SLEEPER,)),
    Case("ps --format {{.Nosuch}}", 1),
    Case("ps --format table{{.Nosuch}}", 1),
    Case("ps --format {{.ID}}{{.Names}}{{.Size}}{{.Networks}}{{.Mounts}}", 0),
    Case("ps --format {{.ID", 64, docker=1, why="64 for the syntax of a template in `docker inspect`"),
    Case("ps --filter nosuch=1", 1),
]


# All cases in few tests: what takes the time is making the roots, and a failure names its case.
@pytest.mark.parametrize("part", range(8))
def test_a_command_ends_with_the_code_that_docker_gives(
    box: Callable[..., CompletedProcess[str]], part: int
) -> None:
    wrong = []
    for case in CASES[part::8]:
        for step in case.setup:
            box(*step)
        done = box(*case.words)
        if done.returncode != case.code:
            wrong.append(f"{case.id}: {done.returncode}, not {case.code}: {done.stdout}{done.stderr}")
        if case.setup:
            box("rm", "-f", "box", "second", check=True)
    assert wrong == []


def test_where_the_code_is_not_dockers_the_table_says_why() -> None:
    assert [case.id for case in CASES if (case.docker is None) != (case.why == "")] == []


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("kill", "box"), 137),
        (("kill", "-s", "TERM", "box"), 42),
        (("kill", "-s", "USR1", "box"), 3),
        (("stop", "box"), 42),
        (("stop", "-t", "1", "--signal", "HUP", "box"), 137),
        (("rm", "-f", "box"), 137),
    ],
)
def test_everyone_who_waits_hears_the_code(
    box: Callable[..., CompletedProcess[str]],
    engine_roots: EngineRoots,
    terminal: Callable[..., Terminal],
    command: tuple[str, ...],
    code: int,
) -> None:
    script = "trap 'exit 42' TERM; trap 'exit 3' USR1; trap '' HUP; echo ready; while :; do read x && echo got $x; done"
    box("run", "-itd", "--name", "box", "busybox", "sh", "-c", script, check=True)
    with subprocess.Popen(
        engine_roots.command("logs", "-f", "box"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as log:
        assert log.stdout is not None
        assert log.stdout.readline() == b"ready\r\n"
        attached = terminal("attach", "box")
        attached.send(b"line\n")
        attached.expect(b"got line")  # by now it is attached
        box(*command, check=True)
        assert attached.wait() == code
        log.communicate(timeout=30)
    assert log.returncode == 0
    if command[0] != "rm":
        assert box("wait", "box").stdout == f"{code}\n"
        state = box("inspect", "-f", "{{.State.ExitCode}} {{.State.Status}}", "box").stdout
        assert state == f"{code} exited\n"


def test_a_run_whose_time_is_over_ends_with_137_and_says_so(
    box: Callable[..., CompletedProcess[str]],
) -> None:
    done = box("run", "--timeout", "0.3", "busybox", "sh", "-c", "trap '' TERM; sleep 600")
    assert done.returncode == 137
    assert "its time was over" in done.stderr
    assert box("ps", "-a", "--format", "{{.Status}}").stdout.startswith("Exited (137)")


def test_a_run_that_is_out_of_memory_ends_with_137_and_inspect_says_so(
    box: Callable[..., CompletedProcess[str]],
) -> None:
    done = box("run", "--name", "box", "-m", "16m", "--memory-swap", "16m", "busybox", "tail", "/dev/zero")
    assert done.returncode == 137
    state = box("inspect", "-f", "{{.State.OOMKilled}} {{.State.ExitCode}}", "box")
    assert state.stdout == "true 137\n"


def test_a_container_is_started_again_the_moment_it_has_ended(
    box: Callable[..., CompletedProcess[str]],
) -> None:
    box("run", "-d", "--name", "box", "busybox", "sleep", "600", check=True)
    for _ in range(3):
        box("restart", "-t", "0", "box", check=True)
    box("kill", "box", check=True)
    box("start", "box", check=True)
    assert box("inspect", "-f", "{{.State.Status}}", "box").stdout == "running\n"


def test_a_client_that_does_not_read_does_not_keep_a_container_from_its_next_start(
    box: Callable[..., CompletedProcess[str]], engine_roots: EngineRoots
) -> None:
    box(
        "create", "-i", "--name", "box", "busybox", "sh", "-c", "head -c 300000 /dev/zero; read x", check=True
    )
    with subprocess.Popen(
        engine_roots.command("start", "-ai", "box"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as slow:
        assert slow.stdout is not None
        slow.stdout.read(1)
        box("kill", "box", check=True)
        box("start", "box", check=True)
        assert box("inspect", "-f", "{{.State.Status}}", "box").stdout == "running\n"
        slow.communicate(timeout=30)
        assert slow.returncode == 137
