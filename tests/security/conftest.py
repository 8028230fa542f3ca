"""Fixtures of the attacks. Every test names its classes: `@pytest.mark.attack("T01")`, see README.md."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from helpers.attack import Box, Canary
    from helpers.engine import EngineRoots

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="containers need root")


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Canary]:
    """A directory on the host; the test fails when anything of it, or of the host, changed."""
    from helpers.attack import Canary

    canary = Canary(tmp_path / "canary")
    yield canary
    assert canary.changes == []


@pytest.fixture
def box(engine_roots: EngineRoots, canary: Canary, busybox_rootfs: Path) -> Iterator[Box]:
    """Containers on roots of this test's own, next to a canary."""
    from helpers.attack import Box

    box = Box(engine_roots, busybox_rootfs)
    yield box
    box.close()


@pytest.fixture(scope="session")
def plain_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small tree to copy hostile ones from."""
    from helpers.attack import make_tree

    return make_tree(tmp_path_factory.mktemp("trees") / "plain")


@pytest.fixture
def tree(plain_tree: Path, tmp_path: Path) -> Path:
    """A small tree that the test may spoil."""
    return shutil.copytree(plain_tree, tmp_path / "tree", symlinks=True)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """`compiled(name, source)`: a static program, compiled once."""
    from helpers.attack import compile_c

    made: dict[str, Path] = {}
    directory = tmp_path_factory.mktemp("programs")

    def make(name: str, source: str) -> Path:
        if name not in made:
            if shutil.which("gcc") is None:
                pytest.skip("needs gcc")
            made[name] = compile_c(source, directory, name)
        return made[name]

    return make
