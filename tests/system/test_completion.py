"""Completion of names, asked for as the shells' scripts ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from helpers.engine import EngineRoots


@pytest.fixture
def named(engine_roots: EngineRoots, busybox_image: Path) -> Iterator[EngineRoots]:
    """One container that runs, one that is paused, one that has not run, an image, a volume and a network."""
    engine_roots.cli("load", "-i", busybox_image, check=True)
    for name in ("web-1", "web-2"):
        engine_roots.cli(
            "run", "-d", "--network", "none", "--name", name, "busybox", "sleep", "600", check=True
        )
    engine_roots.cli("pause", "web-2", check=True)
    engine_roots.cli("create", "--network", "none", "--name", "new", "busybox", check=True)
    engine_roots.cli("volume", "create", "web-data", check=True)
    engine_roots.cli("network", "create", "--internal", "web-net", check=True)
    yield engine_roots
    engine_roots.cli("rm", "-f", "web-1", "web-2", "new", check=True)
    engine_roots.cli("network", "rm", "web-net", check=True)


def complete(roots: EngineRoots, *words: str) -> list[str]:
    line = roots.command(*words)
    asked = {
        "_ROCKER_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["rocker", *line[1:]]),
        "COMP_CWORD": str(len(line) - 1),
    }
    answer = roots.cli(env=asked, check=True).stdout.split()
    return [line.partition(",")[2] for line in answer if line.startswith("plain,")]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("stop", ""), ["web-1", "web-2"]),
        (("exec", "-it", "web"), ["web-1", "web-2"]),
        (("exec", "web-1", ""), []),
        (("pause", "w"), ["web-1"]),
        (("unpause", ""), ["web-2"]),
        (("start", ""), ["new"]),
        (("rm", "web-1", "w"), ["web-2"]),
        (("container", "logs", "n"), ["new"]),
        (("run", "--rm", "bu"), ["busybox", "busybox:latest"]),
        (("rmi", "busybox:"), ["busybox:latest"]),
        (
            ("inspect", ""),
            [
                "bridge",
                "busybox",
                "busybox:latest",
                "host",
                "new",
                "none",
                "web-1",
                "web-2",
                "web-data",
                "web-net",
            ],
        ),
        (("volume", "rm", ""), ["web-data"]),
        (("volume", "inspect", "w"), ["web-data"]),
        (("volume", "create", ""), []),
        (("network", "create", ""), []),
        (("network", "rm", ""), ["web-net"]),
        (("network", "inspect", ""), ["bridge", "host", "none", "web-net"]),
        (("network", "connect", ""), ["bridge", "web-net"]),
        (("network", "connect", "web-net", "n"), ["new"]),
        (("network", "disconnect", "none", ""), ["new", "web-1", "web-2"]),
        (("network", "disconnect", "web-net", ""), []),
        (("run", "--network", "web"), ["web-net"]),
        (("run", "--network", "container:"), ["container:web-1", "container:web-2"]),
        (("run", "-v", ""), ["web-data:"]),
        (("create", "--volumes-from", "n"), ["new"]),
        (("ps", "--filter", "n"), ["name=", "network="]),
        (("ps", "-f", "network=w"), ["network=web-net"]),
        (("ps", "-f", "volume="), ["volume=web-data"]),
        (("ps", "-f", "status=r"), ["status=removing", "status=restarting", "status=running"]),
        (("network", "ls", "-f", "name="), []),
        (("volume", "ls", "-f", "dangling="), ["dangling=false", "dangling=true"]),
        (("rename", "new", "w"), []),
        (("version", ""), []),
    ],
)
def test_names_fit_the_command(named: EngineRoots, words: tuple[str, ...], names: list[str]) -> None:
    assert complete(named, *words) == names


def test_where_there_is_nothing_to_read_nothing_is_offered(engine_roots: EngineRoots) -> None:
    engine_roots.root.mkdir()
    (engine_roots.root / "rocker.db").write_text("no database")
    assert complete(engine_roots, "stop", "") == []
