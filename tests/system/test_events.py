"""`events`: what happened and what happens, in Docker's words."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

import rocker
from helpers.until import until
from rocker.engine.emit import emit
from rocker.engine.options import HealthCheck, VolumeMount
from rocker.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from subprocess import CompletedProcess

    from helpers.engine import EngineRoots
    from rocker.models.event import Event

MOMENT = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|[+-]\d\d:\d\d)"


def past(roots: EngineRoots, *flags: str) -> list[Event]:
    done = roots.cli("events", "--since", "1h", "--until", "0s", "--format", "json", *flags, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def actions(events: list[Event], kind: str = "container") -> list[str]:
    return [event["Action"] for event in events if event["Type"] == kind]


def of(engine: rocker.Engine, kind: str) -> list[Event]:
    return list(engine.events(since="1h", until="0s", filters={"type": kind}))


def destroyed(roots: EngineRoots, wanted: int) -> list[Event]:
    """Events once so many containers have been destroyed: a shim tells its clients of the end before that."""
    deadline = time.monotonic() + 20
    while True:
        events = past(roots)
        if actions(events).count("destroy") >= wanted or time.monotonic() > deadline:
            return events
        time.sleep(0.01)


@pytest.fixture
def follower(engine_roots: EngineRoots) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """`events` running in the background; it has its place in the file when the first line of another came."""
    opened: list[subprocess.Popen[str]] = []

    def start(*flags: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(engine_roots.command("events", *flags), stdout=subprocess.PIPE, text=True)
        opened.append(process)
        return process

    yield start
    for process in opened:
        process.kill()
        process.communicate()


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stdout is not None
    found = []
    for _ in range(count):
        ready, _, _ = select.select([process.stdout], [], [], 30)
        assert ready, f"only {found}"
        # One at a time: what a buffer held, select would not see.
        found.append(process.stdout.buffer.raw.readline().decode().rstrip("\n"))  # type: ignore[attr-defined]
    return found


def test_a_run_with_rm_has_the_events_of_docker_in_its_order(
    box: Callable[..., CompletedProcess[str]], engine_roots: EngineRoots
) -> None:
    box("run", "--rm", "--name", "web", "--label", "tier=1", "busybox", "sh", "-c", "exit 3")
    events = [event for event in destroyed(engine_roots, 1) if event["Type"] == "container"]
    assert actions(events) == ["create", "attach", "start", "die", "destroy"]
    for event in events:
        attributes = event["Actor"]["Attributes"]
        assert {"name": "web", "image": "busybox", "tier": "1"}.items() <= attributes.items()
        assert (event["status"], event["id"], event["from"]) == (  # type: ignore[typeddict-item]
            event["Action"], event["Actor"]["ID"], "busybox",
        )  # fmt: skip
        assert event["scope"] == "local"
        assert event["time"] == event["timeNano"] // 10**9
    assert events[3]["Actor"]["Attributes"]["exitCode"] == "3"
    assert events[3]["Actor"]["Attributes"]["execDuration"] == "0"


def test_verbs_on_a_container_have_their_events(
    box: Callable[..., CompletedProcess[str]], engine_roots: EngineRoots
) -> None:
    container = box("run", "-d", "--name", "web", "busybox", "sh", "-c", "trap : USR1; while :; do sleep 0.1; done",
                    check=True).stdout.strip()  # fmt: skip
    box("exec", "web", "ls", "-l", "/proc/version", check=True)
    box("exec", "web", "/nosuch")
    box("pause", "web", check=True)
    box("unpause", "web", check=True)
    box("rename", "web", "shop", check=True)
    box("kill", "-s", "USR1", "shop", check=True)
    box("top", "shop", check=True)
    box("restart", "-t", "0", "shop", check=True)
    box("stop", "-t", "0", "shop", check=True)
    box("start", "shop", check=True)
    box("kill", "shop", check=True)
    box("rm", "shop", check=True)
    events = [event for event in past(engine_roots) if event["Actor"]["ID"] == container]
    assert actions(events) == [
        "create", "start", "exec_create: ls -l /proc/version", "exec_start: ls -l /proc/version", "exec_die",
        "exec_create: /nosuch ", "exec_start: /nosuch ", "pause", "unpause", "rename", "kill", "top",
        "kill", "kill", "die", "stop", "start", "restart", "kill", "kill", "die", "stop", "start", "kill", "die",
        "destroy",
    ]  # fmt: skip
    own = {number: event["Actor"]["Attributes"] for number, event in enumerate(events)}
    assert len(own[2]["execID"]) == 64
    assert own[2]["execID"] == own[3]["execID"] == own[4]["execID"] != own[5]["execID"]
    assert own[4]["exitCode"] == "0"
    assert (own[9]["oldName"], own[9]["name"], own[8]["name"], own[10]["name"]) == (
        "/web",
        "shop",
        "web",
        "shop",
    )
    assert [own[number]["signal"] for number in (10, 12, 13, 23)] == ["10", "15", "9", "9"]
    assert own[14]["exitCode"] == "137"


def test_images_have_events_of_their_own(
    box: Callable[..., CompletedProcess[str]], engine_roots: EngineRoots, busybox_tar: Path, tmp_path: Path
) -> None:
    image = box("images", "-q", "--no-trunc", check=True).stdout.strip()
    box("tag", "busybox", "shelf:1", check=True)
    box("save", "-o", tmp_path / "a.tar", "shelf:1", check=True)
    made = box("import", busybox_tar, "bare", check=True).stdout.strip()
    box("rmi", "shelf:1", check=True)
    box("rmi", "bare", check=True)
    events = past(engine_roots, "--filter", "type=image")
    found = [
        (event["Action"], event["Actor"]["ID"], event["Actor"]["Attributes"]["name"]) for event in events
    ]
    assert found == [
        ("load", image, image), ("tag", image, "shelf:1"), ("save", image, image), ("import", made, made),
        ("untag", image, image), ("untag", made, made), ("delete", made, made),
    ]  # fmt: skip
    assert events[0]["status"] == "load"
    assert "from" not in events[0]


def test_events_are_followed_filtered_and_shown_as_text_and_by_templates(
    box: Callable[..., CompletedProcess[str]], follower: Callable[..., subprocess.Popen[str]]
) -> None:
    box("create", "--name", "first", "busybox", check=True)
    since = ["--since", "1h"]
    text = follower(
        *since, "--filter", "container=second", "--filter", "event=create", "--filter", "event=destroy"
    )
    template = follower(*since, "--filter", "event=create", "--format",
                        "{{.Type}}/{{.Status}}/{{.From}}/{{.Actor.Attributes.name}}")  # fmt: skip
    assert lines(template, 1) == ["container/create/busybox/first"]
    identity = box("create", "--name", "second", "busybox", check=True).stdout.strip()
    assert lines(template, 1) == ["container/create/busybox/second"]
    box("rm", "first", "second", check=True)
    created, gone = lines(text, 2)
    assert re.fullmatch(rf"{MOMENT} container create {identity} \(image=busybox, name=second\)", created)
    assert re.fullmatch(rf"{MOMENT} container destroy {identity} \(image=busybox, name=second\)", gone)


def test_without_since_only_what_comes_is_shown_and_an_interrupt_ends_it(
    box: Callable[..., CompletedProcess[str]],
    follower: Callable[..., subprocess.Popen[str]],
    engine_roots: EngineRoots,
) -> None:
    box("create", "--name", "old", "busybox", check=True)
    process = follower("--format", "{{.Action}} {{.Actor.Attributes.name}}")
    assert process.stdout is not None
    deadline = time.monotonic() + 30
    # What happened before it had begun is not its matter: so something happens until it shows it.
    with rocker.Engine(engine_roots.root, engine_roots.run) as engine:
        while not select.select([process.stdout], [], [], 0.02)[0]:
            assert time.monotonic() < deadline
            emit(engine, "daemon", "reload", "host", {"name": "host"})
    box("create", "--name", "new", "busybox", check=True)
    shown = lines(process, 1)
    while shown[-1] == "reload host":
        shown = lines(process, 1)
    assert shown == ["create new"]
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    assert engine_roots.cli("events", "--since", "1h", "--until", "0s", "--filter", "container=old").stdout


def test_a_time_to_come_ends_it_and_a_reversed_pair_is_refused(
    box: Callable[..., CompletedProcess[str]], engine_roots: EngineRoots
) -> None:
    box("create", "--name", "one", "busybox", check=True)
    begun = time.time()
    done = engine_roots.cli("events", "--until", f"{begun + 0.5:.3f}", "--format", "{{.Action}}", check=True)
    assert time.time() >= begun + 0.5
    assert done.stdout.splitlines() == ["load", "create"]
    done = engine_roots.cli("events", "--since", "10s", "--until", "20s")
    assert done.returncode == 1
    assert re.search(r"`since` time \(\d+\) cannot be after `until` time \(\d+\)", done.stderr)


@pytest.mark.parametrize(
    ("flags", "code", "text"),
    [
        (("--filter", "colour=red"), 1, "invalid filter 'colour'"),
        (("--filter", "colour"), 125, "bad format of filter (expected name=value)"),
        (("--format", "{{.Nosuch}}"), 64, "Error parsing format: "),
        (("--format", "{{"), 64, "Error parsing format: "),
        (("--since", "yesterday"), 1, 'failed to parse value as time or duration: "yesterday"'),
    ],
)
def test_what_is_wrong_is_said(
    engine_roots: EngineRoots, flags: tuple[str, ...], code: int, text: str
) -> None:
    done = engine_roots.cli("events", *flags)
    assert (done.returncode, done.stdout) == (code, "")
    assert text in done.stderr


def test_a_killed_shims_container_dies_and_is_destroyed_in_the_events(
    engine: rocker.Engine, busybox_rootfs: Path
) -> None:
    container = engine.run(rootfs=str(busybox_rootfs), command=["sleep", "60"], detach=True, auto_remove=True)
    state = engine.state(container.id)
    assert state is not None
    os.kill(state["shim_pid"], signal.SIGKILL)
    deadline = time.monotonic() + 20
    while engine.containers.list(all=True):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    found = list(engine.events(since="1h", until="0s", filters={"container": container.id[:12]}))
    assert actions(found) == ["create", "start", "die", "destroy"]
    assert found[2]["Actor"]["Attributes"]["exitCode"] == "137"
    assert found[2]["Actor"]["Attributes"]["name"] == container.name


def test_a_killed_shims_networks_and_volumes_are_left_in_the_events(
    engine: rocker.Engine, busybox_rootfs: Path
) -> None:
    one, two = engine.networks.create("one"), engine.networks.create("two")
    container = engine.run(
        rootfs=str(busybox_rootfs), command=["sleep", "60"], detach=True, network="one",
        mounts=[VolumeMount("/data", "data")],
    )  # fmt: skip
    two.connect(container)
    one.disconnect(container)
    state = engine.state(container.id)
    assert state is not None
    os.kill(state["shim_pid"], signal.SIGKILL)
    until(lambda: container.status == "exited", "the end")
    container.remove()
    found = [
        (event["Type"], event["Action"], event["Actor"]["Attributes"].get("name", event["Actor"]["ID"]))
        for event in engine.events(since="1h", until="0s")
    ]
    name = container.name
    assert found[found.index(("container", "die", name)) :] == [
        ("container", "die", name), ("network", "disconnect", "two"), ("volume", "unmount", "data"),
        ("container", "destroy", name),
    ]  # fmt: skip


@pytest.mark.parametrize(("mode", "driver"), [("none", "null"), ("host", "host")])
def test_the_networks_none_and_host_are_joined_and_left_too(
    engine: rocker.Engine, busybox_rootfs: Path, mode: str, driver: str
) -> None:
    container = engine.run(rootfs=str(busybox_rootfs), command=["sleep", "60"], detach=True, network=mode)
    other = engine.run(
        rootfs=str(busybox_rootfs), command=["true"], detach=True, network=f"container:{container.id}"
    )
    other.wait()
    container.stop(0)
    until(lambda: len(of(engine, "network")) == 2, "the end")
    for event, action in zip(of(engine, "network"), ("connect", "disconnect"), strict=True):
        assert event["Action"] == action
        assert event["Actor"] == {
            "ID": engine.networks.get(mode).id,
            "Attributes": {"container": container.id, "name": mode, "type": driver},
        }


def test_the_api_gives_events_as_they_come(engine: rocker.Engine, busybox_rootfs: Path) -> None:
    stream = engine.events(since=time.time(), filters={"event": ["create", "start"], "label": "job=7"})
    for job in ("6", "7"):
        engine.run(rootfs=str(busybox_rootfs), command=["true"], labels={"job": job})
    assert [next(stream)["Action"] for _ in range(2)] == ["create", "start"]
    with pytest.raises(InvalidArgumentError, match="invalid filter 'colour'"):
        engine.events(filters={"colour": "red"})


def test_a_reader_that_pauses_loses_nothing(engine: rocker.Engine) -> None:
    stream = engine.events(since=time.time())
    attributes = {"name": "v", "filler": "x" * 1000}
    for number in range(12_000):  # 13 MB: one file is full, and another begun
        emit(engine, "volume", "create", str(number), attributes)
    assert os.path.exists(f"{engine.run_root}/events.json.1")
    assert [next(stream)["Actor"]["ID"] for _ in range(12_000)] == [str(number) for number in range(12_000)]


def test_each_life_of_a_container_that_is_started_again_has_its_own_start_and_end(
    engine: rocker.Engine, busybox_rootfs: Path
) -> None:
    script = "[ -e /once ] && exit 4; : > /once; sleep 1.2; exit 3"
    container = engine.run(
        rootfs=str(busybox_rootfs), command=["sh", "-c", script], detach=True, restart_policy="on-failure:1"
    )

    def lives() -> list[dict[str, Any]]:
        found = list(engine.events(since="1h", until="0s", filters={"container": container.id}))
        return found if actions(found).count("die") == 2 else []

    found = until(lives, "the events of two ends")
    assert actions(found) == ["create", "start", "die", "start", "die"]
    told = [event["Actor"]["Attributes"] for event in found if event["Action"] == "die"]
    assert [(one["exitCode"], one["execDuration"]) for one in told] == [("3", "1"), ("4", "0")]


def test_only_the_life_that_is_stopped_ends_with_a_stop(engine: rocker.Engine, busybox_rootfs: Path) -> None:
    container = engine.run(
        rootfs=str(busybox_rootfs), command=["sleep", "1000"], detach=True, restart_policy="always"
    )
    state = engine.state(container.id)
    assert state is not None
    os.kill(state["pid"], signal.SIGKILL)
    until(lambda: container.inspect()["RestartCount"] == 1 and container.status == "running", "a restart")
    container.stop(0)
    container.remove()
    found = list(engine.events(since="1h", until="0s", filters={"container": container.id}))
    assert actions(found) == [
        "create", "start", "die", "start", "kill", "kill", "die", "stop", "destroy",
    ]  # fmt: skip


def test_a_stop_before_the_next_start_is_told_without_another_end(
    engine: rocker.Engine, busybox_rootfs: Path
) -> None:
    container = engine.run(
        rootfs=str(busybox_rootfs), command=["false"], detach=True, restart_policy="always"
    )
    # By then the pause before the next start is a second and a half.
    until(lambda: container.inspect()["RestartCount"] >= 5 and container.status == "restarting", "a pause")
    container.stop(0)
    found = actions(list(engine.events(since="1h", until="0s", filters={"container": container.id})))
    assert found[-3:] == ["start", "die", "stop"]
    assert found.count("start") == found.count("die")


def test_a_change_of_health_is_an_event(engine: rocker.Engine, busybox_rootfs: Path) -> None:
    container = engine.run(
        rootfs=str(busybox_rootfs),
        command=["sh", "-c", ": > /well; exec sleep 1000"],
        detach=True,
        healthcheck=HealthCheck(("CMD-SHELL", "test -e /well"), interval=0.05, retries=2),
    )
    until(lambda: container.health == "healthy", "healthy")
    container.exec(["rm", "/well"])
    until(lambda: container.health == "unhealthy", "unhealthy")
    filters = {"event": "health_status", "container": container.id}

    def told() -> list[str]:
        return actions(list(engine.events(since="1h", until="0s", filters=filters)))

    # The state is written before the event of it.
    until(lambda: told()[-2:] == ["health_status: healthy", "health_status: unhealthy"], f"it is {told()}")
    probes = list(
        engine.events(since="1h", until="0s", filters={**filters, "event": ["exec_create", "exec_die"]})
    )
    begun, ended = probes[:2]
    assert begun["Action"] == "exec_create: /bin/sh -c test -e /well"
    assert len(begun["Actor"]["Attributes"]["execID"]) == 64
    assert ended["Actor"]["Attributes"].items() >= {
        "execID": begun["Actor"]["Attributes"]["execID"], "exitCode": "0",
    }.items()  # fmt: skip


def test_networks_and_who_joins_and_leaves_them_have_events(
    engine: rocker.Engine, busybox_rootfs: Path
) -> None:
    one, two = engine.networks.create("one"), engine.networks.create("two")
    container = engine.run(
        rootfs=str(busybox_rootfs), command=["sleep", "1000"], detach=True, network="one", name="web"
    )
    two.connect(container)
    two.disconnect(container)
    two.connect(container)
    container.stop(0)
    until(lambda: [event["Action"] for event in of(engine, "network")].count("disconnect") == 3, "the end")
    two.disconnect(container)
    container.remove()
    one.remove()
    engine.networks.prune()
    found = of(engine, "network")
    assert [(event["Action"], event["Actor"]["Attributes"].get("name")) for event in found] == [
        ("create", "one"), ("create", "two"), ("connect", "one"), ("connect", "two"), ("disconnect", "two"),
        ("connect", "two"), ("disconnect", "one"), ("disconnect", "two"), ("disconnect", "two"),
        ("destroy", "one"), ("destroy", "two"), ("prune", None),
    ]  # fmt: skip
    assert found[2]["Actor"] == {
        "ID": one.id,
        "Attributes": {"container": container.id, "name": "one", "type": "bridge"},
    }
    assert "status" not in found[2]


def test_volumes_and_their_mounts_have_events(engine: rocker.Engine, busybox_rootfs: Path) -> None:
    engine.volumes.create("data")
    engine.volumes.create("data")
    mounts = [VolumeMount("/data", "data"), VolumeMount("/kept", "kept", read_only=True)]
    container = engine.run(rootfs=str(busybox_rootfs), command=["true"], detach=True, mounts=mounts)
    until(lambda: [event["Action"] for event in of(engine, "volume")].count("unmount") == 2, "the end")
    container.remove()
    engine.volumes.get("data").remove()
    engine.volumes.prune(all=True)
    found = of(engine, "volume")
    assert [(event["Action"], event["Actor"]["ID"]) for event in found] == [
        ("create", "data"), ("create", "kept"), ("mount", "data"), ("mount", "kept"), ("unmount", "data"),
        ("unmount", "kept"), ("destroy", "data"), ("destroy", "kept"), ("prune", ""),
    ]  # fmt: skip
    assert found[0]["Actor"]["Attributes"] == {"driver": "local"}
    assert [found[number]["Actor"]["Attributes"]["read/write"] for number in (2, 3)] == ["true", "false"]
    assert found[2]["Actor"]["Attributes"] == {
        "container": container.id, "destination": "/data", "driver": "local", "propagation": "", "read/write": "true",
    }  # fmt: skip
