"""A native core that starts nothing: it keeps the requests it was given and plays the shim's part in memory."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from typing import Any

from rocker.errors import NotRunningError

Program = Callable[[dict[str, Any]], tuple[int, bytes, bytes]]

STARTED = "2026-11-23T23:04:05.000000000Z"
FINISHED = "2026-11-23T23:04:05.250000000Z"
USAGE = {"cpu_ns": 7, "memory_peak": 4096, "user_us": 3, "system_us": 4}


class FakeSession:
    """Ends when it is asked to wait; `None` as program means that it runs until it is stopped."""

    def __init__(
        self, core: FakeCore, container: str, outcome: tuple[int, bytes, bytes] | None, own: bool
    ) -> None:
        self._core, self._container, self._outcome, self._own = core, container, outcome, own
        self.pid = 4711
        self.stdin = self.stdout = self.stderr = None
        self.given: bytes | None = None
        self.signals: list[int] = []
        self.closed = False

    def _event(self) -> dict[str, Any]:
        code = self._outcome[0] if self._outcome else self._core.states[self._container]["exit_code"]
        if self._own:
            self._core.end(self._container, code)
        return {
            "event": "exited", "exit_code": code, "oom_killed": False, "timed_out": False,
            "started_at": STARTED, "finished_at": FINISHED, "usage": USAGE,
        }  # fmt: skip

    def wait(self, timeout: float | None = None) -> dict[str, Any] | None:
        if self._outcome is None and self._core.runs(self._container):
            return None
        return self._event()

    def communicate(
        self, input: bytes | None = None, *, timeout: float | None = None, max_output: int | None = None
    ) -> tuple[bytes, bytes, dict[str, Any]]:
        self.given = input
        outcome = self._outcome or (0, b"", b"")
        truncated = max_output is not None and len(outcome[1]) > max_output
        return outcome[1][:max_output], outcome[2], {**self._event(), "truncated": truncated}

    def proxy(self, stdin: int, stdout: int, stderr: int, **options: Any) -> dict[str, Any]:
        return self._event()

    def detach_fd(self, name: str) -> int:
        raise AssertionError(name)

    def fileno(self) -> int:
        raise AssertionError

    def resize(self, width: int, height: int) -> None:
        self.size = (width, height)

    def signal(self, number: int) -> None:
        self.signals.append(number)

    def close(self) -> None:
        self.closed = True


class FakeCore:
    """See the module. `program` decides what a started or executed process does; None: it runs on."""

    __version__ = "0.0.0"

    def __init__(self, program: Program | None = None) -> None:
        self.program = program
        self.events: list[dict[str, Any]] = []
        self.started: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        self.sessions: list[FakeSession] = []
        self.bound: list[bool] = []
        self.states: dict[str, dict[str, Any]] = {}
        self.refuse: Exception | None = None
        self.refuse_network: Exception | None = None
        self.refuse_call: Exception | None = None
        self.root = ""
        self.bridges: dict[str, dict[str, Any]] = {}
        self.host: list[str] = []
        self.link_names: list[str] = ["lo", "eth0"]

    # --- what a test looks at ---

    def runs(self, container: str) -> bool:
        return self.states.get(container, {}).get("status") in {"running", "paused"}

    def end(self, container: str, code: int) -> None:
        state = self.states.get(container)
        if state is None or state["status"] == "exited":
            return
        state.update(status="exited", pid=0, exit_code=code, finished_at=FINISHED)
        if state["remove"]:
            del self.states[container]
            shutil.rmtree(f"{self.root}/containers/{container}")

    # --- the core's functions ---

    def start(
        self,
        runtime: str,
        root: str,
        run: str,
        request: bytes,
        *,
        attach: tuple[bool, bool, bool],
        bind_to_caller: bool = False,
    ) -> FakeSession:
        if self.refuse is not None:
            raise self.refuse
        self.root = root
        document = json.loads(request)
        self.started.append(document)
        self.bound.append(bind_to_caller)
        self.states[document["id"]] = {
            "version": 1, "id": document["id"], "status": "running", "pid": os.getpid(), "shim_pid": 4710,
            "cgroup": document["spec"]["linux"]["cgroupsPath"], "started_at": STARTED, "finished_at": None,
            "exit_code": 0, "oom_killed": False, "timed_out": False, "error": None,
            "remove": document.get("remove", False), "network": self._network(document["network"]),
        }  # fmt: skip
        return self._session(document["id"], document["spec"]["process"], own=True)

    def _network(self, document: dict[str, Any]) -> dict[str, Any] | None:
        """What a shim would say of its network: real ports from 32768 on."""
        if document["mode"] != "bridge":
            return None
        ports = [
            {**port, "host_port": port["host_port"] or 32768 + number}
            for number, port in enumerate(document["ports"])
        ]
        for endpoint in document["endpoints"]:
            self.bridges.setdefault(endpoint["bridge"]["name"], endpoint["bridge"])
        return {"table": document["table"], "ports": ports, "endpoints": document["endpoints"]}

    def _session(self, container: str, process: dict[str, Any], *, own: bool) -> FakeSession:
        outcome = self.program(process) if self.program else None
        session = FakeSession(self, container, outcome, own)
        self.sessions.append(session)
        return session

    def request(
        self, run: str, id: str, body: bytes, *, attach: tuple[bool, bool, bool] = (False, False, False)
    ) -> FakeSession:
        document = json.loads(body)
        self.requests.append(document)
        if not self.runs(id):
            raise NotRunningError("there is no shim")
        if document["op"] == "exec":
            return self._session(id, document["process"], own=False)
        if document["op"] == "stop":
            self.end(id, 128 + document["signal"])
            return FakeSession(self, id, (128 + document["signal"], b"", b""), own=True)
        return FakeSession(self, id, None, own=True)

    def call(self, run: str, id: str, body: bytes) -> dict[str, Any]:
        document = json.loads(body)
        self.requests.append(document)
        if not self.runs(id):
            raise NotRunningError("there is no shim")
        if self.refuse_call is not None:
            raise self.refuse_call
        state = self.states[id]
        if document["op"] == "kill":
            state["exit_code"] = 137
            self.states[id] = state = {**state}
            kept = state
            self.end(id, 137)
            self.states.setdefault(id, {**kept, "status": "exited"}) if kept["remove"] else None
        elif document["op"] in {"pause", "resume"}:
            state["status"] = "paused" if document["op"] == "pause" else "running"
        elif document["op"] == "remove":
            state["remove"] = document["value"]
        return {"event": "ok", "pids": [os.getpid()]}

    def read_states(self, run: str, root: str, ids: list[str]) -> list[dict[str, Any] | None]:
        return [self.states.get(id) for id in ids]

    def sha256(self, data: bytes) -> bytes:
        return hashlib.sha256(data).digest()

    def settle(self, run: str, root: str, id: str) -> None:
        pass

    def seccomp_compile(self, profile: bytes) -> bytes:
        json.loads(profile)
        return b"\x06\0\0\0\0\0\xff\x7f"

    def cgroup_stats(self, cgroup: str) -> dict[str, Any]:
        return {"cgroup": cgroup}

    def network_create(self, plan: dict[str, Any]) -> None:
        if self.refuse_network is not None:
            raise self.refuse_network
        self.bridges[plan["bridge"]["name"]] = plan["bridge"]

    def network_remove(self, bridge: str, table: str) -> None:
        self.bridges.pop(bridge, None)

    def parent_remove(self, name: str) -> None:
        self.bridges.pop(name, None)

    def host_networks(self) -> list[str]:
        return self.host

    def links(self) -> list[str]:
        return [*self.link_names, *self.bridges]

    def remove_tree(self, path: str) -> None:
        shutil.rmtree(path)

    def event_write(self, run: str, line: bytes) -> None:
        self.events.append(json.loads(line))

    def event_read(self, run: str, **options: Any) -> Any:
        return iter([json.dumps(event).encode() for event in self.events])

    def log_read(self, path: str, driver: str, **options: Any) -> Any:
        return iter(
            [("stdout", 1_700_000_000_000_000_001, b"out\n"), ("stderr", 1_700_000_000_000_000_002, b"err\n")]
        )

    def log_copy(self, path: str, driver: str, stdout: int, stderr: int, **options: Any) -> None:
        os.write(stdout, b"out\n")
