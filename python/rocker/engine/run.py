"""`run`: create, start, and wait for the result."""

from __future__ import annotations

from rocker.engine.create import create
from rocker.engine.keywords import options_of
from rocker.engine.session import result_of
from rocker.engine.start import NOTHING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from rocker.engine.container import Container
    from rocker.engine.engine import Engine
    from rocker.engine.options import RunOptions
    from rocker.engine.session import Session
    from rocker.models.result import Result


def run(
    engine: Engine,
    image: str | None,
    command: Sequence[str] | str,
    *,
    detach: bool,
    keywords: dict[str, Any],
) -> Result | Container:
    """Run a command in a new container; see `Engine.run`."""
    stdin = keywords.pop("stdin", None)
    bind_to_caller = bool(keywords.pop("bind_to_caller", False))
    if stdin is not None and detach:
        from rocker.errors import InvalidArgumentError

        raise InvalidArgumentError(
            "stdin cannot be given to a detached container", hint="use stdin_open=True and Container.attach"
        )
    options = options_of(image, command, keywords, detach=detach, has_input=stdin is not None)
    if detach:
        return run_detached(engine, options, bind_to_caller=bind_to_caller)
    attach = (stdin is not None, True, True)
    container, session = launch(engine, options, attach=attach, bind_to_caller=bind_to_caller)
    try:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        stdout, stderr, event = session.communicate(data, max_output=options.max_output)
    except BaseException:  # KeyboardInterrupt too: nothing that was to be waited for goes on unseen
        session.close()
        _end(container)
        raise
    return result_of(stdout, stderr, event, container.id)


def run_detached(engine: Engine, options: RunOptions, *, bind_to_caller: bool) -> Container:
    """Make and start a container and return at once; see `Engine.run_detached`."""
    container, session = launch(engine, options, attach=NOTHING, bind_to_caller=bind_to_caller)
    session.close()
    return container


def launch(
    engine: Engine, options: RunOptions, *, attach: tuple[bool, bool, bool], bind_to_caller: bool
) -> tuple[Container, Session]:
    """Make a container and start it.

    Raises:
        RockerError: it could not be made or started. With `auto_remove` nothing of it is left then; without, it stays
            and can be inspected, as in Docker.
    """
    container = create(engine, options, for_run=True)
    session = container.launch(
        stdin=attach[0], stdout=attach[1], stderr=attach[2], bind_to_caller=bind_to_caller
    )
    return container, session


def _end(container: Container) -> None:
    import contextlib

    from rocker.errors import RockerError

    with contextlib.suppress(RockerError):
        if container.options.auto_remove:
            container.remove(force=True)
        else:
            container.kill()
