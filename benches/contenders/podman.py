"""podman from Debian, rootful, with crun and its own roots."""

import resource
from pathlib import Path

from benches.contenders.base import CommandContender, Image
from benches.measure import execute, output


def _ulimit(name: str, number: int) -> list[str]:
    soft, hard = (min(limit, 32768) for limit in resource.getrlimit(number))
    return ["--ulimit", f"{name}={soft}:{hard}"]


class Podman(CommandContender):
    """Its cgroups by cgroupfs: there is no systemd to ask on a bare machine."""

    name = "podman"
    # This machine's own limits instead of podman's million files, which not every root may raise.
    limits = [*_ulimit("nofile", resource.RLIMIT_NOFILE), *_ulimit("nproc", resource.RLIMIT_NPROC)]
    run_flags = ["--network", "none", *limits]

    def __init__(self, state: Path, image: Image) -> None:
        super().__init__(state, image)
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
        output([*self.client, "import", str(self.image.tar), self.reference])

    def close(self) -> None:
        output([*self.client, "rm", "--all", "--force", "--time", "0"])
        output([*self.client, "rmi", "--all", "--force"])
        storage = self.state / "root" / "overlay"
        if storage.is_mount():
            execute(["umount", str(storage)])
        super().close()

    def helpers(self, name: str) -> dict[str, list[int]]:
        pid = output([*self.client, "inspect", "--format", "{{.State.ConmonPid}}", name])
        return {"conmon, one a container": [int(pid)]}
