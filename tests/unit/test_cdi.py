# ruff: noqa: E501 -- one case a line
"""CDI: files, names, which counts, what they edit; requests for GPUs."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from rocker.cdi import directories, gpus
from rocker.cdi.inject import inject
from rocker.cdi.names import is_qualified, split
from rocker.cdi.registry import Registry
from rocker.engine.config import ContainerConfig
from rocker.engine.engine import Engine
from rocker.engine.keywords import options_of
from rocker.engine.options import Device, DeviceRequest, RunOptions
from rocker.engine.process import merge
from rocker.errors import InvalidArgumentError, NotFoundError, UnsupportedError
from rocker.parse.device import parse_device_or_name
from rocker.parse.gpus import parse_gpus

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def written(path: Path, text: str | dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    return path


def spec_of(*names: str, kind: str = "vendor.com/class", **members: Any) -> dict[str, Any]:
    devices = [{"name": name, "containerEdits": {"env": [f"DEVICE={name}"]}} for name in names]
    return {"cdiVersion": "0.8.0", "kind": kind, "devices": devices, **members}


def edited(tmp_path: Path, *requests: DeviceRequest, **options: Any) -> tuple[dict[str, Any], list[int]]:
    document: dict[str, Any] = {
        "process": {"env": ["PATH=/bin", "A=image"]},
        "mounts": [{"destination": "/dev"}, {"destination": "/dev/shm"}],
        "linux": {"resources": {"devices": []}},
    }
    config = merge(RunOptions(rootfs="/", command=("true",), device_requests=requests, **options), None)
    config = ContainerConfig.decode(config.encode())
    engine = Engine(tmp_path / "root", tmp_path / "run", cdi_spec_dirs=[str(tmp_path / "cdi")])
    return document, list(inject(engine, config, document))


def named(*names: str) -> DeviceRequest:
    return DeviceRequest("cdi", device_ids=names)


# --- names ---


@pytest.mark.parametrize(
    "text", ["v.com/c=n", "vendor.com/net-a.b_c=0", "a/b=0:1", "a/b=x", "v1.org/c=a_b.c-d"]
)
def test_a_name_is_qualified(text: str) -> None:
    kind, name = split(text)
    assert f"{kind}={name}" == text
    assert parse_device_or_name(text) == text


@pytest.mark.parametrize(
    "text", ["", "a", "a/b", "a=b", "/dev/null", "a/b=", "/b=c", "a/=c", "1a/b=c", "a/1b=c", "a-/b=c", "a/b=-c",
             "a/b=c-", "a/b=c d", "a/b/c=d", "ä/b=c", "a:b/c=d"],
)  # fmt: skip
def test_a_name_is_not_qualified(text: str) -> None:
    assert not is_qualified(text)


def test_what_is_no_name_is_a_path() -> None:
    assert parse_device_or_name("/dev/a=b:r") == Device("/dev/a=b", "/dev/a=b", "r")
    with pytest.raises(InvalidArgumentError, match="is not an absolute path"):
        parse_device_or_name("vendor.com/class=")


# --- files ---


def test_json_and_yaml_say_the_same(tmp_path: Path) -> None:
    members = {
        "cdiVersion": "1.1.0",
        "kind": "vendor.com/class",
        "annotations": {"a": "b"},
        "containerEdits": {"env": ["ALL=1"], "additionalGids": [44, 0]},
        "devices": [
            {
                "name": "0:1",
                "containerEdits": {
                    "deviceNodes": [
                        {"path": "/dev/x", "hostPath": "/dev/zero", "type": "c", "major": 1, "minor": 5,
                         "fileMode": 0o640, "permissions": "rw", "uid": 7, "gid": 8}
                    ],
                    "mounts": [{"hostPath": "/a", "containerPath": "/b", "options": ["ro", "bind"], "type": "bind"}],
                    "hooks": [{"hookName": "createContainer", "path": "/h", "args": ["h"], "env": ["A=1"], "timeout": 5}],
                },
            }
        ],
    }  # fmt: skip
    text = """
cdiVersion: 1.1.0
kind: vendor.com/class
annotations: {a: b}
containerEdits:
  env: [ALL=1]
  additionalGids: [44, 0]
  mounts:
devices:
- name: 0:1
  containerEdits:
    deviceNodes:
    - {path: /dev/x, hostPath: /dev/zero, type: c, major: 1, minor: 5, fileMode: 0640, permissions: rw, uid: 7, gid: 8}
    mounts:
    - {hostPath: /a, containerPath: /b, options: [ro, bind], type: bind}
    hooks:
    - {hookName: createContainer, path: /h, args: [h], env: [A=1], timeout: 5}
"""
    written(tmp_path / "json/x.json", members)
    written(tmp_path / "yaml/x.yaml", text)
    one, other = (Registry([str(tmp_path / form)]) for form in ("json", "yaml"))
    assert one.problems == other.problems == []
    (name, first), (same, second) = *one.devices.items(), *other.devices.items()
    assert name == same == "vendor.com/class=0:1"
    assert first.replace(path="") == second.replace(path="")
    assert first.edits.gids == [44]


WRONG = [
    ("{", "Expecting"),
    ("[]", "the specification: it is no object"),
    (spec_of("x", cdiVersion="2.0.0"), 'invalid version "2.0.0"'),
    (spec_of("x", kind="class"), "not of the form vendor.com/class"),
    (spec_of("x", kind="1v/class"), "should start with a letter"),
    (spec_of("x", colour=1), 'unknown field "colour"'),
    (spec_of(), "it has no devices"),
    (spec_of("x", "x"), 'multiple devices with name "x"'),
    (spec_of("-x"), "should start with a letter or digit"),
    (spec_of(devices=[{"name": "x"}]), 'invalid device "x", empty device edits'),
    (spec_of("x", containerEdits={"env": ["=a"]}), 'invalid environment variable "=a"'),
    (spec_of("x", containerEdits={"deviceNodes": [{}]}), "path is missing"),
    (spec_of("x", containerEdits={"deviceNodes": [{"path": "/a", "type": "x"}]}), 'invalid type "x"'),
    (spec_of("x", containerEdits={"deviceNodes": [{"path": "/a", "major": -1}]}), "no number from 0"),
    (spec_of("x", containerEdits={"deviceNodes": [{"path": "/a", "permissions": "x"}]}), "invalid permissions"),
    (spec_of("x", containerEdits={"mounts": [{"hostPath": "/a"}]}), "containerPath is missing"),
    (spec_of("x", containerEdits={"hooks": [{"hookName": "soon", "path": "/a"}]}), 'invalid hook name "soon"'),
    (spec_of("x", containerEdits={"hooks": [{"hookName": "poststop", "path": "a"}]}), "not absolute"),
    (spec_of("x", cdiVersion="0.6.0", containerEdits={"additionalGids": [1]}), "must be at least 0.7.0"),
    (spec_of("x", cdiVersion="0.5.0", annotations={}), "must be at least 0.6.0"),
    (spec_of("0", cdiVersion="0.4.0"), "must be at least 0.5.0"),
    (
        spec_of("x", cdiVersion="0.3.0", containerEdits={"mounts": [{"hostPath": "/", "containerPath": "/", "type": "x"}]}),
        "must be at least 0.4.0",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), WRONG)
def test_a_wrong_file_hides_its_own_devices_alone_and_says_why(
    tmp_path: Path, content: str | dict[str, Any], message: str
) -> None:
    path = written(tmp_path / "b.json", content)
    written(tmp_path / "a.json", spec_of("good", kind="other.com/class"))
    registry = Registry([str(tmp_path)])
    assert list(registry.devices) == ["other.com/class=good"]
    with pytest.raises(NotFoundError) as caught:
        registry.find(["vendor.com/class=x", "other.com/class=good"])
    assert caught.value.message == "CDI device injection failed: unresolvable CDI devices vendor.com/class=x"
    assert f"failed to load CDI Spec {path}: " in (caught.value.hint or "")
    assert message in (caught.value.hint or "")


def test_wrong_yaml_is_said_too(tmp_path: Path) -> None:
    written(tmp_path / "a.yaml", "a: [")
    written(tmp_path / "b.yaml", "&a [" + "[" * 5000)
    written(tmp_path / "c.txt", "{")
    assert len(Registry([str(tmp_path), str(tmp_path / "missing")]).problems) == 2


def test_a_later_directory_wins_and_twins_in_one_are_nobody(tmp_path: Path) -> None:
    written(tmp_path / "etc/a.json", spec_of("x", "y"))
    written(tmp_path / "run/a.json", spec_of("x", "z"))
    written(tmp_path / "run/b.json", spec_of("z"))
    registry = Registry([str(tmp_path / "etc"), str(tmp_path / "run")])
    found = {name: os.path.relpath(spec.path, tmp_path) for name, spec in registry.devices.items()}
    assert found == {"vendor.com/class=x": "run/a.json", "vendor.com/class=y": "etc/a.json"}
    with pytest.raises(NotFoundError, match=r"unresolvable CDI devices vendor\.com/class=z") as caught:
        registry.find(["vendor.com/class=z"])
    assert 'conflicting device "vendor.com/class=z"' in (caught.value.hint or "")


def test_where_files_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(directories.VARIABLE, raising=False)
    assert directories.of_engine(Engine(tmp_path)) == ("/etc/cdi", "/var/run/cdi")
    written(tmp_path / "config.json", {"cdi-spec-dirs": ["/srv/cdi"]})
    assert directories.of_engine(Engine(tmp_path)) == ["/srv/cdi"]
    monkeypatch.setenv(directories.VARIABLE, "/a:/b")
    assert directories.of_engine(Engine(tmp_path)) == ["/a", "/b"]
    assert directories.of_engine(Engine(tmp_path, cdi_spec_dirs=["/c"])) == ["/c"]
    monkeypatch.delenv(directories.VARIABLE)
    written(tmp_path / "config.json", {"cdi-spec-dirs": "/srv/cdi"})
    with pytest.raises(InvalidArgumentError, match="no list of absolute paths"):
        directories.of_engine(Engine(tmp_path))


# --- edits ---


def test_edits_are_made_once_for_the_file_and_once_for_each_device(tmp_path: Path) -> None:
    common = {"env": ["A=cdi", "COMMON=1"], "additionalGids": [44]}
    written(tmp_path / "cdi/a.json", spec_of("x", "y", containerEdits=common))
    document, groups = edited(tmp_path, named("vendor.com/class=x"), named("vendor.com/class=y"))
    assert document["process"]["env"] == ["PATH=/bin", "A=cdi", "COMMON=1", "DEVICE=y"]
    assert groups == [44]


def test_what_is_not_said_of_a_node_is_the_hosts(tmp_path: Path) -> None:
    nodes = [
        {"path": "/dev/own"} | {"hostPath": "/dev/zero"},
        {"path": "/dev/said", "type": "c", "major": 7, "minor": 9, "fileMode": 0o600, "permissions": "r", "uid": 1},
        {"path": "/dev/pipe", "type": "p"},
        {"path": "/dev/shut", "hostPath": "/dev/zero", "permissions": "none"},
    ]  # fmt: skip
    written(tmp_path / "cdi/a.json", spec_of("x", containerEdits={"deviceNodes": nodes}))
    document, _ = edited(tmp_path, named("vendor.com/class=x"), user="5:6")
    made = {node["path"]: node for node in document["linux"]["devices"]}
    assert made["/dev/own"] == {
        "path": "/dev/own", "type": "c", "major": 1, "minor": 5, "fileMode": 0o666, "uid": 5, "gid": 6,
    }  # fmt: skip
    assert made["/dev/said"]["fileMode"] == 0o600
    assert (made["/dev/said"]["major"], made["/dev/said"]["uid"], made["/dev/said"]["gid"]) == (7, 1, 6)
    assert made["/dev/pipe"]["type"] == "p"
    rules = [
        (rule["major"], rule["minor"], rule["access"]) for rule in document["linux"]["resources"]["devices"]
    ]
    assert rules == [(1, 5, "rwm"), (7, 9, "rm"), (1, 5, "m")]


def test_mounts_replace_what_is_there_and_come_after_their_parents(tmp_path: Path) -> None:
    source = str(tmp_path)
    mounts = [
        {"hostPath": source, "containerPath": "/a/b/c"},
        {"hostPath": source, "containerPath": "/dev/shm/", "options": ["ro", "bind"]},
        {"hostPath": "tmpfs", "containerPath": "/a", "type": "tmpfs", "options": ["size=1m"]},
    ]  # fmt: skip
    written(tmp_path / "cdi/a.json", spec_of("x", containerEdits={"mounts": mounts}))
    document, _ = edited(tmp_path, named("vendor.com/class=x"))
    assert document["mounts"] == [
        {"destination": "/dev"},
        {"destination": "/a", "type": "tmpfs", "source": "tmpfs", "options": ["size=1m"]},
        {"destination": "/dev/shm", "type": "bind", "source": source, "options": ["ro", "bind"]},
        {"destination": "/a/b/c", "type": "bind", "source": source, "options": ["rbind"]},
    ]


def test_hooks_of_one_sort_are_passed_on(tmp_path: Path) -> None:
    hook = {
        "hookName": "createContainer",
        "path": "/bin/hook",
        "args": ["hook", "x"],
        "env": ["A=1"],
        "timeout": 3,
    }
    written(
        tmp_path / "cdi/a.json", spec_of("x", containerEdits={"hooks": [hook, {**hook, "timeout": None}]})
    )
    document, _ = edited(tmp_path, named("vendor.com/class=x"))
    made = {"path": "/bin/hook", "args": ["hook", "x"], "env": ["A=1"]}
    assert document["hooks"] == {"createContainer": [{**made, "timeout": 3}, made]}


REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"intelRdt": {"closID": "a"}}, UnsupportedError, "intelRdt in .* is not supported"),
    ({"netDevices": [{"hostInterfaceName": "a", "name": "b"}]}, UnsupportedError, "netDevices"),
    ({"hooks": [{"hookName": "poststop", "path": "/a"}]}, UnsupportedError, "the sort poststop are not"),
    ({"deviceNodes": [{"path": "/x/y", "hostPath": "/dev/null"}]}, UnsupportedError, "does not lie in /dev"),
    ({"deviceNodes": [{"path": "/dev/no-such"}]}, NotFoundError, 'failed to stat CDI host device "/dev/no-such"'),
    ({"deviceNodes": [{"path": "/dev/x", "hostPath": "/etc"}]}, InvalidArgumentError, "not a device node"),
    ({"deviceNodes": [{"path": "/dev/null", "type": "b"}]}, InvalidArgumentError, r"type mismatch \(b, c\)"),
    ({"mounts": [{"hostPath": "/no-such", "containerPath": "/x"}]}, NotFoundError, "does not exist: /no-such"),
    ({"mounts": [{"hostPath": "/", "containerPath": "x"}]}, InvalidArgumentError, "no absolute path"),
]  # fmt: skip


@pytest.mark.parametrize(("edits", "error", "message"), REFUSED)
def test_what_cannot_be_done_is_refused_by_name(
    tmp_path: Path, edits: dict[str, Any], error: type[Exception], message: str
) -> None:
    written(tmp_path / "cdi/a.json", spec_of("x", cdiVersion="1.1.0", containerEdits=edits))
    with pytest.raises(error, match=message):
        edited(tmp_path, named("vendor.com/class=x"))


# --- GPUs ---


def requested(**members: Any) -> DeviceRequest:
    return DeviceRequest(**{"capabilities": (["gpu"],), **members})


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("all", requested(count=-1)),
        ("2", requested(count=2)),
        ("count=3,driver=nvidia", requested(count=3, driver="nvidia")),
        ("device=1", requested(device_ids=["1"])),
        ('"device=0,GPU-ab"', requested(device_ids=["0", "GPU-ab"])),
        ("device=0,1", requested(device_ids=["0", "1"])),
        ("capabilities=utility", requested(count=1, capabilities=(["utility", "gpu"],))),
        (
            'all,"capabilities=compute,utility"',
            requested(count=-1, capabilities=(["compute", "utility", "gpu"],)),
        ),
        ("options=a=b", requested(count=1, options={"a": "b"})),
    ],
)
def test_a_request_for_gpus_is_read(text: str, request_: DeviceRequest) -> None:
    assert parse_gpus(text) == request_


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", 'invalid count (x): value must be either "all" or an integer: invalid syntax'),
        ("count=x", 'invalid count (x): value must be either "all" or an integer: invalid syntax'),
        ("all,2", "gpu request key '2' can be specified only once"),
        ("device=0,device=1", "gpu request key 'device' can be specified only once"),
        ("colour=1", "unexpected key 'colour' in 'colour=1'"),
    ],
)
def test_a_wrong_request_is_refused_in_dockers_words(text: str, message: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        parse_gpus(text)
    assert caught.value.message == message


@pytest.fixture
def offering(tmp_path: Path) -> Callable[..., Registry]:
    def make(**kinds: list[str]) -> Registry:
        for vendor, names in kinds.items():
            written(tmp_path / f"{vendor}.json", spec_of(*names, kind=f"{vendor}.com/gpu"))
        return Registry([str(tmp_path)])

    return make


def test_gpus_are_cdi_names_as_with_podman_and_docker(offering: Callable[..., Registry]) -> None:
    registry = offering(nvidia=["0", "1", "all"])

    def names(text: str) -> list[str]:
        return gpus.names_of([parse_gpus(text)], registry)

    assert names("all") == ["nvidia.com/gpu=all"]
    assert names("2") == ["nvidia.com/gpu=0", "nvidia.com/gpu=1"]
    assert names('"device=1,other.com/gpu=x"') == ["nvidia.com/gpu=1", "other.com/gpu=x"]
    assert names("0") == []
    assert names("driver=cdi,device=a.b/c=d") == ["a.b/c=d"]
    assert gpus.names_of([parse_gpus("1"), named("nvidia.com/gpu=0")], registry) == ["nvidia.com/gpu=0"]


def test_amd_is_taken_where_it_alone_is_there_or_is_named(offering: Callable[..., Registry]) -> None:
    registry = offering(amd=["0", "1"])
    assert gpus.names_of([parse_gpus("all")], registry) == ["amd.com/gpu=0", "amd.com/gpu=1"]
    both = offering(nvidia=["all"])
    assert gpus.names_of([parse_gpus("all")], both) == ["nvidia.com/gpu=all"]
    assert gpus.names_of([parse_gpus("driver=amd")], both) == ["amd.com/gpu=0"]
    assert gpus.names_of([parse_gpus("capabilities=amd")], both) == ["amd.com/gpu=0"]


def test_gpus_that_nobody_offers(offering: Callable[..., Registry]) -> None:
    with pytest.raises(
        NotFoundError, match=r'could not select device driver "" with capabilities: \[\[gpu\]\]'
    ):
        gpus.names_of([parse_gpus("all")], offering())
    registry = offering(nvidia=["0"])
    with pytest.raises(InvalidArgumentError, match=r'driver "x" with capabilities: \[\[gpu\]\]'):
        gpus.names_of([parse_gpus("driver=x")], registry)
    with pytest.raises(InvalidArgumentError, match=r"capabilities: \[\[tpu gpu\]\]"):
        gpus.names_of([parse_gpus("capabilities=tpu")], registry)
    with pytest.raises(InvalidArgumentError, match="cannot set both Count and DeviceIDs"):
        gpus.names_of([parse_gpus("count=1,device=0")], registry)
    with pytest.raises(NotFoundError) as caught:
        registry.find(gpus.names_of([parse_gpus("2")], registry))
    assert caught.value.message.endswith("unresolvable CDI devices nvidia.com/gpu=1")
    assert "have nvidia.com/gpu=0" in (caught.value.hint or "")


def test_the_keywords_of_python_say_the_same() -> None:
    options = options_of("x", ["y"], {"devices": ["/dev/null:r", "a.b/c=d"], "gpus": "all"})
    assert options.devices == (Device("/dev/null", "/dev/null", "r"),)
    assert options.device_requests == (requested(count=-1), DeviceRequest("cdi", device_ids=["a.b/c=d"]))
    assert options_of("x", ["y"], {"gpus": 2}).device_requests == (requested(count=2),)
