"""Are they doing the same work? What a process in each contender's container really has."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benches.contenders.base import Contender

WAIT = 30.0


@dataclass(frozen=True)
class Facts:
    """Of one container's first process, seen from the host."""

    contender: str
    own_cgroups: list[str]
    filtered: bool
    own_network: bool
    no_new_privileges: bool
    capabilities: int

    @property
    def comparable(self) -> bool:
        """Whether it has what an engine's container has: own cgroups, a filter, a network namespace."""
        return bool(self.own_cgroups) and self.filtered and self.own_network


def collect(contender: Contender) -> Facts:
    """Run `sleep` with a telling argument, find its process, and read what the kernel says of it."""
    token = f"99{os.getpid()}{time.monotonic_ns() % 1_000_000}"
    client = contender.popen("sleep", token)
    try:
        pid = _find(token, client)
        mine, its = _cgroups(os.getpid()), _cgroups(pid)
        status = dict(
            line.split(":\t", 1)
            for line in Path(f"/proc/{pid}/status").read_text().splitlines()
            if ":\t" in line
        )
        facts = Facts(
            contender=contender.name,
            own_cgroups=sorted(
                name or "unified" for name, path in its.items() if path not in {mine.get(name), "/"}
            ),
            filtered=status["Seccomp"] == "2",
            own_network=os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net"),
            no_new_privileges=status["NoNewPrivs"] == "1",
            capabilities=int(status["CapBnd"], 16).bit_count(),
        )
        os.kill(pid, signal.SIGKILL)
    finally:
        with suppress(subprocess.TimeoutExpired):
            client.wait(WAIT)
        client.kill()
        client.wait()
    return facts


def _find(token: str, client: subprocess.Popen[bytes]) -> int:
    wanted = f"sleep\0{token}\0".encode()
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (process / "cmdline").read_bytes() == wanted:
                    return int(process.name)
        if client.poll() is not None:
            raise RuntimeError(f"the container ended at once, with {client.returncode}")
        time.sleep(0.02)
    raise RuntimeError("no process of the container appeared")


def _cgroups(pid: int) -> dict[str, str]:
    """Controllers to path, cgroups(7); the unified hierarchy has none."""
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return {controllers: path for _, controllers, path in (line.split(":", 2) for line in lines)}
