"""Restart policies: when a container is started again, and what survives that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import rocker
from helpers.processes import end, find, wait_ended
from helpers.until import until
from rocker.engine.times import parse_rfc3339_ns
from rocker.errors import CommandNotFoundError, ConflictError, InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable
    from subprocess import CompletedProcess

    from helpers.engine import EngineRoots

    Start = Callable[..., rocker.Container]


@pytest.fixture
def start(engine: rocker.Engine, busybox_rootfs: Path) -> Start:
    """Start a shell script in a detached container."""

    def call(script: str, restart_policy: Any = "always", **keywords: Any) -> rocker.Container:
        return engine.run(
            rootfs=str(busybox_rootfs),
            command=["sh", "-c", script],
            detach=True,
            restart_policy=restart_policy,
            **keywords,
        )

    return call


def state_of(container: rocker.Container) -> dict[str, Any]:
    state = container.engine.state(container.id)
    assert state
    return state


def restarts(container: rocker.Container) -> int:
    return int(container.inspect()["RestartCount"])


def wait_for_restarts(container: rocker.Container, count: int) -> None:
    until(lambda: restarts(container) >= count, f"{count} restarts")


def wait_for_status(container: rocker.Container, status: str) -> None:
    until(lambda: container.status == status, f"status {status}, it is {container.status}")


def in_back_off(start: Start, **keywords: Any) -> rocker.Container:
    """A container that waits 800 ms or more for its next start."""
    container = start("exit 5", **keywords)
    wait_for_restarts(container, 4)
    wait_for_status(container, "restarting")
    return container


def test_the_back_off_doubles_from_a_tenth_of_a_second(start: Start) -> None:
    container = start("exit 1", "on-failure:4", log_driver="none")
    ends, starts = [], []
    while container.status != "exited":
        state = state_of(container)
        if state["status"] == "restarting" and state["finished_at"] not in ends:
            ends.append(state["finished_at"])
        if state["started_at"] and state["started_at"] not in starts:
            starts.append(state["started_at"])
    pauses = [
        (parse_rfc3339_ns(begun) - parse_rfc3339_ns(ended)) / 1e6
        for ended, begun in zip(ends, [at for at in starts if at > ends[0]], strict=True)
    ]
    assert len(pauses) == 4
    for pause, least in zip(pauses, [100, 200, 400, 800], strict=True):
        assert least <= pause < least + 5000, pauses


def test_on_failure_ends_with_success(start: Start) -> None:
    container = start("exit 0", "on-failure")
    assert container.wait(20) == 0
    assert (container.status, restarts(container)) == ("exited", 0)


def test_on_failure_gives_up_after_so_many_and_the_log_has_every_run(start: Start) -> None:
    container = start("echo run $$; echo bad >&2; exit 7", "on-failure:2")
    until(lambda: container.status == "exited", "the end")
    assert (container.exit_code, restarts(container)) == (7, 2)
    assert sorted(container.logs().splitlines()) == [b"bad"] * 3 + [b"run 1"] * 3
    shown = container.inspect()["HostConfig"]["RestartPolicy"]
    assert shown == {"Name": "on-failure", "MaximumRetryCount": 2}


@pytest.mark.parametrize("policy", ["always", "unless-stopped", {"Name": "always"}])
def test_these_start_again_whatever_the_exit_code_and_keep_what_was_written(
    start: Start, policy: Any
) -> None:
    container = start("echo x >> /runs; exit 0", policy)
    wait_for_restarts(container, 2)
    container.stop(0)
    upper = container.inspect()["GraphDriver"]["Data"]["UpperDir"]
    with open(f"{upper}/runs", encoding="ascii") as file:
        assert len(file.readlines()) >= 2


def test_a_program_that_is_missing_is_not_tried_again(engine: rocker.Engine, busybox_rootfs: Path) -> None:
    with pytest.raises(CommandNotFoundError):
        engine.run(
            rootfs=str(busybox_rootfs), command=["nothing"], detach=True, restart_policy="always", name="x"
        )
    container = engine.containers.get("x")
    assert (container.status, restarts(container)) == ("created", 0)


def test_a_program_that_is_missing_at_a_restart_ends_the_container(start: Start) -> None:
    container = start("cp /bin/busybox /prog; rm /bin/sh; exit 1")
    until(lambda: container.status == "exited", "the end")
    document = container.inspect()
    assert (document["State"]["ExitCode"], document["RestartCount"]) == (127, 1)
    assert "sh" in document["State"]["Error"]


def test_a_container_out_of_memory_starts_again_and_says_why(start: Start) -> None:
    container = start("exec tail /dev/zero", "on-failure:1", memory="16m", memory_swap=16 << 20)
    until(lambda: container.status == "exited", "the end")
    state = container.inspect()["State"]
    assert (state["ExitCode"], state["OOMKilled"], restarts(container)) == (137, True, 1)


def test_one_in_back_off_is_shown_as_docker_shows_it(start: Start, engine_roots: EngineRoots) -> None:
    container = in_back_off(start, name="web")
    state = container.inspect()["State"]
    shown = [state[name] for name in ("Status", "Running", "Restarting", "Pid", "ExitCode")]
    assert shown == ["restarting", True, True, 0, 5]
    line = engine_roots.cli("ps", "--format", "{{.State}} {{.Status}}", check=True).stdout
    assert line.startswith(("restarting Restarting (5) Less than a second ago", "running Up"))
    assert engine_roots.cli("ps", "-q", "-f", "status=exited", check=True).stdout == ""


def test_what_needs_a_running_program_is_refused_in_back_off(start: Start, engine_roots: EngineRoots) -> None:
    container = in_back_off(start, name="web")
    message = "is restarting, wait until the container is running"
    for refused in (
        lambda: container.exec(["true"]), container.pause, container.top, container.stats, container.attach,
    ):  # fmt: skip
        with pytest.raises(ConflictError, match=message):
            refused()
    done = engine_roots.cli("attach", "web")
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        1,
        "rocker: You cannot attach to a restarting container, wait until it is running",
    )
    done = engine_roots.cli("rm", "web")
    assert done.returncode == 1
    assert f"You cannot remove a restarting container {container.id}" in done.stderr


def test_stop_in_back_off_ends_it_with_its_last_exit_code_at_once(start: Start) -> None:
    container = in_back_off(start)
    container.stop()
    assert (container.status, container.exit_code) == ("exited", 5)
    assert state_of(container)["stopped"] is True


@pytest.mark.parametrize("name", ["KILL", "TERM", "HUP"])
def test_kill_in_back_off_is_answered_and_ends_it_where_it_would_end_a_program(
    start: Start, name: str
) -> None:
    container = in_back_off(start)
    container.kill(name)
    if name == "HUP":
        wait_for_restarts(container, 5)
    else:
        until(lambda: container.status == "exited", "the end")
        assert (container.exit_code, restarts(container)) == (5, 4)


@pytest.mark.parametrize("verb", ["stop", "kill", "kill -s INT", "kill -s USR2"])
def test_a_user_that_ends_it_ends_its_restarts(start: Start, verb: str) -> None:
    container = start("exec sleep 600", stop_signal="USR2", init=True)
    name, _, number = verb.partition(" -s ")
    if name == "stop":
        container.stop(0)
    else:
        container.kill(number or "KILL")
    assert container.wait(20) != 0
    assert (container.status, restarts(container)) == ("exited", 0)
    assert state_of(container)["stopped"] is True


def test_another_signal_does_not_end_its_restarts(start: Start) -> None:
    container = start("exec sleep 600", init=True)
    container.kill("HUP")
    wait_for_restarts(container, 1)
    wait_for_status(container, "running")
    assert state_of(container)["stopped"] is False


def test_a_start_by_hand_counts_anew(start: Start) -> None:
    container = in_back_off(start)
    container.restart(0)
    assert restarts(container) <= 1


def test_who_is_attached_sees_the_first_end_and_who_waits_the_next(
    engine: rocker.Engine, busybox_rootfs: Path
) -> None:
    container = engine.create(
        rocker.RunOptions(
            rootfs=str(busybox_rootfs), command=["sh", "-c", "echo one; exit 4"], restart="always"
        )
    )
    with container.launch() as session:
        stdout, _, event = session.communicate(timeout=20)
    assert (stdout, event["exit_code"]) == (b"one\n", 4)
    wait_for_status(container, "restarting")
    before = restarts(container)
    assert container.wait(20) == 4
    assert restarts(container) > before or container.status == "exited"


def test_a_followed_log_ends_with_the_run_as_dockers(start: Start) -> None:
    container = start("while ! test -e /go; do sleep 0.01; done; rm /go; echo over; exit 1")
    lines = container.logs(follow=True)
    container.exec(["touch", "/go"])
    assert list(lines) == [b"over\n"]


def test_a_run_that_is_not_detached_ends_with_the_first_run(
    run_cli: Callable[..., CompletedProcess[str]], busybox_rootfs: Path, engine: rocker.Engine
) -> None:
    done = run_cli(
        "run", "--restart", "always", "--name", "x", "--rootfs", busybox_rootfs, "sh", "-c", "echo a; exit 9"
    )
    assert (done.returncode, done.stdout) == (9, "a\n")
    wait_for_restarts(engine.containers.get("x"), 2)


def test_rm_and_restart_contradict_each_other(
    run_cli: Callable[..., CompletedProcess[str]], busybox_rootfs: Path, start: Start
) -> None:
    done = run_cli("run", "--rm", "--restart", "always", "--rootfs", busybox_rootfs, "true")
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        125, "rocker: conflicting options: cannot specify both --restart and --rm",
    )  # fmt: skip
    with pytest.raises(InvalidArgumentError, match="can't create 'AutoRemove' container with restart policy"):
        start("true", auto_remove=True)


@pytest.mark.parametrize("policy", ["sometimes", "always:3", "on-failure:x", "on-failure:-1"])
def test_a_policy_that_is_none_is_refused(
    run_cli: Callable[..., CompletedProcess[str]], busybox_rootfs: Path, policy: str
) -> None:
    done = run_cli("run", "--restart", policy, "--rootfs", busybox_rootfs, "true")
    assert done.returncode == 125
    assert "invalid restart policy" in done.stderr


OPTIONS: dict[str, dict[str, Any]] = {
    "tty": {"tty": True},
    "init": {"init": True},
    "host network": {"network": "host"},
    "read-only": {"read_only": True},
    "tmpfs": {"mounts": [rocker.Tmpfs("/t")]},
    "user": {"user": "guest"},
    "limits": {"memory": "32m", "cpuset_cpus": "0"},
    "shareable": {"ipc": "shareable"},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_restart_makes_the_same_container(start: Start, name: str) -> None:
    look = "id; tty; cat /proc/self/cgroup /proc/1/comm; ls -a /t; mount | wc -l; ls /dev | wc -l; hostname"
    container = start(f"({look}) 2>&1; echo ====; sleep 0.1", **OPTIONS[name])
    wait_for_restarts(container, 3)
    container.stop(0)
    first, second, *_ = container.logs().split(b"====")
    assert first.count(b"\n") >= 8
    assert first.strip() == second.strip()


def test_binds_are_there_again_files_and_directories(start: Start, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/f").write_text("below\n")
    (tmp_path / "f").write_text("file\n")
    mounts = [rocker.Bind(f"{tmp_path}/d", "/d"), rocker.Bind(f"{tmp_path}/f", "/f", read_only=True)]
    container = start(
        "cat /d/f /f; echo x >> /d/f; (echo x >> /f) 2>/dev/null && echo wrote; exit 1", mounts=mounts
    )
    wait_for_restarts(container, 2)
    container.stop(0)
    assert container.logs().startswith(b"below\nfile\nbelow\nx\nfile\n")
    assert b"wrote" not in container.logs()


def test_a_volume_is_there_again_with_what_the_image_had(
    run_cli: Callable[..., CompletedProcess[str]], busybox_image: Path, engine: rocker.Engine
) -> None:
    """It is filled once, and another container can use it between two starts."""
    run_cli("load", "-i", busybox_image, check=True)
    script = "test -e /etc/passwd && echo x >> /etc/runs; exit 1"
    run_cli(
        "run",
        "-d",
        "--name",
        "x",
        "--restart",
        "always",
        "-v",
        "vol:/etc",
        "busybox",
        "sh",
        "-c",
        script,
        check=True,
    )
    wait_for_restarts(engine.containers.get("x"), 3)
    done = run_cli(
        "run", "--rm", "-v", "vol:/v", "busybox", "sh", "-c", "wc -l < /v/runs; ls /v/passwd", check=True
    )
    count, name = done.stdout.split()
    assert int(count) >= 3
    assert name == "/v/passwd"
    run_cli("rm", "-f", "x", check=True)
    run_cli("volume", "rm", "vol", check=True)


SHARED = """
import subprocess, sys, time, rocker
root, run, rootfs, source = sys.argv[1:]
subprocess.run(["mount", "-t", "tmpfs", "outer", source], check=True)
subprocess.run(["mount", "--make-shared", source], check=True)
subprocess.run(["mkdir", source + "/sub"], check=True)
subprocess.run(["mount", "-t", "tmpfs", "inner", source + "/sub"], check=True)
open(source + "/sub/f", "w").write("inner")
with rocker.Engine(root, run) as engine:
    one = engine.run(rootfs=rootfs, command=["sh", "-c", "cat /s/sub/f; exit 1"], detach=True,
                     restart_policy="on-failure:3", mounts=[f"{source}:/s"])
    deadline = time.monotonic() + 20
    while one.status != "exited" and time.monotonic() < deadline:
        time.sleep(0.01)
    print(one.logs().decode(), open(source + "/sub/f").read(), open("/proc/self/mountinfo").read().count(source))
    one.remove(force=True)
"""


def test_mounts_of_the_host_below_a_shared_bind_survive_every_restart(
    engine_roots: EngineRoots, busybox_rootfs: Path, tmp_path: Path
) -> None:
    """The end of a container's copy of them is not the end of the host's."""
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", sys.executable, "-c", SHARED,
         engine_roots.root, engine_roots.run, busybox_rootfs, tmp_path],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "innerinnerinnerinner inner 2\n"), done.stderr


def test_an_exec_before_the_end_does_not_hinder_the_next_start(start: Start) -> None:
    container = start("while ! test -e /go; do sleep 0.01; done; rm /go; exit 1")
    for count in (1, 2):
        wait_for_status(container, "running")
        container.exec(["touch", "/go"])
        wait_for_restarts(container, count)
    wait_for_status(container, "running")
    assert container.exec(["echo", "here"]).stdout == b"here\n"


def test_an_exec_that_still_runs_ends_with_the_run(start: Start) -> None:
    container = start("while ! test -e /go; do sleep 0.01; done; rm /go; exit 1")
    with container.exec_session(rocker.ExecOptions(("sh", "-c", "touch /go; sleep 600"))) as session:
        event = session.wait(20)
    assert event is not None
    assert event["exit_code"] == 137
    wait_for_status(container, "running")


def test_a_shim_has_no_more_open_files_after_many_restarts(start: Start, tmp_path: Path) -> None:
    container = start("exit 1", "on-failure:5", mounts=[f"{tmp_path}:/s"], log_opts={"max-file": "1"})
    shim = state_of(container)["shim_pid"]
    cgroup = state_of(container)["cgroup"]
    counts = []
    for count in (3, 5):
        until(
            lambda count=count: container.status == "restarting" and restarts(container) == count, "back-off"
        )
        # The last run is cleared away once its cgroup has gone.
        until(
            lambda: (
                not [*Path("/sys/fs/cgroup").glob(f"*{cgroup}"), *Path("/sys/fs/cgroup").glob(cgroup[1:])]
            ),
            "it",
        )
        counts.append(len(os.listdir(f"/proc/{shim}/fd")))
    assert counts[0] == counts[1]


def test_the_time_limit_ends_it_for_good(start: Start) -> None:
    container = start("sleep 600", timeout=0.3)
    until(lambda: container.status == "exited", "the end")
    assert (container.inspect()["State"]["TimedOut"], restarts(container)) == (True, 0)
    waiting = start("exit 1", timeout=0.6)
    until(lambda: waiting.status == "exited", "the end of one in back-off")
    assert waiting.inspect()["State"]["TimedOut"] is True


def test_a_shim_killed_in_back_off_has_ended_the_container_and_a_boot_starts_it(
    start: Start, engine: rocker.Engine
) -> None:
    container = in_back_off(start)
    shim = find(state_of(container)["shim_pid"])
    assert shim
    end([shim], signal.SIGKILL)
    assert wait_ended([shim], 20)
    state = container.inspect()["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 137)
    assert "shim was killed" in state["Error"]
    assert engine.boot() == [container]
    wait_for_restarts(container, 1)


def test_the_end_of_its_owner_ends_it_between_two_starts(
    engine_roots: EngineRoots, engine: rocker.Engine, busybox_rootfs: Path
) -> None:
    script = (
        "import sys, rocker; e = rocker.Engine(*sys.argv[1:3])\n"
        "e.run(rootfs=sys.argv[3], command=['sh', '-c', 'exit 5'], detach=True, name='x', restart_policy='always',"
        " bind_to_caller=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, engine_roots.root, engine_roots.run, busybox_rootfs]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as owner:
        until(lambda: "x" in {one.name for one in engine.containers.list()}, "the container")
        container = engine.containers.get("x")
        wait_for_restarts(container, 4)
        owner.kill()
    until(lambda: container.status == "exited", "the end")
    assert container.exit_code == 5


def test_removing_one_in_back_off_leaves_nothing(start: Start, engine: rocker.Engine) -> None:
    container = in_back_off(start)
    container.remove(force=True)
    assert engine.containers.list(all=True) == []


def test_a_policy_costs_a_container_without_one_nothing_in_its_request(
    engine: rocker.Engine, busybox_rootfs: Path
) -> None:
    from rocker.engine import launch

    container = engine.create(rocker.RunOptions(rootfs=str(busybox_rootfs), command=["true"]))
    assert {"restart", "health"}.isdisjoint(launch.build(engine, container.id, container.config))
