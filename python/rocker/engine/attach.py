"""`attach`: join the streams of a running container."""

from __future__ import annotations

from rocker.engine.requests import body
from rocker.engine.session import Session
from rocker.engine.state import running

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.container import Container


def attach(container: Container, streams: tuple[bool, bool, bool], *, logs: bool) -> Session:
    """Join its streams; see `Container.attach`."""
    running(container, "attach")
    if logs:
        from rocker.engine.logs import copy

        copy(container, 1, 2, follow=False, tail=None, since=None, until=None, timestamps=False)
    engine = container.engine
    core = engine.core.request(engine.run_root, container.id, body("attach"), attach=streams)
    return Session(engine, core, container.id, auto_remove=container.options.auto_remove)
