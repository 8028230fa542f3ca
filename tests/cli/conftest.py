from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fake_engine import FakeEngine

from rocker.cli.app import App
from rocker.cli.main import cli


class Result(NamedTuple):
    exit_code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        return self.stdout + self.stderr


Rocker = Callable[..., Result]


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def rocker(engine: FakeEngine) -> Rocker:
    """Run a command line in this process; binary output is text, too."""

    def run(*words: str) -> Result:
        streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2)]
        with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
            with pytest.raises(SystemExit) as end:
                cli.main(words, app=App(engine))
        out, err = (stream.buffer.getvalue().decode() for stream in streams)
        return Result(int(end.value.code or 0), out, err)

    return run
