"""T15, T31: an image's configuration is data; none of it commands the engine or reads the caller's secrets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from helpers.attack import SECRET, base_layer, docker_archive
from rocker.errors import RockerError

if TYPE_CHECKING:
    from helpers.attack import Box, Canary

CONTROL = {
    "rocker.privileged": "true",
    "io.rocker.privileged": "true",
    "rocker.mounts": "/:/host",
    "run.oci.handler": "krun",
    "run.oci.keep_original_groups": "1",
    "run.oci.seccomp.unconfined": "1",
    "run.oci.hooks.stdout": "/canary",
    "org.systemd.property.ExecStopPost": "'/bin/false'",
    "io.podman.annotations.privileged": "TRUE",
    "io.podman.annotations.seccomp": "unconfined",
    "io.podman.annotations.userns": "host",
    "io.containers.autoupdate": "registry",
    "io.containerd.runc.v2.group": "../../..",
    "io.kubernetes.cri-o.Devices": "/dev/kmsg",
    "io.kubernetes.cri-o.userns-mode": "host",
    "nvidia.com/gpu": "all",
    "com.docker.compose.project": "../..",
    "RUN": "docker run --privileged",
}
LOOK = (
    "grep -E '^(Cap|Seccomp|NoNew|Groups|Uid)' /proc/self/status; ulimit -a; ls /dev; cat /proc/self/cgroup;"
    " while read _ _ _ root at rest; do echo $root $at $rest; done </proc/self/mountinfo; cat /proc/self/oom_score_adj"
)


def look(box: Box, image: str) -> list[str]:
    result = box.sh(LOOK, image=image)
    assert result.exit_code == 0, result.stderr
    numbers = str.maketrans("", "", "0123456789")  # of devices, which differ from start to start
    return [
        line.translate(numbers)
        if "overlay" in line or "tmpfs" in line or "/dev" in line or "/etc" in line
        else line
        for line in result.text.replace(result.container_id, "ID").splitlines()
        if "proc" not in line and "sysfs" not in line and "mqueue" not in line and "cgroup" not in line
    ]


@pytest.mark.attack("T15")
def test_labels_and_annotations_of_an_image_change_nothing_of_its_containers(box: Box) -> None:
    layers = [base_layer()]
    box.load(docker_archive(layers, "plain:1"))
    hostile = {"Labels": CONTROL, "Annotations": CONTROL, "HostConfig": {"Privileged": True, "Binds": ["/:/host"]},
               "SecurityOpt": ["seccomp=unconfined"], "CapAdd": ["ALL"], "Privileged": True, "Healthcheck": {
                   "Test": ["CMD-SHELL", "touch /canary"]}, "OnBuild": ["RUN touch /canary"], "Shell": ["/canary"],
               "Hooks": {"prestart": [{"path": "/bin/touch", "args": ["touch", "/canary"]}]}}  # fmt: skip
    more = {"annotations": CONTROL, "hooks": hostile["Hooks"], "HostConfig": hostile["HostConfig"], "linux": {
        "maskedPaths": [], "seccomp": None}}  # fmt: skip
    box.load(docker_archive(layers, "hostile:1", hostile, **more))
    assert look(box, "hostile:1") == look(box, "plain:1")
    documents = []
    for image in ("plain:1", "hostile:1"):
        container = box.start("sleep", "1000", image=image, name="x")
        documents.append(json.loads(box.roots.cli("inspect", "x", check=True).stdout)[0])
        container.remove(force=True)
    assert documents[0]["HostConfig"] == documents[1]["HostConfig"]
    assert documents[1]["Config"]["Labels"]["rocker.privileged"] == "true"


@pytest.mark.attack("T15")
@pytest.mark.parametrize(
    "config",
    [
        {"WorkingDir": "../../../../etc"},
        {"WorkingDir": "/proc/self/fd/8"},
        {"WorkingDir": "/a\0b"},
        {"User": "0:0\nroot"},
        {"User": "4294967296"},
        {"StopSignal": "KILL; touch /canary"},
        {"Entrypoint": ["/bin/sh", "-c", "exit 0", "\0"]},
        {"Env": ["PATH=/bin", "A=b\0c", "=x", "", "*", "LD_PRELOAD=/canary.so"]},
        {"ExposedPorts": {"../../x": {}}},
        {"Labels": {"a": 1}},
        {"Cmd": "not a list"},
        {"Env": "not a list"},
    ],
)
def test_a_hostile_value_is_refused_in_words_or_harmless(box: Box, config: dict) -> None:
    loaded = box.roots.cli("load", stdin=docker_archive([base_layer()], "hostile:1", config))
    key = next(iter(config))
    if loaded.returncode:
        assert "Traceback" not in loaded.stderr
        assert key.lower() in loaded.stderr.lower(), loaded.stderr
        assert box.roots.cli("images", "-q").stdout == ""
        return
    try:
        result = box.sh("pwd; id -u", image="hostile:1", entrypoint="")
    except RockerError as error:
        assert len(error.message) > 20, error.message
    else:
        inside, user = result.text.split()
        assert inside.startswith("/")
        assert user == "0"


@pytest.mark.attack("T31")
@pytest.mark.parametrize(
    "env", [["CANARY"], ["CANARY*"], ["*"], ["CANARY", "CANARY*", "*", "PATH"], ["=CANARY"]]
)
def test_an_image_reads_nothing_of_the_callers_environment(
    box: Box, monkeypatch: pytest.MonkeyPatch, env: list[str]
) -> None:
    """CVE-2026-57231: an entry without `=`, or `*`, took it from the host."""
    monkeypatch.setenv("CANARY", SECRET)
    box.load(docker_archive([base_layer()], "hostile:1", {"Env": ["PATH=/bin", *env]}))
    result = box.sh("env; cat /proc/self/environ", image="hostile:1")
    assert b"canary-" not in result.stdout
    assert "PATH=/bin" in result.text.splitlines()


@pytest.mark.attack("T31")
@pytest.mark.parametrize("init", [False, True])
def test_secrets_of_the_caller_and_of_another_container_reach_no_container(
    box: Box, monkeypatch: pytest.MonkeyPatch, init: bool
) -> None:
    monkeypatch.setenv("CANARY", SECRET)
    first = box.start("sleep", "1000", env=[f"TOKEN={SECRET}"])
    script = "env; cat /proc/*/environ /proc/*/cmdline; grep -rs canary- /etc /run /dev/shm /tmp"
    second = box.start("sh", "-c", f"{script}; sleep 1000", init=init)
    inside = second.exec(["sh", "-c", script])
    # The search itself may be among the processes, its arguments separated by zero bytes.
    seen = inside.stdout.replace(b"\0", b" ").replace(b"grep -rs canary- ", b"")
    assert b"canary-" not in seen
    assert SECRET.encode() not in second.logs()
    for arguments in (
        ["logs", second.id],
        ["inspect", second.id],
        ["ps", "-a", "--no-trunc"],
        ["top", second.id],
    ):
        assert SECRET not in box.roots.cli(*arguments, check=True).stdout
    state = [path.read_text(errors="replace") for path in box.roots.run.rglob("*") if path.is_file()]
    assert not [text for text in state if SECRET in text]
    first.remove(force=True)
    second.remove(force=True)


@pytest.mark.attack("T31")
def test_the_engines_own_processes_keep_nothing_of_the_callers_environment(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", SECRET)
    container = box.roots.cli("run", "-d", "--rootfs", box.tree, "sleep", "1000", check=True)
    found = 0
    for process in box.roots.processes():
        with open(f"/proc/{process.pid}/environ", "rb") as file:
            assert SECRET.encode() not in file.read(), process
        found += 1
    assert found >= 2
    box.roots.cli("rm", "-f", container.stdout.strip(), check=True)


@pytest.mark.attack("T31")
def test_history_and_inspect_of_an_image_show_only_what_it_holds(
    box: Box, canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", SECRET)
    box.load(docker_archive([base_layer()], "hostile:1", {"Env": ["CANARY", "PATH=/bin"]}, history=[
        {"created_by": f"RUN $CANARY $(cat {canary.directory}/file)"}]))  # fmt: skip
    for arguments in (["history", "--no-trunc", "hostile:1"], ["inspect", "hostile:1"]):
        done = box.roots.cli(*arguments, check=True)
        assert SECRET not in done.stdout + done.stderr
