"""Docker from Debian, and Docker 29: a dockerd of its own with roots of its own, started here and ended by pid."""

import http.client
import os
import select
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from benches.contenders.base import CommandContender, Image
from benches.isolation import NETWORK
from benches.measure import execute

START = 60.0
"""Seconds that dockerd has to answer."""


class Docker(CommandContender):
    """With its bridge, rules of iptables and proxies of ports, in a network namespace of its own.

    Two daemons would fight for the chains and for docker0 otherwise.
    """

    name = "docker"
    run_flags = ["--network", "none"]
    daemon = "dockerd"

    def __init__(self, state: Path, image: Image) -> None:
        super().__init__(state, image)
        self._socket = state / "s"
        # Debian's client, of the daemon's version, wherever another one comes first in PATH.
        self._use("/usr/bin/docker" if os.access("/usr/bin/docker", os.X_OK) else "docker")
        self._daemon: subprocess.Popen[bytes] | None = None

    def _use(self, client: str) -> None:
        self.client = [client, "--host", f"unix://{self._socket}"]

    def open(self) -> None:
        super().open()
        if shutil.which(self.daemon) is None:
            raise RuntimeError(f"{self.daemon} is not installed")
        state = str(self.state)
        flags = ["--data-root", f"{state}/root", "--exec-root", f"{state}/run", "--pidfile", f"{state}/pid"]
        namespace = ["unshare", "--net", "--", "sh", "-c", NETWORK, "sh"]
        with (self.state / "log").open("wb") as log:
            self._daemon = self.start_process(
                [*namespace, self.daemon, *flags, "--host", f"unix://{self._socket}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._await_answer()
        self.output([*self.client, "import", str(self.image.tar), self.reference])

    def close(self) -> None:
        if self._daemon is not None and self._daemon.poll() is None:
            left = self.output([*self.client, "ps", "--all", "--quiet"]).decode().split()
            if left:
                self.do([*self.client, "rm", "--force", *left])
            self._daemon.send_signal(signal.SIGTERM)
            self._daemon.wait(60)
        for namespace in (self.state / "run" / "netns").glob("*"):
            if namespace.is_mount():
                execute(["umount", str(namespace)])
        super().close()

    @property
    def host_network(self) -> str:
        assert self._daemon is not None
        return f"/proc/{self._daemon.pid}/ns/net"

    def stats(self, name: str) -> None:
        """One sample over HTTP, without the client's start."""
        connection = _UnixConnection(self._socket)
        connection.request("GET", f"/containers/{name}/stats?stream=false&one-shot=true")
        connection.getresponse().read()
        connection.close()

    def helpers(self, name: str) -> dict[str, list[int]]:
        del name
        assert self._daemon is not None
        children = [self._daemon.pid, *_descendants(self._daemon.pid)]
        shims = [
            int(path.parent.name) for path in Path("/proc").glob("[0-9]*/comm") if _is_shim(path, self.state)
        ]
        return {"dockerd and containerd": children, "containerd-shim, one a container": shims[:1]}

    def _await_answer(self) -> None:
        assert self._daemon is not None
        deadline = time.monotonic() + START
        while time.monotonic() < deadline:
            if self._daemon.poll() is not None:
                break
            connection = _UnixConnection(self._socket)
            try:
                connection.request("GET", "/_ping")
                if connection.getresponse().status == http.HTTPStatus.OK:
                    return
            except OSError:
                select.select([], [], [], 0.05)
            finally:
                connection.close()
        raise RuntimeError("dockerd does not answer: " + (self.state / "log").read_text()[-300:])


class Docker29(Docker):
    """The same of `scripts/docker29`, whose programs lie in `directory`/bin."""

    name = "docker29"
    programs = ("containerd", "containerd-shim-runc-v2", "docker", "docker-proxy", "dockerd", "runc")

    def __init__(self, state: Path, image: Image, directory: Path) -> None:
        super().__init__(state, image)
        self._programs = directory.absolute() / "bin"
        self._use(str(self._programs / "docker"))
        self.daemon = str(self._programs / "dockerd")
        # Where the daemon looks for containerd, and that for its shim and runc.
        self.environment = {"PATH": f"{self._programs}:{os.environ['PATH']}"}

    def open(self) -> None:
        if missing := [name for name in self.programs if not os.access(self._programs / name, os.X_OK)]:
            raise RuntimeError(f"there is no {', '.join(missing)} in {self._programs}: see scripts/docker29")
        super().open()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


def _descendants(pid: int) -> list[int]:
    children = [
        int(word)
        for path in Path(f"/proc/{pid}/task").glob("*/children")
        for word in path.read_text().split()
    ]
    return [one for child in children for one in [child, *_descendants(child)]]


def _is_shim(comm: Path, state: Path) -> bool:
    try:
        return (
            comm.read_text().startswith("containerd-shim")
            and os.fsencode(state) in (comm.parent / "cmdline").read_bytes()
        )
    except OSError:
        return False
