"""`rocker.run`: the same as `Engine.run`, on one engine with the default roots that this process keeps."""

from __future__ import annotations

from rocker.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Literal, Unpack, overload

    from rocker.engine.container import Container
    from rocker.models.keywords import RunKeywords
    from rocker.models.result import Result

_engine: Engine | None = None


def engine() -> Engine:
    """Return the engine with the default roots (or $ROCKER_ROOT and $ROCKER_RUN at the first use)."""
    global _engine  # noqa: PLW0603
    if _engine is None:
        _engine = Engine()
    return _engine


if TYPE_CHECKING:

    @overload
    def run(
        image: str | None = None,
        command: Sequence[str] | str = (),
        *,
        detach: Literal[False] = False,
        **options: Unpack[RunKeywords],
    ) -> Result: ...
    @overload
    def run(
        image: str | None = None,
        command: Sequence[str] | str = (),
        *,
        detach: Literal[True],
        **options: Unpack[RunKeywords],
    ) -> Container: ...


def run(
    image: str | None = None, command: Sequence[str] | str = (), *, detach: bool = False, **options: Any
) -> Result | Container:
    """Run a command in a new container; see `Engine.run`."""
    from rocker.engine.run import run as run_on

    return run_on(engine(), image, command, detach=detach, keywords=options)
