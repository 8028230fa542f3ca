"""Fixtures of the system tests: the command on roots of the test's own, with an image to run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from helpers.netns import Namespace, run
from helpers.networks import TABLE, Host, elements, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from subprocess import CompletedProcess

    from helpers.engine import EngineRoots


@pytest.fixture(params=["cold", "warm"])
def mode(request: pytest.FixtureRequest) -> str:
    """How the command runs: as Python from its start, or in a worker. Whatever a user sees is the same."""
    if request.param == "warm":
        request.getfixturevalue("warm")
    else:
        assert os.environ["ROCKER_WARM"] == "0"
    return request.param


@pytest.fixture
def busybox(
    mode: str, engine_roots: EngineRoots, busybox_image: Path
) -> Callable[..., CompletedProcess[str]]:
    """The command, cold and warm, with the image busybox loaded; containers that are left running are a failure."""
    engine_roots.cli("load", "-i", busybox_image, check=True)
    return engine_roots.cli


@pytest.fixture
def box(busybox: Callable[..., CompletedProcess[str]]) -> Iterator[Callable[..., CompletedProcess[str]]]:
    """The same; whatever containers are left are removed, paused or not."""
    yield busybox
    ids = busybox("ps", "-aq", check=True).stdout.split()
    if ids:
        busybox("rm", "-f", *ids, check=True)


@pytest.fixture
def host(engine_roots: EngineRoots, busybox_rootfs: Path) -> Iterator[Host]:
    """See Host; afterwards nothing of the containers is left in its namespace."""
    from rocker import _core

    namespace = Namespace()
    with namespace.entered():
        made = Host(engine_roots, busybox_rootfs)
        yield made
        for container in made.running:
            container.end()
        for container in made.running:
            _core.settle(str(engine_roots.run), str(engine_roots.root), container.id)
        until(lambda: not [name for name in _core.links() if name.startswith("rkv")])
        for name in [name for name in _core.links() if name.startswith("rk-")]:
            assert elements("ports4") == elements("anywhere4") == elements("itself4") == []
            _core.network_remove(name, TABLE)
        assert TABLE not in run("nft", "list", "ruleset")
        assert list((engine_roots.run / "networks").glob("*/*")) == []
        assert not engine_roots.stop_launcher()
    namespace.close()
