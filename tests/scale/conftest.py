"""Fixtures of the scale tests: an engine in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import rocker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.engine import EngineRoots


@pytest.fixture
def engine(engine_roots: EngineRoots) -> Iterator[rocker.Engine]:
    with rocker.Engine(engine_roots.root, engine_roots.run) as engine:
        yield engine
        for container in engine.containers.list(all=True):
            container.remove(force=True)
