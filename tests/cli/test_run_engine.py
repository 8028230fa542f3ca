"""`run`, `create` and `logs` on a whole engine, whose core starts nothing."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any

import pytest
from engine_fake import FakeCore

from rocker.cli.app import App
from rocker.cli.main import cli
from rocker.engine import capabilities, launch
from rocker.engine.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def core() -> FakeCore:
    return FakeCore(lambda _process: (0, b"", b""))


@pytest.fixture
def tree(tmp_path: Path) -> str:
    (tmp_path / "tree").mkdir()
    return str(tmp_path / "tree")


@pytest.fixture
def command(tmp_path: Path, core: FakeCore) -> Iterator[Callable[..., tuple[int, str]]]:
    """Run a command line; returns its exit code and what it wrote to standard error."""
    app = App()
    app._engine = Engine(tmp_path / "root", tmp_path / "run", core=core, warn=app.warn)

    def run(*words: str) -> tuple[int, str]:
        output = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
        errors = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            with pytest.raises(SystemExit) as end:
                cli.main(words, app=app)
        return int(end.value.code or 0), errors.getvalue()

    run.engine = app.engine  # type: ignore[attr-defined]
    yield run
    app.close()


@pytest.mark.parametrize("target", ["/x", "/x/", "//x", "/y/../x"])
def test_a_place_that_is_mounted_twice_is_refused_before_anything_is_made(
    command: Any, core: FakeCore, tree: str, tmp_path: Path, target: str
) -> None:
    source = tmp_path / "new"
    for verb, expected in (("run", 125), ("create", 1)):
        words = [verb, "-v", f"{source}:/x", "--tmpfs", target, "--rootfs", tree, "true"]
        code, errors = command(*words)
        assert (code, errors.splitlines()[0]) == (expected, "rocker: Duplicate mount point: /x")
    assert not source.exists()
    assert core.started == rows(command) == []


def test_a_time_that_is_none_is_told_before_a_log_is_looked_for(command: Any, tree: str) -> None:
    command("create", "--name", "box", "--rootfs", tree, "true")
    for flag in ("--since", "--until"):
        code, errors = command("logs", flag, "soon", "box")
        assert code == 1
        assert 'failed to parse value as time or duration: "soon"' in errors
        assert command("logs", flag, "99999999999", "box") == (0, "")


def rows(command: Any) -> list[str]:
    return [row.name for row in command.engine.catalog.list_containers()]


@pytest.mark.parametrize("detach", [[], ["-d"]], ids=["attached", "detached"])
def test_a_run_makes_its_request_once(
    command: Any, core: FakeCore, tree: str, monkeypatch: pytest.MonkeyPatch, detach: list[str]
) -> None:
    built = []
    build = launch.build
    monkeypatch.setattr(launch, "build", lambda *a, **k: built.append(a) or build(*a, **k))
    assert command("run", *detach, "--rootfs", tree, "true") == (0, "")
    assert (len(built), len(core.started)) == (1, 1)


def test_a_warning_is_given_once(command: Any, tree: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capabilities, "held", frozenset)
    monkeypatch.setattr("resource.getrlimit", lambda _number: (1024, 4096))
    code, errors = command("run", "--rm", "--ulimit", "nofile=1024:8192", "--rootfs", tree, "true")
    assert (code, errors.splitlines()) == (
        0,
        ["WARNING: ulimit nofile: the hard limit stays 4096: rocker has no CAP_SYS_RESOURCE to raise it"],
    )


@pytest.mark.parametrize("options", [["--rm"], ["--rm", "-d"]], ids=" ".join)
def test_a_run_that_cannot_join_another_container_leaves_none(
    command: Any, tree: str, options: list[str]
) -> None:
    assert command("create", "--name", "other", "--rootfs", tree, "true") == (0, "")
    code, errors = command("run", *options, "--network", "container:other", "--rootfs", tree, "true")
    assert code == 125
    assert "cannot join the namespaces of a non running container" in errors
    assert rows(command) == ["other"]


def test_a_container_that_joins_one_that_does_not_run_can_be_made(command: Any, tree: str) -> None:
    command("create", "--name", "other", "--rootfs", tree, "true")
    assert command("create", "--name", "guest", "--network", "container:other", "--rootfs", tree, "true") == (
        0,
        "",
    )
    assert rows(command) == ["guest", "other"]


def test_a_run_has_a_creator_and_what_was_only_created_has_none(
    command: Any, tree: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rocker.engine.container import Container

    command("create", "--rm", "--name", "kept", "--rootfs", tree, "true")
    monkeypatch.setattr(Container, "start", lambda _self: None)
    command("run", "-d", "--rm", "--name", "started", "--rootfs", tree, "true")
    creators = {c.name: c.config.creator for c in command.engine.containers.list(all=True)}
    assert creators["kept"] is None
    assert creators["started"]
