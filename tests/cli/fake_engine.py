"""An engine that remembers what it was asked, for tests of the command line."""

from __future__ import annotations

import os
from typing import Any

from rocker.errors import (
    ContainerNotFoundError,
    ImageNotFoundError,
    NetworkNotFoundError,
    RockerError,
    VolumeNotFoundError,
)

ID = "0123456789abcdef" * 4


class FakeSession:
    def __init__(self, event: dict[str, Any]) -> None:
        self.event = event
        self.asked: dict[str, Any] = {}
        self.closed = False

    def proxy(self, stdin: int, stdout: int, stderr: int, **options: Any) -> dict[str, Any]:
        self.asked = options
        return self.event

    def resize(self, width: int, height: int) -> None:
        self.asked["size"] = (width, height)

    def close(self) -> None:
        self.closed = True


class FakeContainer:
    def __init__(self, engine: FakeEngine, name: str, container_id: str = ID) -> None:
        self.engine = engine
        self.name = name
        self.id = container_id
        self.status = "running"
        self.tty = False
        self.options: Any = None

    def __getattr__(self, verb: str) -> Any:
        if verb.startswith("_"):
            raise AttributeError(verb)

        def call(*arguments: Any, **options: Any) -> Any:
            self.engine.calls.append((verb, self.name, arguments, options))
            if verb in self.engine.failures:
                raise self.engine.failures[verb]
            return self.engine.answers.get(verb)

        return call

    def launch(self, **options: Any) -> FakeSession:
        self.engine.calls.append(("launch", self.name, (), options))
        if "launch" in self.engine.failures:
            raise self.engine.failures["launch"]
        return self.engine.session

    def exec_session(self, options: Any, **more: Any) -> FakeSession:
        self.engine.calls.append(("exec_session", self.name, (options,), more))
        if "exec_session" in self.engine.failures:
            raise self.engine.failures["exec_session"]
        return self.engine.session

    def copy_logs(self, stdout: int, stderr: int, **options: Any) -> None:
        self.engine.calls.append(("copy_logs", self.name, (stdout, stderr), options))
        os.write(stdout, self.engine.log)


class FakeContainers:
    def __init__(self, engine: FakeEngine) -> None:
        self.engine = engine

    def get(self, name: str) -> FakeContainer:
        if name not in self.engine.named:
            raise ContainerNotFoundError(f"No such container: {name}")
        return self.engine.named[name]

    def rows(self, **options: Any) -> list[dict[str, Any]]:
        self.engine.calls.append(("rows", "", (), options))
        return self.engine.table


class FakeImages:
    def __init__(self, engine: FakeEngine) -> None:
        self.engine = engine

    def __getattr__(self, verb: str) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            self.engine.calls.append((verb, "images", arguments, options))
            if verb in self.engine.failures:
                raise self.engine.failures[verb]
            return self.engine.answers.get(verb)

        return call

    def inspect(self, name: str) -> dict[str, Any]:
        if name not in self.engine.documents:
            raise ImageNotFoundError(f"No such image: {name}")
        return self.engine.documents[name]


class FakeVolume:
    def __init__(self, engine: FakeEngine, name: str) -> None:
        self.engine = engine
        self.name = name

    def inspect(self) -> dict[str, Any]:
        return {
            "CreatedAt": "2026-11-26T15:58:05Z", "Driver": "local", "Labels": {"b": "", "a": "1"},
            "Mountpoint": f"/volumes/{self.name}/_data", "Name": self.name, "Options": None, "Scope": "local",
        }  # fmt: skip


class FakeVolumes:
    def __init__(self, engine: FakeEngine) -> None:
        self.engine = engine
        self.names = ["data"]

    def get(self, name: str) -> FakeVolume:
        if name not in self.names:
            raise VolumeNotFoundError(f"get {name}: no such volume")
        return FakeVolume(self.engine, name)

    def list(self, **options: Any) -> list[FakeVolume]:
        self.engine.calls.append(("list", "volumes", (), options))
        return [FakeVolume(self.engine, name) for name in self.names]

    def create(self, name: str | None, **options: Any) -> FakeVolume:
        self.engine.calls.append(("create", "volumes", (name,), options))
        return FakeVolume(self.engine, name or "f" * 64)

    def prune(self, **options: Any) -> dict[str, Any]:
        self.engine.calls.append(("prune", "volumes", (), options))
        return {"VolumesDeleted": ["data"], "SpaceReclaimed": 12_345_678}


class FakeNetwork:
    def __init__(self, engine: FakeEngine, name: str) -> None:
        self.engine = engine
        self.name = name
        self.id = ID

    def __getattr__(self, verb: str) -> Any:
        if verb.startswith("_"):
            raise AttributeError(verb)

        def call(*arguments: Any, **options: Any) -> Any:
            self.engine.calls.append((verb, self.name, arguments, options))
            if verb in self.engine.failures:
                raise self.engine.failures[verb]
            return self.engine.answers.get(verb)

        return call


class FakeNetworks:
    def __init__(self, engine: FakeEngine) -> None:
        self.engine = engine
        self.table: list[dict[str, Any]] = []
        self.named = {"mynet": FakeNetwork(engine, "mynet"), "other": FakeNetwork(engine, "other")}

    def get(self, name: str) -> FakeNetwork:
        if name not in self.named:
            raise NetworkNotFoundError(f"network {name} not found")
        return self.named[name]

    def rows(self, **options: Any) -> list[dict[str, Any]]:
        self.engine.calls.append(("rows", "networks", (), options))
        return self.table

    def prune(self, **options: Any) -> list[str]:
        self.engine.calls.append(("prune", "networks", (), options))
        return self.engine.answers.get("prune", [])

    def make(self, wanted: Any) -> FakeNetwork:
        self.engine.calls.append(("create", "networks", (wanted,), {}))
        if "create" in self.engine.failures:
            raise self.engine.failures["create"]
        return FakeNetwork(self.engine, wanted.name)


class FakeEngine:
    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.failures: dict[str, RockerError] = {}
        self.answers: dict[str, Any] = {}
        self.documents: dict[str, Any] = {}
        self.table: list[dict[str, Any]] = []
        self.log = b""
        self.session = FakeSession({"event": "exited", "exit_code": 0})
        self.named = {"web": FakeContainer(self, "web"), "db": FakeContainer(self, "db")}
        self.containers = FakeContainers(self)
        self.images = FakeImages(self)
        self.volumes = FakeVolumes(self)
        self.networks = FakeNetworks(self)
        self.options: Any = None

    def create(self, options: Any, *, for_run: bool = False) -> FakeContainer:
        self.options = options
        self.calls.append(("create", options.name, (), {"for_run": for_run}))
        if "create" in self.failures:
            raise self.failures["create"]
        return FakeContainer(self, options.name or "made_up")

    def version(self) -> dict[str, Any]:
        return {"Version": "1.2.3", "ApiVersion": "1.50", "Os": "linux", "Arch": "amd64"}

    def info(self) -> dict[str, Any]:
        return {"Containers": 2, "MemTotal": 1 << 30, "SecurityOptions": ["name=seccomp,profile=builtin"]}
