"""Fixtures of the system tests: the command on roots of the test's own, with an image to run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

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
