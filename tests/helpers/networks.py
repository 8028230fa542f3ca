"""Containers with endpoints, started by hand-written launch requests, and what can be asked of them and of the host."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from helpers.netns import Namespace, namespace_of, run
from rocker import _core
from rocker.engine import roots
from rocker.engine.start import RUNTIME
from rocker.errors import GoneError, NotFoundError, NotRunningError

if TYPE_CHECKING:
    from pathlib import Path

    from helpers.engine import EngineRoots

TABLE = "rocker-0badcafe"
SYSCTLS = {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"}
PATIENCE = 20.0
ANY = "0.0.0.0"
A, PTR, AAAA = 1, 12, 28


class Net:
    """A network of the test: its bridge, and endpoints in it."""

    def __init__(self, number: int, name: str = "mynet", **bridge: Any) -> None:
        self.number = number
        self.name = name
        self.id = f"{number:02x}" * 32
        self.bridge = {
            "name": f"rk-test{number}",
            "addresses": [f"10.88.{number}.1/24", f"fd88:{number}::1/64"],
            **bridge,
        }

    def endpoint(self, host: int, *names: str, interface: str = "eth0", **members: Any) -> dict[str, Any]:
        internal = self.bridge.get("internal", False)
        return {
            "network": self.id,
            "name": self.name,
            "bridge": self.bridge,
            "interface": interface,
            "mac": f"02:42:0a:58:{self.number:02x}:{host:02x}",
            "addresses": [f"{self.ip(host)}/24", f"{self.ip6(host)}/64"],
            "gateways": [] if internal else [self.ip(1), self.ip6(1)],
            "names": list(names),
            "resolver": True,
            **members,
        }

    def ip(self, host: int) -> str:
        return f"10.88.{self.number}.{host}"

    def ip6(self, host: int) -> str:
        return f"fd88:{self.number}::{host:x}"


class Running:
    """A started container."""

    def __init__(self, host: Host, id: str, session: _core.Session) -> None:
        self.host = host
        self.id = id
        self.session = session
        self.servers: list[Server] = []
        self.ended = False

    def state(self) -> dict[str, Any]:
        text = (self.host.roots.run / "containers" / self.id / "state.json").read_text()
        found: dict[str, Any] = json.loads(text)
        return found

    def call(self, **body: Any) -> Any:
        return _core.call(str(self.host.roots.run), self.id, json.dumps(body).encode())

    def inside(self) -> Namespace:
        return namespace_of(self.state()["pid"])

    def exec(self, *command: str) -> str:
        """Run a program of the machine in the container's network namespace."""
        namespace = self.inside()
        with namespace.entered():
            output = run(*command)
        namespace.close()
        return output

    def end(self) -> None:
        if self.ended:
            return
        self.ended = True
        for server in self.servers:
            server.close()
        with suppress(GoneError, NotFoundError, NotRunningError):
            self.call(op="kill")
        self.session.communicate(None)


class Host:
    """A host of the test's own: roots, and a network namespace in which this thread is."""

    def __init__(self, roots_: EngineRoots, rootfs: Path) -> None:
        self.roots = roots_
        self.rootfs = rootfs
        self.running: list[Running] = []
        roots.prepare(str(roots_.root), str(roots_.run))

    def request(self, endpoints: list[dict[str, Any]], command: list[str], **network: Any) -> dict[str, Any]:
        kinds = ("mount", "pid", "ipc", "uts", "network")
        return {
            "op": "start",
            "spec": {
                "ociVersion": "1.2.0",
                "process": {
                    "args": command,
                    "cwd": "/",
                    "env": ["PATH=/bin:/usr/bin"],
                    "user": {"uid": 0, "gid": 0},
                },
                "linux": {"sysctl": SYSCTLS, "namespaces": [{"type": kind} for kind in kinds]},
                "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
            },
            "rootfs": {"directory": str(self.rootfs), "upper": True, "volatile": True},
            "remove": True,
            "log": {"driver": "none"},
            "network": {"mode": "bridge", "table": TABLE, "endpoints": endpoints, **network},
            "files": {"resolv.conf": "nameserver 127.0.0.11\noptions ndots:0\n"},
        }

    def start(
        self,
        endpoints: list[dict[str, Any]],
        command: list[str] | None = None,
        *,
        restart: str | None = None,
        **network: Any,
    ) -> Running:
        identity = os.urandom(32).hex()
        os.makedirs(self.roots.root / "containers" / identity)
        request = {**self.request(endpoints, command or ["sleep", "600"], **network), "id": identity}
        if restart is not None:
            request |= {"restart": {"policy": restart}, "remove": False}
            request["rootfs"]["volatile"] = False
        session = _core.start(
            RUNTIME,
            str(self.roots.root),
            str(self.roots.run),
            json.dumps(request).encode(),
            attach=(False, True, True),
        )
        self.running.append(Running(self, identity, session))
        return self.running[-1]

    def serve(self, net: Net, host: int, name: str, **network: Any) -> Running:
        """A container that serves its name on TCP port 80 and UDP port 53 of all its addresses."""
        container = self.start([net.endpoint(host, name)], **network)
        inside = container.inside()
        container.servers = [Server(inside, name, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)]
        inside.close()
        return container


class Server:
    """A thread of the test that answers everybody with a name, by a socket of a container's namespace."""

    def __init__(self, namespace: Namespace, name: str, kind: socket.SocketKind) -> None:
        self.name = name.encode()
        self.socket = namespace.socket(socket.AF_INET6, kind)
        self.socket.settimeout(None)
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.bind(("::", 80 if kind == socket.SOCK_STREAM else 53))
        if kind == socket.SOCK_STREAM:
            self.socket.listen()
        serve = self._stream if kind == socket.SOCK_STREAM else self._datagram
        self.thread = threading.Thread(target=serve)
        self.thread.start()

    def _stream(self) -> None:
        with suppress(OSError):
            while True:
                with self.socket.accept()[0] as one:
                    one.sendall(self.name)

    def _datagram(self) -> None:
        with suppress(OSError):
            while True:
                message, peer = self.socket.recvfrom(100)
                if not message:
                    return
                self.socket.sendto(self.name, peer)

    def close(self) -> None:
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(PATIENCE)
        self.socket.close()


def elements(name: str) -> list[Any]:
    """The elements of a set or map of the table."""
    done = subprocess.run(
        ["nft", "-j", "list", "table", "inet", TABLE], capture_output=True, check=False, timeout=60
    )
    parts = json.loads(done.stdout)["nftables"] if done.returncode == 0 else []
    for part in parts:
        for kind in ("set", "map"):
            if part.get(kind, {}).get("name") == name:
                found: list[Any] = part[kind].get("elem", [])
                return found
    return []


def fetch(
    ip: str, port: int, *, namespace: Namespace | None = None, udp: bool = False, source: str = ""
) -> str | None:
    """What a container serves there, or None."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    kind = socket.SOCK_DGRAM if udp else socket.SOCK_STREAM
    one = namespace.socket(family, kind) if namespace else socket.socket(family, kind)
    with one:
        one.settimeout(1)
        try:
            if source:
                one.bind((source, 0))
            one.connect((ip, port))
            if udp:
                one.send(b"x")
            return one.recv(100).decode().strip() or None
        except OSError:
            return None


def port(protocol: str, host_ip: str, host_port: int, container_port: int) -> dict[str, Any]:
    return {
        "protocol": protocol,
        "host_ip": host_ip,
        "host_port": host_port,
        "container_port": container_port,
    }


def question(name: str, kind: int = 1, number: int = 0x1234) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label)
    return struct.pack(">6H", number, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", kind, 1)


def lookup(namespace: Namespace, name: str, kind: int = 1, *, tcp: bool = False) -> tuple[int, list[str]]:
    """The code and the answers of the resolver at 127.0.0.11: addresses, or names as text."""
    message = question(name, kind)
    with namespace.socket(kind=socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as one:
        one.connect(("127.0.0.11", 53))
        if tcp:
            one.sendall(struct.pack(">H", len(message)) + message)
            file = one.makefile("rb")
            answer = file.read(struct.unpack(">H", file.read(2))[0])
        else:
            one.send(message)
            answer = one.recv(4096)
    assert answer[:2] == message[:2]
    assert answer[12 : len(message)] == message[12:]
    found, at = [], len(message)
    for _ in range(struct.unpack(">H", answer[6:8])[0]):
        (record,) = struct.unpack(">H", answer[at + 2 : at + 4])
        (length,) = struct.unpack(">H", answer[at + 10 : at + 12])
        data = answer[at + 12 : at + 12 + length]
        found.append(_text(record, data))
        at += 12 + length
    return answer[3] & 15, found


def _text(record: int, data: bytes) -> str:
    if record == 12:
        labels = []
        while data[0]:
            labels.append(data[1 : 1 + data[0]].decode())
            data = data[1 + data[0] :]
        return ".".join(labels)
    return socket.inet_ntop(socket.AF_INET if record == 1 else socket.AF_INET6, data)
