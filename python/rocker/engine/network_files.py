"""/etc/hosts and /etc/resolv.conf of a running container that was connected or disconnected.

They are bind mounts: written in place, the container sees the change; a renamed file it would not see.
"""

from __future__ import annotations

import os

from rocker.engine.files import read
from rocker.network import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocker.engine.container import Container
    from rocker.engine.engine import Engine
    from rocker.network.plan import Place


def rewrite(
    engine: Engine,
    container: Container,
    places: Sequence[Place],
    *,
    added: Place | None = None,
    removed: Place | None = None,
) -> None:
    """Add or take away the lines of one endpoint, and name the resolver that its networks have now."""
    from rocker.engine.launch import hostname_of

    run = f"{engine.run_root}/containers/{container.id}"
    options = container.options
    hostname = hostname_of(engine, container.id, container.config)
    before = read(f"{run}/hosts")
    lines = before.splitlines(keepends=True)
    if removed is not None:
        gone = set(files.own_lines(removed, hostname, options.domainname))
        lines = [line for line in lines if line not in gone]
    if added is not None:
        lines += files.own_lines(added, hostname, options.domainname)
    if "".join(lines) != before:
        _write(f"{run}/hosts", "".join(lines))
    _change_resolver(f"{run}/resolv.conf", container, places)


def _change_resolver(path: str, container: Container, places: Sequence[Place]) -> None:
    """Name the shim's resolver once the container is on a network of a user's. It stays afterwards, as in Docker."""
    before = read(path)
    if files.RESOLVER not in before and any(place.network.user_defined for place in places):
        _write(path, files.resolv_conf(container.options, places))


def _write(path: str, text: str) -> None:
    """Write a file in place: truncated last, so that a reader finds old or new lines, never none."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:  # the user mounted a file of his own there
        return
    try:
        content = text.encode()
        os.pwrite(fd, content, 0)
        os.ftruncate(fd, len(content))
    finally:
        os.close(fd)
