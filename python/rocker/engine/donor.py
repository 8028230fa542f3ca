"""Containers that lend their namespaces to others."""

from __future__ import annotations

import os

from rocker.engine.namespaces import Donor
from rocker.errors import NotRunningError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.engine import Engine


def find(engine: Engine, reference: str) -> Donor:
    """Find a running container by name or id.

    Raises:
        ContainerNotFoundError: there is none.
        NotRunningError: it does not run.
    """
    donor = look_at(engine, reference)
    if not donor.pid:
        raise NotRunningError(
            f"cannot join the namespaces of a non running container: {donor.id}",
            hint=f"start it first: rocker start {reference}",
        )
    return donor


def lend(engine: Engine, donor: Donor) -> None:
    """Have a container's shim know that another joins its network namespace, before that can happen.

    When the donor ends, its interfaces do not stay with the other.

    Raises:
        NotRunningError: it has ended meanwhile.
    """
    path = f"{engine.run_root}/containers/{donor.id}/lent"
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    except FileNotFoundError:
        raise NotRunningError(f"container {donor.id} has ended", hint="start it first") from None


def look_at(engine: Engine, reference: str) -> Donor:
    """Do the same for a container that need not run yet: its pid is 0 then."""
    from rocker.engine.config import ContainerConfig
    from rocker.engine.launch import hostname_of

    row = engine.catalog.get_by_ref(reference)
    state = engine.state(row.id)
    config = ContainerConfig.decode(row.config)
    mode = config.options.network or ""
    # A container that itself borrowed its host name may name one that has gone meanwhile.
    hostname = row.id[:12] if mode.startswith("container:") else hostname_of(engine, row.id, config)
    return Donor(row.id, state["pid"] if state else 0, config.options.ipc or "private", hostname)
