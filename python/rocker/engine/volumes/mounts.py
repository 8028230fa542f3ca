"""Volumes and images as mounts of a specification.

They have types of rocker's own, `volume` and `image`, which the client half of the core turns into descriptors
(docs/protocol.md).
"""

from __future__ import annotations

from rocker.engine.options import ImageMount, VolumeMount
from rocker.engine.state import has_processes
from rocker.engine.volumes.volume import Volume, directory
from rocker.errors import VolumeNotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from rocker.engine.engine import Engine

_NETWORKED = frozenset({"cifs", "nfs", "nfs4", "smb3"})


def document(engine: Engine, mount: VolumeMount | ImageMount, target: str) -> dict[str, Any]:
    """Return the mount of a volume or image.

    Raises:
        ImageNotFoundError: the image has gone.
    """
    subpath = [f"subpath={mount.subpath}"] if mount.subpath else []
    if isinstance(mount, ImageMount):
        image = engine.images.get(mount.image)
        layers = [f"layer={layer}" for layer in engine.images.layers(image)]
        options = ["rprivate", "ro", *layers, *subpath]
        return {"destination": target, "type": "image", "source": engine.root, "options": options}
    options = ["rprivate", *subpath, *_driver_words(driver_options(engine, mount))]
    if "driver-type=tmpfs" in options:
        options += _sharer(engine, mount.name)
    if mount.read_only:
        options.append("ro")
    if not (mount.no_copy or mount.subpath):
        options.append("copyup")
    source = directory(engine, mount.name)
    return {"destination": target, "type": "volume", "source": source, "options": options}


def _sharer(engine: Engine, name: str) -> list[str]:
    """Name a running container that has this tmpfs: its memory is shared, as in Docker, while anyone runs."""
    rows = engine.catalog.query("SELECT container_id, target FROM volume_uses WHERE volume = ?", (name,))
    states = engine.core.read_states(engine.run_root, engine.root, [str(row[0]) for row in rows])
    for (_, target), state in zip(rows, states, strict=True):
        if has_processes(state):
            # `rw`, because the other one's may be read-only.
            return ["rw", f"shared-with={state['pid']}:{state['shim_pid']}:{target}"]
    return []


def driver_options(engine: Engine, mount: VolumeMount) -> Mapping[str, str]:
    """Return the driver's options of a mount's volume, which may not have been made yet."""
    return found.options if (found := find(engine, mount.name)) is not None else mount.options


def find(engine: Engine, name: str) -> Volume | None:
    """Return the volume of this name, or None."""
    from rocker.engine.volumes.list import get

    try:
        return get(engine, name)
    except VolumeNotFoundError:
        return None


def _driver_words(options: Mapping[str, str]) -> list[str]:
    if not options.get("type"):
        return []
    kind, words = options["type"], options.get("o", "")
    if kind in _NETWORKED:
        words = ",".join(_with_address(word) for word in words.split(","))
    return [f"driver-type={kind}", f"driver-o={words}", f"driver-device={options['device']}"]


def _with_address(word: str) -> str:
    """The kernel takes no names of hosts: `addr=server` becomes its address."""
    key, _, host = word.partition("=")
    if key != "addr" or not host:
        return word
    import socket

    from rocker.errors import InvalidArgumentError

    try:
        return f"addr={socket.getaddrinfo(host, None)[0][4][0]}"
    except OSError as error:
        raise InvalidArgumentError(
            f"error resolving passed in network volume address: {host}: {error.strerror}",
            hint="give the server's address in `o`: addr=192.0.2.1",
        ) from error
