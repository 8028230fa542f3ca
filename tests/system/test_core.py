"""`rocker.core` alone: the mechanism without the engine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from rocker import core
from rocker.errors import InvalidArgumentError, NotFoundError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


def test_an_overlay_is_there_inside_its_block_alone(tmp_path: Path) -> None:
    for name in ("low", "high", "upper", "work", "target"):
        (tmp_path / name).mkdir()
    (tmp_path / "low" / "file").write_text("low")
    layers = [tmp_path / "low", tmp_path / "high"]
    with core.overlay(
        tmp_path / "target", layers, upper=tmp_path / "upper", work=tmp_path / "work"
    ) as target:
        assert target == str(tmp_path / "target")
        (tmp_path / "target" / "file").write_text("new")
    assert not os.path.ismount(tmp_path / "target")
    assert (tmp_path / "upper" / "file").read_text() == "new"
    assert (tmp_path / "low" / "file").read_text() == "low"


def test_what_an_overlay_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="give both or neither"):
        core.mount_overlay(str(tmp_path), [str(tmp_path)], upper=str(tmp_path))
    with pytest.raises(NotFoundError, match="absent") as caught:
        core.mount_overlay(str(tmp_path), [str(tmp_path), str(tmp_path / "absent")])
    assert caught.value.path == str(tmp_path / "absent")
