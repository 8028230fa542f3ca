"""User namespaces: whose files, processes and networks a container's are, and whose range of ids."""

from __future__ import annotations

import io
import json
import os
import socket
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import rocker
from helpers.attack import base_layer, data_layer, docker_archive
from helpers.until import until
from rocker.engine import id_ranges
from rocker.errors import ConflictError, InvalidArgumentError, RockerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from helpers.engine import EngineRoots
    from helpers.terminal import Terminal
    from rocker import Container, Engine

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="containers need root")

SIZE = 65536


@pytest.fixture
def image(engine: Engine, engine_roots: EngineRoots) -> str:
    engine_roots.cli("load", stdin=docker_archive([base_layer(), data_layer()], "data:1"), check=True)
    return "data:1"


@pytest.fixture
def busybox(engine: Engine, engine_roots: EngineRoots, busybox_image: Path) -> str:
    engine_roots.cli("load", "-i", busybox_image, check=True)
    return "busybox"


def start(engine: Engine, image: str, *command: str, **options: object) -> Container:
    options.setdefault("userns", "auto")
    return engine.run(image, command or ("sleep", "1000"), detach=True, **options)  # type: ignore[call-overload,no-any-return]


def pid_of(container: Container) -> int:
    return int(container.inspect()["State"]["Pid"])


def span_of(engine: Engine, container: Container) -> tuple[int, int]:
    found = id_ranges.find(engine, container.id)
    assert found is not None
    return found


def owner_outside(container: Container) -> int:
    return Path(f"/proc/{pid_of(container)}").stat().st_uid


def test_root_is_nobody_on_the_host_and_everything_is_there(engine: Engine, busybox: str) -> None:
    script = """
        set -e
        id -u; id -g
        cat /proc/self/uid_map
        for node in null zero full random urandom tty; do test -c /dev/$node; done
        echo x > /dev/null; head -c 1 /dev/zero | wc -c
        echo said > /dev/stdout
        stat -c '%u:%g' / /bin/busybox /etc/hosts /dev /dev/null /proc /dev/shm
        touch /made && chown 7:8 /made && stat -c '%u:%g' /made
        test "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" = 0
        echo $(cat /proc/sys/net/ipv4/ping_group_range)
        ls /sys/class/net /sys/fs/cgroup > /dev/null
        hostname
    """
    result = engine.run(busybox, ["sh", "-c", script], userns="auto", hostname="inside")
    lines = result.text.splitlines()
    assert lines[:2] == ["0", "0"]
    assert lines[2].split()[0] == "0"
    start_id, size = int(lines[2].split()[1]), int(lines[2].split()[2])
    assert (start_id >= 1 << 16, size) == (True, SIZE)
    assert lines[3:5] == ["1", "said"]
    assert lines[5:10] == ["0:0"] * 5
    assert lines[10] == "65534:65534"  # procfs's root belongs to the host's
    assert lines[11:14] == ["0:0", "7:8", f"0 {SIZE - 1}"]
    assert lines[14] == "inside"
    assert engine.catalog.query("SELECT * FROM id_ranges") == []


@pytest.mark.parametrize("userns", ["auto", "private", "auto:size=2000"])
def test_ranges_are_disjoint_shown_and_given_back(engine: Engine, busybox: str, userns: str) -> None:
    first, second = (start(engine, busybox, userns=userns) for _ in range(2))
    spans = [span_of(engine, container) for container in (first, second)]
    assert {size for _, size in spans} == {2000 if ":" in userns else SIZE}
    assert abs(spans[0][0] - spans[1][0]) >= spans[0][1]
    for container, (low, _) in zip((first, second), spans, strict=True):
        assert owner_outside(container) == low
        assert container.inspect()["HostConfig"]["UsernsMode"] == userns
    first.restart(timeout=0)
    assert span_of(engine, first) == spans[0]
    first.remove(force=True)
    assert engine.catalog.query("SELECT start FROM id_ranges") == [(spans[1][0],)]
    third = start(engine, busybox, userns=userns)
    assert span_of(engine, third) == spans[0]
    for container in (second, third):
        container.remove(force=True)
    assert engine.catalog.query("SELECT * FROM id_ranges") == []


def test_a_range_of_a_container_that_cannot_be_made_is_given_back(engine: Engine, busybox: str) -> None:
    for options in (
        {"command": ["no-such-program"]},
        {"command": ["true"], "user": "2147483647"},
        {"command": ["true"], "network": "nowhere"},
    ):
        with pytest.raises(RockerError):
            engine.run(busybox, userns="auto", **options)  # type: ignore[arg-type,call-overload]
    assert engine.catalog.query("SELECT * FROM id_ranges") == []


def test_a_user_that_is_not_mapped_is_named(engine: Engine, busybox: str) -> None:
    with pytest.raises(InvalidArgumentError, match="user 70000 is not in the container's user namespace"):
        engine.run(busybox, ["true"], userns="auto", user="70000")
    assert engine.run(busybox, ["id", "-u"], userns="auto", user="1000:1000").text.strip() == "1000"


def test_a_process_of_exec_is_in_it_with_the_limits_that_were_asked_for(engine: Engine, busybox: str) -> None:
    container = start(engine, busybox, oom_score_adj=321, ulimits=["nofile=1000:2000"])
    script = "id -u; cat /proc/self/uid_map; cat /proc/self/oom_score_adj; ulimit -n; echo x > /dev/stdout"
    found = container.exec(["sh", "-c", script]).text.splitlines()
    low, size = span_of(engine, container)
    assert [found[0], found[1].split(), *found[2:]] == ["0", ["0", str(low), str(size)], "321", "1000", "x"]
    assert container.exec(["id", "-u"], user="5").text.strip() == "5"
    assert (
        container.exec(["readlink", "/proc/self/ns/user"]).text
        == container.exec(["readlink", "/proc/1/ns/user"]).text
    )
    process = Path(f"/proc/{pid_of(container)}")
    assert (process / "oom_score_adj").read_text().strip() == "321"
    # In its own cgroup, of every hierarchy that limits it (CVE-2025-47291).
    cgroups = dict(line.split(":", 2)[1:] for line in (process / "cgroup").read_text().splitlines())
    assert [path for path in (cgroups[""], cgroups.get("pids"), cgroups.get("memory")) if path] != []
    for kind in {"", "pids", "memory"} & cgroups.keys():
        assert cgroups[kind].endswith(container.id), kind


def test_a_terminal_belongs_to_its_root(busybox: str, terminal: Callable[..., Terminal]) -> None:
    shell = terminal("run", "--rm", "-it", "--userns=auto", busybox, "sh")
    shell.send(b"stat -c 'owner=%u' $(tty); echo rea''dy > /dev/console; tty\n")
    shell.expect(b"owner=0")
    shell.expect(b"ready")
    shell.expect(b"/dev/pts/0")
    shell.send(b"exit\n")
    assert shell.wait() == 0


def test_files_on_the_disk_are_the_containers_own_ids(
    engine: Engine, image: str, engine_roots: EngineRoots
) -> None:
    container = start(
        engine, image, "sh", "-c", "touch /mine; chown 5:6 /mine; touch /bin/busybox; exec sleep 1000"
    )
    upper = Path(engine.directory(container.id)) / "upper"
    until(lambda: (upper / "mine").exists() and (upper / "mine").stat().st_uid == 5)
    assert (upper.stat().st_uid, (upper / "mine").stat().st_gid) == (0, 6)
    low, _ = span_of(engine, container)
    outside = Path(f"/proc/{pid_of(container)}/root/mine").stat()
    assert (outside.st_uid, outside.st_gid) == (low + 5, low + 6)


@pytest.mark.parametrize("state", ["running", "exited"])
def test_copies_commits_and_exports_have_the_ids_of_the_container(
    engine: Engine, busybox: str, tmp_path: Path, state: str
) -> None:
    script = "mkdir /d && echo hi > /d/f && chown -R 5:6 /d && chmod 4755 /d/f; touch /ready"
    last = "exec sleep 1000" if state == "running" else "true"
    container = start(engine, busybox, "sh", "-c", f"{script}; {last}")
    if state == "running":
        until(lambda: container.exec(["test", "-e", "/ready"]).exit_code == 0)
    else:
        container.wait(20)
    with tarfile.open(fileobj=io.BytesIO(archive_of(container, "/d", tmp_path))) as archive:
        assert {(member.name, member.uid, member.gid) for member in archive} == {("d", 5, 6), ("d/f", 5, 6)}
    with (tmp_path / "export").open("w+b") as file:
        container.export(file.fileno())
        file.seek(0)
        with tarfile.open(fileobj=file) as archive:
            assert {member.uid for member in archive if member.name.startswith("d/")} == {5}
            assert {member.uid for member in archive if member.name == "bin/busybox"} == {0}
    (tmp_path / "in").mkdir()
    (tmp_path / "in/x").write_text("x")
    os.chown(tmp_path / "in/x", 1000, 1001)
    container.copy_to(str(tmp_path / "in"), "/d/in", archive=True)
    container.commit("changed:1")
    look = "stat -c '%u:%g %n' /d /d/f /d/in /d/in/x"
    wanted = ["5:6 /d", "5:6 /d/f", "0:0 /d/in", "1000:1001 /d/in/x"]
    if state == "running":
        assert container.exec(["sh", "-c", look]).text.splitlines() == wanted
    container.remove(force=True)
    for userns in ("host", "auto"):
        assert engine.run("changed:1", ["sh", "-c", look], userns=userns).text.splitlines() == wanted


def archive_of(container: Container, path: str, tmp_path: Path) -> bytes:
    with (tmp_path / "out").open("w+b") as file:
        container.get_archive(path, file.fileno())
        file.seek(0)
        return file.read()


def test_a_volume_is_shared_by_the_ids_as_they_are_stored(engine: Engine, image: str) -> None:
    """Filled from the image, written by one, read by another with another range, and by one with the host's."""
    write = "stat -c '%u:%g' /data/* | sort -u; echo one > /data/one; chown 5:6 /data/one"
    filled = engine.run(image, ["sh", "-c", write], userns="auto", mounts=["notes:/data"]).text.splitlines()
    assert "0:0" in filled
    assert all(int(line.split(":")[0]) < SIZE for line in filled)
    stored = Path(engine.root) / "volumes/notes/_data/one"
    assert (stored.stat().st_uid, stored.stat().st_gid) == (5, 6)
    assert not (stored.parent.parent / "filling").exists()
    for userns in ("auto", "host"):
        look = ["sh", "-c", "stat -c '%u:%g' /data/one; cat /data/one"]
        found = engine.run(image, look, userns=userns, mounts=["notes:/data"])
        assert found.text.splitlines() == ["5:6", "one"]


def test_binds_show_nobody_unless_they_are_mapped(engine: Engine, busybox: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "of-five").write_text("")
    os.chown(source / "of-five", 5, 6)
    look = ["sh", "-c", "stat -c '%u:%g' /b /b/of-five; touch /b/new 2>/dev/null && stat -c '%u:%g' /b/new"]
    plain = engine.run(busybox, look, userns="auto", mounts=[f"{source}:/b"])
    assert plain.text.splitlines() == ["65534:65534", "65534:65534"]
    mapped = engine.run(busybox, look, userns="auto", mounts=[f"{source}:/b:idmap"])
    assert mapped.text.splitlines() == ["0:0", "5:6", "0:0"]
    assert (source / "new").stat().st_uid == 0
    with pytest.raises(InvalidArgumentError, match="cannot be id-mapped: the container has the host's ids"):
        engine.run(busybox, ["true"], mounts=[f"{source}:/b:idmap"])
    with pytest.raises(RockerError, match=r"mount `/b`: the file system.* cannot be id-mapped"):
        engine.run(busybox, ["true"], userns="auto", mounts=["/proc/self/fdinfo:/b:idmap"])


def test_a_plain_directory_is_mapped_and_never_written(engine: Engine, busybox_rootfs: Path) -> None:
    script = ["sh", "-c", "stat -c '%u' /bin/busybox; touch /bin/new; stat -c '%u' /bin/new"]
    found = engine.run(command=script, rootfs=str(busybox_rootfs), userns="auto")
    assert found.text.splitlines() == ["0", "0"]
    assert not (busybox_rootfs / "bin/new").exists()


def test_capabilities_are_over_its_own_namespaces(engine: Engine, busybox: str) -> None:
    script = """
        set -e
        mount -t tmpfs none /mnt && touch /mnt/x
        ip link add dummy0 type bridge && ip link del dummy0
        hostname changed && hostname
        mknod /node c 1 3 2>/dev/null && echo made || echo refused
        mount -t ext4 /dev/vda /mnt 2>/dev/null && echo mounted || echo refused
    """
    caps = ["SYS_ADMIN", "NET_ADMIN", "MKNOD"]
    options = {"cap_add": caps, "security_opt": ["seccomp=unconfined"]}
    found = engine.run(busybox, ["sh", "-c", f"mkdir -p /mnt; {script}"], userns="auto", **options)  # type: ignore[arg-type,call-overload]
    assert found.text.splitlines() == ["changed", "refused", "refused"]


def test_it_is_started_again_by_its_policy_with_its_network(engine: Engine, busybox: str) -> None:
    script = "test -e /again && exec sleep 1000; touch /again; exit 1"
    options = {"restart_policy": "on-failure:3", "mounts": ["kept:/v"]}
    container = start(engine, busybox, "sh", "-c", script, **options)
    until(lambda: container.inspect()["RestartCount"] == 1)
    until(lambda: pid_of(container))
    low, size = span_of(engine, container)
    assert owner_outside(container) == low
    names = container.exec(["ls", "/sys/class/net"]).text.split()
    assert "eth0" in names
    assert container.exec(["stat", "-c", "%u", "/v"]).text.strip() == "0"
    assert container.exec(["cat", "/proc/self/uid_map"]).text.split() == ["0", str(low), str(size)]


def test_namespaces_of_others_are_joined_with_their_user_namespace_alone(
    engine: Engine, busybox: str
) -> None:
    donor = start(engine, busybox, name="donor", ipc="shareable")
    plain = start(engine, busybox, name="plain", userns="host")
    for kind in ("network", "pid", "ipc"):
        with pytest.raises(ConflictError, match="it belongs to another user namespace") as caught:
            engine.run(busybox, ["true"], userns="auto", **{kind: "container:donor"})  # type: ignore[arg-type,call-overload]
        assert "--userns=container:donor" in str(caught.value.hint)
        with pytest.raises(ConflictError, match="it belongs to another user namespace"):
            engine.run(busybox, ["true"], userns="private", **{kind: "container:plain"})  # type: ignore[arg-type,call-overload]
        look = [
            "sh",
            "-c",
            "readlink /proc/self/ns/user; cat /proc/self/uid_map; ls /sys/class /dev/mqueue >/dev/null",
        ]
        joined = engine.run(busybox, look, userns="container:donor", **{kind: "container:donor"})  # type: ignore[arg-type,call-overload]
        assert joined.text.splitlines()[0] == donor.exec(["readlink", "/proc/self/ns/user"]).text.strip()
        # The host's root may enter what it likes.
        assert (
            engine.run(busybox, ["id", "-u"], userns="host", **{kind: "container:donor"}).text.strip() == "0"
        )  # type: ignore[arg-type,call-overload]
    assert engine.run(busybox, ["cat", "/proc/self/uid_map"], userns="container:plain").text.split()[1] == "0"
    follower = start(engine, busybox, userns="container:donor")
    assert span_of(engine, follower) == span_of(engine, donor)
    low, _ = span_of(engine, donor)
    donor.remove(force=True)
    other = start(engine, busybox)
    assert span_of(engine, other)[0] != low  # the follower still has it
    for container in (follower, other, plain):
        container.remove(force=True)


def test_the_configuration_turns_it_on_for_all_and_host_off_for_one(
    engine: Engine, engine_roots: EngineRoots, busybox: str
) -> None:
    (engine_roots.root / "config.json").write_text(json.dumps({"userns": "auto"}))
    look = ["cat", "/proc/self/uid_map"]
    assert engine.run(busybox, look).text.split()[2] == str(SIZE)
    assert engine.run(busybox, look, userns="host").text.split()[2] == "4294967295"
    donor = start(engine, busybox, userns=None, name="donor")
    joined = engine.run(busybox, look, network="container:donor")
    assert joined.text.split()[1] == str(span_of(engine, donor)[0])
    assert "name=userns" in engine.info()["SecurityOptions"]
    refused = engine_roots.cli("run", "--privileged", busybox, "true")
    assert refused.returncode == 125
    assert "privileged mode is incompatible with user namespaces." in refused.stderr
    (engine_roots.root / "config.json").write_text('{"userns": "yes"}')
    refused = engine_roots.cli("run", busybox, "true")
    assert "config.json: userns: invalid USER mode: yes" in refused.stderr
    donor.remove(force=True)


def test_ports_health_top_and_stats_work(engine: Engine, busybox: str) -> None:
    container = start(
        engine, busybox, "httpd", "-f", "-p", "80", "-h", "/bin",
        ports={"80/tcp": None}, healthcheck=["true"], user="1000", init=True,
    )  # fmt: skip
    until(lambda: container.inspect()["State"]["Health"]["Status"] == "healthy")
    port = container.inspect()["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"]
    with socket.create_connection(("127.0.0.1", int(port)), 20) as client:
        client.sendall(b"HEAD /busybox HTTP/1.0\r\n\r\n")
        assert client.recv(7) == b"HTTP/1."
    low, _ = span_of(engine, container)
    # ps(1) cuts long numbers: `2809660+`.
    assert {row[0][:7] for row in container.top()["Processes"]} <= {str(low)[:7], str(low + 1000)[:7]}


def test_an_older_kernels_overlay_is_mapped_too(
    engine: Engine, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Linux before 6.15: everything by path."""
    monkeypatch.setenv("ROCKER_OVERLAY", "path")
    script = [
        "sh",
        "-c",
        "stat -c %u /bin/busybox; touch /bin/new; stat -c %u /bin/new; cat /proc/self/uid_map",
    ]
    found = engine.run(image, script, userns="auto").text.split()
    assert (found[:2], found[4]) == (["0", "0"], str(SIZE))


def test_an_image_of_several_layers_is_mounted_with_its_owners(engine: Engine, image: str) -> None:
    mounts = [rocker.ImageMount(image, "/i"), rocker.ImageMount(image, "/sub", subpath="bin")]
    script = ["sh", "-c", "stat -c '%u:%g' /i/bin/busybox /sub/busybox; touch /i/new"]
    result = engine.run(image, script, userns="auto", mounts=mounts)
    assert result.text.splitlines()[:2] == ["0:0", "0:0"]
    assert b"Read-only file system" in result.stderr


def test_small_limits_leave_room_for_the_start(engine: Engine, busybox: str) -> None:
    """What helps to start it is not in its cgroup."""
    assert engine.run(busybox, ["echo", "ran"], userns="auto", pids_limit=1).text.strip() == "ran"
    assert (
        engine.run(busybox, ["sh", "-c", "ulimit -n"], userns="auto", ulimits=["nofile=20:20"]).text.strip()
        == "20"
    )


def test_a_device_belongs_to_the_containers_ids(engine: Engine, busybox: str) -> None:
    found = engine.run(
        busybox, ["sh", "-c", "stat -c '%u:%t:%T' /dev/mine; head -c 3 /dev/mine | wc -c"], userns="auto",
        devices=["/dev/zero:/dev/mine"],
    )  # fmt: skip
    assert found.text.split() == ["0:1:5", "3"]


def test_a_network_is_joined_and_left_while_it_runs(engine: Engine, busybox: str) -> None:
    other = engine.networks.create("other")
    container = start(engine, busybox)
    other.connect(container)
    assert "eth1" in container.exec(["ls", "/sys/class/net"]).text.split()
    assert container.exec(["sh", "-c", "stat -c %u /etc/hosts; echo '# x' >> /etc/hosts"]).text.strip() == "0"
    other.disconnect(container)
    assert "eth1" not in container.exec(["ls", "/sys/class/net"]).text.split()
    container.remove(force=True)
    other.remove()
