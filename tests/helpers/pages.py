"""Pages of the documentation, done as they are written.

Blocks of `sh` are run by bash, one after another in one shell that ends at the first failure, and those of `python` by
Python between them. A block of `text` below is what one writes to its standard output, with `…` for anything.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from helpers.engine import COMMAND
from helpers.images import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from helpers.engine import EngineRoots

BLOCK = re.compile(r"^```(sh|python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Step:
    """A block of commands, where it stands, and what it should write, if the page tells."""

    line: int
    commands: str
    expected: str | None = None


def steps(page: Path) -> list[Step]:
    """The blocks of a page, in their order."""
    text = page.read_text()
    found: list[Step] = []
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if match[1] == "sh":
            found.append(Step(line, match[2]))
        elif match[1] == "python":
            found.append(Step(line, f"{sys.executable} - <<'END OF PYTHON'\n{match[2]}END OF PYTHON\n"))
        else:
            assert found, f"{page}:{line}: what is shown belongs to no command"
            assert found[-1].expected is None, f"{page}:{line}: the second that is shown of one block"
            found[-1].expected = match[2]
    return found


def follow(page: Path, roots: EngineRoots, directory: Path, timeout: float) -> None:
    """Do what a page says, in a directory and on these roots. Fails at what does not go as the page tells."""
    todo = steps(page)
    assert todo, f"{page} has no commands"
    outputs = directory.parent / f"{directory.name}.out"
    outputs.mkdir()
    script = "".join(
        f"{{\n{step.commands}}} >{outputs}/{number}.out 2>{outputs}/{number}.err\n"
        for number, step in enumerate(todo)
    )
    environment = {
        **os.environ,
        "ROCKER_ROOT": str(roots.root),
        "ROCKER_RUN": str(roots.run),
        "CHECKOUT": str(REPOSITORY),
        "PATH": f"{COMMAND.parent}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    name = page.relative_to(REPOSITORY)
    for number, step in enumerate(todo):
        output, errors = (_read(outputs / f"{number}.{kind}") for kind in ("out", "err"))
        failed = done.returncode and not (outputs / f"{number + 1}.out").exists()
        where = f"{name}:{step.line}:\n{step.commands}wrote:\n{output}and to its standard error:\n{errors}{done.stderr}"
        assert not failed, f"exit code {done.returncode} of the block at {where}"
        if step.expected is not None:
            pattern = re.escape(step.expected.strip()).replace("…", ".*")
            assert re.fullmatch(pattern, output.strip(), re.DOTALL), f"another output of the block at {where}"
    assert done.returncode == 0, done.stderr


def _read(file: Path) -> str:
    return file.read_text(errors="replace") if file.exists() else ""
