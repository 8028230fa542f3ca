from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

sys.path.insert(0, str(Path(__file__).parent))

from fake_engine import FakeEngine

from rocker.cli.app import App
from rocker.cli.main import cli

Rocker = Callable[..., Result]


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def rocker(engine: FakeEngine) -> Rocker:
    def run(*words: str) -> Result:
        return CliRunner().invoke(cli, list(words), obj=App(engine))

    return run
