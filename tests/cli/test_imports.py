"""What a cold command imports: lists of modules, not times."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from helpers.engine import EngineRoots

# The interpreter's own at its start (-I -X utf8), whatever its version and the site-packages' .pth files bring.
BASE = "import sys; print(*sorted(sys.modules))"
COMMAND = """
import sys
from rocker.cli.main import cli
try:
    cli.main(sys.argv[1:])
except SystemExit:
    pass
print("modules:", *sorted(sys.modules), file=sys.stderr)
"""
# Each of these takes longer than what a command does: milliseconds on an idle machine of 2024.
DEAR = set(
    """
    _hashlib asyncio click ctypes dataclasses email hashlib http importlib.metadata importlib.resources inspect
    logging msgspec multiprocessing pathlib pkg_resources random shutil socket ssl subprocess tempfile threading
    tokenize typing typing.io typing.re _typing urllib uuid xml zipfile
    """.split()  # noqa: SIM905 -- a list of words reads as words
)
STANDARD = set(
    """
    __future__ _collections _functools _json _operator _sre collections collections.abc contextlib copyreg enum
    functools importlib importlib._bootstrap importlib._bootstrap_external itertools json json.decoder json.encoder
    json.scanner keyword operator re re._casefix re._compiler re._constants re._parser reprlib textwrap types warnings
    """.split()  # noqa: SIM905
)
# A cold `run` does without, from its first word to its exit code.
NOT_TO_RUN = DEAR | {
    name
    for name in STANDARD
    if name in {"contextlib", "copyreg", "enum", "hashlib", "_hashlib", "_sre", "string", "textwrap"}
    or name.partition(".")[0] in {"json", "re"}
}


def loaded(*words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-I", "-X", "utf8", "-c", *words], capture_output=True, text=True, check=True
    )
    text = done.stderr.rpartition("modules:")[2] if "modules:" in done.stderr else done.stdout
    return set(text.split())


@pytest.mark.parametrize(
    "words",
    [
        ["version", "--format", "x"], ["--help"], ["run", "--rm"], ["run", "-m", "64m", "--rm"], ["exec", "x"],
        ["ps", "--nosuch"], ["logs", "--nosuch"], ["start", "--nosuch"], ["stop", "--nosuch"], ["rm", "--nosuch"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_command_line_is_read_with_few_modules(words: list[str]) -> None:
    more = loaded(COMMAND, *words) - loaded(BASE)
    ours = {name for name in more if name == "rocker" or name.startswith("rocker.")}
    allowed = STANDARD if "--format" not in words else STANDARD | DEAR  # a template brings its own reader
    if words[0] == "run":
        allowed = STANDARD - NOT_TO_RUN
    assert more - ours - allowed == set()


@pytest.mark.parametrize("name", ["run", "exec", "logs", "start"])
@pytest.mark.parametrize("part", ["rocker.cli", "rocker.engine"])
def test_no_module_on_the_way_is_dear(part: str, name: str) -> None:
    code = f"import sys, {part}.{name}; print('modules:', *sorted(sys.modules), file=sys.stderr)"
    assert (loaded(code) - loaded(BASE)) & (NOT_TO_RUN if name == "run" else DEAR) == set()


@pytest.mark.parametrize(
    "more_words",
    [
        ["--network", "none"],
        ["--network", "none", "-d"],
        ["--network", "none", "-v", "data:/data", "-v", "/own"],
        [],
    ],
    ids=["attached", "detached", "volumes", "bridge"],
)
def test_a_container_is_run_without_a_dear_module(
    more_words: list[str], engine_roots: EngineRoots, busybox_image: Path
) -> None:
    engine_roots.cli("load", "-i", busybox_image, check=True)
    words = ["run", "--rm", "-m", "64m", *more_words, "busybox", "true"]
    engine_roots.cli(*words, check=True)  # the first one compiles the system call filter
    words = engine_roots.command(*words)[1:]
    more = loaded(COMMAND, *words) - loaded(BASE)
    assert "rocker._core" in more
    assert not [name for name in more if name.startswith(("rocker.registry", "rocker.images.pull", "rich"))]
    assert more & NOT_TO_RUN <= (set() if more_words else {"contextlib"})
    assert any(name.startswith("rocker.network") for name in more) == (not more_words)
    assert any(name.startswith("rocker.engine.volumes") for name in more) == ("-v" in more_words)


def test_a_container_on_a_bridge_brings_nothing_dear() -> None:
    names = ("attach", "default", "files", "hold", "links", "plan", "pools", "ports", "store")
    imports = ", ".join(f"rocker.network.{name}" for name in names)
    code = (
        f"import sys, rocker.engine.run, {imports}; print('modules:', *sorted(sys.modules), file=sys.stderr)"
    )
    assert (loaded(code) - loaded(BASE)) & DEAR == set()
