"""The Python API on real containers: a tree with busybox, the default network, roots of their own."""

import json
import os
import re
import shutil
import time
from pathlib import Path

import pytest

import rocker
from helpers.engine import EngineRoots, remove_bridges
from helpers.until import until
from rocker.engine import launch
from rocker.engine.start import NOTHING, send
from rocker.errors import (
    CommandNotFoundError,
    ConflictError,
    ContainerNotFoundError,
    RockerError,
    TimeoutError,
)

BUSYBOX = "/bin/busybox"
PROGRAMS = ("sh", "echo", "cat", "sleep", "true", "id", "env", "yes", "head", "touch", "ls", "grep")

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not os.path.exists(BUSYBOX), reason="needs root and busybox-static on the host"
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    path = tmp_path_factory.mktemp("tree")
    (path / "bin").mkdir()
    shutil.copy(BUSYBOX, path / "bin" / "busybox")
    for name in PROGRAMS:
        (path / "bin" / name).symlink_to("busybox")
    return str(path)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    roots = EngineRoots(tmp_path_factory.mktemp("engine"), "tests/system/test_api.py")
    with rocker.Engine(roots.root, roots.run) as engine:
        yield engine
        for container in engine.containers.list(all=True):
            container.remove(force=True)
    assert roots.stop_launcher() == []
    remove_bridges(roots.root, roots.run)


@pytest.fixture
def run(engine, tree):
    def call(*command, **options):
        return engine.run(rootfs=tree, command=command, **options)

    return call


def test_streams_are_kept_apart_and_the_exit_code_comes_back(run, engine):
    result = run("sh", "-c", "echo out; echo err >&2; exit 3")
    assert (result.exit_code, result.stdout, result.stderr) == (3, b"out\n", b"err\n")
    assert engine.catalog.container_ids() == []


def test_input_is_read_to_its_end(run):
    data = os.urandom(300_000)
    assert run("cat", stdin=data).stdout == data


def test_time_over_shows_in_the_result(run):
    result = run("sleep", "60", timeout=0.2)
    assert result.timed_out
    assert result.exit_code == 137


def test_too_much_output_ends_it_and_what_came_is_kept(run):
    result = run("yes", max_output="1m")
    assert result.truncated
    assert len(result.stdout) >= 1 << 20


def test_a_bind_is_seen_and_read_only_holds(run, tmp_path):
    (tmp_path / "file").write_text("content")
    result = run(
        "sh",
        "-c",
        "cat /src/file; touch /src/new",
        mounts=[rocker.Bind(str(tmp_path), "/src", read_only=True)],
    )
    assert result.stdout == b"content"
    assert b"Read-only file system" in result.stderr


def test_the_root_directory_is_never_written(run, tree):
    assert run("touch", "/bin/new").exit_code == 0
    assert not os.path.exists(f"{tree}/bin/new")


def test_no_capability_is_inheritable_or_ambient(run):
    status = run("grep", "-E", "Cap(Inh|Amb|Eff)", "/proc/self/status").text.split()
    assert status[1] == status[5] == "0" * 16
    assert int(status[3], 16).bit_count() == 11


def test_a_program_that_is_not_there_is_named(run, engine):
    with pytest.raises(CommandNotFoundError, match="nosuch"):
        run("nosuch")
    assert engine.catalog.container_ids() == []


def test_a_detached_container_is_used_and_removed(engine, run):
    container = run("sh", "-c", "echo started; exec sleep 60", detach=True, name="a", bind_to_caller=True)
    assert engine.containers.get("a").status == "running"
    assert container.exec(["echo", "x"], env={"A": "1"}).stdout == b"x\n"
    assert container.exec("cat", stdin=b"in").stdout == b"in"
    with container.popen(["cat"], stdin=rocker.PIPE, stdout=rocker.PIPE) as process:
        process.stdin.write(b"line\n")
        assert process.stdout.readline() == b"line\n"
    assert process.returncode == 0
    assert container.stats()["pids"]["current"] >= 1
    assert container.top()["Processes"]
    assert next(iter(container.logs(follow=True))) == b"started\n"
    container.pause()
    assert container.status == "paused"
    container.unpause()
    container.stop(timeout=0)
    assert container.wait() == 137
    container.start()
    assert container.status == "running"
    container.remove(force=True)
    with pytest.raises(ContainerNotFoundError):
        engine.containers.get("a")
    with pytest.raises(ContainerNotFoundError, match=f"No such container: {container.id}"):
        container.start()


def test_popen_communicates_in_text_and_passes_the_exit_code(run):
    container = run("sleep", "60", detach=True)
    process = container.popen(["sh", "-c", "cat; exit 5"], stdin=rocker.PIPE, stdout=rocker.PIPE, text=True)
    assert process.communicate("text") == ("text", None)
    assert process.returncode == 5
    container.remove(force=True)


def test_a_killed_popen_ends_with_its_signal(run):
    container = run("sleep", "60", detach=True)
    with container.popen(["sleep", "50"], stdout=rocker.DEVNULL, stderr=rocker.DEVNULL) as process:
        assert process.poll() is None
        process.kill()
        assert process.wait(10) == 137
    container.remove(force=True)


def test_waiting_is_given_up_when_its_time_is_over_and_goes_on_later(run):
    container = run("sh", "-c", "read line; exit 7", detach=True, stdin_open=True)
    with pytest.raises(TimeoutError, match=r"runs on after 0\.05 s"):
        container.wait(timeout=0.05)
    assert container.status == "running"
    with container.attach(stdin=True) as session:
        session.communicate(b"go\n")
    assert container.wait() == 7
    container.remove()


def test_policy_is_not_the_slow_part(run):
    run("true")
    begun = time.perf_counter()
    result = run("true")
    assert 0 < result.duration < time.perf_counter() - begun


def test_a_start_that_comes_second_does_not_end_what_the_first_started(engine, tree):
    options = rocker.RunOptions(rootfs=tree, command=["sleep", "600"], auto_remove=True)
    container = engine.create(options)
    request = launch.build(engine, container.id, container.config)
    container.start()
    # The other process had looked before: its request is on its way when the container runs.
    with pytest.raises(ConflictError, match=f"container {container.short_id} is running already"):
        send(engine, container.id, container.config, request, attach=NOTHING)
    assert container.status == "running"
    container.remove(force=True)


@pytest.mark.parametrize("user", [None, "65534:100"])
@pytest.mark.parametrize("tty", [False, True])
def test_a_process_that_joins_a_container_that_may_trace_is_like_any_other(run, engine, tty, user):
    """It is made in another way: outside the pid namespace until it is confined."""
    script = (
        "read -r pid comm state parent group session terminal rest </proc/$$/stat;"
        " echo $comm $parent $((pid == group)) $((pid == session)) $((terminal != 0)) $((pid == $$));"
        " cat /proc/self/oom_score_adj; id; grep -E '^(Cap|NoNew|Groups|Umask)' /proc/self/status;"
        " [ -t 0 ] || cat; exit 7"
    )
    seen = []
    for capability in ("CHOWN", "SYS_PTRACE"):
        options = {"cap_add": [capability], "oom_score_adj": 321, "network": "none"}
        container = run("sleep", "1000", detach=True, **options)
        stdin = None if tty else os.urandom(200_000)
        result = container.exec(["sh", "-c", script], tty=tty, user=user, stdin=stdin)
        assert result.exit_code == 7
        with pytest.raises(CommandNotFoundError, match="/no/such"):
            container.exec(["/no/such"], tty=tty, user=user)
        with pytest.raises(RockerError, match="the working directory `/no` is not in the container"):
            container.exec(["true"], workdir="/no", user=user)
        assert container.exec(["sleep", "1000"], timeout=0.1, tty=tty, user=user).timed_out
        seen.append(result.stdout.replace(stdin, b"") if stdin else result.stdout)
        state = json.loads((Path(engine.run_root) / "containers" / container.id / "state.json").read_text())
        children = Path(f"/proc/{state['shim_pid']}/task/{state['shim_pid']}/children")
        # The last one was killed, and its end is told before it is reaped.
        until(lambda path=children, pid=state["pid"]: path.read_text().split() == [str(pid)])
        container.remove(force=True)
    assert seen[0].startswith(f"(sh) 0 1 1 {int(tty)} 1".encode()), seen[0]
    without = [re.sub(rb"Cap\w+:\t\w+", b"", text) for text in seen]
    assert without[0] == without[1]
