"""podman from Debian, rootful, with crun and its own roots."""

import resource
import subprocess
from pathlib import Path

from benches.contenders.base import CommandContender, Image
from benches.isolation import NETWORK
from benches.measure import execute, output


def _ulimit(name: str, number: int) -> list[str]:
    soft, hard = (min(limit, 32768) for limit in resource.getrlimit(number))
    return ["--ulimit", f"{name}={soft}:{hard}"]


class Podman(CommandContender):
    """Its cgroups by cgroupfs: there is no systemd to ask on a bare machine.

    Its bridge and rules are in a network namespace of its own, which takes its commands 1 ms in 400: beside rocker's
    they would slow both.
    """

    name = "podman"
    # This machine's own limits instead of podman's million files, which not every root may raise.
    limits = [*_ulimit("nofile", resource.RLIMIT_NOFILE), *_ulimit("nproc", resource.RLIMIT_NPROC)]
    run_flags = ["--network", "none", *limits]

    def __init__(self, state: Path, image: Image) -> None:
        super().__init__(state, image)
        self._host: subprocess.Popen[bytes] | None = None
        # Container names of unix sockets below the run root must stay short.
        roots = [
            "--root",
            str(state / "root"),
            "--runroot",
            str(state / "run"),
            "--tmpdir",
            str(state / "tmp"),
        ]
        self.client = [
            "podman",
            *roots,
            "--cgroup-manager",
            "cgroupfs",
            "--runtime",
            "crun",
            "--events-backend",
            "file",
            "--network-config-dir",
            str(state / "networks"),
        ]

    def open(self) -> None:
        super().open()
        keep = [
            "unshare",
            "--net",
            "--",
            "sh",
            "-c",
            NETWORK,
            "sh",
            "sh",
            "-c",
            "echo ready; exec sleep infinity",
        ]
        self._host = subprocess.Popen(keep, stdout=subprocess.PIPE)
        assert self._host.stdout is not None
        if not self._host.stdout.readline():
            raise RuntimeError(f"a network namespace cannot be made: exit code {self._host.wait()}")
        output([*self.client, "import", str(self.image.tar), self.reference])

    def close(self) -> None:
        output([*self.bridged, "rm", "--all", "--force", "--time", "0"])
        if self._host is not None:
            self._host.kill()
            self._host.wait()
        output([*self.client, "rmi", "--all", "--force"])
        storage = self.state / "root" / "overlay"
        if storage.is_mount():
            execute(["umount", str(storage)])
        super().close()

    @property
    def host_network(self) -> str:
        assert self._host is not None
        return f"/proc/{self._host.pid}/ns/net"

    @property
    def bridged(self) -> list[str]:
        return ["nsenter", f"--net={self.host_network}", "--", *self.client] if self._host else self.client

    def helpers(self, name: str) -> dict[str, list[int]]:
        pid = output([*self.client, "inspect", "--format", "{{.State.ConmonPid}}", name])
        return {"conmon, one a container": [int(pid)]}
