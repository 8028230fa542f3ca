"""Keep networks while a container starts on them: who removes one waits, and whoever starts finds it there or not."""

from __future__ import annotations

import contextlib
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from rocker.engine.engine import Engine


def directory(engine: Engine, network: str) -> str:
    """Return the directory of a network's name records; its lock is the network's."""
    return f"{engine.run_root}/networks/{network}"


@contextlib.contextmanager
def starting(engine: Engine, network: dict[str, Any]) -> Iterator[None]:
    """Keep the networks of a launch request, and choose the ports that it leaves open, while its container starts.

    Raises:
        NetworkNotFoundError: a network has been removed. ConflictError: no port of a range is free.
    """
    with hold(engine, [endpoint["network"] for endpoint in network["endpoints"]]):
        if network["ports"]:
            from rocker.network.choose import chosen

            with chosen(network["ports"]):
                yield
        else:
            yield


@contextlib.contextmanager
def hold(engine: Engine, networks: Sequence[str]) -> Iterator[None]:
    """Keep networks from being removed.

    Raises:
        NetworkNotFoundError: one has been removed already.
    """
    from rocker.network import store

    with contextlib.ExitStack() as stack:
        for network in sorted(networks):
            stack.enter_context(locked(engine, network, exclusive=False))
        found = store.of_ids(engine.catalog, networks)
        for network in networks:
            if network not in found:
                raise store.not_found(network)
        yield


@contextlib.contextmanager
def locked_now(engine: Engine, network: str) -> Iterator[bool]:
    """Lock a network's directory exclusively without waiting: whether it is there and nobody else had it."""
    import fcntl

    try:
        fd = os.open(directory(engine, network), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(fd)


@contextlib.contextmanager
def locked(engine: Engine, network: str, *, exclusive: bool) -> Iterator[str]:
    """Lock a network's directory, which is made when it is not there; gives its path."""
    import fcntl

    path = directory(engine, network)
    while True:
        os.makedirs(path, mode=0o700, exist_ok=True)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:  # removed in between
            continue
        fcntl.flock(fd, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        if os.fstat(fd).st_nlink:  # else it was removed while we waited: that lock keeps nobody out
            break
        os.close(fd)
    try:
        yield path
    finally:
        os.close(fd)
