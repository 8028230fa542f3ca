"""Who takes part. Each contender makes and removes its own state, on disk below the directory it is given."""

from pathlib import Path

from benches.contenders.base import Contender, Image
from benches.contenders.bubblewrap import Bubblewrap
from benches.contenders.docker import Docker, Docker29
from benches.contenders.oci import OciRuntime
from benches.contenders.podman import Podman
from benches.contenders.rocker import RockerApi, RockerCli, RockerCold


def all_contenders(state: Path, image: Image, docker29: Path) -> list[Contender]:
    """In the order of the tables; `docker29` is where scripts/docker29 has built."""
    return [
        RockerApi(state / "ra", image),
        RockerCli(state / "rc", image),
        RockerCold(state / "rx", image),
        Bubblewrap(state / "bwrap", image),
        OciRuntime(state / "crun", image, "crun"),
        OciRuntime(state / "runc", image, "runc"),
        Podman(state / "podman", image),
        Docker(state / "docker", image),
        Docker29(state / "docker29", image, docker29),
    ]
