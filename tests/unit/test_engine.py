import contextlib
import errno
import fcntl
import os
import re
import signal
import stat
import subprocess
import sys
import threading

import pytest
from engine_fake import STARTED, FakeCore

from rocker.engine import birth, roots, seccomp
from rocker.engine.catalog import Catalog
from rocker.engine.config import ContainerConfig
from rocker.engine.engine import Engine
from rocker.engine.names import check, generate
from rocker.engine.options import Bind, RunOptions, Ulimit
from rocker.engine.state import describe
from rocker.engine.times import parse_rfc3339_ns
from rocker.engine.top import select
from rocker.errors import (
    CommandNotFoundError,
    ConflictError,
    ContainerNotFoundError,
    ImageNotFoundError,
    InvalidArgumentError,
    NameInUseError,
    NetworkNotFoundError,
    NoSpaceError,
    NotFoundError,
    NotRunningError,
    TimeoutError,
    UnsupportedError,
)


def echo(process):
    return 0, (" ".join(process["args"][1:]) + "\n").encode(), b""


@pytest.fixture
def core():
    return FakeCore()


@pytest.fixture
def engine(tmp_path, core):
    (tmp_path / "tree").mkdir()
    with Engine(tmp_path / "root", tmp_path / "run", core=core) as engine:
        engine.tree = str(tmp_path / "tree")
        yield engine


def run(engine, *command, **options):
    return engine.run(rootfs=engine.tree, command=command or ("sleep", "9"), **options)


@contextlib.contextmanager
def shim_lock(engine, container):
    """Hold what a container's shim holds."""
    os.mkdir(f"{engine.run_root}/containers/{container.id}")
    with open(f"{engine.run_root}/containers/{container.id}/shim.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def detached(engine, **options):
    return run(engine, detach=True, **options)


# --- roots: T24 ---


def test_both_roots_are_closed_to_others(engine):
    _ = engine.catalog
    for path in (engine.root, engine.run_root, f"{engine.root}/containers", f"{engine.run_root}/containers"):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o700, path


def test_a_root_that_was_opened_to_others_is_closed_again(engine, core, tmp_path):
    _ = engine.catalog
    os.chmod(engine.root, 0o755)
    with Engine(engine.root, engine.run_root, core=core) as again:
        _ = again.catalog
    assert stat.S_IMODE(os.stat(engine.root).st_mode) == 0o700


def test_a_directory_of_something_else_is_no_root(tmp_path, core):
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "letter").touch()
    before = os.stat(tmp_path / "documents").st_mode
    with Engine(tmp_path / "documents", tmp_path / "run", core=core) as engine:
        with pytest.raises(InvalidArgumentError, match="cannot be a root of rocker: it holds other files"):
            _ = engine.catalog
    assert os.stat(tmp_path / "documents").st_mode == before


def test_a_run_root_of_another_boot_is_emptied(engine, core):
    _ = engine.catalog
    os.mkdir(f"{engine.run_root}/containers/old")
    with open(f"{engine.run_root}/boot_id", "w") as file:
        file.write("another boot")
    with Engine(engine.root, engine.run_root, core=core) as again:
        _ = again.catalog
    assert os.listdir(f"{engine.run_root}/containers") == []


def test_a_base_layer_that_finds_no_room_leaves_no_draft(tmp_path, monkeypatch):
    opened, mkdir = os.open, os.mkdir

    def full(path, *arguments, **options):
        if str(path).endswith("hosts"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        return opened(path, *arguments, **options)

    def no_inode(path, *arguments, **options):
        if str(path).endswith("/etc"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        return mkdir(path, *arguments, **options)

    root, run_root = str(tmp_path / "root"), str(tmp_path / "run")
    for name, broken in (("open", full), ("mkdir", no_inode)):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, broken)
            with pytest.raises(NoSpaceError, match="No space left on device"):
                roots.prepare(root, run_root)
        assert os.listdir(f"{root}/tmp") == []
    roots.prepare(root, run_root)
    assert sorted(os.listdir(f"{root}/{roots.BASE}")) == ["dev", "etc", "proc", "sys"]


def test_a_draft_of_the_base_layer_that_a_killed_process_left_is_used_up(tmp_path):
    root, run_root = str(tmp_path / "root"), str(tmp_path / "run")
    code = """
import os, signal, sys
from rocker.engine import roots
os.rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
roots.prepare(*sys.argv[1:])
"""
    done = subprocess.run([sys.executable, "-c", code, root, run_root], check=False)
    assert done.returncode == -signal.SIGKILL
    assert os.listdir(f"{root}/tmp") == ["base"]
    roots.prepare(root, run_root)
    assert os.listdir(f"{root}/tmp") == []
    assert sorted(os.listdir(f"{root}/{roots.BASE}/etc")) == ["hostname", "hosts", "resolv.conf"]


def test_many_processes_make_the_same_roots(tmp_path):
    code = "import sys; from rocker.engine import roots; roots.prepare(*sys.argv[1:])"
    words = [sys.executable, "-c", code, str(tmp_path / "root"), str(tmp_path / "run")]
    makers = [subprocess.Popen(words) for _ in range(6)]
    assert [maker.wait(30) for maker in makers] == [0] * 6
    assert os.listdir(tmp_path / "root/tmp") == []
    assert os.path.isdir(tmp_path / "root" / roots.BASE)


def test_roots_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("ROCKER_ROOT", "/r")
    monkeypatch.setenv("ROCKER_RUN", "/s")
    assert (Engine().root, Engine().run_root) == ("/r", "/s")
    assert (Engine("/a", "/b").root, Engine("/a", "/b").run_root) == ("/a", "/b")
    monkeypatch.delenv("ROCKER_ROOT")
    monkeypatch.delenv("ROCKER_RUN")
    assert (Engine().root, Engine().run_root) == ("/var/lib/rocker", "/run/rocker")


# --- run ---


def test_run_returns_what_the_command_wrote_and_leaves_nothing(engine, core):
    core.program = echo
    result = run(engine, "echo", "hi")
    assert (result.exit_code, result.stdout, result.stderr, result.duration) == (0, b"hi\n", b"", 0.25)
    assert result.usage.memory_peak == 4096
    assert result.check() is result
    assert result.text == "hi\n"
    assert engine.catalog.container_ids() == []
    assert os.listdir(f"{engine.root}/containers") == []


def test_a_failed_command_is_no_exception_until_it_is_checked(engine, core):
    core.program = lambda _process: (3, b"", b"first\nit broke\n")
    result = run(engine, "false")
    assert not result.ok
    with pytest.raises(Exception, match="exit code 3: it broke"):
        result.check()


def test_input_is_fed_and_the_request_says_so(engine, core):
    core.program = echo
    run(engine, "cat", stdin=b"x")
    assert core.sessions[0].given == b"x"
    assert core.started[0]["stdin"] == "once"


def test_budgets_reach_the_mechanism(engine, core):
    core.program = echo
    result = run(
        engine, "echo", "much", timeout=5, memory="64m", cpus=0.5, pids=64, network="none", max_output=2,
        mounts=[Bind(engine.tree, "/src", read_only=True), f"{engine.tree}:/b"], bind_to_caller=True,
    )  # fmt: skip
    request = core.started[0]
    assert request["timeout"] == 5.0
    assert request["spec"]["linux"]["resources"]["memory"]["limit"] == 64 << 20
    assert request["spec"]["linux"]["resources"]["pids"] == {"limit": 64}
    assert [mount["destination"] for mount in request["spec"]["mounts"]][-2:] == ["/src", "/b"]
    assert core.bound == [True]
    assert result.truncated
    assert result.stdout == b"mu"
    with pytest.raises(Exception, match="wrote more than"):
        result.check()


def test_a_removed_container_does_without_syncs_and_a_kept_one_does_not(engine, core):
    core.program = echo
    run(engine)
    run(engine, auto_remove=False)
    assert [request["rootfs"]["volatile"] for request in core.started] == [True, False]
    assert [request.get("remove", False) for request in core.started] == [True, False]


def test_a_command_that_cannot_start_leaves_nothing(engine, core):
    core.refuse = CommandNotFoundError("no such program")
    with pytest.raises(CommandNotFoundError):
        run(engine, "nosuch")
    assert engine.catalog.container_ids() == []
    assert os.listdir(f"{engine.root}/containers") == []
    assert os.listdir(f"{engine.root}/tmp") == []


def test_a_kept_container_that_cannot_start_stays_to_be_looked_at(engine, core):
    core.refuse = CommandNotFoundError("no such program")
    with pytest.raises(CommandNotFoundError):
        run(engine, "nosuch", auto_remove=False, name="a")
    assert engine.containers.get("a").status == "created"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"network": "nosuch"}, NetworkNotFoundError, "network nosuch not found"),
        ({"network": "container:"}, InvalidArgumentError, "invalid container format"),
        (
            {"restart": "always"},
            InvalidArgumentError,
            "can't create 'AutoRemove' container with restart policy",
        ),
        ({"restart": "sometimes"}, InvalidArgumentError, "unknown policy 'sometimes'"),
        ({"log_driver": "splunk"}, InvalidArgumentError, 'no log driver named "splunk"'),
        ({"log_opts": {"max-sizes": "1"}}, InvalidArgumentError, "unknown log opt 'max-sizes' for json-file"),
        ({"log_opts": {"max-file": "0"}}, InvalidArgumentError, "invalid value for max-file"),
        ({"security_opt": ["seccmp=x"]}, InvalidArgumentError, 'Invalid --security-opt: "seccmp=x"'),
        ({"security_opt": ["apparmor=mine"]}, InvalidArgumentError, "Invalid --security-opt"),
        ({"security_opt": ["seccomp=/no/such.json"]}, NotFoundError, "opening seccomp profile"),
        ({"stop_signal": "NOSUCH"}, InvalidArgumentError, "Invalid signal: NOSUCH"),
        ({"workdir": "relative"}, InvalidArgumentError, "needs to be an absolute path"),
        ({"pid": "container"}, InvalidArgumentError, "invalid PID mode"),
        ({"hostname": "h", "uts": "host"}, InvalidArgumentError, "hostname and the UTS mode"),
        ({"name": "a/b"}, InvalidArgumentError, "Invalid container name"),
        ({"timeout": 0}, InvalidArgumentError, "invalid timeout"),
        ({"oom_score_adj": 1001}, InvalidArgumentError, "oom score adj"),
        ({"memery": "1g"}, InvalidArgumentError, "run has no option `memery`"),
        ({"memory": "lots"}, InvalidArgumentError, "memory: invalid size: 'lots'"),
        ({"rootfs": "/no/such"}, NotFoundError, "root directory '/no/such' is not there"),
        ({"network": "container:nobody"}, ContainerNotFoundError, "No such container: nobody"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_left(engine, core, options, error, message):
    with pytest.raises(error, match=message):
        engine.run(**{"rootfs": engine.tree, "command": ["true"], **options})
    assert core.started == []
    assert engine.catalog.container_ids() == []
    assert not os.path.exists(f"{engine.root}/containers") or os.listdir(f"{engine.root}/containers") == []


def test_an_image_that_is_not_here_is_named_in_full(engine):
    with pytest.raises(ImageNotFoundError) as caught:
        engine.run("nosuch", ["true"], pull="never")
    assert caught.value.message == "No such image: nosuch:latest"
    assert "rocker images" in (caught.value.hint or "")


# --- names ---


def test_a_name_is_taken_once(engine):
    detached(engine, name="a1")
    with pytest.raises(NameInUseError, match='The container name "/a1" is already in use'):
        detached(engine, name="a1")
    assert len(os.listdir(f"{engine.root}/containers")) == 1


def test_made_up_names_are_two_words():
    names = {generate() for _ in range(200)}
    assert all(name.count("_") == 1 and check(name) == name for name in names)
    assert len(names) > 150
    assert generate(5)[-1].isdigit()


# --- verbs ---


def test_a_detached_container_lives_is_listed_and_stops(engine, core):
    container = detached(engine, name="a1", labels={"k": "v"})
    assert container.status == "running"
    assert [found.name for found in engine.containers.list()] == ["a1"]
    assert engine.containers.get(container.id[:5]) == container
    row = engine.containers.rows()[0]
    assert row["Names"] == ["/a1"]
    assert row["State"] == "running"
    assert row["Status"].startswith("Up ")
    assert row["Labels"] == {"k": "v"}
    assert list(row["NetworkSettings"]["Networks"]) == ["bridge"]
    assert engine.containers.rows(brief=True) == [row | {"NetworkSettings": {}, "Mounts": []}]
    container.stop(timeout=1)
    assert core.requests[-1] == {"op": "stop", "signal": 15, "timeout": 1.0}
    assert container.status == "exited"
    assert container.exit_code == 143
    assert container.wait() == 143
    assert engine.containers.list() == []
    assert engine.containers.rows(all=True)[0]["Status"].startswith("Exited (143) ")
    container.remove()
    assert engine.containers.list(all=True) == []
    assert os.listdir(f"{engine.root}/containers") == []


def test_a_running_container_is_removed_by_force_only(engine):
    container = detached(engine)
    with pytest.raises(ConflictError, match="You cannot remove a running container"):
        container.remove()
    container.remove(force=True)
    with pytest.raises(ContainerNotFoundError):
        engine.containers.get(container.id)


def test_a_container_that_removes_itself_is_forgotten_when_it_is_killed(engine):
    container = detached(engine, auto_remove=True)
    container.kill()
    assert engine.catalog.container_ids() == []


def test_restart_keeps_a_container_that_would_remove_itself(engine, core):
    container = detached(engine, auto_remove=True)
    container.restart(timeout=0)
    assert {"op": "remove", "value": False} in core.requests
    assert container.status == "running"
    assert len(core.started) == 2


@pytest.mark.parametrize("network", ["none", "bridge"])
def test_a_start_does_not_look_up_the_name_it_knows(engine, core, monkeypatch, network):
    engine.create(RunOptions(rootfs=engine.tree, command=("sleep", "9"), name="known", network=network))
    container = engine.containers.get("known")
    monkeypatch.setattr(Catalog, "get_by_ref", lambda *_: pytest.fail("the row was read again"))
    container.start()
    assert core.started[-1]["attributes"]["name"] == "known"


def test_pause_and_unpause(engine):
    container = detached(engine)
    container.pause()
    assert container.status == "paused"
    assert engine.containers.rows()[0]["Status"].endswith("(Paused)")
    with pytest.raises(ConflictError, match="already paused"):
        container.pause()
    with pytest.raises(ConflictError, match="is paused, unpause the container before exec"):
        container.exec(["true"])
    container.unpause()
    with pytest.raises(ConflictError, match="is not paused"):
        container.unpause()


def test_what_needs_a_running_container_says_so(engine):
    container = engine.create(RunOptions(rootfs=engine.tree, command=("true",), name="idle"))
    for verb in (
        container.pause,
        container.stats,
        container.top,
        container.attach,
        lambda: container.exec(["true"]),
    ):
        with pytest.raises(NotRunningError, match=f"Container {container.id} is not running"):
            verb()
    with pytest.raises(
        NotRunningError, match=f"Cannot kill container: idle: Container {container.id} is not running"
    ):
        container.kill()
    container.stop()
    assert container.wait() == 0
    assert container.status == "created"


def test_waiting_ends_after_the_timeout(engine):
    with pytest.raises(TimeoutError, match="runs on after"):
        detached(engine).wait(timeout=0.01)


def test_rename(engine):
    first, _ = detached(engine, name="one"), detached(engine, name="two")
    first.rename("three")
    assert engine.containers.get("three") == first
    with pytest.raises(NameInUseError):
        first.rename("two")
    with pytest.raises(InvalidArgumentError, match="same name as its current name"):
        first.rename("three")


def test_a_created_container_starts_later_and_twice_is_once(engine, core):
    container = engine.create(RunOptions(rootfs=engine.tree, command=("sleep",)))
    container.start()
    container.start()
    assert len(core.started) == 1
    with pytest.raises(ConflictError, match="already running"):
        container.launch()


def test_a_start_that_comes_second_leaves_the_container_to_the_first(engine, core):
    container = engine.create(RunOptions(rootfs=engine.tree, command=["sleep", "9"], auto_remove=True))
    begin = core.start

    def lose(*arguments, **options):
        begin(*arguments, **options)  # the other process, between the look and the request
        raise ConflictError(f"container {container.short_id} is running already")

    core.start = lose
    with shim_lock(engine, container):
        container.start()
    assert container.status == "running"
    assert core.requests == []


def test_a_start_that_conflicts_removes_the_container_unless_another_has_its_lock(engine, core):
    container = engine.create(RunOptions(rootfs=engine.tree, command=["sleep", "9"], auto_remove=True))
    core.refuse = ConflictError("cgroup exists already")
    with shim_lock(engine, container):
        for start in (container.start, container.launch):
            with pytest.raises(ConflictError, match="exists already"):
                start()
            assert engine.containers.get(container.id) == container
        assert core.requests == []
    with pytest.raises(ConflictError, match="exists already"):
        container.start()
    assert engine.catalog.container_ids() == []


def test_exec_runs_in_the_containers_own_terms(engine, core):
    container = detached(engine, env={"A": "1"}, workdir="/w", user="7", cap_drop=["ALL"])
    core.program = echo
    result = container.exec("echo 'a b' c", env={"B": "2"}, stdin=b"in")
    assert result.stdout == b"a b c\n"
    request = core.requests[-1]
    assert request["process"]["env"][2:] == ["B=2", "A=1"]
    assert request["process"]["cwd"] == "/w"
    assert request["process"]["capabilities"]["bounding"] == []
    assert (request["user"], request["stdin"], request["unconfined"]) == ("7", True, False)
    container.exec(["id"], user=5, privileged=True)
    assert core.requests[-1]["user"] == "5"
    assert core.requests[-1]["unconfined"]


def test_another_containers_namespaces_need_it_to_run(engine, core):
    lender = engine.create(RunOptions(rootfs=engine.tree, command=("sleep",), name="lender", ipc="shareable"))
    borrower = RunOptions(
        rootfs=engine.tree, command=("sleep",), network="container:lender", ipc="container:lender"
    )
    late = engine.create(borrower)
    with pytest.raises(NotRunningError, match="non running container"):
        late.start()
    lender.start()
    directory = f"{engine.run_root}/containers/{lender.id}"
    os.makedirs(directory)  # its shim's
    late.start()
    assert os.listdir(directory) == ["lent"]
    request = core.started[-1]
    assert {"type": "network", "path": f"/proc/{os.getpid()}/ns/net"} in request["spec"]["linux"][
        "namespaces"
    ]
    assert request["network"] == {"mode": "container"}
    assert "hostname" not in request["spec"]
    shm = next(mount for mount in request["spec"]["mounts"] if mount["destination"] == "/dev/shm")
    assert shm["source"] == directory
    assert f"shared-with={os.getpid()}:4710:/dev/shm" in shm["options"]


def test_logs_are_lines(engine):
    container = detached(engine)
    assert container.logs() == b"out\nerr\n"
    assert container.logs(stderr=False) == b"out\n"
    assert container.logs(timestamps=True, stderr=False) == b"2023-11-14T22:13:20.000000001Z out\n"
    assert list(container.logs(follow=True)) == [b"out\n", b"err\n"]
    silent = detached(engine, log_driver="none")
    with pytest.raises(UnsupportedError, match="does not support reading"):
        silent.logs()


@pytest.mark.parametrize(
    ("when", "nanoseconds"),
    [
        (None, None), ("", None), ("0", None), (0, None), (1.5, 1_500_000_000), ("1.5", 1_500_000_000),
        ("2023-11-14T22:13:20.123456789Z", 1_700_000_000_123_456_789), ("99999999999", (1 << 63) - 1),
    ],
)  # fmt: skip
def test_the_times_of_a_log_reach_the_mechanism_to_the_nanosecond(
    engine, core, monkeypatch, when, nanoseconds
):
    container = detached(engine)
    asked = []
    monkeypatch.setattr(core, "log_read", lambda *_, **options: asked.append(options) or iter([]))
    monkeypatch.setattr(core, "log_copy", lambda *_, **options: asked.append(options))
    container.logs(since=when, until=when)
    container.copy_logs(1, 2, since=when, until=when)
    assert [(options["since_ns"], options["until_ns"]) for options in asked] == [
        (nanoseconds, nanoseconds)
    ] * 2


def test_top_shows_only_its_own_processes(engine):
    top = detached(engine).top("-o pid,cmd -p 1," + str(os.getpid()))
    assert top["Titles"] == ["PID", "CMD"]
    assert [process[0] for process in top["Processes"]] == [str(os.getpid())]
    with pytest.raises(InvalidArgumentError, match="Couldn't find PID field"):
        detached(engine).top("-o cmd")


def test_inspect_has_dockers_shape(engine):
    container = detached(
        engine, name="a1", env={"A": "1"}, labels={"k": "v"}, memory="64m", ulimits=["nofile=1:2"], read_only=True,
        mounts=[Bind(engine.tree, "/b", read_only=True)], tty=True, cap_add=["KILL"], cpus=0.5,
    )  # fmt: skip
    document = container.inspect()
    assert document["Name"] == "/a1"
    assert document["Path"] == "sleep"
    assert document["Args"] == ["9"]
    assert document["State"]["Running"]
    assert document["State"]["Pid"] == os.getpid()
    assert document["State"]["FinishedAt"] == "0001-01-01T00:00:00Z"
    assert document["Config"]["Env"] == ["A=1"]
    assert document["Config"]["Tty"]
    assert document["HostConfig"]["Memory"] == 64 << 20
    assert document["HostConfig"]["NanoCpus"] == 500_000_000
    assert document["HostConfig"]["Binds"] == [f"{engine.tree}:/b:ro"]
    assert document["HostConfig"]["Ulimits"] == [{"Name": "nofile", "Hard": 2, "Soft": 1}]
    assert document["Mounts"][0]["RW"] is False
    assert document["NetworkSettings"]["Networks"].keys() == {"bridge"}
    assert document["LogPath"].endswith(f"/{container.id}-json.log")
    assert "SizeRw" not in document
    os.makedirs(f"{engine.directory(container.id)}/upper")
    with open(f"{engine.directory(container.id)}/upper/file", "w") as file:
        file.write("12345")
    assert container.inspect(size=True)["SizeRw"] == 5


# --- lists ---


def test_lists_are_filtered(engine):
    first = detached(engine, name="first", labels={"k": "v"})
    second = detached(engine, name="second")
    second.stop()

    def names(**options):
        return [container.name for container in engine.containers.list(**options)]

    assert names(all=True) == ["second", "first"]
    assert names() == ["first"]
    assert names(limit=1) == ["second"]
    assert names(filters={"status": "exited"}) == ["second"]
    assert names(all=True, filters={"is-task": "true"}) == []
    assert names(filters={"is-task": "false", "isolation": "default"}) == ["first"]
    with pytest.raises(InvalidArgumentError, match=re.escape("invalid filter 'is-task=[maybe]'")):
        names(filters={"is-task": "maybe"})
    assert names(filters={"exited": ["143"]}) == ["second"]
    assert names(filters={"label": ["k=v"]}) == ["first"]
    assert names(filters={"label": "k"}) == ["first"]
    assert names(all=True, filters={"name": "sec"}) == ["second"]
    assert names(all=True, filters={"id": first.id[:9]}) == ["first"]
    assert names(all=True, filters={"since": "first"}) == ["second"]
    assert names(all=True, filters={"before": "second"}) == ["first"]
    with pytest.raises(InvalidArgumentError, match="invalid filter 'lable'"):
        names(filters={"lable": "x"})
    with pytest.raises(InvalidArgumentError, match="invalid filter 'status=runing'"):
        names(filters={"status": "runing"})


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.5, "Less than a second"), (1, "1 second"), (59, "59 seconds"), (60, "About a minute"), (125, "2 minutes"),
        (46 * 60, "46 minutes"), (3599, "59 minutes"), (3600, "About an hour"),
        (2 * 3600, "2 hours"), (47 * 3600, "47 hours"), (3 * 86400, "3 days"),
        (15 * 86400, "2 weeks"), (60 * 86400, "2 months"), (90 * 86400, "3 months"), (800 * 86400, "2 years"),
    ],
)  # fmt: skip
def test_ages_are_written_as_docker_does(seconds, words):
    state = {"status": "running", "started_at": STARTED, "finished_at": STARTED, "exit_code": 3}
    now = parse_rfc3339_ns(STARTED) + int(seconds * 1e9)
    assert describe(state, now) == f"Up {words}"
    assert describe({**state, "status": "paused"}, now) == f"Up {words} (Paused)"
    assert describe({**state, "status": "exited"}, now) == f"Exited (3) {words} ago"


def test_threads_belong_to_the_process_above_them():
    output = "PID TID CMD\n1 - init\n- 1 -\n7 - sleep 9\n- 7 -\n- 8 -\n9 - other\n- 9 -\n"
    assert select(output, frozenset({"7"}))["Processes"] == [
        ["7", "-", "sleep 9"],
        ["-", "7", "-"],
        ["-", "8", "-"],
    ]


def test_no_other_column_calls_itself_pid(engine):
    container = detached(engine)
    with pytest.raises(InvalidArgumentError, match='specifying "user=PID,pid=" is not allowed'):
        container.top("-o user=PID,pid=")


# --- crashes ---


def test_a_row_whose_files_are_gone_is_dropped(engine, core):
    container = detached(engine, auto_remove=True)
    core.end(container.id, 0)
    assert engine.catalog.container_ids() == [container.id]
    with pytest.raises(ContainerNotFoundError):
        engine.containers.get(container.id)
    assert engine.catalog.container_ids() == []


def test_files_without_a_row_are_collected(engine):
    _ = engine.catalog
    os.makedirs(f"{engine.root}/containers/{'0' * 64}/upper")
    os.makedirs(f"{engine.root}/tmp/rm-{'1' * 64}/upper")
    assert engine.containers.list(all=True) == []
    assert os.listdir(f"{engine.root}/containers") == []
    assert os.listdir(f"{engine.root}/tmp") == []


def test_data_roots_that_share_a_run_root_know_each_other(tmp_path, core):
    run_root = tmp_path / "run"
    for name in ("one", "two"):
        with Engine(tmp_path / name, run_root, core=core) as engine:
            _ = engine.catalog
    assert [os.readlink(path) for path in roots.others(str(tmp_path / "one"), str(run_root))] == [
        str(tmp_path / "two")
    ]
    (tmp_path / "two").rename(tmp_path / "moved")
    with Engine(tmp_path / "moved", run_root, core=core) as engine:
        _ = engine.catalog
    assert [os.readlink(path) for path in roots.others(str(tmp_path / "one"), str(run_root))] == [
        str(tmp_path / "moved")
    ]
    assert len(os.listdir(run_root / "roots")) == 2


def test_what_lies_in_the_run_root_alone_is_collected_unless_another_data_root_has_it(tmp_path, core):
    ours, theirs = "0" * 64, "1" * 64
    with (
        Engine(tmp_path / "one", tmp_path / "run", core=core) as one,
        Engine(tmp_path / "two", tmp_path / "run", core=core) as two,
    ):
        _ = one.catalog, two.catalog
        os.makedirs(f"{two.root}/containers/{theirs}/upper")
        for name in (ours, theirs):
            os.mkdir(f"{one.run_root}/containers/{name}")
        assert one.containers.list(all=True) == []
        assert os.listdir(one.run_root + "/containers") == [theirs]
        assert two.containers.list(all=True) == []
        assert os.listdir(one.run_root + "/containers") == []


def test_a_removal_that_is_interrupted_keeps_its_grave_until_the_rest_has_gone(engine, core, monkeypatch):
    container = engine.create(RunOptions(rootfs=engine.tree, command=["true"]))
    os.mkdir(f"{engine.run_root}/containers/{container.id}")
    removed = []
    monkeypatch.setattr(core, "remove_tree", removed.append)
    container.remove()
    assert removed == [
        f"{engine.run_root}/containers/{container.id}",
        f"{engine.root}/tmp/rm-{container.id}",
    ]


def test_a_container_whose_creator_died_before_the_start_is_dropped(engine):
    options = RunOptions(rootfs=engine.tree, command=("true",), auto_remove=True, name="ours")
    ours = engine.create(options, for_run=True)
    assert [container.name for container in engine.containers.list(all=True)] == ["ours"]
    lost = ours.config.replace(creator="4194305:1").encode()
    engine.catalog.update_container(ours.id, lost)
    assert engine.containers.list(all=True) == []


def test_a_process_is_told_apart_from_its_successors_and_from_its_own_zombie():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    born = birth.of(child.pid)
    assert born is not None
    assert birth.lives(born)
    assert not birth.lives(f"{child.pid}:1")
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not birth.lives(born)
    child.wait()
    assert birth.of(child.pid) is None
    assert birth.own() == birth.of(os.getpid())


def test_a_created_container_that_removes_itself_waits_for_its_start(engine):
    engine.create(RunOptions(rootfs=engine.tree, command=("true",), auto_remove=True))
    assert len(engine.containers.list(all=True)) == 1


# --- what is kept ---


def test_the_configuration_is_read_back_as_it_was():
    options = RunOptions(
        rootfs="/r",
        command=("a", "b"),
        mounts=(Bind("/a", "/b", True),),
        ulimits=(Ulimit("nofile", 1, 2),),
        memory=7,
    )
    config = ContainerConfig(options=options, args=("a", "b"), labels={"k": "v"})
    again = ContainerConfig.decode(config.encode())
    assert again.options.mounts == options.mounts
    assert again.options.ulimits == options.ulimits
    assert again.encode() == config.encode()
    assert list(again.args) == ["a", "b"]


def test_many_threads_share_an_engine(engine, core):
    core.program = echo
    failures = []

    def work():
        try:
            for _ in range(5):
                assert run(engine, "echo", "x").stdout == b"x\n"
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert engine.catalog.container_ids() == []


def test_a_filter_compiled_for_one_data_root_serves_another(tmp_path, core, monkeypatch):
    monkeypatch.setattr(seccomp, "_memory", {})
    (tmp_path / "tree").mkdir()
    compiled = []
    monkeypatch.setattr(core, "seccomp_compile", lambda profile: compiled.append(profile) or b"\6" + bytes(7))
    core.program = echo
    for name in ("one", "two"):
        with Engine(tmp_path / name, tmp_path / f"{name}-run", core=core) as engine:
            engine.tree = str(tmp_path / "tree")
            run(engine, "echo")
            run(engine, "echo", cap_add=["SYS_ADMIN"])
    assert [request["seccomp"] for request in core.started] == ["BgAAAAAAAAA="] * 4
    assert len(compiled) == 2  # one for each set of capabilities


def test_info_and_version_have_dockers_names(engine):
    detached(engine)
    info = engine.info()
    assert (info["Containers"], info["ContainersRunning"], info["Images"]) == (1, 1, 0)
    assert info["CgroupVersion"] in {"1", "2"}
    assert info["DockerRootDir"] == engine.root
    assert engine.version()["Version"] == "0.0.0"


def test_warnings_are_handed_over(tmp_path, core):
    (tmp_path / "tree").mkdir()
    with Engine(tmp_path / "root", tmp_path / "run", core=core) as engine:
        engine.warn("x")
        assert engine.warnings == ["x"]
    heard = []
    Engine(tmp_path / "root", tmp_path / "run", core=core, warn=heard.append).warn("y")
    assert heard == ["y"]
