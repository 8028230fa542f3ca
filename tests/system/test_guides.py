"""Pages of docs/guide, followed to the letter."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from helpers.images import REPOSITORY
from helpers.netns import Namespace
from helpers.pages import follow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from helpers.engine import EngineRoots

GUIDE = REPOSITORY / "docs" / "guide"


@pytest.fixture
def host() -> Iterator[None]:
    """A network namespace for the page: its bridges, and the ports that it names, are its own."""
    namespace = Namespace()
    with namespace.entered():
        yield
    namespace.close()


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize("page", ["limits", "security"])
def test_a_page_tells_what_happens(
    page: str, engine_roots: EngineRoots, busybox_image: Path, tmp_path: Path
) -> None:
    engine_roots.cli("load", "-i", busybox_image, check=True)
    (tmp_path / "here").mkdir()
    follow(GUIDE / f"{page}.md", engine_roots, tmp_path / "here", timeout=120)


@pytest.fixture
def shop() -> None:
    """The page's first command, done beforehand: from a network namespace of its own no mirror is reached."""
    found = re.search(
        r'^"\$CHECKOUT"/scripts/debian-tar (?:.*\\\n)*.*\n',
        (GUIDE / "afternoon.md").read_text(),
        re.MULTILINE,
    )
    assert found
    environment = {**os.environ, "CHECKOUT": str(REPOSITORY)}
    subprocess.run(
        ["bash", "-c", found[0]], env=environment, stdin=subprocess.DEVNULL, check=True, timeout=380
    )


# Making Debian's packages into an image, the first time, is in it.
@pytest.mark.timeout(400)
@pytest.mark.usefixtures("shop", "host")
def test_an_afternoon_with_an_application_of_several_containers(
    engine_roots: EngineRoots, tmp_path: Path
) -> None:
    (tmp_path / "here").mkdir()
    follow(GUIDE / "afternoon.md", engine_roots, tmp_path / "here", timeout=380)
    assert engine_roots.cli("ps", "-aq", check=True).stdout == ""
