"""Who keeps a network namespace: processes in it, descriptors and mounts of it."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.processes import name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

RTM_GETNSID = 90
NETNSA_NSID, NETNSA_FD = 1, 3
NLMSG_ERROR = 2


def holders(link: str) -> list[str]:
    """What keeps the namespace that the other end of a pair of links is in, as words for a person."""
    found = subprocess.run(
        ["ip", "-j", "link", "show", "dev", link], capture_output=True, check=False, timeout=60
    )
    if found.returncode:
        return ["it has gone meanwhile"]
    number = json.loads(found.stdout)[0].get("link_netnsid")
    if number is None:
        return ["it has no other end"]
    names = [what for path, what in _references() if _number(path) == number]
    return names or ["no process, descriptor or mount: a connection that the kernel has not ended yet"]


def _references() -> Iterator[tuple[str, str]]:
    """Paths that open a network namespace, each with who has it."""
    seen = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        who = f"pid {entry.name} ({name_of(int(entry.name))})"
        yield f"{entry}/ns/net", f"{who} is in it"
        with suppress(OSError):
            for descriptor in (entry / "fd").iterdir():
                with suppress(OSError):
                    if os.readlink(descriptor).startswith("net:"):
                        yield str(descriptor), f"{who} has it open as {descriptor.name}"
        with suppress(OSError):
            for line in (entry / "mountinfo").read_text(errors="surrogateescape").splitlines():
                if " - nsfs " in line and (path := line.split()[4]) not in seen:
                    seen.add(path)
                    yield f"{entry}/root{path}", f"mounted at {path}"


def _number(path: str) -> int | None:
    """The number that this namespace has for another (RTM_GETNSID); None without one."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as route:
            body = struct.pack("=B3xHHI", 0, 8, NETNSA_FD, file)
            route.send(struct.pack("=IHHII", 16 + len(body), RTM_GETNSID, 1, 1, 0) + body)
            answer = route.recv(4096)
    finally:
        os.close(file)
    if struct.unpack_from("=H", answer, 4)[0] == NLMSG_ERROR:
        return None
    at = 20  # behind the headers: struct nlmsghdr, struct rtgenmsg with its padding
    while at + 8 <= len(answer):
        size, kind = struct.unpack_from("=HH", answer, at)
        if kind == NETNSA_NSID:
            number: int = struct.unpack_from("=i", answer, at + 4)[0]
            return number if number >= 0 else None
        at += (max(size, 4) + 3) & ~3
    return None
